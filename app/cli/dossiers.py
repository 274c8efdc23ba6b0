"""Loading and exporting dossiers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.files import count_lines, open_lines, progress, size_of, written_to
from app.cli.ledgers import open_ledger, open_reading, settings_from
from app.cli.options import DatabaseUrl
from app.cli.speaking import say
from app.domain.errors import LoadStopped, Refusal, Refused, Unready

if TYPE_CHECKING:
    from app.commands.dossiers import Loaded


def load(  # noqa: PLR0913, PLR0917 - the options of the command
    file: Annotated[
        Path, typer.Argument(help="A dossier (JSON Lines); - is standard input.", readable=False)
    ],
    dry_run: Annotated[bool, typer.Option(help="Try everything and write nothing.")] = False,
    all_or_nothing: Annotated[
        bool, typer.Option(help="Load all lines in one transaction, or none of them.")
    ] = False,
    skip_failed: Annotated[
        bool, typer.Option(help="Leave out what is refused, say so, and go on.")
    ] = False,
    editor: Annotated[
        str | None, typer.Option(help="Who loads it, by id or name; needed if several may.")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Load a dossier, one changeset a line; loading it again goes on where it stopped."""
    from app.commands import access
    from app.commands.dossiers import load as load_lines

    with open_lines(file) as lines, open_ledger(settings_from(database_url=database_url)) as engine:
        with open_reading(engine) as connection:
            editing = access.editing_as(connection, editor)
        with progress("Loading", size_of(lines)) as advance:
            counted = count_lines(lines, advance)
            try:
                loaded = load_lines(
                    engine,
                    counted,
                    editing,
                    all_or_nothing=all_or_nothing,
                    dry_run=dry_run,
                    left_out=_say_left_out if skip_failed else None,
                )
            except LoadStopped as stopped:
                raise Unready(
                    _told_stop(stopped, file, together=all_or_nothing or dry_run)
                ) from stopped
    say(_told_load(loaded, dry_run=dry_run))
    if loaded.torn:
        raise typer.Exit(1)


def export(
    first: Annotated[int, typer.Option("--from", help="The first position.")] = 1,
    last: Annotated[int | None, typer.Option("--to", help="The last position.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The file to write; else standard output.")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write the ledger as a dossier; one that does not start at 1 starts with the state then."""
    from app.reads import dossiers

    settings = settings_from(database_url=database_url)
    with open_ledger(settings) as engine, open_reading(engine) as connection:
        part = dossiers.part(connection, settings.ledger_name, first=first, last=last)
        total = part.last - part.first + 1
        with written_to(output) as written, progress("Exporting", total) as advance:
            for line in dossiers.export(connection, part, lambda _: advance(1)):
                written.write(line + "\n")


def _told_stop(stopped: LoadStopped, file: Path, *, together: bool) -> str:
    loaded: Any = stopped.loaded
    mend = "Correct the line" if isinstance(stopped.fault, Refused) else "Mend that"
    again = "." if together else f"; it goes on at line {stopped.line}."
    return "\n".join((
        f"line {stopped.line} of {file} cannot be loaded:",
        *_faults(stopped),
        "Nothing was written." if together else _told_before(loaded, stopped.line),
        f"{mend} and run the same command again{again}",
    ))  # fmt: skip


def _say_left_out(stopped: LoadStopped) -> None:
    say("\n".join((f"line {stopped.line}, left out:", *_faults(stopped))))


def _told_before(loaded: Loaded, line: int) -> str:
    if line == 1:
        return "Nothing was written."
    written = f"positions {loaded.first} to {loaded.last} now" if loaded.written else "none now"
    return (
        f"Nothing of it was written. Lines 1 to {line - 1} are loaded: {written}, "
        f"{loaded.skipped} earlier."
    )


def _faults(stopped: LoadStopped) -> list[str]:
    if isinstance(stopped.fault, Refused):
        return [f"  {_place(one, stopped.operations)}{one.message}"
                for one in stopped.fault.refusals]  # fmt: skip
    return [f"  {stopped.fault}"]


def _place(refusal: Refusal, operations: tuple[str, ...]) -> str:
    """Return where a fault lies: `operation 2 (addTransfer), field quantity.amount: `."""
    match refusal.path:
        case ():
            return ""
        case ("operations", int(number), *inner):
            tag = operations[number] if number < len(operations) else ""
            fields = [str(step) for step in inner if step not in (tag, "set")]
            field = f", field {'.'.join(fields)}" if fields else ""
            return f"operation {number + 1} ({tag}){field}: "
        case path:
            return f"field {'.'.join(map(str, path))}: "


def _told_load(loaded: Loaded, *, dry_run: bool) -> str:
    lines = f"{loaded.lines} line{'s' if loaded.lines != 1 else ''}"
    earlier = f", {loaded.skipped} of them already loaded" if loaded.skipped else ""
    if loaded.torn:
        earlier += f", {loaded.torn} not, or not whole"
    if dry_run and loaded.torn:
        return f"{lines}{earlier}: the rest can be loaded. Nothing was written (dry run)."
    if dry_run:
        return f"{lines}{earlier}: everything can be loaded. Nothing was written (dry run)."
    if not loaded.written:
        return f"{lines}{earlier}: nothing new."
    warnings = f", with {loaded.warnings} warnings" if loaded.warnings else ""
    return f"{lines}{earlier}: positions {loaded.first} to {loaded.last} written{warnings}."
