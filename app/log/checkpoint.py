"""Checkpoints (C2SP tlog-checkpoint): what the log says of itself, and signs.

    example.org/corrigenda                          its origin
    8                                               how many entries it has
    Xcnaeac...base64 of 32 bytes...                 the root over them

In a signed note (`app.log.note`) these lines bind the log to every entry up to
that size. Whether two checkpoints fit together is `verify_consistency`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.log.c2sp import SIZE_END, check_line, decode_base64, decode_size, encode_base64
from app.log.errors import CheckpointRefused, LineRefused
from app.log.note import SigningKey, VerifierKey, open_note, sign_note
from app.log.tree import EMPTY_ROOT, HASH_BYTES

_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the log named `origin`: the root over its first `size` entries.

    `extensions` are further lines that other logs may add; ours adds none.
    Raises `CheckpointRefused` for what a checkpoint cannot say.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            _check_line(line)
        if not 0 <= self.size < SIZE_END:
            raise CheckpointRefused(f"a tree has from 0 to 2^63 - 1 leaves, not {self.size}")
        if len(self.root) != HASH_BYTES:
            raise CheckpointRefused(f"a root has {HASH_BYTES} bytes, not {len(self.root)}")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise CheckpointRefused("the tree without leaves has another root than this one")

    @property
    def text(self) -> str:
        """The lines that are signed, each with its line end."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Return the checkpoint that `.text` writes so, without asking who says it.

        Raises `CheckpointRefused` for every other spelling.
        """
        lines = text.split("\n")
        if lines.pop() or len(lines) < _LINES:
            raise CheckpointRefused("a checkpoint has three lines or more, each with its line end")
        origin, size, root, *extensions = lines
        try:
            return cls(origin, decode_size(size), decode_base64(root), tuple(extensions))
        except LineRefused as error:
            raise CheckpointRefused(f"size or root: {error}") from error


def open_checkpoint(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Return the checkpoint of a note that the log itself signed with one of `keys`.

    Raises `NoteRefused` where the signatures do not hold, `CheckpointRefused`
    where the text is no checkpoint or none of them is of the origin's name: a
    witness alone does not speak for a log.
    """
    opened = open_note(note, keys)
    checkpoint = Checkpoint.parse(opened.text)
    if checkpoint.origin not in {signature.name for signature in opened.signatures}:
        raise CheckpointRefused(f"no known key of the name {checkpoint.origin} signed this")
    return checkpoint


def signed_checkpoint(checkpoint: Checkpoint, keys: Sequence[SigningKey]) -> str:
    """Return the note that `open_checkpoint` opens, signed by each key in order.

    The same checkpoint and keys give the same bytes. Raises `CheckpointRefused`
    where no key has the origin's name: nobody could open that note.
    """
    if checkpoint.origin not in {key.name for key in keys}:
        raise CheckpointRefused(f"a key of the name {checkpoint.origin} has to sign this")
    return sign_note(checkpoint.text, keys)


def _check_line(line: str) -> None:
    try:
        check_line(line)
    except LineRefused as error:
        raise CheckpointRefused(f"origin or extension: {error}") from error
