"""The private PostgreSQL server of the tests: reachable by both drivers, and gone afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import asyncpg
import psycopg
import pytest

from tests import postgres

HERE = Path(__file__).resolve().parent


def fresh_name() -> str:
    return f"server_test_{uuid4().hex[:12]}"


def ask_asyncpg(url: str, question: str) -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(ask())


def ask_psycopg(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        answer = connection.execute(question).fetchone()
    return answer[0] if answer else None


@pytest.mark.parametrize("ask", [ask_asyncpg, ask_psycopg])
def test_one_url_serves_both_drivers(
    postgres_server: postgres.Server, ask: Callable[[str, str], object]
) -> None:
    name = fresh_name()
    url = postgres_server.create_database(name)

    answer = ask(url, "SELECT current_database()")

    postgres_server.drop_database(name)
    assert answer == name


def test_a_database_is_cloned_from_a_template(postgres_server: postgres.Server) -> None:
    template, clone = fresh_name(), fresh_name()
    with psycopg.connect(postgres_server.create_database(template)) as connection:
        connection.execute("CREATE TABLE horse (head integer)")
        connection.execute("INSERT INTO horse VALUES (24)")

    url = postgres_server.create_database(clone, template=template)

    assert ask_psycopg(url, "SELECT head FROM horse") == 24
    postgres_server.drop_database(clone)
    postgres_server.drop_database(template)


def test_a_database_is_dropped_under_open_connections(postgres_server: postgres.Server) -> None:
    name = fresh_name()
    url = postgres_server.create_database(name)

    with psycopg.connect(url):
        postgres_server.drop_database(name)

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_text_is_unicode_and_ordered_by_code_point(postgres_server: postgres.Server) -> None:
    encoding = ask_psycopg(postgres_server.maintenance_url, "SHOW server_encoding")

    order = ask_psycopg(postgres_server.maintenance_url, "SELECT 'Z' < 'a' AND 'z' < 'é'")

    assert (encoding, order) == ("UTF8", True)


def test_the_extensions_for_search_are_there(postgres_server: postgres.Server) -> None:
    name = fresh_name()
    url = postgres_server.create_database(name)

    with psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        connection.execute("CREATE EXTENSION unaccent")

    postgres_server.drop_database(name)


def test_a_private_server_listens_on_its_socket_alone_and_leaves_nothing() -> None:
    with postgres.PrivateServer() as server:
        folder, pid = server.folder, server.pid
        listening = ask_psycopg(server.maintenance_url, "SHOW listen_addresses")

    assert listening == ""
    assert not folder.exists()
    assert pid is not None
    assert not is_running(pid)


def test_a_server_starts_from_a_folder_that_its_user_cannot_enter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "_is_open_to_all", lambda _: False)

    with postgres.PrivateServer() as server:
        answer = ask_psycopg(server.maintenance_url, "SELECT lower('É' COLLATE \"pg_c_utf8\")")

    assert answer == "é"


def test_stopping_twice_is_no_fault() -> None:
    with postgres.PrivateServer() as server:
        server.stop()

    assert server.pid is None


def test_what_keeps_a_server_from_starting_is_told(tmp_path: Path) -> None:
    initdb = tmp_path / "initdb"
    initdb.write_text("#!/bin/sh\necho no room for a cluster\nexit 1\n")
    initdb.chmod(0o755)
    open_to_everyone(tmp_path)

    with (
        pytest.raises(postgres.ServerUnavailable, match="no room for a cluster"),
        postgres.PrivateServer(bindir=tmp_path),
    ):
        pass


def test_a_given_server_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://writer:word@db.example:5433/any?x=1")

    server = postgres.shared_server(tmp_path)

    assert server.url("ledger") == "postgresql://writer:word@db.example:5433/ledger?x=1"


A_RUN = """
def test_first(postgres_server):
    print("URL", postgres_server.maintenance_url, flush=True)
    {then}

def test_second(postgres_server):
    print("URL", postgres_server.maintenance_url, flush=True)
"""


def a_run_of_its_own(folder: Path, then: str) -> subprocess.Popen[str]:
    """Start pytest, with our conftest and two workers, on tests that say which server they got."""
    (folder / "test_run.py").write_text(A_RUN.format(then=then))
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    environment = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
    environment.pop("TEST_DATABASE_URL", None)
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(HERE.parent)}
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "tests.conftest", "-n2", "-rA", "."],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_workers_share_one_server_that_stops_though_a_test_failed(tmp_path: Path) -> None:
    run = a_run_of_its_own(tmp_path, then="raise AssertionError")

    output, _ = run.communicate(timeout=60)

    urls = [line.removeprefix("URL ") for line in output.splitlines() if line.startswith("URL ")]
    assert "1 failed, 1 passed" in output
    assert (len(urls), len(set(urls))) == (2, 1)
    assert not folder_of(urls[0]).exists()


def test_the_server_stops_when_the_run_is_killed(tmp_path: Path) -> None:
    run = a_run_of_its_own(
        tmp_path,
        then="open('url', 'w').write(postgres_server.maintenance_url);"
        " __import__('time').sleep(20)",
    )
    wait_for(lambda: (tmp_path / "url").exists() and (tmp_path / "url").read_text() != "")
    server_folder = folder_of((tmp_path / "url").read_text())

    run.send_signal(signal.SIGKILL)
    run.wait()

    wait_for(lambda: not server_folder.exists())
    assert not server_folder.exists()
    assert run.stdout is not None
    run.stdout.close()


def folder_of(url: str) -> Path:
    return Path(url.partition("host=")[2])


def open_to_everyone(folder: Path) -> None:
    """Let the unprivileged user into a temporary folder, as it is into /usr/lib."""
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.getuid() and place != Path(place.anchor):
            place.chmod(place.stat().st_mode | 0o055)
        if place.name.startswith("pytest-of-"):
            break


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
