"""Q4: the article page as of the middle of the log, beside the article page of the present.

Both are asked of our server, over records of twenty versions each. The peer has no past.
"""

from __future__ import annotations

from typing import Final

import orjson

from tests.bench import load, q
from tests.bench.rounds import (
    AnswersDiffer,
    Pace,
    Runner,
    Server,
    measure,
    print_head,
    print_rows,
    serving,
)
from tests.bench.servers import Database

GOAL: Final = 0.5
"""How many answers of the archive there should be, at least, for one of the present."""


def compare(database: Database, pace: Pace) -> None:
    """Print how fast the archive in the middle of the log answers, beside the present.

    Raises `AnswersDiffer` where the archive of the head is not the present.
    """
    with serving("ours", database) as server:
        size = q.head_of(load.ask(server.port, q.HEAD))
        _check_head(server, size)
        present = q.article_page()
        past = q.archived_page(size // 2)
        print_head(database)
        measured = measure([Runner(server, past), Runner(server, present)], pace)
        print_rows(measured)
        ratio = measured[0].rate / measured[1].rate
        print(f"Q4 as of {size // 2:,} of {size:,}: {ratio:.2f} of Q1; the goal is {GOAL}")


def _check_head(server: Server, size: int) -> None:
    (past,), (present,) = q.archived_page(size).bodies, q.article_page().bodies
    archived = load.ask(server.port, past).replace(f"@{size}".encode(), b"")
    held = q.comparable(load.ask(server.port, present))
    if q.comparable(archived)["archive"] != held:
        raise AnswersDiffer(f"Q4 at the head: {archived.decode()}\n{orjson.dumps(held).decode()}")
