"""Verifiers that others wrote, over a bundle of a ledger: Go's, npm's, and what one types by hand.

The guide is held to what happens: its commands are run as they stand there, and its table says
who finds which tampering. What `corrigenda verify` finds is in tests/end_to_end/test_tampering.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.domain.codes import Role
from app.log.verifying import AUDITOR, PUBLIC
from tests.bundles import KEY, make_bundle, publish, verified
from tests.databases import Databases
from tests.driver import Newsroom, opened
from tests.interop.conftest import CLIENTS, INTEROP, lack
from tests.tampering import GUIDE, TAMPERINGS, Forger, Tampering, disclosures_of, table

pytestmark = pytest.mark.interop

VKEY = KEY.verifier.text

Program = Callable[..., str]
"""Verifies a folder, with checkpoints that were kept; returns the one line that it prints."""


@dataclass(frozen=True)
class Ledger:
    """A ledger's bundles, for both audiences; a checkpoint of it from before; what was redacted."""

    auditor: Path
    public: Path
    kept: Path
    withdrawn: dict[str, str]


@pytest.fixture(scope="session")
def ledger(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """More changesets than a tile has hashes, two checkpoints before the newest, redactions."""
    folder = tmp_path_factory.mktemp("ledger")
    with databases.clone("sqlite") as url, opened(url) as engine:
        desk = Newsroom.founded(engine)
        person = desk.add_actor("Kim Chol-su", description="He lives in Sariwon.")
        items = [desk.add_item(f"Item {n}", description="As the list says.") for n in range(6)]
        _revise(desk, items, 60)
        publish(engine)
        whole = disclosures_of(make_bundle(engine, folder / "whole"))
        ada = desk.colleague("Ada", Role.ADMIN)
        ada.redact(person, fields=["name", "description"])
        ada.redact(header=(desk.nth(3), ["NOTE"]))
        _revise(desk, items, 200)
        kept = folder / "checkpoint-200"
        kept.write_text(publish(engine))
        _revise(desk, items, 261)
        publish(engine)
        auditor = make_bundle(engine, folder / "auditor", AUDITOR)
        public = make_bundle(engine, folder / "public", PUBLIC)
    left = disclosures_of(auditor)
    return Ledger(auditor, public, kept, {d: one for d, one in whole.items() if d not in left})


def _revise(desk: Newsroom, items: list[str], until: int) -> None:
    """Revise items in turn, with something in each that is not for everybody."""
    position = 0
    while position < until:
        number = position % len(items)
        body = {
            "reason": {
                "code": "CLARIFICATION",
                "note": "A closer look.",
                "internalNote": "By phone.",
            },
            "operations": [
                desk.on(
                    items[number],
                    "reviseItem",
                    set={"name": f"Item {position}", "description": "So."},
                )
            ],
        }
        position = desk.submit(body).position or 0


@pytest.fixture(scope="session")
def go_verify(build_go: Callable[[str], Path]) -> Program:
    return _program(build_go("verify"))


@pytest.fixture(scope="session")
def npm_verify() -> Program:
    node = INTEROP / "bin" / "node"
    if not (node.exists() and (INTEROP / "node_modules" / "@sigstore").exists()):
        lack("no Node clients")
    # Beside node_modules, where its imports are looked for.
    script = shutil.copy(CLIENTS / "verify.ts", INTEROP / "verify.ts")
    return _program(node, script)


def _program(*command: Path | str) -> Program:
    def run(bundle: Path, *kept: Path) -> str:
        done = subprocess.run(
            [*command, bundle, VKEY, *kept],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        line = done.stdout.removesuffix("\n")
        assert "\n" not in line, line
        assert done.returncode == (0 if line.startswith("verified: ") else 1), done.stderr
        return line

    return run


# --- what holds ---------------------------------------------------------------


@pytest.mark.parametrize("tool", ["go_verify", "npm_verify"])
def test_a_bundle_is_verified(tool: str, ledger: Ledger, request: pytest.FixtureRequest) -> None:
    """All of it: entries, older checkpoints, disclosures, redactions."""
    verify = request.getfixturevalue(tool)
    ours = verified(ledger.auditor)

    line = verify(ledger.auditor, ledger.kept)

    assert ours.verified
    counts = ours.counts
    assert counts.redacted == 3
    assert line == (
        f"verified: {counts.changesets} entries signed by {KEY.name}, "
        "consistent with 3 older checkpoints; "
        f"{counts.disclosures} disclosures match, 3 redacted, 0 restricted, withheld"
    )


@pytest.mark.parametrize("tool", ["go_verify", "npm_verify"])
def test_what_is_withheld_from_the_public_is_counted(
    tool: str, ledger: Ledger, request: pytest.FixtureRequest
) -> None:
    verify = request.getfixturevalue(tool)
    withheld = verified(ledger.public).counts.withheld

    line = verify(ledger.public)

    assert withheld > 200
    assert line.endswith(f"3 redacted, {withheld} restricted, withheld")


# --- what does not ------------------------------------------------------------


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=str)
def test_a_tampering_is_found_by_whom_the_table_says(
    tampering: Tampering,
    ledger: Ledger,
    go_verify: Program,
    npm_verify: Program,
    tmp_path: Path,
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(ledger.auditor, bundle)
    tampering.apply(bundle, Forger(KEY, ledger.withdrawn))

    with ThreadPoolExecutor() as at_once:
        others = [
            at_once.submit(_finder, verify, bundle, ledger.kept)
            for verify in (go_verify, npm_verify)
        ]
        found = [one.result() for one in others]

    assert found == table()[str(tampering)][1:]


def _finder(verify: Program, bundle: Path, kept: Path) -> str:
    """Return who refuses a bundle; or who does once there is an older checkpoint."""
    alone = _refused_by(verify(bundle))
    if alone:
        return alone
    return f"{_refused_by(verify(bundle, kept)) or 'nobody'}, older"


def _refused_by(line: str) -> str | None:
    match = re.fullmatch(r"refused by (\S+): .+", line)
    return match[1] if match else None


def test_the_guide_builds_the_go_program_and_runs_it(
    ledger: Ledger, build_go: Callable[[str], Path], tmp_path: Path
) -> None:
    """In a folder that looks like a copy of the project, with a bundle and a checkpoint in it."""
    cache = build_go("verify").parent / "cache"
    (tmp_path / "bundle").symlink_to(ledger.auditor)
    (tmp_path / "older-checkpoint").symlink_to(ledger.kept)
    (tmp_path / "tests").symlink_to(CLIENTS.parents[1])

    done = subprocess.run(
        ["/bin/sh", "-euc", commands("With Go")],
        cwd=tmp_path,
        env={**os.environ, "VKEY": VKEY, "GOCACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout.startswith("verified: "), done.stderr


def test_the_guide_names_the_versions_that_are_run() -> None:
    pinned = json.loads((CLIENTS.parent / "package.json").read_text())["dependencies"]

    named = dict(re.findall(r" (@?[\w/-]+)@([\d.]+)", commands("With npm")))

    assert len(named) == 4
    assert named.items() <= pinned.items()


def commands(section: str) -> str:
    """Return what the guide has one type in a section, as one script."""
    text = GUIDE.read_text("utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    return "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))


# --- by hand ------------------------------------------------------------------


@pytest.fixture
def by_hand(tmp_path: Path) -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """Type what the guide says, in the folder that holds a bundle."""
    for tool in ("openssl", "xxd", "sha256sum", "base64"):
        if shutil.which(tool) is None:
            lack(f"no {tool}")
    typed = commands("By hand")

    def run(bundle: Path) -> subprocess.CompletedProcess[str]:
        shutil.copytree(bundle, tmp_path / "bundle")
        return subprocess.run(
            ["/bin/sh", "-euc", typed],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "VKEY": VKEY},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_what_one_types_by_hand_gives_what_the_guide_says(
    ledger: Ledger, by_hand: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    done = by_hand(ledger.auditor)

    assert done.returncode == 0, done.stderr
    verdict, leads_to, root, says, digest, held = done.stdout.splitlines()
    assert verdict == "Signature Verified Successfully"
    assert leads_to.split()[-1] == root.split()[-1]
    assert len(root.split()[-1]) == 64
    assert re.search(r'\["[\w-]{22}","(editorName|note)",".+"\]$', says)
    assert digest.split()[-1] == held.split()[-1]


def test_a_forged_checkpoint_is_found_by_hand(
    ledger: Ledger, tmp_path: Path, by_hand: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    forged = tmp_path / "forged"
    shutil.copytree(ledger.auditor, forged)
    next(one for one in TAMPERINGS if str(one) == "checkpoint, alone").apply(forged, Forger(KEY))

    done = by_hand(forged)

    assert done.returncode != 0
    assert "Signature Verification Failure" in done.stdout + done.stderr


def test_an_entry_of_another_wording_does_not_lead_to_the_root_by_hand(
    ledger: Ledger, tmp_path: Path, by_hand: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    forged = tmp_path / "forged"
    shutil.copytree(ledger.auditor, forged)
    tile = forged / "tile/entries/000"
    tile.write_bytes(tile.read_bytes().replace(b"INITIAL_ENTRY", b"INITIAL_ERROR", 1))

    done = by_hand(forged)

    assert done.returncode == 0, done.stderr
    _, leads_to, root, *_ = done.stdout.splitlines()
    assert leads_to.split()[-1] != root.split()[-1]
