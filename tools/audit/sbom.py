"""A bill of materials (CycloneDX 1.6) of what the lock files name: the same bytes each time.

    python tools/audit/sbom.py build/sbom.json

What runs is `required`; what only tests and builds need is `excluded`, which is CycloneDX's
word for it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from locks import ROOT, Package, npm_lock, uv_lock, vendored

SHA256 = "sha256:"


def bill(root: Path = ROOT) -> dict[str, Any]:
    """Return the bill of materials of a repository."""
    lock = uv_lock(root)
    packages = {_key(one): one for one in lock["package"]}
    (own,) = (one for one in lock["package"] if "registry" not in one["source"])
    running = _closure(packages, own, own.get("dependencies", []))
    kept = vendored(root)
    components = [
        *(_python(one, running) for one in packages.values() if one is not own),
        *(_component(one, "required") for one in kept),
        *(_component(one, "excluded") for one in npm_lock(root) if one not in kept),
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, _digest(components))}",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "pre-build"}],
            "component": {
                "type": "application",
                "bom-ref": _reference(own),
                "name": own["name"],
                "version": own["version"],
                "purl": _reference(own),
                "licenses": [{"license": {"id": "MIT"}}],
            },
        },
        "components": sorted(components, key=lambda one: str(one["bom-ref"])),
        "dependencies": [
            {"ref": _reference(one), "dependsOn": sorted(set(_next(packages, one)))}
            for one in sorted(packages.values(), key=_reference)
        ],
    }


def _key(one: Mapping[str, Any]) -> tuple[str, str]:
    return one["name"], one["version"]


def _reference(one: Mapping[str, Any]) -> str:
    return Package("PyPI", one["name"], one["version"]).purl


def _closure(
    packages: Mapping[Any, Mapping[str, Any]], own: Mapping[str, Any], ahead: list[Any]
) -> set[str]:
    """Return what a package leads to, on any platform, with the extras that are asked for."""
    seen = {_reference(own)}
    ahead = list(ahead)
    while ahead:
        for one in _meant(packages, wanted := ahead.pop()):
            extras = one.get("optional-dependencies", {})
            ahead.extend(inner for name in wanted.get("extra", ()) for inner in extras[name])
            if _reference(one) not in seen:
                seen.add(_reference(one))
                ahead.extend(one.get("dependencies", ()))
    return seen


def _meant(
    packages: Mapping[Any, Mapping[str, Any]], wanted: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    for (name, version), one in packages.items():
        if name == wanted["name"] and wanted.get("version", version) == version:
            yield one


def _next(packages: Mapping[Any, Mapping[str, Any]], one: Mapping[str, Any]) -> Iterator[str]:
    groups = (*one.get("optional-dependencies", {}).values(), one.get("dependencies", ()))
    for wanted in (inner for group in groups for inner in group):
        yield from map(_reference, _meant(packages, wanted))


def _component(package: Package, scope: str) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "scope": scope,
        "purl": package.purl,
    }


def _python(one: Mapping[str, Any], running: set[str]) -> dict[str, Any]:
    scope = "required" if _reference(one) in running else "excluded"
    files = [*([one["sdist"]] if "sdist" in one else []), *one.get("wheels", ())]
    return {
        **_component(Package("PyPI", one["name"], one["version"]), scope),
        "externalReferences": [
            {
                "type": "distribution",
                "url": file["url"],
                "hashes": [{"alg": "SHA-256", "content": file["hash"].removeprefix(SHA256)}],
            }
            for file in files
        ],
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write(target: Path, root: Path = ROOT) -> int:
    """Write the bill of materials and return how many components it has."""
    found = bill(root)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    return len(found["components"])


if __name__ == "__main__":
    print(write(Path(sys.argv[1])), "components")
