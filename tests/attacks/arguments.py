"""Every text that the contract takes, in a request of its own: walked over the schema itself.

    for place, document, variables in every_text(NUL): …

A new argument, or a new member of an input, is tried without a line being written for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

from app.graphql.schema import build_schema, core_schema

NUMBERS = {"Int": 1, "Float": 1.0, "Boolean": True, "Position": 1}
TEXTS = {
    "ID": "transfer_01hf7yat00e2s8v3kqz5m4n6p7",
    "EDTF": "2024",
    "Date": "2024-01-01",
    "DateTime": "2024-01-01T00:00:00Z",
    "Decimal": "1",
}

Place = tuple[str, str, Any]


def every_text(text: str) -> Iterator[Place]:
    """Yield, for every text of every argument, its place, a document, and variables with `text`.

    The members of one input are tried where it is met first.
    """
    schema, met = core_schema(build_schema()), set[tuple[str, tuple[str, ...]]]()
    for prefix, parent in _reached(schema):
        for name, one in parent.fields.items():
            for argument, given in one.args.items():
                for path, value in _placed(given.type, text, ()):
                    place = ".".join((parent.name, name, argument, *path))
                    member = (str(get_named_type(given.type)) if path else place, path)
                    if member not in met:
                        met.add(member)
                        yield place, _document(prefix, name, one, argument), {"v": value}


def _reached(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLObjectType]]:
    """Yield every object type with the selections that lead to it, shortest first."""
    roots = [("query", schema.query_type), ("mutation", schema.mutation_type)]
    found = {root.name: f"{kind} ($v: #) {{" for kind, root in roots if root is not None}
    todo = [root for _, root in roots if root is not None]
    while todo:
        parent = todo.pop(0)
        yield found[parent.name], parent
        for name, one in parent.fields.items():
            for child in _objects(schema, get_named_type(one.type)):
                if child.name not in found and parent.name != "Mutation":
                    on = f" ... on {child.name} {{" if child.name != str(one.type) else ""
                    found[child.name] = f"{found[parent.name]} {name}{_given(one.args)} {{{on}"
                    todo.append(child)


def _objects(schema: GraphQLSchema, kind: GraphQLNamedType) -> list[GraphQLObjectType]:
    if isinstance(kind, GraphQLObjectType):
        return [] if kind.name.startswith("__") else [kind]
    if isinstance(kind, (GraphQLInterfaceType, GraphQLUnionType)):
        return list(schema.get_possible_types(kind))
    return []


def _document(prefix: str, name: str, one: GraphQLField, argument: str) -> str:
    kind = one.args[argument].type
    others = {other: it for other, it in one.args.items() if other != argument}
    selected = "" if is_leaf_type(get_named_type(one.type)) else f" {{ {_shown(one)} }}"
    body = f"{prefix} {name}{_given(others, f'{argument}: $v')}{selected}"
    return body.replace("#", str(kind), 1) + " }" * (body.count("{") - body.count("}"))


def _shown(one: GraphQLField) -> str:
    """Return what is asked of the field: what stands against an edit, for one."""
    kind = get_named_type(one.type)
    fields: Mapping[str, Any] = getattr(kind, "fields", {})
    return "userErrors { code }" if "userErrors" in fields else "__typename"


def _given(arguments: Mapping[str, GraphQLArgument], more: str = "") -> str:
    """Return the arguments that have to be given, as literals."""
    needed = [
        f"{name}: {_literal(_least(one.type))}"
        for name, one in arguments.items()
        if isinstance(one.type, GraphQLNonNull)
    ]
    listed = ", ".join([*needed, *([more] if more else [])])
    return f"({listed})" if listed else ""


class _Name(str):
    """A value of an enum, which stands in a document without quotes."""

    __slots__ = ()


def _literal(value: Any) -> str:
    if isinstance(value, _Name):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_literal(one)}" for name, one in value.items()) + "}"
    return str(value)


def _least(kind: GraphQLInputType) -> Any:
    """Return the least that fits where something has to be given."""
    if isinstance(kind, GraphQLNonNull):
        return _least(kind.of_type)
    if isinstance(kind, GraphQLList):
        return [_least(kind.of_type)]
    if isinstance(kind, GraphQLEnumType):
        return _Name(next(iter(kind.values)))
    if isinstance(kind, GraphQLScalarType):
        return NUMBERS.get(kind.name, TEXTS.get(kind.name, "text"))
    if kind.is_one_of:
        name, one = next(iter(kind.fields.items()))
        return {name: _least(one.type)}
    return _needed(kind)


def _needed(kind: GraphQLInputObjectType) -> dict[str, Any]:
    return {
        name: _least(one.type)
        for name, one in kind.fields.items()
        if isinstance(one.type, GraphQLNonNull)
    }


def _placed(
    kind: GraphQLInputType, text: str, seen: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every way to put `text` into a value, with the path to it."""
    if isinstance(kind, GraphQLNonNull):
        yield from _placed(kind.of_type, text, seen)
    elif isinstance(kind, GraphQLList):
        for path, value in _placed(kind.of_type, text, seen):
            yield path, [value]
    elif isinstance(kind, GraphQLScalarType):
        if kind.name not in NUMBERS:
            yield (), text
    elif isinstance(kind, GraphQLInputObjectType) and kind.name not in seen:
        for name, one in kind.fields.items():
            for path, value in _placed(one.type, text, (*seen, kind.name)):
                rest = {} if kind.is_one_of else _needed(kind)
                yield (name, *path), {**rest, name: value}
