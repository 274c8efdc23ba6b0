"""Bundles and their verification; checking a database against its log."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.files import progress
from app.cli.ledgers import keeping_for, open_ledger, open_reading, settings_from
from app.cli.options import DatabaseUrl, VerifierKeys, verifier_keys
from app.cli.speaking import answer, answer_json, say
from app.domain.errors import Unready


class Audience(StrEnum):
    """Who a bundle is for."""

    public = "public"
    auditor = "auditor"


def bundle(
    output: Annotated[Path, typer.Argument(help="The folder to make, or a zip: NAME.zip.")],
    audience: Annotated[
        Audience, typer.Option(help="Who it is for: the public, or auditors, with internal notes.")
    ] = Audience.public,
    vkey: VerifierKeys = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write the log with its content for whoever checks it offline (docs/audit.md)."""
    from app.reads import bundles

    settings = settings_from(database_url=database_url)
    keys = verifier_keys(vkey) or keeping_for(settings).verifiers
    if not keys:
        raise Unready(
            "which key signs this ledger? Name it with --vkey, or its file in "
            "CORRIGENDA_SIGNING_KEY"
        )
    with open_ledger(settings) as engine, open_reading(engine) as connection:
        newest = bundles.newest(connection, keys)
        size = newest.checkpoint.size
        with bundles.destination(output) as made, progress("Bundling", size) as advance:
            bundles.write(connection, newest, made, audience.value.upper(), advance)
    later = newest.head - size
    say(f"{output} holds positions 1 to {size}" if size else f"{output} holds an empty log")
    if later:
        say(f"{later} newer are not signed yet and not in it; corrigenda sign --once signs them")


def verify(  # noqa: PLR0913, PLR0917 - Typer: one parameter for each option
    bundle: Annotated[Path, typer.Argument(help="A bundle: its folder or its zip.", exists=True)],
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            help="A checkpoint that you kept, as a file; as often as you have one.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    vkey: VerifierKeys = None,
    database: Annotated[
        str | None, typer.Option(help="Compare with this database too, row by row.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Compare with what this server answers: https://HOST.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Verify a bundle, without a network; status 0 if all holds, 1 if not."""
    from app.log.note import MAX_NOTE_BYTES
    from app.reads import comparing, verdict, verifying
    from app.reads.bundle_files import bundle_files
    from app.store.scratch import scratch

    older = tuple(_older_checkpoint(file, MAX_NOTE_BYTES) for file in checkpoint or ())
    known = verifying.Known(verifier_keys(vkey), older)
    with bundle_files(bundle) as files, scratch() as memory, progress("Verifying", None) as step:
        replay = comparing.Replay(memory) if url is not None else None
        report = verifying.verify(files, known, memory, progress=step, seen=replay)
        found = list[verdict.Comparison]()
        if report.verified and database is not None:
            found.append(_compared_with_database(report, files, database, step))
        if report.verified and url is not None:
            found.append(comparing.compare_with_server(report, memory, url, step))
    if as_json:
        answer_json(verdict.verdict_json(report, found))
    else:
        answer(verdict.verdict_text(report, found))
    if not verdict.is_verified(report, found):
        raise typer.Exit(1)


def _compared_with_database(report: Any, files: Any, database: str, step: Any) -> Any:
    from app.reads.comparing import compare_with_database

    with (
        open_ledger(settings_from(database_url=database)) as engine,
        open_reading(engine) as connection,
    ):
        return compare_with_database(report, files, connection, step)


def _older_checkpoint(file: Path, limit: int) -> Any:
    from app.reads.verifying import OlderCheckpoint

    with file.open("rb") as opened:
        data = opened.read(limit + 1)
    try:
        return OlderCheckpoint(data.decode("utf-8"), str(file))
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} is no checkpoint: it is not text") from None


def check(
    vkey: VerifierKeys = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Check that the database is complete and agrees with its log; status 1 if not."""
    from app.reads import checking

    settings = settings_from(database_url=database_url)
    keys = verifier_keys(vkey) or keeping_for(settings).verifiers
    with (
        open_ledger(settings) as engine,
        open_reading(engine) as connection,
        progress("Checking", checking.head(connection)) as advance,
    ):
        checked = checking.check(connection, keys, advance)
    if as_json:
        answer_json(checking.checked_json(checked))
    else:
        answer(checking.checked_text(checked))
    if checked.problems:
        raise typer.Exit(1)
