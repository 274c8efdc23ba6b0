"""Newsrooms, editors and keys: who may be entered, and what is refused."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from app.commands import access
from app.commands.submission import Submission, fresh_id
from app.commands.submit import submit, submit_within
from app.domain import keys
from app.domain.codes import ChangesetKind, Role
from app.domain.decisions import Editing
from app.domain.errors import Forbidden, Refused, Unauthenticated
from app.domain.permissions import Act
from app.reads.checking import check
from app.reads.holders import holder_of
from app.store import access as stored
from app.store import tables
from app.store.database import write_transaction
from app.store.dossiers import reading
from app.store.reader import open_reader
from tests.checks import everything_holds
from tests.driver import Newsroom
from tests.reads.columns import unguarded

T = tables.metadata.tables
DICE = bytes(range(32))
NOT_VALID = "this key is not valid: it is unknown, not yet valid, expired or revoked"


@pytest.fixture
def ann(engine: Engine) -> str:
    """Ann, an editor of the house."""
    access.add_newsroom(engine, "House", house=True)
    return access.add_editor(engine, "Ann", newsroom="House", role="editor")


def create_key(engine: Engine, editor: str = "Ann", **more: Any) -> access.NewKey:
    return access.create_key(engine, editor, label="Laptop", environment="live", **more)


def refusal(of: Any, *given: Any, **named: Any) -> tuple[Any, str]:
    """Where, and with which words, something is refused."""
    with pytest.raises(Refused) as refused:
        of(*given, **named)
    (one,) = refused.value.refusals
    return one.path, one.message


def test_a_key_is_shown_once_and_stored_as_its_digest(engine: Engine, ann: str) -> None:
    made = create_key(engine, dice=lambda _: DICE)

    assert made.key == keys.new_key("live", DICE)
    with engine.connect() as connection:
        (row,) = connection.execute(sa.text("SELECT * FROM key")).mappings()
    assert (row["id"], row["editor"], row["digest"]) == (made.id, ann, keys.digest(made.key))
    assert made.key not in str(dict(row))


def test_a_revoked_key_stays_listed_and_is_revoked_once(engine: Engine, ann: str) -> None:
    made = create_key(engine, ann)

    access.revoke_key(engine, made.id)

    with engine.connect() as connection:
        (row,) = stored.keys(connection)
    assert row["revoked_at"] is not None
    assert refusal(access.revoke_key, engine, made.id)[1] == f"{made.id} is revoked already"
    assert "`corrigenda key list`" in refusal(access.revoke_key, engine, "key_x")[1]
    rotated = refusal(access.rotate_key, engine, "key_x", environment="test")
    assert "`corrigenda key list`" in rotated[1]


def test_a_retired_editor_is_told_from_one_who_was_never_there(engine: Engine, ann: str) -> None:
    """Whoever names one learns which it is, and what brings the editor back."""
    assert "is not retired" in refusal(access.restore_editor, engine, "Ann")[1]

    access.retire_editor(engine, ann)

    assert "`corrigenda editor restore`" in refusal(create_key, engine, "Ann")[1]
    assert "there is no editor" in refusal(create_key, engine, "Anne")[1]


@pytest.mark.parametrize("written", ["tomorrow", "2027-01-31"])
def test_the_end_of_a_key_is_an_instant(engine: Engine, ann: str, written: str) -> None:
    """A plain date does not say when on that day."""
    message = refusal(create_key, engine, ann, expires_at=written)[1]

    assert "must be an instant with its time, like 2027-01-31T00:00:00Z" in message


@pytest.mark.parametrize(
    ("name", "newsroom", "role", "path", "words"),
    [
        ("Ben", "Elsewhere", "EDITOR", ("newsroom",), "newsrooms are: House"),
        ("Ben", "House", "BOSS", ("role",), "a role is one of READER"),
        ("  ann", "House", "READER", ("name",), "has an editor named 'ann' already"),
        (" ", "House", "READER", ("name",), "blank"),
    ],
)
def test_an_editor_that_cannot_be_is_refused(
    engine: Engine, ann: str, name: str, newsroom: str, role: str, path: Any, words: str
) -> None:
    found = refusal(access.add_editor, engine, name, newsroom=newsroom, role=role)

    assert (found[0], words in found[1]) == (path, True), found


def test_a_newsroom_is_entered_once_and_there_is_one_house(engine: Engine, ann: str) -> None:
    assert refusal(access.add_newsroom, engine, "HOUSE")[0] == ("name",)
    assert refusal(access.add_newsroom, engine, "Other", house=True)[0] == ("house",)
    assert access.add_newsroom(engine, "Other").startswith("newsroom_")


def test_two_editors_of_one_name_are_told_apart_by_id(engine: Engine, ann: str) -> None:
    access.add_newsroom(engine, "Other")
    second = access.add_editor(engine, "Ann", newsroom="Other", role="EDITOR")

    path, message = refusal(create_key, engine)

    assert path == ("editor",)
    assert ann in message
    assert second in message
    assert create_key(engine, second).id.startswith("key_")


def test_who_loads_is_the_only_one_who_may_or_has_to_be_said(engine: Engine, ann: str) -> None:
    access.add_editor(engine, "Rita", newsroom="House", role="READER")
    with engine.connect() as connection:
        assert access.editing_as(connection, None).editor == ann
        assert access.editing_as(connection, "Ann").role is Role.EDITOR
        assert "EDITOR and ADMIN may" in refusal(access.editing_as, connection, "Rita")[1]
        assert "no editor 'Nobody'" in refusal(access.editing_as, connection, "Nobody")[1]
    access.add_editor(engine, "Ben", newsroom="House", role="ADMIN")

    with engine.connect() as connection:
        path, message = refusal(access.editing_as, connection, None)

    assert path == ("editor",)
    assert "Ann (editor_" in message
    assert "Ben (editor_" in message


def test_before_anybody_is_entered_the_refusal_says_how(engine: Engine) -> None:
    with engine.connect() as connection:
        assert "corrigenda newsroom add" in refusal(access.editing_as, connection, None)[1]


# --- in the log ---------------------------------------------------------------------------------


def steps(engine: Engine) -> list[tuple[int, str, str, dict[str, Any]]]:
    """Every step about who may act: position, kind, action, and what it set."""
    revision = T["revision"].c
    with engine.connect() as connection:
        made = connection.execute(
            sa.select(revision.position, revision.record_id, revision.version, revision.action)
            .where(revision.record_id.regexp_match("^(newsroom|editor|key)_"))
            .order_by(revision.position, revision.place)
        ).all()
        set_by = {(record_id, version): dict[str, Any]() for _, record_id, version, _ in made}
        for row in connection.execute(sa.select(T["change"])).mappings():
            if (row["record_id"], row["version"]) in set_by:
                set_by[row["record_id"], row["version"]][row["field"]] = json.loads(row["after"])
    return [
        (position, record_id.partition("_")[0], action, set_by[record_id, version])
        for position, record_id, version, action in made
    ]


def test_of_two_who_found_a_ledger_at_once_one_is_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is decided where nobody else changes access, not only before."""
    access.add_newsroom(engine, "House", house=True)
    # As if both had looked before either of them wrote.
    monkeypatch.setattr(access, "_has_house", lambda _: False)

    with pytest.raises(Refused) as refused:
        access.add_newsroom(engine, "Other", house=True)

    assert (("house",), "there is a house newsroom already; a ledger has one") in [
        (one.path, one.message) for one in refused.value.refusals
    ]
    with engine.connect() as connection:
        assert [one["name"] for one in stored.newsrooms(connection)] == ["House"]


def test_the_house_comes_with_the_operator_who_enters_both(engine: Engine) -> None:
    """In one changeset, whose editor it is."""
    house = access.add_newsroom(engine, "House", house=True)

    ((first, *_), (second, *_)) = (found := steps(engine))
    assert (first, second) == (1, 1)
    assert [(kind, action) for _, kind, action, _ in found] == [
        ("newsroom", "ADD"), ("editor", "ADD"),
    ]  # fmt: skip
    with engine.connect() as connection:
        changeset = connection.execute(sa.select(T["changeset"])).mappings().one()
        (operator,) = stored.editors(connection)
    assert (operator["name"], operator["role"], operator["newsroom"]) == (
        "Operator",
        "ADMIN",
        house,
    )
    assert (changeset["kind"], changeset["editor"]) == ("ACCESS", operator["id"])
    assert everything_holds(engine) == 0


def test_each_change_of_access_is_a_changeset_with_its_reason(engine: Engine, ann: str) -> None:
    made = create_key(engine, scopes=["COMMIT"], expires_at="2099-01-01T00:00:00+01:00")
    access.revise_editor(engine, "Ann", role="CONTRIBUTOR", by=access.By(note="She proposes now."))
    access.rotate_key(engine, made.id, environment="live")
    access.revoke_key(engine, made.id)
    access.retire_editor(engine, "Ann")
    access.restore_editor(engine, "Ann")

    positions = [position for position, *_ in steps(engine)]
    assert [*dict.fromkeys(positions)] == list(range(1, 9))
    told = {(kind, action): given for _, kind, action, given in steps(engine)}
    assert told["editor", "REVISE"] == {"role": "CONTRIBUTOR"}
    assert list(told["key", "RETRACT"]) == ["revokedAt"]
    assert list(told["editor", "RETRACT"]) == list(told["editor", "RESTORE"]) == ["retiredAt"]
    with engine.connect() as connection:
        notes = connection.execute(
            sa.select(T["header"].c.value).where(T["header"].c.name == "note")
        ).scalars().all()  # fmt: skip
    assert json.dumps("She proposes now.") in notes
    assert everything_holds(engine) == 0


def test_nothing_of_a_key_s_secret_is_in_the_log(engine: Engine, ann: str) -> None:
    made = create_key(engine)
    secrets = (made.key, keys.parse_key(made.key).secret, keys.digest(made.key))

    with engine.connect() as connection:
        held = {
            name: str(connection.execute(sa.select(table)).all())
            for name, table in T.items()
            if name != "key"
        }

    assert [name for name, text in held.items() if any(one in text for one in secrets)] == []
    assert secrets[0] not in repr(made)


def test_what_an_editor_may_not_do_is_refused(engine: Engine, ann: str) -> None:
    """Nobody raises their own role, and nobody gives what they do not have."""
    by = access.By("Ann")
    access.add_newsroom(engine, "Partner")
    access.add_editor(engine, "Pia", newsroom="Partner", role="ADMIN")
    pia = access.By("Pia")

    assert "EDITOR may not" in refusal(access.revise_editor, engine, "Ann", role="ADMIN", by=by)[1]
    refused = refusal(access.revise_editor, engine, "Ann", role="READER", by=pia)
    assert "newsroom of their own" in refused[1]
    assert "newsroom of their own" in refusal(access.add_newsroom, engine, "Other", by=pia)[1]
    assert access.add_editor(engine, "Paul", newsroom="Partner", role="EDITOR", by=pia)
    bound = {"identity": "https://login.example|ann", "by": pia}
    assert "ADMIN of the house" in refusal(access.revise_editor, engine, "Paul", **bound)[1]
    assert access.revise_editor(engine, "Paul", identity=bound["identity"])
    unknown = refusal(create_key, engine, "Ann", scopes=["EVERYTHING"])
    assert unknown[0] == ("scopes",)
    assert "is no scope" in unknown[1]
    assert "whom REDACT is not allowed" in refusal(create_key, engine, "Ann", scopes=["REDACT"])[1]
    last = refusal(access.revise_editor, engine, "Operator", role="READER")
    assert "nobody would be left" in last[1]


def test_a_key_confined_to_managing_access_gives_no_more_than_that(engine: Engine) -> None:
    """Else it could make itself one without scopes."""
    access.add_newsroom(engine, "House", house=True)
    with engine.connect() as connection:
        (operator,) = stored.editors(connection)
    confined = replace(
        Editing(operator["id"], operator["newsroom"], Role.ADMIN, "Operator", is_house=True),
        scopes=frozenset({Act.MANAGE_ACCESS}),
    )

    def changed(**operation: Any) -> Any:
        body = {"reason": {"code": "OTHER", "note": "x"}, "operations": [operation]}
        return submit(engine, Submission(body, confined, ChangesetKind.ACCESS))

    wide = {"editor": operator["id"], "label": "x"}
    assert refusal(changed, createKey=wide)[1].startswith("nobody gives what they do not have")
    # With an identity somebody logs in, and has no scopes then.
    person = {"id": operator["id"], "identity": "https://login.example|me"}
    path, message = refusal(changed, reviseEditor=person)
    assert path[-1] == "identity"
    assert message.startswith("nobody gives what they do not have")
    made = changed(createKey={**wide, "scopes": ["OWN_KEYS"]})
    assert len(made.keys) == 1


def test_nobody_is_found_under_a_name_that_is_another_s_id(engine: Engine, ann: str) -> None:
    """Ids are public: a partner's ADMIN could name an editor so, and be given Ann's next key."""
    access.add_newsroom(engine, "Partner")
    mallory = access.add_editor(engine, ann, newsroom="Partner", role="EDITOR")

    made = create_key(engine, ann)

    with engine.connect() as connection:
        held = stored.held(connection, [made.id])
    assert held[made.id].fields["editor"] == ann != mallory
    access.retire_editor(engine, ann)
    assert f"Ann ({ann}) is retired" in refusal(create_key, engine, ann)[1]


@pytest.mark.parametrize("what", ["role", "editor", "key", "rotated", "identity"])
def test_who_lost_a_power_meanwhile_has_it_no_more_behind_the_lock(
    engine: Engine, ann: str, what: str
) -> None:
    """A change that waited for the one that takes the power away is decided after it."""
    access.revise_editor(engine, ann, role="ADMIN", identity="https://issuer.example|ann")
    key = create_key(engine, ann).id
    with engine.connect() as connection:
        house = stored.newsrooms(connection)[0]["id"]
    asking = Editing(ann, house, Role.ADMIN, "Ann", is_house=True, key=key)
    if what == "identity":
        asking = replace(asking, key="", identity="https://issuer.example|ann")
    desk = Newsroom(engine, asking)
    horses = desk.add_transfer(quantity=30)
    asked = desk.propose(desk.setting(horses, quantity=24)).proposal or ""
    again = {"addEditor": {"newsroom": house, "name": "Ann again", "role": "ADMIN"}}
    waiting = [
        Submission(_body(again), asking, ChangesetKind.ACCESS),
        Submission(_body({"addActor": {"name": "Russia", "kind": "STATE"}}), asking),
    ]

    if what == "role":
        access.revise_editor(engine, ann, role="READER")
    elif what == "editor":
        access.retire_editor(engine, ann)
    elif what == "identity":
        access.revise_editor(engine, ann, identity="https://issuer.example|bo")
    elif what == "rotated":
        access.rotate_key(engine, key, environment="test", overlap_s=0)
    else:
        access.revoke_key(engine, key)

    before = _head(engine)
    for one in waiting:
        with pytest.raises(Forbidden, match="changed a moment ago"):
            submit(engine, one)
    for decision in ("REJECT", "RETURN", "ACCEPT"):
        with pytest.raises(Forbidden, match="changed a moment ago"):
            desk.review(asked, decision, "Why not.", four_eyes=False)
    with pytest.raises(Forbidden, match="changed a moment ago"):
        desk.withdraw(asked)
    assert _head(engine) == before
    everything_holds(engine)


def test_an_entry_names_the_role_that_holds_where_it_stands(engine: Engine, ann: str) -> None:
    """An EDITOR who became ADMIN while the edit waited stands behind that as an ADMIN."""
    with engine.connect() as connection:
        house = stored.newsrooms(connection)[0]["id"]
    asking = Editing(ann, house, Role.EDITOR, "Ann", is_house=True)
    access.revise_editor(engine, ann, role="ADMIN")

    Newsroom(engine, asking).add_actor()

    with engine.connect() as connection:
        query = sa.select(T["changeset"].c.role).order_by(T["changeset"].c.position.desc())
        assert connection.execute(query).scalars().first() == Role.ADMIN


def _body(operation: Any) -> dict[str, Any]:
    return {"reason": {"code": "OTHER", "note": "x"}, "operations": [operation]}


def _head(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.select(T["head"].c.size)).scalar_one())


def test_an_edit_waits_for_a_change_of_access_that_is_under_way(engine: Engine, ann: str) -> None:
    """Where it goes into the log after the change, the power that was taken is gone."""
    with engine.connect() as connection:
        house = stored.newsrooms(connection)[0]["id"]
        (operator,) = [one for one in stored.editors(connection) if one["id"] != ann]
    asking = Editing(ann, house, Role.EDITOR, "Ann", is_house=True)
    edit = Submission(_body({"addActor": {"name": "Russia", "kind": "STATE"}}), asking)
    admin = Editing(operator["id"], house, Role.ADMIN, "Operator", is_house=True)
    retiring = Submission(_body({"retireEditor": {"id": ann}}), admin, ChangesetKind.ACCESS)

    with ThreadPoolExecutor(1) as threads:
        with write_transaction(engine) as connection:
            position = submit_within(connection, retiring).position
            waiting = threads.submit(submit, engine, edit)
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
        with pytest.raises(Forbidden, match="changed a moment ago"):
            waiting.result(10)
    assert _head(engine) == position


def test_a_key_that_leaked_is_revoked_with_all_that_came_of_it(engine: Engine, ann: str) -> None:
    """Whoever found it may have rotated it, and revoked what was in between."""
    leaked, other = create_key(engine), create_key(engine)
    between = access.rotate_key(engine, leaked.id, environment="live")
    kept, last = (access.rotate_key(engine, between.id, environment="live") for _ in "ab")
    access.revoke_key(engine, between.id)
    access.revoke_key(engine, kept.id)

    access.revoke_key(engine, leaked.id, with_successors=True)

    with engine.connect() as connection:
        good = {one["id"] for one in stored.keys(connection) if one["revoked_at"] is None}
    assert last.id not in good
    assert good == {other.id}
    again = refusal(access.revoke_key, engine, leaked.id, with_successors=True)
    assert "revoked" in again[1]


def test_a_rotation_leaves_the_old_key_good_for_its_overlap(engine: Engine, ann: str) -> None:
    """With a fixed clock: both are good within it, one after it, and none once that is revoked."""
    noon = datetime(2126, 1, 1, 12, tzinfo=UTC)
    old = create_key(engine, clock=lambda: noon)
    new = access.rotate_key(engine, old.id, environment="live", overlap_s=3600, clock=lambda: noon)

    async def asked(key: str, after: timedelta) -> str:
        reader = open_reader(engine.url, pool_size=1)
        try:
            await reader.start()
            await holder_of(reader, key, clock=lambda: noon + after)
        except Unauthenticated as fault:
            return str(fault)
        finally:
            await reader.stop()
        return ""

    def good(key: str, after: timedelta) -> bool:
        told = asyncio.run(asked(key, after))
        assert told in ("", NOT_VALID)
        return not told

    within, after = timedelta(minutes=59), timedelta(minutes=60)
    assert [good(one.key, within) for one in (old, new)] == [True, True]
    assert [good(one.key, after) for one in (old, new)] == [False, True]
    access.revoke_key(engine, new.id)
    assert not good(new.key, within)
    later = create_key(engine, not_before="2126-01-01T12:30:00Z")
    assert [good(later.key, timedelta(minutes=one)) for one in (29, 30)] == [False, True]


def test_what_stands_from_before_is_entered_by_the_first_change(engine: Engine) -> None:
    """As a ledger of an older release has it: rows without a history, past the triggers."""
    unguarded(engine)
    old = {"created_at": "2026-01-01T00:00:00.000000Z"}
    with engine.begin() as connection:
        room = {"id": fresh_id("newsroom", 1), "name": "House", "house": True, **old}
        connection.execute(T["newsroom"].insert(), room)
        editor = {"id": fresh_id("editor", 1), "newsroom": room["id"], "name": "Ann", **old}
        connection.execute(T["editor"].insert(), {**editor, "role": "EDITOR"})
    with reading(engine.url) as connection:
        before = check(connection)

    access.add_editor(engine, "Ben", newsroom="House", role="READER")

    assert (before.not_entered, before.problems) == (2, [])
    found = steps(engine)
    assert [(position, kind, given.get("name")) for position, kind, _, given in found] == [
        (1, "newsroom", "House"), (1, "editor", "Ann"),
        (2, "editor", "Operator"), (2, "editor", "Ben"),
    ]  # fmt: skip
    assert found[0][3]["createdAt"] == old["created_at"]
    with reading(engine.url) as connection:
        assert (checked := check(connection)).problems == []
    assert checked.not_entered == 0


def test_a_role_that_was_changed_in_the_database_is_found(engine: Engine, ann: str) -> None:
    """The tables follow from the log, so a row that does not is a forgery."""
    unguarded(engine)
    with engine.begin() as connection:
        connection.execute(T["editor"].update().where(T["editor"].c.id == ann).values(role="ADMIN"))

    with reading(engine.url) as connection:
        (problem,) = check(connection).problems

    assert (problem.table, problem.key, problem.column) == ("editor", ann, "role")


def test_access_is_not_reverted(engine: Engine, ann: str) -> None:
    body = {"reason": {"code": "OTHER", "note": "x"}}
    with engine.connect() as connection:
        editing = access.editing_as(connection, "Ann")

    found = refusal(submit, engine, Submission(body, editing, reverts=2))

    assert "make the opposite access change" in found[1]
