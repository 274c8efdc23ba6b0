"""The two server processes that are measured: ours, and the peer."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.bench import load

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0
_HELLO: Final = b'{"query":"{ __typename }"}'
_WITHOUT: Final = {
    "CORRIGENDA_ANSWER_CACHE_BYTES": "0",
    "CORRIGENDA_STRANGER_BUDGET": "0",
    "CORRIGENDA_KEY_BUDGET": "0",
    "CORRIGENDA_STRANGER_REQUESTS": "1000",
    "CORRIGENDA_STRANGER_CONNECTIONS": "1000",
}
"""What is measured is how answers are made, not how they are kept."""


class DidNotStart(Exception):
    """A server ended, or did not answer in time; the message is what it printed."""


def ours(url: str, port: int) -> list[str]:
    """Return the command that serves a database as our users would."""
    program = Path(sys.executable).parent / "corrigenda"
    return [str(program), "serve", "--port", str(port), "--database-url", url]


def peer(url: str, port: int) -> list[str]:
    """Return the command that serves a database by Strawberry's ordinary executor."""
    return [sys.executable, "-m", "tests.bench.baseline", url, str(port)]


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(command: Sequence[str], port: int) -> Iterator[int]:
    """Run a server until the end of the block, and yield its process; it answers by then."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | _WITHOUT,
        )
        try:
            if not _answers(process, port):
                log.seek(0)
                raise DidNotStart(f"{' '.join(command)}\n{log.read().decode(errors='replace')}")
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, load.BadAnswer):
            load.ask(port, _HELLO)
            return True
        time.sleep(0.1)
    return False
