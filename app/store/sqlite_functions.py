"""What SQLite's connections are given: Python's folding of text, and rules with SQL of their own.

PostgreSQL has the first from a migration, and reads the others in full
(`app.store.sql.InSqlite`). A rule is run on the connection that asks, within
the statement that asks, so it sees the same state of the ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from app.domain.texts import folded
from app.store.agreement import IS_LIVE, IS_NARROWER, is_live_in_full, is_narrower_in_full
from app.store.reading import Moment, Scope
from app.store.sql import FOLDED, Expression


def add_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that the SQL of plans calls."""

    def folded_or_null(words: str | None) -> str | None:
        return None if words is None else folded(words)

    connection.create_function(FOLDED, 1, folded_or_null, deterministic=True)
    connection.create_function(IS_LIVE, 2, _rule(connection, _live))
    connection.create_function(IS_NARROWER, 3, _rule(connection, _narrower))


def _rule(
    connection: sqlite3.Connection, statement: Callable[[bool], tuple[str, tuple[str, ...]]]
) -> Callable[..., int]:
    """Return the function of a rule: its arguments, the last of which is a position or NULL."""

    def holds(*arguments: Any) -> int:
        *ids, position = arguments
        sql, names = statement(position is None)
        given = {"one": ids[0], "other": ids[-1], "position": position}
        try:
            found = connection.execute(sql, [given[name] for name in names]).fetchone()
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            # The statement that asks is out of time as well, and ends by its own code.
            connection.interrupt()
            return 0
        return 0 if found is None else int(found[0])

    return holds


@cache
def _live(is_present: bool) -> tuple[str, tuple[str, ...]]:  # noqa: FBT001 - one of two forms
    claim = Scope("claim", "c", _moment(is_present=is_present))
    source, holds = claim.by_id()
    rule = is_live_in_full(_Names(), claim)
    select = sa.select(rule).select_from(source).where(claim["id"] == _given("one"), *holds)
    return _compiled(select)


@cache
def _narrower(is_present: bool) -> tuple[str, tuple[str, ...]]:  # noqa: FBT001 - one of two forms
    moment = _moment(is_present=is_present)
    return _compiled(
        sa.select(is_narrower_in_full(_Names(), _given("one"), _given("other"), moment))
    )


def _moment(*, is_present: bool) -> Moment:
    return Moment(None if is_present else sa.bindparam("position", type_=sa.BigInteger()))


def _given(name: str) -> Expression:
    return sa.bindparam(name, type_=sa.Text())


def _compiled(select: sa.Select[Any]) -> tuple[str, tuple[str, ...]]:
    compiled = select.correlate(None).compile(dialect=sqlite.dialect())
    return str(compiled), tuple(compiled.positiontup or ())


class _Names:
    def __init__(self) -> None:
        self._numbers = count(1)

    def alias(self) -> str:
        return f"r{next(self._numbers)}"
