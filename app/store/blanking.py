"""Blanking: taking content out of the rows that hold it, as a redaction's targets say.

`blank` runs inside the changeset of the redaction, before its entry seals it; the
triggers of the database let nothing else blank anything. On PostgreSQL a function of
the owner does it (migration 0005), as the role that serves may not UPDATE these rows.
SQLite has no roles and no functions, so there the same statements are run from here.

What a field reads afterwards follows from `to_columns` of its placeholder: so do the
columns that are derived from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain.kinds import KINDS
from app.domain.records import kind_name
from app.domain.redacting import HEADER, REDACTED, placeholder
from app.store import tables
from app.store.rows import field_columns
from app.store.tables import END

_TARGETS: Final = tables.metadata.tables["redaction_target"]

_GAP: Final = f"""
    CASE WHEN field IN ('name', 'title') THEN '"{REDACTED}"' ELSE 'null' END
"""
_BLANK_AFTER: Final = f"""
    UPDATE change SET after = {_GAP}, salt = ''
    WHERE (record_id, version, field) IN (
        SELECT scope, version, field FROM redaction_target
        WHERE position = :position AND version IS NOT NULL)
"""
_BLANK_BEFORE: Final = f"""
    UPDATE change SET before = {_GAP}
    WHERE (record_id, version, field) IN (
        SELECT t.scope, (
            SELECT min(c.version) FROM change c
            WHERE c.record_id = t.scope AND c.field = t.field AND c.version > t.version), t.field
        FROM redaction_target t WHERE t.position = :position AND t.version IS NOT NULL)
"""
_BLANK_HEADER: Final = f"""
    UPDATE header SET salt = '', value =
        CASE WHEN name IN ('note', 'editorName') THEN '"{REDACTED}"' ELSE 'null' END
    WHERE (position, name) IN (
        SELECT target, field FROM redaction_target
        WHERE position = :position AND version IS NULL)
"""


_HELD: Final = """
    proposal_change c JOIN redaction_target t ON c.record_id = t.scope AND c.field = t.field
    WHERE t.position = :position
"""
_ACCEPTED: Final = """
    IN (SELECT p.id FROM proposal p JOIN redaction_target t ON p.changeset = t.target
        WHERE t.position = :position AND t.version IS NULL)
"""
_BLANK_PROPOSALS: Final = (
    f"""
    UPDATE proposal_draft SET input = 'null', salt = '' WHERE salt <> '' AND (
        (proposal, revision) IN (SELECT c.proposal, c.revision FROM {_HELD})
        OR proposal {_ACCEPTED})
    """,
    f"""
    UPDATE proposal_event SET note = '{REDACTED}' WHERE note IS NOT NULL AND (
        proposal IN (SELECT c.proposal FROM {_HELD}) OR proposal {_ACCEPTED})
    """,
    f"""
    UPDATE proposal_change SET
        before = CASE WHEN before = 'null' THEN 'null' ELSE {_GAP} END,
        after = CASE WHEN after = 'null' THEN 'null' ELSE {_GAP} END
    WHERE (record_id, field) IN (
        SELECT scope, field FROM redaction_target WHERE position = :position)
    """,
)
"""What a draft holds of the content, its input whole, and the notes on its proposal."""


def blank(connection: Connection, position: int) -> None:
    """Blank what the targets of the redaction at `position`, still open, name."""
    if connection.dialect.name == "postgresql":
        for function in ("corrigenda_blank", "corrigenda_blank_proposals"):
            connection.execute(sa.text(f"SELECT {function}(:position)"), {"position": position})
        return
    for statement in _statements(connection, position):
        connection.execute(sa.text(statement), {"position": position})


def _statements(connection: Connection, position: int) -> Iterator[str]:
    yield from (_BLANK_AFTER, _BLANK_BEFORE, _BLANK_HEADER, *_BLANK_PROPOSALS)
    query = sa.select(_TARGETS.c.scope, _TARGETS.c.field).where(
        _TARGETS.c.position == position, _TARGETS.c.scope != HEADER
    )
    targets = connection.execute(query)
    for kind, field in sorted({(kind_name(scope), field) for scope, field in targets}):
        yield _blank_versions(kind, field)


@cache
def _blank_versions(kind: str, field: str) -> str:
    """Return the statement that blanks a field from the target's version on to its next change."""
    given = ", ".join(f'"{name}" = {value}' for name, value in gap_columns(kind, field).items())
    return f"""
        UPDATE "{kind}" SET {given}
        FROM (
            SELECT t.scope, t.version, COALESCE((
                SELECT min(c.version) FROM change c
                WHERE c.record_id = t.scope AND c.field = t.field AND c.version > t.version
            ), {END}) AS ended
            FROM redaction_target t WHERE t.position = :position AND t.field = '{field}'
        ) AS gap
        WHERE "{kind}".id = gap.scope
            AND "{kind}".version >= gap.version AND "{kind}".version < gap.ended
    """


@cache
def gap_columns(kind: str, field: str) -> dict[str, str]:
    """Return the columns of a redacted field, each with what stands in it, as SQL."""
    value = placeholder(kind, field)
    columns = field_columns(KINDS[kind].fields[field], value)
    return {name: _literal(held) for name, held in columns.items()}


def _literal(value: Any) -> str:
    return "NULL" if value is None else f"'{value}'"
