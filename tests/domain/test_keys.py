"""API keys: what they look like, and which typing errors are caught without a look-up."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import keys
from app.domain.errors import InvalidValue

KEY = keys.new_key("demo", bytes(range(32)))
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_the_checksum_is_the_published_one() -> None:
    """CRC-32 in base62, as GitHub's tokens carry it: a sample token recomputed."""
    assert keys.checksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ") == "0mLq17"


@given(st.binary(min_size=32, max_size=32))
def test_a_key_made_is_a_key_read(secret: bytes) -> None:
    parts = keys.parse_key(keys.new_key("live", secret))

    number = 0
    for letter in parts.secret:
        number = number * 62 + ALPHABET.index(letter)
    assert (parts.environment, number.to_bytes(32, "big")) == ("live", secret)


@given(st.integers(0, len(KEY) - 1), st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_never_a_key(place: int, letter: str) -> None:
    """Wherever it is, but in the environment's name, which is no secret."""
    wrong = KEY[:place] + letter + KEY[place + 1 :]
    if wrong == KEY or 3 <= place < 7:
        return

    with pytest.raises(InvalidValue):
        keys.parse_key(wrong)


@pytest.mark.parametrize(
    "text",
    ["", "ck_demo", KEY.upper(), f" {KEY}", f"{KEY}\n", KEY[:-1], KEY + "0", f"x{KEY}",
     KEY.replace("demo", "DEMO"), KEY.replace("ck", "ghp"), KEY.replace("_", "-")],
)  # fmt: skip
def test_what_is_no_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        keys.parse_key(text)

    assert not text.strip() or text.strip() not in refused.value.message


@pytest.mark.parametrize("environment", ["", "Live", "a_b", "1a", "a" * 17])
def test_an_environment_is_a_short_lower_case_word(environment: str) -> None:
    with pytest.raises(InvalidValue):
        keys.new_key(environment, bytes(32))


def test_a_key_has_256_bits() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        keys.new_key("live", bytes(31))


def test_what_is_stored_is_the_sha256_of_the_whole_key() -> None:
    assert keys.digest(KEY) == hashlib.sha256(KEY.encode()).hexdigest()
