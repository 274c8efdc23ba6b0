"""The command line in this process: as `corrigenda` runs it, without starting Python anew.

Starting takes longer than most commands do. What depends on a process of its own (signals,
pipes, standard input, the user's rights) is run as one; see `tests.serving`.
"""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from app import cli


@dataclass(frozen=True)
class Ran:
    """What came of a command: its status, and what it wrote to each stream."""

    returncode: int
    stdout: str
    stderr: str


def corrigenda(*arguments: Any, **variables: str) -> Ran:
    """Run a command to its end, with these settings and no others."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CORRIGENDA_")}
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, kept | variables, clear=True),
        patch("sys.argv", ["corrigenda", *map(str, arguments)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = _status()
    return Ran(status, out.getvalue(), err.getvalue())


def _status() -> int:
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
