"""Whether an advisory is known against anything that the lock files name.

    sh tools/audit.sh          (or: make audit)

Fails for an advisory, for lock files that do not agree, and wherever it cannot be sure: no
source of advisories answers, it does not know an old advisory that it has to know, or it says
nothing of a package. Advisories are those of osv.dev; ADVISORIES names a mirror of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sbom
from locks import ROOT, Package, disagreements, npm_lock, requirements, vendored

SOURCE = "https://api.osv.dev"
CANARIES = (Package("PyPI", "urllib3", "1.24.1"), Package("npm", "lodash", "4.17.11"))
"""What has advisories for years: a source that knows none of them knows nothing."""

SECONDS = 60
BATCH = 500


class Blind(Exception):
    """It cannot be told whether there are advisories."""


def main(source: str, pip_audit: Sequence[str], target: Path) -> int:
    """Audit everything, print what was found, and return the status of the command."""
    try:
        faults = [*disagreements()]
        print(f"{target}: {sbom.write(target)} components")
        require_sight(source)
        faults += python_advisories(source, pip_audit, requirements())
        faults += advisories(source, sorted({*vendored(), *npm_lock()}))
    except Blind as fault:
        print(f"NOT AUDITED: {fault}", file=sys.stderr)
        return 2
    for fault in faults:
        print(f"FOUND: {fault}", file=sys.stderr)
    print(f"audited against {source}: {len(faults) or 'nothing'} found")
    return 1 if faults else 0


def require_sight(source: str) -> None:
    """Raise `Blind` unless a source answers, and knows advisories that it has to know."""
    known = [fault.partition(":")[0] for fault in advisories(source, CANARIES)]
    for one in CANARIES:
        if f"{one.name} {one.version}" not in known:
            raise Blind(f"{source} knows no advisory against {one.name} {one.version}")


def advisories(source: str, packages: Sequence[Package]) -> list[str]:
    """Return what a source knows against packages; raises `Blind` for half an answer."""
    found: list[str] = []
    for start in range(0, len(packages), BATCH):
        asked = packages[start : start + BATCH]
        queries = [
            {"package": {"ecosystem": one.ecosystem, "name": one.name}, "version": one.version}
            for one in asked
        ]
        results = _asked(f"{source}/v1/querybatch", {"queries": queries}).get("results")
        if not isinstance(results, list) or len(results) != len(asked):
            raise Blind(f"{source} did not answer for every package")
        for one, result in zip(asked, results, strict=True):
            names = [str(advisory["id"]) for advisory in (result or {}).get("vulns", ())]
            if names:
                found.append(f"{one.name} {one.version}: {', '.join(names)}")
    return found


def _asked(url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            found = json.load(answer)
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "reason", None) or fault
        raise Blind(f"no advisories from {url}: {reason}") from None
    if not isinstance(found, dict):
        raise Blind(f"no advisories from {url}: it answers something else")
    return found


def python_advisories(
    source: str, pip_audit: Sequence[str], packages: Sequence[Package]
) -> list[str]:
    """Return what pip-audit finds against packages; raises `Blind` where it left one out."""
    faults: list[str] = []
    seen: set[Package] = set()
    for group in _groups(packages):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "requirements.txt"
            file.write_text("".join(f"{one.name}=={one.version}\n" for one in group))
            done = subprocess.run(
                [*pip_audit, "--strict", "--no-deps", "--disable-pip", "--progress-spinner=off",
                 "--vulnerability-service=osv", f"--osv-url={source}/v1/query",
                 "--format=json", f"--requirement={file}"],
                capture_output=True, text=True, timeout=20 * SECONDS, check=False,
            )  # fmt: skip
        for one, names in reported(done.stdout, done.stderr):
            seen.add(one)
            if names:
                faults.append(f"{one.name} {one.version}: {', '.join(names)}")
    left_out = sorted(set(packages) - seen)
    if left_out:
        raise Blind(f"pip-audit says nothing of {', '.join(one.name for one in left_out)}")
    return faults


def reported(output: str, errors: str) -> Iterator[tuple[Package, list[str]]]:
    """Give each package that pip-audit reports on, with its advisories; what it skips is none."""
    try:
        dependencies = json.loads(output)["dependencies"]
    except (ValueError, LookupError, TypeError):
        last = (errors.strip().splitlines() or ["it printed nothing"])[-1]
        raise Blind(f"pip-audit failed: {last}") from None
    for one in dependencies:
        if "version" in one and "skip_reason" not in one:
            names = [str(advisory["id"]) for advisory in one.get("vulns", ())]
            yield Package("PyPI", one["name"], one["version"]), names


def _groups(packages: Iterable[Package]) -> list[list[Package]]:
    """Return groups in which no name stands twice: some have a version for each Python."""
    groups: list[list[Package]] = []
    for one in packages:
        free = (group for group in groups if all(other.name != one.name for other in group))
        group = next(free, None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return groups


if __name__ == "__main__":
    source = os.environ.get("ADVISORIES", SOURCE).rstrip("/")
    sys.exit(main(source, sys.argv[1:] or ["pip-audit"], ROOT / "build" / "sbom.json"))
