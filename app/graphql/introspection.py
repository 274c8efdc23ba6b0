"""What a question about the schema costs: exactly as many objects as its answer holds.

The whole schema is a list of lists of lists, so that no declared size would be
near the truth. Instead the selections are followed over the schema itself, all
elements of a level at once: one that is reached often is looked at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, TypeAlias, cast

from graphql import (
    FieldNode,
    GraphQLObjectType,
    SchemaMetaFieldDef,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_type,
)
from graphql.execution.values import VariableValues

from app.graphql.compile import Operation

Population: TypeAlias = dict[Any, tuple[Any, int]]
"""Elements of the schema, and how often the answer holds each."""

Seen: TypeAlias = dict[tuple[str, ...], Population]
"""What the fields of a path lead to, so that aliases of one path follow it once."""

_SCHEMA: Final = cast("GraphQLObjectType", get_named_type(SchemaMetaFieldDef.type))
_TYPE: Final = cast("GraphQLObjectType", get_named_type(_SCHEMA.fields["queryType"].type))


def schema_cost(
    operation: Operation, variables: VariableValues, nodes: Sequence[FieldNode], seen: Seen
) -> int:
    """Return how many objects the answer to `__schema` holds, deprecated ones among them."""
    start = _people([(operation.schema, 1)])
    return _Follower(operation, variables, seen).count(nodes, _SCHEMA, (), start)


def type_cost(
    operation: Operation, variables: VariableValues, nodes: Sequence[FieldNode], name: object
) -> int:
    """Return how many objects the answer to `__type` holds."""
    found = operation.schema.type_map.get(name) if isinstance(name, str) else None
    if found is None:
        return 0
    return _Follower(operation, variables, {}).count(nodes, _TYPE, (), _people([(found, 1)]))


def _people(elements: Iterable[tuple[Any, int]]) -> Population:
    found: Population = {}
    for element, times in elements:
        key = _key(element)
        _, before = found.get(key, (element, 0))
        found[key] = element, before + times
    return found


def _key(element: Any) -> Any:
    if is_type(element):
        return str(element)
    return id(element[-1]) if isinstance(element, tuple) else id(element)


@dataclass(frozen=True, slots=True)
class _Follower:
    operation: Operation
    variables: VariableValues
    seen: Seen

    def count(
        self,
        nodes: Sequence[FieldNode],
        of: GraphQLObjectType,
        path: tuple[str, ...],
        held: Population,
    ) -> int:
        total = sum(times for _, times in held.values())
        sets = [node.selection_set for node in nodes]
        for inner in self.operation.collect(sets, of, self.variables).values():
            name = inner[0].name.value
            field = of.fields.get(name)
            if field is not None and held and not is_leaf_type(get_named_type(field.type)):
                further = (*path, name)
                if further not in self.seen:
                    self.seen[further] = _people(self._reached(field, held))
                named = cast("GraphQLObjectType", get_named_type(field.type))
                total += self.count(inner, named, further, self.seen[further])
        return total

    def _reached(self, field: Any, held: Population) -> Iterator[tuple[Any, int]]:
        """Yield what a field of the elements resolves to, by its own resolver."""
        info = SimpleNamespace(schema=self.operation.schema)
        arguments = {"includeDeprecated": True} if "includeDeprecated" in field.args else {}
        is_list = is_list_type(get_nullable_type(field.type))
        for element, times in held.values():
            found = field.resolve(element, info, **arguments)
            for one in (found or ()) if is_list else (found,):
                if one is not None:
                    yield one, times
