"""Asking a server that somebody else named, without being led elsewhere.

The host is looked up once. Every address that it has is judged, and the connection goes
to one of those that were judged: a second look-up, whose answer may be another, never
happens. TLS, SNI and the Host header are about the name all the same.

A redirect is an answer like any other and is not followed. There are no cookies, no
proxies of the environment and no compressed bodies; an answer that is too long or takes
too long, also one that drips, is given up.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import httpx2

from app.domain.addresses import Rules, Target, judge, target
from app.domain.errors import OutgoingFailed

REPLY_LIMIT: Final = 65_536
"""Bytes of a reply's body, at most."""

SECONDS: Final = 10.0
"""What a request takes at most, from looking up the host to the last byte."""

CONNECT_SECONDS: Final = 3.0
"""What connecting to one address takes at most; then the next one is tried."""

_AGENT: Final = "corrigenda"
_OURS: Final = frozenset({"host", "connection", "content-length", "transfer-encoding", "cookie"})

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""From host and port to addresses."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; a redirect is one of them. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host as this computer resolves it."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Outgoing:
    """Sends requests as far as `rules` allow; one for all of a process.

    Nothing connects, looks up or reads certificates before the first request.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        resolve: Resolve = look_up,
        seconds: float = SECONDS,
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._rules = rules
        self._resolve = resolve
        self._seconds = seconds
        self._trust = trust

    async def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> Reply:
        """Send one request and return the reply, whatever its status.

        Raises InvalidValue (AddressRefused) where the URL or its host may not be asked, and
        OutgoingFailed where no whole reply came. Neither repeats what the server said.
        """
        asked = target(url, self._rules)
        try:
            async with asyncio.timeout(self._seconds):
                addresses = await self._addresses(asked)
                return await self._first(asked, addresses, method, headers or {}, content)
        except TimeoutError:
            raise OutgoingFailed(
                f"{asked.host} took longer than {self._seconds:g} seconds"
            ) from None

    async def _addresses(self, asked: Target) -> Sequence[str]:
        try:
            found = await self._resolve(asked.host, asked.port)
        except (OSError, UnicodeError):
            raise OutgoingFailed(f"{asked.host} cannot be looked up") from None
        return judge(asked, found, self._rules)

    async def _first(
        self,
        asked: Target,
        addresses: Sequence[str],
        method: str,
        headers: Mapping[str, str],
        content: bytes,
    ) -> Reply:
        """Return the reply of the first address to which a connection is made."""
        for address in addresses:
            request = _request(asked, address, method, headers, content)
            try:
                return await self._send(asked, request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue  # no byte of the request was sent
            except httpx2.HTTPError:
                raise OutgoingFailed(f"{asked.host} broke off its answer") from None
        raise OutgoingFailed(f"{asked.host} cannot be reached")

    async def _send(self, asked: Target, request: httpx2.Request) -> Reply:
        # The transport alone: clients add redirects, cookies and what .netrc says.
        transport = httpx2.AsyncHTTPTransport(verify=self._context, trust_env=False)
        async with transport:
            answer = await transport.handle_async_request(request)
            try:
                body = await _body(asked, answer)
            finally:
                await answer.aclose()
        return Reply(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, body)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._trust()


def _request(
    asked: Target, address: str, method: str, headers: Mapping[str, str], content: bytes
) -> httpx2.Request:
    """Return the request to one address, which speaks of the name."""
    host = f"[{address}]" if ":" in address else address
    given = {name: value for name, value in headers.items() if name.lower() not in _OURS}
    return httpx2.Request(
        method,
        f"{asked.scheme}://{host}:{asked.port}{asked.path}",
        headers={
            "User-Agent": _AGENT,
            "Accept-Encoding": "identity",
            **given,
            "Host": asked.authority,
            "Connection": "close",
        },
        content=content or None,
        extensions={"sni_hostname": asked.host, "timeout": {"connect": CONNECT_SECONDS}},
    )


async def _body(asked: Target, answer: httpx2.Response) -> bytes:
    """Return the bytes as they were sent; a compressed body may be of any length."""
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise OutgoingFailed(f"{asked.host} compressed its answer")
    parts: list[bytes] = []
    size = 0
    async for part in answer.aiter_raw():
        parts.append(part)
        size += len(part)
        if size > REPLY_LIMIT:
            raise OutgoingFailed(f"{asked.host} answered with more than {REPLY_LIMIT} bytes")
    return b"".join(parts)
