"""The demo ledger: the packaged dossier, loaded once, and one editor with a key for each role.

A partner newsroom has a contributor with a key, and one proposal waits for a reviewer.

Everything here may be done again and changes nothing the second time: the
dossier goes in as one transaction, so it is there altogether or not at all,
and the keys stand in a file that only its owner reads.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from app.commands import access
from app.commands.dossiers import Progress, load
from app.commands.proposals import Request, propose
from app.domain import keys
from app.domain.codes import Role
from app.domain.errors import InvalidValue
from app.domain.permissions import Act
from app.store import access as stored
from app.store.database import Connection, Engine
from app.store.dossiers import head_position
from app.store.records import load_present, taken_external_refs

NEWSROOM: Final = "Demo newsroom"
PARTNER: Final = "Baltic Wire"
WIRE: Final = "wire"
"""What the partner's contributor is called among the holders of keys; the others by their roles."""

ENVIRONMENT: Final = "demo"
_OWNER_ONLY: Final = 0o600


def prepare(
    engine: Engine,
    keys_file: Path,
    dossier: Callable[[], Iterable[bytes]],
    progress: Progress | None = None,
) -> Mapping[str, str]:
    """Make a migrated ledger the demo, as far as it is not, and return key by role, and `WIRE`'s.

    `dossier` is only opened for a ledger that is still empty. Raises `OSError`
    where the file of keys cannot be written.
    """
    with engine.connect() as connection:
        entered = _entered(connection)
        standing, revoked = stored.digests(connection)
        is_empty = head_position(connection) == 0
    known = _read(keys_file)
    held = {name: _key_of(known.get(name), revoked) for name in _HOLDERS}
    if held != known:
        _write(keys_file, held)
    editors = entered or _enter_all(engine, held)
    if WIRE not in editors:
        editors[WIRE] = _enter_partner(engine)
    if not entered:
        standing |= {keys.digest(key) for key in held.values()}
    for name, key in held.items():
        if keys.digest(key) not in standing:
            access.enter_key(engine, editors[name], key, label=_label(name))
    if is_empty:
        with engine.connect() as connection:
            editing = access.editing_as(connection, editors["editor"])
        load(engine, dossier(), editing, all_or_nothing=True, progress=progress)
        _ask_for_a_stage(engine, editors[WIRE], editing.newsroom)
    return held


def _ask_for_a_stage(engine: Engine, contributor: str, house: str) -> None:
    """Have the partner propose another stage for the goats (E6), where they are in the ledger."""
    with engine.connect() as connection:
        editing = access.editing_as(connection, contributor, act=Act.PROPOSE)
        goats = taken_external_refs(connection, "transfer", house, ["E6"]).get("E6")
        if goats is None:
            return
        version = load_present(connection, [goats])[goats].version
    revise = {"id": goats, "version": version, "set": {"stage": "DISPATCHED"}}
    body = {
        "reason": {"code": "DISPUTE", "note": _DOUBT},
        "operations": [{"reviseTransfer": revise}],
        "message": "We would leave the approval beside it, as the claim that it is.",
    }
    propose(engine, Request(body, editing))


_DOUBT: Final = (
    "The first report has the goats sent. Another one speaks of an approval, which comes before "
    "that and does not deny it; so what is held should not step back behind the first report."
)


def _entered(connection: Connection) -> dict[str, str]:
    """Return the demo's editors by holder, once those of the house are there."""
    ids = {(one["newsroom_name"], one["name"]): one["id"] for one in stored.editors(connection)}
    places = {name: (PARTNER if name == WIRE else NEWSROOM, _name(name)) for name in _HOLDERS}
    found = {name: ids[place] for name, place in places.items() if place in ids}
    return found if len(found.keys() - {WIRE}) == len(Role) else {}


def _enter_partner(engine: Engine) -> str:
    """Enter the partner into a demo that was made before it had one."""
    access.add_newsroom(engine, PARTNER)
    return access.add_editor(engine, _name(WIRE), newsroom=PARTNER, role=Role.CONTRIBUTOR)


def _enter_all(engine: Engine, held: Mapping[str, str]) -> dict[str, str]:
    """Enter newsrooms, editors and keys with one changeset; return the editors by holder."""
    operations: list[Mapping[str, Any]] = [
        {"addNewsroom": {"ref": "#house", "name": NEWSROOM, "house": True}},
        *(
            {"addEditor": {"ref": f"#{role.lower()}", "newsroom": "#house",
                           "name": _name(role.lower()), "role": role.lower()}}
            for role in Role
        ),
        {"addNewsroom": {"ref": "#partner", "name": PARTNER}},
        {"addEditor": {"ref": f"#{WIRE}", "newsroom": "#partner", "name": _name(WIRE),
                       "role": Role.CONTRIBUTOR.lower()}},
        *(
            {"createKey": {"ref": f"#{name}-key", "editor": f"#{name}", "label": _label(name)}}
            for name in _HOLDERS
        ),
    ]  # fmt: skip
    secrets = {f"#{name}-key": key for name, key in held.items()}
    outcome = access.found_ledger(
        engine, operations, operator="#admin", note="The demo, and who acts in it.", secrets=secrets
    )
    return {name: outcome.refs[f"#{name}"] for name in _HOLDERS}


_HOLDERS: Final = (*(role.lower() for role in Role), WIRE)


def _name(holder: str) -> str:
    return f"{PARTNER} contributor" if holder == WIRE else f"Demo {holder}"


def _label(holder: str) -> str:
    return f"Demo key for {holder}"


def _key_of(known: object, revoked: set[str]) -> str:
    """Return the key that a role has already, where it is one and not revoked, else a new one."""
    if isinstance(known, str) and _is_key(known) and keys.digest(known) not in revoked:
        return known
    return keys.new_key(ENVIRONMENT, secrets.token_bytes(keys.SECRET_BYTES))


def _is_key(text: str) -> bool:
    try:
        keys.parse_key(text)
    except InvalidValue:
        return False
    return True


def _read(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: Path, held: Mapping[str, str]) -> None:
    """Write the keys at once: a reader sees the old file or the new one, never a part."""
    # Made with mode 600, so nobody else can open it in between.
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w") as written:
            json.dump(held, written, indent=2)
            written.write("\n")
            written.flush()
            os.fsync(written.fileno())
        Path(name).chmod(_OWNER_ONLY)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
