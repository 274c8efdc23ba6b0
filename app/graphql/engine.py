"""Answering documents: prepared once, planned once, run as one SELECT.

An operation whose fields the tables answer never meets the executor: its plan
is bound, run, and the database's JSON is sent. Whatever else it holds
(`viewer`, mutations, introspection) goes through Strawberry's executor, which
finds the finished JSON of the other fields in its context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

import orjson
import structlog
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLField,
    OperationType,
    assert_valid_schema,
    execute,
    get_named_type,
    get_variable_values,
)
from graphql.execution.values import VariableValues

from app.domain.codes import RequestKind
from app.domain.errors import (
    BadRequest,
    IdempotencyInProgress,
    IdempotencyMismatch,
    TooCostly,
    TooLarge,
    WrongRequest,
)
from app.domain.limits import DEFAULTS, Limits
from app.graphql.answering import (
    ERRORS_SHOWN,
    Answer,
    internal,
    refusal,
    refused,
    request_errors,
    shown_error,
)
from app.graphql.caching import Answers, Found, Question
from app.graphql.compile import (
    Operation,
    Plan,
    make_plan,
    read_of,
    shape_of,
)
from app.graphql.cost import Cost, estimate
from app.graphql.demand import check_text, check_variables
from app.graphql.preparing import PreparedDocuments
from app.graphql.remembering import EMPTY, Kept, Shelf
from app.graphql.rules import refusal_for
from app.graphql.schema import Executor, build_schema, core_schema
from app.graphql.viewer import Viewer
from app.reads.log import LogReading
from app.store.aside import Aside
from app.store.checkpoints import Published
from app.store.reader import Reader
from app.store.reading import Moment, Scope

logger = structlog.get_logger(__name__)

T = TypeVar("T")

PLANS_KEPT: Final = 6_000_000
"""Characters of SQL of the plans that are kept; with its plan, each takes two to four bytes."""

SHORT: Final = 400
"""Characters of a document that is prepared at once; a longer one in a thread beside the loop."""

FEW: Final = 5
"""Objects and lists of a short document that is planned at once; any other in that thread."""

MANY: Final = 500
"""Values in the variables of a request from which on they are read in that thread as well."""

ROOT_SCOPE: Final = Scope("head", "head", Moment())


@dataclass(frozen=True, slots=True)
class Shaped:
    """What the tables answer of an operation, for one shape of its variables.

    `plan` is None where they answer nothing of it; `is_whole` says that they
    answer all of it.
    """

    cost: Cost
    plan: Plan | None
    is_whole: bool

    @property
    def weight(self) -> int:
        """About how many characters of SQL it is."""
        return EMPTY + (0 if self.plan is None else len(self.plan.statement.sql))


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that can be executed: which operation, with which variables, by whom.

    `idempotency_key` came beside it, for its one mutation.
    """

    source: str
    document: DocumentNode
    name: str
    operation: Operation
    plans: Shelf[Shaped]
    variables: VariableValues
    raw_variables: Mapping[str, Any]
    viewer: Viewer
    idempotency_key: str | None = None
    is_new: bool = False


class Engine:
    """Answers GraphQL requests over one ledger.

    `commands` carries out mutations; it and `log`, which `log` of the contract is read
    from, are given by the roof. `room` is how many
    bytes of answers are kept. Without `introspection` questions about the schema
    are refused, and errors suggest no names either.
    """

    def __init__(  # noqa: PLR0913 - what an operator may choose
        self,
        reader: Reader,
        commands: Any,
        limits: Limits = DEFAULTS,
        *,
        log: LogReading | None = None,
        room: int = 0,
        introspection: bool = True,
        suggestions: bool = True,
    ) -> None:
        self.schema = build_schema()
        self.core = core_schema(self.schema)
        self.reader = reader
        self.commands = commands
        self.log = log
        self.answers = Answers(reader, room)
        self._limits = limits
        self._hide_suggestions = not (introspection and suggestions)
        # Found out once, and not in the time of the first request.
        assert_valid_schema(self.core)
        self.aside = Aside("documents")
        plans: Kept[Shaped] = Kept(PLANS_KEPT, lambda _, shaped: shaped.weight)
        self.documents = PreparedDocuments(
            self.core,
            limits,
            plans,
            introspection=introspection,
            hide_suggestions=self._hide_suggestions,
        )

    async def answer(  # noqa: PLR0913 - what a request consists of
        self,
        source: str,
        variables: Mapping[str, Any] | None,
        operation_name: str | None,
        viewer: Viewer,
        *,
        queries_only: bool = False,
        has: Callable[[str], bool] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Return the response to one request; it never raises for what a client sent.

        `has` tells whether the client has the answer of a tag; without it none is made.
        """
        asked: Asked | Answer | None = None
        try:
            asked = await self._asked(
                source, variables or {}, operation_name, viewer, queries_only=queries_only
            )
            if isinstance(asked, Answer):
                return asked
            return _told(await self._execute(_under_key(asked, idempotency_key), has), asked)
        except GraphQLError as fault:
            # What has no code of its own is a variable that does not fit where it stands.
            return _told(request_errors([fault], "BAD_VARIABLES"), asked)
        except (WrongRequest, RecursionError) as fault:
            return _told(refusal(*refused(fault)), asked)
        except Exception:  # noqa: BLE001 - the last line: told to the log, not to the client
            return _told(refusal(*internal()), asked)

    def stop(self) -> None:
        """Let its thread end."""
        self.aside.stop()

    # --- before anything is read -----------------------------------------------

    async def _asked(
        self,
        source: str,
        variables: Mapping[str, Any],
        operation_name: str | None,
        viewer: Viewer,
        *,
        queries_only: bool,
    ) -> Asked | Answer:
        """Prepare a request: in the loop where that is short, as it is nearly always."""
        is_new = source not in self.documents
        # What is refused for its length is refused before anything is made of it.
        takes_long = is_new and SHORT < len(source) <= self._limits.characters
        if not takes_long and not (variables and _are_many(variables)):
            return self._ask(
                source, variables, operation_name, viewer, queries_only=queries_only, is_new=is_new
            )
        return await self.aside.run(
            partial(
                self._ask,
                source,
                variables,
                operation_name,
                viewer,
                queries_only=queries_only,
                is_new=is_new,
            )
        )

    def _ask(  # noqa: PLR0913 - what a request consists of
        self,
        source: str,
        variables: Mapping[str, Any],
        operation_name: str | None,
        viewer: Viewer,
        *,
        queries_only: bool,
        is_new: bool,
    ) -> Asked | Answer:
        if len(source) > self._limits.characters:
            check_text(source, self._limits)
        prepared = self.documents.get(source)
        if prepared.refused is not None:
            return prepared.refused
        name = prepared.named(operation_name)
        operation = prepared.operations[name]
        if queries_only and operation.definition.operation is not OperationType.QUERY:
            return refusal("a mutation must be sent by POST", "METHOD_NOT_ALLOWED")
        check_variables(variables, self._limits)
        coerced = get_variable_values(
            self.core,
            operation.definition.variable_definitions or (),
            dict(variables),
            max_errors=ERRORS_SHOWN,
            hide_suggestions=self._hide_suggestions,
        )
        if not isinstance(coerced, VariableValues):
            return request_errors(coerced, "BAD_VARIABLES")
        if not prepared.acts[name] <= viewer.acts:
            fault = refusal_for(operation, coerced, viewer)
            if fault is not None:
                raise fault
        plans = prepared.plans[name]
        return Asked(
            source,
            prepared.document,
            name,
            operation,
            plans,
            coerced,
            variables,
            viewer,
            is_new=is_new,
        )

    # --- execution -------------------------------------------------------------

    async def _execute(self, asked: Asked, has: Callable[[str], bool] | None) -> Answer:
        shape = shape_of(asked.operation, asked.variables)
        is_planned = shape in asked.plans
        plan = partial(asked.plans.get, shape, lambda: self._shaped(asked))
        shaped = plan() if is_planned else await self.planned(asked, plan)
        is_new = asked.is_new or not is_planned
        cost = self._affordable(shaped.cost, asked)
        if shaped.plan is None:
            return await self._execute_mixed(asked, {}, None, cost, is_new=is_new)
        if shaped.is_whole:
            return await self._execute_whole(asked, shaped.plan, cost, has, is_new=is_new)
        members, position = await self.run(shaped.plan, asked, {})
        finished = {key: orjson.Fragment(value) for key, value in members}
        return await self._execute_mixed(asked, finished, position, cost, is_new=is_new)

    async def planned(self, asked: Asked, plan: Callable[[], T]) -> T:
        """Return what `plan` makes: beside the loop, unless it takes so little that others wait."""
        if len(asked.source) > SHORT:
            return await self.aside.run(plan)
        if estimate(asked.operation, asked.variables).subselects > FEW:
            return await self.aside.run(plan)
        return plan()

    def _worth_planning(self, asked: Asked) -> Cost:
        """Return the cost of this shape; raise `OverLimit` before the work of planning."""
        found = estimate(asked.operation, asked.variables)
        most = self._limits.subselects
        if found.subselects > most:
            raise TooLarge(
                f"the document asks for {found.subselects:,} objects and lists, counting each "
                f"kind that a record can be of; at most {most:,} are read at once",
                limit="subselects",
                value=found.subselects,
                most=most,
            )
        self._affordable(found.cost, asked)
        return found.cost

    def _affordable(self, cost: Cost, asked: Asked) -> int:
        """Return what a request costs with its variables; raise `TooCostly` beyond the limit."""
        number = cost.at(asked.variables.coerced)
        if number > self._limits.cost:
            raise TooCostly(
                f"the answer could hold {number:,} objects, at most {self._limits.cost:,} are "
                "given; ask for shorter pages (first, last) or fewer lists inside one another",
                limit="cost",
                value=number,
                most=self._limits.cost,
            )
        return number

    async def _execute_whole(
        self,
        asked: Asked,
        plan: Plan,
        cost: int,
        has: Callable[[str], bool] | None,
        *,
        is_new: bool,
    ) -> Answer:
        async def run() -> Found:
            members, position = await self.run(plan, asked, {})
            return Found(_joined(members, self._extensions(position, cost)), position)

        if not plan.is_pure or (has is None and self.answers.is_off):
            found = await run()
            return Answer(
                found.body,
                cost=cost,
                is_new=is_new,
                requested=cost,
                position=found.position,
                operation=asked.name or None,
                kind=RequestKind.QUERY,
            )
        served = await self.answers.serve(_question(asked), run, has)
        if served.found is None:
            return Answer(b"", is_pure=True, tag=served.tag, is_unchanged=True, requested=cost)
        return Answer(
            served.found.body,
            is_pure=True,
            tag=served.tag,
            cost=0 if served.was_kept else cost,
            is_new=is_new,
            requested=cost,
            position=served.found.position,
            operation=asked.name or None,
            kind=RequestKind.QUERY,
        )

    def _shaped(self, asked: Asked) -> Shaped:
        """Return the plan of what the tables answer, for this shape of the variables."""
        definition, root = asked.operation.definition, asked.operation.root
        cost = self._worth_planning(asked)
        if definition.operation is not OperationType.QUERY:
            return Shaped(cost, None, is_whole=False)
        selections = asked.operation.collect([definition.selection_set], root, asked.variables)
        planned = {key: nodes for key, nodes in selections.items() if _is_planned(nodes, root)}
        if not planned:
            return Shaped(cost, None, is_whole=False)
        plan = make_plan(
            asked.operation, asked.variables, planned, root, ROOT_SCOPE, self.reader.database
        )
        return Shaped(cost, plan.to_keep(), is_whole=len(planned) == len(selections))

    async def run(
        self, plan: Plan, asked: Asked, given: Mapping[str, Any]
    ) -> tuple[list[tuple[str, bytes]], int]:
        """Bind a plan and run it, for whoever asks."""
        statement = plan.statement
        if statement.asks_who:
            given = {**given, **asked.viewer.parameters}
        values = plan.values(asked.variables, given)
        row = await self.reader.fetch(statement.sql, statement.ordered(values))
        if row is None:
            raise AssertionError("a plan without a FROM has exactly one row")
        return members_of(statement.keys, row), row[-1]

    async def _execute_mixed(
        self,
        asked: Asked,
        finished: Mapping[str, orjson.Fragment],
        position: int | None,
        cost: int,
        *,
        is_new: bool,
    ) -> Answer:
        context = Context(self, asked, finished)
        # Not through Strawberry, which would parse and validate again, without limits.
        executing = execute(
            self.core,
            asked.document,
            context_value=context,
            variable_values=dict(asked.raw_variables),
            operation_name=asked.name or None,
            executor_class=Executor,
            hide_suggestions=self._hide_suggestions,
        )
        result = executing if isinstance(executing, ExecutionResult) else await executing
        if asked.idempotency_key is not None and result.errors:
            _raise_about_key(result.errors)
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [shown_error(error) for error in result.errors]
        if position is None:
            position = context.position
        answer["extensions"] = self._extensions(position, cost)
        if asked.operation.definition.operation is OperationType.MUTATION:
            published = await self.newest_checkpoint()
            answer["extensions"] |= {} if published is None else {"checkpoint": published.note}
        body = orjson.dumps(answer)
        return Answer(
            body,
            is_partial=bool(result.errors),
            fault=_first_code(body, answer, asked),
            is_replayed=context.is_replayed,
            cost=cost,
            is_new=is_new,
            requested=cost,
            position=position,
        )

    async def newest_checkpoint(self) -> Published | None:
        """Return the newest checkpoint for whoever has written: those who keep it are witnesses.

        The edit is done by then: what fails here goes to the logger, and must not look
        like a failure of the edit.
        """
        if self.log is None:
            return None
        try:
            return await self.log.run(self.log.newest)
        except Exception:
            logger.exception("the newest checkpoint cannot be read")
            return None

    def _extensions(self, position: int | None, cost: int) -> dict[str, Any]:
        """Return what every answer says of itself; no position where nothing was read."""
        shown = {} if position is None else {"position": position}
        return {**shown, "cost": {"requested": cost, "limit": self._limits.cost}}


@dataclass(slots=True)
class Context:
    """What the executor's resolvers find: the finished JSON, the viewer, the commands."""

    engine: Engine
    asked: Asked
    finished: Mapping[str, orjson.Fragment]
    position: int | None = None
    is_replayed: bool = False

    @property
    def viewer(self) -> Viewer:
        """Who is asking."""
        return self.asked.viewer

    @property
    def variables(self) -> VariableValues:
        """The coerced variables."""
        return self.asked.variables

    def idempotency_key(self, given: str | None) -> str | None:
        """Return the key of a mutation: that of its input, or the one beside the request.

        Raises `BadRequest` where both are there and differ.
        """
        beside = self.asked.idempotency_key
        if beside is not None and given not in (None, beside):
            raise BadRequest(
                "the Idempotency-Key header and idempotencyKey of the input differ; send one of "
                "them, or the same in both"
            )
        return given if beside is None else beside

    @property
    def at_once(self) -> bool:
        """Whether a key that is under way is refused: who sent it as a header knows the status."""
        return self.asked.idempotency_key is not None


def _under_key(asked: Asked, key: str | None) -> Asked:
    """Return a request under the idempotency key that came beside it; a query needs none.

    Raises `BadRequest` where it would stand for several mutations, or none.
    """
    definition, root = asked.operation.definition, asked.operation.root
    if key is None or definition.operation is not OperationType.MUTATION:
        return asked
    selected = asked.operation.collect([definition.selection_set], root, asked.variables)
    names = [nodes[0].name.value for nodes in selected.values()]
    names = [name for name in names if name != "__typename"]
    if len(names) != 1:
        raise BadRequest(
            f"the Idempotency-Key header goes with one mutation a request, this one has "
            f"{len(names)}; send each by itself, or give each an idempotencyKey in its input"
        )
    if not takes_key(root.fields[names[0]]):
        raise BadRequest(f"{names[0]} takes no idempotency key; send it without one")
    return replace(asked, idempotency_key=key)


def takes_key(mutation: GraphQLField) -> bool:
    """Whether a mutation can be sent again under a key: a header must not promise what is not."""
    given = [get_named_type(one.type) for one in mutation.args.values()]
    return any("idempotencyKey" in getattr(one, "fields", {}) for one in given)


def _raise_about_key(errors: Sequence[GraphQLError]) -> None:
    """Raise what refuses the only mutation of a request for the key beside it."""
    for error in errors:
        if isinstance(
            error.original_error, IdempotencyInProgress | IdempotencyMismatch | BadRequest
        ):
            raise error.original_error


def _told(answer: Answer, asked: Asked | Answer | None) -> Answer:
    """Return an answer that says what was asked for, where that was found out."""
    if answer.kind is not None or not isinstance(asked, Asked):
        return answer
    is_query = asked.operation.definition.operation is OperationType.QUERY
    kind = RequestKind.QUERY if is_query else RequestKind.MUTATION
    return replace(answer, operation=asked.name or None, kind=kind)


def _first_code(body: bytes, answer: Mapping[str, Any], asked: Asked) -> str | None:
    """Return the code of the first error, or of what stands against an edit."""
    for error in answer.get("errors", ()):
        code: str | None = error.get("extensions", {}).get("code")
        return code
    if asked.operation.definition.operation is not OperationType.MUTATION:
        return None
    # A payload is finished JSON, which only a reader can look into.
    for payload in orjson.loads(body)["data"].values():
        refusals = payload.get("userErrors") if isinstance(payload, dict) else None
        for one in refusals or ():
            # Whoever sent it may not have asked for the code.
            return str(one.get("code", "REFUSED"))
    return None


def _are_many(variables: Mapping[str, Any]) -> bool:
    """Whether variables hold so much that reading them takes long; looked at no further."""
    left, waiting = MANY, [*variables.values()]
    while waiting and left > 0:
        value = waiting.pop()
        if isinstance(value, (dict, list)):
            left -= len(value)
            if left > 0:
                waiting += value.values() if isinstance(value, dict) else value
    return left <= 0


def _question(asked: Asked) -> Question:
    given = asked.raw_variables
    # Variables that the operation does not declare decide over nothing.
    declared = asked.operation.definition.variable_definitions or ()
    names = (one.variable.name.value for one in declared)
    variables = {name: given[name] for name in names if name in given}
    written = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS) if variables else b""
    return Question(asked.viewer.visibility, asked.name, written, asked.source)


def _is_planned(nodes: Sequence[FieldNode], root: Any) -> bool:
    name = nodes[0].name.value
    if name == "__typename":
        return True
    return name in root.fields and read_of(root.fields[name]) is not None


def members_of(keys: Sequence[str], row: Sequence[Any]) -> list[tuple[str, bytes]]:
    """Return each key with the JSON of its column."""
    return [
        (key, value.encode() if isinstance(value, str) else value)
        for key, value in zip(keys, row, strict=False)
    ]


def _joined(members: Sequence[tuple[str, bytes]], extensions: Mapping[str, Any]) -> bytes:
    inner = b",".join(b'"%b":%b' % (key.encode(), value) for key, value in members)
    return b'{"data":{%b},"extensions":%b}' % (inner, orjson.dumps(extensions))
