"""Reading the ledger's rows as they are stored, for whoever compares them with the log.

As they are stored: no type of ours stands between, which would read a 2 as true.
All of it is read in one snapshot, so that a ledger at work is one state.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain.kinds import KINDS, is_access
from app.domain.records import kind_name
from app.log.bundle import Stored, StoredRevision
from app.log.entry import redaction_target
from app.store import access, tables
from app.store.rows import to_columns

Row: TypeAlias = Mapping[Any, Any]

COUNTED: Final = (
    "changeset", "header", "record", "revision", "change", "redaction", "redaction_target",
    "entry", "node", "derivation", *KINDS,
)  # fmt: skip
"""The tables of which every row has to belong to the log."""

_T: Final = tables.metadata.tables
_CHANGESETS: Final = 64
_AS_STORED: Final = sa.types.NullType()
_AT: Final = {
    "changeset": "position",
    "header": "position",
    "record": "created",
    "revision": "position",
    "redaction": "position",
    "redaction_target": "position",
    "entry": "position",
    "derivation": "entered",
    **dict.fromkeys(KINDS, "entered"),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows that one changeset wrote, by table; `gaps` are the targets that name its content.

    A gap is keyed by (scope, version or 0, field).
    """

    position: int
    tables: Mapping[str, Sequence[Row]]
    gaps: Mapping[tuple[str, int, str], str] = field(default_factory=dict)


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Read one state of the ledger for the time of a block, whatever is written meanwhile."""
    is_sqlite = connection.dialect.name == "sqlite"
    begin = "BEGIN" if is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    connection.exec_driver_sql(begin)
    try:
        yield
    finally:
        connection.exec_driver_sql("ROLLBACK")


def raw(name: str) -> Any:
    """Select every column of a table, without what SQLAlchemy makes of its type."""
    table = _T[name]
    return sa.select(*(sa.type_coerce(one, _AS_STORED).label(one.name) for one in table.c))


def heads(connection: Connection) -> Sequence[Row]:
    """Return the rows of `head`, of which there has to be one."""
    return connection.execute(raw("head")).mappings().all()


def checkpoints(connection: Connection) -> Iterator[tuple[Any, ...]]:
    """Yield size and note of every checkpoint, by size."""
    columns = _T["checkpoint"].c
    query = sa.select(columns.size, columns.note).order_by(columns.size)
    yield from (tuple(row) for row in connection.execute(query))


def changesets(connection: Connection, last: int) -> Iterator[Rows]:
    """Yield the rows of each position from 1 to `last`."""
    for first in range(1, last + 1, _CHANGESETS):
        end = min(first + _CHANGESETS - 1, last)
        found = {name: _by_position(connection, name, first, end) for name in _AT}
        found["change"] = _changes(connection, first, end)
        gaps = _gaps(connection, first, end)
        for position in range(first, end + 1):
            at_position = {name: rows.get(position, []) for name, rows in found.items()}
            yield Rows(position, at_position, gaps.get(position, {}))


def _by_position(connection: Connection, name: str, first: int, last: int) -> dict[int, list[Row]]:
    column = _T[name].c[_AT[name]]
    found: dict[int, list[Row]] = defaultdict(list)
    query = raw(name).where(column.between(first, last)).order_by(*_T[name].primary_key.columns)
    for row in connection.execute(query).mappings():
        found[row[_AT[name]]].append(row)
    return found


def _changes(connection: Connection, first: int, last: int) -> dict[int, list[Row]]:
    change, revision = _T["change"], _T["revision"]
    made_here = sa.and_(
        change.c.record_id == revision.c.record_id, change.c.version == revision.c.version
    )
    query = (
        sa.select(
            revision.c.position.label("at"),
            *(sa.type_coerce(one, _AS_STORED).label(one.name) for one in change.c),
        )
        .join_from(revision, change, made_here)
        .where(revision.c.position.between(first, last))
        .order_by(change.c.record_id, change.c.version, change.c.place, change.c.field)
    )
    found: dict[int, list[Row]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[row["at"]].append(row)
    return found


def _gaps(
    connection: Connection, first: int, last: int
) -> dict[int, dict[tuple[str, int, str], str]]:
    columns = _T["redaction_target"].c
    query = sa.select(
        columns.target, columns.scope, columns.version, columns.field, columns.digest
    ).where(columns.target.between(first, last))
    found: dict[int, dict[tuple[str, int, str], str]] = defaultdict(dict)
    for target, scope, version, name, digest in connection.execute(query):
        found[target][scope, version or 0, name] = digest
    return found


def access_rows(connection: Connection, kind: str) -> Iterator[Row]:
    """Yield every newsroom, editor or key, as it is stored."""
    yield from connection.execute(raw(kind)).mappings()


def count(connection: Connection, name: str) -> int:
    """Return how many rows a table has."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(_T[name])).scalar_one())


def node(connection: Connection, level: int, number: int) -> bytes | None:
    """Return a stored node of the tree, None where it is not stored."""
    columns = _T["node"].c
    query = sa.select(columns.hash).where(columns.level == level, columns.number == number)
    found = connection.execute(query).scalar()
    return None if found is None else bytes(found)


# --- what rows should be ------------------------------------------------------


def stored_header(row: Row) -> Stored:
    """Return a row of `header` as the log's content has it."""
    return Stored(row["name"], row["value"], row["salt"], row["digest"], bool(row["restricted"]))


def stored_revision(row: Row, changes: Sequence[Row]) -> StoredRevision:
    """Return a row of `revision` with its changes, as the log's content has them."""
    return StoredRevision(
        row["record_id"],
        row["version"],
        row["action"],
        row["prev"],
        [
            Stored(
                one["field"],
                one["after"],
                one["salt"],
                one["digest"],
                restricted=is_access(row["record_id"]),
            )
            for one in changes
        ],
    )


def target_leaf(row: Row) -> bytes:
    """Return the leaf that a row of `redaction_target` makes."""
    return redaction_target(
        position=row["target"], scope=row["scope"], version=row["version"], digest=row["digest"]
    )


def wrong_columns(row: Row, expected: Mapping[str, Any], table: str) -> list[str]:
    """Return the columns of a row that do not hold what they should; `expected` names all."""
    columns = _T[table].c
    return [
        one.name
        for one in columns
        if not _holds(row[one.name], expected[one.name], is_document=isinstance(one.type, sa.JSON))
    ]


def _holds(value: Any, expected: Any, *, is_document: bool) -> bool:
    if isinstance(value, memoryview):
        value = bytes(value)
    if is_document and isinstance(value, str):
        # SQLite keeps the text: the spelling has to be the one that was written.
        try:
            held = json.loads(value)
        except ValueError:
            return False
        return bool(held == expected and json.dumps(held) == value)
    if isinstance(value, bool) != isinstance(expected, bool) and not isinstance(value, int):
        return False
    return bool(value == expected and isinstance(value, float) == isinstance(expected, float))


def access_columns(record: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that the fields of a newsroom, editor or key make."""
    return access.to_columns(kind_name(record), fields)


def record_columns(record: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that the fields of a record make, derived ones included."""
    return to_columns(kind_name(record), fields)
