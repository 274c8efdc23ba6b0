"""Documents that reach every field of the published contract, for a viewer or for nobody.

A field is reached by the shortest path from the roots, of fields that the viewer may ask for
where there is such a path. Required arguments are filled from `EXAMPLES`, else with the simplest
value of their type.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLSchema,
    ast_from_value,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
    is_list_type,
    print_ast,
)

from tests.oracle.executor import contract

May = Callable[[str, str], bool]
"""Whether a viewer may ask for a field of a type."""

REASON = {"code": "OTHER", "note": "x"}
EXAMPLES: Mapping[str, Any] = {
    "Query.changeset.position": 1,
    "Archive.changeset.position": 1,
    "Query.archive.position": 9,
    "Query.accessLog.orderBy": "AT_ASC",
    "Query.search.text": "Horses",
    "Mutation.commit.input": {
        "reason": REASON, "dryRun": True,
        "operations": [{"addActor": {"name": "x", "kind": "GROUP"}}],
    },
    "Mutation.revert.input": {"reason": REASON, "dryRun": True, "changeset": 2},
    "Mutation.changeAccess.input": {
        "reason": REASON, "dryRun": True, "operations": [{"revokeKey": {"id": "key_0"}}],
    },
    "Mutation.redact.input": {
        "reason": REASON, "dryRun": True, "authority": "LEGAL",
        "targets": [{"record": {"id": "transfer"}}],
    },
}  # fmt: skip
"""Arguments that the simplest value does not fit, or that have to be given although optional.

The name of a kind stands for the id of a record of that kind.
"""


@dataclass(frozen=True)
class Step:
    """One field of a path, and the type that its selection is narrowed to."""

    of: str
    field: str
    condition: str | None = None


@dataclass(frozen=True)
class Asked:
    """A document: the fields that it is about, and the path to them."""

    text: str
    path: Sequence[Step]
    fields: Sequence[str]

    @property
    def all_fields(self) -> Sequence[tuple[str, str]]:
        """Every field it asks for, the outermost first."""
        on = self.on
        return [*((one.of, one.field) for one in self.path), *((on, name) for name in self.fields)]

    @property
    def on(self) -> str:
        """The type whose fields it is about."""
        return _target(self.path[-1]) if self.path else _root_of(self.text)


def _root_of(text: str) -> str:
    return "Mutation" if text.startswith("mutation") else "Query"


def _target(step: Step) -> str:
    declared = contract().type_map[step.of].fields[step.field]  # type: ignore[attr-defined]
    return step.condition or get_named_type(declared.type).name


@cache
def composed() -> Sequence[str]:
    """Return the types that have fields."""
    schema = contract()
    return [
        name
        for name, one in schema.type_map.items()
        if is_composite_type(one) and hasattr(one, "fields") and not name.startswith("__")
    ]


def fields_of(type_name: str) -> Mapping[str, Any]:
    """Return the fields of a type."""
    found: Mapping[str, Any] = contract().type_map[type_name].fields  # type: ignore[attr-defined]
    return found


def paths(may: May) -> Mapping[str, Sequence[Step]]:
    """Return the shortest path to each type; through what may be asked for, where there is one."""
    allowed = _searched(may)
    return {**_searched(lambda _of, _field: True), **allowed}


def ways_to(type_name: str, may: May) -> Iterator[Sequence[Step]]:
    """Yield a path through each field that leads to a type, of fields that may be asked for."""
    for of, path in _searched(may).items():
        if of in composed():
            yield from ((*path, one) for one in _steps(of, may) if _target(one) == type_name)


def leaves_of(type_name: str) -> Sequence[str]:
    """Return the fields of a type that are values."""
    fields = fields_of(type_name)
    return [name for name, one in fields.items() if is_leaf_type(get_named_type(one.type))]


def _searched(may: May) -> Mapping[str, Sequence[Step]]:
    roots = {"Query": (), "Mutation": ()}
    found: dict[str, tuple[Step, ...]] = dict(roots)
    waiting = deque(roots)
    while waiting:
        here = waiting.popleft()
        for step in _steps(here, may):
            target = _target(step)
            if target not in found:
                found[target] = (*found[here], step)
                waiting.append(target)
    return found


def _steps(of: str, may: May) -> Iterator[Step]:
    """Yield what leads on from a type, narrowed selections last."""
    schema, narrowed = contract(), []
    for name, field in fields_of(of).items():
        target = get_named_type(field.type)
        if is_leaf_type(target) or not may(of, name):
            continue
        if not is_abstract_type(target):
            yield Step(of, name)
            continue
        if hasattr(target, "fields"):
            narrowed.append(Step(of, name))
        narrowed.extend(Step(of, name, one) for one in _within(schema, target))
    yield from narrowed


def _within(schema: GraphQLSchema, target: Any) -> Iterator[str]:
    possible = schema.get_possible_types(target)
    yield from (one.name for one in possible)
    yield from sorted({inner.name for one in possible for inner in one.interfaces} - {target.name})


def document(path: Sequence[Step], on: str, fields: Sequence[str], ids: Mapping[str, str]) -> Asked:
    """Return the document that asks for fields of a type, reached by a path."""
    selection = " ".join(_field(on, name, ids, None) for name in fields)
    for step in reversed(path):
        wanted = step.condition
        inner = selection if wanted is None else f"... on {wanted} {{ {selection} }}"
        selection = f"{step.field}{_arguments(step.of, step.field, ids, wanted)} {{ {inner} }}"
    root = path[0].of if path else on
    return Asked(f"{'mutation' if root == 'Mutation' else 'query'} {{ {selection} }}", path, fields)


def _field(of: str, name: str, ids: Mapping[str, str], wanted: str | None) -> str:
    target = get_named_type(fields_of(of)[name].type)
    inner = "" if is_leaf_type(target) else " { __typename }"
    return f"{name}{_arguments(of, name, ids, wanted)}{inner}"


def _arguments(of: str, name: str, ids: Mapping[str, str], wanted: str | None) -> str:
    given = {}
    for key, argument in fields_of(of)[name].args.items():
        place = f"{of}.{name}.{key}"
        if place in EXAMPLES:
            value = _known(EXAMPLES[place], ids)
        elif key in {"id", "ids"} and isinstance(argument.type, GraphQLNonNull):
            kind = (wanted or name).lower()
            value = ids.get(kind, ids["transfer"])
            value = [value] if key == "ids" else value
        elif isinstance(argument.type, GraphQLNonNull) and not argument.default_value:
            value = simplest(argument.type, ids)
        else:
            continue
        given[key] = print_ast(ast_from_value(value, argument.type))  # type: ignore[arg-type]
    inside = ", ".join(f"{key}: {text}" for key, text in given.items())
    return f"({inside})" if inside else ""


def _known(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _known(one, ids) for key, one in value.items()}
    if isinstance(value, list):
        return [_known(one, ids) for one in value]
    return ids.get(value, value) if isinstance(value, str) else value


def simplest(declared: Any, ids: Mapping[str, str]) -> Any:
    """Return the simplest value of an input type."""
    if isinstance(declared, GraphQLNonNull):
        return simplest(declared.of_type, ids)
    if is_list_type(declared):
        return [simplest(declared.of_type, ids)]
    if isinstance(declared, GraphQLEnumType):
        return next(iter(declared.values))
    if isinstance(declared, GraphQLInputObjectType):
        return _simplest_object(declared, ids)
    simple = {"ID": ids["transfer"], "Int": 1, "Position": 1, "Boolean": True}
    return simple.get(declared.name, "x")


def _simplest_object(declared: GraphQLInputObjectType, ids: Mapping[str, str]) -> dict[str, Any]:
    if declared.is_one_of:
        name, first = next(iter(declared.fields.items()))
        return {name: simplest(first.type, ids)}
    required = {
        name: simplest(field.type, ids)
        for name, field in declared.fields.items()
        if isinstance(field.type, GraphQLNonNull)
    }
    return {**required, **({"dryRun": True} if "dryRun" in declared.fields else {})}
