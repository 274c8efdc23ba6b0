"""The newest token that settled each person's role.

What happens to existing rows: nothing; no row is written. Until a person's role changes the next
time, the token that settled it is not known.

What it locks, and for how long: nothing; a new table is made.

How to go back: `downgrade` drops the table. It is no part of the ledger: no proof, changeset or
record depends on it. An older token that is still valid could then bring an earlier role back.
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "issuer_word",
        sa.Column("identity", CODE_POINT, nullable=False),
        sa.Column("issued_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("identity", name=op.f("pk_issuer_word")),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("issuer_word")
