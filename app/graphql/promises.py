"""What an earlier contract promised its clients, and what of that a later one breaks.

A break is what makes a document that was valid invalid, or gives it an answer of another shape:
something is gone, has another type, or has to be given now. A default that changes is one too, for
the same document then asks something else. Additions are none.

What the earlier contract had marked @deprecated may go, and so may the types that nothing else
led to. Until it goes it keeps its type, for there are clients that still ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
)
from graphql.utilities import BreakingChange, DangerousChangeType, find_schema_changes

_SILENT: Final = {
    DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE,
    DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE,
}


def broken_promises(earlier: str, later: str) -> list[str]:
    """Return, a sentence each, what in the SDL `earlier` the SDL `later` breaks.

    Raises `GraphQLError` for what is no SDL.
    """
    promised, given = build_schema(earlier), build_schema(later)
    for name, declared in promised.type_map.items():
        _let_go(declared, given.type_map.get(name))
    promised = _reachable(promised)
    changes = find_schema_changes(promised, given)
    broken = [one.description for one in changes
              if isinstance(one, BreakingChange) or one.type in _SILENT]  # fmt: skip
    return sorted(broken + _now_one_of(promised, given))


def _let_go(declared: GraphQLNamedType, later: GraphQLNamedType | None) -> None:
    """Take from a promised type what was deprecated in it and is there no more."""
    _drop_deprecated(_members(declared), _members(later))
    if isinstance(declared, (GraphQLObjectType, GraphQLInterfaceType)):
        remaining = _members(later)
        for name, field in declared.fields.items():
            _drop_deprecated(field.args, remaining[name].args if name in remaining else {})


def _members(declared: GraphQLNamedType | None) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if isinstance(declared, (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)):
        members = declared.fields
    elif isinstance(declared, GraphQLEnumType):
        members = declared.values
    return members


def _drop_deprecated(promised: dict[str, Any], remaining: Mapping[str, Any]) -> None:
    for name, member in list(promised.items()):
        if member.deprecation_reason is not None and name not in remaining:
            del promised[name]


def _reachable(schema: GraphQLSchema) -> GraphQLSchema:
    """Return the schema without the types that nothing leads to."""
    kinds = [one for one in schema.type_map.values()
             if isinstance(one, GraphQLObjectType) and one.interfaces]  # fmt: skip
    return GraphQLSchema(
        query=schema.query_type,
        mutation=schema.mutation_type,
        subscription=schema.subscription_type,
        directives=schema.directives,
        types=kinds,
    )


def _now_one_of(promised: GraphQLSchema, given: GraphQLSchema) -> list[str]:
    """Name the inputs of which several fields could be given, and now one alone."""
    return [
        f"Input {name} became @oneOf."
        for name, declared in promised.type_map.items()
        if isinstance(declared, GraphQLInputObjectType)
        and not declared.is_one_of
        and isinstance(later := given.type_map.get(name), GraphQLInputObjectType)
        and later.is_one_of
    ]
