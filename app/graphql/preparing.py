"""Preparing documents: parsed and validated once, and remembered.

Limits come before whatever they protect. What is refused is remembered too, apart from the
rest, so that whoever sends it again is told so at little cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoFragmentCyclesRule,
    parse,
    validate,
)

from app.domain.errors import WrongRequest
from app.domain.limits import Limits
from app.domain.permissions import Act
from app.graphql.answering import ERRORS_SHOWN, Answer, refusal, refused, request_errors
from app.graphql.compile import Operation, operations_of
from app.graphql.demand import Demand, check_text
from app.graphql.remembering import EMPTY, Kept, Shelf
from app.graphql.rules import acts_of

DOCUMENTS_KEPT: Final = 300_000
"""Characters of the documents that are kept; parsed, each takes about 90 bytes."""

REFUSED_KEPT: Final = 200_000
"""Characters of refused documents, and of what is answered to them, that are kept."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that was parsed and validated, or the answer that tells what is wrong with it.

    Of each operation, by name: the plans that are kept, and the acts that it takes.
    """

    operations: Mapping[str, Operation]
    plans: Mapping[str, Shelf[Any]] = field(default_factory=dict)
    acts: Mapping[str, frozenset[Act]] = field(default_factory=dict)
    document: DocumentNode = field(default_factory=DocumentNode)
    refused: Answer | None = None

    def named(self, wanted: str | None) -> str:
        """Return the name of the operation that a request wants.

        Raises `GraphQLError` where there is none of that name, or without a name not just one.
        """
        names = list(self.operations)
        if wanted:
            if wanted in names:
                return wanted
            raise _wrong_operation(f"the document has no operation named {wanted!r}")
        if len(names) == 1:
            return names[0]
        if not names:
            raise _wrong_operation("the document has no operation, only fragments")
        raise _wrong_operation("the document has several operations; operationName must name one")


class PreparedDocuments:
    """The documents of one server process; their plans are kept in `plans`."""

    def __init__(
        self,
        core: GraphQLSchema,
        limits: Limits,
        plans: Kept[Any],
        *,
        introspection: bool,
        hide_suggestions: bool,
    ) -> None:
        self._core = core
        self._limits = limits
        self._plans = plans
        self._introspection = introspection
        self._hide_suggestions = hide_suggestions
        self._valid: Kept[Prepared] = Kept(DOCUMENTS_KEPT, lambda source, _: len(source) + EMPTY)
        self._refused: Kept[Prepared] = Kept(REFUSED_KEPT, _weight_of_refused)

    def __contains__(self, source: str) -> bool:
        return source in self._valid or source in self._refused

    def get(self, source: str) -> Prepared:
        """Return a document from memory, or prepare it; those that are refused take little."""
        for memory in (self._valid, self._refused):
            if source in memory:
                return memory.get(source, lambda: self._prepare(source))
        prepared = self._prepare(source)
        memory = self._valid if prepared.refused is None else self._refused
        return memory.get(source, lambda: prepared)

    def fault_of(self, source: str) -> str | None:
        """Return what is wrong with a document, whatever its variables; None for a valid one."""
        try:
            check_text(source, self._limits)
            refused = self._prepare(source).refused
        except WrongRequest as fault:
            return fault.message
        if refused is None:
            return None
        message: str = orjson.loads(refused.body)["errors"][0]["message"]
        return message

    def _prepare(self, source: str) -> Prepared:
        """Parse and validate a document."""
        try:
            check_text(source, self._limits)
            document = parse(source)
            demand = Demand(document)
            demand.check(self._limits, introspection=self._introspection)
        except GraphQLSyntaxError as fault:
            return Prepared({}, refused=request_errors([fault], "GRAPHQL_PARSE_FAILED"))
        except WrongRequest as fault:
            return Prepared({}, refused=refusal(*refused(fault)))
        errors = self._validate(document, demand)
        if errors:
            return Prepared({}, refused=request_errors(errors, "GRAPHQL_VALIDATION_FAILED"))
        operations = operations_of(self._core, document)
        plans: Mapping[str, Shelf[Any]] = {name: Shelf(self._plans) for name in operations}
        acts = {name: acts_of(operation) for name, operation in operations.items()}
        return Prepared(operations, plans, acts, document)

    def _validate(self, document: DocumentNode, demand: Demand) -> Sequence[GraphQLError]:
        errors = validate(
            self._core,
            document,
            # No other rule need follow a circle of fragments.
            [NoFragmentCyclesRule] if demand.is_circular else None,
            max_errors=ERRORS_SHOWN,
            hide_suggestions=self._hide_suggestions,
        )
        if self._hide_suggestions:
            for error in errors:  # one rule asks "Did you mean …" of its own accord
                error.message = error.message.partition(" Did you mean ")[0]
        return errors


def _weight_of_refused(source: str, prepared: Prepared) -> int:
    return EMPTY + len(source) + (0 if prepared.refused is None else len(prepared.refused.body))


def _wrong_operation(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "OPERATION_RESOLUTION_FAILED"})
