"""Inclusion and consistency proofs of RFC 6962, sections 2.1.1 and 2.1.2.

A proof is a list of subtree roots, and which subtrees they are follows from the
sizes alone. So there is one plan for each kind of proof (`inclusion_spans`,
`consistency_spans`): who proves reads the hashes that the plan names, who
verifies folds the hashes it was handed along the same plan.

The functions that verify return nothing and raise `ProofRefused`: an answer
that cannot be overlooked.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import NamedTuple

from app.log.errors import NotAHash, ProofRefused
from app.log.tree import checked_hash, node_hash, root_hash


class Span(NamedTuple):
    """The leaves of one subtree, from `start` up to, but not including, `end`."""

    start: int
    end: int


def inclusion_spans(index: int, size: int) -> tuple[Span, ...]:
    """Return the subtrees whose roots prove leaf `index` of `size`, nearest to it first."""
    if not 0 <= index < size:
        raise ProofRefused(f"leaf {index} is not in a tree of {size}")
    start, end, path = 0, size, list[Span]()
    while end - start > 1:
        split = _split(start, end)
        if index < split:
            path.append(Span(split, end))
            end = split
        else:
            path.append(Span(start, split))
            start = split
    return tuple(reversed(path))


def consistency_spans(old_size: int, new_size: int) -> tuple[Span, ...]:
    """Return the subtrees whose roots prove that `new_size` leaves extend `old_size`.

    The first one ends where the old tree ends, except where the old tree is
    itself one subtree of the new: its root is known, and is left out.
    """
    if not 0 < old_size <= new_size:
        raise ProofRefused(f"no proof leads from {old_size} leaves to {new_size}")
    start, end, path = 0, new_size, list[Span]()
    while end != old_size:
        split = _split(start, end)
        if old_size <= split:
            path.append(Span(split, end))
            end = split
        else:
            path.append(Span(start, split))
            start = split
    if start > 0:
        path.append(Span(start, end))
    return tuple(reversed(path))


def inclusion_proof(index: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return PATH(index, leaves) of section 2.1.1."""
    return _roots(inclusion_spans(index, len(leaf_hashes)), leaf_hashes)


def consistency_proof(old_size: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return PROOF(old_size, leaves) of section 2.1.2."""
    return _roots(consistency_spans(old_size, len(leaf_hashes)), leaf_hashes)


def verify_inclusion(
    *, index: int, size: int, leaf: bytes, root: bytes, proof: Sequence[bytes]
) -> None:
    """Accept that leaf hash `leaf` stands at `index` in the tree of `size` and `root`.

    Raises `ProofRefused` for anything else, hashes of another length included.
    """
    spans = inclusion_spans(index, size)
    _check_lengths((leaf, root, *proof), expected=2 + len(spans))
    node = leaf
    for span, sibling in zip(spans, proof, strict=True):
        node = node_hash(sibling, node) if span.end <= index else node_hash(node, sibling)
    _check_root(node, root)


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Accept that the tree of `new_size` starts with every leaf of the tree of `old_size`.

    Raises `ProofRefused` for anything else. An old tree without leaves is
    refused too: every tree extends it, so there is nothing to prove.
    """
    spans = consistency_spans(old_size, new_size)
    _check_lengths((old_root, new_root, *proof), expected=2 + len(spans))
    steps = list(zip(spans, proof, strict=True))
    # What both trees grow from: the subtree at the end of the old tree.
    shared = steps.pop(0)[1] if spans and spans[0].end == old_size else old_root
    old = new = shared
    for span, sibling in steps:
        if span.start < old_size:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    _check_root(old, old_root)
    _check_root(new, new_root)


def _split(start: int, end: int) -> int:
    # The largest power of two smaller than the number of leaves (2.1).
    return start + (1 << ((end - start - 1).bit_length() - 1))


def _roots(spans: tuple[Span, ...], leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    return tuple(root_hash(leaf_hashes[span.start : span.end]) for span in spans)


def _check_lengths(hashes: tuple[bytes, ...], *, expected: int) -> None:
    if len(hashes) != expected:
        raise ProofRefused(f"this proof has {expected - 2} hashes, not {len(hashes) - 2}")
    try:
        for value in hashes:
            checked_hash(value)
    except NotAHash as error:
        raise ProofRefused(str(error)) from error


def _check_root(computed: bytes, claimed: bytes) -> None:
    if not hmac.compare_digest(computed, claimed):
        raise ProofRefused(f"this proof leads to {computed.hex()}, not to {claimed.hex()}")
