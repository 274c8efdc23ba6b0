"""How the roots of a question are read: by id, by ids, a changeset by its position."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from app.domain.errors import BadArgument
from app.domain.kinds import KINDS
from app.store.connections import PAGE_LIMIT
from app.store.reading import At, Read, Scope, first_of, subquery
from app.store.sql import Elements, Expression, Joined, JoinedRows, list_parameter

_NODE_TABLES: Final = (*KINDS, "changeset", "editor", "newsroom")


def id_kind(value: Any) -> str:
    """Return the kind that an id names in its prefix, and whether it is of an archive."""
    text = str(value)
    kind = text.partition("_")[0]
    marked = "@" if "@" in text else ""
    return f"{kind}{marked}" if kind in _NODE_TABLES else "?"


def _found(at: At, table: str, wanted: Expression) -> Expression:
    inner = Scope(table, at.alias(), at.scope.moment)
    source, holds = inner.by_id()
    conditions = [inner["id"] == wanted, *holds]
    return subquery(source, at.select(inner, table.capitalize()), conditions)


def by_id(table: str) -> Read:
    """Read the row of `table` that has the id given."""

    def read(at: At) -> Expression:
        wanted = at.bind(lambda arguments: arguments["id"], sa.Text())
        return first_of([_found(at, table, wanted)])

    return read


def node(at: At) -> Expression:
    """Read whatever has the id given."""
    # The kind stands in the id, so one table is asked and no other.
    kind = id_kind(at.argument("id"))
    wanted = at.bind(lambda arguments: arguments["id"], sa.Text())
    return first_of([_found(at, kind, wanted)] if kind in _NODE_TABLES else [])


def nodes(at: At) -> Expression:
    """Read whatever has the ids given, in their order."""
    alias = at.alias()
    kinds = {id_kind(one) for one in at.argument("ids")}
    source = Elements(at.bind(_ids, sa.Text()), alias, texts=True)
    wanted = sa.literal_column(f"{alias}.value", sa.Text())
    found = first_of([_found(at, kind, wanted) for kind in _NODE_TABLES if kind in kinds])
    return subquery(source, Joined("[", JoinedRows(found), "]"))


def _ids(arguments: Any) -> str:
    if len(arguments["ids"]) > PAGE_LIMIT:
        raise BadArgument(f"ids has {len(arguments['ids'])} values; at most {PAGE_LIMIT}")
    return list_parameter(arguments["ids"])


def one_changeset(at: At) -> Expression:
    """Read the changeset at a position, or of an id."""
    inner = Scope("changeset", at.alias(), at.scope.moment)
    given = [name for name in ("position", "id") if at.argument(name) is not None]
    if len(given) != 1:
        raise BadArgument("give the position or the id of the changeset, one of them")
    kind = sa.BigInteger() if given == ["position"] else sa.Text()
    wanted = at.bind(lambda arguments: arguments[given[0]], kind)
    conditions = [inner[given[0]] == wanted, *inner.moment.holds("changeset", inner.alias)]
    return first_of([subquery(inner.source(), at.select(inner), conditions)])
