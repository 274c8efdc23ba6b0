"""The program: its commands by name, in the order in which `--help` lists them."""

from __future__ import annotations

import os
import sys
from typing import Final, NoReturn

import typer

from app.cli import (
    access,
    dossiers,
    migrating,
    redacting,
    schema,
    serving,
    signing,
    verifying,
)
from app.cli.speaking import say
from app.domain.errors import CorrigendaError, Refused

app = typer.Typer(
    name="corrigenda",
    help="The correction ledger for contested facts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
newsrooms = typer.Typer(help="Newsrooms that edit here.", no_args_is_help=True)
editors = typer.Typer(
    help="Editors: people and programs that act for a newsroom.", no_args_is_help=True
)
keys = typer.Typer(help="Keys: the credentials of editors.", no_args_is_help=True)
app.add_typer(newsrooms, name="newsroom")
app.add_typer(editors, name="editor")
app.add_typer(keys, name="key")
signer = typer.Typer(
    help="The signer of the log: its key, and its state outside the database.",
    no_args_is_help=True,
)
app.add_typer(signer, name="signer")

app.command()(serving.serve)
app.command()(serving.demo)
app.command()(migrating.migrate)
app.command()(migrating.reindex)
app.command()(redacting.redact)
app.command()(redacting.scrub)
app.command()(migrating.grant)
app.command()(dossiers.load)
app.command()(dossiers.export)
app.command()(verifying.bundle)
app.command()(verifying.verify)
app.command()(verifying.check)
app.command()(schema.schema)
signer.command("keygen")(signing.make_signing_key)
signer.command("vkey")(signing.print_vkey)
signer.command("adopt")(signing.adopt_state)
app.command()(signing.sign)
app.command()(signing.checkpoint)
app.command()(signing.proof)
newsrooms.command("add")(access.add_newsroom)
newsrooms.command("list")(access.list_newsrooms)
editors.command("add")(access.add_editor)
editors.command("list")(access.list_editors)
editors.command("role")(access.change_role)
editors.command("rename")(access.rename_editor)
editors.command("retire")(access.retire_editor)
editors.command("restore")(access.restore_editor)
keys.command("create")(access.create_key)
keys.command("list")(access.list_keys)
keys.command("rotate")(access.rotate_key)
keys.command("revoke")(access.revoke_key)

_INTERRUPTED: Final = 130


def main() -> None:
    """Run the command line; every foreseen fault ends with a message and status 1."""
    try:
        app()
    except CorrigendaError as fault:
        _fail(_told(fault))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output went away; Python must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as fault:
        _fail(f"{fault.filename}: {fault.strerror}" if fault.filename else str(fault))


def _fail(message: str) -> NoReturn:
    say(f"corrigenda: {message}")
    sys.exit(1)


def _told(fault: CorrigendaError) -> str:
    if isinstance(fault, Refused):
        return "\n".join(refusal.message for refusal in fault.refusals)
    return str(fault)
