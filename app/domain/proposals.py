"""Proposals: what a contributor asks for, and what becomes of it when the ledger moves on.

A draft is kept as the operations of a `CommitInput`, based on the versions that the
contributor saw. Accepting it carries it over to the present, field by field, as a merge
of three: what was seen, what is held now, what is asked for. Where the present moved on
in what is asked for, nothing is decided by guessing: each such field is a conflict.

Pure: the records at the versions seen, and now, are parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from app.domain import ids, texts
from app.domain.codes import Decision, ProposalState, ReasonCode, RecordState
from app.domain.errors import InvalidInput, InvalidValue, ProposalConflict, Refusal, Refused
from app.domain.operations import (
    NOTE_LIMIT,
    Add,
    Operation,
    Revise,
    mapping,
    no_unknown,
    parse_reason,
)
from app.domain.records import Record, Step, kind_name

WAITING: Final = frozenset({ProposalState.OPEN, ProposalState.RETURNED})
"""The states in which something can still be decided."""

STATE_AFTER: Final[Mapping[Decision, ProposalState]] = {
    Decision.ACCEPT: ProposalState.ACCEPTED,
    Decision.RETURN: ProposalState.RETURNED,
    Decision.REJECT: ProposalState.REJECTED,
}

PUBLIC_NOTES: Final[Mapping[ProposalState, str]] = {
    ProposalState.RETURNED: "A proposal was sent back to its contributor.",
    ProposalState.REJECTED: "A proposal was rejected.",
    ProposalState.WITHDRAWN: "A proposal was withdrawn.",
}
"""What everybody reads of a decision; which proposal, and why, is for those concerned."""

REVIEW_CODE: Final = ReasonCode.OTHER


def is_id(text: Any) -> TypeGuard[str]:
    """Whether a text is the id of a proposal, which may be there or not."""
    try:
        return ids.kind_of(text) == "proposal"
    except InvalidValue:
        return False


# --- parsing --------------------------------------------------------------------


def body_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a `ProposeInput` that is a commit."""
    return {name: asked[name] for name in ("reason", "operations") if name in asked}


def parse_message(asked: Mapping[str, Any], name: str = "message") -> str | None:
    """Return a note to reviewers or contributors; raise `Refused` where it is unfit."""
    faults: list[Refusal] = []
    found = _note(asked, name, faults, why="")
    if faults:
        raise Refused(tuple(faults))
    return found


def _note(
    body: Mapping[str, Any], name: str, faults: list[Refusal], *, why: str, required: bool = False
) -> str | None:
    if body.get(name) is None and not required:
        return None
    try:
        return texts.text(body.get(name), limit=NOTE_LIMIT, multiline=True)
    except InvalidValue as fault:
        faults.append(InvalidInput(f"{name} {fault.message}{why}", path=(name,)))
        return None


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer says to one revision of a proposal, as it was parsed."""

    proposal: str
    revision: int
    decision: Decision
    note: str | None
    reason: Mapping[str, Any] | None


def parse_review(value: Any) -> Review:
    """Return the review that a JSON-able `ReviewInput` describes.

    Raises `Refused` with everything that is wrong with it, each with its path.
    """
    faults: list[Refusal] = []
    body = mapping(value, (), faults)
    known = {"proposal", "revision", "decision", "note", "reason", "idempotencyKey", "dryRun"}
    no_unknown(body, known, (), faults)
    decision = _decision(body.get("decision"), faults)
    required = decision is not Decision.ACCEPT
    note = _note(body, "note", faults, required=required, why="; tell the contributor why")
    reason = body.get("reason")
    if reason is not None and decision is not Decision.ACCEPT:
        message = "a reason is that of a changeset, so it goes with ACCEPT"
        faults.append(InvalidInput(message, path=("reason",)))
    elif reason is not None:
        parse_reason(reason, faults)
    revision = body.get("revision")
    if not isinstance(revision, int) or isinstance(revision, bool) or revision < 1:
        faults.append(
            InvalidInput("revision must be the one that was read, 1 or more", path=("revision",))
        )
    if faults:
        raise Refused(tuple(faults))
    return Review(str(body.get("proposal")), int(revision or 0), decision, note, reason)


def _decision(value: Any, faults: list[Refusal]) -> Decision:
    if isinstance(value, str) and value in Decision.__members__:
        return Decision[value]
    known = ", ".join(Decision.__members__)
    faults.append(InvalidInput(f"decision must be one of {known}", path=("decision",)))
    return Decision.COMMENT


# --- what is kept ---------------------------------------------------------------


_MADE_UP: Final = "#proposed-"


def is_made_up(ref: str) -> bool:
    """Whether a ref was given to a record here, as the contributor gave none."""
    return ref.startswith(_MADE_UP)


def with_refs(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with a ref for every record that it may add, so that its id can be kept."""
    operations = body.get("operations")
    if not isinstance(operations, list):
        return dict(body)
    taken = {inner.get("ref") for _, inner in _added(operations)}
    free = (f"{_MADE_UP}{number}" for number in range(1, 2 * len(operations) + 2))
    names = (name for name in free if name not in taken)
    return {**body, "operations": [_with_ref(one, names) for one in operations]}


def _added(operations: Sequence[Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for one in operations:
        if isinstance(one, Mapping):
            for tag, inner in one.items():
                if str(tag).startswith(("add", "upsert")) and isinstance(inner, Mapping):
                    yield tag, inner


def _with_ref(operation: Any, names: Iterable[str]) -> Any:
    if not any(inner.get("ref") is None for _, inner in _added([operation])):
        return operation
    ((tag, inner),) = operation.items()
    return {tag: {**inner, "ref": next(iter(names))}}


def changing_only(body: Mapping[str, Any], steps: Sequence[Step]) -> dict[str, Any]:
    """Return the body without the fields that are set to what is held already.

    What a contributor leaves as it is, the present may move on in.
    """
    changed = {one.path: {change.field for change in one.changes} for one in steps}
    operations = []
    for place, one in enumerate(body["operations"]):
        ((tag, inner),) = one.items()
        fields = changed.get(("operations", place, tag))
        if tag.startswith("revise") and fields is not None:
            given = {name: value for name, value in inner["set"].items() if name in fields}
            one = {tag: {**inner, "set": given}}  # noqa: PLW2901 - the same operation, with less
        operations.append(one)
    return {**body, "operations": operations}


def spelled(
    body: Mapping[str, Any], spelled_out: Mapping[int, Mapping[str, Any] | None]
) -> dict[str, Any]:
    """Return the body with other operations at some places; None takes one out.

    What is kept says what it does: an upsert would do something else each day.
    """
    operations = [spelled_out.get(place, one) for place, one in enumerate(body["operations"])]
    return {**body, "operations": [one for one in operations if one is not None]}


def is_claims_alone(steps: Iterable[tuple[str, str]]) -> bool:
    """Whether steps, each a record and an action, are of claims and nothing else."""
    return all(kind_name(record_id) == "claim" for record_id, _ in steps)


# --- carrying over to the present -----------------------------------------------


def carried_over(
    body: Mapping[str, Any],
    operations: Sequence[Operation],
    base: Mapping[tuple[str, int], Record],
    present: Mapping[str, Record],
) -> dict[str, Any]:
    """Return the body based on the present, in which `base` may have moved on elsewhere.

    `operations` are those of the body, parsed. What is held already as it was asked for is
    left out. Raises `Refused` with a `ProposalConflict` for each field in which the present
    moved on, and for each record whose state did, or where nothing is left to be done.
    """
    faults: list[Refusal] = []
    kept: list[Any] = []
    for given, operation in zip(body["operations"], operations, strict=True):
        if isinstance(operation, Add):
            kept.append(given)
            continue
        seen, held = base[operation.id, operation.version], present[operation.id]
        if seen.version == held.version:
            kept.append(given)
            continue
        again = _again(given, operation, seen, held, faults)
        if again is not None:
            kept.append(again)
    if faults:
        raise Refused(tuple(faults))
    if not kept:
        raise Refused(
            (ProposalConflict("the ledger holds all of it already", path=("operations",)),)
        )
    return {**body, "operations": kept}


def _again(
    given: Mapping[str, Any],
    operation: Operation,
    seen: Record,
    held: Record,
    faults: list[Refusal],
) -> dict[str, Any] | None:
    """Return an operation based on the version held; None where nothing of it is left."""
    ((tag, inner),) = given.items()
    if held.state is not seen.state:
        faults.append(_state_conflict(operation, seen, held))
        return None
    again = {**inner, "version": held.version}
    if isinstance(operation, Revise):
        left = {
            name: inner["set"][name]
            for name, wanted in operation.given.items()
            if not _is_done(name, wanted, operation, seen, held, faults)
        }
        if not left:
            return None
        again["set"] = left
    return {tag: again}


def _is_done(  # noqa: PLR0913, PLR0917 - one field, seen from three sides
    name: str,
    wanted: Any,
    operation: Operation,
    seen: Record,
    held: Record,
    faults: list[Refusal],
) -> bool:
    """Whether a field holds already what is asked for; a conflict is told to `faults`."""
    base, now = seen.fields.get(name), held.fields.get(name)
    if now == wanted != base:
        return True
    if now != base:
        faults.append(
            ProposalConflict(
                f"{held.id}: {name} was changed after the proposal was made (it was based on "
                f"version {seen.version}, now it is version {held.version}); decide which is "
                "right, and have the proposal revised",
                record_id=held.id,
                based_on=seen.version,
                current=held.version,
                field=name,
                base=base,
                present=now,
                proposed=wanted,
                path=(*operation.path, "set", name),
            )
        )
    return False


def _state_conflict(operation: Operation, seen: Record, held: Record) -> ProposalConflict:
    done = f"was merged into {held.fields.get('mergedInto')}" if (
        held.state is RecordState.MERGED
    ) else f"is {held.state} now"  # fmt: skip
    return ProposalConflict(
        f"{held.id} {done}; it was {seen.state} when the proposal was made",
        record_id=held.id,
        based_on=seen.version,
        current=held.version,
        field="state",
        base=str(seen.state),
        present=str(held.state),
        path=operation.path,
    )
