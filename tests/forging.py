"""A bundle's folder taken apart and put together again, so that tests can forge one.

What is written here follows from `Bundle` by the published layout alone; nothing is checked.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.log.canonical import canonical
from app.log.checkpoint import Checkpoint, signed_checkpoint
from app.log.disclosure import digest
from app.log.entry import changeset_root
from app.log.note import SigningKey, parse_note
from app.log.proof import consistency_proof, inclusion_proof
from app.log.tiles import (
    TILE_WIDTH,
    EntryTile,
    Tile,
    encode_entries,
    encode_hashes,
    entry_tiles_of,
    tiles_of,
)
from app.log.tlog_proof import TlogProof
from app.log.tree import leaf_hash, root_hash


@dataclass(slots=True)
class Bundle:
    """What a bundle says, open to every change.

    `entries` and `content` are the members of their JSON, by position less one;
    `checkpoints` are signed notes, ascending, the newest one last.
    """

    audience: str
    origin: str
    vkeys: list[str]
    entries: list[dict[str, Any]]
    content: list[dict[str, Any]]
    checkpoints: list[str]

    @property
    def leaves(self) -> list[bytes]:
        """The leaf hashes that the entries have now."""
        return [leaf_hash(canonical(entry)) for entry in self.entries]

    def disclosures(self) -> Iterator[str]:
        """Yield every disclosure that is there."""
        for line in self.content:
            yield from line["header"]
            for revision in line["revisions"]:
                yield from revision["disclosures"]


def read_bundle(folder: Path) -> Bundle:
    """Take a folder apart."""
    about = json.loads((folder / "bundle.json").read_bytes())
    size = about["size"]
    older = [json.loads(line)["note"] for line in _lines(folder / "checkpoints.jsonl")]
    return Bundle(
        about["audience"],
        about["origin"],
        about["vkeys"],
        [json.loads(entry) for tile in entry_tiles_of(size) for entry in _entries(folder, tile)],
        [json.loads(line) for tile in entry_tiles_of(size) for line in _content(folder, tile)],
        [*older, (folder / "checkpoint").read_text("utf-8")],
    )


def checkpoint_of(note: str) -> Checkpoint:
    """Return what a signed note states, whoever signed it."""
    return Checkpoint.parse(parse_note(note).text)


# --- making it fit again ------------------------------------------------------


def seal(bundle: Bundle) -> None:
    """Have every entry commit to the revision documents and targets that are there now."""
    for entry, line in zip(bundle.entries, bundle.content, strict=True):
        entry["revisions"] = _subtree([one["document"] for one in line["revisions"]])
        if "targets" in line:
            entry["targets"] = _subtree(line["targets"])


def replace_digest(document: dict[str, Any], old: str, new: str | None) -> None:
    """Let `document`, an entry or a revision's, commit to another digest, or to none."""
    for member in ("public", "restricted"):
        if old in document[member]:
            left = [one for one in document[member] if one != old]
            document[member] = sorted(left if new is None else [*left, new])


def in_order(disclosures: Sequence[str]) -> list[str]:
    """Return disclosures in the order in which a bundle has them."""
    return sorted(disclosures, key=digest)


def sign(bundle: Bundle, key: SigningKey) -> None:
    """Sign every checkpoint anew, over the entries that are there now."""
    leaves = bundle.leaves
    sizes = [checkpoint_of(note).size for note in bundle.checkpoints]
    bundle.checkpoints = [
        signed_checkpoint(Checkpoint(bundle.origin, size, root_hash(leaves[:size])), [key])
        for size in sizes
    ]


def forge(bundle: Bundle) -> None:
    """Put the root of the entries into the newest checkpoint, under its old signatures."""
    *_, newest = bundle.checkpoints
    signatures = newest.rpartition("\n\n")[2]
    stated = Checkpoint(bundle.origin, len(bundle.entries), root_hash(bundle.leaves))
    bundle.checkpoints[-1] = f"{stated.text}\n{signatures}"


# --- writing it ---------------------------------------------------------------


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Make a folder anew, with all that follows from the bundle."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    about = {
        "audience": bundle.audience,
        "origin": bundle.origin,
        "size": len(bundle.entries),
        "v": "corrigenda-bundle/1",
        "vkeys": bundle.vkeys,
    }
    _write(folder / "bundle.json", canonical(about) + b"\n")
    _write(folder / "VERIFY.md", b"# How to verify this bundle\n")
    write_checkpoints(folder, bundle)
    write_entries(folder, bundle)
    write_tiles(folder, bundle)
    write_content(folder, bundle)
    write_proofs(folder, bundle)


def write_checkpoints(folder: Path, bundle: Bundle) -> None:
    *older, newest = bundle.checkpoints
    _write(folder / "checkpoint", newest.encode())
    lines = [{"note": note, "size": checkpoint_of(note).size} for note in older]
    _write(folder / "checkpoints.jsonl", _jsonl(lines))


def write_entries(folder: Path, bundle: Bundle) -> None:
    for tile in entry_tiles_of(len(bundle.entries)):
        entries = map(canonical, bundle.entries[tile.start : tile.end])
        _write(folder / tile.path, encode_entries(entries))


def write_tiles(folder: Path, bundle: Bundle) -> None:
    leaves = bundle.leaves
    for tile in tiles_of(len(leaves)):
        _write(folder / tile.path, encode_hashes(list(_row(leaves, tile))))


def write_content(folder: Path, bundle: Bundle) -> None:
    for tile in entry_tiles_of(len(bundle.entries)):
        _write(folder / content_path(tile), _jsonl(bundle.content[tile.start : tile.end]))


def write_proofs(folder: Path, bundle: Bundle) -> None:
    leaves, (*older, newest) = bundle.leaves, bundle.checkpoints
    for index in _proved(bundle):
        proof = TlogProof(index, inclusion_proof(index, leaves), newest)
        _write(folder / f"proofs/inclusion/{index + 1}.tlog-proof", proof.text.encode())
    sizes = [checkpoint_of(note).size for note in older]
    lines = [
        {"from": size, "proof": [one.hex() for one in consistency_proof(size, leaves)]}
        for size in sizes
    ]
    _write(folder / "proofs/consistency.jsonl", _jsonl(lines))


def content_path(tile: EntryTile) -> str:
    """Return where the content of an entry tile's changesets lies, whatever its width."""
    whole = EntryTile(tile.number).path
    return f"content/{whole.removeprefix('tile/entries/')}.jsonl"


def _proved(bundle: Bundle) -> list[int]:
    redactions = {n for n, entry in enumerate(bundle.entries) if entry["kind"] == "REDACTION"}
    return sorted({0, len(bundle.entries) - 1} | redactions)


def _row(leaves: Sequence[bytes], tile: Tile) -> Iterator[bytes]:
    span = TILE_WIDTH**tile.level
    for number in range(tile.start, tile.end):
        yield root_hash(leaves[number * span : (number + 1) * span])


def _subtree(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tree = changeset_root([canonical(document) for document in documents])
    return {"count": tree.count, "root": tree.root}


def _entries(folder: Path, tile: EntryTile) -> Iterator[bytes]:
    data = (folder / tile.path).read_bytes()
    while data:
        end = 2 + int.from_bytes(data[:2], "big")
        yield data[2:end]
        data = data[end:]


def _content(folder: Path, tile: EntryTile) -> list[bytes]:
    return _lines(folder / content_path(tile))


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def _jsonl(values: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(canonical(value) + b"\n" for value in values)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
