"""A server and clients that are slow, stuck or many: sockets against a real process."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.domain.keys import new_key
from tests.databases import Databases
from tests.serving import Serving, eventually, serving

PATIENCE_S = 1
BODY = json.dumps({"query": "{ __typename }"}).encode()
HEAD = b"POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server writes what it has to say, down to the least severe."""
    return tmp_path_factory.mktemp("said") / "server.log"


@pytest.fixture(scope="module")
def server(databases: Databases, log: Path) -> Iterator[Serving]:
    """A server that has little patience and few places."""
    few = {
        "CORRIGENDA_PATIENCE": str(PATIENCE_S),
        "CORRIGENDA_STRANGER_CONNECTIONS": "30",
        "CORRIGENDA_STRANGER_BUDGET": "200000",
        "CORRIGENDA_LOG_LEVEL": "debug",
    }
    with databases.clone("sqlite") as url, serving(url, log=log, **few) as started:
        yield started


def connected(server: Serving) -> socket.socket:
    """Return a new connection."""
    address = urlsplit(server.address)
    assert address.hostname is not None
    return socket.create_connection((address.hostname, address.port or 80), timeout=10)


def rest(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes the connection."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


def said(server: Serving, *parts: bytes) -> bytes:
    """Return all that the server says to these parts, sent one after the other."""
    with connected(server) as connection:
        for part in parts:
            connection.sendall(part)
        return rest(connection)


def is_refusal(answer: bytes, status: int) -> bool:
    """Whether an answer is a problem document that tells nothing of the inside."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer[:300]
    assert b"content-type: application/problem+json" in head
    assert b"x-content-type-options: nosniff" in head
    return bool(json.loads(body)["status"] == status)


def test_who_says_nothing_or_half_a_request_is_let_go(server: Serving) -> None:
    with ExitStack() as stack:
        silent, half, body = (stack.enter_context(connected(server)) for _ in range(3))
        began = time.monotonic()
        half.sendall(b"GET /livez HTTP/1.1\r\nHost: here\r\nX-")
        body.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")

        answers = [rest(one) for one in (silent, half, body)]

    assert answers[0] == b""
    assert is_refusal(answers[1], 408)
    assert is_refusal(answers[2], 408)
    assert time.monotonic() - began < PATIENCE_S + 4


def test_what_drips_is_not_waited_for_any_longer(server: Serving) -> None:
    """Headers one by one, and empty lines where a second request should be."""
    with connected(server) as headers, connected(server) as lines:
        headers.sendall(b"GET /livez HTTP/1.1\r\n")
        lines.sendall(b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
        assert b"200 OK" in lines.recv(65536)
        open_still = {headers: b"X-A: b\r\n", lines: b"\r\n"}
        began = time.monotonic()
        while open_still and time.monotonic() - began < 10:
            for connection, drop in list(open_still.items()):
                try:
                    connection.sendall(drop)
                except OSError:
                    del open_still[connection]
            time.sleep(0.1)

    assert time.monotonic() - began < PATIENCE_S + 4


def test_a_body_that_keeps_coming_is_waited_for(server: Serving) -> None:
    """20 kB a second are enough: a long body takes longer than an empty one."""
    padded = BODY + b" " * 40_000
    with connected(server) as connection:
        connection.sendall(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(padded))
        for start in range(0, len(padded), 10_000):
            connection.sendall(padded[start : start + 10_000])
            time.sleep(0.3)

        answer = rest(connection)

    assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]


def test_sockets_that_are_held_open_stand_in_nobodys_way(server: Serving) -> None:
    """The oldest one on which nothing is under way goes; who asks is answered."""
    with ExitStack() as stack:
        held = [stack.enter_context(connected(server)) for _ in range(60)]
        began = time.monotonic()

        assert server.get("/livez")[0] == 200

        assert time.monotonic() - began < PATIENCE_S
        assert rest(held[0]) == b""


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X-Many: a\r\n" * 200 + b"\r\n", 431),
        (b"\x16\x03\x01 this is not HTTP\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            400,
        ),
    ],
    ids=["address", "header", "headers", "no-http", "two-lengths", "smuggling"],
)
def test_what_is_too_long_or_no_http_is_refused(
    server: Serving, request_line: bytes, status: int
) -> None:
    assert is_refusal(said(server, request_line), status)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused_before_it_is_there(
    server: Serving, *, chunked: bool
) -> None:
    with connected(server) as connection:
        if chunked:
            connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            connection.sendall(b"100000\r\n" + b"a" * 0x100000 + b"\r\n")
        else:
            connection.sendall(HEAD + b"Content-Length: 20000000\r\n\r\n")

        answer = b""
        while b"CONTENT_TOO_LARGE" not in answer:
            answer += connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_sent_too_much_can_read_the_refusal_and_ask_again(server: Serving) -> None:
    with connected(server) as connection:
        connection.sendall(HEAD + b"Content-Length: 5000000\r\n\r\n")
        for _ in range(50):
            connection.sendall(b"a" * 100_000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)

        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_nobody_takes_in_is_cut_off(server: Serving) -> None:
    with connected(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asked = b"GET /static/graphiql/vendor/graphiql.min.js HTTP/1.1\r\nHost: here\r\n\r\n"
        connection.sendall(asked * 15)

        def is_over() -> bool:
            try:
                connection.send(b"\r\n")
            except OSError:
                return True
            return False

        assert eventually(is_over, PATIENCE_S + 6)


def test_a_websocket_is_refused_from_anywhere(server: Serving) -> None:
    asked = (
        b"GET /graphql HTTP/1.1\r\nHost: here\r\nOrigin: https://elsewhere.example\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    answer = said(server, asked)

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"NOT_FOUND" in answer


def test_the_logger_hears_of_no_key_and_no_query_string(server: Serving, log: Path) -> None:
    key = new_key("live", bytes(range(32)))
    bearer = b"Authorization: Bearer " + key.encode() + b"\r\n"
    before = len(log.read_text())

    for request in (
        b"POST /graphql?key=" + key.encode() + b" HTTP/1.1\r\nHost: here\r\n" + bearer,
        b"GET /graphql?query={viewer{role}}&extensions=secret-word HTTP/1.1\r\nHost: h\r\n"
        + bearer,
        b"GET /nothing?access_token=" + key.encode() + b" HTTP/1.1\r\nHost: here\r\n" + bearer,
        b"GET /nothing?" + key.encode() + b" HTTP/9.9\r\n" + bearer,
    ):
        assert key.encode() not in said(server, request + b"Connection: close\r\n\r\n")

    heard = log.read_text()[before:]
    assert key not in heard
    assert "secret-word" not in heard
    assert "Bearer" not in heard


def test_who_goes_on_asking_without_a_budget_is_read_once_a_second(server: Serving) -> None:
    """Comes last: the budget of this address is spent then."""
    address = urlsplit(server.address)
    client = HTTPConnection(address.hostname or "", address.port, timeout=0.5)
    statuses: Counter[int] = Counter()
    began = time.monotonic()
    while time.monotonic() - began < 8:
        client.request("POST", "/graphql", b"{}", {"Content-Type": "application/json"})
        try:
            with client.getresponse() as answer:
                statuses[answer.status] += bool(answer.read())
        except TimeoutError:
            break
    client.close()

    assert 0 < statuses[429] <= 40
    assert eventually(lambda: server.get("/livez")[0] == 200)
