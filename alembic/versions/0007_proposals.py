"""Proposals: changesets that are asked for, and what was decided on them.

What happens to existing rows: a changeset gets two columns, `proposal` and `contributor`,
which are empty: none came from a proposal. No row is rewritten.

What it locks, and for how long: `changeset`, for a moment, to add the columns and an
index over one that is empty; writers wait for as long as one pass over the table takes
(a second for each million changesets).

How to go back: `downgrade` drops the tables, and with them every proposal and what was
said about it; what was accepted stays in the ledger. It refuses where decisions are in the
log, which an older release cannot read: restore a backup instead.

What has to be known about it:

- A draft is what a proposal asks for at one of its revisions. Drafts, steps, changes and
  events are only added. A draft is sealed by the event that tells of it.
- A proposal that was decided is final. A decision is an event with its position in the log,
  where its note stands; without one the state does not change.
- Content may be blanked where a target of a redaction that is still open names the record
  and field that a draft changes, or the header of the changeset that it became. The input
  goes whole then, and so do the notes of the proposal's events. On PostgreSQL
  `corrigenda_blank_proposals` does it, with the rights of the owner.
"""

from __future__ import annotations

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

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CODE_POINT_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

TABLES = ("proposal", "proposal_draft", "proposal_step", "proposal_change", "proposal_event")
FUNCTION = "corrigenda_blank_proposals(bigint)"
REDACTED = "[redacted]"
DECISIONS = "'RETURN', 'ACCEPT', 'REJECT', 'WITHDRAW'"
ENDED = "'ACCEPTED', 'REJECTED', 'WITHDRAWN'"
WAITING = "'OPEN', 'RETURNED'"


def upgrade() -> None:
    """Create the tables and their triggers."""
    connection = op.get_bind()
    for column in ("proposal", "contributor"):
        op.add_column("changeset", sa.Column(column, CODE_POINT_TEXT, nullable=True))
    op.create_index("ix_changeset_contributor", "changeset", ["contributor", "position"])
    _create_proposal()
    _create_content()
    _create_event()
    for table in TABLES:
        forbid_forgetting(connection, table)
    _guard_proposal(connection)
    _guard_content(connection)
    _guard_event(connection)
    if connection.dialect.name == "postgresql":
        op.execute(sa.text(BLANK.replace(":", r"\:")))
        fix_search_path(connection, FUNCTION)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {FUNCTION} FROM PUBLIC")


def downgrade() -> None:
    """Drop the tables, of a ledger in which nothing was decided."""
    connection = op.get_bind()
    decided = "SELECT EXISTS (SELECT 1 FROM proposal_event WHERE position IS NOT NULL)"
    if connection.execute(sa.text(decided)).scalar():
        raise RuntimeError(
            "this ledger has decisions on proposals, which an older release cannot read: restore "
            "a backup"
        )
    if connection.dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {FUNCTION}")
    events = ["delete", "update", "insert"]
    if connection.dialect.name == "postgresql":
        events.append("truncate")
    for table in reversed(TABLES):
        for event in events:
            unguard(connection, table, event)
    # Triggers of one table look at another, so all of them go first.
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_index("ix_changeset_contributor", "changeset")
    for column in ("contributor", "proposal"):
        op.drop_column("changeset", column)


# --- the tables -----------------------------------------------------------------


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, CODE_POINT_TEXT, nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), autoincrement=False, nullable=False)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _points(table: str, column: str, at: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [at], name=f"fk_{table}_{column}")


def _of_a_draft(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["proposal", "revision"],
        ["proposal_draft.proposal", "proposal_draft.revision"],
        name=f"fk_{table}_proposal_revision",
    )


def _create_proposal() -> None:
    op.create_table(
        "proposal",
        _text("id"),
        _text("newsroom"),
        _text("editor"),
        _text("state"),
        _number("revision"),
        _text("created_at"),
        _text("updated_at"),
        _text("decided_at", nullable=True),
        sa.Column("changeset", POSITION, nullable=True),
        _key("proposal", "id"),
        _points("proposal", "newsroom", "newsroom.id"),
        _points("proposal", "editor", "editor.id"),
        _points("proposal", "changeset", "changeset.position"),
    )
    for name, columns in {
        "newsroom": ["newsroom", "state", "id"],
        "state": ["state", "id"],
        "updated": ["updated_at", "id"],
        "editor": ["editor", "id"],
        "changeset": ["changeset"],
    }.items():
        op.create_index(f"ix_proposal_{name}", "proposal", columns)


def _create_content() -> None:
    op.create_table(
        "proposal_draft",
        _text("proposal"),
        _number("revision"),
        sa.Column("based_on", POSITION, nullable=False),
        _text("created_at"),
        sa.Column("input", sa.Text(), nullable=False),
        _text("salt"),
        _text("digest"),
        _key("proposal_draft", "proposal", "revision"),
        _points("proposal_draft", "proposal", "proposal.id"),
    )
    op.create_table(
        "proposal_step",
        _text("proposal"),
        _number("revision"),
        _number("place"),
        _text("record_id"),
        _number("version"),
        _text("action"),
        _key("proposal_step", "proposal", "revision", "place"),
        _of_a_draft("proposal_step"),
    )
    op.create_index("ix_proposal_step_record", "proposal_step", ["record_id", "proposal"])
    op.create_table(
        "proposal_change",
        _text("proposal"),
        _number("revision"),
        _text("record_id"),
        _text("field"),
        _number("place"),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        _key("proposal_change", "proposal", "revision", "record_id", "field"),
        _of_a_draft("proposal_change"),
    )
    op.create_index("ix_proposal_change_field", "proposal_change", ["record_id", "field"])


def _create_event() -> None:
    op.create_table(
        "proposal_event",
        _text("proposal"),
        _number("place"),
        _number("revision"),
        _text("kind"),
        _text("editor"),
        _text("newsroom"),
        _text("at"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("position", POSITION, nullable=True),
        _key("proposal_event", "proposal", "place"),
        _points("proposal_event", "proposal", "proposal.id"),
        _points("proposal_event", "editor", "editor.id"),
        _points("proposal_event", "newsroom", "newsroom.id"),
        _points("proposal_event", "position", "changeset.position"),
    )
    op.create_index("ix_proposal_event_position", "proposal_event", ["position"])


# --- what the database refuses ----------------------------------------------------


def _differs(connection: Connection, *columns: str) -> str:
    if connection.dialect.name == "sqlite":
        return " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in ("rowid", *columns))
    new, old = (", ".join(f'{row}."{name}"' for name in columns) for row in ("NEW", "OLD"))
    return f"CAST(ROW({new}) AS record) *<> CAST(ROW({old}) AS record)"


def _only(connection: Connection, table: str, changeable: str, *fixed: str) -> Rule:
    return Rule(
        _differs(connection, *fixed),
        f"the ledger does not change: UPDATE on {table} may set nothing but {changeable}",
    )


def _waits(proposal: str) -> str:
    return f"EXISTS (SELECT 1 FROM proposal WHERE id = {proposal} AND state IN ({WAITING}))"


def _guard_proposal(connection: Connection) -> None:
    guard(connection, "proposal", "INSERT", [
        *replaces(connection, "proposal", "id = NEW.id", "rowid = NEW.rowid"),
        Rule(
            "NEW.state <> 'OPEN' OR NEW.revision <> 1 OR NEW.decided_at IS NOT NULL"
            " OR NEW.changeset IS NOT NULL",
            "a proposal begins open: INSERT on proposal is refused",
        ),
    ])  # fmt: skip
    decided = (
        "SELECT 1 FROM proposal_event e JOIN changeset c ON c.position = e.position"
        " WHERE e.proposal = NEW.id AND e.revision = NEW.revision AND e.kind = CASE NEW.state"
        " WHEN 'RETURNED' THEN 'RETURN' WHEN 'REJECTED' THEN 'REJECT'"
        " WHEN 'WITHDRAWN' THEN 'WITHDRAW' ELSE 'ACCEPT' END AND (c.kind = 'REVIEW' OR"
        " (NEW.state = 'ACCEPTED' AND c.proposal = NEW.id AND c.position = NEW.changeset))"
    )
    guard(connection, "proposal", "UPDATE", [
        _only(
            connection, "proposal", "state, revision, updated_at, decided_at, changeset",
            "id", "newsroom", "editor", "created_at",
        ),
        Rule(
            f"OLD.state NOT IN ({WAITING})",
            "the ledger does not change: a proposal that was decided is final",
        ),
        Rule(
            f"NEW.state NOT IN ({WAITING}, {ENDED})"
            f" OR (NEW.state IN ({ENDED})) <> (NEW.decided_at IS NOT NULL)"
            " OR (NEW.state = 'ACCEPTED') <> (NEW.changeset IS NOT NULL)",
            "the ledger does not change: UPDATE on proposal makes no state that there is",
        ),
        Rule(
            "NEW.revision <> OLD.revision AND (NEW.revision <> OLD.revision + 1"
            " OR NEW.state <> 'OPEN' OR NOT EXISTS (SELECT 1 FROM proposal_draft d"
            " WHERE d.proposal = NEW.id AND d.revision = NEW.revision))",
            "the ledger does not change: UPDATE on proposal names a revision without its draft",
        ),
        Rule(
            "NEW.revision = OLD.revision AND NEW.state = 'OPEN' AND OLD.state <> 'OPEN'",
            "the ledger does not change: what was sent back opens by being revised",
        ),
        Rule(
            f"NEW.state <> OLD.state AND NEW.state <> 'OPEN' AND NOT EXISTS ({decided})",
            "the ledger does not change: UPDATE on proposal decides without an entry in the log",
        ),
    ])  # fmt: skip


def _an_open_target(joined: str, condition: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM redaction_target t {joined} WHERE {condition}"
        " AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.position = t.position))"
    )


def _is_named(*, of_the_revision: bool) -> str:
    """Return the condition that an open redaction names what a draft holds."""
    joined = "JOIN proposal_change c ON c.record_id = t.scope AND c.field = t.field"
    revision = " AND c.revision = OLD.revision" if of_the_revision else ""
    held = _an_open_target(joined, f"c.proposal = OLD.proposal{revision}")
    header = _an_open_target(
        "JOIN proposal p ON p.changeset = t.target",
        "p.id = OLD.proposal AND t.version IS NULL",
    )
    return f"({held} OR {header})"


def _gap(column: str, row: str = "OLD.") -> str:
    return (
        f"CASE WHEN {row}\"{column}\" = 'null' THEN 'null' WHEN {row}field IN ('name', 'title')"
        f" THEN '\"{REDACTED}\"' ELSE 'null' END"
    )


def _guard_content(connection: Connection) -> None:
    guard(connection, "proposal_draft", "INSERT", [
        *replaces(
            connection, "proposal_draft",
            "proposal = NEW.proposal AND revision = NEW.revision", "rowid = NEW.rowid",
        ),
        Rule(
            f"NOT EXISTS (SELECT 1 FROM proposal p WHERE p.id = NEW.proposal"
            f" AND p.state IN ({WAITING}) AND NEW.revision = CASE WHEN EXISTS (SELECT 1"
            " FROM proposal_draft d WHERE d.proposal = p.id) THEN p.revision + 1 ELSE 1 END)",
            "a draft is the next one of a proposal that waits: INSERT on proposal_draft is refused",
        ),
    ])  # fmt: skip
    guard(connection, "proposal_draft", "UPDATE", [
        _only(
            connection, "proposal_draft", "input, salt",
            "proposal", "revision", "based_on", "created_at", "digest",
        ),
        Rule(
            f"NOT (NEW.input = 'null' AND NEW.salt = '' AND {_is_named(of_the_revision=True)})",
            "the ledger does not change: UPDATE on proposal_draft blanks what no open redaction "
            "names",
        ),
    ])  # fmt: skip
    forbid_change(connection, "proposal_step")
    guard(connection, "proposal_change", "UPDATE", [
        _only(
            connection, "proposal_change", "before, after",
            "proposal", "revision", "record_id", "field", "place",
        ),
        Rule(
            f"NOT (NEW.before = {_gap('before')} AND NEW.after = {_gap('after')} AND "
            + _an_open_target("", "t.scope = OLD.record_id AND t.field = OLD.field")
            + ")",
            "the ledger does not change: UPDATE on proposal_change blanks what no open redaction "
            "names",
        ),
    ])  # fmt: skip
    for table, key in (
        ("proposal_step", "place = NEW.place"),
        ("proposal_change", "record_id = NEW.record_id AND field = NEW.field"),
    ):
        own = "proposal = NEW.proposal AND revision = NEW.revision"
        guard(connection, table, "INSERT", [
            *replaces(connection, table, f"{own} AND {key}", "rowid = NEW.rowid"),
            Rule(
                f"NOT EXISTS (SELECT 1 FROM proposal_draft WHERE {own})"
                f" OR EXISTS (SELECT 1 FROM proposal_event WHERE {own}"
                " AND kind IN ('PROPOSE', 'REVISE'))",
                f"a draft is sealed by the event that tells of it: INSERT on {table} is refused",
            ),
        ])  # fmt: skip


def _guard_event(connection: Connection) -> None:
    guard(connection, "proposal_event", "INSERT", [
        *replaces(
            connection, "proposal_event",
            "proposal = NEW.proposal AND place = NEW.place",
            "rowid = NEW.rowid",
        ),
        Rule(
            f"NOT {_waits('NEW.proposal')}",
            "a proposal that was decided is final: INSERT on proposal_event is refused",
        ),
        Rule(
            "NEW.place <> (SELECT COALESCE(MAX(place) + 1, 0) FROM proposal_event"
            " WHERE proposal = NEW.proposal)",
            "events have no gaps: INSERT on proposal_event does not name the next place",
        ),
        Rule(
            f"(NEW.kind IN ({DECISIONS})) <> (NEW.position IS NOT NULL)"
            " OR (NEW.position IS NOT NULL AND NEW.note IS NOT NULL)",
            "a decision stands in the log, its note included: INSERT on proposal_event is refused",
        ),
    ])  # fmt: skip
    guard(connection, "proposal_event", "UPDATE", [
        _only(
            connection, "proposal_event", "note",
            "proposal", "place", "revision", "kind", "editor", "newsroom", "at", "position",
        ),
        Rule(
            f"NOT (OLD.note IS NOT NULL AND NEW.note = '{REDACTED}'"
            f" AND {_is_named(of_the_revision=False)})",
            "the ledger does not change: UPDATE on proposal_event blanks what no open redaction "
            "names",
        ),
    ])  # fmt: skip


# The same statements, for SQLite, are in `app.store.blanking`.
BLANK = f"""
CREATE FUNCTION corrigenda_blank_proposals(redaction bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $blank$
BEGIN
    UPDATE proposal_draft d SET input = 'null', salt = '' WHERE d.salt <> '' AND (
        EXISTS (SELECT 1 FROM proposal_change c JOIN redaction_target t
            ON c.record_id = t.scope AND c.field = t.field
            WHERE t.position = redaction
            AND c.proposal = d.proposal AND c.revision = d.revision)
        OR EXISTS (SELECT 1 FROM proposal p JOIN redaction_target t ON p.changeset = t.target
            WHERE t.position = redaction AND t.version IS NULL AND p.id = d.proposal));
    UPDATE proposal_event e SET note = '{REDACTED}' WHERE e.note IS NOT NULL AND (
        EXISTS (SELECT 1 FROM proposal_change c JOIN redaction_target t
            ON c.record_id = t.scope AND c.field = t.field
            WHERE t.position = redaction AND c.proposal = e.proposal)
        OR EXISTS (SELECT 1 FROM proposal p JOIN redaction_target t ON p.changeset = t.target
            WHERE t.position = redaction AND t.version IS NULL AND p.id = e.proposal));
    UPDATE proposal_change c SET before = {_gap("before", "c.")}, after = {_gap("after", "c.")}
    WHERE EXISTS (SELECT 1 FROM redaction_target t WHERE t.position = redaction
        AND t.scope = c.record_id AND t.field = c.field);
END
$blank$
"""
