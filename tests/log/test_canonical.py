"""Canonical JSON: one text for each value, the one that other tools write too."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.log.canonical import canonical, canonical_plain
from app.log.errors import LogError, NotCanonical

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "canonical.json").read_text("utf-8"))

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12
)


def nested(depth: int) -> object:
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_a_value_has_the_golden_text(case: dict[str, Any]) -> None:
    written = canonical(case["value"])

    assert written.decode("utf-8") == case["canonical"]


@given(VALUES)
def test_a_value_read_back_has_the_same_text(value: object) -> None:
    """Writing, reading and writing again changes neither the value nor a byte."""
    written = canonical(value)

    read = json.loads(written)

    assert read == value
    assert canonical(read) == written


@given(st.dictionaries(TEXT, SCALARS))
def test_the_order_in_which_members_were_given_does_not_show(members: dict[str, Any]) -> None:
    turned_round = dict(reversed(members.items()))

    assert canonical(turned_round) == canonical(members)


@pytest.mark.parametrize(
    "value",
    [
        2**53,
        -(2**53),
        10**5000,
        float("nan"),
        float("inf"),
        "\ud800",
        {"\udc00": 1},
        {1: "a number for a key"},
        {"bytes": b"24"},
        {"a", "set"},
        nested(100_000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_say_exactly_is_refused(value: object) -> None:
    """Rounding or guessing would give two values one text: the log refuses instead."""
    with pytest.raises(NotCanonical) as refusal:
        canonical(value)

    assert isinstance(refusal.value, LogError)
    assert isinstance(refusal.value, ValueError)
    assert refusal.value.code == "NOT_CANONICAL"


PLAIN = st.recursive(
    st.none() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_plain_values_are_written_faster_in_the_same_bytes(value: object) -> None:
    assert canonical_plain(value) == canonical(value)


@pytest.mark.parametrize("value", [2**53, -(2**53), 2**70, "\ud800", nested(5000), {1, 2}])
def test_the_faster_way_refuses_the_same(value: object) -> None:
    for write in (canonical, canonical_plain):
        with pytest.raises(NotCanonical):
            write(value)
