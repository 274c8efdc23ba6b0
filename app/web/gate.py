"""The gate, outermost: whose request it is, whether anything is left, and what answers carry.

It comes before routing and before a byte of a body is read. Whoever has spent a budget
is told so at once. What the server's own health is asked is never charged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import orjson

from app.domain.budgets import Policy
from app.domain.errors import BudgetSpent
from app.store.aside import METER
from app.web.clients import Proxies
from app.web.headers import SecurityHeaders, Sites
from app.web.limiting import Limiter, Timed, Visit
from app.web.problems import PROBLEM_TYPE, defect, problem
from app.web.statuses import JSON_TYPE, RESPONSE_TYPE, Wrong

Header: TypeAlias = tuple[bytes, bytes]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

GRAPHQL: Final = "/graphql"
VISIT: Final = "corrigenda.visit"
"""Under which name the scope has the visit."""

_HEALTH: Final = frozenset({"/livez", "/readyz"})
_SPENT: Final = "the budget of this {} is spent; RateLimit tells when there is more"


class Gate:
    """The ASGI application around all others."""

    def __init__(  # noqa: PLR0913 - what an operator may choose
        self,
        app: App,
        limiter: Limiter,
        *,
        proxies: Proxies,
        security: SecurityHeaders,
        sites: Sites,
        hosts: str = "",
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._proxies = proxies
        self._security = security
        self._sites = sites
        self._hosts = frozenset(one.strip().lower() for one in hosts.split(",") if one.strip())

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "websocket":
            # There are no subscriptions. Before it is accepted this is a 403.
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        path = scope["path"]
        told = _Told(scope)
        answer = _Answer(send, self._security, self._extra(scope, told.origin))
        send = answer.send
        if path in _HEALTH:
            await self._app(scope, receive, send)
            return
        if self._hosts and _without_port(told.host) not in self._hosts:
            await _send_problem(
                send, HTTPStatus.MISDIRECTED_REQUEST, "this server does not go by that name"
            )
            return
        peer = scope.get("client")
        address = self._proxies.client_of(peer and peer[0], scope["headers"])
        visit = _visit(self._limiter, address, told.authorization)
        if path == GRAPHQL:
            answer.visit = visit
        wait_s = visit.wait_s
        if wait_s:
            await _turn_away(send, scope, visit, wait_s)
            return
        scope[VISIT] = visit
        METER.set(visit.meter)
        try:
            if path == GRAPHQL:
                await Timed(self._app(scope, receive, send), visit)
            else:
                await self._other(scope, receive, send, visit)
        except BudgetSpent:
            await _turn_away(send, scope, visit, max(visit.wait_s, 1))
        except Exception:
            if answer.has_begun:
                raise
            visit.is_refused = True
            await _send_problem(send, HTTPStatus.INTERNAL_SERVER_ERROR, defect())
        finally:
            visit.end()

    def _extra(self, scope: Mapping[str, Any], origin: bytes | None) -> list[Header]:
        """Return what other sites are told, where GraphQL is asked."""
        if self._sites.are_none or scope["path"] != GRAPHQL:
            return []
        is_preflight = scope["method"] == "OPTIONS"
        return self._sites.preflight(origin) if is_preflight else self._sites.allow(origin)

    async def _other(self, scope: dict[str, Any], receive: Any, send: Send, visit: Visit) -> None:
        try:
            await visit.begin()
        except Wrong as wrong:
            status = HTTPStatus.TOO_MANY_REQUESTS
            if wrong.code == "SERVER_BUSY":
                status = HTTPStatus.SERVICE_UNAVAILABLE
            await _send_problem(send, status, wrong.message, [(b"retry-after", b"1")])
            return
        await Timed(self._app(scope, receive, send), visit)


class _Told:
    """What the gate reads of a request's headers."""

    __slots__ = ("authorization", "host", "origin")

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.authorization: bytes | None = None
        self.origin: bytes | None = None
        self.host = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                self.authorization = value
            elif name == b"origin":
                self.origin = value
            elif name == b"host":
                self.host = value


def _visit(limiter: Limiter, address: str, authorization: bytes | None) -> Visit:
    """Return the visit of the key's holder, where the key is known, else of the address."""
    client = None if authorization is None else limiter.of_authorization(authorization)
    return Visit(limiter, client or limiter.of_address(address), authorization)


def _without_port(given: bytes) -> str:
    host = given.decode("latin-1").lower()
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


# --- what answers carry -------------------------------------------------------


class _Answer:
    """The answer on its way out: the house's headers, and what the client has left."""

    __slots__ = ("_extra", "_security", "_send", "has_begun", "visit")

    def __init__(self, send: Send, security: SecurityHeaders, extra: list[Header]) -> None:
        self._send = send
        self._security = security
        self._extra = extra
        self.visit: Visit | None = None
        self.has_begun = False

    def send(self, message: dict[str, Any]) -> Awaitable[None]:
        """Send on, with the headers that are missing."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            given = message.get("headers", ())
            message["headers"] = [*given, *self._security.beside(given), *self._extra]
            if self.visit is not None:
                message["headers"] += _fields(self.visit)
        return self._send(message)


def _fields(visit: Visit) -> list[Header]:
    """Return `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10)."""
    budget = visit.client.budget
    if budget is None:
        return []
    left, reset = budget.stands(visit.limiter.clock())
    left = max(left - int(visit.due), 0)
    return [
        (b"ratelimit-policy", _policy(budget.policy)),
        (b"ratelimit", b'"default";r=%d;t=%d' % (left, reset)),
    ]


@cache
def _policy(policy: Policy) -> bytes:
    return b'"default";q=%d;w=%d' % (policy.quota, policy.window)


# --- refusals -----------------------------------------------------------------


async def _turn_away(send: Send, scope: Mapping[str, Any], visit: Visit, wait_s: int) -> None:
    kind = "key" if visit.client.name.startswith("key:") else "address"
    message = _SPENT.format(kind)
    extra = [(b"retry-after", b"%d" % wait_s)]
    connection = scope.get("connection")
    if connection is not None:
        connection.slow_down(is_address=kind == "address")
    if scope["path"] != GRAPHQL:
        await _send_problem(send, HTTPStatus.TOO_MANY_REQUESTS, message, extra)
        return
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    media = RESPONSE_TYPE if RESPONSE_TYPE.encode() in accept else JSON_TYPE
    errors = [{"message": message, "extensions": {"code": "RATE_LIMITED", "retryAfter": wait_s}}]
    body = orjson.dumps({"errors": errors})
    headers = [
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        *extra,
    ]
    await _send(send, HTTPStatus.TOO_MANY_REQUESTS, headers, body, scope["method"])


async def _send_problem(
    send: Send, status: HTTPStatus, detail: str, extra: Iterable[Header] = ()
) -> None:
    headers = [(b"content-type", PROBLEM_TYPE.encode()), (b"cache-control", b"no-store"), *extra]
    await _send(send, status, headers, problem(status, detail))


async def _send(
    send: Send, status: HTTPStatus, headers: list[Header], body: bytes, method: str = "GET"
) -> None:
    headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
