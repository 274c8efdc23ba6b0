"""The database itself refuses to forget, whoever connects to it and with whatever tool.

Every statement here is raw SQL through the plain drivers. The SQLite connection is an
attacker's: foreign keys and recursive triggers are off.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cache
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from app.store.database import parse_url, sqlite_file
from app.store.tables import END, LEDGER_TABLES, RECORD_TABLES, metadata
from tests.databases import KINDS, Databases

Values = dict[str, Any]

NOON = "2026-01-01T12:00:00.000000Z"
ONE_O_CLOCK = "2026-01-01T13:00:00.000000Z"


class RawLedger:
    """SQL on one connection, in one transaction that is taken back when the test ends."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self._connection = _connect(url)
        self.run("BEGIN")

    def run(self, statement: str, *values: Any) -> Any:
        mark = "?" if self.is_sqlite else "%s"
        return self._connection.execute(statement.replace("?", mark), values)

    def insert(self, table: str, values: Values, *, verb: str = "INSERT") -> None:
        columns = ", ".join(f'"{name}"' if name != "rowid" else name for name in values)
        marks = ", ".join("?" for _ in values)
        self.run(f'{verb} INTO "{table}" ({columns}) VALUES ({marks})', *values.values())

    def update(self, table: str, column: str, value: Any, where: Values) -> None:
        condition = " AND ".join(f'"{name}" = ?' for name in where)
        self.run(f'UPDATE "{table}" SET "{column}" = ? WHERE {condition}', value, *where.values())

    def refusal(self, statement: Callable[[], None]) -> str:
        """Return what the database says to a statement that it has to refuse."""
        self.run("SAVEPOINT before")
        with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)) as refused:
            statement()
        self.run("ROLLBACK TO SAVEPOINT before")
        return str(refused.value)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        return sorted(self.run(f'SELECT * FROM "{table}"').fetchall(), key=repr)

    def commit(self) -> None:
        self.run("COMMIT")

    def close(self) -> None:
        self._connection.close()


def _connect(url: str) -> Any:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(sqlite_file(parse_url(url)), isolation_level=None)
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA recursive_triggers = OFF")
        return connection
    return psycopg.connect(url, autocommit=True)


# --- a ledger of one sealed changeset, with a row in every table ---------------


def changeset(position: int, recorded_at: str = NOON) -> Values:
    return {
        "position": position, "id": f"changeset_{position}", "recorded_at": recorded_at,
        "editor": "editor_1", "newsroom": "newsroom_1", "role": "EDITOR", "kind": "EDIT",
        "reason_code": "INITIAL_ENTRY",
    }  # fmt: skip


def header(position: int, name: str = "reason.note") -> Values:
    return {
        "position": position, "name": name, "value": "A note.", "salt": "s", "digest": "d",
        "restricted": False,
    }  # fmt: skip


def record(record_id: str, position: int) -> Values:
    return {"id": record_id, "kind": record_id.split("_", maxsplit=1)[0], "created": position}


def revision(record_id: str, version: int, position: int, place: int) -> Values:
    return {
        "record_id": record_id, "version": version, "position": position, "place": place,
        "action": "ADD",
    }  # fmt: skip


def change(record_id: str, version: int, field: str = "summary") -> Values:
    return {
        "record_id": record_id, "version": version, "field": field, "place": 0,
        "before": "null", "after": '"30 horses"', "salt": "s", "digest": "d",
    }  # fmt: skip


OF_ITS_KIND: dict[str, Values] = {
    "actor": {"name": "Russia", "name_key": "russia", "kind": "STATE"},
    "item": {"name": "Horse", "name_key": "horse", "kind": "LIVE_ANIMAL"},
    "transfer": {"title": "Horses", "occurred_earliest": "", "occurred_latest": ""},
    "citation": {
        "kind": "NEWS_REPORT", "title": "Report", "published_earliest": "", "published_latest": "",
    },
    "claim": {
        "subject": "transfer_1", "field": "QUANTITY", "stance": "ASSERTS",
        "citation": "citation_1", "value_earliest": "", "value_latest": "",
    },
}  # fmt: skip


def version(kind: str, record_id: str, number: int, position: int) -> Values:
    return {
        "id": record_id, "version": number, "entered": position, "superseded": END,
        "state": "ACTIVE", "newsroom": "newsroom_1", **OF_ITS_KIND[kind],
    }  # fmt: skip


def derivation(number: int, position: int, place: int = 0) -> Values:
    return {
        "claim": "claim_1", "version": number, "place": place, "parent": "claim_2",
        "derivation": "QUOTES", "entered": position, "superseded": END,
    }  # fmt: skip


def entry(position: int) -> Values:
    return {"position": position, "body": "{}", "leaf_hash": b"leaf"}


def redaction(position: int) -> Values:
    return {"position": position, "authority": "LEGAL"}


def target(position: int, place: int = 0, **more: Any) -> Values:
    """A target of the redaction at a position; by itself the note of changeset 1."""
    return {
        "position": position, "place": place, "target": 1, "scope": "header", "version": None,
        "field": "note", "digest": "dn",
    } | more  # fmt: skip


def checkpoint(size: int) -> Values:
    return {"size": size, "note": "a signed note", "signed_at": NOON}


PROPOSAL = {
    "id": "proposal_1", "newsroom": "newsroom_1", "editor": "editor_1", "state": "OPEN",
    "revision": 1, "created_at": NOON, "updated_at": NOON,
}  # fmt: skip


def draft(proposal: str = "proposal_1", revision: int = 1) -> Values:
    return {
        "proposal": proposal, "revision": revision, "based_on": 1, "created_at": NOON,
        "input": '{"ids": {}}', "salt": "s", "digest": "d",
    }  # fmt: skip


def proposal_step(proposal: str = "proposal_1", place: int = 0) -> Values:
    return {
        "proposal": proposal, "revision": 1, "place": place, "record_id": "transfer_1",
        "version": 2, "action": "REVISE",
    }  # fmt: skip


def proposal_change(proposal: str = "proposal_1", field: str = "title") -> Values:
    return {
        "proposal": proposal, "revision": 1, "record_id": "transfer_1", "field": field,
        "place": 0, "before": '"Horses"', "after": '"24 horses"',
    }  # fmt: skip


def proposal_event(proposal: str = "proposal_1", place: int = 0, **more: Any) -> Values:
    return {
        "proposal": proposal, "place": place, "revision": 1, "kind": "PROPOSE",
        "editor": "editor_1", "newsroom": "newsroom_1", "at": NOON, "note": "A tip.",
    } | more  # fmt: skip


FIRST = {"created_at": NOON, "version": 1, "entered": 1}
NEWSROOM = {"id": "newsroom_1", "name": "The House", "house": True, **FIRST}
EDITOR = {
    "id": "editor_1", "newsroom": "newsroom_1", "name": "Ana", "role": "EDITOR", **FIRST,
}  # fmt: skip
KEY = {"id": "key_1", "editor": "editor_1", "label": "desk", "digest": "d1", **FIRST}
ACCESS = {"newsroom": NEWSROOM, "editor": EDITOR, "key": KEY}


def tell_the_first_changeset(ledger: RawLedger) -> None:
    """Write changeset 1 the way the application does: its entry and the head come last."""
    if not ledger.is_sqlite:
        # It enters its own editor, who is there at the end.
        ledger.run("SET CONSTRAINTS ALL DEFERRED")
    ledger.insert("changeset", changeset(1))
    ledger.insert("header", header(1))
    # The second record of each kind has a revision and no version row yet.
    ids = [f"{kind}_{number}" for kind in RECORD_TABLES for number in (1, 2)]
    ids += [f"{kind}_1" for kind in ACCESS]
    for place, record_id in enumerate(ids):
        ledger.insert("record", record(record_id, 1))
        ledger.insert("revision", revision(record_id, 1, 1, place))
        ledger.insert("change", change(record_id, 1))
    for kind, values in ACCESS.items():
        ledger.insert(kind, values)
    for kind in RECORD_TABLES:
        ledger.insert(kind, version(kind, f"{kind}_1", 1, 1) | {"external_ref": "ours-1"})
    ledger.insert("derivation", derivation(1, 1))
    ledger.insert("header", header(1, "note") | {"digest": "dn"})
    title = change("transfer_1", 1, "title") | {"after": '"Horses"', "digest": "dt", "place": 1}
    ledger.insert("change", title)
    seal(ledger, 1)
    ledger.insert("checkpoint", checkpoint(1))
    ledger.insert("proposal", PROPOSAL)
    ledger.insert("proposal_draft", draft())
    ledger.insert("proposal_step", proposal_step())
    ledger.insert("proposal_change", proposal_change())
    ledger.insert("proposal_event", proposal_event())


def tell_a_redaction(ledger: RawLedger) -> None:
    """Write changeset 2, which takes the note of the first one, and seal it."""
    begin_redaction(ledger, 2)
    ledger.insert("redaction_target", target(2))
    blank_header(ledger)
    seal(ledger, 2)


def begin_redaction(ledger: RawLedger, position: int) -> None:
    """Open a changeset that may blank what it names as its targets."""
    ledger.insert("changeset", changeset(position) | {"kind": "REDACTION"})
    ledger.insert("redaction", redaction(position))


def blank_header(ledger: RawLedger) -> None:
    ledger.run("""UPDATE header SET value = '"[redacted]"', salt = '' WHERE name = 'note'""")


def seal(ledger: RawLedger, position: int, recorded_at: str = NOON) -> None:
    ledger.insert("entry", entry(position))
    ledger.run("UPDATE head SET size = ?, peaks = ?, recorded_at = ?", position, b"p", recorded_at)


Told = Callable[[str, bool], RawLedger]
REDACTIONS = ("redaction", "redaction_target")


@pytest.fixture(scope="module")
def told(databases: Databases) -> Iterator[Told]:
    """Opens a ledger of either kind that holds one sealed changeset, or a redaction of it too."""
    with ExitStack() as stack:

        @cache
        def url(kind: str, redacted: bool) -> str:  # noqa: FBT001 - a key of the cache
            cloned = stack.enter_context(databases.clone(kind))
            with closing(RawLedger(cloned)) as ledger:
                tell_the_first_changeset(ledger)
                if redacted:
                    tell_a_redaction(ledger)
                ledger.commit()
            return cloned

        yield lambda kind, redacted: RawLedger(url(kind, redacted))


def _has_redaction(request: pytest.FixtureRequest) -> bool:
    """Whether a test is about a table that has rows only once something was redacted."""
    callspec = getattr(request.node, "callspec", None)
    return callspec is not None and callspec.params.get("table") in REDACTIONS


@pytest.fixture(params=KINDS)
def ledger(request: pytest.FixtureRequest, told: Told) -> Iterator[RawLedger]:
    with closing(told(request.param, _has_redaction(request))) as opened:
        yield opened


@pytest.fixture
def sqlite_ledger(request: pytest.FixtureRequest, told: Told) -> Iterator[RawLedger]:
    """For what PostgreSQL does not have: OR REPLACE and rowids."""
    with closing(told("sqlite", _has_redaction(request))) as opened:
        yield opened


@pytest.fixture
def postgres_ledger(request: pytest.FixtureRequest, told: Told) -> Iterator[RawLedger]:
    """For what SQLite does not have: TRUNCATE and replication."""
    with closing(told("postgresql", _has_redaction(request))) as opened:
        yield opened


def open_changeset(ledger: RawLedger, position: int = 2) -> None:
    ledger.insert("changeset", changeset(position))


# --- nothing is forgotten ------------------------------------------------------


@pytest.mark.parametrize("table", LEDGER_TABLES)
def test_delete_is_refused(ledger: RawLedger, table: str) -> None:
    """No row of the ledger can be deleted, and the refusal says so."""
    before = ledger.rows(table)

    refusal = ledger.refusal(lambda: ledger.run(f'DELETE FROM "{table}"'))

    assert f"the ledger does not forget: DELETE on {table} is refused" in refusal
    assert ledger.rows(table) == before != []


@pytest.mark.parametrize("table", LEDGER_TABLES)
@pytest.mark.parametrize("how", ["", " CASCADE"])
def test_truncate_is_refused(postgres_ledger: RawLedger, table: str, how: str) -> None:
    statement = f'TRUNCATE "{table}"{how}'
    if how == "":
        # Where others point at it, PostgreSQL says no before it asks the trigger.
        others = [other for other in LEDGER_TABLES if other != table]
        statement = ", ".join(
            [statement, *(f'"{other}"' for other in others), "idempotency", "node", "search"]
        )

    refusal = postgres_ledger.refusal(lambda: postgres_ledger.run(statement))

    assert "the ledger does not forget: TRUNCATE on " in refusal


@pytest.mark.parametrize("table", LEDGER_TABLES)
def test_a_replica_refuses_as_well(postgres_ledger: RawLedger, table: str) -> None:
    """The triggers fire although the session says that it replicates."""
    postgres_ledger.run("SET LOCAL session_replication_role = replica")

    refusal = postgres_ledger.refusal(lambda: postgres_ledger.run(f'DELETE FROM "{table}"'))

    assert "the ledger does not forget" in refusal


@pytest.mark.parametrize("table", LEDGER_TABLES)
def test_a_row_cannot_be_replaced(sqlite_ledger: RawLedger, table: str) -> None:
    """INSERT OR REPLACE deletes without asking DELETE triggers; inserting over a row is refused."""
    columns = ", ".join(f'"{column.name}"' for column in metadata.tables[table].columns)
    before = sqlite_ledger.rows(table)

    refusal = sqlite_ledger.refusal(
        lambda: sqlite_ledger.run(
            f'INSERT OR REPLACE INTO "{table}" ({columns}) SELECT {columns} FROM "{table}"'
        )
    )

    assert "the ledger does not forget" in refusal
    assert sqlite_ledger.rows(table) == before


@pytest.mark.parametrize(
    "table", [name for name in LEDGER_TABLES if name not in ("head", *REDACTIONS)]
)
def test_a_row_cannot_be_replaced_by_its_rowid(sqlite_ledger: RawLedger, table: str) -> None:
    """A row that is new by its keys cannot take the rowid of one that is there."""
    open_changeset(sqlite_ledger)
    sqlite_ledger.insert("record", record(f"{table}_3", 2))
    sqlite_ledger.insert("revision", revision(f"{table}_3", 1, 2, 0))
    rowid = sqlite_ledger.run(f'SELECT rowid FROM "{table}"').fetchone()[0]
    before = sqlite_ledger.rows(table)

    refusal = sqlite_ledger.refusal(
        lambda: sqlite_ledger.insert(
            table, {**fresh(table), "rowid": rowid}, verb="INSERT OR REPLACE"
        )
    )

    assert "would replace a row" in refusal or "positions have no gaps" in refusal
    assert sqlite_ledger.rows(table) == before


def fresh(table: str) -> Values:
    """A row for changeset 2 that collides with no other by any key."""
    others = {
        "newsroom": NEWSROOM | {"id": "newsroom_2", "name": "Another"},
        "editor": EDITOR | {"id": "editor_2"},
        "key": KEY | {"id": "key_2", "digest": "d2"},
        "changeset": {k: v for k, v in changeset(3).items() if k != "position"},
        "header": header(2),
        "record": record(f"{table}_4", 2),
        "revision": revision("actor_2", 2, 2, 9),
        "change": change(f"{table}_3", 1),
        "entry": {"body": "{}", "leaf_hash": b""},
        "derivation": derivation(1, 1, place=1),
        "checkpoint": {"note": "a signed note", "signed_at": NOON},
        "proposal": PROPOSAL | {"id": "proposal_2"},
        "proposal_draft": draft(revision=2),
        "proposal_step": proposal_step(place=1),
        "proposal_change": proposal_change(field="summary"),
        "proposal_event": proposal_event(place=1, kind="COMMENT"),
    }
    return others[table] if table in others else version(table, f"{table}_3", 1, 2)


@pytest.mark.parametrize("table", RECORD_TABLES)
def test_the_present_version_cannot_be_replaced(sqlite_ledger: RawLedger, table: str) -> None:
    """A second present version would throw out the first, by the index of present ones."""
    open_changeset(sqlite_ledger)
    sqlite_ledger.insert("revision", revision(f"{table}_1", 2, 2, 0))

    refusal = sqlite_ledger.refusal(
        lambda: sqlite_ledger.insert(
            table, version(table, f"{table}_1", 2, 2), verb="INSERT OR REPLACE"
        )
    )

    assert f"INSERT on {table} would replace a row that is there" in refusal


@pytest.mark.parametrize("table", RECORD_TABLES)
def test_an_external_reference_cannot_push_out_its_record(
    sqlite_ledger: RawLedger, table: str
) -> None:
    open_changeset(sqlite_ledger)
    sqlite_ledger.insert("record", record(f"{table}_3", 2))
    sqlite_ledger.insert("revision", revision(f"{table}_3", 1, 2, 0))
    taken = version(table, f"{table}_3", 1, 2) | {"external_ref": "ours-1"}

    refusal = sqlite_ledger.refusal(
        lambda: sqlite_ledger.insert(table, taken, verb="INSERT OR REPLACE")
    )

    assert f"INSERT on {table} would replace a row that is there" in refusal


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("newsroom", NEWSROOM | {"id": "newsroom_2"}),
        ("key", KEY | {"id": "key_2"}),
        ("changeset", changeset(2) | {"id": "changeset_1"}),
        ("revision", revision("actor_9", 1, 1, 0)),
    ],
)
def test_a_second_key_cannot_push_out_a_row(
    sqlite_ledger: RawLedger, table: str, values: Values
) -> None:
    """Where another column is unique too, REPLACE by that column is refused."""
    refusal = sqlite_ledger.refusal(
        lambda: sqlite_ledger.insert(table, values, verb="INSERT OR REPLACE")
    )

    assert f"INSERT on {table} would replace a row that is there" in refusal


def test_a_newsroom_cannot_be_pushed_out_by_a_rename(sqlite_ledger: RawLedger) -> None:
    step_access(sqlite_ledger, "newsroom_2", 1)
    another = NEWSROOM | {"id": "newsroom_2", "name": "Another", "entered": 2}
    sqlite_ledger.insert("newsroom", another)

    refusal = sqlite_ledger.refusal(
        lambda: sqlite_ledger.run(
            "UPDATE OR REPLACE newsroom SET name = 'The House' WHERE id = 'newsroom_2'"
        )
    )

    assert "two newsrooms cannot have one name" in refusal


@pytest.mark.parametrize("table", LEDGER_TABLES)
def test_a_row_cannot_be_overwritten_on_conflict(ledger: RawLedger, table: str) -> None:
    """ON CONFLICT DO UPDATE is an UPDATE like any other."""
    key = metadata.tables[table].primary_key.columns.keys()
    columns = ", ".join(f'"{column.name}"' for column in metadata.tables[table].columns)
    column = next(
        one for one in metadata.tables[table].columns if one.name not in (*key, "name", "label")
    )
    before = ledger.rows(table)

    ledger.refusal(
        lambda: ledger.run(
            f'INSERT INTO "{table}" ({columns}) SELECT {columns} FROM "{table}" WHERE true '
            f'ON CONFLICT ({", ".join(key)}) DO UPDATE SET "{column.name}" = ?',
            forged(column),
        )
    )

    assert ledger.rows(table) == before


# --- nothing is changed --------------------------------------------------------

VERSION = {"version", "entered"}
MAY_CHANGE = {
    "newsroom": {"name"} | VERSION,
    "editor": {"name", "role", "retired_at", "identity"} | VERSION,
    "key": {"label", "expires_at", "revoked_at"} | VERSION,
    "head": {"size", "peaks", "recorded_at"},
    "proposal": {"state", "revision", "updated_at", "decided_at", "changeset"},
}
ADMINISTERED = [
    (table, column)
    for table in MAY_CHANGE
    if table not in ("head", "proposal")
    for column in sorted(MAY_CHANGE[table] - VERSION)
]


def forged(column: sa.Column[Any]) -> Any:
    values: list[tuple[type[Any], Any]] = [
        (sa.Boolean, False), (sa.BigInteger, 77), (sa.Integer, 77), (sa.LargeBinary, b"forged"),
        (sa.JSON, '["forged"]'), (sa.Text, "forged"),
    ]  # fmt: skip
    return next(value for kind, value in values if isinstance(column.type, kind))


@pytest.mark.parametrize("table", LEDGER_TABLES)
def test_update_of_any_column_is_refused(ledger: RawLedger, table: str) -> None:
    """Column by column: what is written stays, whatever else may change in its row."""
    columns = [c for c in metadata.tables[table].columns if c.name not in MAY_CHANGE.get(table, ())]
    before = ledger.rows(table)

    for column in columns:
        statement = f'UPDATE "{table}" SET "{column.name}" = ?'
        value = True if column.name == "restricted" else forged(column)
        refusal = ledger.refusal(lambda run=statement, to=value: ledger.run(run, to))
        assert "the ledger does not change" in refusal or "a version is superseded by" in refusal

    assert ledger.rows(table) == before


@pytest.mark.parametrize("table", [name for name in LEDGER_TABLES if name != "head"])
def test_a_row_cannot_be_moved_to_another_rowid(sqlite_ledger: RawLedger, table: str) -> None:
    refusal = sqlite_ledger.refusal(
        lambda: sqlite_ledger.run(f'UPDATE OR REPLACE "{table}" SET rowid = 4711')
    )

    assert "the ledger does not change" in refusal


def test_a_document_cannot_be_changed_by_a_byte(ledger: RawLedger) -> None:
    """1 and 1.0 are equal, and not the same."""
    open_changeset(ledger)
    ledger.insert("record", record("actor_3", 2))
    ledger.insert("revision", revision("actor_3", 1, 2, 0))
    ledger.insert("actor", version("actor", "actor_3", 1, 2) | {"aliases": '[{"text": 1}]'})

    refusal = ledger.refusal(
        lambda: ledger.update("actor", "aliases", '[{"text": 1.0}]', {"id": "actor_3"})
    )

    assert "the ledger does not change" in refusal


@pytest.mark.parametrize(("table", "column"), ADMINISTERED)
def test_access_is_changed_by_a_changeset(ledger: RawLedger, table: str, column: str) -> None:
    """Names, roles and the ends of keys and editors may change, and nothing else of them."""
    change = f'UPDATE "{table}" SET version = 2, entered = 2, "{column}" = ?'
    without = [
        ledger.refusal(lambda: ledger.run(f'UPDATE "{table}" SET "{column}" = ?', "changed")),
        ledger.refusal(lambda: ledger.run(change, "changed")),
    ]
    step_access(ledger, f"{table}_1", 2)
    ledger.run(change, "changed")
    ledger.insert("entry", entry(2))

    assert "versions count on by one" in without[0]
    assert "no version without a changeset" in without[1]
    assert ledger.run(f'SELECT "{column}" FROM "{table}"').fetchone()[0] == "changed"
    after = ledger.refusal(lambda: ledger.run(f'UPDATE "{table}" SET version = 3, entered = 2'))
    assert "no version without a changeset" in after


@pytest.mark.parametrize("table", ACCESS)
def test_nobody_is_entered_without_a_changeset(ledger: RawLedger, table: str) -> None:
    """Not without one, not at the position of another, not once it is sealed."""
    added = ACCESS[table] | {"id": f"{table}_2", "name": "B", "digest": "d2"}
    added = {name: value for name, value in added.items() if name in ACCESS[table]}
    without = ledger.refusal(lambda: ledger.insert(table, added | {"entered": None}))
    elsewhere = ledger.refusal(lambda: ledger.insert(table, added))
    step_access(ledger, f"{table}_2", 1)
    ledger.insert("entry", entry(2))
    sealed = ledger.refusal(lambda: ledger.insert(table, added | {"entered": 2}))

    assert "no version without a changeset" in without
    assert "no version without a changeset" in elsewhere
    assert "sealed by its log entry" in sealed


def step_access(ledger: RawLedger, name: str, number: int) -> None:
    """Open changeset 2, and have it step a newsroom, editor or key."""
    open_changeset(ledger)
    if number == 1:
        ledger.insert("record", record(name, 2))
    ledger.insert("revision", revision(name, number, 2, 0))


@pytest.mark.parametrize(
    ("size", "refusal"), [(0, "checkpoints grow"), (2, "a size that it does not have")]
)
def test_a_checkpoint_is_of_a_new_size_that_the_log_has(
    ledger: RawLedger, size: int, refusal: str
) -> None:
    assert refusal in ledger.refusal(lambda: ledger.insert("checkpoint", checkpoint(size)))


# --- an edit, step by step -----------------------------------------------------


def revise_transfer(ledger: RawLedger) -> None:
    open_changeset(ledger)
    ledger.insert("header", header(2))
    ledger.insert("revision", revision("transfer_1", 2, 2, 0))
    ledger.insert("change", change("transfer_1", 2))
    ledger.update("transfer", "superseded", 2, {"id": "transfer_1", "superseded": END})
    ledger.insert("transfer", version("transfer", "transfer_1", 2, 2))


def test_an_edit_in_the_right_order_is_accepted(ledger: RawLedger) -> None:
    """A revision supersedes the present version, and both stay."""
    revise_transfer(ledger)
    ledger.insert("revision", revision("claim_1", 2, 2, 1))
    ledger.update("claim", "superseded", 2, {"id": "claim_1"})
    ledger.update("derivation", "superseded", 2, {"claim": "claim_1"})
    ledger.insert("claim", version("claim", "claim_1", 2, 2))
    ledger.insert("derivation", derivation(2, 2))
    seal(ledger, 2, ONE_O_CLOCK)

    history = "SELECT version, entered, superseded FROM transfer ORDER BY version"
    assert ledger.run(history).fetchall() == [(1, 1, 2), (2, 2, END)]


@pytest.mark.parametrize("table", [*RECORD_TABLES, "derivation"])
def test_a_version_is_superseded_once(ledger: RawLedger, table: str) -> None:
    """Not a second time, and not back into the present."""
    name = "claim" if table == "derivation" else table
    key = {"claim" if table == "derivation" else "id": f"{name}_1", "version": 1}
    open_changeset(ledger)
    ledger.insert("revision", revision(f"{name}_1", 2, 2, 0))
    ledger.update(table, "superseded", 2, key)

    again = ledger.refusal(lambda: ledger.update(table, "superseded", 2, key))
    back = ledger.refusal(lambda: ledger.update(table, "superseded", END, key))

    assert f"a version is superseded once: UPDATE on {table} is refused" in again
    assert f"a version is superseded once: UPDATE on {table} is refused" in back


@pytest.mark.parametrize("table", [*RECORD_TABLES, "derivation"])
def test_a_version_is_superseded_by_its_next_revision_alone(ledger: RawLedger, table: str) -> None:
    """A position without a revision, or with that of another record, supersedes nothing."""
    name = "claim" if table == "derivation" else table
    key = {"claim" if table == "derivation" else "id": f"{name}_1"}
    open_changeset(ledger)
    ledger.insert("revision", revision(f"{name}_2", 2, 2, 0))
    ledger.insert("revision", revision(f"{name}_1", 3, 2, 1))

    for position in (0, 1, 2, 3):
        refusal = ledger.refusal(lambda to=position: ledger.update(table, "superseded", to, key))
        assert "a version is superseded by the next revision of its record" in refusal


@pytest.mark.parametrize("table", [*RECORD_TABLES, "derivation"])
def test_nothing_is_superseded_by_a_sealed_changeset(ledger: RawLedger, table: str) -> None:
    name = "claim" if table == "derivation" else table
    key = {"claim" if table == "derivation" else "id": f"{name}_1"}
    open_changeset(ledger)
    ledger.insert("revision", revision(f"{name}_1", 2, 2, 0))
    ledger.insert("entry", entry(2))

    refusal = ledger.refusal(lambda: ledger.update(table, "superseded", 2, key))

    assert f"sealed by its log entry: UPDATE on {table} is refused" in refusal


# --- no version without a changeset --------------------------------------------


@pytest.mark.parametrize("table", RECORD_TABLES)
@pytest.mark.parametrize("position", [0, 1, 2, 7, END])
def test_no_version_without_a_changeset(ledger: RawLedger, table: str, position: int) -> None:
    """A version at a position that has no revision for it is refused, whoever wrote it."""
    refusal = ledger.refusal(
        lambda: ledger.insert(table, version(table, f"{table}_9", 1, position))
    )

    assert f"no version without a changeset: INSERT on {table}" in refusal


@pytest.mark.parametrize("table", RECORD_TABLES)
def test_a_version_begins_as_the_present_one(ledger: RawLedger, table: str) -> None:
    open_changeset(ledger)
    ledger.insert("revision", revision(f"{table}_2", 2, 2, 0))
    past = version(table, f"{table}_2", 2, 2) | {"superseded": 2}

    refusal = ledger.refusal(lambda: ledger.insert(table, past))

    assert f"a version begins as the present one: INSERT on {table} is refused" in refusal


def test_a_derivation_needs_the_version_of_its_claim(ledger: RawLedger) -> None:
    open_changeset(ledger)

    refusal = ledger.refusal(lambda: ledger.insert("derivation", derivation(2, 2)))

    assert "no version without a changeset: INSERT on derivation" in refusal


WITHOUT_A_CHANGESET = {
    "header": header(7),
    "record": record("actor_9", 7),
    "revision": revision("actor_1", 2, 7, 0),
    "entry": entry(7),
}


@pytest.mark.parametrize("table", WITHOUT_A_CHANGESET)
def test_nothing_is_written_without_a_changeset(ledger: RawLedger, table: str) -> None:
    refusal = ledger.refusal(lambda: ledger.insert(table, WITHOUT_A_CHANGESET[table]))

    assert f"nothing is written without a changeset: INSERT on {table}" in refusal


def test_a_change_needs_its_revision(ledger: RawLedger) -> None:
    refusal = ledger.refusal(lambda: ledger.insert("change", change("actor_1", 2)))

    assert "a change belongs to a revision of an open changeset" in refusal


INTO_THE_SEALED = {
    "header": header(1, "reason.internal"),
    "record": record("actor_9", 1),
    "revision": revision("actor_1", 2, 1, 99),
    "change": change("actor_1", 1, "country"),
    "derivation": derivation(1, 1, place=1),
    **{kind: version(kind, f"{kind}_2", 1, 1) for kind in RECORD_TABLES},
}


@pytest.mark.parametrize("table", INTO_THE_SEALED)
def test_nothing_is_added_to_a_sealed_changeset(ledger: RawLedger, table: str) -> None:
    """Once its entry is in the log, a changeset is complete."""
    refusal = ledger.refusal(lambda: ledger.insert(table, INTO_THE_SEALED[table]))

    assert "sealed by its log entry" in refusal or "of an open changeset" in refusal


# --- the log -------------------------------------------------------------------


@pytest.mark.parametrize("position", [0, 1, 3, -1])
def test_positions_have_no_gaps(ledger: RawLedger, position: int) -> None:
    """A changeset takes the next position, and an entry is that of the next changeset."""
    refusal = ledger.refusal(lambda: ledger.insert("changeset", changeset(position)))

    assert "positions have no gaps" in refusal or "would replace a row" in refusal


def test_entries_follow_each_other(ledger: RawLedger) -> None:
    open_changeset(ledger, 2)
    open_changeset(ledger, 3)

    refusal = ledger.refusal(lambda: ledger.insert("entry", entry(3)))

    assert "positions have no gaps: INSERT on entry" in refusal


def test_a_changeset_cannot_be_backdated(ledger: RawLedger) -> None:
    earlier = "2025-12-31T23:59:59.000000Z"

    refusal = ledger.refusal(lambda: ledger.insert("changeset", changeset(2, earlier)))

    assert "the ledger's time does not run backwards" in refusal


@pytest.mark.parametrize("size", [0, 1, 3])
def test_the_head_grows_by_one_entry_at_a_time(ledger: RawLedger, size: int) -> None:
    revise_transfer(ledger)
    ledger.insert("entry", entry(2))

    refusal = ledger.refusal(lambda: ledger.run("UPDATE head SET size = ?", size))

    assert "the log grows by one entry at a time" in refusal


def test_the_head_counts_entries_that_are_there(ledger: RawLedger) -> None:
    open_changeset(ledger)

    refusal = ledger.refusal(lambda: ledger.run("UPDATE head SET size = 2"))

    assert "counts an entry that is not there" in refusal


def test_the_head_does_not_go_back_in_time(ledger: RawLedger) -> None:
    open_changeset(ledger)
    ledger.insert("entry", entry(2))

    refusal = ledger.refusal(lambda: ledger.run("UPDATE head SET size = 2, recorded_at = ''"))

    assert "the ledger's time does not run backwards: UPDATE on head" in refusal


def test_the_log_has_one_head(ledger: RawLedger) -> None:
    second = {"id": 2, "size": 0, "peaks": b"", "recorded_at": ""}

    refusal = ledger.refusal(lambda: ledger.insert("head", second))

    assert "the log has one head" in refusal


def test_a_temporary_table_cannot_stand_in_for_the_log(ledger: RawLedger) -> None:
    """The triggers look into the ledger's tables, not into a session's of the same name."""
    ledger.run("CREATE TEMPORARY TABLE entry (position INTEGER)")
    ledger.run("CREATE TEMPORARY TABLE changeset (position INTEGER)")

    refusal = ledger.refusal(lambda: ledger.insert("revision", revision("actor_1", 2, 1, 99)))

    assert "sealed by its log entry" in refusal


def test_idempotency_may_expire(ledger: RawLedger) -> None:
    """It holds no content, so old keys may go."""
    kept = {"key": "k", "payload": "p", "position": 1, "created_at": NOON}
    ledger.insert("idempotency", kept)

    ledger.run("DELETE FROM idempotency")

    assert ledger.rows("idempotency") == []


# --- what a redaction may blank ------------------------------------------------

GONE = '"[redacted]"'


def of_title(position: int, **more: Any) -> Values:
    """A target that names the title which changeset 1 gave to transfer_1."""
    named = {"scope": "transfer_1", "version": 1, "field": "title", "digest": "dt"}
    return target(position) | named | more


def redact_title(ledger: RawLedger) -> None:
    begin_redaction(ledger, 2)
    ledger.insert("redaction_target", of_title(2))


BLANKING = {
    "change": "UPDATE change SET after = '\"[redacted]\"', salt = '' WHERE field = 'title'",
    "transfer": "UPDATE transfer SET title = '[redacted]' WHERE id = 'transfer_1'",
}


def test_an_open_redaction_blanks_what_its_target_names(ledger: RawLedger) -> None:
    redact_title(ledger)

    for statement in BLANKING.values():
        ledger.run(statement)

    held = "SELECT after, salt, digest FROM change WHERE field = 'title'"
    assert ledger.run(held).fetchall() == [(GONE, "", "dt")]
    assert ledger.run("SELECT title FROM transfer").fetchall() == [("[redacted]",)]


@pytest.mark.parametrize("statement", BLANKING.values())
def test_nothing_is_blanked_without_a_target(ledger: RawLedger, statement: str) -> None:
    begin_redaction(ledger, 2)
    ledger.insert("redaction_target", target(2))

    refusal = ledger.refusal(lambda: ledger.run(statement))

    assert "the ledger does not change" in refusal or "a version is superseded" in refusal


@pytest.mark.parametrize("statement", BLANKING.values())
def test_a_sealed_redaction_blanks_nothing_more(ledger: RawLedger, statement: str) -> None:
    redact_title(ledger)
    seal(ledger, 2)

    refusal = ledger.refusal(lambda: ledger.run(statement))

    assert "the ledger does not change" in refusal


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE change SET after = 'null', salt = '' WHERE field = 'title'",
        "UPDATE change SET after = '\"forged\"', salt = '' WHERE field = 'title'",
        "UPDATE change SET after = '\"[redacted]\"', salt = 'other' WHERE field = 'title'",
        "UPDATE change SET salt = '' WHERE field = 'title'",
        "UPDATE change SET after = '\"[redacted]\"' WHERE field = 'title'",
        "UPDATE change SET before = '\"[redacted]\"' WHERE field = 'title'",
        f"UPDATE change SET before = '{GONE}', after = '{GONE}', salt = '' WHERE field = 'title'",
        "UPDATE change SET after = '\"[redacted]\"', salt = '', digest = 'x' WHERE field = 'title'",
        "UPDATE change SET after = 'null', salt = '' WHERE field = 'summary'",
        f"UPDATE change SET after = '{GONE}', salt = '', field = 'name' WHERE field = 'title'",
        "UPDATE transfer SET title = ''",
        "UPDATE transfer SET title = '[redacted]', summary = 'forged'",
        "UPDATE transfer SET external_ref = NULL",
        "UPDATE transfer SET title = '[redacted]', external_ref = NULL",
        "UPDATE transfer SET title = '[redacted]', state = 'RETRACTED'",
        "UPDATE transfer SET title = '[redacted]', entered = 2",
        "UPDATE citation SET title = '[redacted]'",
        "UPDATE header SET value = '\"[redacted]\"', salt = '' WHERE name = 'note'",
    ],
)
def test_nothing_but_the_placeholder_goes_where_a_target_says(
    ledger: RawLedger, statement: str
) -> None:
    redact_title(ledger)

    refusal = ledger.refusal(lambda: ledger.run(statement))

    assert "the ledger does not change" in refusal or "a version is superseded" in refusal


@pytest.mark.parametrize("statement", BLANKING.values())
def test_a_row_is_not_replaced_while_it_is_blanked(
    sqlite_ledger: RawLedger, statement: str
) -> None:
    redact_title(sqlite_ledger)

    refusal = sqlite_ledger.refusal(
        lambda: sqlite_ledger.run(
            statement.replace("UPDATE ", "UPDATE OR REPLACE ").replace(" SET ", " SET rowid = 99, ")
        )
    )

    assert "the ledger does not change" in refusal


def test_the_value_before_the_next_change_is_blanked_too(ledger: RawLedger) -> None:
    """Up to the next change of the field, and no further."""
    revise_transfer(ledger)
    ledger.insert("change", change("transfer_1", 2, "title") | {"place": 1, "digest": "d2"})
    seal(ledger, 2, ONE_O_CLOCK)
    ledger.insert("changeset", changeset(3, ONE_O_CLOCK) | {"kind": "REDACTION"})
    ledger.insert("redaction", redaction(3))
    ledger.insert("redaction_target", of_title(3))

    ledger.run(f"UPDATE change SET before = '{GONE}' WHERE field = 'title' AND version = 2")
    ledger.run("UPDATE transfer SET title = '[redacted]' WHERE version = 1")
    later = ledger.refusal(
        lambda: ledger.run("UPDATE transfer SET title = '[redacted]' WHERE version = 2")
    )
    after = ledger.refusal(
        lambda: ledger.run(
            f"UPDATE change SET after = '{GONE}', salt = '' WHERE field = 'title' AND version = 2"
        )
    )

    assert "blanks what no open redaction names" in later
    assert "blanks what no open redaction names" in after


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": "other"}, {"version": 2}, {"scope": "transfer_2"}, {"field": "summary"},
        {"target": 2}, {"target": 7}, {"version": None}, {"scope": "header"},
    ],
)  # fmt: skip
def test_a_target_names_a_disclosure_that_is_there(ledger: RawLedger, wrong: Values) -> None:
    begin_redaction(ledger, 2)

    refusal = ledger.refusal(lambda: ledger.insert("redaction_target", of_title(2, **wrong)))

    assert "a target names a disclosure that is there" in refusal


def test_only_a_redaction_has_targets(ledger: RawLedger) -> None:
    open_changeset(ledger)

    of_an_edit = ledger.refusal(lambda: ledger.insert("redaction", redaction(2)))
    without = ledger.refusal(lambda: ledger.insert("redaction_target", target(2)))

    assert "only a changeset of kind REDACTION redacts" in of_an_edit
    assert "nothing is redacted without a REDACTION" in without


def test_a_sealed_redaction_gets_no_more_targets(ledger: RawLedger) -> None:
    tell_a_redaction(ledger)

    refusal = ledger.refusal(lambda: ledger.insert("redaction_target", of_title(2, place=1)))

    assert "sealed by its log entry" in refusal


def test_what_is_gone_cannot_be_taken_again(ledger: RawLedger) -> None:
    """One disclosure is named by one redaction, and not once more."""
    tell_a_redaction(ledger)
    begin_redaction(ledger, 3)

    ledger.run("SAVEPOINT again")
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        ledger.insert("redaction_target", target(3))
    ledger.run("ROLLBACK TO SAVEPOINT again")
    back = ledger.refusal(
        lambda: ledger.run("UPDATE header SET value = '\"Back\"', salt = 's' WHERE name = 'note'")
    )

    assert "blanks what no open redaction names" in back
