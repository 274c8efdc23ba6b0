"""Revert: a new changeset that puts back what an earlier one changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.codes import Action
from app.domain.decisions import replaced, step
from app.domain.errors import Refusal, Refused, RevertConflict
from app.domain.records import STATE_AFTER, Change, Record, Step, with_fields

_INVERSE: Final[Mapping[Action, Action]] = {
    Action.ADD: Action.RETRACT,
    Action.REVISE: Action.REVISE,
    Action.RETRACT: Action.RESTORE,
    Action.RESTORE: Action.RETRACT,
    Action.MERGE: Action.RESTORE,
}


@dataclass(frozen=True, slots=True)
class Made:
    """One revision that the changeset to be reverted made.

    `gone` are the fields whose value before it was redacted: it cannot be put back.
    `taken` are those whose value after it was.
    """

    record_id: str
    version: int
    action: Action
    changes: tuple[Change, ...]
    gone: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()


def refuse_gaps(made: Sequence[Made]) -> None:
    """Raise `Refused` where what would be put back was redacted."""
    faults = tuple(
        RevertConflict(
            f"{one.record_id}: what stood in {', '.join(sorted(one.gone))} before was redacted and "
            "cannot be put back; set the fields in an edit of its own",
            record_id=one.record_id,
            path=("changeset",),
        )
        for one in made
        if one.gone
    )
    if faults:
        raise Refused(faults)


def revert(made: Sequence[Made], present: Mapping[str, Record]) -> tuple[Step, ...]:
    """Return the steps that put back what `made` changed, last first.

    Raises `Refused` with each record that a later edit changed in the same
    fields or state.
    """
    faults: list[Refusal] = []
    steps: list[Step] = []
    for one in reversed(made):
        held = present[one.record_id]
        conflict = _conflict(one, held)
        if conflict is None:
            steps.append(_put_back(one, held))
        else:
            faults.append(RevertConflict(conflict, record_id=held.id, path=("changeset",)))
    if faults:
        raise Refused(tuple(faults))
    return tuple(steps)


def pointed_on(made: Sequence[Made]) -> set[str]:
    """Return the records that merges among `made` pointed at a survivor, and no more."""
    survivors = {
        (one.record_id, change.after)
        for one in made
        for change in one.changes
        if one.action is Action.MERGE and change.field == "mergedInto"
    }
    return {
        one.record_id
        for one in made
        for old, new in survivors
        if one.action is Action.REVISE and one.changes
        if all(replaced(change.before, old, new) == change.after for change in one.changes)
    }


def _put_back(one: Made, held: Record) -> Step:
    if one.action is Action.ADD:
        return step(held, Action.RETRACT, held.fields, ("changeset",))
    before = {change.field: change.before for change in one.changes}
    fields = with_fields(held.fields, before)
    action = _INVERSE[one.action]
    if one.action is Action.RESTORE and "mergedInto" in fields:
        action = Action.MERGE
    return step(held, action, fields, ("changeset",))


def _conflict(one: Made, held: Record) -> str | None:
    """Return why this revision cannot be put back, or None."""
    if one.action is Action.ADD:
        if held.version == one.version:
            return None
        return (
            f"{held.id} was edited since it was added (now version {held.version}); "
            "revert those edits first, or retract it"
        )
    touched = [c.field for c in one.changes if held.fields.get(c.field) != c.after]
    if touched:
        return f"{held.id}: {', '.join(touched)} changed since (now version {held.version})"
    if one.action in STATE_AFTER and held.state is not STATE_AFTER[one.action]:
        return f"{held.id} is {held.state} now (version {held.version})"
    return None
