"""The log as it is served, read tile by tile with Go's client library while others write."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.conftest import Demo, served

pytestmark = pytest.mark.interop

PATIENCE_SECONDS = 30.0
FIRST = 260
"""Positions before the first checkpoint that is kept: more than one tile of 256."""

WRITER = """
import json, sys, urllib.request

url, key, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
reason = {"code": "INITIAL_ENTRY", "note": "It was missing."}
for number in range(count):
    operation = {"addItem": {"name": f"Item {number}", "kind": "OTHER"}}
    body = json.dumps({
        "query": "mutation($input: CommitInput!) { commit(input: $input) "
                 "{ changeset { position } userErrors { message } } }",
        "variables": {"input": {"reason": reason, "operations": [operation]}},
    })
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"{url}/graphql", body.encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        commit = json.load(answer)["data"]["commit"]
    assert commit["changeset"], commit
"""


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A ledger of the test's own, as it is to grow."""
    with served(tmp_path_factory.mktemp("growing")) as demo:
        yield demo


@contextmanager
def writing(demo: Demo, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """Have another process write so many changesets."""
    command = [sys.executable, "-c", WRITER, demo.url, demo.keys["editor"], str(count)]
    with subprocess.Popen(command) as writer:
        try:
            yield writer
        finally:
            writer.terminate()


def checkpoint(demo: Demo) -> str:
    """Return the newest checkpoint, as it is served."""
    with urllib.request.urlopen(f"{demo.url}/checkpoint", timeout=10) as answer:
        return str(answer.read().decode())


def size_of(note: str) -> int:
    return int(note.split("\n")[1])


def kept_beyond(demo: Demo, size: int, path: Path) -> Path:
    """Wait for a checkpoint of more than `size` entries, and keep it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while size_of(note := checkpoint(demo)) <= size:
        assert time.monotonic() < deadline, f"no checkpoint beyond {size}"
        time.sleep(0.05)
    path.write_text(note)
    return path


def test_a_go_client_follows_the_log_while_others_write(
    growing: Demo, build_go: Callable[[str], Path], tmp_path: Path
) -> None:
    """Each time every position is in the tree, which grew from all that were seen before."""
    verify = build_go("verify")
    with writing(growing, FIRST) as first:
        assert first.wait(PATIENCE_SECONDS) == 0
    kept = [kept_beyond(growing, FIRST, tmp_path / "0")]
    lines = list[str]()

    with writing(growing, 100_000) as writer:
        for number in range(1, 6):
            kept.append(kept_beyond(growing, size_of(kept[-1].read_text()), tmp_path / str(number)))
            done = subprocess.run(
                [verify, growing.url, growing.vkey, *kept],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            lines.append(done.stdout)
        assert writer.poll() is None

    for number, line in enumerate(lines, start=1):
        proved, _, rest = line.removeprefix("verified: ").partition(" ")
        assert line.startswith("verified: "), line
        assert int(proved) >= size_of(kept[number].read_text())
        assert rest.startswith(f"entries signed by demo, consistent with {number + 1} older")
