"""Values of arguments and variables: such as the ledger has, and such as nobody should send.

What an argument is likely to mean is told by its name (`_IDS`, `Contents.texts`); one that is
not known gets values of its type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
)

from tests.oracle.contents import Contents
from tests.oracle.dice import Dice
from tests.oracle.parts import Goal
from tests.oracle.resolvers import LISTINGS
from tests.oracle.tables import NODES, RECORDS

VARIABLES = 12
"""Variables of a document, at most."""

UNKNOWN = "01j6a3k7x2e5vrm8n9p0q4s6t8"
"""The second half of an id that nothing has."""

ODD_TEXTS = (
    "", " ", "%", "_", "\\", "'", '"', "é", "E\u0301", "\U0001f40e", "\u2028", "{}", "$1", "?",
    ":p0", "ss", "ẞ", "\u0131", "null", "\t", "a" * 501, "\x00", "--", "x\x1fy", "@1",
)  # fmt: skip


_IDS: Mapping[str, tuple[str, ...]] = {
    **{kind: (kind,) for kind in RECORDS},
    "changeset": ("changeset",),
    "editors": ("editor",),
    "newsrooms": ("newsroom",),
    "actsFor": ("actor",),
    "broader": ("item",),
    "under": ("item",),
    "items": ("item",),
    "itemsUnder": ("item",),
    "giversUnder": ("actor",),
    "receiversUnder": ("actor",),
    "givers": ("actor",),
    "receivers": ("actor",),
    "parties": ("actor",),
    "usedAgainst": ("actor",),
    "publishers": ("actor",),
    "assertedBy": ("actor",),
    "considerationFor": ("transfer",),
    "subjects": ("transfer", "actor", "item"),
    "citations": ("citation",),
    "records": RECORDS,
    "ActorFilter.partOf": ("actor",),
    "TransferFilter.partOf": ("transfer",),
    "proposal": ("proposal",),
    **{
        f"{kind.capitalize()}Filter.ids": (kind,)
        for kind in (*RECORDS, "editor", "key", "proposal")
    },
}
"""The kinds of id that an argument or a member is asked with."""


@dataclass(frozen=True)
class Code:
    """A value of an enum, in a document."""

    name: str


@dataclass(frozen=True)
class Named:
    """A variable, in the place of a value."""

    name: str


def literal(value: Any) -> str:
    """Return a value as it stands in a document."""
    if isinstance(value, Code):
        return value.name
    if isinstance(value, Named):
        return f"${value.name}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(one) for one in value) + "]"
    return json.dumps(value)


def plain(value: Any) -> Any:
    """Return a value as it stands among the variables."""
    if isinstance(value, Code):
        return value.name
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


@dataclass
class Values:
    """Draws values, and declares the variables that stand for some of them.

    Each of `sets` gets a value for every variable, unless it is left out.
    """

    dice: Dice
    contents: Contents
    goal: Goal
    drawn: set[str] = field(default_factory=set)
    declared: dict[str, str] = field(default_factory=dict)
    sets: list[dict[str, Any]] = field(default_factory=list)

    def value(self, kind: Any, hint: str, *, sure: bool = False, is_constant: bool = False) -> Any:
        """Return a value of an input type, or a variable in its place."""
        if not is_constant and len(self.declared) < VARIABLES and self.dice.chance(22):
            return self.variable(kind, lambda: self.value(kind, hint, is_constant=True, sure=sure))
        if isinstance(kind, GraphQLNonNull):
            return self.given(kind.of_type, hint, is_constant=is_constant)
        if not sure and self.dice.chance(6):
            return None
        return self.given(kind, hint, is_constant=is_constant)

    def variable(self, kind: Any, make: Callable[[], Any]) -> Named:
        """Declare a variable that fits a place of this type, and draw its values."""
        name = f"v{len(self.declared)}"
        self.declared[name] = ""  # taken, whatever is drawn meanwhile
        is_required = isinstance(kind, GraphQLNonNull)
        bare = kind.of_type if is_required else kind
        has_default = self.dice.chance(25)
        shown = str(bare if has_default or not is_required else kind)
        if has_default:
            shown += f" = {literal(make())}"
        self.declared[name] = shown
        for one in self.sets:
            if (has_default or not is_required) and self.dice.chance(25):
                continue
            # A default lets a variable stand where null is not taken; null is an error then.
            may_be_null = not is_required or (has_default and self.dice.chance(20))
            value = None if may_be_null and self.dice.chance(8) else make()
            one[name] = 17.5 if self.dice.chance(1) else plain(value)
        return Named(name)

    def given(self, kind: Any, hint: str, *, is_constant: bool) -> Any:
        if isinstance(kind, GraphQLList):
            return self.many(kind, hint, is_constant=is_constant)
        if isinstance(kind, GraphQLInputObjectType):
            return self.members(kind, is_constant=is_constant)
        if isinstance(kind, GraphQLEnumType):
            goal = [name for name in kind.values if f"{kind.name}.{name}" in self.goal.labels]
            name = self.dice.one_of(goal if goal and self.dice.chance(60) else list(kind.values))
            self.drawn.add(f"{kind.name}.{name}")
            return Code(name)
        return self.scalar(kind.name, hint)

    def many(self, kind: GraphQLList[Any], hint: str, *, is_constant: bool) -> Any:
        if self.dice.chance(5):  # one value stands for a list of it, but no variable does
            return self.value(kind.of_type, hint, is_constant=True, sure=True)
        if self.dice.chance(1):
            return [self.value(kind.of_type, hint, is_constant=True, sure=True)] * 101
        size = 1 + self.dice.number(2) if not self.dice.chance(5) else 0
        return [
            self.value(kind.of_type, hint, is_constant=is_constant, sure=True) for _ in range(size)
        ]

    def members(self, kind: GraphQLInputObjectType, *, is_constant: bool) -> dict[str, Any]:
        names = list(kind.fields)
        wanted = {self.dice.one_of(names) for _ in range(self.dice.number(2))}
        if self.dice.chance(80):
            wanted |= {name for name in names if f"{kind.name}.{name}" in self.goal.labels}
        wanted |= {
            name for name, one in kind.fields.items() if isinstance(one.type, GraphQLNonNull)
        }
        if kind.is_one_of:
            wanted = {self.dice.one_of(names)}
        self.drawn |= {f"{kind.name}.{name}" for name in wanted}
        return {
            name: self.value(
                kind.fields[name].type,
                hint(kind.name, "", name),
                is_constant=is_constant,
                sure=kind.is_one_of,
            )
            for name in names
            if name in wanted
        }

    def scalar(self, kind: str, hint: str) -> Any:
        if hint.startswith("cursor:"):
            return self.cursor(hint)
        make = {
            "Boolean": lambda: self.dice.chance(50),
            "Int": self.integer,
            "Float": lambda: self.dice.number(20) / 2,
            "Position": self.position,
            "Date": lambda: self.dice.one_of(self.contents.days),
            "DateTime": self.instant,
            "ID": lambda: self.id(hint),
        }.get(kind, lambda: self.text(hint))
        return make()

    def integer(self) -> int:
        if self.dice.chance(1):
            return int(self.dice.one_of((-1, 100, 101, 2**31 - 1, -(2**31))))
        return self.dice.number(6)

    def position(self) -> int:
        if self.dice.chance(6):
            return int(self.dice.one_of((0, self.contents.tables.head + 1, 2**53 - 1)))
        return 1 + self.dice.number(self.contents.tables.head - 1)

    def instant(self) -> str:
        if self.dice.chance(15):
            return str(self.dice.one_of(_INSTANTS))
        return f"{{{{instant:{1 + self.dice.number(self.contents.tables.head - 1)}}}}}"

    def text(self, hint: str) -> str:
        known = self.contents.texts.get(hint.rpartition(".")[2])
        if known and not self.dice.chance(10):
            return str(self.dice.one_of(known))
        return str(self.dice.one_of(ODD_TEXTS))

    def id(self, hint: str) -> str:
        kinds = _IDS.get(hint) or _IDS.get(hint.rpartition(".")[2]) or NODES
        if self.dice.chance(6):
            kinds = NODES
        kind = self.dice.one_of(kinds)
        made = f"{{{{{kind}:{self.dice.number(self.contents.sizes[kind] - 1)}}}}}"
        odd = self.dice.number(99)
        if odd < 78:
            return made
        if odd < 92:
            return f"{made}@{self.position()}"
        return str(
            self.dice.one_of((f"{kind}_{UNKNOWN}", f"{made}@x", f"{made}@", made[:-1], "", "?_"))
        )

    def cursor(self, hint: str) -> str:
        _, table, order = hint.split(":")
        if self.dice.chance(2):
            table, order = self.dice.one_of(_EVERY_LIST)
        place = self.dice.number(self.contents.cursors(table) - 1)
        made = f"{{{{cursor:{table}.{order}:{place}}}}}"
        if self.dice.chance(2):
            return str(
                self.dice.one_of((f"{made}00", f"0{made}", f"{made}1f", "", "ff", "no cursor"))
            )
        return made


_INSTANTS = (
    "2000-01-01T00:00:00Z",
    "2999-12-31T23:59:59.999999Z",
    "2024-08-27T09:30:00+09:00",
    "2024-08-27t09:30:00.5z",
)

_EVERY_LIST = sorted(
    {
        (one.table, order.name)
        for lists in LISTINGS.values()
        for one in lists.values()
        for order in one.orders
    }
)


def hint(type_name: str, field_name: str, argument: str) -> str:
    """Return by what the values of an argument or of a filter's member are chosen."""
    if argument in ("id", "ids") and field_name in _IDS:
        return field_name
    return f"{type_name}.{argument}"


def cursor_hint(type_name: str, field_name: str, order: str | None) -> str:
    listing = LISTINGS.get(type_name, {}).get(field_name)
    if listing is None:
        return "cursor:claim:CREATED_ASC"
    known = {one.name for one in listing.orders}
    return f"cursor:{listing.table}:{order if order in known else listing.orders[0].name}"
