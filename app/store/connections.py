"""Connections: pages of rows by keyset, never by offset, forwards and backwards.

A cursor is the hexadecimal form of the order's name and the key of its row, so
that one of another list, another order or another kind is told apart and
refused with a plain message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from app.domain.errors import BadArgument, InvalidValue
from app.domain.ids import parse_id
from app.store.filters import Filter
from app.store.reading import At, Page, Read, Scope, columns_of, in_range, subquery
from app.store.sql import (
    JSON_TEXT,
    SAFE_TEXT,
    Expression,
    Hex,
    Joined,
    JoinedRows,
    as_json,
)

DEFAULT_PAGE: Final = 20
PAGE_LIMIT: Final = 100

SEPARATOR: Final = "\x1f"
SORTED: Final = ("",)
"""`natural` of a list that comes from no index: each of its orders is sorted."""

_LARGEST_INTEGER: Final = 2**63 - 1
_INTEGER: Final = re.compile(r"[0-9]{1,19}")

Joins: TypeAlias = Callable[[At, Scope], Sequence[Expression]]


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a list: by `columns`, the last of which is unique, all one way."""

    name: str
    columns: tuple[str, ...]
    descending: bool = False
    spans: bool = False
    """Whether the columns are several tables', so that the first needs a bound of its own."""

    def keys(self, scope: Scope) -> list[Expression]:
        """Return the columns of the key."""
        return [scope[name] for name in self.columns]

    def directions(self, scope: Scope, *, backward: bool) -> list[Any]:
        """Return ORDER BY; backwards it is turned round."""
        return [
            key.desc() if self.descending is not backward else key.asc() for key in self.keys(scope)
        ]


def cursor_of(table: str, order: Order, scope: Scope) -> Expression:
    """Return the cursor of a row: `decode_cursor` reads it."""
    parts: list[str | Expression] = [f"{table}.{order.name}"]
    for name in order.columns:
        value = scope[name]
        shown = sa.cast(value, sa.Text) if isinstance(value.type, sa.Integer) else value
        parts += [SEPARATOR, shown]
    return Hex(Joined(*parts))


def decode_cursor(text: str, table: str, order: Order) -> list[Any]:
    """Return the key that a cursor carries; raise `BadArgument` for any other list's."""
    values = cursor_values(text, f"{table}.{order.name}", len(order.columns))
    return [_key(value, table, column) for value, column in zip(values, order.columns, strict=True)]


def cursor_values(text: str, name: str, size: int) -> list[str]:
    """Return the `size` values of a cursor of the list `name`; raise `BadArgument` for another."""
    try:
        found, *values = bytes.fromhex(text).decode().split(SEPARATOR)
    except (ValueError, UnicodeDecodeError):
        raise BadArgument(
            "this is no cursor; use endCursor, startCursor or an edge's cursor as it came"
        ) from None
    if found != name or len(values) != size:
        raise BadArgument(
            f"this cursor is of another list ({found[:60]!r}); it goes with the same field and "
            "the same arguments that it came from"
        )
    return values


def cursor_integer(value: str) -> int:
    """Return an integer of a cursor's key; raise `BadArgument` for anything else."""
    if not _INTEGER.fullmatch(value) or int(value) > _LARGEST_INTEGER:
        raise BadArgument("this cursor is damaged; ask for the first page again")
    return int(value)


def _key(value: str, table: str, column: str) -> Any:
    declared = columns_of(table)[column]
    if isinstance(declared.type, sa.Integer):
        return cursor_integer(value)
    if column == "id":
        try:
            parse_id(value)
        except InvalidValue:
            raise BadArgument("this cursor is damaged; ask for the first page again") from None
    if "\x00" in value:
        raise BadArgument("this cursor is damaged; ask for the first page again")
    return value


def connection(  # noqa: PLR0913 - what a list is made of
    table: str,
    orders: Sequence[Order],
    *,
    joined: Joins = lambda _at, _scope: (),
    filters: Mapping[str, Filter] | None = None,
    natural: tuple[str, ...] = (),
    node: Callable[[At, Scope], Expression] = lambda at, scope: at.select(scope),
    counted: Callable[[At], Expression] | None = None,
    counted_as: Callable[[At], str] | None = None,
) -> Read:
    """Read a page of the rows of `table` for which `joined` and the filter hold.

    `natural` are the columns by which joined rows come ordered from their index;
    of a whole table every order has one. `node` reads what stands at a place,
    where that is not the row itself. `counted` gives how many rows there are in
    all, where that is known without counting them; `counted_as` names other
    rows, as many, that are counted faster.
    """
    by_name = {order.name: order for order in orders}
    return _Connection(
        table, by_name, joined, filters or {}, natural, node, counted, counted_as
    ).read


@dataclass(frozen=True, slots=True)
class _Connection:
    table: str
    orders: Mapping[str, Order]
    joined: Joins
    filters: Mapping[str, Filter]
    natural: tuple[str, ...]
    node: Callable[[At, Scope], Expression]
    counted: Callable[[At], Expression] | None
    counted_as: Callable[[At], str] | None

    def read(self, at: At) -> Expression:
        # Each field of the connection reads its own rows: nodes those of the page,
        # pageInfo keys alone, from an index. Numbering the rows for both at once
        # by window functions was measured at a quarter more.
        order = self.orders[at.argument("orderBy") or next(iter(self.orders))]
        backward = is_backward(at)
        page = Page(
            backward=backward,
            has_bound=at.argument("before" if backward else "after") is not None,
            cursor=lambda scope: cursor_of(self.table, order, scope),
            rows=lambda row: self._rows(at, order, row, backward=backward),
            more=lambda: self._more(at, order, backward=backward),
            edge=lambda last: self._edge(at, order, backward=backward, last=last),
            total=lambda: self._total(at),
            node=self.node,
        )
        self._check(at, order)
        return at.select(Scope(self.table, "", at.scope.moment, page=page))

    def _check(self, at: At, order: Order) -> None:
        """Bind every argument once, so that a wrong one is refused whatever is selected."""
        scope = Scope(self.table, "", at.scope.moment)
        at.bind(page_size, sa.Integer())
        self._bounds(at, order, scope)
        self._given(at, scope)

    def _rows(
        self, at: At, order: Order, row: Callable[[Scope], Expression], *, backward: bool
    ) -> Expression:
        """Return the list of what `row` makes of the page's rows, in the list's own order."""
        if not backward and self._comes_in_order(at, order):
            return self._rows_in_order(at, order, row)
        alias, used = at.alias(), set[str]()
        shown = Scope(self.table, f"{alias}p", at.scope.moment, used=used)
        value = Joined("[", JoinedRows(row(shown)), "]")
        used.update(order.columns)
        picked = self._picked(at, order, alias, sorted(used), backward=backward)
        if backward:
            turned = Scope(self.table, f"{alias}q", at.scope.moment)
            picked = (
                sa.select(sa.literal_column(f"{alias}q.*"))
                .select_from(picked.subquery(f"{alias}q"))
                .order_by(*order.directions(turned, backward=False))
                .correlate(None)
            )
        return subquery(picked.subquery(f"{alias}p"), value)

    def _comes_in_order(self, at: At, order: Order) -> bool:
        """Whether an index gives the rows in this order, so that none is sorted."""
        is_joined = self.natural != ()
        return not at.argument("filter") and (not is_joined or order.columns == self.natural)

    def _rows_in_order(
        self, at: At, order: Order, row: Callable[[Scope], Expression]
    ) -> Expression:
        """Make the rows where they are picked: a seventh faster, as no column is handed on.

        Not where they are sorted first, as SQLite would make all of them for that.
        """
        scope = Scope(self.table, at.alias(), at.scope.moment)
        name = f"{scope.alias}p"
        picked = (
            sa.select(row(scope).label("made"))
            .select_from(scope.source())
            .where(*self._conditions(at, scope), *self._bounds(at, order, scope))
            .order_by(*order.directions(scope, backward=False))
            .limit(at.bind(page_size, sa.Integer()))
            .correlate(None)
            .subquery(name)
        )
        made = sa.literal_column(f"{name}.made", JSON_TEXT)
        return subquery(picked, Joined("[", JoinedRows(made), "]"))

    def _picked(
        self, at: At, order: Order, alias: str, columns: Sequence[str], *, backward: bool
    ) -> sa.Select[Any]:
        """Return the SELECT of the page's rows, from the end at which the page starts."""
        scope = Scope(self.table, alias, at.scope.moment)
        source = sa.select(*(scope.typed(name, scope[name].type).label(name) for name in columns))
        return (
            source.select_from(scope.source())
            .where(*self._conditions(at, scope), *self._bounds(at, order, scope))
            .order_by(*order.directions(scope, backward=backward))
            .limit(at.bind(page_size, sa.Integer()))
            .correlate(None)
        )

    def _more(self, at: At, order: Order, *, backward: bool) -> Expression:
        """Return whether there is a row beyond the page, on the side it is walked to."""
        scope = Scope(self.table, at.alias(), at.scope.moment)
        beyond: sa.Select[Any] = (
            sa.select(sa.literal_column("1"))
            .select_from(scope.source())
            .where(*self._conditions(at, scope), *self._bounds(at, order, scope))
            .order_by(*order.directions(scope, backward=backward))
            .limit(sa.literal_column("1"))
            .offset(at.bind(page_size, sa.Integer()))
            .correlate(None)
        )
        # Not EXISTS, which would drop the order and with it the index.
        return beyond.scalar_subquery().is_not(None)

    def _edge(self, at: At, order: Order, *, backward: bool, last: bool) -> Expression:
        """Return the cursor of the page's first or last row."""
        alias = at.alias()
        picked = self._picked(at, order, alias, sorted(order.columns), backward=backward)
        shown = Scope(self.table, f"{alias}p", at.scope.moment)
        ends = (
            sa.select(cursor_of(self.table, order, shown))
            .select_from(picked.subquery(f"{alias}p"))
            .order_by(*order.directions(shown, backward=last))
            .limit(sa.literal_column("1"))
            .correlate(None)
            .scalar_subquery()
        )
        ends.type = SAFE_TEXT
        return ends

    def _conditions(self, at: At, scope: Scope) -> list[Expression]:
        held = scope.moment.holds(self.table, scope.alias)
        return [*self.joined(at, scope), *held, *self._given(at, scope)]

    def _given(self, at: At, scope: Scope) -> list[Expression]:
        given = at.argument("filter") or {}
        return [
            condition
            for name, make in self.filters.items()
            for condition in make(at, scope, name, given.get(name))
        ]

    def _bounds(self, at: At, order: Order, scope: Scope) -> list[Expression]:
        found: list[Expression] = []
        for name in ("after", "before"):
            if at.argument(name) is not None:
                key = sa.tuple_(*order.keys(scope))
                bound = sa.tuple_(*self._bound(at, order, name, scope))
                is_less = order.descending is (name == "after")
                found.append(key < bound if is_less else key > bound)
                if order.spans:
                    first, edge = order.keys(scope)[0], self._bound(at, order, name, scope)[0]
                    found.append(first <= edge if is_less else first >= edge)
        return found

    def _bound(self, at: At, order: Order, name: str, scope: Scope) -> list[Expression]:
        def getter(place: int) -> Callable[[Any], Any]:
            return lambda arguments: decode_cursor(arguments[name], self.table, order)[place]

        return [
            at.bind(getter(place), _bind_type(scope[column].type))
            for place, column in enumerate(order.columns)
        ]

    def _total(self, at: At) -> Expression:
        if self.counted is not None:
            return self.counted(at)
        table = self.table if self.counted_as is None else self.counted_as(at)
        scope = Scope(table, at.alias(), at.scope.moment)
        counted = sa.func.count(type_=sa.Integer())
        return subquery(scope.source(), counted, self._conditions(at, scope))


def _bind_type(kind: Any) -> Any:
    return sa.BigInteger() if isinstance(kind, sa.Integer) else sa.Text()


def is_backward(at: At) -> bool:
    """Whether a page is walked to from the end; raise `BadArgument` for a page of both sides."""
    if at.argument("first") is not None and at.argument("last") is not None:
        raise BadArgument("give first or last, not both")
    if at.argument("last") is None and at.argument("before") is not None:
        raise BadArgument("before goes with last; give last as well")
    if at.argument("last") is not None and at.argument("after") is not None:
        raise BadArgument("after goes with first; give before instead")
    return at.argument("last") is not None


def page_size(arguments: Mapping[str, Any]) -> int:
    """Return how many rows a page has at most; raise `BadArgument` for more than are given."""
    for name in ("first", "last"):
        if arguments.get(name) is not None:
            return in_range(name, arguments[name], 0, PAGE_LIMIT)
    return DEFAULT_PAGE


# --- the fields of a connection -----------------------------------------------


def _of(at: At) -> Page:
    if at.scope.page is None:
        raise AssertionError("a connection's field is read outside of a connection")
    return at.scope.page


def edges(at: At) -> Expression:
    """Read the places of the page."""
    page = _of(at)
    return page.rows(lambda scope: at.select(replace(scope, page=page)))


def nodes(at: At) -> Expression:
    """Read what stands at the places of the page."""
    page = _of(at)
    return page.rows(lambda scope: page.node(at, scope))


def edge_node(at: At) -> Expression:
    """Read what stands at the place of an edge."""
    return _of(at).node(at, replace(at.scope, page=None))


def edge_cursor(at: At) -> Expression:
    """Read the cursor of an edge."""
    return as_json(_of(at).cursor(at.scope), nullable=False)


def page_info(at: At) -> Expression:
    """Read where the page stands in its list."""
    return at.select(at.scope)


def total_count(at: At) -> Expression:
    """Read how many rows there are in all; counted only where it is asked for."""
    return as_json(_of(at).total(), nullable=False)


def has_next_page(at: At) -> Expression:
    """Read whether there is more behind the page."""
    page = _of(at)
    return _truth(page.has_bound) if page.backward else _found(page.more())


def has_previous_page(at: At) -> Expression:
    """Read whether there is more before the page."""
    page = _of(at)
    return _found(page.more()) if page.backward else _truth(page.has_bound)


def _truth(known: bool) -> Expression:  # noqa: FBT001 - what is shown
    return sa.literal_column("'true'" if known else "'false'", JSON_TEXT)


def _found(exists: Expression) -> Expression:
    return as_json(sa.type_coerce(exists, sa.Boolean()), nullable=False)


def start_cursor(at: At) -> Expression:
    """Read the cursor of the page's first row."""
    return as_json(_of(at).edge(False))


def end_cursor(at: At) -> Expression:
    """Read the cursor of the page's last row."""
    return as_json(_of(at).edge(True))
