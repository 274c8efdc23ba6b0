"""The conformance cases of transparency-dev/merkle, from the file in MERKLE_PROOF_VECTORS.

The file is one JSON object with the lists `inclusion` and `consistency`; each
case has the members of the published files, and its `name`.
"""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.log.errors import ProofRefused
from app.log.proof import verify_consistency, verify_inclusion

CASES = json.loads(Path(os.environ["MERKLE_PROOF_VECTORS"]).read_text("utf-8"))


def read_hash(text: str | None) -> bytes:
    return base64.b64decode(text or "", validate=True)


def read_proof(case: dict[str, Any]) -> list[bytes]:
    return [read_hash(text) for text in case["proof"] or []]


def is_accepted(verify: Callable[..., None], **claim: Any) -> bool:
    try:
        verify(**claim)
    except ProofRefused:
        return False
    return True


@pytest.mark.parametrize("case", CASES["inclusion"], ids=lambda case: case["name"])
def test_an_inclusion_case_is_judged_as_published(case: dict[str, Any]) -> None:
    accepted = is_accepted(
        verify_inclusion,
        index=case["leafIdx"],
        size=case["treeSize"],
        leaf=read_hash(case["leafHash"]),
        root=read_hash(case["root"]),
        proof=read_proof(case),
    )

    assert accepted is not case["wantErr"]


@pytest.mark.parametrize("case", CASES["consistency"], ids=lambda case: case["name"])
def test_a_consistency_case_is_judged_as_published(case: dict[str, Any]) -> None:
    """Except that we are stricter: the cases include equal "roots" of twelve bytes."""
    old_root, new_root = read_hash(case["root1"]), read_hash(case["root2"])
    are_hashes = len(old_root) == len(new_root) == 32

    accepted = is_accepted(
        verify_consistency,
        old_size=case["size1"],
        new_size=case["size2"],
        old_root=old_root,
        new_root=new_root,
        proof=read_proof(case),
    )

    assert accepted is (are_hashes and not case["wantErr"])
