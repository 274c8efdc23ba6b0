"""After a redaction with scrub, nothing in PostgreSQL's data folder holds the content."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from app.domain.codes import Role
from app.store import migrations
from app.store.database import parse_url
from app.store.scrubbing import scrub
from tests.checks import everything_holds
from tests.driver import Newsroom, opened
from tests.postgres import PrivateServer

MARKER = "Zqxwvkjerhardt"

pytestmark = pytest.mark.faults


def holding(folder: Path) -> list[str]:
    """Return the files of a data folder in which the marker stands, in any case."""
    wanted = MARKER.lower().encode()
    return sorted(
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and wanted in file.read_bytes().lower()
    )


def test_after_a_scrub_the_content_is_nowhere_in_the_data_folder() -> None:
    """Not in tables, indexes, statistics or the write-ahead log; and before it, it was."""
    with PrivateServer(durable=True) as server:
        url = server.create_database("ledger")
        migrations.upgrade(str(parse_url(url).render_as_string(hide_password=False)))
        with opened(url, pool_size=2) as engine:
            desk = Newsroom.founded(engine)
            admin = desk.colleague("Eda", Role.ADMIN)
            horses = desk.add_transfer(
                title=f"By {MARKER}", summary=f"{MARKER} said so. " * 300, quantity=30
            )
            desk.revise(horses, summary=f"Again {MARKER}.", reason=f"{MARKER} wrote to us.")
            noted = desk.head()
            for number in range(200):
                desk.add_actor(f"Actor {number}", description=f"{MARKER} {number} " * 20)
            actors = _actors(url)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("ANALYZE")
                connection.execute("CHECKPOINT")
            before = holding(server.folder)
            assert before != []

            admin.redact(horses, *actors, header=(noted, ["NOTE"]))
            blanked = holding(server.folder)
            found = scrub(engine)

            print(json.dumps({"before": before, "blanked": blanked, "done": found.done}, indent=1))
            assert found.left == []
            assert holding(server.folder) == []
            everything_holds(engine)


def _actors(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM actor").fetchall()]
