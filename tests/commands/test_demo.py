"""The demo ledger: made once, and put right where something of it is missing."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.commands import access
from app.commands.demo import prepare
from app.domain import keys
from app.store import access as stored
from app.store.dossiers import head_position

DOSSIER = files("app.demo") / "dossier.jsonl"


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """Where the demo keeps its keys."""
    return tmp_path / "demo-keys.json"


def made(engine: Engine, keys_file: Path) -> Mapping[str, str]:
    lines = DOSSIER.read_bytes().splitlines(keepends=True)[:5]
    return prepare(engine, keys_file, lambda: lines)


def standing(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return stored.digests(connection)[0]


def test_a_second_start_keeps_keys_and_data(engine: Engine, keys_file: Path) -> None:
    first = made(engine, keys_file)

    second = made(engine, keys_file)

    assert second == first == json.loads(keys_file.read_text())
    assert stat.S_IMODE(keys_file.stat().st_mode) == 0o600
    assert standing(engine) == {keys.digest(key) for key in first.values()}
    with engine.connect() as connection:
        # Who acts in it, and the lines of the dossier.
        assert head_position(connection) == 1 + 5


def test_a_lost_file_gets_new_keys_and_a_lost_ledger_the_old_ones(
    engine: Engine, keys_file: Path
) -> None:
    kept = {"editor": keys.new_key("demo", bytes(32))}
    keys_file.write_text(json.dumps(kept))

    first = made(engine, keys_file)
    keys_file.unlink()
    second = made(engine, keys_file)

    assert first["editor"] == kept["editor"]
    assert not set(first.values()) & set(second.values())
    assert keys.digest(second["admin"]) in standing(engine)


def test_a_revoked_key_is_replaced(engine: Engine, keys_file: Path) -> None:
    first = made(engine, keys_file)
    with engine.connect() as connection:
        admin = next(one for one in stored.keys(connection) if one["role"] == "ADMIN")
    access.revoke_key(engine, admin["id"])

    second = made(engine, keys_file)

    assert {role for role in first if first[role] != second[role]} == {"admin"}
