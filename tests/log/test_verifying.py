"""The short ways of the verifier are the long ways, and its rules those of the domain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.records import STATE_AFTER as DOMAINS
from app.log.base64url import encode_base64url
from app.log.canonical import canonical, canonical_plain
from app.log.disclosure import disclose, open_disclosure
from app.log.errors import LogError, NotADisclosure
from app.log.verifying import STATE_AFTER, is_plain, open_quickly

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_plain_values_have_plain_canonical_json(value: object) -> None:
    """What passes for plain is written alike by both ways, whatever is in it."""
    if not is_plain(value):
        return
    try:
        expected = canonical(value)
    except LogError:
        with pytest.raises(LogError):
            canonical_plain(value)
        return

    assert canonical_plain(value) == expected


@given(st.binary(min_size=16, max_size=16), st.text(max_size=8), VALUES)
def test_disclosures_open_alike_by_both_ways(salt: bytes, name: str, value: object) -> None:
    try:
        text = disclose(salt, name, value)
    except LogError:
        return

    assert open_quickly(text) == open_disclosure(text)[1:]


@given(st.text(max_size=60) | st.binary(max_size=60).map(encode_base64url))
def test_what_is_no_disclosure_is_refused_by_both_ways(text: str) -> None:
    with pytest.raises(NotADisclosure):
        open_disclosure(text)
    with pytest.raises(NotADisclosure):
        open_quickly(text)


@pytest.mark.parametrize(
    "array",
    [
        '["{salt}","note", "a"]',
        '["{salt}","note",1.0]',
        '["{salt}","note",1e2]',
        '["{salt}","note",{"b":1,"a":2}]',
        '["{salt}","note",{"a":1,"a":1}]',
        '["{salt}","note","\\u0061"]',
        '["{salt}","note"]',
        '["{salt}","_sd","a"]',
        '["{salt}x","note","a"]',
        '["{salt}","note",9007199254740993]',
        '{"{salt}":1,"note":2,"a":3}',
    ],
)
def test_a_second_spelling_is_refused_by_both_ways(array: str) -> None:
    text = encode_base64url(array.replace("{salt}", encode_base64url(bytes(16))).encode())

    with pytest.raises(NotADisclosure):
        open_disclosure(text)
    with pytest.raises(NotADisclosure):
        open_quickly(text)


@pytest.mark.parametrize("spoil", ["{}=", "{}\n", " {}", "+{}", "/{}"])
def test_a_second_encoding_is_refused(spoil: str) -> None:
    text = spoil.format(disclose(bytes(16), "note", "a"))

    with pytest.raises(NotADisclosure):
        open_quickly(text)


def test_actions_leave_the_states_of_the_domain() -> None:
    """The ground floors may not import each other; what they both say is one rule."""
    assert {str(action): str(state) for action, state in DOMAINS.items()} == STATE_AFTER
