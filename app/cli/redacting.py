"""Removing content for good, from the ledger and from the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.ledgers import open_ledger, open_reading, settings_from
from app.cli.options import DatabaseUrl
from app.cli.speaking import answer, say
from app.domain.errors import Unready

if TYPE_CHECKING:
    from app.store.database import Engine


def redact(  # noqa: PLR0913, PLR0917 - each an option of the command
    record: Annotated[
        str | None, typer.Argument(help="The record that holds the content, by its id.")
    ] = None,
    note: Annotated[
        str, typer.Option(help="Why, in public words; do not repeat the content.")
    ] = "",
    authority: Annotated[
        str, typer.Option(help="By what authority: LEGAL, PRIVACY or EDITORIAL.")
    ] = "",
    version: Annotated[
        int | None, typer.Option(help="What this version entered alone; else every version.")
    ] = None,
    field: Annotated[
        list[str] | None, typer.Option(help="A field; may be repeated. Else every field.")
    ] = None,
    position: Annotated[
        int | None, typer.Option(help="Instead of a record: a changeset, for its --text.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(help="NOTE, INTERNAL_NOTE, EDITOR_NAME or ORIGIN; may be repeated."),
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="The code of the reason; else by the authority.")
    ] = None,
    internal_note: Annotated[
        str | None, typer.Option(help="A note for the newsroom's own eyes and for auditors.")
    ] = None,
    editor: Annotated[
        str | None, typer.Option(help="Which ADMIN redacts, by id or name; needed if several may.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Tell what would go, and remove nothing.")] = False,
    scrub: Annotated[
        bool, typer.Option(help="Scrub the disk afterwards, as 'corrigenda scrub' does.")
    ] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Remove content for good, leaving a gap that everybody sees.

    A record's (of one --version or all, of some --field or all), or texts of the header
    of a changeset (--position and --text).
    """
    from app.commands import access
    from app.commands.redact import asked_for, told
    from app.commands.submission import Submission
    from app.commands.submit import submit
    from app.domain.codes import ChangesetKind
    from app.domain.permissions import Act

    body = asked_for(
        record=record, version=version, fields=field, position=position, texts=text,
        authority=authority, code=code, note=note, internal_note=internal_note,
    )  # fmt: skip
    with open_ledger(settings_from(database_url=database_url)) as engine:
        with open_reading(engine) as connection:
            editing = access.editing_as(connection, editor, act=Act.REDACT)
        submission = Submission(body, editing, ChangesetKind.REDACTION, dry_run=dry_run)
        outcome = submit(engine, submission, preview=told)
        if dry_run:
            answer("\n".join(outcome.preview))
            say("Nothing was removed (dry run).")
            return
        with open_reading(engine) as connection:
            answer("\n".join(told(connection, outcome.position or 0)))
        for warning in outcome.warnings:
            say(f"Look at {warning.record_id}: {warning.message}")
        say(f"Redacted at position {outcome.position}.")
        if scrub:
            _scrub(engine)
        else:
            say("The disk may still hold copies: run 'corrigenda scrub'.")


def scrub(database_url: DatabaseUrl = None) -> None:
    """Remove from the disk what the database's files still hold of redacted content.

    On SQLite nobody else may use the file meanwhile: stop the server first. It takes
    about as long as copying the file. On PostgreSQL each table that held content is
    locked while it is written anew, for readers too. Backups, replicas, archived
    write-ahead logs and snapshots of the disk are out of its reach.
    """
    with open_ledger(settings_from(database_url=database_url)) as engine:
        _scrub(engine)


def _scrub(engine: Engine) -> None:
    from app.store.scrubbing import scrub as scrub_disk

    found = scrub_disk(engine)
    for done in found.done:
        say(f"Done: {done}.")
    if found.left:
        left = "\n".join(f"  {one}" for one in found.left)
        raise Unready(f"The disk is not scrubbed yet. Left to an administrator:\n{left}")
    say("Scrubbed. Backups, replicas and archived logs keep what they hold until they expire.")
