"""The ledger: its tables, and the triggers by which the database refuses to forget.

What happens to existing rows: there are none, this is the first migration. It writes
one row, the head of an empty log.

What it locks, and for how long: it creates new tables and touches no other, so on
PostgreSQL nobody waits. SQLite has one writer at a time; this takes milliseconds.

How to go back: `downgrade` drops every table with all that it holds. Nothing else in
Corrigenda forgets this way; make a backup of the database first.

The rules of the triggers are written once, as SQL conditions that both databases
read alike, and become one trigger for each table and event. They hold for every
connection, ours included; who owns the database can still drop a trigger, which is
why the log is provable from outside. What has to be known about them:

- A changeset is open until its `entry` is written, in the same transaction, and sealed
  from then on: no row can be added to it and no version be superseded by it.
- SQLite's OR REPLACE deletes rows without asking DELETE triggers (unless the connection
  turns recursive triggers on), so inserting over a row that is there is refused as such.
- PostgreSQL's triggers fire ALWAYS, in replication too, and look names up in this schema
  whatever the session's search path is.
- A trigger names the columns that may not change. A migration that adds a column to a
  ledger table creates the triggers of that table anew, and on SQLite a batch operation
  that copies the table must do so too, as the copy has no triggers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

END = 9223372036854775807
PRESENT = sa.text(f"superseded = {END}")

CODE_POINT_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

TABLES = (
    "newsroom", "editor", "key", "head", "changeset", "header", "record", "revision", "change",
    "entry", "idempotency", "actor", "item", "transfer", "citation", "claim", "derivation",
)  # fmt: skip
"""Every table, each after those that it points at."""

LEDGER_TABLES = tuple(table for table in TABLES if table != "idempotency")
RECORD_TABLES = ("actor", "item", "transfer", "citation", "claim")

ACCESS_COLUMNS = {
    "newsroom": ("name",),
    "editor": ("name", "role", "retired_at"),
    "key": ("label", "expires_at", "revoked_at"),
}
"""What the administration of access may change; ids and digests never."""


def upgrade() -> None:
    """Create the tables, the empty log's head and the triggers."""
    tables = [
        *_create_access_tables(),
        *_create_log_tables(),
        *_create_actor_and_item(),
        _create_transfer(),
        _create_citation(),
        *_create_claim_and_derivation(),
    ]
    _create_indexes()
    _begin_the_log()
    _guard_tables({table.name: table for table in tables})


def downgrade() -> None:
    """Drop every table and what it holds, and the functions of PostgreSQL's triggers."""
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_context().dialect.name == "postgresql":
        for table in LEDGER_TABLES:
            for event in ("delete", "truncate", "update", "insert"):
                op.execute(f"DROP FUNCTION IF EXISTS refuse_{table}_{event}()")


# --- tables -------------------------------------------------------------------


def _create_access_tables() -> list[sa.Table]:
    return [
        _create_table(
            "newsroom",
            [_text("id"), _prose("name"), _flag("house", null=False), _text("created_at")],
            unique=["name"],
        ),
        _create_table(
            "editor",
            [
                *_texts("id", "newsroom"),
                _prose("name"),
                *_texts("role", "created_at"),
                _text("retired_at", null=True),
            ],
            references={"newsroom": "newsroom.id"},
        ),
        _create_table(
            "key",
            [
                *_texts("id", "editor"),
                _prose("label"),
                *_texts("digest", "created_at"),
                *_texts("expires_at", "revoked_at", null=True),
            ],
            references={"editor": "editor.id"},
            unique=["digest"],
        ),
    ]


def _create_log_tables() -> list[sa.Table]:
    return [
        _create_table(
            "head", [_number("id"), _position("size"), _bytes("peaks"), _text("recorded_at")]
        ),
        _create_changeset(),
        _create_table(
            "header",
            [
                _position("position"),
                _text("name"),
                _prose("value"),
                *_texts("salt", "digest"),
                _flag("restricted", null=False),
            ],
            key=["position", "name"],
            references={"position": "changeset.position"},
        ),
        _create_table(
            "record",
            [*_texts("id", "kind"), _position("created")],
            references={"created": "changeset.position"},
        ),
        *_create_revision_and_change(),
        _create_table(
            "entry",
            [_position("position"), _prose("body"), _bytes("leaf_hash")],
            key=["position"],
            references={"position": "changeset.position"},
        ),
        _create_table(
            "idempotency",
            [
                *_texts("key", "payload"),
                _position("position"),
                _document("warnings"),
                _text("created_at"),
            ],
            key=["key"],
            references={"position": "changeset.position"},
        ),
    ]


def _create_changeset() -> sa.Table:
    return _create_table(
        "changeset",
        [
            _position("position"),
            *_texts("id", "recorded_at", "editor", "newsroom", "role"),
            _text("on_behalf_of", null=True),
            *_texts("kind", "reason_code"),
            _position("reverts", null=True),
        ],
        key=["position"],
        references={
            "editor": "editor.id",
            "newsroom": "newsroom.id",
            "on_behalf_of": "newsroom.id",
            "reverts": "changeset.position",
        },
        unique=["id"],
    )


def _create_revision_and_change() -> list[sa.Table]:
    return [
        _create_table(
            "revision",
            [
                _text("record_id"),
                _number("version"),
                _position("position"),
                _number("place"),
                _text("action"),
                _position("prev", null=True),
            ],
            key=["record_id", "version"],
            references={"record_id": "record.id", "position": "changeset.position"},
        ),
        _create_table(
            "change",
            [
                _text("record_id"),
                _number("version"),
                _text("field"),
                _number("place"),
                *_proses("before", "after", null=False),
                *_texts("salt", "digest"),
            ],
            key=["record_id", "version", "field"],
            references={"record_id version": "revision.record_id revision.version"},
        ),
    ]


def _create_actor_and_item() -> list[sa.Table]:
    return [
        _create_record_table(
            "actor",
            [
                _prose("name"),
                *_texts("name_key", "kind"),
                _document("aliases"),
                *_texts("country", "acts_for", "part_of", null=True),
                _document("identifiers"),
                _prose("description", null=True),
                _text("merged_into", null=True),
            ],
            records=["acts_for", "part_of", "merged_into"],
        ),
        _create_record_table(
            "item",
            [
                _prose("name"),
                _text("name_key"),
                _document("aliases"),
                _text("kind"),
                _text("broader", null=True),
                _prose("unit", null=True),
                _text("hs_code", null=True),
                _document("identifiers"),
                _prose("description", null=True),
                _text("merged_into", null=True),
            ],
            records=["broader", "merged_into"],
        ),
    ]


def _create_transfer() -> sa.Table:
    return _create_record_table(
        "transfer",
        [
            _prose("title"),
            *_texts("giver", "receiver", "item", null=True),
            *_measure("quantity"),
            *_measure("value"),
            _text("value_basis", null=True),
            _text("occurred", null=True),
            *_texts("occurred_earliest", "occurred_latest"),
            *_texts("nature", "stage", null=True),
            *_proses("origin", "destination", "route", "transport", "purpose", null=True),
            *_texts("used_against", "part_of", "consideration_for", null=True),
            _text("consideration_extent", null=True),
            _prose("summary", null=True),
        ],
        records=["giver", "receiver", "item", "used_against", "part_of", "consideration_for"],
    )


def _create_citation() -> sa.Table:
    return _create_record_table(
        "citation",
        [
            _text("kind"),
            _prose("title"),
            _text("publisher", null=True),
            _document("authors"),
            *_proses("url", "archive_url", null=True),
            *_texts("content_sha256", "language", "published", null=True),
            *_texts("published_earliest", "published_latest"),
            *_texts("accessed", "integrity", null=True),
            _prose("notice_url", null=True),
        ],
        records=["publisher"],
    )


def _create_claim_and_derivation() -> list[sa.Table]:
    return [
        _create_record_table(
            "claim",
            [
                *_texts("subject", "field", "stance"),
                _text("asserted_by", null=True),
                _text("citation"),
                _document("quote"),
                _prose("locator", null=True),
                *_measure("value"),
                *_texts("value_basis", "value_tag", "value_date", null=True),
                *_texts("value_earliest", "value_latest"),
                *_texts("value_record", "value_code", null=True),
                _prose("value_text", null=True),
            ],
            records=["subject", "asserted_by", "citation", "value_record"],
        ),
        _create_table(
            "derivation",
            [
                _text("claim"),
                *(_number(name) for name in ("version", "place")),
                *_texts("parent", "derivation"),
                *(_position(name) for name in ("entered", "superseded")),
            ],
            key=["claim", "version", "place"],
            references={"claim version": "claim.id claim.version", "parent": "record.id"},
        ),
    ]


def _create_record_table(table: str, columns: list[sa.Column], records: Sequence[str]) -> sa.Table:
    """Create the table of one kind of record: a row is one version of one record."""
    return _create_table(
        table,
        [
            _text("id"),
            _number("version"),
            *(_position(name) for name in ("entered", "superseded")),
            *_texts("state", "newsroom"),
            _text("external_ref", null=True),
            *columns,
        ],
        key=["id", "version"],
        references={
            "id": "record.id",
            "entered": "changeset.position",
            "newsroom": "newsroom.id",
            **dict.fromkeys(records, "record.id"),
        },
    )


def _create_table(
    table: str,
    columns: list[sa.Column],
    *,
    key: Sequence[str] = ("id",),
    references: Mapping[str, str] | None = None,
    unique: Sequence[str] = (),
) -> sa.Table:
    return op.create_table(
        table,
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"),
        *(_reference(table, *pair) for pair in (references or {}).items()),
        *(sa.UniqueConstraint(column, name=f"uq_{table}_{column}") for column in unique),
    )


def _reference(table: str, columns: str, targets: str) -> sa.ForeignKeyConstraint:
    name = "_".join(["fk", table, *columns.split()])
    return sa.ForeignKeyConstraint(columns.split(), targets.split(), name=name)


def _text(name: str, *, null: bool = False) -> sa.Column:
    """Text for programs, which compares by code point on both databases."""
    return sa.Column(name, CODE_POINT_TEXT, nullable=null)


def _texts(*names: str, null: bool = False) -> list[sa.Column]:
    return [_text(name, null=null) for name in names]


def _prose(name: str, *, null: bool = False) -> sa.Column:
    """Text for people."""
    return sa.Column(name, sa.Text(), nullable=null)


def _proses(*names: str, null: bool) -> list[sa.Column]:
    return [_prose(name, null=null) for name in names]


def _number(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer(), autoincrement=False, nullable=False)


def _position(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, POSITION, autoincrement=False, nullable=null)


def _bytes(name: str) -> sa.Column:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _flag(name: str, *, null: bool) -> sa.Column:
    return sa.Column(name, sa.Boolean(), nullable=null)


def _document(name: str) -> sa.Column:
    return sa.Column(name, JSON_DOCUMENT, nullable=True)


def _measure(name: str) -> list[sa.Column]:
    """A measure: thousandths, whether they are approximate, the unit and the words."""
    return [
        *(sa.Column(f"{name}_{part}", sa.BigInteger()) for part in ("amount", "lower", "upper")),
        _flag(f"{name}_approximate", null=True),
        *_proses(f"{name}_unit", f"{name}_verbatim", null=True),
    ]


# --- indexes ------------------------------------------------------------------


def _create_indexes() -> None:
    op.create_index("ix_editor_newsroom", "editor", ["newsroom"])
    op.create_index("ix_key_editor", "key", ["editor"])
    for column in ("recorded_at", "editor", "newsroom"):
        op.create_index(f"ix_changeset_{column}", "changeset", [column, "position"])
    op.create_index("ix_changeset_reverts", "changeset", ["reverts"])
    op.create_index("uq_revision_position", "revision", ["position", "place"], unique=True)
    op.create_index("ix_change_field", "change", ["record_id", "field", "version"])
    for table in RECORD_TABLES:
        _create_version_indexes(table)
    _create_order_indexes()


def _create_version_indexes(table: str) -> None:
    """Create what every record's table has: the present one, as of, newest, external ref."""
    newest = sa.text("entered DESC")
    _index_present(f"uq_{table}_present", table, ["id"], unique=True)
    op.create_index(f"ix_{table}_as_of", table, ["id", newest, "superseded"])
    _index_present(f"ix_{table}_newest", table, [newest, sa.text("id DESC")])
    _index_present(f"uq_{table}_external_ref", table, ["newsroom", "external_ref"], unique=True)


def _create_order_indexes() -> None:
    orders = {
        "actor": {"name": "name_key", "acts_for": "acts_for", "part_of": "part_of"},
        "item": {"name": "name_key", "broader": "broader"},
        "transfer": {
            name: name
            for name in (
                "giver", "receiver", "item", "used_against", "part_of", "consideration_for",
            )
        },
        "citation": {"publisher": "publisher"},
        "claim": {
            name: name for name in ("subject", "citation", "asserted_by", "value_record")
        },
    }  # fmt: skip
    for table, names in orders.items():
        for name, column in names.items():
            _index_order(table, name, [column, "id"])
    _index_order("transfer", "occurred", _latest_first("occurred_earliest"))
    _index_order("citation", "published", _latest_first("published_earliest"))
    _index_order("derivation", "parent", ["parent", "claim"])


def _latest_first(column: str) -> list[sa.TextClause]:
    return [sa.text(f"{column} DESC"), sa.text("id DESC")]


def _index_order(table: str, name: str, columns: Sequence[str | sa.TextClause]) -> None:
    """Index one order twice: over the present, and over all versions for the archive."""
    _index_present(f"ix_{table}_{name}", table, columns)
    op.create_index(f"ix_{table}_{name}_as_of", table, [*columns, "entered", "superseded"])


def _index_present(
    name: str, table: str, columns: Sequence[str | sa.TextClause], *, unique: bool = False
) -> None:
    op.create_index(
        name, table, [*columns], unique=unique, sqlite_where=PRESENT, postgresql_where=PRESENT
    )


def _begin_the_log() -> None:
    # The head of an empty log: its size as eight bytes, and no peaks.
    empty = "x'0000000000000000'"
    if op.get_context().dialect.name != "sqlite":
        empty = r"'\x0000000000000000'::bytea"
    op.execute(f"INSERT INTO head (id, size, peaks, recorded_at) VALUES (1, 0, {empty}, '')")


# --- what the database refuses ------------------------------------------------


class Rule(NamedTuple):
    """A statement is refused when the condition holds; NEW and OLD are its row."""

    refused_when: str
    message: str


def _guard_tables(tables: Mapping[str, sa.Table]) -> None:
    for name in LEDGER_TABLES:
        _forbid_forgetting(name)
        _guard(name, "UPDATE", _update_rules(tables[name]))
        _guard(name, "INSERT", [*_replace_rules(tables[name]), *INSERT_RULES.get(name, [])])


def _update_rules(table: sa.Table) -> list[Rule]:
    """Return what of a row may change, and when."""
    if table.name in ACCESS_COLUMNS:
        return [_only(table, *ACCESS_COLUMNS[table.name]), *_replace_by_update_rules(table)]
    if table.name == "head":
        return [_only(table, "size", "peaks", "recorded_at"), *HEAD_RULES]
    if "superseded" in table.columns:
        return [_only(table, "superseded"), *_supersede_rules(table)]
    return [
        Rule("1 = 1", f"the ledger does not change: UPDATE on {table.name} is refused"),
    ]


def _only(table: sa.Table, *changeable: str) -> Rule:
    """Refuse an update of anything but these columns, to the byte."""
    fixed = [column.name for column in table.columns if column.name not in changeable]
    return Rule(
        _differs(table.name, fixed),
        f"the ledger does not change: UPDATE on {table.name} may set nothing but "
        f"{', '.join(changeable)}",
    )


def _differs(table: str, columns: Sequence[str]) -> str:
    if _is_sqlite():
        rowid = [] if table in KEYED_BY_ROWID else ["rowid"]
        return " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in [*rowid, *columns])
    # *<> compares the bytes: to <>, 1.0 and 1 in a JSON document would be the same.
    new, old = (", ".join(f'{row}."{name}"' for name in columns) for row in ("NEW", "OLD"))
    return f"CAST(ROW({new}) AS record) *<> CAST(ROW({old}) AS record)"


def _supersede_rules(table: sa.Table) -> list[Rule]:
    """A present version is superseded once, by the next revision of an open changeset."""
    name, record = table.name, table.columns.keys()[0]
    return [
        Rule(
            f"OLD.superseded <> {END}",
            f"a version is superseded once: UPDATE on {name} is refused",
        ),
        Rule(
            "NOT EXISTS (SELECT 1 FROM revision"
            f" WHERE record_id = NEW.{record} AND version = NEW.version + 1"
            " AND position = NEW.superseded)",
            f"a version is superseded by the next revision of its record: UPDATE on {name} "
            "names a position that has none",
        ),
        _is_open("superseded", f"UPDATE on {name}"),
    ]


def _replace_by_update_rules(table: sa.Table) -> list[Rule]:
    """Refuse SQLite's UPDATE OR REPLACE, which deletes the other row of that name."""
    if table.name != "newsroom" or not _is_sqlite():
        return []
    return [
        Rule(
            "EXISTS (SELECT 1 FROM newsroom WHERE name = NEW.name AND id <> OLD.id)",
            "two newsrooms cannot have one name: UPDATE on newsroom is refused",
        )
    ]


def _replace_rules(table: sa.Table) -> list[Rule]:
    """Refuse SQLite's INSERT OR REPLACE, which deletes rows without asking their triggers.

    PostgreSQL needs none of this: ON CONFLICT never deletes, and its UPDATE is asked.
    """
    if not _is_sqlite():
        return []
    there = [
        f'SELECT 1 FROM "{table.name}" WHERE '
        + " AND ".join(f"{column} = {value}" for column, value in key.items())
        for key in _keys_in_sqlite(table)
    ]
    return [
        Rule(
            " OR ".join(f"EXISTS ({row})" for row in there),
            f"the ledger does not forget: INSERT on {table.name} would replace a row that is there",
        )
    ]


def _keys_in_sqlite(table: sa.Table) -> list[dict[str, str]]:
    """Return every key by which a new row could collide with one that is there.

    The rowid counts: an INSERT may name it. It reads -1 where the INSERT did not.
    """
    uniques = [one for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
    groups = [
        table.primary_key.columns.keys(),
        *(one.columns.keys() for one in uniques),
        *([] if table.name in KEYED_BY_ROWID else [["rowid"]]),
        *([["position", "place"]] if table.name == "revision" else []),
    ]
    keys = [{name: f"NEW.{name}" for name in group} for group in groups]
    if table.name in RECORD_TABLES:
        present = {"superseded": str(END)}
        keys.append({"id": "NEW.id", **present})
        keys.append({name: f"NEW.{name}" for name in ("newsroom", "external_ref")} | present)
    return keys


def _has_changeset(column: str, table: str) -> Rule:
    return Rule(
        f"NOT EXISTS (SELECT 1 FROM changeset WHERE position = NEW.{column})",
        f"nothing is written without a changeset: INSERT on {table} names none",
    )


def _is_open(column: str, statement: str) -> Rule:
    return Rule(
        f"EXISTS (SELECT 1 FROM entry WHERE position = NEW.{column})",
        f"the changeset is sealed by its log entry: {statement} is refused",
    )


def _version_rules(table: str, record: str = "id") -> list[Rule]:
    # Its revision has a changeset, or could not have been written: no need to look.
    return [
        Rule(
            "NOT EXISTS (SELECT 1 FROM revision"
            f" WHERE record_id = NEW.{record} AND version = NEW.version"
            " AND position = NEW.entered)",
            f"no version without a changeset: INSERT on {table} names a position "
            "that has no revision for it",
        ),
        Rule(
            f"NEW.superseded <> {END}",
            f"a version begins as the present one: INSERT on {table} is refused",
        ),
        _is_open("entered", f"INSERT on {table}"),
    ]


def _next_rules(table: str) -> list[Rule]:
    return [
        Rule(
            f"NEW.position <> (SELECT COALESCE(MAX(position), 0) + 1 FROM {table})",
            f"positions have no gaps: INSERT on {table} does not name the next one",
        )
    ]


# The columns that are their own rowid in SQLite: a single INTEGER primary key.
KEYED_BY_ROWID = ("head", "changeset", "entry")

HEAD_RULES = [
    Rule(
        "NEW.size <> OLD.size + 1",
        "the log grows by one entry at a time: UPDATE on head is refused",
    ),
    Rule(
        "NOT EXISTS (SELECT 1 FROM entry WHERE position = NEW.size)",
        "the head follows the log: UPDATE on head counts an entry that is not there",
    ),
    Rule(
        "NEW.recorded_at < OLD.recorded_at",
        "the ledger's time does not run backwards: UPDATE on head is refused",
    ),
]

INSERT_RULES = {
    "head": [Rule("1 = 1", "the log has one head: INSERT on head is refused")],
    "changeset": [
        *_next_rules("changeset"),
        Rule(
            "EXISTS (SELECT 1 FROM changeset"
            " WHERE position = NEW.position - 1 AND recorded_at > NEW.recorded_at)",
            "the ledger's time does not run backwards: INSERT on changeset is refused",
        ),
    ],
    "header": [_has_changeset("position", "header"), _is_open("position", "INSERT on header")],
    "record": [_has_changeset("created", "record"), _is_open("created", "INSERT on record")],
    "revision": [
        _has_changeset("position", "revision"),
        _is_open("position", "INSERT on revision"),
    ],
    "change": [
        Rule(
            "NOT EXISTS (SELECT 1 FROM revision"
            " WHERE record_id = NEW.record_id AND version = NEW.version AND NOT EXISTS"
            " (SELECT 1 FROM entry WHERE entry.position = revision.position))",
            "a change belongs to a revision of an open changeset: INSERT on change is refused",
        )
    ],
    "entry": [_has_changeset("position", "entry"), *_next_rules("entry")],
    **{table: _version_rules(table) for table in RECORD_TABLES},
    "derivation": _version_rules("derivation", record="claim"),
}


# --- triggers -----------------------------------------------------------------


def _is_sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"


def _forbid_forgetting(table: str) -> None:
    message = "the ledger does not forget: {} on {} is refused"
    _guard(table, "DELETE", [Rule("1 = 1", message.format("DELETE", table))])
    if not _is_sqlite():
        _guard(table, "TRUNCATE", [Rule("1 = 1", message.format("TRUNCATE", table))])


def _guard(table: str, event: str, rules: Sequence[Rule]) -> None:
    """Create the trigger that refuses an event on a table by these rules, in their order."""
    if not rules:
        return
    guard = _guard_sqlite if _is_sqlite() else _guard_postgresql
    guard(table, event, rules)


def _guard_sqlite(table: str, event: str, rules: Sequence[Rule]) -> None:
    checks = " ".join(
        f"SELECT RAISE(ABORT, '{_quoted(rule.message)}') WHERE {rule.refused_when};"
        for rule in rules
    )
    op.execute(
        f'CREATE TRIGGER {table}_refuses_{event.lower()} BEFORE {event} ON "{table}" '
        f"FOR EACH ROW BEGIN {checks} END"
    )


def _guard_postgresql(table: str, event: str, rules: Sequence[Rule]) -> None:
    function, trigger = (f"refuse_{table}_{event.lower()}", f"{table}_refuses_{event.lower()}")
    checks = " ".join(
        f"IF {rule.refused_when} THEN RAISE EXCEPTION USING"
        f" ERRCODE = 'integrity_constraint_violation', MESSAGE = '{_quoted(rule.message)}';"
        " END IF;"
        for rule in rules
    )
    returned = "OLD" if event == "DELETE" else "NEW"
    each = "STATEMENT" if event == "TRUNCATE" else "ROW"
    op.execute(
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$refuse$ BEGIN {checks} RETURN {returned}; END $refuse$"
    )
    _fix_search_path(function)
    op.execute(
        f'CREATE TRIGGER {trigger} BEFORE {event} ON "{table}" '
        f"FOR EACH {each} EXECUTE FUNCTION {function}()"
    )
    op.execute(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER {trigger}')


def _fix_search_path(function: str) -> None:
    """Have a function find the ledger's tables, not a session's temporary ones of that name."""
    op.execute(
        f"DO $fix$ BEGIN EXECUTE 'ALTER FUNCTION {function}() SET search_path = pg_catalog, '"
        " || quote_ident(current_schema()) || ', pg_temp'; END $fix$"
    )


def _quoted(message: str) -> str:
    return message.replace("'", "''")
