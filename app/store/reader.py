"""Running a plan on the driver itself: one statement, one row.

asyncpg for PostgreSQL, with generic plans (parameters in LIMIT would be
planned again at every call otherwise). SQLite is read in the event loop's own
thread, as for short reads a hop to another thread costs more than the read; what
turns out to be long goes on in another one.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic, thread_time
from typing import Any, Final, Protocol

from sqlalchemy.engine import URL

from app.domain.errors import ReadTimedOut, Unready
from app.store.aside import ELSEWHERE, THREADS, Aside, note
from app.store.database import read_only_sqlite
from app.store.read_limits import READ_TIMEOUT_S, Clock, milliseconds, reached, was_ended

_STATEMENTS: Final = 256
"""Prepared statements that a connection keeps, where they are short."""

_LONG_STATEMENTS: Final = 16
"""Likewise of statements of SQLite that take long, which are often long themselves."""

AT_ONCE_S: Final = 0.02
"""Seconds in which SQLite may read in the event loop itself, while nobody else is answered."""

WORK_AT_ONCE_S: Final = 0.003
"""Seconds that it may work there; the rest is what the disk and other processes take."""

SHORT_WORK_S: Final = 0.002
"""Seconds of work from below which a statement that took long once begins there again."""

SHORT_SQL: Final = 4_000
"""Characters of a statement that is read in the event loop the first time that it comes."""

_KNOWN: Final = 5_000

SOON_S: Final = 0.25
"""Seconds in which it may read before what takes longer."""


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
                    # One question has one processor, and leaves the others to others.
                    "max_parallel_workers_per_gather": "0",
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
        began = monotonic()
        try:
            row: Sequence[Any] | None = await runner.fetchrow(sql, *values)
        except _asyncpg().PostgresError as fault:
            refusal = reached(fault, self._timeout)
            if refusal is None:
                raise
            raise refusal from fault
        finally:
            self._at_work -= 1
            note(ELSEWHERE * (monotonic() - began))
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


class _Lane:
    """Where statements run that are ended after `seconds`, if another lane has more time."""

    def __init__(self, url: URL, seconds: float, aside: Aside | None) -> None:
        self.seconds = seconds
        self.aside = aside
        # One for each thread that may come; threads take turns at them.
        count, kept = (1, _STATEMENTS) if aside is None else (THREADS, _LONG_STATEMENTS)
        self.connections = [read_only_sqlite(url, statements=kept) for _ in range(count)]
        work = WORK_AT_ONCE_S if aside is None else math.inf
        self._free = [(one, Clock(one, seconds, work=work)) for one in self.connections]

    def run(self, sql: str, values: Sequence[Any]) -> Sequence[Any] | None:
        """Run one statement in this thread."""
        connection, clock = self._free.pop()
        try:
            clock.start()
            row: Sequence[Any] | None = connection.execute(sql, values).fetchone()
        finally:
            self._free.append((connection, clock))
        return row

    def run_in_turn(
        self, sql: str, values: Sequence[Any], *, by: float
    ) -> tuple[Sequence[Any] | None, bool]:
        """Run one statement, unless its turn comes too late; tell whether it took little work."""
        if monotonic() > by:
            raise ReadTimedOut("others read for too long before this; ask again in a moment")
        began = thread_time()
        row = self.run(sql, values)
        return row, thread_time() - began < SHORT_WORK_S

    async def stop(self) -> None:
        """Let threads and connections go."""
        if self.aside is not None:
            await asyncio.to_thread(self.aside.stop)
        for connection in self.connections:
            connection.close()


class SqliteReader:
    """Read-only connections: for what is done at once, for what takes longer, for what takes long.

    A statement begins in the event loop. One that has not come to its end within a few
    milliseconds begins anew in a thread, and from there in another one; the next time it
    begins where it came to its end. So what is short never waits for what is long. A
    statement of many words begins in a thread the first time, as reading it takes long.
    """

    database = "sqlite"

    def __init__(self, url: URL, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._lanes: Sequence[_Lane] = ()
        self._slow: OrderedDict[str, int] = OrderedDict()
        self._known: set[int] = set()

    async def start(self) -> None:
        """Open the file."""
        try:
            self._lanes = [
                _Lane(self._url, min(AT_ONCE_S, self._timeout), None),
                _Lane(self._url, min(SOON_S, self._timeout), Aside("sqlite-soon")),
                _Lane(self._url, self._timeout, Aside("sqlite-long", gives_way=True)),
            ]
        except sqlite3.Error as fault:
            raise Unready(f"the database file cannot be read: {fault}") from fault

    @property
    def connections(self) -> list[sqlite3.Connection]:
        """Every connection, that of the event loop first."""
        return [one for lane in self._lanes for one in lane.connections]

    async def stop(self) -> None:
        """Close the file."""
        for lane in self._lanes:
            await lane.stop()

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any] | None:
        """Run one statement."""
        if not self._lanes:
            raise AssertionError("the reader has not been started")
        given = tuple(values)
        first = self._slow.get(sql, 0)
        if len(sql) > SHORT_SQL and hash(sql) not in self._known:
            first = max(first, 1)
            self._know(sql)
        for place in range(first, len(self._lanes)):
            lane = self._lanes[place]
            try:
                if lane.aside is None:
                    return lane.run(sql, given)
                by = monotonic() + self._timeout
                row, was_short = await lane.aside.run(partial(lane.run_in_turn, sql, given, by=by))
            except sqlite3.OperationalError as fault:
                if was_ended(fault) and (lane.aside is None or lane.seconds < self._timeout):
                    self._remember(sql, place + 1)
                    continue
                refusal = reached(fault, self._timeout)
                if refusal is None:
                    raise
                raise refusal from fault
            if was_short:
                self._slow.pop(sql, None)
            return row
        raise AssertionError("the last lane has all the time there is")

    def _know(self, sql: str) -> None:
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known.add(hash(sql))

    def _remember(self, sql: str, place: int) -> None:
        self._slow[sql] = place
        if len(self._slow) > _STATEMENTS:
            self._slow.popitem(last=False)
