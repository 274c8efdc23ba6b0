"""One proof as a file (C2SP tlog-proof, version 1): that the log holds an entry.

    c2sp.org/tlog-proof@v1
    extra <base64>                  may be left out; nothing vouches for it
    index <decimal, from 0>
    <base64 of a hash>              the inclusion proof, the leaf's sibling first

    <the checkpoint, a signed note>

With the entry and the log's verifier key it needs nothing else to be checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.log.c2sp import SIZE_END, decode_base64, decode_size, encode_base64
from app.log.checkpoint import Checkpoint, open_checkpoint
from app.log.errors import LineRefused, NotAHash, NoteRefused, ProofRefused
from app.log.note import VerifierKey, parse_note
from app.log.proof import verify_inclusion
from app.log.tree import checked_hash

_HEADER = "c2sp.org/tlog-proof@v1"
_EXTRA = "extra "
_INDEX = "index "


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An inclusion proof beside the checkpoint it leads to; raises `ProofRefused`.

    `checkpoint` is a signed note, word for word. `extra` is whatever its writer
    added: no signature covers it.
    """

    index: int
    proof: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index < SIZE_END:
            raise ProofRefused(f"an index lies from 0 to 2^63 - 1, not {self.index}")
        try:
            for value in self.proof:
                checked_hash(value)
            parse_note(self.checkpoint)
        except (NotAHash, NoteRefused) as error:
            raise ProofRefused(str(error)) from error

    @property
    def text(self) -> str:
        """The file; its name should end in `.tlog-proof`."""
        extra = [] if self.extra is None else [_EXTRA + encode_base64(self.extra)]
        index = f"{_INDEX}{self.index}"
        lines = (_HEADER, *extra, index, *map(encode_base64, self.proof))
        return "".join(f"{line}\n" for line in lines) + f"\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> TlogProof:
        """Return the proof that `.text` writes so; nothing is verified yet.

        Raises `ProofRefused` for every other spelling.
        """
        head, _, checkpoint = text.partition("\n\n")
        header, *lines = head.split("\n")
        if header != _HEADER:
            raise ProofRefused(f"a proof begins with the line {_HEADER}")
        try:
            extra = decode_base64(_after(_EXTRA, lines)) if _starts(_EXTRA, lines) else None
            index = decode_size(_after(_INDEX, lines))
            return cls(index, tuple(map(decode_base64, lines)), checkpoint, extra)
        except LineRefused as error:
            raise ProofRefused(str(error)) from error


def verify_tlog_proof(text: str, leaf: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Accept that leaf hash `leaf` is in the log, and return the checkpoint that says so.

    Raises `ProofRefused`, and what `open_checkpoint` raises. The checkpoint's
    origin is for the caller to compare, where it has keys of several logs.
    """
    proof = TlogProof.parse(text)
    checkpoint = open_checkpoint(proof.checkpoint, keys)
    verify_inclusion(
        index=proof.index,
        size=checkpoint.size,
        leaf=leaf,
        root=checkpoint.root,
        proof=proof.proof,
    )
    return checkpoint


def _starts(word: str, lines: list[str]) -> bool:
    return bool(lines) and lines[0].startswith(word)


def _after(word: str, lines: list[str]) -> str:
    """Take the first line away and return what stands after `word` in it."""
    if not _starts(word, lines):
        raise LineRefused(f"a line with {word.strip()} is missing")
    return lines.pop(0).removeprefix(word)
