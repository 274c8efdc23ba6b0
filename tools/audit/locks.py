"""What the lock files name: reading them, and whether they agree."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VENDOR = Path("app/web/static/graphiql/vendor")

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_VENDORED = re.compile(r"^\| \S.*? \| ([a-z-]+) ([0-9][0-9.]*)", re.MULTILINE)
_BUNDLED = re.compile(r"^={20,}\n(\S+) ([0-9]\S*) \(.*\)\n-{20,}$", re.MULTILINE)


@dataclass(frozen=True, order=True, slots=True)
class Package:
    """One package in one version."""

    ecosystem: str
    name: str
    version: str

    @property
    def purl(self) -> str:
        """Its package URL, which names it for everybody."""
        name = self.name.replace("@", "%40", 1)
        return f"pkg:{self.ecosystem.lower()}/{name}@{self.version}"


def requirements(root: Path = ROOT) -> list[Package]:
    """Return what requirements.lock pins, for every platform; a name may have two versions."""
    return _pypi(_PINNED.findall((root / "requirements.lock").read_text()))


def uv_lock(root: Path = ROOT) -> Mapping[str, Any]:
    """Return uv.lock as it is written."""
    return tomllib.loads((root / "uv.lock").read_text())


def npm_lock(root: Path = ROOT) -> list[Package]:
    """Return what the clients of `make interop` are locked to."""
    found = json.loads((root / "tests/interop/package-lock.json").read_text())["packages"]
    return sorted(
        {
            Package("npm", path.rpartition("node_modules/")[2], one["version"])
            for path, one in found.items()
            if path
        }
    )


def vendored(root: Path = ROOT) -> list[Package]:
    """Return what is kept in the repository as its authors built it, and what that holds."""
    shown = _VENDORED.findall((root / VENDOR / "README.md").read_text())
    inside = _BUNDLED.findall((root / VENDOR / "LICENSES.bundled.txt").read_text())
    return sorted({Package("npm", name, version) for name, version in [*shown, *inside]})


def disagreements(root: Path = ROOT) -> Iterator[str]:
    """Tell where requirements.lock, uv.lock and pyproject.toml do not say the same."""
    lock, pinned = uv_lock(root), set(requirements(root))
    project = tomllib.loads((root / "pyproject.toml").read_text())
    locked = set(_pypi(_registered(lock)))
    for one in sorted(pinned ^ locked):
        where = "requirements.lock" if one in pinned else "uv.lock"
        yield f"{one.name} {one.version} stands in {where} alone"
    groups = project["dependency-groups"].values()
    wanted = [*project["project"]["dependencies"], *(one for group in groups for one in group)]
    for one in _pypi(pair for text in wanted for pair in _PINNED.findall(text)):
        if one not in locked:
            yield f"pyproject.toml wants {one.name} {one.version}, which is not locked"
    if not pinned:
        yield "requirements.lock names nothing"


def _registered(lock: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in lock["package"]:
        if "registry" in one["source"]:
            yield one["name"], one["version"]


def _pypi(pairs: Iterable[tuple[str, str]]) -> list[Package]:
    return [
        Package("PyPI", re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in pairs
    ]
