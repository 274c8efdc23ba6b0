"""Disclosures: salted openings of content that the log holds only as digests."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.log.base64url import encode_base64url
from app.log.disclosure import Disclosure, digest, disclose, open_disclosure
from app.log.errors import NotADisclosure, NotCanonical

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "disclosure.json").read_text("utf-8"))

SALT = bytes(range(16))
SALTS = st.binary(min_size=16, max_size=16)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = TEXT.filter(lambda name: name not in {"_sd", "..."})
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12
)


def encoded(text: str) -> str:
    return encode_base64url(text.encode("utf-8"))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_content_has_the_golden_disclosure_and_digest(case: dict[str, Any]) -> None:
    disclosure = disclose(bytes.fromhex(case["salt"]), case["name"], case["value"])

    assert disclosure == case["disclosure"] == encoded(case["json"])
    assert digest(disclosure) == case["digest"]


@pytest.mark.parametrize("case", VECTORS["rfc9901"]["cases"], ids=lambda case: case["digest"])
def test_the_digest_is_the_one_that_rfc_9901_prints(case: dict[str, Any]) -> None:
    assert digest(case["disclosure"]) == case["digest"]


@given(SALTS, NAMES, VALUES)
def test_a_disclosure_opens_to_what_was_disclosed(salt: bytes, name: str, value: object) -> None:
    """Salt, name and value come back, and give the same text again."""
    disclosure = disclose(salt, name, value)

    opened = open_disclosure(disclosure)

    assert opened == Disclosure(salt, name, value)
    assert disclose(*opened) == disclosure


@given(SALTS, SALTS)
def test_another_salt_gives_another_digest(first: bytes, second: bytes) -> None:
    digests = {digest(disclose(salt, "quantity", "24")) for salt in (first, second)}

    assert len(digests) == len({first, second})


@pytest.mark.parametrize(
    "text",
    [
        '["AAECAwQFBgcICQoLDA0ODw", "quantity", "24"]',
        '["AAECAwQFBgcICQoLDA0ODw","quantity","24"]\n',
        '["AAECAwQFBgcICQoLDA0ODw","quantity",{"unit":"head","amount":"24"}]',
        '["AAECAwQFBgcICQoLDA0ODw","quantity",{"unit":"head","unit":"head"}]',
        '["AAECAwQFBgcICQoLDA0ODw","quantity",24.0]',
        '["AAECAwQFBgcICQoLDA0ODw","quantity",-0]',
        '["AAECAwQFBgcICQoLDA0ODw","quantity",9007199254740993]',
        '["AAECAwQFBgcICQoLDA0ODw","quantity",' + "1" * 5000 + "]",
        '["AAECAwQFBgcICQoLDA0ODw","quantity",NaN]',
        '["AAECAwQFBgcICQoLDA0ODw","quantity","\\u0032\\u0034"]',
        '["AAECAwQFBgcICQoLDA0ODw","quantity","\\ud800"]',
        '["AAECAwQFBgcICQoLDA0ODw","_sd","24"]',
        '["AAECAwQFBgcICQoLDA0ODw","...","24"]',
        '["AAECAwQFBgcICQoLDA0ODw","24"]',
        '["AAECAwQFBgcICQoLDA0ODw",24,"24"]',
        '["AAECAwQFBgcICQoLDA0OD","quantity","24"]',
        '["AAECAwQFBgcICQoLDA0ODx","quantity","24"]',
        '["AAECAwQFBgcICQoLDA0ODw==","quantity","24"]',
        '["AAECAwQFBgcICQoLDA0","quantity","24"]',
        '[16,"quantity","24"]',
        '{"quantity":"24"}',
        "[" * 100_000,
        "",
    ],
    ids=lambda text: text[:60],
)
def test_json_that_we_would_not_have_written_is_refused(text: str) -> None:
    """One content, one text: whatever else says the same is no disclosure of ours."""
    with pytest.raises(NotADisclosure):
        open_disclosure(encoded(text))


@pytest.mark.parametrize("tail", ["=", "\n", " ", "~", "A"])
def test_a_character_more_is_refused(tail: str) -> None:
    disclosure = disclose(SALT, "quantity", "24")

    with pytest.raises(NotADisclosure):
        open_disclosure(disclosure + tail)


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(NotADisclosure):
        open_disclosure(encode_base64url(b'["\xff"]'))


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_a_salt_has_exactly_128_bits(length: int) -> None:
    with pytest.raises(NotADisclosure):
        disclose(bytes(length), "quantity", "24")


@pytest.mark.parametrize("name", ["_sd", "..."])
def test_names_that_sd_jwt_keeps_to_itself_are_refused(name: str) -> None:
    with pytest.raises(NotADisclosure):
        disclose(SALT, name, "24")


def test_a_value_that_json_cannot_say_is_not_disclosed() -> None:
    with pytest.raises(NotCanonical):
        disclose(SALT, "quantity", float("nan"))


def test_the_digest_of_text_that_is_not_ascii_is_refused() -> None:
    with pytest.raises(NotADisclosure):
        digest("ä")
