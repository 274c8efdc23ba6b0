"""Many writers on few records: the load of the concurrency tests and of `make faults`.

Every writer reads a count and revises it to one more, so that a lost update shows in the sum.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Engine

from app.domain.decisions import Editing
from app.domain.errors import Refused
from app.store import tables
from tests.driver import Newsroom, heads, opened
from tests.processes import CONTEXT

TRANSFER = tables.metadata.tables["transfer"]


@dataclass(frozen=True)
class Tally:
    """What writers got done: commits, stale versions that they met, and the time it took."""

    commits: int
    refusals: int
    seconds: float

    def __str__(self) -> str:
        rate = self.commits / self.seconds
        return (
            f"{self.commits} commits in {self.seconds:.1f} s: {rate:.0f} a second, "
            f"{self.refusals} refused as stale and sent again"
        )


def transfers(newsroom: Newsroom, count: int) -> list[str]:
    """Add so many transfers of nothing yet."""
    operations = [
        {"addTransfer": {"ref": f"#{n}", "title": f"Horses {n}", "quantity": heads(0)}}
        for n in range(count)
    ]
    return [*newsroom.commit(*operations, code="INITIAL_ENTRY").refs.values()]


def write(newsroom: Newsroom, records: Sequence[str], commits: int, seed: int) -> Tally:
    """Count transfers up, one at a time and in any order, until `commits` were accepted."""
    chance, done, refusals = random.Random(seed), 0, 0
    started = time.perf_counter()
    while done < commits:
        record = chance.choice(records)
        version, amount = counted(newsroom.engine, record)
        revise = {"id": record, "version": version, "set": {"quantity": heads(amount + 1)}}
        try:
            newsroom.commit({"reviseTransfer": revise}, reason=f"Writer {seed} counted again.")
        except Refused as refused:
            if [one.code for one in refused.refusals] != ["STALE_VERSION"]:
                raise
            refusals += 1
        else:
            done += 1
    return Tally(done, refusals, time.perf_counter() - started)


def write_in_threads(
    newsroom: Newsroom, records: Sequence[str], *, writers: int, commits: int, seed: int = 0
) -> Tally:
    """Let several writers of one process make `commits` in all."""
    started = time.perf_counter()
    with ThreadPoolExecutor(writers) as threads:
        tallies = [
            threads.submit(write, newsroom, records, share, seed + number)
            for number, share in enumerate(shares(commits, writers))
        ]
        return total([one.result() for one in tallies], started)


def write_in_processes(
    newsroom: Newsroom, records: Sequence[str], *, processes: int, writers: int, commits: int
) -> Tally:
    """Let several processes with `writers` threads each make `commits` in all."""
    url = newsroom.engine.url.render_as_string(hide_password=False)
    with ProcessPoolExecutor(processes, mp_context=CONTEXT) as pool:
        list(pool.map(abs, range(processes)))
        started = time.perf_counter()
        tallies = [
            pool.submit(_process, url, newsroom.editing, records, writers, share, 1000 * number)
            for number, share in enumerate(shares(commits, processes))
        ]
        return total([one.result() for one in tallies], started)


def _process(
    url: str, editing: Editing, records: Sequence[str], writers: int, commits: int, seed: int
) -> Tally:
    with opened(url, pool_size=writers) as engine:
        newsroom = Newsroom(engine, editing)
        return write_in_threads(newsroom, records, writers=writers, commits=commits, seed=seed)


def total(tallies: Sequence[Tally], started: float) -> Tally:
    """Return the sum of what writers did side by side."""
    seconds = time.perf_counter() - started
    return Tally(sum(t.commits for t in tallies), sum(t.refusals for t in tallies), seconds)


def shares(commits: int, writers: int) -> list[int]:
    """Divide the work as evenly as it goes."""
    return [commits // writers + (number < commits % writers) for number in range(writers)]


def counted(engine: Engine, record: str) -> tuple[int, int]:
    """Return a transfer's present version and count, without waiting for a writer."""
    # On the driver itself: our engine begins every SQLite transaction as a writer.
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute(
            "SELECT version, quantity_amount FROM transfer "
            f"WHERE superseded = {tables.END} AND id = '{record}'"
        )
        version, thousandths = cursor.fetchone()
        return version, thousandths // 1000
    finally:
        raw.close()


def counts(engine: Engine) -> int:
    """Return the sum of all counts."""
    query = sa.select(sa.func.sum(TRANSFER.c.quantity_amount)).where(
        TRANSFER.c.superseded == tables.END
    )
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one()) // 1000
