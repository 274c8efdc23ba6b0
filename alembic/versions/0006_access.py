"""Access: newsrooms, editors and keys are kept by changesets.

What happens to existing rows: nothing is rewritten. Newsrooms, editors and keys that are
there get version 0, which says that the log does not have them yet; the next access
change, or `corrigenda migrate`, enters them with one changeset.

What it locks, and for how long: on PostgreSQL the tables `newsroom`, `editor`, `key` and
`changeset`, for a moment (writers and readers wait for milliseconds; it gives up after five
seconds).

How to go back: `downgrade` drops the new columns and puts the old triggers back. It
refuses where access changes are in the log, which an older release cannot read: restore a
backup instead.

What has to be known about it:

- A row of the three tables is written or changed only together with a revision of an open
  changeset, and its version counts on by one.
- The first changeset enters the editor who makes it. So who made a changeset may be asked
  for at the end of its transaction: on PostgreSQL the two foreign keys are deferrable; on
  SQLite a transaction may defer all of its own.
- `key_use` says when a key was last used. It is no ledger content, and has no triggers.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from alembic import op
from app.store.guards import Rule, guard, replaces, unguard

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CODE_POINT_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

FIXED = {
    "newsroom": ("id", "house", "created_at"),
    "editor": ("id", "newsroom", "created_at"),
    "key": (
        "id", "editor", "digest", "created_at", "scopes", "not_before", "rotated_from",
    ),
}  # fmt: skip
CHANGEABLE = {
    "newsroom": ("name", "version", "entered"),
    "editor": ("name", "role", "retired_at", "identity", "version", "entered"),
    "key": ("label", "expires_at", "revoked_at", "version", "entered"),
}
KEYS = {
    "newsroom": ("id = NEW.id", "name = NEW.name", "rowid = NEW.rowid"),
    "editor": ("id = NEW.id", "identity = NEW.identity", "rowid = NEW.rowid"),
    "key": ("id = NEW.id", "digest = NEW.digest", "rowid = NEW.rowid"),
}
"""By what a new row could collide with one that is there, on SQLite."""

NEW_COLUMNS = {
    "newsroom": {},
    "editor": {"identity": CODE_POINT_TEXT},
    "key": {"scopes": JSON_DOCUMENT, "not_before": CODE_POINT_TEXT},
}

OLD_FIXED = {
    "newsroom": ("id", "house", "created_at"),
    "editor": ("id", "newsroom", "created_at"),
    "key": ("id", "editor", "digest", "created_at"),
}
OLD_CHANGEABLE = {
    "newsroom": ("name",),
    "editor": ("name", "role", "retired_at"),
    "key": ("label", "expires_at", "revoked_at"),
}
OLD_KEYS = {**KEYS, "editor": ("id = NEW.id", "rowid = NEW.rowid")}

ACTORS = ("editor", "newsroom")


def upgrade() -> None:
    """Add the columns and the table, and make the triggers of the three tables anew."""
    connection = op.get_bind()
    for table in FIXED:
        _unguard(connection, table)
        for name, of_type in NEW_COLUMNS[table].items():
            op.add_column(table, sa.Column(name, of_type))
        op.add_column(table, sa.Column("version", sa.Integer(), server_default="0", nullable=False))
        op.add_column(table, sa.Column("entered", POSITION))
    _add_rotated_from(connection)
    op.create_index("uq_editor_identity", "editor", ["identity"], unique=True)
    for table in FIXED:
        guard(connection, table, "INSERT", _insert_rules(connection, table))
        guard(connection, table, "UPDATE", _update_rules(connection, table))
    op.create_table(
        "key_use",
        sa.Column("key", CODE_POINT_TEXT, nullable=False),
        sa.Column("used_at", CODE_POINT_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_key_use"),
    )
    _defer(connection, "DEFERRABLE INITIALLY IMMEDIATE")


def downgrade() -> None:
    """Take it all back, in a ledger whose log has no access change."""
    connection = op.get_bind()
    if connection.scalar(sa.text("SELECT EXISTS (SELECT 1 FROM changeset WHERE kind = 'ACCESS')")):
        raise RuntimeError(
            "this ledger has access changes, which an older release cannot read: restore a backup"
        )
    _defer(connection, "NOT DEFERRABLE")
    op.drop_table("key_use")
    op.drop_index("uq_editor_identity", "editor")
    for table in FIXED:
        _unguard(connection, table)
    _drop_rotated_from(connection)
    for table in FIXED:
        for name in (*NEW_COLUMNS[table], "version", "entered"):
            op.drop_column(table, name)
        guard(connection, table, "INSERT", _replace_rules(connection, table, OLD_KEYS))
        guard(connection, table, "UPDATE", _old_update_rules(connection, table))


def _add_rotated_from(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # Alembic would copy the table, triggers and all.
        op.execute(
            'ALTER TABLE "key" ADD COLUMN rotated_from TEXT '
            'CONSTRAINT fk_key_rotated_from REFERENCES "key" (id)'
        )
        return
    op.add_column("key", sa.Column("rotated_from", CODE_POINT_TEXT))
    op.create_foreign_key("fk_key_rotated_from", "key", "key", ["rotated_from"], ["id"])


def _drop_rotated_from(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        op.drop_constraint("fk_key_rotated_from", "key")
    op.drop_column("key", "rotated_from")


def _defer(connection: Connection, how: str) -> None:
    if connection.dialect.name == "postgresql":
        for name in ACTORS:
            op.execute(f"ALTER TABLE changeset ALTER CONSTRAINT fk_changeset_{name} {how}")


# --- the triggers ---------------------------------------------------------------


def _unguard(connection: Connection, table: str) -> None:
    unguard(connection, table, "update")
    # On PostgreSQL the first migration had nothing to refuse here.
    if connection.dialect.name == "sqlite" or _has_insert_trigger(connection, table):
        unguard(connection, table, "insert")


def _has_insert_trigger(connection: Connection, table: str) -> bool:
    query = sa.text("SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = :name)")
    return bool(connection.scalar(query, {"name": f"{table}_refuses_insert"}))


def _insert_rules(connection: Connection, table: str) -> list[Rule]:
    return [*_replace_rules(connection, table, KEYS), *_changeset_rules(table, "INSERT")]


def _update_rules(connection: Connection, table: str) -> list[Rule]:
    return [
        _only(connection, table, FIXED[table], CHANGEABLE[table]),
        *_replace_by_update_rules(connection, table),
        Rule(
            "NEW.version <> OLD.version + 1",
            f"versions count on by one: UPDATE on {table} is refused",
        ),
        *_changeset_rules(table, "UPDATE"),
    ]


def _changeset_rules(table: str, event: str) -> list[Rule]:
    return [
        Rule(
            "NEW.entered IS NULL OR NOT EXISTS (SELECT 1 FROM revision"
            " WHERE record_id = NEW.id AND version = NEW.version AND position = NEW.entered)",
            f"no version without a changeset: {event} on {table} names a position that has no "
            "revision for it",
        ),
        Rule(
            "EXISTS (SELECT 1 FROM entry WHERE position = NEW.entered)",
            f"the changeset is sealed by its log entry: {event} on {table} is refused",
        ),
    ]


def _old_update_rules(connection: Connection, table: str) -> list[Rule]:
    only = _only(connection, table, OLD_FIXED[table], OLD_CHANGEABLE[table])
    replaced = _replace_by_update_rules(connection, table) if table == "newsroom" else []
    return [only, *replaced]


def _only(
    connection: Connection, table: str, fixed: tuple[str, ...], changeable: tuple[str, ...]
) -> Rule:
    return Rule(
        _differs(connection, fixed),
        f"the ledger does not change: UPDATE on {table} may set nothing but "
        f"{', '.join(changeable)}",
    )


def _differs(connection: Connection, columns: tuple[str, ...]) -> str:
    if connection.dialect.name == "sqlite":
        return " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in ("rowid", *columns))
    # *<> compares the bytes: to <>, 1.0 and 1 in a JSON document would be the same.
    new, old = (", ".join(f'{row}."{name}"' for name in columns) for row in ("NEW", "OLD"))
    return f"CAST(ROW({new}) AS record) *<> CAST(ROW({old}) AS record)"


def _replace_by_update_rules(connection: Connection, table: str) -> list[Rule]:
    """Refuse SQLite's UPDATE OR REPLACE, which deletes the other row of that name."""
    unique = {"newsroom": "name", "editor": "identity"}.get(table)
    if unique is None or connection.dialect.name != "sqlite":
        return []
    return [
        Rule(
            f"EXISTS (SELECT 1 FROM {table} WHERE {unique} = NEW.{unique} AND id <> OLD.id)",
            f"two {table}s cannot have one {unique}: UPDATE on {table} is refused",
        )
    ]


def _replace_rules(
    connection: Connection, table: str, keys: dict[str, tuple[str, ...]]
) -> list[Rule]:
    return replaces(connection, table, *keys[table])
