"""What the role that serves may do on PostgreSQL, as SQL for the owner to run.

The ledger's tables belong to the role that migrates. The one that serves reads and
appends; it can change nothing of what is written but `superseded`, the head and, together
with a changeset, who may act, and blanks content through a function of the owner
(migration 0005), which the triggers hold to the targets of an open redaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain.errors import Unready
from app.store.tables import LEDGER_TABLES, RECORD_TABLES

_ACCESS: Final = {
    "newsroom": "name, version, entered",
    "editor": "name, role, retired_at, identity, version, entered",
    "key": "label, expires_at, revoked_at, version, entered",
}
"""Who may act: what of a row an access change may change."""

_MOVING: Final = (*RECORD_TABLES, "derivation")
_CACHES: Final = ("search", "node", "idempotency", "budget", "access_log", "key_use", "issuer_word")


def grants(role: str) -> Iterator[str]:
    """Yield the statements that give `role` what it needs to serve, and take all else away."""
    name = '"' + role.replace('"', '""') + '"'
    tables = ", ".join(f'"{one}"' for one in (*LEDGER_TABLES, *_CACHES))
    yield f"REVOKE ALL ON {tables} FROM {name}"
    yield f'GRANT SELECT ON {tables}, "alembic_version" TO {name}'
    appended = [one for one in LEDGER_TABLES if one != "head"]
    yield f"GRANT INSERT ON {', '.join(map(_quoted, appended))} TO {name}"
    yield f"GRANT UPDATE (superseded) ON {', '.join(map(_quoted, _MOVING))} TO {name}"
    for table, columns in _ACCESS.items():
        yield f"GRANT UPDATE ({columns}) ON {_quoted(table)} TO {name}"
    yield f"GRANT UPDATE (size, peaks, recorded_at) ON head TO {name}"
    yield (
        f"GRANT UPDATE (state, revision, updated_at, decided_at, changeset) ON proposal TO {name}"
    )
    yield f"GRANT INSERT, UPDATE, DELETE ON {', '.join(map(_quoted, _CACHES))} TO {name}"
    yield f"GRANT EXECUTE ON FUNCTION corrigenda_blank(bigint) TO {name}"
    yield f"GRANT EXECUTE ON FUNCTION corrigenda_blank_proposals(bigint) TO {name}"
    yield f"GRANT EXECUTE ON FUNCTION corrigenda_lock(text[], boolean) TO {name}"


def _quoted(table: str) -> str:
    return f'"{table}"'


def grant(connection: Connection, role: str) -> None:
    """Give an existing role what it needs to serve; run with the role that owns the tables.

    Raises `Unready` on SQLite, for an unknown role, and for the owner itself, whom
    nothing can be taken from.
    """
    if connection.dialect.name != "postgresql":
        raise Unready("SQLite has no roles: whoever can write the file can write the ledger")
    known = sa.text("SELECT rolsuper FROM pg_roles WHERE rolname = :role")
    found = connection.execute(known, {"role": role}).scalar_one_or_none()
    if found is None:
        raise Unready(f"there is no role {role}; make it with CREATE ROLE … LOGIN")
    owner = "SELECT pg_has_role(:role, relowner, 'MEMBER') FROM pg_class WHERE oid = to_regclass("
    owns = connection.execute(sa.text(owner + "'change')"), {"role": role}).scalar_one()
    if found or owns:
        raise Unready(f"{role} owns the tables, or is a superuser: nothing can be kept from it")
    for statement in grants(role):
        connection.exec_driver_sql(statement)
