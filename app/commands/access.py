"""Newsrooms, editors and keys: entering them, and taking keys back.

A key's secret is returned once, when it is made; the database keeps its digest.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.commands.submit import fresh_id, utc_now
from app.domain import keys, texts
from app.domain.codes import Role
from app.domain.decisions import Editing
from app.domain.errors import InvalidInput, InvalidValue, Refused
from app.domain.permissions import Act, holders_of, phrase
from app.store import access
from app.store.database import Connection, Engine, write_transaction
from app.store.ledger import Clock, instant_text

NAME_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown once: `key` is the secret itself."""

    id: str
    key: str


def add_newsroom(engine: Engine, name: str, *, house: bool = False, clock: Clock = utc_now) -> str:
    """Enter a newsroom and return its id; the house newsroom is the ledger's own.

    Raises `Refused` for a name that is blank or taken, and for a second house.
    """
    kept = _name(name, "name")
    with write_transaction(engine) as connection:
        known = access.newsrooms(connection)
        if any(_same(kept, one["name"]) for one in known):
            raise _refused(f"there is a newsroom named {kept!r} already", "name")
        if house and any(one["house"] for one in known):
            raise _refused("there is a house newsroom already; a ledger has one", "house")
        return _insert(connection, "newsroom", clock(), name=kept, house=house)


def add_editor(
    engine: Engine, name: str, *, newsroom: str, role: str, clock: Clock = utc_now
) -> str:
    """Enter an editor of a newsroom, given by id or name, and return the editor's id.

    Raises `Refused` for a newsroom or role that is not known, and for a second
    editor of one name in one newsroom.
    """
    kept, held = _name(name, "name"), _role(role)
    with write_transaction(engine) as connection:
        room = access.find_newsroom(connection, newsroom)
        if room is None:
            raise _refused(_unknown_newsroom(connection, newsroom), "newsroom")
        colleagues = [one for one in access.editors(connection) if one["newsroom"] == room["id"]]
        if any(_same(kept, one["name"]) for one in colleagues):
            raise _refused(f"{room['name']} has an editor named {kept!r} already", "name")
        return _insert(connection, "editor", clock(), newsroom=room["id"], name=kept, role=held)


def create_key(  # noqa: PLR0913 - the clock and the dice are the caller's to choose
    engine: Engine,
    editor: str,
    *,
    label: str,
    environment: str,
    clock: Clock = utc_now,
    dice: Callable[[int], bytes] = secrets.token_bytes,
) -> NewKey:
    """Make a key for an editor, given by id or name, and return it: the only time it is shown.

    Raises `Refused` for an editor that is not known, retired, or one of several of that name.
    """
    key = keys.new_key(environment, dice(keys.SECRET_BYTES))
    return NewKey(enter_key(engine, editor, key, label=label, clock=clock), key)


def enter_key(engine: Engine, editor: str, key: str, *, label: str, clock: Clock = utc_now) -> str:
    """Enter a key that exists already, by its digest, and return the key's id."""
    kept = _name(label, "label")
    with write_transaction(engine) as connection:
        holder = _one_editor(connection, editor)
        return _insert(
            connection, "key", clock(), editor=holder["id"], label=kept, digest=keys.digest(key)
        )


def revoke_key(engine: Engine, key_id: str, *, clock: Clock = utc_now) -> None:
    """Revoke a key by its id; raises `Refused` where there is none, or it is revoked already."""
    with write_transaction(engine) as connection:
        if access.revoke_key(connection, key_id, instant_text(clock())):
            return
        if any(one["id"] == key_id for one in access.keys(connection)):
            raise _refused(f"{key_id} is revoked already", "key")
        raise _refused(f"there is no key {_shown(key_id)}; `corrigenda key list` names them", "key")


def editing_as(connection: Connection, editor: str | None, *, act: Act = Act.COMMIT) -> Editing:
    """Return who acts: the editor of an id or name, or the only one who may.

    Raises `Refused` for an editor that is not known, retired, ambiguous, or who may not.
    """
    holder = _only_one(connection, act) if editor is None else _one_editor(connection, editor)
    editing = _editing(holder)
    if act not in editing.acts:
        raise _refused(f"{editing.name}: {editing.refusal(act).message}", "editor")
    return editing


def _editing(row: access.Row) -> Editing:
    role, house = Role(row["role"]), bool(row["house"])
    return Editing(row["id"], row["newsroom"], role, row["name"], is_house=house)


def _only_one(connection: Connection, act: Act) -> access.Row:
    able = [
        one
        for one in access.editors(connection)
        if one["retired_at"] is None and act in _editing(one).acts
    ]
    if len(able) == 1:
        return able[0]
    if able:
        raise _refused(f"several editors may {phrase(act)}; say who does: {_named(able)}", "editor")
    raise _refused(
        f"nobody may {phrase(act)} yet; enter a newsroom and an editor first: corrigenda newsroom "
        f"add NAME --house, corrigenda editor add NAME --newsroom NAME --role {holders_of(act)[0]}",
        "editor",
    )


def _one_editor(connection: Connection, wanted: str) -> access.Row:
    found = [one for one in access.find_editors(connection, wanted) if one["retired_at"] is None]
    if len(found) == 1:
        return found[0]
    if found:
        raise _refused(
            f"{len(found)} editors are named {_shown(wanted)}; give an id: {_named(found)}",
            "editor",
        )
    raise _refused(
        f"there is no editor {_shown(wanted)}; `corrigenda editor list` names them", "editor"
    )


def _named(editors: Sequence[access.Row]) -> str:
    return ", ".join(f"{one['name']} ({one['id']})" for one in editors)


def _unknown_newsroom(connection: Connection, wanted: str) -> str:
    known = ", ".join(one["name"] for one in access.newsrooms(connection)) or "none yet"
    return f"there is no newsroom {_shown(wanted)}; newsrooms are: {known}"


def _insert(connection: Connection, table: str, now: datetime, **columns: object) -> str:
    made = fresh_id(table, int(now.timestamp() * 1000))
    access.insert(connection, table, id=made, created_at=instant_text(now), **columns)
    return made


def _role(text: str) -> Role:
    try:
        return Role[text.upper()]
    except KeyError:
        known = ", ".join(Role.__members__)
        raise _refused(f"a role is one of {known}; not {_shown(text)}", "role") from None


def _name(text: str, field: str) -> str:
    try:
        return texts.text(text, limit=NAME_LIMIT)
    except InvalidValue as fault:
        raise _refused(f"{field} {fault.message}", field) from None


def _same(one: str, other: str) -> bool:
    return texts.folded(one) == texts.folded(other)


def _shown(text: str) -> str:
    return repr(text[:80])


def _refused(message: str, field: str) -> Refused:
    return Refused((InvalidInput(message, path=(field,)),))
