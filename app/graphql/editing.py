"""Mutations: from an input to the one door, and from its outcome to the payload.

The payload is read by one SELECT, as of the position that the edit took. Of a
dry run it is read inside the transaction, before that is rolled back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, TypeAlias, TypeVar, cast

import orjson
from graphql import FieldNode, GraphQLObjectType, get_named_type

from app.commands import proposals
from app.commands.submission import Outcome, Submission
from app.commands.submit import submit
from app.domain.codes import ChangesetKind
from app.domain.errors import (
    IdempotencyKeyReused,
    IdempotencyMismatch,
    ProposalConflict,
    ReadTimedOut,
    Refusal,
    Refused,
    TooDeep,
)
from app.domain.proposals import is_id
from app.graphql.compile import Plan, Selections, make_plan, read_of
from app.graphql.engine import Context, members_of
from app.reads.log import checkpoint_of
from app.store.aside import admit
from app.store.database import Connection
from app.store.database import Engine as Database
from app.store.payloads import PROPOSAL, REFUSED, WRITTEN
from app.store.plan import MOMENT, moment_parameter
from app.store.read_limits import READ_TIMEOUT_S, read_limits
from app.store.reading import Moment, Scope

T = TypeVar("T")

Finished: TypeAlias = dict[str, orjson.Fragment]


class Editing:
    """Carries out mutations for the engine's resolvers."""

    def __init__(
        self,
        database: Database,
        *,
        read_timeout: float = READ_TIMEOUT_S,
        four_eyes: bool = True,
        environment: str = "live",
    ) -> None:
        self._database = database
        self._read_timeout = read_timeout
        self._four_eyes = four_eyes
        self._environment = environment

    async def commit(
        self, context: Context, nodes: Sequence[FieldNode], given: Mapping[str, Any]
    ) -> orjson.Fragment:
        """Write an edit, or tell what stands against it."""
        return await self._submit(context, nodes, _submission(context, given))

    async def revert(
        self, context: Context, nodes: Sequence[FieldNode], given: Mapping[str, Any]
    ) -> orjson.Fragment:
        """Put back what an earlier changeset changed."""
        submission = _submission(context, given, reverts=given["changeset"])
        return await self._submit(context, nodes, submission)

    async def redact(
        self, context: Context, nodes: Sequence[FieldNode], given: Mapping[str, Any]
    ) -> orjson.Fragment:
        """Remove content for good, or tell what stands against it."""
        submission = _submission(context, given, kind=ChangesetKind.REDACTION)
        return await self._submit(context, nodes, submission)

    async def change_access(
        self, context: Context, nodes: Sequence[FieldNode], given: Mapping[str, Any]
    ) -> orjson.Fragment:
        """Change who may act, or tell what stands against it."""
        submission = _submission(
            context, given, kind=ChangesetKind.ACCESS, environment=self._environment
        )
        return await self._submit(context, nodes, submission, of="ChangeAccessPayload")

    async def _submit(
        self,
        context: Context,
        nodes: Sequence[FieldNode],
        submission: Submission,
        of: str = "CommitPayload",
    ) -> orjson.Fragment:
        payload = _Payload(context, nodes, self._read_timeout, of=of)
        await payload.check()
        admit()
        try:
            outcome = await asyncio.to_thread(
                submit, self._database, submission, preview=payload.preview
            )
        except Refused as fault:
            _raise_mismatch(context, fault)
            return await payload.refused(fault.refusals)
        context.is_replayed = outcome.is_replayed and context.at_once
        if outcome.position is not None:
            context.position = outcome.position
        return await payload.done(outcome)

    # --- proposals -------------------------------------------------------------

    async def propose(
        self, context: Context, nodes: Sequence[FieldNode], given: Mapping[str, Any]
    ) -> orjson.Fragment:
        """Keep a changeset that is asked for, or tell what stands against it."""
        return await self._ask(context, nodes, given, proposals.propose)

    async def revise_proposal(
        self, context: Context, nodes: Sequence[FieldNode], given: Mapping[str, Any]
    ) -> orjson.Fragment:
        """Give a proposal another content."""
        return await self._ask(context, nodes, given, proposals.revise)

    async def withdraw_proposal(
        self, context: Context, nodes: Sequence[FieldNode], given: Mapping[str, Any]
    ) -> orjson.Fragment:
        """Take a proposal back."""
        return await self._ask(context, nodes, given, proposals.withdraw)

    async def comment_on_proposal(
        self, context: Context, nodes: Sequence[FieldNode], given: Mapping[str, Any]
    ) -> orjson.Fragment:
        """Say something about a proposal."""
        return await self._ask(context, nodes, given, proposals.comment)

    async def review(
        self, context: Context, nodes: Sequence[FieldNode], given: Mapping[str, Any]
    ) -> orjson.Fragment:
        """Decide on a proposal, or tell what stands against that."""
        command = partial(proposals.review, four_eyes=self._four_eyes)
        return await self._ask(context, nodes, given, command)

    async def _ask(
        self,
        context: Context,
        nodes: Sequence[FieldNode],
        given: Mapping[str, Any],
        command: Callable[..., proposals.Answer],
    ) -> orjson.Fragment:
        payload = _Payload(context, nodes, self._read_timeout, of="ProposalPayload")
        await payload.check()
        admit()
        request = proposals.Request(
            given,
            context.viewer.editor,
            context.idempotency_key(given.get("idempotencyKey")),
            dry_run=bool(given.get("dryRun")),
            at_once=context.at_once,
        )
        try:
            answer = await asyncio.to_thread(command, self._database, request, seen=payload.seen)
        except Refused as fault:
            _raise_mismatch(context, fault)
            wanted = given.get("proposal")
            return await payload.turned_down(fault.refusals, wanted if is_id(wanted) else "")
        context.is_replayed = answer.is_replayed and context.at_once
        if answer.position is not None:
            context.position = answer.position
        return await payload.told(answer)


def _submission(context: Context, given: Mapping[str, Any], **more: Any) -> Submission:
    """Return what is submitted: the input, by whom, and under which idempotency key."""
    return Submission(
        body=given,
        editing=context.viewer.editor,
        idempotency_key=context.idempotency_key(given.get("idempotencyKey")),
        at_once=context.at_once,
        dry_run=bool(given.get("dryRun")),
        **more,
    )


def _raise_mismatch(context: Context, fault: Refused) -> None:
    """Raise what refuses a whole request, if its key came beside it and not in the input."""
    for refusal in fault.refusals:
        if isinstance(refusal, IdempotencyKeyReused) and context.at_once:
            raise IdempotencyMismatch(refusal.message) from fault


class _Payload:
    """The payload of one mutation, as its selection asks for it."""

    def __init__(
        self,
        context: Context,
        nodes: Sequence[FieldNode],
        read_timeout: float,
        of: str = "CommitPayload",
    ) -> None:
        self._context = context
        self._read_timeout = read_timeout
        self._operation = context.asked.operation
        schema = context.engine.core
        self._type = cast("GraphQLObjectType", schema.type_map[of])
        self._selected = self._collect(nodes, self._type)

    def _collect(self, nodes: Sequence[FieldNode], of: GraphQLObjectType) -> Selections:
        sets = [node.selection_set for node in nodes]
        return self._operation.collect(sets, of, self._context.variables)

    async def check(self) -> None:
        """Raise what is wrong with the arguments of the selection before anything is written."""
        await self._planned(self._checked)

    def _checked(self) -> None:
        for plan in (self._plan, self._plan_of_errors):
            if plan is not None:
                plan.values(self._context.variables, {})

    async def _planned(self, plan: Callable[[], T]) -> T:
        return await self._context.engine.planned(self._context.asked, plan)

    # --- written, or tried -----------------------------------------------------

    async def done(self, outcome: Outcome) -> orjson.Fragment:
        """Return the payload of an edit that was written, or of a dry run."""
        try:
            finished = await self._finished(outcome)
            errors = await self._errors(outcome.failures)
        except (TooDeep, ReadTimedOut) as fault:
            if outcome.position is None:
                raise
            raise type(fault)(
                f"the edit was written at position {outcome.position}; its answer cannot be "
                f"read: {fault.message}"
            ) from fault
        return self._assembled(
            {
                **_plain(outcome),
                "userErrors": errors,
                "keys": _new_keys(outcome),
                "skipped": outcome.skipped,
                "upserts": [
                    {"operation": one.place, "id": one.id, "result": one.result}
                    for one in outcome.upserts
                ],
                "checkpoint": await self._checkpoint(),
            },
            finished,
        )

    async def _finished(self, outcome: Outcome) -> Finished:
        """Return what the tables say of the edit."""
        if outcome.position is None:
            return self._nothing() if outcome.preview is None else outcome.preview
        return await self._read({MOMENT: outcome.position, WRITTEN: 1})

    async def _read(self, given: Mapping[str, Any]) -> Finished:
        if self._plan is None:
            return {}
        members, _ = await self._context.engine.run(self._plan, self._context.asked, given)
        return _fragments(members)

    async def _checkpoint(self) -> Mapping[str, Any] | None:
        """Return the newest checkpoint, where the selection asks for it and there is one."""
        wanted = any(nodes[0].name.value == "checkpoint" for nodes in self._selected.values())
        published = await self._context.engine.newest_checkpoint() if wanted else None
        if published is None:
            return None
        return {
            "size": published.size,
            "rootHash": checkpoint_of(published).root.hex(),
            "note": published.note,
            "signedAt": published.signed_at,
        }

    def preview(self, connection: Connection, position: int) -> Finished:
        """Read the payload of a dry run inside its transaction."""
        return self._read_within(connection, {MOMENT: position, WRITTEN: 0})

    def seen(self, connection: Connection, proposal: str, position: int) -> Finished:
        """Do the same of a dry run about a proposal."""
        given = {MOMENT: position, WRITTEN: 0, PROPOSAL: proposal}
        return self._read_within(connection, given)

    def _read_within(self, connection: Connection, given: Mapping[str, Any]) -> Finished:
        plan = self._plan
        if plan is None:
            return {}
        values = plan.values(self._context.variables, {**given, **self._context.viewer.parameters})
        with read_limits(connection, self._read_timeout):
            row = plan.statement.run_within(connection, values)
        return _fragments(members_of(plan.statement.keys, row))

    def _read_selections(self) -> Selections:
        return {
            key: nodes
            for key, nodes in self._selected.items()
            if nodes[0].name.value not in ("__typename", "userErrors")
            and read_of(self._type.fields[nodes[0].name.value]) is not None
        }

    @cached_property
    def _plan(self) -> Plan | None:
        """How the payload is read, None where it asks for nothing from the tables."""
        planned = self._read_selections()
        scope = Scope("head", "head", Moment(moment_parameter()))
        return self._made(planned, scope) if planned else None

    @cached_property
    def _plan_of_errors(self) -> Plan | None:
        """How the records that errors are about are read, None where nobody asks for them."""
        planned = self._table_part_of_errors()
        return self._made(planned, Scope("head", "head", Moment())) if planned else None

    def _made(self, planned: Selections, scope: Scope) -> Plan:
        engine = self._context.engine
        return make_plan(
            self._operation,
            self._context.variables,
            planned,
            self._type,
            scope,
            engine.reader.database,
        )

    # --- about a proposal ------------------------------------------------------

    async def told(self, answer: proposals.Answer) -> orjson.Fragment:
        """Return the payload of what was done about a proposal, or of a dry run."""
        finished = cast("Finished", answer.preview or {})
        if answer.proposal is not None:
            finished = await self._read(_about(answer.proposal, answer.position))
        plain = {**_plain(answer), "userErrors": [], "checkpoint": await self._checkpoint()}
        return self._assembled(plain, finished)

    async def turned_down(self, refusals: Sequence[Refusal], proposal: str) -> orjson.Fragment:
        """Return the payload of a refusal, with the proposal as it stands: one statement."""
        concerned = _concerned(refusals)
        errors, shown = self._table_part_of_errors(), self._read_selections()
        members: Sequence[tuple[str, bytes]] = ()
        if errors or shown:
            scope = Scope("head", "head", Moment(moment_parameter()))
            plan = await self._planned(lambda: self._made({**shown, **errors}, scope))
            given = {**_about(proposal, None), REFUSED: _listed(concerned)}
            members, _ = await self._context.engine.run(plan, self._context.asked, given)
        known = _by_place(concerned, [one for one in members if one[0] in errors])
        plain = {
            "refs": [],
            "warnings": [],
            "userErrors": _shown_errors(refusals, known),
            "leafHash": None,
            "checkpoint": await self._checkpoint(),
        }
        finished = _fragments([one for one in members if one[0] not in errors])
        return self._assembled(plain, finished)

    # --- refused ---------------------------------------------------------------

    async def refused(self, refusals: Sequence[Refusal]) -> orjson.Fragment:
        """Return the payload of an edit that was refused whole."""
        plain: dict[str, Any] = {
            "refs": [],
            "warnings": [],
            "userErrors": await self._errors(refusals),
            "keys": [],
            "skipped": [],
            "upserts": [],
            "leafHash": None,
            "checkpoint": await self._checkpoint(),
        }
        return self._assembled(plain, self._nothing())

    def _nothing(self) -> Finished:
        """Return what the tables say of an edit that was not written."""
        return {
            key: orjson.Fragment(b"null" if nodes[0].name.value == "changeset" else b"[]")
            for key, nodes in self._read_selections().items()
        }

    async def _errors(self, refusals: Sequence[Refusal]) -> list[dict[str, Any]]:
        known = await self._known_of(refusals) if refusals else {}
        return _shown_errors(refusals, known)

    async def _known_of(self, refusals: Sequence[Refusal]) -> dict[int, dict[str, Any]]:
        """Return what the tables know about the records of the refusals, by place."""
        plan, concerned = self._plan_of_errors, _concerned(refusals)
        if plan is None:
            return {}
        given = {REFUSED: _listed(concerned)}
        members, _ = await self._context.engine.run(plan, self._context.asked, given)
        return _by_place(concerned, members)

    def _table_part_of_errors(self) -> Selections:
        """Return the selections of userErrors if any of them reads from the tables."""
        found: Selections = {}
        for key, nodes in self._selected.items():
            if nodes[0].name.value == "userErrors":
                of = cast("GraphQLObjectType", get_named_type(self._type.fields["userErrors"].type))
                inner = self._collect(nodes, of)
                if any(_is_read(of, one) for one in inner.values()):
                    found[key] = nodes
        return found

    # --- putting together ------------------------------------------------------

    def _assembled(self, plain: Mapping[str, Any], finished: Finished) -> orjson.Fragment:
        answer = {
            key: finished[key] if key in finished else self._shown(key, nodes, self._type, plain)
            for key, nodes in self._selected.items()
        }
        return orjson.Fragment(orjson.dumps(answer))

    def _shown(
        self, key: str, nodes: Sequence[FieldNode], of: GraphQLObjectType, value: Mapping[str, Any]
    ) -> Any:
        """Return one field of a plain value as its selection asks for it."""
        name = nodes[0].name.value
        if name == "__typename":
            return of.name
        inner = get_named_type(of.fields[name].type)
        if not isinstance(inner, GraphQLObjectType) or value[name] is None:
            return value[name]
        if isinstance(value[name], Mapping):
            return self._object(key, nodes, inner, value[name])
        return [self._object(key, nodes, inner, one) for one in value[name]]

    def _object(
        self,
        under: str,
        nodes: Sequence[FieldNode],
        of: GraphQLObjectType,
        value: Mapping[str, Any],
    ) -> dict[str, Any]:
        # The same list may be asked for under several aliases, each with its own fields.
        known = value.get(_KNOWN, {}).get(under, {})
        return {
            key: known.get(key, _nothing(one))
            if _is_read(of, one)
            else self._shown(key, one, of, value)
            for key, one in self._collect(nodes, of).items()
        }


_KNOWN = "known to the tables"


_Concerned: TypeAlias = Sequence[tuple[int, Mapping[str, Any]]]
"""The records of refusals: id and version, each with the place of its refusal."""


def _concerned(refusals: Sequence[Refusal]) -> _Concerned:
    return [
        (place, {"id": record_id, "version": getattr(one, "based_on", 2**31 - 1)})
        for place, one in enumerate(refusals)
        if (record_id := getattr(one, "record_id", None)) is not None
    ]


def _listed(concerned: _Concerned) -> str:
    return orjson.dumps([found for _, found in concerned]).decode()


def _by_place(
    concerned: _Concerned, members: Sequence[tuple[str, bytes]]
) -> dict[int, dict[str, Any]]:
    """Return what the tables say of each refusal, by its place."""
    known: dict[int, dict[str, Any]] = {}
    for key, value in members:
        for (place, _), found in zip(concerned, orjson.loads(value), strict=True):
            known.setdefault(place, {})[key] = found
    return {place: {_KNOWN: found} for place, found in known.items()}


def _shown_errors(
    refusals: Sequence[Refusal], known: Mapping[int, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    return [
        {
            "code": one.code,
            "message": one.message,
            "path": [str(step) for step in one.path],
            "conflict": _conflict(one),
            **known.get(place, {}),
        }
        for place, one in enumerate(refusals)
    ]


def _about(proposal: str, position: int | None) -> dict[str, Any]:
    """Return the parameters with which the answer about a proposal is read."""
    # What was not written has no changeset, whatever the position.
    return {MOMENT: position or 0, WRITTEN: int(position is not None), PROPOSAL: proposal}


def _plain(outcome: Outcome | proposals.Answer) -> dict[str, Any]:
    """Return what of an outcome stands in no table."""
    return {
        "refs": [{"ref": ref, "id": found} for ref, found in outcome.refs.items()],
        "warnings": [
            {
                "code": one.code,
                "message": one.message,
                "record": one.record_id,
                "field": one.field,
            }
            for one in outcome.warnings
        ],
        "leafHash": None if outcome.leaf_hash is None else outcome.leaf_hash.hex(),
    }


def _new_keys(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the keys that were made, which are told this once."""
    refs = {found: ref for ref, found in outcome.refs.items()}
    return [{"id": one, "ref": refs.get(one), "key": key} for one, key in outcome.keys.items()]


def _conflict(refusal: Refusal) -> dict[str, Any] | None:
    """Return where the ledger moved on, of a conflict about a field."""
    if not isinstance(refusal, ProposalConflict) or refusal.field is None:
        return None
    return {
        "field": refusal.field,
        "basedOn": refusal.based_on,
        "base": refusal.base,
        "present": refusal.present,
        "proposed": refusal.proposed,
    }


def _is_read(of: GraphQLObjectType, nodes: Sequence[FieldNode]) -> bool:
    name = nodes[0].name.value
    return name in of.fields and read_of(of.fields[name]) is not None


def _nothing(nodes: Sequence[FieldNode]) -> Any:
    """Return what a field shows of a refusal that is about no record: null, or no rows."""
    return [] if nodes[0].name.value == "changesetsBetween" else None


def _fragments(members: Sequence[tuple[str, bytes]]) -> Finished:
    return {key: orjson.Fragment(value) for key, value in members}
