"""Attacks on a served ledger: what is sent, byte for byte, and what has to come back.

    Attack("1,000 aliases", "400 DOCUMENT_TOO_LONG", [query("{ " + many(1_000, "a#: __typename"))])

The first two words are a row of docs/attacks.md, which a test compares. The second is the
expectation itself: a status, and where there is one the code of the first error. Beyond it every
answer is held to the same promises: no status of 500 and above, nothing of the inside, few bytes,
little of the processor, and nothing written.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg

RESPONSE = "application/graphql-response+json"
CPU_S = 0.5
"""Seconds of the server's processor that one attack takes, at most."""

REPLY_BYTES = 3_000
PATIENCE_S = 15.0
TRAFFIC = frozenset({"access_log", "budget", "checkpoint", "key_use"})
"""Tables that count requests, or that go on by themselves: the signer's, a second later."""

INSIDE = re.compile(
    r"Traceback|File \"|/(?:work|app|home|usr|tmp|root|site-packages)/|\.py\b|sqlalchemy|sqlite3?\b"
    r"|asyncpg|psycopg|strawberry|pydantic|starlette|uvicorn|orjson|postgres(?:ql)?://"
    r"|\bSELECT\b.*\bFROM\b|\bINSERT INTO\b|no such (?:table|column)|relation \"|syntax error at"
    r"|Error\(|<class|object at 0x|NoneType|ck_[a-z]+_[0-9A-Za-z]{43}",
    re.IGNORECASE,
)
"""Words that an answer has no business to say: SQL, paths, names of Python, keys."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def errors(self) -> Sequence[Any]:
        """The errors of a GraphQL answer; none of any other."""
        with suppress(ValueError):
            if isinstance(self.json, dict):
                return self.json.get("errors") or ()
        return ()

    @property
    def code(self) -> str | None:
        """The code of the first error: of the request, of a field, or of an edit."""
        if self.errors:
            return str(self.errors[0]["extensions"]["code"])
        return next(iter(self.refusals), None)

    @property
    def refusals(self) -> Iterator[str]:
        """The codes of the `userErrors` of a payload."""
        with suppress(ValueError, AttributeError):
            for payload in (self.json.get("data") or {}).values():
                for one in (payload or {}).get("userErrors", ()):
                    yield str(one["code"])


Send = bytes | Callable[["Target"], bytes]


@dataclass(frozen=True)
class Attack:
    """A row of docs/attacks.md, and the requests that stand for it."""

    attack: str
    answer: str
    requests: Sequence[Send]
    says: str = ""
    holds: Callable[[Reply], bool] = field(default=lambda _reply: True)
    most_bytes: int = REPLY_BYTES
    cpu_s: float = CPU_S

    @property
    def statuses(self) -> frozenset[int]:
        """The statuses that answer it: those that are named; of what is refused any, or none."""
        named = map(int, re.findall(r"\b[1-5]\d\d\b", self.answer))
        return frozenset(named) | (_REFUSED if "refused" in self.answer else frozenset())

    @property
    def code(self) -> str | None:
        """The code that answers it; None where it is answered like any other request."""
        found = re.search(r"\b[A-Z]+(?:_[A-Z0-9]+)+\b|\b[A-Z]{6,}\b", self.answer)
        return found[0] if found else None


_REFUSED = frozenset({0, *range(400, 500)})

Case = tuple[Attack, Send]


def cases(attacks: Iterable[Attack]) -> tuple[list[Case], list[str]]:
    """Return every request of a table with its row, and a name for each."""
    found = [
        ((one, sent), f"{one.attack} {number}")
        for one in attacks
        for number, sent in enumerate(one.requests, 1)
    ]
    return [case for case, _ in found], [name for _, name in found]


# --- the server ----------------------------------------------------------------------


@dataclass
class Target:
    """A server under attack, its database, and a key for each role."""

    address: str
    pid: int
    url: str
    keys: Mapping[str, str]
    log: Path
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.address.rpartition(":")[2])

    def open(self) -> socket.socket:
        """Connect, from an address that nobody used before where the system has one."""
        number = next(self.numbers)
        ours = (f"127.1.{number // 250}.{number % 250 + 1}", 0)
        try:
            return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S, ours)
        except OSError:  # macOS has 127.0.0.1 alone
            return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)

    def send(self, data: bytes) -> Reply:
        """Send bytes as they are and return the answer."""
        started = time.monotonic()
        with closing(self.open()) as connection:
            # Who is refused before all was sent may find nobody listening any more.
            with suppress(ConnectionError):
                connection.sendall(data)
            return reply_of(connection, started, is_head=data.startswith(b"HEAD "))

    def ask(self, document: str, variables: Any = None, role: str | None = None) -> Any:
        """Return the data of an answer; fail where it has errors."""
        headers = {} if role is None else bearer(self.keys[role])
        reply = self.send(query(document, variables, headers))
        assert not reply.errors, reply.text
        return reply.json["data"]

    def cpu_s(self) -> float:
        """Return the seconds of the processor that the server took so far; 0 where unknown."""
        with suppress(OSError):
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def rows(self) -> dict[str, int]:
        """Return how many rows every table has, but for those that count requests."""
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection:
                return _rows(connection, "SELECT name FROM sqlite_master WHERE type = 'table'")
        with psycopg.connect(self.url) as connection:
            return _rows(
                connection, "SELECT relname FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = 'public'::regnamespace",
            )  # fmt: skip

    def withstands(self, attack: Attack, sent: Send) -> Reply:
        """Send one request of an attack; fail unless it is answered as documented."""
        data = sent if isinstance(sent, bytes) else sent(self)
        before, cpu = self.rows(), self.cpu_s()

        reply = self.send(data)

        taken = self.cpu_s() - cpu
        assert reply.status in attack.statuses, reply.text[:1_000]
        assert reply.code == attack.code or attack.code is None, reply.text[:1_000]
        assert attack.says in reply.text
        assert attack.holds(reply), reply.text[:1_000]
        assert tells_nothing(reply)
        assert len(reply.body) <= attack.most_bytes
        assert taken <= attack.cpu_s
        assert self.rows() == before
        return reply


def _rows(connection: Any, tables: str) -> dict[str, int]:
    names = [one for (one,) in connection.execute(tables).fetchall() if one not in TRAFFIC]
    counts = " UNION ALL ".join(f"SELECT '{one}', count(*) FROM \"{one}\"" for one in names)
    return dict(connection.execute(counts).fetchall())


def tells_nothing(reply: Reply) -> bool:
    """Whether an answer says nothing of the inside, in body or headers."""
    found = INSIDE.search(reply.text) or INSIDE.search(json.dumps(dict(reply.headers)))
    assert found is None, f"{found[0]!r} in {reply.text[:500]}"
    assert reply.status < 500, reply.text[:500]
    assert reply.code != "INTERNAL", reply.text[:500]
    assert "server" not in reply.headers
    return True


def reply_of(connection: socket.socket, started: float = 0.0, *, is_head: bool = False) -> Reply:
    """Read one answer from a connection; status 0 where the server hung up without one."""
    response = HTTPResponse(connection, method="HEAD" if is_head else "GET")
    try:
        response.begin()
        body = response.read()
    except (ConnectionError, HTTPException):
        return Reply(0, {}, b"", time.monotonic() - started)
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, body, time.monotonic() - started)


# --- requests ------------------------------------------------------------------------

Headers = Mapping[str, str]
JSON_HEADERS: Headers = {"Content-Type": "application/json", "Accept": RESPONSE}


def http(method: str, path: str, headers: Headers | None = None, body: bytes = b"") -> bytes:
    """Return the bytes of a request, whatever is in it."""
    given = {"Host": "127.0.0.1", **(headers or {})}
    if (body or method == "POST") and not {"Content-Length", "Transfer-Encoding"} & set(given):
        given["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def post(body: bytes, headers: Headers | None = None) -> bytes:
    """Return a request with a body, said to be JSON."""
    return http("POST", "/graphql", {**JSON_HEADERS, **(headers or {})}, body)


def query(
    document: str, variables: Any = None, headers: Headers | None = None, **more: Any
) -> bytes:
    """Return a request that sends a document."""
    return post(json.dumps({"query": document, "variables": variables, **more}).encode(), headers)


def get(document: str, headers: Headers | None = None, **more: str) -> bytes:
    """Return a request that sends a document in the address."""
    given = urlencode({"query": document, **more}, quote_via=quote)
    return http("GET", f"/graphql?{given}", {"Accept": RESPONSE, **(headers or {})})


def bearer(key: str) -> Headers:
    """Return the header that shows a key."""
    return {"Authorization": f"Bearer {key}"}


def many(number: int, one: str) -> str:
    """Return so many times the same, with a number in the place of every `#`."""
    return " ".join(one.replace("#", str(place)) for place in range(number))


def nodes(inner: str) -> str:
    """Return a document that selects on one actor."""
    return f"{{ actors(first: 1) {{ nodes {{ {inner} }} }} }}"
