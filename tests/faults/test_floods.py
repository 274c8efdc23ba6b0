"""Floods: while one attacker does its worst, others are served and the server stays small.

Each flood runs against a server process of its own, as `corrigenda serve` starts it, for a few
seconds. Honest readers from addresses of their own ask on; the slowest hundredth of their answers
may take three times as long as it takes without the flood, and the server's memory may grow by
100 MB. One flood: `pytest -m faults -s tests/faults/test_floods.py -k "sqlite and alias-bomb"`.

The attacker shares two processors with all of this, so it is held to a few hundred requests a
second and gives way to the rest; see `tests.faults.flooding`.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.commands import access
from app.store import tables
from app.store.search_index import rebuild_search
from tests.bench import filling
from tests.bench.dataset import Size
from tests.databases import KINDS, Databases
from tests.driver import opened
from tests.faults.flooding import FLOODS, answer, request
from tests.serving import Serving, serving

SIZE = Size(scale=50)
READERS, EACH_PER_S = 8, 5.0
WARM_S, QUIET_S, FLOOD_S, AFTER_S = 2.0, 8.0, 10.0, 2.0
GROWTH_MB, SLOWER = 100, 3.0

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, binds 127.0.0.2"),
]


@dataclass(frozen=True)
class Filled:
    """A ledger with a thousand transfers, and what honest readers know of it."""

    url: str
    key: str
    transfers: Sequence[str]


@pytest.fixture(scope="module")
def ledgers(databases: Databases) -> Iterator[Mapping[str, Filled]]:
    """A filled ledger on each database; nobody writes to it."""
    with databases.clone("sqlite") as sqlite, databases.clone("postgresql") as postgresql:
        filling.fill_sqlite(Path(sqlite.removeprefix("sqlite:///")), SIZE, _silent)
        filling.fill_postgres(postgresql, SIZE, _silent)
        yield {"sqlite": _equipped(sqlite), "postgresql": _equipped(postgresql)}


def _silent(_position: int) -> None:
    """Say nothing."""


def _equipped(url: str) -> Filled:
    transfer = tables.metadata.tables["transfer"]
    with opened(url) as engine:
        rebuild_search(engine)
        key = access.create_key(engine, filling.EDITOR_NAME, label="reader", environment="live").key
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("ANALYZE"))
            ids = connection.execute(sa.select(transfer.c.id).order_by("id")).scalars().all()
    return Filled(url, key, ids)


# --- honest readers ------------------------------------------------------------------


@dataclass(frozen=True)
class Heard:
    """What the honest readers heard: how long each answer took, and what was no answer."""

    seconds: Sequence[float]
    refused: Sequence[str]

    @property
    def p99_ms(self) -> float:
        """How long the slowest hundredth took at least, in milliseconds."""
        return 1000 * sorted(self.seconds)[int(0.99 * len(self.seconds))]

    @property
    def median_ms(self) -> float:
        """How long an answer took in the middle, in milliseconds."""
        return 1000 * sorted(self.seconds)[len(self.seconds) // 2]


def listen(port: int, ledger: Filled, seconds: float) -> Heard:
    """Let the readers ask for so many seconds; half of them hold a key."""

    async def everyone() -> Heard:
        heard = await asyncio.gather(
            *(_read(port, ledger, number, seconds) for number in range(READERS))
        )
        return Heard(
            [one for each in heard for one in each[0]], [one for each in heard for one in each[1]]
        )

    return asyncio.run(everyone())


async def _read(
    port: int, ledger: Filled, number: int, seconds: float
) -> tuple[list[float], list[str]]:
    """Ask at a steady pace, from the moment when the question was due: waiting counts."""
    dice, taken, refused = random.Random(number), list[float](), list[str]()
    headers = [f"Authorization: Bearer {ledger.key}"] if number % 2 else []
    start = time.perf_counter() + number / READERS / EACH_PER_S
    stream: Any = None
    for turn in range(int(seconds * EACH_PER_S)):
        due = start + turn / EACH_PER_S
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        try:
            if stream is None:
                # Half of the readers stay connected, the others come anew each time.
                stream = await asyncio.open_connection(
                    "127.0.0.1", port, local_addr=(f"127.0.0.{2 + number}", 0)
                )
            stream[1].write(request(_question(dice, ledger), *headers))
            status, keeps = await answer(stream[0])
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as fault:
            status, keeps = type(fault).__name__, False
        taken.append(time.perf_counter() - due)
        if status != "200":
            refused.append(status)
        if stream is not None and (not keeps or number % 4 >= 2):
            stream[1].close()
            stream = None
    if stream is not None:
        stream[1].close()
    return taken, refused


def _question(dice: random.Random, ledger: Filled) -> bytes:
    """Return what a frontend asks: a page, a transfer, a list, what somebody types."""
    kind = dice.randrange(4)
    if kind == 0:
        asked = {"documentId": "article-page", "variables": {"first": dice.randrange(5, 11)}}
    elif kind == 1:
        one = dice.choice(ledger.transfers)
        asked = {"documentId": "one-transfer", "variables": {"id": one, "claims": 10}}
    elif kind == 2:
        asked = {"documentId": "actors", "variables": {"first": dice.randrange(5, 20)}}
    else:
        text = dice.choice(["Ministry", "Courier", "horses Estria", "wheat", "customs"])
        asked = {"documentId": "search", "variables": {"text": text, "first": 5}}
    return json.dumps(asked).encode()


# --- the server's memory -------------------------------------------------------------


def resident_mb(pid: int) -> float:
    """Return the memory that a process holds, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


class Watch(threading.Thread):
    """Looks at a process ten times a second, and remembers the most that it held."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._over = pid, threading.Event()
        self.peak = resident_mb(pid)

    def run(self) -> None:
        while not self._over.wait(0.1):
            self.peak = max(self.peak, resident_mb(self._pid))

    def end(self) -> float:
        """Return the most that it held."""
        self._over.set()
        self.join()
        return self.peak


# --- the floods ----------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What a flood did to a server and to its readers."""

    name: str
    kind: str
    quiet: Heard
    during: Heard
    before_mb: float
    peak_mb: float
    after_mb: float
    attacker: Mapping[str, Any]

    @property
    def slower(self) -> float:
        """How many times as long the slowest hundredth of answers took."""
        return self.during.p99_ms / self.quiet.p99_ms

    def __str__(self) -> str:
        came = ", ".join(f"{what}: {times}" for what, times in self.attacker["came"].items())
        return (
            f"{self.kind:10} {self.name:20} p99 {self.quiet.p99_ms:6.1f} → "
            f"{self.during.p99_ms:7.1f} ms ({self.slower:5.1f} x), median "
            f"{self.quiet.median_ms:4.1f} → {self.during.median_ms:6.1f} ms; "
            f"memory {self.before_mb:5.0f} → peak {self.peak_mb:5.0f} → {self.after_mb:5.0f} MB "
            f"(+{self.peak_mb - self.before_mb:3.0f}); refused readers {len(self.during.refused)}; "
            f"sent {self.attacker['sent']}: {came}"
        )


def flood(server: Serving, ledger: Filled, name: str, kind: str) -> Outcome:
    """Measure the quiet, flood the server, and measure again."""
    port = int(server.address.rpartition(":")[2])
    listen(port, ledger, WARM_S)
    quiet = listen(port, ledger, QUIET_S)
    before, watch = resident_mb(server.process.pid), Watch(server.process.pid)
    watch.start()
    attacker = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.flooding", name, str(port), str(FLOOD_S)],
        stdout=subprocess.PIPE,
    )
    try:
        time.sleep(0.7)  # until its Python has started
        during = listen(port, ledger, FLOOD_S - 0.5)
        said, _ = attacker.communicate(timeout=FLOOD_S + 20)
    finally:
        attacker.kill()
        attacker.wait()
    time.sleep(AFTER_S)
    after = resident_mb(server.process.pid)
    return Outcome(name, kind, quiet, during, before, watch.end(), after, json.loads(said))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_drowns_nobody_else(
    kind: str, name: str, ledgers: Mapping[str, Filled], capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(ledgers[kind].url) as server:
        outcome = flood(server, ledgers[kind], name, kind)

    with capfd.disabled():
        print(f"\n{outcome}")
    assert outcome.quiet.refused == []
    assert outcome.during.refused == []
    assert outcome.attacker["sent"] > 0
    if name == "half-open-sockets":
        assert outcome.attacker["came"]["hung up"] >= FLOODS[name].connections
    assert not [one for one in outcome.attacker["came"] if one.startswith("5") and one != "503"]
    assert outcome.peak_mb - outcome.before_mb <= GROWTH_MB
    assert outcome.slower <= SLOWER
