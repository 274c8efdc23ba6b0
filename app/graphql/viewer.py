"""Who is asking, as the surface knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from app.domain.codes import Role
from app.domain.decisions import Editing
from app.domain.errors import Forbidden

_MAY_COMMIT: Final = frozenset({Role.EDITOR, Role.ADMIN})


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
        return "" if self.editing is None else f"{self.editing.role}@{self.editing.newsroom}"

    @property
    def may_commit(self) -> bool:
        """Whether the viewer's role may commit."""
        return self.role in _MAY_COMMIT

    def to_commit(self) -> Editing:
        """Return who commits; raise `Forbidden` for everybody who may not."""
        if self.editing is None:
            raise Forbidden(
                "committing needs a key: send it as 'Authorization: Bearer ck_…'; anybody may read"
            )
        if not self.may_commit:
            raise Forbidden(f"the role {self.role} may not commit; EDITOR and ADMIN may")
        return self.editing

    def to_redact(self) -> Editing:
        """Return who redacts; raise `Forbidden` for everybody but an ADMIN."""
        if self.editing is None:
            raise Forbidden(
                "redacting needs an ADMIN's key: send it as 'Authorization: Bearer ck_…'"
            )
        if self.role is not Role.ADMIN:
            raise Forbidden(f"the role {self.role} may not redact; ADMIN may")
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
            "may_commit": self.may_commit,
        }


ANYBODY: Final = Viewer()
