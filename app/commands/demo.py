"""The demo ledger: the packaged dossier, loaded once, and one editor with a key for each role.

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
from app.domain import keys
from app.domain.codes import Role
from app.domain.errors import InvalidValue
from app.store import access as stored
from app.store.database import Connection, Engine
from app.store.dossiers import head_position

NEWSROOM: Final = "Demo newsroom"
ENVIRONMENT: Final = "demo"
_OWNER_ONLY: Final = 0o600


def prepare(
    engine: Engine,
    keys_file: Path,
    dossier: Callable[[], Iterable[bytes]],
    progress: Progress | None = None,
) -> Mapping[str, str]:
    """Make a migrated ledger the demo, as far as it is not, and return key by role.

    `dossier` is only opened for a ledger that is still empty. Raises `OSError`
    where the file of keys cannot be written.
    """
    with engine.connect() as connection:
        entered = _entered(connection)
        standing, revoked = stored.digests(connection)
        is_empty = head_position(connection) == 0
    known = _read(keys_file)
    held = {role.lower(): _key_of(known.get(role.lower()), revoked) for role in Role}
    if held != known:
        _write(keys_file, held)
    editors = entered or _enter_all(engine, held)
    if not entered:
        standing |= {keys.digest(key) for key in held.values()}
    for role, key in held.items():
        if keys.digest(key) not in standing:
            access.enter_key(engine, editors[role], key, label=f"Demo key for {role}")
    if is_empty:
        with engine.connect() as connection:
            editing = access.editing_as(connection, editors["editor"])
        load(engine, dossier(), editing, all_or_nothing=True, progress=progress)
    return held


def _entered(connection: Connection) -> dict[str, str]:
    """Return the demo's editors by role, once all of them are there."""
    found = {
        one["role"].lower(): one["id"]
        for one in stored.editors(connection)
        if one["newsroom_name"] == NEWSROOM and one["name"] == _name(one["role"])
    }
    return found if len(found) == len(Role) else {}


def _enter_all(engine: Engine, held: Mapping[str, str]) -> dict[str, str]:
    """Enter newsroom, editors and keys with one changeset; return the editors by role."""
    roles = [role.lower() for role in Role]
    operations: list[Mapping[str, Any]] = [
        {"addNewsroom": {"ref": "#house", "name": NEWSROOM, "house": True}},
        *(
            {"addEditor": {"ref": f"#{role}", "newsroom": "#house", "name": _name(role),
                           "role": role}}
            for role in roles
        ),
        *(
            {"createKey": {"ref": f"#{role}-key", "editor": f"#{role}",
                           "label": f"Demo key for {role}"}}
            for role in roles
        ),
    ]  # fmt: skip
    secrets = {f"#{role}-key": key for role, key in held.items()}
    outcome = access.found_ledger(
        engine, operations, operator="#admin", note="The demo, and who acts in it.", secrets=secrets
    )
    return {role: outcome.refs[f"#{role}"] for role in roles}


def _name(role: str) -> str:
    return f"Demo {role.lower()}"


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
