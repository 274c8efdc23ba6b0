"""From a document to a plan.

Walks an operation's selections as the specification has it (aliases, fragments
on objects, interfaces and unions, @skip and @include, variables) and asks each
field how it is read. A plan is made for one *shape* of the variables: which
are given, the values of enums and booleans, the kinds that ids name. Whatever
else they hold is bound, not compiled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLIncludeDirective,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    get_argument_values,
    get_directive_values,
    get_named_type,
    is_abstract_type,
    type_from_ast,
    visit,
)
from graphql.execution.values import VariableValues

from app.domain.archive_ids import id_kind
from app.domain.errors import BadArgument, TooDeep
from app.domain.totals import Shaping
from app.store.plan import Bound, Statement, compile_plan
from app.store.reading import Getter, Read, Scope
from app.store.sql import Expression, json_constant, json_object, parameter

Selections: TypeAlias = dict[str, list[FieldNode]]


def declaration_of(field: GraphQLField, name: str, absent: Any = None) -> Any:
    """Return what the declaration of a field says under a name (`app.graphql.fields`)."""
    definition = field.extensions.get("strawberry-definition")
    metadata: Mapping[Any, Any] = getattr(definition, "metadata", None) or {}
    return metadata.get(name, absent)


def read_of(field: GraphQLField) -> Read | None:
    """Return how a field is read from the tables; None for an ordinary resolver's."""
    return cast("Read | None", declaration_of(field, "read"))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document, with what is needed to walk it."""

    schema: GraphQLSchema
    definition: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]

    @property
    def root(self) -> GraphQLObjectType:
        """The type that the operation starts from."""
        return cast("GraphQLObjectType", self.schema.get_root_type(self.definition.operation))

    def collect(
        self,
        sets: Sequence[SelectionSetNode | None],
        of: GraphQLObjectType,
        variables: VariableValues,
    ) -> Selections:
        """Return the fields selected on `of`, by response key, in the order of the answer."""
        found: Selections = {}
        seen = set[str]()
        for one in sets:
            if one is not None:
                self._collect(one, of, variables, found, seen)
        return found

    def _collect(
        self,
        selections: SelectionSetNode,
        of: GraphQLObjectType,
        variables: VariableValues,
        found: Selections,
        seen: set[str],
    ) -> None:
        for node in selections.selections:
            if not is_included(node, variables):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                found.setdefault(key, []).append(node)
                continue
            inner = fragment_of(self, node, seen)
            if inner is not None and self._applies(inner, of):
                self._collect(inner.selection_set, of, variables, found, seen)

    def _applies(
        self, node: InlineFragmentNode | FragmentDefinitionNode, of: GraphQLObjectType
    ) -> bool:
        if node.type_condition is None:
            return True
        wanted = type_from_ast(self.schema, node.type_condition)
        if wanted is of:
            return True
        return is_abstract_type(wanted) and self.schema.is_sub_type(wanted, of)


def fragment_of(
    operation: Operation, node: Any, seen: set[str]
) -> InlineFragmentNode | FragmentDefinitionNode | None:
    """Return the fragment that a selection spreads; None for a named one that was `seen`."""
    if isinstance(node, InlineFragmentNode):
        return node
    name = cast("FragmentSpreadNode", node).name.value
    if name in seen:
        return None
    seen.add(name)
    return operation.fragments[name]


def is_included(node: Any, variables: VariableValues) -> bool:
    """Whether @skip and @include leave a selection in."""
    skip = get_directive_values(GraphQLSkipDirective, node, variables)
    if skip and skip["if"]:
        return False
    include = get_directive_values(GraphQLIncludeDirective, node, variables)
    return not include or bool(include["if"])


def operations_of(schema: GraphQLSchema, document: DocumentNode) -> dict[str, Operation]:
    """Return the operations of a validated document by name; one without a name is ""."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return {
        node.name.value if node.name else "": Operation(schema, node, fragments)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    }


# --- the shape of variables ---------------------------------------------------

Shape: TypeAlias = Any


def shape_of(operation: Operation, variables: VariableValues) -> Shape:
    """Return what of the variables decides over the SQL, as a hashable value."""
    shapes = []
    for definition in operation.definition.variable_definitions or ():
        name = definition.variable.name.value
        declared = type_from_ast(operation.schema, definition.type)
        if name in variables.coerced:
            shapes.append((name, _shape(declared, variables.coerced[name])))
    return tuple(shapes)


def _shape(declared: Any, value: Any) -> Shape:
    if value is None:
        return None
    if isinstance(declared, GraphQLNonNull):
        return _shape(declared.of_type, value)
    if isinstance(declared, GraphQLList):
        return _list_shape(declared, value)
    if isinstance(declared, GraphQLInputObjectType):
        return tuple(
            (name, _shape(field.type, value[name]))
            for name, field in declared.fields.items()
            if name in value
        )
    if isinstance(declared, GraphQLEnumType) or declared is GraphQLBoolean:
        return value
    return id_kind(value) if declared is GraphQLID else True


def _list_shape(declared: GraphQLList[Any], value: Any) -> Shape:
    named = get_named_type(declared)
    if named is GraphQLID:
        return frozenset(id_kind(one) for one in _flat(value))
    if isinstance(named, GraphQLInputObjectType):
        return tuple(_shape(declared.of_type, one) for one in value)
    if any(isinstance(one, Shaping) for one in _flat(value)):
        return tuple(_flat(value))
    return True


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    elif value is not None:
        yield value


# --- compiling ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled plan, with the fields whose arguments it binds.

    `is_pure` says that nothing but the log decides over what it reads.
    """

    statement: Statement
    fields: tuple[tuple[GraphQLField, FieldNode, Any], ...]
    is_pure: bool = True

    def to_keep(self) -> Plan:
        """Return what is needed to run it again and again on the driver."""
        return replace(self, statement=self.statement.to_keep())

    def values(self, variables: VariableValues, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of the statement for these variables."""
        arguments = [
            get_argument_values(field, node, variables) if fixed is None else fixed
            for field, node, fixed in self.fields
        ]
        return self.statement.values(arguments, given)


def make_plan(  # noqa: PLR0913, PLR0917 - what a plan is made from
    operation: Operation,
    variables: VariableValues,
    selections: Mapping[str, Sequence[FieldNode]],
    of: GraphQLObjectType,
    scope: Scope,
    database: str,
) -> Plan:
    """Return the plan of the selections on `of`, all of which the tables answer."""
    planner = _Planner(operation, variables)
    members = [(key, planner.member(nodes, of, scope)) for key, nodes in selections.items()]
    statement = compile_plan(members, planner.bounds, database)
    return Plan(statement, tuple(planner.fields), planner.is_pure)


SUBSELECTS_LIMIT: Final = 600
"""Subselects of one plan, at most."""


class _Planner:
    """What one plan gathers while it is made."""

    def __init__(self, operation: Operation, variables: VariableValues) -> None:
        self.operation = operation
        self.variables = variables
        self.bounds: list[Bound] = []
        self.fields: list[tuple[GraphQLField, FieldNode, Any]] = []
        self.is_pure = True
        self._aliases = 0

    def alias(self) -> str:
        self._aliases += 1
        # Where a record can be of several kinds each is asked, so nesting multiplies.
        if self._aliases > SUBSELECTS_LIMIT:
            raise TooDeep(
                f"the document asks for more than {SUBSELECTS_LIMIT} lists and links, counting "
                "each kind that a record can be of; ask for less at once",
                limit="subselects",
                value=self._aliases,
                most=SUBSELECTS_LIMIT,
            )
        return f"t{self._aliases}"

    def member(self, nodes: Sequence[FieldNode], of: GraphQLObjectType, scope: Scope) -> Expression:
        name = nodes[0].name.value
        if name == "__typename":
            return json_constant(of.name)
        field = of.fields[name]
        read = read_of(field)
        if read is None:
            raise AssertionError(f"{of.name}.{name} is not read from the tables")
        place = _Place(self, scope, field, nodes)
        try:
            return read(place)
        except BadArgument as fault:
            raise GraphQLError(str(fault), nodes=list(nodes), original_error=fault) from fault

    def number(self, field: GraphQLField, node: FieldNode) -> tuple[int, Mapping[str, Any]]:
        arguments = get_argument_values(field, node, self.variables)
        fixed = None if _has_variables(node) else arguments
        self.fields.append((field, node, fixed))
        return len(self.fields) - 1, arguments


class _Place:
    """A field in a document, and the rows that it is read from (`app.store.reading.At`)."""

    def __init__(
        self, planner: _Planner, scope: Scope, field: GraphQLField, nodes: Sequence[FieldNode]
    ) -> None:
        self.scope = scope
        self._planner = planner
        self._field = field
        self._nodes = nodes
        self._arguments: tuple[int, Mapping[str, Any]] | None = None

    def _numbered(self) -> tuple[int, Mapping[str, Any]]:
        if self._arguments is None:
            self._arguments = self._planner.number(self._field, self._nodes[0])
        return self._arguments

    def bind(self, getter: Getter, type_: Any) -> Expression:
        number, _ = self._numbered()
        name = f"p{len(self._planner.bounds)}"
        nodes = list(self._nodes)

        def located(arguments: Any) -> Any:
            try:
                return getter(arguments)
            except BadArgument as fault:
                raise GraphQLError(str(fault), nodes=nodes, original_error=fault) from fault

        self._planner.bounds.append(Bound(name, number, located))
        return parameter(name, type_)

    def argument(self, name: str) -> Any:
        return self._numbered()[1].get(name)

    def alias(self) -> str:
        return self._planner.alias()

    def select(
        self, scope: Scope, type_name: str | None = None, *, in_part: bool = False
    ) -> Expression:
        target = self._target(scope, type_name)
        planner = self._planner
        return json_object(
            [
                (key, planner.member(nodes, target, scope))
                for key, nodes in self._selected(target).items()
                if not in_part or _is_read(nodes, target)
            ]
        )

    def asks_for(self, *names: str) -> bool:
        selected = self._selected(self._target(self.scope, None))
        return any(nodes[0].name.value in names for nodes in selected.values())

    def asks_only_for(self, *names: str) -> bool:
        """Whether the field's selection names none but these fields, on any type."""
        named = get_named_type(self._field.type)
        possible = (
            self._planner.operation.schema.get_possible_types(named)
            if is_abstract_type(named)
            else [cast("GraphQLObjectType", named)]
        )
        return all(
            nodes[0].name.value in names
            for target in possible
            for nodes in self._selected(target).values()
        )

    def depends_on_more_than_the_log(self) -> None:
        self._planner.is_pure = False

    def _target(self, scope: Scope, type_name: str | None) -> GraphQLObjectType:
        named: GraphQLNamedType = get_named_type(self._field.type)
        if type_name is None and is_abstract_type(named):
            type_name = scope.table.capitalize()
        if type_name is not None:
            named = self._planner.operation.schema.type_map[type_name]
        return cast("GraphQLObjectType", named)

    def _selected(self, target: GraphQLObjectType) -> Selections:
        sets = [node.selection_set for node in self._nodes]
        return self._planner.operation.collect(sets, target, self._planner.variables)


def _is_read(nodes: Sequence[FieldNode], of: GraphQLObjectType) -> bool:
    field = of.fields.get(nodes[0].name.value)
    return field is not None and read_of(field) is not None


class _VariableFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_variable(self, _node: VariableNode, *_: Any) -> None:
        self.found = True


def _has_variables(node: FieldNode) -> bool:
    finder = _VariableFinder()
    for argument in node.arguments or ():
        visit(argument, finder)
    return finder.found
