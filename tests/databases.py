"""Databases for tests: an empty ledger is migrated once a run, and cloned for each test."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from app.store import migrations
from tests import postgres

KINDS = ("sqlite", "postgresql")


class Databases:
    """Databases of one kind, of which each test gets one of its own."""

    def __init__(self, folder: Path, server: Callable[[], postgres.Server]) -> None:
        self._folder = folder
        self._start = server
        self._started: postgres.Server | None = None
        self._numbers = count(1)
        self._templates: dict[str, str] = {}

    @contextmanager
    def empty(self, kind: str) -> Iterator[str]:
        """Give the URL of a database that has nothing in it, not even a schema."""
        name = self._name()
        if kind == "sqlite":
            file = self._folder / f"{name}.db"
            yield f"sqlite:///{file}"
            _remove(file)
            return
        yield self._server().create_database(name)
        self._server().drop_database(name)

    @contextmanager
    def clone(self, kind: str) -> Iterator[str]:
        """Give the URL of an empty ledger, migrated to the newest revision."""
        name, template = self._name(), self._template(kind)
        if kind == "sqlite":
            file = self._folder / f"{name}.db"
            yield f"sqlite:///{shutil.copy(template, file)}"
            _remove(file)
            return
        yield self._server().create_database(name, template=template)
        self._server().drop_database(name)

    @contextmanager
    def copy(self, url: str) -> Iterator[str]:
        """Give the URL of a backup of a database, to which nobody may be connected meanwhile."""
        name = self._name()
        if url.startswith("sqlite"):
            file = self._folder / f"{name}.db"
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
                connection.execute("VACUUM INTO ?", (str(file),))
            yield f"sqlite:///{file}"
            _remove(file)
            return
        template = urlsplit(url).path.lstrip("/")
        yield self._server().create_database(name, template=template)
        self._server().drop_database(name)

    def close(self) -> None:
        """Drop the template that lies on a server which may outlive the run."""
        if "postgresql" in self._templates:
            self._server().drop_database(self._templates["postgresql"])
        if self._started is not None:
            self._started.close()

    def _server(self) -> postgres.Server:
        self._started = self._started or self._start()
        return self._started

    def _name(self) -> str:
        return f"test_{os.getpid()}_{next(self._numbers)}"

    def _template(self, kind: str) -> str:
        if kind not in self._templates:
            self._templates[kind] = self._migrated(kind)
        return self._templates[kind]

    def _migrated(self, kind: str) -> str:
        name = f"template_{os.getpid()}"
        if kind == "sqlite":
            file = self._folder / f"{name}.db"
            migrations.upgrade(f"sqlite:///{file}")
            return str(file)
        migrations.upgrade(self._server().create_database(name))
        return name


def _remove(file: Path) -> None:
    """Remove a SQLite database with the files beside it: they lie in memory where they can."""
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
