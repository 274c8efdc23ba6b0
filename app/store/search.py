"""How a search is read: ranked pages of whatever kind of record has the words.

A record matches in one of the ways of `SearchMatch` and in no other. The list is
ordered by it, the best first, and within one way by the record's age, the newest
first. This rank depends on nothing but the record and the text, so a cursor stays
where it is while others write; bm25 and ts_rank move with every record entered.

Each way is a subselect of its own, disjoint from the better ones. FTS5 gives its
rows in the order of their numbers and stops where the page ends. PostgreSQL's GIN
index gives a way's rows in no order, and they are sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.domain.codes import SearchMatch
from app.domain.kinds import KINDS
from app.domain.searching import (
    All,
    Beside,
    Condition,
    Either,
    Except,
    Token,
    of_kinds,
    read_question,
)
from app.store.connections import (
    SEPARATOR,
    cursor_integer,
    cursor_values,
    is_backward,
    page_size,
)
from app.store.reading import At, Page, Scope, any_record, subquery
from app.store.sql import (
    JSON_TEXT,
    SAFE_TEXT,
    Expression,
    Hex,
    Joined,
    JoinedRows,
    as_json,
)
from app.store.tables import END

_WAYS: Final = tuple(SearchMatch)
_SPELLING: Final = _WAYS.index(SearchMatch.SPELLING)
_KINDS: Final = tuple(KINDS)


# --- conditions in the languages of the databases -----------------------------
#
# Tokens hold letters, marks and digits alone, so quotation marks are all they need.


def as_fts5(condition: Condition) -> str:
    """Return a condition as FTS5's MATCH takes it."""
    match condition:
        case Token(text, is_start):
            return f'"{text}" *' if is_start else f'"{text}"'
        case Beside(tokens):
            return f'"{" ".join(tokens)}"'
        case All(parts):
            return f"({' AND '.join(map(as_fts5, parts))})"
        case Either(parts):
            return f"({' OR '.join(map(as_fts5, parts))})"
        case Except(part, without):
            return f"({as_fts5(part)} NOT {as_fts5(without)})"


def as_tsquery(condition: Condition) -> str:
    """Return a condition as PostgreSQL reads a tsquery."""
    match condition:
        case Token(text, is_start):
            return f"'{text}':*" if is_start else f"'{text}'"
        case Beside(tokens):
            return "('" + "' <-> '".join(tokens) + "')"
        case All(parts):
            return f"({' & '.join(map(as_tsquery, parts))})"
        case Either(parts):
            return f"({' | '.join(map(as_tsquery, parts))})"
        case Except(part, without):
            return f"({as_tsquery(part)} & !{as_tsquery(without)})"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question as the databases take it.

    `conditions` has one for each way, then one for all but SPELLING together, and
    one for the kinds alone.
    """

    fts5: tuple[str, ...]
    tsquery: tuple[str, ...]
    plain: str
    cursor_name: str


_ANYWHERE: Final = len(_WAYS)
_OF_KINDS: Final = len(_WAYS) + 1


@lru_cache(maxsize=256)
def _asked(text: str, kinds: tuple[str, ...] | None) -> _Asked:
    question = read_question(text)
    conditions = (
        *(condition for _, condition in question.matches(kinds)),
        question.anywhere(kinds),
        of_kinds(_KINDS if kinds is None else kinds),
    )
    return _Asked(
        fts5=tuple(map(as_fts5, conditions)),
        tsquery=tuple(map(as_tsquery, conditions)),
        plain=question.plain,
        cursor_name=f"search.{question.digest}",
    )


def _asked_by(arguments: Any) -> _Asked:
    kinds = arguments.get("kinds")
    return _asked(
        arguments["text"], None if kinds is None else tuple(kind.lower() for kind in kinds)
    )


# --- the statement ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Parameters:
    """What a search binds; each database takes the conditions in its own language."""

    fts5: tuple[Expression, ...]
    tsquery: tuple[Expression, ...]
    plain: Expression
    size: Expression
    bound: tuple[Expression, Expression] | None
    backward: bool


class _Hits(FunctionElement[Any]):
    """The page's rows and one more: `way`, `number` and `id`. Renders as a FROM with its alias."""

    inherit_cache = False

    def __init__(self, given: _Parameters, alias: str) -> None:
        self.given = given
        self.alias_name = alias
        super().__init__()


class _Total(FunctionElement[int]):
    """How many records there are in the whole list."""

    inherit_cache = False
    type = sa.Integer()

    def __init__(self, given: _Parameters) -> None:
        self.given = given
        super().__init__()


Process: TypeAlias = Callable[[Any], str]


def _processed(compiler: Any, kw: dict[str, Any]) -> Process:
    kw.pop("asfrom", None)
    return lambda clause: compiler.process(clause, **kw)


@compiles(_Hits, "sqlite")
def _hits_in_sqlite(element: _Hits, compiler: Any, **kw: Any) -> str:
    given, process = element.given, _processed(compiler, kw)

    def found(way: int) -> str:
        return (
            f"SELECT {way} AS way, rowid AS number FROM search_index"
            f" WHERE {_in_sqlite(given, way, process)}{_bounded(given, way, 'rowid', process)}"
            f" ORDER BY rowid"
        )

    return (
        f"(SELECT hit.way, hit.number, search.id FROM ({_one_after_another(given, found, process)})"
        f" AS hit JOIN search ON search.number = hit.number) AS {element.alias_name}"
    )


@compiles(_Hits, "postgresql")
def _hits_in_postgresql(element: _Hits, compiler: Any, **kw: Any) -> str:
    given, process = element.given, _processed(compiler, kw)

    # Not the bare number, by whose index the newest records would be tried one by one.
    def found(way: int) -> str:
        return (
            f"SELECT {way} AS way, number, id FROM {_in_postgresql(given, way, process)}"
            f"{_bounded(given, way, 'number + 0', process)} ORDER BY number + 0"
        )

    return f"({_one_after_another(given, found, process)}) AS {element.alias_name}"


def _one_after_another(given: _Parameters, found: Callable[[int], str], process: Process) -> str:
    """Return the SELECT of the page's rows: a way is looked for only while the page has room.

    Under LIMIT 0 neither database begins with it.
    """
    places = sorted(range(len(_WAYS)), reverse=given.backward)
    direction, size = "ASC" if given.backward else "DESC", f"{process(given.size)} + 1"
    ways = []
    for place, way in enumerate(places):
        taken = "".join(f" - (SELECT count(*) FROM way{before})" for before in places[:place])
        ways.append(f"way{way} AS MATERIALIZED ({found(way)} {direction} LIMIT {size}{taken})")
    every = " UNION ALL ".join(f"SELECT * FROM way{way}" for way in places)
    return f"WITH {', '.join(ways)} {every}"


@compiles(_Total, "sqlite")
def _total_in_sqlite(element: _Total, compiler: Any, **kw: Any) -> str:
    given, process = element.given, _processed(compiler, kw)
    return _either_count(
        f"search_index WHERE search_index MATCH {process(given.fts5[_ANYWHERE])}",
        f"search_index WHERE search_index MATCH {process(given.fts5[_SPELLING])}",
    )


@compiles(_Total, "postgresql")
def _total_in_postgresql(element: _Total, compiler: Any, **kw: Any) -> str:
    given, process = element.given, _processed(compiler, kw)
    return _either_count(
        f"search WHERE {_has(given.tsquery[_ANYWHERE], process)}", _spelt(given, process)
    )


def _either_count(anywhere: str, spelt: str) -> str:
    """Return how many have the words, or where none has how many are spelled like them."""
    return (
        f"(SELECT CASE WHEN counted > 0 THEN counted ELSE (SELECT count(*) FROM {spelt}) END"
        f" FROM (SELECT count(*) AS counted FROM {anywhere}) AS of_all)"
    )


def _in_sqlite(given: _Parameters, way: int, process: Process) -> str:
    condition = f"search_index MATCH {process(given.fts5[way])}"
    if way != _SPELLING:
        return condition
    anywhere = f"search_index MATCH {process(given.fts5[_ANYWHERE])}"
    return f"{condition} AND NOT EXISTS (SELECT 1 FROM search_index WHERE {anywhere})"


def _in_postgresql(given: _Parameters, way: int, process: Process) -> str:
    """Return FROM and WHERE of the records that match in one way."""
    if way != _SPELLING:
        return f"search WHERE {_has(given.tsquery[way], process)}"
    # Not EXISTS, for whose one row the planner would read the whole table.
    anywhere = f"SELECT count(*) FROM search WHERE {_has(given.tsquery[_ANYWHERE], process)}"
    return f"{_spelt(given, process)} WHERE ({anywhere}) = 0"


def _spelt(given: _Parameters, process: Process) -> str:
    # Each by its own index, which OR would not use.
    spelt = f"search WHERE {_has(given.tsquery[_SPELLING], process)}"
    return (
        f"(SELECT number, id FROM {spelt}"
        f" UNION SELECT number, id FROM {_resembling(given, process)}) AS alike"
    )


def _resembling(given: _Parameters, process: Process) -> str:
    # The text as a whole first, by the index; OFFSET keeps the rest for what that leaves.
    text = f"search_folded({process(given.plain)})"
    return (
        f"(SELECT * FROM search WHERE search_resembles(names, {text}) OFFSET 0) AS near"
        f" WHERE {_has(given.tsquery[_OF_KINDS], process)}"
        " AND (SELECT bool_and(search_resembles(near.names, of_text.word))"
        f" FROM string_to_table({text}, ' ') AS of_text (word))"
    )


def _has(condition: Expression, process: Process) -> str:
    return f"words @@ CAST(search_folded({process(condition)}) AS tsquery)"


def _bounded(given: _Parameters, way: int, number: str, process: Process) -> str:
    """Return the condition that leaves of one way what lies beyond the cursor: all, part, none."""
    if given.bound is None:
        return ""
    of_way, of_number = map(process, given.bound)
    less, all_of_it, none_of_it = (">", 0, END) if given.backward else ("<", END, 0)
    is_beyond = ">" if given.backward else "<"
    return (
        f" AND {number} {less} CASE WHEN {of_way} = {way} THEN {of_number}"
        f" WHEN {of_way} {is_beyond} {way} THEN {all_of_it} ELSE {none_of_it} END"
    )


def _order(given: _Parameters) -> str:
    return "way DESC, number ASC" if given.backward else "way ASC, number DESC"


# --- reading ------------------------------------------------------------------


def search(at: At) -> Expression:
    """Read a page of the records that have the words of `text`, of any of `kinds`."""
    backward = is_backward(at)
    given = _parameters(at, backward=backward)
    hits, name = at.alias(), at.bind(lambda arguments: _asked_by(arguments).cursor_name, sa.Text())
    page = Page(
        backward=backward,
        has_bound=given.bound is not None,
        cursor=lambda scope: _cursor(name, scope),
        rows=lambda row: _rows(at, hits, given, row),
        more=lambda: _more(hits, given),
        edge=lambda last: _edge(at, hits, given, name, last=last),
        total=lambda: _Total(given),
        node=_record,
    )
    answer = at.select(Scope("search", "", at.scope.moment, page=page))
    # Found once, whichever of its fields the connection is asked for.
    found: sa.Select[Any] = sa.select(sa.text("*")).select_from(_Hits(given, f"{hits}h"))
    made: Expression = (
        sa.select(answer)
        .add_cte(found.correlate(None).cte(hits), nest_here=True)
        .correlate(None)
        .scalar_subquery()
    )
    made.type = JSON_TEXT
    return made


def _parameters(at: At, *, backward: bool) -> _Parameters:
    def bind(language: str, place: int) -> Expression:
        return at.bind(lambda arguments: getattr(_asked_by(arguments), language)[place], sa.Text())

    places = range(_OF_KINDS + 1)
    return _Parameters(
        fts5=tuple(bind("fts5", place) for place in places),
        tsquery=tuple(bind("tsquery", place) for place in places),
        plain=at.bind(lambda arguments: _asked_by(arguments).plain, sa.Text()),
        size=at.bind(page_size, sa.Integer()),
        bound=_bound(at, "before" if backward else "after"),
        backward=backward,
    )


def _bound(at: At, name: str) -> tuple[Expression, Expression] | None:
    if at.argument(name) is None:
        return None

    def getter(place: int) -> Callable[[Any], int]:
        def get(arguments: Any) -> int:
            list_name = _asked_by(arguments).cursor_name
            return cursor_integer(cursor_values(arguments[name], list_name, 2)[place])

        return get

    return at.bind(getter(0), sa.BigInteger()), at.bind(getter(1), sa.BigInteger())


def _cursor(name: Expression, row: Scope) -> Expression:
    way, number = (sa.cast(row.raw(part, sa.BigInteger()), sa.Text) for part in ("way", "number"))
    return Hex(Joined(name, SEPARATOR, way, SEPARATOR, number))


def _rows(at: At, hits: str, given: _Parameters, row: Callable[[Scope], Expression]) -> Expression:
    """Return the list of what `row` makes of the page's rows, in the list's own order."""
    alias = at.alias()
    scope = Scope("search", alias, at.scope.moment)
    return subquery(_page(hits, given, alias), Joined("[", JoinedRows(row(scope)), "]"))


def _page(hits: str, given: _Parameters, alias: str) -> sa.FromClause:
    """Return the page's rows without the one beyond it, the best first."""
    page = (
        sa.select(sa.text("*"))
        .select_from(sa.table(hits))
        .order_by(sa.text(_order(given)))
        .limit(given.size)
        .correlate(None)
    )
    if not given.backward:
        return page.subquery(alias)
    turned = sa.select(sa.text("*")).select_from(page.subquery(f"{alias}q"))
    return turned.order_by(sa.text("way ASC, number DESC")).correlate(None).subquery(alias)


def _more(hits: str, given: _Parameters) -> Expression:
    counted = subquery(sa.table(hits), sa.func.count(type_=sa.Integer()))
    return counted > given.size


def _edge(at: At, hits: str, given: _Parameters, name: Expression, *, last: bool) -> Expression:
    alias = at.alias()
    ends = (
        sa.select(_cursor(name, Scope("search", alias, at.scope.moment)))
        .select_from(_page(hits, given, alias))
        .order_by(sa.text("way DESC, number ASC" if last else "way ASC, number DESC"))
        .limit(sa.literal_column("1"))
        .correlate(None)
        .scalar_subquery()
    )
    ends.type = SAFE_TEXT
    return ends


def _record(at: At, row: Scope) -> Expression:
    return any_record(lambda _: row.raw("id", SAFE_TEXT), _KINDS)(at)


def found_match(at: At) -> Expression:
    """Read in which way the record of an edge has the words."""
    way = at.scope.raw("way", sa.Integer())
    names = [(way == sa.literal_column(str(place)), _word(match)) for place, match in _NUMBERED]
    return as_json(sa.case(*names), nullable=False)


_NUMBERED: Final = tuple(enumerate(_WAYS))


def _word(match: SearchMatch) -> Expression:
    return sa.literal_column(f"'{match.value}'", SAFE_TEXT)
