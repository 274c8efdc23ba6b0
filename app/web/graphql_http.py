"""GraphQL over HTTP: media types, status codes, GET for queries alone, GraphiQL.

Stands outermost in the application, before any routing: a query that was seen
before goes from its bytes to the database's JSON with nothing in between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import orjson

from app.web.negotiation import best_of

BODY_LIMIT: Final = 1_000_000
"""Bytes of a request body, at most."""

RESPONSE_TYPE: Final = "application/graphql-response+json"
JSON_TYPE: Final = "application/json"
HTML_TYPE: Final = "text/html"

_STATUS: Final[Mapping[str, int]] = {
    "UNAUTHENTICATED": 401,
    "METHOD_NOT_ALLOWED": 405,
    "INTERNAL": 500,
    "READ_TIMED_OUT": 503,
}
"""The status of a refused request, where it is not 400."""

_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_GRAPHIQL: Final = Path(__file__).parent / "static" / "graphiql" / "index.html"

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Reply(Protocol):
    """An answer of the engine (`app.graphql.engine.Answer`)."""

    @property
    def body(self) -> bytes:
        """The bytes of the response."""

    @property
    def is_request_error(self) -> bool:
        """Whether nothing was executed."""

    @property
    def code(self) -> str | None:
        """The code of the first error."""


class Answers(Protocol):
    """What answers requests: given by the roof, so that floors stay apart."""

    async def __call__(
        self,
        source: str,
        variables: Mapping[str, Any] | None,
        operation_name: str | None,
        authorization: str | None,
        *,
        queries_only: bool,
    ) -> Reply:
        """Answer one request."""


class _Wrong(Exception):
    def __init__(self, status: int, message: str, code: str = "BAD_REQUEST") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


class GraphQLOverHTTP:
    """The ASGI application of `/graphql`."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["method"] == "HEAD":
            send = _without_body(send)
        headers = dict(scope["headers"])
        media = _media_of(headers)
        try:
            if media == HTML_TYPE and scope["method"] in _READING and not scope["query_string"]:
                await _send_page(send)
                return
            request = await _request_of(scope, headers, media, receive)
            await self._answer(request, headers, media, scope["method"] in _READING, send)
        except _Wrong as wrong:
            body = {"errors": [{"message": wrong.message, "extensions": {"code": wrong.code}}]}
            shown = media if media in (RESPONSE_TYPE, JSON_TYPE) else JSON_TYPE
            await _send(send, wrong.status, shown, orjson.dumps(body))

    async def _answer(
        self,
        request: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
        media: str | None,
        queries_only: bool,  # noqa: FBT001 - passed on
        send: Send,
    ) -> None:
        authorization = headers.get(b"authorization")
        answer = await self._answers(
            request["query"],
            request.get("variables"),
            request.get("operationName"),
            None if authorization is None else authorization.decode("latin-1"),
            queries_only=queries_only,
        )
        shown = RESPONSE_TYPE if media == RESPONSE_TYPE else JSON_TYPE
        await _send(send, _status_of(answer, shown), shown, answer.body)


def _status_of(answer: Reply, media: str) -> int:
    if not answer.is_request_error:
        return 200
    if answer.code is not None and answer.code in _STATUS:
        return _STATUS[answer.code]
    # A client that only knows application/json reads errors in a 200.
    return 400 if media == RESPONSE_TYPE else 200


def _media_of(headers: Mapping[bytes, bytes]) -> str | None:
    accept = headers.get(b"accept")
    if accept is None:
        return JSON_TYPE
    return best_of(accept.decode("latin-1"), (JSON_TYPE, RESPONSE_TYPE, HTML_TYPE))


# --- requests -----------------------------------------------------------------

_READING: Final = ("GET", "HEAD")


async def _request_of(
    scope: Mapping[str, Any], headers: Mapping[bytes, bytes], media: str | None, receive: Receive
) -> Mapping[str, Any]:
    if media is None:
        raise _Wrong(406, f"answers come as {RESPONSE_TYPE} or {JSON_TYPE}")
    if scope["method"] == "POST":
        return await _posted(headers, receive)
    if scope["method"] in _READING:
        return _queried(scope["query_string"])
    raise _Wrong(
        HTTPStatus.METHOD_NOT_ALLOWED, "GraphQL is spoken by POST and GET", "METHOD_NOT_ALLOWED"
    )


async def _posted(headers: Mapping[bytes, bytes], receive: Receive) -> Mapping[str, Any]:
    media = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    # Forms and plain text are what another site can make a browser send.
    if media != b"application/json":
        raise _Wrong(415, "send the request as Content-Type: application/json")
    body = await _body(headers, receive)
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _Wrong(400, "the body is not JSON in UTF-8") from None
    if isinstance(request, list):
        raise _Wrong(400, "batches are not taken; send one operation a request")
    if not isinstance(request, dict):
        raise _Wrong(400, 'the body must be an object: {"query": …, "variables": …}')
    return _checked(request)


async def _body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared[:20]) > BODY_LIMIT:
        raise _Wrong(413, f"a request has at most {BODY_LIMIT} bytes")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Wrong(400, "the connection was closed before the request was whole")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_LIMIT:
            raise _Wrong(413, f"a request has at most {BODY_LIMIT} bytes")
        if not message.get("more_body", False):
            return b"".join(parts)


def _queried(query_string: bytes) -> Mapping[str, Any]:
    try:
        request: dict[str, Any] = dict(
            parse_qsl(
                query_string.decode(),
                strict_parsing=bool(query_string),
                errors="strict",
                keep_blank_values=True,
            )
        )
        if request.get("variables"):
            request["variables"] = orjson.loads(request["variables"])
        else:
            request.pop("variables", None)
    except (ValueError, orjson.JSONDecodeError):
        raise _Wrong(400, "the query string cannot be read; variables must be JSON") from None
    return _checked(request)


def _checked(request: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(request.get("query"), str) or not request["query"]:
        raise _Wrong(400, "query is missing: it must be a GraphQL document")
    for name, kind, shown in (
        ("variables", dict, "object"),
        ("operationName", str, "string"),
        ("extensions", (dict, str), "object"),
    ):
        if request.get(name) is not None and not isinstance(request[name], kind):
            raise _Wrong(
                400,
                f"{name} must be an {shown}" if shown[0] in "ao" else f"{name} must be a {shown}",
            )
    return request


# --- responses ----------------------------------------------------------------


async def _send(send: Send, status: int, media: str, body: bytes) -> None:
    headers = [
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"vary", b"Accept, Authorization"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"GET, HEAD, POST"))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _without_body(send: Send) -> Send:
    """Return a `send` that gives the header section of an answer alone (RFC 9110, 9.3.2)."""

    async def send_head(message: dict[str, Any]) -> None:
        await send({**message, "body": b""} if "body" in message else message)

    return send_head


async def _send_page(send: Send) -> None:
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", _PAGE_POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"vary", b"Accept"),
        (b"cache-control", b"no-cache"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _GRAPHIQL.read_bytes()})
