"""A broken line in the middle of ten thousand: what the operator is told, and going on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.end_to_end.test_cli import broken_in_the_middle, enter_editor


@pytest.fixture(params=("sqlite", "postgresql"))
def url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A migrated ledger with one editor who may commit."""
    with databases.clone(request.param) as made:
        enter_editor(made)
        yield made


@pytest.mark.faults
def test_a_broken_line_in_the_middle_of_ten_thousand(url: str, tmp_path: Path) -> None:
    """The load stops there, says how to go on, and does."""
    broken_in_the_middle(10_000, url, tmp_path)
