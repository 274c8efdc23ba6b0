"""Sixteen writers in four processes, twenty thousand commits, on fifty records."""

from __future__ import annotations

import pytest

from tests import checks
from tests.driver import Newsroom, opened
from tests.writers import counts, transfers, write_in_processes

COMMITS = 20_000


@pytest.mark.faults
def test_twenty_thousand_commits_of_sixteen_writers_lose_nothing(database_url: str) -> None:
    """No lost update, no gap or doublet, present equals replay, every version with its reason."""
    with opened(database_url) as engine:
        newsroom = Newsroom.founded(engine)
        records = transfers(newsroom, 50)

        tally = write_in_processes(newsroom, records, processes=4, writers=4, commits=COMMITS)

        print(f"\n{engine.dialect.name}: {tally}")
        assert counts(engine) == COMMITS
        assert checks.everything_holds(engine) == COMMITS + 1
