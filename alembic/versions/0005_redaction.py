"""Redaction: what was removed, and the one way in which the database lets it go.

What happens to existing rows: nothing; no row is written or changed.

What it locks, and for how long: new tables, and new triggers on `change`, `header`
and the five tables of records, which on PostgreSQL takes their locks for a
moment (writers and readers wait for milliseconds; it gives up after five seconds).

How to go back: `downgrade` puts the old triggers back and drops the two tables, with
the knowledge of what was redacted; it refuses where anything was. What is blank stays
blank, so a ledger with redactions cannot go back: restore a backup instead.

What has to be known about it:

- Content may be blanked where a target of a REDACTION changeset that is still open
  names its disclosure, and then to nothing but the placeholder: `[redacted]` in a
  required text, null elsewhere, an empty salt. Once its entry is written, a redaction
  can blank nothing more.
- A version row may be blanked where the disclosure that a target names was carried
  into it: from the version that entered it up to the field's next change.
- On PostgreSQL `corrigenda_blank` does it, and `corrigenda_lock` locks records, with the
  rights of the owner, so that the role which serves needs no right to UPDATE content
  (`corrigenda grant`). Triggers hold for them like for everybody.
- `FIELDS` says which columns hold a field. A migration that adds a column or a field to
  a table of records makes these triggers and that function anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from alembic import op
from app.store.guards import (
    Rule,
    fix_search_path,
    forbid_change,
    forbid_forgetting,
    guard,
    replaces,
    unguard,
)

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

END = 9223372036854775807
CODE_POINT_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

REDACTED = "[redacted]"
MEASURE = ("amount", "lower", "upper", "approximate", "unit", "verbatim")


def _nulls(*columns: str) -> dict[str, str | None]:
    return dict.fromkeys(columns)


def _simple(*fields: str) -> dict[str, dict[str, str | None]]:
    """Fields that one column holds, of the same name."""
    return {field: {_snake(field): None} for field in fields}


def _snake(name: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name)


def _date(prefix: str) -> dict[str, str | None]:
    return {f"{prefix}_earliest": "", f"{prefix}_latest": ""}


NAME = {"name": {"name": REDACTED, "name_key": REDACTED}}
TITLE = {"title": {"title": REDACTED}}

FIELDS: Mapping[str, Mapping[str, Mapping[str, str | None]]] = {
    "actor": {
        **NAME,
        **_simple(
            "aliases", "country", "actsFor", "partOf", "identifiers", "description", "externalRef"
        ),
    },
    "item": {
        **NAME,
        **_simple(
            "aliases", "broader", "unit", "hsCode", "identifiers", "description", "externalRef"
        ),
    },
    "transfer": {
        **TITLE,
        **_simple(
            "giver", "receiver", "item", "nature", "stage", "origin", "destination", "route",
            "transport", "purpose", "usedAgainst", "partOf", "considerationFor",
            "considerationExtent", "summary", "externalRef",
        ),
        "quantity": _nulls(*(f"quantity_{part}" for part in MEASURE)),
        "value": _nulls(*(f"value_{part}" for part in (*MEASURE, "basis"))),
        "occurred": {"occurred": None, **_date("occurred")},
    },
    "citation": {
        **TITLE,
        **_simple("publisher", "authors", "url", "archiveUrl", "language", "accessed"),
        "contentSha256": {"content_sha256": None},
        **_simple("noticeUrl", "externalRef"),
        "published": {"published": None, **_date("published")},
    },
    "claim": {
        "value": {
            **_nulls(*(f"value_{part}" for part in (*MEASURE, "basis", "tag", "date"))),
            **_date("value"),
            **_nulls(*(f"value_{part}" for part in ("record", "code", "text"))),
        },
        **_simple("assertedBy", "quote", "locator", "externalRef"),
    },
}  # fmt: skip
"""Each redactable field's columns, with what stands in them once it was redacted."""

FIXED: Mapping[str, tuple[str, ...]] = {
    "actor": ("kind", "merged_into"),
    "item": ("kind", "merged_into"),
    "transfer": (),
    "citation": ("kind", "integrity"),
    "claim": ("subject", "field", "stance", "citation"),
}
"""The columns of fields that are never redacted."""

SUPERSEDED = "superseded"


def upgrade() -> None:
    """Create the tables, and make the triggers anew that let content go."""
    _create_tables()
    connection = op.get_bind()
    _guard_tables(connection)
    for table in ("change", "header"):
        unguard(connection, table, "update")
    guard(connection, "change", "UPDATE", _change_rules(connection))
    guard(connection, "header", "UPDATE", _header_rules(connection))
    for table in FIELDS:
        unguard(connection, table, "update")
        guard(connection, table, "UPDATE", _version_rules(connection, table))
    if connection.dialect.name == "postgresql":
        op.execute(sa.text(_function().replace(":", r"\:")))
        fix_search_path(connection, "corrigenda_blank(bigint)")
        op.execute(sa.text(LOCK))
        fix_search_path(connection, "corrigenda_lock(text[], boolean)")
        for function in FUNCTIONS:
            op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")


def downgrade() -> None:
    """Put the old triggers back, of a ledger in which nothing was redacted."""
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT EXISTS (SELECT 1 FROM redaction)")).scalar():
        raise RuntimeError(
            "this ledger has redactions, which an older release cannot show: restore a backup"
        )
    if connection.dialect.name == "postgresql":
        for function in FUNCTIONS:
            op.execute(f"DROP FUNCTION {function}")
    for table in FIELDS:
        unguard(connection, table, "update")
        guard(connection, table, "UPDATE", _old_version_rules(connection, table))
    for table in ("change", "header"):
        unguard(connection, table, "update")
        forbid_change(connection, table)
    _drop_tables(connection)


# --- the tables -----------------------------------------------------------------


def _create_tables() -> None:
    op.create_table(
        "redaction",
        sa.Column("position", POSITION, nullable=False),
        sa.Column("authority", CODE_POINT_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_redaction"),
        sa.ForeignKeyConstraint(["position"], ["changeset.position"], name="fk_redaction_position"),
    )
    op.create_table(
        "redaction_target",
        sa.Column("position", POSITION, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("target", POSITION, nullable=False),
        sa.Column("scope", CODE_POINT_TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("field", CODE_POINT_TEXT, nullable=False),
        sa.Column("digest", CODE_POINT_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("position", "place", name="pk_redaction_target"),
        sa.ForeignKeyConstraint(
            ["position"], ["redaction.position"], name="fk_redaction_target_position"
        ),
        sa.ForeignKeyConstraint(
            ["target"], ["changeset.position"], name="fk_redaction_target_target"
        ),
    )
    op.create_index("uq_redaction_target_digest", "redaction_target", ["digest"], unique=True)
    op.create_index("ix_redaction_target_field", "redaction_target", ["scope", "field"])
    op.create_index("ix_redaction_target_target", "redaction_target", ["target"])


def _guard_tables(connection: Connection) -> None:
    for table in ("redaction", "redaction_target"):
        forbid_forgetting(connection, table)
        forbid_change(connection, table)
    guard(connection, "redaction", "INSERT", [
        *replaces(connection, "redaction", "position = NEW.position"),
        Rule(
            "NOT EXISTS (SELECT 1 FROM changeset"
            " WHERE position = NEW.position AND kind = 'REDACTION')",
            "only a changeset of kind REDACTION redacts: INSERT on redaction is refused",
        ),
        _is_open("redaction"),
    ])  # fmt: skip
    guard(connection, "redaction_target", "INSERT", [
        *replaces(
            connection,
            "redaction_target",
            "position = NEW.position AND place = NEW.place",
            "digest = NEW.digest",
            "rowid = NEW.rowid",
        ),
        Rule(
            "NOT EXISTS (SELECT 1 FROM redaction WHERE position = NEW.position)",
            "nothing is redacted without a REDACTION: INSERT on redaction_target names none",
        ),
        _is_open("redaction_target"),
        Rule(
            f"NOT ({_names_a_change()} OR {_names_a_header()})",
            "a target names a disclosure that is there: INSERT on redaction_target is refused",
        ),
    ])  # fmt: skip


def _is_open(table: str) -> Rule:
    return Rule(
        "EXISTS (SELECT 1 FROM entry WHERE position = NEW.position)",
        f"the changeset is sealed by its log entry: INSERT on {table} is refused",
    )


def _names_a_change() -> str:
    return (
        "(NEW.version IS NOT NULL AND NEW.target < NEW.position AND EXISTS ("
        "SELECT 1 FROM change JOIN revision ON revision.record_id = change.record_id"
        " AND revision.version = change.version"
        " WHERE change.record_id = NEW.scope AND change.version = NEW.version"
        " AND change.field = NEW.field AND change.digest = NEW.digest"
        " AND change.salt <> '' AND revision.position = NEW.target))"
    )


def _names_a_header() -> str:
    return (
        "(NEW.version IS NULL AND NEW.scope = 'header' AND NEW.field <> 'redacted'"
        " AND NEW.target < NEW.position AND EXISTS (SELECT 1 FROM header"
        " WHERE position = NEW.target AND name = NEW.field AND digest = NEW.digest"
        " AND salt <> ''))"
    )


def _drop_tables(connection: Connection) -> None:
    events = ["delete", "update", "insert"]
    if connection.dialect.name == "postgresql":
        events.append("truncate")
    for table in ("redaction_target", "redaction"):
        for event in events:
            unguard(connection, table, event)
        op.drop_table(table)


# --- what may be blanked --------------------------------------------------------


def _an_open_target(condition: str) -> str:
    """Return the condition that a target of a redaction which is not sealed fulfils another."""
    return (
        f"EXISTS (SELECT 1 FROM redaction_target t WHERE {condition}"
        " AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.position = t.position))"
    )


def _differs(connection: Connection, columns: tuple[str, ...]) -> str:
    if connection.dialect.name == "sqlite":
        return " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in columns)
    # *<> compares the bytes: to <>, 1.0 and 1 in a JSON document would be the same.
    new, old = (", ".join(f'{row}."{name}"' for name in columns) for row in ("NEW", "OLD"))
    return f"CAST(ROW({new}) AS record) *<> CAST(ROW({old}) AS record)"


def _rowid(connection: Connection) -> tuple[str, ...]:
    return ("rowid",) if connection.dialect.name == "sqlite" else ()


def _gap(column: str, names: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{name}'" for name in names)
    return f"CASE WHEN OLD.{column} IN ({listed}) THEN '\"{REDACTED}\"' ELSE 'null' END"


def _change_rules(connection: Connection) -> list[Rule]:
    fixed = (*_rowid(connection), "record_id", "version", "field", "place", "digest")
    gap = _gap("field", ("name", "title"))
    named = "t.scope = OLD.record_id AND t.field = OLD.field AND t.version = "
    own = _an_open_target(f"{named}OLD.version")
    one_before = _an_open_target(
        f"{named}(SELECT max(c.version) FROM change c WHERE c.record_id = OLD.record_id"
        " AND c.field = OLD.field AND c.version < OLD.version)"
    )
    return [
        Rule(
            _differs(connection, fixed),
            "the ledger does not change: UPDATE on change may set nothing but before, after, salt",
        ),
        Rule(
            f"NOT (({_same(connection, 'after', 'salt')} AND NEW.before = {gap} AND {one_before})"
            f" OR (NEW.salt = '' AND NEW.after = {gap} AND {own}"
            f" AND ({_same(connection, 'before')} OR (NEW.before = {gap} AND {one_before}))))",
            "the ledger does not change: UPDATE on change blanks what no open redaction names",
        ),
    ]


def _same(connection: Connection, *columns: str) -> str:
    return f"NOT ({_differs(connection, columns)})"


def _header_rules(connection: Connection) -> list[Rule]:
    fixed = (*_rowid(connection), "position", "name", "digest", "restricted")
    own = _an_open_target(
        "t.target = OLD.position AND t.version IS NULL AND t.scope = 'header'"
        " AND t.field = OLD.name"
    )
    gap = _gap("name", ("note", "editorName"))
    return [
        Rule(
            _differs(connection, fixed),
            "the ledger does not change: UPDATE on header may set nothing but value, salt",
        ),
        Rule(
            f"NOT (NEW.salt = '' AND NEW.value = {gap} AND {own})",
            "the ledger does not change: UPDATE on header blanks what no open redaction names",
        ),
    ]


def _version_rules(connection: Connection, table: str) -> list[Rule]:
    fixed = (
        *_rowid(connection), "id", "version", "entered", "state", "newsroom", *FIXED[table]
    )  # fmt: skip
    held = tuple(column for columns in FIELDS[table].values() for column in columns)
    unnamed = " OR ".join(_blanked_unnamed(connection, table, field) for field in FIELDS[table])
    # Who blanks leaves `superseded` as it is, and can only while a redaction is open.
    moves = f"(NEW.superseded <> OLD.superseded OR NOT {_an_open_target('t.scope = OLD.id')})"
    return [
        Rule(
            _differs(connection, fixed),
            f"the ledger does not change: UPDATE on {table} may set nothing but superseded, and "
            "the gaps of a redaction",
        ),
        Rule(
            f"({_differs(connection, held)}) AND ({unnamed})",
            f"the ledger does not change: UPDATE on {table} blanks what no open redaction names",
        ),
        *(
            Rule(f"{moves} AND ({rule.refused_when})", rule.message)
            for rule in _supersede_rules(table)
        ),
    ]


def _blanked_unnamed(connection: Connection, table: str, field: str) -> str:
    columns = FIELDS[table][field]
    gap = " AND ".join(
        f'NEW."{name}" IS NULL' if value is None else f"NEW.\"{name}\" = '{value}'"
        for name, value in columns.items()
    )
    named = _an_open_target(
        f"t.scope = OLD.id AND t.field = '{field}' AND t.version = (SELECT max(c.version)"
        f" FROM change c WHERE c.record_id = OLD.id AND c.field = '{field}'"
        " AND c.version <= OLD.version)"
    )
    return f"(({_differs(connection, tuple(columns))}) AND NOT ({gap} AND {named}))"


def _supersede_rules(table: str) -> list[Rule]:
    """A present version is superseded once, by the next revision of an open changeset."""
    return [
        Rule(
            f"OLD.superseded <> {END}",
            f"a version is superseded once: UPDATE on {table} is refused",
        ),
        Rule(
            "NOT EXISTS (SELECT 1 FROM revision"
            " WHERE record_id = NEW.id AND version = NEW.version + 1"
            " AND position = NEW.superseded)",
            f"a version is superseded by the next revision of its record: UPDATE on {table} "
            "names a position that has none",
        ),
        Rule(
            "EXISTS (SELECT 1 FROM entry WHERE position = NEW.superseded)",
            f"the changeset is sealed by its log entry: UPDATE on {table} is refused",
        ),
    ]


def _old_version_rules(connection: Connection, table: str) -> list[Rule]:
    held = tuple(column for columns in FIELDS[table].values() for column in columns)
    fixed = (
        *_rowid(connection), "id", "version", "entered", "state", "newsroom", *FIXED[table], *held
    )  # fmt: skip
    return [
        Rule(
            _differs(connection, fixed),
            f"the ledger does not change: UPDATE on {table} may set nothing but superseded",
        ),
        *_supersede_rules(table),
    ]


# --- the owner's functions ------------------------------------------------------

FUNCTIONS = ("corrigenda_blank(bigint)", "corrigenda_lock(text[], boolean)")

# To lock a row, PostgreSQL asks for the right to UPDATE it, which nobody shall have.
LOCK = """
CREATE FUNCTION corrigenda_lock(wanted text[], exclusive boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $lock$
BEGIN
    IF exclusive THEN
        PERFORM 1 FROM record WHERE id = ANY (wanted) ORDER BY id FOR NO KEY UPDATE;
    ELSE
        PERFORM 1 FROM record WHERE id = ANY (wanted) ORDER BY id FOR SHARE;
    END IF;
END
$lock$
"""


def _function() -> str:
    gap = "CASE WHEN {} IN ({}) THEN '\"" + REDACTED + "\"' ELSE 'null' END"
    field = gap.format("field", "'name', 'title'")
    text = gap.format("name", "'note', 'editorName'")
    versions = "\n".join(_blank_versions(table) for table in FIELDS)
    return f"""
CREATE FUNCTION corrigenda_blank(redaction bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $blank$
BEGIN
    UPDATE change SET after = {field}, salt = ''
    WHERE (record_id, version, field) IN (
        SELECT t.scope, t.version, t.field FROM redaction_target t
        WHERE t.position = redaction AND t.version IS NOT NULL);
    UPDATE change SET before = {field}
    WHERE (record_id, version, field) IN (
        SELECT t.scope, (
            SELECT min(c.version) FROM change c
            WHERE c.record_id = t.scope AND c.field = t.field AND c.version > t.version), t.field
        FROM redaction_target t WHERE t.position = redaction AND t.version IS NOT NULL);
    UPDATE header SET value = {text}, salt = ''
    WHERE (position, name) IN (
        SELECT t.target, t.field FROM redaction_target t
        WHERE t.position = redaction AND t.version IS NULL);
{versions}
END
$blank$
"""


def _blank_versions(table: str) -> str:
    statements = "\n".join(
        f"    ELSIF wanted.field = '{field}' THEN\n{_blank_field(table, field)}"
        for field in FIELDS[table]
    )
    return f"""
    <<{table}s>>
    DECLARE
        wanted record;
    BEGIN
        FOR wanted IN
            SELECT t.scope, t.version, t.field, COALESCE((
                SELECT min(c.version) FROM change c
                WHERE c.record_id = t.scope AND c.field = t.field AND c.version > t.version
            ), {END}) AS ended
            FROM redaction_target t
            WHERE t.position = redaction AND t.scope LIKE '{table}\\_%'
        LOOP
            IF wanted.version IS NULL THEN
                CONTINUE;
{statements}
            END IF;
        END LOOP;
    END;"""


def _blank_field(table: str, field: str) -> str:
    given = ", ".join(
        f'"{name}" = ' + ("NULL" if value is None else f"'{value}'")
        for name, value in FIELDS[table][field].items()
    )
    return (
        f'                UPDATE "{table}" AS held SET {given} WHERE held.id = wanted.scope'
        " AND held.version >= wanted.version AND held.version < wanted.ended;"
    )
