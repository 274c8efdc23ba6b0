"""Whether the database is what was published of it, and read-only where it is not.

An old backup, a failover that lost what was acknowledged, and a history that somebody
wrote anew look alike from inside the database. They are found by comparing it with the
newest checkpoint that the signer kept outside. Until it fits again, the log does not grow:
what was written on top of another past could never be joined to what was published.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final

import structlog

from app.commands.signer_state import Kept, StateFile
from app.domain.errors import ReadOnly
from app.log.checkpoint import Checkpoint
from app.log.errors import LogError
from app.log.note import parse_note
from app.store.checkpoints import Published, newest, read_peaks, tree_root
from app.store.database import Connection, Engine

logger = structlog.get_logger(__name__)

FRESH_S: Final = 2.0
"""How long a verdict holds; whoever looks after it looks more often."""

EVERY_S: Final = 1.0
"""How often a server compares the database with what was published."""

RUNBOOK: Final = "see docs/runbook-log.md"


@dataclass(frozen=True, slots=True)
class Known:
    """What was published of a database that fits it: by the signer's file, and by the table.

    `reached` is the size of the table's newest checkpoint, also of one that went out under
    an earlier name of the ledger: the table takes none that is not beyond it.
    """

    kept: Kept | None
    reached: int

    @property
    def size(self) -> int:
        """How many entries were published."""
        return 0 if self.kept is None else self.kept.size


def require_fitting(connection: Connection, file: StateFile) -> Known:
    """Return what was published, all of which this database has; raise `ReadOnly`.

    The table is read first, then the file, then the log: each grows before the one that
    is read before it, so a signer at work is not taken for a fault.
    """
    stored = newest(connection)
    reached = 0 if stored is None else stored.size
    ours = None if stored is None else _read(stored, file.origin)
    kept = file.read()
    if kept is None:
        if ours is not None:
            raise ReadOnly(
                f"positions up to {ours.size} were published, and the signer's state {file.path} "
                f"is not there: put it back, or run `corrigenda signer adopt`; {RUNBOOK}"
            )
        return Known(None, reached)
    require_held(connection, kept.checkpoint)
    if ours is not None:
        _require_agreeing(connection, ours, kept.checkpoint, file)
    return Known(kept, reached)


def _read(stored: Published, origin: str) -> Checkpoint | None:
    """Return the checkpoint of a row; None for one that went out under another name."""
    try:
        checkpoint = Checkpoint.parse(parse_note(stored.note).text)
    except LogError as fault:
        raise ReadOnly(
            f"the newest checkpoint in the database cannot be read: {fault}; {RUNBOOK}"
        ) from fault
    if checkpoint.size != stored.size:
        raise ReadOnly(
            f"the newest checkpoint in the database says {checkpoint.size} entries and stands "
            f"under {stored.size}; {RUNBOOK}"
        )
    return checkpoint if checkpoint.origin == origin else None


def require_held(connection: Connection, published: Checkpoint) -> None:
    """Raise `ReadOnly` unless the database begins with every entry of a checkpoint."""
    size = read_peaks(connection).size
    if size < published.size:
        raise ReadOnly(
            f"{_positions(size + 1, published.size)} published and not in this database: "
            f"restore a newer backup; {RUNBOOK}"
        )
    if _root(connection, published.size) != published.root:
        raise ReadOnly(
            f"this database has another history than was published: its positions 1 to "
            f"{published.size} do not lead to the root of the newest checkpoint; {RUNBOOK}"
        )


def _positions(first: int, last: int) -> str:
    return f"position {first} was" if first == last else f"positions {first} to {last} were"


def _root(connection: Connection, size: int) -> bytes:
    try:
        return tree_root(connection, size)
    except LookupError as fault:
        raise ReadOnly(f"the log's hashes are incomplete: {fault}; {RUNBOOK}") from fault


def _require_agreeing(
    connection: Connection, stored: Checkpoint, kept: Checkpoint, file: StateFile
) -> None:
    if stored.size > kept.size:
        raise ReadOnly(
            f"the database has a checkpoint of {stored.size} entries, and the signer's state "
            f"{file.path} is older, of {kept.size}: put the newer file back, or run "
            f"`corrigenda signer adopt`; {RUNBOOK}"
        )
    root = kept.root if stored.size == kept.size else _root(connection, stored.size)
    if stored.root != root:
        raise ReadOnly(
            f"the checkpoint of {stored.size} entries in the database has another root than the "
            f"log and the signer's state {file.path}; {RUNBOOK}"
        )


class Guard:
    """The verdict on one database, as fresh as `FRESH_S`; asked before the log grows."""

    def __init__(self, engine: Engine, file: StateFile) -> None:
        self._engine = engine
        self._file = file
        self._checking = threading.Lock()
        self._checked_at = float("-inf")
        self._published = 0
        self.cause: str | None = None

    def check(self) -> None:
        """Compare anew. The logger hears of it when the verdict changes."""
        with self._checking:
            before, cause = self.cause, None
            try:
                with self._engine.connect() as connection:
                    self._published = require_fitting(connection, self._file).size
            except ReadOnly as fault:
                cause = fault.message
            self.cause, self._checked_at = cause, time.monotonic()
        if cause is not None and cause != before:
            logger.error("read-only", cause=cause)
        elif cause is None and before is not None:
            logger.warning("no longer read-only: the database is what was published")

    def require(self, size: int | None = None) -> None:
        """Raise `ReadOnly` unless the log, of `size` where that is known, may grow."""
        if time.monotonic() - self._checked_at > FRESH_S:
            self.check()
        if self.cause is not None:
            raise ReadOnly(self.cause)
        if size is not None and size < self._published:
            raise ReadOnly(
                f"{_positions(size + 1, self._published)} published and not in this database: "
                f"restore a newer backup; {RUNBOOK}"
            )

    def watch(self, stop: threading.Event) -> None:
        """Keep the verdict fresh until `stop`."""
        while not stop.wait(EVERY_S):
            try:
                self.check()
            except Exception:
                # The verdict grows old, and the next writer asks for itself.
                logger.exception("the database cannot be compared with what was published")
