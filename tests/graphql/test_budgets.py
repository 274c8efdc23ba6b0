"""Budgets over HTTP: what is told, who is turned away, and who is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.commands.submit import submit
from app.graphql import editing
from app.main import create_app
from app.settings import Settings
from app.store.aside import METER
from tests.databases import KINDS
from tests.graphql.asking import NOTE, Ledger
from tests.graphql.conftest import Ledgers
from tests.serving import eventually, serving

NOON = 1_000_000.0
QUERY = "{ actors(first: 3) { nodes { name } } }"
OTHER = "{ items(first: 3) { nodes { name } } }"


class Clock:
    """A clock that stands."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@contextmanager
def bounded(demo: Ledger, clock: Clock, **settings: Any) -> Iterator[Ledger]:
    """Serve a demo once more, with other budgets and a clock that stands."""
    app = create_app(Settings(database_url=demo.url, **settings), clock=clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Ledger(demo.url, client, demo.keys)


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


@pytest.fixture
def small(both_demos: Mapping[str, Ledger], clock: Clock) -> Iterator[Ledger]:
    """The demo, where strangers are given little and keys a lot; nobody else charges them."""
    with bounded(both_demos["sqlite"], clock, stranger_budget=20_000, key_budget=10**7) as ledger:
        yield ledger


def post(ledger: Ledger, query: str = QUERY, **headers: str) -> Any:
    return ledger.http.post("/graphql", json={"query": query}, headers=headers)


def left(response: Any) -> int:
    """Return what is left by the field RateLimit."""
    match = re.fullmatch(r'"default";r=(\d+);t=(\d+)', response.headers["ratelimit"])
    assert match is not None
    return int(match[1])


def spend(ledger: Ledger, **headers: str) -> Any:
    """Ask for nonsense until that is refused; return the refusal."""
    for number in range(200):
        response = post(ledger, f"{{ nothing{number} }}", **headers)
        if response.status_code == 429:
            return response
    raise AssertionError("there was no end of it")


def test_every_answer_tells_what_is_given_and_what_is_left(small: Ledger) -> None:
    first = post(small)
    post(small, "{ nothing }")
    second = post(small)

    assert first.headers["ratelimit-policy"] == '"default";q=20000;w=60'
    assert 0 < left(second) < left(first) < 20_000


def test_a_kept_answer_is_charged_next_to_nothing(small: Ledger) -> None:
    query = "{ actors(first: 100) { nodes { id name claims(first: 20) { nodes { id } } } } }"
    charged = []
    for _ in range(4):
        before = left(post(small))
        post(small, query)
        charged.append(before - left(post(small)))

    assert charged[0] > 2_000 > 10 * min(charged[2:])


def test_whoever_has_spent_a_budget_is_turned_away_until_there_is_more(
    small: Ledger, clock: Clock
) -> None:
    refused = spend(small)
    clock.now += int(refused.headers["retry-after"])
    served = post(small)

    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert left(refused) == 0
    assert served.json()["data"]["actors"]["nodes"]


def test_the_refusal_comes_before_the_body_is_read(small: Ledger) -> None:
    spend(small)

    refused = small.http.post("/graphql", content=b"{" * 900_000)

    assert refused.status_code == 429


def test_large_bodies_are_dear_and_never_a_defect(small: Ledger) -> None:
    """What is read in another thread is not read any more where the budget ends meanwhile."""
    body = b'{"query": "{ __typename }", "x": [' + b'{"a" : 1},' * 20_000 + b"1]}"
    headers = {"content-type": "application/json"}

    def ask(_number: int) -> int:
        return small.http.post("/graphql", content=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(ask, range(60)))

    assert statuses == {200, 429}


def test_a_key_is_counted_by_itself_and_not_by_its_address(small: Ledger) -> None:
    bearer = f"Bearer {small.keys['editor']}"
    assert post(small, authorization=bearer).status_code == 200
    spend(small)

    by_key = post(small, OTHER, authorization=bearer)
    by_nobody = post(small)
    by_a_false_key = post(small, authorization=bearer[:-1] + "x")

    assert by_key.status_code == 200
    assert by_key.headers["ratelimit-policy"] == '"default";q=10000000;w=60'
    assert [by_nobody.status_code, by_a_false_key.status_code] == [429, 429]


@pytest.mark.parametrize("spelled", ["bearer {}", "BEARER {}", "Bearer   {}"])
def test_a_key_that_has_spent_its_budget_has_no_other_under_another_spelling(
    both_demos: Mapping[str, Ledger], clock: Clock, spelled: str
) -> None:
    """A key that is not known by its header yet is told by its holder, and turned away then."""
    with bounded(both_demos["sqlite"], clock, key_budget=20_000) as ledger:
        key = ledger.keys["editor"]
        spend(ledger, Authorization=f"Bearer {key}")

        refused = post(ledger, Authorization=spelled.format(key))

        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert post(ledger).status_code == 200


def test_other_files_are_refused_as_problems_and_health_is_never(small: Ledger) -> None:
    spend(small)

    tile, page, alive, ready = (
        small.http.get(path)
        for path in ("/checkpoint", "/static/graphiql/page.js", "/livez", "/readyz")
    )

    assert [tile.status_code, page.status_code] == [429, 429]
    assert tile.headers["content-type"] == "application/problem+json"
    assert int(tile.headers["retry-after"]) > 0
    assert [alive.status_code, ready.status_code] == [200, 200]


def test_guessing_keys_has_an_end(small: Ledger) -> None:
    statuses = {
        post(small, authorization=f"Bearer ck_demo_{number}").status_code for number in range(120)
    }

    assert statuses == {401, 429}


def test_without_a_budget_nothing_is_told_and_nobody_refused(
    both_demos: Mapping[str, Ledger], clock: Clock
) -> None:
    with bounded(both_demos["sqlite"], clock, stranger_budget=0, key_budget=0) as ledger:
        answers = [post(ledger, f"{{ nothing{number} }}") for number in range(50)]

    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit" not in answers[0].headers


# --- behind proxies ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name", "one", "other"),
    [
        ("x-forwarded-for", "X-Forwarded-For", "192.0.2.1", "192.0.2.2"),
        (
            "x-forwarded-for",
            "X-Forwarded-For",
            "1.1.1.1, 192.0.2.1, 10.1.2.3",
            "1.1.1.1, 192.0.2.2",
        ),
        ("x-forwarded-for", "X-Forwarded-For", "2001:db8::1", "2001:db8:0:1::1"),
        ("forwarded", "Forwarded", 'for="[2001:db8::1]:80";proto=https', "for=192.0.2.2"),
    ],
)
def test_a_trusted_proxy_says_for_whom_it_asks(
    both_demos: Mapping[str, Ledger], clock: Clock, header: str, name: str, one: str, other: str
) -> None:
    trusted = {"trusted_proxies": "10.0.0.0/8,::1", "forwarded_header": header}
    app = create_app(
        Settings(database_url=both_demos["sqlite"].url, stranger_budget=20_000, **trusted),
        clock=clock,
    )
    with TestClient(app, client=("10.0.0.1", 1)) as http:
        ledger = Ledger("", http, {})
        spend(ledger, **{name: one})

        assert post(ledger, **{name: one}).status_code == 429
        assert post(ledger, **{name: other}).status_code == 200


def test_nobody_else_is_believed(small: Ledger) -> None:
    spend(small)

    assert post(small, **{"X-Forwarded-For": "192.0.2.7"}).status_code == 429


def test_an_ipv6_client_is_counted_by_its_network(
    both_demos: Mapping[str, Ledger], clock: Clock
) -> None:
    settings = Settings(database_url=both_demos["sqlite"].url, stranger_budget=20_000)
    app = create_app(settings, clock=clock)
    addresses = ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")
    one, near, far = (Ledger("", TestClient(app, client=(one, 1)), {}) for one in addresses)
    with one.http:
        spend(one)

        assert [post(near).status_code, post(far).status_code] == [429, 200]


# --- several processes ------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_give_from_one_budget(ledgers: Ledgers, kind: str) -> None:
    """What is spent at one server is missing at the other, a moment later."""
    with ledgers.copied(kind, filled=True) as (url, keys):
        here = create_app(Settings(database_url=url, stranger_budget=50_000))
        with (
            serving(url, CORRIGENDA_STRANGER_BUDGET="50000") as elsewhere,
            TestClient(here, client=("127.0.0.1", 1)) as http,
        ):
            assert elsewhere.get("/checkpoint")[0] == 404
            spend(Ledger(url, http, keys))

            eventually(lambda: elsewhere.get("/checkpoint")[0] == 429, 5)


def test_who_has_written_something_is_told_so_whatever_is_left(
    ledgers: Ledgers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RATE_LIMITED means that nothing was done, and so that it may be sent again."""

    def spending(*given: Any, **more: Any) -> Any:
        outcome = submit(*given, **more)
        client: Any = METER.get().client  # type: ignore[union-attr]
        client.budget.charge(10**9, clock())
        return outcome

    monkeypatch.setattr(editing, "submit", spending)
    actor = {"addActor": {"name": "Russia", "kind": "STATE"}}
    given = {"reason": {"code": "OTHER", "note": NOTE}, "operations": [actor]}
    wanted = "changeset { position } records { ...R } userErrors { code current { ...R } }"
    fields = " ".join(f"a{n}: claims(first: {n}) {{ totalCount }}" for n in range(1, 4))
    query = (
        f"mutation ($i: CommitInput!) {{ one: commit(input: $i) {{ {wanted} }} "
        f"two: commit(input: $i) {{ {wanted} }} }} fragment R on Record {{ id {fields} }}"
    )
    with ledgers.copied("sqlite", filled=False) as (url, keys):
        settings = Settings(database_url=url, max_cost=10**6)
        with TestClient(create_app(settings, clock=clock)) as client:
            headers = {"Authorization": f"Bearer {keys['editor']}"}
            body = {"query": query, "variables": {"i": given}}
            first = client.post("/graphql", json=body, headers=headers)
            second = client.post("/graphql", json=body, headers=headers)

    assert "data" in first.json(), first.text
    done = first.json()["data"]
    assert done["two"]["changeset"]["position"] == done["one"]["changeset"]["position"] + 1
    assert second.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
