"""Who is asking, as the surface knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from app.domain.codes import Role
from app.domain.decisions import Editing
from app.domain.permissions import ANYBODY as KEYLESS
from app.domain.permissions import Act


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking: nobody in particular, or the holder of a key."""

    editing: Editing | None = None

    @property
    def role(self) -> Role:
        """What the viewer may do; anybody may read."""
        return Role.READER if self.editing is None else self.editing.role

    @property
    def visibility(self) -> str:
        """What decides over what the viewer sees of the ledger; equal for equal views."""
        editing = self.editing
        if editing is None:
            return ""
        scopes = "*" if editing.scopes is None else ",".join(sorted(editing.scopes))
        house = "house" if editing.is_house else "partner"
        return f"{editing.role}@{editing.newsroom} {house} {scopes}"

    @property
    def acts(self) -> frozenset[Act]:
        """Every act that the viewer may do, however far it reaches."""
        return KEYLESS if self.editing is None else self.editing.acts

    @property
    def editor(self) -> Editing:
        """Who edits; only what asks for more than reading gets as far as asking for it."""
        if self.editing is None:
            raise AssertionError("an act that needs a key was let through without one")
        return self.editing

    def shown(self) -> dict[str, Any]:
        """Return what the contract's `viewer` shows."""
        editing = self.editing
        return {
            "authenticated": editing is not None,
            "name": None if editing is None else editing.name,
            "editor_id": None if editing is None else editing.editor,
            "newsroom_id": None if editing is None else editing.newsroom,
            "role": self.role,
            "may_commit": Act.COMMIT in self.acts,
        }


ANYBODY: Final = Viewer()
