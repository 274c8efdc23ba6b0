"""Access: keys that are none, powers that nobody gave, words put into other mouths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.keys import checksum, new_key
from app.store.database import parse_url
from tests.attacks.attacking import (
    Attack,
    Case,
    Send,
    Target,
    bearer,
    cases,
    get,
    http,
    query,
)
from tests.databases import Databases
from tests.graphql.asking import served

WHO = "{ viewer { authenticated role } }"
COMMIT = "mutation ($input: CommitInput!) { commit(input: $input) { userErrors { code } } }"
REASON = {"code": "OTHER", "note": "An attack."}


def mistyped(key: str) -> str:
    """Return a key with one wrong character."""
    other = "A" if key[12] != "A" else "B"
    return key[:12] + other + key[13:]


def shown(change: Callable[[str], str]) -> Send:
    """Return what shows an editor's key, changed."""
    return lambda target: query(WHO, headers=bearer(change(target.keys["editor"])))


def in_the_address(name: str) -> Send:
    """Return what carries an editor's key in the query string."""
    return lambda target: get(WHO, **{name: target.keys["editor"]})


def committing(more: Mapping[str, Any], operations: Any = ()) -> Send:
    """Return an editor's commit with something in its input that is not the editor's to say."""
    body = {"reason": REASON, "operations": list(operations), **more}
    return lambda target: query(COMMIT, {"input": body}, bearer(target.keys["editor"]))


def adding(**more: Any) -> Send:
    """Return an editor's commit that adds a transfer, with something smuggled into it."""
    return committing({}, [{"addTransfer": {"title": "Forged", **more}}])


UNKNOWN = new_key("live", b"\x07" * 32)
ATTACKS = [
    Attack(
        "a key with a wrong checksum (no query is made)",
        "401 UNAUTHENTICATED",
        [
            shown(mistyped),
            shown(lambda key: key[:-1] + ("A" if key[-1] != "A" else "B")),
            shown(lambda key: key.replace("ck_demo", "ck_live") + "x"),
            shown(str.upper),
            shown(lambda key: key[:-1]),
        ],
        holds=lambda reply: reply.headers["www-authenticate"] == 'Bearer error="invalid_token"',
    ),
    Attack(
        "a key that is well made and nobody's",
        "401 UNAUTHENTICATED",
        [
            query(WHO, headers=bearer(UNKNOWN)),
            shown(lambda key: f"{key[:8]}{'0' * 43}_{checksum('0' * 43)}"),
        ],
    ),
    Attack(
        "what is no key",
        "401 UNAUTHENTICATED",
        [
            query(WHO, headers={"Authorization": one})
            for one in ("Bearer", "Bearer  ", "Basic YTpi", "Digest x", "Bearer null",
                        "Bearer " + "a" * 5_000, "Bearer ' OR 1=1 --", "", "Bearer \xff\xfe")
        ],
    ),
    Attack(
        "two keys at once",
        "401 UNAUTHENTICATED",
        [lambda target: query(WHO, headers=bearer(target.keys["editor"] + ", Bearer x"))],
    ),
    Attack(
        "a key in the query string: it is no key there, and is not logged",
        "200 as for anybody, or refused",
        [in_the_address(name) for name in ("key", "access_token", "authorization", "api_key")],
        holds=lambda reply: '"authenticated":true' not in reply.text,
    ),
    Attack(
        "a key in a cookie or in a header of another name",
        "200, as for anybody",
        [
            lambda target: get(WHO, {"Cookie": f"key={target.keys['admin']}"}),
            lambda target: query(WHO, headers={"X-Api-Key": target.keys["admin"]}),
            lambda target: query(WHO, headers={"Proxy-Authorization":
                                               f"Bearer {target.keys['admin']}"}),
        ],
        holds=lambda reply: reply.json["data"]["viewer"]
        == {"authenticated": False, "role": "READER"},
    ),
    Attack(
        "a write without a key",
        "401 UNAUTHENTICATED",
        [query(COMMIT, {"input": {"reason": REASON, "operations": []}})],
    ),
    Attack(
        "position, version, editor, newsroom, role or time, smuggled into an edit",
        "400 BAD_VARIABLES",
        [
            *(committing({name: value}) for name, value in (
                ("position", 1), ("editor", "editor_01hf7yat00e2s8v3kqz5m4n6p7"), ("role", "ADMIN"),
                ("newsroom", "newsroom_01hf7yat00e2s8v3kqz5m4n6p7"), ("kind", "REDACTION"),
                ("recordedAt", "2020-01-01T00:00:00Z"), ("origin", {"ledger": "elsewhere"}),
                ("reverts", 1), ("key", "key_x"),
            )),
            *(adding(**{name: value}) for name, value in (
                ("version", 7), ("entered", 1), ("superseded", 9), ("state", "RETRACTED"),
                ("id", "transfer_01hf7yat00e2s8v3kqz5m4n6p7"), ("owner", "x"), ("position", 1),
            )),
            committing({"reason": {**REASON, "at": "2020-01-01T00:00:00Z"}}),
        ],
    ),
    Attack(
        "a mutation that does not exist, and the schema's own fields as arguments",
        "400 GRAPHQL_VALIDATION_FAILED",
        [
            query('mutation { setRole(editor: "x", role: ADMIN) { id } }'),
            query("{ viewer(role: ADMIN) { role } }"),
            query("subscription { changesets { id } }"),
        ],
    ),
]  # fmt: skip

CASES, NAMES = cases(ATTACKS)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_power_that_nobody_gave_is_not_had(target: Target, case: Case) -> None:
    target.withstands(*case)


def test_no_key_stands_in_the_server_s_log(target: Target) -> None:
    """Neither one that was shown as it should be nor one in an address."""
    for role, key in target.keys.items():
        target.send(query(WHO, headers=bearer(key)))
        target.send(get(WHO, key=key))
        target.send(http("GET", f"/nothing/{key}?key={key}"))

        assert target.log.exists()
        assert key.rpartition("_")[0] not in target.log.read_text(), role


def test_a_mistyped_key_is_refused_without_a_query(databases: Databases) -> None:
    """Where keys cannot be looked up, only a well-made one meets that defect."""
    with databases.clone("sqlite") as url, served(url, {"well-made": UNKNOWN}) as ledger:
        engine = sa.create_engine(parse_url(url))
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE key RENAME TO elsewhere"))
        engine.dispose()

        well_made, wrong = (
            ledger.http.post("/graphql", json={"query": WHO}, headers=dict(bearer(key)))
            for key in (UNKNOWN, mistyped(UNKNOWN))
        )

    assert (well_made.status_code, wrong.status_code) == (500, 401)
