"""`python -m tests.bench`: what is measured, part by part; see docs/bench.md."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sqlite3
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from tests.bench import archive, audit, editing, load, log, peers, rounds, running, servers, walk
from tests.bench.dataset import Size
from tests.bench.rounds import Pace
from tests.bench.servers import Database

PACKAGES: Final = ("strawberry-graphql", "graphql-core", "fastapi", "uvicorn", "asyncpg")
SIZES: Final = {"peers": Size(), "walk": Size(), "archive": Size(versions=20, scale=5)}
"""The parts that read the dataset, and which."""

OF_THE_LOG: Final = ("log", "audit")
"""The parts that have data of their own."""

PARTS: Final = (*SIZES, *OF_THE_LOG)

SCALES: Final = range(1, 51)
"""Of a fiftieth, a walk has ten pages; less shows nothing."""


def main() -> None:
    """Measure what the command line asks for, and print it."""
    # Told to end, it ends the servers that it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    options = _options()
    print(_machine(), flush=True)
    names = ("sqlite", "postgresql") if options.database == "both" else (options.database,)
    for part in options.parts:
        if part in OF_THE_LOG:
            print(f"\n{part}", flush=True)
            _measure_log(part, names, Pace(options.rounds, options.seconds))
            continue
        size = _size(part, options)
        print(f"\n{part}: {size}", flush=True)
        for name in names:
            with servers.opened(name, size) as database:
                _measure(part, database, options)


def _measure(part: str, database: Database, options: argparse.Namespace) -> None:
    pace = Pace(options.rounds, options.seconds)
    match part:
        case "peers":
            peers.compare(database, pace, queries=options.queries, only_peer=options.only_peer)
        case "walk":
            walk.measure(database, requests=options.requests)
        case _:
            archive.compare(database, pace)


def _measure_log(part: str, names: Sequence[str], pace: Pace) -> None:
    if part == "audit":
        audit.measure()
        return
    for name in names:
        log.measure(name, pace)


def _size(part: str, options: argparse.Namespace) -> Size:
    own = SIZES[part]
    return Size(options.versions or own.versions, options.scale or own.scale)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    both = ("sqlite", "postgresql")
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--database", choices=(*both, "both"), default="both")
    parser.add_argument("--queries", nargs="+", default=["Q1", "Q2", "Q3"], help="of the peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one round")
    parser.add_argument("--requests", type=int, default=600, help="for a page of each depth")
    parser.add_argument("--versions", type=int, help="of each transfer and claim")
    parser.add_argument("--scale", type=int, metavar="N", help="an Nth part of the records")
    parser.add_argument("--only-peer", action="store_true", help="without our own server")
    options = parser.parse_args()
    if options.scale is not None and options.scale not in SCALES:
        parser.error(f"--scale is {SCALES.start} to {SCALES.stop - 1}")
    if options.versions is not None and options.versions < 1:
        parser.error("--versions is 1 or more")
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")
    return options


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}\n{packages}\n"
        f"{load.CONNECTIONS} connections, one process a server"
    )


if __name__ == "__main__":
    try:
        main()
    except (
        rounds.AnswersDiffer,
        walk.Missed,
        editing.EditorStopped,
        load.BadAnswer,
        running.DidNotStart,
        audit.Failed,
    ) as fault:
        sys.exit(f"{type(fault).__name__}: {fault}")
