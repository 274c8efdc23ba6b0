"""What a commit does to the ledger, and what stands against it: decided without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from app.domain.codes import Action, RecordState, Role
from app.domain.decisions import (
    Editing,
    World,
    concerned,
    decide,
    reaches_itself,
    references,
    repoint,
)
from app.domain.errors import Refusal, Refused, StaleVersion
from app.domain.ids import new_id
from app.domain.operations import Add, Merge, Operation, Restore, Retract, Revise
from app.domain.records import Change, Record, Step

OURS, THEIRS = "newsroom_ours", "newsroom_theirs"
EDITOR = Editing("editor_ann", OURS, Role.EDITOR, "Ann", is_house=True)
ADMIN = Editing("editor_root", OURS, Role.ADMIN, "Root", is_house=True)
ACTIVE, RETRACTED, MERGED = RecordState.ACTIVE, RecordState.RETRACTED, RecordState.MERGED


def record(
    record_id: str, state: RecordState = ACTIVE, *, version: int = 3, newsroom: str = OURS,
    **fields: Any,
) -> Record:  # fmt: skip
    required = {
        "actor": {"name": "A", "kind": "STATE"},
        "item": {"name": "I", "kind": "OTHER"},
        "transfer": {"title": "T"},
        "citation": {"title": "C", "kind": "STATEMENT"},
        "claim": {},
    }
    base = required[record_id.partition("_")[0]]
    return Record(record_id, version, state, 7, newsroom, {**base, **fields})


def claim(record_id: str = "claim_1", **more: Any) -> Record:
    base = {
        "subject": "transfer_1",
        "field": "QUANTITY",
        "stance": "ASSERTS",
        "citation": "citation_1",
        "value": {"quantity": {"amount": "24", "unit": "head"}},
    }
    return record(record_id, **{**base, **more})


def world(*records: Record, **more: Any) -> World:
    return World({one.id: one for one in records}, **more)


def path(place: int, tag: str) -> tuple[str | int, ...]:
    return ("operations", place, tag)


def add(kind: str, record_id: str, place: int = 0, **fields: Any) -> Add:
    return Add(
        path(place, f"add{kind.capitalize()}"),
        kind,
        record_id,
        None,
        {**record(f"{kind}_x").fields, **fields},
    )


def revise(record_id: str, version: int = 3, place: int = 0, **given: Any) -> Revise:
    tag = f"revise{record_id.partition('_')[0].capitalize()}"
    return Revise(path(place, tag), record_id, version, given)


def retract(record_id: str, version: int = 3) -> Retract:
    return Retract(path(0, "retract"), record_id, version)


def restore(record_id: str, version: int = 3) -> Restore:
    return Restore(path(0, "restore"), record_id, version)


def merge(record_id: str, into: str, version: int = 3, place: int = 0) -> Merge:
    return Merge(path(place, "merge"), record_id, version, into)


def refusals(
    operations: Iterable[Operation], held: World, editing: Editing = EDITOR
) -> list[Refusal]:
    with pytest.raises(Refused) as refused:
        decide(tuple(operations), held, editing)
    return list(refused.value.refusals)


def refusal(operation: Operation, held: World, editing: Editing = EDITOR) -> Refusal:
    (only,) = refusals([operation], held, editing)
    return only


def decided(*operations: Operation, held: World, editing: Editing = EDITOR) -> tuple[Step, ...]:
    return decide(operations, held, editing)


# --- one operation ----------------------------------------------------------------------------


def test_adding_makes_version_one_for_the_newsroom_of_the_editor() -> None:
    (step,) = decided(add("actor", "actor_new", country="RU"), held=world())

    assert (step.version, step.action, step.state) == (1, Action.ADD, ACTIVE)
    assert (step.newsroom, step.before) == (OURS, None)
    assert [change.field for change in step.changes] == ["name", "kind", "country"]


def test_revising_changes_what_is_given_and_keeps_the_rest() -> None:
    held = record("actor_1", country="RU", description="A state.")

    (step,) = decided(revise("actor_1", country=None, name="B"), held=world(held))

    assert (step.version, step.action, step.state) == (4, Action.REVISE, ACTIVE)
    assert step.changes == (Change("name", "A", "B"), Change("country", "RU", None))
    assert step.fields == {"name": "B", "kind": "STATE", "description": "A state."}


def test_revising_another_newsrooms_record_leaves_it_theirs() -> None:
    held = record("actor_1", newsroom=THEIRS)

    (step,) = decided(revise("actor_1", name="B"), held=world(held))

    assert step.newsroom == THEIRS


def test_retracting_and_restoring_change_the_state_and_no_field() -> None:
    (gone,) = decided(retract("actor_1"), held=world(record("actor_1")))
    (back,) = decided(restore("actor_1"), held=world(record("actor_1", RETRACTED)))

    assert (gone.action, gone.state, gone.changes) == (Action.RETRACT, RETRACTED, ())
    assert (back.action, back.state, back.changes) == (Action.RESTORE, ACTIVE, ())


def test_restoring_a_merged_record_takes_its_survivor_away() -> None:
    held = record("actor_1", MERGED, mergedInto="actor_2")

    (step,) = decided(restore("actor_1"), held=world(held))

    assert step.changes == (Change("mergedInto", "actor_2", None),)


@pytest.mark.parametrize(
    "operation",
    [
        revise("actor_1", 2, name="B"),
        retract("actor_1", 2),
        restore("actor_1", 2),
        merge("actor_1", "actor_2", 2),
    ],
)
def test_a_stale_version_is_refused_with_the_current_one(operation: Operation) -> None:
    held = world(record("actor_1"), record("actor_2"))

    found = refusal(operation, held)

    assert isinstance(found, StaleVersion)
    assert (found.record_id, found.based_on, found.current) == ("actor_1", 2, 3)
    assert found.path == (*operation.path, "version")


def test_a_version_that_does_not_exist_yet_is_refused_too() -> None:
    assert refusal(retract("actor_1", 4), world(record("actor_1"))).code == "STALE_VERSION"


@pytest.mark.parametrize(
    "operation",
    [
        revise("actor_1", name="B"),
        retract("actor_1"),
        restore("actor_1"),
        merge("actor_1", "actor_2"),
    ],
)
def test_a_record_that_is_not_there_is_unknown(operation: Operation) -> None:
    found = refusal(operation, world(record("actor_2")))

    assert (found.code, found.path) == ("UNKNOWN_RECORD", (*operation.path, "id"))


@pytest.mark.parametrize(
    ("operation", "held"),
    [
        (revise("actor_1", name="B"), record("actor_1", RETRACTED)),
        (revise("actor_1", name="B"), record("actor_1", MERGED, mergedInto="actor_2")),
        (retract("actor_1"), record("actor_1", RETRACTED)),
        (retract("actor_1"), record("actor_1", MERGED, mergedInto="actor_2")),
        (restore("actor_1"), record("actor_1")),
        (merge("actor_1", "actor_2"), record("actor_1", RETRACTED)),
        (merge("actor_1", "actor_2"), record("actor_1", MERGED, mergedInto="actor_3")),
        (merge("actor_2", "actor_1"), record("actor_1", RETRACTED)),
        (merge("actor_2", "actor_1"), record("actor_1", MERGED, mergedInto="actor_3")),
    ],
)
def test_a_state_that_does_not_allow_the_operation_refuses_it(
    operation: Operation, held: Record
) -> None:
    found = refusal(operation, world(held, record("actor_2")))

    assert (found.code, found.path[:3]) == ("WRONG_STATE", operation.path)


def test_a_revision_that_would_change_nothing_is_refused() -> None:
    found = refusal(revise("actor_1", name="A", country=None), world(record("actor_1")))

    assert (found.code, found.path) == ("INVALID_INPUT", ("operations", 0, "reviseActor", "set"))
    assert "nothing would change" in found.message


# --- references -------------------------------------------------------------------------------


def test_a_reference_to_no_record_is_refused_where_it_stands() -> None:
    found = refusal(revise("transfer_1", giver="actor_9"), world(record("transfer_1")))

    assert found.code == "UNKNOWN_RECORD"
    assert found.path == ("operations", 0, "reviseTransfer", "set", "giver")


def test_a_reference_inside_a_value_is_refused_where_it_stands() -> None:
    links = [{"claim": "claim_2", "derivation": "QUOTES"}]
    held = world(record("transfer_1"), record("citation_1"))

    found = refusal(add("claim", "claim_1", **{**claim().fields, "derivedFrom": links}), held)

    assert found.code == "UNKNOWN_RECORD"
    assert found.path == ("operations", 0, "addClaim", "derivedFrom", 0, "claim")


def test_a_reference_to_a_merged_record_names_the_survivor() -> None:
    held = world(record("transfer_1"), record("actor_1", MERGED, mergedInto="actor_2"))

    found = refusal(revise("transfer_1", giver="actor_1"), held)

    assert found.code == "WRONG_STATE"
    assert "actor_2" in found.message


def test_a_retracted_record_may_be_referred_to() -> None:
    held = world(record("transfer_1"), record("actor_1", RETRACTED))

    assert decided(revise("transfer_1", giver="actor_1"), held=held)


def test_a_reference_that_stays_is_not_looked_at_again() -> None:
    held = world(record("transfer_1", giver="actor_gone"))

    assert decided(revise("transfer_1", title="B"), held=held)


def test_operations_may_refer_to_each_others_records() -> None:
    steps = decided(
        add("actor", "actor_1", partOf="actor_2"),
        add("actor", "actor_2", place=1),
        held=world(),
    )

    assert [step.record_id for step in steps] == ["actor_1", "actor_2"]


def test_a_record_that_the_same_changeset_restores_may_be_referred_to() -> None:
    held = world(record("actor_1", MERGED, mergedInto="actor_2"), record("transfer_1"))

    assert decided(restore("actor_1"), revise("transfer_1", giver="actor_1"), held=held)


def test_a_record_that_the_same_changeset_merges_away_may_not() -> None:
    held = world(record("actor_1"), record("actor_2"), record("transfer_1"))

    (found,) = refusals(
        [merge("actor_1", "actor_2"), revise("transfer_1", giver="actor_1", place=1)], held
    )

    assert (found.code, found.path[1]) == ("WRONG_STATE", 1)


def test_one_changeset_takes_a_record_one_step() -> None:
    (found,) = refusals(
        [revise("actor_1", name="B"), revise("actor_1", country="RU", place=1)],
        world(record("actor_1")),
    )

    assert (found.code, found.path) == ("INVALID_INPUT", ("operations", 1, "reviseActor"))


def test_everything_that_stands_against_a_commit_is_said_at_once() -> None:
    held = world(record("actor_1"), record("transfer_1"))

    found = refusals(
        [retract("actor_1", 1), revise("transfer_1", giver="actor_9", item="item_9", place=1)],
        held,
    )

    assert [one.code for one in found] == ["STALE_VERSION", "UNKNOWN_RECORD", "UNKNOWN_RECORD"]


# --- merges -----------------------------------------------------------------------------------


def test_a_merge_points_every_referrer_at_the_survivor() -> None:
    duplicate, survivor = (new_id("actor", at_ms=ms, entropy=bytes(10)) for ms in (1, 2))
    transfer = record("transfer_1", giver=duplicate, receiver=duplicate, usedAgainst="actor_3")
    said = claim(field="GIVER", value={"record": duplicate}, assertedBy=duplicate, newsroom=THEIRS)
    held = world(
        record(duplicate), record(survivor), transfer, said, referrers={duplicate: [said, transfer]}
    )

    merged, *pointed = decided(merge(duplicate, survivor), held=held)

    assert (merged.action, merged.state) == (Action.MERGE, MERGED)
    assert merged.changes == (Change("mergedInto", None, survivor),)
    assert [one.changes for one in pointed] == [
        (
            Change("value", {"record": duplicate}, {"record": survivor}),
            Change("assertedBy", duplicate, survivor),
        ),
        (
            Change("giver", duplicate, survivor),
            Change("receiver", duplicate, survivor),
        ),
    ]
    assert {one.action for one in pointed} == {Action.REVISE}


def test_a_referrer_with_an_operation_of_its_own_is_left_to_it() -> None:
    transfer = record("transfer_1", giver="actor_1")
    held = world(record("actor_1"), record("actor_2"), transfer, referrers={"actor_1": [transfer]})

    steps = decided(
        merge("actor_1", "actor_2"), revise("transfer_1", giver=None, place=1), held=held
    )
    found = refusals([merge("actor_1", "actor_2"), revise("transfer_1", title="B", place=1)], held)

    assert [one.record_id for one in steps] == ["actor_1", "transfer_1"]
    assert [(one.code, one.path) for one in found] == [("WRONG_STATE", ("operations", 0, "merge"))]


def test_a_duplicate_that_names_itself_is_stepped_once() -> None:
    held = world(
        record("actor_1"),
        record("actor_2"),
        referrers={"actor_1": [record("actor_1", actsFor="actor_1")]},
    )

    assert len(decided(merge("actor_1", "actor_2"), held=held)) == 1


def test_a_record_is_not_merged_into_itself_or_another_kind() -> None:
    held = world(record("actor_1"), record("item_1"))

    itself = refusal(merge("actor_1", "actor_1"), held)
    other = refusal(merge("actor_1", "item_1"), held)

    assert itself.path == other.path == ("operations", 0, "merge", "into")


def test_a_survivor_must_exist() -> None:
    found = refusal(merge("actor_1", "actor_2"), world(record("actor_1")))

    assert (found.code, found.path) == ("UNKNOWN_RECORD", ("operations", 0, "merge", "into"))


@pytest.mark.parametrize("last", ["actor_1", "actor_3"])
def test_a_survivor_must_survive_its_own_changeset(last: str) -> None:
    """Neither two records merged into each other, nor a chain of merges in one changeset."""
    held = world(record("actor_1"), record("actor_2"), record("actor_3"))

    found = refusals([merge("actor_1", "actor_2"), merge("actor_2", last, place=1)], held)

    assert {one.code for one in found} == {"WRONG_STATE"}


def test_a_merge_that_makes_a_part_its_own_whole_is_a_cycle() -> None:
    part = record("actor_2", partOf="actor_1")
    held = world(record("actor_1"), part, referrers={"actor_1": [part]})

    found = refusal(merge("actor_1", "actor_2"), held)

    assert (found.code, found.path) == ("CYCLE", ("operations", 0, "merge", "partOf"))


def test_pointing_elsewhere_reaches_into_values_and_leaves_the_rest() -> None:
    links = [{"claim": "claim_1", "derivation": "QUOTES"}]
    fields = {
        "subject": "actor_1",
        "value": {"record": "actor_1"},
        "derivedFrom": links,
        "locator": "actor_1",
    }

    assert repoint("claim", fields, "actor_1", "actor_2") == {
        "subject": "actor_2", "value": {"record": "actor_2"}, "derivedFrom": links,
        "locator": "actor_1",
    }  # fmt: skip


# --- whose words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "state"),
    [
        (revise("claim_1", locator="p. 2"), ACTIVE),
        (retract("claim_1"), ACTIVE),
        (restore("claim_1"), RETRACTED),
    ],
)
def test_only_its_own_newsroom_or_an_admin_changes_a_claim(
    operation: Operation, state: RecordState
) -> None:
    theirs = claim(newsroom=THEIRS, state=state)
    own = claim(newsroom=OURS, state=state)

    found = refusal(operation, world(theirs))

    assert (found.code, found.path) == ("NOT_YOUR_CLAIM", operation.path)
    assert decided(operation, held=world(theirs), editing=ADMIN)[0].newsroom == THEIRS
    assert decided(operation, held=world(own))


# --- claims -----------------------------------------------------------------------------------


def test_a_claim_that_does_not_fit_is_refused_where_it_does_not() -> None:
    held = world(record("transfer_1"), record("citation_1"))
    fields = {**claim().fields, "value": {"date": "2024"}}

    found = refusal(add("claim", "claim_1", **fields), held)

    assert (found.code, found.path) == ("INVALID_INPUT", (*path(0, "addClaim"), "value", "date"))


def test_revising_what_a_claim_is_about_needs_a_value_that_fits() -> None:
    held = world(claim(), record("transfer_1"), record("citation_1"))

    found = refusal(revise("claim_1", field="OCCURRED"), held)

    assert found.path == ("operations", 0, "reviseClaim", "set", "value", "quantity")


def test_a_claimed_code_is_kept_as_the_field_spells_it() -> None:
    held = world(record("item_1"), record("citation_1"))
    said = {**claim().fields, "subject": "item_1", "field": "HS_CODE", "value": {"code": "0101.21"}}

    (added,) = decided(add("claim", "claim_1", **said), held=held)
    with pytest.raises(Refused, match="nothing would change"):
        decided(
            revise("claim_2", value={"code": "0101.21"}),
            held=world(claim("claim_2", **{**said, "value": {"code": "010121"}})),
        )

    assert added.fields["value"] == {"code": "010121"}


# --- cycles -----------------------------------------------------------------------------------

HIERARCHIES = [
    ("actor", "actsFor"), ("actor", "partOf"), ("item", "broader"), ("transfer", "partOf"),
    ("claim", "derivedFrom"),
]  # fmt: skip


def link(kind: str, to: str) -> Any:
    return [{"claim": to, "derivation": "QUOTES"}] if kind == "claim" else to


def node(kind: str, record_id: str, **fields: Any) -> Record:
    return claim(record_id, **fields) if kind == "claim" else record(record_id, **fields)


def grounds() -> tuple[Record, ...]:
    return record("transfer_1"), record("citation_1")


@pytest.mark.parametrize(("kind", "name"), HIERARCHIES)
def test_no_record_is_its_own_parent(kind: str, name: str) -> None:
    held = world(node(kind, f"{kind}_7"), *grounds())

    found = refusal(revise(f"{kind}_7", **{name: link(kind, f"{kind}_7")}), held)

    assert (found.code, found.path[:5]) == (
        "CYCLE",
        ("operations", 0, f"revise{kind.capitalize()}", "set", name),
    )


@pytest.mark.parametrize(("kind", "name"), HIERARCHIES)
def test_a_circle_through_what_is_there_already_is_refused(kind: str, name: str) -> None:
    top, bottom = node(kind, f"{kind}_7"), node(kind, f"{kind}_9")
    above = {f"{kind}_9": [f"{kind}_8"], f"{kind}_8": [f"{kind}_7"], f"{kind}_7": []}
    held = world(top, bottom, *grounds(), parents={f"{kind}.{name}": above})

    found = refusal(revise(f"{kind}_7", **{name: link(kind, f"{kind}_9")}), held)

    assert found.code == "CYCLE"


@pytest.mark.parametrize(("kind", "name"), HIERARCHIES)
def test_a_circle_of_forward_refs_is_refused(kind: str, name: str) -> None:
    fields = claim().fields if kind == "claim" else {}
    operations = [
        add(kind, f"{kind}_{place}", place,
            **{**fields, name: link(kind, f"{kind}_{(place + 1) % 3}")})
        for place in range(3)
    ]  # fmt: skip

    found = refusals(operations, world(*grounds()))

    assert {one.code for one in found} == {"CYCLE"}
    assert len(found) == 3


@pytest.mark.parametrize(("kind", "name"), HIERARCHIES)
def test_a_circle_that_the_same_changeset_opens_is_none(kind: str, name: str) -> None:
    """Parent and child may change places in one changeset."""
    parent = node(kind, f"{kind}_7")
    child = node(kind, f"{kind}_8", **{name: link(kind, f"{kind}_7")})
    above = {f"{kind}_8": [f"{kind}_7"], f"{kind}_7": []}
    held = world(parent, child, *grounds(), parents={f"{kind}.{name}": above})

    steps = decided(
        revise(f"{kind}_8", **{name: None}),
        revise(f"{kind}_7", place=1, **{name: link(kind, f"{kind}_8")}),
        held=held,
    )

    assert len(steps) == 2


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({}, False),
        ({"a": ["a"]}, True),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, True),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, False),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, False),
    ],
)
def test_a_circle_is_one_that_leads_back_to_the_start(
    edges: Mapping[str, list[str]],
    expected: bool,  # noqa: FBT001
) -> None:
    assert reaches_itself("a", edges) is expected


# --- what has to be locked and loaded ---------------------------------------------------------


def test_what_is_stepped_is_told_apart_from_what_is_named() -> None:
    stepped, named = concerned(
        [
            add("transfer", "transfer_9", giver="actor_1", partOf="transfer_8"),
            revise("transfer_1", receiver="actor_2", giver=None),
            retract("claim_1"),
            merge("item_1", "item_2"),
        ]
    )

    assert stepped == {"transfer_1", "claim_1", "item_1", "item_2"}
    assert named == {"actor_1", "transfer_8", "actor_2"}


def test_references_are_found_wherever_they_stand() -> None:
    fields = {
        **claim().fields,
        "value": {"record": "actor_1"},
        "assertedBy": "actor_2",
        "derivedFrom": [{"claim": "claim_3", "derivation": "QUOTES"}],
    }

    assert references("claim", fields) == {
        "transfer_1", "citation_1", "actor_1", "actor_2", "claim_3",
    }  # fmt: skip
