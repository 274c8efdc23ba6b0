"""What the ledger disclosed of records and changesets, as far as a redaction asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain.redacting import HEADER, Disclosed
from app.store import tables
from app.store.ledger import Target

_T: Final = tables.metadata.tables
_change, _revision, _header = _T["change"], _T["revision"], _T["header"]


def load_disclosed(
    connection: Connection, records: Iterable[str], changesets: Iterable[int]
) -> list[Disclosed]:
    """Return all that was disclosed of these records and in the headers of these changesets."""
    found = [one for record_id in sorted(set(records)) for one in _of_record(connection, record_id)]
    for position in sorted(set(changesets)):
        found.extend(_of_header(connection, position))
    return found


def _of_record(connection: Connection, record_id: str) -> list[Disclosed]:
    query = (
        sa.select(_change, _revision.c.position)
        .join_from(_change, _revision)
        .where(_change.c.record_id == record_id)
        .order_by(_change.c.version, _change.c.place)
    )
    return [
        Disclosed(
            row["position"], record_id, row["version"], row["field"], row["after"], row["digest"],
            gone=is_blank(row),
        )
        for row in connection.execute(query).mappings()
    ]  # fmt: skip


def _of_header(connection: Connection, position: int) -> list[Disclosed]:
    query = sa.select(_header).where(_header.c.position == position).order_by(_header.c.name)
    return [
        Disclosed(
            position, HEADER, None, row["name"], row["value"], row["digest"], gone=is_blank(row)
        )
        for row in connection.execute(query).mappings()
    ]


def load_targets(connection: Connection, position: int) -> list[Target]:
    """Return what the redaction at a position took, in its order."""
    target = _T["redaction_target"]
    query = sa.select(target).where(target.c.position == position).order_by(target.c.place)
    return [
        Target(row["target"], row["scope"], row["version"], row["field"], row["digest"])
        for row in connection.execute(query).mappings()
    ]


def is_blank(row: Any) -> bool:
    """Tell whether a disclosure's row was blanked: only then does it lack its salt."""
    return bool(row["salt"] == "")
