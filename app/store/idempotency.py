"""Which answer an idempotency key had: its position and what it said in codes and ids.

A row is written in the transaction of what it answers, so that both are there after a
crash or neither is. Nothing else says that a key is under way: PostgreSQL's lock ends
with the transaction, and on SQLite the writers of a process, of which there is one at a
time, are noted in its memory.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from app.domain.errors import IdempotencyInProgress
from app.domain.warnings import Caution
from app.store import tables

_T: Final = tables.metadata.tables
_idempotency, _changeset, _entry = _T["idempotency"], _T["changeset"], _T["entry"]

SWEPT_AT_ONCE: Final = 500
"""Expired keys that one transaction removes: other writers wait for it on SQLite."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a key was answered with; `payload` is an HMAC of what it came with.

    `position` and what belongs to it are None where nothing was written. `answer` is what
    else was said, in codes, ids and numbers.
    """

    payload: str
    position: int | None
    changeset_id: str | None
    recorded_at: str | None
    leaf_hash: bytes | None
    warnings: tuple[Caution, ...]
    answer: Any


@contextmanager
def under_way(engine: Engine, key: str, *, at_once: bool) -> Iterator[None]:
    """Note, around a transaction, that a key is under way in this process.

    Raises `IdempotencyInProgress` where it is already, if the answer is wanted `at_once`.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    noted = f"{engine.url.database}\n{key}"
    with _noting:
        if at_once and _noted[noted]:
            raise IdempotencyInProgress
        _noted[noted] += 1
    try:
        yield
    finally:
        with _noting:
            _noted[noted] -= 1
            if not _noted[noted]:
                del _noted[noted]


_noting = threading.Lock()
_noted: Counter[str] = Counter()


def find(connection: Connection, key: str, *, since: str, at_once: bool) -> Answered | None:
    """Return the answer that a key had `since` an instant; wait for one that is under way.

    Raises `IdempotencyInProgress` in place of waiting, if the answer is wanted `at_once`.
    """
    if connection.dialect.name == "postgresql":
        _lock(connection, key, at_once=at_once)
    query = (
        sa.select(_idempotency, _changeset.c.id, _changeset.c.recorded_at, _entry.c.leaf_hash)
        .select_from(_idempotency)
        .outerjoin(_changeset, _idempotency.c.position == _changeset.c.position)
        .outerjoin(_entry, _entry.c.position == _changeset.c.position)
        .where(_idempotency.c.key == key, _idempotency.c.created_at > since)
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
        warnings=tuple(Caution(**warning) for warning in row["warnings"] or ()),
        answer=row["answer"],
    )


def _lock(connection: Connection, key: str, *, at_once: bool) -> None:
    # Two edits with one key take turns; the second finds the first's answer.
    call = "pg_try_advisory_xact_lock" if at_once else "pg_advisory_xact_lock"
    statement = sa.text(f"SELECT {call}(hashtextextended(:key, 0))")
    if connection.execute(statement, {"key": key}).scalar() is False:
        raise IdempotencyInProgress


def remember(  # noqa: PLR0913 - the columns of a row
    connection: Connection,
    key: str,
    payload: str,
    *,
    position: int | None,
    warnings: Sequence[Caution],
    answer: Any,
    at: str,
) -> None:
    """Keep the answer of a key, in the same transaction as what it answers."""
    # What is still there has expired, or `find` had found it.
    connection.execute(_idempotency.delete().where(_idempotency.c.key == key))
    connection.execute(
        _idempotency.insert(),
        {
            "key": key,
            "payload": payload,
            "position": position,
            "warnings": [asdict(warning) for warning in warnings],
            "answer": answer,
            "created_at": at,
        },
    )


def sweep(connection: Connection, until: str) -> int:
    """Remove some of the keys answered `until` an instant; return how many there were."""
    old = (
        sa.select(_idempotency.c.key)
        .where(_idempotency.c.created_at <= until)
        .order_by(_idempotency.c.created_at)
        .limit(SWEPT_AT_ONCE)
    )
    done = connection.execute(_idempotency.delete().where(_idempotency.c.key.in_(old)))
    return done.rowcount
