"""Checkpoints and proofs as files: what the log signs, and what it lets others check."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.log.checkpoint import Checkpoint, open_checkpoint, signed_checkpoint
from app.log.errors import CheckpointRefused, LogError, NoteRefused, ProofRefused
from app.log.note import SigningKey, VerifierKey, sign_note
from app.log.tlog_proof import TlogProof, verify_tlog_proof
from app.log.tree import EMPTY_ROOT

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS = json.loads((FOLDER / "notes.json").read_text("utf-8"))
TREE = json.loads((FOLDER / "tree.json").read_text("utf-8"))
OURS, COSIGNED = VECTORS["ours"], VECTORS["cosigned"]

ROOT = bytes.fromhex(TREE["roots"][8])
LEAF = bytes.fromhex(TREE["leaf_hashes"][5])
LEDGER = SigningKey(OURS["name"], bytes.fromhex(OURS["seed"]))
WITNESS = SigningKey(OURS["witness_name"], bytes.fromhex(OURS["witness_seed"]))
HEAD = Checkpoint(OURS["name"], 8, ROOT)
PROOF = OURS["proof"]
HASH = "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms="


@pytest.mark.parametrize("case", [COSIGNED, OURS], ids=["cosigned", "ours"])
def test_a_golden_checkpoint_opens_to_the_tree_of_eight_leaves(case: dict[str, Any]) -> None:
    key = VerifierKey.parse(case["vkey"])

    checkpoint = open_checkpoint(case["checkpoint"], [key])

    assert checkpoint == Checkpoint(key.name, 8, ROOT)


def test_a_checkpoint_is_signed_with_the_golden_bytes() -> None:
    assert signed_checkpoint(HEAD, [LEDGER, WITNESS]) == OURS["checkpoint"]


@pytest.mark.parametrize("case", VECTORS["published"][1:3], ids=["older", "newer"])
def test_a_head_of_the_go_checksum_database_is_a_checkpoint(case: dict[str, Any]) -> None:
    """Its key is not named as its origin, so it is read, but does not speak for the log."""
    text = case["note"].split("\n\n")[0] + "\n"

    assert Checkpoint.parse(text).text == text
    assert Checkpoint.parse(text).origin == "go.sum database tree"
    with pytest.raises(CheckpointRefused, match="no known key"):
        open_checkpoint(case["note"], [VerifierKey.parse(case["vkey"])])


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), max_size=2),
)
def test_a_checkpoint_comes_back_from_its_text(
    origin: str, size: int, root: bytes, extensions: list[str]
) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))

    assert Checkpoint.parse(checkpoint.text) == checkpoint


def test_a_witness_alone_does_not_speak_for_the_log() -> None:
    note = sign_note(HEAD.text, [WITNESS])

    with pytest.raises(CheckpointRefused):
        open_checkpoint(note, [LEDGER.verifier, WITNESS.verifier])
    with pytest.raises(CheckpointRefused):
        signed_checkpoint(HEAD, [WITNESS])


@given(st.integers(0, len(OURS["checkpoint"]) - 1), st.characters(exclude_categories=["Cs"]))
def test_no_character_of_a_checkpoint_can_be_changed_but_in_ignored_lines(
    at: int, character: str
) -> None:
    note = OURS["checkpoint"]
    changed = note[:at] + character + note[at + 1 :]

    try:
        opened = open_checkpoint(changed, [LEDGER.verifier])
    except LogError:
        return

    assert opened == HEAD
    assert changed == note or at >= note.index("— partner.example")


@pytest.mark.parametrize("size", ["08", "+8", "-8", " 8", "8 ", "", "8.0", "٨", "0x8", str(2**63)])
def test_a_size_has_one_spelling(size: str) -> None:
    with pytest.raises(CheckpointRefused):
        Checkpoint.parse(HEAD.text.replace("\n8\n", f"\n{size}\n"))


@pytest.mark.parametrize(
    "root",
    [
        "",
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg",
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=",
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz-Nw7_RgQyg=",
        "XcnaeacGWamtVZy3Ad7Zoqudgjqt\nL0lgz+Nw7/RgQyg=",
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQw==",
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQygA",
    ],
    ids=["none", "unpadded", "stray bits", "base64url", "line end", "31 bytes", "33 bytes"],
)
def test_a_root_is_32_bytes_in_one_spelling(root: str) -> None:
    good = "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg="

    with pytest.raises(CheckpointRefused):
        Checkpoint.parse(HEAD.text.replace(good, root))


@pytest.mark.parametrize(
    "text",
    ["", "a\n", "a\n8\n", HEAD.text[:-1], HEAD.text + "\n", "\n" + HEAD.text, HEAD.text + "x"],
)
def test_text_without_its_three_lines_is_no_checkpoint(text: str) -> None:
    with pytest.raises(CheckpointRefused):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [("", 1, ROOT), ("a\nb", 1, ROOT), ("a", -1, ROOT), ("a", 2**63, ROOT), ("a", 1, ROOT[1:])],
)
def test_a_head_that_cannot_be_is_refused(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(CheckpointRefused):
        Checkpoint(origin, size, root)


def test_a_log_without_entries_has_one_root() -> None:
    assert Checkpoint("a", 0, EMPTY_ROOT).text.startswith("a\n0\n47DEQpj8")
    with pytest.raises(CheckpointRefused):
        Checkpoint("a", 0, ROOT)


@pytest.mark.parametrize("case", [COSIGNED, OURS], ids=["cosigned", "ours"])
def test_a_golden_proof_is_accepted_for_its_leaf_alone(case: dict[str, Any]) -> None:
    keys = [VerifierKey.parse(case["vkey"])]

    assert verify_tlog_proof(case["proof"], LEAF, keys).size == 8
    assert TlogProof.parse(case["proof"]).text == case["proof"]
    with pytest.raises(ProofRefused):
        verify_tlog_proof(case["proof"], ROOT, keys)


def test_a_proof_is_written_with_the_golden_bytes() -> None:
    case = next(c for c in TREE["inclusion"] if (c["index"], c["size"]) == (5, 8))
    hashes = tuple(map(bytes.fromhex, case["proof"]))

    proof = TlogProof(5, hashes, signed_checkpoint(HEAD, [LEDGER]), OURS["extra"].encode())

    assert proof.text == PROOF


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("@v1", "@v2"),
        ("index 5", "index 05"),
        ("index 5", "index +5"),
        ("index 5", "index -1"),
        ("index 5", "index 8"),
        ("index 5", "index  5"),
        ("index 5\n", ""),
        ("extra ", "extra"),
        (HASH, HASH[:-1]),
        (HASH, HASH[:20] + "\n" + HASH[20:]),
        (HASH, HASH[:-4] + "nQ=="),
        (HASH + "\n", ""),
        (HASH, HASH + "\n" + HASH),
        (HASH, "\n" + HASH),
        ("\n\nledger", "\nledger"),
    ],
)
def test_a_proof_with_a_fault_is_refused(good: str, bad: str) -> None:
    faulty = PROOF.replace(good, bad, 1)

    with pytest.raises((ProofRefused, NoteRefused, CheckpointRefused)):
        verify_tlog_proof(faulty, LEAF, [LEDGER.verifier])
    assert faulty != PROOF


@pytest.mark.parametrize(
    "change", [{"index": -1}, {"index": 2**63}, {"proof": (bytes(31),)}, {"checkpoint": "none\n"}]
)
def test_a_proof_that_cannot_be_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(ProofRefused):
        TlogProof(**{"index": 0, "proof": (), "checkpoint": OURS["checkpoint"], **change})
