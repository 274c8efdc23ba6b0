"""A ledger on both databases, and a newsroom that edits it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.driver import Newsroom, opened


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A migrated, empty ledger: on SQLite, then on PostgreSQL."""
    with opened(database_url) as engine:
        yield engine


@pytest.fixture
def newsroom(engine: Engine) -> Newsroom:
    """An editor of a newsroom with an empty ledger."""
    return Newsroom.founded(engine)
