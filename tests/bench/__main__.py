"""`python -m tests.bench`: our server and the peer side by side; see docs/bench.md."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import platform
import signal
import sqlite3
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import psycopg

from tests.bench import dataset, load, processor, q, running, servers
from tests.bench.load import Load
from tests.bench.q import Question
from tests.bench.servers import Database

WARM_UP_SECONDS: Final = 1.5
PACKAGES: Final = ("strawberry-graphql", "graphql-core", "fastapi", "uvicorn", "asyncpg")


class AnswersDiffer(Exception):
    """The two servers do not say the same, so their speeds cannot be compared."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: what it is called, its port, its process and its database."""

    name: str
    port: int
    pid: int
    database: Database

    def processor_seconds(self) -> float:
        """Return what it has computed so far, with what the database did for everybody."""
        if not processor.is_known():
            return math.nan
        postmaster = self.database.postmaster
        shared = 0.0 if postmaster is None else processor.seconds_of_children(postmaster)
        return shared + processor.seconds_of(self.pid)


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of one server, and the processor time that it took, its database's included."""

    load: Load
    processor_seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The rounds of one question on one server."""

    server: str
    rounds: tuple[Round, ...]
    size: int

    @property
    def rates(self) -> list[float]:
        """Each round's answers a second."""
        return [one.load.rate for one in self.rounds]

    @property
    def rate(self) -> float:
        """The median of the rounds' answers a second."""
        return statistics.median(self.rates)

    @property
    def processor_ms(self) -> float:
        """The median of the rounds' processor time for one answer."""
        return statistics.median(
            1000 * one.processor_seconds / one.load.answers for one in self.rounds
        )

    @property
    def latency_ms(self) -> float:
        """The median of the rounds' median times of an answer."""
        return statistics.median(one.load.latency_ms for one in self.rounds)

    @property
    def client_us(self) -> float:
        """What an answer costs the client."""
        loads = [one.load for one in self.rounds]
        return 1e6 * sum(one.client_cpu for one in loads) / sum(one.answers for one in loads)


def main() -> None:
    """Measure what the command line asks for, and print it."""
    # Told to end, it ends the servers that it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    options = _options()
    print(_machine(), flush=True)
    for database in _databases(options):
        with _servers(database, only_peer=options.only_peer) as running_servers:
            transfers = servers.some_transfers(database)
            asked = [one for one in q.questions(transfers) if one.name in options.queries]
            for question in asked:
                _compare(question, running_servers)
            _print_head(database)
            for question in asked:
                _print_row(question, _measure(question, running_servers, options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    both = ("sqlite", "postgresql")
    parser.add_argument("--database", choices=(*both, "both"), default="both")
    parser.add_argument("--queries", nargs="+", default=["Q1", "Q2", "Q3"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one round")
    parser.add_argument("--versions", type=int, default=1, help="of each transfer and claim")
    parser.add_argument("--only-peer", action="store_true", help="without our own server")
    return parser.parse_args()


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}\n{packages}\n"
        f"{dataset.ACTORS} actors, {dataset.ITEMS} items, {dataset.TRANSFERS} transfers, "
        f"{dataset.CITATIONS} citations, {dataset.CLAIMS} claims; "
        f"{load.CONNECTIONS} connections, one process a server"
    )


def _databases(options: argparse.Namespace) -> Iterator[Database]:
    if options.database in ("sqlite", "both"):
        yield servers.sqlite(options.versions)
    if options.database in ("postgresql", "both"):
        with servers.postgresql(options.versions) as database:
            yield database


@contextlib.contextmanager
def _servers(database: Database, *, only_peer: bool) -> Iterator[list[Server]]:
    with contextlib.ExitStack() as stack:
        started = []
        for name, command in (("ours", running.ours), ("peer", running.peer)):
            if name == "ours" and only_peer:
                continue
            port = running.free_port()
            pid = stack.enter_context(running.serving(command(database.url, port), port))
            started.append(Server(name, port, pid, database))
        yield started


def _compare(question: Question, asked: list[Server]) -> None:
    """Raise `AnswersDiffer` unless every server gives the same answer to every request."""
    for body in question.bodies:
        answers = {one.name: q.comparable(load.ask(one.port, body)) for one in asked}
        first, *others = answers.values()
        if any(other != first for other in others):
            raise AnswersDiffer(f"{question.name}: {body.decode()}\n{answers}")


def _measure(
    question: Question, asked: list[Server], options: argparse.Namespace
) -> list[Measured]:
    """Warm each server up, then let them take turns."""
    sizes = [len(load.ask(one.port, question.bodies[0])) for one in asked]
    for one in asked:
        load.drive(one.port, question.bodies, WARM_UP_SECONDS)
    turns = [
        [_round(one, question, options.seconds) for one in asked] for _ in range(options.rounds)
    ]
    return [
        Measured(one.name, rounds, size)
        for one, rounds, size in zip(asked, zip(*turns, strict=True), sizes, strict=True)
    ]


def _round(server: Server, question: Question, seconds: float) -> Round:
    before = server.processor_seconds()
    result = load.drive(server.port, question.bodies, seconds)
    return Round(result, server.processor_seconds() - before)


def _print_head(database: Database) -> None:
    print(f"\n{database.name}{_server_version(database)}")
    print(
        f"{'query':16} {'server':6} {'answers/s':>9} {'lowest':>8} {'highest':>8} {'ratio':>6} "
        f"{'CPU ms':>8} {'ratio':>6} {'median ms':>9} {'bytes':>7} {'client us':>9}"
    )


def _server_version(database: Database) -> str:
    if database.postmaster is None:
        return ""
    with psycopg.connect(database.url) as connection:
        shown = connection.execute("SHOW server_version").fetchone()
    return f" {shown[0]}" if shown else ""


def _print_row(question: Question, measured: list[Measured]) -> None:
    base = measured[-1]
    for one in measured:
        print(
            f"{question.name + ' ' + question.what:16} {one.server:6} {one.rate:9.1f} "
            f"{min(one.rates):8.1f} {max(one.rates):8.1f} {one.rate / base.rate:6.1f} "
            f"{one.processor_ms:8.3f} {base.processor_ms / one.processor_ms:6.1f} "
            f"{one.latency_ms:9.2f} {one.size:7} {one.client_us:9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    try:
        main()
    except (AnswersDiffer, load.BadAnswer, running.DidNotStart) as fault:
        sys.exit(f"{type(fault).__name__}: {fault}")
