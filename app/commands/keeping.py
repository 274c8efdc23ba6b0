"""How the log of one ledger is kept: signed or not, guarded or not, and by which files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.commands.signer_state import StateFile
from app.commands.signing_keys import read_keys
from app.domain.errors import NotSigned
from app.log.note import SigningKey, VerifierKey


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
