"""The Merkle tree of RFC 6962, section 2.1, over SHA-256.

    MTH({})      = SHA-256()
    MTH({d})     = SHA-256(00 || d)
    MTH(D[0:n])  = SHA-256(01 || MTH(D[0:k]) || MTH(D[k:n])),  k < n the largest power of two

Pure functions on hashes. Reading and storing them is done on a higher floor.
Proofs about the tree are in `app.log.proof`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.log.errors import NotAHash, PeaksRefused

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""

_LEAF_PREFIX = b"\x00"
_NODE_PREFIX = b"\x01"
_SIZE_BYTES = 8


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf; its prefix keeps it from passing as a node."""
    return hashlib.sha256(_LEAF_PREFIX + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node over two subtrees; raises `NotAHash`."""
    return hashlib.sha256(_NODE_PREFIX + checked_hash(left) + checked_hash(right)).digest()


def root_hash(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaves in order, given as leaf hashes; raises `NotAHash`.

    Works upwards in pairs: a last node without a partner moves up as it is,
    which gives the same tree as splitting at the largest power of two.
    """
    level = [checked_hash(leaf) for leaf in leaf_hashes]
    while len(level) > 1:
        level = _parents(level)
    return level[0] if level else EMPTY_ROOT


def _parents(level: list[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    unpaired = level[-1:] if len(level) % 2 else []
    return [node_hash(left, right) for left, right in pairs] + unpaired


def checked_hash(value: bytes) -> bytes:
    """Return `value` if it has the length of a SHA-256; raises `NotAHash`."""
    if len(value) != HASH_BYTES:
        raise NotAHash(len(value))
    return value


@dataclass(frozen=True, slots=True)
class Peaks:
    """The head of a growing tree: all that is needed to append and to know the root.

    `hashes` are the roots of the complete subtrees that the tree is made of, the
    largest (leftmost) first: one for each 1 among the bits of `size`, so never
    more than 64. `Peaks()` is the empty tree. Raises `PeaksRefused`, `NotAHash`.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size < 1 << (8 * _SIZE_BYTES):
            raise PeaksRefused(f"a tree has between 0 and 2^64 - 1 leaves, not {self.size}")
        if len(self.hashes) != self.size.bit_count():
            raise PeaksRefused(f"{len(self.hashes)} peaks do not make a tree of {self.size} leaves")
        for peak in self.hashes:
            checked_hash(peak)

    def append(self, leaf: bytes) -> Peaks:
        """Return the head after one more leaf hash, in as many steps as peaks merge."""
        roots = self.completed_by(leaf)
        kept = self.hashes[: len(self.hashes) - len(roots) + 1]
        return Peaks(self.size + 1, (*kept, roots[-1]))

    def completed_by(self, leaf: bytes) -> tuple[bytes, ...]:
        """Return the roots of the complete subtrees that one more leaf hash ends.

        Of 1, 2, 4 … leaves, in this order: the first is the leaf hash itself, the
        last the new peak.
        """
        roots, size = [checked_hash(leaf)], self.size
        # Counting up by one carries over every trailing 1, and so do the peaks.
        while size & 1:
            roots.append(node_hash(self.hashes[-len(roots)], roots[-1]))
            size >>= 1
        return tuple(roots)

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        if not self.hashes:
            return EMPTY_ROOT
        *larger, node = self.hashes
        for peak in reversed(larger):
            node = node_hash(peak, node)
        return node

    def encode(self) -> bytes:
        """Return the head as bytes: size (8, big-endian), then the hashes, 32 each."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self.hashes)

    @classmethod
    def decode(cls, data: bytes) -> Peaks:
        """Return the head that `encode` wrote; raises `PeaksRefused` for any other bytes."""
        size, joined = data[:_SIZE_BYTES], data[_SIZE_BYTES:]
        if len(size) != _SIZE_BYTES or len(joined) % HASH_BYTES:
            raise PeaksRefused(f"{len(data)} bytes are not a size of 8 and hashes of {HASH_BYTES}")
        starts = range(0, len(joined), HASH_BYTES)
        hashes = tuple(joined[start : start + HASH_BYTES] for start in starts)
        return cls(int.from_bytes(size, "big"), hashes)
