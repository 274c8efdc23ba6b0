"""The tree's nodes, from which tiles and proofs are read, and the published checkpoints.

What happens to existing rows: none changes. The nodes of the entries that are there are
worked out from them and written, one row for each 256 entries.

What it locks, and for how long: new tables only. Working out the nodes reads every entry
once, a few seconds for each 100,000, and on SQLite holds up the one writer as long.

How to go back: `downgrade` drops both tables. The nodes can be worked out again; the
checkpoints are in the signer's state file as far as its newest, and with whoever kept one.

`node` is a cache and may be made anew, so nothing guards it. A checkpoint is a promise
that went out: it can neither be changed nor be taken back, there is one of each size, and
each is of a size that the log has.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from app.store.guards import Rule, forbid_change, forbid_forgetting, guard, replaces, unguard

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CODE_POINT_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables and the triggers, and write the nodes of the entries that are there."""
    from app.store.tree import rebuild_nodes  # noqa: PLC0415 - only where entries are to be read

    op.create_table(
        "node",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", POSITION, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name="pk_node"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", POSITION, autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signed_at", CODE_POINT_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoint"),
    )
    connection = op.get_bind()
    forbid_forgetting(connection, "checkpoint")
    forbid_change(connection, "checkpoint")
    guard(connection, "checkpoint", "INSERT", [
        *replaces(connection, "checkpoint", "size = NEW.size"),
        Rule(
            "EXISTS (SELECT 1 FROM checkpoint WHERE size >= NEW.size)",
            "checkpoints grow: INSERT on checkpoint names a size that is not beyond the newest",
        ),
        Rule(
            "NOT EXISTS (SELECT 1 FROM head WHERE size >= NEW.size)",
            "a checkpoint is of the log: INSERT on checkpoint names a size that it does not have",
        ),
    ])  # fmt: skip
    rebuild_nodes(connection)


def downgrade() -> None:
    """Drop both tables."""
    connection = op.get_bind()
    events = ("delete", "update", "insert")
    if connection.dialect.name == "postgresql":
        events = (*events, "truncate")
    for event in events:
        unguard(connection, "checkpoint", event)
    op.drop_table("checkpoint")
    op.drop_table("node")
