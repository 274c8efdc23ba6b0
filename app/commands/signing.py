"""Signing the log: one process at a time, and never against what it signed before.

A checkpoint is written to the signer's state first and to the database after it. Killed in
between, the next signer finds it in the file and enters those very bytes; a signature holds
no time and no chance, so there are never two heads of one size.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import structlog

from app.commands.guard import RUNBOOK, Known, require_fitting, require_held
from app.commands.signer_state import StateFile
from app.commands.submission import utc_now
from app.domain.errors import NotSigned, ReadOnly, Unready
from app.log.checkpoint import Checkpoint, signed_checkpoint
from app.log.errors import LogError
from app.log.note import SigningKey
from app.log.proof import consistency_spans, verify_consistency
from app.log.tiles import span_root
from app.log.tree import Peaks
from app.store.checkpoints import (
    Leader,
    Published,
    leadership,
    newest,
    publish,
    read_peaks,
    tree_root,
)
from app.store.database import URL, Connection, Engine
from app.store.ledger import instant_text
from app.store.tree import node_hashes

logger = structlog.get_logger(__name__)

EVERY_S: Final = 0.2
"""How often the signer looks whether the log has grown."""

_AFTER_A_FAULT_S: Final = 1.0


def sign(
    leader: Leader,
    connection: Connection,
    keys: tuple[SigningKey, ...],
    file: StateFile,
    clock: Callable[[], datetime] = utc_now,
) -> Published | None:
    """Sign and publish the head of the log; return None where that was done already.

    Raises `ReadOnly` where the database is not what was published, `NotSigned` where its
    tree does not extend the newest checkpoint or nobody confirms that it is durable.
    """
    known = require_fitting(connection, file)
    finish(leader, known, clock)
    peaks = read_peaks(connection)
    if peaks.size <= max(known.size, known.reached):
        return None
    leader.wait_until_durable()
    checkpoint = _extension(connection, known, peaks, file.origin)
    note = signed_checkpoint(checkpoint, keys)
    file.write(note)
    published = Published(checkpoint.size, note, instant_text(clock()))
    publish(leader.engine, published)
    return published


def finish(leader: Leader, known: Known, clock: Callable[[], datetime] = utc_now) -> None:
    """Enter the checkpoint that a signer kept and was stopped before it could publish."""
    kept = known.kept
    if kept is not None and known.reached < kept.size:
        publish(leader.engine, Published(kept.size, kept.note, instant_text(clock())))


def _extension(connection: Connection, known: Known, peaks: Peaks, origin: str) -> Checkpoint:
    """Return the checkpoint of the log as it stands; raise `NotSigned` if it extends none.

    The root comes from the stored hashes and from the head, which must agree, and the
    consistency with what was signed last is proved as any witness would have it proved.
    """
    try:
        root = tree_root(connection, peaks.size)
        if root != peaks.root():
            raise NotSigned(
                f"the head of the log and its {peaks.size} entries have different roots; {RUNBOOK}"
            )
        if known.kept is not None:
            _prove_consistency(connection, known.kept.checkpoint, peaks.size, root)
    except (LookupError, LogError) as fault:
        raise NotSigned(f"the log does not extend what was signed: {fault}; {RUNBOOK}") from fault
    return Checkpoint(origin, peaks.size, root)


def _prove_consistency(connection: Connection, old: Checkpoint, size: int, root: bytes) -> None:
    proof = [
        span_root(span, lambda *asked: node_hashes(connection, *asked))
        for span in consistency_spans(old.size, size)
    ]
    verify_consistency(
        old_size=old.size, new_size=size, old_root=old.root, new_root=root, proof=proof
    )


@contextmanager
def leading(url: URL, file: StateFile) -> Iterator[Leader | None]:
    """Give the one signer's place, None where another process has it."""
    with file.locked() as is_ours:
        if not is_ours:
            yield None
            return
        with leadership(url) as leader:
            yield leader


def adopt(connection: Connection, file: StateFile) -> Published:
    """Take the newest checkpoint of the database for the signer's state, and return it.

    For a state that was lost, or an older one that was put back: a person vouches that
    nothing newer was published. Raises `Unready` where the database does not hold
    what that checkpoint, or an older state, says, and where there is nothing to adopt.
    """
    with file.locked() as is_ours:
        if not is_ours:
            raise Unready("a signer is at work with this state; stop it first")
        stored, kept = newest(connection), file.read()
        if stored is None:
            raise NotSigned("no checkpoint was published in this database: there is none to adopt")
        try:
            adopted = file.opened(stored.note).checkpoint
        except LogError as fault:
            raise NotSigned(f"the newest checkpoint is none of this signer's: {fault}") from fault
        for one in (adopted, *(() if kept is None else (kept.checkpoint,))):
            require_held(connection, one)
        file.write(stored.note)
    return stored


class Signer:
    """Signs a log for as long as it runs, whenever it is this process's turn.

    `engine` reads the database of that address; `every` so many seconds it looks for
    what is not signed yet.
    """

    def __init__(
        self,
        url: URL,
        engine: Engine,
        keys: tuple[SigningKey, ...],
        file: StateFile,
        *,
        every: float,
    ) -> None:
        self._url = url
        self._engine = engine
        self._keys = keys
        self._file = file
        self._every = every
        self._leader: Leader | None = None
        self.cause: str | None = None

    @property
    def is_leading(self) -> bool:
        """Whether this process is the one that signs."""
        return self._leader is not None

    def run(self, stop: threading.Event) -> None:
        """Sign until `stop`. What fails is logged and tried again; nothing ends this early."""
        while not stop.is_set():
            try:
                with leading(self._url, self._file) as leader:
                    self._leader = leader
                    if leader is not None:
                        self._lead(leader, stop)
            except (ReadOnly, NotSigned) as fault:
                self._told(fault.message)
            except Exception as fault:
                if not stop.is_set():
                    logger.exception("the signer failed, and tries again")
                    self._told(f"the signer fails: {type(fault).__name__}; the logger has more")
            finally:
                self._leader = None
            stop.wait(_AFTER_A_FAULT_S if self.cause else self._every)

    def _lead(self, leader: Leader, stop: threading.Event) -> None:
        signed = -1
        with self._engine.connect() as connection:
            while not stop.is_set():
                if read_peaks(connection).size != signed:
                    sign(leader, connection, self._keys, self._file)
                    signed = self._file_size()
                    self._told(None)
                stop.wait(self._every)

    def _file_size(self) -> int:
        kept = self._file.read()
        return 0 if kept is None else kept.size

    def _told(self, cause: str | None) -> None:
        if cause is not None and cause != self.cause:
            logger.error("the log is not signed", cause=cause)
        self.cause = cause

    def give_up(self) -> None:
        """Break off what the signer may be waiting for; call it after `stop` is set."""
        leader = self._leader
        if leader is not None:
            leader.give_up()
