"""Newsrooms, editors and keys: looking them up and entering them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Connection

from app.store import tables

Row: TypeAlias = sa.RowMapping
"""One newsroom, editor or key, its columns by name."""

_T: Final = tables.metadata.tables
_key, _editor, _newsroom = _T["key"], _T["editor"], _T["newsroom"]

KEY_HOLDER: Final = (
    sa.select(
        _editor.c.id.label("editor"),
        _editor.c.name,
        _editor.c.role,
        _editor.c.newsroom,
        _newsroom.c.house,
        _editor.c.retired_at,
        _key.c.id.label("key"),
        _key.c.expires_at,
        _key.c.revoked_at,
    )
    .join_from(_key, _editor, _key.c.editor == _editor.c.id)
    .join(_newsroom, _newsroom.c.id == _editor.c.newsroom)
    .where(_key.c.digest == sa.bindparam("digest", type_=sa.Text()))
)
"""Who holds the key of a digest; run by the reader, on the driver itself."""


def insert(connection: Connection, table: str, **columns: Any) -> None:
    """Enter a newsroom, editor or key."""
    connection.execute(_T[table].insert(), columns)


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
            _key.c.expires_at,
            _key.c.revoked_at,
            _editor.c.name.label("editor_name"),
            _editor.c.role,
        )
        .join_from(_key, _editor, _key.c.editor == _editor.c.id)
        .order_by(_key.c.id)
    )
    return connection.execute(query).mappings().all()


def revoke_key(connection: Connection, key_id: str, at: str) -> bool:
    """Revoke a key; return whether there was an unrevoked one."""
    done = connection.execute(
        _key.update().where(_key.c.id == key_id, _key.c.revoked_at.is_(None)).values(revoked_at=at)
    )
    return done.rowcount == 1


def find_newsroom(connection: Connection, wanted: str) -> sa.RowMapping | None:
    """Return the newsroom of an id or a name."""
    query = sa.select(_newsroom).where(sa.or_(_newsroom.c.id == wanted, _newsroom.c.name == wanted))
    return connection.execute(query).mappings().first()


def find_editors(connection: Connection, wanted: str) -> Sequence[sa.RowMapping]:
    """Return the editors of an id or a name; names need not be unique."""
    query = (
        sa.select(_editor, _newsroom.c.house)
        .join_from(_editor, _newsroom, _editor.c.newsroom == _newsroom.c.id)
        .where(sa.or_(_editor.c.id == wanted, _editor.c.name == wanted))
    )
    return connection.execute(query).mappings().all()


def digests(connection: Connection) -> tuple[set[str], set[str]]:
    """Return the digests of the keys that stand, and of those that were revoked."""
    rows = connection.execute(sa.select(_key.c.digest, _key.c.revoked_at)).all()
    standing = {digest for digest, revoked_at in rows if revoked_at is None}
    return standing, {digest for digest, _ in rows} - standing
