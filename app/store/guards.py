"""Triggers by which the database itself refuses: how migrations write them.

A rule is a SQL condition that both databases read alike. The rules of one event on
one table become one trigger, which holds for every connection, ours included.

Migrations that have been released call this, so what it writes does not change; what
has to be written otherwise gets a function of its own. (The first migration is older
and writes its own.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, text


class Rule(NamedTuple):
    """A statement is refused when the condition holds; NEW and OLD are its row."""

    refused_when: str
    message: str


ALWAYS: Final = "1 = 1"


def forbid_forgetting(connection: Connection, table: str) -> None:
    """Refuse DELETE, and TRUNCATE where the database has it."""
    message = "the ledger does not forget: {} on {} is refused"
    guard(connection, table, "DELETE", [Rule(ALWAYS, message.format("DELETE", table))])
    if not _is_sqlite(connection):
        guard(connection, table, "TRUNCATE", [Rule(ALWAYS, message.format("TRUNCATE", table))])


def forbid_change(connection: Connection, table: str) -> None:
    """Refuse every UPDATE."""
    message = f"the ledger does not change: UPDATE on {table} is refused"
    guard(connection, table, "UPDATE", [Rule(ALWAYS, message)])


def replaces(connection: Connection, table: str, *keys: str) -> list[Rule]:
    """Return the rule against SQLite's INSERT OR REPLACE, which deletes unasked.

    Each of `keys` is a condition under which a row `NEW` collides with one that is
    there. PostgreSQL needs no rule: its ON CONFLICT never deletes.
    """
    if not _is_sqlite(connection):
        return []
    there = " OR ".join(f'EXISTS (SELECT 1 FROM "{table}" WHERE {key})' for key in keys)
    return [
        Rule(
            there,
            f"the ledger does not forget: INSERT on {table} would replace a row that is there",
        )
    ]


def guard(connection: Connection, table: str, event: str, rules: Sequence[Rule]) -> None:
    """Create the trigger that refuses an event on a table by these rules, in their order."""
    if rules and _is_sqlite(connection):
        _guard_sqlite(connection, table, event, rules)
    elif rules:
        _guard_postgresql(connection, table, event, rules)


def unguard(connection: Connection, table: str, event: str) -> None:
    """Take the trigger of an event away, so that another one can be created."""
    trigger = f"{table}_refuses_{event.lower()}"
    if _is_sqlite(connection):
        _execute(connection, f"DROP TRIGGER {trigger}")
        return
    _execute(connection, f'DROP TRIGGER {trigger} ON "{table}"')
    _execute(connection, f"DROP FUNCTION refuse_{table}_{event.lower()}()")


def _guard_sqlite(connection: Connection, table: str, event: str, rules: Sequence[Rule]) -> None:
    checks = " ".join(
        f"SELECT RAISE(ABORT, '{_quoted(rule.message)}') WHERE {rule.refused_when};"
        for rule in rules
    )
    _execute(
        connection,
        f'CREATE TRIGGER {table}_refuses_{event.lower()} BEFORE {event} ON "{table}" '
        f"FOR EACH ROW BEGIN {checks} END",
    )


def _guard_postgresql(
    connection: Connection, table: str, event: str, rules: Sequence[Rule]
) -> None:
    function, trigger = f"refuse_{table}_{event.lower()}", f"{table}_refuses_{event.lower()}"
    checks = " ".join(
        f"IF {rule.refused_when} THEN RAISE EXCEPTION USING"
        f" ERRCODE = 'integrity_constraint_violation', MESSAGE = '{_quoted(rule.message)}';"
        " END IF;"
        for rule in rules
    )
    returned = "OLD" if event == "DELETE" else "NEW"
    each = "STATEMENT" if event == "TRUNCATE" else "ROW"
    _execute(
        connection,
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$refuse$ BEGIN {checks} RETURN {returned}; END $refuse$",
    )
    fix_search_path(connection, f"{function}()")
    _execute(
        connection,
        f'CREATE TRIGGER {trigger} BEFORE {event} ON "{table}" '
        f"FOR EACH {each} EXECUTE FUNCTION {function}()",
    )
    _execute(connection, f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER {trigger}')


def fix_search_path(connection: Connection, function: str) -> None:
    """Have a function find the ledger's tables, not a session's temporary ones of that name."""
    _execute(
        connection,
        f"DO $fix$ BEGIN EXECUTE 'ALTER FUNCTION {function} SET search_path = pg_catalog, '"
        " || quote_ident(current_schema()) || ', pg_temp'; END $fix$",
    )


def _execute(connection: Connection, statement: str) -> None:
    # A colon would be a parameter's.
    connection.execute(text(statement.replace(":", r"\:")))


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _quoted(message: str) -> str:
    return message.replace("'", "''")
