"""The schema comes and goes by migrations alone, and is what the tables say."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config

from alembic import command
from app.domain.errors import NotMigrated, Unready, Unwritable
from app.store import migrations
from app.store.database import open_engine, parse_url
from app.store.tables import LEDGER_TABLES, metadata

ROOT = Path(__file__).parents[2]


def connect(url: str) -> sa.Engine:
    return open_engine(parse_url(url), pool_size=1)


def test_the_migrations_create_every_table(empty_database_url: str) -> None:
    """From nothing to the newest revision: every table stands, and the log is empty."""
    migrations.upgrade(empty_database_url)

    engine = connect(empty_database_url)
    with engine.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names())
        head = connection.execute(sa.text("SELECT id, size, peaks, recorded_at FROM head")).all()
        revision = migrations.current(connection)
    engine.dispose()
    fts5 = {name for name in tables if name.startswith("search_index")}
    assert tables - fts5 == {*metadata.tables, "alembic_version"}
    assert [(*row[:2], bytes(row[2]), row[3]) for row in head] == [(1, 0, bytes(8), "")]
    assert revision == migrations.newest()


def test_a_second_upgrade_changes_nothing(database_url: str) -> None:
    """To migrate what is migrated is harmless."""
    migrations.upgrade(database_url)

    engine = connect(database_url)
    migrations.require_migrated(engine)
    engine.dispose()


def test_going_back_to_the_base_leaves_nothing(database_url: str) -> None:
    """No table, no function and no trigger stays behind; then the way up is open again."""
    migrations.downgrade(database_url, "base")

    engine = connect(database_url)
    with engine.connect() as connection:
        left = set(sa.inspect(connection).get_table_names())
        remnants = connection.execute(sa.text(REMNANTS[engine.dialect.name])).scalar()
    engine.dispose()
    assert left == {"alembic_version"}
    assert remnants == 0
    migrations.upgrade(database_url)


REMNANTS = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'",
    # Those of extensions stay with them: others may use them too.
    "postgresql": "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    " AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')",
}


def test_the_tables_and_the_migrations_say_the_same(database_url: str) -> None:
    """`alembic check` finds no drift (it raises where it finds some)."""
    config = Config(toml_file=ROOT / "pyproject.toml", stdout=StringIO())
    config.attributes["url"] = database_url

    command.check(config)


def test_alembic_on_the_command_line_takes_the_address_from_the_environment(tmp_path: Path) -> None:
    """An operator may use Alembic's own command, and it is quiet."""
    url = f"sqlite:///{tmp_path}/ledger.db"

    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "CORRIGENDA_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )

    engine = connect(url)
    migrations.require_migrated(engine)
    engine.dispose()
    assert done.stdout == ""


def test_a_migration_prints_nothing(
    empty_database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    migrations.upgrade(empty_database_url)

    assert capfd.readouterr() == ("", "")


def test_a_database_without_a_schema_is_told_what_to_do(empty_database_url: str) -> None:
    engine = connect(empty_database_url)

    with pytest.raises(NotMigrated, match=r"no schema.*run: corrigenda migrate"):
        migrations.require_migrated(engine)
    engine.dispose()


def test_to_ask_about_a_sqlite_file_does_not_create_it(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"

    with pytest.raises(NotMigrated):
        migrations.require_migrated(connect(f"sqlite:///{file}"))

    assert not file.exists()


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        ("0000", "at revision 0000"),
        ("9999", "newer than this release.*install the newer release"),
    ],
)
def test_another_schema_is_told_what_to_do(database_url: str, recorded: str, words: str) -> None:
    """A database that is not at this release's revision is named, with the way on."""
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE alembic_version SET version_num = '{recorded}'"))

    with pytest.raises(NotMigrated, match=f"{words}.*run: corrigenda migrate"):
        migrations.require_migrated(engine)
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_half_done(empty_database_url: str) -> None:
    """A whole run is one transaction, on both databases."""
    engine = connect(empty_database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE derivation (in_the_way INTEGER)"))

    with pytest.raises(Unready, match=r"derivation.* already exists"):
        migrations.upgrade(empty_database_url)

    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
    engine.dispose()
    assert tables == ["derivation"]


def test_a_folder_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises((Unready, Unwritable), match=r"cannot be opened|unable to open"):
        migrations.upgrade(f"sqlite:///{tmp_path}/nowhere/ledger.db")


def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_text("This is a letter, not a database. " * 50)

    with pytest.raises(Unready, match="not a database"):
        migrations.require_migrated(connect(f"sqlite:///{file}"))


def test_a_server_that_does_not_answer_is_said_in_words(tmp_path: Path) -> None:
    engine = connect(f"postgresql://nobody@/nowhere?host={tmp_path}")

    with pytest.raises(Unready, match="cannot be opened"):
        migrations.require_migrated(engine)


def test_every_ledger_table_is_guarded(database_url: str) -> None:
    """A table that is added to the ledger gets its triggers, or this fails."""
    engine = connect(database_url)
    with engine.connect() as connection:
        triggers = set(connection.scalars(sa.text(TRIGGERS[engine.dialect.name])))
    engine.dispose()

    events = ("delete", "update") if engine.dialect.name == "sqlite" else (
        "delete", "update", "truncate",
    )  # fmt: skip
    assert triggers >= {f"{table}_refuses_{event}" for table in LEDGER_TABLES for event in events}


TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'",
}
