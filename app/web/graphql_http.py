"""GraphQL over HTTP: media types, status codes, GET for queries alone, caching, GraphiQL.

Follows the specification of September 2026 and RFC 9110. Stands outermost in
the application, before any routing: a query that was seen before goes from its
bytes to the database's JSON with nothing in between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from app.domain.budgets import SMALL_BODY
from app.store.aside import Aside
from app.web.conditional import names_any, names_tag
from app.web.gate import VISIT
from app.web.limiting import Visit
from app.web.negotiation import best_of
from app.web.requests import (
    QUERY_STRING_LIMIT,
    Request,
    idempotency_key_of,
    request_of_json,
    request_of_query_string,
)
from app.web.statuses import (
    JSON_TYPE,
    PARTIAL_SUCCESS,
    RESPONSE_TYPE,
    StatusCodes,
    Wrong,
    status_of,
)

BODY_LIMIT: Final = 1_000_000
"""Bytes of a request body, at most."""

ACCEPT_LIMIT: Final = 2_000
"""Characters of an Accept header, at most."""

HTML_TYPE: Final = "text/html"

_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_GRAPHIQL: Final = Path(__file__).parent / "static" / "graphiql" / "index.html"

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Header = tuple[bytes, bytes]


class Reply(Protocol):
    """An answer of the engine (`app.graphql.engine.Answer`)."""

    @property
    def body(self) -> bytes:
        """The bytes of the response; none where `is_unchanged`."""

    @property
    def is_request_error(self) -> bool:
        """Whether nothing was executed."""

    @property
    def is_partial(self) -> bool:
        """Whether there are errors beside the data."""

    @property
    def code(self) -> str | None:
        """The code of the first error."""

    @property
    def is_pure(self) -> bool:
        """Whether nothing but the log, and what the asker may see, decides over the answer."""

    @property
    def tag(self) -> str | None:
        """What names this answer, among all that this ledger gives; None where nothing does."""

    @property
    def is_unchanged(self) -> bool:
        """Whether the client has this answer already."""

    @property
    def is_replayed(self) -> bool:
        """Whether it is the first answer to a request that came again."""

    @property
    def cost(self) -> int:
        """How many objects were read for it; 0 for an answer that was kept."""

    @property
    def is_new(self) -> bool:
        """Whether the document, or a shape of its variables, was met for the first time."""


class Answers(Protocol):
    """What answers requests: given by the roof, so that floors stay apart."""

    async def __call__(
        self,
        request: Request,
        authorization: str | None,
        *,
        visit: Visit | None,
        reads_only: bool,
        has: Callable[[str], bool] | None,
    ) -> Reply:
        """Answer one request; `has` tells whether the client has the answer of a tag.

        `visit` is told whose key it is.
        """


class GraphQLOverHTTP:
    """The ASGI application of `/graphql`."""

    def __init__(
        self,
        answers: Answers,
        aside: Aside,
        *,
        status_codes: StatusCodes = "audited",
        has_page: bool = True,
    ) -> None:
        self._answers = answers
        self._aside = aside
        self._codes = status_codes
        self._media = (JSON_TYPE, RESPONSE_TYPE, *((HTML_TYPE,) if has_page else ()))

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        method, query_string = scope["method"], scope["query_string"]
        visit: Visit | None = scope.get(VISIT)
        if method == "HEAD":
            send = _without_body(send)
        media: str | None = None
        try:
            headers = _joined(scope["headers"])
            media = self._media_of(headers)
            _require_fit(headers, query_string)
            if method == "OPTIONS":
                await _send(send, HTTPStatus.NO_CONTENT, [(b"allow", _ALLOWED)])
            elif media == HTML_TYPE and method in _READING and not query_string:
                await _send_page(send)
            elif method in _READING:
                await self._read(query_string, headers, media, send, visit)
            else:
                posted = await _posted(method, headers, media, receive, visit)
                await self._post(posted, headers, media, send, visit)
        except Wrong as wrong:
            if visit is not None:
                visit.is_refused = True
            told = {"errors": [{"message": wrong.message, "extensions": {"code": wrong.code}}]}
            shown = media if media in (RESPONSE_TYPE, JSON_TYPE) else JSON_TYPE
            status = status_of(wrong.code, shown, self._codes)
            await _send_json(send, status, shown, orjson.dumps(told), _about(wrong.code))

    def _media_of(self, headers: Mapping[bytes, bytes]) -> str | None:
        accept = headers.get(b"accept")
        if accept is None:
            return JSON_TYPE
        if len(accept) > ACCEPT_LIMIT:
            raise Wrong("BAD_REQUEST", f"Accept has at most {ACCEPT_LIMIT} characters")
        return best_of(accept.decode("latin-1"), self._media)

    async def _post(
        self,
        posted: tuple[bytes, str | None],
        headers: Mapping[bytes, bytes],
        media: str | None,
        send: Send,
        visit: Visit | None,
    ) -> None:
        if visit is not None:
            await visit.begin()
        body, key = posted
        # What is small is read in the event loop.
        if len(body) > SMALL_BODY:
            request = await self._aside.run(lambda: request_of_json(body))
        else:
            request = request_of_json(body)
        authorization = _authorization(headers)
        answer = await self._answers(
            request if key is None else replace(request, idempotency_key=key),
            authorization,
            visit=visit,
            reads_only=False,
            has=None,
        )
        _weigh(visit, answer)
        status, shown = self._status(answer, media)
        about = _about(answer.code, credential=authorization)
        extra = [*about, *([_REPLAYED] if answer.is_replayed else [])]
        await _send_json(send, status, shown, answer.body, extra)

    async def _read(
        self,
        query_string: bytes,
        headers: Mapping[bytes, bytes],
        media: str | None,
        send: Send,
        visit: Visit | None,
    ) -> None:
        _require_known(media)
        if visit is not None:
            await visit.begin()
        request = request_of_query_string(query_string)
        known = headers.get(b"if-none-match", b"").decode("latin-1")
        mark = "g" if media == RESPONSE_TYPE else "j"
        authorization = _authorization(headers)
        answer = await self._answers(
            request,
            authorization,
            visit=visit,
            reads_only=True,
            has=lambda tag: names_tag(known, f"{tag}.{mark}"),
        )
        _weigh(visit, answer)
        status, shown = self._status(answer, media)
        caching = _caching(answer, mark, is_private=authorization is not None)
        if answer.is_unchanged or (answer.tag is not None and names_any(known)):
            await _send(send, HTTPStatus.NOT_MODIFIED, [_VARY, *caching])
        else:
            extra = [*caching, *_about(answer.code, b"POST", credential=authorization)]
            await _send_json(send, status, shown, answer.body, extra)

    def _status(self, answer: Reply, media: str | None) -> tuple[int, str]:
        shown = RESPONSE_TYPE if media == RESPONSE_TYPE else JSON_TYPE
        if answer.is_request_error:
            return status_of(answer.code or "", shown, self._codes), shown
        if answer.is_partial and self._codes == "2026" and shown == RESPONSE_TYPE:
            return PARTIAL_SUCCESS, shown
        return HTTPStatus.OK, shown


# --- requests -----------------------------------------------------------------

_READING: Final = ("GET", "HEAD")
_ALLOWED: Final = b"GET, HEAD, OPTIONS, POST"


def _joined(headers: Iterable[Header]) -> Mapping[bytes, bytes]:
    """Return the headers by name; one that comes several times is one list (RFC 9110, 5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def _authorization(headers: Mapping[bytes, bytes]) -> str | None:
    given = headers.get(b"authorization")
    return None if given is None else given.decode("latin-1")


def _weigh(visit: Visit | None, answer: Reply) -> None:
    if visit is not None:
        visit.cost = answer.cost
        visit.is_new = answer.is_new
        visit.is_refused = answer.is_request_error


_KEY_NAMES: Final = frozenset(
    {"key", "api_key", "apikey", "api-key", "access_token", "token", "authorization", "bearer"}
)


def _require_fit(headers: Mapping[bytes, bytes], query_string: bytes) -> None:
    """Refuse what no client of ours sends: a key in the address, another site's image or script.

    Nothing here is read or done by the power of a cookie, so that another site gains
    nothing by such a request; but its visitors would be made to ask on its behalf.
    """
    if headers.get(b"sec-fetch-site") == b"cross-site" and headers.get(b"sec-fetch-mode") in (
        b"no-cors",
        b"websocket",
    ):
        raise Wrong("CROSS_SITE", "other sites ask by CORS, where this server lets them")
    if query_string and any(
        pair.partition(b"=")[0].lower().decode("latin-1") in _KEY_NAMES
        or pair.partition(b"=")[2].startswith(b"ck_")
        for pair in query_string[:QUERY_STRING_LIMIT].split(b"&")
    ):
        raise Wrong(
            "KEY_IN_ADDRESS",
            "a key does not belong into an address, which others write down: revoke this one, and "
            "send another as 'Authorization: Bearer ck_…'",
        )
    if headers.get(b"upgrade", b"").lower() == b"websocket":
        raise Wrong("NOT_FOUND", "there are no subscriptions here, and no WebSocket")


def _require_known(media: str | None) -> None:
    if media is None:
        raise Wrong("NOT_ACCEPTABLE", f"answers come as {RESPONSE_TYPE} or {JSON_TYPE}, in UTF-8")


async def _posted(
    method: str,
    headers: Mapping[bytes, bytes],
    media: str | None,
    receive: Receive,
    visit: Visit | None,
) -> tuple[bytes, str | None]:
    """Return the body of a POST, and its idempotency key."""
    if method != "POST":
        raise Wrong("METHOD_NOT_ALLOWED", "GraphQL is spoken by POST and GET")
    _require_known(media)
    kind, *parameters = headers.get(b"content-type", b"").lower().split(b";")
    # Forms and plain text are what another site can make a browser send.
    if kind.strip() != b"application/json":
        raise Wrong("UNSUPPORTED_MEDIA_TYPE", "send the request as Content-Type: application/json")
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"charset" and value.strip(b' "') not in _UTF_8:
            raise Wrong("UNSUPPORTED_MEDIA_TYPE", "send the request in UTF-8")
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise Wrong("UNSUPPORTED_MEDIA_TYPE", "send the request without a Content-Encoding")
    key = idempotency_key_of(headers.get(b"idempotency-key"))
    return await _body(headers, receive, visit), key


_UTF_8: Final = (b"utf-8", b"utf8")


async def _body(headers: Mapping[bytes, bytes], receive: Receive, visit: Visit | None) -> bytes:
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared[:20]) > BODY_LIMIT:
        if visit is not None:
            visit.size = BODY_LIMIT
        raise Wrong("CONTENT_TOO_LARGE", f"a request has at most {BODY_LIMIT} bytes")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Wrong("BAD_JSON", "the connection was closed before the request was whole")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if visit is not None:
            visit.size = min(size, BODY_LIMIT)
            # Smaller ones are taken in whatever else is held.
            if size > SMALL_BODY:
                visit.hold(len(parts[-1]))
        if size > BODY_LIMIT:
            raise Wrong("CONTENT_TOO_LARGE", f"a request has at most {BODY_LIMIT} bytes")
        if not message.get("more_body", False):
            return b"".join(parts)


# --- responses ----------------------------------------------------------------

_VARY: Final[Header] = (b"vary", b"Accept, Authorization")
_NO_STORE: Final[Header] = (b"cache-control", b"no-store")
_REPLAYED: Final[Header] = (b"idempotency-replayed", b"true")


def _caching(answer: Reply, mark: str, *, is_private: bool) -> list[Header]:
    """Return what caches are told of the answer to a GET.

    They may keep what nothing but the log decides over, if they ask again each
    time: any commit may change it, and a redaction changes even an archive.
    """
    if not answer.is_pure:
        return [_NO_STORE]
    allowed = b"private, no-cache" if is_private else b"no-cache"
    if answer.tag is None:
        return [(b"cache-control", allowed)]
    return [(b"cache-control", allowed), (b"etag", f'"{answer.tag}.{mark}"'.encode())]


def _about(
    code: str | None, allowed: bytes = _ALLOWED, *, credential: str | None = None
) -> list[Header]:
    """Return the headers that a refusal needs beside its status.

    A credential that is refused is told from none at all (RFC 6750, section 3).
    """
    match code:
        case "METHOD_NOT_ALLOWED":
            return [(b"allow", allowed)]
        case "UNAUTHENTICATED":
            why = b"" if credential is None else b' error="invalid_token"'
            return [(b"www-authenticate", b"Bearer" + why)]
        case "IDEMPOTENCY_IN_PROGRESS" | "RATE_LIMITED" | "SERVER_BUSY":
            return [(b"retry-after", b"1")]
        case _:
            return []


async def _send_json(send: Send, status: int, media: str, body: bytes, extra: list[Header]) -> None:
    headers = [
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        _VARY,
        (b"x-content-type-options", b"nosniff"),
        *extra,
    ]
    if not any(name == b"cache-control" for name, _ in extra):
        headers.append(_NO_STORE)
    await _send(send, status, headers, body)


async def _send(send: Send, status: int, headers: list[Header], body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
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
    await _send(send, HTTPStatus.OK, headers, _GRAPHIQL.read_bytes())
