"""The demo, loaded once for each kind of database and served; and ledgers to edit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.databases import KINDS, Databases
from tests.graphql.asking import Ledger, make_ledger, served
from tests.graphql.world import World, made


class Ledgers:
    """Ledgers with editors and keys, with the demo's dossier or empty."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    @contextmanager
    def copied(self, kind: str, *, filled: bool) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Give the URL of a fresh copy, and a key for each role."""
        name = "demo" if filled else "editors"
        with self._databases.filled(kind, name, partial(_make, filled=filled)) as given:
            yield given


def _make(url: str, *, filled: bool) -> Mapping[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        return make_ledger(url, Path(folder), filled=filled)


@pytest.fixture(scope="session")
def ledgers(databases: Databases) -> Ledgers:
    """Where ledgers come from."""
    return Ledgers(databases)


@pytest.fixture(scope="session")
def both_demos(ledgers: Ledgers) -> Iterator[Mapping[str, Ledger]]:
    """The demo, served on both databases, by kind; tests only read it."""
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(
                served(*stack.enter_context(ledgers.copied(kind, filled=True)))
            )
            for kind in KINDS
        }


@pytest.fixture(params=KINDS)
def demo(request: pytest.FixtureRequest, both_demos: Mapping[str, Ledger]) -> Ledger:
    """The demo, served; tests only read it."""
    return both_demos[request.param]


@pytest.fixture(params=KINDS)
def own_demo(request: pytest.FixtureRequest, ledgers: Ledgers) -> Iterator[Ledger]:
    """A demo of the test's own, served, which it may edit."""
    with ledgers.copied(request.param, filled=True) as given, served(*given) as ledger:
        yield ledger


@pytest.fixture(params=KINDS)
def ledger(request: pytest.FixtureRequest, ledgers: Ledgers) -> Iterator[Ledger]:
    """An empty ledger of the test's own, served, with a key for each role."""
    with ledgers.copied(request.param, filled=False) as given, served(*given) as own:
        yield own


@pytest.fixture(scope="session")
def both_worlds(ledgers: Ledgers) -> Iterator[Mapping[str, World]]:
    """The small ledger with something for every filter, on both databases, by kind."""
    with ExitStack() as stack:
        yield {
            kind: made(
                stack.enter_context(
                    served(*stack.enter_context(ledgers.copied(kind, filled=False)))
                )
            )
            for kind in KINDS
        }


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, both_worlds: Mapping[str, World]) -> World:
    """The small ledger with something for every filter; tests only read it."""
    return both_worlds[request.param]
