"""A process that edits transfers as fast as the ledger takes it, through the one door.

    python -m tests.bench.editing DATABASE_URL

It says `ready` after the first commit, goes on until its input is closed, and then says what
it did, as JSON.
"""

from __future__ import annotations

import json
import random
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Engine

from app.domain.codes import Role
from app.domain.decisions import Editing
from app.store import tables
from tests.bench import filling
from tests.driver import Newsroom, opened

MOVED_ONE_IN: Final = 50
"""Of so many transfers, in the order of their ids, one may be given another date."""

REVISED: Final = 4
"""Transfers that a commit gives another summary."""

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0

_EDITING: Final = Editing(
    filling.EDITOR, filling.NEWSROOM, Role.EDITOR, filling.EDITOR_NAME, is_house=True
)


class EditorStopped(Exception):
    """The editing process ended before it was told to; the message is what it printed."""


@dataclass(slots=True)
class Done:
    """What was edited: commits, the ids of added transfers, and of those given another date."""

    commits: int = 0
    added: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)


class Writer:
    """An editing process, as the one that started it sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def finish(self) -> Done:
        """Let it finish its commit, and return what it did."""
        said, complaint = self._process.communicate(timeout=STOP_SECONDS)
        if self._process.returncode:
            raise EditorStopped(complaint)
        return Done(**json.loads(said))


@contextmanager
def writing(url: str) -> Iterator[Writer]:
    """Run an editing process on a database; it is at work by the time the block begins."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _wait(process)
        yield Writer(process)
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[str]) -> None:
    said = process.stdout
    if said is None:
        raise AssertionError("the output is a pipe")
    has_spoken, _, _ = select.select([said], [], [], START_SECONDS)
    if not has_spoken or said.readline() != "ready\n":
        process.kill()
        raise EditorStopped(process.communicate()[1])


class _Editor:
    """Draws edits from a seeded stream, and knows which version every transfer has."""

    def __init__(self, engine: Engine) -> None:
        self._newsroom = Newsroom(engine, _EDITING)
        self._random = random.Random(5)
        self._versions = _versions(engine)
        self._transfers = list(self._versions)
        self._may_move = self._transfers[::MOVED_ONE_IN]
        self.done = Done()

    def commit(self) -> None:
        """Give some transfers other words, and one another date; add one, too."""
        moved = self._random.choice(self._may_move)
        sets = {one: self._words() for one in self._random.sample(self._transfers, REVISED)}
        sets[moved] = {**self._words(), "occurred": self._day()}
        added = {"ref": "#new", "title": "Horses, entered meanwhile", "occurred": self._day()}
        outcome = self._newsroom.commit(
            *(self._revise(one, given) for one, given in sets.items()), {"addTransfer": added}
        )
        self._versions.update((one, self._versions[one] + 1) for one in sets)
        self.done.commits += 1
        self.done.added.append(outcome.refs["#new"])
        self.done.moved.append(moved)

    def _revise(self, transfer: str, given: Mapping[str, Any]) -> dict[str, Any]:
        version = self._versions[transfer]
        return {"reviseTransfer": {"id": transfer, "version": version, "set": given}}

    def _words(self) -> dict[str, str]:
        return {"summary": f"Looked at once more, note {self._random.randrange(10**9)}."}

    def _day(self) -> str:
        pick = self._random.randrange
        return f"{pick(2005, 2024)}-{pick(1, 13):02d}-{pick(1, 29):02d}"


def _versions(engine: Engine) -> dict[str, int]:
    transfer = tables.metadata.tables["transfer"]
    query = (
        sa.select(transfer.c.id, transfer.c.version)
        .where(transfer.c.superseded == tables.END)
        .order_by(transfer.c.id)
    )
    with engine.connect() as connection:
        return {row.id: row.version for row in connection.execute(query)}


def main(url: str) -> None:
    """Edit until the input is closed."""
    with opened(url) as engine:
        editor = _Editor(engine)
        editor.commit()
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], 0)[0]:
            editor.commit()
    print(json.dumps(asdict(editor.done)))


if __name__ == "__main__":
    main(sys.argv[1])
