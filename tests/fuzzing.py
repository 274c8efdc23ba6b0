"""schemathesis against a demo that is being served, in each role that there is.

It draws requests from the contract. None may be answered with a 5xx, with a defect of ours or
with anything of the inside (tests/interop/schemathesis/hooks.py); and a run that reached no data
shows nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / ".interop" / "schemathesis" / "bin" / "schemathesis"
FOLDER = ROOT / "tests" / "interop" / "schemathesis"
ROUTES = FOLDER / "routes.openapi.json"
CHECK = "TellsNothingOfTheInside"
"""Our own. schemathesis takes every error beside data for one of the server."""

STRANGER = "stranger"
ROLES = (STRANGER, "contributor", "editor", "auditor", "admin")

GENEROUS: Mapping[str, str] = {
    "CORRIGENDA_STRANGER_BUDGET": "0",
    "CORRIGENDA_KEY_BUDGET": "0",
    "CORRIGENDA_MAX_COST": "100000",
    "CORRIGENDA_MAX_TOKENS": "5000",
    "CORRIGENDA_MAX_SUBSELECTS": "600",
}
"""Settings of a demo that is asked without a pause, and for more than clients may ask."""

KINDS = ("actors", "items", "transfers", "citations", "claims")
KNOWN = " ".join(f"{kind}(first: 8) {{ nodes {{ id }} }}" for kind in KINDS)


def fuzz(url: str, folder: Path, seconds: int, *, key: str | None = None) -> dict[str, int]:
    """Ask GraphQL for so long, with a key or as a stranger; return what came, by code."""
    headers = [] if key is None else ["--header", f"Authorization: Bearer {key}"]
    return _run(f"{url}/graphql", url, folder, seconds, *headers, "--phases", "fuzzing")


def fuzz_routes(url: str, folder: Path, seconds: int) -> dict[str, int]:
    """Ask the routes for so long, also in ways that they do not take."""
    return _run(str(ROUTES), url, folder, seconds, "--url", url, "--mode", "all")


def _run(target: str, url: str, folder: Path, seconds: int, *more: str) -> dict[str, int]:
    tally = folder / "tally.json"
    tally.unlink(missing_ok=True)
    done = subprocess.run(
        [
            PROGRAM, "run", target, "--max-time", str(seconds), "--checks", CHECK,
            "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", *more,
        ],
        capture_output=True,
        text=True,
        timeout=seconds + 120,
        check=False,
        cwd=folder,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "hooks",
            "PYTHONPATH": str(FOLDER),
            "FUZZED_IDS": json.dumps(known_ids(url)),
            "FUZZED_TALLY": str(tally),
            "NO_COLOR": "1",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-4_000:]
    found: dict[str, int] = json.loads(tally.read_text())
    return found


def known_ids(url: str) -> list[str]:
    """Return ids of each kind, so that what is asked for is there."""
    body = json.dumps({"query": f"{{ {KNOWN} }}"}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        lists = json.loads(answer.read())["data"].values()
    return [node["id"] for one in lists for node in one["nodes"]]
