"""Databases for tests: what they start from is made once a run, and copied for each."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from app.store import migrations
from tests import postgres

T = TypeVar("T")
KINDS = ("sqlite", "postgresql")


class Databases:
    """Databases of either kind, of which each test gets one of its own.

    What many tests start from is made once for all workers of a run, and copied.
    """

    def __init__(self, run: Path, server: Callable[[], postgres.Server]) -> None:
        self._run = run
        self._folder = Path(tempfile.mkdtemp(dir=run))
        self._start = server
        self._started: postgres.Server | None = None
        self._numbers = count(1)
        self._templates: dict[tuple[str, str], tuple[str, Any]] = {}

    @contextmanager
    def empty(self, kind: str) -> Iterator[str]:
        """Give the URL of a database that has nothing in it, not even a schema."""
        with self._place(kind) as url:
            if kind == "postgresql":
                self._server().create_database(_name_in(url))
            yield url

    @contextmanager
    def clone(self, kind: str) -> Iterator[str]:
        """Give the URL of an empty ledger, migrated to the newest revision."""
        template, _ = self._template(kind, "migrated", migrations.upgrade)
        with self._copied(template) as url:
            yield url

    @contextmanager
    def filled(self, kind: str, name: str, fill: Callable[[str], T]) -> Iterator[tuple[str, T]]:
        """Give the URL of a ledger as `fill` left one, and what it returned: JSON.

        It is called once in a run, with the URL of an empty ledger, for all that ask for `name`.
        """

        def made(url: str) -> T:
            template, _ = self._template(kind, "migrated", migrations.upgrade)
            self._copy(template, url)
            return fill(url)

        template, known = self._template(kind, name, made)
        with self._copied(template) as url:
            yield url, known

    @contextmanager
    def copy(self, url: str) -> Iterator[str]:
        """Give the URL of a backup of a database, to which nobody may be connected meanwhile."""
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(_file(url))) as connection:
                # What stands beside the file comes into it.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with self._copied(url) as copied:
            yield copied

    def close(self) -> None:
        """Let the connection go with which databases are made."""
        if self._started is not None:
            self._started.close()

    @contextmanager
    def _copied(self, template: str) -> Iterator[str]:
        with self._place(template.partition(":")[0]) as url:
            self._copy(template, url)
            yield url

    @contextmanager
    def _place(self, kind: str) -> Iterator[str]:
        """Give a URL at which nothing is yet, and remove what came there."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        if kind == "sqlite":
            file = self._folder / f"{name}.db"
            yield f"sqlite:///{file}"
            # They lie in memory where they can.
            for suffix in ("", "-wal", "-shm"):
                file.with_name(file.name + suffix).unlink(missing_ok=True)
        else:
            yield self._server().url(name)
            self._server().drop_database(name)

    def _copy(self, template: str, url: str) -> None:
        if url.startswith("sqlite"):
            shutil.copy(_file(template), _file(url))
        else:
            self._server().create_database(_name_in(url), template=_name_in(template))

    def _template(self, kind: str, name: str, make: Callable[[str], Any]) -> tuple[str, Any]:
        """Return the URL of a database that is made once in a run, and what `make` returned."""
        if (kind, name) not in self._templates:
            note = self._run / f"{kind}-{name}.json"
            with note.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not note.exists():
                    url = self._template_url(kind, name)
                    known = make(url)
                    note.with_suffix(".new").write_text(json.dumps([url, known]))
                    note.with_suffix(".new").rename(note)
            url, known = json.loads(note.read_text())
            self._templates[kind, name] = url, known
        return self._templates[kind, name]

    def _template_url(self, kind: str, name: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{self._run / name}.db"
        url = self._server().url(f"{self._run.name}-{name}")
        if name == "migrated":
            self._server().create_database(_name_in(url))
        return url

    def _server(self) -> postgres.Server:
        self._started = self._started or self._start()
        return self._started


def drop_templates(run: Path, server: postgres.Server) -> None:
    """Drop what a run made on a server that outlives it."""
    for note in run.glob("postgresql-*.json"):
        url, _ = json.loads(note.read_text())
        server.drop_database(_name_in(url))
    server.close()


def _file(url: str) -> str:
    return url.removeprefix("sqlite:///")


def _name_in(url: str) -> str:
    return urlsplit(url).path.lstrip("/")
