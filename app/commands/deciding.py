"""Deciding an edit: lock the records in id order, load them, and decide (pure, in `app.domain`).

What somebody else changed between a look and its lock breaks the edit off; it is tried again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.commands import changing_access, evidence
from app.commands.redact import decide_redaction
from app.commands.submission import Allotter, Decided, Parsed, Submission
from app.domain import access
from app.domain.codes import Action, ErrorPolicy
from app.domain.decisions import World, check, concerned, decide, is_hierarchy, references
from app.domain.errors import InvalidInput, Path, Refused, UnknownRecord, WrongState
from app.domain.kinds import KINDS, is_access
from app.domain.leaving_out import decide_what_can_be
from app.domain.operations import (
    Add,
    Asked,
    Commit,
    Merge,
    Operation,
    Revise,
    Upsert,
    parse_reason,
    place_of,
)
from app.domain.records import Record, Step, kind_name
from app.domain.redacting import Redact
from app.domain.reverting import Made, pointed_on, refuse_gaps, revert
from app.domain.upserting import (
    Settled,
    Upserted,
    pointed_at,
    renamed,
    settled_on,
    upserts_of,
    what_was_written,
)
from app.domain.warnings import REFERENCES_STAY, Caution
from app.store.database import BrokenOff, Connection
from app.store.ledger import Clock
from app.store.records import (
    is_redaction,
    load_as_of,
    load_made,
    load_parents,
    load_present,
    load_referrers,
    lock_external_refs,
    lock_hierarchies,
    lock_records,
    redacted_fields,
    taken_external_refs,
)


def decide_submission(
    connection: Connection, submission: Submission, parsed: Parsed, clock: Clock
) -> Decided:
    """Decide what was submitted; raise `Refused` with all that stands against it."""
    if isinstance(parsed, access.Change):
        return _decide_access(connection, submission, parsed, clock)
    if isinstance(parsed, Redact):
        gaps = decide_redaction(connection, parsed, replaying=submission.origin is not None)
        return Decided(gaps.steps, gaps.present, parsed.reason, gaps=gaps)
    if parsed is not None:
        return decide_operations(connection, submission, parsed)
    return _decide_revert(connection, submission, submission.reverts or 0)


def _decide_access(
    connection: Connection, submission: Submission, parsed: access.Change, clock: Clock
) -> Decided:
    now = clock()
    steps, decided = changing_access.decide(
        connection,
        parsed,
        submission.editing,
        allot=Allotter(submission.ids, now),
        now=now,
        secrets=submission.secrets,
        environment=submission.environment,
    )
    return Decided(steps, {}, parsed.reason, refs=decided.refs, access=decided)


def decide_operations(connection: Connection, submission: Submission, parsed: Commit) -> Decided:
    """Decide an edit against the present, with the records locked."""
    if any(_moves_hierarchy(operation) for operation in parsed.operations):
        lock_hierarchies(connection)
    parsed, there = _pointed_at_what_is_there(connection, submission, parsed)
    asked = parsed.operations
    stepped, named = concerned(asked)
    # What names a duplicate is locked with it, all in one order, so that no two
    # writers wait for each other.
    naming = {record.id for key in _merged_by(asked) for record in load_referrers(connection, key)}
    lock_records(connection, stepped | naming, named)
    added = {operation.id for operation in asked if isinstance(operation, Add)}
    present = load_present(connection, stepped | named | (added if submission.ids else set()))
    settled = _settled(connection, asked, present, there)
    operations = settled.operations
    world = _world(connection, operations, present, locked=stepped | naming)
    named_by = {**submission.known, **parsed.refs}
    gaps = {named_by.get(record, record): names for record, names in submission.gaps.items()}
    if parsed.policy is ErrorPolicy.SKIP_FAILED:
        return _decide_what_can_be(connection, submission, parsed, settled, world, gaps)
    failures = (*settled.failures, *_taken_ids(operations, present))
    if failures:
        raise Refused(failures)
    steps = decide(operations, world, submission.editing, gaps) if operations else ()
    evidence.refuse_taken_external_refs(connection, steps, looked_for=_looked_for(parsed, present))
    return Decided(
        steps,
        world.records,
        parsed.reason,
        refs=parsed.refs,
        upserts=_upserted(asked, operations, settled),
        operations=operations,
    )


def _pointed_at_what_is_there(
    connection: Connection, submission: Submission, parsed: Commit
) -> tuple[Commit, set[str]]:
    """Return the edit with upserts naming the records that are there, and these."""
    upserts = upserts_of(parsed.operations)
    if not upserts:
        return parsed, set()
    owner = submission.editing.owner
    lock_external_refs(connection, owner)
    there = {
        (kind, ref): record_id
        for kind in {one.kind for one in upserts}
        for ref, record_id in taken_external_refs(
            connection, kind, owner, [one.external_ref for one in upserts if one.kind == kind]
        ).items()
    }
    names = renamed(upserts, there)
    refs = {ref: names.get(record_id, record_id) for ref, record_id in parsed.refs.items()}
    operations = pointed_at(parsed.operations, names)
    return replace(parsed, operations=operations, refs=refs), set(names.values())


def _looked_for(parsed: Commit, present: Mapping[str, Record]) -> frozenset[str]:
    """Return the ids of the records that upserts are to add."""
    return frozenset(one.id for one in upserts_of(parsed.operations) if one.id not in present)


def _settled(
    connection: Connection,
    asked: Sequence[Asked],
    present: Mapping[str, Record],
    there: Collection[str],
) -> Settled:
    """Return what the upserts come to, now that their records are locked."""
    for one in upserts_of(asked):
        found = present[one.id].fields.get("externalRef") if one.id in there else one.external_ref
        if found != one.external_ref:  # given another one after it was looked for
            raise BrokenOff
    held = {record_id: present[record_id] for record_id in there}
    return settled_on(asked, held, redacted_fields(connection, there))


def _upserted(
    asked: Sequence[Asked], written: Sequence[Operation], settled: Settled
) -> tuple[Upserted, ...]:
    """Return what became of the upserts, in their order."""
    found = [*settled.unchanged, *what_was_written(written, upserts_of(asked))]
    return tuple(sorted(found, key=lambda one: one.place))


def _decide_what_can_be(  # noqa: PLR0913, PLR0917 - what an edit is decided by
    connection: Connection,
    submission: Submission,
    parsed: Commit,
    settled: Settled,
    world: World,
    gaps: Mapping[str, frozenset[str]],
) -> Decided:
    """Decide what is left without the operations that are refused; raise where nothing is."""
    failures = (*settled.failures, *_taken_ids(settled.operations, world.records))
    places = {place_of(one) for one in failures}
    failed = [one for one in parsed.operations if place_of(one) in places]
    kept = decide_what_can_be(
        [one for one in settled.operations if place_of(one) not in places],
        [*parsed.failures, *failures],
        parsed.gone | {one.id for one in failed if one.id not in world.records},
        world,
        submission.editing,
        gaps=gaps,
        last=lambda steps: evidence.taken_by_others(
            connection, steps, looked_for=_looked_for(parsed, world.records)
        ),
    )
    upserts = _upserted(parsed.operations, kept.operations, settled)
    if not kept.steps and not upserts:
        raise Refused(kept.failures)
    there = {one.id for one in kept.operations} | {one.id for one in upserts}
    return Decided(
        kept.steps,
        world.records,
        parsed.reason,
        refs={ref: found for ref, found in parsed.refs.items() if found in there},
        failures=kept.failures,
        upserts=upserts,
    )


def _taken_ids(
    operations: Sequence[Operation], present: Mapping[str, Record]
) -> list[InvalidInput]:
    return [
        InvalidInput(f"{operation.id} exists already in this ledger", path=operation.path)
        for operation in operations
        if isinstance(operation, Add) and operation.id in present
    ]


def _moves_hierarchy(operation: Asked) -> bool:
    if isinstance(operation, Merge):
        return True
    return isinstance(operation, Revise | Upsert) and any(
        value is not None and is_hierarchy(KINDS[kind_name(operation.id)].fields[name].type)
        for name, value in operation.given.items()
    )


def _merged_by(operations: Sequence[Asked]) -> list[str]:
    return [operation.id for operation in operations if isinstance(operation, Merge)]


def _world(
    connection: Connection,
    operations: tuple[Operation, ...],
    present: dict[str, Record],
    *,
    locked: set[str],
) -> World:
    # Found before they were locked, so they are read once more. With the
    # duplicate locked none can be added now; one that was in between is not
    # locked, and the edit starts again.
    referrers = {key: load_referrers(connection, key) for key in _merged_by(operations)}
    for found in referrers.values():
        present.update({record.id: record for record in found})
        if any(record.id not in locked for record in found):
            raise BrokenOff
    moved = any(_moves_hierarchy(operation) for operation in operations)
    return World(present, referrers, hierarchies(connection, present) if moved else {})


def hierarchies(
    connection: Connection, present: Mapping[str, Record]
) -> dict[str, dict[str, list[str]]]:
    """Return for each hierarchical field child → parents above the records given."""
    return {
        f"{kind.name}.{declared.name}": load_parents(connection, kind.name, declared.name, present)
        for kind in KINDS.values()
        for declared in kind.fields.values()
        if is_hierarchy(declared.type) and any(kind_name(key) == kind.name for key in present)
    }


def _decide_revert(connection: Connection, submission: Submission, position: int) -> Decided:
    faults: list[Any] = []
    reason = parse_reason(submission.body.get("reason"), faults)
    if faults:
        raise Refused(tuple(faults))
    if is_redaction(connection, position):
        raise Refused((_no_way_back(position),))
    made = load_made(connection, position)
    if not made:
        raise Refused((_no_revisions(position),))
    if any(is_access(one.record_id) for one in made):
        raise Refused((_is_access_change(position),))
    refuse_gaps(made)
    touched, again = {one.record_id for one in made}, _named_before(made)
    lock_hierarchies(connection)
    lock_records(connection, touched, again)
    present = load_present(connection, touched | again)
    steps = revert(made, present)
    # Locked as they are, nothing new can come to name them.
    merged = [step.record_id for step in steps if step.action is Action.MERGE]
    referrers = {key: load_referrers(connection, key) for key in merged}
    world = World(present, referrers, hierarchies(connection, present))
    refusals = check(steps, world, submission.editing, pointed_on=pointed_on(made))
    if refusals:
        raise Refused(tuple(refusals))
    evidence.refuse_taken_external_refs(connection, steps)
    warnings = _stay_warnings(connection, steps, touched)
    return Decided(steps, present, reason, warnings)


def _no_revisions(position: int) -> WrongState | UnknownRecord:
    path: Path = ("changeset",)
    return UnknownRecord(f"there is no changeset with revisions at position {position}", path=path)


def _is_access_change(position: int) -> WrongState:
    message = f"changeset {position} says who may act; make the opposite access change"
    return WrongState(message, path=("changeset",))


def _no_way_back(position: int) -> WrongState:
    message = (
        f"changeset {position} is a redaction; what it removed is gone, and only an edit can "
        "give the fields new values"
    )
    return WrongState(message, path=("changeset",))


def _named_before(made: tuple[Made, ...]) -> set[str]:
    """Return the records that are named again once `made` is put back."""
    return {
        found
        for one in made
        for change in one.changes
        if change.before is not None
        for found in references(kind_name(one.record_id), {change.field: change.before})
    }


def _stay_warnings(
    connection: Connection, steps: tuple[Step, ...], touched: set[str]
) -> tuple[Caution, ...]:
    """Return the references added to a merge's survivor since, which stay there."""
    return tuple(
        Caution(REFERENCES_STAY, referrer)
        for step in steps
        if step.before is not None and "mergedInto" in step.before.fields
        if "mergedInto" not in step.fields
        for referrer in _pointed_since(
            connection, step.before.fields["mergedInto"], step.before.entered
        )
        if referrer not in touched
    )


def _pointed_since(connection: Connection, target: str, position: int) -> list[str]:
    """Return the records that name `target` now and did not as of `position`."""
    now = [one.id for one in load_referrers(connection, target) if one.entered > position]
    then = load_as_of(connection, now, position)
    return [
        key
        for key in now
        if key not in then or target not in references(kind_name(key), then[key].fields)
    ]
