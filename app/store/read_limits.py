"""What a database lets one read take: how long, and how deep its statement may nest."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, thread_time
from typing import Any, Final

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from app.domain.errors import ReadTimedOut, TooDeep, WrongRequest

READ_TIMEOUT_S: Final = 4.0
"""Seconds that one statement may take, unless the operator says otherwise."""

_STEPS: Final = 20_000
"""Steps of SQLite's machine between two looks at the clock: half a millisecond's work."""

_QUERY_CANCELED: Final = "57014"
"""query_canceled (PostgreSQL, appendix A)."""


class Clock:
    """Ends a statement of SQLite, which has no clock of its own, `timeout` after its start.

    Or earlier, when it has worked for `work` seconds of the processor's time.
    """

    def __init__(
        self, connection: sqlite3.Connection, timeout: float, *, work: float = math.inf
    ) -> None:
        self._timeout = timeout
        self._work = work
        self.start()
        connection.set_progress_handler(self._is_over, _STEPS)

    def start(self) -> None:
        """Tell that a statement starts, in this thread."""
        self._until = monotonic() + self._timeout
        self._worked = thread_time() + self._work

    def _is_over(self) -> bool:
        return monotonic() > self._until or thread_time() > self._worked


def was_ended(fault: sqlite3.Error) -> bool:
    """Whether it was the clock that ended a statement of SQLite."""
    return fault.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT


def milliseconds(timeout: float) -> int:
    """Return a PostgreSQL `statement_timeout`, for which 0 would mean none."""
    return max(1, round(timeout * 1000))


# SQLite before 3.46 parses with a stack of 100 places; a tree may be 1,000 high.
_SQLITE_DEPTHS: Final = ("parser stack overflow", "Expression tree is too large")
_PROGRAM_LIMITS: Final = "54"
"""The class program_limit_exceeded (PostgreSQL, appendix A)."""


def reached(fault: BaseException | None, timeout: float) -> WrongRequest | None:
    """Return what is told of a statement that reached a limit, None of any other fault."""
    state = getattr(fault, "sqlstate", None) or ""
    code = getattr(fault, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_INTERRUPT or state == _QUERY_CANCELED:
        return ReadTimedOut(
            f"reading the answer took longer than {timeout:g} s and was ended; ask for less at "
            "once: shorter pages, fewer lists inside one another, no totalCount that is not needed"
        )
    if state.startswith(_PROGRAM_LIMITS):
        return TooDeep("the document is more than PostgreSQL can follow; ask for less at once")
    if any(words in str(fault) for words in _SQLITE_DEPTHS):
        return TooDeep(
            "the document nests deeper than this SQLite can follow; ask for less at once"
        )
    return None


@contextmanager
def read_limits(connection: Connection, timeout: float) -> Iterator[None]:
    """Let the reads of a block take so many seconds each; it is the last of its transaction.

    Raises `ReadTimedOut` or `TooDeep`.
    """
    driver: Any = connection.connection.driver_connection
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        Clock(driver, timeout)
    else:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds(timeout)}")
    try:
        yield
    except DBAPIError as fault:
        refusal = reached(fault.orig, timeout)
        if refusal is None:
            raise
        raise refusal from fault
    finally:
        if is_sqlite:
            driver.set_progress_handler(None, 0)
