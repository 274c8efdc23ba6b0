"""How the audit trail is read: revisions, changes, diff, blame, headers of changesets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from app.domain.codes import ChangesetKind
from app.domain.kinds import KINDS
from app.domain.permissions import Act
from app.domain.redacting import REDACTED
from app.store.gaps import DIFFERENCE, is_taken
from app.store.reading import At, Moment, Read, Scope, first_of, listing, subquery
from app.store.sql import (
    JSON_TEXT,
    Expression,
    Joined,
    JoinedRows,
    JsonMember,
    as_json,
)
from app.store.visibility import reaches


def _by_key(scope: Scope, other: Scope) -> list[Expression]:
    return [
        scope["record_id"] == other["record_id"],
        scope["version"] == other["version"],
    ]


changes: Final[Read] = listing(
    "change", lambda at, inner: _by_key(inner, at.scope), lambda inner: [inner["place"]]
)
"""Read the changes of a revision, in field order."""


def of_changeset(at: At, inner: Scope) -> list[Expression]:
    """Join a changeset with its revisions of records; who may act is none, and restricted."""
    kind: Expression = sa.literal_column(f"'{ChangesetKind.ACCESS}'")
    return [inner["position"] == at.scope["position"], at.scope["kind"] != kind]


def revision_of_change(at: At) -> Expression:
    """Read the revision that a change belongs to."""
    inner = Scope("revision", at.alias(), at.scope.moment)
    return subquery(inner.source(), at.select(inner), _by_key(inner, at.scope))


def record_of_revision(at: At) -> Expression:
    """Read a record as a revision left it, whatever the moment of the reading."""
    wanted, version = at.scope["record_id"], at.scope["version"]
    # Its ids carry the position: what a revision left is not the present.
    moment = Moment(at.scope["position"], marked=True)
    found = []
    for kind in KINDS:
        inner = Scope(kind, at.alias(), moment)
        conditions = [inner["id"] == wanted, inner["version"] == version]
        found.append(subquery(inner.source(), at.select(inner, kind.capitalize()), conditions))
    return first_of(found)


def one_revision(at: At) -> Expression:
    """Read the revision that made the version named by an argument."""
    inner = Scope("revision", at.alias(), at.scope.moment)
    version = at.bind(lambda arguments: arguments["version"], sa.Integer())
    conditions = [
        inner["record_id"] == at.scope["id"],
        inner["version"] == version,
        *inner.moment.holds("revision", inner.alias),
    ]
    return first_of([subquery(inner.source(), at.select(inner), conditions)])


def entered_at(at: At) -> Expression:
    """Read when a version was recorded."""
    inner = Scope("changeset", at.alias(), at.scope.moment)
    conditions = [inner["position"] == at.scope["entered"]]
    return as_json(subquery(inner.source(), inner["recorded_at"], conditions), nullable=False)


# --- diff and blame -----------------------------------------------------------


def blame(at: At) -> Expression:
    """Read, for each field ever set up to the version read, the change that last set it."""
    later = Scope("change", at.alias(), at.scope.moment)
    version = at.scope["version"]
    record_id = at.scope["id"]

    def joined(_at: At, inner: Scope) -> list[Expression]:
        overtaken: sa.Select[Any] = (
            sa.select(sa.literal_column("1"))
            .select_from(later.source())
            .where(
                later["record_id"] == inner["record_id"],
                later["field"] == inner["field"],
                later["version"] > inner["version"],
                later["version"] <= version,
            )
            .correlate(None)
        )
        return [
            inner["record_id"] == record_id,
            inner["version"] <= version,
            ~overtaken.exists(),
        ]

    return listing("change", joined, _field_order(at.scope.table))(at)


def _field_order(kind: str) -> Callable[[Scope], list[Any]]:
    """Return ORDER BY for changes of a record of `kind`: as its fields are declared."""
    # Written out: as parameters they would be dozens in each list.
    places = " ".join(
        f"WHEN '{name}' THEN {place}" for place, name in enumerate(KINDS[kind].fields)
    )
    return lambda inner: [sa.literal_column(f"CASE {inner.alias}.field {places} END")]


def diff(at: At) -> Expression:
    """Read what changed between the versions `from` and `to`, in field order.

    Backwards the values trade places. A field that came back to where it was
    is no difference; of a difference the revision is the one that made it last.
    A gap is a difference: what was redacted may have been another value. Nothing lies
    beyond the version read: it is the newest one at the moment of the reading.
    """
    low, high, is_forward = _ends(at)
    record_id = at.scope["id"]
    last = Scope("change", at.alias(), at.scope.moment)
    first, before, after = at.alias(), at.alias(), at.alias()
    earliest = _edge(record_id, last, first, low, high, sa.func.min)
    latest = _edge(record_id, last, before, low, high, sa.func.max)
    start = Scope("change", after, at.scope.moment)
    start_value = subquery(
        start.source(),
        start["before"],
        [
            start["record_id"] == record_id,
            start["field"] == last["field"],
            start["version"] == earliest,
        ],
    )
    rows = (
        sa.select(
            last["record_id"].label("record_id"),
            last["version"].label("version"),
            last["field"].label("field"),
            sa.case((is_forward, start_value), else_=last["after"]).label("before"),
            sa.case((is_forward, last["after"]), else_=start_value).label("after"),
            low.label("last_version_before"),
        )
        .select_from(last.source())
        .where(
            last["record_id"] == record_id,
            last["version"] > low,
            last["version"] <= high,
            last["version"] == latest,
            sa.or_(start_value != last["after"], _has_gap(at, last, low)),
        )
        .order_by(*_field_order(at.scope.table)(last))
        .correlate(None)
        .subquery(f"{last.alias}o")
    )
    inner = replace(last, alias=f"{last.alias}o", extra=DIFFERENCE)
    return subquery(rows, Joined("[", JoinedRows(at.select(inner)), "]"))


def _has_gap(at: At, last: Scope, low: Expression) -> Expression:
    """Whether what stood at either end of a difference was redacted."""
    inner = Scope("redaction_target", at.alias(), at.scope.moment)
    taken: sa.Select[Any] = (
        sa.select(sa.literal_column("1"))
        .select_from(inner.source())
        .where(
            inner["scope"] == last["record_id"],
            inner["field"] == last["field"],
            is_taken(at, inner, last["version"], low),
        )
        .correlate(None)
    )
    return taken.exists()


def _ends(at: At) -> tuple[Expression, Expression, Expression]:
    start = at.bind(lambda arguments: arguments["from"], sa.Integer())
    if at.argument("to") is None:
        end: Expression = at.scope["version"]
    else:
        end = at.bind(lambda arguments: arguments["to"], sa.Integer())
    low = _least(start, end)
    high = sa.case((start <= end, end), else_=start)
    return low, _least(high, at.scope["version"]), start <= end


def _least(one: Expression, other: Expression) -> Expression:
    return sa.case((one <= other, one), else_=other)


def _edge(  # noqa: PLR0913, PLR0917 - one subselect, seen from its outer row
    record_id: Expression,
    outer: Scope,
    alias: str,
    low: Expression,
    high: Expression,
    extreme: Any,
) -> Expression:
    """Return the first or last version in the range that changed the outer row's field."""
    inner = Scope("change", alias, outer.moment)
    return subquery(
        inner.source(),
        extreme(inner["version"]),
        [
            inner["record_id"] == record_id,
            inner["field"] == outer["field"],
            inner["version"] > low,
            inner["version"] <= high,
        ],
    )


# --- the prose of changesets --------------------------------------------------


def _header(at: At, name: str, value: Any, *more: Expression) -> Expression:
    inner = Scope("header", at.alias(), at.scope.moment)
    conditions = [
        inner["position"] == at.scope["position"],
        inner["name"] == sa.literal_column(f"'{name}'"),
        *more,
    ]
    return subquery(inner.source(), value(inner), conditions)


def header(name: str) -> Read:
    """Read a required text of a changeset's header."""

    def read(at: At) -> Expression:
        found = _header(at, name, lambda inner: inner.typed("value", JSON_TEXT))
        gone = sa.literal_column(f"'\"{REDACTED}\"'", JSON_TEXT)
        return sa.func.coalesce(found, gone, type_=JSON_TEXT)

    return read


def internal_note(at: At) -> Expression:
    """Read the note that is for a newsroom's own eyes and for auditors; null for all others."""
    note = _header(
        at,
        "internalNote",
        lambda inner: inner.typed("value", JSON_TEXT),
        reaches(Act.READ_INTERNAL, at.scope["newsroom"]),
    )
    return first_of([note])


def origin(at: At) -> Expression:
    """Read what an importer stated; null for a changeset that was made here."""
    inner = Scope("header", at.alias(), at.scope.moment)
    conditions = [
        inner["position"] == at.scope["position"],
        inner["name"] == sa.literal_column("'origin'"),
        inner["value"] != sa.literal_column("'null'"),  # what a redaction leaves
    ]
    return first_of([subquery(inner.source(), at.select(inner), conditions)])


def origin_member(name: str) -> Read:
    """Read one member of an origin, as text."""

    def read(at: At) -> Expression:
        return as_json(JsonMember(at.scope.typed("value", sa.Text()), name))

    return read


def origin_number(name: str) -> Read:
    """Read one member of an origin, as a number."""

    def read(at: At) -> Expression:
        member = JsonMember(at.scope.typed("value", sa.Text()), name)
        return as_json(sa.cast(member, sa.BigInteger()))

    return read
