"""Connections: how long a client may take, how much it may send before it is read, how many.

uvicorn reads and writes HTTP and has no time-out for it but that of an idle connection.
Here every connection has a moment by which the next thing has to have come: the headers
of a request, more of its body, the end of it. One look a second finds those that are
late. An answer that nobody takes in is cut off, too.

Where an address has too many connections, or the server has, the oldest goes on which
nothing is under way: whoever holds sockets open loses them, whoever asks is answered.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final, TypeAlias, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.web.clients import UNKNOWN, Proxies, name_of
from app.web.problems import PROBLEM_TYPE, problem

Header: TypeAlias = tuple[bytes, bytes]

URL_LIMIT: Final = 65_536
"""Bytes of a path and query string, at most."""

HEADERS_LIMIT: Final = 32_768
"""Bytes of the names and values of all headers of one request, at most."""

HEADERS_MOST: Final = 100
"""Headers of one request, at most."""

PIPELINED: Final = 20
"""Requests that may come before the first of them is answered."""

BODY_RATE: Final = 20_000
"""Bytes in a second at which a body has to go on coming."""

ANSWER_RATE: Final = 5_000
"""Bytes in a second at which an answer has to be taken in."""

LINGER_S: Final = 2.0
"""Seconds in which a body that was refused may go on coming, so that the refusal is read."""

LOOK_S: Final = 1.0
PAUSE_S: Final = 1.0
"""Seconds in which nothing is read from whoever goes on asking without a budget."""

AT_ONCE: Final = 20
"""Refusals of one address in a second that come without such a pause."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What connections may be.

    `patience` is how many seconds a client may take to send headers, to go on with a
    body, or to take in an answer. `of_address` and `all` are how many there may be.
    """

    patience: float = 10.0
    of_address: int = 100
    all: int = 1000


_AT_ONCE: Final = struct.pack("ii", 1, 0)


class State(Enum):
    """What is awaited of a client."""

    NOTHING = auto()
    HEADERS = auto()
    BODY = auto()
    REST = auto()
    """Of a body that was refused."""


@dataclass(slots=True)
class _Refusals:
    """How often an address was refused in this second, and until when it is read no more."""

    second: int = 0
    count: int = 0
    until: float = 0.0


@dataclass(slots=True)
class House:
    """The connections of one server process."""

    bounds: Bounds
    proxies: Proxies
    headers: list[Header]
    all: dict[Connection, None] = field(default_factory=dict)
    by_address: dict[str, dict[Connection, None]] = field(default_factory=dict)
    refusals: dict[str, _Refusals] = field(default_factory=dict)
    is_looking: bool = False

    def enter(self, connection: Connection) -> None:
        """Take a connection in; another may have to go for it, or it may have to go itself."""
        own = self.by_address.setdefault(connection.address, {})
        self.all[connection] = own[connection] = None
        if len(own) > self.bounds.of_address and not connection.is_of_proxy:
            self._let_go(own, connection)
        elif len(self.all) > self.bounds.all:
            most = max(self.by_address, key=lambda address: len(self.by_address[address]))
            self._let_go(self.by_address[most], connection)
        if not self.is_looking:
            self.is_looking = True
            connection.loop.call_later(LOOK_S, self.look, connection.loop)

    def leave(self, connection: Connection) -> None:
        """Let a connection go; it may have gone already."""
        self.all.pop(connection, None)
        own = self.by_address.get(connection.address)
        if own is not None:
            own.pop(connection, None)
            if not own:
                del self.by_address[connection.address]

    def _let_go(self, among: Iterable[Connection], newest: Connection) -> None:
        idle = next((one for one in among if one.is_idle), newest)
        self.leave(idle)
        idle.cut()

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cut off whoever is late; look again in a second while there are connections."""
        now = loop.time()
        for connection in list(self.all):
            connection.look(now)
        for address in [one for one, told in self.refusals.items() if told.until < now]:
            if self.refusals[address].second < int(now) - 1:
                del self.refusals[address]
        self.is_looking = bool(self.all)
        if self.is_looking:
            loop.call_later(LOOK_S, self.look, loop)

    def refused(self, address: str, now: float) -> bool:
        """Note a refusal; return whether there were so many that the address has to wait."""
        told = self.refusals.setdefault(address, _Refusals())
        if told.second != int(now):
            told.second, told.count = int(now), 0
        told.count += 1
        if told.count > AT_ONCE:
            told.until = now + PAUSE_S
        return told.until > now

    def is_waiting(self, address: str, now: float) -> bool:
        """Whether nothing is read from an address now."""
        told = self.refusals.get(address)
        return told is not None and told.until > now


class Connection(HttpToolsProtocol):
    """One connection of the server, which waits no longer than it should."""

    house: House
    cycle: Any
    """The request that is under way, or the last one; None before the first."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the headers of the first request."""
        super().connection_made(cast("asyncio.Transport", transport))
        peer = self.client[0] if self.client else UNKNOWN
        self.address = name_of(peer)
        self.is_of_proxy = peer == UNKNOWN or self.house.proxies.are_trusted(peer)
        self.head, self.has_begun = 0, False
        self.refusal = HTTPStatus.BAD_REQUEST
        self.is_slowed = False
        self.unread, self.unread_since = 0, 0.0
        now = self.loop.time()
        self.state, self.due = State.HEADERS, now + self.house.bounds.patience
        if self.house.is_waiting(self.address, now):
            self._pause()
        self.house.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let it go."""
        self.house.leave(self)
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self.state is State.HEADERS or (
            self.state is State.NOTHING and (self.cycle is None or self.cycle.response_complete)
        )

    # --- what comes in ----------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Read what a client sends."""
        self._unset_keepalive_if_required()
        if self.state is State.NOTHING:
            self._await_headers()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # There is nothing to upgrade to; the request is answered, and is the last one.
            if self.cycle is not None:
                self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self._refuse(self.refusal)

    def _await_headers(self) -> None:
        self.state, self.has_begun = State.HEADERS, False
        self.due = self.loop.time() + self.house.bounds.patience

    def on_message_begin(self) -> None:
        """Begin a request; several may come at once."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["connection"] = self
        self.head = 0
        if self.state is State.NOTHING:
            self._await_headers()
        self.has_begun = True
        if len(self.pipeline) > PIPELINED:
            raise _TooMuch

    def on_url(self, url: bytes) -> None:
        """Take in a path and query string, or a part of it."""
        super().on_url(url)
        if len(self.url) > URL_LIMIT:
            self.refusal = HTTPStatus.REQUEST_URI_TOO_LONG
            raise _TooMuch

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header."""
        self.head += len(name) + len(value)
        if self.head > HEADERS_LIMIT or len(self.headers) >= HEADERS_MOST:
            self.refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _TooMuch
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self.state = State.BODY
        self.due = self.loop.time() + self.house.bounds.patience
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body, for which there is more time then."""
        if self.state is State.BODY:
            self.due += len(body) / BODY_RATE
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing any more; after a body that was refused, for the next request."""
        if self.state is State.REST:
            self._await_headers()
        else:
            self.state, self.due = State.NOTHING, math.inf
        super().on_message_complete()

    # --- what goes out ----------------------------------------------------------

    def on_response_complete(self) -> None:
        """Go on to the next request; where the body of this one still comes, not for long."""
        super().on_response_complete()
        if self.state is State.BODY:
            self._unset_keepalive_if_required()
            self.state, self.due = State.REST, self.loop.time() + LINGER_S
        if self.is_slowed:
            self.is_slowed = False
            self._pause()

    def slow_down(self, *, is_address: bool) -> None:
        """Read no more for a while, where whoever is refused goes on asking."""
        if not self.is_of_proxy:
            address = self.address if is_address else f"{self.address} {id(self)}"
            self.is_slowed = self.house.refused(address, self.loop.time())

    def _pause(self) -> None:
        self._unset_keepalive_if_required()
        self.flow.pause_reading()
        self.loop.call_later(PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.state is State.NOTHING and self.is_idle:
                self._await_headers()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, without uvicorn's words."""
        del msg
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer with a problem document and close; where an answer is under way, just close."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            if self.cycle is not None:
                self.cycle.disconnected = True
            self.transport.write(b"".join(self._refusal(status)))
        self.transport.close()

    def _refusal(self, status: HTTPStatus) -> Iterator[bytes]:
        body = problem(status, f"{status.description or status.phrase}")
        yield b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode())
        headers = [
            *self.server_state.default_headers,
            *self.house.headers,
            (b"content-type", PROBLEM_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        for name, value in headers:
            yield b"%b: %b\r\n" % (name, value)
        yield b"\r\n" + body

    # --- what is late -------------------------------------------------------------

    def look(self, now: float) -> None:
        """Cut the connection off where its client is late."""
        if now > self.due:
            self._give_up()
        elif self._is_unread(now):
            self.cut()

    def cut(self) -> None:
        """End the connection at once; what the client has not taken in is thrown away."""
        peer: socket.socket | None = self.transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def _give_up(self) -> None:
        has_asked = self.state is State.BODY or self.has_begun
        if self.transport.is_closing() or self.state is State.REST or not has_asked:
            self.cut()
            return
        self.due = self.loop.time() + LINGER_S
        self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _is_unread(self, now: float) -> bool:
        """Whether an answer lies here that the client does not take in."""
        size = self.transport.get_write_buffer_size()
        patience = self.house.bounds.patience
        if size == 0:
            self.unread = 0
        elif self.unread == 0 or size <= self.unread - ANSWER_RATE * patience:
            self.unread, self.unread_since = size, now
        return size > 0 and now - self.unread_since > patience


class _TooMuch(Exception):
    """A request is larger than it may be; raised through the parser."""


def guarded(bounds: Bounds, proxies: Proxies, headers: list[Header]) -> type[Connection]:
    """Return the protocol of a server whose connections are bounded."""
    return type("GuardedConnection", (Connection,), {"house": House(bounds, proxies, headers)})
