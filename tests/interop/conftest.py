"""A running demo, and the programs of others that are tried on it.

`tests/interop/install.sh` installs those programs. One that is missing skips its tests with a
clear word; with CI=true it fails them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(__file__).resolve().parent / "clients"
INTEROP = ROOT / ".interop"
NODE_MODULES = INTEROP / "node_modules"
WORKSHOP = INTEROP / "workshop"
MANIFESTS = (
    "relay/queryMap.json",
    "generated/persisted-documents.json",
    "generated/persisted-query-manifest.json",
)
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
    vkey: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Serve the demo on a free port for all the tests of this run."""
    with served(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture(scope="session")
def trusting(tmp_path_factory: pytest.TempPathFactory, workshop: Path) -> Iterator[Demo]:
    """Serve a demo that answers the documents of the clients' manifests, and no others."""
    manifests = ",".join(str(workshop / name) for name in MANIFESTS)
    with served(
        tmp_path_factory.mktemp("trusting"),
        CORRIGENDA_TRUSTED_DOCUMENTS=manifests,
        CORRIGENDA_TRUSTED_ONLY="true",
    ) as demo:
        yield demo


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program of a Chromium."""
    named = os.environ.get("INTEROP_CHROMIUM")
    found = [shutil.which(name) for name in ((named,) if named else CHROMIUMS)]
    return next(filter(None, found), None) or lack("no Chromium")


@pytest.fixture(scope="session")
def run_client() -> Callable[..., dict[str, Any]]:
    """Run one of the programs under clients/ in their own environment; return what it reports."""
    python = INTEROP / "venv" / "bin" / "python"
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
def in_workshop() -> Callable[..., str]:
    """Run a Node program in the workshop; return what it prints."""
    node = INTEROP / "bin" / "node"
    if not (node.exists() and (INTEROP / "node_modules" / "graphql").exists()):
        lack("no Node clients")

    def run(*command: str | Path, given: str = "") -> str:
        done = subprocess.run(
            [node, *command],
            input=given,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            cwd=WORKSHOP,
            env={**os.environ, "PATH": f"{node.parent}:{os.environ['PATH']}", "NO_COLOR": "1"},
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def workshop(in_workshop: Callable[..., str]) -> Path:
    """The clients beside the contract, as in a frontend's repository, and compiled.

    It lies under .interop, where node_modules is.
    """
    shutil.rmtree(WORKSHOP, ignore_errors=True)
    shutil.copytree(CLIENTS, WORKSHOP, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copytree(ROOT / "schema", WORKSHOP / "schema")
    in_workshop(NODE_MODULES / "@graphql-codegen/cli/esm/bin.js", "--config", "codegen.ts")
    facts = in_workshop("schema-facts.ts")
    (WORKSHOP / "generated" / "schema-facts.ts").write_text(facts)
    # The compiler adds to this file, and wants it to be there.
    (WORKSHOP / "relay" / "queryMap.json").write_text("{}")
    in_workshop(NODE_MODULES / "relay-compiler/cli.js", "relay.config.json")
    in_workshop(NODE_MODULES / "@apollo/generate-persisted-query-manifest/cli.js")
    return WORKSHOP


@pytest.fixture(scope="session")
def run_node(
    in_workshop: Callable[..., str], workshop: Path, demo: Demo, trusting: Demo
) -> Callable[[str], dict[str, Any]]:
    """Run one of the Node programs under clients/; return what it reports.

    It is given both servers, and a key for each.
    """
    facts = {
        "url": demo.url,
        "key": demo.keys["editor"],
        "trusted": trusting.url,
        "trustedKey": trusting.keys["editor"],
    }

    def run(name: str) -> dict[str, Any]:
        printed = in_workshop("--import", "./artifacts.ts", f"{name}.ts", given=json.dumps(facts))
        report: dict[str, Any] = json.loads(printed)
        return report

    return run


@pytest.fixture(scope="session")
def postgres_15() -> Path:
    """The folder of PostgreSQL 15's programs."""
    folder = Path(os.environ.get("INTEROP_POSTGRES_BIN", "/usr/lib/postgresql/15/bin"))
    if not (folder / "postgres").exists():
        lack("no PostgreSQL 15")
    return folder


@pytest.fixture(scope="session")
def build_go() -> Callable[[str], Path]:
    """Compile one of the Go programs under clients/go/, against Debian's golang.org/x/mod.

    Without modules and without a network: everything it imports is installed.
    """
    go = shutil.which(os.environ.get("INTEROP_GO", "go"))
    gopath = Path(os.environ.get("INTEROP_GOPATH", "/usr/share/gocode"))
    if go is None or not (gopath / "src/golang.org/x/mod/sumdb").exists():
        lack("no Go with golang.org/x/mod")
    built = INTEROP / "go"
    built.mkdir(exist_ok=True)
    # Without flags of ours, for those of the compiled library that comes with Go fit no others.
    closed = {"GO111MODULE": "off", "GOPROXY": "off", "GOFLAGS": ""}
    places = {"GOPATH": str(gopath), "GOCACHE": str(built / "cache")}

    def build(name: str) -> Path:
        command = [go, "build", "-o", built / name, CLIENTS / "go" / f"{name}.go"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, **closed, **places},
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return built / name

    return build


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[Demo]:
    """Serve a demo on a free port."""
    port = free_port()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [ROOT / ".venv/bin/corrigenda", "demo", "--port", str(port), "--data", folder / "data"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **settings},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_served(url, process, folder / "output.txt")
        keys = json.loads((folder / "data" / "demo-keys.json").read_text())
        (vkey,) = re.findall(r"signed as +(\S+)", (folder / "output.txt").read_text())
        yield Demo(url, keys, vkey)
    finally:
        process.terminate()
        process.wait(10)


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
