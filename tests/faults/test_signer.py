"""kill -9 of the signer, a hundred times, while writers write: no two heads of one size."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.commands.signing_keys import make_key, read_keys
from app.log.checkpoint import Checkpoint, open_checkpoint
from app.log.errors import LogError
from app.log.note import VerifierKey
from app.log.proof import verify_consistency
from app.reads.log import LogReading
from app.store import tables
from app.store.database import parse_url
from app.store.log_engine import open_log_engine
from tests.driver import Newsroom, opened
from tests.serving import CORRIGENDA, environment, serving
from tests.writers import transfers, write

NAME = "example.org/ledger"
KILLS = 100
PATIENCE_S = 20
CHECKPOINT = tables.metadata.tables["checkpoint"]


@dataclass
class Witness:
    """Everything that anybody ever saw signed, by size."""

    key: VerifierKey
    roots: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    notes: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    seen: int = 0

    def look(self, note: str) -> Checkpoint:
        checkpoint = open_checkpoint(note, [self.key])
        self.roots[checkpoint.size].add(checkpoint.root)
        self.notes[checkpoint.size].add(note)
        self.seen += 1
        return checkpoint


def _watch(file: Path, server: object, witness: Witness, stop: threading.Event) -> None:
    """Read file and HTTP as fast as they answer."""
    while not stop.is_set():
        try:
            witness.look(file.read_text())
        except FileNotFoundError:
            continue
        except LogError as fault:  # a file that is not whole would be a finding
            raise AssertionError(file.read_text()) from fault
        status, note = server.get("/checkpoint")  # type: ignore[attr-defined]
        if status == 200:
            witness.look(note)
        stop.wait(0.01)


def _write(newsroom: Newsroom, records: list[str], stop: threading.Event, seed: int) -> None:
    while not stop.is_set():
        write(newsroom, records, 5, seed)


@pytest.mark.faults
def test_the_signer_killed_a_hundred_times_never_signs_two_heads_of_one_size(
    database_url: str, tmp_path: Path
) -> None:
    """And a second after each restart everything acknowledged before it is signed."""
    key_file, chance, late = tmp_path / "key", random.Random(4), list[float]()
    make_key(key_file, NAME)
    (key,) = read_keys(key_file, NAME)
    witness, stop = Witness(key.verifier), threading.Event()
    variables = {"CORRIGENDA_SIGNING_KEY": str(key_file), "CORRIGENDA_LEDGER_NAME": NAME}
    with opened(database_url) as engine:
        newsroom = Newsroom.founded(engine)
        records = transfers(newsroom, 20)
        reads = open_log_engine(parse_url(database_url))
        with serving(database_url, CORRIGENDA_SIGN="off", **variables) as server:
            threads = [
                threading.Thread(target=_write, args=(newsroom, records, stop, seed))
                for seed in range(2)
            ]
            threads.append(
                threading.Thread(
                    target=_watch, args=(Path(f"{key_file}.state"), server, witness, stop)
                )
            )
            for thread in threads:
                thread.start()
            try:
                for _ in range(KILLS):
                    late.append(_one_life(newsroom, reads, database_url, variables, chance))
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
            ready = server.ready()
        published = _all_published(reads)
        _prove(reads, witness, published)
        late.sort()
        print(
            f"\n{engine.dialect.name}: {KILLS} kills, {newsroom.head()} entries, "
            f"{len(published)} heads published, {witness.seen} notes seen of "
            f"{len(witness.roots)} sizes; signed after a restart, in seconds: "
            f"median {late[KILLS // 2]:.2f}, most {late[-1]:.2f}"
        )
    assert [size for size, roots in witness.roots.items() if len(roots) > 1] == []
    assert [size for size, notes in witness.notes.items() if len(notes) > 1] == []
    assert ready["log"]["status"] == "signed"
    assert late[-1] < 1.0


def _one_life(
    newsroom: Newsroom,
    reads: sa.Engine,
    url: str,
    variables: dict[str, str],
    chance: random.Random,
) -> float:
    """Start a signer and kill it at random; return how long it took to sign what was there.

    The time counts from when the process says that it signs, as Python itself takes long
    to start; the kill comes at any moment after that, often in the midst of signing.
    """
    signer = subprocess.Popen(
        [CORRIGENDA, "sign", "--every", "0.05"],
        env=environment(CORRIGENDA_DATABASE_URL=url, CORRIGENDA_LOG_LEVEL="warning", **variables),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert signer.stderr is not None
    try:
        told = signer.stderr.readline()
        started, acknowledged = time.perf_counter(), newsroom.head()
        assert told.startswith("Signing"), told + signer.stderr.read()
        while _signed(reads) < acknowledged:
            if time.perf_counter() - started > PATIENCE_S:
                signer.kill()
                raise AssertionError(f"not signed in time: {signer.stderr.read()}")
            time.sleep(0.02)
        taken = time.perf_counter() - started
        time.sleep(chance.uniform(0, 0.3))
        return taken
    finally:
        signer.kill()
        signer.communicate(timeout=10)


def _signed(reads: sa.Engine) -> int:
    with reads.connect() as connection:
        return connection.execute(sa.select(sa.func.max(CHECKPOINT.c.size))).scalar() or 0


def _all_published(reads: sa.Engine) -> list[str]:
    with reads.connect() as connection:
        query = sa.select(CHECKPOINT.c.note).order_by(CHECKPOINT.c.size)
        return list(connection.execute(query).scalars())


def _prove(reads: sa.Engine, witness: Witness, notes: list[str]) -> None:
    """Every head that was published, or seen anywhere, is one that the newest extends."""
    published = {one.size: one for one in map(witness.look, notes)}
    newest = published[max(published)]
    log = LogReading(reads, NAME)
    for size, roots in witness.roots.items():
        # What was written to the file and never to the table is of the last life alone.
        if size > newest.size:
            continue
        proof = log.consistency(size, newest.size)
        for root in roots:
            verify_consistency(
                old_size=size,
                new_size=newest.size,
                old_root=root,
                new_root=newest.root,
                proof=proof.hashes,
            )
    log.close()
