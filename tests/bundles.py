"""Signing and bundling a ledger in a test, and changing bundles as a tamperer would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.log.checkpoint import Checkpoint, signed_checkpoint
from app.log.note import SigningKey, VerifierKey
from app.log.verifying import AUDITOR
from app.reads import bundles
from app.reads.bundle_files import bundle_files
from app.reads.verifying import Known, OlderCheckpoint, Report, verify
from app.store import checkpoints
from app.store.checkpoints import Published
from app.store.dossiers import reading
from app.store.scratch import scratch

ORIGIN = "example.org/corrigenda"
KEY = SigningKey(ORIGIN, bytes(range(32)))
OTHER_KEY = SigningKey(ORIGIN, bytes(reversed(range(32))))


def publish(engine: Engine, key: SigningKey = KEY) -> str:
    """Sign the log as it stands, publish the checkpoint, and return its note."""
    with engine.connect() as connection:
        peaks = checkpoints.read_peaks(connection)
        published = checkpoints.of_size(connection, peaks.size)
    if published is not None:
        return published.note
    note = signed_checkpoint(Checkpoint(key.name, peaks.size, peaks.root()), [key])
    checkpoints.publish(engine, Published(peaks.size, note, "2026-11-24T00:00:00.000000Z"))
    return note


def make_bundle(
    engine: Engine, output: Path, audience: str = AUDITOR, key: SigningKey = KEY
) -> Path:
    """Write the bundle of the newest checkpoint."""
    with reading(engine.url) as connection:
        of = bundles.newest(connection, [key.verifier])
        with bundles.destination(output) as made:
            bundles.write(connection, of, made, audience)
    return output


def verified(
    bundle: Path, *older: str, keys: tuple[VerifierKey, ...] = (KEY.verifier,), seen: Any = None
) -> Report:
    """Verify a bundle with the key of the ledger, and with older checkpoints that were kept."""
    kept = tuple(OlderCheckpoint(note, "the checkpoint kept") for note in older)
    with bundle_files(bundle) as files, scratch() as memory:
        return verify(files, Known(keys, kept), memory, seen=seen)
