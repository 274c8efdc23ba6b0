"""Connections: SQLite built in, PostgreSQL in production.

Writes go through SQLAlchemy, one transaction a changeset. Reads run the plan's
finished SQL straight on the driver (`app.store.reader`).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from app.domain.errors import Unready, Unwritable
from app.store.sqlite_functions import add_functions

LOCK_TIMEOUT_S: Final = 10
"""How long a writer waits for another one before it is told to try again."""

LOG_LOCK: Final = 0x636F7272_02
"""PostgreSQL's advisory lock of whoever writes to the log."""

SIGNER_LOCK: Final = 0x636F7272_03
"""PostgreSQL's advisory lock of the one process that signs the log."""

Guard: TypeAlias = Callable[[int | None], None]
"""Raises `ReadOnly` where the log must not grow; told its size, where that is known."""

_BUSY: Final = f"another writer held the database for {LOCK_TIMEOUT_S} s; send the edit again"
_TURN: Final = "turn"
_GUARD: Final = "guard"

_SQLITE_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    # Triggers make SQLite keep a journal for each insert; it need not be a file.
    "PRAGMA temp_store = MEMORY",
    "PRAGMA busy_timeout = 5",  # milliseconds; see `_begin_immediate`
)


def parse_url(text: str) -> URL:
    """Return the address of a database, with the driver that Corrigenda uses for it.

    Raises `Unready` for anything but `sqlite:///FILE` and `postgresql://…`.
    """
    try:
        url = make_url(text)
    except sa.exc.ArgumentError:
        raise Unready(
            "the database URL cannot be read; use sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from None
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database not in (None, "", ":memory:"):
        return url.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise Unready(
        "the database must be a SQLite file or PostgreSQL: sqlite:///FILE, postgresql://…"
    )


def open_engine(url: URL, *, pool_size: int = 10, guard: Guard | None = None) -> Engine:
    """Return an engine whose connections are set up as the ledger needs them.

    `guard` is asked before the log grows (`require_writable`).
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, pool_size, guard)
    return sa.create_engine(
        url,
        hide_parameters=True,  # They hold content, and a failure is logged.
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        execution_options={_GUARD: guard},
        connect_args={"options": f"-c lock_timeout={LOCK_TIMEOUT_S}s -c timezone=UTC"},
    )


def _sqlite_engine(url: URL, pool_size: int, guard: Guard | None) -> Engine:
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        poolclass=sa.pool.QueuePool,
        pool_size=pool_size,
        connect_args={"check_same_thread": False, "timeout": LOCK_TIMEOUT_S},
        execution_options={_TURN: threading.Lock(), _GUARD: guard},
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver's own deferred BEGIN would let two writers read before either
    # writes; we begin ourselves, at once as a writer (see `_begin_immediate`).
    connection.isolation_level = None
    add_functions(connection)
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_immediate(connection: Connection) -> None:
    # SQLite asks for the lock ever less often, so that among busy processes who
    # waits long waits on; asking evenly gives each the same chance.
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as fault:
            if "database is locked" not in str(fault.orig) or time.monotonic() > deadline:
                raise
        else:
            return


def require_writable(engine: Engine, size: int | None = None) -> None:
    """Raise `ReadOnly` where the log, now of `size`, must not grow.

    Who may act is part of the log, and stays as it is there too: an older backup has keys
    that were revoked since, which may read what is not public until a person decides.
    """
    guard: Guard | None = engine.get_execution_options().get(_GUARD)
    if guard is not None:
        guard(size)


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Run a block in one transaction.

    Raises `Unwritable` where the disk or the role refuses, `BrokenOff` where the
    database gave the transaction up and it may be tried again.
    """
    try:
        with _turn(engine), engine.begin() as connection:
            yield connection
    except DBAPIError as fault:
        message = _unwritable(fault)
        if message is not None:
            raise Unwritable(message) from fault
        if _is_broken_off(fault):
            raise BrokenOff from fault
        raise


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Let the writers of one process take turns on SQLite.

    Its own way of waiting is to ask again and again, which costs more than the
    writing; between processes there is no other.
    """
    lock = engine.get_execution_options().get(_TURN)
    if lock is None:
        yield
    elif lock.acquire(timeout=LOCK_TIMEOUT_S):
        try:
            yield
        finally:
            lock.release()
    else:
        raise Unwritable(_BUSY)


@contextmanager
def in_one_batch(connection: Connection) -> Iterator[None]:
    """Send the statements of a block without waiting for the answer to each.

    For writes under a lock that others wait for: no row count and no result is
    known before the end of the block, and what fails is raised there at the
    latest. SQLite has no network to wait for.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    import psycopg  # noqa: PLC0415 - a ledger on SQLite starts without it

    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            yield
    except psycopg.Error as fault:
        raise DBAPIError.instance(
            "one batch", None, fault, psycopg.Error, dialect=connection.dialect
        ) from fault


class BrokenOff(Exception):
    """A transaction was given up and may be tried again.

    A deadlock, or what came in between; `is_doublet` says that a constraint
    spoke, which more tries may not change.
    """

    @property
    def is_doublet(self) -> bool:
        """Whether a constraint of the database refused the rows."""
        return isinstance(self.__cause__, IntegrityError)


_BROKEN_OFF: Final = frozenset({"40001", "40P01"})
"""serialization_failure and deadlock_detected (PostgreSQL, appendix A)."""


def _is_broken_off(fault: DBAPIError) -> bool:
    return isinstance(fault, IntegrityError) or (
        getattr(fault.orig, "sqlstate", None) in _BROKEN_OFF
    )


def _unwritable(fault: DBAPIError) -> str | None:
    if isinstance(fault, IntegrityError):
        return None  # its text may quote the content, which may say anything
    text = str(fault.orig).lower()
    if "readonly" in text or "read-only" in text or "permission denied" in text:
        return "the database is read-only: nothing was written; check its file, folder and disk"
    if "unable to open database" in text:
        return "the database file cannot be opened; check that its folder exists and is writable"
    if "disk is full" in text or "no space left" in text:
        return "the disk is full: nothing was written; make room and send the edit again"
    if "database is locked" in text or "due to lock timeout" in text:
        return _BUSY
    return None


def sqlite_file(url: URL) -> Path:
    """Return the file of a SQLite address."""
    if url.database is None:
        raise Unready("the SQLite URL names no file")
    return Path(url.database)


def read_only_sqlite(url: URL, *, statements: int = 128) -> sqlite3.Connection:
    """Open a SQLite file for reading alone; so many prepared statements are kept."""
    file = sqlite_file(url).absolute()
    connection = sqlite3.connect(
        f"{file.as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=statements,
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_S * 1000}")
    add_functions(connection)
    return connection


__all__ = [
    "LOCK_TIMEOUT_S",
    "LOG_LOCK",
    "SIGNER_LOCK",
    "URL",
    "Connection",
    "Engine",
    "Guard",
    "open_engine",
    "parse_url",
    "read_only_sqlite",
    "require_writable",
    "sqlite_file",
    "write_transaction",
]
