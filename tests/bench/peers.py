"""Our server beside the peer, over the same database: Q1, Q2 and Q3."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from tests.bench import load, q, servers
from tests.bench.q import Question
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


def compare(
    database: Database, pace: Pace, *, queries: Sequence[str], only_peer: bool = False
) -> None:
    """Print how fast both servers answer each of the questions.

    Raises `AnswersDiffer` where they do not say the same.
    """
    names = ("peer",) if only_peer else ("ours", "peer")
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(serving(name, database)) for name in names]
        asked = q.questions(servers.some_transfers(database))
        wanted = [one for one in asked if one.name in queries]
        for question in wanted:
            _check(question, both)
        print_head(database)
        for question in wanted:
            print_rows(measure([Runner(one, question) for one in both], pace))


def _check(question: Question, asked: Sequence[Server]) -> None:
    """Raise `AnswersDiffer` unless every server gives the same answer to every request."""
    for body in question.bodies:
        answers = {one.name: q.comparable(load.ask(one.port, body)) for one in asked}
        first, *others = answers.values()
        if any(other != first for other in others):
            raise AnswersDiffer(f"{question.name}: {body.decode()}\n{answers}")
