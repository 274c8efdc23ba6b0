"""Connections that read the log alone: for proofs, tiles, the signer and its guard.

Each statement stands by itself. What is read of a log up to some size never changes, so
statements need no common transaction to agree with each other.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

from app.store.database import LOCK_TIMEOUT_S, read_only_sqlite

_POOL: Final = 4


def open_log_engine(url: URL, *, timeout: float = LOCK_TIMEOUT_S) -> Engine:
    """Return an engine whose connections can only read; a statement takes `timeout` s at most.

    No writer waits for them. SQLite is bounded by what one statement reads: a tile.
    """
    if url.get_backend_name() == "sqlite":
        return sa.create_engine(
            "sqlite://",
            creator=lambda: read_only_sqlite(url),
            poolclass=sa.pool.QueuePool,
            pool_size=_POOL,
            isolation_level="AUTOCOMMIT",
        )
    options = f"-c default_transaction_read_only=on -c statement_timeout={int(timeout * 1000)}"
    return sa.create_engine(
        url,
        pool_size=_POOL,
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT",
        connect_args={"options": options},
    )
