"""The Merkle tree, against published roots and a second, plainer tree."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.log.errors import NotAHash, PeaksRefused
from app.log.tree import Peaks, leaf_hash, node_hash, root_hash

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "tree.json").read_text("utf-8"))
LEAVES = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["roots"]]

HASH_LISTS = st.lists(st.binary(max_size=4).map(leaf_hash), max_size=70)


def plain_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word by word and from the leaves' data."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k = 2 * k
    return hashlib.sha256(b"\x01" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


def grown(hashes: list[bytes]) -> Peaks:
    peaks = Peaks()
    for leaf in hashes:
        peaks = peaks.append(leaf)
    return peaks


def test_the_leaf_hashes_are_the_published_ones() -> None:
    hashes = [leaf_hash(leaf).hex() for leaf in LEAVES]

    assert hashes == VECTORS["leaf_hashes"]


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_roots_are_the_published_ones(size: int) -> None:
    hashes = [leaf_hash(leaf) for leaf in LEAVES[:size]]

    assert root_hash(hashes) == grown(hashes).root() == ROOTS[size]


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_the_root_follows_the_definition(leaves: list[bytes]) -> None:
    assert root_hash([leaf_hash(leaf) for leaf in leaves]) == plain_root(leaves)


@given(HASH_LISTS)
def test_appending_one_by_one_gives_the_root_of_all_leaves(hashes: list[bytes]) -> None:
    peaks = grown(hashes)

    assert peaks.size == len(hashes)
    assert peaks.root() == root_hash(hashes)


@given(HASH_LISTS)
def test_a_head_comes_back_from_its_bytes(hashes: list[bytes]) -> None:
    peaks = grown(hashes)

    stored = peaks.encode()

    assert Peaks.decode(stored) == peaks
    assert len(stored) == 8 + 32 * len(hashes).bit_count()


@given(st.binary(max_size=8 + 3 * 32))
def test_bytes_that_are_read_are_the_bytes_that_would_be_written(data: bytes) -> None:
    try:
        peaks = Peaks.decode(data)
    except PeaksRefused:
        return

    assert peaks.encode() == data


def test_a_head_in_bytes_is_its_size_and_the_largest_subtree_first() -> None:
    hashes = [leaf_hash(leaf) for leaf in LEAVES[:3]]

    stored = grown(hashes).encode()

    assert stored == (3).to_bytes(8, "big") + node_hash(hashes[0], hashes[1]) + hashes[2]


def test_appending_leaves_the_earlier_head_as_it_was() -> None:
    earlier = grown([leaf_hash(b"24")])

    later = earlier.append(leaf_hash(b"30"))

    assert (earlier.size, later.size) == (1, 2)
    assert earlier.root() == leaf_hash(b"24")


def test_the_largest_head_has_64_hashes_and_takes_no_more() -> None:
    full = Peaks(2**64 - 1, (leaf_hash(b""),) * 64)

    assert Peaks.decode(full.encode()) == full
    with pytest.raises(PeaksRefused):
        full.append(leaf_hash(b""))


@pytest.mark.parametrize(("size", "count"), [(0, 1), (1, 0), (2, 2), (3, 1), (-1, 1), (2**64, 1)])
def test_hashes_that_do_not_fit_the_size_are_refused(size: int, count: int) -> None:
    with pytest.raises(PeaksRefused):
        Peaks(size, (leaf_hash(b""),) * count)


@pytest.mark.parametrize("data", [b"", bytes(7), bytes(9), bytes(8 + 31), bytes(8 + 32)])
def test_bytes_that_are_no_head_are_refused(data: bytes) -> None:
    with pytest.raises(PeaksRefused):
        Peaks.decode(data)


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_hash_of_another_length_is_refused_everywhere(wrong: bytes) -> None:
    """A node of two hashes could otherwise pass as a hash of its own."""
    right = leaf_hash(b"")

    for refused in (
        lambda: node_hash(wrong, right),
        lambda: node_hash(right, wrong),
        lambda: root_hash([wrong]),
        lambda: root_hash([right, right, wrong]),
        lambda: Peaks().append(wrong),
        lambda: Peaks(1, (wrong,)),
    ):
        with pytest.raises(NotAHash):
            refused()
