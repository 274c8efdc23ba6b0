"""Running a plan on the driver itself: one statement, one row.

asyncpg for PostgreSQL, with generic plans (parameters in LIMIT would be
planned again at every call otherwise). SQLite is read in the event loop's own
thread: for short reads a hop to another thread costs more than the read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.engine import URL

from app.domain.errors import ReadTimedOut, Unready
from app.store.database import read_only_sqlite
from app.store.read_limits import READ_TIMEOUT_S, Clock, milliseconds, reached

_STATEMENTS = 512
"""Prepared statements that a connection keeps."""


class Reader(Protocol):
    """What runs the SQL of plans."""

    @property
    def database(self) -> str:
        """The name of the SQL dialect."""

    async def start(self) -> None:
        """Connect; raise `Unready` where the database cannot be reached."""

    async def stop(self) -> None:
        """Let every connection go."""

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any] | None:
        """Run one statement and return its first row, None where there is none."""


def open_reader(url: URL, *, pool_size: int, timeout: float = READ_TIMEOUT_S) -> Reader:
    """Return the reader of a database; a statement that takes `timeout` seconds is ended."""
    if url.get_backend_name() == "sqlite":
        return SqliteReader(url, timeout)
    return PostgresReader(url, pool_size, timeout)


def _asyncpg() -> Any:
    """Return the driver of PostgreSQL; a ledger on SQLite starts without it."""
    import asyncpg  # noqa: PLC0415

    return asyncpg


def _unreadable() -> tuple[type[Exception], ...]:
    asyncpg = _asyncpg()
    return ReadTimedOut, OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError


class PostgresReader:
    """A pool of connections that can only read."""

    database = "postgresql"

    def __init__(self, url: URL, pool_size: int, timeout: float) -> None:
        self._timeout = timeout
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._size = pool_size
        self._pool: Any = None
        self._at_work = 0

    async def start(self) -> None:
        """Open the pool."""
        asyncpg = _asyncpg()
        try:
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=1,
                max_size=self._size,
                statement_cache_size=_STATEMENTS,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=0,
                reset=_keep_as_it_is,
                server_settings={
                    "plan_cache_mode": "force_generic_plan",
                    "default_transaction_read_only": "on",
                    "jit": "off",
                    "statement_timeout": str(milliseconds(self._timeout)),
                    "timezone": "UTC",
                },
            )
        except (OSError, asyncpg.PostgresError) as fault:
            raise Unready(f"the database cannot be reached: {fault}") from fault

    async def stop(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any] | None:
        """Run one statement on a connection of the pool."""
        if self._pool is None:
            raise AssertionError("the reader has not been started")
        # A wait of its own has no end: a connection that is free is taken at once instead.
        if self._at_work >= self._size:
            return await self._wait_and_fetch(sql, values)
        return await self._fetched(self._pool, sql, values)

    async def _wait_and_fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any] | None:
        """Wait for a connection; raise `ReadTimedOut` where none comes free in time."""
        try:
            connection = await self._pool.acquire(timeout=self._timeout)
        except TimeoutError:
            raise ReadTimedOut(
                f"no connection to the database came free within {self._timeout:g} s; ask again "
                "in a moment"
            ) from None
        try:
            return await self._fetched(connection, sql, values)
        finally:
            await self._pool.release(connection)

    async def _fetched(self, runner: Any, sql: str, values: Sequence[Any]) -> Sequence[Any] | None:
        self._at_work += 1
        try:
            row: Sequence[Any] | None = await runner.fetchrow(sql, *values)
        except _asyncpg().PostgresError as fault:
            refusal = reached(fault, self._timeout)
            if refusal is None:
                raise
            raise refusal from fault
        finally:
            self._at_work -= 1
        return row


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log ends: its position, and the peaks of its tree, which stand for all of it."""

    position: int
    peaks: bytes


async def read_head(reader: Reader) -> Head:
    """Return the head of the log: one row, by one statement of its own."""
    row = await reader.fetch("SELECT size, peaks FROM head", [])
    if row is None:
        raise Unready("the ledger has no head; it was not migrated whole")
    return Head(int(row[0]), bytes(row[1]))


async def log_size(reader: Reader) -> int:
    """Return how far the log goes; raise `Unready` where the ledger cannot be read."""
    try:
        return (await read_head(reader)).position
    except _unreadable() as fault:
        raise Unready("the ledger cannot be read at present") from fault


async def _keep_as_it_is(_connection: Any) -> None:
    """Nothing is ever set on these connections, so nothing needs to be reset."""


class SqliteReader:
    """One read-only connection, used by the event loop alone."""

    database = "sqlite"

    def __init__(self, url: URL, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._connection: sqlite3.Connection | None = None
        self._clock: Clock | None = None

    async def start(self) -> None:
        """Open the file."""
        try:
            self._connection = read_only_sqlite(self._url)
        except sqlite3.Error as fault:
            raise Unready(f"the database file cannot be read: {fault}") from fault
        self._clock = Clock(self._connection, self._timeout)

    async def stop(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any] | None:
        """Run one statement, at once."""
        if self._connection is None or self._clock is None:
            raise AssertionError("the reader has not been started")
        self._clock.start()
        try:
            row: Sequence[Any] | None = self._connection.execute(sql, tuple(values)).fetchone()
        except sqlite3.OperationalError as fault:
            refusal = reached(fault, self._timeout)
            if refusal is None:
                raise
            raise refusal from fault
        return row
