"""The oracle: the published contract, run by graphql-core's ordinary executor.

It answers lazily, as the specification has it: an argument that is not taken is
an error where its field is reached. The application looks at the arguments of
every selected field before it reads anything, so it may also refuse for a field
that no row leads to; `Told.may_refuse` says whether there is such a fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLIncludeDirective,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLSkipDirective,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    build_schema,
    execute_sync,
    get_argument_values,
    get_directive_values,
    get_named_type,
    get_operation_ast,
    get_variable_values,
    parse,
    print_ast,
)
from graphql.execution.values import VariableValues

from app.graphql.scalars import SCALARS
from tests.oracle.pages import BadArgument
from tests.oracle.resolvers import check_arguments, resolver_of, type_of
from tests.oracle.tables import Seen, Tables

CONTRACT = Path(__file__).resolve().parents[2] / "schema" / "schema.graphql"


@cache
def contract() -> GraphQLSchema:
    """Return the published schema; its scalars read what the application's read."""
    schema = build_schema(CONTRACT.read_text())
    for definition in SCALARS.values():
        scalar = schema.type_map[definition.name]
        assert isinstance(scalar, GraphQLScalarType)
        # The first reads literals, the second variables.
        scalar.parse_value = definition.parse_value  # type: ignore[assignment]
        scalar.coerce_input_value = definition.parse_value  # type: ignore[assignment]
    return schema


@dataclass(frozen=True)
class Told:
    """What the oracle says: data as JSON text, or the codes of why it refuses."""

    data: str | None = None
    codes: frozenset[str] = frozenset()
    message: str = ""
    may_refuse: frozenset[str] = frozenset()


class Oracle:
    """Answers documents over tables that were read once."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.root = Seen(tables, None, "head", tables.rows["head"][0])

    def answer(
        self, source: str, variables: Mapping[str, Any], operation_name: str | None = None
    ) -> Told:
        """Return the answer to a valid document: validating it is the same code on both sides."""
        document = parse(source)
        operation = get_operation_ast(document, operation_name)
        assert operation is not None
        coerced = get_variable_values(
            contract(), operation.variable_definitions or (), dict(variables)
        )
        if not isinstance(coerced, VariableValues):
            return Told(codes=frozenset({"BAD_VARIABLES"}), message=str(coerced[0]))
        result = execute_sync(
            contract(),
            document,
            self.root,
            variable_values=dict(variables),
            operation_name=operation_name,
            field_resolver=resolve,
            type_resolver=lambda value, _info, _type: type_of(value),
        )
        unreached = dict(_faults(document, operation, coerced))
        if result.errors:
            codes = frozenset(_code(error) for error in result.errors)
            return Told(None, codes, str(result.errors[0]), frozenset(unreached))
        message = ", ".join(unreached.values())
        return Told(json.dumps(result.data), message=message, may_refuse=frozenset(unreached))


def _code(error: GraphQLError) -> str:
    """Return the code of an error; raise what is a mistake of the oracle's own."""
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    if isinstance(original, BadArgument):
        return "BAD_ARGUMENT"
    if original is not None and not isinstance(original, GraphQLError):
        raise AssertionError(f"the oracle fails at {error.path}") from original
    # A variable that does not fit where it stands, which only shows when it is reached.
    return "BAD_VARIABLES"


def resolve(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
    """Resolve any field of the contract."""
    name = info.parent_type.name
    resolver = resolver_of(name, info.field_name)
    assert resolver is not None, f"the oracle has no resolver for {name}.{info.field_name}"
    check_arguments(name, info.field_name, arguments)
    return resolver(source, arguments)


# --- arguments of fields that may not be reached --------------------------------


def _faults(
    document: DocumentNode, operation: OperationDefinitionNode, variables: VariableValues
) -> Iterator[tuple[str, str]]:
    """Yield the code, and what is wrong, for arguments of any field that an operation names."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    root = contract().query_type
    assert root is not None
    for of, node in _named(operation.selection_set, root, fragments):
        try:
            for directive in (GraphQLSkipDirective, GraphQLIncludeDirective):
                get_directive_values(directive, node, variables)
            if isinstance(node, FieldNode) and not node.name.value.startswith("__"):
                field = of.fields[node.name.value]
                given = get_argument_values(field, node, variables)
                check_arguments(of.name, node.name.value, given)
        except BadArgument as fault:
            yield "BAD_ARGUMENT", f"{print_ast(node)}: {fault}"
        except GraphQLError as fault:
            yield "BAD_VARIABLES", f"{print_ast(node)}: {fault}"


def _named(
    selections: SelectionSetNode, of: Any, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[tuple[Any, SelectionNode]]:
    """Yield every selection with the type that it is made on, fragments spread."""
    for node in selections.selections:
        yield of, node
        inner: Any = fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
        target: Any = of
        if isinstance(inner, FieldNode):
            declared = getattr(of, "fields", {}).get(inner.name.value)
            target = None if declared is None else get_named_type(declared.type)
        elif inner.type_condition is not None:
            target = contract().type_map[inner.type_condition.name.value]
        if inner.selection_set is not None:
            yield from _named(inner.selection_set, target, fragments)
