"""The command line: what an operator does with a ledger.

Standard output carries what a command answers, standard error everything said
about it. A command that cannot be done says why in one message and ends with
status 1. What a command needs is imported when it runs, so that `--help` is
there at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, NoReturn, TextIO

import typer

from app.domain.errors import (
    CorrigendaError,
    LoadStopped,
    NotSigned,
    Refusal,
    Refused,
    Unready,
)

if TYPE_CHECKING:
    import socket

    from app.commands.dossiers import Loaded
    from app.commands.keeping import Keeping
    from app.reads.log import LogReading
    from app.settings import Settings
    from app.store.database import Connection, Engine, Guard

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

DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="sqlite:///FILE or postgresql://…; else CORRIGENDA_DATABASE_URL."),
]

VerifierKeys = Annotated[
    list[str] | None,
    typer.Option("--vkey", help="The ledger's public key (a vkey); once for each that may sign."),
]


class Audience(StrEnum):
    """Who a bundle is for."""

    public = "public"
    auditor = "auditor"


_SCHEMA_FILE: Final = Path("schema/schema.graphql")
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


# --- serving ------------------------------------------------------------------


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Else CORRIGENDA_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Else CORRIGENDA_PORT.")] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Serve the ledger over HTTP."""
    settings = _settings(host=host, port=port, database_url=database_url)
    with _listen(settings.host, settings.port) as listening:
        _keeping(settings)
        with _ledger(settings):
            pass
        _say(f"Serving {_address(listening)}/graphql")
        _serve(settings, listening)


@app.command()
def demo(
    port: Annotated[int | None, typer.Option(help="Else CORRIGENDA_PORT, or 8000.")] = None,
    data: Annotated[Path, typer.Option(help="Where the demo is kept.")] = Path("data/demo"),
    host: Annotated[str | None, typer.Option(help="Else CORRIGENDA_HOST.")] = None,
) -> None:
    """Make a ledger with the demo dossier where there is none yet, and serve it."""
    settings = _settings(
        host=host,
        port=port,
        database_url=f"sqlite:///{data.absolute() / 'corrigenda.db'}",
        key_environment="demo",
        ledger_name="demo",
        signing_key=str(data.absolute() / "signing-key"),
    )
    with _listen(settings.host, settings.port) as listening:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = _prepare_demo(settings, data / "demo-keys.json")
        (vkey,) = _keeping(settings).verifiers
        print(  # noqa: T201 - the command's answer
            _welcome(_address(listening), held, data / "demo-keys.json", vkey.text), flush=True
        )
        _serve(settings, listening)


def _prepare_demo(settings: Settings, keys_file: Path) -> dict[str, str]:
    from importlib.resources import files

    from app.commands.demo import prepare
    from app.commands.signing_keys import make_key
    from app.domain.errors import NotMigrated
    from app.store import migrations
    from app.store.database import open_engine, parse_url

    if not Path(settings.signing_key).exists():
        make_key(Path(settings.signing_key), settings.ledger_name)
    engine = open_engine(parse_url(settings.database_url), pool_size=1)
    dossier = files("app.demo").joinpath("dossier.jsonl").read_bytes
    try:
        try:
            migrations.require_migrated(engine)
        except NotMigrated:
            migrations.upgrade(settings.database_url)
        return dict(prepare(engine, keys_file, lambda: dossier().splitlines(keepends=True)))
    finally:
        engine.dispose()


def _welcome(address: str, held: dict[str, str], keys_file: Path, vkey: str) -> str:
    width = max(map(len, held))
    return "\n".join((
        "Corrigenda, with the demo dossier (docs/demo.md is its guide)",
        "",
        f"  GraphQL     {address}/graphql",
        f"  Checkpoint  {address}/checkpoint",
        f"  signed as   {vkey}",
        "",
        "Anyone may read. To write, send one of these keys: Authorization: Bearer KEY",
        "",
        *(f"  {role:<{width}}  {key}" for role, key in held.items()),
        "",
        f"The keys are kept in {keys_file}. Stop with Ctrl-C.",
    ))  # fmt: skip


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else is done, so that nobody waits in vain."""
    import errno
    import socket

    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2048)
        except OSError:
            listening.close()
            raise
    except socket.gaierror:
        raise Unready(f"{host} is no address of this machine; choose one with --host") from None
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            message = f"port {port} on {host} is in use; choose another one with --port"
        elif fault.errno == errno.EACCES:
            message = f"port {port} may not be used by this user; choose another one with --port"
        elif fault.errno == errno.EADDRNOTAVAIL:
            message = f"{host} is no address of this machine; choose one with --host"
        else:
            message = f"port {port} on {host} cannot be used: {fault.strerror}"
        raise Unready(message) from None
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _serve(settings: Settings, listening: socket.socket) -> None:
    import uvicorn

    from app import logger
    from app.main import create_app

    logger.set_up(settings.log_level, settings.log_format)
    config = uvicorn.Config(
        create_app(settings),
        # uvloop and httptools, wherever they are installed.
        loop="auto",
        http="auto",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listening])
    if not server.started:
        raise Unready("the server could not start; the messages above say why")


# --- the ledger ---------------------------------------------------------------


@app.command()
def migrate(database_url: DatabaseUrl = None) -> None:
    """Bring the database to the schema that this release needs."""
    from app.store import migrations
    from app.store.database import parse_url, sqlite_file

    settings = _settings(database_url=database_url)
    url = parse_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        sqlite_file(url).absolute().parent.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(settings.database_url)
    _say(f"The database is at revision {migrations.newest()}.")


@app.command()
def reindex(database_url: DatabaseUrl = None) -> None:
    """Make the search index again from the records, with the extensions that are there now."""
    from app.store.search_index import rebuild_search

    with _ledger(_settings(database_url=database_url)) as engine:
        counted = rebuild_search(engine)
    _say(f"The search index holds {counted} records.")


@app.command()
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
    from app.commands.submit import Submission, submit
    from app.domain.codes import ChangesetKind, Role

    body = asked_for(
        record=record, version=version, fields=field, position=position, texts=text,
        authority=authority, code=code, note=note, internal_note=internal_note,
    )  # fmt: skip
    with _ledger(_settings(database_url=database_url)) as engine:
        with _reading(engine) as connection:
            editing = access.editing_as(connection, editor, roles=(Role.ADMIN,))
        submission = Submission(body, editing, ChangesetKind.REDACTION, dry_run=dry_run)
        outcome = submit(engine, submission, preview=told)
        if dry_run:
            _answer("\n".join(outcome.preview))
            _say("Nothing was removed (dry run).")
            return
        with _reading(engine) as connection:
            _answer("\n".join(told(connection, outcome.position or 0)))
        for warning in outcome.warnings:
            _say(f"Look at {warning.record_id}: {warning.message}")
        _say(f"Redacted at position {outcome.position}.")
        if scrub:
            _scrub(engine)
        else:
            _say("The disk may still hold copies: run 'corrigenda scrub'.")


@app.command()
def scrub(database_url: DatabaseUrl = None) -> None:
    """Remove from the disk what the database's files still hold of redacted content.

    On SQLite nobody else may use the file meanwhile: stop the server first. It takes
    about as long as copying the file. On PostgreSQL each table that held content is
    locked while it is written anew, for readers too. Backups, replicas, archived
    write-ahead logs and snapshots of the disk are out of its reach.
    """
    with _ledger(_settings(database_url=database_url)) as engine:
        _scrub(engine)


def _scrub(engine: Engine) -> None:
    from app.store.scrubbing import scrub as scrub_disk

    found = scrub_disk(engine)
    for done in found.done:
        _say(f"Done: {done}.")
    if found.left:
        left = "\n".join(f"  {one}" for one in found.left)
        raise Unready(f"The disk is not scrubbed yet. Left to an administrator:\n{left}")
    _say("Scrubbed. Backups, replicas and archived logs keep what they hold until they expire.")


@app.command()
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
        _answer("\n".join(f"{one};" for one in grants(role)))
        return
    with _ledger(_settings(database_url=database_url)) as engine, engine.begin() as connection:
        give(connection, role)
    _say(f"{role} can serve: read, append, and blank what an open redaction names.")


@app.command()
def load(
    file: Annotated[
        Path, typer.Argument(help="A dossier (JSON Lines); - is standard input.", readable=False)
    ],
    dry_run: Annotated[bool, typer.Option(help="Try everything and write nothing.")] = False,
    all_or_nothing: Annotated[
        bool, typer.Option(help="Load all lines in one transaction, or none of them.")
    ] = False,
    editor: Annotated[
        str | None, typer.Option(help="Who loads it, by id or name; needed if several may.")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Load a dossier, one changeset a line; loading it again goes on where it stopped."""
    from app.commands import access
    from app.commands.dossiers import load as load_lines

    with _open(file) as lines, _ledger(_settings(database_url=database_url)) as engine:
        with _reading(engine) as connection:
            editing = access.editing_as(connection, editor)
        with _progress("Loading", _size(lines)) as advance:
            counted = _counted(lines, advance)
            try:
                loaded = load_lines(
                    engine, counted, editing, all_or_nothing=all_or_nothing, dry_run=dry_run
                )
            except LoadStopped as stopped:
                raise Unready(
                    _told_stop(stopped, file, together=all_or_nothing or dry_run)
                ) from stopped
    _say(_told_load(loaded, dry_run=dry_run))


@app.command()
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

    settings = _settings(database_url=database_url)
    with _ledger(settings) as engine, _reading(engine) as connection:
        part = dossiers.part(connection, settings.ledger_name, first=first, last=last)
        total = part.last - part.first + 1
        with _written(output) as written, _progress("Exporting", total) as advance:
            for line in dossiers.export(connection, part, lambda _: advance(1)):
                written.write(line + "\n")


@app.command()
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

    settings = _settings(database_url=database_url)
    keys = _verifier_keys(vkey) or _keeping(settings).verifiers
    if not keys:
        raise Unready(
            "which key signs this ledger? Name it with --vkey, or its file in "
            "CORRIGENDA_SIGNING_KEY"
        )
    with _ledger(settings) as engine, _reading(engine) as connection:
        newest = bundles.newest(connection, keys)
        size = newest.checkpoint.size
        with bundles.destination(output) as made, _progress("Bundling", size) as advance:
            bundles.write(connection, newest, made, audience.value.upper(), advance)
    later = newest.head - size
    _say(f"{output} holds positions 1 to {size}" if size else f"{output} holds an empty log")
    if later:
        _say(f"{later} newer are not signed yet and not in it; corrigenda sign --once signs them")


@app.command()
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
    known = verifying.Known(_verifier_keys(vkey), older)
    with bundle_files(bundle) as files, scratch() as memory, _progress("Verifying", None) as step:
        replay = comparing.Replay(memory) if url is not None else None
        report = verifying.verify(files, known, memory, progress=step, seen=replay)
        found = list[verdict.Comparison]()
        if report.verified and database is not None:
            found.append(_compared_with_database(report, files, database, step))
        if report.verified and url is not None:
            found.append(comparing.compare_with_server(report, memory, url, step))
    if as_json:
        _answer_json(verdict.verdict_json(report, found))
    else:
        _answer(verdict.verdict_text(report, found))
    if not verdict.is_verified(report, found):
        raise typer.Exit(1)


def _compared_with_database(report: Any, files: Any, database: str, step: Any) -> Any:
    from app.reads.comparing import compare_with_database

    with _ledger(_settings(database_url=database)) as engine, _reading(engine) as connection:
        return compare_with_database(report, files, connection, step)


def _older_checkpoint(file: Path, limit: int) -> Any:
    from app.reads.verifying import OlderCheckpoint

    with file.open("rb") as opened:
        data = opened.read(limit + 1)
    try:
        return OlderCheckpoint(data.decode("utf-8"), str(file))
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} is no checkpoint: it is not text") from None


def _verifier_keys(texts: Sequence[str] | None) -> tuple[Any, ...]:
    from app.log.errors import KeyRefused
    from app.log.note import VerifierKey

    try:
        return tuple(map(VerifierKey.parse, texts or ()))
    except KeyRefused as fault:
        raise typer.BadParameter(f"--vkey: {fault}") from None


@app.command()
def check(
    vkey: VerifierKeys = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Check that the database is complete and agrees with its log; status 1 if not."""
    from app.reads import checking

    settings = _settings(database_url=database_url)
    keys = _verifier_keys(vkey) or _keeping(settings).verifiers
    with (
        _ledger(settings) as engine,
        _reading(engine) as connection,
        _progress("Checking", checking.head(connection)) as advance,
    ):
        checked = checking.check(connection, keys, advance)
    if as_json:
        _answer_json(checking.checked_json(checked))
    else:
        _answer(checking.checked_text(checked))
    if checked.problems:
        raise typer.Exit(1)


@app.command()
def schema(
    check: Annotated[
        bool, typer.Option(help="Compare with the file instead; status 1 if they differ.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="The file to write, or to compare with.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="An earlier schema: tell what this release breaks; status 1 if anything."
        ),
    ] = None,
) -> None:
    """Print the GraphQL schema that this release serves."""
    from app.graphql.sdl import schema_sdl

    printed = schema_sdl()
    if check:
        _check_schema(printed, output or _SCHEMA_FILE)
    if against:
        _check_promises(printed, against)
    if check or against:
        return
    with _written(output) as written:
        written.write(printed)


def _check_schema(printed: str, file: Path) -> None:
    from difflib import unified_diff

    published = file.read_text()
    if published == printed:
        return
    sys.stdout.writelines(unified_diff(
        published.splitlines(keepends=True), printed.splitlines(keepends=True),
        str(file), "what the code prints"))  # fmt: skip
    raise Unready(
        f"{file} is not what the code prints; write it anew: corrigenda schema --output {file}"
    )


def _check_promises(printed: str, earlier: Path) -> None:
    from graphql import GraphQLError

    from app.graphql.promises import broken_promises

    try:
        broken = broken_promises(earlier.read_text(), printed)
    except (GraphQLError, TypeError) as fault:
        raise Unready(f"{earlier} is no GraphQL schema: {fault}") from None
    sys.stdout.writelines(f"{sentence}\n" for sentence in broken)
    if broken:
        raise Unready(
            f"what clients have from {earlier} breaks; mark it @deprecated in one release, and"
            " take it away in a later one"
        )


# --- the log ------------------------------------------------------------------


@signer.command("keygen")
def make_signing_key(
    output: Annotated[Path, typer.Option(help="The file to make; it must not be there yet.")],
) -> None:
    """Make the key that signs the log, and print the vkey that others verify with."""
    from app.commands.signing_keys import make_key
    from app.settings import Settings

    name = _settings().ledger_name
    key = make_key(output, name)
    if name == Settings.model_fields["ledger_name"].default:
        _say(
            f"The log is called {name!r}, as many are: set CORRIGENDA_LEDGER_NAME to a name of "
            "your own (example.org/corrigenda) and make another key before anybody relies on it."
        )
    _answer(key.verifier.text)
    _say(f"Whoever has {output} speaks as the log: keep it from others, and a copy elsewhere.")


@signer.command("vkey")
def print_vkey() -> None:
    """Print the vkey, which is public: give it to whoever is to verify the log."""
    keeping = _keeping(_settings())
    keeping.to_sign()
    for key in keeping.verifiers:
        _answer(key.text)


@signer.command("adopt")
def adopt_state(database_url: DatabaseUrl = None) -> None:
    """Take the database's newest checkpoint for the signer's state that was lost.

    Do this only where nothing newer was published: ask who keeps checkpoints of yours.
    """
    from app.commands.signing import adopt

    settings = _settings(database_url=database_url)
    _, state = _keeping(settings).to_sign()
    with _ledger(settings), _reading_log(settings) as connection:
        adopted = adopt(connection, state)
    _say(f"{state.path} now holds the checkpoint of {adopted.size} entries.")


@app.command()
def sign(
    once: Annotated[bool, typer.Option(help="Sign what is there and end.")] = False,
    every: Annotated[
        float, typer.Option(help="Seconds between two looks at the log.", min=0.05, max=3600)
    ] = 0.2,
    database_url: DatabaseUrl = None,
) -> None:
    """Sign the log apart from serving it; `serve` then runs with CORRIGENDA_SIGN=off."""
    settings = _settings(database_url=database_url)
    keeping = _keeping(settings)
    keeping.to_sign()
    with _ledger(settings):
        pass
    if once:
        _sign_once(settings, keeping)
    else:
        _sign_on(settings, keeping, every)


def _sign_once(settings: Settings, keeping: Keeping) -> None:
    from app.commands import signing
    from app.store.database import parse_url

    keys, state = keeping.to_sign()
    with (
        signing.leading(parse_url(settings.database_url), state) as leader,
        _reading_log(settings) as connection,
    ):
        if leader is None:
            raise Unready("another process signs this log at present; it signs this, too")
        signed = signing.sign(leader, connection, keys, state)
    if signed is None:
        _say("Everything is signed.")
    else:
        _say(f"Signed: {signed.size} entries.")


def _sign_on(settings: Settings, keeping: Keeping, every: float) -> None:
    """Sign until a signal ends it."""
    import signal
    import threading

    from app import logger
    from app.commands.signing import Signer
    from app.store.database import parse_url
    from app.store.log_engine import open_log_engine

    logger.set_up(settings.log_level, settings.log_format)
    url, stop = parse_url(settings.database_url), threading.Event()
    engine = open_log_engine(url, timeout=settings.read_timeout)
    at_work = Signer(url, engine, *keeping.to_sign(), every=every)
    thread = threading.Thread(target=at_work.run, args=(stop,), name="signer")
    ends = {signal.SIGINT, signal.SIGTERM}
    # Waited for, not handled: a handler may not touch what the thread has locked.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    thread.start()
    _say(f"Signing {settings.ledger_name}. Stop with Ctrl-C.")
    signal.sigwait(ends)
    stop.set()
    at_work.give_up()
    thread.join()
    engine.dispose()


@app.command()
def checkpoint(database_url: DatabaseUrl = None) -> None:
    """Print the newest checkpoint, a signed note. Keep it: it holds the ledger to its past."""
    with _log(_settings(database_url=database_url)) as log:
        published = log.newest()
    if published is None:
        raise NotSigned("no checkpoint was published: the log is not signed, or nothing is in it")
    sys.stdout.write(published.note)


@app.command()
def proof(
    position: Annotated[int, typer.Argument(help="The changeset's position.", min=1)],
    output: Annotated[
        Path | None, typer.Option(help="The file to write; else standard output.")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write the proof that the log has an entry, as a C2SP tlog-proof."""
    with _log(_settings(database_url=database_url)) as log:
        found = log.inclusion(position, None)
    if found.file is None:
        raise NotSigned("no checkpoint was published that a proof could lead to")
    with _written(output) as written:
        written.write(found.file)


@contextmanager
def _log(settings: Settings) -> Iterator[LogReading]:
    from app.reads.log import LogReading
    from app.store.database import parse_url
    from app.store.log_engine import open_log_engine

    with _ledger(settings):
        pass
    log = LogReading(open_log_engine(parse_url(settings.database_url)), settings.ledger_name)
    try:
        yield log
    finally:
        log.close()


@contextmanager
def _reading_log(settings: Settings) -> Iterator[Connection]:
    from app.store.database import parse_url
    from app.store.log_engine import open_log_engine

    engine = open_log_engine(parse_url(settings.database_url))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _keeping(settings: Settings) -> Keeping:
    """Return how the log is kept; raise `Unready` for a key that cannot be used."""
    from app.commands.keeping import keeping_of

    return keeping_of(settings.ledger_name, settings.signing_key, settings.signer_state)


@contextmanager
def _guard(settings: Settings) -> Iterator[Guard]:
    """Give what a command asks before the log grows; most commands never do."""
    from app.commands.guard import Guard as Fitting
    from app.store.database import parse_url
    from app.store.log_engine import open_log_engine

    engine = open_log_engine(parse_url(settings.database_url))

    @cache
    def fitting() -> Fitting | None:
        state = _keeping(settings).state
        return None if state is None else Fitting(engine, state)

    def require(size: int | None) -> None:
        found = fitting()
        if found is not None:
            found.require(size)

    try:
        yield require
    finally:
        engine.dispose()


# --- who acts -----------------------------------------------------------------


@newsrooms.command("add")
def add_newsroom(
    name: str,
    house: Annotated[bool, typer.Option(help="It is the ledger's own newsroom.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Enter a newsroom and print its id."""
    from app.commands import access

    with _ledger(_settings(database_url=database_url)) as engine:
        _answer(access.add_newsroom(engine, name, house=house))


@newsrooms.command("list")
def list_newsrooms(database_url: DatabaseUrl = None) -> None:
    """List the newsrooms."""
    from app.store import access

    with _ledger(_settings(database_url=database_url)) as engine, _reading(engine) as connection:
        rows = [(one["id"], one["name"], "house" if one["house"] else "")
                for one in access.newsrooms(connection)]  # fmt: skip
    _table(("id", "name", ""), rows)


@editors.command("add")
def add_editor(
    name: str,
    newsroom: Annotated[str, typer.Option(help="The newsroom acted for, by id or name.")],
    role: Annotated[str, typer.Option(help="READER, CONTRIBUTOR, EDITOR, AUDITOR or ADMIN.")],
    database_url: DatabaseUrl = None,
) -> None:
    """Enter an editor and print the id."""
    from app.commands import access

    with _ledger(_settings(database_url=database_url)) as engine:
        _answer(access.add_editor(engine, name, newsroom=newsroom, role=role))


@editors.command("list")
def list_editors(database_url: DatabaseUrl = None) -> None:
    """List the editors."""
    from app.store import access

    with _ledger(_settings(database_url=database_url)) as engine, _reading(engine) as connection:
        rows = [(one["id"], one["name"], one["role"], one["newsroom_name"])
                for one in access.editors(connection)]  # fmt: skip
    _table(("id", "name", "role", "newsroom"), rows)


@keys.command("create")
def create_key(
    editor: Annotated[str, typer.Option(help="Whose key it is, by id or name.")],
    label: Annotated[str, typer.Option(help="What it is for.")],
    database_url: DatabaseUrl = None,
) -> None:
    """Make a key and print it; it is not shown again."""
    from app.commands import access

    settings = _settings(database_url=database_url)
    with _ledger(settings) as engine:
        made = access.create_key(engine, editor, label=label, environment=settings.key_environment)
    _answer(made.key)
    _say(f"This is {made.id}. Keep the key: it is not stored, and not shown again.")


@keys.command("list")
def list_keys(database_url: DatabaseUrl = None) -> None:
    """List the keys, without their secrets."""
    from app.store import access

    with _ledger(_settings(database_url=database_url)) as engine, _reading(engine) as connection:
        rows = [(one["id"], one["editor_name"], one["role"], one["label"], one["created_at"],
                 "revoked" if one["revoked_at"] else "")
                for one in access.keys(connection)]  # fmt: skip
    _table(("id", "editor", "role", "label", "created", ""), rows)


@keys.command("revoke")
def revoke_key(key_id: str, database_url: DatabaseUrl = None) -> None:
    """Revoke a key by its id; it is refused from then on."""
    from app.commands import access

    with _ledger(_settings(database_url=database_url)) as engine:
        access.revoke_key(engine, key_id)
    _say(f"{key_id} is revoked.")


# --- what commands share ------------------------------------------------------


def _settings(**given: Any) -> Settings:
    """Return the settings, with what was given on the command line above the environment's."""
    from pydantic import ValidationError

    from app.settings import PREFIX, Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as fault:
        first = fault.errors(include_input=False)[0]
        name = f"{PREFIX}{first['loc'][0]}".upper()
        raise Unready(f"{name} cannot be used: {first['msg']}") from None


@contextmanager
def _ledger(settings: Settings) -> Iterator[Engine]:
    """Give an engine on a migrated database, or say what is wrong with it."""
    from sqlalchemy.exc import DBAPIError

    from app.store.database import open_engine, parse_url
    from app.store.migrations import require_migrated

    with _guard(settings) as guard:
        url, size = parse_url(settings.database_url), settings.write_pool_size
        engine = open_engine(url, pool_size=size, guard=guard)
        try:
            require_migrated(engine)
            yield engine
        except DBAPIError as fault:
            words = str(fault.orig).strip().splitlines()[0]
            raise Unready(f"the database refused: {words}") from fault
        finally:
            engine.dispose()


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    from app.store.dossiers import reading

    with reading(engine.url) as connection:
        yield connection


@contextmanager
def _open(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with file.open("rb") as opened:
        yield opened


def _size(file: BinaryIO) -> int | None:
    return os.fstat(file.fileno()).st_size or None


def _counted(file: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    """Yield the lines of a file, none longer than a line may be by more than a byte."""
    from app.domain.dossiers import LINE_LIMIT

    while line := file.readline(LINE_LIMIT + 1):
        yield line
        advance(len(line))


@contextmanager
def _written(file: Path | None) -> Iterator[TextIO]:
    """Give where to write; a file appears when it is complete."""
    if file is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as written:
            yield written
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Give a function that moves a progress bar on, where somebody is watching."""
    if not sys.stderr.isatty():
        yield _unwatched
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    columns = (f"{what}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda step: bar.advance(task, step)


def _unwatched(_step: int) -> None:
    """Move no bar on."""


def _table(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        _answer("  ".join(cells).rstrip())


def _answer(text: str) -> None:
    print(text)  # noqa: T201 - a command's answer


def _answer_json(value: object) -> None:
    import json

    _answer(json.dumps(value, indent=2, ensure_ascii=False))


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - what is said about it


def _fail(message: str) -> NoReturn:
    _say(f"corrigenda: {message}")
    sys.exit(1)


# --- faults in words ----------------------------------------------------------


def _told(fault: CorrigendaError) -> str:
    if isinstance(fault, Refused):
        return "\n".join(refusal.message for refusal in fault.refusals)
    return str(fault)


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
    if dry_run:
        return f"{lines}{earlier}: everything can be loaded. Nothing was written (dry run)."
    if not loaded.written:
        return f"{lines}{earlier}: nothing new."
    warnings = f", with {loaded.warnings} warnings" if loaded.warnings else ""
    return f"{lines}{earlier}: positions {loaded.first} to {loaded.last} written{warnings}."
