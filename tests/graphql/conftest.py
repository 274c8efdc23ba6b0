"""The demo, loaded once for each kind of database and served; and ledgers to edit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import postgres
from tests.databases import KINDS, Databases
from tests.graphql.asking import Ledger, make_ledger, served
from tests.graphql.world import World, made


class Ledgers:
    """Ledgers with editors and keys, with the demo's dossier or empty, copied from templates."""

    def __init__(
        self, databases: Databases, folder: Path, server: Callable[[], postgres.Server]
    ) -> None:
        self._databases = databases
        self._folder = folder
        self._server = server
        self._numbers = count(1)
        self._templates: dict[tuple[str, bool], tuple[str, Mapping[str, str]]] = {}
        self._opened = ExitStack()

    @contextmanager
    def copied(self, kind: str, *, filled: bool) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Give the URL of a fresh copy, and a key for each role."""
        template, keys = self._template(kind, filled)
        if kind == "sqlite":
            copy = self._folder / f"{next(self._numbers)}.db"
            shutil.copy(template.removeprefix("sqlite:///"), copy)
            yield f"sqlite:///{copy}", keys
            return
        name = urlsplit(template).path.lstrip("/")
        own = f"{name}_{next(self._numbers)}"
        yield self._server().create_database(own, template=name), keys
        self._server().drop_database(own)

    def _template(self, kind: str, filled: bool) -> tuple[str, Mapping[str, str]]:  # noqa: FBT001
        if (kind, filled) not in self._templates:
            url = self._opened.enter_context(self._databases.clone(kind))
            folder = self._folder / f"{kind}_{filled}"
            folder.mkdir()
            self._templates[kind, filled] = url, make_ledger(url, folder, filled=filled)
        return self._templates[kind, filled]

    def close(self) -> None:
        """Let the templates go."""
        self._opened.close()


@pytest.fixture(scope="session")
def ledgers(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ledgers]:
    """Where ledgers come from."""
    made = Ledgers(
        databases,
        tmp_path_factory.mktemp("ledgers"),
        lambda: request.getfixturevalue("postgres_server"),
    )
    yield made
    made.close()


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
