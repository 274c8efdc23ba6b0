"""The migrations on the PostgreSQL that Debian 12 ships."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.interop.conftest import ROOT
from tests.postgres import PrivateServer

pytestmark = pytest.mark.interop

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> %s"


@pytest.fixture
def database(postgres_15: Path) -> Iterator[str]:
    """An empty database on a PostgreSQL 15 of our own."""
    with PrivateServer(bindir=postgres_15) as server:
        yield server.create_database("ledger")


def run(database: str, *command: str) -> None:
    """Run a command of ours on the database; its output is the message when it fails."""
    done = subprocess.run(
        [ROOT / ".venv" / "bin" / command[0], *command[1:]],
        env=os.environ | {"CORRIGENDA_DATABASE_URL": database},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"


def count_tables(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(TABLES, ["alembic_version"]).fetchone()
    assert row is not None
    return int(row[0])


def test_the_server_is_the_one_asked_for(database: str) -> None:
    with psycopg.connect(database) as connection:
        version = connection.info.server_version

    assert version // 10_000 == int(os.environ.get("INTEROP_POSTGRES_MAJOR", "15"))


def test_migrations_go_up_without_drift_and_down_again(database: str) -> None:
    run(database, "corrigenda", "migrate", "--database-url", database)
    migrated = count_tables(database)

    run(database, "alembic", "check")
    run(database, "alembic", "downgrade", "base")

    assert migrated > 0
    assert count_tables(database) == 0


def test_migrations_go_up_again_after_going_down(database: str) -> None:
    run(database, "alembic", "upgrade", "head")
    run(database, "alembic", "downgrade", "base")

    run(database, "corrigenda", "migrate", "--database-url", database)

    run(database, "alembic", "check")
