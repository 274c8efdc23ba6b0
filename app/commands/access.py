"""Newsrooms, editors and keys, as the command line and the demo change them.

Each change is a changeset of kind ACCESS, through the one door for writes. Whoever makes
it is an editor who may manage access; where nobody is named, the ledger's operator, an
editor whom the first changeset enters together with the house. A key's secret is
returned once, when it is made; the database keeps its digest.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from app.commands.changing_access import Word
from app.commands.submission import Outcome, Submission, fresh_id, utc_now
from app.commands.submit import enter_what_stands, submit
from app.domain import keys
from app.domain.codes import ChangesetKind, ReasonCode, Role
from app.domain.decisions import Editing
from app.domain.errors import InvalidInput, Refused
from app.domain.permissions import Act, Reach, holders_of, phrase
from app.store import access
from app.store.database import Connection, Engine
from app.store.ledger import Clock

OPERATOR: Final = "Operator"
"""The name of the editor for whom the command line changes access, unless it says another."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown once: `key` is the secret itself."""

    id: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class By:
    """Who changes access, and why: an editor's id or name, else the operator; and a note.

    `word` is the token on which a person's role is changed.
    """

    editor: str | None = None
    note: str | None = None
    word: Word | None = None


_NOBODY_NAMED: Final = By()


def found_ledger(
    engine: Engine,
    operations: Sequence[Mapping[str, Any]],
    *,
    operator: str,
    note: str = "The house, and who acts for it.",
    clock: Clock = utc_now,
    **more: Any,
) -> Outcome:
    """Enter the first newsrooms and editors, with the one who does so, in one changeset.

    `operator` is the ref of the editor, an ADMIN of a house that `operations` enter too.
    """
    at_ms = int(clock().timestamp() * 1000)
    (entered,) = (
        one["addEditor"] for one in operations if one.get("addEditor", {}).get("ref") == operator
    )
    house = entered["newsroom"]
    ids = {house: fresh_id("newsroom", at_ms), operator: fresh_id("editor", at_ms, 1)}
    editing = Editing(ids[operator], ids[house], Role.ADMIN, entered["name"], is_house=True)
    body = _body(operations, ReasonCode.INITIAL_ENTRY, note)
    submission = Submission(body, editing, ChangesetKind.ACCESS, ids=ids, **more)
    return submit(engine, submission, clock=clock)


def add_newsroom(
    engine: Engine,
    name: str,
    *,
    house: bool = False,
    by: By = _NOBODY_NAMED,
    clock: Clock = utc_now,
) -> str:
    """Enter a newsroom and return its id; the house newsroom is the ledger's own.

    The house is entered together with the operator. Raises `Refused` for a name that is
    blank or taken, and for a second house.
    """
    entering: Mapping[str, Any] = {"addNewsroom": {"ref": "#it", "name": name, "house": house}}
    if not house:
        return _change(engine, entering, f"{name} edits here.", by, clock).refs["#it"]
    if _has_house(engine):
        raise _refused("there is a house newsroom already; a ledger has one", "house")
    operator = {**_OPERATOR, "newsroom": "#it"}
    note = by.note or f"{name} keeps this ledger."
    operations = [entering, {"addEditor": operator}]
    with _as_options():
        outcome = found_ledger(engine, operations, operator="#operator", note=note, clock=clock)
    return outcome.refs["#it"]


def add_editor(  # noqa: PLR0913 - who it is, and who enters it
    engine: Engine,
    name: str,
    *,
    newsroom: str,
    role: str,
    identity: str | None = None,
    by: By = _NOBODY_NAMED,
    clock: Clock = utc_now,
) -> str:
    """Enter an editor of a newsroom, given by id or name, and return the editor's id.

    Raises `Refused` for a newsroom or role that is not known, and for a second
    editor of one name in one newsroom.
    """
    with engine.connect() as connection:
        room = access.find_newsroom(connection, newsroom)
        if room is None:
            raise _refused(_unknown_newsroom(connection, newsroom), "newsroom")
    given = {"ref": "#it", "newsroom": room["id"], "name": name, "role": role, "identity": identity}
    note = f"{name} acts for {room['name']}."
    return _change(engine, {"addEditor": given}, note, by, clock).refs["#it"]


def revise_editor(
    engine: Engine,
    editor: str,
    *,
    by: By = _NOBODY_NAMED,
    clock: Clock = utc_now,
    **changed: str | None,
) -> str:
    """Give an editor another name, role or identity, and return the id."""
    held = _found_editor(engine, editor)
    note = f"{', '.join(changed)} of {held['name']} changed."
    given = {"id": held["id"], **changed}
    _change(engine, {"reviseEditor": given}, note, by, clock)
    return str(held["id"])


def retire_editor(
    engine: Engine, editor: str, *, by: By = _NOBODY_NAMED, clock: Clock = utc_now
) -> str:
    """Retire an editor, whose keys are refused from then on, and return the id."""
    held = _found_editor(engine, editor)
    note = f"{held['name']} acts here no more."
    _change(engine, {"retireEditor": {"id": held["id"]}}, note, by, clock)
    return str(held["id"])


def restore_editor(
    engine: Engine, editor: str, *, by: By = _NOBODY_NAMED, clock: Clock = utc_now
) -> str:
    """Bring a retired editor back, keys and all, and return the id."""
    held = _found_editor(engine, editor, retired=True)
    note = f"{held['name']} acts here again."
    _change(engine, {"restoreEditor": {"id": held["id"]}}, note, by, clock)
    return str(held["id"])


def create_key(  # noqa: PLR0913 - the clock and the dice are the caller's to choose
    engine: Engine,
    editor: str,
    *,
    label: str,
    environment: str,
    scopes: Sequence[str] | None = None,
    not_before: str | None = None,
    expires_at: str | None = None,
    by: By = _NOBODY_NAMED,
    clock: Clock = utc_now,
    dice: Callable[[int], bytes] = secrets.token_bytes,
) -> NewKey:
    """Make a key for an editor, given by id or name, and return it: the only time it is shown.

    Raises `Refused` for an editor that is not known, retired, or one of several of that
    name, and for a scope that is unknown or not the editor's.
    """
    key = keys.new_key(environment, dice(keys.SECRET_BYTES))
    term = {"notBefore": not_before, "expiresAt": expires_at}
    made = enter_key(engine, editor, key, label=label, scopes=scopes, by=by, clock=clock, **term)
    return NewKey(made, key)


def enter_key(  # noqa: PLR0913 - the key, and who enters it
    engine: Engine,
    editor: str,
    key: str,
    *,
    label: str,
    scopes: Sequence[str] | None = None,
    by: By = _NOBODY_NAMED,
    clock: Clock = utc_now,
    **term: str | None,
) -> str:
    """Enter a key that exists already, by its digest, and return the key's id."""
    held = _found_editor(engine, editor)
    given = {"ref": "#it", "editor": held["id"], "label": label, **term}
    given["scopes"] = None if scopes is None else list(scopes)
    note = f"A key for {held['name']}."
    outcome = _change(engine, {"createKey": given}, note, by, clock, secrets={"#it": key})
    return outcome.refs["#it"]


def rotate_key(  # noqa: PLR0913 - both keys, and who rotates them
    engine: Engine,
    key_id: str,
    *,
    environment: str,
    overlap_s: int | None = None,
    expires_at: str | None = None,
    by: By = _NOBODY_NAMED,
    clock: Clock = utc_now,
) -> NewKey:
    """Make a key in place of another, which is good for the overlap still; return it once."""
    _require_key(engine, key_id)
    given = {"ref": "#it", "id": key_id, "overlapSeconds": overlap_s, "expiresAt": expires_at}
    note = f"A new key in place of {key_id}."
    outcome = _change(engine, {"rotateKey": given}, note, by, clock, environment=environment)
    made = outcome.refs["#it"]
    return NewKey(made, outcome.keys[made])


def revoke_key(
    engine: Engine,
    key_id: str,
    *,
    with_successors: bool = False,
    by: By = _NOBODY_NAMED,
    clock: Clock = utc_now,
) -> None:
    """Revoke a key by its id, and with it the keys that came of it by rotation, if asked to.

    Raises `Refused` where there is no such key, or it is revoked already.
    """
    _require_key(engine, key_id)
    note = f"{key_id} is good no more."
    given = {"id": key_id, "withSuccessors": with_successors}
    _change(engine, {"revokeKey": given}, note, by, clock)


def enter_standing(engine: Engine, *, clock: Clock = utc_now) -> int | None:
    """Enter who may act from before the log kept that, by the operator; return the position.

    None where nothing is left to enter, and where nobody is there yet who could.
    """
    with engine.connect() as connection:
        if not access.not_entered(connection):
            return None
        try:
            acting = _acting(connection, None, int(clock().timestamp() * 1000))
        except Refused:
            return None
    if not acting.entering:
        return enter_what_stands(engine, acting.editing, clock=clock)
    body = _body(acting.entering, ReasonCode.OTHER, "Who changes access at the command line.")
    submission = Submission(body, acting.editing, ChangesetKind.ACCESS, ids=acting.ids)
    return submit(engine, submission, clock=clock).position


# --- who acts -----------------------------------------------------------------


def editing_as(connection: Connection, editor: str | None, *, act: Act = Act.COMMIT) -> Editing:
    """Return who acts: the editor of an id or name, or the only one who may.

    The operator, who changes access, is not meant where nobody is named. Raises `Refused`
    for an editor that is not known, retired, ambiguous, or who may not.
    """
    holder = _only_one(connection, act) if editor is None else _one_editor(connection, editor)
    editing = _editing(holder)
    if act not in editing.acts:
        raise _refused(f"{editing.name}: {editing.refusal(act).message}", "editor")
    return editing


def _editing(holder: access.Row) -> Editing:
    return Editing(
        holder["id"],
        holder["newsroom"],
        Role(holder["role"]),
        holder["name"],
        is_house=bool(holder["house"]),
    )


@dataclass(frozen=True, slots=True)
class _Acting:
    """Who changes access; `entering` enters the operator first, where there is none."""

    editing: Editing
    entering: tuple[Mapping[str, Any], ...] = ()
    ids: Mapping[str, str] = field(default_factory=dict)


def _acting(connection: Connection, editor: str | None, at_ms: int) -> _Acting:
    """Return the editor who is named, else the operator, else the only ADMIN of the house."""
    if editor is not None:
        editing = _editing(_one_editor(connection, editor))
        if Act.MANAGE_ACCESS not in editing.acts:
            refusal = editing.refusal(Act.MANAGE_ACCESS)
            raise _refused(f"{editing.name}: {refusal.message}", "editor")
        return _Acting(editing)
    admins = [
        one
        for one in access.editors(connection)
        if _editing(one).reach(Act.MANAGE_ACCESS) is Reach.LEDGER and one["retired_at"] is None
    ]
    found = [one for one in admins if _is_operator(one)] or admins
    if len(found) == 1:
        return _Acting(_editing(found[0]))
    if found:
        raise _refused(f"several editors may do this; say who does: {_named(found)}", "editor")
    return _with_operator(connection, at_ms)


def _with_operator(connection: Connection, at_ms: int) -> _Acting:
    """Return the operator of a house that has no ADMIN, who is entered by the same changeset."""
    houses = [one["id"] for one in access.newsrooms(connection) if one["house"]]
    if not houses:
        raise _refused(
            "this ledger has no house newsroom yet; enter it first: "
            "corrigenda newsroom add NAME --house",
            "editor",
        )
    made = fresh_id("editor", at_ms)
    entering = {"addEditor": {**_OPERATOR, "newsroom": houses[0]}}
    editing = Editing(made, houses[0], Role.ADMIN, OPERATOR, is_house=True)
    return _Acting(editing, (entering,), {_OPERATOR["ref"]: made})


_OPERATOR: Final = {"ref": "#operator", "name": OPERATOR, "role": str(Role.ADMIN)}


def _change(
    engine: Engine,
    operation: Mapping[str, Any],
    note: str,
    by: By,
    clock: Clock,
    **more: Any,
) -> Outcome:
    with engine.connect() as connection:
        acting = _acting(connection, by.editor, int(clock().timestamp() * 1000))
    body = _body([*acting.entering, operation], ReasonCode.OTHER, by.note or note)
    submission = Submission(
        body, acting.editing, ChangesetKind.ACCESS, ids=acting.ids, word=by.word, **more
    )
    with _as_options():
        return submit(engine, submission, clock=clock)


def _body(operations: Sequence[Mapping[str, Any]], code: ReasonCode, note: str) -> dict[str, Any]:
    given = [
        {tag: {name: value for name, value in inner.items() if value is not None}}
        for operation in operations
        for tag, inner in operation.items()
    ]
    return {"reason": {"code": str(code), "note": note}, "operations": given}


@contextmanager
def _as_options() -> Iterator[None]:
    """Tell a refusal by the option that it is about, not by its place in the operations."""
    try:
        yield
    except Refused as refused:
        for one in refused.refusals:
            one.path = one.path[_OPERATION:]
        raise


_OPERATION: Final = len(("operations", 0, "tag"))


def _has_house(engine: Engine) -> bool:
    with engine.connect() as connection:
        return any(one["house"] for one in access.newsrooms(connection))


def _require_key(engine: Engine, key_id: str) -> None:
    with engine.connect() as connection:
        if not any(one["id"] == key_id for one in access.keys(connection)):
            message = f"there is no key {_shown(key_id)}; `corrigenda key list` names them"
            raise _refused(message, "key")


def _found_editor(engine: Engine, wanted: str, *, retired: bool = False) -> access.Row:
    with engine.connect() as connection:
        return _one_editor(connection, wanted, retired=retired)


def _only_one(connection: Connection, act: Act) -> access.Row:
    able = [
        one
        for one in access.editors(connection)
        if one["retired_at"] is None and act in _editing(one).acts and not _is_operator(one)
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


def _is_operator(one: access.Row) -> bool:
    manages = _editing(one).reach(Act.MANAGE_ACCESS) is Reach.LEDGER
    return manages and one["name"] == OPERATOR


def _one_editor(connection: Connection, wanted: str, *, retired: bool = False) -> access.Row:
    named = access.find_editors(connection, wanted)
    found = [one for one in named if (one["retired_at"] is not None) == retired]
    if len(found) == 1:
        return found[0]
    if found:
        raise _refused(
            f"{len(found)} editors are named {_shown(wanted)}; give an id: {_named(found)}",
            "editor",
        )
    if named:
        stands = (
            "acts here, and is not retired"
            if retired
            else "is retired; `corrigenda editor restore` brings them back"
        )
        raise _refused(f"{_named(named)} {stands}", "editor")
    raise _refused(
        f"there is no editor {_shown(wanted)}; `corrigenda editor list` names them", "editor"
    )


def _named(editors: Sequence[access.Row]) -> str:
    return ", ".join(f"{one['name']} ({one['id']})" for one in editors)


def _unknown_newsroom(connection: Connection, wanted: str) -> str:
    known = ", ".join(one["name"] for one in access.newsrooms(connection)) or "none yet"
    return f"there is no newsroom {_shown(wanted)}; newsrooms are: {known}"


def _shown(text: str) -> str:
    return repr(text[:80])


def _refused(message: str, field: str) -> Refused:
    return Refused((InvalidInput(message, path=(field,)),))
