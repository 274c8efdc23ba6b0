"""Who sees what: internal notes row by row, and what `viewer` says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from app.commands import access
from tests.driver import Newsroom, opened
from tests.graphql.asking import REVERT, Ledger, served
from tests.graphql.conftest import Ledgers

OURS, THEIRS, GONE = "Ask the ministry.", "Our stringer counted.", "A name."
EDITS = "filter: { kinds: [EDIT, REDACTION] }, orderBy: POSITION_ASC"
NOTES = f"{{ changesets({EDITS}) {{ totalCount nodes {{ position internalNote }} }} }}"
ROLES = ("reader", "contributor", "editor", "auditor", "admin")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def noted(request: pytest.FixtureRequest, ledgers: Ledgers) -> Iterator[Ledger]:
    """Notes of the house (3), of a partner (4), and a redacted one of the house (5).

    The first two changesets enter who they are.

    `keys` has one for each role of the house, and as "partner …" of the partner.
    """
    with ledgers.copied(request.param, filled=False) as (url, keys):
        with opened(url) as engine:
            house = Newsroom(engine, _editing(engine, "Demo editor"))
            partner = Newsroom.founded(engine, "Lantern Desk", house=False)
            horses = _noted(house, OURS)
            own = replace(partner, editing=replace(partner.editing, is_house=True))
            _noted(own, THEIRS)
            _noted(house, GONE)
            admin = Newsroom(engine, _editing(engine, "Demo admin", "REDACT"))
            admin.redact(header=(5, ["INTERNAL_NOTE"]))
            assert horses
            for role in ROLES:
                editor = partner.colleague(f"Lena {role}", access.Role[role.upper()]).editing.editor
                made = access.create_key(engine, editor, label="test", environment="test")
                keys = {**keys, f"partner {role}": made.key}  # noqa: PLW2901 - the same, and more
        with served(url, keys, answer_cache_bytes=1_000_000) as ledger:
            yield ledger


def _editing(engine: Any, name: str, act: str = "COMMIT") -> Any:
    with engine.connect() as connection:
        return access.editing_as(connection, name, act=access.Act[act])


def _noted(newsroom: Newsroom, note: str) -> str:
    reason = {"code": "OTHER", "note": "Entered.", "internalNote": note}
    operation = {"addTransfer": {"ref": "#it", "title": "Horses"}}
    return newsroom.submit({"reason": reason, "operations": [operation]}).refs["#it"]


ALL, OWN, PARTNERS = (
    [OURS, THEIRS, None, None],
    [OURS, None, None, None],
    [None, THEIRS, None, None],
)


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        ("editor", OWN), ("auditor", ALL), ("admin", ALL),
        ("partner editor", PARTNERS), ("partner auditor", PARTNERS), ("partner admin", PARTNERS),
    ],
)  # fmt: skip
def test_an_internal_note_is_for_its_newsroom_and_the_house_s_auditors(
    noted: Ledger, role: str, seen: list[str | None]
) -> None:
    """In lists, by position, through a record, inside an archive: the same everywhere."""
    paths = f"""{{
      list: changesets({EDITS}) {{ totalCount nodes {{ internalNote }} }}
      one: changeset(position: 3) {{ internalNote }} two: changeset(position: 4) {{ internalNote }}
      records: transfers(orderBy: CREATED_ASC) {{ nodes {{ changeset {{ internalNote }} }} }}
      archive(position: 6) {{ changesets({EDITS}) {{ nodes {{ internalNote }} }} }}
    }}"""

    data = noted.ask(paths, role=role)

    assert [node["internalNote"] for node in data["list"]["nodes"]] == seen
    assert data["list"]["totalCount"] == 4
    assert [data["one"]["internalNote"], data["two"]["internalNote"]] == seen[:2]
    records = [node["changeset"]["internalNote"] for node in data["records"]["nodes"]]
    assert records == seen[:3]
    archived = [node["internalNote"] for node in data["archive"]["changesets"]["nodes"]]
    assert archived == seen


@pytest.mark.parametrize("role", [None, "reader", "contributor", "partner reader"])
def test_whoever_may_never_read_one_is_refused(noted: Ledger, role: str | None) -> None:
    answer = noted.answer("{ changeset(position: 3) { position mine: internalNote } }", role=role)

    (error,) = answer["errors"]
    assert "data" not in answer
    assert error["path"] == ["changeset", "mine"]
    assert error["extensions"]["code"] == ("FORBIDDEN" if role else "UNAUTHENTICATED")
    assert "EDITOR, AUDITOR and ADMIN may" in error["message"]


def test_kept_answers_and_tags_are_never_another_viewers(noted: Ledger) -> None:
    """Asked in turn and again, each viewer gets its own; no tag is another's."""
    seen: dict[str, set[str]] = {}
    for role in ("auditor", "partner editor", "editor", "admin") * 2:
        headers = {"Authorization": f"Bearer {noted.keys[role]}"}
        response = noted.http.get("/graphql", params={"query": NOTES}, headers=headers)
        assert response.headers["cache-control"] == "private, no-cache"
        seen.setdefault(response.headers["etag"], set()).add(role)
        notes = [one["internalNote"] for one in response.json()["data"]["changesets"]["nodes"]]
        assert notes == {"partner editor": PARTNERS, "editor": OWN}.get(role, ALL)
        for tag, whose in seen.items():
            again = noted.http.get(
                "/graphql", params={"query": NOTES}, headers={**headers, "If-None-Match": tag}
            )
            assert again.status_code == (304 if role in whose else 200)

    assert sorted(map(sorted, seen.values())) == [
        ["admin"],
        ["auditor"],
        ["editor"],
        ["partner editor"],
    ]


def test_a_mutation_s_payload_goes_by_the_same_rules(noted: Ledger) -> None:
    """Of a dry run, too; a note that may not be read is refused before anything is written."""
    given = {"reason": {"code": "OTHER", "note": "x", "internalNote": "Mine."}, "dryRun": False}
    add = {**given, "operations": [{"addTransfer": {"title": "Dry"}}], "dryRun": True}
    document = """mutation ($input: CommitInput!) { commit(input: $input) {
      records { changeset { internalNote } } } }"""

    data = noted.ask(document, {"input": add}, role="editor")
    code, message = noted.fault(document, {"input": add}, role="contributor")

    assert data["commit"]["records"] == [{"changeset": {"internalNote": "Mine."}}]
    assert code == "FORBIDDEN"
    assert "CONTRIBUTOR may not commit" in message
    assert noted.edits() == 4


def test_the_viewer_tells_what_it_may_and_how_far(noted: Ledger) -> None:
    query = """{ viewer { isHouse keyId scopes role acts { act reach } mayCommit
      ... on Viewer { newsroomId } } }"""
    asked = {role: noted.ask(query, role=role)["viewer"] for role in (None, *noted.keys)}

    def acts(role: str | None) -> Mapping[str, str]:
        return {one["act"]: one["reach"] for one in asked[role]["acts"]}

    assert acts(None) == {"READ": "LEDGER"}
    assert acts("reader") == {"READ": "LEDGER", "OWN_KEYS": "NEWSROOM"}
    assert acts("editor")["COMMIT"] == "LEDGER"
    assert acts("partner editor")["COMMIT"] == "NEWSROOM"
    assert "REDACT" in acts("admin")
    assert "REDACT" not in acts("partner admin")
    assert [asked[role]["isHouse"] for role in (None, "editor", "partner editor")] == [
        False, True, False,
    ]  # fmt: skip
    assert asked["editor"]["keyId"].startswith("key_")
    assert asked[None]["keyId"] is asked["editor"]["scopes"] is None


def test_a_reader_s_key_gives_what_a_stranger_gets(noted: Ledger) -> None:
    query = "{ changesets { nodes { editor { name } newsroom { name } reason { note } } } }"

    assert noted.ask(query, role="reader") == noted.ask(query)


def test_a_partner_reverts_its_own_claims_and_nothing_else(noted: Ledger) -> None:
    given = {"reason": {"code": "OTHER", "note": "x"}, "changeset": 3, "dryRun": True}

    payload = noted.ask(REVERT, {"input": given}, role="partner editor")["revert"]

    assert [one["code"] for one in payload["userErrors"]] == ["PROPOSE_INSTEAD"]


@pytest.fixture(scope="module")
def scoped(ledgers: Ledgers) -> Iterator[Ledger]:
    """Keys of an ADMIN of the house: whole, and confined to some of what it may do."""
    scopes = {"whole": None, "proposing": ["PROPOSE"], "reading": ["READ"],
              "auditing": ["READ_INTERNAL", "READ_PROPOSALS"]}  # fmt: skip
    with ledgers.copied("sqlite", filled=False) as (url, _):
        with opened(url) as engine:
            _noted(Newsroom(engine, _editing(engine, "Demo editor")), OURS)
            keys = {
                name: access.create_key(
                    engine, "Demo admin", label=name, environment="test", scopes=given
                ).key
                for name, given in scopes.items()
            }
        with served(url, keys, answer_cache_bytes=1_000_000) as ledger:
            yield ledger


def test_a_key_does_what_its_scopes_name_and_its_editor_may(scoped: Ledger) -> None:
    notes = "{ changesets { nodes { internalNote } } }"
    commit = """mutation { commit(input: { dryRun: true, reason: { code: OTHER, note: "x" },
      operations: [{ addActor: { name: "x", kind: GROUP } }] }) { userErrors { code } } }"""
    may = {
        name: [
            "errors" not in scoped.answer(document, role=name)
            for document in (notes, commit, "{ proposals { totalCount } }", "{ __typename }")
        ]
        for name in scoped.keys
    }

    assert may == {
        "whole": [True, True, True, True],
        "proposing": [False, False, False, True],
        "reading": [False, False, False, True],
        "auditing": [True, False, True, True],
    }
    code, message = scoped.fault(commit, role="auditing")
    assert code == "FORBIDDEN"
    assert message.startswith("COMMIT is not among the scopes of this key")


def test_the_viewer_tells_the_scopes_and_what_they_leave(scoped: Ledger) -> None:
    query = "{ viewer { role scopes acts { act } mayCommit } }"

    whole, proposing = (scoped.ask(query, role=name)["viewer"] for name in ("whole", "proposing"))

    assert whole["scopes"] is None
    assert len(whole["acts"]) > 10
    assert proposing == {
        "role": "ADMIN", "scopes": ["PROPOSE"], "mayCommit": False,
        "acts": [{"act": "READ"}, {"act": "PROPOSE"}],
    }  # fmt: skip


def test_answers_kept_for_one_key_are_not_given_to_a_narrower_one(scoped: Ledger) -> None:
    """Of the same editor: what the whole key has in the cache, the confined one may not have."""
    notes = "{ changesets { nodes { internalNote } } }"

    seen = [scoped.answer(notes, role=name) for name in ("whole", "proposing", "whole")]

    assert seen[0]["data"] == seen[2]["data"]
    assert OURS in str(seen[0])
    assert OURS not in str(seen[1])
