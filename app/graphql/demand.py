"""What a document asks of the server, measured before anything is made of it.

Validation has rules whose time grows with the square of a document, and
fragments that spread each other grow it exponentially. So a document is
counted first: its text before it is parsed, its selections before it is
validated. Fragments are measured once each, however often they are spread.
What its answer can hold is `app.graphql.cost`'s question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from app.domain.errors import (
    IntrospectionOff,
    OverLimit,
    TooDeep,
    TooLarge,
    TooLong,
    TooManyValues,
)
from app.domain.limits import Limits

INTROSPECTION: Final = frozenset({"__schema", "__type"})

# An open string goes on to the end of its line or of the document, so that no
# character is looked at twice.
_TOKEN: Final = re.compile(
    r"#[^\n\r]*"
    r'|"""(?:[^"\\]|\\.|"(?!""))*(?:""")?'
    r'|"(?:[^"\\\n\r]|\\.)*"?'
    r"|[_A-Za-z][_0-9A-Za-z]*"
    r"|-?[0-9][.0-9A-Za-z+-]*"
    r"|\.\.\."
    r"|[!$&()\[\]{}:=@|?]",
    re.DOTALL,
)
_OPENING: Final = frozenset("{[(")
_CLOSING: Final = frozenset("}])")


def check_text(source: str, limits: Limits) -> None:
    """Raise `OverLimit` for a text that is too long, or whose brackets nest too deep."""
    if len(source) > limits.characters:
        raise _over(TooLong, "characters", len(source), limits, "characters")
    tokens = nesting = deepest = 0
    for match in _TOKEN.finditer(source):
        tokens += 1
        first = match[0][0]
        if first in _OPENING:
            nesting += 1
            deepest = max(deepest, nesting)
        elif first in _CLOSING:
            nesting -= 1
    if tokens > limits.tokens:
        raise _over(TooLong, "tokens", tokens, limits, "tokens")
    if deepest > limits.nesting:
        raise _over(TooDeep, "nesting", deepest, limits, "brackets inside one another")


def _over(kind: type[OverLimit], name: str, value: int, limits: Limits, words: str) -> OverLimit:
    most = getattr(limits, name)
    return kind(
        f"a document has at most {most:,} {words}, this one {value:,}",
        limit=name,
        value=value,
        most=most,
    )


def check_variables(variables: Mapping[str, Any], limits: Limits) -> None:
    """Raise `TooManyValues` for variables that hold too many values, lists and objects."""
    count, waiting = 0, [iter(variables.values())]
    while waiting:
        for value in waiting[-1]:
            count += 1
            if count > limits.variable_values:
                raise TooManyValues(
                    f"variables hold at most {limits.variable_values:,} values, these more; "
                    "send them in several requests",
                    limit="variable_values",
                    value=count,
                    most=limits.variable_values,
                )
            if isinstance(value, (dict, list)) and value:
                waiting.append(iter(value.values() if isinstance(value, dict) else value))
                break
        else:
            waiting.pop()


# --- selections ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a selection set goes, fragments spread.

    `fields` are those of its own level, `selections` all of them on every level,
    with the fragments themselves.
    """

    depth: int = 0
    fields: int = 0
    selections: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: Extent) -> Extent:
        """Return the extent of both in one selection set."""
        return Extent(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.selections + other.selections,
            self.aliases + other.aliases,
            self.directives + other.directives,
        )


_Definition: TypeAlias = OperationDefinitionNode | FragmentDefinitionNode

_MEASURES: Final[Sequence[tuple[type[OverLimit], str, str]]] = (
    (TooDeep, "depth", "levels of fields"),
    (TooLarge, "selections", "selections, fragments spread"),
    (TooLarge, "aliases", "aliases, fragments spread"),
    (TooLarge, "directives", "directives, fragments spread"),
)


class Demand:
    """What a document asks for; a fragment that no operation spreads counts by itself."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments: dict[str, FragmentDefinitionNode] = {}
        operations = []
        for node in document.definitions:
            if isinstance(node, FragmentDefinitionNode):
                self._fragments.setdefault(node.name.value, node)
            elif isinstance(node, OperationDefinitionNode):
                operations.append(node)
        self._known: dict[str, Extent] = {}
        self._open: set[str] = set()
        self.is_circular = False
        self.asks_for_schema = False
        extents = [self._definition(node) for node in operations]
        self._roots: list[_Definition] = [*operations]
        self.root_fields = max((one.fields for one in extents), default=0)
        for name, node in self._fragments.items():
            if name not in self._known:
                self._roots.append(node)
                extents.append(self._fragment(name))
        self.extent = Extent()
        for one in extents:
            self.extent = self.extent.beside(one)

    def check(self, limits: Limits, *, introspection: bool) -> None:
        """Raise `OverLimit`, or `IntrospectionOff`, for a document that asks for too much."""
        if self.asks_for_schema and not introspection:
            raise IntrospectionOff(
                "this server does not answer __schema and __type; its schema is published as a file"
            )
        if len(self._fragments) > limits.fragments:
            raise _over(TooLarge, "fragments", len(self._fragments), limits, "fragments")
        for kind, name, words in _MEASURES:
            value = getattr(self.extent, name)
            if value > getattr(limits, name):
                raise _over(kind, name, value, limits, words)
        if self.root_fields > limits.root_fields:
            raise _over(TooLarge, "root_fields", self.root_fields, limits, "fields at the root")
        if not self.is_circular and (pairs := self._field_pairs()) > limits.field_pairs:
            words = "pairs of fields under the same name in the same place"
            raise _over(TooLarge, "field_pairs", pairs, limits, words)

    # --- extents, fragments measured once ---------------------------------------

    def _definition(self, node: _Definition) -> Extent:
        inner = self._extent(node.selection_set)
        own = len(node.directives or ())
        for variable in node.variable_definitions or ():
            own += len(variable.directives or ())
        return inner.beside(Extent(directives=own))

    def _extent(self, selections: SelectionSetNode | None) -> Extent:
        found = Extent()
        for node in selections.selections if selections is not None else ():
            found = found.beside(self._selection(node))
        return found

    def _selection(self, node: SelectionNode) -> Extent:
        own = Extent(selections=1, directives=len(node.directives or ()))
        if isinstance(node, FieldNode):
            return self._field(node).beside(own)
        if isinstance(node, FragmentSpreadNode):
            return self._fragment(node.name.value).beside(own)
        inner: SelectionSetNode = node.selection_set  # type: ignore[attr-defined]
        return self._extent(inner).beside(own)

    def _field(self, node: FieldNode) -> Extent:
        inner = self._extent(node.selection_set)
        is_schema = node.name.value in INTROSPECTION
        self.asks_for_schema = self.asks_for_schema or is_schema
        return Extent(
            # How deep a schema can be asked for is a rule of validation's own.
            depth=1 if is_schema else inner.depth + 1,
            fields=1,
            selections=inner.selections,
            aliases=inner.aliases + (node.alias is not None),
            directives=inner.directives,
        )

    def _fragment(self, name: str) -> Extent:
        if name in self._known:
            return self._known[name]
        if name in self._open:
            self.is_circular = True
        if name in self._open or name not in self._fragments:
            return Extent()
        self._open.add(name)
        self._known[name] = self._definition(self._fragments[name])
        self._open.remove(name)
        return self._known[name]

    # --- fields that validation compares ----------------------------------------

    def _field_pairs(self) -> int:
        """Return how many pairs of fields are to be compared whether they can be merged.

        Walks the document with its fragments spread, which the limit of
        selections keeps small.
        """
        pairs = 0
        waiting: list[list[SelectionSetNode]] = [[root.selection_set] for root in self._roots]
        while waiting:
            places: dict[str, list[FieldNode]] = {}
            for node in self._fields(waiting.pop()):
                places.setdefault((node.alias or node.name).value, []).append(node)
            for nodes in places.values():
                pairs += len(nodes) * (len(nodes) - 1) // 2
                inner = [node.selection_set for node in nodes if node.selection_set is not None]
                if inner:
                    waiting.append(inner)
        return pairs

    def _fields(self, sets: Sequence[SelectionSetNode]) -> Iterator[FieldNode]:
        waiting, seen = [node for one in sets for node in one.selections], set[str]()
        while waiting:
            node = waiting.pop()
            if isinstance(node, FieldNode):
                yield node
            elif not isinstance(node, FragmentSpreadNode):
                waiting.extend(node.selection_set.selections)  # type: ignore[attr-defined]
            elif node.name.value in self._fragments and node.name.value not in seen:
                seen.add(node.name.value)
                waiting.extend(self._fragments[node.name.value].selection_set.selections)
