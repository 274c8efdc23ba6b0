"""Who holds a key, and which editor a person is whom an issuer vouches for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from app.domain import keys
from app.domain.codes import Role
from app.domain.decisions import Editing
from app.domain.errors import InvalidValue, Unauthenticated
from app.domain.permissions import Act
from app.domain.role_rules import Grant
from app.store.access import IDENTITY_HOLDER, KEY_HOLDER
from app.store.ledger import Clock, instant_text
from app.store.plan import compiled_for
from app.store.reader import Reader

_REFUSED: Final = "this key is not valid: it is unknown, not yet valid, expired or revoked"


@cache
def _sql(database: str) -> str:
    return compiled_for(KEY_HOLDER, database)


@cache
def _identity_sql(database: str) -> str:
    return compiled_for(IDENTITY_HOLDER, database)


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def holder_of(reader: Reader, key: str, *, clock: Clock = _utc_now) -> Editing:
    """Return who holds a key; it is looked up at each request, so that none is good any longer.

    Raises `Unauthenticated`: a typing error is told without a look-up; unknown,
    expired, revoked and not yet valid keys are not told apart.
    """
    try:
        keys.parse_key(key)
    except InvalidValue as fault:
        raise Unauthenticated(fault.message) from None
    row: Any = await reader.fetch(_sql(reader.database), [keys.digest(key)])
    if row is None:
        raise Unauthenticated(_REFUSED)
    held = _Held(*row)
    now = instant_text(clock())
    is_over = held.expires_at is not None and held.expires_at <= now
    if held.retired_at or held.revoked_at or is_over or now < (held.not_before or ""):
        raise Unauthenticated(_REFUSED)
    scopes = None if held.scopes is None else frozenset(map(Act, _listed(held.scopes)))
    return Editing(
        held.editor,
        held.newsroom,
        Role(held.role),
        held.name,
        is_house=bool(held.house),
        key=held.key,
        scopes=scopes,
    )


class Known(NamedTuple):
    """An editor who is known by an identity; `newsroom_name` is what rules may call it by.

    `settled_at` is when the newest token was issued that settled the role, if one did.
    """

    editing: Editing
    role: str
    newsroom_name: str
    is_retired: bool
    settled_at: float | None

    def has(self, grant: Grant) -> bool:
        """Whether the editor has the role of a grant."""
        return grant.gives(self.role)


async def known_by(reader: Reader, identity: str) -> Known | None:
    """Return the editor of an identity; it is looked up at each request, as keys are."""
    row: Any = await reader.fetch(_identity_sql(reader.database), [identity])
    if row is None:
        return None
    editor, name, role, newsroom, retired_at, newsroom_name, house, settled_at = row
    editing = Editing(editor, newsroom, Role(role), name, is_house=bool(house), identity=identity)
    return Known(editing, role, newsroom_name, retired_at is not None, settled_at)


class _Held(NamedTuple):
    """A row of `KEY_HOLDER`, as the driver gives it."""

    editor: str
    name: str
    role: str
    newsroom: str
    retired_at: str | None
    key: str
    not_before: str | None
    expires_at: str | None
    revoked_at: str | None
    scopes: Any
    house: Any


def _listed(scopes: Any) -> list[str]:
    """Return the scopes of a row, which a driver may give as text."""
    found: list[str] = json.loads(scopes) if isinstance(scopes, str | bytes) else scopes
    return found
