"""Who holds a key."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from app.domain import keys
from app.domain.codes import Role
from app.domain.decisions import Editing
from app.domain.errors import InvalidValue, Unauthenticated
from app.store.access import KEY_HOLDER
from app.store.ledger import instant_text
from app.store.plan import compiled_for
from app.store.reader import Reader

_REFUSED: Final = "this key is not valid: it is unknown, expired or revoked"


@cache
def _sql(database: str) -> str:
    return compiled_for(KEY_HOLDER, database)


async def holder_of(reader: Reader, key: str) -> Editing:
    """Return who holds a key.

    Raises `Unauthenticated`: a typing error is told without a look-up; unknown,
    expired and revoked keys are not told apart.
    """
    try:
        keys.parse_key(key)
    except InvalidValue as fault:
        raise Unauthenticated(fault.message) from None
    row: Any = await reader.fetch(_sql(reader.database), [keys.digest(key)])
    if row is None:
        raise Unauthenticated(_REFUSED)
    editor, name, role, newsroom, house, retired_at, key_id, expires_at, revoked_at = row
    now = instant_text(datetime.now(UTC))
    if retired_at or revoked_at or (expires_at and expires_at <= now):
        raise Unauthenticated(_REFUSED)
    return Editing(editor, newsroom, Role(role), name, is_house=bool(house), key=key_id)
