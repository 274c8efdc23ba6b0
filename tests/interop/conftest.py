"""A running demo, and the programs of others that are tried on it.

`tests/interop/install.sh` installs those programs. One that is missing skips its tests with a
clear word; with CI=true it fails them.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(__file__).resolve().parent / "clients"
READY_SECONDS = 60.0

CHROMIUMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo ledger that is being served, and the keys that it printed."""

    url: str
    keys: dict[str, str]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Serve the demo on a free port for all the tests of this run."""
    folder = tmp_path_factory.mktemp("demo")
    port = free_port()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [ROOT / ".venv/bin/corrigenda", "demo", "--port", str(port), "--data", folder / "data"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_served(url, process, folder / "output.txt")
        yield Demo(url, json.loads((folder / "data" / "demo-keys.json").read_text()))
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program of a Chromium."""
    named = os.environ.get("INTEROP_CHROMIUM")
    found = [shutil.which(name) for name in ((named,) if named else CHROMIUMS)]
    return next(filter(None, found), None) or lack("no Chromium")


@pytest.fixture(scope="session")
def run_client() -> Callable[..., dict[str, Any]]:
    """Run one of the programs under clients/ in their own environment; return what it reports."""
    python = ROOT / ".interop" / "venv" / "bin" / "python"
    if not python.exists():
        lack("no Python clients")

    def run(name: str, **facts: str) -> dict[str, Any]:
        done = subprocess.run(
            [python, CLIENTS / f"{name}.py"],
            input=json.dumps(facts),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return run


@pytest.fixture(scope="session")
def postgres_15() -> Path:
    """The folder of PostgreSQL 15's programs."""
    folder = Path(os.environ.get("INTEROP_POSTGRES_BIN", "/usr/lib/postgresql/15/bin"))
    if not (folder / "postgres").exists():
        lack("no PostgreSQL 15")
    return folder


def lack(what: str) -> NoReturn:
    """Skip what needs a program that is not here; in CI nothing may be skipped."""
    message = f"{what}: run tests/interop/install.sh"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(f"skipped: {message}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_served(url: str, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/livez", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"The demo is not served:\n{output.read_text()[-4000:]}")
