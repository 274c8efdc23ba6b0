"""The program of docs/partners.md, as a partner's engineer runs it against a server."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.commands import access
from tests.databases import Databases
from tests.driver import Newsroom, opened
from tests.serving import environment, serving

PROGRAM = Path(__file__).parents[2] / "docs" / "examples" / "sync.py"


def test_a_partner_syncs_its_claims_night_after_night(databases: Databases, tmp_path: Path) -> None:
    """Added, then unchanged, then revised where a row differs; a row that fails is told alone."""
    feed = tmp_path / "feed.jsonl"
    with databases.clone("sqlite") as url:
        with opened(url) as engine:
            house = Newsroom.founded(engine)
            said = {"subject": house.add_transfer(), "citation": house.add_citation()}
            access.add_newsroom(engine, "Le Monde")
            editor = access.add_editor(engine, "Feed", newsroom="Le Monde", role="EDITOR")
            key = access.create_key(engine, editor, label="sync", environment="test").key

        def claim(number: int, amount: str) -> dict[str, Any]:
            value = {"quantity": {"amount": amount, "unit": "head"}}
            fields = {**said, "field": "QUANTITY", "stance": "ASSERTS", "value": value}
            return {"upsertClaim": {"externalRef": f"lm/{number}", "set": fields}}

        def sync(*operations: Any) -> tuple[int, str, str]:
            feed.write_text("".join(f"{json.dumps(one)}\n" for one in operations))
            done = subprocess.run(
                [sys.executable, PROGRAM, f"{server.address}/graphql", feed],
                env=environment(CORRIGENDA_KEY=key), capture_output=True, text=True, check=False,
            )  # fmt: skip
            return done.returncode, done.stdout.strip(), done.stderr.strip()

        with serving(url) as server:
            first = sync(claim(1, "24"), claim(2, "30"))
            again = sync(claim(1, "24"), claim(2, "30"))
            torn = sync(claim(1, "many"), claim(2, "29"))
        with opened(url) as engine:
            edits = replace(house, engine=engine).edits()

    assert first == (0, "2 added", "")
    assert again == (0, "2 unchanged", "")
    assert torn[:2] == (1, "1 revised")
    assert torn[2].startswith("line 1: upsertClaim.set.value.quantity.amount: INVALID_INPUT: ")
    assert edits == 4
