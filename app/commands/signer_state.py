"""The signer's memory outside the database: the newest checkpoint that it let go.

The file holds the signed note itself, so anybody can read it and keep a copy. It is
written before the database is, and moves forward alone: a database that is older, or
another, is found out by it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.domain.errors import ReadOnly, Unready
from app.log.checkpoint import Checkpoint, open_checkpoint
from app.log.errors import LogError
from app.log.note import MAX_NOTE_BYTES, VerifierKey, parse_note

_FOR_ALL_TO_READ: Final = 0o644


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint with the note that says it."""

    note: str
    checkpoint: Checkpoint

    @property
    def size(self) -> int:
        """How many entries it is of."""
        return self.checkpoint.size


@dataclass(frozen=True, slots=True)
class StateFile:
    """Where the signer of the log `origin` keeps its newest checkpoint.

    `keys` are those that may have signed it; without any, whoever can write the file
    is believed.
    """

    path: Path
    origin: str
    keys: tuple[VerifierKey, ...] = ()

    def read(self) -> Kept | None:
        """Return what is kept, None where the file is not there; raise `ReadOnly` otherwise."""
        try:
            with self.path.open("rb") as file:
                note = file.read(MAX_NOTE_BYTES + 1).decode("utf-8")
            return self.opened(note)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, LogError) as fault:
            raise ReadOnly(
                # Clients hear of it as well, and where the file lies is nothing to them.
                f"the signer's state {self.path.name} cannot be relied on: {_told(fault)}. Put "
                "back the file as the signer wrote it; see docs/runbook-log.md"
            ) from fault

    def opened(self, note: str) -> Kept:
        """Return a note of this log with the checkpoint that it says; raise `LogError`."""
        if self.keys:
            checkpoint = open_checkpoint(note, self.keys)
        else:
            checkpoint = Checkpoint.parse(parse_note(note).text)
        if checkpoint.origin != self.origin:
            raise _OtherLog(f"it is of the log {checkpoint.origin!r}, not of {self.origin!r}")
        return Kept(note, checkpoint)

    def write(self, note: str) -> None:
        """Keep another checkpoint: after a crash the old one or the new one is there, whole."""
        folder = self.path.parent
        handle, name = tempfile.mkstemp(dir=folder, prefix=f"{self.path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(note.encode("utf-8"))
                os.fchmod(file.fileno(), _FOR_ALL_TO_READ)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(folder)

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Tell whether this process is the one of this machine that may write the file.

        The lock goes with its holder, however that ends.
        """
        try:
            import fcntl  # noqa: PLC0415 - not on every system, and needed to sign alone
        except ImportError:
            raise Unready("signing needs a system with file locks, such as Linux") from None
        handle = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)


class _OtherLog(LogError):
    """A checkpoint of another log than the one at hand."""

    code = "OTHER_LOG"


def _told(fault: Exception) -> str:
    if isinstance(fault, OSError):
        return str(fault.strerror)
    return "it is not UTF-8" if isinstance(fault, UnicodeDecodeError) else str(fault)


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
