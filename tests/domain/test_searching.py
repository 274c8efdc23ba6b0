"""How texts are cut into words and folded, and what a record is found by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import field_types as t
from app.domain.codes import SearchMatch
from app.domain.errors import BadArgument
from app.domain.kinds import KINDS
from app.domain.searching import (
    SEARCHED,
    TEXT_LIMIT,
    WORD_LENGTH,
    WORDS_LIMIT,
    All,
    Beside,
    Condition,
    Either,
    Except,
    Token,
    compounds,
    document,
    read_question,
)

UNWORDED = (t.Code, t.Reference, t.Country, t.Edtf, t.Instant, t.Language, t.Derivations)
"""Types of fields whose values are no words: filters find them."""


def found(text: str) -> list[str]:
    """Return the words of a text, those of a compound with a hyphen between."""
    return ["-".join(one.parts) for one in compounds(text)]


def holds(condition: Condition, tokens: tuple[str, ...]) -> bool:
    """Tell whether a condition holds for a record with these tokens, as databases must."""
    match condition:
        case Token(text, is_start):
            return any(one.startswith(text) if is_start else one == text for one in tokens)
        case Beside(wanted):
            size = len(wanted)
            return any(tokens[at : at + size] == wanted for at in range(len(tokens)))
        case All(parts):
            return all(holds(part, tokens) for part in parts)
        case Either(parts):
            return any(holds(part, tokens) for part in parts)
        case Except(part, without):
            return holds(part, tokens) and not holds(without, tokens)


def matches(text: str, kind: str, **fields: object) -> list[str]:
    """Return the ways in which a record matches a text; SPELLING only where there is no other."""
    tokens = document(kind, fields).tokens
    ways = [match.value for match, one in read_question(text).matches(None) if holds(one, tokens)]
    return ways if ways == ["SPELLING"] else [way for way in ways if way != "SPELLING"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Orlov Trotters, 24 head.", ["orlov", "trotters", "24", "head"]),
        ("Müller Łódź Ærø Đorđe İzmir ﬁn", ["muller", "lodz", "aero", "dorde", "izmir", "fin"]),
        ("Kim Jong-un", ["kim", "jong-un"]),
        ("P'ungsan P\u2019ungsan P\u02bcungsan", ["p-ungsan"] * 3),
        ("Росси́я Ёж", ["россия", "еж"]),
        ("풍산개 풍산", ["풍산개", "풍산"]),
        ("平壤动物园 No. 1", ["平-壤-动-物-园", "no", "1"]),
        ("हिन्दी गाँव", ["हिन्दी", "गाँव"]),
        ("see HTTPS://a.example/x?y=1", ["see", "a", "example", "x", "y", "1"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zero", "width"]),
        ("- ' -- … \U0001f40e \n\t", []),
        ("x" * 100, ["x" * WORD_LENGTH]),
    ],
)
def test_a_text_is_cut_into_folded_words(text: str, words: list[str]) -> None:
    assert found(text) == words


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_ascii_is_cut_by_the_short_way_as_by_the_long_one(text: str) -> None:
    """A letter beyond ASCII, set apart, sends a text down the long way."""
    assert found(f"{text} ж")[:-1] == found(text)


@given(st.text())
def test_tokens_hold_nothing_that_a_database_reads_as_syntax(text: str) -> None:
    tokens = document("item", {"name": text, "aliases": [{"text": text}]}).tokens

    assert all(token.isprintable() for token in tokens)
    assert not set("".join(tokens)) & set("'\"\\()&|!*:<> \t\n-+^{}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_with_words_is_searched(kind: str) -> None:
    """A field that is added to a kind is added to the search, or is of a type without words."""
    worded = {
        name for name, field in KINDS[kind].fields.items() if not isinstance(field.type, UNWORDED)
    }

    assert set(SEARCHED[kind]) == worded


HORSES = {"name": "Phungsan dogs", "aliases": [{"text": "P'ungsan gae"}, {"text": "풍산개"}]}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("phungsan DOGS", "NAME"),
        ("Phungsan-dogs", "NAME"),
        ("Pungsan gae", "OTHER_NAME"),
        ("풍산개", "OTHER_NAME"),
        ("phungsan d", "NAME_START"),
        ("dog", "NAME_WORDS"),
        ("dogs phung", "NAME_WORDS"),
        ("pungsan", "OTHER_NAME_WORDS"),
        ("p'ungsan", "OTHER_NAME_WORDS"),
        ("풍산", "OTHER_NAME_WORDS"),
        ("gae dog", "OTHER_NAME_WORDS"),
        ("hunting dog", "WORDS"),
        ("phunksan", "SPELLING"),
        ("phugnsan dog", "SPELLING"),
        ("phungsann", "SPELLING"),
    ],
)
def test_a_record_matches_in_one_way_the_best_it_can(text: str, match: str) -> None:
    assert matches(text, "item", **HORSES, description="A hunting breed.") == [match]


@pytest.mark.parametrize("text", ["cat", "dogs cat", "phxngxan", "dogz", '"dogs phungsan"', "ogs"])
def test_a_record_that_lacks_a_word_does_not_match(text: str) -> None:
    assert matches(text, "item", **HORSES) == []


def test_quoted_words_stand_side_by_side_and_whole() -> None:
    summary = "The horses left by rail, in two wagons."

    assert matches('"left by rail"', "transfer", title="x", summary=summary) == ["WORDS"]
    assert matches("„left by rail“ hors", "transfer", title="x", summary=summary) == ["WORDS"]
    assert matches('"by left"', "transfer", title="x", summary=summary) == []
    assert matches('"horse left"', "transfer", title="x", summary=summary) == []


def test_a_phrase_does_not_run_from_one_value_into_the_next() -> None:
    aliases = [{"text": "red horse"}, {"text": "black dog"}]

    assert matches('"red horse"', "item", name="x", aliases=aliases) != []
    assert matches('"horse black"', "item", name="x", aliases=aliases) == []


def test_ideographs_are_found_inside_of_a_text_without_spaces() -> None:
    assert matches("动物", "actor", name="平壤动物园") == ["NAME_WORDS"]
    assert matches("物动", "actor", name="平壤动物园") == []


def test_the_words_of_claims_are_those_of_the_source() -> None:
    claim = {
        "value": {"quantity": {"amount": "2", "unit": "head", "verbatim": "a pair"}},
        "quote": {"exact": "were given", "prefix": "that dogs", "suffix": "in June"},
        "field": "QUANTITY",
        "locator": "p. 3",
    }

    assert matches("pair dogs given June", "claim", **claim) == ["WORDS"]
    assert matches("QUANTITY", "claim", **claim) == []


def test_of_no_kind_at_all_is_no_record() -> None:
    tokens = document("item", HORSES).tokens
    question = read_question("dogs")

    assert not any(holds(one, tokens) for _, one in question.matches([]))
    assert any(holds(one, tokens) for _, one in question.matches(["actor", "item", "item"]))
    assert not holds(question.anywhere(["actor"]), tokens)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no letter and no digit"),
        ('"…" - \u2019', "no letter and no digit"),
        ("\U0001f40e", "no letter and no digit"),
        ("a\x00b", r"U\+0000 at character 2"),
        ("ab\ud800", r"U\+D800 at character 3"),
        ("x" * (TEXT_LIMIT + 1), f"{TEXT_LIMIT + 1} characters; at most {TEXT_LIMIT}"),
        ("a " * (WORDS_LIMIT + 1), f"{WORDS_LIMIT + 1} words; at most {WORDS_LIMIT}"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        read_question(text)


def test_the_same_words_are_the_same_question() -> None:
    one, same, other = (read_question(text) for text in ("Orlov  horse", "ORLOV, HORSE", "orlov"))

    assert one.digest == same.digest != other.digest


def test_every_way_of_matching_is_tried() -> None:
    assert [match for match, _ in read_question("x").matches(None)] == list(SearchMatch)
