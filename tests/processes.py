"""Processes that have imported our code already: forked from one that did nothing else.

Starting Python and importing all that serving needs takes longer than most tests do. A process from
here has memory, files, signals and an end of its own, as one that an operator starts.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([
    "app.cli",
    "app.commands.signing",
    "app.logger",
    "app.main",
    "app.store.migrations",
    "tests.writers",
    "uvicorn",
])  # fmt: skip


class Command:
    """A command of ours that runs; what it says goes to a file."""

    def __init__(self, *arguments: str, environment: Mapping[str, str], stderr: Path) -> None:
        given = arguments, dict(environment), str(stderr)
        self._process = CONTEXT.Process(target=_run, args=given)
        self._process.start()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return the status with which it ended, None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int:
        """Wait for its end and return the status."""
        self._process.join(seconds)
        status = self._process.exitcode
        assert status is not None, "it did not end in time"
        return status


def _run(arguments: Sequence[str], environment: Mapping[str, str], stderr: str) -> None:
    from app import cli

    os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["corrigenda", *arguments]
    cli.main()
