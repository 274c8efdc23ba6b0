"""Proofs: what holds is proved, and nothing else is."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.log.errors import ProofRefused
from app.log.proof import (
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from app.log.tree import leaf_hash, root_hash

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "tree.json").read_text("utf-8"))
HASHES = [bytes.fromhex(value) for value in VECTORS["leaf_hashes"]]

SIZES = st.integers(1, 70)


def leaves(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def flipped(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]


@pytest.mark.parametrize("case", VECTORS["inclusion"], ids=lambda c: f"{c['index']} of {c['size']}")
def test_an_inclusion_proof_is_the_published_one(case: dict[str, Any]) -> None:
    proof = inclusion_proof(case["index"], HASHES[: case["size"]])

    assert [value.hex() for value in proof] == case["proof"]


@pytest.mark.parametrize("case", VECTORS["consistency"], ids=lambda c: f"{c['old']} to {c['new']}")
def test_a_consistency_proof_is_the_published_one(case: dict[str, Any]) -> None:
    proof = consistency_proof(case["old"], HASHES[: case["new"]])

    assert [value.hex() for value in proof] == case["proof"]


@given(SIZES, st.data())
def test_every_leaf_is_proved_and_no_other_in_its_place(size: int, data: st.DataObject) -> None:
    tree = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index) | st.just(size))
    root, proof = root_hash(tree), inclusion_proof(index, tree)

    verify_inclusion(index=index, size=size, leaf=tree[index], root=root, proof=proof)

    with pytest.raises(ProofRefused):
        verify_inclusion(index=other, size=size, leaf=tree[index], root=root, proof=proof)
    with pytest.raises(ProofRefused):
        verify_inclusion(index=index, size=size, leaf=leaf_hash(b"x"), root=root, proof=proof)


@given(SIZES, SIZES)
def test_every_earlier_head_is_proved_to_be_continued(one: int, another: int) -> None:
    old, new = sorted((one, another))
    tree = leaves(new)
    old_root, new_root = root_hash(tree[:old]), root_hash(tree)
    proof = consistency_proof(old, tree)

    verify_consistency(
        old_size=old, new_size=new, old_root=old_root, new_root=new_root, proof=proof
    )

    for wrong_old, wrong_new in ((flipped(old_root), new_root), (old_root, flipped(new_root))):
        with pytest.raises(ProofRefused):
            verify_consistency(
                old_size=old, new_size=new, old_root=wrong_old, new_root=wrong_new, proof=proof
            )


@given(st.integers(1, 69), st.data())
def test_a_rewritten_past_has_no_proof(old: int, data: st.DataObject) -> None:
    """Once an earlier leaf is replaced, the old head and the new one do not fit together."""
    past = leaves(old)
    rewritten = leaves(data.draw(st.integers(old + 1, 70)))
    rewritten[data.draw(st.integers(0, old - 1))] = leaf_hash(b"rewritten")

    with pytest.raises(ProofRefused):
        verify_consistency(
            old_size=old,
            new_size=len(rewritten),
            old_root=root_hash(past),
            new_root=root_hash(rewritten),
            proof=consistency_proof(old, rewritten),
        )


@given(SIZES, SIZES, st.data())
def test_a_proof_with_any_hash_altered_missing_or_added_is_refused(
    one: int, another: int, data: st.DataObject
) -> None:
    old, new = sorted((one, another))
    tree = leaves(new)
    proof = consistency_proof(old, tree)
    at = data.draw(st.integers(0, len(proof)))
    spoilt = [(*proof[:at], leaf_hash(b"x"), *proof[at:])]
    if at < len(proof):
        rest = proof[at + 1 :]
        spoilt += [(*proof[:at], *rest), (*proof[:at], flipped(proof[at]), *rest)]
        spoilt += [(*proof[:at], proof[at][:-1], *rest)]

    for altered in spoilt:
        with pytest.raises(ProofRefused):
            verify_consistency(
                old_size=old,
                new_size=new,
                old_root=root_hash(tree[:old]),
                new_root=root_hash(tree),
                proof=altered,
            )


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (8, 8)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ProofRefused):
        inclusion_proof(index, HASHES[:size])


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 8), (-1, 8), (8, 7)])
def test_nothing_leads_from_an_empty_tree_or_to_a_smaller_one(old: int, new: int) -> None:
    with pytest.raises(ProofRefused):
        consistency_proof(old, HASHES[:new])


def test_roots_of_another_length_are_refused_even_where_they_are_equal() -> None:
    with pytest.raises(ProofRefused):
        verify_consistency(
            old_size=1, new_size=1, old_root=b"twelve bytes", new_root=b"twelve bytes", proof=()
        )
