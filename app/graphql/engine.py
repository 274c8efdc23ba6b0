"""Answering documents: parsed and validated once, planned once, run as one SELECT.

An operation whose fields the tables answer never meets the executor: its plan
is bound, run, and the database's JSON is sent. Whatever else it holds
(`viewer`, mutations, introspection) goes through Strawberry's executor, which
finds the finished JSON of the other fields in its context.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import orjson
import structlog
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationType,
    get_variable_values,
    parse,
    validate,
)
from graphql.execution.values import VariableValues

from app.domain.errors import CorrigendaError, TooDeep, WrongRequest
from app.graphql.compile import (
    Operation,
    Plan,
    make_plan,
    operations_of,
    read_of,
    shape_of,
)
from app.graphql.schema import build_schema, core_schema
from app.graphql.viewer import Viewer
from app.store.reader import Reader
from app.store.reading import Moment, Scope

logger = structlog.get_logger(__name__)

T = TypeVar("T")

DOCUMENTS_KEPT: Final = 1_000
PLANS_KEPT: Final = 64
"""Plans of one operation: one for each shape of its variables."""

DOCUMENT_LIMIT: Final = 15_000
"""Characters of a document, at most."""

TOKEN_LIMIT: Final = 2_000
"""Lexical tokens of a document, at most."""

MESSAGE_LIMIT: Final = 500
"""Characters of an error's message, at most: it may repeat what the client sent."""

ROOT_SCOPE: Final = Scope("head", "head", Moment())


class Kept(Generic[T]):
    """A bounded memory: what was used longest ago goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[Any, T] = OrderedDict()

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """Return what is kept under `key`, making it where nothing is."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        made = make()
        self._held[key] = made
        if len(self._held) > self._limit:
            self._held.popitem(last=False)
        return made


@dataclass(frozen=True, slots=True)
class Answer:
    """A response body, and what HTTP has to know about it.

    `is_request_error` says that nothing was executed: there is no `data`.
    """

    body: bytes
    is_request_error: bool = False
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Shaped:
    """What the tables answer of an operation, for one shape of its variables.

    `plan` is None where they answer nothing of it; `is_whole` says that they
    answer all of it.
    """

    plan: Plan | None
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that was parsed and validated, or what is wrong with it."""

    operations: Mapping[str, Operation]
    errors: tuple[GraphQLError, ...] = ()
    code: str | None = None
    plans: Mapping[str, Kept[Shaped]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that can be executed: which operation, with which variables, by whom."""

    source: str
    name: str
    operation: Operation
    plans: Kept[Shaped]
    variables: VariableValues
    raw_variables: Mapping[str, Any]
    viewer: Viewer


class Engine:
    """Answers GraphQL requests over one ledger.

    `commands` carries out mutations; it is given by the roof.
    """

    def __init__(self, reader: Reader, commands: Any) -> None:
        self.schema = build_schema()
        self.core = core_schema(self.schema)
        self.reader = reader
        self.commands = commands
        self._documents: Kept[Prepared] = Kept(DOCUMENTS_KEPT)

    async def answer(
        self,
        source: str,
        variables: Mapping[str, Any] | None,
        operation_name: str | None,
        viewer: Viewer,
        *,
        queries_only: bool = False,
    ) -> Answer:
        """Return the response to one request; it never raises for what a client sent."""
        try:
            asked = self._ask(source, variables or {}, operation_name, viewer)
            if isinstance(asked, Answer):
                return asked
            if queries_only and asked.operation.definition.operation is not OperationType.QUERY:
                return refusal("a mutation must be sent by POST", "METHOD_NOT_ALLOWED")
            return await self._execute(asked)
        except GraphQLError as fault:
            # What has no code of its own is a variable that does not fit where it stands.
            return request_errors([fault], "BAD_VARIABLES")
        except (WrongRequest, RecursionError) as fault:
            return refusal(*_refused(fault))
        except Exception:  # noqa: BLE001 - the last line: told to the log, not to the client
            return refusal(*internal())

    # --- before anything is read -----------------------------------------------

    def _ask(
        self,
        source: str,
        variables: Mapping[str, Any],
        operation_name: str | None,
        viewer: Viewer,
    ) -> Asked | Answer:
        if len(source) > DOCUMENT_LIMIT:
            message = f"a document has at most {DOCUMENT_LIMIT} characters, this one {len(source)}"
            return refusal(message, "DOCUMENT_TOO_LONG")
        prepared = self._documents.get(source, lambda: self._prepare(source))
        if prepared.errors:
            return request_errors(prepared.errors, prepared.code)
        name = _operation_name(prepared, operation_name)
        operation = prepared.operations[name]
        coerced = get_variable_values(
            self.core, operation.definition.variable_definitions or (), dict(variables)
        )
        if not isinstance(coerced, VariableValues):
            return request_errors(coerced, "BAD_VARIABLES")
        plans = prepared.plans[name]
        return Asked(source, name, operation, plans, coerced, variables, viewer)

    def _prepare(self, source: str) -> Prepared:
        try:
            document = parse(source, max_tokens=TOKEN_LIMIT)
        except GraphQLSyntaxError as fault:
            return Prepared({}, (fault,), "GRAPHQL_PARSE_FAILED")
        errors = validate(self.core, document)
        if errors:
            return Prepared({}, tuple(errors), "GRAPHQL_VALIDATION_FAILED")
        operations = operations_of(self.core, document)
        return Prepared(operations, plans={name: Kept(PLANS_KEPT) for name in operations})

    # --- execution -------------------------------------------------------------

    async def _execute(self, asked: Asked) -> Answer:
        shape = shape_of(asked.operation, asked.variables)
        shaped = asked.plans.get(shape, lambda: self._shaped(asked))
        if shaped.plan is None:
            return await self._execute_mixed(asked, {}, None)
        members, position = await self.run(shaped.plan, asked.variables, {})
        if shaped.is_whole:
            return Answer(_joined(members, position))
        finished = {key: orjson.Fragment(value) for key, value in members}
        return await self._execute_mixed(asked, finished, position)

    def _shaped(self, asked: Asked) -> Shaped:
        """Return the plan of what the tables answer, for this shape of the variables."""
        definition, root = asked.operation.definition, asked.operation.root
        if definition.operation is not OperationType.QUERY:
            return Shaped(None, is_whole=False)
        selections = asked.operation.collect([definition.selection_set], root, asked.variables)
        planned = {key: nodes for key, nodes in selections.items() if _is_planned(nodes, root)}
        if not planned:
            return Shaped(None, is_whole=False)
        plan = make_plan(
            asked.operation, asked.variables, planned, root, ROOT_SCOPE, self.reader.database
        )
        return Shaped(plan, is_whole=len(planned) == len(selections))

    async def run(
        self, plan: Plan, variables: VariableValues, given: Mapping[str, Any]
    ) -> tuple[list[tuple[str, bytes]], int]:
        """Bind a plan and run it."""
        statement = plan.statement
        values = plan.values(variables, given)
        row = await self.reader.fetch(statement.sql, statement.ordered(values))
        if row is None:
            raise AssertionError("a plan without a FROM has exactly one row")
        return members_of(statement.keys, row), row[-1]

    async def _execute_mixed(
        self, asked: Asked, finished: Mapping[str, orjson.Fragment], position: int | None
    ) -> Answer:
        context = Context(self, asked, finished)
        result = await self.schema.execute(
            asked.source,
            variable_values=dict(asked.raw_variables),
            context_value=context,
            operation_name=asked.name or None,
        )
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [shown_error(error) for error in result.errors]
        if position is None:
            position = context.position
        if position is not None:
            answer["extensions"] = {"position": position}
        return Answer(orjson.dumps(answer))


@dataclass(slots=True)
class Context:
    """What the executor's resolvers find: the finished JSON, the viewer, the commands."""

    engine: Engine
    asked: Asked
    finished: Mapping[str, orjson.Fragment]
    position: int | None = None

    @property
    def viewer(self) -> Viewer:
        """Who is asking."""
        return self.asked.viewer

    @property
    def variables(self) -> VariableValues:
        """The coerced variables."""
        return self.asked.variables


def _operation_name(prepared: Prepared, wanted: str | None) -> str:
    names = list(prepared.operations)
    if wanted:
        if wanted in names:
            return wanted
        raise _wrong_operation(f"the document has no operation named {wanted!r}")
    if len(names) == 1:
        return names[0]
    if not names:
        raise _wrong_operation("the document has no operation, only fragments")
    raise _wrong_operation("the document has several operations; operationName must name one")


def _wrong_operation(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "OPERATION_RESOLUTION_FAILED"})


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


def _joined(members: Sequence[tuple[str, bytes]], position: int) -> bytes:
    inner = b",".join(b'"%b":%b' % (key.encode(), value) for key, value in members)
    return b'{"data":{%b},"extensions":{"position":%d}}' % (inner, position)


# --- errors -------------------------------------------------------------------


def request_errors(errors: Sequence[GraphQLError], code: str | None = None) -> Answer:
    """Return the answer to a request that was not executed."""
    shown = [shown_error(error, code) for error in errors]
    first = shown[0].get("extensions", {}).get("code")
    return Answer(orjson.dumps({"errors": shown}), is_request_error=True, code=first)


def _refused(fault: WrongRequest | RecursionError) -> tuple[str, str]:
    if isinstance(fault, WrongRequest):
        return fault.message, fault.code
    return "the document nests deeper than this server follows", TooDeep.code


def refusal(message: str, code: str) -> Answer:
    """Return the answer to a request that is refused as a whole."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return Answer(orjson.dumps(body), is_request_error=True, code=code)


def shown_error(error: GraphQLError, code: str | None = None) -> dict[str, Any]:
    """Return an error as the client may see it: ours as it is, a defect by its log id alone."""
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    shown: dict[str, Any] = dict(error.formatted)
    if isinstance(original, ValueError) and "integer string conversion" in str(original):
        shown["message"] = "a whole number in the document has too many digits"
    if len(shown["message"]) > MESSAGE_LIMIT:
        shown["message"] = f"{shown['message'][:MESSAGE_LIMIT]}…"
    if isinstance(original, CorrigendaError):
        code = original.code
    elif original is not None and not isinstance(original, GraphQLError) and code is None:
        message, code = internal(original)
        shown["message"] = message
    if code is not None:
        shown["extensions"] = {"code": code, **shown.get("extensions", {})}
    return shown


def internal(fault: BaseException | None = None) -> tuple[str, str]:
    """Log a defect; return the message and code that name it to the client."""
    log_id = secrets.token_hex(8)
    logger.error("defect", log_id=log_id, exc_info=fault or True)
    return f"something went wrong on our side; its log id is {log_id}", "INTERNAL"
