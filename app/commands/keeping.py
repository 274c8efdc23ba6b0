"""How the log of one ledger is kept: signed or not, guarded or not, and by which files."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from app.commands.guard import Guard
from app.commands.signer_state import StateFile
from app.commands.signing import EVERY_S, Signer
from app.commands.signing_keys import read_keys
from app.domain.errors import NotSigned
from app.log.note import SigningKey, VerifierKey
from app.store.database import URL, Engine

logger = structlog.get_logger(__name__)

_STOP_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """The keys that sign the log, and the signer's state.

    Without keys the state alone guards the database; without a state nothing does, and
    the log is not signed.
    """

    keys: tuple[SigningKey, ...] = ()
    state: StateFile | None = None

    @property
    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The public halves of the keys."""
        return tuple(key.verifier for key in self.keys)

    def to_sign(self) -> tuple[tuple[SigningKey, ...], StateFile]:
        """Return keys and state; raise `NotSigned` where there are none."""
        if not self.keys or self.state is None:
            raise NotSigned(
                "there is no key to sign with: make one (corrigenda signer keygen) and name its "
                "file in CORRIGENDA_SIGNING_KEY"
            )
        return self.keys, self.state


def keeping_of(name: str, key_file: str, state_file: str) -> Keeping:
    """Return how the ledger of that name is kept; an empty text names no file.

    Raises `Unready` for a key that cannot be used.
    """
    keys = read_keys(Path(key_file), name) if key_file else ()
    if not key_file and not state_file:
        return Keeping()
    path = Path(state_file or f"{key_file}.state")
    return Keeping(keys, StateFile(path, name, tuple(key.verifier for key in keys)))


class Keeper:
    """What keeps the log of a serving process: the guard, and the signer where it signs.

    `engine` reads the database of that address.
    """

    def __init__(self, url: URL, engine: Engine, keeping: Keeping, *, signs: bool) -> None:
        state = keeping.state
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.guard = None if state is None else Guard(engine, state)
        self._signer: Signer | None = None
        if signs and keeping.keys and state is not None:
            self._signer = Signer(url, engine, keeping.keys, state, every=EVERY_S)

    def require_writable(self, size: int | None = None) -> None:
        """Raise `ReadOnly` where the log, of `size` where that is known, must not grow."""
        if self.guard is not None:
            self.guard.require(size)

    def start(self) -> None:
        """Compare the database with what was published, then keep doing so, and sign."""
        if self.guard is None:
            logger.warning("the log is not signed: CORRIGENDA_SIGNING_KEY names no key")
            return
        self.guard.check()
        work = [("guard", self.guard.watch)]
        if self._signer is not None:
            work.append(("signer", self._signer.run))
        for name, run in work:
            thread = threading.Thread(target=run, args=(self._stop,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop both, between two checkpoints."""
        self._stop.set()
        if self._signer is not None:
            self._signer.give_up()
        for thread in self._threads:
            thread.join(_STOP_S)

    def shown(self, published: int | None) -> Mapping[str, Any] | str:
        """Return how the log stands, for those who watch over the process.

        `published` is the size of the newest checkpoint in the database.
        """
        if self.guard is None:
            return "unsigned"
        signer = self._signer
        if self.guard.cause is not None:
            status, cause = "read-only", self.guard.cause
        elif signer is not None and signer.cause is not None:
            status, cause = "stalled", signer.cause
        else:
            return {"status": "signed", "checkpoint": published, "signs": _signs(signer)}
        return {"status": status, "cause": cause, "checkpoint": published, "signs": _signs(signer)}


def _signs(signer: Signer | None) -> bool:
    return signer is not None and signer.is_leading
