"""`make audit`: it fails for an advisory, and wherever it cannot be sure that there is none."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
READ = (
    "pyproject.toml", "uv.lock", "requirements.lock", "tests/interop/package-lock.json",
    "app/web/static/graphiql/vendor/README.md",
    "app/web/static/graphiql/vendor/LICENSES.bundled.txt",
)  # fmt: skip
OLD = {"urllib3": "1.24.1", "lodash": "4.17.11"}

Answer = Callable[[dict[str, Any]], Any]


def knows_the_old(query: dict[str, Any]) -> Any:
    """Answer for one package as a source does that knows two old advisories."""
    is_old = OLD.get(query["package"]["name"]) == query["version"]
    return {"vulns": [{"id": "GHSA-old"}]} if is_old else {}


@contextmanager
def source(answer: Answer, *, status: int = 200) -> Iterator[str]:
    """Serve advisories as osv.dev does."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            results = [answer(query) for query in asked["queries"]]
            body = json.dumps({"results": results}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


REPORTS = """
import json, sys
(file,) = [one.partition("=")[2] for one in sys.argv if one.startswith("--requirement=")]
assert "--strict" in sys.argv
found = [line.strip().split("==") for line in open(file)]
print(json.dumps({"dependencies": [CHANGE({"name": n, "version": v, "vulns": []})
                                   for n, v in found if KEEP(n)]}))
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what the audit reads, and of the audit."""
    for name in READ:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("*.pyc"))
    return tmp_path


def audit(
    repository: Path, advisories: str, *, change: str = "lambda one: one", keep: str = "bool"
) -> tuple[int, str]:
    """Run the audit with a program in pip-audit's place; return status and what it printed."""
    program = repository / "pip_audit.py"
    program.write_text(f"CHANGE = {change}\nKEEP = {keep}\n{REPORTS}")
    done = subprocess.run(
        [sys.executable, "tools/audit/audit.py", sys.executable, program],
        cwd=repository,
        env={**os.environ, "ADVISORIES": advisories, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_it_passes_where_every_package_was_looked_up_and_nothing_is_known(repository: Path) -> None:
    with source(knows_the_old) as url:
        status, said = audit(repository, url)

    assert (status, said.splitlines()[-1]) == (0, f"audited against {url}: nothing found")


def test_it_fails_where_no_source_can_be_reached(repository: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"

    status, said = audit(repository, url)

    assert status == 2
    assert "NOT AUDITED: no advisories from" in said
    assert "refused" in said


@pytest.mark.parametrize(
    ("answer", "code", "why"),
    [
        (lambda _: {}, 200, "knows no advisory against urllib3 1.24.1"),
        (knows_the_old, 503, "Service Unavailable"),
        (knows_the_old, 404, "Not Found"),
    ],
    ids=["a mirror without advisories", "out of order", "not there"],
)
def test_it_fails_where_a_source_answers_and_knows_nothing(
    repository: Path, answer: Answer, code: int, why: str
) -> None:
    with source(answer, status=code) as url:
        status, said = audit(repository, url)

    assert status == 2
    assert "NOT AUDITED" in said
    assert why in said


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"keep": "lambda name: name != 'joserfc'"}, "says nothing of joserfc"),
        ({"change": "lambda one: {**one, 'skip_reason': 'no answer'}"}, "says nothing of"),
        ({"change": "exit"}, "pip-audit failed"),
    ],
    ids=["left out", "skipped", "failed"],
)
def test_it_fails_where_pip_audit_did_not_look_at_everything(
    repository: Path, broken: dict[str, str], why: str
) -> None:
    with source(knows_the_old) as url:
        status, said = audit(repository, url, **broken)

    assert status == 2
    assert why in said


def test_it_fails_for_an_advisory_against_what_is_locked_or_vendored(repository: Path) -> None:
    def knows_react(query: dict[str, Any]) -> Any:
        name = query["package"]["name"]
        return {"vulns": [{"id": "GHSA-1"}]} if name == "react" else knows_the_old(query)

    bad = "lambda one: {**one, 'vulns': [{'id': 'PYSEC-1'}]} if one['name'] == 'joserfc' else one"
    with source(knows_react) as url:
        status, said = audit(repository, url, change=bad)

    assert status == 1
    assert "FOUND: joserfc 1.8.0: PYSEC-1" in said
    assert "FOUND: react 18.3.1: GHSA-1" in said


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("requirements.lock", "joserfc==1.8.0", "joserfc==1.7.0"),
        ("uv.lock", 'name = "joserfc"\nversion = "1.8.0"', 'name = "joserfc"\nversion = "1.9.0"'),
        ("pyproject.toml", '"joserfc==1.8.0"', '"joserfc==1.9.0"'),
    ],
)
def test_it_fails_where_the_lock_files_do_not_agree(
    repository: Path, file: str, old: str, new: str
) -> None:
    changed = repository / file
    text = changed.read_text()
    assert old in text
    changed.write_text(text.replace(old, new))

    with source(knows_the_old) as url:
        status, said = audit(repository, url)

    assert status == 1
    assert "FOUND: " in said
    assert "joserfc" in said


def test_the_bill_of_materials_is_the_same_each_time_and_names_what_runs(repository: Path) -> None:
    written = []
    for _ in range(2):
        subprocess.run(
            [sys.executable, "tools/audit/sbom.py", "build/sbom.json"],
            cwd=repository, check=True, capture_output=True,
        )  # fmt: skip
        written.append((repository / "build/sbom.json").read_bytes())

    first, second = written
    assert first == second
    found = json.loads(first)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    scopes = {one["bom-ref"]: one["scope"] for one in found["components"]}
    assert scopes["pkg:pypi/joserfc@1.8.0"] == "required"
    assert scopes["pkg:npm/graphiql@4.1.2"] == "required"
    assert scopes["pkg:pypi/mypy@2.4.1"] == "excluded"
    assert len(scopes) == len(found["components"])
    references = {*scopes, found["metadata"]["component"]["bom-ref"]}
    assert {ref for one in found["dependencies"] for ref in one["dependsOn"]} <= references
    locked = (repository / "requirements.lock").read_text()
    assert all(
        one["hashes"][0]["content"] in locked
        for component in found["components"]
        for one in component.get("externalReferences", [])[:1]
    )


def test_it_is_no_part_of_what_a_change_has_to_pass() -> None:
    """It depends on what others publish that day."""
    assert "audit" not in (ROOT / ".ci" / "run").read_text()
