"""How redactions are read: what was taken from a record, revision, change or changeset.

A redaction is the one thing that changes what the past answers. So it is read as it
stands now, inside an archive too, and its changeset is shown as of the present.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from app.store.reading import At, Moment, Read, Scope, listing, subquery
from app.store.sql import NULL, Expression, Joined, as_json

DIFFERENCE: Final = "difference"
"""`extra` of the rows of a diff, which have `last_version_before` beside a change's columns."""


def _in_order(inner: Scope) -> list[Expression]:
    return [inner["position"], inner["place"]]


def _entered(inner: Scope, version: Expression, alias: str) -> Expression:
    """Return the version that entered what the target's field held at `version`."""
    change = Scope("change", alias, Moment())
    return subquery(
        change.source(),
        sa.func.max(change["version"]),
        [
            change["record_id"] == inner["scope"],
            change["field"] == inner["field"],
            change["version"] <= version,
        ],
    )


def of_record(at: At) -> Expression:
    """Read what was taken from the version of a record that is read."""

    def joined(at: At, inner: Scope) -> list[Expression]:
        return [
            inner["scope"] == at.scope["id"],
            inner["version"] == _entered(inner, at.scope["version"], at.alias()),
        ]

    return listing("redaction_target", joined, _in_order)(at)


of_revision: Final[Read] = listing(
    "redaction_target",
    lambda at, inner: [
        inner["scope"] == at.scope["record_id"],
        inner["version"] == at.scope["version"],
    ],
    _in_order,
)
"""Read what was taken of that which a revision entered."""

of_value: Final[Read] = listing(
    "redaction_target",
    lambda at, inner: [
        inner["scope"] == at.scope["record_id"],
        inner["field"] == at.scope["field"],
        inner["version"] == at.scope["version"],
    ],
    _in_order,
)
"""Read what was taken of the value that a change set."""


def of_change(at: At) -> Expression:
    """Read what was taken of the value after a change, and of the one before it."""
    scope = at.scope
    before = (
        scope.raw("last_version_before", sa.Integer())
        if scope.extra == DIFFERENCE
        else scope["version"] - sa.literal_column("1")
    )

    def joined(at: At, inner: Scope) -> list[Expression]:
        return [
            inner["scope"] == scope["record_id"],
            inner["field"] == scope["field"],
            is_taken(at, inner, scope["version"], before),
        ]

    return listing("redaction_target", joined, _in_order)(at)


def is_taken(at: At, inner: Scope, last: Expression, before: Expression) -> Expression:
    """Whether a target took what version `last` set, or what was held at version `before`."""
    # Not OR: SQLite's parser follows a document only so deep.
    taken: Expression = inner["version"].in_([last, _entered(inner, before, at.alias())])
    return taken


of_changeset: Final[Read] = listing(
    "redaction_target",
    lambda at, inner: [inner["target"] == at.scope["position"]],
    _in_order,
)
"""Read what was taken of that which a changeset entered, its header's texts included."""

by_changeset: Final[Read] = listing(
    "redaction_target",
    lambda at, inner: [inner["position"] == at.scope["position"]],
    _in_order,
)
"""Read what a changeset took."""


def authority(at: At) -> Expression:
    """Read by what authority the changeset of a position took content; null where it took none."""
    inner = Scope("redaction", at.alias(), Moment())
    conditions = [inner["position"] == at.scope["position"]]
    return as_json(subquery(inner.source(), inner["authority"], conditions))


def recorded_at(at: At) -> Expression:
    """Read when a redaction was recorded."""
    inner = Scope("changeset", at.alias(), Moment())
    conditions = [inner["position"] == at.scope["position"]]
    return as_json(subquery(inner.source(), inner["recorded_at"], conditions), nullable=False)


def changeset(at: At) -> Expression:
    """Read the changeset of a redaction as it stands now, or another view of its row."""
    inner = Scope("changeset", at.alias(), Moment())
    conditions = [inner["position"] == at.scope["position"]]
    return subquery(inner.source(), at.select(inner), conditions)


def record_id(at: At) -> Expression:
    """Read the id of the record that lost content; null where it was a changeset's header."""
    moment, scope = at.scope.moment, at.scope["scope"]
    shown: Expression = as_json(scope, nullable=False)
    if moment.marked and moment.position is not None:
        shown = Joined('"', scope, "@", sa.cast(moment.position, sa.Text), '"')
    return sa.case((at.scope["version"].is_(None), NULL), else_=shown)
