"""Writing a bundle: the log with its content, for whoever checks it offline.

It is of the newest checkpoint that was published: what is not signed yet is not
in it. The same ledger gives the same bytes, in a folder and in a zip; a zip is
not compressed, so that this holds whatever library packs it.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from app.domain.errors import Unready
from app.log import bundle
from app.log.bundle import Manifest
from app.log.checkpoint import Checkpoint, open_checkpoint
from app.log.errors import LogError
from app.log.note import VerifierKey
from app.log.proof import consistency_spans, inclusion_spans
from app.log.tiles import TILE_WIDTH, Tile, encode_entries, encode_hashes
from app.log.tlog_proof import TlogProof
from app.log.tree import leaf_hash, root_hash
from app.log.verifying import AUDITOR
from app.reads.guide import guide
from app.store import bundles as store
from app.store import checkpoints
from app.store.database import Connection

Progress = Callable[[int], None]

ZIP: Final = ".zip"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = (stat.S_IFREG | 0o644) << 16


class Destination(Protocol):
    """Where files go, one after the other."""

    def file(self, path: str) -> IO[bytes]:
        """Open a file to be written; it is closed before the next one is opened."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The checkpoint that a bundle is made for; `head` is where the log stands."""

    note: str
    checkpoint: Checkpoint
    keys: tuple[VerifierKey, ...]
    head: int


def newest(connection: Connection, keys: Sequence[VerifierKey]) -> Newest:
    """Return the newest published checkpoint, opened with `keys`.

    Raises `Unready` where there is none, where none of the keys signed it, and
    where a redaction took away what it still commits to.
    """
    published = checkpoints.newest(connection)
    if published is None:
        raise Unready(
            "no checkpoint of this ledger was published yet, and a bundle is made for one; "
            "sign the log first: corrigenda sign --once"
        )
    try:
        checkpoint = open_checkpoint(published.note, keys)
    except LogError as error:
        raise Unready(
            f"the newest checkpoint does not open with the key given: {error}; name the one that "
            "signs this ledger with --vkey, or CORRIGENDA_SIGNING_KEY"
        ) from error
    found = Newest(published.note, checkpoint, tuple(keys), checkpoints.read_peaks(connection).size)
    _require_no_newer_redaction(connection, found)
    return found


def _require_no_newer_redaction(connection: Connection, of: Newest) -> None:
    latest = store.latest_redaction(connection)
    if latest > of.checkpoint.size:
        raise Unready(
            f"the redaction at position {latest} is newer than the newest checkpoint (size "
            f"{of.checkpoint.size}), and a bundle without it would miss what it took away; wait "
            "until it is signed, or sign the log: corrigenda sign --once"
        )


def write(
    connection: Connection,
    of: Newest,
    destination: Destination,
    audience: str,
    progress: Progress | None = None,
) -> None:
    """Write the whole bundle in a bounded memory.

    `progress` is called for each position. Raises `Unready` where a redaction
    comes in between: the bundle would be neither as before nor as after it.
    """
    size = of.checkpoint.size
    manifest = Manifest(of.checkpoint.origin, size, audience, tuple(key.text for key in of.keys))
    _put(destination, bundle.MANIFEST, manifest.text)
    _put(destination, bundle.NEWEST, of.note.encode())
    _write_content(connection, destination, manifest, progress)
    _write_proofs(connection, destination, of)
    _put(destination, bundle.GUIDE, guide(manifest).encode())
    _require_no_newer_redaction(connection, of)


def _put(destination: Destination, path: str, data: bytes) -> None:
    with destination.file(path) as file:
        file.write(data)


def _write_content(
    connection: Connection,
    destination: Destination,
    manifest: Manifest,
    progress: Progress | None,
) -> None:
    tiles = Tiles(destination)
    for file in bundle.content_files_of(manifest.size):
        bodies = list[bytes]()
        with destination.file(file.path) as lines:
            for one in store.logged(connection, file.first, file.last):
                lines.write(_line(one, restricted=manifest.audience == AUDITOR))
                bodies.append(one.body)
                if progress is not None:
                    progress(1)
        if len(bodies) != file.tile.width:
            raise Unready(
                f"entries are missing between positions {file.first} and {file.last}; "
                "corrigenda check says which"
            )
        _put(destination, file.tile.path, encode_entries(bodies))
        for body in bodies:
            tiles.add(leaf_hash(body))
    tiles.finish()


def _line(one: store.Logged, *, restricted: bool) -> bytes:
    return bundle.content_line(
        one.position, one.header, one.revisions, one.targets, restricted=restricted
    )


class Tiles:
    """The tiles of a growing tree: each is written when its last hash is known."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._levels: list[list[bytes]] = []
        self._written: list[int] = []

    def add(self, hash_: bytes, level: int = 0) -> None:
        """Take the next hash of a level."""
        if level == len(self._levels):
            self._levels.append([])
            self._written.append(0)
        row = self._levels[level]
        row.append(hash_)
        if len(row) == TILE_WIDTH:
            root = root_hash(row)
            self._write(level)
            self.add(root, level + 1)

    def finish(self) -> None:
        """Write what is left: the partial tile of each level."""
        for level, row in enumerate(self._levels):
            if row:
                self._write(level)

    def _write(self, level: int) -> None:
        row = self._levels[level]
        tile = Tile(level, self._written[level], len(row))
        _put(self._destination, tile.path, encode_hashes(row))
        self._written[level] += 1
        self._levels[level] = []


def _write_proofs(connection: Connection, destination: Destination, of: Newest) -> None:
    size = of.checkpoint.size
    spans = store.Spans(connection)
    with destination.file(bundle.OLDER) as file:
        for older, note in store.older_notes(connection, size):
            file.write(bundle.older_line(older, note))
    with destination.file(bundle.CONSISTENCY) as file:
        for older, _ in store.older_notes(connection, size):
            # Every tree extends the one without leaves: there is nothing to prove.
            proof = spans.roots(consistency_spans(older, size)) if older else ()
            file.write(bundle.consistency_line(older, proof))
    for position in sorted({1, size, *store.redactions(connection, size)} if size else ()):
        proof = spans.roots(inclusion_spans(position - 1, size))
        text = TlogProof(position - 1, proof, of.note).text
        _put(destination, bundle.inclusion_path(position), text.encode())


# --- folders and zips ---------------------------------------------------------


@contextmanager
def destination(output: Path) -> Iterator[Destination]:
    """Give where to write a bundle; `output` appears when it is complete.

    It is a zip where its name ends so, else a folder. Raises `Unready` where
    something of that name is there already.
    """
    if output.exists() or output.is_symlink():
        raise Unready(f"{output} is there already; a bundle is never written over")
    make = _zipped if output.suffix.lower() == ZIP else _folder
    with make(output) as made:
        yield made


@contextmanager
def _folder(output: Path) -> Iterator[Destination]:
    part = Path(tempfile.mkdtemp(dir=output.parent, prefix=f"{output.name}.", suffix=".part"))
    try:
        yield _Folder(part)
        part.chmod(0o755)
        part.rename(output)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


@dataclass(frozen=True, slots=True)
class _Folder:
    root: Path

    def file(self, path: str) -> IO[bytes]:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("wb")


@contextmanager
def _zipped(output: Path) -> Iterator[Destination]:
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f"{output.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as packed:
            yield _Zip(packed)
        part.chmod(0o644)
        part.rename(output)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class _Zip:
    packed: zipfile.ZipFile

    def file(self, path: str) -> IO[bytes]:
        info = zipfile.ZipInfo(path, _EPOCH)
        info.create_system, info.external_attr = 3, _MODE
        return self.packed.open(info, "w", force_zip64=True)
