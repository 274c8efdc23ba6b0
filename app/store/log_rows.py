"""What is read of the log to prove it: entries, and the digests behind an entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain.kinds import is_access
from app.store import tables

_T: Final = tables.metadata.tables
_entry, _revision, _change, _head = _T["entry"], _T["revision"], _T["change"], _T["head"]


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry's bytes, as text, and its leaf hash."""

    body: str
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class StoredRevision:
    """What the document of a revision is made of."""

    record_id: str
    version: int
    action: str
    prev: int | None
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a revision stands: its changeset's position, and its order there from 0."""

    position: int
    place: int


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value that a revision gave to a field, as canonical JSON, with its salt and digest."""

    name: str
    value: str
    salt: str
    digest: str


def log_position(connection: Connection) -> int:
    """Return the position of the latest changeset; 0 in an empty log."""
    return int(connection.execute(sa.select(_head.c.size)).scalar_one())


def one_entry(connection: Connection, position: int) -> StoredEntry | None:
    """Return the entry at a position; None beyond the log."""
    query = sa.select(_entry.c.body, _entry.c.leaf_hash).where(_entry.c.position == position)
    row = connection.execute(query).one_or_none()
    return None if row is None else StoredEntry(row[0], bytes(row[1]))


def entry_bodies(connection: Connection, first: int, end: int) -> list[bytes]:
    """Return the entries `first` up to, not including, `end`, counted from 0.

    Raises `LookupError` where one of them is not stored.
    """
    query = (
        sa.select(_entry.c.body)
        .where(_entry.c.position > first, _entry.c.position <= end)
        .order_by(_entry.c.position)
    )
    bodies = [body.encode() for body in connection.execute(query).scalars()]
    if len(bodies) != end - first:
        raise LookupError(f"entries {first} to {end - 1} are not all there")
    return bodies


def place_of(connection: Connection, record_id: str, version: int) -> Place | None:
    """Return where a version of a record was written; None where there is none."""
    query = sa.select(_revision.c.position, _revision.c.place).where(
        _revision.c.record_id == record_id, _revision.c.version == version
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Place(*row)


def revisions_at(connection: Connection, position: int) -> list[StoredRevision]:
    """Return the revisions of a changeset, in their order."""
    query = sa.select(_revision).where(_revision.c.position == position).order_by(_revision.c.place)
    rows: Sequence[Any] = connection.execute(query).mappings().all()
    digests = _digests_at(connection, position)
    return [
        StoredRevision(
            row["record_id"],
            row["version"],
            row["action"],
            row["prev"],
            tuple(digests.get((row["record_id"], row["version"]), ())),
        )
        for row in rows
    ]


def _digests_at(connection: Connection, position: int) -> dict[tuple[str, int], list[str]]:
    query = (
        sa.select(_change.c.record_id, _change.c.version, _change.c.digest)
        .join_from(
            _revision,
            _change,
            sa.and_(
                _change.c.record_id == _revision.c.record_id,
                _change.c.version == _revision.c.version,
            ),
        )
        .where(_revision.c.position == position)
    )
    found: dict[tuple[str, int], list[str]] = {}
    for record_id, version, digest in connection.execute(query):
        found.setdefault((record_id, version), []).append(digest)
    return found


def values_of(connection: Connection, record_id: str, version: int) -> list[StoredValue]:
    """Return what a revision gave to fields, in field order.

    Not what was redacted since, and nothing of a newsroom, editor or key: it is restricted.
    """
    if is_access(record_id):
        return []
    query = (
        sa.select(_change.c.field, _change.c.after, _change.c.salt, _change.c.digest)
        .where(
            _change.c.record_id == record_id,
            _change.c.version == version,
            # A redaction blanks the salt, and with it every way to the digest.
            _change.c.salt != "",
        )
        .order_by(_change.c.place)
    )
    return [StoredValue(*row) for row in connection.execute(query)]
