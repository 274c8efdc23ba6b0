"""Partner writes: idempotency keys that expire, and answers that have no position.

What happens to existing rows: they stay as they are, and expire like any other.

What it locks, and for how long: `idempotency` alone, which holds one short row for each
key of the last weeks. SQLite writes the table anew; PostgreSQL changes its catalogue, and
makes an index.

How to go back: `downgrade` forgets the keys whose answer has no position, and what was left
out of an edit: sent again, it is answered as if it had been whole.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Let an answer be without a position, keep what else it said, find the old ones."""
    with op.batch_alter_table("idempotency") as table:
        table.alter_column("position", existing_type=POSITION, nullable=True)
        table.add_column(sa.Column("answer", DOCUMENT, nullable=True))
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])


def downgrade() -> None:
    """Forget what the older table cannot hold."""
    op.drop_index("ix_idempotency_created_at", "idempotency")
    op.execute("DELETE FROM idempotency WHERE position IS NULL")
    with op.batch_alter_table("idempotency") as table:
        table.drop_column("answer")
        table.alter_column("position", existing_type=POSITION, nullable=False)
