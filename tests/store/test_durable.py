"""Only what is durable on the synchronous quorum is signed: the wait, on a server of our own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from app.domain.errors import NotSigned
from app.store.checkpoints import Leader, leadership
from app.store.database import parse_url
from tests.postgres import PrivateServer, Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server whose settings are changed; the shared one's are everybody's."""
    with PrivateServer() as own:
        yield own


def expect(server: Server, names: str) -> None:
    """Name the standbys that a commit waits for."""
    with psycopg.connect(server.maintenance_url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = local")
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        connection.execute("SELECT pg_reload_conf()")


def outcome(leader: Leader) -> tuple[threading.Thread, list[str]]:
    """Wait in a thread; the list gets what comes of it."""
    came: list[str] = []

    def wait() -> None:
        try:
            leader.wait_until_durable()
        except NotSigned as fault:
            came.append(fault.message)
        else:
            came.append("durable")

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, came


def waiting(leader: Leader) -> tuple[threading.Thread, list[str]]:
    """Wait in a thread, as soon as the server has taken its new settings in."""
    for _ in range(40):
        thread, came = outcome(leader)
        thread.join(0.5)
        if thread.is_alive():
            return thread, came
    raise AssertionError("the server does not wait for a standby that never comes")


def test_nothing_is_signed_while_the_quorum_is_silent(server: Server) -> None:
    """A standby that never comes holds the wait up, a broken-off wait is no consent."""
    url = parse_url(server.url("postgres"))
    with leadership(url) as leader:
        assert leader is not None
        at_once, first = outcome(leader)
        at_once.join(5)
        expect(server, "never")

        silent, second = waiting(leader)
        leader.give_up()
        silent.join(5)
        late, third = outcome(leader)
        late.join(0.5)
        expect(server, "")
        late.join(5)

    assert first == ["durable"]
    assert second == ["the database did not confirm that what it holds is durable"]
    assert third == ["durable"]


def test_a_leader_that_lost_its_connection_does_not_sign(server: Server) -> None:
    """Its lock is gone with the connection, and another may lead: it notices before it signs."""
    url = parse_url(server.url("postgres"))
    with leadership(url) as leader:
        assert leader is not None
        with psycopg.connect(server.maintenance_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            )

        with leadership(url) as other:
            leads = other is not None
            with pytest.raises(OperationalError, match="connection"):
                leader.wait_until_durable()

    assert leads


def test_any_role_that_may_serve_may_wait(server: Server) -> None:
    with psycopg.connect(server.maintenance_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE serving LOGIN")

    with leadership(parse_url(server.url("postgres")).set(username="serving")) as leader:
        assert leader is not None
        leader.wait_until_durable()
