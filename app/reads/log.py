"""The log as others read it: checkpoints, tiles, entries and proofs.

Everything is read from stored hashes, a tile at a time, so a proof in a log of any length
costs a few rows of 256. Reading happens in threads of its own: what somebody proves holds
up neither writers nor the event loop.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from app.domain.errors import BadArgument, InvalidValue
from app.domain.ids import kind_of
from app.domain.kinds import is_access
from app.log.base64url import decode_base64url
from app.log.checkpoint import Checkpoint
from app.log.disclosure import disclose
from app.log.entry import revision_document
from app.log.note import VerifierKey, parse_note
from app.log.proof import Span, consistency_spans, inclusion_proof, inclusion_spans
from app.log.tiles import TILE_WIDTH, EntryTile, Tile, encode_entries, encode_hashes, span_root
from app.log.tlog_proof import TlogProof
from app.log.tree import leaf_hash
from app.store import checkpoints
from app.store.checkpoints import Published
from app.store.database import Connection, Engine
from app.store.log_rows import (
    StoredEntry,
    StoredRevision,
    entry_bodies,
    log_position,
    one_entry,
    place_of,
    revisions_at,
    values_of,
)
from app.store.tree import LEVEL_BITS, node_hashes

T = TypeVar("T")

_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The proof that a leaf stands at `index` in the tree of `size`; `file` needs a checkpoint."""

    index: int
    size: int
    leaf: bytes
    root: bytes
    hashes: tuple[bytes, ...]
    file: str | None


@dataclass(frozen=True, slots=True)
class Consistency:
    """The proof that the tree of `new_size` begins with that of `old_size`."""

    old_size: int
    new_size: int
    old_root: bytes
    new_root: bytes
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RevisionEvidence:
    """One revision's document, and the proof that its changeset holds it, without its siblings.

    `disclosures` open the public digests of the document, but for what was redacted:
    name and text of each.
    """

    position: int
    index: int
    count: int
    document: bytes
    hashes: tuple[bytes, ...]
    disclosures: tuple[tuple[str, str], ...]


def checkpoint_of(published: Published) -> Checkpoint:
    """Return the checkpoint that a published note says."""
    return Checkpoint.parse(parse_note(published.note).text)


class LogReading:
    """Answers questions about one log; `run` has them answered beside the event loop."""

    def __init__(self, engine: Engine, origin: str, verifiers: Sequence[VerifierKey] = ()) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="log")
        self._roots = _Roots()
        self.origin = origin
        self.verifiers = tuple(verifiers)

    async def run(self, read: Callable[..., T], *given: Any) -> T:
        """Have one of the questions below answered in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, read, *given)

    def close(self) -> None:
        """Let the threads and connections go."""
        self._threads.shutdown()
        self._engine.dispose()

    def position(self) -> int:
        """Return where the log ends."""
        with self._engine.connect() as connection:
            return log_position(connection)

    def newest(self) -> Published | None:
        """Return the newest checkpoint; None while there is none."""
        with self._engine.connect() as connection:
            return checkpoints.newest(connection)

    def tile(self, tile: Tile | EntryTile) -> bytes | None:
        """Return the bytes of a tile; None for one that the newest checkpoint does not cover."""
        with self._engine.connect() as connection:
            published = checkpoints.newest(connection)
            level = tile.level if isinstance(tile, Tile) else 0
            if published is None or tile.end > published.size >> (LEVEL_BITS * level):
                return None
            if isinstance(tile, EntryTile):
                return encode_entries(entry_bodies(connection, tile.start, tile.end))
            return encode_hashes(node_hashes(connection, level, tile.start, tile.end))

    def entry(self, position: int) -> StoredEntry | None:
        """Return the entry at a position; None beyond the log. Raises `BadArgument` for 0."""
        _check_position(position)
        with self._engine.connect() as connection:
            return one_entry(connection, position)

    def inclusion(self, position: int, size: int | None) -> Inclusion:
        """Prove that the log of `size`, else of the newest checkpoint, has the entry.

        Raises `BadArgument` where it has not, or is not that long.
        """
        _check_position(position)
        with self._engine.connect() as connection:
            size = _size(connection, size)
            if position > size:
                raise BadArgument(
                    f"position {position} is not among the first {size}; "
                    "ask for a size that has it, or wait for the next checkpoint"
                )
            nodes, index = _Nodes(connection, size), position - 1
            proof = tuple(self._roots.of(one, nodes) for one in inclusion_spans(index, size))
            (leaf,) = nodes(0, index, index + 1)
            published = checkpoints.of_size(connection, size)
            root = self._roots.of(Span(0, size), nodes)
        file = None if published is None else TlogProof(index, proof, published.note).text
        return Inclusion(index, size, leaf, root, proof, file)

    def consistency(self, old: int, new: int | None) -> Consistency:
        """Prove that the log of `new`, else of the newest checkpoint, begins with that of `old`.

        Raises `BadArgument` where one of them is not, or they stand the other way round.
        """
        if old < 1:
            raise BadArgument("from must be 1 at least: every log extends the empty one")
        with self._engine.connect() as connection:
            new = _size(connection, new)
            if old > new:
                raise BadArgument(f"from is {old}, beyond the size it leads to, which is {new}")
            nodes = _Nodes(connection, new)
            proof = tuple(self._roots.of(span, nodes) for span in consistency_spans(old, new))
            roots = [self._roots.of(Span(0, size), nodes) for size in (old, new)]
        return Consistency(old, new, roots[0], roots[1], proof)

    def revision(self, record_id: str, version: int) -> RevisionEvidence | None:
        """Prove one revision; None where there is none, or the id is no record's.

        Of who may act not even that there is one: it is restricted.
        """
        if not _is_id(record_id) or is_access(record_id):
            return None
        with self._engine.connect() as connection:
            place = place_of(connection, record_id, version)
            if place is None:
                return None
            documents = [_document(one) for one in revisions_at(connection, place.position)]
            opened = [
                (one.name, disclose(decode_base64url(one.salt), one.name, json.loads(one.value)))
                for one in values_of(connection, record_id, version)
            ]
        return RevisionEvidence(
            place.position,
            place.place,
            len(documents),
            documents[place.place],
            inclusion_proof(place.place, [leaf_hash(document) for document in documents]),
            tuple(opened),
        )


def _is_id(text: str) -> bool:
    try:
        kind_of(text)
    except InvalidValue:
        return False
    return True


_REMEMBERED: Final = 20_000


class _Roots:
    """The roots of spans; those of a tile's width or more are remembered.

    The leaves of a log never change, so neither does a span's root. Most proofs share all
    spans but the smallest, which one tile holds.
    """

    def __init__(self) -> None:
        self._held: dict[Span, bytes] = {}

    def of(self, span: Span, nodes: _Nodes) -> bytes:
        """Return the root over the leaves of a span."""
        root = self._held.get(span)
        if root is None:
            root = span_root(span, nodes)
            if span.end - span.start >= TILE_WIDTH:
                self._remember(span, root)
        return root

    def _remember(self, span: Span, root: bytes) -> None:
        # Threads may do this at once: each step is one operation on the dictionary.
        if len(self._held) >= _REMEMBERED:
            self._held = {}
        self._held[span] = root


class _Nodes:
    """The stored hashes of the log of `size`, read in whole tiles, each one once."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection = connection
        self._size = size
        self._tiles: dict[tuple[int, int], Sequence[bytes]] = {}

    def __call__(self, level: int, first: int, end: int) -> Sequence[bytes]:
        """Return the hashes `first` up to, not including, `end` of a level."""
        number = first // TILE_WIDTH
        start = number * TILE_WIDTH
        if end > start + TILE_WIDTH:
            return node_hashes(self._connection, level, first, end)
        if (level, number) not in self._tiles:
            last = min(start + TILE_WIDTH, self._size >> (LEVEL_BITS * level))
            self._tiles[level, number] = node_hashes(self._connection, level, start, last)
        return self._tiles[level, number][first - start : end - start]


def _check_position(position: int) -> None:
    if position < 1:
        raise BadArgument("positions count from 1")


def _size(connection: Connection, asked: int | None) -> int:
    """Return the size of the tree to prove in: the newest checkpoint's, else the log's own."""
    if asked is None:
        published = checkpoints.newest(connection)
        return log_position(connection) if published is None else published.size
    position = log_position(connection)
    if not 1 <= asked <= position:
        raise BadArgument(f"a size must be from 1 to {position}, where the log ends")
    return asked


def _document(one: StoredRevision) -> bytes:
    return revision_document(
        record=one.record_id,
        version=one.version,
        action=one.action,
        prev=one.prev,
        public=[] if is_access(one.record_id) else one.digests,
        restricted=one.digests if is_access(one.record_id) else [],
    )
