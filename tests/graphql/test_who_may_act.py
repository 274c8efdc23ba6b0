"""Who held which role and key when: told to those who answer for it, as far as they reach."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from app.domain.keys import digest
from tests.databases import KINDS
from tests.driver import Newsroom, opened
from tests.graphql.asking import ROOT, Ledger, served
from tests.graphql.conftest import Ledgers
from tests.graphql.viewers import PARTNER, partner_keys

CHANGE = """mutation ($input: ChangeAccessInput!) { changeAccess(input: $input) {
  changeset { position } keys { id ref key } refs { ref id } userErrors { code message } } }"""
CHANGES = """query ($position: Position!) { changeset(position: $position) { accessChanges {
  recordId kind version position action changes { field before after } } } }"""
KEYS = """query ($filter: KeyFilter, $orderBy: KeyOrder, $first: Int, $after: String,
    $last: Int, $before: String) {
  list: keys(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last,
      before: $before) {
    totalCount edges { cursor } nodes { id label state } pageInfo { hasNextPage endCursor } } }"""
EDITORS = """query ($filter: EditorFilter, $orderBy: EditorOrder, $first: Int, $after: String) {
  list: editors(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount nodes { id name newsroom { id } role state }
    pageInfo { hasNextPage endCursor } } }"""
ALL = """{
  newsrooms { totalCount nodes { id name createdAt accessHistory { totalCount nodes {
    ...Step } } } }
  editors(first: 100) { totalCount nodes { id name newsroom { id } role state identity createdAt
    retiredAt keys { totalCount nodes { ...Held } } accessHistory { nodes { ...Step } } } }
  keys(first: 100) { totalCount nodes { ...Held accessHistory { nodes { ...Step } } } }
  changesets(filter: { kinds: [ACCESS] }, first: 100) { nodes { accessChanges { ...Step } } }
}
fragment Held on Key { id label editor { id newsroom { id } } scopes state createdAt notBefore
  expiresAt revokedAt lastUsedAt rotatedFrom }
fragment Step on AccessChange { recordId kind version action position
  changeset { position recordedAt editor { id } reason { code note } }
  changes { field before after } }"""
AUDITORS = ("auditor", "admin")


@dataclass(frozen=True)
class Made:
    """A house and a partner, of which each has an editor with a history and keys.

    `ours` and `theirs` name what an ACCESS changeset of each entered, by its ref.
    """

    ledger: Ledger
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]
    room: Mapping[str, str]
    secrets: tuple[str, ...]

    def ask(self, query: str, role: str = "auditor", **given: Any) -> Any:
        return self.ledger.ask(query, given, role=role)


def changed(ledger: Ledger, *operations: Any, role: str = "admin") -> Any:
    given = {"reason": {"code": "OTHER", "note": "As agreed."}, "operations": list(operations)}
    payload = ledger.ask(CHANGE, {"input": given}, role=role)["changeAccess"]
    assert payload["userErrors"] == []
    return payload


def _desk(ledger: Ledger, newsroom: str, role: str) -> tuple[Mapping[str, Any], list[str]]:
    """Enter an editor with three keys; raise her, turn one key and revoke another."""
    entered = changed(
        ledger,
        {"addEditor": {"ref": "#pia", "newsroom": newsroom, "name": "Pia", "role": "EDITOR",
                       "identity": f"https://id.example|{newsroom}"}},
        {"createKey": {"ref": "#laptop", "editor": "#pia", "label": f"Laptop {role}"}},
        {"createKey": {"ref": "#feed", "editor": "#pia", "label": f"Feed {role}",
                       "scopes": ["PROPOSE"], "expiresAt": "2999-01-01T00:00:00Z"}},
        {"createKey": {"ref": "#later", "editor": "#pia", "label": f"Later {role}",
                       "notBefore": "2998-01-01T00:00:00Z"}},
        # Identities are the house's to give.
        role="admin",
    )  # fmt: skip
    ids = {one["ref"].removeprefix("#"): one["id"] for one in entered["refs"]}
    raised = changed(ledger, {"reviseEditor": {"id": ids["pia"], "role": "ADMIN"}}, role=role)
    ended = changed(
        ledger,
        {"revokeKey": {"id": ids["laptop"]}},
        {"rotateKey": {"id": ids["feed"], "overlapSeconds": 0}},
        role=role,
    )
    gone = changed(
        ledger,
        {"addEditor": {"ref": "#rob", "newsroom": newsroom, "name": "Rob", "role": "AUDITOR"}},
        {"createKey": {"ref": "#robs", "editor": "#rob", "label": f"Rob's {role}"}},
        role=role,
    )
    ids |= {one["ref"].removeprefix("#"): one["id"] for one in gone["refs"]}
    changed(ledger, {"retireEditor": {"id": ids["rob"]}}, role=role)
    turned = {one["id"] for one in ended["keys"]}
    positions = [one["changeset"]["position"] for one in (entered, raised, ended)]
    secrets = [one["key"] for one in (*entered["keys"], *ended["keys"], *gone["keys"])]
    return {**ids, "turned": turned.pop(), "positions": positions}, secrets


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, ledgers: Ledgers) -> Iterator[Made]:
    with ledgers.copied(request.param, filled=False) as (url, given):
        with opened(url) as engine:
            partner = Newsroom.founded(engine, "Lantern Desk", house=False)
            keys = {**given, **partner_keys(engine, partner)}
        with served(url, keys) as ledger:
            viewer = ledger.ask("{ viewer { newsroomId } }", role="admin")["viewer"]
            room = {"ours": viewer["newsroomId"], "theirs": partner.editing.newsroom}
            ours, some = _desk(ledger, room["ours"], "admin")
            theirs, more = _desk(ledger, room["theirs"], f"{PARTNER}admin")
            yield Made(ledger, ours, theirs, room, (*keys.values(), *some, *more))


def test_one_changeset_says_what_it_did_to_whom(made: Made) -> None:
    entered, raised, ended = (
        made.ask(CHANGES, position=one)["changeset"]["accessChanges"]
        for one in made.ours["positions"]
    )

    assert [(one["kind"], one["action"], one["version"]) for one in entered] == [
        ("EDITOR", "ADD", 1), ("KEY", "ADD", 1), ("KEY", "ADD", 1), ("KEY", "ADD", 1),
    ]  # fmt: skip
    assert [one["recordId"] for one in entered[:2]] == [made.ours["pia"], made.ours["laptop"]]
    assert {"field": "scopes", "before": None, "after": ["PROPOSE"]} in entered[2]["changes"]
    assert raised == [
        {"recordId": made.ours["pia"], "kind": "EDITOR", "version": 2, "action": "REVISE",
         "position": made.ours["positions"][1],
         "changes": [{"field": "role", "before": "EDITOR", "after": "ADMIN"}]},
    ]  # fmt: skip
    assert [(one["recordId"], one["action"]) for one in ended] == [
        (made.ours["laptop"], "RETRACT"),
        (made.ours["feed"], "REVISE"),
        (made.ours["turned"], "ADD"),
    ]
    assert made.ask(CHANGES, position=1)["changeset"]["accessChanges"]


HELD = """query ($id: ID!) { editors(filter: { ids: [$id] }) { nodes { role state identity
  keys { nodes { id label state scopes } }
  accessHistory { totalCount nodes { action changeset { position editorName reason { note } }
    changes { field before after } } } } } }"""


def test_who_held_which_power_when_is_one_question(made: Made) -> None:
    (pia,) = made.ask(HELD, id=made.ours["pia"])["editors"]["nodes"]

    history = pia["accessHistory"]
    roles = [
        (step["changeset"]["position"], change["before"], change["after"])
        for step in history["nodes"]
        for change in step["changes"]
        if change["field"] == "role"
    ]
    entered, raised, _ = made.ours["positions"]
    assert roles == [(entered, None, "EDITOR"), (raised, "EDITOR", "ADMIN")]
    assert history["totalCount"] == 2
    assert history["nodes"][1]["changeset"] == {
        "position": raised, "editorName": "Demo admin", "reason": {"note": "As agreed."},
    }  # fmt: skip
    assert (pia["role"], pia["state"]) == ("ADMIN", "ACTIVE")
    assert pia["identity"] == f"https://id.example|{made.room['ours']}"
    assert {one["id"]: (one["state"], one["scopes"]) for one in pia["keys"]["nodes"]} == {
        made.ours["laptop"]: ("REVOKED", None),
        made.ours["feed"]: ("EXPIRED", ["PROPOSE"]),
        made.ours["later"]: ("NOT_YET", None),
        made.ours["turned"]: ("GOOD", ["PROPOSE"]),
    }


@pytest.mark.parametrize("role", AUDITORS)
def test_the_house_sees_all_and_a_partner_its_own(made: Made, role: str) -> None:
    """In every list, count and link; what is the other's is as if it were not there."""
    whole, own = made.ask(ALL, role), made.ask(ALL, f"{PARTNER}{role}")

    rooms = {one["id"] for one in whole["newsrooms"]["nodes"]}
    assert rooms >= set(made.room.values())
    assert [one["id"] for one in own["newsrooms"]["nodes"]] == [made.room["theirs"]]
    for name in ("newsrooms", "editors", "keys"):
        theirs = [one for one in whole[name]["nodes"] if _room(one) == made.room["theirs"]]
        assert own[name] == {"totalCount": len(theirs), "nodes": theirs}
        assert whole[name]["totalCount"] == len(whole[name]["nodes"]) > len(theirs) > 0
    shown = json.dumps(own)
    assert made.ours["pia"] not in shown
    assert made.ours["turned"] not in shown
    steps = [
        step
        for one in own["changesets"]["nodes"]
        for step in one["accessChanges"]
    ]  # fmt: skip
    known = {one["id"] for name in ("newsrooms", "editors", "keys") for one in own[name]["nodes"]}
    assert {step["recordId"] for step in steps} == known


def _room(one: Any) -> str:
    held = one.get("editor", one)
    return str(held.get("newsroom", held)["id"])


def test_a_partner_finds_nothing_of_the_others_whatever_it_asks(made: Made) -> None:
    """By filter, order, cursor, id, and the links from what is public."""
    role = f"{PARTNER}admin"
    ours, foreign = made.ours, made.room["ours"]
    own = made.ask(KEYS, role, first=100)["list"]

    for given in (
        {"editors": [ours["pia"]]}, {"newsrooms": [foreign]}, {"ids": [ours["laptop"]]},
    ):  # fmt: skip
        empty = {"totalCount": 0, "edges": [], "nodes": []}
        found = made.ask(KEYS, role, filter=given)["list"]
        assert {name: found[name] for name in empty} == empty
        assert made.ask(KEYS, filter=given)["list"]["totalCount"] > 0
    for given in ({"newsrooms": [foreign]}, {"ids": [ours["pia"]]}):
        assert made.ask(EDITORS, role, filter=given)["list"]["totalCount"] == 0
    # A cursor of the house's list, at a key that the partner does not see.
    for edge in made.ask(KEYS, first=100)["list"]["edges"]:
        after = made.ask(KEYS, role, first=100, after=edge["cursor"])["list"]
        before = made.ask(KEYS, role, last=100, before=edge["cursor"])["list"]
        assert [one for one in after["nodes"] if one not in own["nodes"]] == []
        assert [one for one in before["nodes"] if one not in own["nodes"]] == []
        assert after["totalCount"] == before["totalCount"] == own["totalCount"]
    look = """query ($key: ID!, $editor: ID!, $room: ID!, $position: Position!) {
      key: node(id: $key) { id } many: nodes(ids: [$key]) { id }
      editor: node(id: $editor) { id ... on Editor { name role state identity createdAt retiredAt
        keys { totalCount nodes { id } } accessHistory { totalCount nodes { version } } } }
      room: node(id: $room) { ... on Newsroom { name createdAt accessHistory { totalCount } } }
      changeset(position: $position) { editor { role } accessChanges { recordId } } }"""
    ids = {"key": ours["turned"], "editor": ours["pia"], "room": foreign}
    seen = made.ask(look, role, **ids, position=ours["positions"][0])
    assert seen == {
        "key": None,
        "many": [None],
        "editor": {"id": ours["pia"], "name": "Pia", "role": None, "state": None,
                   "identity": None, "createdAt": None, "retiredAt": None,
                   "keys": {"totalCount": 0, "nodes": []},
                   "accessHistory": {"totalCount": 0, "nodes": []}},
        "room": {"name": "Demo newsroom", "createdAt": None, "accessHistory": {"totalCount": 0}},
        "changeset": {"editor": {"role": None}, "accessChanges": []},
    }  # fmt: skip
    assert None not in made.ask(look, **ids, position=ours["positions"][0]).values()


@pytest.mark.parametrize("role", ["reader", "contributor", "editor"])
def test_who_does_not_answer_for_it_is_refused(made: Made, role: str) -> None:
    asked = (
        "{ newsrooms { totalCount } }", "{ editors { totalCount } }", "{ keys { totalCount } }",
        "{ changesets { nodes { accessChanges { kind } } } }",
        "{ changesets { nodes { editor { role } } } }",
        "{ ownKeys { accessHistory { totalCount } } }",
    )  # fmt: skip
    for query in asked:
        for who in (role, f"{PARTNER}{role}"):
            assert made.ledger.fault(query, role=who)[0] == "FORBIDDEN"
        assert made.ledger.fault(query)[0] == "UNAUTHENTICATED"


def test_everybody_with_a_key_sees_their_own_and_nobody_else_s(made: Made) -> None:
    query = "{ viewer { keyId editorId } ownKeys { id editor { id } state lastUsedAt } }"

    for role in ("reader", "contributor", f"{PARTNER}editor", "auditor"):
        data = made.ask(query, role)
        viewer, (own,) = data["viewer"], data["ownKeys"]
        assert (own["id"], own["editor"]["id"]) == (viewer["keyId"], viewer["editorId"])
        assert own["state"] == "GOOD"
    assert made.ledger.fault("{ ownKeys { id } }")[0] == "UNAUTHENTICATED"


def test_in_an_archive_a_history_ends_at_its_position(made: Made) -> None:
    query = """query ($position: Position!, $pia: ID!, $key: ID!) {
      archive(position: $position) { key: node(id: $key) { id } node(id: $pia) { ... on Editor {
        accessHistory { totalCount } } } } }"""
    ids = {"pia": made.ours["pia"], "key": made.ours["feed"]}

    then = [made.ask(query, position=at, **ids)["archive"] for at in made.ours["positions"]]

    assert [one["node"]["accessHistory"]["totalCount"] for one in then] == [1, 2, 2]
    assert [one["key"] for one in then] == [None] * 3


@pytest.mark.parametrize("order", ["CREATED_ASC", "CREATED_DESC"])
def test_pages_make_up_the_whole_list(made: Made, order: str) -> None:
    for query in (KEYS, EDITORS):
        whole = made.ask(query, first=100, orderBy=order)["list"]["nodes"]
        gathered, after, more = list[Any](), None, True
        while more:
            page = made.ask(query, first=3, orderBy=order, after=after)["list"]
            gathered += page["nodes"]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        assert gathered == whole
        ids = [one["id"] for one in whole]
        assert ids == sorted(ids, reverse=order == "CREATED_DESC")


def test_filters_narrow_by_role_and_state(made: Made) -> None:
    admins = made.ask(EDITORS, filter={"roles": ["ADMIN"]}, first=100)["list"]["nodes"]
    assert {one["role"] for one in admins} == {"ADMIN"}
    assert {made.ours["pia"], made.theirs["pia"]} <= {one["id"] for one in admins}
    retired = made.ask(EDITORS, filter={"states": ["RETIRED"]})["list"]["nodes"]
    assert {(one["id"], one["role"], one["state"]) for one in retired} == {
        (desk["rob"], "AUDITOR", "RETIRED") for desk in (made.ours, made.theirs)
    }
    for state, name in (
        ("REVOKED", "laptop"), ("EXPIRED", "feed"), ("NOT_YET", "later"), ("RETIRED", "robs"),
    ):  # fmt: skip
        found = made.ask(KEYS, filter={"states": [state]})["list"]
        assert {one["id"] for one in found["nodes"]} == {made.ours[name], made.theirs[name]}
        assert {one["state"] for one in found["nodes"]} == {state}


def test_no_secret_and_no_digest_is_in_any_answer(made: Made) -> None:
    shown = json.dumps([made.ask(ALL, role) for role in (*AUDITORS, f"{PARTNER}admin")])

    assert made.ours["turned"] in shown
    for secret in made.secrets:
        assert secret not in shown
        assert digest(secret) not in shown


def test_the_question_that_the_guide_shows_is_answered(made: Made) -> None:
    page = (ROOT / "docs/access.md").read_text()
    query = re.findall(r"```graphql\n(.*?)```", page, re.DOTALL)[-1]

    nodes = made.ask(query)["editors"]["nodes"]

    assert {one["role"] for one in nodes} == {"ADMIN"}
