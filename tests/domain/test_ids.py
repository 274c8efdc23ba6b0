"""Ids: the published TypeID vectors, and the laws of making and reading them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import ids
from app.domain.errors import InvalidValue

# From the valid and invalid vectors of the TypeID specification, 0.3.0.
SPELLINGS = [
    ("00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
    ("00000000000000000000000001", "00000000-0000-0000-0000-000000000001"),
    ("0000000000000000000000000a", "00000000-0000-0000-0000-00000000000a"),
    ("0000000000000000000000000g", "00000000-0000-0000-0000-000000000010"),
    ("00000000000000000000000010", "00000000-0000-0000-0000-000000000020"),
    ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("0123456789abcdefghjkmnpqrs", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
    ("01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
]
MISSPELLINGS = [
    "8zzzzzzzzzzzzzzzzzzzzzzzzz",  # more than 128 bits
    "1234567890123456789012345",
    "123456789012345678901234567",
    "1234567890 234567890123456",
    "0123456789ABCDEFGHJKMNPQRS",
    "ooooooiiiiiiuuuuuuulllllll",
    "i23456789ol23456789oi23456",
    "0123456789-0123456789-0123",
    "",
]
made = st.builds(
    ids.new_id,
    st.sampled_from(ids.PREFIXES),
    at_ms=st.integers(0, 2**48 - 1),
    entropy=st.binary(min_size=10, max_size=10),
)


@pytest.mark.parametrize(("suffix", "value"), SPELLINGS)
def test_128_bits_are_spelt_as_the_specification_spells_them(suffix: str, value: Any) -> None:
    assert ids.encode_suffix(uuid.UUID(value)) == suffix
    assert ids.decode_suffix(suffix) == uuid.UUID(value)


@pytest.mark.parametrize("suffix", MISSPELLINGS)
def test_what_the_specification_calls_invalid_is_refused(suffix: str) -> None:
    with pytest.raises(InvalidValue, match="must be an id"):
        ids.decode_suffix(suffix)


def test_an_id_says_its_kind_and_holds_a_uuid_version_7() -> None:
    written = ids.new_id("transfer", at_ms=1_724_745_600_000, entropy=bytes(range(10)))

    prefix, value = ids.parse_id(written)

    assert prefix == ids.kind_of(written) == "transfer"
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert value.int >> 80 == 1_724_745_600_000
    assert str(value) == "019192d9-4c00-7000-8203-040506070809"


@given(made)
def test_every_id_that_is_made_can_be_read_and_written_again(written: Any) -> None:
    prefix, value = ids.parse_id(written)

    assert f"{prefix}_{ids.encode_suffix(value)}" == written


@given(st.integers(0, 2**48 - 2), st.binary(min_size=10, max_size=10))
def test_ids_sort_by_the_millisecond_in_which_they_were_made(at_ms: int, entropy: bytes) -> None:
    earlier = ids.new_id("claim", at_ms=at_ms, entropy=b"\xff" * 10)
    later = ids.new_id("claim", at_ms=at_ms + 1, entropy=entropy)

    assert earlier < later


@given(st.text())
def test_no_text_but_an_id_is_read_as_one(text: Any) -> None:
    with pytest.raises(InvalidValue):
        ids.parse_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "horse_01h455vb4pex5vsknk084sn02q",
        "_01h455vb4pex5vsknk084sn02q",
        "01h455vb4pex5vsknk084sn02q",
        "Actor_01h455vb4pex5vsknk084sn02q",
        "actor_01H455VB4PEX5VSKNK084SN02Q",
        "actor_01h455vb4pex5vsknk084sn02q\n",
        " actor_01h455vb4pex5vsknk084sn02q",
        "actor_00000000000000000000000000",  # no UUIDv7
        "actor_01h455vb4pex5vsknk084sn02",
        "actor_01h455vb4pex5vsknk084sn02q" * 10_000,
        None,
        7,
        ["actor_01h455vb4pex5vsknk084sn02q"],
    ],
)
def test_what_is_not_quite_an_id_is_refused_with_what_an_id_looks_like(text: Any) -> None:
    with pytest.raises(InvalidValue, match="must be an id") as refused:
        ids.parse_id(text)

    assert len(refused.value.message) < 400


def test_an_id_read_in_an_archive_is_refused_by_that_name() -> None:
    with pytest.raises(InvalidValue, match="was read in an archive"):
        ids.parse_id("actor_01h455vb4pex5vsknk084sn02q@118")


@pytest.mark.parametrize(
    "wrong",
    [
        {"prefix": "horse", "at_ms": 0, "entropy": bytes(10)},
        {"prefix": "actor", "at_ms": -1, "entropy": bytes(10)},
        {"prefix": "actor", "at_ms": 2**48, "entropy": bytes(10)},
        {"prefix": "actor", "at_ms": 0, "entropy": bytes(9)},
    ],
)
def test_ids_are_not_made_of_what_they_cannot_hold(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"no such kind|48 bits|10 bytes"):
        ids.new_id(**wrong)


@pytest.mark.parametrize("ref", ["#horses", "#a", "#E1-a_b.c", "#" + "x" * 64])
def test_a_name_behind_a_hash_is_a_local_ref(ref: str) -> None:
    assert ids.is_ref(ref)


@pytest.mark.parametrize(
    "text", ["horses", "#", "#a b", "#ä", "#" + "x" * 65, "#a\n", "##a", None, 3]
)
def test_anything_else_is_no_local_ref(text: Any) -> None:
    assert not ids.is_ref(text)
