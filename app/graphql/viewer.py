"""Who is asking, as the surface knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain.codes import Role
from app.domain.decisions import Editing
from app.domain.permissions import ANYBODY as KEYLESS
from app.domain.permissions import Act, Reach
from app.store.visibility import parameters


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
    def reached(self) -> Mapping[Act, Reach]:
        """Every act that the viewer may do, and how far it reaches."""
        if self.editing is None:
            return dict.fromkeys(KEYLESS, Reach.LEDGER)
        return self.editing.reached

    @property
    def editor(self) -> Editing:
        """Who edits; only what asks for more than reading gets as far as asking for it."""
        if self.editing is None:
            raise AssertionError("an act that needs a key was let through without one")
        return self.editing

    @property
    def parameters(self) -> Mapping[str, str]:
        """Who is asking, as the statements of `app.store.visibility` take it."""
        editing = self.editing
        if editing is None:
            return parameters(self.reached)
        return parameters(self.reached, editing.newsroom, editing.editor)

    def shown(self) -> dict[str, Any]:
        """Return what the contract's `viewer` shows."""
        editing = self.editing
        return {
            "authenticated": editing is not None,
            "name": None if editing is None else editing.name,
            "editor_id": None if editing is None else editing.editor,
            "newsroom_id": None if editing is None else editing.newsroom,
            "is_house": editing is not None and editing.is_house,
            "key_id": None if editing is None else editing.key or None,
            "scopes": None if editing is None else _sorted(editing.scopes),
            "role": self.role,
            "may_commit": Act.COMMIT in self.acts,
        }


def _sorted(scopes: frozenset[Act] | None) -> list[Act] | None:
    return None if scopes is None else [act for act in Act if act in scopes]


ANYBODY: Final = Viewer()
