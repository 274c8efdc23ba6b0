"""How the answer to an edit is read.

What was done is read as of the very position that the edit took (of a dry run:
would have taken), whatever has been recorded since. What stands against a
refused edit is read as it stands now.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from app.domain.kinds import KINDS
from app.store.reading import (
    At,
    Moment,
    Scope,
    any_record,
    first_of,
    listing,
    subquery,
)
from app.store.sql import Elements, Expression, Joined, JoinedRows, JsonMember

WRITTEN: Final = "written"
"""The parameter that says whether the edit was written, or only tried."""

PROPOSAL: Final = "proposal"
"""The parameter with the id of the proposal that a mutation is about."""

REFUSED: Final = "refused"
"""The parameter with the records of the refusals: a JSON list of {id, version}."""


def _position(at: At) -> Expression:
    if at.scope.moment.position is None:
        raise AssertionError("an edit's answer is read as of its position")
    return at.scope.moment.position


def changeset(at: At) -> Expression:
    """Read the changeset of the edit; null of a dry run."""
    inner = Scope("changeset", at.alias(), at.scope.moment)
    is_written: Expression = sa.bindparam(WRITTEN, type_=sa.Integer())
    conditions = [inner["position"] == _position(at), is_written == sa.literal_column("1")]
    return first_of([subquery(inner.source(), at.select(inner), conditions)])


def revisions(at: At) -> Expression:
    """Read what the edit did to each record."""
    position = _position(at)
    return listing(
        "revision",
        lambda _at, inner: [inner["position"] == position],
        lambda inner: [inner["place"]],
    )(at)


def records(at: At) -> Expression:
    """Read the records that the edit stepped, as it leaves them."""
    step = Scope("revision", at.alias(), at.scope.moment)
    name = f"{step.alias}o"
    wanted = sa.literal_column(f"{name}.record_id", sa.Text())
    rows = (
        sa.select(step["record_id"].label("record_id"))
        .select_from(step.source())
        .where(step["position"] == _position(at))
        .order_by(step["place"])
        .correlate(None)
        .subquery(name)
    )
    found = any_record(lambda _scope: wanted, tuple(KINDS))(at)
    return subquery(rows, Joined("[", JoinedRows(found), "]"))


def each_refused(at: At) -> Expression:
    """Read, for each refusal in order, what the tables know about its record."""
    alias = at.alias()
    source = Elements(sa.bindparam(REFUSED, type_=sa.Text()), alias)
    inner = Scope("record", alias, Moment())
    known = at.select(inner, in_part=True)
    return subquery(source, Joined("[", JoinedRows(known), "]"))


def current(at: At) -> Expression:
    """Read the record that a refusal is about, as it stands now."""
    return any_record(lambda scope: _member(scope, "id"), tuple(KINDS))(at)


def changesets_between(at: At) -> Expression:
    """Read what was recorded on that record since the version the edit was based on."""
    revised = Scope("revision", at.alias(), at.scope.moment)
    version = sa.cast(_member(at.scope, "version"), sa.Integer())
    since = (
        sa.select(revised["position"])
        .select_from(revised.source())
        .where(revised["record_id"] == _member(at.scope, "id"), revised["version"] > version)
        .correlate(None)
    )
    return listing(
        "changeset",
        lambda _at, inner: [inner["position"].in_(since)],
        lambda inner: [inner["position"]],
        "Changeset",
    )(at)


def _member(scope: Scope, name: str) -> Expression:
    return JsonMember(scope.raw("value", sa.Text()), name)
