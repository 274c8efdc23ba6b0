"""Who acts: newsrooms, editors and their keys."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.ledgers import open_ledger, open_reading, settings_from
from app.cli.options import DatabaseUrl
from app.cli.speaking import answer, answer_table, say


def add_newsroom(
    name: str,
    house: Annotated[bool, typer.Option(help="It is the ledger's own newsroom.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Enter a newsroom and print its id."""
    from app.commands import access

    with open_ledger(settings_from(database_url=database_url)) as engine:
        answer(access.add_newsroom(engine, name, house=house))


def list_newsrooms(database_url: DatabaseUrl = None) -> None:
    """List the newsrooms."""
    from app.store import access

    with (
        open_ledger(settings_from(database_url=database_url)) as engine,
        open_reading(engine) as connection,
    ):
        rows = [(one["id"], one["name"], "house" if one["house"] else "")
                for one in access.newsrooms(connection)]  # fmt: skip
    answer_table(("id", "name", ""), rows)


def add_editor(
    name: str,
    newsroom: Annotated[str, typer.Option(help="The newsroom acted for, by id or name.")],
    role: Annotated[str, typer.Option(help="READER, CONTRIBUTOR, EDITOR, AUDITOR or ADMIN.")],
    database_url: DatabaseUrl = None,
) -> None:
    """Enter an editor and print the id."""
    from app.commands import access

    with open_ledger(settings_from(database_url=database_url)) as engine:
        answer(access.add_editor(engine, name, newsroom=newsroom, role=role))


def list_editors(database_url: DatabaseUrl = None) -> None:
    """List the editors."""
    from app.store import access

    with (
        open_ledger(settings_from(database_url=database_url)) as engine,
        open_reading(engine) as connection,
    ):
        rows = [(one["id"], one["name"], one["role"], one["newsroom_name"])
                for one in access.editors(connection)]  # fmt: skip
    answer_table(("id", "name", "role", "newsroom"), rows)


def create_key(
    editor: Annotated[str, typer.Option(help="Whose key it is, by id or name.")],
    label: Annotated[str, typer.Option(help="What it is for.")],
    database_url: DatabaseUrl = None,
) -> None:
    """Make a key and print it; it is not shown again."""
    from app.commands import access

    settings = settings_from(database_url=database_url)
    with open_ledger(settings) as engine:
        made = access.create_key(engine, editor, label=label, environment=settings.key_environment)
    answer(made.key)
    say(f"This is {made.id}. Keep the key: it is not stored, and not shown again.")


def list_keys(database_url: DatabaseUrl = None) -> None:
    """List the keys, without their secrets."""
    from app.store import access

    with (
        open_ledger(settings_from(database_url=database_url)) as engine,
        open_reading(engine) as connection,
    ):
        rows = [(one["id"], one["editor_name"], one["role"], one["label"], one["created_at"],
                 "revoked" if one["revoked_at"] else "")
                for one in access.keys(connection)]  # fmt: skip
    answer_table(("id", "editor", "role", "label", "created", ""), rows)


def revoke_key(key_id: str, database_url: DatabaseUrl = None) -> None:
    """Revoke a key by its id; it is refused from then on."""
    from app.commands import access

    with open_ledger(settings_from(database_url=database_url)) as engine:
        access.revoke_key(engine, key_id)
    say(f"{key_id} is revoked.")
