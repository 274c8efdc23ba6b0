"""Reading the log for a bundle: entries and their content, in batches.

Rows up to a position change only by a redaction, so batches need no common
transaction: whoever reads them asks before and after whether one came in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain.kinds import is_access
from app.log.bundle import Stored, StoredRevision
from app.log.entry import redaction_target
from app.log.proof import Span
from app.log.tiles import span_root
from app.store import tables
from app.store.tree import node_hashes

_T: Final = tables.metadata.tables
_changeset, _header, _entry = _T["changeset"], _T["header"], _T["entry"]
_revision, _change, _checkpoint = _T["revision"], _T["change"], _T["checkpoint"]

_CHANGESETS: Final = 64
_NOTES: Final = 500


@dataclass(frozen=True, slots=True)
class Logged:
    """One changeset as the log holds it: its entry, and the content that opens its digests."""

    position: int
    kind: str
    body: bytes
    header: Sequence[Stored]
    revisions: Sequence[StoredRevision]
    targets: Sequence[bytes] | None


def logged(connection: Connection, first: int, last: int) -> Iterator[Logged]:
    """Yield the changesets from `first` to `last` that have an entry, in order."""
    for start in range(first, last + 1, _CHANGESETS):
        yield from _logged(connection, start, min(start + _CHANGESETS - 1, last))


def _logged(connection: Connection, first: int, last: int) -> list[Logged]:
    headers = _headers(connection, first, last)
    revisions = _revisions(connection, first, last)
    targets = _targets(connection, first, last)
    query = (
        sa.select(_entry.c.position, _changeset.c.kind, _entry.c.body)
        .join_from(_entry, _changeset)
        .where(_entry.c.position.between(first, last))
        .order_by(_entry.c.position)
    )
    return [
        Logged(
            position,
            kind,
            body.encode(),
            headers.get(position, ()),
            revisions.get(position, ()),
            targets.get(position, ()) if kind == "REDACTION" else None,
        )
        for position, kind, body in connection.execute(query)
    ]


def _headers(connection: Connection, first: int, last: int) -> dict[int, list[Stored]]:
    columns = _header.c
    query = sa.select(
        columns.position, columns.name, columns.value, columns.salt, columns.digest,
        columns.restricted,
    ).where(columns.position.between(first, last))  # fmt: skip
    found: dict[int, list[Stored]] = defaultdict(list)
    for position, *parts in connection.execute(query):
        found[position].append(Stored(*parts))
    return found


def _revisions(connection: Connection, first: int, last: int) -> dict[int, list[StoredRevision]]:
    changes = _changes(connection, first, last)
    columns = _revision.c
    query = (
        sa.select(
            columns.position, columns.record_id, columns.version, columns.action, columns.prev
        )
        .where(columns.position.between(first, last))
        .order_by(columns.position, columns.place)
    )
    found: dict[int, list[StoredRevision]] = defaultdict(list)
    for position, record, version, action, prev in connection.execute(query):
        made = changes.get((record, version), ())
        found[position].append(StoredRevision(record, version, action, prev, made))
    return found


def _changes(connection: Connection, first: int, last: int) -> dict[tuple[str, int], list[Stored]]:
    columns = _change.c
    made_here = sa.and_(
        columns.record_id == _revision.c.record_id, columns.version == _revision.c.version
    )
    query = (
        sa.select(
            columns.record_id, columns.version, columns.field, columns.after, columns.salt,
            columns.digest,
        )
        .join_from(_revision, _change, made_here)
        .where(_revision.c.position.between(first, last))
    )  # fmt: skip
    found: dict[tuple[str, int], list[Stored]] = defaultdict(list)
    for record, version, name, value, salt, digest in connection.execute(query):
        one = Stored(name, value, salt, digest, is_access(record))
        found[record, version].append(one)
    return found


def _targets(connection: Connection, first: int, last: int) -> dict[int, list[bytes]]:
    table = _T["redaction_target"]
    found: dict[int, list[bytes]] = defaultdict(list)
    query = (
        sa.select(table)
        .where(table.c.position.between(first, last))
        .order_by(table.c.position, table.c.place)
    )
    for row in connection.execute(query).mappings():
        leaf = redaction_target(
            position=row["target"],
            scope=row["scope"],
            version=row["version"],
            digest=row["digest"],
        )
        found[row["position"]].append(leaf)
    return found


def latest_redaction(connection: Connection) -> int:
    """Return the position of the newest redaction, 0 where there is none."""
    query = sa.select(sa.func.max(_changeset.c.position)).where(_changeset.c.kind == "REDACTION")
    return int(connection.execute(query).scalar() or 0)


def redactions(connection: Connection, last: int) -> list[int]:
    """Return the positions of the redactions up to `last`."""
    query = sa.select(_changeset.c.position).where(
        _changeset.c.kind == "REDACTION", _changeset.c.position <= last
    )
    return list(connection.execute(query.order_by(_changeset.c.position)).scalars())


def older_notes(connection: Connection, size: int) -> Iterator[tuple[int, str]]:
    """Yield size and note of every checkpoint that is older than one of `size`, by size."""
    latest = -1
    while True:
        query = (
            sa.select(_checkpoint.c.size, _checkpoint.c.note)
            .where(_checkpoint.c.size > latest, _checkpoint.c.size < size)
            .order_by(_checkpoint.c.size)
            .limit(_NOTES)
        )
        rows = connection.execute(query).all()
        if not rows:
            return
        yield from ((size_, note) for size_, note in rows)
        latest = rows[-1][0]


class Spans:
    """The roots of subtrees, read from the stored nodes; those that proofs share are kept."""

    def __init__(self, connection: Connection) -> None:
        read = lru_cache(maxsize=512)(lambda *key: node_hashes(connection, *key))
        self.root = lru_cache(maxsize=4096)(lambda span: span_root(span, read))

    def roots(self, spans: Sequence[Span]) -> tuple[bytes, ...]:
        """Return the roots of subtrees; raises `LookupError` where nodes are missing."""
        found: tuple[Any, ...] = tuple(self.root(span) for span in spans)
        return found


def redacted_after(connection: Connection, position: int) -> set[str]:
    """Return the digests that redactions after a position name."""
    columns = _T["redaction_target"].c
    query = sa.select(columns.digest).where(columns.position > position)
    return set(connection.execute(query).scalars())
