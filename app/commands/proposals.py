"""Proposals: made by contributors, decided on by editors, each in one transaction.

A proposal is decided like a commit when it is made, and again when it is accepted, through
the one door (`app.commands.submit`): carried over to the present first, and written as its
reviewer's changeset on behalf of its newsroom. Every decision is in the log: an accepted
one as that changeset, the others as an entry of kind REVIEW, which says in a restricted
disclosure what was decided on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from app.commands.changing_access import require_standing
from app.commands.idempotent import earlier_answer, keyed_by, remember
from app.commands.sealing import revisions_subtree, seal, seal_headers
from app.commands.submission import Accepting, Outcome, Submission, fresh_id, utc_now
from app.commands.submit import in_attempts, parsed_operations, submit_within, try_within
from app.domain import ids, proposals
from app.domain.codes import (
    ChangesetKind,
    Decision,
    ProposalEventKind,
    ProposalState,
    Role,
)
from app.domain.decisions import Editing
from app.domain.errors import (
    Forbidden,
    InvalidInput,
    OwnProposal,
    ProposalDecided,
    ProposalRedacted,
    ProposalRevised,
    Refusal,
    Refused,
    StaleVersion,
    UnknownProposal,
)
from app.domain.operations import Add
from app.domain.permissions import Act, Reach
from app.domain.proposals import Review
from app.domain.redacting import REVIEW_HEADER
from app.domain.warnings import Caution
from app.store import proposals as store
from app.store.database import BrokenOff, Connection, Engine
from app.store.dossiers import head_position
from app.store.idempotency import Answered
from app.store.ledger import Appended, Clock, Prepared, append, instant_text
from app.store.proposals import Draft, Event, Proposal
from app.store.records import load_present

Seen: TypeAlias = Callable[[Connection, str, int], Any]
"""Reads an answer inside a dry run's transaction: of a proposal, as of a position."""

_INPUT: Final = "input"
"""The name of a draft's disclosure."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for something about proposals, and how: `body` is the input as it was sent."""

    body: Mapping[str, Any]
    editing: Editing
    idempotency_key: str | None = None
    dry_run: bool = False
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. Of a dry run `proposal` is None and `preview` what was read inside.

    `position` is that of the entry in the log, where a decision made one; `accepted` says
    that it is a changeset of edits.
    """

    proposal: str | None
    position: int | None = None
    leaf_hash: bytes | None = None
    accepted: bool = False
    warnings: tuple[Caution, ...] = ()
    refs: Mapping[str, str] = field(default_factory=dict)
    preview: Any = None
    is_replayed: bool = field(default=False, compare=False)


# --- the contributor's ----------------------------------------------------------


def propose(
    engine: Engine, request: Request, *, clock: Clock = utc_now, seen: Seen | None = None
) -> Answer:
    """Keep a changeset that is asked for, decided against the present as a commit would be.

    Raises `Refused` with all that stands against it, `Forbidden` for whoever may not propose.
    """
    request.editing.require(Act.PROPOSE)
    _no_unknown(request.body, _PROPOSED)
    message = proposals.parse_message(request.body)
    body = proposals.with_refs(proposals.body_of(request.body))

    def work(connection: Connection) -> Answer:
        now = clock()
        proposal = fresh_id("proposal", int(now.timestamp() * 1000))
        at = instant_text(now)
        editing = request.editing
        drafted = _drafted(connection, editing, body, {}, clock)
        store.enter(connection, proposal, newsroom=editing.newsroom, editor=editing.editor, at=at)
        _keep(connection, proposal, 1, drafted, at)
        _tell(connection, request, proposal, 1, ProposalEventKind.PROPOSE, at, note=message)
        return _answer(proposal, drafted)

    return _once(engine, request, "propose", work, clock, seen)


def revise(
    engine: Engine, request: Request, *, clock: Clock = utc_now, seen: Seen | None = None
) -> Answer:
    """Give one's proposal another content; it is open again then, as its next revision."""
    request.editing.require(Act.PROPOSE)
    _no_unknown(request.body, {*_PROPOSED, "proposal", "revision"})
    message = proposals.parse_message(request.body)
    body = proposals.with_refs(proposals.body_of(request.body))

    def work(connection: Connection) -> Answer:
        at = instant_text(clock())
        held = _waiting(connection, request)
        _require_own(held, request.editing, "revise")
        _require_revision(held, request.body)
        before = store.draft_of(connection, held.id, held.revision)
        known = {} if before.content is None else _ids_again(before.ids, body)
        drafted = _drafted(connection, request.editing, body, known, clock)
        revision = held.revision + 1
        _keep(connection, held.id, revision, drafted, at)
        kind = ProposalEventKind.REVISE
        _tell(connection, request, held.id, revision, kind, at, note=message)
        store.move(connection, held.id, ProposalState.OPEN, at=at, revision=revision)
        return _answer(held.id, drafted)

    return _once(engine, request, "revise", work, clock, seen)


def withdraw(
    engine: Engine, request: Request, *, clock: Clock = utc_now, seen: Seen | None = None
) -> Answer:
    """Take a proposal back: its contributor, or an ADMIN of the contributor's newsroom."""
    request.editing.require(Act.PROPOSE)
    _no_unknown(request.body, {"proposal", "note", "idempotencyKey", "dryRun"})
    note = proposals.parse_message(request.body, "note")

    def work(connection: Connection) -> Answer:
        held = _waiting(connection, request)
        if Act.WITHDRAW_OTHERS not in request.editing.acts:
            _require_own(held, request.editing, "withdraw")
        return _decided(connection, request, held, ProposalState.WITHDRAWN, note, clock)

    return _once(engine, request, "withdraw", work, clock, seen)


def comment(
    engine: Engine, request: Request, *, clock: Clock = utc_now, seen: Seen | None = None
) -> Answer:
    """Say something about a proposal of one's newsroom; reviewers do it by a review."""
    request.editing.require(Act.PROPOSE)
    _no_unknown(request.body, {"proposal", "note", "idempotencyKey", "dryRun"})
    note = proposals.parse_message(request.body, "note")
    if note is None:
        raise Refused((InvalidInput("note must say something", path=("note",)),))

    def work(connection: Connection) -> Answer:
        held = _waiting(connection, request)
        return _commented(connection, request, held, note, clock)

    return _once(engine, request, "comment", work, clock, seen)


# --- the reviewer's -------------------------------------------------------------


def review(
    engine: Engine,
    request: Request,
    *,
    four_eyes: bool = True,
    clock: Clock = utc_now,
    seen: Seen | None = None,
) -> Answer:
    """Comment on, return, reject or accept one revision of a proposal.

    With `four_eyes` nobody accepts what is their own. Raises `Refused` with every conflict
    where the present moved on in what is asked for; nothing is written then.
    """
    request.editing.require(Act.DECIDE)
    asked = proposals.parse_review(request.body)

    def work(connection: Connection) -> Answer:
        held = _waiting(connection, request, Act.DECIDE)
        _require_revision(held, request.body)
        if asked.decision is Decision.COMMENT:
            return _commented(connection, request, held, asked.note or "", clock)
        _require_within_reach(connection, held, request.editing)
        if asked.decision is Decision.ACCEPT:
            if four_eyes and held.editor == request.editing.editor:
                raise _refused(OwnProposal, "nobody accepts their own proposal; ask a colleague")
            return _accepted(connection, request, held, asked, clock)
        if asked.decision is Decision.RETURN and held.state is ProposalState.RETURNED:
            raise _refused(ProposalDecided, f"{held.id} was sent back already; it waits for its "
                           "contributor")  # fmt: skip
        state = proposals.STATE_AFTER[asked.decision]
        return _decided(connection, request, held, state, asked.note, clock)

    return _once(engine, request, "review", work, clock, seen)


def _accepted(
    connection: Connection, request: Request, held: Proposal, asked: Review, clock: Clock
) -> Answer:
    draft = store.draft_of(connection, held.id, held.revision)
    if draft.content is None:
        raise _refused(
            ProposalRedacted,
            f"what {held.id} asked for was redacted; its contributor has to revise it",
        )
    outcome = _written(connection, request.editing, held, draft, asked, clock)
    if outcome.position is None or outcome.recorded_at is None:
        raise AssertionError("what is accepted is written")
    at = outcome.recorded_at
    kind = ProposalEventKind.ACCEPT
    _tell(connection, request, held.id, held.revision, kind, at, position=outcome.position)
    store.move(
        connection, held.id, ProposalState.ACCEPTED, at=at, revision=held.revision,
        is_decided=True, changeset=outcome.position,
    )  # fmt: skip
    return Answer(
        held.id,
        outcome.position,
        outcome.leaf_hash,
        accepted=True,
        warnings=outcome.warnings,
        refs=_own_refs(outcome.refs),
    )


def _written(  # noqa: PLR0913, PLR0917 - what an accepted changeset comes from
    connection: Connection,
    editing: Editing,
    held: Proposal,
    draft: Draft,
    asked: Review,
    clock: Clock,
) -> Outcome:
    """Write what is asked for, as it stands to the present, through the one door."""
    body = {**draft.body, **({} if asked.reason is None else {"reason": asked.reason})}
    behalf = None if held.newsroom == editing.newsroom else held.newsroom
    submission = Submission(
        body,
        # Deciding was allowed, and includes the commit.
        replace(editing, on_behalf_of=behalf, scopes=None),
        ids=draft.ids,
        accepting=Accepting(
            held.id, held.editor, _decision_of(held, draft.digest, "ACCEPT", asked.note)
        ),
    )
    submission = replace(submission, body=_carried_over(connection, submission, clock))
    try:
        return submit_within(connection, submission, clock=clock)
    except Refused as fault:
        if any(isinstance(one, StaleVersion) for one in fault.refusals):
            # Somebody wrote between the look and the lock: look again.
            raise BrokenOff from fault
        raise


def _carried_over(
    connection: Connection, submission: Submission, clock: Clock
) -> Mapping[str, Any]:
    operations = parsed_operations(submission, clock=clock)
    seen = [(one.id, one.version) for one in operations if not isinstance(one, Add)]
    base = store.versions(connection, seen)
    present = load_present(connection, {record_id for record_id, _ in seen})
    return proposals.carried_over(submission.body, operations, base, present)


# --- what both need -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Drafted:
    content: Mapping[str, Any]
    steps: Sequence[Any]
    warnings: tuple[Caution, ...]
    refs: Mapping[str, str]
    based_on: int


_PROPOSED: Final = frozenset({"reason", "operations", "message", "idempotencyKey", "dryRun"})


def _drafted(
    connection: Connection,
    editing: Editing,
    body: Mapping[str, Any],
    known: Mapping[str, str],
    clock: Clock,
) -> _Drafted:
    """Return a draft: decided as if an editor of the house committed it for this newsroom."""
    asked = replace(editing, role=Role.EDITOR, is_house=True, on_behalf_of=None, scopes=None)
    tried = try_within(connection, Submission(body, asked, ids=known), clock=clock)
    kept = proposals.spelled(proposals.changing_only(body, tried.steps), tried.spelled)
    return _Drafted(
        {**kept, "ids": dict(tried.ids)},
        tried.steps,
        tried.warnings,
        tried.refs,
        head_position(connection),
    )


def _ids_again(known: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids that records keep which a revision adds under the same ref and kind."""
    added = {
        inner.get("ref"): tag.removeprefix("add").removeprefix("upsert").lower()
        for one in body.get("operations") or ()
        if isinstance(one, Mapping)
        for tag, inner in one.items()
        if str(tag).startswith(("add", "upsert")) and isinstance(inner, Mapping)
    }
    return {
        ref: record_id
        for ref, record_id in known.items()
        if ref in added and ids.kind_of(record_id) == added[ref]
    }


def _keep(connection: Connection, proposal: str, revision: int, drafted: _Drafted, at: str) -> None:
    store.add_draft(
        connection,
        proposal,
        revision,
        # As it is read again: codes are plain texts there.
        seal(_INPUT, json.loads(json.dumps(drafted.content))),
        drafted.steps,
        based_on=drafted.based_on,
        at=at,
    )


def _answer(proposal: str, drafted: _Drafted) -> Answer:
    return Answer(proposal, warnings=drafted.warnings, refs=_own_refs(drafted.refs))


def _own_refs(refs: Mapping[str, str]) -> dict[str, str]:
    return {ref: found for ref, found in refs.items() if not proposals.is_made_up(ref)}


def _decided(  # noqa: PLR0913, PLR0917 - what is decided, by whom and when
    connection: Connection,
    request: Request,
    held: Proposal,
    state: ProposalState,
    note: str | None,
    clock: Clock,
) -> Answer:
    """Write a decision other than accepting: an entry of its own, and the state it brings."""
    kind = _KINDS[state]
    digest = store.draft_of(connection, held.id, held.revision).digest
    editing = require_standing(connection, request.editing, clock())
    appended = _append(connection, editing, held, state, note, digest, clock)
    at = appended.recorded_at
    _tell(connection, request, held.id, held.revision, kind, at, position=appended.position)
    store.move(
        connection, held.id, state, at=at, revision=held.revision,
        is_decided=state not in proposals.WAITING,
    )  # fmt: skip
    return Answer(held.id, appended.position, appended.leaf_hash)


_KINDS: Final = {
    ProposalState.RETURNED: ProposalEventKind.RETURN,
    ProposalState.REJECTED: ProposalEventKind.REJECT,
    ProposalState.WITHDRAWN: ProposalEventKind.WITHDRAW,
}


def _append(  # noqa: PLR0913, PLR0917 - what an entry consists of
    connection: Connection,
    editing: Editing,
    held: Proposal,
    state: ProposalState,
    note: str | None,
    digest: str,
    clock: Clock,
) -> Appended:
    headers = seal_headers(
        {"editorName": editing.name, "note": proposals.PUBLIC_NOTES[state]},
        {REVIEW_HEADER: _decision_of(held, digest, _KINDS[state], note)},
    )
    prepared = Prepared(
        id=fresh_id("changeset", _milliseconds(clock())),
        kind=ChangesetKind.REVIEW,
        editor=editing.editor,
        newsroom=editing.newsroom,
        role=editing.role,
        reason_code=proposals.REVIEW_CODE,
        headers=headers,
        steps=(),
        revisions=revisions_subtree(()),
    )
    return append(connection, prepared, clock)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _decision_of(held: Proposal, digest: str, decision: str, note: str | None) -> dict[str, Any]:
    """Return what the log keeps, restricted, of a decision."""
    return {
        "proposal": held.id,
        "revision": held.revision,
        "decision": str(decision),
        "draft": digest,
        "note": note,
    }


def _commented(
    connection: Connection, request: Request, held: Proposal, note: str, clock: Clock
) -> Answer:
    at = instant_text(clock())
    kind = ProposalEventKind.COMMENT
    _tell(connection, request, held.id, held.revision, kind, at, note=note)
    store.touch(connection, held.id, at)
    return Answer(held.id)


def _tell(  # noqa: PLR0913, PLR0917 - what an event consists of
    connection: Connection,
    request: Request,
    proposal: str,
    revision: int,
    kind: ProposalEventKind,
    at: str,
    *,
    note: str | None = None,
    position: int | None = None,
) -> None:
    event = Event(
        kind,
        request.editing.editor,
        request.editing.newsroom,
        at,
        note,
        position,
    )
    store.add_event(connection, proposal, revision, event)


# --- once, and tried again ------------------------------------------------------


def _once(  # noqa: PLR0913, PLR0917 - what every request needs
    engine: Engine,
    request: Request,
    what: str,
    work: Callable[[Connection], Answer],
    clock: Clock,
    seen: Seen | None,
) -> Answer:
    """Do the work in one transaction, or return what the same request was answered before."""
    key = None if request.dry_run else request.idempotency_key
    keyed = keyed_by(request.editing, key, [what, request.body], at_once=request.at_once)

    def attempt(connection: Connection) -> Answer:
        earlier = earlier_answer(connection, keyed, clock())
        if earlier is not None:
            return _answered(earlier)
        answer = work(connection)
        if not request.dry_run:
            kept = {
                "proposal": answer.proposal,
                "accepted": answer.accepted,
                "refs": dict(answer.refs),
            }
            at = instant_text(clock())
            remember(
                connection, keyed, at=at, position=answer.position, warnings=answer.warnings,
                answer=kept,
            )  # fmt: skip
            return answer
        position = answer.position or head_position(connection)
        read = None if seen is None else seen(connection, answer.proposal or "", position)
        connection.rollback()
        return replace(answer, proposal=None, position=None, leaf_hash=None, preview=read)

    return in_attempts(engine, keyed, attempt)


def _answered(earlier: Answered) -> Answer:
    return Answer(
        earlier.answer["proposal"],
        earlier.position,
        earlier.leaf_hash,
        accepted=earlier.answer["accepted"],
        warnings=earlier.warnings,
        refs=earlier.answer["refs"],
        is_replayed=True,
    )


# --- who may, and when ----------------------------------------------------------


def _waiting(connection: Connection, request: Request, act: Act = Act.PROPOSE) -> Proposal:
    """Return the proposal that a request names, if it is within reach and not decided."""
    held = _held(connection, request.body.get("proposal"))
    # One of another newsroom is as unknown as one that is not there.
    if held is None or not _is_within(request.editing, act, held):
        raise _refused(UnknownProposal, "there is no such proposal", "proposal")
    if held.state not in proposals.WAITING:
        at = "" if held.changeset is None else f" as changeset {held.changeset}"
        raise _refused(ProposalDecided, f"{held.id} is {held.state}{at}; that is final", "proposal")
    return held


def _held(connection: Connection, wanted: object) -> Proposal | None:
    # Not every database can be asked for any text.
    return store.lock(connection, wanted) if proposals.is_id(wanted) else None


def _is_within(editing: Editing, act: Act, held: Proposal) -> bool:
    return editing.reach(act) is Reach.LEDGER or held.newsroom == editing.newsroom


def _require_own(held: Proposal, editing: Editing, what: str) -> None:
    if held.editor != editing.editor:
        raise Forbidden(f"only its contributor may {what} a proposal; comment on it instead")


def _require_revision(held: Proposal, body: Mapping[str, Any]) -> None:
    if body.get("revision") != held.revision:
        raise _refused(
            ProposalRevised,
            f"{held.id} is at revision {held.revision} now; read that one first",
            "revision",
        )


def _require_within_reach(connection: Connection, held: Proposal, editing: Editing) -> None:
    """What the ledger holds is decided on by the house; a newsroom decides on its own claims."""
    if editing.reach(Act.DECIDE) is Reach.LEDGER:
        return
    if not proposals.is_claims_alone(store.steps_of(connection, held.id, held.revision)):
        raise Forbidden(
            "this proposal changes more than your newsroom's claims, so the house decides on it; "
            "comment on it instead"
        )


def _no_unknown(body: Mapping[str, Any], allowed: frozenset[str] | set[str]) -> None:
    unknown = [name for name in body if name not in allowed]
    if unknown:
        known = ", ".join(sorted(allowed))
        raise Refused(
            tuple(
                InvalidInput(f"{name} is unknown here; known are {known}", path=(name,))
                for name in unknown
            )
        )


def _refused(kind: type[Refusal], message: str, *path: str) -> Refused:
    return Refused((kind(message, path=path),))


__all__ = ["Answer", "Request", "comment", "propose", "review", "revise", "withdraw"]
