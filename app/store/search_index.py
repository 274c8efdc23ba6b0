"""The search index: what the present, active records are found by.

It is derived from the records and may be deleted and made again at any time. It
is written in the transaction of the edit itself, so that an answer never shows
a record's new state beside its old words; a revision that changes no words
writes nothing here.

`words` holds the tokens of `app.domain.searching`: on SQLite as text under an
FTS5 index, on PostgreSQL as a tsvector under GIN. PostgreSQL's extensions come
in through two functions of our own, so that every statement is the same with
and without them:

    search_folded     unaccent: letters of rarer alphabets, such as the hooked
                      ones of Hausa, are found by their plain forms
    search_resembles  pg_trgm: a name is found though more than one letter of it
                      is wrong
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from app.domain.codes import RecordState
from app.domain.errors import Unready
from app.domain.kinds import KINDS
from app.domain.records import Record, Step, kind_name
from app.domain.searching import Document, document
from app.store import tables
from app.store.database import LOG_LOCK, write_transaction
from app.store.reader import Reader
from app.store.records import is_present, load_present, table_of

EXTENSIONS: Final = ("pg_trgm", "unaccent")
"""What search makes use of where PostgreSQL has it."""

_BATCH: Final = 500
_LAST_PLACE: Final = 16_383
"""The last place of a word that a tsvector tells (PostgreSQL, 12.11)."""

_search: Final = tables.metadata.tables["search"]

# The place of a record in the log: its first changeset, and its order in it. So the
# numbers are the same whenever the index is made, and the newest record's is the highest.
_NUMBER: Final = (
    "(SELECT record.created FROM record WHERE record.id = :id) * 1048576"
    " + (SELECT revision.place FROM revision"
    " WHERE revision.record_id = :id AND revision.version = 1)"
)
_INSERT: Final = {
    "sqlite": sa.text(
        f"INSERT INTO search (number, id, words, names) VALUES ({_NUMBER}, :id, :words, :names)"
    ),
    "postgresql": sa.text(
        "INSERT INTO search (number, id, words, names) VALUES"
        f" ({_NUMBER}, :id, CAST(search_folded(:words) AS tsvector), search_folded(:names))"
    ),
}
_DELETE: Final = sa.text("DELETE FROM search WHERE id = :id")


# --- with every edit ----------------------------------------------------------


def write_search(connection: Connection, steps: Iterable[Step]) -> None:
    """Bring the index to what the records are after these steps; part of their transaction."""
    gone, come = [], []
    for step in steps:
        before = None if step.before is None else _document_of(step.before)
        after = _document(step.record_id, step.state, step.fields)
        if before == after:
            continue
        if before is not None:
            gone.append({"id": step.record_id})
        if after is not None:
            come.append((step.record_id, after))
    if gone:
        connection.execute(_DELETE, gone)
    _insert(connection, come)


def _document_of(record: Record) -> Document | None:
    return _document(record.id, record.state, record.fields)


def _document(record_id: str, state: RecordState, fields: Any) -> Document | None:
    """Return what a record is found by; None while it does not stand."""
    return document(kind_name(record_id), fields) if state is RecordState.ACTIVE else None


def _insert(connection: Connection, come: Sequence[tuple[str, Document]]) -> None:
    if not come:
        return
    database = connection.dialect.name
    rows = [
        {"id": record_id, "words": words_of(one, database), "names": one.names}
        for record_id, one in come
    ]
    connection.execute(_INSERT[database], rows)


def words_of(one: Document, database: str) -> str:
    """Return the tokens as the database takes them: as text, or as a tsvector's."""
    if database == "sqlite":
        return " ".join(one.tokens)
    # Tokens are letters, marks and digits, so nothing in them needs to be escaped.
    return " ".join(
        f"'{token}':{min(place, _LAST_PLACE)}" for place, token in enumerate(one.tokens, start=1)
    )


# --- as a whole ---------------------------------------------------------------


def rebuild_search(engine: Engine) -> int:
    """Make the index again from the records; return how many are in it.

    Commits wait meanwhile, readers see the old index until the new one is there.
    """
    with write_transaction(engine) as connection:
        _hold_the_log(connection)
        equip(connection)
        return _fill(connection)


def complete_search(connection: Connection) -> None:
    """Equip the index, and fill it where it is empty: the last step of every migration."""
    if not sa.inspect(connection).has_table("search"):
        return
    _hold_the_log(connection)
    equip(connection)
    if connection.execute(sa.text("SELECT 1 FROM search LIMIT 1")).first() is None:
        _fill(connection)


def scrub_search(connection: Connection, record_ids: Sequence[str]) -> None:
    """Make the entries of some records again, and leave no trace of what they held.

    For redactions, after the values themselves were blanked in the transaction.
    """
    connection.execute(_DELETE, [{"id": one} for one in record_ids])
    _insert(connection, list(_documents(load_present(connection, record_ids).values())))
    _forget_for_good(connection)


def _forget_for_good(connection: Connection) -> None:
    """Have FTS5 write its index anew: until then a deleted word stays in the file, unused.

    The pages that it leaves are overwritten with zeroes (PRAGMA secure_delete).
    PostgreSQL drops dead rows, and their words, at the next VACUUM.
    """
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text("INSERT INTO search_index (search_index) VALUES ('optimize')"))


def _hold_the_log(connection: Connection) -> None:
    """Let no commit come in between; on SQLite there is one writer anyhow."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOG_LOCK})


def _fill(connection: Connection) -> int:
    """Enter every active record into the index, in the place of what it held."""
    counted = 0
    with _indexed_afterwards(connection):
        connection.execute(sa.text("DELETE FROM search"))
        for batch in _active_ids(connection):
            come = list(_documents(load_present(connection, batch).values()))
            _insert(connection, come)
            counted += len(come)
    return counted


@contextmanager
def _indexed_afterwards(connection: Connection) -> Iterator[None]:
    """Have FTS5 index all rows at the end of a block, which is ten times as fast as one by one.

    A trigger makes a savepoint of each row, and at each savepoint FTS5 writes what it has.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    triggers = connection.execute(sa.text(_TRIGGERS)).all()
    for name, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for _, statement in triggers:
        connection.exec_driver_sql(statement)
    connection.execute(sa.text("INSERT INTO search_index (search_index) VALUES ('rebuild')"))
    _forget_for_good(connection)


_TRIGGERS: Final = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'search'"
)


def _active_ids(connection: Connection) -> Iterator[Sequence[str]]:
    for kind in KINDS:
        table = table_of(kind)
        last = ""
        while True:
            query = sa.select(table.c.id).where(
                is_present(table), table.c.state == RecordState.ACTIVE.value, table.c.id > last
            )
            ids = connection.execute(query.order_by(table.c.id).limit(_BATCH)).scalars().all()
            if not ids:
                break
            yield ids
            last = ids[-1]


def _documents(records: Iterable[Record]) -> Iterator[tuple[str, Document]]:
    for record in records:
        one = _document_of(record)
        if one is not None:
            yield record.id, one


# --- whether it holds ---------------------------------------------------------


def search_differences(connection: Connection) -> list[str]:
    """Return the ids of records whose entry is not what their present version asks for.

    Reads everything: for tests, and for an operator who doubts.
    """
    wanted = {
        record_id: one
        for batch in _active_ids(connection)
        for record_id, one in _documents(load_present(connection, batch).values())
    }
    different = set(wanted) ^ set(connection.execute(sa.select(_search.c.id)).scalars())
    different.update(
        record_id
        for record_id, one in wanted.items()
        if record_id not in different and not _is_entered(connection, record_id, one)
    )
    return sorted(different)


def _is_entered(connection: Connection, record_id: str, one: Document) -> bool:
    database = connection.dialect.name
    values = {"id": record_id, "words": words_of(one, database), "names": one.names}
    return bool(connection.execute(_ENTERED[database], values).scalar())


_ENTERED: Final = {
    "sqlite": sa.text(
        f"SELECT count(*) FROM search WHERE number = {_NUMBER} AND id = :id"
        " AND words = :words AND names = :names"
    ),
    "postgresql": sa.text(
        f"SELECT count(*) FROM search WHERE number = {_NUMBER} AND id = :id"
        " AND words = CAST(search_folded(:words) AS tsvector) AND names = search_folded(:names)"
    ),
}


async def require_search(reader: Reader) -> tuple[str, ...]:
    """Return which of `EXTENSIONS` search does without; there are none to lack on SQLite.

    Raises `Unready` where the functions of the index are gone, as they are once
    somebody drops an extension with all that depends on it.
    """
    if reader.database == "sqlite":
        return ()
    row = await reader.fetch(_USED, [])
    if row is None or any(value is None for value in row):
        raise Unready("functions of the search index are missing; run: corrigenda reindex")
    return tuple(name for name in EXTENSIONS if name not in row[0].split())


_USED: Final = (
    "SELECT search_extensions(), to_regprocedure('search_folded(text)')::text,"
    " to_regprocedure('search_resembles(text, text)')::text"
)


# --- what the server has ------------------------------------------------------


def equip(connection: Connection) -> None:
    """Have PostgreSQL's extensions used where they are, or where this role may create them.

    Those that are not there are done without; `search_extensions()` tells which are used.
    """
    if connection.dialect.name != "postgresql":
        return
    schemas = {name: _extension(connection, name) for name in EXTENSIONS}
    _define(connection, schemas["unaccent"], _FOLDED)
    _define(connection, schemas["pg_trgm"], _RESEMBLES)
    used = " ".join(name for name, schema in schemas.items() if schema is not None)
    connection.execute(sa.text(_DEFINE.format(signature="search_extensions()", returns="text",
                                              body=f"'{used}'::text")))  # fmt: skip
    if schemas["pg_trgm"] is not None:
        operators = f"{schemas['pg_trgm']}.gin_trgm_ops"
        connection.execute(sa.text(
            f"CREATE INDEX IF NOT EXISTS ix_search_names ON search USING gin (names {operators})"
        ))  # fmt: skip


_DEFINE: Final = (
    "CREATE OR REPLACE FUNCTION {signature} RETURNS {returns}"
    " LANGUAGE sql STABLE PARALLEL SAFE RETURN {body}"
)
_FOLDED: Final = (
    "search_folded(text)", "text", "$1", "{schema}.unaccent('{schema}.unaccent'::regdictionary, $1)"
)  # fmt: skip
_RESEMBLES: Final = (
    "search_resembles(text, text)", "boolean", "false", "$2 OPERATOR({schema}.<%) $1",
)  # fmt: skip


def _define(connection: Connection, schema: str | None, parts: tuple[str, str, str, str]) -> None:
    signature, returns, without, with_it = parts
    body = without if schema is None else with_it.format(schema=schema)
    statement = _DEFINE.format(signature=signature, returns=returns, body=body)
    connection.execute(sa.text(statement.replace("::", "\\:\\:")))


def _extension(connection: Connection, name: str) -> str | None:
    """Return the schema of an extension, created if need be; None where that is refused."""
    schema = _schema_of(connection, name)
    if schema is None:
        try:
            with connection.begin_nested():
                connection.execute(sa.text(f"CREATE EXTENSION {name}"))
        except DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", None) not in _REFUSALS:
                raise
            return None
        schema = _schema_of(connection, name)
    return schema


_REFUSALS: Final = frozenset({"42501", "0A000", "58P01"})
"""insufficient_privilege, feature_not_supported, undefined_file: what PostgreSQL says where
the role may not create an extension, or the server does not have it."""


def _schema_of(connection: Connection, name: str) -> str | None:
    found: str | None = connection.execute(
        sa.text(
            "SELECT quote_ident(nspname) FROM pg_extension"
            " JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = :name"
        ),
        {"name": name},
    ).scalar()
    return found
