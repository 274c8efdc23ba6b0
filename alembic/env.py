"""Which database the migrations run on, and how.

The address comes from `config.attributes["url"]` (`app.store.migrations` sets it),
else `alembic -x url=…`, else CORRIGENDA_DATABASE_URL. A whole run is one transaction
on both databases: it happens altogether or not at all.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from alembic.util import CommandError
from sqlalchemy.engine import URL, Connection

from alembic import context
from app.store.database import open_engine, parse_url, write_transaction
from app.store.search_index import complete_search
from app.store.tables import metadata

# A migration that waits longer than this for a table would hold up every reader behind it.
LOCK_TIMEOUT_S = 5
# One migration at a time: two servers that start together must not both create the tables.
ADVISORY_LOCK = 0x636F7272

DEFERRABLE = ("fk_changeset_editor", "fk_changeset_newsroom")

logging.getLogger("alembic").setLevel(logging.WARNING)


def address() -> URL:
    """Return the database to migrate, or say how to name one."""
    named = (
        context.config.attributes.get("url")
        or context.get_x_argument(as_dictionary=True).get("url")
        or os.environ.get("CORRIGENDA_DATABASE_URL")
    )
    if not named:
        raise CommandError(
            "no database is named: set CORRIGENDA_DATABASE_URL, or give alembic "
            "-x url=sqlite:///FILE or -x url=postgresql://USER@HOST/NAME before its command"
        )
    return parse_url(named)


def migrate(url: URL) -> None:
    """Run the migrations on the database."""
    engine = open_engine(url, pool_size=1)
    try:
        # Alembic sees that a transaction is open and leaves its end to us.
        with write_transaction(engine) as connection:
            prepare(connection)
            context.configure(
                connection=connection,
                target_metadata=metadata,
                include_name=is_compared,
                include_object=is_declared_alike,
                render_as_batch=connection.dialect.name == "sqlite",
            )
            before = context.get_context().get_current_revision()
            with context.begin_transaction():
                context.run_migrations()
            if context.get_context().get_current_revision() != before:
                complete_search(connection)
    finally:
        engine.dispose()


def is_compared(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
    """Leave out of `alembic check` what the tables cannot declare: indexes of one database alone.

    FTS5 keeps `search_index` in tables of its own; PostgreSQL has GIN indexes instead.
    """
    if kind == "table":
        return not (name or "").startswith("search_index")
    return not (kind == "index" and parents.get("table_name") == "search")


def is_declared_alike(
    _declared: object,
    name: str | None,
    kind: str,
    _reflected: bool,  # noqa: FBT001 - as Alembic calls it
    _other: object,
) -> bool:
    """Leave out the keys that SQLite cannot make deferrable: there a transaction defers them."""
    is_sqlite = context.get_context().dialect.name == "sqlite"
    return not (is_sqlite and kind == "foreign_key_constraint" and name in DEFERRABLE)


def prepare(connection: Connection) -> None:
    """Bound what PostgreSQL waits for; SQLite has begun as the only writer already."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")


def print_sql(url: URL) -> None:
    """Print what the migrations would run (`alembic upgrade head --sql`)."""
    context.configure(
        url=url,
        target_metadata=metadata,
        literal_binds=True,
        transactional_ddl=True,
        render_as_batch=url.get_backend_name() == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    print_sql(address())
else:
    migrate(address())
