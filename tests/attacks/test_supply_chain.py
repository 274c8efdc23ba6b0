"""Supply chain: the same sources make the same package, and nothing calls home."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.attacks.attacking import Attack
from tests.databases import Databases
from tests.serving import environment

ROOT = Path(__file__).resolve().parents[2]
ATTACKS = [
    Attack("two builds from the same sources", "equal, byte for byte", []),
    Attack("a call to the network at import or at the start", "none is made", []),
    Attack("a package other than the one that was locked", "refused: every one has its hash", []),
]


def test_two_builds_are_equal(tmp_path: Path) -> None:
    """Built an hour apart in different folders, wheel and source archive have the same bytes."""
    digests = []
    for name, umask in (("one", 0o022), ("other", 0o077)):
        built = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path / name)],
            cwd=ROOT, umask=umask, check=False, capture_output=True, text=True,
            env=environment(TZ="Asia/Pyongyang" if umask else "UTC"),
        )  # fmt: skip
        assert built.returncode == 0, built.stderr
        files = sorted((tmp_path / name).iterdir())
        digests.append({one.name: sha256(one.read_bytes()).hexdigest() for one in files})

    assert len(digests[0]) == 2
    assert digests[0] == digests[1]


def test_the_lock_pins_every_package_by_its_hash() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()

    pinned = [number for number, line in enumerate(lines) if line[:1].isalnum()]

    assert len(pinned) > 50
    for number in pinned:
        assert "==" in lines[number], lines[number]
        assert lines[number + 1].strip().startswith("--hash=sha256:"), lines[number]


WATCHED = """
import asyncio, sys
calls = []
def watch(event, arguments):
    network = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
    if event in network and not isinstance(arguments[-1], (str, bytes)):
        calls.append((event, arguments[1:]))
sys.addaudithook(watch)

import app.cli, app.main, app.settings
from app.graphql.schema import build_schema

async def start():
    application = app.main.create_app(app.settings.Settings())
    async with application.router.lifespan_context(application):
        pass

asyncio.run(start())
print(calls)
"""


def test_nothing_calls_home(databases: Databases) -> None:
    """What a process does is watched from within Python, from before the first import of ours."""
    with databases.clone("sqlite") as url:
        ran = subprocess.run(
            [sys.executable, "-c", WATCHED],
            cwd=ROOT, check=False, capture_output=True, text=True,
            env=environment(CORRIGENDA_DATABASE_URL=url, PYTHONPATH=str(ROOT)),
        )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "[]"


def test_a_call_would_be_seen() -> None:
    """The watch itself: a look-up and a connection to nobody leave their traces."""
    calling = WATCHED.partition("import app.cli")[0] + (
        "import contextlib, socket\n"
        "with contextlib.suppress(OSError): socket.create_connection(('127.0.0.1', 9))\n"
        "print(len(calls))\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", calling], check=True, capture_output=True, text=True, env=os.environ
    )

    assert int(ran.stdout) > 0


@pytest.mark.parametrize("page", ["index.html", "page.js", "page.css"])
def test_the_pages_load_nothing_from_elsewhere(page: str) -> None:
    text = (ROOT / "app" / "web" / "static" / "graphiql" / page).read_text()

    assert "https://" not in text
    assert "http://" not in text
