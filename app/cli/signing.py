"""The log: its key, its signer, its checkpoints and proofs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.files import written_to
from app.cli.ledgers import (
    keeping_for,
    open_ledger,
    open_log,
    open_log_reading,
    settings_from,
)
from app.cli.options import DatabaseUrl
from app.cli.speaking import answer, say
from app.domain.errors import NotSigned, Unready

if TYPE_CHECKING:
    from app.commands.keeping import Keeping
    from app.settings import Settings


def make_signing_key(
    output: Annotated[Path, typer.Option(help="The file to make; it must not be there yet.")],
) -> None:
    """Make the key that signs the log, and print the vkey that others verify with."""
    from app.commands.signing_keys import make_key
    from app.settings import Settings

    name = settings_from().ledger_name
    key = make_key(output, name)
    if name == Settings.model_fields["ledger_name"].default:
        say(
            f"The log is called {name!r}, as many are: set CORRIGENDA_LEDGER_NAME to a name of "
            "your own (example.org/corrigenda) and make another key before anybody relies on it."
        )
    answer(key.verifier.text)
    say(f"Whoever has {output} speaks as the log: keep it from others, and a copy elsewhere.")


def print_vkey() -> None:
    """Print the vkey, which is public: give it to whoever is to verify the log."""
    keeping = keeping_for(settings_from())
    keeping.to_sign()
    for key in keeping.verifiers:
        answer(key.text)


def adopt_state(database_url: DatabaseUrl = None) -> None:
    """Take the database's newest checkpoint for the signer's state that was lost.

    Do this only where nothing newer was published: ask who keeps checkpoints of yours.
    """
    from app.commands.signing import adopt

    settings = settings_from(database_url=database_url)
    _, state = keeping_for(settings).to_sign()
    with open_ledger(settings), open_log_reading(settings) as connection:
        adopted = adopt(connection, state)
    say(f"{state.path} now holds the checkpoint of {adopted.size} entries.")


def sign(
    once: Annotated[bool, typer.Option(help="Sign what is there and end.")] = False,
    every: Annotated[
        float, typer.Option(help="Seconds between two looks at the log.", min=0.05, max=3600)
    ] = 0.2,
    database_url: DatabaseUrl = None,
) -> None:
    """Sign the log apart from serving it; `serve` then runs with CORRIGENDA_SIGN=off."""
    settings = settings_from(database_url=database_url)
    keeping = keeping_for(settings)
    keeping.to_sign()
    with open_ledger(settings):
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
        open_log_reading(settings) as connection,
    ):
        if leader is None:
            raise Unready("another process signs this log at present; it signs this, too")
        signed = signing.sign(leader, connection, keys, state)
    if signed is None:
        say("Everything is signed.")
    else:
        say(f"Signed: {signed.size} entries.")


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
    say(f"Signing {settings.ledger_name}. Stop with Ctrl-C.")
    signal.sigwait(ends)
    stop.set()
    at_work.give_up()
    thread.join()
    engine.dispose()


def checkpoint(database_url: DatabaseUrl = None) -> None:
    """Print the newest checkpoint, a signed note. Keep it: it holds the ledger to its past."""
    with open_log(settings_from(database_url=database_url)) as log:
        published = log.newest()
    if published is None:
        raise NotSigned("no checkpoint was published: the log is not signed, or nothing is in it")
    sys.stdout.write(published.note)


def proof(
    position: Annotated[int, typer.Argument(help="The changeset's position.", min=1)],
    output: Annotated[
        Path | None, typer.Option(help="The file to write; else standard output.")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write the proof that the log has an entry, as a C2SP tlog-proof."""
    with open_log(settings_from(database_url=database_url)) as log:
        found = log.inclusion(position, None)
    if found.file is None:
        raise NotSigned("no checkpoint was published that a proof could lead to")
    with written_to(output) as written:
        written.write(found.file)
