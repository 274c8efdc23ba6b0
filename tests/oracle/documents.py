"""Documents drawn over the published contract: whatever a client could write, within limits.

Types are walked by the schema, so a field that is added is drawn from the day it is there. Each
document has a goal, a part of the contract that is likely to be in it, so that over time every
part is drawn, however deep it lies.

Selections merge wherever keys meet, so keys are chosen such that they can: a field without an
alias has the same arguments in the whole document, an alias stands for one field with its
arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLNonNull,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_list_type,
    is_required_argument,
)
from hypothesis import strategies as st

from tests.oracle.contents import Contents
from tests.oracle.dice import Dice
from tests.oracle.executor import contract
from tests.oracle.parts import (
    Goal,
    ambiguous,
    distances,
    drawable,
    fields_of,
    names,
    overlapping,
    signature,
)
from tests.oracle.values import VARIABLES, Code, Values, cursor_hint, hint, literal

DEPTH = 9
"""Fields nested in each other, at most."""

ALIASES, DIRECTIVES, FRAGMENTS = 12, 12, 4
NODES_WIDE, NODES_IN_ALL = 120, 1_500
"""Nodes that a list may be read for, and that a document may return, at most."""

ODD_ALIASES = (
    "t1", "p0", "c0", "id", "null", "true", "select", "position", "data", "__proto__", "_", "A",
    "constructor", "moment", "value", "head", "x" * 64, "y" * 130,
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A document, with sets of variables that it is asked with one after the other."""

    document: str
    operation_name: str | None
    variables: tuple[Mapping[str, Any], ...]
    drawn: frozenset[str]

    def __repr__(self) -> str:
        """Show the document as it is read best."""
        shown = "\n".join(json.dumps(one, ensure_ascii=False) for one in self.variables)
        return f"\n{self.document}\noperationName: {self.operation_name}\nvariables:\n{shown}\n"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - hypothesis asks so
        printer.text(repr(self))


def questions(
    contents: Contents, *, size: int = 40, goals: Sequence[Sequence[Goal]] = ()
) -> st.SearchStrategy[Question]:
    """Return documents of about so many fields, at most, with variables for them.

    Each is likely to have one of the goals in it: of all there is, if none are given.
    """
    choices = goals or list(drawable().values())

    def written(data: bytes) -> Question:
        dice = Dice(data)
        goal = dice.one_of(dice.one_of(choices))
        return _Author(dice, contents, goal, size=size).question()

    length = 200 + 30 * size
    return st.binary(min_size=length, max_size=length).map(written)


@dataclass
class _Fragment:
    """A named fragment; it fits no place before it is written, so none spreads itself."""

    name: str
    on: str
    wide: int
    depth: int = DEPTH + 1
    text: str = ""


@dataclass
class _Author(Values):
    """Who writes one document, of at most `size` fields and what they cannot do without.

    `canonical` has the arguments that a field has without an alias, `aliased` what
    an alias stands for; `depth_below` is how deep the current fragment has gone.
    """

    size: int = 40
    fields: int = 0
    directives: int = 0
    nodes: int = 0
    canonical: dict[tuple[str, str], str] = field(default_factory=dict)
    aliased: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    fragments: list[_Fragment] = field(default_factory=list)
    depth_below: int = 0

    # --- the document -----------------------------------------------------------

    def question(self) -> Question:
        self.size = 3 + self.dice.number(self.size)
        self.sets = [{} for _ in range(1 + self.dice.chance(40))]
        root = contract().query_type
        assert root is not None
        body = self.selection(root, 0, 1, concrete="Query")
        several = self.dice.chance(10)
        name = "Asked" if several or self.dice.chance(30) else None
        variables = ", ".join(f"${one}: {kind}" for one, kind in self.declared.items())
        head = f"query {name or ''}{f'({variables})' if variables else ''}"
        if name is None and not variables and self.dice.chance(50):
            head = ""
        parts = [f"{head} {body}".strip(), *(one.text for one in self.fragments)]
        if several:
            parts.append(self.dice.one_of(_OTHERS))
        named = several or (name is not None and self.dice.chance(50))
        return Question(
            "\n".join(parts),
            name if named else None,
            tuple(self.sets[: 2 if self.declared else 1]),
            frozenset(self.drawn),
        )

    def selection(
        self, of: Any, depth: int, wide: int, *, concrete: str | None, prefix: bool = False
    ) -> str:
        """Return a selection set; `concrete` is the type of the rows, where it is known."""
        wanted = 1 + self.dice.number(min(5, max(1, self.size - self.fields)))
        parts: list[str] = []
        for _ in range(wanted):
            one = self.part(of, depth, wide, concrete, prefix=prefix)
            is_again = one in parts and "$" not in str(one) and not self.dice.chance(20)
            if one is not None and not is_again:
                parts.append(one)
        if not parts:
            parts.append("__typename")
        inner = "\n".join(parts).replace("\n", "\n  ")
        return f"{{\n  {inner}\n}}"

    def part(
        self, of: Any, depth: int, wide: int, concrete: str | None, *, prefix: bool
    ) -> str | None:
        choice = self.dice.number(99)
        if choice < 4:
            return self.typename()
        is_abstract = is_abstract_type(of)
        if choice < (45 if is_abstract else 14) or isinstance(of, GraphQLUnionType):
            return self.inline(of, depth, wide, concrete)
        if choice > 91:
            return self.spread(of, depth, wide)
        return self.field_of(of, depth, wide, concrete, prefix=prefix)

    def typename(self) -> str:
        if len(self.aliased) < ALIASES and self.dice.chance(25):
            return f"{self.alias('__typename', '', 'String!')}: __typename"
        return f"__typename{self.directive()}"

    def inline(self, of: Any, depth: int, wide: int, concrete: str | None) -> str:
        self.fields += 1
        if self.dice.chance(15):
            return f"...{self.directive()} " + self.selection(
                of, depth, wide, concrete=concrete, prefix=concrete != of.name
            )
        name = self.toward(overlapping(of.name), lambda one: one)
        target: Any = contract().type_map[name]
        inner = self.selection(target, depth, wide, concrete=concrete, prefix=concrete != name)
        return f"... on {name}{self.directive()} {inner}"

    def spread(self, of: Any, depth: int, wide: int) -> str | None:
        choices = overlapping(of.name)
        fitting = [
            one
            for one in self.fragments
            if one.on in choices and depth + one.depth <= DEPTH and wide <= one.wide
        ]
        if fitting and self.dice.chance(50):
            return f"...{self.dice.one_of(fitting).name}{self.directive()}"
        if len(self.fragments) >= FRAGMENTS or self.fields > self.size:
            return None
        made = _Fragment(f"F{len(self.fragments)}", self.dice.one_of(choices), wide)
        self.fragments.append(made)
        above, self.depth_below = self.depth_below, 0
        target, start = contract().type_map[made.on], max(depth, 2)
        inner = self.selection(target, start, wide, concrete=None, prefix=True)
        made.depth = max(0, self.depth_below - start)
        made.text = f"fragment {made.name} on {made.on} {inner}"
        self.depth_below = max(above, self.depth_below)
        return f"...{made.name}{self.directive()}"

    # --- fields -----------------------------------------------------------------

    def field_of(
        self, of: Any, depth: int, wide: int, concrete: str | None, *, prefix: bool
    ) -> str | None:
        deep = [one for one in fields_of(of.name, leaf=False) if self._fits(of, one, depth, wide)]
        leaves = fields_of(of.name, leaf=True)
        if not deep and not leaves:
            return None
        if of.name == self.goal.type_name and self.goal.field in [*deep, *leaves]:
            name = self.goal.field if self.dice.chance(70) else self.dice.one_of([*deep, *leaves])
        elif deep and (not leaves or self.dice.chance(60)):
            name = self.toward(deep, lambda one: get_named_type(of.fields[one].type).name)
        else:
            name = self.dice.one_of(leaves or deep)
        is_deep = name in deep
        self.fields += 1
        self.depth_below = max(self.depth_below, depth + 1)
        self.drawn.add(f"{of.name}.{name}")
        declared: GraphQLField = of.fields[name]
        head, arguments = self.head(of, name, declared, is_clear=not prefix)
        if head is None:
            return None
        inner = self.inner(of, name, declared, arguments, depth, wide) if is_deep else ""
        return f"{head}{self.directive()}{inner}"

    def toward(self, choices: Sequence[str], leads_to: Callable[[str], str]) -> str:
        """Return one of several, such as lead to the goal more often than others."""
        ways = distances(self.goal.type_name)
        nearest = min((ways.get(leads_to(one), 99) for one in choices), default=99)
        near = [one for one in choices if ways.get(leads_to(one), 99) == nearest]
        return str(self.dice.one_of(near if self.dice.chance(75) else choices))

    def _fits(self, of: Any, name: str, depth: int, wide: int) -> bool:
        if depth + 2 > DEPTH or self.fields > self.size:
            return False
        declared = of.fields[name]
        if get_named_type(declared.type).name.endswith("Connection"):
            return depth + 3 <= DEPTH and self.nodes < NODES_IN_ALL and wide <= NODES_WIDE
        return True

    def inner(
        self, of: Any, name: str, declared: GraphQLField, arguments: str, depth: int, wide: int
    ) -> str:
        target: Any = get_named_type(declared.type)
        if of.name.endswith(("Connection", "Edge")):
            pass
        elif target.name.endswith("Connection"):
            wide *= _page_size(arguments)
            self.nodes += wide
        elif _is_list(declared):
            wide *= 4
            self.nodes += wide
        concrete = None if is_abstract_type(target) else target.name
        return " " + self.selection(target, depth + 1, wide, concrete=concrete)

    def head(
        self, of: Any, name: str, declared: GraphQLField, *, is_clear: bool
    ) -> tuple[str | None, str]:
        """Return key, name and arguments of a field, and the arguments alone."""
        kind = signature(declared)
        may_be_bare = is_clear or name not in ambiguous()
        if not may_be_bare or self.dice.chance(15):
            again = [
                (alias, arguments)
                for alias, (one, arguments, of_kind) in self.aliased.items()
                if (one, of_kind) == (name, kind)
            ]
            if again and self.dice.chance(40):
                alias, arguments = self.dice.one_of(again)
                return f"{alias}: {name}{arguments}", arguments
            if len(self.aliased) < ALIASES:
                arguments = self.arguments(of, name, declared)
                made = self.alias(name, arguments, kind)
                return f"{made}: {name}{arguments}", arguments
            if not may_be_bare:
                return None, ""
        if (name, kind) not in self.canonical:
            self.canonical[name, kind] = self.arguments(of, name, declared)
        return name + self.canonical[name, kind], self.canonical[name, kind]

    def alias(self, name: str, arguments: str, kind: str) -> str:
        """Return an alias that stands for nothing else."""
        made = self.dice.one_of(ODD_ALIASES) if self.dice.chance(30) else f"a{len(self.aliased)}"
        if made in self.aliased or made in names():
            made = f"{made}_{len(self.aliased)}"
        self.aliased[made] = (name, arguments, kind)
        return str(made)

    def directive(self) -> str:
        if self.directives >= DIRECTIVES or not self.dice.chance(8):
            return ""
        self.directives += 1
        kinds = (
            ("include", "skip")
            if self.dice.chance(15)
            else (self.dice.one_of(("include", "skip")),)
        )
        return "".join(f" @{kind}(if: {self.condition(kind)})" for kind in kinds)

    def condition(self, kind: str) -> str:
        self.drawn.add(f"@{kind}")
        likely = kind == "include"
        value: Any = likely if self.dice.chance(60) else not likely
        if self.dice.chance(50) and len(self.declared) < VARIABLES:
            return literal(
                self.variable(GraphQLNonNull(GraphQLBoolean), lambda: self.dice.chance(50))
            )
        return literal(value)

    # --- arguments --------------------------------------------------------------

    def arguments(self, of: Any, name: str, declared: GraphQLField) -> str:
        given: dict[str, Any] = {}
        page = {one for one in ("first", "after", "last", "before") if one in declared.args}
        if of.name in ("Query", "Archive") and name in ("archive", "changeset"):
            given = self.exactly_one(of, name, declared)
        else:
            for key, argument in declared.args.items():
                if key in page or not self._is_given(argument, f"{of.name}.{name}({key})"):
                    continue
                self.drawn.add(f"{of.name}.{name}({key})")
                given[key] = self.value(argument.type, hint(of.name, name, key))
        if page:
            given |= self.page(of, name, declared, given)
        if not given:
            return ""
        return "(" + ", ".join(f"{key}: {literal(one)}" for key, one in given.items()) + ")"

    def _is_given(self, argument: GraphQLArgument, label: str) -> bool:
        likely = 85 if label in self.goal.labels else 30
        return is_required_argument(argument) or self.dice.chance(likely)

    def exactly_one(self, of: Any, name: str, declared: GraphQLField) -> dict[str, Any]:
        """Return one argument of those of which exactly one is wanted; rarely none or both."""
        keys = [key for key in declared.args if f"{of.name}.{name}({key})" in self.goal.labels]
        wanted = [self.dice.one_of(keys or list(declared.args))]
        if self.dice.chance(3):
            wanted = [] if self.dice.chance(50) else list(declared.args)
        self.drawn |= {f"{of.name}.{name}({key})" for key in wanted}
        return {
            key: self.value(declared.args[key].type, hint(of.name, name, key), sure=True)
            for key in wanted
        }

    def page(
        self, of: Any, name: str, declared: GraphQLField, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the arguments of a page, such as go together; rarely such as do not."""
        ways = [("first",), ("first", "after"), ("after",), ("last",), ("last", "before"), ()]
        goal = [key for key in declared.args if f"{of.name}.{name}({key})" in self.goal.labels]
        wanted = self.dice.one_of([way for way in ways if set(goal) & set(way)] or ways)
        if self.dice.chance(1):
            wanted = self.dice.one_of((("before",), ("first", "last"), ("last", "after")))
        found: dict[str, Any] = {}
        for key in (one for one in wanted if one in declared.args):
            self.drawn.add(f"{of.name}.{name}({key})")
            kind = declared.args[key].type
            if key in ("first", "last"):
                found[key] = self.value(kind, "size")
            else:
                order = given.get("orderBy")
                asked = order.name if isinstance(order, Code) else None
                found[key] = self.value(kind, cursor_hint(of.name, name, asked))
        return found


_OTHERS = (
    "query Other { __typename }",
    "query Other($x: Int!) { actors(first: $x) { totalCount } }",
    'mutation Other { revert(input: {changeset: 1, reason: {code: OTHER, note: ""}}) { leafHash }}',
)


def _page_size(arguments: str) -> int:
    found = re.search(r"\b(?:first|last): (\d+)", arguments)
    # A variable may hold a full page only by a rare draw; pages of 20 are what is usual.
    return min(100, int(found[1])) if found else 20


def _is_list(declared: GraphQLField) -> bool:
    kind = declared.type
    return is_list_type(kind.of_type if isinstance(kind, GraphQLNonNull) else kind)
