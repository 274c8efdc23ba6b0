"""Five thousand drawn documents a database: the plan against the ordinary executor."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.oracle.agreeing import agree, both_sides
from tests.oracle.comparing import Tally
from tests.oracle.parts import drawable

DOCUMENTS, PARTS = 5_000, 25


@pytest.mark.faults
def test_five_thousand_documents_are_answered_alike(databases: Databases, tmp_path: Path) -> None:
    """Other documents at every run: the seed that is printed gives them again."""
    seeded, tally, goals = secrets.randbits(32), Tally(), list(drawable().values())
    print(f"\nseed {seeded}")

    with both_sides(databases, tmp_path) as sides:
        for part in range(PARTS):
            agree(
                sides,
                tally,
                documents=DOCUMENTS // PARTS,
                size=(12, 24, 40)[part % 3],
                seeded=seeded + part,
                goals=goals[part::PARTS],
            )
            print(f"part {part + 1} of {PARTS}, seed {seeded + part}: {tally}", flush=True)

    assert tally.counts["documents"] >= DOCUMENTS
    assert tally.never_drawn == []
    tally.assert_telling()
