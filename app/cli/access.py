"""Who acts: newsrooms, editors and their keys. Each change is a changeset in the log."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.ledgers import open_ledger, open_reading, settings_from
from app.cli.options import DatabaseUrl
from app.cli.speaking import answer, answer_table, say

Acting = Annotated[
    str | None,
    typer.Option("--by", help="Who changes this: an editor by id or name; else the operator."),
]
Note = Annotated[str | None, typer.Option(help="The reason in a sentence, public in the log.")]
Who = Annotated[str, typer.Argument(help="The editor, by id or name.")]
KeyId = Annotated[str, typer.Argument(help="The key, by its id (`corrigenda key list`).")]
_EXPIRES = "When it expires: an instant, like 2027-01-31T00:00:00Z."


def _by(editor: str | None, note: str | None) -> Any:
    from app.commands.access import By

    return By(editor, note)


# --- newsrooms ----------------------------------------------------------------


def add_newsroom(
    name: str,
    house: Annotated[
        bool, typer.Option(help="The ledger's own newsroom; the operator is entered with it.")
    ] = False,
    by: Acting = None,
    note: Note = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Enter a newsroom and print its id."""
    from app.commands import access

    with open_ledger(settings_from(database_url=database_url)) as engine:
        answer(access.add_newsroom(engine, name, house=house, by=_by(by, note)))


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


# --- editors ------------------------------------------------------------------


def add_editor(  # noqa: PLR0913, PLR0917 - each is an option
    name: str,
    newsroom: Annotated[str, typer.Option(help="The newsroom acted for, by id or name.")],
    role: Annotated[str, typer.Option(help="READER, CONTRIBUTOR, EDITOR, AUDITOR or ADMIN.")],
    identity: Annotated[
        str | None, typer.Option(help="ISSUER|SUBJECT at an OpenID provider, to sign in with.")
    ] = None,
    by: Acting = None,
    note: Note = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Enter an editor and print the id."""
    from app.commands import access

    with open_ledger(settings_from(database_url=database_url)) as engine:
        entered = access.add_editor(
            engine, name, newsroom=newsroom, role=role, identity=identity, by=_by(by, note)
        )
    answer(entered)


def list_editors(database_url: DatabaseUrl = None) -> None:
    """List the editors."""
    from app.store import access

    with (
        open_ledger(settings_from(database_url=database_url)) as engine,
        open_reading(engine) as connection,
    ):
        rows = [(one["id"], one["name"], one["role"], one["newsroom_name"],
                 "retired" if one["retired_at"] else "")
                for one in access.editors(connection)]  # fmt: skip
    answer_table(("id", "name", "role", "newsroom", ""), rows)


def change_role(
    editor: Who,
    role: Annotated[str, typer.Argument(help="READER, CONTRIBUTOR, EDITOR, AUDITOR or ADMIN.")],
    by: Acting = None,
    note: Note = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Give an editor another role; nobody raises their own."""
    from app.commands import access

    with open_ledger(settings_from(database_url=database_url)) as engine:
        changed = access.revise_editor(engine, editor, role=role, by=_by(by, note))
    say(f"{changed} is {role.upper()} now.")


def rename_editor(
    editor: Who,
    name: str,
    by: Acting = None,
    note: Note = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Give an editor another name; what was recorded keeps the name of its time."""
    from app.commands import access

    with open_ledger(settings_from(database_url=database_url)) as engine:
        changed = access.revise_editor(engine, editor, name=name, by=_by(by, note))
    say(f"{changed} is called {name} now.")


def retire_editor(
    editor: Who, by: Acting = None, note: Note = None, database_url: DatabaseUrl = None
) -> None:
    """Retire an editor, whose keys are refused from then on."""
    from app.commands import access

    with open_ledger(settings_from(database_url=database_url)) as engine:
        changed = access.retire_editor(engine, editor, by=_by(by, note))
    say(f"{changed} is retired.")


def restore_editor(
    editor: Who, by: Acting = None, note: Note = None, database_url: DatabaseUrl = None
) -> None:
    """Bring a retired editor back; keys that were not revoked are good again."""
    from app.commands import access

    with open_ledger(settings_from(database_url=database_url)) as engine:
        changed = access.restore_editor(engine, editor, by=_by(by, note))
    say(f"{changed} acts again.")


# --- keys ---------------------------------------------------------------------


def create_key(  # noqa: PLR0913, PLR0917 - each is an option
    editor: Annotated[str, typer.Option(help="Whose key it is, by id or name.")],
    label: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="An act that it is confined to, like PROPOSE; once for each."),
    ] = None,
    not_before: Annotated[
        str | None, typer.Option(help="From when it is good: an instant.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help=_EXPIRES)] = None,
    by: Acting = None,
    note: Note = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a key and print it; it is not shown again."""
    from app.commands import access

    settings = settings_from(database_url=database_url)
    with open_ledger(settings) as engine:
        made = access.create_key(
            engine, editor, label=label, environment=settings.key_environment,
            scopes=scope or None, not_before=not_before, expires_at=expires, by=_by(by, note),
        )  # fmt: skip
    answer(made.key)
    say(f"This is {made.id}. Keep the key: it is not stored, and not shown again.")


def rotate_key(  # noqa: PLR0913, PLR0917 - each is an option
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option(help="For how long the old key is good still: 24h, 30m, 7d or 0.")
    ] = "24h",
    expires: Annotated[
        str | None,
        typer.Option(help="When the new one expires; if an ADMIN rotates it without this, never."),
    ] = None,
    by: Acting = None,
    note: Note = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a key in place of another, with its editor, label and scopes, and print it."""
    from app.commands import access

    settings = settings_from(database_url=database_url)
    with open_ledger(settings) as engine:
        made = access.rotate_key(
            engine, key_id, environment=settings.key_environment, overlap_s=_seconds(overlap),
            expires_at=expires, by=_by(by, note),
        )  # fmt: skip
    answer(made.key)
    say(f"This is {made.id}, in place of {key_id}. Keep the key: it is not shown again.")


def _seconds(text: str) -> int:
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text[-1:], 0)
    number = text[:-1] if unit else text
    if not number.isdecimal() or (not unit and number.strip("0")):
        raise typer.BadParameter("an overlap is a number and s, m, h or d, like 24h; or 0")
    return int(number) * unit


def list_keys(database_url: DatabaseUrl = None) -> None:
    """List the keys, without their secrets: whose, what for, and how each stands."""
    from app.commands.submission import utc_now
    from app.store import access
    from app.store.ledger import instant_text

    now = instant_text(utc_now())
    with (
        open_ledger(settings_from(database_url=database_url)) as engine,
        open_reading(engine) as connection,
    ):
        rows = [(one["id"], one["editor_name"], one["role"], one["label"],
                 ",".join(one["scopes"] or ()), one["created_at"], one["not_before"] or "",
                 one["expires_at"] or "", one["used_at"] or "", access.state_of(one, now))
                for one in access.keys(connection)]  # fmt: skip
    names = ("id", "editor", "role", "label", "scopes", "created", "good from", "expires",
             "last used", "")  # fmt: skip
    answer_table(names, rows)


def revoke_key(
    key_id: KeyId,
    with_successors: Annotated[
        bool,
        typer.Option(
            "--with-successors",
            help="Revoke the keys that came of it by rotation too: for one that has leaked.",
        ),
    ] = False,
    by: Acting = None,
    note: Note = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Revoke a key by its id; it is refused from then on."""
    from app.commands import access

    with open_ledger(settings_from(database_url=database_url)) as engine:
        access.revoke_key(engine, key_id, with_successors=with_successors, by=_by(by, note))
    say(f"{key_id} is revoked{', with what came of it' if with_successors else ''}.")
