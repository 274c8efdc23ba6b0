"""Types and style, as `pyproject.toml` has them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["mypy", "--strict", "app"], id="mypy"),
        pytest.param(["ruff", "check", "."], id="ruff-check"),
        pytest.param(["ruff", "format", "--check", "."], id="ruff-format"),
    ],
)
def test_the_code_is_clean(command: list[str]) -> None:
    """The checker's own words say what is not, and where."""
    tool = Path(sys.executable).with_name(command[0])

    done = subprocess.run(
        [tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
