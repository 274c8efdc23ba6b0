"""The nodes of the log's tree as they are stored, and how they are read.

Level 0 are the leaf hashes, which stand in `entry`. A node of level L is the root of
256^L leaves, and stands in `node` from the moment when its last leaf is appended, in
that changeset's own transaction. So a tile of the log is a range of rows, a proof
reads a few ranges, and an append writes one row more for every 256 entries.

All of them follow from the entries: a cache, never an authority.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from app.log.tree import Peaks, leaf_hash
from app.store import tables

LEVEL_BITS: Final = 8
"""A level of stored nodes is eight levels of the binary tree, as in C2SP tlog-tiles."""

_T: Final = tables.metadata.tables
_entry, _node = _T["entry"], _T["node"]
_BATCH: Final = 4096


def completed_nodes(peaks: Peaks, leaf: bytes) -> list[dict[str, Any]]:
    """Return the rows of `node` that are complete once `leaf` is appended to `peaks`."""
    roots = peaks.completed_by(leaf)[LEVEL_BITS::LEVEL_BITS]
    return [
        {"level": level, "number": peaks.size >> (LEVEL_BITS * level), "hash": root}
        for level, root in enumerate(roots, start=1)
    ]


def node_hashes(connection: Connection, level: int, first: int, end: int) -> Sequence[bytes]:
    """Return the nodes `first` up to, not including, `end` of a level, in order.

    Raises `LookupError` where one of them is not stored: the caller asked beyond
    the log's size, or somebody took rows away.
    """
    if level == 0:
        query = sa.select(_entry.c.leaf_hash).where(
            _entry.c.position > first, _entry.c.position <= end
        )
        found = connection.execute(query.order_by(_entry.c.position))
    else:
        query = sa.select(_node.c.hash).where(
            _node.c.level == level, _node.c.number >= first, _node.c.number < end
        )
        found = connection.execute(query.order_by(_node.c.number))
    hashes = [bytes(value) for (value,) in found.all()]
    if len(hashes) != end - first:
        raise LookupError(f"nodes {first} to {end - 1} of level {level} are not all there")
    return hashes


def rebuild_nodes(connection: Connection) -> int:
    """Make the table of nodes anew from the entries; return the number of entries read."""
    connection.execute(_node.delete())
    peaks = Peaks()
    for hashes in _leaf_hashes(connection):
        rows = []
        for leaf in hashes:
            rows += completed_nodes(peaks, leaf)
            peaks = peaks.append(leaf)
        if rows:
            connection.execute(_node.insert(), rows)
    return peaks.size


def _leaf_hashes(connection: Connection) -> Iterator[list[bytes]]:
    """Yield the leaf hashes in batches, worked out from the entries themselves."""
    latest = 0
    while True:
        query = (
            sa.select(_entry.c.position, _entry.c.body)
            .where(_entry.c.position > latest)
            .order_by(_entry.c.position)
            .limit(_BATCH)
        )
        rows = connection.execute(query).all()
        if not rows:
            return
        yield [leaf_hash(body.encode()) for _, body in rows]
        latest = rows[-1][0]


__all__ = ["LEVEL_BITS", "completed_nodes", "node_hashes", "rebuild_nodes"]
