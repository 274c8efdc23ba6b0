"""The databases that are measured: built once, kept in a folder, and used again.

The folder is `CORRIGENDA_BENCH_DATA`, or one in the system's temporary folder. What is in it
is named by a digest of all that makes it: tables, triggers and dataset. What is written while
something is measured goes into a copy, which is gone afterwards.
"""

# ruff: noqa: SLF001 - a server whose data stay is started by the same parts as one that goes

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

import psycopg
import sqlalchemy as sa

from app.store import migrations, tables
from app.store.database import open_engine, parse_url, sqlite_file
from app.store.search_index import rebuild_search
from tests import postgres
from tests.bench import filling
from tests.bench.dataset import BATCH, Size
from tests.bench.filling import LongLog

_ROOT: Final = Path(__file__).parents[2]
_MADE_BY: Final = (
    "app/domain/kinds.py",
    "app/domain/searching.py",
    "app/store/rows.py",
    "app/store/search_index.py",
    "app/store/tables.py",
    "app/store/tree.py",
    "alembic/versions/*.py",
    "tests/bench/dataset.py",
    "tests/bench/filling.py",
)
DATABASE: Final = "bench"
COPY: Final = "bench_copy"


@dataclass(frozen=True, slots=True)
class Database:
    """A filled database: what it is, where, and the process that serves it, if one does."""

    name: str
    url: str
    postmaster: int | None = None


def data_folder() -> Path:
    """Return the folder that keeps the databases; it is made if need be."""
    default = Path(tempfile.gettempdir()) / "corrigenda-bench"
    folder = Path(os.environ.get("CORRIGENDA_BENCH_DATA", default))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _index(url: str) -> None:
    """Fill the search index, which the bulk load goes past, and have the planner look at it.

    SQLite took every change of an index that it had last seen empty for a walk through all of it.
    """
    print("  and the search index, which takes up to two minutes", file=sys.stderr)
    database = open_engine(parse_url(url))
    rebuild_search(database)
    with database.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(sa.text("PRAGMA analysis_limit = 1000"))
        connection.execute(sa.text("ANALYZE"))
    database.dispose()


def fingerprint(size: Size | LongLog) -> str:
    """Return what names a database: a digest of everything that it is made of, and its size."""
    files = [file for pattern in _MADE_BY for file in sorted(_ROOT.glob(pattern))]
    content = b"".join(file.read_bytes() for file in files)
    if isinstance(size, LongLog):
        return f"{sha256(content).hexdigest()[:12]}-log-{size.entries}"
    each = "" if size.batch == BATCH else f"-{size.batch}"
    return f"{sha256(content).hexdigest()[:12]}-{size.versions}v-{size.scale}{each}"


@contextlib.contextmanager
def opened(name: str, size: Size | LongLog) -> Iterator[Database]:
    """Give the filled database of a name, `sqlite` or `postgresql`, built if it is not there."""
    if name == "sqlite":
        yield sqlite(size)
    else:
        with postgresql(size) as database:
            yield database


def sqlite(size: Size | LongLog) -> Database:
    """Return the filled SQLite database, built if it is not there."""
    file = data_folder() / f"sqlite-{fingerprint(size)}.db"
    url = f"sqlite:///{file}"
    if not file.exists():
        # Under another name until it is whole, so that an interrupted build is not used.
        part = file.with_suffix(".part")
        part.unlink(missing_ok=True)
        migrations.upgrade(f"sqlite:///{part}")
        with _progress("SQLite") as progress:
            filling.fill_sqlite(part, size, progress)
        _index(f"sqlite:///{part}")
        part.rename(file)
    return Database("SQLite", url)


def transfers(database: Database) -> list[str]:
    """Return the ids of all transfers that were loaded, sorted."""
    transfer = tables.metadata.tables["transfer"]
    engine = open_engine(parse_url(database.url))
    try:
        with engine.connect() as connection:
            query = sa.select(transfer.c.id).where(transfer.c.version == 1).order_by("id")
            return list(connection.execute(query).scalars())
    finally:
        engine.dispose()


def some_transfers(database: Database, wanted: int = 50) -> list[str]:
    """Return the ids of so many transfers, spread evenly over the database."""
    ids = transfers(database)
    return ids[:: len(ids) // wanted][:wanted]


@contextlib.contextmanager
def postgresql(size: Size | LongLog) -> Iterator[Database]:
    """Run a private server on the filled PostgreSQL database, built if it is not there."""
    place = data_folder() / f"postgresql-{fingerprint(size)}"
    if not (place / "filled").exists():
        shutil.rmtree(place, ignore_errors=True)
    with KeptServer(place) as server:
        if not (place / "filled").exists():
            server.create_database(DATABASE)
            migrations.upgrade(server.url(DATABASE))
            with _progress("PostgreSQL") as progress:
                filling.fill_postgres(server.url(DATABASE), size, progress)
            _index(server.url(DATABASE))
            (place / "filled").touch()
        _warm(server.url(DATABASE))
        yield Database("PostgreSQL", server.url(DATABASE), server.pid)


@contextlib.contextmanager
def copied(database: Database) -> Iterator[Database]:
    """Give a copy of a database, which may be written to; it is gone after the block."""
    make = _copied_file if database.postmaster is None else _copied_database
    with make(database.url) as url:
        yield replace(database, url=url)


@contextlib.contextmanager
def _copied_file(url: str) -> Iterator[str]:
    # In a folder of its own, so that the files beside it go too.
    with tempfile.TemporaryDirectory(prefix="copy-", dir=data_folder()) as folder:
        copy = Path(folder) / f"{COPY}.db"
        shutil.copyfile(sqlite_file(parse_url(url)), copy)
        yield f"sqlite:///{copy}"


@contextlib.contextmanager
def _copied_database(url: str) -> Iterator[str]:
    own = postgres.Server(url)
    server = postgres.Server(own.url("postgres"))
    server.drop_database(COPY)  # a run that was killed may have left one
    with psycopg.connect(server.maintenance_url, autocommit=True) as connection:
        # By files: the other strategy writes all of it to the write-ahead log, too.
        connection.execute(f"CREATE DATABASE {COPY} TEMPLATE {DATABASE} STRATEGY FILE_COPY")
    try:
        _warm(server.url(COPY))
        yield server.url(COPY)
    finally:
        server.drop_database(COPY)


def _warm(url: str) -> None:
    """Read what a server that has run for a while would have in memory."""
    with psycopg.connect(url) as connection:
        for table in ("actor", "item", "transfer", "citation", "claim"):
            connection.execute(f"SELECT count(*) FROM {table} WHERE version > 0")


class KeptServer(postgres.PrivateServer):
    """A private server whose data outlives it, in a folder of ours."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self._place = place

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=postgres._short_folder()))
        try:
            programs = postgres._programs(self._bindir, self.folder)
            fresh = self._link_data()
            postgres._hand_over(self.folder)
            if fresh:
                postgres._initialise(programs, self.folder)
            self._process = postgres._start(programs, self.folder, self._settings)
            self.maintenance_url = postgres._socket_url(self.folder)
            postgres._wait_until_ready(self.maintenance_url, self._process, self.folder)
        except BaseException:
            self.stop()
            raise
        return self

    def _link_data(self) -> bool:
        """Put the kept data where the server looks for it; tell whether there are none yet."""
        kept = self._place / "data"
        fresh = not kept.exists()
        if fresh:
            kept.mkdir(parents=True, mode=0o700)
        if fresh and postgres._is_root():
            os.chown(kept, postgres.UNPRIVILEGED, postgres.UNPRIVILEGED)
        (self.folder / "data").symlink_to(kept)
        return fresh


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Callable[[int], None]]:
    """Say that a database is being built, and how far it is."""
    started = time.monotonic()

    def show(position: int) -> None:
        if position % 50 == 0:
            seconds = time.monotonic() - started
            print(f"  {name}: {position} changesets in {seconds:.0f} s", file=sys.stderr)

    print(f"Building the {name} database, once:", file=sys.stderr)
    yield show
