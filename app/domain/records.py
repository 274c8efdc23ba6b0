"""Records, their versions, and what lies between two versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from app.domain.codes import Action, RecordState
from app.domain.kinds import field_names

Fields: TypeAlias = Mapping[str, Any]
"""Canonical values by field name; a field without a value is absent."""

STATE_AFTER: Final[Mapping[Action, RecordState]] = {
    Action.ADD: RecordState.ACTIVE,
    Action.RETRACT: RecordState.RETRACTED,
    Action.RESTORE: RecordState.ACTIVE,
    Action.MERGE: RecordState.MERGED,
}
"""The state that an action leaves; REVISE and REDACT leave it as it was."""


def kind_name(record_id: str) -> str:
    """Return the kind that an id of this ledger names in its prefix."""
    return record_id.partition("_")[0]


@dataclass(frozen=True, slots=True)
class Record:
    """One version of one record. `entered` is the position that wrote it."""

    id: str
    version: int
    state: RecordState
    entered: int
    newsroom: str
    fields: Fields

    @property
    def kind(self) -> str:
        """The name of the record's kind."""
        return kind_name(self.id)


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a record moving from one value to another."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One record's step to a new version, decided but not yet written.

    `path` leads to the operation that asked for it. `gaps` are fields that it changes
    although it leaves them as they were: what they changed to, or from, was redacted in
    the ledger whose history is replayed.
    """

    record_id: str
    version: int
    action: Action
    state: RecordState
    newsroom: str
    before: Record | None
    fields: Fields
    path: tuple[str | int, ...] = ()
    gaps: frozenset[str] = frozenset()

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the step changes, in field order.

        Nothing, where it leaves a gap: nobody gave the fields other values.
        """
        if self.action is Action.REDACT:
            return ()
        held: Fields = {} if self.before is None else self.before.fields
        return diff(kind_name(self.record_id), held, self.fields, gaps=self.gaps)


def diff(
    kind: str, before: Fields, after: Fields, *, gaps: frozenset[str] = frozenset()
) -> tuple[Change, ...]:
    """Return the changes that turn `before` into `after`, in field order.

    A field absent on one side counts as `None`, so giving and withdrawing a
    value are changes like any other; the fields of `gaps` count in any case.
    """
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in field_names(kind)
        if before.get(name) != after.get(name) or name in gaps
    )


def replay(
    revisions: Iterable[tuple[Action, Iterable[Change]]],
) -> tuple[RecordState, dict[str, Any]]:
    """Return state and fields after every revision of one record, first to last.

    The inverse of writing them: for a whole ledger the result is the present.
    Raises `ValueError` where a change does not start from the value held.
    """
    state, fields = RecordState.ACTIVE, dict[str, Any]()
    for action, changes in revisions:
        state = STATE_AFTER.get(action, state)
        for change in changes:
            if fields.get(change.field) != change.before:
                raise ValueError(f"{change.field} does not hold what the change starts from")
            fields[change.field] = change.after
    return state, {name: value for name, value in fields.items() if value is not None}


def with_fields(held: Fields, given: Fields) -> dict[str, Any]:
    """Return `held` with `given` laid over it; a given None takes the value away."""
    merged = {**held, **given}
    return {name: value for name, value in merged.items() if value is not None}
