"""SQLite: what takes long is read elsewhere, and what is short does not wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from app.domain.errors import ReadTimedOut
from app.store.aside import METER, Meter
from app.store.database import parse_url
from app.store.reader import SqliteReader
from tests.databases import Databases

NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {})"
LONG = f"{NUMBERS} SELECT max(i) FROM n"
SHORT = "SELECT 1"


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    """A ledger on SQLite."""
    with databases.clone("sqlite") as given:
        yield given


def reading(
    url: str, work: Callable[[SqliteReader], Awaitable[None]], timeout: float = 60.0
) -> None:
    """Let some work be done with a reader."""

    async def run() -> None:
        reader = SqliteReader(parse_url(url), timeout)
        await reader.start()
        try:
            await work(reader)
        finally:
            await reader.stop()

    asyncio.run(run())


def test_short_reads_go_on_while_a_long_one_is_under_way(url: str) -> None:
    async def work(reader: SqliteReader) -> None:
        long = asyncio.create_task(reader.fetch(LONG.format(400_000), ()))
        await asyncio.sleep(0)
        began, count = time.monotonic(), 0
        while not long.done():
            assert await reader.fetch(SHORT, ()) == (1,)
            await asyncio.sleep(0)
            count += 1

        assert await long == (400_000,)
        assert count > 5 * (time.monotonic() - began)

    reading(url, work)


def test_what_took_some_milliseconds_is_read_in_a_thread_from_then_on(url: str) -> None:
    """Five milliseconds, again and again, would keep whoever asks for little waiting."""
    in_loop: list[str] = []
    some = LONG.format(60_000)

    async def work(reader: SqliteReader) -> None:
        reader.connections[0].set_trace_callback(in_loop.append)
        for _ in range(5):
            assert await reader.fetch(some, ()) == (60_000,)
            assert await reader.fetch(SHORT, ()) == (1,)

    reading(url, work)

    assert in_loop.count(some) == 1
    assert in_loop.count(SHORT) == 5


def test_who_reads_for_long_is_waited_for_by_nobody_else(url: str) -> None:
    """One client's long reads come one after the other; another's has a thread of its own."""
    order: list[str] = []

    async def ask(reader: SqliteReader, client: str) -> None:
        METER.set(Meter(client))
        await reader.fetch(LONG.format(200_000), ())
        order.append(client)

    async def work(reader: SqliteReader) -> None:
        await ask(reader, "first")
        many = [asyncio.create_task(ask(reader, "many")) for _ in range(8)]
        await asyncio.sleep(0)
        await asyncio.gather(*many, asyncio.create_task(ask(reader, "few")))

    reading(url, work)

    assert order.index("few") <= 4


def test_a_long_read_is_charged_and_ended_by_the_clock_all_the_same(url: str) -> None:
    meter = Meter("somebody")

    async def work(reader: SqliteReader) -> None:
        METER.set(meter)
        with pytest.raises(ReadTimedOut, match=r"0\.3 s"):
            await reader.fetch(LONG.format(10**9), ())

    reading(url, work, timeout=0.3)

    assert meter.seconds > 0.01
