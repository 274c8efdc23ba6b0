"""The one door for writes.

GraphQL, dossiers, reverts and the demo all come through here: lock the records
in id order, load them, decide (pure, in `app.domain`), seal what was decided,
and only then take the log's lock, learn the position, write and commit. One
changeset is atomic: all of its operations or none.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, TypeVar

from app.commands import changing_access, evidence
from app.commands.deciding import decide_operations, decide_submission
from app.commands.failures import failures_again, kept_of
from app.commands.idempotent import Keyed, earlier_answer, keyed_by, remember, under_way
from app.commands.redact import named, redacting
from app.commands.sealing import revisions_subtree, seal_headers, seal_step
from app.commands.submission import (
    Allotter,
    Decided,
    Outcome,
    Parsed,
    Submission,
    Tried,
    changeset_id_at,
    utc_now,
)
from app.domain import access
from app.domain.codes import Action, ChangesetKind, UpsertResult
from app.domain.decisions import Editing
from app.domain.errors import Forbidden, InvalidInput, Refusal, Refused, Unwritable
from app.domain.operations import Add, Commit, Operation, Upsert, parse_commit, place_of
from app.domain.permissions import Act, Reach
from app.domain.redacting import REDACTED_HEADER, REVIEW_HEADER, Redact, parse_redact
from app.domain.upserting import Upserted, spelled_out
from app.domain.warnings import Caution
from app.store.access import find_newsroom
from app.store.database import BrokenOff, Connection, Engine, require_writable, write_transaction
from app.store.idempotency import Answered
from app.store.ledger import AccessRows, Clock, Prepared, append, instant_text
from app.store.records import load_made

T = TypeVar("T")

Preview: TypeAlias = Callable[[Connection, int], Any]
"""Reads an answer inside a dry run's transaction, as of the position it would have."""

_PAUSE_S: Final = 0.02
ATTEMPTS: Final = 8
"""How often a transaction is tried that the database itself broke off."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A submission, what was read out of it, and the idempotency key that it came under."""

    submission: Submission
    parsed: Parsed
    keyed: Keyed | None


def submit(
    engine: Engine,
    submission: Submission,
    *,
    clock: Clock = utc_now,
    preview: Preview | None = None,
) -> Outcome:
    """Write one changeset, or refuse it whole.

    Raises `Refused` with all that stands against it, `Forbidden` for a role
    that may not commit, `Unwritable` where the database refuses writes, `ReadOnly`
    where it is not what was published, `OlderWord` where a newer token than its `word`
    settled the same. What the database broke off (a deadlock,
    a doublet that came in between) is tried again.
    """
    asked = _ask(submission, clock)

    def carry_out(connection: Connection) -> Outcome:
        outcome = _carry_out(connection, asked, clock, preview)
        if submission.dry_run:
            connection.rollback()
        return outcome

    return in_attempts(engine, asked.keyed, carry_out)


def in_attempts(engine: Engine, keyed: Keyed | None, work: Callable[[Connection], T]) -> T:
    """Do a piece of work in one transaction, again where the database broke it off.

    `keyed` is the idempotency key under which it is done, if any. Raises `Unwritable` where
    it is broken off every time, `ReadOnly` where nothing may be written.
    """
    # Before anything is looked up; `append` asks again.
    require_writable(engine)
    for attempt in range(ATTEMPTS):
        try:
            with under_way(engine, keyed), write_transaction(engine) as connection:
                return work(connection)
        except BrokenOff as broken:
            if attempt + 1 == ATTEMPTS:
                raise _given_up(broken) from broken
            # Not at once, and not all at the same time.
            time.sleep(random.uniform(0, _PAUSE_S * (attempt + 1)))  # noqa: S311 - no secret
    raise AssertionError("unreachable: the last attempt returns or raises")


def _given_up(broken: BrokenOff) -> Exception:
    """Return what an edit ends with that the database broke off every time."""
    if broken.is_doublet:
        return RuntimeError("the database refuses what was found to be in order")
    return Unwritable(f"the database broke the edit off {ATTEMPTS} times; send it again")


def submit_within(
    connection: Connection,
    submission: Submission,
    *,
    clock: Clock = utc_now,
    preview: Preview | None = None,
) -> Outcome:
    """Do the same inside a transaction of the caller's, who commits or rolls back."""
    return _carry_out(connection, _ask(submission, clock), clock, preview)


def try_within(connection: Connection, submission: Submission, *, clock: Clock = utc_now) -> Tried:
    """Decide an edit against the present, with the records locked, and write nothing.

    Raises `Refused` with all that stands against it, or where it would change nothing.
    """
    parsed = _parse(submission, clock)
    if parsed is None or isinstance(parsed, Redact | access.Change):
        raise AssertionError("nothing but an edit is ever asked for")
    decided = decide_operations(connection, submission, parsed)
    if not decided.steps:
        message = "nothing would change: the ledger holds all of it already"
        raise Refused((InvalidInput(message, path=("operations",)),))
    added = {one.id for one in decided.operations if isinstance(one, Add)}
    return Tried(
        decided.steps,
        decided.refs,
        {ref: found for ref, found in decided.refs.items() if found in added},
        tuple(evidence.warnings(connection, decided.steps, decided.present)),
        spelled_out(parsed.operations, decided.operations, decided.steps),
    )


def parsed_operations(submission: Submission, *, clock: Clock = utc_now) -> tuple[Operation, ...]:
    """Return the operations of an edit that was tried before, and holds no upserts therefore."""
    parsed = _parse(submission, clock)
    operations = parsed.operations if isinstance(parsed, Commit) else ()
    return tuple(one for one in operations if not isinstance(one, Upsert))


def _carry_out(
    connection: Connection, asked: _Asked, clock: Clock, preview: Preview | None
) -> Outcome:
    parsed, keyed = asked.parsed, asked.keyed
    earlier = earlier_answer(connection, keyed, clock())
    if earlier is not None:
        return _answered(connection, asked, earlier)
    submission = _on_behalf(connection, asked)
    if isinstance(parsed, access.Change):
        _enter_what_stands(connection, submission, clock)
        if submission.word is not None:
            changing_access.take_word(connection, submission.word)
        submission = _as_they_stand(connection, submission, clock)
    decided = decide_submission(connection, submission, parsed, clock)
    if decided.upserts and not decided.steps:
        return _nothing_written(connection, asked, decided, clock)
    warnings = (
        *decided.warnings,
        *_warnings(connection, decided),
    )
    if not isinstance(parsed, access.Change):
        # Not before the records are locked: who waits for those keeps nobody from revoking a key.
        submission = _as_they_stand(connection, submission, clock)
    prepared = _prepare(submission, parsed, decided, changeset_id_at(clock()))
    appended = append(connection, prepared, clock)
    refs, failures = decided.refs, decided.failures
    if submission.dry_run:
        read = None if preview is None else preview(connection, appended.position)
        return Outcome(
            None, None, None, None, warnings, refs, read, failures=failures, upserts=decided.upserts
        )
    remember(
        connection,
        keyed,
        at=appended.recorded_at,
        position=appended.position,
        warnings=warnings,
        answer=_answer(decided, parsed),
    )
    return Outcome(
        appended.position,
        prepared.id,
        appended.recorded_at,
        appended.leaf_hash,
        warnings,
        refs,
        failures=failures,
        upserts=decided.upserts,
        keys={} if decided.access is None else decided.access.keys,
    )


def _as_they_stand(connection: Connection, submission: Submission, clock: Clock) -> Submission:
    editing = changing_access.require_standing(connection, submission.editing, clock())
    return replace(submission, editing=editing)


def _warnings(connection: Connection, decided: Decided) -> tuple[Caution, ...]:
    if decided.access is not None:
        return ()
    return tuple(evidence.warnings(connection, decided.steps, decided.present))


def enter_what_stands(engine: Engine, editing: Editing, *, clock: Clock = utc_now) -> int | None:
    """Enter who may act from before the log kept that; return the position, None of nothing."""
    nothing: Mapping[str, Any] = {}
    with write_transaction(engine) as connection:
        return _enter_what_stands(connection, Submission(nothing, editing), clock)


def _enter_what_stands(connection: Connection, submission: Submission, clock: Clock) -> int | None:
    """Write the changeset before the first access change of an older ledger, if it needs one."""
    changing_access.lock(connection)
    standing = changing_access.standing(connection)
    if not standing:
        return None
    rows = AccessRows(standing=frozenset(one.record_id for one in standing))
    decided = Decided(
        standing, {}, changing_access.AS_THEY_STAND, access=changing_access.Decided(rows)
    )
    entering = Submission({}, submission.editing, ChangesetKind.ACCESS)
    prepared = _prepare(entering, None, decided, changeset_id_at(clock()))
    return append(connection, prepared, clock).position


def _nothing_written(
    connection: Connection, asked: _Asked, decided: Decided, clock: Clock
) -> Outcome:
    """Return the outcome of upserts that changed nothing, which a key remembers like any other."""
    answer = _answer(decided, asked.parsed)
    at = instant_text(clock())
    remember(connection, asked.keyed, at=at, position=None, answer=answer)
    return Outcome(
        None, None, None, None, (), decided.refs, failures=decided.failures, upserts=decided.upserts
    )


def _answer(decided: Decided, parsed: Parsed) -> dict[str, Any] | None:
    """Return what an idempotency key keeps beside the position; None where that says it all."""
    upserts = [[one.place, one.id, one.result] for one in decided.upserts]
    answer = {
        **kept_of(decided.failures, _own(parsed)),
        **({"upserts": upserts} if upserts else {}),
    }
    return answer or None


# --- parsing ------------------------------------------------------------------


def _ask(submission: Submission, clock: Clock) -> _Asked:
    parsed = _parse(submission, clock)
    _may_be_on_behalf(submission.editing, parsed)
    return _Asked(submission, parsed, _keyed(submission))


def _parse(submission: Submission, clock: Clock) -> Parsed:
    """Return what is asked for, or None of a revert; needs no database."""
    if submission.kind is ChangesetKind.REDACTION:
        submission.editing.require(Act.REDACT)
        return parse_redact(submission.body)
    if submission.kind is ChangesetKind.ACCESS:
        access.check_may_change(submission.editing)
        return access.parse_change(submission.body)
    submission.editing.require(Act.COMMIT)
    if submission.reverts is not None:
        return None
    allot = Allotter(submission.ids, clock())
    replaying = submission.kind is ChangesetKind.IMPORT
    return parse_commit(
        submission.body,
        allot=allot,
        known=submission.known,
        replaying=replaying,
        policy=submission.policy,
    )


# --- idempotency --------------------------------------------------------------


def _keyed(submission: Submission) -> Keyed | None:
    """Return the submission under its idempotency key; a dry run has none."""
    if submission.dry_run:
        return None
    # `commit`, `revert` and `redact` differ in what they take; a name would add nothing.
    said = [submission.body, submission.reverts]
    return keyed_by(
        submission.editing, submission.idempotency_key, said, at_once=submission.at_once
    )


def _answered(connection: Connection, asked: _Asked, found: Answered) -> Outcome:
    """Return the outcome that an earlier submission with the same key had."""
    upserts = tuple(
        Upserted(place, record_id, UpsertResult(result))
        for place, record_id, result in (found.answer or {}).get("upserts", ())
    )
    made = () if found.position is None else load_made(connection, found.position)
    if isinstance(asked.parsed, access.Change):
        refs = changing_access.refs_again(asked.submission.body, made)
        return _again(found, refs)
    by_upsert = {one.id for one in upserts}
    added = [
        one.record_id for one in made if one.action is Action.ADD and one.record_id not in by_upsert
    ]
    failures = failures_again(found.answer, _own(asked.parsed))
    skipped = {place_of(one) for one in failures}
    refs = _refs_again(asked.submission.body, skipped, added, upserts)
    return replace(_again(found, refs), failures=failures, upserts=upserts)


def _again(found: Answered, refs: Mapping[str, str]) -> Outcome:
    """Return an earlier answer; a key that it gave out is not shown a second time."""
    return Outcome(
        found.position,
        found.changeset_id,
        found.recorded_at,
        found.leaf_hash,
        found.warnings,
        refs,
        is_replayed=True,
    )


def _own(parsed: Parsed) -> tuple[Refusal, ...]:
    """Return what is wrong with single operations of the input, whatever the ledger holds."""
    return parsed.failures if isinstance(parsed, Commit) else ()


def _refs_again(
    body: Mapping[str, Any],
    skipped: Collection[int | None],
    added: Sequence[str],
    upserts: Sequence[Upserted],
) -> dict[str, str]:
    """Return ref → id as the first answer gave them: adds are written in their order."""
    known = {one.place: one.id for one in upserts}
    fresh = iter(added)
    refs: dict[str, str] = {}
    for place, operation in enumerate(body.get("operations", ())):
        ((tag, inner),) = operation.items()
        if place in skipped or not tag.startswith(("add", "upsert")):
            continue
        record_id = known[place] if place in known else next(fresh)
        if inner.get("ref") is not None:
            refs[inner["ref"]] = record_id
    return refs


# --- on behalf of -------------------------------------------------------------


def _may_be_on_behalf(editing: Editing, parsed: Parsed) -> None:
    """Raise `Forbidden` for a partner who enters another newsroom's words."""
    wanted = parsed.on_behalf_of if isinstance(parsed, Commit) else None
    if wanted is not None and wanted != editing.owner and not _reaches_all(editing):
        raise Forbidden("only the house newsroom enters what is another newsroom's")


def _reaches_all(editing: Editing) -> bool:
    return editing.reach(Act.COMMIT) is Reach.LEDGER


def _on_behalf(connection: Connection, asked: _Asked) -> Submission:
    """Return the submission as that of whose words it enters.

    Raises `Refused` where no newsroom here has that id, or another one was meant already.
    """
    submission, editing = asked.submission, asked.submission.editing
    wanted = asked.parsed.on_behalf_of if isinstance(asked.parsed, Commit) else None
    if wanted is None or wanted == editing.owner:
        return submission
    found = find_newsroom(connection, wanted)
    if found is None or found["id"] != wanted or editing.on_behalf_of is not None:
        raise Refused(
            (InvalidInput(f"{wanted} is no newsroom to enter this for", path=_ON_BEHALF),)
        )
    return replace(submission, editing=replace(editing, on_behalf_of=wanted, enters_only=True))


_ON_BEHALF: Final = ("onBehalfOf",)


# --- sealing ------------------------------------------------------------------


def _prepare(
    submission: Submission, parsed: Parsed, decided: Decided, changeset_id: str
) -> Prepared:
    gaps = decided.gaps
    steps = tuple(seal_step(step) for step in decided.steps)
    headers = seal_headers(
        {
            "editorName": submission.editing.name,
            "note": decided.reason.note,
            "origin": submission.origin,
            REDACTED_HEADER: None if gaps is None else named(gaps.chosen),
        },
        {
            "internalNote": decided.reason.internal_note,
            REVIEW_HEADER: None if submission.accepting is None else submission.accepting.review,
        },
    )
    return Prepared(
        id=changeset_id,
        kind=_kind(submission, decided),
        editor=submission.editing.editor,
        newsroom=submission.editing.newsroom,
        role=submission.editing.role,
        reason_code=decided.reason.code,
        headers=headers,
        steps=steps,
        revisions=revisions_subtree(steps),
        reverts=submission.reverts,
        on_behalf_of=submission.editing.on_behalf_of,
        redacting=(
            redacting(parsed, gaps.chosen)
            if isinstance(parsed, Redact) and gaps is not None
            else None
        ),
        proposal=None if submission.accepting is None else submission.accepting.proposal,
        contributor=None if submission.accepting is None else submission.accepting.contributor,
        access=None if decided.access is None else decided.access.rows,
    )


def _kind(submission: Submission, decided: Decided) -> ChangesetKind:
    if submission.reverts is not None:
        return ChangesetKind.REVERT
    merges = any(step.action is Action.MERGE for step in decided.steps)
    if merges and submission.kind is ChangesetKind.EDIT:
        return ChangesetKind.MERGE
    return submission.kind
