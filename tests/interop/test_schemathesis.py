"""schemathesis, for two minutes: whatever it sends, nothing of ours breaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzzing import GENEROUS, PROGRAM, ROLES, STRANGER, fuzz, fuzz_routes
from tests.interop.conftest import Demo, lack, served

pytestmark = pytest.mark.interop

SECONDS = {STRANGER: 20, "contributor": 15, "editor": 25, "auditor": 15, "admin": 25}
ROUTE_SECONDS = 20


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo of its own: what is sent to it may change anything."""
    if not PROGRAM.exists():
        lack("no schemathesis")
    with served(tmp_path_factory.mktemp("fuzzed"), **GENEROUS) as demo:
        yield demo


@pytest.mark.parametrize("role", ROLES)
def test_no_document_meets_a_defect_or_the_inside(fuzzed: Demo, tmp_path: Path, role: str) -> None:
    found = fuzz(fuzzed.url, tmp_path, SECONDS[role], key=fuzzed.keys.get(role))

    print(role, found)
    assert found["data"] > 20


def test_no_request_to_a_route_meets_a_defect_or_the_inside(fuzzed: Demo, tmp_path: Path) -> None:
    found = fuzz_routes(fuzzed.url, tmp_path, ROUTE_SECONDS)

    print("routes", found)
    assert found["answers"] > 100
