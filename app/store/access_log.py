"""The access log, who asked what and when, and the last use of keys: no part of the ledger.

Rows come in batches and over a connection of their own, so that no request and no edit
waits for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.domain.permissions import Act
from app.store.database import URL, open_engine, write_transaction
from app.store.reading import At, Scope
from app.store.sql import Expression
from app.store.tables import metadata
from app.store.visibility import reaches

AT_ONCE: Final = 1_000
"""Rows that are deleted in one transaction."""

_TABLE: Final = metadata.tables["access_log"]
_USE: Final = metadata.tables["key_use"]
_INSERT: Final[Mapping[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class AccessLog:
    """The access log of one database."""

    def __init__(self, url: URL) -> None:
        self._engine = open_engine(url, pool_size=1)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _without_waiting_for_the_disk)
        inserting = _INSERT[self._engine.dialect.name](_USE)
        self._upsert = inserting.on_conflict_do_update(
            index_elements=[_USE.c.key],
            set_={"used_at": inserting.excluded.used_at},
            where=_USE.c.used_at < inserting.excluded.used_at,
        )

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write a batch."""
        with write_transaction(self._engine) as connection:
            connection.execute(_TABLE.insert(), [dict(row) for row in rows])

    def use(self, keys: Mapping[str, str]) -> None:
        """Write when keys were last used, where that is later than what stands."""
        # In one order, so that two processes never wait for each other.
        rows = [{"key": key, "used_at": at} for key, at in sorted(keys.items())]
        with write_transaction(self._engine) as connection:
            connection.execute(self._upsert, rows)

    def forget(self, before: str) -> None:
        """Delete what was asked before an instant, in short transactions."""
        old = sa.select(_TABLE.c.seq).where(_TABLE.c.at < before).order_by("seq").limit(AT_ONCE)
        deleted = AT_ONCE
        while deleted == AT_ONCE:
            with write_transaction(self._engine) as connection:
                found = connection.execute(sa.delete(_TABLE).where(_TABLE.c.seq.in_(old)))
                deleted = found.rowcount

    def close(self) -> None:
        """Let the connection go."""
        self._engine.dispose()


def _without_waiting_for_the_disk(connection: Any, _record: object) -> None:
    # A power cut may take the last second of it; with WAL nothing can be torn.
    connection.execute("PRAGMA synchronous = NORMAL")


def as_far_as_the_viewer_reaches(at: At, scope: Scope) -> Sequence[Expression]:
    """Read the requests of the newsrooms whose traffic the viewer may see.

    Every request writes to this log, so that no answer about it is kept.
    """
    at.depends_on_more_than_the_log()
    return [reaches(Act.READ_TRAFFIC, scope["newsroom"])]
