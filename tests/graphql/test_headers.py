"""What every answer carries, whichever way it went; other sites, and names of this server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.domain.errors import Unready
from app.main import create_app
from app.settings import Settings
from tests.graphql.asking import Ledger

QUERY = "{ __typename }"
NEWS = "https://news.example.org"
ROUTES = [
    ("GET", "/graphql", "text/html", 200),
    ("GET", "/graphql?query={__typename}", "*/*", 200),
    ("GET", "/graphql?query={", "*/*", 200),
    ("GET", "/graphql", "image/png", 406),
    ("OPTIONS", "/graphql", "*/*", 204),
    ("DELETE", "/graphql", "*/*", 405),
    ("GET", "/static/graphiql/page.js", "*/*", 200),
    ("GET", "/static/graphiql/nothing.js", "*/*", 404),
    ("GET", "/static/..%2f..%2fmain.py", "*/*", 404),
    ("POST", "/static/graphiql/page.js", "*/*", 405),
    ("GET", "/checkpoint", "*/*", 404),
    ("GET", "/tile/0/000.p/1", "*/*", 404),
    ("PUT", "/checkpoint", "*/*", 405),
    ("GET", "/livez", "*/*", 200),
    ("POST", "/livez", "*/*", 405),
    ("GET", "/readyz", "*/*", 200),
    ("GET", "/", "*/*", 404),
    ("GET", "/livez/", "*/*", 404),
]


@contextmanager
def served(ledger: Ledger, **settings: Any) -> Iterator[TestClient]:
    """Serve a ledger once more, set up in another way."""
    app = create_app(Settings(database_url=ledger.url, **settings))
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def open_to_news(both_demos: Mapping[str, Ledger]) -> Iterator[TestClient]:
    """The demo, reached by https, which pages of one other site may ask."""
    settings = {
        "cors_origins": f"{NEWS}, https://other.example",
        "public_url": "https://ledger.example.org",
        "allowed_hosts": "ledger.example.org, [::1]",
    }
    with served(both_demos["sqlite"], **settings) as client:
        client.headers["host"] = "ledger.example.org"
        yield client


@pytest.fixture
def here(both_demos: Mapping[str, Ledger]) -> TestClient:
    """The demo as it is served by default."""
    return both_demos["sqlite"].http


@pytest.mark.parametrize(("method", "path", "accept", "status"), ROUTES)
def test_every_answer_tells_browsers_to_be_strict(
    here: TestClient, method: str, path: str, accept: str, status: int
) -> None:
    answer = here.request(method, path, headers={"accept": accept})

    policy = answer.headers["content-security-policy"]
    assert answer.status_code == status
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] in ("same-origin", "cross-origin")
    assert "camera=()" in answer.headers["permissions-policy"]
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("POST", "/livez"), ("GET", "/static/../x")]
)
def test_what_is_not_there_is_a_problem_document(here: TestClient, method: str, path: str) -> None:
    answer = here.request(method, path)

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    assert answer.json()["type"] == "about:blank"


def test_ranges_of_static_files_are_left_alone(here: TestClient) -> None:
    path = "/static/graphiql/page.js"
    many = ",".join(f"{at}-{at}" for at in range(10_000))

    answers = [here.get(path, headers={"range": f"bytes={one}"}) for one in ("0-9", many)]

    assert {(one.status_code, one.content) for one in answers} == {(200, here.get(path).content)}


# --- names of this server ---------------------------------------------------------


def test_https_is_kept_to_where_the_world_comes_by_it(open_to_news: TestClient) -> None:
    assert "max-age=" in open_to_news.get("/livez").headers["strict-transport-security"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("ledger.example.org", 200),
        ("LEDGER.example.org:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("ledger.example.org.evil.example", 421),
    ],
)
def test_who_calls_the_server_by_another_name_is_misdirected(
    open_to_news: TestClient, host: str, status: int
) -> None:
    answer = open_to_news.get("/graphql?query={__typename}", headers={"host": host})

    assert answer.status_code == status
    assert "evil" not in answer.text
    assert open_to_news.get("/readyz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/livez/", "/static", "/graphql/", "/graphql"])
def test_nothing_is_made_from_the_name_that_a_request_gives(here: TestClient, path: str) -> None:
    answer = here.get(path, headers={"host": "evil.example"}, follow_redirects=False)

    assert "evil.example" not in answer.text + str(answer.headers)


# --- other sites --------------------------------------------------------------------


def test_other_sites_read_nothing_by_default(here: TestClient) -> None:
    for method in ("OPTIONS", "POST", "GET"):
        answer = here.request(method, "/graphql", headers={"origin": NEWS})
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_site_that_is_named_may_ask_with_a_key_and_read(open_to_news: TestClient) -> None:
    asks = {
        "origin": NEWS,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type, idempotency-key",
    }

    preflight = open_to_news.options("/graphql", headers=asks)
    answer = open_to_news.post("/graphql", json={"query": QUERY}, headers={"origin": NEWS})

    allowed = preflight.headers["access-control-allow-headers"]
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == NEWS
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert {"authorization", "content-type", "idempotency-key"} <= set(allowed.split(", "))
    assert answer.headers["access-control-allow-origin"] == NEWS
    assert "ratelimit" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in {*preflight.headers, *answer.headers}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{NEWS}.evil.example", "http://news.example.org"]
)
def test_other_sites_still_read_nothing(open_to_news: TestClient, origin: str) -> None:
    for method in ("OPTIONS", "POST"):
        answer = open_to_news.request(method, "/graphql", headers={"origin": origin})

        assert "access-control-allow-origin" not in answer.headers
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("origins", ["*", "news.example.org", f"{NEWS}/", "https://*.example.org"])
def test_an_origin_is_named_exactly(origins: str) -> None:
    with pytest.raises(Unready, match="is no origin"):
        create_app(Settings(database_url="sqlite:///x.db", cors_origins=origins))


@pytest.mark.parametrize(
    ("mode", "status"), [("no-cors", 403), ("cors", 200), ("navigate", 200), ("same-origin", 200)]
)
def test_an_image_or_script_of_another_site_is_refused(
    here: TestClient, mode: str, status: int
) -> None:
    """Its visitors would be made to ask, though it could not read what they are told."""
    site = {"sec-fetch-site": "cross-site", "sec-fetch-mode": mode}

    answer = here.get("/graphql?query={__typename}", headers=site)

    assert answer.status_code == status


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_cookie_is_nobodys_key(both_demos: Mapping[str, Ledger], method: str) -> None:
    demo = both_demos["sqlite"]
    key = demo.keys["editor"]
    cookie = {"cookie": f"key={key}; authorization=Bearer {key}; session={key}"}
    query = "{ viewer { authenticated } }"

    if method == "GET":
        answer = demo.http.get("/graphql", params={"query": query}, headers=cookie)
    else:
        answer = demo.http.post("/graphql", json={"query": query}, headers=cookie)

    assert answer.json()["data"] == {"viewer": {"authenticated": False}}


@pytest.mark.parametrize(
    "name", ["key", "access_token", "api_key", "token", "authorization", "query", "anything"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_key_in_the_address_is_refused_and_not_repeated(
    both_demos: Mapping[str, Ledger], method: str, name: str
) -> None:
    demo = both_demos["sqlite"]
    key = demo.keys["editor"]

    answer = demo.http.request(method, "/graphql", params={name: key}, json={"query": QUERY})

    (error,) = answer.json()["errors"]
    assert answer.status_code == 400
    assert error["extensions"]["code"] == "KEY_IN_ADDRESS"
    assert key not in json.dumps(answer.json())
