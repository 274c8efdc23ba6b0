"""Lists as the contract describes them: filtered, ordered, cut into pages by cursors.

Everything is done on plain lists: all rows are filtered, all are sorted, and
the page is cut out of the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.errors import InvalidValue
from app.domain.ids import parse_id
from tests.oracle.filters import check_filter, fits
from tests.oracle.tables import Seen

Arguments = Mapping[str, Any]

DEFAULT_PAGE = 20
PAGE_LIMIT = 100


class BadArgument(Exception):
    """An argument that the contract does not take."""


@dataclass(frozen=True)
class Order:
    """One order of a list: by these columns, all one way."""

    name: str
    columns: tuple[str, ...]
    descending: bool = False


@dataclass(frozen=True)
class Listing:
    """One list of the contract: rows of a table that belong to the row it hangs on."""

    table: str
    belongs: Callable[[Seen, Seen], bool] = lambda _of, _row: True
    orders: tuple[Order, ...] = ()
    rows: Callable[[Any], Iterable[Seen]] | None = None
    """Where the rows come from, if not from the table of that name."""

    def found(self, of: Any) -> Iterable[Seen]:
        """Return the rows of the whole list, unfiltered, in any order."""
        if self.rows is not None:
            return self.rows(of)
        return [row for row in of.every(self.table) if self.belongs(of, row)]

    def order(self, arguments: Arguments) -> Order:
        """Return the order asked for; the first one where none is."""
        wanted = arguments.get("orderBy")
        return next(order for order in self.orders if wanted in (None, order.name))


@dataclass(frozen=True)
class Page:
    """A page of a list."""

    listing: Listing
    order: Order
    rows: Sequence[Seen]
    has_next: bool
    has_previous: bool
    total: int

    def cursor(self, row: Seen) -> str:
        """Return where a row is in this list."""
        return cursor_of(self.listing.table, self.order, row.row)


@dataclass(frozen=True)
class Edge:
    """One place of a page."""

    node: Seen
    cursor: str


def cursor_of(table: str, order: Order, row: Mapping[str, Any]) -> str:
    """Return the cursor of a row in an order."""
    words = [f"{table}.{order.name}", *(str(row[name]) for name in order.columns)]
    return "\x1f".join(words).encode().hex()


def page_of(listing: Listing, of: Any, arguments: Arguments) -> Page:
    """Return the page that is asked for; its arguments have been checked."""
    order, given = listing.order(arguments), arguments.get("filter") or {}
    rows = [row for row in listing.found(of) if fits(listing.table, row, given)]
    rows.sort(key=lambda row: _key(order, row), reverse=order.descending)
    inside = [row for row in rows if _is_between(listing, order, row, arguments)]
    if arguments.get("last") is not None:
        size = arguments["last"]
        page = inside[max(0, len(inside) - size) :] if size else []
        has_next, has_previous = arguments.get("before") is not None, len(inside) > size
    else:
        size = DEFAULT_PAGE if arguments.get("first") is None else arguments["first"]
        page = inside[:size]
        has_next, has_previous = len(inside) > size, arguments.get("after") is not None
    return Page(listing, order, page, has_next, has_previous, len(rows))


def _key(order: Order, row: Seen) -> tuple[Any, ...]:
    return tuple(row[name] for name in order.columns)


def _is_between(listing: Listing, order: Order, row: Seen, arguments: Arguments) -> bool:
    key = _key(order, row)
    after, before = (
        None if arguments.get(name) is None else _bound(listing, order, arguments[name])
        for name in ("after", "before")
    )
    if order.descending:
        after, before = before, after
    return (after is None or key > after) and (before is None or key < before)


# --- what is not taken --------------------------------------------------------


def check_page(listing: Listing, arguments: Arguments) -> None:
    """Raise `BadArgument` for a page that cannot be asked for."""
    first, last = arguments.get("first"), arguments.get("last")
    after, before = arguments.get("after"), arguments.get("before")
    if first is not None and last is not None:
        raise BadArgument("both first and last")
    if last is None and before is not None:
        raise BadArgument("before without last")
    if last is not None and after is not None:
        raise BadArgument("after with last")
    for size in (first, last):
        if size is not None and not 0 <= size <= PAGE_LIMIT:
            raise BadArgument("a page out of range")
    for cursor in (after, before):
        if cursor is not None:
            _bound(listing, listing.order(arguments), cursor)
    fault = check_filter(arguments.get("filter") or {})
    if fault is not None:
        raise BadArgument(fault)


_NUMBERS = frozenset({"version", "place", "position", "entered"})


def _bound(listing: Listing, order: Order, cursor: str) -> tuple[Any, ...]:
    try:
        name, *words = bytes.fromhex(cursor).decode().split("\x1f")
    except ValueError:
        raise BadArgument("no cursor") from None
    if name != f"{listing.table}.{order.name}" or len(words) != len(order.columns):
        raise BadArgument("a cursor of another list")
    return tuple(_word(column, word) for column, word in zip(order.columns, words, strict=True))


def _word(column: str, word: str) -> Any:
    if column in _NUMBERS:
        if not re.fullmatch("[0-9]{1,19}", word) or int(word) >= 2**63:
            raise BadArgument("a damaged cursor")
        return int(word)
    if column == "id":
        try:
            parse_id(word)
        except InvalidValue:
            raise BadArgument("a damaged cursor") from None
    if "\x00" in word:
        raise BadArgument("a damaged cursor")
    return word
