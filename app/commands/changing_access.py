"""Changing who may act: what is looked up and made for it.

`app.commands.submit` is the door, as for every other write: a submission of kind ACCESS is
decided here. The secret of a new key is made here, and handed back once; its digest goes to
the key's own row and nowhere else.
"""

from __future__ import annotations

import secrets as dice
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from app.domain import access, ids, keys
from app.domain.codes import Action, ReasonCode, Role
from app.domain.decisions import Editing
from app.domain.errors import Forbidden, InvalidValue
from app.domain.operations import Reason
from app.domain.permissions import allowed
from app.domain.records import Step
from app.domain.reverting import Made
from app.store import access as stored
from app.store.database import Connection
from app.store.ledger import AccessRows, instant_text

AS_THEY_STAND: Final = Reason(
    ReasonCode.INITIAL_ENTRY,
    "Newsrooms, editors and keys as they stand from before the log kept them.",
)


@dataclass(frozen=True, slots=True)
class Word:
    """The token on which a person's role is changed: of whom, and when it was issued."""

    identity: str
    issued_at: float


class OlderWord(Exception):
    """As new a token, or a newer one, settled the person's role already."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a change writes beside its steps; `keys` are the secrets of new keys, by id."""

    rows: AccessRows
    refs: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)


def lock(connection: Connection) -> None:
    """Let one writer at a time change who may act."""
    stored.lock_access(connection)


def take_word(connection: Connection, word: Word) -> None:
    """Note the token that a change rests on; raise `OlderWord` where a later one did before.

    The lock is held: of two processes that are shown two tokens the newer one decides.
    """
    if not stored.take_word(connection, word.identity, word.issued_at):
        raise OlderWord


def standing(connection: Connection) -> tuple[Step, ...]:
    """Return the steps that enter what stands from before; none in most ledgers."""
    return access.entered_as_they_stand(stored.not_entered(connection))


def decide(  # noqa: PLR0913 - the clock, the ids and the secrets are the caller's
    connection: Connection,
    change: access.Change,
    editing: Editing,
    *,
    allot: access.Allot,
    now: datetime,
    secrets: Mapping[str, str],
    environment: str,
) -> tuple[tuple[Step, ...], Decided]:
    """Return the steps of a change, and what is written beside them. The lock is held."""
    # Not every database can be asked for any text; what is no id names nothing.
    named = {str(given.get("id")) for _, given, _ in change.operations if _is_id(given.get("id"))}
    held = stored.held(connection, named, of=editing.editor)
    decided = access.decide(change, held, editing, allot=allot, now=now)
    made = {
        key_id: secrets.get(ref or "")
        or keys.new_key(environment, dice.token_bytes(keys.SECRET_BYTES))
        for key_id, ref in decided.entered.items()
    }
    digests = {key_id: keys.digest(key) for key_id, key in made.items()}
    return decided.steps, Decided(AccessRows(digests), decided.refs, made)


def _is_id(text: object) -> bool:
    try:
        ids.parse_id(text)
    except InvalidValue:
        return False
    return True


def require_standing(connection: Connection, editing: Editing, now: datetime) -> Editing:
    """Return who edits, in the role of now; raise `Forbidden` for whoever lost a power meanwhile.

    From here to the end of the transaction nobody can take it away: what the log shows after
    a change of access is never by the power that the change took. Whom a change itself enters
    is not there yet.
    """
    stored.share_access(connection)
    held = stored.standing(connection, editing.editor, editing.key)
    if held is None:
        return editing
    role = Role(held["role"])
    acts = allowed(role, is_house=held["house"], scopes=editing.scopes)
    is_gone = held["retired_at"] is not None or bool(editing.acts - acts)
    is_another = bool(editing.identity) and held["identity"] != editing.identity
    if is_gone or is_another or (editing.key and not _opens(held, now)):
        raise Forbidden("your role or key was changed a moment ago; ask again")
    return replace(editing, role=role)


def _opens(held: stored.Row, now: datetime) -> bool:
    """Whether a key still is one; a rotation ends the old one at a time, which may be at once."""
    if held["key"] is None or held["revoked_at"] is not None:
        return False
    return held["expires_at"] is None or held["expires_at"] > instant_text(now)


def refs_again(body: Mapping[str, Any], made: Sequence[Made]) -> dict[str, str]:
    """Return ref → id as a first answer gave them: what is entered is written in its order."""
    asked = [
        inner
        for operation in body.get("operations", ())
        for tag, inner in operation.items()
        if tag in _ENTERING
    ]
    entered = [one.record_id for one in made if one.action is Action.ADD]
    return {
        inner["ref"]: record_id
        for inner, record_id in zip(asked, entered, strict=True)
        if inner.get("ref") is not None
    }


_ENTERING: Final = ("addNewsroom", "addEditor", "createKey", "rotateKey")
