"""Limits: budgets that server processes share.

What happens to existing rows: nothing; no row is written.

What it locks, and for how long: nothing.

How to go back: `downgrade`; nothing is lost.
"""

from __future__ import annotations

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing back."""
