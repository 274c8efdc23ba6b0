"""How the fields of the contract are read: each a function from a place to SQL.

A *place* (`At`) is a field in a document together with the rows it is read
from. The functions here make those functions: `column("name")`,
`link("giver", "actor")`, `connection(…)`. Surfaces declare them beside their
fields; `app.store.plan` puts them together into one SELECT.

Columns are named through aliases of our own, so every subselect names its FROM
itself and SQLAlchemy's correlation never comes into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeAlias

import sqlalchemy as sa

from app.domain.edtf_dates import OPEN_END, OPEN_START
from app.domain.errors import BadArgument
from app.store import tables
from app.store.sql import (
    JSON_TEXT,
    NULL,
    SAFE_TEXT,
    DecimalText,
    Elements,
    Expression,
    Joined,
    JoinedRows,
    JsonMember,
    PresentById,
    as_json,
)
from app.store.tables import CODE_POINT_TEXT, END

_DERIVED: Final[dict[str, tuple[sa.Table, Callable[[Scope], sa.FromClause] | None]]] = {}
_VERSIONED: Final = (*tables.RECORD_TABLES, "derivation")

Getter: TypeAlias = Callable[[Any], Any]
"""Takes a field's coerced arguments, returns the value to be bound; may raise `BadArgument`."""


def declare_rows(
    table: sa.Table, source: Callable[[Scope], sa.FromClause] | None = None
) -> sa.Table:
    """Declare rows that no table holds, such as findings: their columns, and their FROM.

    `source` is for lists over the whole ledger; rows that are always read from
    around another one need none.
    """
    _DERIVED[table.name] = (table, source)
    return table


def columns_of(table: str) -> Any:
    """Return the columns of a table, or of declared rows, by their names."""
    found = _DERIVED.get(table)
    return tables.metadata.tables[table].c if found is None else found[0].c


@dataclass(frozen=True, slots=True)
class Moment:
    """When the ledger is read: now (`position` None), or as of a position.

    `marked` says that ids carry the position, as they do inside an archive.
    `constant` is the position too, where it can be told without the rows around.
    """

    position: Expression | None = None
    marked: bool = False
    constant: Expression | None = None

    def holds(self, table: str, alias: str) -> list[Expression]:
        """Return the conditions under which a row of `table` is part of that moment."""
        if table in _VERSIONED:
            superseded = sa.literal_column(f"{alias}.superseded", sa.BigInteger())
            if self.position is None:
                # A literal, so that partial indexes serve it.
                return [superseded == sa.literal_column(str(END))]
            entered = sa.literal_column(f"{alias}.entered", sa.BigInteger())
            return [entered <= self.position, superseded > self.position]
        if self.position is not None and table in ("revision", "changeset"):
            position = sa.literal_column(f"{alias}.position", sa.BigInteger())
            return [position <= self.position]
        return []


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that fields are read from: an alias of a table, at a moment.

    `around` are the rows that these belong to, where a field needs both.
    """

    table: str
    alias: str
    moment: Moment
    page: Page | None = None
    extra: Any = None
    used: set[str] | None = None
    identity: Expression | None = None
    around: Scope | None = None

    def __getitem__(self, name: str) -> Expression:
        """Return a column of the rows; `used` is told, where somebody keeps count."""
        if name == "id" and self.identity is not None:
            return self.identity
        if self.used is not None:
            self.used.add(name)
        column = columns_of(self.table)[name]
        kind: Any = SAFE_TEXT if _is_safe(column) else column.type
        return sa.literal_column(f"{self.alias}.{name}", kind)

    def typed(self, name: str, type_: Any) -> Expression:
        """Return a column of the rows as another type than the table's."""
        if self.used is not None:
            self.used.add(name)
        return sa.literal_column(f"{self.alias}.{name}", type_)

    def raw(self, name: str, type_: Any = None) -> Expression:
        """Return a column that the alias has beside those of the table."""
        return sa.literal_column(f"{self.alias}.{name}", type_)

    def is_nullable(self, name: str) -> bool:
        """Whether a column can be NULL."""
        return bool(columns_of(self.table)[name].nullable)

    def source(self) -> sa.FromClause:
        """Return the table under the alias, for a FROM."""
        _, source = _DERIVED.get(self.table, (None, None))
        if source is not None:
            return source(self)
        return tables.metadata.tables[self.table].alias(self.alias)

    def by_id(self) -> tuple[Any, list[Expression]]:
        """Return FROM and the conditions of the moment, for a look-up by id."""
        conditions = self.moment.holds(self.table, self.alias)
        if self.moment.position is None and self.table in tables.RECORD_TABLES:
            return PresentById(self.table, self.alias), conditions
        return self.source(), conditions


@dataclass(frozen=True, slots=True)
class Page:
    """What a connection's own fields are read with.

    `rows` makes something of the page's rows, `more` tells whether there is one
    beyond them, `edge` gives the cursor of the first or (True) the last one,
    `node` what stands at a place.
    """

    backward: bool
    has_bound: bool
    cursor: Callable[[Scope], Expression]
    rows: Callable[[Callable[[Scope], Expression]], Expression]
    more: Callable[[], Expression]
    edge: Callable[[bool], Expression]
    total: Callable[[], Expression]
    node: Callable[[At, Scope], Expression]


class At(Protocol):
    """A field in a document, and the rows that it is read from."""

    scope: Scope

    def bind(self, getter: Getter, type_: Any) -> Expression:
        """Return a parameter that takes its value from the field's arguments."""

    def argument(self, name: str) -> Any:
        """Return an argument whose value or presence shapes the SQL."""

    def alias(self) -> str:
        """Return an alias that nothing else in the statement has."""

    def select(
        self, scope: Scope, type_name: str | None = None, *, in_part: bool = False
    ) -> Expression:
        """Return the field's selection as a JSON object over the rows of `scope`.

        `in_part` leaves out what is not read from the tables.
        """

    def asks_for(self, *names: str) -> bool:
        """Whether the field's selection names one of these fields."""

    def asks_only_for(self, *names: str) -> bool:
        """Whether the field's selection names none but these fields."""

    def depends_on_more_than_the_log(self) -> None:
        """Tell that the answer can change while the log stands still: it is not kept."""


Read: TypeAlias = Callable[[At], Expression]


def _is_safe(column: sa.Column[Any]) -> bool:
    return column.type is CODE_POINT_TEXT and column.name not in _PROSE_IN_CODE_POINTS


_PROSE_IN_CODE_POINTS: Final = frozenset({"external_ref", "name_key"})


def subquery(
    source: sa.FromClause | Elements,
    value: Expression,
    conditions: Sequence[Expression] = (),
    *,
    order_by: Sequence[Any] = (),
) -> Expression:
    """Return a scalar subselect whose FROM is `source` and nothing else."""
    query = sa.select(value).select_from(source).where(*conditions)
    if order_by:
        query = query.order_by(*order_by)
    made: Expression = query.correlate(None).scalar_subquery()
    made.type = value.type
    return made


# --- single values ------------------------------------------------------------


def column(name: str) -> Read:
    """Read a column of the row."""

    def read(at: At) -> Expression:
        return as_json(at.scope[name], nullable=at.scope.is_nullable(name))

    return read


def expression(make: Callable[[Scope], Expression], *, nullable: bool = True) -> Read:
    """Read what `make` computes from the row."""

    def read(at: At) -> Expression:
        return as_json(make(at.scope), nullable=nullable)

    return read


def global_id(name: str = "id") -> Read:
    """Read an id; inside an archive it carries the position."""

    def read(at: At) -> Expression:
        moment = at.scope.moment
        if moment.marked and moment.position is not None:
            position = sa.cast(moment.position, sa.Text)
            return Joined('"', at.scope[name], "@", position, '"')
        return as_json(at.scope[name], nullable=False)

    return read


def stored_json(name: str) -> Read:
    """Read a column that holds finished JSON text."""

    def read(at: At) -> Expression:
        return at.scope.typed(name, JSON_TEXT)

    return read


def decimal(name: Callable[[Scope], str]) -> Read:
    """Read thousandths as a decimal string."""

    def read(at: At) -> Expression:
        return DecimalText(at.scope[name(at.scope)])

    return read


def bounded_date(name: str, sentinel: str) -> Read:
    """Read a derived date; null where the interval is open on that side."""

    def read(at: At) -> Expression:
        prefix = at.scope.extra
        opened = sa.literal_column(f"'{sentinel}'", sa.Text())
        value = sa.func.nullif(at.scope[f"{prefix}_{name}"], opened, type_=SAFE_TEXT)
        return as_json(value)

    return read


EARLIEST: Final = bounded_date("earliest", OPEN_START)
LATEST: Final = bounded_date("latest", OPEN_END)


def embedded(prefix: str, present: str) -> Read:
    """Read an object that stands in columns of the row itself; null without `present`."""

    def read(at: At) -> Expression:
        inner = replace(at.scope, extra=prefix)
        return sa.case(
            (at.scope[present].is_(None), NULL),
            else_=at.select(inner),
        )

    return read


def always(make: Callable[[Scope], Scope] = lambda scope: scope) -> Read:
    """Read an object that is another view of the same row, never null."""

    def read(at: At) -> Expression:
        return at.select(make(at.scope))

    return read


# --- links --------------------------------------------------------------------


def link(name: str, table: str, *, key: str = "id", type_name: str | None = None) -> Read:
    """Read the one row of `table` whose `key` a column of this row holds."""

    def read(at: At) -> Expression:
        inner = Scope(table, at.alias(), at.scope.moment)
        if key == "id" and at.asks_only_for("id", "__typename"):
            return _identified(at, inner, at.scope[name], type_name)
        source, holds = inner.by_id() if key == "id" else (inner.source(), [])
        conditions = [inner[key] == at.scope[name], *holds]
        found = subquery(source, at.select(inner, type_name), conditions)
        return sa.func.coalesce(found, NULL, type_=JSON_TEXT)

    return read


def _identified(at: At, inner: Scope, record_id: Expression, type_name: str | None) -> Expression:
    """Read of a linked row its id alone, which stands in the link itself."""
    value = at.select(replace(inner, identity=record_id), type_name)
    return sa.case((record_id.is_(None), NULL), else_=value)


def any_record(
    name: Callable[[Scope], Expression], kinds: Sequence[str], *, is_sure: bool = True
) -> Read:
    """Read the record of one of `kinds` whose id `name` gives; `is_sure` says that there is one."""

    def read(at: At) -> Expression:
        wanted = name(at.scope)
        if is_sure and at.asks_only_for("id"):
            inner = Scope(kinds[0], at.alias(), at.scope.moment)
            return _identified(at, inner, wanted, kinds[0].capitalize())
        return first_of([_one(at, kind, wanted, at.scope.moment) for kind in kinds])

    return read


def _one(at: At, kind: str, wanted: Expression, moment: Moment) -> Expression:
    inner = Scope(kind, at.alias(), moment)
    source, holds = inner.by_id()
    conditions = [inner["id"] == wanted, *holds]
    return subquery(source, at.select(inner, kind.capitalize()), conditions)


def first_of(candidates: Sequence[Expression]) -> Expression:
    """Return the first candidate that is not NULL, else null."""
    if not candidates:  # SQLite's coalesce takes two at least
        return NULL
    return sa.func.coalesce(*candidates, NULL, type_=JSON_TEXT)


# --- lists --------------------------------------------------------------------


def listing(
    table: str,
    joined: Callable[[At, Scope], Sequence[Expression]],
    order_by: Callable[[Scope], Sequence[Any]],
    type_name: str | None = None,
) -> Read:
    """Read a plain list of the rows for which `joined` holds."""

    def read(at: At) -> Expression:
        inner = Scope(table, at.alias(), at.scope.moment)
        return list_of(at, inner, joined(at, inner), order_by(inner), type_name)

    return read


def list_of(
    at: At,
    inner: Scope,
    conditions: Sequence[Expression],
    order_by: Sequence[Any],
    type_name: str | None = None,
) -> Expression:
    """Return the rows of `inner` for which the conditions hold, as a JSON list."""
    used = set[str]()
    ordered = replace(inner, alias=f"{inner.alias}o", used=used)
    value = Joined("[", JoinedRows(at.select(ordered, type_name)), "]")
    # Ordered in a subselect of their own: rows are joined in that order.
    rows = (
        sa.select(*_picked(inner, used))
        .select_from(inner.source())
        .where(*conditions, *inner.moment.holds(inner.table, inner.alias))
        .order_by(*order_by)
        .correlate(None)
        .subquery(ordered.alias)
    )
    return subquery(rows, value)


def _picked(scope: Scope, used: set[str]) -> list[Any]:
    """Return the columns that a list's rows need; one of them where they need none."""
    if not used:
        return [sa.literal_column("1").label("one")]
    return [scope.typed(name, None).label(name) for name in sorted(used)]


def document_list(name: str) -> Read:
    """Read the objects of a stored JSON array; null or absent reads as empty."""

    def read(at: At) -> Expression:
        return _elements(at, at.scope[name], texts=False)

    return read


def text_list(name: str) -> Read:
    """Read the strings of a stored JSON array; null or absent reads as empty."""

    def read(at: At) -> Expression:
        alias = at.alias()
        source = Elements(at.scope[name], alias, texts=True)
        value = as_json(sa.literal_column(f"{alias}.value", sa.Text()))
        return subquery(source, Joined("[", JoinedRows(value), "]"))

    return read


def _elements(at: At, document: Expression, *, texts: bool) -> Expression:
    alias = at.alias()
    source = Elements(document, alias, texts=texts)
    inner = Scope(at.scope.table, alias, at.scope.moment, extra="value")
    return subquery(source, Joined("[", JoinedRows(at.select(inner)), "]"))


def member(name: str) -> Read:
    """Read one member of the JSON document that the scope stands on, as text."""

    def read(at: At) -> Expression:
        document = at.scope.typed(at.scope.extra, sa.Text())
        return as_json(JsonMember(document, name))

    return read


def document(name: str) -> Read:
    """Read an object that stands as a JSON document in a column; null where absent."""

    def read(at: At) -> Expression:
        inner = replace(at.scope, extra=name)
        return sa.case(
            (at.scope.typed(name, sa.Text()).is_(None), NULL),
            else_=at.select(inner),
        )

    return read


def in_range(name: str, value: Any, least: int, most: int) -> int:
    """Return an integer argument if it lies in its range; raise `BadArgument` else."""
    if not least <= value <= most:
        raise BadArgument(f"{name} is {value}; it must be from {least} to {most}")
    return int(value)
