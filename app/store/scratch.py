"""What a verification remembers of a log behind it, on a temporary SQLite file.

The file has no name: SQLite makes it when its cache is full, and takes it away
with the connection, also after a crash. So a log of any length needs little
memory, and nothing is left on the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from app.log.reading import TargetParts
from app.log.verifying import Gap, Held

_CACHE_KIB: Final = 32_768
_TABLES: Final = """
CREATE TABLE record (
    id TEXT PRIMARY KEY, version INTEGER, position INTEGER, state TEXT, fields BLOB, more BLOB
) WITHOUT ROWID;
CREATE TABLE gap (
    position INTEGER, scope TEXT, version INTEGER, digest TEXT, restricted INTEGER, named INTEGER,
    PRIMARY KEY (position, scope, version, digest)
) WITHOUT ROWID;
"""


class Scratch:
    """The memory of one verification (`app.log.verifying.Memory`), with room for replays."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._run = connection.execute

    def held(self, record: str) -> Held | None:
        """Return what was last held of a record."""
        row = self._run(_HELD, (record,)).fetchone()
        return None if row is None else Held(*row)

    def hold(self, record: str, held: Held) -> None:
        """Remember the latest version of a record."""
        self._run(_HOLD, (record, *held))

    def miss(self, gaps: Sequence[Gap]) -> None:
        """Remember disclosures that are absent."""
        rows = [(one.position, one.scope, one.version or 0, one.digest, one.restricted)
                for one in gaps]  # fmt: skip
        self._connection.executemany("INSERT INTO gap VALUES (?, ?, ?, ?, ?, 0)", rows)

    def name(self, target: TargetParts) -> bool:
        """Mark the gap that a redaction names; False where there is none, or it is marked."""
        key = (target.position, target.scope, target.version or 0, target.digest)
        return self._run(_NAME, key).rowcount == 1

    def unnamed(self, *, restricted: bool) -> Iterator[Gap]:
        """Yield the gaps that no redaction named, by position."""
        for position, scope, version, digest in self._run(_UNNAMED, (restricted,)):
            yield Gap(position, scope, version or None, digest, restricted)

    # --- replaying ------------------------------------------------------------

    def fields(self, record: str) -> tuple[bytes, bytes]:
        """Return what `keep` kept of a record, empty where it kept nothing."""
        row = self._run("SELECT fields, more FROM record WHERE id = ?", (record,)).fetchone()
        return (b"", b"") if row is None else (row[0] or b"", row[1] or b"")

    def keep(self, record: str, fields: bytes, more: bytes = b"") -> None:
        """Keep bytes beside the latest version of a record that is held."""
        self._run("UPDATE record SET fields = ?, more = ? WHERE id = ?", (fields, more, record))

    def records(self, prefix: str) -> Iterator[tuple[str, Held, bytes, bytes]]:
        """Yield every record whose id starts with `prefix`, by id, with what was kept."""
        found = self._run(_RECORDS, (prefix, prefix + "\x7f"))
        for record, version, position, state, fields, more in found:
            yield record, Held(version, position, state), fields or b"", more or b""


_HELD: Final = "SELECT version, position, state FROM record WHERE id = ?"
_HOLD: Final = (
    "INSERT INTO record (id, version, position, state) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version, position = excluded.position,"
    " state = excluded.state"
)
_NAME: Final = (
    "UPDATE gap SET named = 1"
    " WHERE position = ? AND scope = ? AND version = ? AND digest = ? AND named = 0"
)
_UNNAMED: Final = (
    "SELECT position, scope, version, digest FROM gap WHERE named = 0 AND restricted = ?"
    " ORDER BY position, scope, version, digest"
)
_RECORDS: Final = (
    "SELECT id, version, position, state, fields, more FROM record"
    " WHERE id >= ? AND id < ? ORDER BY id"
)


@contextmanager
def scratch() -> Iterator[Scratch]:
    """Give an empty memory for the time of a block."""
    connection: Any = sqlite3.connect("", isolation_level=None)
    try:
        # One transaction that is never committed: nothing has to reach the disk.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_TABLES)
        connection.execute("BEGIN")
        yield Scratch(connection)
    finally:
        connection.close()


__all__ = ["Scratch", "scratch"]
