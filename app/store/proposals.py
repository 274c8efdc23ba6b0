"""Proposals as they are stored: drafts and events are added, a state moves on until it is final."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain.codes import ProposalState
from app.domain.records import Record, Step
from app.domain.redacting import REVIEW_HEADER
from app.log.canonical import canonical
from app.store import tables
from app.store.ledger import SealedValue
from app.store.records import load_version

_T: Final = tables.metadata.tables
_proposal, _draft, _event = _T["proposal"], _T["proposal_draft"], _T["proposal_event"]
_step, _change = _T["proposal_step"], _T["proposal_change"]
_changeset, _header = _T["changeset"], _T["header"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a proposal asks for at one revision: a `CommitInput`, and the ids of what it adds.

    `content` is None once it was redacted.
    """

    content: Mapping[str, Any] | None
    digest: str

    @property
    def body(self) -> Mapping[str, Any]:
        """The commit that is asked for."""
        held = self.content or {}
        return {"reason": held["reason"], "operations": held["operations"]}

    @property
    def ids(self) -> Mapping[str, str]:
        """The id of each record that is added, by its ref."""
        found: Mapping[str, str] = (self.content or {})["ids"]
        return found


@dataclass(frozen=True, slots=True)
class Proposal:
    """Where a proposal stands."""

    id: str
    newsroom: str
    editor: str
    state: ProposalState
    revision: int
    changeset: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a proposal; `position` is that of a decision."""

    kind: str
    editor: str
    newsroom: str
    at: str
    note: str | None = None
    position: int | None = None


def lock(connection: Connection, proposal: str) -> Proposal | None:
    """Return a proposal, and let nobody else decide on it in the meantime."""
    query = sa.select(_proposal).where(_proposal.c.id == proposal)
    # SQLite has one writer; what points at the row need not wait for its state.
    row = connection.execute(query.with_for_update(key_share=True)).mappings().one_or_none()
    if row is None:
        return None
    return Proposal(
        row["id"], row["newsroom"], row["editor"], ProposalState(row["state"]), row["revision"],
        row["changeset"],
    )  # fmt: skip


def draft_of(connection: Connection, proposal: str, revision: int) -> Draft:
    """Return what a proposal asks for at a revision."""
    query = sa.select(_draft.c.input, _draft.c.digest).where(
        _draft.c.proposal == proposal, _draft.c.revision == revision
    )
    text, digest = connection.execute(query).one()
    return Draft(json.loads(text), digest)


def steps_of(connection: Connection, proposal: str, revision: int) -> list[tuple[str, str]]:
    """Return record and action of each step of a draft, in order."""
    query = (
        sa.select(_step.c.record_id, _step.c.action)
        .where(_step.c.proposal == proposal, _step.c.revision == revision)
        .order_by(_step.c.place)
    )
    return [(record_id, action) for record_id, action in connection.execute(query)]


def versions(
    connection: Connection, wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], Record]:
    """Return each of the versions of records that are named."""
    return {key: load_version(connection, *key) for key in wanted}


# --- checking -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Whole:
    """All rows of a proposal, with the changesets and reviews of its decisions, by position."""

    row: Mapping[Any, Any]
    drafts: Sequence[Mapping[Any, Any]]
    events: Sequence[Mapping[Any, Any]]
    changesets: Mapping[int, Mapping[Any, Any]]
    reviews: Mapping[int, str]


def wholes(connection: Connection) -> Iterator[Whole]:
    """Yield every proposal with what belongs to it."""
    for row in connection.execute(sa.select(_proposal).order_by(_proposal.c.id)).mappings().all():
        events = _own(connection, _event, row["id"], _event.c.place)
        decided = [event["position"] for event in events if event["position"] is not None]
        changesets = sa.select(_changeset).where(_changeset.c.position.in_(decided))
        reviews = sa.select(_header.c.position, _header.c.value).where(
            _header.c.position.in_(decided), _header.c.name == REVIEW_HEADER
        )
        yield Whole(
            row,
            _own(connection, _draft, row["id"], _draft.c.revision),
            events,
            {one["position"]: one for one in connection.execute(changesets).mappings()},
            {row["position"]: row["value"] for row in connection.execute(reviews).mappings()},
        )


def _own(
    connection: Connection, table: sa.Table, proposal: str, order: sa.ColumnElement[Any]
) -> Sequence[Mapping[Any, Any]]:
    query = sa.select(table).where(table.c.proposal == proposal).order_by(order)
    return connection.execute(query).mappings().all()


def strays(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield table and proposal of rows that belong to none that is there."""
    known = sa.select(_proposal.c.id)
    for table in (_draft, _event):
        query = sa.select(table.c.proposal).where(table.c.proposal.not_in(known)).distinct()
        yield from ((table.name, proposal) for proposal in connection.execute(query).scalars())


# --- writing --------------------------------------------------------------------


def enter(
    connection: Connection, proposal: str, *, newsroom: str, editor: str, at: str
) -> None:  # fmt: skip
    """Enter a proposal, which is open; its draft comes next."""
    connection.execute(
        _proposal.insert(),
        {
            "id": proposal,
            "newsroom": newsroom,
            "editor": editor,
            "state": ProposalState.OPEN,
            "revision": 1,
            "created_at": at,
            "updated_at": at,
        },
    )


def add_draft(  # noqa: PLR0913 - what a draft consists of
    connection: Connection,
    proposal: str,
    revision: int,
    content: SealedValue,
    steps: Sequence[Step],
    *,
    based_on: int,
    at: str,
) -> None:
    """Add what a proposal asks for at a revision, with what each step would change."""
    own = {"proposal": proposal, "revision": revision}
    connection.execute(
        _draft.insert(),
        {
            **own,
            "based_on": based_on,
            "created_at": at,
            "input": content.value,
            "salt": content.salt,
            "digest": content.digest,
        },
    )
    connection.execute(
        _step.insert(),
        [
            {
                **own,
                "place": place,
                "record_id": step.record_id,
                "version": step.version,
                "action": step.action,
            }
            for place, step in enumerate(steps)
        ],
    )
    changes = [
        {
            **own,
            "record_id": step.record_id,
            "field": change.field,
            "place": place,
            "before": canonical(change.before).decode(),
            "after": canonical(change.after).decode(),
        }
        for step in steps
        for place, change in enumerate(step.changes)
    ]
    if changes:
        connection.execute(_change.insert(), changes)


def add_event(connection: Connection, proposal: str, revision: int, event: Event) -> None:
    """Add what happened to a proposal."""
    place = sa.select(sa.func.coalesce(sa.func.max(_event.c.place) + 1, 0)).where(
        _event.c.proposal == proposal
    )
    connection.execute(
        _event.insert(),
        {
            "proposal": proposal,
            "place": connection.execute(place).scalar_one(),
            "revision": revision,
            "kind": event.kind,
            "editor": event.editor,
            "newsroom": event.newsroom,
            "at": event.at,
            "note": event.note,
            "position": event.position,
        },
    )


def move(  # noqa: PLR0913 - what of a proposal can change
    connection: Connection,
    proposal: str,
    state: ProposalState,
    *,
    at: str,
    revision: int,
    is_decided: bool = False,
    changeset: int | None = None,
) -> None:
    """Give a proposal the state that its newest event brought."""
    connection.execute(
        _proposal.update()
        .where(_proposal.c.id == proposal)
        .values(
            state=state,
            updated_at=at,
            revision=revision,
            decided_at=at if is_decided else None,
            changeset=changeset,
        )
    )


def touch(connection: Connection, proposal: str, at: str) -> None:
    """Note that something was said about a proposal."""
    connection.execute(
        _proposal.update().where(_proposal.c.id == proposal).values(updated_at=at)
    )  # fmt: skip
