"""How the roots of a question are read: by id, by ids, a changeset by its position."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from app.domain.archive_ids import FINDING, finding_parts, id_kind, marked_position
from app.domain.errors import BadArgument
from app.store import powers, proposed
from app.store.connections import PAGE_LIMIT
from app.store.findings import SUBJECTS, by_key
from app.store.reading import At, Moment, Read, Scope, first_of, subquery
from app.store.sql import (
    Elements,
    Expression,
    Joined,
    JoinedRows,
    JsonMember,
    as_json,
    list_parameter,
)

_HEAD: Final = sa.literal_column("(SELECT size FROM head)", sa.BigInteger())
NULL_ROW: Final = sa.literal_column("NULL", sa.Text())


def _found(at: At, table: str, wanted: Expression, moment: Moment) -> Expression:
    if table == "proposal":
        # As it stands now, and in no archive.
        return NULL_ROW if moment.position is not None else proposed.found(at, wanted)
    if table == "key":
        return NULL_ROW if moment.position is not None else powers.key_by_id(at, wanted)
    if table in _ENTERED_WITHOUT_A_CHANGESET:
        at.depends_on_more_than_the_log()
    inner = Scope(table, at.alias(), moment)
    source, holds = inner.by_id()
    conditions = [inner["id"] == wanted, *holds]
    return subquery(source, at.select(inner, table.capitalize()), conditions)


_ENTERED_WITHOUT_A_CHANGESET: Final = ("newsroom", "editor")


def by_id(table: str) -> Read:
    """Read the row of `table` that has the id given; an archive's id reads its archive."""

    def read(at: At) -> Expression:
        if id_kind(at.argument("id")).rstrip("@") != table:
            return first_of([])
        return node(at)

    return read


def node(at: At) -> Expression:
    """Read whatever has the id given; an archive's id reads as of its position."""
    # The kind stands in the id, so one table is asked and no other.
    kind = id_kind(at.argument("id"))
    if kind == "?":
        return first_of([])
    moment, more = at.scope.moment, list[Expression]()
    if kind.endswith("@") and moment.position is None:
        position = at.bind(lambda arguments: marked_position(arguments["id"]) or 0, sa.BigInteger())
        # No id was given out for a position that has not come: what it will read is open.
        moment, more = Moment(position, marked=True), [position <= _HEAD]
    wanted = at.bind(lambda arguments: finding_parts(arguments["id"])[0], sa.Text())
    field = at.bind(lambda arguments: finding_parts(arguments["id"])[1], sa.Text())
    found = _any(at, kind.rstrip("@"), wanted, field, moment)
    return first_of([sa.case((sa.and_(*more), found)) if more else found])


def _any(at: At, kind: str, wanted: Expression, field: Expression, moment: Moment) -> Expression:
    """Return the record or the finding of an id of this kind, NULL where there is none."""
    if not kind.endswith(FINDING):
        return _found(at, kind, wanted, moment)
    subject = kind.removesuffix(FINDING)
    if subject not in SUBJECTS:
        return NULL_ROW
    return by_key(at, wanted, field, moment, subject)


def nodes(at: At) -> Expression:
    """Read whatever has the ids given, in their order."""
    alias = at.alias()
    source = Elements(at.bind(_ids, sa.Text()), alias)
    value = sa.literal_column(f"{alias}.value", sa.Text())
    wanted, field = JsonMember(value, "id"), JsonMember(value, "field")
    position = sa.cast(JsonMember(value, "at"), sa.BigInteger())
    found = []
    for kind in sorted({id_kind(one) for one in at.argument("ids")} - {"?"}):
        moment = at.scope.moment
        if kind.endswith("@") and moment.position is None:
            moment = Moment(position, marked=True)
        one = _any(at, kind.rstrip("@"), wanted, field, moment)
        is_marked: Expression = position.is_not(None) if kind.endswith("@") else position.is_(None)
        if moment is not at.scope.moment:
            is_marked = position <= _HEAD
        is_finding = field != sa.literal_column("''", sa.Text())
        is_meant = is_finding if FINDING in kind else sa.not_(is_finding)
        found.append(sa.case((sa.and_(is_marked, is_meant), one)))
    return subquery(source, Joined("[", JoinedRows(first_of(found)), "]"))


def _ids(arguments: Any) -> str:
    wanted = arguments["ids"]
    if len(wanted) > PAGE_LIMIT:
        raise BadArgument(f"ids has {len(wanted)} values; at most {PAGE_LIMIT}")
    return list_parameter([_id_parts(one) for one in wanted])


def _id_parts(wanted: str) -> dict[str, Any]:
    record, field = finding_parts(wanted)
    return {"id": record, "field": field, "at": marked_position(wanted)}


def one_changeset(at: At) -> Expression:
    """Read the changeset at a position, or of an id."""
    if _one_of(at, "position", "id", of="the changeset") == "id":
        return by_id("changeset")(at)
    inner = Scope("changeset", at.alias(), at.scope.moment)
    wanted = at.bind(lambda arguments: arguments["position"], sa.BigInteger())
    conditions = [inner["position"] == wanted, *inner.moment.holds("changeset", inner.alias)]
    return first_of([subquery(inner.source(), at.select(inner), conditions)])


def _one_of(at: At, *names: str, of: str) -> str:
    given = [name for name in names if at.argument(name) is not None]
    if len(given) != 1:
        raise BadArgument(f"give {' or '.join(names)} of {of}: exactly one of them")
    return given[0]


def archive(at: At) -> Expression:
    """Read the whole graph as of a position, or of an instant of the ledger's clock.

    A position beyond the head is the head; an instant before the first
    changeset is position 0, at which there was nothing.
    """
    alias = at.alias()
    if _one_of(at, "position", "at", of="the archive") == "position":
        wanted = at.bind(lambda arguments: arguments["position"], sa.BigInteger())
        position: Expression = sa.case((wanted < _HEAD, wanted), else_=_HEAD)
    else:
        until = at.bind(lambda arguments: arguments["at"], sa.Text())
        recorded = Scope("changeset", at.alias(), at.scope.moment)
        position = sa.func.coalesce(
            subquery(
                recorded.source(),
                sa.func.max(recorded["position"]),
                [recorded["recorded_at"] <= until],
            ),
            sa.literal_column("0"),
            type_=sa.BigInteger(),
        )
    # Named once, so that it is found out once however often it is compared with.
    rows = sa.select(position.label("position")).correlate(None).subquery(alias)
    named = sa.literal_column(f"{alias}.position", sa.BigInteger())
    moment = Moment(named, marked=True, constant=position)
    return subquery(rows, at.select(Scope("head", alias, moment)))


def archive_position(at: At) -> Expression:
    """Read the position that an archive stands at."""
    return as_json(_position(at), nullable=False)


def archive_recorded_at(at: At) -> Expression:
    """Read when the changeset that an archive stands at was recorded."""
    inner = Scope("changeset", at.alias(), at.scope.moment)
    found = subquery(inner.source(), inner["recorded_at"], [inner["position"] == _position(at)])
    return as_json(found)


def _position(at: At) -> Expression:
    if at.scope.moment.position is None:
        raise AssertionError("an archive has a position")
    return at.scope.moment.position
