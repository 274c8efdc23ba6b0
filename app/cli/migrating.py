"""The database under a ledger: its schema, its search index, the rights of who serves."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.ledgers import open_ledger, settings_from
from app.cli.options import DatabaseUrl
from app.cli.speaking import answer, say


def migrate(database_url: DatabaseUrl = None) -> None:
    """Bring the database to the schema that this release needs.

    Newsrooms, editors and keys from before the log kept them are entered by a changeset.
    """
    from app.commands.access import enter_standing
    from app.store import migrations
    from app.store.database import parse_url, sqlite_file

    settings = settings_from(database_url=database_url)
    url = parse_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        sqlite_file(url).absolute().parent.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(settings.database_url)
    say(f"The database is at revision {migrations.newest()}.")
    with open_ledger(settings) as engine:
        position = enter_standing(engine)
    if position is not None:
        say(f"Who may act is in the log now, at position {position}.")


def reindex(database_url: DatabaseUrl = None) -> None:
    """Make the search index again from the records, with the extensions that are there now."""
    from app.store.search_index import rebuild_search

    with open_ledger(settings_from(database_url=database_url)) as engine:
        counted = rebuild_search(engine)
    say(f"The search index holds {counted} records.")


def grant(
    role: Annotated[str, typer.Argument(help="The role with which the server connects.")],
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the SQL instead of running it.")
    ] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Give a PostgreSQL role what serving needs and no more; run with the owner's role.

    That role can read and append; the database refuses it every change of what is written.
    """
    from app.store.granting import grant as give
    from app.store.granting import grants

    if print_only:
        answer("\n".join(f"{one};" for one in grants(role)))
        return
    with (
        open_ledger(settings_from(database_url=database_url)) as engine,
        engine.begin() as connection,
    ):
        give(connection, role)
    say(f"{role} can serve: read, append, and blank what an open redaction names.")
