"""Serving a ledger in processes of their own, as an operator does."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.processes import Command

T = TypeVar("T")
CORRIGENDA = Path(sys.executable).with_name("corrigenda")


def eventually(what: Callable[[], T], seconds: float = 10.0) -> T:
    """Return the first true answer of `what`, asked again until the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
    return found


def environment(**variables: str) -> dict[str, str]:
    """Return our environment without settings, and with these."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CORRIGENDA_")}
    return kept | variables


@dataclass
class Serving:
    """One server process."""

    process: Command
    address: str

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of what stands at a path."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as fault:
            return fault.code, fault.read().decode()

    def ready(self) -> dict[str, Any]:
        """Return what `/readyz` says."""
        found: dict[str, Any] = json.loads(self.get("/readyz")[1])
        return found

    def ask(self, query: str, variables: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Return the answer to a document."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        request = urllib.request.Request(f"{self.address}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def kill(self) -> None:
        """End the process as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def serving(url: str, *, log: Path | None = None, **variables: str) -> Iterator[Serving]:
    """Serve a migrated ledger on a free port; what the server says goes to the file `log`."""
    with tempfile.TemporaryDirectory() as folder:
        said = log or Path(folder) / "server.log"
        said.write_text("")
        given = environment(CORRIGENDA_DATABASE_URL=url, **variables)
        process = Command("serve", "--port", "0", environment=given, stderr=said)
        try:
            eventually(lambda: "/graphql" in said.read_text() or process.poll() is not None, 30)
            found = re.search(r"http://\S+(?=/graphql)", said.read_text())
            assert found is not None, said.read_text()
            one = Serving(process, found[0])
            # Whoever connects earlier waits for the server to start.
            one.get("/livez")
            yield one
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)
