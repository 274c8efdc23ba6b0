"""Everybody who may ask: nobody, and each role of the house and of a partner newsroom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.commands import access
from app.domain.codes import Role
from tests.driver import Newsroom

PARTNER = "partner "
"""What the name of a partner's key begins with; the house's are named by role alone."""

EVERYBODY = (None, *(role.lower() for role in Role), *(f"{PARTNER}{role.lower()}" for role in Role))
"""The name of everybody's key; None has none."""


def partner_keys(engine: Any, partner: Newsroom) -> Mapping[str, str]:
    """Enter an editor of each role for a partner newsroom, and return their keys by name."""
    return {
        f"{PARTNER}{role.lower()}": access.create_key(
            engine,
            partner.colleague(f"Lena {role.lower()}", role).editing.editor,
            label="test",
            environment="test",
        ).key
        for role in Role
    }
