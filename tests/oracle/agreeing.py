"""Running many drawn documents on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings

from tests.databases import KINDS, Databases
from tests.graphql.asking import served
from tests.oracle import world
from tests.oracle.comparing import Side, Tally
from tests.oracle.contents import Contents
from tests.oracle.documents import Question, questions
from tests.oracle.executor import Oracle
from tests.oracle.parts import Goal
from tests.oracle.tables import read_tables

Sides = Mapping[str, Side]


@contextmanager
def made_side(kind: str, databases: Databases, folder: Path) -> Iterator[Side]:
    """Make the ledger on one kind of database, serve it, and read it for the oracle."""
    own = folder / kind
    own.mkdir()
    with databases.clone(kind) as url:
        keys = world.fill(url, own)
        tables = read_tables(url)
        with served(url, keys) as ledger:
            yield Side(kind, ledger, Oracle(tables), Contents(tables))


@contextmanager
def both_sides(databases: Databases, folder: Path) -> Iterator[Sides]:
    """Make the same ledger on both databases: alike in all but ids and times."""
    first, second = KINDS
    with (
        made_side(first, databases, folder) as one,
        made_side(second, databases, folder) as other,
    ):
        assert one.contents.sizes == other.contents.sizes
        yield {first: one, second: other}


def agree(
    sides: Sides,
    tally: Tally,
    *,
    documents: int,
    size: int,
    seeded: int | None = None,
    goals: Sequence[Sequence[Goal]] = (),
) -> None:
    """Draw documents and compare them on both sides; always the same ones without a seed."""
    contents = sides[KINDS[0]].contents

    @settings(
        max_examples=documents,
        derandomize=seeded is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(questions(contents, size=size, goals=goals))
    def holds(question: Question) -> None:
        tally.add("documents")
        for side in sides.values():
            side.compare(question, tally)

    (holds if seeded is None else seed(seeded)(holds))()
