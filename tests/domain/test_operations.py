"""What an editor may ask for, and how each slip is answered: with its code, place and remedy."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.codes import ReasonCode
from app.domain.errors import InvalidValue, Refusal, Refused
from app.domain.ids import new_id
from app.domain.operations import (
    NOTE_LIMIT,
    OPERATION_TAGS,
    OPERATIONS_LIMIT,
    Add,
    Commit,
    Merge,
    Restore,
    Retract,
    Revise,
    parse_commit,
)

REASON = {"code": "NEW_SOURCE", "note": "The service published its count."}
ENTROPY = bytes(10)
ACTOR, ITEM, TRANSFER, CITATION, CLAIM = (
    new_id(kind, at_ms=1, entropy=ENTROPY)
    for kind in ("actor", "item", "transfer", "citation", "claim")
)
OTHER = new_id("actor", at_ms=2, entropy=ENTROPY)


def parse(
    *operations: Any, reason: Any = REASON, known: dict[str, str] | None = None, **more: Any
) -> Commit:
    body = {"reason": reason, "operations": list(operations), **more}
    return parse_commit(body, allot=allotter(), known=known or {})


def allotter() -> Any:
    numbers = count(1)
    return lambda kind, _ref: new_id(kind, at_ms=1_000 + next(numbers), entropy=ENTROPY)


def refusals(*operations: Any, **more: Any) -> list[Refusal]:
    with pytest.raises(Refused) as refused:
        parse(*operations, **more)
    return list(refused.value.refusals)


def refusal(*operations: Any, **more: Any) -> Refusal:
    (only,) = refusals(*operations, **more)
    return only


def add_actor(**fields: Any) -> dict[str, Any]:
    return {"addActor": {"name": "Russia", "kind": "STATE", **fields}}


def revise_transfer(**fields: Any) -> dict[str, Any]:
    return {"reviseTransfer": {"id": TRANSFER, "version": 1, "set": fields}}


def claim(**fields: Any) -> dict[str, Any]:
    base = {"subject": TRANSFER, "field": "QUANTITY", "stance": "ASSERTS", "citation": CITATION}
    return {"addClaim": {**base, **fields}}


# --- what is taken ----------------------------------------------------------------------------


def test_every_operation_becomes_what_it_says() -> None:
    commit = parse(
        {"addActor": {"ref": "#russia", "name": " Russia ", "kind": "STATE"}},
        revise_transfer(giver="#russia", summary=None),
        {"retract": {"id": CLAIM, "version": 2}},
        {"restore": {"id": CITATION, "version": 3}},
        {"merge": {"id": ACTOR, "version": 4, "into": OTHER}},
    )

    russia = commit.refs["#russia"]
    assert commit.operations == (
        Add(
            ("operations", 0, "addActor"),
            "actor",
            russia,
            "#russia",
            {"name": "Russia", "kind": "STATE"},
        ),
        Revise(
            ("operations", 1, "reviseTransfer"), TRANSFER, 1, {"giver": russia, "summary": None}
        ),
        Retract(("operations", 2, "retract"), CLAIM, 2),
        Restore(("operations", 3, "restore"), CITATION, 3),
        Merge(("operations", 4, "merge"), ACTOR, 4, OTHER),
    )


def test_operations_may_refer_forward_and_to_earlier_lines_of_a_dossier() -> None:
    commit = parse(
        add_actor(partOf="#later", actsFor="#earlier"),
        add_actor(ref="#later"),
        known={"#earlier": ACTOR},
    )

    first = commit.operations[0]
    assert isinstance(first, Add)
    assert first.fields["partOf"] == commit.refs["#later"]
    assert first.fields["actsFor"] == ACTOR
    assert set(commit.refs) == {"#later"}


def test_a_reason_keeps_its_notes_apart() -> None:
    reason = {"code": "PRIVACY", "note": "On request.", "internalNote": "By letter of 3 May."}

    commit = parse(add_actor(), reason=reason)

    assert commit.reason.code is ReasonCode.PRIVACY
    assert (commit.reason.note, commit.reason.internal_note) == (
        "On request.",
        "By letter of 3 May.",
    )


def test_an_added_record_without_a_value_has_no_field() -> None:
    (added,) = parse(add_actor(country=None, aliases=[])).operations

    assert isinstance(added, Add)
    assert added.fields == {"name": "Russia", "kind": "STATE"}


def test_an_empty_list_takes_a_list_away() -> None:
    revise = {"reviseActor": {"id": ACTOR, "version": 1, "set": {"aliases": []}}}

    (parsed,) = parse(revise).operations

    assert isinstance(parsed, Revise)
    assert parsed.given == {"aliases": None}


def test_as_many_operations_as_the_limit_are_taken() -> None:
    assert len(parse(*[add_actor()] * OPERATIONS_LIMIT).operations) == OPERATIONS_LIMIT


# --- reasons ----------------------------------------------------------------------------------


@pytest.mark.parametrize("note", [None, "", "   ", "\n\t", "\u200b", 7, ["because"], "x" * 2_001])
def test_a_note_that_says_nothing_is_refused(note: Any) -> None:
    found = refusal(add_actor(), reason={"code": "OTHER", "note": note})

    assert (found.code, found.path) == ("INVALID_INPUT", ("reason", "note"))
    assert "say in a sentence why" in found.message


@pytest.mark.parametrize("code", [None, "", "BECAUSE", "other", 1, True, [], {"code": "OTHER"}])
def test_a_reason_has_one_of_the_codes(code: Any) -> None:
    found = refusal(add_actor(), reason={"code": code, "note": "Why not."})

    assert (found.code, found.path) == ("INVALID_INPUT", ("reason", "code"))
    assert "SOURCE_CORRECTED" in found.message


def test_a_missing_reason_is_refused_in_all_its_parts() -> None:
    found = refusals(add_actor(), reason=None)

    assert [one.path for one in found] == [("reason",), ("reason", "code"), ("reason", "note")]


def test_a_blank_internal_note_is_refused() -> None:
    found = refusal(add_actor(), reason={**REASON, "internalNote": " "})

    assert found.path == ("reason", "internalNote")


def test_a_reason_has_no_other_members() -> None:
    assert refusal(add_actor(), reason={**REASON, "by": "Ann"}).path == ("reason", "by")


def test_a_note_of_exactly_the_limit_is_kept() -> None:
    assert parse(add_actor(), reason={"code": "OTHER", "note": "x" * NOTE_LIMIT})


# --- the shape of the input -------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, [], "commit", 3])
def test_the_input_must_be_an_object(value: Any) -> None:
    with pytest.raises(Refused) as refused:
        parse_commit(value, allot=allotter(), known={})

    assert refused.value.refusals[0].path == ()


@pytest.mark.parametrize("operations", [None, [], {}, "retract", 3])
def test_operations_are_a_list_of_at_least_one(operations: Any) -> None:
    with pytest.raises(Refused) as refused:
        parse_commit({"reason": REASON, "operations": operations}, allot=allotter(), known={})

    (found,) = refused.value.refusals
    assert found.path == ("operations",)


def test_too_many_operations_are_refused_at_once() -> None:
    found = refusal(*[{}] * (OPERATIONS_LIMIT + 1))

    assert found.path == ("operations",)
    assert "1000" in found.message
    assert "1001" in found.message


@pytest.mark.parametrize(
    "operation",
    [
        None,
        {},
        [],
        "retract",
        {"delete": {}},
        {"retract": {}, "restore": {}},
        {"addRecord": {}},
        {1: {}},
    ],
)
def test_an_operation_has_exactly_one_known_tag(operation: Any) -> None:
    found = refusal(operation)

    assert found.path == ("operations", 0)
    assert "retract" in found.message


@pytest.mark.parametrize("tag", OPERATION_TAGS)
@pytest.mark.parametrize("inner", [None, [], "it", 3])
def test_what_a_tag_holds_must_be_an_object(tag: str, inner: Any) -> None:
    assert refusals({tag: inner})[0].path == ("operations", 0, tag)


def test_an_unknown_member_of_the_input_is_refused_and_shown_short() -> None:
    found = refusal(add_actor(), **{"x" * 10_000: 1})

    assert len(found.message) < 200


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = refusals(
        {"addActor": {"kind": "EMPIRE"}},
        {"retract": {"id": "x", "version": 0}},
        reason={"code": "OTHER", "note": ""},
    )

    assert [one.path for one in found] == [
        ("reason", "note"),
        ("operations", 0, "addActor", "kind"),
        ("operations", 0, "addActor", "name"),
        ("operations", 1, "retract", "id"),
        ("operations", 1, "retract", "version"),
    ]


# --- fields -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (add_actor(name=""), ("name",)),
        (add_actor(name=None), ("name",)),
        (add_actor(kind="state"), ("kind",)),
        (add_actor(nation="RU"), ("nation",)),
        (add_actor(country="Russia"), ("country",)),
        (add_actor(aliases="Rossiya"), ("aliases",)),
        (add_actor(aliases=[{"text": "R"}, {"text": ""}]), ("aliases", 1, "text")),
        (add_actor(identifiers=[{"scheme": "wikidata"}]), ("identifiers", 0, "value")),
        (add_actor(mergedInto=OTHER), ("mergedInto",)),
        (add_actor(version=1), ("version",)),
        (add_actor(state="RETRACTED"), ("state",)),
        (add_actor(id=OTHER), ("id",)),
        (add_actor(externalRef="x" * 201), ("externalRef",)),
        (revise_transfer(quantity=24), ("set", "quantity")),
        (revise_transfer(quantity={"amount": "24"}), ("set", "quantity", "unit")),
        (revise_transfer(quantity={"amount": "-1", "unit": "head"}), ("set", "quantity", "amount")),
        (revise_transfer(value={"amount": "1", "unit": "XXY"}), ("set", "value", "unit")),
        (revise_transfer(occurred="last summer"), ("set", "occurred")),
        (revise_transfer(stage="GONE"), ("set", "stage")),
        (revise_transfer(title=None), ("set", "title")),
        (revise_transfer(), ("set",)),
        (claim(quote={"prefix": "about"}), ("quote", "exact")),
        (claim(value={}), ("value",)),
        (claim(value={"quantity": None, "code": None}), ("value",)),
        (claim(value={"number": 24}), ("value", "number")),
        (claim(value={"quantity": {"amount": "x", "unit": "head"}}),
         ("value", "quantity", "amount")),
        (claim(derivedFrom=CLAIM), ("derivedFrom",)),
        (claim(derivedFrom=[{"claim": CLAIM}]), ("derivedFrom", 0)),
        (claim(derivedFrom=[{"claim": CLAIM, "derivation": "COPIES"}]),
         ("derivedFrom", 0, "derivation")),
        (claim(derivedFrom=[{"claim": CLAIM, "derivation": "QUOTES"}] * 2),
         ("derivedFrom", 1, "claim")),
        (claim(citation=None), ("citation",)),
        (claim(field="TITLE"), ("field",)),
        ({"addCitation": {"kind": "STATEMENT", "title": "T", "url": "ftp://x.example/"}}, ("url",)),
        ({"addCitation": {"kind": "STATEMENT", "title": "T", "contentSha256": "00"}},
         ("contentSha256",)),
        ({"addCitation": {"kind": "STATEMENT", "title": "T", "language": "russian"}},
         ("language",)),
        ({"addItem": {"name": "Horse", "kind": "LIVE_ANIMAL", "hsCode": "1"}}, ("hsCode",)),
    ],
)  # fmt: skip
def test_a_field_that_is_unknown_missing_or_ill_typed_is_named(
    operation: dict[str, Any], path: tuple[str | int, ...]
) -> None:
    (tag,) = operation

    found = refusal(operation)

    assert (found.code, found.path) == ("INVALID_INPUT", ("operations", 0, tag, *path))


@pytest.mark.parametrize(
    ("name", "message"),
    [("colour", "'colour' to set; its fields are name"), ("x" * 500, "…")],
)
def test_an_unknown_field_is_shown_short_beside_the_known_ones(name: str, message: str) -> None:
    assert message in refusal(add_actor(**{name: 1})).message


# --- ids and refs -----------------------------------------------------------------------------


@pytest.mark.parametrize("ref", ["horses", "#", "# a", "#" + "x" * 65, "#ä", 3, ["#a"], ""])
def test_a_ref_is_a_hash_and_a_short_plain_name(ref: Any) -> None:
    found = refusals(add_actor(ref=ref))[0]

    assert (found.code, found.path) == ("INVALID_INPUT", ("operations", 0, "addActor", "ref"))


def test_a_ref_is_defined_once() -> None:
    found = refusal(add_actor(ref="#a"), add_actor(ref="#a"))

    assert found.path == ("operations", 1, "addActor", "ref")


def test_a_ref_of_an_earlier_line_is_taken() -> None:
    found = refusal(add_actor(ref="#a"), known={"#a": ACTOR})

    assert found.path == ("operations", 0, "addActor", "ref")


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (add_actor(partOf="#nowhere"), ("partOf",)),
        (revise_transfer(item="#nowhere"), ("set", "item")),
        (claim(subject="#nowhere"), ("subject",)),
        (claim(field="GIVER", value={"record": "#nowhere"}), ("value", "record")),
        (claim(derivedFrom=[{"claim": CLAIM, "derivation": "QUOTES"},
                            {"claim": "#nowhere", "derivation": "QUOTES"}]),
         ("derivedFrom", 1, "claim")),
        ({"retract": {"id": "#nowhere", "version": 1}}, ("id",)),
        ({"merge": {"id": ACTOR, "version": 1, "into": "#nowhere"}}, ("into",)),
    ],
)  # fmt: skip
def test_an_undefined_ref_is_an_unknown_record_and_its_place_is_exact(
    operation: dict[str, Any], path: tuple[str | int, ...]
) -> None:
    (tag,) = operation

    found = refusal(operation)

    assert (found.code, found.path) == ("UNKNOWN_RECORD", ("operations", 0, tag, *path))
    assert "#nowhere" in found.message


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (add_actor(partOf=ITEM), ("partOf",)),
        (revise_transfer(giver=ITEM), ("set", "giver")),
        (revise_transfer(item=TRANSFER), ("set", "item")),
        (claim(subject=CITATION), ("subject",)),
        (claim(citation=ACTOR), ("citation",)),
        (claim(value={"record": CITATION}), ("value", "record")),
        (claim(derivedFrom=[{"claim": CITATION, "derivation": "QUOTES"}]),
         ("derivedFrom", 0, "claim")),
        ({"reviseActor": {"id": ITEM, "version": 1, "set": {"country": "RU"}}}, ("id",)),
        ({"merge": {"id": TRANSFER, "version": 1, "into": ACTOR}}, ("id",)),
        ({"merge": {"id": ACTOR, "version": 1, "into": CLAIM}}, ("into",)),
        ({"retract": {"id": new_id("editor", at_ms=1, entropy=ENTROPY), "version": 1}}, ("id",)),
    ],
)  # fmt: skip
def test_an_id_of_another_kind_is_refused_where_it_stands(
    operation: dict[str, Any], path: tuple[str | int, ...]
) -> None:
    (tag,) = operation

    found = refusal(operation)

    assert (found.code, found.path) == ("WRONG_KIND", ("operations", 0, tag, *path))


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ({"retract": {"id": f"{CLAIM}@118", "version": 1}}, ("id",)),
        (revise_transfer(giver=f"{ACTOR}@118"), ("set", "giver")),
        (
            claim(derivedFrom=[{"claim": f"{CLAIM}@118", "derivation": "QUOTES"}]),
            ("derivedFrom", 0, "claim"),
        ),
    ],
)
def test_an_id_read_in_an_archive_is_refused_and_the_plain_one_named(
    operation: dict[str, Any], path: tuple[str | int, ...]
) -> None:
    (tag,) = operation

    found = refusal(operation)

    assert (found.code, found.path) == ("INVALID_INPUT", ("operations", 0, tag, *path))
    assert "past state" in found.message


@pytest.mark.parametrize(
    "value",
    [None, "", "actor", "actor_", "actor_0", ACTOR.upper(), 7, [], {"id": ACTOR}, "x" * 10_000],
)
def test_what_is_no_id_is_refused_and_shown_short(value: Any) -> None:
    found = refusal({"retract": {"id": value, "version": 1}})

    assert (found.code, found.path) == ("INVALID_INPUT", ("operations", 0, "retract", "id"))
    assert len(found.message) < 300


@pytest.mark.parametrize("version", [None, 0, -1, "1", 1.0, True, [1]])
def test_a_version_is_a_number_from_one(version: Any) -> None:
    found = refusal({"restore": {"id": CLAIM, "version": version}})

    assert found.path == ("operations", 0, "restore", "version")


@pytest.mark.parametrize(
    "operation",
    [
        {"retract": {"id": CLAIM, "version": 1, "into": OTHER}},
        {"merge": {"id": ACTOR, "version": 1, "into": OTHER, "why": "same"}},
        {"reviseActor": {"id": ACTOR, "version": 1, "set": {"country": "RU"}, "name": "x"}},
    ],
)
def test_an_operation_has_no_other_members(operation: dict[str, Any]) -> None:
    assert refusal(operation).code == "INVALID_INPUT"


def test_an_id_that_a_dossier_gives_must_be_of_the_kind() -> None:
    def allot(kind: str, ref: str | None) -> str:
        raise InvalidValue("ids gives #a an id that is not of kind actor")

    with pytest.raises(Refused) as refused:
        parse_commit({"reason": REASON, "operations": [add_actor(ref="#a")]}, allot=allot, known={})

    assert refused.value.refusals[0].path == ("operations", 0, "addActor", "ref")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from(OPERATION_TAGS), JSON, JSON, JSON)
def test_whatever_json_holds_is_parsed_or_refused(
    tag: str, value: Any, inner: Any, reason: Any
) -> None:
    """Nothing but `Refused` comes out, whatever goes in."""
    operation = {
        tag: {
            "id": value,
            "version": inner,
            "set": {"quantity": inner, "giver": value},
            "ref": inner,
            "derivedFrom": value,
            "name": value,
        }
    }

    with pytest.raises(Refused):
        parse_commit(
            {"reason": {"code": reason, "note": value}, "operations": [operation, value]},
            allot=allotter(),
            known={},
        )
