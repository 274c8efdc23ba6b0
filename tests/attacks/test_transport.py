"""Transport: what browsers can be made to send, half requests, headers, forged addresses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.attacking import (
    RESPONSE,
    Attack,
    Case,
    Reply,
    Target,
    cases,
    get,
    http,
    post,
    query,
)

READ = "{ actors(first: 1) { totalCount } }"
COMMIT = (
    'mutation { commit(input: { reason: { code: OTHER, note: "x" } operations: '
    '[{ addTransfer: { title: "Forged" } }] }) { changeset { position } userErrors { code } } }'
)
ELSEWHERE = {"Origin": "https://elsewhere.example"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def with_key(request: Any, **headers: str) -> Any:
    """Return what sends a request with an editor's key, which may commit."""
    return lambda target: request({"Authorization": f"Bearer {target.keys['editor']}", **headers})


def lets_nobody_in(reply: Reply) -> bool:
    """Whether a browser keeps an answer from a page of another site."""
    return not [name for name in reply.headers if name.startswith("access-control")]


def body_as(content_type: str | None, body: bytes) -> Any:
    """Return an editor's mutation as another site could send it, by a form for example."""
    kind = {} if content_type is None else {"Content-Type": content_type}
    return with_key(
        lambda headers: http(
            "POST", "/graphql", {"Accept": RESPONSE, **kind, **headers, **ELSEWHERE}, body
        )
    )


AS_JSON = json.dumps({"query": COMMIT}).encode()
FORM = b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n%b\r\n--x--\r\n' % AS_JSON
CHUNKED = b"POST /graphql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
ATTACKS = [
    Attack(
        "a mutation by GET, with and without a key",
        "405 METHOD_NOT_ALLOWED",
        [
            get(COMMIT),
            with_key(lambda headers: get(COMMIT, headers)),
            with_key(lambda headers: get(f"query A {{ a: __typename }} {COMMIT[:8]} B{COMMIT[8:]}",
                                         headers, operationName="B")),
        ],
        holds=lambda reply: reply.headers["allow"] == "POST",
    ),
    Attack(
        "other methods",
        "405 METHOD_NOT_ALLOWED",
        [
            http(method, "/graphql?query=%7B__typename%7D", {"Accept": "application/json"})
            for method in ("PUT", "DELETE", "PATCH", "TRACE", "QUERY", "PROPFIND")
        ],
    ),
    Attack(
        "a GET with a cookie, which is worth nothing here",
        "200, as for anybody",
        [get("{ viewer { authenticated } }", {"Cookie": "session=1; key=ck_live", **ELSEWHERE})],
        holds=lambda reply: lets_nobody_in(reply)
        and reply.json["data"]["viewer"] == {"authenticated": False},
    ),
    Attack(
        "POST as text/plain, as a form, as multipart, without a type",
        "415 UNSUPPORTED_MEDIA_TYPE",
        [
            body_as("text/plain", AS_JSON),
            body_as("text/plain;application/json", AS_JSON),
            body_as("application/x-www-form-urlencoded", b"query=" + COMMIT.encode()),
            body_as("multipart/form-data; boundary=x", FORM),
            body_as(None, AS_JSON),
            body_as("application/json, text/plain", AS_JSON),
            body_as("text/plain, application/json", AS_JSON),
            body_as("application/graphql", COMMIT.encode()),
            body_as("application/json; charset=utf-7", AS_JSON),
        ],
        holds=lets_nobody_in,
    ),
    Attack(
        "bodies that are packed",
        "415 UNSUPPORTED_MEDIA_TYPE",
        [post(AS_JSON, {"Content-Encoding": one}) for one in ("gzip", "br", "identity, gzip")],
    ),
    Attack(
        "answers that nobody can read",
        "406 NOT_ACCEPTABLE",
        [
            post(AS_JSON, {"Accept": one})
            for one in ("image/png", "application/json;q=0", "*/*;q=0")
        ],
    ),
    Attack(
        "an Accept header without end",
        "400 BAD_REQUEST",
        [post(AS_JSON, {"Accept": "a/b;q=0.1," * 1_000})],
    ),
    Attack(
        "a CORS preflight from elsewhere",
        "204, which lets no other site in",
        [
            http("OPTIONS", "/graphql", {
                **ELSEWHERE,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": headers,
            })
            for headers in ("content-type", "authorization, content-type", "idempotency-key")
        ],
        holds=lets_nobody_in,
    ),
    Attack(
        "a question from a page of another site, which must not read the answer",
        "200, for no other page to read",
        [
            query(READ, headers=ELSEWHERE),
            get(READ, ELSEWHERE),
            query(READ, headers={"Origin": "null"}),
        ],
        holds=lets_nobody_in,
    ),
    Attack(
        "a WebSocket, which is not spoken here: from elsewhere, with an old protocol, with none",
        "404, 200 as for any GET, or refused: nothing is upgraded",
        [
            http("GET", path, {**UPGRADE, "Accept": "*/*", **more})
            for path in ("/graphql", "/graphql?query=%7B__typename%7D", "/", "/ws")
            for more in (
                ELSEWHERE,
                {"Sec-WebSocket-Protocol": "graphql-ws"},
                {"Sec-WebSocket-Protocol": "graphql-transport-ws"},
            )
        ],
    ),
    Attack(
        "a forged Host, which no answer repeats",
        "200, 404, or refused; never repeated",
        [
            query(READ, headers={"Host": "evil.example"}),
            query(READ, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}),
            http("GET", "/graphql", {"Host": "evil.example", "Accept": "text/html"}),
            http("GET", "/static", {"Host": "evil.example"}),
            http("GET", "/graphql/", {"Host": "evil.example"}),
            http("GET", "/livez/", {"Host": "evil.example", "X-Forwarded-Proto": "javascript"}),
        ],
        holds=lambda reply: "evil" not in reply.text + str(reply.headers),
    ),
    Attack(
        "paths that lead out of the static files",
        "404",
        [
            http("GET", path)
            for path in (
                "/static/../graphql_http.py", "/static/%2e%2e/graphql_http.py", "/static/",
                "/static/..%2f..%2fmain.py", "/static//etc/passwd", "/static/%00",
                "/static/graphiql",
                "/static/graphiql/../../../settings.py", "/static/..\\main.py",
            )
        ],
    ),
    Attack(
        "10,000 ranges on a static file",
        "200, 206, or refused: nothing is multiplied",
        [
            http("GET", "/static/graphiql/page.js",
                 {"Range": "bytes=" + ",".join(f"{at}-{at}" for at in range(10_000))}),
            http("GET", "/static/graphiql/page.js",
                 {"Range": "bytes=" + ",".join("0-" for _ in range(1_200))}),
            http("GET", "/static/graphiql/page.css", {"Range": "bytes=0-0,-1,5-2,9999999-"}),
        ],
        most_bytes=30_000,
    ),
    Attack(
        "header sections without end",
        "refused",
        [
            http("POST", "/graphql", {"X-Long": "y" * 200_000}),
            http("GET", "/" + "a" * 200_000),
            http("GET", "/livez", {f"X-{number}": "y" * 900 for number in range(1_000)}),
            http("GET", "/livez", {f"X-{number}": "" for number in range(200)}),
        ],
    ),
    Attack(
        "requests that are none, and two ways to say how long one is",
        "refused",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET / HTTP/9.9\r\n\r\n",
            b"\x00" * 1_000 + b"\r\n\r\n",
            b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            b"POST /graphql HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n{}",
            CHUNKED.replace(b"\r\n", b"\r\nContent-Length: 4\r\n", 1) + b"f" * 20 + b"\r\n",
            CHUNKED + b"zz\r\n",
            b"GET /livez HTTP/1.1\r\nHost : a\r\nX\x00Y: b\r\n\r\n",
        ],
    ),
]  # fmt: skip

CASES, NAMES = cases(ATTACKS)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_request_that_attacks_is_answered_as_documented(target: Target, case: Case) -> None:
    target.withstands(*case)
