"""The access log: who asked what.

What happens to existing rows: nothing; no row is written.

What it locks, and for how long: nothing; a new table is made.

How to go back: `downgrade` drops the table, and with it what was asked so far. It is no part of
the ledger: no proof, changeset or record depends on it.
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "access_log",
        sa.Column("seq", CODE_POINT, nullable=False),
        sa.Column("at", CODE_POINT, nullable=False),
        sa.Column("editor", CODE_POINT, nullable=False),
        sa.Column("newsroom", CODE_POINT, nullable=False),
        sa.Column("key", CODE_POINT, nullable=True),
        sa.Column("kind", CODE_POINT, nullable=True),
        sa.Column("operation", CODE_POINT, nullable=True),
        sa.Column("document", CODE_POINT, nullable=True),
        sa.Column("cost", POSITION, nullable=False),
        sa.Column("position", POSITION, nullable=True),
        sa.Column("code", CODE_POINT, nullable=True),
        sa.Column("within_ms", sa.Integer(), nullable=True),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_access_log")),
    )
    op.create_index("ix_access_log_newsroom", "access_log", ["newsroom", "seq"])
    op.create_index("ix_access_log_editor", "access_log", ["editor", "seq"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("access_log")
