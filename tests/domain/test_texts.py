"""Text: what is kept, what is refused by name, and what counts as the same."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidValue
from app.domain.texts import folded, name_key, text


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Orlov Trotter \n", "Orlov Trotter"),
        ("Mu\u0308ller", "Müller"),
        ("Орлов", "Орлов"),
        ("조선중앙통신", "조선중앙통신"),
        ("🐎", "🐎"),
        ("a\u200db", "a\u200db"),  # a joiner shapes words in several scripts
        ("\u200fשל\u05d5ם", "\u200fשל\u05d5ם"),  # a mark, not an override
    ],
)
def test_a_line_of_text_is_kept_without_outer_white_space_in_composed_form(
    written: Any, kept: Any
) -> None:
    assert text(written, limit=100) == kept


def test_several_lines_are_kept_where_they_may_be_with_one_kind_of_break() -> None:
    assert text("one\r\ntwo\rthree\u2028four\tfive\n", limit=100, multiline=True) == (
        "one\ntwo\nthree\nfour\tfive"
    )


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("a\0b", "U+0000 NUL at character 2"),
        ("a\x1bb", "U+001B"),
        ("a\x7fb", "U+007F"),
        ("a\x85b", "U+0085"),
        ("a\ud800b", "U+D800 at character 2, which is half of a surrogate pair"),
        ("a\u202eb", "U+202E RIGHT-TO-LEFT OVERRIDE at character 2"),
        ("a\u2066b", "U+2066 LEFT-TO-RIGHT ISOLATE"),
        ("a\uffffb", "U+FFFF"),
    ],
)
@pytest.mark.parametrize("multiline", [False, True])
def test_a_character_that_no_field_keeps_is_refused_by_its_name(
    written: Any, named: str, *, multiline: bool
) -> None:
    with pytest.raises(InvalidValue) as refused:
        text(written, limit=100, multiline=multiline)

    assert named in refused.value.message
    assert "remove it" in refused.value.message
    assert refused.value.message.isprintable()


@pytest.mark.parametrize("written", ["a\nb", "a\tb", "a\u2028b"])
def test_a_line_of_text_has_no_breaks_and_tabs(written: Any) -> None:
    with pytest.raises(InvalidValue, match="cannot stand in a single line"):
        text(written, limit=100)


@pytest.mark.parametrize("written", ["", " ", "\n\t", "\u00a0", "\u200b", "\ufeff\u2060"])
def test_text_in_which_nothing_can_be_seen_is_blank(written: Any) -> None:
    with pytest.raises(InvalidValue, match="is blank"):
        text(written, limit=100)


@pytest.mark.parametrize("value", [None, 7, True, ["a"], {"text": "a"}, b"a"])
def test_only_strings_are_text(value: Any) -> None:
    with pytest.raises(InvalidValue, match="must be text"):
        text(value, limit=100)


def test_the_limit_counts_characters_as_they_are_kept() -> None:
    assert text("u\u0308" * 10, limit=10) == "ü" * 10

    with pytest.raises(InvalidValue, match="is 11 characters long; at most 10"):
        text("ü" * 11, limit=10)


@given(written=st.text(), multiline=st.booleans())
def test_text_that_was_kept_is_kept_unchanged_again(written: Any, *, multiline: bool) -> None:
    try:
        kept = text(written, limit=1000, multiline=multiline)
    except InvalidValue:
        return

    assert text(kept, limit=1000, multiline=multiline) == kept
    assert kept == kept.strip()
    assert unicodedata.is_normalized("NFC", kept)
    assert kept.encode("utf-8").decode("utf-8") == kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller", "MULLER"),
        ("Łódź Agency", "łodz  agency"),
        ("\uff2b\uff23\uff2e\uff21", "kcna"),
        ("Straße", "STRASSE"),
        ("Ёлкин", "елкин"),
        ("Kim\u00a0Jong-un", "kim jong-un"),
        ("كِتاب", "كتاب"),
    ],
)
def test_names_that_differ_in_case_accents_or_width_share_a_key(one: Any, other: Any) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("が", "か"), ("조선", "조서"), ("Kim Jong-un", "Kim Jong-il")]
)
def test_names_of_other_letters_have_other_keys(one: Any, other: Any) -> None:
    assert name_key(one) != name_key(other)


@given(st.text())
def test_a_key_is_its_own_key(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@given(st.text())
def test_folded_text_stays_as_it_is(words: str) -> None:
    assert folded(folded(words)) == folded(words)


@given(st.text())
def test_folding_does_not_depend_on_the_form_in_which_words_came(words: str) -> None:
    assert folded(unicodedata.normalize("NFD", words)) == folded(words)


def test_folding_keeps_accents_and_forgets_case_and_white_space() -> None:
    assert folded(" By  RAIL\n") == folded("by rail")
    assert folded("Müller") != folded("Muller")
