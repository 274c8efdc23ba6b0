"""Every way in which bytes are refused by the log.

    LogError                a ValueError: what was given cannot be logged or verified
    ├── NotCanonical        NOT_CANONICAL     a value that canonical JSON cannot write
    ├── NotBase64url        NOT_BASE64URL     text that is not the one encoding of any bytes
    ├── LineRefused         LINE_REFUSED      a number, base64 or line that C2SP's texts cannot hold
    ├── NotADisclosure      NOT_A_DISCLOSURE  text or parts that make no disclosure of this ledger
    ├── NotAHash            NOT_A_HASH        bytes of another length than a SHA-256
    ├── PeaksRefused        PEAKS_REFUSED     a head whose hashes do not fit its size
    ├── ProofRefused        PROOF_REFUSED     a proof that does not prove what it should
    ├── EntryRefused        ENTRY_REFUSED     a member that the log's documents cannot hold
    ├── KeyRefused          KEY_REFUSED       a key of a name, length or id that cannot be
    ├── NoteRefused         NOTE_REFUSED      text that is no note, or that nobody known signed
    ├── CheckpointRefused   CHECKPOINT_REFUSED  a note that states no head of the log it names
    ├── TileRefused         TILE_REFUSED      a path or bytes that are no tile of any tree
    └── NotVerified         NOT_VERIFIED      a log, or a copy of it, that contradicts itself

Towards writers they are defects of the caller (it validated nothing, or reused
a salt); towards a verifier they are findings about the bytes it was handed.
"""

from __future__ import annotations

from typing import ClassVar


class LogError(ValueError):
    """The root of what this folder raises on purpose."""

    code: ClassVar[str]


class NotCanonical(LogError):
    """A value that RFC 8785 cannot write, or cannot write without loss."""

    code = "NOT_CANONICAL"


class NotBase64url(LogError):
    """Text with padding, foreign characters, or stray bits after the last byte."""

    code = "NOT_BASE64URL"


class LineRefused(LogError):
    """A line with a second way to write it: a padded number, base64 that was stretched."""

    code = "LINE_REFUSED"


class NotADisclosure(LogError):
    """A disclosure that could not be derived again from its salt, name and value."""

    code = "NOT_A_DISCLOSURE"


class NotAHash(LogError):
    """A hash that is not exactly 32 bytes; `length` says how many it has."""

    code = "NOT_A_HASH"

    def __init__(self, length: int) -> None:
        super().__init__(f"a SHA-256 hash has 32 bytes, not {length}")
        self.length = length


class PeaksRefused(LogError):
    """A head whose number of hashes does not follow from its size."""

    code = "PEAKS_REFUSED"


class ProofRefused(LogError):
    """A proof of the wrong length or form, or one that leads to another root."""

    code = "PROOF_REFUSED"


class EntryRefused(LogError):
    """A member that may not stand in the log; `member` names it, in the entry's own words."""

    code = "ENTRY_REFUSED"

    def __init__(self, *, member: str, message: str) -> None:
        super().__init__(f"{member}: {message}")
        self.member = member
        self.message = message


class KeyRefused(LogError):
    """A verifier key or signing key that is not written as notes write them.

    The message never repeats the key's text: it could be the secret one.
    """

    code = "KEY_REFUSED"


class NoteRefused(LogError):
    """Text that is not a signed note, or one whose signatures do not hold."""

    code = "NOTE_REFUSED"


class CheckpointRefused(LogError):
    """A checkpoint with a fault in a line, or without a signature of its own log."""

    code = "CHECKPOINT_REFUSED"


class TileRefused(LogError):
    """A tile's path, hashes or entries that no tree of fewer than 2^63 leaves has."""

    code = "TILE_REFUSED"


class NotVerified(LogError):
    """The first thing that does not hold in a log; `finding` says which sort of failure it is.

    `position`, `record`, `field` and `file` say where, as far as that is known.
    """

    code = "NOT_VERIFIED"

    def __init__(  # noqa: PLR0913 - where a thing is wrong has many sides
        self,
        finding: str,
        message: str,
        *,
        position: int | None = None,
        record: str | None = None,
        field: str | None = None,
        file: str | None = None,
    ) -> None:
        super().__init__(message)
        self.finding = finding
        self.message = message
        self.position = position
        self.record = record
        self.field = field
        self.file = file
