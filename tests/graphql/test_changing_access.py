"""Changing who may act, through the API: who may, what is shown once, and when it takes effect."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from app.domain import keys
from app.domain.errors import Unauthenticated
from app.reads.holders import holder_of
from app.store.access import keys as keys_of
from tests.databases import KINDS, Databases
from tests.driver import opened
from tests.graphql.asking import Ledger, make_ledger, served
from tests.graphql.conftest import Ledgers
from tests.graphql.statements import counted, run
from tests.serving import serving

CHANGE = """mutation ($input: ChangeAccessInput!) { changeAccess(input: $input) {
  changeset { position kind newsroom { name } revisions { totalCount } }
  keys { id ref key } refs { ref id } userErrors { code message path } leafHash } }"""
VIEWER = "{ viewer { name keyId scopes mayCommit } }"
REASON = {"code": "OTHER", "note": "A new desk."}


@pytest.fixture
def ledger(ledgers: Ledgers) -> Iterator[Ledger]:
    """An empty ledger of the test's own, on SQLite: what is asked of the tables is alike."""
    with ledgers.copied("sqlite", filled=False) as given, served(*given) as own:
        yield own


def changed(ledger: Ledger, *operations: Any, role: str = "admin", **more: Any) -> dict[str, Any]:
    given = {"reason": REASON, "operations": list(operations), **more}
    payload: dict[str, Any] = ledger.ask(CHANGE, {"input": given}, role=role)["changeAccess"]
    return payload


def codes(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    assert payload["changeset"] is None
    assert payload["keys"] == []
    return [(one["code"], one["path"]) for one in payload["userErrors"]]


def holding(ledger: Ledger, key: str) -> Ledger:
    return Ledger(ledger.url, ledger.http, {**ledger.keys, "it": key})


DESK = (
    {"addNewsroom": {"ref": "#desk", "name": "Lantern Post"}},
    {"addEditor": {"ref": "#pia", "newsroom": "#desk", "name": "Pia", "role": "ADMIN"}},
    {"createKey": {"ref": "#key", "editor": "#pia", "label": "Laptop"}},
)


def test_a_newsroom_comes_with_its_admin_and_her_key_which_is_shown_once(ledger: Ledger) -> None:
    """The same request under its idempotency key is answered again, and shows none."""
    first = changed(ledger, *DESK, idempotencyKey="desk")
    again = changed(ledger, *DESK, idempotencyKey="desk")

    (key,) = first["keys"]
    assert first["userErrors"] == again["userErrors"] == []
    assert (key["ref"], first["refs"][-1]) == ("#key", {"ref": "#key", "id": key["id"]})
    assert first["changeset"] == {
        "position": ledger.head(), "kind": "ACCESS", "newsroom": {"name": "Demo newsroom"},
        "revisions": {"totalCount": 0},
    }  # fmt: skip
    assert again == {**first, "keys": []}
    viewer = holding(ledger, key["key"]).ask(VIEWER, role="it")["viewer"]
    assert viewer == {"name": "Pia", "keyId": key["id"], "scopes": None, "mayCommit": True}


def test_who_may_not_is_refused_and_a_partner_s_admin_reaches_the_own_newsroom(
    ledger: Ledger,
) -> None:
    entered = changed(ledger, *DESK)
    pia = holding(ledger, entered["keys"][0]["key"])
    ids = {one["ref"]: one["id"] for one in entered["refs"]}
    ours = ledger.ask("{ viewer { editorId } }", role="editor")["viewer"]["editorId"]
    raised = {"reviseEditor": {"id": ours, "role": "ADMIN"}}
    path = ["operations", "0", "reviseEditor"]

    assert codes(changed(ledger, raised, role="editor")) == [("BEYOND_REACH", path)]
    assert codes(changed(pia, raised, role="it")) == [("BEYOND_REACH", path)]
    assert ledger.fault(CHANGE, {"input": {"reason": REASON, "operations": [raised]}})[0] == (
        "UNAUTHENTICATED"
    )
    own = changed(
        pia,
        {"addEditor": {"ref": "#paul", "newsroom": ids["#desk"], "name": "Paul",
                       "role": "CONTRIBUTOR"}},
        {"createKey": {"editor": "#paul", "label": "Feed", "scopes": ["PROPOSE"]}},
        role="it",
    )  # fmt: skip
    assert own["userErrors"] == []
    viewer = holding(ledger, own["keys"][0]["key"]).ask(VIEWER, role="it")["viewer"]
    assert (viewer["name"], viewer["scopes"]) == ("Paul", ["PROPOSE"])


def test_everybody_rotates_and_revokes_their_own_keys(ledger: Ledger) -> None:
    own = ledger.ask(VIEWER, role="reader")["viewer"]["keyId"]
    another = ledger.ask(VIEWER, role="editor")["viewer"]["keyId"]

    foreign = changed(ledger, {"revokeKey": {"id": another}}, role="reader")
    rotated = changed(ledger, {"rotateKey": {"id": own, "overlapSeconds": 0}}, role="reader")

    assert codes(foreign) == [("BEYOND_REACH", ["operations", "0", "revokeKey"])]
    (key,) = rotated["keys"]
    assert ledger.fault(VIEWER, role="reader") == (
        "UNAUTHENTICATED", "this key is not valid: it is unknown, not yet valid, expired or revoked"
    )  # fmt: skip
    renewed = holding(ledger, key["key"])
    assert renewed.ask(VIEWER, role="it")["viewer"]["name"] == "Demo reader"
    assert changed(renewed, {"revokeKey": {"id": key["id"]}}, role="it")["userErrors"] == []
    assert renewed.fault(VIEWER, role="it")[0] == "UNAUTHENTICATED"


def test_who_rotates_a_key_that_ends_gets_none_that_ends_later(ledger: Ledger) -> None:
    """An ADMIN may give it another end; nor is what is rotated away rotated on for ever."""
    reader = ledger.ask("{ viewer { editorId } }", role="reader")["viewer"]["editorId"]
    end, later = "2126-01-01T00:00:00.000000Z", "2127-01-01T00:00:00Z"
    term = {"notBefore": "2026-01-01T00:00:00Z", "expiresAt": end}
    (given,) = changed(
        ledger, {"createKey": {"editor": reader, "label": "For a century", **term}}
    )["keys"]  # fmt: skip
    it = holding(ledger, given["key"])
    ever = ledger.ask(VIEWER, role="reader")["viewer"]["keyId"]

    longer = changed(it, {"rotateKey": {"id": given["id"], "expiresAt": later}}, role="it")
    (own,) = changed(it, {"rotateKey": {"id": given["id"]}}, role="it")["keys"]
    (away,) = changed(ledger, {"rotateKey": {"id": ever}}, role="reader")["keys"]
    (again,) = changed(ledger, {"rotateKey": {"id": ever}}, role="reader")["keys"]
    with opened(ledger.url) as engine, engine.connect() as connection:
        (before,) = (one for one in keys_of(connection) if one["id"] == own["id"])
    theirs = {"rotateKey": {"id": own["id"], "expiresAt": later}}
    (renewed,) = changed(ledger, theirs)["keys"]

    assert codes(longer) == [("BEYOND_REACH", ["operations", "0", "rotateKey", "expiresAt"])]
    with opened(ledger.url) as engine, engine.connect() as connection:
        terms = {one["id"]: (one["not_before"], one["expires_at"]) for one in keys_of(connection)}
    assert (before["not_before"], before["expires_at"]) == ("2026-01-01T00:00:00.000000Z", end)
    assert terms[renewed["id"]][1] == "2127-01-01T00:00:00.000000Z"
    assert terms[away["id"]][1] is None
    assert terms[again["id"]][1] == terms[ever][1] is not None


def test_rotating_gathers_no_heap_of_keys(ledger: Ledger) -> None:
    """Each has a budget of its own: ten are enough, and what is revoked makes room."""
    newest, made = ledger.ask(VIEWER, role="reader")["viewer"]["keyId"], []

    for _ in range(20):
        payload = changed(ledger, {"rotateKey": {"id": newest}}, role="reader")
        if payload["userErrors"]:
            break
        newest = payload["keys"][0]["id"]
        made.append(newest)

    assert codes(payload) == [("WRONG_STATE", ["operations", "0", "rotateKey"])]
    assert len(made) == 9
    assert changed(ledger, {"revokeKey": {"id": made[0]}}, role="reader")["userErrors"] == []
    assert changed(ledger, {"rotateKey": {"id": newest}}, role="reader")["userErrors"] == []


TOLD = """query ($id: ID!) {
  changesets(filter: { records: [$id] }) { totalCount nodes { position } }
  log { revisionProof(record: $id, version: 1) { position document } } }"""


@pytest.mark.parametrize("role", [None, "contributor"])
def test_nobody_is_told_whom_an_access_change_was_about(ledger: Ledger, role: str | None) -> None:
    """Ids of editors are public; that one of them was retired, and where in the log, is not."""
    entered = changed(ledger, *DESK)

    for one in entered["refs"]:
        found = ledger.ask(TOLD, {"id": one["id"]}, role=role)

        assert found["changesets"] == {"totalCount": 0, "nodes": []}
        assert found["log"]["revisionProof"] is None


def test_a_dry_run_makes_no_key(ledger: Ledger) -> None:
    head = ledger.head()

    tried = changed(ledger, *DESK, dryRun=True)

    assert (tried["changeset"], tried["keys"], tried["userErrors"]) == (None, [], [])
    assert ledger.head() == head


@pytest.mark.parametrize("kind", KINDS)
def test_a_revoked_key_is_refused_by_another_process_at_once(
    databases: Databases, kind: str, tmp_path: Any
) -> None:
    """Two servers of one ledger: what one of them revokes the other one refuses."""
    with databases.clone(kind) as url:
        known = make_ledger(url, tmp_path, filled=False)
        with serving(url) as first, serving(url) as second:
            key_id = second.ask(VIEWER, {}, known["editor"])["data"]["viewer"]["keyId"]
            given = {"reason": REASON, "operations": [{"revokeKey": {"id": key_id}}]}
            done = first.ask(CHANGE, {"input": given}, known["admin"])["data"]["changeAccess"]
            started = time.monotonic()
            with pytest.raises(HTTPError) as refused:
                second.ask(VIEWER, {}, known["editor"])
            taken = time.monotonic() - started
            refused.value.close()

    assert done["userErrors"] == []
    assert refused.value.code == 401
    assert taken < 1


def test_a_key_with_one_wrong_character_is_refused_without_a_query(ledger: Ledger) -> None:
    """Its checksum tells that it is mistyped; one that fits is looked up."""
    key = ledger.keys["editor"]
    wrong = key[:20] + ("a" if key[20] != "a" else "b") + key[21:]
    unknown = keys.new_key("demo", bytes(32))

    async def asked(_engine: Any, reader: Any, _viewer: Any) -> list[tuple[str, int]]:
        told = []
        for one in (wrong, unknown):
            with counted(reader) as statements, pytest.raises(Unauthenticated) as refused:
                await holder_of(reader, one)
            told.append((str(refused.value), len(statements)))
        return told

    (mistyped, none), (_, one) = run(ledger, asked)
    assert (none, one) == (0, 1)
    assert "typing error" in mistyped
    assert wrong not in mistyped
