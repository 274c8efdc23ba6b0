"""How totals are read: transfers in groups, and what each group adds up to.

    base      the transfers that fit the filter
    ups       an actor or item with all above it, itself included (`rollUp`)
    members   base, once for each group that a transfer is in
    groups    one row a group; `picked` are those of the page
    above     a part with every transfer that it is part of, at any depth
    kin       those pairs of which both state the same measure in the same unit
    left_out  members of a picked group whose measure an ancestor in the group supplies
    sums      what is left, by group and unit

A transfer states what `app.domain.agreement.interval` reads from its measure:
a least and a most, in ten-thousandths. A most that is not known is not known of
the sum either; a least that is not known adds nothing.

A group's own fields are read from `picked` under the names of a transfer's
columns, so that links are read as those of a transfer are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from app.domain.errors import BadArgument
from app.store.connections import SEPARATOR, cursor_values, is_backward, page_size
from app.store.filters import ACTOR_LINKS, FILTERS
from app.store.reading import At, Moment, Page, Read, Scope, column, link
from app.store.rows import NO_DATE
from app.store.sql import (
    JSON_TEXT,
    NULL,
    SAFE_TEXT,
    Expression,
    Hex,
    Joined,
    JoinedRows,
    PresentById,
    as_json,
)
from app.store.summing import CodePoints, LimbText, Sql, With, limbs

GROUP_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "GIVER": ("giver",),
    "RECEIVER": ("receiver",),
    "ITEM": ("item",),
    "NATURE": ("nature",),
    "STAGE": ("stage",),
    "YEAR": ("first_year", "last_year"),
}
"""What transfers can be grouped by, and the columns that make the group."""

ROLL_UPS: Final[Mapping[str, tuple[str, ...]]] = {
    "ITEMS": ("ITEM",),
    "ACTORS": ("GIVER", "RECEIVER"),
}
"""What can be rolled up, and which groups that is about."""

ORDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "TRANSFERS_DESC": ("fewness", "key"),
    "GROUP_ASC": ("key",),
}
"""The orders of the groups; the first is what they have when none is asked for."""

MEASURES: Final = ("quantity", "value")

_ABOVE: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "GIVER": ("actor", ACTOR_LINKS),
    "RECEIVER": ("actor", ACTOR_LINKS),
    "ITEM": ("item", ("broader",)),
}
"""Where roll-ups lead: the table, and its columns that name what is above."""

_EVERY_COLUMN: Final = tuple(name for names in GROUP_COLUMNS.values() for name in names)
_OPEN_YEARS: Final = ("0000", "9999")
_KEY: Final = re.compile(r"[0-9A-Za-z_/]{0,400}")
_WITHOUT: Final = {
    "without_quantity": "m.quantity_unit IS NULL",
    "without_value": "m.value_unit IS NULL",
    "without_figures": "m.quantity_unit IS NULL AND m.value_unit IS NULL",
}


@dataclass(frozen=True, slots=True)
class Grouping:
    """By what transfers are grouped, and what of it is rolled up."""

    by: tuple[str, ...]
    rolled: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that make a group, in the order that was asked for."""
        return tuple(name for group in self.by for name in GROUP_COLUMNS[group])

    @property
    def rolled_columns(self) -> tuple[str, ...]:
        """Those of them that are rolled up."""
        return tuple(name for group in self.rolled for name in GROUP_COLUMNS[group])

    @property
    def name(self) -> str:
        """What a cursor says that it belongs to."""
        return f"transferTotals.{'+'.join(self.by)}.{'+'.join(self.rolled)}"


def grouping(by: Sequence[str], roll_up: Sequence[str] | None) -> Grouping:
    """Return what was asked for; items are rolled up unless something else is.

    Raises `BadArgument` for a group named twice and for a roll-up without its group.
    """
    _check_once("groupBy", by)
    if roll_up is None:
        return Grouping(tuple(map(str, by)), ("ITEM",) if "ITEM" in by else ())
    _check_once("rollUp", roll_up)
    for name in roll_up:
        if not set(ROLL_UPS[name]) & set(by):
            wanted = " or ".join(ROLL_UPS[name])
            raise BadArgument(
                f"rollUp {name} goes with groupBy {wanted}; to count what is below one record "
                "without grouping, use the filter's giversUnder, receiversUnder or itemsUnder"
            )
    rolled = {group for name in roll_up for group in ROLL_UPS[name]}
    return Grouping(tuple(map(str, by)), tuple(str(group) for group in by if group in rolled))


def _check_once(argument: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadArgument(f"{argument} names {name} {names.count(name)} times; once is enough")


def transfer_totals(at: At) -> Expression:
    """Read a page of the groups."""
    return _Totals(at, grouping(at.argument("groupBy"), at.argument("rollUp")), at.alias()).read()


@dataclass(frozen=True, slots=True)
class _Totals:
    """One question for totals: the field that asks it, and how its subselects are named."""

    at: At
    grouping: Grouping
    prefix: str

    @property
    def moment(self) -> Moment:
        """The moment of the reading, as nothing around the subselects has it.

        SQLite would gather a subselect anew each time it is read from, were its
        moment a column of other rows.
        """
        moment = self.at.scope.moment
        return moment if moment.constant is None else replace(moment, position=moment.constant)

    def named(self, name: str) -> str:
        """Return the name of a subselect in the statement."""
        return f"{self.prefix}_{name}"

    def read(self) -> Expression:
        """Return the page as JSON, with the subselects that it is read from."""
        backward = is_backward(self.at)
        page = Page(
            backward=backward,
            has_bound=self.at.argument("before" if backward else "after") is not None,
            cursor=self._cursor,
            rows=self._rows,
            more=lambda: self._more(backward=backward),
            edge=lambda last: self._edge(last=last),
            total=lambda: _scalar("count(*)", f"{self.named('groups')} AS g", type_=sa.Integer()),
            node=lambda at, scope: at.select(scope),
        )
        scope = Scope("transfer", "", self.at.scope.moment, page=page, extra=self)
        value = self.at.select(scope)
        return With(self._subselects(backward=backward), value)

    # --- from transfers to groups -----------------------------------------------

    def _subselects(self, *, backward: bool) -> list[tuple[str, Sql]]:
        made = [
            *self._base_and_members(),
            ("groups", self._groups()),
            ("picked", self._picked(backward=backward)),
            ("page", self._page()),
            ("above", self._above()),
            ("kin", self._kin()),
            ("torn", self._torn()),
        ]
        for measure in MEASURES:
            made += [
                (f"{measure}_left_out", self._left_out(measure)),
                (f"{measure}_sums", self._sums(measure)),
            ]
        return [(self.named(name), select) for name, select in made]

    def _base_and_members(self) -> list[tuple[str, Sql]]:
        """Where nothing is rolled up a transfer is in one group: the same rows serve as both."""
        if not self.grouping.rolled:
            return [("members", self._base())]
        ups = [one for group in self.grouping.rolled for one in self._ups(group)]
        return [("base", self._base()), *ups, ("members", self._members())]

    @property
    def _base_name(self) -> str:
        return self.named("base" if self.grouping.rolled else "members")

    def _base(self) -> Sql:
        inner = Scope("transfer", self.named("b"), self.moment)
        a = inner.alias
        own = {name: _written(a, name) for name in self.grouping.columns}
        columns = [f"{a}.id AS id", f"{a}.part_of AS part_of", "1 AS copies"]
        columns += [f"{_key_of(own.values())} AS key"]
        columns += [f"{one} AS {name}" for name, one in own.items()]
        columns += [f"{a}.{name} AS {name}" for name in _FIGURES]
        conditions = [*self._conditions(inner), *inner.moment.holds("transfer", a)]
        return Sql(
            f"SELECT {', '.join(columns)}, ",
            _unit_key(inner, "quantity"),
            " AS quantity_key, ",
            _unit_key(inner, "value"),
            f" AS value_key FROM transfer AS {a} WHERE ",
            sa.and_(*conditions),
        )

    def _conditions(self, inner: Scope) -> list[Expression]:
        """Return the conditions of the question's filter."""
        given = self.at.argument("filter") or {}
        return [
            condition
            for name, make in FILTERS["transfer"].items()
            for condition in make(self.at, inner, name, given.get(name))
        ]

    def _ups(self, group: str) -> list[tuple[str, Sql]]:
        """Return the closure of what is above, and the same with its size for each record."""
        (name,) = GROUP_COLUMNS[group]
        closure = self.named(f"{name}_above")
        pairs = Sql(
            f"SELECT DISTINCT {name} AS id, {name} AS up FROM {self.named('base')} AS b "
            f"WHERE {name} IS NOT NULL UNION ",
            _step_up(self.at, self.moment, closure, *_ABOVE[group]),
        )
        # Grouped by one text, of which PostgreSQL expects few. Of what a recursion gives it
        # expects millions, and three joins with millions are planned for any memory but ours.
        # The casts are for SQLite, which finds nothing by a column without a type.
        counted = (
            "SELECT CAST(min(id) AS TEXT) AS id, CAST(min(up) AS TEXT) AS up, "
            "count(*) OVER (PARTITION BY min(id)) AS ups "
            f"FROM {closure} AS u GROUP BY id || '/' || up"
        )
        return [(f"{name}_above", pairs), (f"{name}_ups", Sql(counted))]

    def _members(self) -> Sql:
        """A transfer once for each group it is in; `copies` says of how many."""
        shown = {name: f"b.{name}" for name in self.grouping.columns}
        joins, copies = "", "1"
        for name in self.grouping.rolled_columns:
            shown[name] = f"{name}_u.up"
            copies += f" * coalesce({name}_u.ups, 1)"
            joins += f" LEFT JOIN {self.named(f'{name}_ups')} AS {name}_u ON {name}_u.id = b.{name}"
        columns = ["b.id", f"{_key_of(shown.values())} AS key", f"{copies} AS copies"]
        columns += [f"{one} AS {name}" for name, one in shown.items()]
        columns += [f"b.{name}" for name in (*_FIGURES, "quantity_key", "value_key")]
        return Sql(f"SELECT {', '.join(columns)} FROM {self.named('base')} AS b{joins}")

    def _groups(self) -> Sql:
        kept = self.grouping.columns
        columns = [
            f"min(m.{name}) AS {name}" if name in kept else f"CAST(NULL AS TEXT) AS {name}"
            for name in _EVERY_COLUMN
        ]
        columns += [
            f"sum(CASE WHEN {condition} THEN 1 ELSE 0 END) AS {name}"
            for name, condition in _WITHOUT.items()
        ]
        return Sql(
            "SELECT m.key AS key, count(*) AS transfers, -count(*) AS fewness, "
            f"max(m.copies) AS copies, {', '.join(columns)} "
            f"FROM {self.named('members')} AS m GROUP BY m.key"
        )

    def _page(self) -> Sql:
        """The members of the groups of the page, which alone are added up."""
        return Sql(
            f"SELECT m.* FROM {self.named('members')} AS m "
            f"WHERE m.key IN (SELECT g.key FROM {self.named('picked')} AS g)"
        )

    # --- the page ----------------------------------------------------------------

    @property
    def _order(self) -> str:
        return str(self.at.argument("orderBy") or next(iter(ORDERS)))

    def _ordered(self, *, backward: bool) -> str:
        way = "DESC" if backward else "ASC"
        return ", ".join(f"g.{name} {way}" for name in ORDERS[self._order])

    def _from_bound(self, *, backward: bool) -> Sql:
        """Return FROM and what follows it, for the groups from the page's start on."""
        bounds = [
            self._beyond(name) for name in ("after", "before") if self.at.argument(name) is not None
        ]
        return Sql(
            f"FROM {self.named('groups')} AS g WHERE ",
            sa.and_(sa.literal_column("1 = 1"), *bounds),
            f" ORDER BY {self._ordered(backward=backward)}",
        )

    def _picked(self, *, backward: bool) -> Sql:
        limit = self.at.bind(page_size, sa.Integer())
        return Sql("SELECT g.* ", self._from_bound(backward=backward), " LIMIT ", limit)

    def _more(self, *, backward: bool) -> Expression:
        size = self.at.bind(page_size, sa.Integer())
        rest = self._from_bound(backward=backward)
        return Sql("(SELECT 1 ", rest, " LIMIT 1 OFFSET ", size, ")").is_not(None)

    def _beyond(self, name: str) -> Expression:
        columns = ORDERS[self._order]
        key = sa.tuple_(*(sa.literal_column(f"g.{one}") for one in columns))
        bound = sa.tuple_(
            *(
                self.at.bind(self._key_getter(name, place), _ORDER_TYPES[one])
                for place, one in enumerate(columns)
            )
        )
        return key > bound if name == "after" else key < bound

    def _cursor_name(self) -> str:
        return f"{self.grouping.name}.{self._order}"

    def _key_getter(self, name: str, place: int) -> Callable[[Any], Any]:
        wanted, columns = self._cursor_name(), ORDERS[self._order]

        def getter(arguments: Any) -> Any:
            values = cursor_values(arguments[name], wanted, len(columns))
            return _key_part(values[place], columns[place])

        return getter

    def _cursor(self, scope: Scope) -> Expression:
        parts: list[str | Expression] = [self._cursor_name()]
        for name in ORDERS[self._order]:
            value = scope.raw(name, _ORDER_TYPES[name])
            shown = sa.cast(value, sa.Text) if name == "fewness" else value
            parts += [SEPARATOR, shown]
        return Hex(Joined(*parts))

    def _rows(self, row: Callable[[Scope], Expression]) -> Expression:
        alias = f"{self.at.alias()}p"
        scope = Scope("transfer", alias, self.at.scope.moment, extra=self)
        ordered = f"SELECT g.* FROM {self.named('picked')} AS g ORDER BY "
        return Sql(
            "(SELECT ",
            Joined("[", JoinedRows(row(scope)), "]"),
            f" FROM ({ordered}{self._ordered(backward=False)}) AS {alias})",
            type_=JSON_TEXT,
        )

    def _edge(self, *, last: bool) -> Expression:
        scope = Scope("transfer", "g", self.at.scope.moment)
        return Sql(
            "(SELECT ",
            self._cursor(scope),
            f" FROM {self.named('picked')} AS g ORDER BY {self._ordered(backward=last)} LIMIT 1)",
            type_=SAFE_TEXT,
        )

    # --- parts and wholes --------------------------------------------------------
    # CROSS JOIN keeps SQLite to the order as written: nothing else is looked at
    # where there are no parts. PostgreSQL goes its own way.

    def _above(self) -> Sql:
        """Whatever the state of the wholes in between: a part of a part stays one."""
        above = self.named("above")
        return Sql(
            f"SELECT b.id AS id, b.part_of AS up FROM {self._base_name} AS b "
            "WHERE b.part_of IS NOT NULL UNION ",
            _step_up(self.at, self.moment, above, "transfer", ("part_of",)),
        )

    def _kin(self) -> Sql:
        """`apart` says that the two are not of one group before anything is rolled up."""
        base = self._base_name
        same = [
            f"CASE WHEN part.{one}_key = whole.{one}_key THEN 1 ELSE 0 END AS {one}"
            for one in MEASURES
        ]
        return Sql(
            f"SELECT part.id AS id, whole.id AS up, {', '.join(same)}, "
            "CASE WHEN part.key <> whole.key THEN 1 ELSE 0 END AS apart "
            f"FROM {self.named('above')} AS a CROSS JOIN {base} AS part "
            f"CROSS JOIN {base} AS whole WHERE part.id = a.id AND whole.id = a.up"
        )

    def _torn(self) -> Sql:
        """The keys of groups in which a part or a whole is, and the other in another group.

        A transfer that is in several groups itself is found by its copies (`overlaps`). Two
        that are of one group before the roll-up are in the same ones after it.
        """
        kin = f"{self.named('kin')} AS k WHERE k.apart = 1 AND (k.quantity = 1 OR k.value = 1)"
        ids = f"SELECT k.id AS id FROM {kin} UNION SELECT k.up FROM {kin}"
        return Sql(
            f"SELECT DISTINCT m.key AS key FROM ({ids}) AS t "
            f"CROSS JOIN {self.named('page')} AS m WHERE m.id = t.id"
        )

    def _left_out(self, measure: str) -> Sql:
        page = self.named("page")
        return Sql(
            "SELECT DISTINCT part.key AS key, part.id AS id, "
            f"part.{measure}_key AS unit_key, {_basis(measure, 'part')} AS basis "
            f"FROM {self.named('kin')} AS k CROSS JOIN {page} AS part CROSS JOIN {page} AS whole "
            f"WHERE k.{measure} = 1 AND part.id = k.id "
            "AND whole.id = k.up AND whole.key = part.key"
        )

    # --- sums --------------------------------------------------------------------

    def _sums(self, measure: str) -> Sql:
        """One row for each unit of each picked group; of money, for each basis too."""
        m, basis = measure, _basis(measure, "m")
        counted = self._counted(measure)
        return Sql(
            f"SELECT m.key AS key, m.{m}_key AS unit_key, {basis} AS basis, min(",
            CodePoints(sa.literal_column(f"m.{m}_unit", sa.Text())),
            f") AS unit, count(*) AS transfers, count(m.{m}_amount) AS amounts, "
            "count(least) AS leasts, count(most) AS mosts, max(about) AS about, "
            f"{limbs('amount', f'm.{m}_amount', '10')}, {limbs('least', 'least', 'least_tenths')}, "
            f"{limbs('most', 'most', 'most_tenths')} "
            f"FROM ({counted}) AS m GROUP BY m.key, m.{m}_key, {basis}",
        )

    def _counted(self, measure: str) -> str:
        """The members of picked groups that state the measure and are counted with it.

        `least` and `most` are thousandths; about an amount they are nine and
        eleven tenths of it (`app.domain.agreement`).
        """
        m, about = measure, f"m.{measure}_approximate"
        basis = ", m.value_basis" if measure == "value" else ""
        return (
            f"SELECT m.key, m.{m}_key, m.{m}_unit, m.{m}_amount{basis}, "
            f"coalesce(m.{m}_lower, m.{m}_amount) AS least, "
            f"coalesce(m.{m}_upper, m.{m}_amount) AS most, "
            f"CASE WHEN m.{m}_lower IS NULL AND {about} THEN 9 ELSE 10 END AS least_tenths, "
            f"CASE WHEN m.{m}_upper IS NULL AND {about} THEN 11 ELSE 10 END AS most_tenths, "
            f"CASE WHEN {about} THEN 1 ELSE 0 END AS about "
            f"FROM {self.named('page')} AS m "
            f"LEFT JOIN {self.named(f'{m}_left_out')} AS o ON o.key = m.key AND o.id = m.id "
            f"WHERE m.{m}_key IS NOT NULL AND o.id IS NULL"
        )


_FIGURES: Final = (
    *(
        f"{measure}_{part}"
        for measure in MEASURES
        for part in ("unit", "amount", "lower", "upper", "approximate")
    ),
    "value_basis",
)
_ORDER_TYPES: Final[Mapping[str, Any]] = {"fewness": sa.BigInteger(), "key": sa.Text()}


def _written(alias: str, name: str) -> str:
    """Return a column of a group as a transfer has it; years are those of its days."""
    if name not in GROUP_COLUMNS["YEAR"]:
        return f"{alias}.{name}"
    bound = "earliest" if name == "first_year" else "latest"
    return f"substr({alias}.occurred_{bound}, 1, 4)"


def _key_of(columns: Iterable[str]) -> str:
    """Return the text that names a group; less than any other character stands in between."""
    return " || '/' || ".join(f"coalesce({one}, '')" for one in columns) or "''"


def _unit_key(scope: Scope, measure: str) -> Expression:
    """Units that differ in the case of their letters a to z alone are one."""
    return sa.func.lower(CodePoints(scope.typed(f"{measure}_unit", sa.Text())))


def _basis(measure: str, alias: str) -> str:
    return f"{alias}.value_basis" if measure == "value" else "CAST(NULL AS TEXT)"


def _step_up(at: At, moment: Moment, closure: str, table: str, links: Sequence[str]) -> Sql:
    """Return the recursive half of a closure (id, up): one link further up, by any of `links`.

    The union drops what is already there, so that a diamond counts once and a
    ring comes to its end.
    """
    inner = Scope(table, at.alias(), moment)
    a = inner.alias
    ways = " UNION ALL ".join(f"SELECT {place} AS way" for place in range(len(links)))
    cases = " ".join(f"WHEN {place} THEN {a}.{name}" for place, name in enumerate(links))
    up = f"CASE w.way {cases} END" if len(links) > 1 else f"{a}.{links[0]}"
    ways = f", ({ways}) AS w" if len(links) > 1 else ""
    return Sql(
        f"SELECT c.id, {up} FROM {closure} AS c{ways}, ",
        _looked_up(inner),
        f" WHERE {a}.id = c.up AND {up} IS NOT NULL AND ",
        sa.and_(*inner.moment.holds(table, a)),
    )


def _looked_up(scope: Scope) -> Expression:
    if scope.moment.position is None:
        return PresentById(scope.table, scope.alias)
    return Sql(f"{scope.table} AS {scope.alias}")


def _key_part(value: str, name: str) -> Any:
    pattern = r"-[0-9]{1,18}" if name == "fewness" else _KEY
    if not re.fullmatch(pattern, value):
        raise BadArgument("this cursor is damaged; ask for the first page again")
    return int(value) if name == "fewness" else value


def _scalar(value: str, source: str, type_: Any) -> Expression:
    return Sql(f"(SELECT {value} FROM {source})", type_=type_)


# --- the fields of a total ------------------------------------------------------


def _of(scope: Scope) -> _Totals:
    totals: _Totals = scope.extra  # as `_Totals.read` put it there
    return totals


def grouped(group: str, read: Read) -> Read:
    """Read what a group is about; null where it is not grouped by that."""

    def reading(at: At) -> Expression:
        return read(at) if group in _of(at.scope).grouping.by else NULL

    return reading


GIVER: Final = grouped("GIVER", link("giver", "actor"))
RECEIVER: Final = grouped("RECEIVER", link("receiver", "actor"))
ITEM: Final = grouped("ITEM", link("item", "item"))
NATURE: Final = grouped("NATURE", column("nature"))
STAGE: Final = grouped("STAGE", column("stage"))


def _years(at: At) -> Expression:
    dated = at.scope.raw("first_year", sa.Text()) != sa.literal_column(f"'{NO_DATE}'")
    return sa.case((dated, at.select(at.scope)), else_=NULL)


YEARS: Final = grouped("YEAR", _years)
"""Read the years of a group; null where its transfers have no date."""


def year(name: str) -> Read:
    """Read the first or the last year of a group; null where it is open on that side."""

    def read(at: At) -> Expression:
        opened = ", ".join(f"'{one}'" for one in _OPEN_YEARS)
        text = at.scope.raw(name, sa.Text())
        is_open = Sql(text, f" IN ({opened})", type_=sa.Boolean())
        return sa.case((is_open, NULL), else_=sa.cast(sa.cast(text, sa.Integer), sa.Text))

    return read


def counted(name: str) -> Read:
    """Read one of the counts of a group or of a sum."""

    def read(at: At) -> Expression:
        return as_json(at.scope.raw(name, sa.BigInteger()), nullable=False)

    return read


def parts_left_out(at: At) -> Expression:
    """Read how many transfers of a group are left out of a sum as parts."""
    totals, key = _of(at.scope), f"{at.scope.alias}.key"
    left = " UNION ".join(
        f"SELECT o.id FROM {totals.named(f'{measure}_left_out')} AS o WHERE o.key = {key}"
        for measure in MEASURES
    )
    return as_json(_scalar("count(*)", f"({left}) AS u", sa.Integer()), nullable=False)


def parts_left_out_of(measure: str) -> Read:
    """Read how many transfers are left out of one sum as parts."""

    def read(at: At) -> Expression:
        left_out, s = _of(at.scope).named(f"{measure}_left_out"), at.scope.alias
        source = (
            f"{left_out} AS o WHERE o.key = {s}.key AND o.unit_key = {s}.unit_key "
            f"AND coalesce(o.basis, '') = coalesce({s}.basis, '')"
        )
        return as_json(_scalar("count(*)", source, sa.Integer()), nullable=False)

    return read


def overlaps(at: At) -> Expression:
    """Read whether a group counts what another group of the answer counts too."""
    totals, p = _of(at.scope), at.scope.alias
    torn = f"EXISTS (SELECT 1 FROM {totals.named('torn')} AS s WHERE s.key = {p}.key)"
    return as_json(Sql(f"({p}.copies > 1 OR {torn})", type_=sa.Boolean()), nullable=False)


def sums(measure: str) -> Read:
    """Read what a group adds up to in each unit."""

    def read(at: At) -> Expression:
        totals, alias = _of(at.scope), at.alias()
        rows = (
            f"SELECT * FROM {totals.named(f'{measure}_sums')} AS s "
            f"WHERE s.key = {at.scope.alias}.key ORDER BY s.unit_key, coalesce(s.basis, '')"
        )
        inner = replace(at.scope, alias=alias, page=None)
        return Sql(
            "(SELECT ",
            Joined("[", JoinedRows(at.select(inner)), "]"),
            f" FROM ({rows}) AS {alias})",
            type_=JSON_TEXT,
        )

    return read


def _limb_text(scope: Scope, name: str, *, upward: bool = False) -> Expression:
    return LimbText(scope.raw(f"{name}_high"), scope.raw(f"{name}_low"), upward=upward)


def _all_state(scope: Scope, name: str) -> Expression:
    counted: Expression = scope.raw(name) == scope.raw("transfers")
    return counted


def sum_amount(at: At) -> Expression:
    """Read the sum of the amounts; null where one of the transfers states none."""
    return sa.case((_all_state(at.scope, "amounts"), _limb_text(at.scope, "amount")), else_=NULL)


def sum_lower(at: At) -> Expression:
    """Read the least that the sum can be; null where no transfer states a least."""
    return _limb_text(at.scope, "least")


def sum_upper(at: At) -> Expression:
    """Read the most that the sum can be; null where one of the transfers knows none."""
    most = _limb_text(at.scope, "most", upward=True)
    return sa.case((_all_state(at.scope, "mosts"), most), else_=NULL)


def sum_approximate(at: At) -> Expression:
    """Read whether an approximate figure is among those that were added up."""
    about = Sql(f"{at.scope.alias}.about = 1", type_=sa.Boolean())
    return as_json(about, nullable=False)


def sum_unit(at: At) -> Expression:
    """Read the unit of a sum."""
    return as_json(at.scope.raw("unit", sa.Text()), nullable=False)


def sum_basis(at: At) -> Expression:
    """Read the basis of a sum of money."""
    return as_json(at.scope.raw("basis", SAFE_TEXT))


# --- the transfers behind a total -----------------------------------------------


def behind(at: At, inner: Scope) -> Sequence[Expression]:
    """Return the condition under which a transfer is in the group that is read."""
    members, key = _of(at.scope).named("page"), f"{at.scope.alias}.key"
    # Not IN, of which SQLite would gather the list anew for every transfer.
    found = f"SELECT 1 FROM {members} AS m WHERE m.id = {inner.alias}.id AND m.key = {key}"
    return [Sql(f"EXISTS ({found})", type_=sa.Boolean())]


def total_behind(at: At) -> Expression:
    """Return how many transfers are in the group that is read, which is counted already."""
    return at.scope.raw("transfers", sa.BigInteger())
