"""The file of the key that signs the log.

One line for each key, as Go's `note` writes a private key. There is one key, and a second
one for as long as both sign while the one replaces the other.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from app.domain.errors import Unready
from app.log.errors import KeyRefused
from app.log.note import SigningKey

_SEED_BYTES: Final = 32
_OWNER_ONLY: Final = 0o600
_NOT_OURS: Final = stat.S_IWGRP | stat.S_IRWXO


def make_key(file: Path, name: str) -> SigningKey:
    """Write a new key of that name to a file which is not there yet, and return it.

    Only its owner can read the file. Raises `Unready` for a file that is there, and for
    a name that no key can have.
    """
    try:
        key = SigningKey(name, secrets.token_bytes(_SEED_BYTES))
    except KeyRefused as refused:
        raise Unready(
            f"CORRIGENDA_LEDGER_NAME is {name!r}, and a log's key is named as its ledger: {refused}"
        ) from refused
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    except FileExistsError:
        raise Unready(f"{file} is there already; a key is never written over") from None
    with os.fdopen(handle, "w", encoding="utf-8") as written:
        written.write(f"{key.text}\n")
        written.flush()
        os.fsync(written.fileno())
    return key


def read_keys(file: Path, name: str) -> tuple[SigningKey, ...]:
    """Return the keys of a file, all of that name.

    Raises `Unready` where it cannot be read, holds anything else, or can be read by
    everybody. A group may read it: that is how containers are handed their secrets.
    """
    try:
        text, mode = file.read_text(encoding="utf-8"), file.stat().st_mode
    except FileNotFoundError:
        raise Unready(f"there is no key in {file}; make one: corrigenda signer keygen") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise Unready(f"the signing key {file} cannot be read: {fault}") from None
    if mode & _NOT_OURS:
        raise Unready(f"others may read or change the signing key {file}: chmod 600 {file}")
    keys = tuple(_parsed(file, line) for line in text.splitlines() if line.strip())
    if not keys:
        raise Unready(f"{file} holds no signing key")
    for key in keys:
        if key.name != name:
            raise Unready(
                f"the key in {file} is for {key.name!r}, and this ledger is {name!r}: set "
                "CORRIGENDA_LEDGER_NAME, or take the ledger's own key"
            )
    return keys


def _parsed(file: Path, line: str) -> SigningKey:
    try:
        return SigningKey.parse(line.strip())
    except KeyRefused as refused:
        raise Unready(f"{file} holds what is no signing key: {refused}") from None
