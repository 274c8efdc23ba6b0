"""People who log in elsewhere: from their issuer's token to an edit, and to a refusal."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa

from app.commands.access import (
    add_editor,
    add_newsroom,
    create_key,
    restore_editor,
    retire_editor,
)
from app.commands.people import confirm, settle
from app.domain.codes import Role
from app.domain.errors import ReadOnly, Unwritable
from app.domain.role_rules import Grant
from app.domain.tokens import Person
from app.store.database import LOCK_TIMEOUT_S, write_transaction
from app.web import people
from tests.databases import KINDS
from tests.driver import opened
from tests.graphql.asking import COMMIT, NOTE, Ledger, served
from tests.graphql.conftest import Ledgers
from tests.issuer import Issuer, issuer
from tests.serving import eventually

HOUSE = "Demo newsroom"
ME = "{ viewer { authenticated name role editorId newsroomId keyId mayCommit } }"
CHANGES = "{ changesets(first: 50) { nodes { position kind editorName reason { note } } } }"


def rule(value: str, role: str, newsroom: str = HOUSE, claim: str = "groups") -> dict[str, str]:
    return {"claim": claim, "value": value, "newsroom": newsroom, "role": role}


RULES = [rule("desk", "EDITOR"), rule("chiefs", "ADMIN"), rule("readers", "READER")]


@dataclass(frozen=True)
class Desk:
    """A ledger that takes an issuer's tokens."""

    ledger: Ledger
    issuer: Issuer

    def post(self, token: str, query: str = ME, variables: Any = None, **headers: str) -> Any:
        return self.ledger.http.post(
            "/graphql",
            content=json.dumps({"query": query, "variables": variables}),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {token}",
                **headers,
            },
        )

    def viewer(self, token: str) -> Any:
        answer = self.post(token).json()
        assert "errors" not in answer, answer
        return answer["data"]["viewer"]

    def refusal(self, token: str) -> tuple[str, str]:
        (error,) = self.post(token).json()["errors"]
        return error["extensions"]["code"], error["message"]

    def access_changes(self) -> list[str]:
        nodes = self.ledger.ask(CHANGES, role="admin")["changesets"]["nodes"]
        found = [one for one in nodes if one["kind"] == "ACCESS"]
        return [one["reason"]["note"] for one in sorted(found, key=lambda one: one["position"])]


@contextmanager
def desk_of(
    ledgers: Ledgers, rules: Sequence[Any] = RULES, kind: str = "sqlite", **more: Any
) -> Iterator[Desk]:
    with ExitStack() as stack:
        one = stack.enter_context(issuer())
        given = stack.enter_context(ledgers.copied(kind, filled=False))
        yield Desk(stack.enter_context(served(*given, **one.settings(rules), **more)), one)


@pytest.fixture(params=KINDS)
def desk(request: pytest.FixtureRequest, ledgers: Ledgers) -> Iterator[Desk]:
    """A ledger whose rules say who gets a role, on SQLite and on PostgreSQL."""
    with desk_of(ledgers, kind=request.param) as one:
        yield one


def test_a_person_logs_in_becomes_an_editor_and_commits(desk: Desk) -> None:
    """One access change enters the person; the edit names the person as anybody else."""
    before = len(desk.access_changes())
    token = desk.issuer.token("ann", name="Ann Example", groups=["staff", "desk"])

    first, again = desk.viewer(token), desk.viewer(token)

    assert first == again
    assert (first["name"], first["role"], first["keyId"]) == ("Ann Example", "EDITOR", None)
    assert first["mayCommit"] is True
    assert desk.access_changes()[before:] == [f"{desk.issuer.url} gives EDITOR."]
    item = {"addItem": {"name": "Saddles", "kind": "OTHER"}}
    given = {"reason": {"code": "CLARIFICATION", "note": NOTE}, "operations": [item]}
    done = desk.post(token, COMMIT, {"input": given}).json()["data"]["commit"]
    assert done["userErrors"] == []
    newest = desk.ledger.ask("{ changesets(first: 1) { nodes { editorName editor { id } } } }")
    assert newest["changesets"]["nodes"] == [
        {"editorName": "Ann Example", "editor": {"id": first["editorId"]}}
    ]


def test_eight_first_requests_at_once_enter_a_person_once(desk: Desk) -> None:
    """By two server processes, of which neither knows what the other does."""
    before = len(desk.access_changes())
    token = desk.issuer.token("ann", name="Ann", groups="desk")
    with ExitStack() as stack:
        rules = desk.issuer.settings(RULES)
        other = stack.enter_context(served(desk.ledger.url, desk.ledger.keys, **rules))
        pool = stack.enter_context(ThreadPoolExecutor(8))
        asked = [Desk(one, desk.issuer) for one in (desk.ledger, other) * 4]
        found = list(pool.map(lambda one: one.viewer(token), asked))

    assert len({one["editorId"] for one in found}) == 1
    assert len(desk.access_changes()) == before + 1


def test_a_role_that_changed_elsewhere_changes_here_by_one_access_change(desk: Desk) -> None:
    now = int(time.time())
    first, second, third = (
        desk.issuer.token("ann", groups=[group], iat=now - ago)
        for group, ago in (("desk", 60), ("chiefs", 30), ("readers", 0))
    )
    ann = desk.viewer(first)
    before = len(desk.access_changes())

    raised = [desk.viewer(second) for _ in range(2)]
    lowered = desk.viewer(third)

    assert [one["role"] for one in raised] == ["ADMIN", "ADMIN"]
    assert (lowered["role"], lowered["editorId"]) == ("READER", ann["editorId"])
    assert lowered["mayCommit"] is False
    assert desk.access_changes()[before:] == [
        f"{desk.issuer.url} gives ADMIN.",
        f"{desk.issuer.url} gives READER.",
    ]


def test_an_older_token_does_not_bring_a_role_back(desk: Desk) -> None:
    """Nor can two tokens in turn fill the log."""
    now = int(time.time())
    old = desk.issuer.token("ann", groups=["chiefs"], iat=now - 60)
    new = desk.issuer.token("ann", groups=["readers"], iat=now)
    assert [desk.viewer(one)["role"] for one in (old, new)] == ["ADMIN", "READER"]
    before = desk.access_changes()

    for _ in range(3):
        code, message = desk.refusal(old)
        assert code == "FORBIDDEN"
        assert "log in again" in message
        assert desk.viewer(new)["role"] == "READER"

    assert desk.access_changes() == before


def test_an_older_token_brings_no_role_back_in_another_process_or_after_a_restart(
    desk: Desk,
) -> None:
    """What was settled is remembered where every server process of the ledger sees it."""
    now = int(time.time())
    old, new, newest = (
        desk.issuer.token("ann", groups=[group], iat=now - ago)
        for group, ago in (("chiefs", 60), ("readers", 30), ("desk", 0))
    )
    assert [desk.viewer(one)["role"] for one in (old, new)] == ["ADMIN", "READER"]
    before = desk.access_changes()

    settings = desk.issuer.settings(RULES)
    with served(desk.ledger.url, desk.ledger.keys, **settings) as ledger:
        other = replace(desk, ledger=ledger)
        code, message = other.refusal(old)
        seen, changes = other.viewer(new)["role"], other.access_changes()
        raised = other.viewer(newest)["role"]

    assert (code, "log in again" in message, seen) == ("FORBIDDEN", True, "READER")
    assert changes == before
    assert raised == "EDITOR"


def test_a_token_that_confirms_the_role_makes_older_ones_old(desk: Desk) -> None:
    """The newest token that was shown decides, and not only the newest that changed something."""
    now = int(time.time())
    first, raised, confirming = (
        desk.issuer.token("ann", groups=[group], iat=now - ago)
        for group, ago in (("readers", 60), ("chiefs", 30), ("readers", 0))
    )
    assert desk.viewer(first)["role"] == "READER"
    before = desk.access_changes()

    assert desk.viewer(confirming)["role"] == "READER"
    eventually(lambda: newest_token(desk) == now)

    assert desk.refusal(raised)[0] == "FORBIDDEN"
    assert desk.access_changes() == before


def test_a_token_confirms_no_role_that_changed_meanwhile(desk: Desk) -> None:
    """Else it would be the newest one, and be refused for the role that it says."""
    now = int(time.time())
    desk.viewer(desk.issuer.token("ann", groups=["readers"], iat=now - 60))
    between = desk.issuer.token("ann", groups=["chiefs"], iat=now - 30)
    confirming = Person(desk.issuer.url, "ann", "Ann", now, {})
    assert desk.viewer(between)["role"] == "ADMIN"

    # As if it had been looked at before the other one was there.
    with opened(desk.ledger.url) as engine:
        confirm(engine, confirming, Grant(HOUSE, Role.READER))

    assert newest_token(desk) == now - 30
    newest = desk.issuer.token("ann", groups=["readers"], iat=now)
    assert desk.viewer(newest)["role"] == "READER"


def newest_token(desk: Desk) -> float:
    with opened(desk.ledger.url) as engine, engine.connect() as connection:
        return connection.execute(sa.text("SELECT issued_at FROM issuer_word")).scalar_one()


def test_while_nothing_can_be_written_a_new_person_is_told_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that is served read-only, or is busy, still answers those whom it knows."""
    known = desk.issuer.token("ann", groups=["readers"], iat=int(time.time()) - 60)
    desk.viewer(known)

    faults: list[Exception] = [ReadOnly("not what was published"), Unwritable("busy for 10 s")]

    def refuse(*_: Any) -> None:
        raise faults.pop(0)

    monkeypatch.setattr(people, "settle", refuse)

    refusals = [
        desk.refusal(desk.issuer.token("bob", groups=["readers"])),
        desk.refusal(desk.issuer.token("ann", groups=["desk"])),
    ]
    assert {code for code, _ in refusals} == {"FORBIDDEN"}
    assert ["takes no writes" in message for _, message in refusals] == [True, False]
    assert all("ask again later" in message for _, message in refusals)
    assert desk.viewer(known)["role"] == "READER"


def test_of_two_tokens_in_two_processes_at_once_the_newer_one_decides(desk: Desk) -> None:
    """The older one is judged again where nobody else changes access, not only before."""
    now = int(time.time())
    desk.viewer(desk.issuer.token("ann", groups=["desk"], iat=now - 60))
    desk.viewer(desk.issuer.token("ann", groups=["readers"], iat=now))
    before = desk.access_changes()

    # As if it had been looked at before the newer one was there.
    with opened(desk.ledger.url) as engine:
        late = Person(desk.issuer.url, "ann", "Ann", now - 30, {})
        settle(engine, late, Grant(HOUSE, Role.ADMIN))

    assert desk.access_changes() == before
    assert desk.viewer(desk.issuer.token("ann", groups=["readers"], iat=now))["role"] == "READER"


def test_whom_the_issuer_gives_nothing_has_nothing(desk: Desk) -> None:
    """Not even what it gave before: who left the group is out at the next request."""
    before = desk.access_changes()

    assert desk.refusal(desk.issuer.token("bob", groups=["sales"]))[0] == "FORBIDDEN"
    desk.viewer(desk.issuer.token("ann", groups=["desk"]))
    code, message = desk.refusal(desk.issuer.token("ann", groups=[]))

    assert (code, message) == (
        "FORBIDDEN",
        "your account has no role here: its issuer gives it none",
    )
    assert len(desk.access_changes()) == len(before) + 1
    status = desk.post(
        desk.issuer.token("ann"), Accept="application/graphql-response+json"
    ).status_code
    assert status == 403


def test_a_retired_editor_stays_out_whatever_the_issuer_says(ledgers: Ledgers) -> None:
    with desk_of(ledgers) as desk:
        token = desk.issuer.token("ann", groups=["desk"])
        ann = desk.viewer(token)["editorId"]
        with opened(desk.ledger.url) as engine:
            retire_editor(engine, ann)
            before = desk.access_changes()

            for claimed in (["desk"], ["chiefs"]):
                code, message = desk.refusal(desk.issuer.token("ann", groups=claimed))
                assert code == "FORBIDDEN"
                assert "retired" in message

            assert desk.access_changes() == before
            restore_editor(engine, ann)
        assert desk.viewer(token)["editorId"] == ann


def test_without_rules_a_person_is_entered_here_by_identity(ledgers: Ledgers) -> None:
    with desk_of(ledgers, rules=[]) as desk:
        code, message = desk.refusal(desk.issuer.token("ann", groups=["desk"]))
        assert code == "FORBIDDEN"
        assert f"{desk.issuer.url}|ann" in message

        with opened(desk.ledger.url) as engine:
            identity = f"{desk.issuer.url}|ann"
            add_editor(engine, "Ann", newsroom=HOUSE, role="auditor", identity=identity)

        assert desk.viewer(desk.issuer.token("ann"))["role"] == "AUDITOR"
        assert desk.refusal(desk.issuer.token("Ann"))[0] == "FORBIDDEN"


def test_two_people_of_one_name_are_two_editors(ledgers: Ledgers) -> None:
    """And nobody becomes an editor who is there by taking the name."""
    with desk_of(ledgers) as desk:
        token = desk.issuer.token
        first = desk.viewer(token("a1", name="Ann Example", groups="desk"))
        second = desk.viewer(token("a2", name="Ann Example", groups="desk"))
        taken = desk.viewer(token("a3", name="Demo admin", groups="readers"))

    assert first["editorId"] != second["editorId"]
    assert second["name"] == "Ann Example (a2)"
    assert (taken["name"], taken["role"]) == ("Demo admin (a3)", "READER")


def test_a_newsroom_that_is_not_there_is_the_operators_matter(ledgers: Ledgers) -> None:
    with desk_of(ledgers, rules=[rule("desk", "EDITOR", newsroom="Nowhere")]) as desk:
        code, message = desk.refusal(desk.issuer.token("ann", groups="desk"))

    assert code == "FORBIDDEN"
    assert "the operator's log says why" in message
    assert "Nowhere" not in message


def test_a_person_stays_in_the_newsroom_of_the_first_day(ledgers: Ledgers) -> None:
    """An editor's newsroom never changes: whose words are whose hangs on it."""
    rules = [rule("desk", "EDITOR"), rule("partner", "EDITOR", newsroom="Partner")]
    with desk_of(ledgers, rules=rules) as desk:
        with opened(desk.ledger.url) as engine:
            add_newsroom(engine, "Partner")
        desk.viewer(desk.issuer.token("ann", groups=["desk"]))

        code, message = desk.refusal(desk.issuer.token("ann", groups=["partner"]))

    assert code == "FORBIDDEN"
    assert "another newsroom" in message


def test_a_role_that_is_meant_for_another_newsroom_is_not_given_in_this_one(
    ledgers: Ledgers,
) -> None:
    """Else a reader of the house would be its ADMIN, by a key, once a partner has an ADMIN more."""
    rules = [rule("readers", "READER"), rule("partner", "ADMIN", newsroom="Partner")]
    with desk_of(ledgers, rules=rules) as desk:
        with opened(desk.ledger.url) as engine:
            add_newsroom(engine, "Partner")
            old = desk.issuer.token("ann", groups=["readers"], iat=int(time.time()) - 60)
            ann = desk.viewer(old)["editorId"]
            key = create_key(engine, ann, label="Laptop", environment="test").key
        before = desk.access_changes()

        code, _ = desk.refusal(desk.issuer.token("ann", groups=["partner"]))

        # As if another process had entered her a moment ago.
        with opened(desk.ledger.url) as engine:
            person = Person(desk.issuer.url, "ann", "Ann", 0, {})
            settle(engine, person, Grant("Partner", Role.ADMIN))

        assert code == "FORBIDDEN"
        assert desk.viewer(key)["role"] == "READER"
        assert desk.access_changes() == before


@pytest.fixture(scope="module")
def quiet(ledgers: Ledgers) -> Iterator[Desk]:
    """A ledger that tests only try to get into."""
    with desk_of(ledgers) as one:
        yield one


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1}, {"aud": "mail"}, {"iss": "https://other.example"}, {"sub": ""}],
    ids=str,
)
def test_whatever_is_wrong_with_a_token_has_one_shape(quiet: Desk, claims: dict[str, Any]) -> None:
    given = {"groups": "chiefs", **claims}
    subject = given.pop("sub", "ann")
    answer = quiet.post(quiet.issuer.token(subject, **given))

    (error,) = answer.json()["errors"]
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
    assert error["message"].startswith("this token")


def test_a_key_goes_on_to_be_a_key_and_a_stranger_a_stranger(quiet: Desk) -> None:
    assert quiet.viewer(quiet.ledger.keys["editor"])["keyId"] is not None
    assert quiet.refusal("ck_demo_x_y")[1].startswith("this is no key")
    answer = quiet.ledger.http.post("/graphql", json={"query": ME})
    assert answer.json()["data"]["viewer"]["authenticated"] is False


def test_without_an_issuer_a_token_is_no_key(ledger: Ledger) -> None:
    with issuer() as one:
        code, message = Desk(ledger, one).refusal(one.token("ann"))

        assert code == "UNAUTHENTICATED"
        assert message.startswith("this is no key")
        assert not one.asked


def test_a_token_is_never_written_down(
    ledgers: Ledgers, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG), desk_of(ledgers) as desk:
        good = desk.issuer.token("ann", groups="desk")
        bad = desk.issuer.token("ann", groups="desk", exp=1)
        desk.viewer(good)
        desk.refusal(bad)
        desk.issuer.stop()
        desk.refusal(desk.issuer.token("ann", header={"kid": "new"}))
        with opened(desk.ledger.url) as engine, engine.connect() as connection:
            kept = "".join(connection.connection.driver_connection.iterdump())

    said = caplog.text + "".join(capsys.readouterr())
    for token in (good, bad):
        for part in token.split("."):
            assert part not in said
            assert part not in kept


def test_a_server_starts_without_asking_an_issuer(ledgers: Ledgers) -> None:
    """It may be down, and serving goes on; keys of ours work."""
    with desk_of(ledgers) as desk:
        assert not desk.issuer.asked
        desk.issuer.stop()
        assert desk.refusal(desk.issuer.token("ann", groups="desk"))[0] == "UNAUTHENTICATED"
        assert desk.viewer(desk.ledger.keys["admin"])["role"] == "ADMIN"


def test_a_rule_for_a_newsroom_that_is_not_there_is_told_at_the_start(
    ledgers: Ledgers, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not only to the first person whom it keeps out; a newsroom may be entered later."""
    rules = [*RULES, rule("desk", "EDITOR", newsroom="Baltik Wire")]
    with desk_of(ledgers, rules=rules) as desk:
        assert desk.viewer(desk.issuer.token("ann", groups=["desk"]))["role"] == "EDITOR"

    (told,) = [one for one in capsys.readouterr().out.splitlines() if "OIDC_ROLES" in one]
    assert "names no newsroom" in told
    assert "Baltik Wire" in told


def test_a_server_with_rules_starts_beside_a_writer(ledgers: Ledgers) -> None:
    """A dossier that is being loaded holds the write lock for as long as it takes."""
    with ExitStack() as stack:
        one = stack.enter_context(issuer())
        url, keys = stack.enter_context(ledgers.copied("sqlite", filled=False))
        with opened(url) as engine, write_transaction(engine):
            started = time.monotonic()
            ledger = stack.enter_context(served(url, keys, **one.settings(RULES)))
            assert ledger.ask("{ actors { totalCount } }", role="reader")
            assert time.monotonic() - started < LOCK_TIMEOUT_S


def test_a_token_that_comes_by_get_is_taken_too_and_its_answer_is_private(quiet: Desk) -> None:
    token = quiet.issuer.token("getter", groups="readers")
    answer = quiet.ledger.http.get(
        "/graphql",
        params={"query": "{ actors { totalCount } }"},
        headers={"Authorization": f"Bearer {token}"},
    )

    assert answer.status_code == 200
    assert answer.headers["cache-control"].startswith("private")
