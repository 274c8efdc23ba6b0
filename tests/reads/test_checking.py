"""`corrigenda check`: whether a database is complete and says what its log says."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from app.domain.codes import Role
from app.reads.checking import UNCOVERED, Checked, check, checked_json, checked_text
from app.store.checking import raw
from app.store.dossiers import reading
from app.store.tables import metadata
from tests.bundles import KEY, OTHER_KEY, publish
from tests.databases import Databases
from tests.driver import Newsroom, opened
from tests.reads.columns import cells, changed, unguarded

COLUMNS = [
    f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.columns
]
COVERED = [column for column in COLUMNS if column not in UNCOVERED]


def checked(engine: Engine, key: object = KEY) -> Checked:
    with reading(engine.url) as connection:
        return check(connection, [key.verifier])  # type: ignore[attr-defined]


def test_a_ledger_that_nobody_touched_holds(filled: Newsroom) -> None:
    """Merges, reverts, redactions and every kind of record follow from the log."""
    found = checked(filled.engine)

    assert found.problems == []
    assert found.changesets == filled.head()
    assert found.redactions == 3
    assert found.checkpoints == 3
    assert "holds" in checked_text(found)
    assert checked_json(found)["holds"] is True


def test_an_empty_ledger_holds(newsroom: Newsroom) -> None:
    publish(newsroom.engine)

    assert checked(newsroom.engine).problems == []


def test_any_byte_that_changes_in_a_covered_column_is_found(filled: Newsroom) -> None:
    """Two hundred columns, drawn at random; fewer of them where a check takes longer."""
    dice = random.Random(4)
    wanted = 140 if filled.engine.dialect.name == "sqlite" else 60
    unguarded(filled.engine)
    drawn, missed, tried = cells(filled.engine, COVERED, dice), [], 0

    with reading(filled.engine.url) as connection:
        while tried < wanted:
            cell = next(drawn)
            with changed(filled.engine, cell, dice) as was_changed:
                if was_changed:
                    tried += 1
                    if not check(connection, [KEY.verifier]).problems:
                        missed.append(str(cell))

    assert missed == []
    assert checked(filled.engine).problems == []


def test_a_byte_of_a_stored_node_is_found(databases: Databases) -> None:
    """A log of 256 entries has the first one; check works it out again."""
    with databases.clone("sqlite") as url, opened(url) as engine:
        newsroom = Newsroom.founded(engine)
        for number in range(255):
            newsroom.add_item(f"Item {number}")
        publish(engine)
        before = checked(engine).problems
        dice, found = random.Random(1), []
        for cell, _ in zip(cells(engine, NODE, dice), range(4), strict=False):
            with changed(engine, cell, dice) as was_changed:
                found.append(was_changed and checked(engine).problems[0].table)

    assert before == []
    assert set(found) == {"node"}


@pytest.mark.parametrize(
    ("table", "column", "value", "told"),
    [
        ("proposal", "state", "OPEN", "this is not what happened to the proposal"),
        ("proposal_event", "kind", "REJECT", "something else was decided"),
        ("proposal_event", "position", 1, "the log says otherwise"),
        ("proposal_draft", "input", '{"ids":{}}', "the digest opens to something else"),
    ],
)
def test_a_decision_that_was_tampered_with_is_found(
    databases: Databases, table: str, column: str, value: object, told: str
) -> None:
    """Who owns the database changes what was decided; the log has it otherwise."""
    with databases.clone("sqlite") as url, opened(url) as engine:
        house = Newsroom.founded(engine)
        house.add_actor()
        wire = Newsroom.founded(engine, "Northern Wire", Role.CONTRIBUTOR, house=False)
        made = wire.propose({"addActor": {"name": "Estonia", "kind": "STATE"}}).proposal or ""
        house.review(made, "RETURN", "Which source?")
        publish(engine)
        before = checked(engine).problems
        unguarded(engine)
        decided = "" if table != "proposal_event" else " WHERE position IS NOT NULL"
        with engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE {table} SET {column} = ?{decided}", (value,))

        found = checked(engine).problems

    assert before == []
    assert told in " ".join(one.message for one in found)
    assert {one.code for one in found} == {"PROPOSAL"}


NODE = ["node.hash", "node.level", "node.number"]
NEVER_FILLED = {"node.hash", "node.level", "node.number"}
"""Nodes, of which a log of 256 entries has the first."""


def test_the_ledger_of_these_tests_has_something_in_every_covered_column(filled: Newsroom) -> None:
    """Else a byte of that column would never be changed by the test above."""
    with filled.engine.connect() as connection:
        rows = {name: connection.execute(raw(name)).mappings().all() for name in metadata.tables}

    empty = {
        column
        for column in COVERED
        if all(row[column.partition(".")[2]] is None for row in rows[column.partition(".")[0]])
    }
    assert empty == NEVER_FILLED


def test_every_column_is_covered_or_said_not_to_be() -> None:
    """A column that comes anew is found by the test above, or stands in the documentation."""
    text = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    named = set(
        re.findall(r"`([a-z_]+\.[a-z0-9_]+)`", text[text.index("## Columns that nothing") :])
    )

    assert set(UNCOVERED) <= set(COLUMNS)
    assert set(UNCOVERED) == named & set(COLUMNS)


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("DELETE FROM change WHERE field = 'origin'", "entry"),
        ("DELETE FROM entry WHERE position = 3", "head"),
        ("DELETE FROM transfer WHERE version = 2", "transfer"),
        ("DELETE FROM revision WHERE version = 2", "entry"),
        ("DELETE FROM header WHERE name = 'internalNote'", "header"),
        ("DELETE FROM derivation", "derivation"),
        ("DELETE FROM search WHERE id LIKE 'item%'", "search"),
        ("DELETE FROM redaction_target WHERE scope = 'header'", "header"),
        ("UPDATE change SET salt = '', after = 'null' WHERE field = 'origin'", "change"),
    ],
)
def test_rows_that_are_gone_are_missed(filled: Newsroom, statement: str, table: str) -> None:
    """Whatever is taken away in silence is named with its table."""
    unguarded(filled.engine)
    with filled.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(sa.text(statement))
        connection.commit()

    problems = checked(filled.engine).problems

    assert problems
    assert table in {one.table for one in problems}


def test_a_checkpoint_of_another_key_is_a_problem(filled: Newsroom) -> None:
    found = checked(filled.engine, OTHER_KEY)

    assert {one.table for one in found.problems} == {"checkpoint"}
