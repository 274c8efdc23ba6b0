"""Verifying a bundle: how long it takes, and how much memory, for a small log and a large one.

The ledger is signed, and its bundle written and verified, by the commands that an operator and
an auditor would use, each in a process of its own. Verifying needs no database, so the bundle
is made of one, SQLite.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import servers
from tests.bench.dataset import Size

LARGE: Final = Size(versions=3, scale=6, batch=1)
SMALL: Final = Size(versions=3, scale=48, batch=1)
"""An edit of one record each: about 100,000 changesets, and an eighth of them."""

GOAL_S: Final = 60.0

_PROGRAM: Final = Path(sys.executable).parent / "corrigenda"
_KIBIBYTES_IN_MB: Final = 1024


class Failed(Exception):
    """A command ended with an error; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took: wall and processor seconds, and its largest memory in MB."""

    wall: float
    processor: float
    memory: float
    said: str


def measure() -> None:
    """Print what writing and verifying a bundle takes; raise `Failed` where one fails."""
    for size in (SMALL, LARGE):
        database = servers.sqlite(size)
        with tempfile.TemporaryDirectory(prefix="audit-", dir=servers.data_folder()) as folder:
            _measure(database, Path(folder))
    print(f"the goal: 100,000 changesets verified in under {GOAL_S:.0f} s, in bounded memory")


def _measure(database: servers.Database, folder: Path) -> None:
    with servers.copied(database) as copy:
        variables = {
            "CORRIGENDA_DATABASE_URL": copy.url,
            "CORRIGENDA_SIGNING_KEY": str(folder / "key"),
            "CORRIGENDA_LEDGER_NAME": "bench.example/corrigenda",
        }
        vkey = _run(["signer", "keygen", "--output", str(folder / "key")], variables).said.strip()
        _run(["sign", "--once"], variables)
        bundle = folder / "bundle"
        made = _run(["bundle", str(bundle), "--audience", "auditor"], variables)
    verified = _run(["verify", str(bundle), "--vkey", vkey], {})
    files = [file for file in bundle.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"\n{len(files)} files, {size:.0f} MB")
    for name, run in (("bundle", made), ("verify", verified)):
        print(
            f"  {name}: {run.wall:6.1f} s, {run.processor:6.1f} s of processor time, "
            f"at most {run.memory:.0f} MB of memory"
        )
    print("  " + "\n  ".join(verified.said.splitlines()[:12]), flush=True)


def _run(arguments: list[str], variables: dict[str, str]) -> Run:
    """Run a command to its end; raises `Failed` for another status than 0."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaint:
        started = time.perf_counter()
        process = subprocess.Popen(
            [_PROGRAM, *arguments],
            stdin=subprocess.DEVNULL, stdout=said, stderr=complaint, env=os.environ | variables,
        )  # fmt: skip
        memory, used = _watched(process)
        wall = time.perf_counter() - started
        texts = []
        for stream in (said, complaint):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    if process.returncode:
        raise Failed(f"corrigenda {arguments[0]}: {' '.join(texts)}")
    return Run(wall, used.ru_utime + used.ru_stime, memory, texts[0])


def _watched(process: subprocess.Popen[bytes]) -> tuple[float, resource.struct_rusage]:
    """Return the largest memory of a process in MB, and what it used, once it has ended.

    What the system counts for it begins with what this process had when it started it, so
    the high-water mark of its own memory is read while it runs (Linux; nan elsewhere).
    """
    memory, status = math.nan, Path(f"/proc/{process.pid}/status")
    while True:
        pid, ended, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(ended)
            return memory, used
        with contextlib.suppress(OSError):
            if found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text()):
                memory = int(found[1]) / _KIBIBYTES_IN_MB
        time.sleep(0.02)
