"""Which position answered which idempotency key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain.warnings import Caution
from app.store import tables
from app.store.ledger import Appended

_T: Final = tables.metadata.tables
_idempotency, _changeset, _entry = _T["idempotency"], _T["changeset"], _T["entry"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a key was answered with; `payload` is an HMAC of what it came with."""

    payload: str
    position: int
    changeset_id: str
    recorded_at: str
    leaf_hash: bytes
    warnings: tuple[Caution, ...]


def find(connection: Connection, key: str) -> Answered | None:
    """Return the answer that a key already had, waiting for one that is under way."""
    if connection.dialect.name == "postgresql":
        # Two edits with one key take turns; the second finds the first's answer.
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key}
        )
    query = (
        sa.select(_idempotency, _changeset.c.id, _changeset.c.recorded_at, _entry.c.leaf_hash)
        .join_from(_idempotency, _changeset, _idempotency.c.position == _changeset.c.position)
        .join(_entry, _entry.c.position == _changeset.c.position)
        .where(_idempotency.c.key == key)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Answered(
        payload=row["payload"],
        position=row["position"],
        changeset_id=row["id"],
        recorded_at=row["recorded_at"],
        leaf_hash=row["leaf_hash"],
        warnings=tuple(Caution(**warning) for warning in row["warnings"]),
    )


def remember(
    connection: Connection,
    key: str,
    payload: str,
    appended: Appended,
    warnings: Sequence[Caution],
) -> None:
    """Keep the answer of a key, in the same transaction as its changeset."""
    connection.execute(
        _idempotency.insert(),
        {
            "key": key,
            "payload": payload,
            "position": appended.position,
            "warnings": [asdict(warning) for warning in warnings],
            "created_at": appended.recorded_at,
        },
    )
