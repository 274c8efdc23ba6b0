"""What every test may ask for.

The PostgreSQL server is one for the whole run, however many workers it has, and is started when
the first test asks for it; see `tests.postgres`.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests import postgres
from tests.compiling import share_compiled
from tests.databases import KINDS, Databases, drop_templates

RUN_FOLDER = "CORRIGENDA_TEST_RUN"

# What is imported and collected stays to the end: looking for garbage in it takes as long again.
gc.disable()

share_compiled()
# Rendering a traceback in colours takes a second, and tests make many.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)


def pytest_configure(config: pytest.Config) -> None:
    """Open the run before the workers start: they find its folder in their environment."""
    if not hasattr(config, "workerinput"):
        os.environ[RUN_FOLDER] = str(postgres.open_run())


LONGEST = (
    "test_findings.py",
    "test_plan_equals_oracle.py",
    "test_postgres_server.py",
    "test_dossiers.py",
    "test_submit.py",
    "test_concurrency.py",
    "test_checking.py",
    "test_cli.py",
)
"""Files that take longest, first of all: no worker begins with one when the others are done."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; a file's own tests keep their order."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Collect garbage from here on, but not among what is there already."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server after the last worker, also when tests failed or were interrupted."""
    if not hasattr(config, "workerinput") and RUN_FOLDER in os.environ:
        run = Path(os.environ.pop(RUN_FOLDER))
        if "TEST_DATABASE_URL" in os.environ:
            drop_templates(run, postgres.shared_server(run))
        postgres.close_run(run)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL server on which tests may create and drop databases of their own."""
    server = postgres.shared_server(Path(os.environ[RUN_FOLDER]))
    yield server
    server.close()


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Where tests get databases; PostgreSQL is started when one first asks for it."""
    given = Databases(
        Path(os.environ[RUN_FOLDER]), lambda: request.getfixturevalue("postgres_server")
    )
    yield given
    given.close()


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """The URL of an empty, migrated ledger of the test's own: SQLite, then PostgreSQL."""
    with databases.clone(request.param) as url:
        yield url


@pytest.fixture(params=KINDS)
def empty_database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """The URL of a database without a schema: SQLite, then PostgreSQL."""
    with databases.empty(request.param) as url:
        yield url
