"""How proposals are read: as they stand now, as far as the viewer's act reaches.

A proposal of a newsroom that the viewer does not reach is nowhere: every way to one goes
through `reached`. Proposals move while the log stands still, so that no answer which holds
one is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from app.domain.archive_ids import id_kind
from app.domain.kinds import KINDS
from app.domain.permissions import Act
from app.domain.redacting import REVIEW_HEADER
from app.store import tables
from app.store.connections import Order, connection
from app.store.filters import FILTERS
from app.store.reading import (
    At,
    Moment,
    Read,
    Scope,
    any_record,
    declare_rows,
    first_of,
    list_of,
    subquery,
)
from app.store.sql import JSON_TEXT, NULL, Expression, JsonMember, SecondsBetween, as_json
from app.store.visibility import reaches

ORDERS: Final = (
    Order("CREATED_ASC", ("id",)),
    Order("CREATED_DESC", ("id",), descending=True),
    Order("UPDATED_ASC", ("updated_at", "id")),
    Order("UPDATED_DESC", ("updated_at", "id"), descending=True),
)
"""The orders of the queue; what waits longest comes first, where none is asked for."""


def reached(at: At, scope: Scope) -> list[Expression]:
    """Return the condition under which the viewer sees a proposal."""
    at.depends_on_more_than_the_log()
    return [reaches(Act.READ_PROPOSALS, scope["newsroom"])]


proposals: Final[Read] = connection(
    "proposal", ORDERS, joined=reached, filters=FILTERS["proposal"], natural=("id",)
)
"""Read a page of the proposals that the viewer sees."""


def by_id(at: At) -> Expression:
    """Read the proposal of an id."""
    at.depends_on_more_than_the_log()
    if id_kind(at.argument("id")) != "proposal":
        return first_of([])
    wanted = at.bind(lambda arguments: arguments["id"], sa.Text())
    return first_of([found(at, wanted)])


def found(at: At, wanted: Expression) -> Expression:
    """Return the proposal of an id, NULL where the viewer sees none."""
    inner = Scope("proposal", at.alias(), Moment())
    conditions = [inner["id"] == wanted, *reached(at, inner)]
    return subquery(inner.source(), at.select(inner, "Proposal"), conditions)


def of_changeset(at: At) -> Expression:
    """Read the proposal that a changeset comes from, as it stands now."""
    return first_of([found(at, at.scope["proposal"])])


def of_payload(parameter: str) -> Read:
    """Read the proposal that a mutation was about; null of a refusal."""

    def read(at: At) -> Expression:
        return first_of([found(at, sa.bindparam(parameter, type_=sa.Text()))])

    return read


# --- counts ---------------------------------------------------------------------


def _counted(scope: Scope) -> sa.FromClause:
    proposal = tables.metadata.tables["proposal"]
    return (
        sa.select(
            proposal.c.state,
            proposal.c.newsroom,
            sa.func.count(type_=sa.Integer()).label("number"),
            sa.func.min(proposal.c.created_at).label("oldest_at"),
        )
        .where(reaches(Act.READ_PROPOSALS, proposal.c.newsroom))
        .group_by(proposal.c.state, proposal.c.newsroom)
        .correlate(None)
        .subquery(scope.alias)
    )


declare_rows(
    sa.Table(
        "proposal_count",
        sa.MetaData(),
        sa.Column("state", tables.CODE_POINT_TEXT, nullable=False),
        sa.Column("newsroom", tables.CODE_POINT_TEXT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("oldest_at", tables.CODE_POINT_TEXT, nullable=False),
    ),
    _counted,
)


def counts(at: At) -> Expression:
    """Read how many proposals there are, by state and newsroom."""
    at.depends_on_more_than_the_log()
    inner = Scope("proposal_count", at.alias(), Moment())
    return list_of(at, inner, (), [inner["state"], inner["newsroom"]])


# --- one proposal ---------------------------------------------------------------


def age(at: At) -> Expression:
    """Read for how many seconds a proposal has waited, or did until it was decided."""
    return as_json(SecondsBetween(at.scope["created_at"], at.scope["decided_at"]), nullable=False)


def _draft(at: At) -> Scope:
    return Scope("proposal_draft", at.alias(), Moment())


def _its_draft(at: At, inner: Scope) -> Sequence[Expression]:
    return [
        inner["proposal"] == at.scope["id"],
        inner["revision"] == at.scope["revision"],
    ]


def of_draft(name: str, type_: Any = JSON_TEXT) -> Read:
    """Read a column of the draft that stands, which is finished JSON or a number."""

    def read(at: At) -> Expression:
        inner = _draft(at)
        value = subquery(inner.source(), inner.typed(name, type_), _its_draft(at, inner))
        return as_json(value, nullable=False)

    return read


def reason(at: At) -> Expression:
    """Read the reason that the draft gives; null once it was redacted."""
    inner = _draft(at)
    is_there = inner["input"] != sa.literal_column("'null'")
    conditions = [*_its_draft(at, inner), is_there]
    return first_of([subquery(inner.source(), at.select(inner), conditions)])


def reason_member(name: str) -> Read:
    """Read one member of the reason in a draft."""

    def read(at: At) -> Expression:
        given = JsonMember(at.scope.typed("input", sa.Text()), "reason")
        return as_json(JsonMember(given, name))

    return read


def is_redacted(at: At) -> Expression:
    """Read whether the draft that stands was redacted."""
    inner = _draft(at)
    gone = inner["salt"] == sa.literal_column("''")
    return as_json(subquery(inner.source(), gone, _its_draft(at, inner)), nullable=False)


def steps(at: At) -> Expression:
    """Read what the draft that stands would do to each record, in order."""
    inner = Scope("proposal_step", at.alias(), Moment())
    return list_of(at, inner, _its_draft(at, inner), [inner["place"]])


def changes(at: At) -> Expression:
    """Read what a step would change, in field order."""
    inner = Scope("proposal_change", at.alias(), Moment())
    own = [inner[name] == at.scope[name] for name in ("proposal", "revision", "record_id")]
    return list_of(at, inner, own, [inner["place"]])


record: Final[Read] = any_record(
    lambda scope: scope["record_id"], tuple(KINDS), is_sure=False
)  # fmt: skip
"""Read the record of a step as it stands now; null of one that the draft adds."""


def events(at: At) -> Expression:
    """Read what happened to a proposal, in order."""
    inner = Scope("proposal_event", at.alias(), Moment())
    return list_of(at, inner, [inner["proposal"] == at.scope["id"]], [inner["place"]])


def note(at: At) -> Expression:
    """Read what was said: of a decision, from the log's restricted header."""
    inner = Scope("header", at.alias(), Moment())
    said = subquery(
        inner.source(),
        JsonMember(inner.typed("value", sa.Text()), "note"),
        [
            inner["position"] == at.scope["position"],
            inner["name"] == sa.literal_column(f"'{REVIEW_HEADER}'"),
        ],
    )
    return sa.case((at.scope["position"].is_(None), as_json(at.scope["note"])), else_=as_json(said))


def changeset(at: At) -> Expression:
    """Read the changeset at the position of an event, or of a proposal that was accepted."""
    name = "changeset" if at.scope.table == "proposal" else "position"
    inner = Scope("changeset", at.alias(), Moment())
    value = subquery(
        inner.source(), at.select(inner, "Changeset"), [inner["position"] == at.scope[name]]
    )
    return sa.func.coalesce(value, NULL, type_=JSON_TEXT)
