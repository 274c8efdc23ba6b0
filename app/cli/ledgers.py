"""The ledger that a command is about: its settings, its database, its log and its keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from app.domain.errors import Unready

if TYPE_CHECKING:
    from app.commands.keeping import Keeping
    from app.reads.log import LogReading
    from app.settings import Settings
    from app.store.database import Connection, Engine, Guard


def settings_from(**given: Any) -> Settings:
    """Return the settings, with what was given on the command line above the environment's."""
    from pydantic import ValidationError

    from app.settings import PREFIX, Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as fault:
        first = fault.errors(include_input=False)[0]
        name = f"{PREFIX}{first['loc'][0]}".upper()
        words = first["msg"].removeprefix("Value error, ")
        raise Unready(f"{name} cannot be used: {words}") from None


@contextmanager
def open_ledger(settings: Settings) -> Iterator[Engine]:
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
def open_reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that only reads, and that no writer waits for."""
    from app.store.dossiers import reading

    with reading(engine.url) as connection:
        yield connection


@contextmanager
def open_log(settings: Settings) -> Iterator[LogReading]:
    """Give the log as it is published: its checkpoints and proofs."""
    from app.reads.log import LogReading
    from app.store.database import parse_url
    from app.store.log_engine import open_log_engine

    with open_ledger(settings):
        pass
    log = LogReading(open_log_engine(parse_url(settings.database_url)), settings.ledger_name)
    try:
        yield log
    finally:
        log.close()


@contextmanager
def open_log_reading(settings: Settings) -> Iterator[Connection]:
    """Give a connection to the tables of the log."""
    from app.store.database import parse_url
    from app.store.log_engine import open_log_engine

    engine = open_log_engine(parse_url(settings.database_url))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def keeping_for(settings: Settings) -> Keeping:
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
        state = keeping_for(settings).state
        return None if state is None else Fitting(engine, state)

    def require(size: int | None) -> None:
        found = fitting()
        if found is not None:
            found.require(size)

    try:
        yield require
    finally:
        engine.dispose()
