"""Revert: putting back what an earlier changeset changed, and when that is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.domain.codes import Action, RecordState
from app.domain.errors import Refused, RevertConflict
from app.domain.records import Change, Record, Step
from app.domain.reverting import Made, pointed_on, revert

ACTIVE, RETRACTED, MERGED = RecordState.ACTIVE, RecordState.RETRACTED, RecordState.MERGED


def held(
    record_id: str = "actor_1", state: RecordState = ACTIVE, *, version: int = 2, **fields: Any
) -> Record:
    return Record(record_id, version, state, 9, "newsroom_1", {"name": "A", **fields})


def made(
    action: Action, *changes: tuple[str, Any, Any], record_id: str = "actor_1", version: int = 2
) -> Made:
    return Made(record_id, version, action, tuple(Change(*change) for change in changes))


def put_back(*steps: Made, present: Mapping[str, Record] | Record) -> tuple[Step, ...]:
    found = {present.id: present} if isinstance(present, Record) else present
    return revert(steps, found)


def conflicts(*steps: Made, present: Record) -> list[str]:
    with pytest.raises(Refused) as refused:
        put_back(*steps, present=present)
    assert all(isinstance(one, RevertConflict) for one in refused.value.refusals)
    return [one.message for one in refused.value.refusals]


def test_a_revision_is_put_back_as_a_revision() -> None:
    (step,) = put_back(
        made(Action.REVISE, ("name", "B", "A"), ("country", "RU", None)), present=held()
    )

    assert (step.action, step.version) == (Action.REVISE, 3)
    assert step.changes == (Change("name", "A", "B"), Change("country", None, "RU"))


def test_later_edits_of_other_fields_stay() -> None:
    present = held(country="RU", version=5)

    (step,) = put_back(made(Action.REVISE, ("name", "B", "A")), present=present)

    assert step.fields == {"name": "B", "country": "RU"}
    assert step.version == 6


def test_later_edits_of_the_same_field_are_a_conflict() -> None:
    (message,) = conflicts(made(Action.REVISE, ("name", "B", "C")), present=held(version=3))

    assert "name changed since (now version 3)" in message


def test_a_field_that_was_changed_and_changed_back_is_no_conflict() -> None:
    assert put_back(made(Action.REVISE, ("name", "B", "A")), present=held(version=9))


def test_an_addition_is_put_back_by_retracting() -> None:
    (step,) = put_back(made(Action.ADD, ("name", None, "A"), version=1), present=held(version=1))

    assert (step.action, step.state, step.changes) == (Action.RETRACT, RETRACTED, ())


def test_an_addition_that_was_edited_since_is_a_conflict() -> None:
    (message,) = conflicts(made(Action.ADD, ("name", None, "A"), version=1), present=held())

    assert "edited since it was added" in message


@pytest.mark.parametrize(
    ("action", "changes", "state", "fields", "inverse", "after"),
    [
        (Action.RETRACT, (), RETRACTED, {}, Action.RESTORE, ACTIVE),
        (Action.RESTORE, (), ACTIVE, {}, Action.RETRACT, RETRACTED),
        (Action.RESTORE, (("mergedInto", "actor_2", None),), ACTIVE, {}, Action.MERGE, MERGED),
        (Action.MERGE, (("mergedInto", None, "actor_2"),), MERGED, {"mergedInto": "actor_2"},
         Action.RESTORE, ACTIVE),
    ],
)  # fmt: skip
def test_every_change_of_state_has_its_inverse(
    action: Action,
    changes: tuple[tuple[str, Any, Any], ...],
    state: RecordState,
    fields: dict[str, str],
    inverse: Action,
    after: RecordState,
) -> None:
    (step,) = put_back(made(action, *changes), present=held(state=state, **fields))

    assert (step.action, step.state) == (inverse, after)
    assert step.changes == tuple(Change(name, new, old) for name, old, new in changes)


@pytest.mark.parametrize(
    ("action", "state"),
    [(Action.RETRACT, ACTIVE), (Action.RESTORE, RETRACTED), (Action.RESTORE, MERGED)],
)
def test_a_state_that_changed_again_is_a_conflict(action: Action, state: RecordState) -> None:
    (message,) = conflicts(made(action), present=held(state=state, version=4))

    assert f"is {state} now (version 4)" in message


def test_steps_are_put_back_last_first() -> None:
    steps = put_back(
        made(Action.REVISE, ("name", "B", "A")),
        made(Action.REVISE, ("name", "D", "A"), record_id="actor_2"),
        present={"actor_1": held(), "actor_2": held("actor_2")},
    )

    assert [step.record_id for step in steps] == ["actor_2", "actor_1"]


def test_every_conflict_is_named() -> None:
    with pytest.raises(Refused) as refused:
        put_back(
            made(Action.REVISE, ("name", "B", "C")),
            made(Action.REVISE, ("name", "B", "A"), record_id="actor_2"),
            made(Action.RETRACT, record_id="actor_3"),
            present={one: held(one) for one in ("actor_1", "actor_2", "actor_3")},
        )

    found = refused.value.refusals
    assert [one.record_id for one in found if isinstance(one, RevertConflict)] == [
        "actor_3",
        "actor_1",
    ]
    assert {one.path for one in found} == {("changeset",)}


def test_what_a_merge_merely_pointed_elsewhere_is_told_apart() -> None:
    merge = [
        made(Action.MERGE, ("mergedInto", None, "actor_2"), record_id="actor_1"),
        made(Action.REVISE, ("subject", "actor_1", "actor_2"), record_id="claim_1"),
        made(
            Action.REVISE,
            ("value", {"record": "actor_1"}, {"record": "actor_2"}),
            ("assertedBy", "actor_1", "actor_2"),
            record_id="claim_2",
        ),
        made(
            Action.REVISE,
            ("assertedBy", "actor_1", "actor_2"),
            ("locator", "p. 1", "p. 2"),
            record_id="claim_3",
        ),
        made(Action.REVISE, ("locator", "p. 1", "p. 2"), record_id="claim_4"),
        made(Action.RETRACT, record_id="claim_5"),
    ]

    assert pointed_on(merge) == {"claim_1", "claim_2"}
    assert pointed_on(merge[1:]) == set()
