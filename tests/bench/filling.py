"""Writing the dataset into the ledger's real tables, in bulk and past the one door.

Rows are the same as `app.commands.submit` would write, log entries and digests included,
with salts from a seeded stream. They come in the order that the triggers ask for: a
changeset's rows first, then its entry, then the head. The triggers themselves, which would
double the time, are off meanwhile, and the indexes are made afterwards.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Final

import asyncpg
import orjson
import sqlalchemy as sa

from app.domain.codes import Action, ChangesetKind
from app.domain.kinds import KINDS
from app.log.disclosure import SALT_BYTES
from app.log.entry import Subtree, changeset_root, entry, revision_document
from app.log.tree import Peaks, leaf_hash
from app.store.ledger import instant_text
from app.store.rows import to_columns
from app.store.tables import END, LEDGER_TABLES, metadata
from app.store.tree import completed_nodes
from tests.bench import dataset
from tests.bench.dataset import Size, Written

NEWSROOM: Final = "newsroom_01hf7yat00e2s8v3kqz5m4n6p7"
EDITOR: Final = "editor_01hf7yat00e2s8v3kqz5m4n6p7"
EDITOR_NAME: Final = "A. Clerk"
_START: Final = datetime(2024, 1, 1, tzinfo=UTC)
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_COLUMNS: Final = {
    name: tuple(column.name for column in table.columns) for name, table in metadata.tables.items()
}
_DOCUMENTS: Final = {
    name: tuple(place for place, one in enumerate(table.columns) if isinstance(one.type, sa.JSON))
    for name, table in metadata.tables.items()
}

Row = tuple[Any, ...]


@dataclass(slots=True)
class Batch:
    """All rows of one changeset, by table, in an order that the triggers accept."""

    position: int
    recorded_at: str
    rows: dict[str, list[Row]] = field(default_factory=dict)
    superseded: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    peaks: Peaks = field(default_factory=Peaks)


def batches(size: Size) -> Iterator[Batch]:
    """Yield the changesets of the whole dataset as rows."""
    salts = random.Random(7)
    peaks, entered = Peaks(), dict[str, int]()
    for position, written in zip(count(1), dataset.changesets(size), strict=False):
        batch = _batch(position, written, entered, salts)
        leaf = batch.rows["entry"][0][2]
        batch.rows["node"] = [tuple(row.values()) for row in completed_nodes(peaks, leaf)]
        peaks = peaks.append(leaf)
        batch.peaks = peaks
        entered.update((one.record_id, position) for one in written)
        yield batch


@dataclass(frozen=True, slots=True)
class LongLog:
    """A log of so many entries, which touch no record: what has to grow is the log alone."""

    entries: int

    def __str__(self) -> str:
        return f"{self.entries:,} entries that touch no record"


def batches_of(size: Size | LongLog) -> Iterator[Batch]:
    """Yield what a ledger of a size consists of as rows."""
    return _long_log(size.entries) if isinstance(size, LongLog) else batches(size)


_TOGETHER: Final = 1000


def _long_log(entries: int) -> Iterator[Batch]:
    """Yield the rows of a log without records, many changesets at a time."""
    salts = random.Random(7)
    peaks = Peaks()
    for first in range(1, entries + 1, _TOGETHER):
        last = min(first + _TOGETHER - 1, entries)
        batch = Batch(last, instant_text(_at(last)))
        batch.rows = {table: [] for table in _LOG_TABLES}
        for position in range(first, last + 1):
            sealed = _sealed("note", f"Part {position} of the file.", salts)
            leaf = _add_header(batch, position, (sealed,), ChangesetKind.EDIT, changeset_root([]))
            batch.rows["node"] += [tuple(row.values()) for row in completed_nodes(peaks, leaf)]
            peaks = peaks.append(leaf)
        batch.peaks = peaks
        yield batch


_LOG_TABLES: Final = ("changeset", "header", "record", "revision", "change", "entry", "node")


def _at(position: int) -> datetime:
    return _START + timedelta(minutes=position)


def _batch(
    position: int, written: list[Written], entered: dict[str, int], salts: random.Random
) -> Batch:
    batch = Batch(position, instant_text(_at(position)))
    batch.rows = {table: [] for table in _LOG_TABLES}
    is_first = written[0].action is Action.ADD
    headers = (
        _sealed("editorName", EDITOR_NAME, salts),
        _sealed("note", f"Part {position} of the file.", salts),
    )
    root = _add_steps(batch, written, entered, salts)
    _add_header(
        batch, position, headers, ChangesetKind.IMPORT if is_first else ChangesetKind.EDIT, root
    )
    return batch


def _add_header(
    batch: Batch,
    position: int,
    headers: tuple[tuple[str, str, str, str], ...],
    kind: ChangesetKind,
    root: Subtree,
) -> bytes:
    """Add the rows of a changeset without its revisions, and return its leaf hash."""
    at, changeset = _at(position), f"changeset_{position:026d}"
    code = "INITIAL_ENTRY" if kind is ChangesetKind.IMPORT else "SOURCE_CORRECTED"
    row = (position, changeset, instant_text(at), EDITOR, NEWSROOM, "EDITOR", None, kind, code)
    # It reverts nothing, and nobody proposed it.
    batch.rows["changeset"].append(row + (None,) * (len(_COLUMNS["changeset"]) - len(row)))
    batch.rows["header"] += [(position, *sealed, False) for sealed in headers]
    body = entry(
        kind=kind,
        position=position,
        changeset=changeset,
        recorded_at=at,
        editor=EDITOR,
        newsroom=NEWSROOM,
        role="EDITOR",
        reason_code=code,
        public=[sealed[-1] for sealed in headers],
        restricted=[],
        revisions=root,
    )
    leaf = leaf_hash(body)
    batch.rows["entry"].append((position, body.decode(), leaf))
    return leaf


def _add_steps(
    batch: Batch, written: list[Written], entered: dict[str, int], salts: random.Random
) -> Subtree:
    documents = []
    for place, one in enumerate(written):
        prev = entered.get(one.record_id)
        if one.action is Action.ADD:
            batch.rows["record"].append((one.record_id, one.kind, batch.position))
        else:
            batch.superseded.setdefault(one.kind, []).append((one.record_id, one.version - 1))
        batch.rows["revision"].append(
            (one.record_id, one.version, batch.position, place, one.action, prev)
        )
        changes = list(_change_rows(one, salts))
        batch.rows["change"].extend(changes)
        batch.rows.setdefault(one.kind, []).append(_version_row(one, batch.position))
        documents.append(_document(one, prev, [row[-1] for row in changes]))
    _check_document(written[0], entered.get(written[0].record_id), batch, documents[0])
    return changeset_root(documents)


def _change_rows(one: Written, salts: random.Random) -> Iterator[Row]:
    names = [
        name for name in KINDS[one.kind].fields if one.before.get(name) != one.fields.get(name)
    ]
    for place, name in enumerate(names):
        before = _canonical(one.before.get(name)).decode()
        yield (
            one.record_id,
            one.version,
            name,
            place,
            before,
            *_sealed(name, one.fields.get(name), salts)[1:],
        )


def _sealed(name: str, value: Any, salts: random.Random) -> tuple[str, str, str, str]:
    """Name, canonical value, salt and digest, as `app.commands.sealing.seal` makes them."""
    salt = _base64url(salts.randbytes(SALT_BYTES)).decode()
    disclosure = _base64url(_canonical([salt, name, value]))
    digest = _base64url(sha256(disclosure).digest()).decode()
    return name, _canonical(value).decode(), salt, digest


def _base64url(data: bytes) -> bytes:
    # As `app.log.base64url` writes it, in a third of the time; there are five million.
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")


def _canonical(value: Any) -> bytes:
    # Without numbers and with ASCII keys, sorted JSON without blanks is canonical (RFC 8785),
    # but for version and prev, which are small integers.
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _document(one: Written, prev: int | None, digests: list[str]) -> bytes:
    return _canonical(
        {
            "record": one.record_id,
            "version": one.version,
            "action": str(one.action),
            "prev": prev,
            "public": sorted(digests),
            "restricted": [],
        }
    )


def _check_document(one: Written, prev: int | None, batch: Batch, document: bytes) -> None:
    """The short way must give the bytes that the ledger's own way gives."""
    digests = [row[-1] for row in batch.rows["change"] if row[0] == one.record_id]
    expected = revision_document(
        record=one.record_id,
        version=one.version,
        action=one.action,
        prev=prev,
        public=digests,
        restricted=[],
    )
    if document != expected:
        raise RuntimeError("the dataset's digests are not those of the ledger")


def _version_row(one: Written, position: int) -> Row:
    columns = {
        "id": one.record_id,
        "version": one.version,
        "entered": position,
        "superseded": END,
        "state": "ACTIVE",
        "newsroom": NEWSROOM,
        **to_columns(one.kind, one.fields),
    }
    row = [columns[name] for name in _COLUMNS[one.kind]]
    for place in _DOCUMENTS[one.kind]:
        row[place] = None if row[place] is None else json.dumps(row[place])
    return tuple(row)


_ACCESS: Final = (
    ("newsroom", (NEWSROOM, "The Measured Gazette", True, instant_text(_START), 1, None)),
    (
        "editor",
        (EDITOR, NEWSROOM, EDITOR_NAME, "EDITOR", instant_text(_START), None, None, 1, None),
    ),
)

_ALWAYS: Final = """
DO $$ DECLARE guard name; BEGIN
  FOR guard IN SELECT tgname FROM pg_trigger
    WHERE tgrelid = '"{table}"'::regclass AND NOT tgisinternal
  LOOP EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', '{table}', guard); END LOOP;
END $$"""

Progress = Callable[[int], None]


def fill_sqlite(file: Path, size: Size | LongLog, progress: Progress) -> None:
    """Write the dataset into a migrated SQLite file, and have its planner look at it."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        # A file that a crash spoils is built again.
        for pragma in ("synchronous = OFF", "cache_size = -400000", "recursive_triggers = ON"):
            connection.execute(f"PRAGMA {pragma}")
        with _bare_sqlite(connection):
            for table, row in _ACCESS:
                connection.execute(_insert(table), row)
            for batch in batches_of(size):
                _write_sqlite(connection, batch)
                progress(batch.position)
        connection.execute("PRAGMA analysis_limit = 1000")
        connection.execute("ANALYZE")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _bare_sqlite(connection: sqlite3.Connection) -> Iterator[None]:
    """Take triggers and indexes off for the bulk of the work, and put them back as they were."""
    found = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger')"
        " AND sql IS NOT NULL ORDER BY type"  # what belongs to a key has no SQL, and stays
    ).fetchall()
    for kind, name, _ in found:
        connection.execute(f"DROP {kind} {name}")
    yield
    for _, _, statement in found:
        connection.execute(statement)


def _write_sqlite(connection: sqlite3.Connection, batch: Batch) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for table in ("changeset", "header", "record", "revision", "change"):
        connection.executemany(_insert(table), batch.rows[table])
    for table, gone in batch.superseded.items():
        connection.executemany(
            f"UPDATE {table} SET superseded = {batch.position} WHERE id = ? AND version = ?", gone
        )
    for table in (*_kinds(batch), "entry", "node"):
        connection.executemany(_insert(table), batch.rows[table])
    connection.execute(
        "UPDATE head SET size = ?, peaks = ?, recorded_at = ?",
        (batch.position, batch.peaks.encode(), batch.recorded_at),
    )
    connection.execute("COMMIT")


def _insert(table: str) -> str:
    marks = ", ".join("?" for _ in _COLUMNS[table])
    return f'INSERT INTO "{table}" ({", ".join(_COLUMNS[table])}) VALUES ({marks})'


def _kinds(batch: Batch) -> Iterable[str]:
    return [table for table in KINDS if table in batch.rows]


def fill_postgres(url: str, size: Size | LongLog, progress: Progress) -> None:
    """Write the dataset into a migrated PostgreSQL database, and have it analyzed."""
    asyncio.run(_fill_postgres(url, size, progress))


async def _fill_postgres(url: str, size: Size | LongLog, progress: Progress) -> None:
    connection = await asyncpg.connect(url)
    try:
        await _guard_postgres(connection, "DISABLE")
        indexes = await _take_indexes(connection)
        for table, row in _ACCESS:
            await _copy(connection, table, [row])
        for batch in batches_of(size):
            async with connection.transaction():
                await _write_postgres(connection, batch)
            progress(batch.position)
        await connection.execute("SET maintenance_work_mem = '256MB'")
        for statement in indexes:
            await connection.execute(statement)
        await _guard_postgres(connection, "ENABLE")
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _guard_postgres(connection: asyncpg.Connection, action: str) -> None:
    """Take the triggers off, those of the foreign keys too, or put them back."""
    for table in _COLUMNS:
        await connection.execute(f'ALTER TABLE "{table}" {action} TRIGGER ALL')
        if action == "ENABLE" and table in LEDGER_TABLES:
            await connection.execute(_ALWAYS.format(table=table))


async def _take_indexes(connection: asyncpg.Connection) -> list[str]:
    """Drop every index but those of keys, and return the statements that make them again."""
    found = await connection.fetch(
        "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS made"
        " FROM pg_index JOIN pg_class ON pg_class.oid = indrelid"
        " WHERE relnamespace = 'public'::regnamespace"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"
    )
    for name, _ in found:
        await connection.execute(f"DROP INDEX {name}")
    return [made for _, made in found]


async def _write_postgres(connection: asyncpg.Connection, batch: Batch) -> None:
    for table in ("changeset", "header", "record", "revision", "change"):
        await _copy(connection, table, batch.rows[table])
    for table, gone in batch.superseded.items():
        await connection.execute(
            f"UPDATE {table} AS held SET superseded = $3 FROM unnest($1::text[], $2::int[])"
            " AS gone (id, version) WHERE held.id = gone.id AND held.version = gone.version",
            [one for one, _ in gone],
            [version for _, version in gone],
            batch.position,
        )
    for table in (*_kinds(batch), "entry", "node"):
        await _copy(connection, table, batch.rows[table])
    await connection.execute(
        "UPDATE head SET size = $1, peaks = $2, recorded_at = $3",
        batch.position,
        batch.peaks.encode(),
        batch.recorded_at,
    )


async def _copy(connection: asyncpg.Connection, table: str, rows: list[Row]) -> None:
    await connection.copy_records_to_table(table, records=rows, columns=_COLUMNS[table])
