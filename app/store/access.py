"""Newsrooms, editors and keys: looking them up, and writing what a changeset decided.

Each has one row, of the present; `app.store.ledger` writes it together with the revision
that leads to it, and the database refuses it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain.codes import RecordState
from app.domain.kinds import ACCESS_KINDS, field_names
from app.domain.records import Record, Step, kind_name
from app.store import tables
from app.store.rows import column_name

Row: TypeAlias = sa.RowMapping
"""One newsroom, editor or key, its columns by name."""

_T: Final = tables.metadata.tables
_key, _editor, _newsroom = _T["key"], _T["editor"], _T["newsroom"]
_use: Final = _T["key_use"]
_word: Final = _T["issuer_word"]

KEY_HOLDER: Final = (
    sa.select(
        _editor.c.id.label("editor"),
        _editor.c.name,
        _editor.c.role,
        _editor.c.newsroom,
        _editor.c.retired_at,
        _key.c.id.label("key"),
        _key.c.not_before,
        _key.c.expires_at,
        _key.c.revoked_at,
        _key.c.scopes,
        _newsroom.c.house,
    )
    .join_from(_key, _editor, _key.c.editor == _editor.c.id)
    .join(_newsroom, _editor.c.newsroom == _newsroom.c.id)
    .where(_key.c.digest == sa.bindparam("digest", type_=sa.Text()))
)
"""Who holds the key of a digest; run by the reader, on the driver itself."""

IDENTITY_HOLDER: Final = (
    sa.select(
        _editor.c.id.label("editor"),
        _editor.c.name,
        _editor.c.role,
        _editor.c.newsroom,
        _editor.c.retired_at,
        _newsroom.c.name.label("newsroom_name"),
        _newsroom.c.house,
        _word.c.issued_at,
    )
    .join_from(_editor, _newsroom, _editor.c.newsroom == _newsroom.c.id)
    .outerjoin(_word, _word.c.identity == _editor.c.identity)
    .where(_editor.c.identity == sa.bindparam("identity", type_=sa.Text()))
)
"""Whom an issuer's token speaks of; run by the reader, on the driver itself."""


# --- writing ------------------------------------------------------------------


_ACCESS_LOCK: Final = 0x636F7272_04
"""Advisory lock of whoever changes access: decided on what nobody else is changing."""


def lock_access(connection: Connection) -> None:
    """Let one writer at a time change who may act; on SQLite the writer is alone already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ACCESS_LOCK})


def share_access(connection: Connection) -> None:
    """Let nobody change who may act until the transaction ends; others may do the same."""
    if connection.dialect.name == "postgresql":
        lock = sa.text("SELECT pg_advisory_xact_lock_shared(:key)")
        connection.execute(lock, {"key": _ACCESS_LOCK})


_STANDING: Final = (
    sa.select(
        _editor.c.role,
        _editor.c.identity,
        _editor.c.retired_at,
        _newsroom.c.house,
        _key.c.id.label("key"),
        _key.c.revoked_at,
        _key.c.expires_at,
    )
    .join_from(_editor, _newsroom, _editor.c.newsroom == _newsroom.c.id)
    .outerjoin(_key, _key.c.id == sa.bindparam("key", type_=sa.Text()))
    .where(_editor.c.id == sa.bindparam("editor", type_=sa.Text()))
)


def standing(connection: Connection, editor: str, key: str) -> Row | None:
    """Return an editor as it is now, and what ends the key; None of one not entered yet."""
    return connection.execute(_STANDING, {"editor": editor, "key": key}).mappings().first()


_TAKE_WORD: Final = sa.text(
    "INSERT INTO issuer_word AS w (identity, issued_at) VALUES (:identity, :issued_at) "
    "ON CONFLICT (identity) DO UPDATE SET issued_at = :issued_at WHERE w.issued_at < :issued_at "
    "RETURNING 1"
)


def take_word(connection: Connection, identity: str, issued_at: float) -> bool:
    """Note what was issued last for a person; False where as much or more was taken before."""
    given = {"identity": identity, "issued_at": issued_at}
    return connection.execute(_TAKE_WORD, given).first() is not None


def defer_actors(connection: Connection) -> None:
    """Ask who made a changeset at the end of the transaction: it may enter its own editor."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    else:
        connection.execute(
            sa.text("SET CONSTRAINTS fk_changeset_editor, fk_changeset_newsroom DEFERRED")
        )


def write(
    connection: Connection, step: Step, position: int, *, digest: str | None, is_there: bool
) -> None:
    """Write the row that a step leads to; its revision has to be there.

    A row that another version stands in is left alone by the condition, and missed by
    the unique key of the revision.
    """
    kind = kind_name(step.record_id)
    table = _T[kind]
    columns: dict[str, Any] = {"version": step.version, "entered": position}
    if not is_there:
        columns |= to_columns(kind, step.fields)
        given = columns if digest is None else {**columns, "digest": digest}
        connection.execute(table.insert(), {"id": step.record_id, **given})
        return
    if step.before is not None:
        # No others: the role that serves may not write those that never change.
        columns |= {column_name(one.field): step.fields.get(one.field) for one in step.changes}
    connection.execute(
        table.update()
        .where(table.c.id == step.record_id, table.c.version == step.version - 1)
        .values(columns)
    )


def to_columns(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that hold the fields of a newsroom, editor or key."""
    return {column_name(name): fields.get(name) for name in field_names(kind)}


def _fields(kind: str, row: Mapping[Any, Any]) -> dict[str, Any]:
    given = {name: row[column_name(name)] for name in field_names(kind)}
    return {name: value for name, value in given.items() if value is not None}


_ENDED: Final = {"newsroom": "created_at", "editor": "retired_at", "key": "revoked_at"}


def _record(kind: str, row: Mapping[Any, Any]) -> Record:
    is_ended = kind != "newsroom" and row[_ENDED[kind]] is not None
    state = RecordState.RETRACTED if is_ended else RecordState.ACTIVE
    return Record(row["id"], row["version"], state, row["entered"], "", _fields(kind, row))


def held(
    connection: Connection, keys: Iterable[str], *, of: str | None = None
) -> dict[str, Record]:
    """Return every newsroom and editor, the keys of these ids, and those `of` an editor, as now.

    With a key come all keys of its editor; of the editor given, those that were not revoked.
    """
    named = sa.select(_key.c.editor).where(_key.c.id.in_(sorted(keys)))
    found = {}
    for kind in ACCESS_KINDS:
        query = sa.select(_T[kind])
        if kind == "key":
            own = sa.and_(_key.c.editor == of, _key.c.revoked_at.is_(None))
            query = query.where(sa.or_(_key.c.editor.in_(named), own))
        for row in connection.execute(query).mappings():
            found[row["id"]] = _record(kind, row)
    return found


def not_entered(connection: Connection) -> list[tuple[str, dict[str, Any]]]:
    """Return id and fields of each row from before access was kept in the log, newsrooms first."""
    return [
        (row["id"], _fields(kind, row))
        for kind in ACCESS_KINDS
        for row in connection.execute(
            sa.select(_T[kind]).where(_T[kind].c.version == 0).order_by(_T[kind].c.id)
        ).mappings()
    ]


# --- looking up ---------------------------------------------------------------


def newsrooms(connection: Connection) -> Sequence[sa.RowMapping]:
    """Return every newsroom, the house first, then by name."""
    query = sa.select(_newsroom).order_by(_newsroom.c.house.desc(), _newsroom.c.name)
    return connection.execute(query).mappings().all()


def editors(connection: Connection) -> Sequence[sa.RowMapping]:
    """Return every editor with the newsroom's name, in order of entry."""
    query = (
        sa.select(_editor, _newsroom.c.name.label("newsroom_name"), _newsroom.c.house)
        .join_from(_editor, _newsroom, _editor.c.newsroom == _newsroom.c.id)
        .order_by(_editor.c.id)
    )
    return connection.execute(query).mappings().all()


def keys(connection: Connection) -> Sequence[sa.RowMapping]:
    """Return every key with its editor's name and role, without any secret."""
    query = (
        sa.select(
            _key.c.id,
            _key.c.label,
            _key.c.created_at,
            _key.c.not_before,
            _key.c.expires_at,
            _key.c.revoked_at,
            _key.c.scopes,
            _editor.c.name.label("editor_name"),
            _editor.c.role,
            _editor.c.retired_at,
            _use.c.used_at,
        )
        .join_from(_key, _editor, _key.c.editor == _editor.c.id)
        .outerjoin(_use, _use.c.key == _key.c.id)
        .order_by(_key.c.id)
    )
    return connection.execute(query).mappings().all()


def state_of(key: Row, now: str) -> str:
    """Return how a key stands, in a word; nothing where it is good."""
    if key["revoked_at"]:
        return "revoked"
    if key["retired_at"]:
        return "retired"
    if key["expires_at"] and key["expires_at"] <= now:
        return "expired"
    return "not yet" if key["not_before"] and now < key["not_before"] else ""


def find_newsroom(connection: Connection, wanted: str) -> sa.RowMapping | None:
    """Return the newsroom of an id, else that of a name."""
    query = (
        sa.select(_newsroom)
        .where(sa.or_(_newsroom.c.id == wanted, _newsroom.c.name == wanted))
        .order_by(sa.case((_newsroom.c.id == wanted, 0), else_=1))
    )
    return connection.execute(query).mappings().first()


def find_editors(connection: Connection, wanted: str) -> Sequence[sa.RowMapping]:
    """Return the editor of an id, else those of a name; names need not be unique.

    Nobody is found under a name that is another's id.
    """
    query = (
        sa.select(_editor, _newsroom.c.house)
        .join_from(_editor, _newsroom, _editor.c.newsroom == _newsroom.c.id)
        .where(sa.or_(_editor.c.id == wanted, _editor.c.name == wanted))
    )
    found = connection.execute(query).mappings().all()
    return [one for one in found if one["id"] == wanted] or found


def find_identity(connection: Connection, identity: str) -> sa.RowMapping | None:
    """Return the editor of an identity, retired or not."""
    query = sa.select(_editor).where(_editor.c.identity == identity)
    return connection.execute(query).mappings().first()


def digests(connection: Connection) -> tuple[set[str], set[str]]:
    """Return the digests of the keys that stand, and of those that were revoked."""
    rows = connection.execute(sa.select(_key.c.digest, _key.c.revoked_at)).all()
    standing = {digest for digest, revoked_at in rows if revoked_at is None}
    return standing, {digest for digest, _ in rows} - standing
