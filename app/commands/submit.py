"""The one door for writes.

GraphQL, dossiers, reverts and the demo all come through here: lock the records
in id order, load them, decide (pure, in `app.domain`), seal what was decided,
and only then take the log's lock, learn the position, write and commit. One
changeset is atomic: all of its operations or none.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

from app.commands import changing_access, evidence
from app.commands.failures import failures_again, kept_of
from app.commands.idempotent import Keyed, earlier_answer, keyed_by, remember, under_way
from app.commands.redact import Gaps, decide_redaction, named, redacting
from app.commands.sealing import revisions_subtree, seal_headers, seal_step
from app.domain import access, ids
from app.domain.codes import Action, ChangesetKind, ErrorPolicy, UpsertResult
from app.domain.decisions import (
    Editing,
    World,
    check,
    concerned,
    decide,
    is_hierarchy,
    references,
)
from app.domain.errors import (
    Forbidden,
    InvalidInput,
    InvalidValue,
    Path,
    Refusal,
    Refused,
    UnknownRecord,
    Unwritable,
    WrongState,
)
from app.domain.kinds import KINDS, is_access
from app.domain.leaving_out import decide_what_can_be
from app.domain.operations import (
    Add,
    Asked,
    Commit,
    Merge,
    Operation,
    Reason,
    Revise,
    Upsert,
    parse_commit,
    parse_reason,
    place_of,
)
from app.domain.permissions import Act, Reach
from app.domain.records import Record, Step, kind_name
from app.domain.redacting import REDACTED_HEADER, REVIEW_HEADER, Redact, parse_redact
from app.domain.reverting import Made, pointed_on, refuse_gaps, revert
from app.domain.upserting import (
    Settled,
    Upserted,
    pointed_at,
    renamed,
    settled_on,
    spelled_out,
    upserts_of,
    what_was_written,
)
from app.domain.warnings import REFERENCES_STAY, Caution
from app.store.access import find_newsroom
from app.store.database import (
    BrokenOff,
    Connection,
    Engine,
    require_writable,
    write_transaction,
)
from app.store.idempotency import Answered
from app.store.ledger import AccessRows, Clock, Prepared, append, instant_text
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

T = TypeVar("T")

Preview: TypeAlias = Callable[[Connection, int], Any]
"""Reads an answer inside a dry run's transaction, as of the position it would have."""

_PAUSE_S: Final = 0.02
ATTEMPTS: Final = 8
"""How often a transaction is tried that the database itself broke off."""


def utc_now() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Submission:
    """One edit as it comes in: a `CommitInput`, or the position to be reverted.

    Of kind REDACTION the body is a `RedactInput`, of kind ACCESS a `ChangeAccessInput`.
    `at_once` says that an edit under the same idempotency key that is under way is refused,
    and not waited for. A `policy` goes before that of the body.

    `ids` gives the ids that added records are to have, by ref; `known` the refs
    that earlier changesets of the same dossier defined; `origin` is what the
    importer states about where the edit comes from; `gaps` are the fields, by ref or id,
    that were redacted there. `secrets` are keys that exist already, by the ref under which
    an access change enters them; others are made, for `environment`. `word` is the token
    that it rests on.
    """

    body: Mapping[str, Any]
    editing: Editing
    kind: ChangesetKind = ChangesetKind.EDIT
    idempotency_key: str | None = None
    dry_run: bool = False
    reverts: int | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, Any] | None = None
    gaps: Mapping[str, frozenset[str]] = field(default_factory=dict)
    at_once: bool = False
    policy: ErrorPolicy | None = None
    accepting: Accepting | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: str = "live"
    word: changing_access.Word | None = None


@dataclass(frozen=True, slots=True)
class Accepting:
    """The proposal that an edit comes from: whose it is, and what the reviewer says to it."""

    proposal: str
    contributor: str
    review: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tried:
    """What an edit would do, decided and not written.

    `ids` are those that the records it adds are to have, by ref. `spelled` are, by place,
    the operations that are to be kept in place of upserts (`upserting.spelled_out`).
    """

    steps: tuple[Step, ...]
    refs: Mapping[str, str]
    ids: Mapping[str, str]
    warnings: tuple[Caution, ...]
    spelled: Mapping[int, Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a submission.

    Of a dry run `position` is None and `preview` what was read inside of it.
    `refs` maps the local refs of the input to the ids of the records. `is_replayed` says
    that it is the answer of an earlier submission with the same idempotency key.

    `failures` are why operations were left out, which those are in `skipped`, by place.
    `upserts` are what became of each. Where all of them found what they ask for there is
    neither position nor preview: nothing was written.

    `keys` are the keys that an access change made, by id: they are told this once.
    """

    position: int | None
    changeset_id: str | None
    recorded_at: str | None
    leaf_hash: bytes | None
    warnings: tuple[Caution, ...]
    refs: Mapping[str, str]
    preview: Any = None
    is_replayed: bool = field(default=False, compare=False)
    failures: tuple[Refusal, ...] = ()
    upserts: tuple[Upserted, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def skipped(self) -> tuple[int, ...]:
        """The places of the operations that were left out, in their order."""
        return tuple(
            sorted({place for one in self.failures if (place := place_of(one)) is not None})
        )


@dataclass(frozen=True, slots=True)
class _Decided:
    steps: tuple[Step, ...]
    present: Mapping[str, Record]
    reason: Reason
    warnings: tuple[Caution, ...] = ()
    gaps: Gaps | None = None
    refs: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[Refusal, ...] = ()
    upserts: tuple[Upserted, ...] = ()
    operations: tuple[Operation, ...] = ()
    access: changing_access.Decided | None = None


_Parsed: TypeAlias = Commit | Redact | access.Change | None
"""What is asked for; None is a revert."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A submission, what was read out of it, and the idempotency key that it came under."""

    submission: Submission
    parsed: _Parsed
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
    decided = _decide_operations(connection, submission, parsed)
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
    decided = _decide(connection, submission, parsed, clock)
    if decided.upserts and not decided.steps:
        return _nothing_written(connection, asked, decided, clock)
    warnings = (
        *decided.warnings,
        *_warnings(connection, decided),
    )
    if not isinstance(parsed, access.Change):
        # Not before the records are locked: who waits for those keeps nobody from revoking a key.
        submission = _as_they_stand(connection, submission, clock)
    prepared = _prepare(submission, parsed, decided, _changeset_id(clock()))
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


def _warnings(connection: Connection, decided: _Decided) -> tuple[Caution, ...]:
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
    decided = _Decided(
        standing, {}, changing_access.AS_THEY_STAND, access=changing_access.Decided(rows)
    )
    entering = Submission({}, submission.editing, ChangesetKind.ACCESS)
    prepared = _prepare(entering, None, decided, _changeset_id(clock()))
    return append(connection, prepared, clock).position


def _nothing_written(
    connection: Connection, asked: _Asked, decided: _Decided, clock: Clock
) -> Outcome:
    """Return the outcome of upserts that changed nothing, which a key remembers like any other."""
    answer = _answer(decided, asked.parsed)
    at = instant_text(clock())
    remember(connection, asked.keyed, at=at, position=None, answer=answer)
    return Outcome(
        None, None, None, None, (), decided.refs, failures=decided.failures, upserts=decided.upserts
    )


def _answer(decided: _Decided, parsed: _Parsed) -> dict[str, Any] | None:
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


def _parse(submission: Submission, clock: Clock) -> _Parsed:
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
    allot = _Allotter(submission.ids, clock())
    replaying = submission.kind is ChangesetKind.IMPORT
    return parse_commit(
        submission.body,
        allot=allot,
        known=submission.known,
        replaying=replaying,
        policy=submission.policy,
    )


class _Allotter:
    """Gives out ids: those that a dossier fixed, else fresh ones in the order asked for."""

    def __init__(self, fixed: Mapping[str, str], made_at: datetime) -> None:
        self._fixed = fixed
        self._at_ms = int(made_at.timestamp() * 1000)
        self._given = 0

    def __call__(self, kind: str, ref: str | None) -> str:
        if ref is not None and ref in self._fixed:
            if ids.kind_of(self._fixed[ref]) != kind:
                raise InvalidValue(f"ids gives {ref} an id that is not of kind {kind}")
            return self._fixed[ref]
        self._given += 1
        return fresh_id(kind, self._at_ms, self._given)


def fresh_id(kind: str, at_ms: int, count: int = 0) -> str:
    """Return a new id; those with a higher `count` of one millisecond sort later."""
    # The first 12 random bits are a counter (RFC 9562, 6.2, method 1).
    dice = (count % 4096) << 68 | secrets.randbits(68)
    return ids.new_id(kind, at_ms=at_ms, entropy=dice.to_bytes(ids.ENTROPY_BYTES, "big"))


def _changeset_id(made_at: datetime) -> str:
    return fresh_id("changeset", int(made_at.timestamp() * 1000))


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


def _own(parsed: _Parsed) -> tuple[Refusal, ...]:
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


def _may_be_on_behalf(editing: Editing, parsed: _Parsed) -> None:
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


# --- deciding -----------------------------------------------------------------


def _decide(
    connection: Connection, submission: Submission, parsed: _Parsed, clock: Clock
) -> _Decided:
    if isinstance(parsed, access.Change):
        return _decide_access(connection, submission, parsed, clock)
    if isinstance(parsed, Redact):
        gaps = decide_redaction(connection, parsed, replaying=submission.origin is not None)
        return _Decided(gaps.steps, gaps.present, parsed.reason, gaps=gaps)
    if parsed is not None:
        return _decide_operations(connection, submission, parsed)
    return _decide_revert(connection, submission, submission.reverts or 0)


def _decide_access(
    connection: Connection, submission: Submission, parsed: access.Change, clock: Clock
) -> _Decided:
    now = clock()
    steps, decided = changing_access.decide(
        connection,
        parsed,
        submission.editing,
        allot=_Allotter(submission.ids, now),
        now=now,
        secrets=submission.secrets,
        environment=submission.environment,
    )
    return _Decided(steps, {}, parsed.reason, refs=decided.refs, access=decided)


def _decide_operations(connection: Connection, submission: Submission, parsed: Commit) -> _Decided:
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
    return _Decided(
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
) -> _Decided:
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
    return _Decided(
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


def _decide_revert(connection: Connection, submission: Submission, position: int) -> _Decided:
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
    return _Decided(steps, present, reason, warnings)


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


# --- sealing ------------------------------------------------------------------


def _prepare(
    submission: Submission, parsed: _Parsed, decided: _Decided, changeset_id: str
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


def _kind(submission: Submission, decided: _Decided) -> ChangesetKind:
    if submission.reverts is not None:
        return ChangesetKind.REVERT
    merges = any(step.action is Action.MERGE for step in decided.steps)
    if merges and submission.kind is ChangesetKind.EDIT:
        return ChangesetKind.MERGE
    return submission.kind


__all__ = [
    "Accepting",
    "Outcome",
    "Submission",
    "Tried",
    "enter_what_stands",
    "fresh_id",
    "in_attempts",
    "instant_text",
    "parsed_operations",
    "submit",
    "submit_within",
    "try_within",
]
