"""Newsrooms, editors and keys: who may be entered, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from app.commands import access
from app.domain import keys
from app.domain.codes import Role
from app.domain.errors import Refused
from app.store import access as stored

DICE = bytes(range(32))


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
    assert "there is no key" in refusal(access.revoke_key, engine, "key_x")[1]


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
