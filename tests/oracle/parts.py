"""The parts of the contract that a document can have, and what leads to each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
)
from graphql.utilities import do_types_overlap

from tests.oracle.executor import contract

_TOTALS = "has an oracle of its own, over random ledgers; tests/graphql/plain_totals.py"

LEFT_OUT: Mapping[str, str] = {
    "Proposal.ageSeconds": "goes with the clock; tests/graphql/test_proposals.py",
    "Query.transferTotals": _TOTALS,
    "Archive.transferTotals": _TOTALS,
    "Query.accessLog": "grows with every question; tests/graphql/test_access_log.py",
    "Query.log": "is read beside the plan, and proved by app.log itself; tests/graphql/test_log.py",
    "CommitPayload.checkpoint": "the same",
    "Viewer.keyId": "stands in no table that is read; tests/graphql/test_permissions.py",
    "Query.search": "ranks by each database's own text search; tests/graphql/test_search.py",
}
"""Fields ("Type.field") that are not drawn, each with its reason."""


@dataclass(frozen=True)
class Goal:
    """What a document is about: a field, with what is to stand in its arguments."""

    type_name: str
    field: str
    labels: frozenset[str]


@cache
def composites() -> Sequence[Any]:
    schema = contract()
    return [
        one
        for name, one in schema.type_map.items()
        if is_composite_type(one) and not name.startswith("__")
    ]


@cache
def overlapping(name: str) -> Sequence[str]:
    """Return the types on which a fragment can stand inside of a type."""
    schema = contract()
    of: Any = schema.type_map[name]
    return [one.name for one in composites() if do_types_overlap(schema, of, one)]


def signature(declared: GraphQLField) -> str:
    """Return in what fields have to be alike to stand under one key."""
    arguments = ", ".join(f"{name}: {one.type}" for name, one in declared.args.items())
    return f"({arguments}): {declared.type}"


@cache
def ambiguous() -> frozenset[str]:
    """Names of fields that are of different types on different members of abstract types."""
    schema = contract()
    found: dict[str, set[str]] = {}
    for one in composites():
        for member in schema.get_possible_types(one) if is_abstract_type(one) else ():
            for name, declared in member.fields.items():
                found.setdefault(name, set()).add(signature(declared))
    return frozenset(name for name, types in found.items() if len(types) > 1)


@cache
def fields_of(name: str, *, leaf: bool) -> list[str]:
    """Return the fields of a type that have a selection, or those that have none."""
    of = contract().type_map[name]
    assert isinstance(of, (GraphQLObjectType, GraphQLInterfaceType))
    return [
        one
        for one, declared in of.fields.items()
        if is_leaf_type(get_named_type(declared.type)) is leaf and f"{name}.{one}" not in LEFT_OUT
    ]


@cache
def names() -> frozenset[str]:
    """Names of fields: as an alias they would meet the field itself."""
    return frozenset(name for one in composites() for name in getattr(one, "fields", ()))


@cache
def drawable() -> Mapping[str, Sequence[Goal]]:
    """Return all that can be drawn, each with the fields at which it can.

    Fields, arguments, members of input objects and enum values, by their names.
    """
    found: dict[str, list[Goal]] = {}
    for one in composites():
        fields = getattr(one, "fields", {}) if one.name in reachable() else {}
        for name, declared in fields.items():
            if f"{one.name}.{name}" in LEFT_OUT:
                continue
            found.setdefault(f"{one.name}.{name}", []).append(Goal(one.name, name, frozenset()))
            for key, argument in declared.args.items():
                label = f"{one.name}.{name}({key})"
                for way in _ways(argument.type, (label,)):
                    found.setdefault(way[-1], []).append(Goal(one.name, name, frozenset(way)))
    return found


def _ways(kind: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield what leads from an argument to each of the names inside its type."""
    yield above
    named = get_named_type(kind)
    if isinstance(named, GraphQLEnumType):
        yield from ((*above, f"{named.name}.{name}") for name in named.values)
    if isinstance(named, GraphQLInputObjectType):
        for name, member in named.fields.items():
            if f"{named.name}.{name}" not in above:
                yield from _ways(member.type, (*above, f"{named.name}.{name}"))


@cache
def distances(goal: str) -> Mapping[str, int]:
    """Return how many steps lead from each type to a type, by fields and by fragments."""
    ways: dict[str, set[str]] = {}
    for one in composites():
        for name, declared in getattr(one, "fields", {}).items():
            if f"{one.name}.{name}" not in LEFT_OUT:
                ways.setdefault(get_named_type(declared.type).name, set()).add(one.name)
        for name in overlapping(one.name):
            ways.setdefault(name, set()).add(one.name)
    found, waiting = {goal: 0}, [goal]
    for name in waiting:
        for nearer in sorted(ways.get(name, set()) - set(found)):
            found[nearer] = found[name] + 1
            waiting.append(nearer)
    return found


@cache
def reachable() -> frozenset[str]:
    """Return the names of the types that a query can reach."""
    schema = contract()
    seen: set[str] = set()
    waiting: list[Any] = [schema.query_type]
    while waiting:
        one = waiting.pop()
        if one.name in seen or not is_composite_type(one):
            continue
        seen.add(one.name)
        if is_abstract_type(one):
            waiting += schema.get_possible_types(one)
        waiting += getattr(one, "interfaces", ())
        for name, declared in getattr(one, "fields", {}).items():
            if f"{one.name}.{name}" not in LEFT_OUT:
                waiting.append(get_named_type(declared.type))
    return frozenset(seen)
