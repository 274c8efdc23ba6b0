"""Budgets of clients, summed over all processes that serve one ledger.

A row is one number: when the client's budget is whole again. Who charges adds to it, so
that no charge of another process is lost. Instants are seconds of POSIX time, from the
clocks of the processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

import sqlalchemy as sa

from app.store.database import (
    URL,
    Connection,
    open_engine,
    read_only_sqlite,
    write_transaction,
)

SHOWN: Final = 10_000
"""Clients that one exchange tells of, at most: those that have taken most."""

_CHARGE: Final = {
    "postgresql": (
        "INSERT INTO budget AS b (client, full_at) VALUES (:client, :now + :seconds) "
        "ON CONFLICT (client) DO UPDATE SET full_at = "
        "least(greatest(b.full_at, :now) + :seconds, :now + :most)"
    ),
    "sqlite": (
        "INSERT INTO budget AS b (client, full_at) VALUES (:client, :now + :seconds) "
        "ON CONFLICT (client) DO UPDATE SET full_at = "
        "min(max(b.full_at, :now) + :seconds, :now + :most)"
    ),
}
_READ: Final = sa.text(
    "SELECT client, full_at FROM budget WHERE full_at > :now ORDER BY full_at DESC LIMIT :shown"
)
_FORGET: Final = sa.text("DELETE FROM budget WHERE full_at <= :now")


class Budgets:
    """The budgets in one database, over a connection of their own."""

    def __init__(self, url: URL) -> None:
        self._engine = open_engine(url, pool_size=1)
        self._charge = sa.text(_CHARGE[self._engine.dialect.name])
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _without_waiting_for_the_disk)

    def exchange(
        self, charged: Mapping[str, float], now: float, *, most: float
    ) -> Mapping[str, float]:
        """Add the seconds that clients were charged here; return when each is whole again.

        `most` is how far ahead of `now` that may be. Clients whose budget is whole are
        not told of.
        """
        if not charged:
            return self._read_alone(now)
        # In one order, so that two processes never wait for each other.
        rows = [
            {"client": client, "seconds": seconds, "now": now, "most": most}
            for client, seconds in sorted(charged.items())
        ]
        with write_transaction(self._engine) as connection:
            connection.execute(self._charge, rows)
            return self._read(connection, now)

    def forget(self, now: float) -> None:
        """Delete the clients whose budget is whole."""
        with write_transaction(self._engine) as connection:
            connection.execute(_FORGET, {"now": now})

    def close(self) -> None:
        """Let the connection go."""
        self._engine.dispose()

    def _read_alone(self, now: float) -> Mapping[str, float]:
        if self._engine.dialect.name == "postgresql":
            with self._engine.connect() as connection:
                return self._read(connection, now)
        # An engine's connection to SQLite begins as a writer, and would wait for others.
        with closing(read_only_sqlite(self._engine.url)) as reading:
            return dict(reading.execute(str(_READ), {"now": now, "shown": SHOWN}).fetchall())

    def _read(self, connection: Connection, now: float) -> Mapping[str, float]:
        rows = connection.execute(_READ, {"now": now, "shown": SHOWN})
        return {row.client: row.full_at for row in rows}


def _without_waiting_for_the_disk(connection: Any, _record: object) -> None:
    # A budget need not survive a power cut. What the ledger's own connections write
    # waits as ever, and with WAL nothing can be torn.
    connection.execute("PRAGMA synchronous = NORMAL")
