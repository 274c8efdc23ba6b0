"""Scrubbing the disk: what a database keeps of content after its rows were blanked.

A blanked row is not a blank disk. SQLite keeps copies in its write-ahead log, in pages
that it moved, and in FTS5 until that is optimised. PostgreSQL keeps them in dead rows
until VACUUM FULL, in `pg_statistic` until that is made anew, and in segments of its
write-ahead log until they are removed, which it does not do but recycles them.

`scrub` does what the database needs as far as the role may, and says what is left to
whom. It cannot reach backups, replicas, archived segments and snapshots of the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from app.domain.errors import Unwritable
from app.store.database import sqlite_file
from app.store.tables import RECORD_TABLES

TOUCHED: Final = (
    "change", "header", *RECORD_TABLES, "search", "proposal_draft", "proposal_change",
    "proposal_event",
)  # fmt: skip
"""The tables whose rows held content, each rewritten with its indexes."""

_WAIT_S: Final = 10
_WAIT_SQLITE_MS: Final = 2_000
_ROUNDS: Final = 4


@dataclass(slots=True)
class Scrubbed:
    """What was done, in the order in which it was, and what is left to an administrator."""

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def scrub(engine: Engine) -> Scrubbed:
    """Overwrite or remove what the database's files still hold of blanked content.

    Nobody can write meanwhile, on PostgreSQL nobody can read a table while it is
    rewritten. Raises `Unwritable` where others hold the database so that it cannot be
    done; what was redacted stays redacted, and it can be tried again.
    """
    if engine.dialect.name == "sqlite":
        return _scrub_sqlite(engine)
    return _scrub_postgresql(engine)


# --- SQLite -----------------------------------------------------------------------


def _scrub_sqlite(engine: Engine) -> Scrubbed:
    found = Scrubbed()
    connection = engine.raw_connection()
    try:
        driver: Any = connection.driver_connection
        # Its copy of the whole file must not be made in memory.
        driver.execute("PRAGMA temp_store = FILE")
        driver.execute(f"PRAGMA busy_timeout = {_WAIT_SQLITE_MS}")
        _alone(driver, "INSERT INTO search_index (search_index) VALUES ('optimize')", engine)
        found.done.append("search index optimised")
        _alone(driver, "VACUUM", engine)
        found.done.append("file written anew (VACUUM)")
        busy, *_ = _alone(driver, "PRAGMA wal_checkpoint(TRUNCATE)", engine).fetchone()
        if busy:
            raise _held(engine)
        found.done.append("write-ahead log moved into the file and truncated")
    finally:
        connection.invalidate()  # its settings are not those of the others
    return found


def _alone(driver: Any, statement: str, engine: Engine) -> Any:
    """Run a statement that nobody else may be in the way of."""
    try:
        return driver.execute(statement)
    except sqlite3.OperationalError as fault:
        if "locked" in str(fault) or "busy" in str(fault):
            raise _held(engine) from fault
        raise


def _held(engine: Engine) -> Unwritable:
    return Unwritable(
        f"others are using {sqlite_file(engine.url)}, so its old pages and its write-ahead log "
        "still hold what was redacted; stop the server and every other command, then run "
        "'corrigenda scrub'"
    )


# --- PostgreSQL -------------------------------------------------------------------


def _scrub_postgresql(engine: Engine) -> Scrubbed:
    found = Scrubbed()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{_WAIT_S}s'")
        for table in TOUCHED:
            _try(connection, found, f'VACUUM (FULL, ANALYZE) "{table}"', f"{table} written anew")
        _try(connection, found, "VACUUM (FULL) pg_statistic", "statistics written anew")
        _remove_segments(connection, found)
    return found


def _try(connection: Connection, found: Scrubbed, statement: str, said: str) -> bool:
    """Run a statement; what the role may not do is left to who may."""
    before = len(_notices(connection))
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as fault:
        state = getattr(fault.orig, "sqlstate", None)
        if state not in ("42501", "55P03"):
            raise
        why = "somebody held the table" if state == "55P03" else "this role may not"
        found.left.append(f"{statement};  -- {why}")
        return False
    # VACUUM only warns, and goes past, what the role does not own.
    if any("permission denied" in one for one in _notices(connection)[before:]):
        found.left.append(f"{statement};  -- this role may not")
        return False
    found.done.append(said)
    return True


def _notices(connection: Connection) -> list[str]:
    driver: Any = connection.connection.driver_connection
    if not hasattr(driver, "corrigenda_notices"):
        driver.corrigenda_notices = []
        driver.add_notice_handler(
            lambda notice: driver.corrigenda_notices.append(notice.message_primary or "")
        )
    notices: list[str] = driver.corrigenda_notices
    return notices


def _remove_segments(connection: Connection, found: Scrubbed) -> None:
    """Have every segment of the write-ahead log that is there now be removed.

    A checkpoint renames old segments for later use, with what they hold: so that is
    switched off for the time, and the log is moved past all that were prepared.
    """
    kept = set[str]()
    try:
        before = _segments(connection)
        with _no_recycling(connection):
            for _ in range(_ROUNDS):
                for _ in range(len(_segments(connection)) + 1):
                    connection.exec_driver_sql("SELECT pg_logical_emit_message(false, '', '')")
                    connection.exec_driver_sql("SELECT pg_switch_wal()")
                connection.exec_driver_sql("CHECKPOINT")
                kept = before & _segments(connection)
                if not kept:
                    break
    except DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) != "42501":
            raise
        found.left.append(
            "as a superuser: run 'corrigenda scrub' with a superuser's --database-url, or "
            "ALTER SYSTEM SET wal_recycle = off; SELECT pg_reload_conf(); then pg_switch_wal() "
            "and CHECKPOINT until no segment of today is in pg_wal; ALTER SYSTEM RESET wal_recycle;"
        )
        return
    if kept:
        found.left.append(
            f"{len(kept)} segments of the write-ahead log are kept for a replica, a slot or an "
            "archive; run 'corrigenda scrub' again once they are taken"
        )
    else:
        found.done.append(f"{len(before)} segments of the write-ahead log removed")


def _segments(connection: Connection) -> set[str]:
    query = "SELECT name FROM pg_ls_waldir() WHERE length(name) = 24"
    return set(connection.exec_driver_sql(query).scalars())


@contextmanager
def _no_recycling(connection: Connection) -> Iterator[None]:
    connection.exec_driver_sql("ALTER SYSTEM SET wal_recycle = off")
    connection.exec_driver_sql("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        connection.exec_driver_sql("ALTER SYSTEM RESET wal_recycle")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
