"""Limits: budgets that server processes share.

What happens to existing rows: nothing; no row is written.

What it locks, and for how long: nothing; a new table is made.

How to go back: `downgrade` drops the table; every client then has its whole budget again.

On PostgreSQL the table is unlogged: it is worth a minute, and need not survive a crash.
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "budget",
        sa.Column("client", CODE_POINT, nullable=False),
        sa.Column("full_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("client", name=op.f("pk_budget")),
        prefixes=["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else [],
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("budget")
