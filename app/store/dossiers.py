"""Reading the ledger for a dossier: what changesets made, and the state at a position.

Everything is read in batches, so that a ledger of any size passes through a
bounded memory. Rows up to a position never change, so batches need no common
transaction to agree with each other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from app.domain.codes import Action
from app.domain.records import Change, Record
from app.domain.reverting import Made
from app.store import tables
from app.store.database import read_only_sqlite
from app.store.ledger import Target
from app.store.records import load_as_of, table_of
from app.store.redactions import is_blank, load_targets

__all__ = ["Stored", "Target", "changesets", "gaps_as_of", "head_position", "reading"]

_T: Final = tables.metadata.tables
_head, _changeset, _header = _T["head"], _T["changeset"], _T["header"]
_newsroom, _revision, _change = _T["newsroom"], _T["revision"], _T["change"]
_redaction = _T["redaction"]

_CHANGESETS: Final = 50
_RECORDS: Final = 200


@dataclass(frozen=True, slots=True)
class Stored:
    """One changeset as it is stored; `headers` are its prose, by name.

    `contributor` asked for it by a proposal; `on_behalf_of` is that one's newsroom, or whose
    words else were entered.

    `targets` are what a redaction took, by its `authority`; other kinds have neither.
    """

    position: int
    recorded_at: str
    kind: str
    reason_code: str
    newsroom: str
    on_behalf_of: str | None
    contributor: str | None
    headers: Mapping[str, Any]
    made: tuple[Made, ...]
    authority: str | None = None
    targets: tuple[Target, ...] = ()


@contextmanager
def reading(url: URL) -> Iterator[Connection]:
    """Give a connection that only reads, and that no writer waits for."""
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            "sqlite://", hide_parameters=True, creator=lambda: read_only_sqlite(url)
        )
    else:
        engine = sa.create_engine(url, hide_parameters=True, poolclass=sa.pool.NullPool)
    try:
        # Each statement by itself: a long export holds no snapshot open.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
    finally:
        engine.dispose()


def head_position(connection: Connection) -> int:
    """Return the position of the latest changeset; 0 in an empty ledger."""
    return int(connection.execute(sa.select(_head.c.size)).scalar_one())


def recorded_at(connection: Connection, position: int) -> str:
    """Return when the changeset at a position was recorded."""
    query = sa.select(_changeset.c.recorded_at).where(_changeset.c.position == position)
    return str(connection.execute(query).scalar_one())


def changesets(connection: Connection, first: int, last: int) -> Iterator[list[Stored]]:
    """Yield the changesets from `first` to `last`, in batches."""
    for start in range(first, last + 1, _CHANGESETS):
        yield _changesets(connection, start, min(start + _CHANGESETS - 1, last))


def _changesets(connection: Connection, first: int, last: int) -> list[Stored]:
    headers = _headers(connection, first, last)
    made = _made(connection, first, last)
    behalf, asked = _newsroom.alias("behalf"), _T["editor"].alias("asked")
    query = (
        sa.select(
            _changeset,
            _newsroom.c.name.label("newsroom_name"),
            behalf.c.name.label("behalf_name"),
            asked.c.name.label("contributor_name"),
            _redaction.c.authority,
        )
        .join_from(_changeset, _newsroom, _changeset.c.newsroom == _newsroom.c.id)
        .outerjoin(behalf, behalf.c.id == _changeset.c.on_behalf_of)
        .outerjoin(asked, asked.c.id == _changeset.c.contributor)
        .outerjoin(_redaction, _redaction.c.position == _changeset.c.position)
        .where(_changeset.c.position.between(first, last))
        .order_by(_changeset.c.position)
    )
    return [
        Stored(
            position=row["position"],
            recorded_at=row["recorded_at"],
            kind=row["kind"],
            reason_code=row["reason_code"],
            newsroom=row["newsroom_name"],
            on_behalf_of=row["behalf_name"],
            contributor=row["contributor_name"],
            headers=headers[row["position"]],
            made=tuple(made[row["position"]]),
            authority=row["authority"],
            targets=tuple(load_targets(connection, row["position"])) if row["authority"] else (),
        )
        for row in connection.execute(query).mappings()
    ]


def gaps_as_of(
    connection: Connection, record_id: str, version: int, first: int, last: int
) -> frozenset[tuple[str, int]]:
    """Return what redactions from `first` to `last` took of that which a version of a record holds.

    Each is a field, and the version that had entered it.
    """
    target = _T["redaction_target"]
    entered = (
        sa.select(sa.func.max(_change.c.version))
        .where(
            _change.c.record_id == target.c.scope,
            _change.c.field == target.c.field,
            _change.c.version <= version,
        )
        .scalar_subquery()
    )
    query = sa.select(target.c.field, target.c.version).where(
        target.c.scope == record_id,
        target.c.position.between(first, last),
        target.c.version == entered,
    )
    return frozenset((name, entered) for name, entered in connection.execute(query))


def has_redactions(connection: Connection, first: int, last: int) -> bool:
    """Tell whether anything was redacted from position `first` to `last`."""
    query = sa.select(_redaction.c.position).where(_redaction.c.position.between(first, last))
    return connection.execute(query.limit(1)).first() is not None


def _headers(connection: Connection, first: int, last: int) -> dict[int, dict[str, Any]]:
    query = sa.select(_header.c.position, _header.c.name, _header.c.value).where(
        _header.c.position.between(first, last)
    )
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for position, name, value in connection.execute(query):
        found[position][name] = json.loads(value)
    return found


def _made(connection: Connection, first: int, last: int) -> dict[int, list[Made]]:
    changes = _changes(connection, first, last)
    query = (
        sa.select(_revision)
        .where(_revision.c.position.between(first, last))
        .order_by(_revision.c.position, _revision.c.place)
    )
    found: dict[int, list[Made]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        key = row["record_id"], row["version"]
        made = Made(
            *key,
            Action(row["action"]),
            tuple(change for change, _ in changes[key]),
            taken=frozenset(change.field for change, is_gap in changes[key] if is_gap),
        )
        found[row["position"]].append(made)
    return found


def _changes(
    connection: Connection, first: int, last: int
) -> dict[tuple[str, int], list[tuple[Change, bool]]]:
    """Return the changes of each revision, and of each whether what it set was redacted."""
    made_here = sa.and_(
        _change.c.record_id == _revision.c.record_id, _change.c.version == _revision.c.version
    )
    query = (
        sa.select(_change)
        .join_from(_revision, _change, made_here)
        .where(_revision.c.position.between(first, last))
        .order_by(_change.c.record_id, _change.c.version, _change.c.place)
    )
    found: dict[tuple[str, int], list[tuple[Change, bool]]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        change = Change(row["field"], json.loads(row["before"]), json.loads(row["after"]))
        found[row["record_id"], row["version"]].append((change, is_blank(row)))
    return found


def walk_as_of(connection: Connection, kind: str, position: int) -> Iterator[Record]:
    """Yield every record of a kind that was there at a position, in the order of ids."""
    latest = ""
    while ids := _ids_as_of(connection, kind, position, latest):
        found = load_as_of(connection, ids, position)
        yield from (found[record_id] for record_id in ids)
        latest = ids[-1]


def _ids_as_of(connection: Connection, kind: str, position: int, latest: str) -> Sequence[str]:
    table = table_of(kind)
    query = (
        sa.select(table.c.id)
        .where(table.c.id > latest, table.c.entered <= position, table.c.superseded > position)
        .order_by(table.c.id)
        .limit(_RECORDS)
    )
    return connection.execute(query).scalars().all()
