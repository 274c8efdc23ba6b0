"""Whether a database has the schema of this release, and how it gets it.

The migrations are files: `alembic/` beside the package in a checkout, package data in
an installed wheel. Alembic itself is imported only to run them; asking whether they
have run is one SELECT.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from app.domain.errors import NotMigrated, Unready
from app.store.database import parse_url, read_only_sqlite, sqlite_file

if TYPE_CHECKING:
    from alembic.config import Config

_PACKAGE: Final = Path(__file__).parents[1]
# The wheel's place is asked first: beside an installed package lies alembic's own.
_PLACES: Final = (_PACKAGE / "_data" / "migrations", _PACKAGE.parent / "alembic")
_FILE_NAME: Final = re.compile(r"(?P<revision>\d{4})_\w+\.py")
_RECORDED: Final = "SELECT version_num FROM alembic_version"


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to a revision, in one transaction; nothing to do is no fault.

    Raises `Unready` when the database cannot be reached or refuses a statement, with its
    words, and `Unwritable` when it is read-only or its disk is full.
    """
    from alembic import command  # noqa: PLC0415 - a start that has nothing to migrate waits less

    _run(command.upgrade, url, revision)


def downgrade(url: str, revision: str) -> None:
    """Take a database back to a revision; `base` drops everything that the ledger holds."""
    from alembic import command  # noqa: PLC0415 - as above

    _run(command.downgrade, url, revision)


def current(connection: Connection) -> str | None:
    """Return the revision that a database is at, or None when it was never migrated."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text(_RECORDED)).scalar()


def newest() -> str:
    """Return the revision that this release needs."""
    return max(_revisions())


def require_migrated(engine: Engine) -> None:
    """Raise `NotMigrated`, with what to do, unless the database has this release's schema."""
    recorded = _current_of(engine)
    known = _revisions()
    if recorded is None:
        raise NotMigrated("the database has no schema of Corrigenda yet; run: corrigenda migrate")
    if recorded not in known:
        raise NotMigrated(
            f"the database is at revision {recorded}, which is newer than this release of "
            f"Corrigenda knows ({max(known)}); install the newer release, then run: "
            "corrigenda migrate"
        )
    if recorded != max(known):
        raise NotMigrated(
            f"the database is at revision {recorded}, and this release of Corrigenda needs "
            f"{max(known)}; make a backup, then run: corrigenda migrate"
        )


def _current_of(engine: Engine) -> str | None:
    with _said_plainly("the database cannot be opened"):
        if engine.dialect.name == "sqlite":
            return _current_of_file(engine)
        with engine.connect() as connection:
            return current(connection)


def _current_of_file(engine: Engine) -> str | None:
    # A connection of the engine would create the file, and would wait for its writer.
    if not sqlite_file(engine.url).exists():
        return None
    with closing(read_only_sqlite(engine.url)) as connection:
        try:
            row = connection.execute(_RECORDED).fetchone()
        except sqlite3.OperationalError as fault:
            if "no such table" not in str(fault):
                raise
            return None
    return row and str(row[0])


@contextmanager
def _said_plainly(what: str) -> Iterator[None]:
    """Turn what a driver raises into one line for the operator."""
    try:
        yield
    except (DBAPIError, sqlite3.DatabaseError) as fault:
        words = str(fault.orig if isinstance(fault, DBAPIError) else fault)
        raise Unready(f"{what}: {words.splitlines()[0]}") from fault


def _revisions() -> frozenset[str]:
    """Return the revisions of this release, by the names of their files."""
    files = (_FILE_NAME.fullmatch(file.name) for file in (_folder() / "versions").iterdir())
    return frozenset(file["revision"] for file in files if file)


def _folder() -> Path:
    for place in _PLACES:
        if (place / "versions").is_dir():
            return place
    raise Unready(f"the migrations are missing from this installation; looked for {_PLACES[0]}")


def _run(command: Callable[[Config, str], None], url: str, revision: str) -> None:
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    # Alembic reads % as the start of an interpolation.
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = parse_url(url).render_as_string(hide_password=False)
    with _said_plainly("the migration was refused, and nothing was changed"):
        command(config, revision)
