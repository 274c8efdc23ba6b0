"""Turns of load: who answers how many of which question a second, and at what cost.

Whoever is compared takes turns, A B A B, so that a slow minute of the machine hits all alike.
"""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from tests.bench import load, processor, running
from tests.bench.load import Load
from tests.bench.q import Question
from tests.bench.servers import Database

WARM_UP_SECONDS: Final = 1.5
_COMMANDS: Final = {"ours": running.ours, "peer": running.peer}


class AnswersDiffer(Exception):
    """What is compared does not say the same, so that speeds say nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long each is measured: so many turns of so many seconds."""

    rounds: int
    seconds: float


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


@contextlib.contextmanager
def serving(name: str, database: Database) -> Iterator[Server]:
    """Run a server, `ours` or `peer`, on a database until the end of the block."""
    port = running.free_port()
    with running.serving(_COMMANDS[name](database.url, port), port) as pid:
        yield Server(name, port, pid, database)


@dataclass(frozen=True, slots=True)
class Runner:
    """Who takes part: a server, and the question that it is asked."""

    server: Server
    question: Question


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of one runner, and the processor time that it took, the database's included."""

    load: Load
    processor_seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The rounds of one runner, and the bytes of its first answer."""

    runner: Runner
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


def measure(runners: Sequence[Runner], pace: Pace) -> list[Measured]:
    """Warm each runner up, then let them take turns."""
    sizes = [len(load.ask(one.server.port, one.question.bodies[0])) for one in runners]
    for one in runners:
        load.drive(one.server.port, one.question.bodies, WARM_UP_SECONDS)
    turns = [[_round(one, pace.seconds) for one in runners] for _ in range(pace.rounds)]
    return [
        Measured(one, rounds, size)
        for one, rounds, size in zip(runners, zip(*turns, strict=True), sizes, strict=True)
    ]


def _round(runner: Runner, seconds: float) -> Round:
    before = runner.server.processor_seconds()
    result = load.drive(runner.server.port, runner.question.bodies, seconds)
    return Round(result, runner.server.processor_seconds() - before)


def print_head(database: Database) -> None:
    """Print what stands over the figures of a database."""
    print(f"\n{title(database)}")
    print(
        f"{'query':16} {'server':6} {'answers/s':>9} {'lowest':>8} {'highest':>8} {'ratio':>6} "
        f"{'CPU ms':>8} {'ratio':>6} {'median ms':>9} {'bytes':>7} {'client us':>9}"
    )


def title(database: Database) -> str:
    """Return the name of a database, with its server's version where it has one."""
    if database.postmaster is None:
        return database.name
    with psycopg.connect(database.url) as connection:
        shown = connection.execute("SHOW server_version").fetchone()
    return f"{database.name} {shown[0]}" if shown else database.name


def print_rows(measured: Sequence[Measured]) -> None:
    """Print the figures of all that were compared; the ratios are over the last one's."""
    base = measured[-1]
    for one in measured:
        question = one.runner.question
        print(
            f"{question.name + ' ' + question.what:16} {one.runner.server.name:6} "
            f"{one.rate:9.1f} {min(one.rates):8.1f} {max(one.rates):8.1f} "
            f"{one.rate / base.rate:6.2f} "
            f"{one.processor_ms:8.3f} {base.processor_ms / one.processor_ms:6.2f} "
            f"{one.latency_ms:9.2f} {one.size:7} {one.client_us:9.1f}",
            flush=True,
        )
