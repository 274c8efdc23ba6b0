"""An engine over a ledger, and the statements that it runs: as the connection itself tells them.

SQLite tells its trace callback of every statement, asyncpg its query loggers. What a
function runs within a statement is part of that one: SQLite tells it as a comment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from app.graphql.editing import Editing
from app.graphql.engine import Engine
from app.graphql.viewer import Viewer
from app.reads.holders import holder_of
from app.reads.log import LogReading
from app.store.database import open_engine, parse_url
from app.store.log_engine import open_log_engine
from app.store.reader import PostgresReader, Reader, SqliteReader, open_reader
from tests.graphql.asking import Ledger


def _is_within_another(statement: str) -> bool:
    """Whether a function or FTS5 sent a statement while it was asked itself."""
    return statement.startswith(("-- ", "PRAGMA")) or "search_index_" in statement


def _gather(seen: list[str], place: int, sql: str) -> None:
    # What took too long in the event loop begins anew on another connection.
    is_again = place > 0 and seen[-1:] == [sql]
    if not _is_within_another(sql) and not is_again:
        seen.append(sql)


@contextmanager
def counted(reader: Reader) -> Iterator[list[str]]:
    """Gather the statements that a reader's connections run meanwhile."""
    seen: list[str] = []
    if isinstance(reader, SqliteReader):
        for place, connection in enumerate(reader.connections):
            connection.set_trace_callback(partial(_gather, seen, place))
        yield seen
        for connection in reader.connections:
            connection.set_trace_callback(None)
        return
    assert isinstance(reader, PostgresReader)
    pool: Any = reader._pool  # noqa: SLF001
    (holder,) = pool._holders  # noqa: SLF001 - one connection, so it is the one that reads
    log = lambda record: seen.append(record.query)  # noqa: E731 - the same to add and remove
    holder._con.add_query_logger(log)  # noqa: SLF001
    yield seen
    holder._con.remove_query_logger(log)  # noqa: SLF001


def run(
    ledger: Ledger,
    work: Callable[[Engine, Reader, Viewer], Awaitable[Any]],
    *,
    room: int = 0,
    connections: int = 1,
) -> Any:
    """Run some work with an engine over a ledger, as an editor; `room` is for kept answers."""

    async def running() -> Any:
        url = parse_url(ledger.url)
        reader, database = open_reader(url, pool_size=connections), open_engine(url)
        log = LogReading(open_log_engine(url), "localhost")
        await reader.start()
        try:
            viewer = Viewer(await holder_of(reader, ledger.keys["editor"]))
            engine = Engine(reader, Editing(database), log=log, room=room)
            return await work(engine, reader, viewer)
        finally:
            log.close()
            await reader.stop()
            database.dispose()

    return asyncio.run(running())
