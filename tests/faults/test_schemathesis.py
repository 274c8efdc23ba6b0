"""schemathesis, for twenty minutes: what two minutes do not draw."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzzing import GENEROUS, PROGRAM, ROLES, fuzz, fuzz_routes
from tests.interop.conftest import lack, served

pytestmark = pytest.mark.faults

SECONDS = 200
"""For each role, and for the routes: twenty minutes in all."""


def test_nothing_that_is_drawn_meets_a_defect_or_the_inside(tmp_path: Path) -> None:
    if not PROGRAM.exists():
        lack("no schemathesis")
    (tmp_path / "demo").mkdir()
    with served(tmp_path / "demo", **GENEROUS) as demo:
        for role in ROLES:
            found = fuzz(demo.url, tmp_path, SECONDS, key=demo.keys.get(role))
            print(f"schemathesis, {role} for {SECONDS} s: {found}")
            assert found["data"] > 200
        found = fuzz_routes(demo.url, tmp_path, SECONDS)
        print(f"schemathesis, routes for {SECONDS} s: {found}")
        assert found["answers"] > 1000
