"""What an answer can cost: how many objects it can hold, known before anything is read.

Every object counts 1, and so does a `totalCount`; an edge and its node count
once. What stands on a page counts as often as the page is long, what stands in
a list as often as the field declares. A record that can be of several kinds
counts as the costliest of them.

Page sizes are bound, not part of a plan. So the cost of a shape is a small tree
that is made once and worked out for the variables of each request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.values import VariableValues

from app.graphql.compile import Operation, declaration_of
from app.graphql.demand import INTROSPECTION
from app.graphql.fields import CountOf, PageSize, Rows, Size
from app.graphql.introspection import Seen, schema_cost, type_cost

Given: TypeAlias = Mapping[str, Any]
"""The coerced variables of a request, by name."""


class Cost(Protocol):
    """A cost that may depend on the variables."""

    def at(self, given: Given) -> int:
        """Return the number of objects for these variables."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A cost that no variable changes."""

    number: int

    def at(self, given: Given) -> int:
        """Return the number."""
        del given
        return self.number


@dataclass(frozen=True, slots=True)
class Number:
    """A number that a variable gives: a page's size, or how many values a list has."""

    variable: str
    path: tuple[str, ...]
    count: CountOf

    def at(self, given: Given) -> int:
        """Return the number; one out of range is refused later, by name, not as a cost."""
        value = given.get(self.variable)
        for step in self.path:
            value = None if value is None else value.get(step)
        return _counted(value, self.count)


@dataclass(frozen=True, slots=True)
class Times:
    """A cost that comes as often as a number says."""

    number: Cost
    each: Cost

    def at(self, given: Given) -> int:
        """Return the product."""
        return self.number.at(given) * self.each.at(given)


@dataclass(frozen=True, slots=True)
class Sum:
    """Costs that come together."""

    fixed: int
    parts: tuple[Cost, ...]

    def at(self, given: Given) -> int:
        """Return the sum."""
        total = self.fixed
        for part in self.parts:
            total += part.at(given)
        return total


@dataclass(frozen=True, slots=True)
class Most:
    """The highest of several costs."""

    parts: tuple[Cost, ...]

    def at(self, given: Given) -> int:
        """Return the highest."""
        return max(part.at(given) for part in self.parts)


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """A cost that is worked out by a function of the variables."""

    work_out: Callable[[Given], int]

    def at(self, given: Given) -> int:
        """Return what the function returns."""
        return self.work_out(given)


NOTHING: Final = Fixed(0)
ONE: Final = Fixed(1)


def _counted(value: Any, count: CountOf) -> int:
    if value is None:
        return count.absent
    return min(max(len(value) if isinstance(value, list) else value, 0), count.most)


def _sum(parts: Sequence[Cost]) -> Cost:
    fixed = sum(part.number for part in parts if isinstance(part, Fixed))
    others = tuple(part for part in parts if not isinstance(part, Fixed))
    return Sum(fixed, others) if others else Fixed(fixed)


def _times(number: Cost, each: Cost) -> Cost:
    if isinstance(number, Fixed) and isinstance(each, Fixed):
        return Fixed(number.number * each.number)
    return Times(number, each)


def _most(parts: Sequence[Cost]) -> Cost:
    fixed = max((part.number for part in parts if isinstance(part, Fixed)), default=0)
    # What is selected on an interface mostly costs the same on each of its types.
    others = dict.fromkeys(part for part in parts if not isinstance(part, Fixed))
    together = (*others, Fixed(fixed)) if fixed or not others else (*others,)
    return together[0] if len(together) == 1 else Most(together)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one shape of an operation costs.

    `cost` is that of its answer, `subselects` how many objects and lists its plan
    has to be made of, counting each kind that a record can be of.
    """

    cost: Cost
    subselects: int


def estimate(operation: Operation, variables: VariableValues) -> Estimate:
    """Return what an operation costs, for one shape of its variables."""
    return _Meter(operation, variables).of(
        [operation.definition.selection_set], operation.root, ONE
    )


_FREE: Final = Estimate(NOTHING, 0)


class _Meter:
    """Works out each selection set once for each type, however often it is met."""

    def __init__(self, operation: Operation, variables: VariableValues) -> None:
        self._operation = operation
        self._variables = variables
        self._known: dict[Any, Estimate] = {}
        self._schema_seen: Seen = {}

    def of(
        self, sets: Sequence[SelectionSetNode | None], named: GraphQLNamedType, page: Cost
    ) -> Estimate:
        """Return the cost of what is selected on a type; `page` is the nearest page's size."""
        if not is_abstract_type(named):
            return self._on(sets, cast("GraphQLObjectType", named), page)
        possible = self._operation.schema.get_possible_types(named)
        each = [self._on(sets, one, page) for one in possible]
        return Estimate(_most([one.cost for one in each]), sum(one.subselects for one in each))

    def _on(
        self, sets: Sequence[SelectionSetNode | None], of: GraphQLObjectType, page: Cost
    ) -> Estimate:
        key = of.name, page, tuple(id(one) for one in sets)
        if key not in self._known:
            selected = self._operation.collect(sets, of, self._variables)
            each = [self._field(of, nodes, page) for nodes in selected.values()]
            self._known[key] = Estimate(
                _sum([one.cost for one in each]), sum(one.subselects for one in each)
            )
        return self._known[key]

    def _field(self, of: GraphQLObjectType, nodes: Sequence[FieldNode], page: Cost) -> Estimate:
        name = nodes[0].name.value
        if name in INTROSPECTION and name not in of.fields:
            return Estimate(self._schema(nodes), 0)
        if name == "__typename":
            return _FREE
        field = of.fields[name]
        named = get_named_type(field.type)
        if is_leaf_type(named):
            own = declaration_of(field, "cost", 0)
            return Estimate(Fixed(own), declaration_of(field, "weight", own))
        return self._object(field, nodes, page)

    def _object(self, field: GraphQLField, nodes: Sequence[FieldNode], page: Cost) -> Estimate:
        size: Size | None = declaration_of(field, "size")
        if isinstance(size, PageSize):
            page = self._given(nodes[0], size.counts)
        sets = [node.selection_set for node in nodes]
        inner = self.of(sets, get_named_type(field.type), page)
        each = _sum([Fixed(declaration_of(field, "cost", 1)), inner.cost])
        number = self._number(nodes[0], size, page)
        cost = each if number is None else _times(number, each)
        return Estimate(cost, inner.subselects + declaration_of(field, "weight", 1))

    def _number(self, node: FieldNode, size: Size | None, page: Cost) -> Cost | None:
        """Return how often the field's object comes; None for one that is no list."""
        if size is None or isinstance(size, PageSize):
            return None
        if size is Rows.OF_THE_PAGE:
            return page
        return self._given(node, (size,)) if isinstance(size, CountOf) else Fixed(size)

    def _given(self, node: FieldNode, counts: Sequence[CountOf]) -> Cost:
        """Return the number that the first of the arguments gives which is not null."""
        arguments = {one.name.value: one.value for one in node.arguments or ()}
        for count in counts:
            found = self._argument(arguments.get(count.argument), count)
            if found is not None:
                return found
        return Fixed(counts[0].absent)

    def _argument(self, value: Any, count: CountOf) -> Cost | None:
        path = count.path
        while isinstance(value, ObjectValueNode) and path:
            members = {one.name.value: one.value for one in value.fields}
            value, path = members.get(path[0]), path[1:]
        if isinstance(value, VariableNode):
            name = value.name.value
            # Whether it is given, and not as null, is part of the shape.
            is_given = self._variables.coerced.get(name) is not None
            return Number(name, path, count) if is_given else None
        if isinstance(value, IntValueNode):
            return Fixed(_counted(int(value.value), count))
        if isinstance(value, ListValueNode):
            return Fixed(_counted([*value.values], count))
        # One value stands for a list of one.
        return None if value is None or isinstance(value, NullValueNode) else ONE

    def _schema(self, nodes: Sequence[FieldNode]) -> Cost:
        if nodes[0].name.value == "__schema":
            return Fixed(schema_cost(self._operation, self._variables, nodes, self._schema_seen))
        (argument,) = nodes[0].arguments or ()
        if not isinstance(argument.value, VariableNode):
            name = getattr(argument.value, "value", None)
            return Fixed(type_cost(self._operation, self._variables, nodes, name))
        variable = argument.value.name.value
        operation, variables = self._operation, self._variables
        return WorkedOut(lambda given: type_cost(operation, variables, nodes, given.get(variable)))
