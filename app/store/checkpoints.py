"""The published checkpoints as they are stored, and what a signer reads and locks.

A row of `checkpoint` was published: the database neither changes nor takes it back, and
takes one of each size alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from app.domain.errors import NotSigned
from app.log.proof import Span
from app.log.tiles import span_root
from app.log.tree import EMPTY_ROOT, Peaks
from app.store import tables
from app.store.database import SIGNER_LOCK, Engine, open_engine, write_transaction
from app.store.tree import node_hashes

_T: Final = tables.metadata.tables
_head, _checkpoint = _T["head"], _T["checkpoint"]


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint that went out: the whole signed note, and when it was signed."""

    size: int
    note: str
    signed_at: str


def newest(connection: Connection) -> Published | None:
    """Return the newest checkpoint; None where none was published."""
    return _one(connection, _select().order_by(_checkpoint.c.size.desc()).limit(1))


def of_size(connection: Connection, size: int) -> Published | None:
    """Return the checkpoint of a size; None where none of it was published."""
    return _one(connection, _select().where(_checkpoint.c.size == size))


def _select() -> sa.Select[Any]:
    return sa.select(_checkpoint.c.size, _checkpoint.c.note, _checkpoint.c.signed_at)


def _one(connection: Connection, query: sa.Select[Any]) -> Published | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else Published(*row)


def read_peaks(connection: Connection) -> Peaks:
    """Return the head of the log: its size and its peaks."""
    size, peaks = connection.execute(sa.select(_head.c.size, _head.c.peaks)).one()
    decoded = Peaks.decode(bytes(peaks))
    if decoded.size != size:
        raise LookupError(f"the head says {size} entries, its peaks {decoded.size}")
    return decoded


def tree_root(connection: Connection, size: int) -> bytes:
    """Return the root over the first `size` entries, worked out from the stored hashes.

    Raises `LookupError` where they are not all there.
    """
    if size == 0:
        return EMPTY_ROOT

    def stored(level: int, first: int, end: int) -> Any:
        return node_hashes(connection, level, first, end)

    return span_root(Span(0, size), stored)


def publish(engine: Engine, checkpoint: Published) -> None:
    """Enter a signed checkpoint; raise `Unwritable` where the database refuses writes."""
    with write_transaction(engine) as connection:
        connection.execute(_checkpoint.insert().values(
            size=checkpoint.size, note=checkpoint.note, signed_at=checkpoint.signed_at
        ))  # fmt: skip


# --- one signer ---------------------------------------------------------------


class Leader:
    """The database as the one process has it that signs.

    On PostgreSQL a session that holds an advisory lock: where its connection dies, the
    lock goes, and `wait_until_durable` fails before anything is signed. On SQLite a
    database is of one machine, and the lock of the signer's state file is enough.
    """

    def __init__(self, engine: Engine, session: Connection | None) -> None:
        self.engine = engine
        self._session = session
        self._warnings: list[str] = []
        self._driver: Any = None if session is None else session.connection.driver_connection
        if self._driver is not None:
            self._driver.add_notice_handler(
                lambda notice: self._warnings.append(notice.sqlstate or "")
            )

    def wait_until_durable(self) -> None:
        """Return once all that can be read now survives a crash, and a failover.

        A transaction that writes to the journal, committed after what was read: its
        commit waits for the disk, and with `synchronous_standby_names` for the quorum.
        A wait that is broken off is no error to PostgreSQL, only a warning, so any
        warning is a refusal here, `NotSigned`. SQLite's commits are on disk.
        """
        if self._session is None:
            return
        self._warnings.clear()
        with self._session.begin():
            self._session.execute(sa.text("SET LOCAL synchronous_commit = on"))
            self._session.execute(sa.text("SELECT pg_logical_emit_message(true, 'corrigenda', '')"))
        if self._warnings:
            raise NotSigned("the database did not confirm that what it holds is durable")

    def give_up(self) -> None:
        """Break off a wait, from another thread; a connection that is gone waits for nothing."""
        if self._driver is not None and not self._driver.closed:
            self._driver.cancel_safe(timeout=1)


@contextmanager
def leadership(url: URL) -> Iterator[Leader | None]:
    """Give the signer's place among all that write to this database, None where it is taken."""
    engine = open_engine(url, pool_size=2)
    try:
        if url.get_backend_name() == "sqlite":
            yield Leader(engine, None)
            return
        with engine.connect() as session:
            session.execution_options(isolation_level="READ COMMITTED")
            with session.begin():
                query = sa.text("SELECT pg_try_advisory_lock(:key)")
                is_ours = session.execute(query, {"key": SIGNER_LOCK}).scalar_one()
            yield Leader(engine, session) if is_ours else None
            # A session of the pool would keep the lock.
            session.invalidate()
    finally:
        engine.dispose()
