"""GraphQL over HTTP: methods, media types and status codes; health; and that defects tell nothing.

The rules are those of GraphQL over HTTP (September 2026) and RFC 9110.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import sqlalchemy as sa

from app.store.database import parse_url
from tests.graphql.asking import COMMIT, DEMO, Ledger, served
from tests.serving import eventually

QUERY = "{ actors(first: 1) { totalCount } }"
PARTIAL = "{ log { position inclusionProof(position: 1, size: 999999) { index } } }"
MUTATION = (
    'mutation { commit(input: { reason: { code: OTHER, note: "x" } operations: '
    '[{ addTransfer: { title: "x" } }] }) { changeset { position } } }'
)
RESPONSE = "application/graphql-response+json"
JSON = "application/json"


@pytest.fixture
def one_demo(both_demos: Mapping[str, Ledger]) -> Ledger:
    """The demo on SQLite: what is said over HTTP is the same on both."""
    return both_demos["sqlite"]


def post(ledger: Ledger, body: Any, *, content_type: str = JSON, **headers: Any) -> Any:
    """Post a body as it is, or as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ledger.http.post(
        "/graphql", content=content, headers={"content-type": content_type, **headers}
    )


def is_plain_error(response: Any, status: int, says: str = "") -> bool:
    """Whether a response is an error that a client can read and a person understand."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].partition(";")[0] in (JSON, RESPONSE)
    (error,) = response.json()["errors"]
    assert says in error["message"]
    assert error["extensions"]["code"] not in ("INTERNAL", None)
    return "Traceback" not in response.text


# --- what is asked, and how -------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("*/*", JSON),
        (JSON, JSON),
        (RESPONSE, RESPONSE),
        (f"{RESPONSE}, {JSON};q=0.9", RESPONSE),
        (f"{JSON}, {RESPONSE};q=0.9", JSON),
        ("application/*", JSON),
        ("application/*;q=0.1, APPLICATION/GRAPHQL-RESPONSE+JSON", RESPONSE),
        (f"{RESPONSE};charset=utf-8", RESPONSE),
        (f"{RESPONSE}; charset=UTF-8, {JSON}; charset=UTF-8", RESPONSE),
        (f"{RESPONSE};charset=utf-16, {JSON};q=0.1", JSON),
        (f"{JSON};q=0, {RESPONSE};q=0.1", RESPONSE),
        ("text/event-stream, */*;q=0.1", JSON),
    ],
)
def test_an_answer_comes_in_the_media_type_that_is_asked_for(
    one_demo: Ledger, accept: str | None, media: str
) -> None:
    one_demo.http.headers.pop("accept", None)

    response = post(one_demo, {"query": QUERY}, **({"accept": accept} if accept else {}))

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media}; charset=utf-8"
    assert "accept" in response.headers["vary"].lower()
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.json()["data"]["actors"]["totalCount"] > 10


def test_an_answer_that_nobody_can_read_is_not_acceptable(one_demo: Ledger) -> None:
    response = post(one_demo, {"query": QUERY}, accept="image/png")

    assert is_plain_error(response, 406, RESPONSE)


@pytest.mark.parametrize(
    "accept", ["image/png", f"{JSON};q=0", f"{JSON};charset=utf-16", "", "image/*, text/plain"]
)
def test_what_takes_neither_media_type_is_not_acceptable(one_demo: Ledger, accept: str) -> None:
    response = post(one_demo, {"query": QUERY}, accept=accept)

    assert is_plain_error(response, 406)


def test_a_header_that_comes_twice_is_one_list(one_demo: Ledger) -> None:
    """RFC 9110, section 5.3: the order of the lines is the order of the list."""
    lines = [("content-type", JSON), ("accept", "image/png"), ("accept", RESPONSE)]

    response = one_demo.http.post("/graphql", content=json.dumps({"query": QUERY}), headers=lines)

    assert response.headers["content-type"] == f"{RESPONSE}; charset=utf-8"


def test_an_accept_header_without_end_is_refused(one_demo: Ledger) -> None:
    response = post(one_demo, {"query": QUERY}, accept="image/png, " * 500)

    assert is_plain_error(response, 400, "2000")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ actors(first: 999) { totalCount nodes { id } } }", "BAD_ARGUMENT"),
        ("query ($n: Int!) { actors(first: $n) { totalCount } }", "BAD_VARIABLES"),
    ],
)
def test_a_wrong_document_is_400_to_those_who_know_and_200_to_others(
    one_demo: Ledger, document: str, code: str
) -> None:
    """A client that asks for application/json alone takes any other status for no GraphQL."""
    knowing = post(one_demo, {"query": document}, accept=RESPONSE)
    other = post(one_demo, {"query": document}, accept=JSON)

    assert (knowing.status_code, other.status_code) == (400, 200)
    assert knowing.json() == other.json()
    assert "data" not in knowing.json()
    assert {error["extensions"]["code"] for error in knowing.json()["errors"]} == {code}


@pytest.fixture(scope="module")
def by_the_letter(both_demos: Mapping[str, Ledger]) -> Iterator[Ledger]:
    """The demo, served with the statuses of the specification of 2026."""
    demo = both_demos["sqlite"]
    with served(demo.url, demo.keys, status_codes="2026") as ledger:
        yield ledger


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": QUERY}, 200),
        ({"query": "{"}, 400),
        (b"{", 400),
        ({"query": 3}, 422),
        ({}, 422),
        ({"query": "{ nothing }"}, 422),
        ({"query": "query A { __typename } query B { __typename }"}, 422),
        ({"query": "query ($n: Int!) { actors(first: $n) { totalCount } }"}, 422),
        ({"query": "{ actors(first: 999) { nodes { id } } }"}, 422),
        ({"query": MUTATION}, 401),
        ({"query": PARTIAL}, 294),
    ],
)
def test_the_specification_of_2026_has_statuses_of_its_own(
    by_the_letter: Ledger, body: Any, status: int
) -> None:
    """422 for what can be read but not processed, 294 for data with errors."""
    response = post(by_the_letter, body, accept=RESPONSE)

    assert response.status_code == status
    assert response.headers["content-type"].startswith(RESPONSE)
    assert ("data" in response.json()) == (status < 300)


def test_who_asks_for_plain_json_gets_200_in_2026_as_well(by_the_letter: Ledger) -> None:
    statuses = [
        post(by_the_letter, {"query": document}, accept=JSON).status_code
        for document in (QUERY, "{", "{ nothing }", PARTIAL)
    ]

    assert statuses == [200, 200, 200, 200]


def test_get_answers_queries_with_variables(one_demo: Ledger) -> None:
    query = "query Named($n: Int) { actors(first: $n) { nodes { name } } }"
    given = {"query": query, "variables": json.dumps({"n": 2}), "operationName": "Named"}

    response = one_demo.http.get("/graphql", params=given)

    assert response.status_code == 200
    assert len(response.json()["data"]["actors"]["nodes"]) == 2


def test_head_answers_with_the_header_section_of_get_alone(one_demo: Ledger) -> None:
    address = "/graphql?" + urlencode({"query": QUERY})

    head, get = one_demo.http.head(address), one_demo.http.get(address)

    assert head.status_code == get.status_code == 200
    assert head.headers["content-length"] == str(len(get.content))
    assert head.content == b""


@pytest.mark.parametrize("role", [None, "editor"])
def test_a_mutation_by_get_is_not_allowed_and_writes_nothing(
    one_demo: Ledger, role: str | None
) -> None:
    headers = {"authorization": f"Bearer {one_demo.keys[role]}"} if role else {}

    response = one_demo.http.get("/graphql", params={"query": MUTATION}, headers=headers)

    assert is_plain_error(response, 405, "POST")
    assert response.headers["allow"] == "POST"
    assert one_demo.head() == DEMO


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "QUERY"])
def test_other_methods_are_not_allowed(one_demo: Ledger, method: str) -> None:
    response = one_demo.http.request(method, "/graphql", params={"query": QUERY})

    assert is_plain_error(response, 405)
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_options_tells_the_methods_and_lets_no_other_site_in(one_demo: Ledger) -> None:
    asked = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}

    response = one_demo.http.options("/graphql", headers=asked)

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "",
     "application/graphql", "application/jsonp", "application/json, text/plain",
     "application/json; charset=utf-16", "application/json; charset=iso-8859-1"],
)  # fmt: skip
def test_a_body_that_another_site_could_send_is_not_taken(
    one_demo: Ledger, content_type: str
) -> None:
    response = post(one_demo, {"query": QUERY}, content_type=content_type)

    assert is_plain_error(response, 415, "UTF-8" if "charset" in content_type else "json")


def test_a_body_that_is_packed_is_not_taken(one_demo: Ledger) -> None:
    response = post(one_demo, {"query": QUERY}, **{"content-encoding": "gzip"})

    assert is_plain_error(response, 415, "Content-Encoding")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_carry_parameters(one_demo: Ledger, content_type: str) -> None:
    assert post(one_demo, {"query": QUERY}, content_type=content_type).status_code == 200


NESTED = b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"{",
        b'{"query": ',
        b'{"query": "{ __typename }"',
        b'{"query": "\xff\xfe{ __typename }"}',
        '{"query": "{ __typename }"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"query": "{ __typename }"}',
        b'{"query": "{ __typename }", "variables": {"n": NaN}}',
        b'{"query": "{ __typename }", "variables": {"n": Infinity}}',
        b'{"query": "{ __typename }", "variables": {"n": 1e400}}',
        b'{"query": "{ __typename }", "variables": {"n": ' + b"9" * 10_000 + b"}}",
        b'{"query": "\\ud800"}',
        NESTED + b"}}",
        b"null",
        b"3",
        b'"{ __typename }"',
        b'[{"query": "{ __typename }"}]',
        b"[]",
        b"{}",
        b'{"query": null}',
        b'{"query": ""}',
        b'{"query": 3}',
        b'{"query": {"a": 1}}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "variables": "x"}',
        b'{"query": "{ __typename }", "operationName": 3}',
        b'{"query": "{ __typename }", "extensions": 3}',
        b'{"query": "{ __typename }", "extensions": "{}"}',
        b'{"query": "{ __typename }", "query": "{ __typename }"}',
        b'{"query": "{ __typename }", "variables": {"a": 1, "a": 2}}',
        b'{"query": "{ __typename }", "variables": {"x": [{"a": 1, "\\u0061": 2}]}}',
        b'{"query": "{ __typename }", "x": ' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"query": "{ __typename }", "x": ' + b"[" * 1_010 + b"]" * 1_010 + b"}",
        b'{"query": "\xed\xa0\x80"}',
        b'{"query": "{ __typename }"} {}',
    ],
)
def test_a_body_that_is_no_request_is_told_so(one_demo: Ledger, body: bytes) -> None:
    assert is_plain_error(post(one_demo, body), 400)


def test_a_member_that_stands_twice_is_named(one_demo: Ledger) -> None:
    """One reader takes the first, another the last: what was checked may not be what is run."""
    body = b'{"query": "{ __typename }", "variables": {"role": "a", "role": "b"}}'

    assert is_plain_error(post(one_demo, body), 400, "the member 'role' twice")


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=",
        "variables={}",
        "query=%7B%20__typename%20%7D&variables=nonsense",
        "query=%7B%20__typename%20%7D&variables=%5B%5D",
        "query=%FF%FE",
        "query=%7B%20__typename%20%7D&variables=" + quote('{"a":' + "[" * 5000 + "]" * 5000 + "}"),
        "nonsense",
        "query=%7B%20__typename%20%7D&query=%7B%20__typename%20%7D",
        "query=%7B%20__typename%20%7D&variables=%7B%22a%22%3A1%2C%22a%22%3A2%7D",
        "query=%7B%20__typename%20%7D&extensions=nonsense",
        "query=%ED%A0%80",
    ],
)
def test_a_query_string_that_is_no_request_is_told_so(one_demo: Ledger, query_string: str) -> None:
    response = one_demo.http.get(f"/graphql?{query_string}", headers={"accept": JSON})

    assert is_plain_error(response, 400)


def test_a_query_string_without_end_is_too_long(one_demo: Ledger) -> None:
    response = one_demo.http.get("/graphql?query=" + "%20" * 20_010, headers={"accept": JSON})

    assert is_plain_error(response, 414, "60000")


def test_an_empty_parameter_counts_as_absent(one_demo: Ledger) -> None:
    """But `operationName=null` names an operation called null."""
    given = "query=query%20null%20%7B%20__typename%20%7D&variables=&extensions="

    empty = one_demo.http.get(f"/graphql?{given}&operationName=")
    named = one_demo.http.get(f"/graphql?{given}&operationName=null")

    assert empty.json()["data"] == named.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_a_million_bytes_is_not_read(one_demo: Ledger, declared: bool) -> None:  # noqa: FBT001
    parts = [b'{"query": "{ __typename }", "x": "', b"a" * 1_000_000, b'"}']
    content: Any = b"".join(parts) if declared else iter(parts)

    response = one_demo.http.post(
        "/graphql", content=content, headers={"content-type": "application/json"}
    )

    assert is_plain_error(response, 413, "1000000")


def test_unknown_members_of_a_request_are_left_alone(one_demo: Ledger) -> None:
    body = {"query": QUERY, "variables": None, "operationName": None, "extensions": {}, "id": "x"}

    assert post(one_demo, body).status_code == 200


# --- keys -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        b"Bearer nonsense",
        b"Bearer ck_demo_AAAA_BBBB",
        b"Bearer",
        b"Bearer  ",
        b"Basic YTpi",
        b"",
        b"Bearer \xe9\xff",
    ],
)
def test_a_key_that_is_none_is_unauthenticated(one_demo: Ledger, authorization: bytes) -> None:
    response = post(one_demo, {"query": QUERY}, authorization=authorization)

    assert is_plain_error(response, 401)
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_key_with_one_letter_changed_is_unauthenticated(one_demo: Ledger) -> None:
    key = one_demo.keys["editor"]
    other = key[:20] + ("A" if key[20] != "A" else "B") + key[21:]

    response = post(one_demo, {"query": QUERY}, authorization=f"Bearer {other}")

    assert is_plain_error(response, 401)
    assert other not in response.text


def test_the_scheme_of_a_key_is_read_in_any_case(one_demo: Ledger) -> None:
    response = post(
        one_demo, {"query": "{ viewer { role } }"},
        authorization=f"bearer {one_demo.keys['editor']}",
    )  # fmt: skip

    assert response.json()["data"]["viewer"] == {"role": "EDITOR"}


def test_answers_to_a_key_are_not_stored_by_others(one_demo: Ledger) -> None:
    response = post(one_demo, {"query": QUERY})

    assert "no-store" in response.headers["cache-control"]
    assert "authorization" in response.headers["vary"].lower()


# --- pages and health -------------------------------------------------------------


def test_a_browser_gets_graphiql_from_our_own_assets_alone(one_demo: Ledger) -> None:
    response = one_demo.http.get(
        "/graphql", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    )

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http://" not in response.text
    assert "https://" not in response.text


def test_whatever_the_page_of_graphiql_loads_is_there(one_demo: Ledger) -> None:
    page = one_demo.http.get("/graphql", headers={"accept": "text/html"}).text
    loaded = [part.partition('"')[0] for part in page.split('="/static/')[1:]]

    statuses = {one: one_demo.http.get(f"/static/{one}").status_code for one in loaded}

    assert len(statuses) >= 4
    assert set(statuses.values()) == {200}


def test_a_query_in_a_browsers_address_line_is_answered_as_json(one_demo: Ledger) -> None:
    response = one_demo.http.get(
        "/graphql", params={"query": QUERY}, headers={"accept": "text/html,*/*;q=0.8"}
    )

    assert response.status_code == 200
    assert response.json()["data"]["actors"]["totalCount"] > 10


def test_static_files_are_those_of_their_folder_alone(one_demo: Ledger) -> None:
    for path in ("/static/../graphql_http.py", "/static/%2e%2e/graphql_http.py", "/static/"):
        assert one_demo.http.get(path).status_code == 404


def test_health_tells_that_the_process_runs_and_how_far_the_ledger_goes(demo: Ledger) -> None:
    live, ready = demo.http.get("/livez"), demo.http.get("/readyz")

    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ok", "position": DEMO, "search": "complete", "log": "unsigned"},
    )


@pytest.mark.parametrize("path", ["/", "/nothing", "/graphql/", "/docs", "/openapi.json"])
def test_there_is_nothing_else(one_demo: Ledger, path: str) -> None:
    assert one_demo.http.get(path, follow_redirects=False).status_code in (307, 404)


# --- defects ----------------------------------------------------------------------


def spoil(ledger: Ledger, table: str = "head") -> None:
    """Take away what the ledger is read from, as no request could."""
    engine = sa.create_engine(parse_url(ledger.url))
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE {table} RENAME TO elsewhere"))
    engine.dispose()


def test_a_defect_tells_its_log_id_and_nothing_else(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    """No SQL, no names, no traceback: what happened stands in the log, under that id."""
    spoil(ledger)

    response = post(ledger, {"query": QUERY})

    assert response.status_code == 500
    assert response.json().keys() == {"errors"}
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL"}
    assert "log id is" in error["message"]
    for word in ("head", "SELECT", "sqlite", "asyncpg", "Error", "app/", "psycopg"):
        assert word not in response.text
    log_id = error["message"].rpartition(" ")[2]
    captured = capsys.readouterr()
    assert log_id in captured.out + captured.err


def test_a_defect_in_an_edit_writes_nothing_of_it_into_the_server_s_log(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is logged outlives a redaction, and is read by others than the ledger."""
    spoil(ledger, "header")
    reason = {"code": "OTHER", "note": "Marker of all", "internalNote": "Marker of the desk"}
    added = [{"addItem": {"name": "Marker of an item", "kind": "OTHER"}}]

    message = ledger.fault(
        COMMIT, {"input": {"reason": reason, "operations": added}}, role="editor"
    )[1]

    captured = capsys.readouterr()
    logged = captured.out + captured.err
    assert message.rpartition(" ")[2] in logged
    assert "header" in logged
    assert "Marker" not in logged


def test_a_defect_in_an_edit_tells_no_more(ledger: Ledger) -> None:
    spoil(ledger)

    response = post(ledger, {"query": MUTATION}, authorization=f"Bearer {ledger.keys['editor']}")

    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL"}
    assert response.json()["data"] is None
    for word in ("head", "INSERT", "sqlite", "asyncpg", "psycopg"):
        assert word not in response.text


def test_a_defect_in_looking_up_a_key_tells_no_more(ledger: Ledger) -> None:
    spoil(ledger, "key")

    response = post(ledger, {"query": QUERY}, authorization=f"Bearer {ledger.keys['editor']}")

    assert response.status_code == 500
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL"}
    assert ledger.keys["editor"] not in response.text


def test_a_ledger_that_cannot_be_read_is_not_ready(ledger: Ledger) -> None:
    spoil(ledger)

    ready, live = ledger.http.get("/readyz"), ledger.http.get("/livez")

    assert ready.status_code == 503
    assert ready.json()["status"] == "unready"
    assert "SELECT" not in ready.text
    assert live.status_code == 200


def test_what_is_told_of_readiness_is_never_old(ledger: Ledger) -> None:
    """It is looked at twice a second, however many ask."""
    before = {ledger.http.get("/readyz").status_code for _ in range(20)}

    spoil(ledger)

    assert before == {200}
    assert eventually(lambda: ledger.http.get("/readyz").status_code == 503, 5)
