"""Proposals: what contributors ask for, and what was said and decided about it."""

from __future__ import annotations

from typing import Final

import strawberry

from app.domain import codes
from app.graphql.fields import Connection, argument_field, page_field, table_field
from app.graphql.filters import FILTER_TYPES, ORDER_TYPES
from app.graphql.records import Changeset, Editor, Newsroom, Node, Record
from app.graphql.scalars import JSON, DateTime, Position
from app.store import proposed
from app.store.reading import column, link, stored_json
from app.store.tables import POSITION

_MODULE: Final = __name__

STEPS: Final = 10
EVENTS: Final = 10
CHANGES: Final = 10
COUNTS: Final = 20
"""What few proposals, and few queues, have more of."""


@strawberry.type(description="One field that a proposal would change.")
class ProposedChange:
    """One field that would change."""

    field: str = table_field(column("field"), "The field, as it is named in the inputs.")
    before: JSON | None = table_field(
        stored_json("before"), "The value that the contributor saw; null for none."
    )
    after: JSON | None = table_field(
        stored_json("after"), "The value that is asked for; null for none."
    )


@strawberry.type(description="What a proposal would do to one record.")
class ProposedStep:
    """What would be done to one record."""

    record_id: strawberry.ID = table_field(
        column("record_id"), "The record; of one that would be added, the id that it is to have."
    )
    version: int = table_field(
        column("version"),
        "The version that it would make, if the ledger stood as the contributor saw it.",
    )
    action: codes.Action = table_field(column("action"), "What would be done.")
    changes: list[ProposedChange] = table_field(
        proposed.changes, "What would change, in field order.", size=CHANGES
    )
    record: Record | None = table_field(
        proposed.record, "The record as it stands now; null of one that would be added."
    )


@strawberry.type(description="Why a changeset is asked for.")
class ProposedReason:
    """Why a changeset is asked for."""

    code: codes.ReasonCode = table_field(proposed.reason_member("code"), "The sort of reason.")
    note: str = table_field(proposed.reason_member("note"), "The reason in words.")
    internal_note: str | None = table_field(
        proposed.reason_member("internalNote"), "What is noted beside it, for few eyes."
    )


@strawberry.type(description="One thing that happened to a proposal.")
class ProposalEvent:
    """One thing that happened to a proposal."""

    kind: codes.ProposalEventKind = table_field(column("kind"), "What happened.")
    revision: int = table_field(column("revision"), "The revision that it was about, or made.")
    editor: Editor = table_field(link("editor", "editor"), "Who did it.")
    newsroom: Newsroom = table_field(link("newsroom", "newsroom"), "For which newsroom.")
    at: DateTime = table_field(column("at"), "When.")
    note: str | None = table_field(proposed.note, "What was said.")
    changeset: Changeset | None = table_field(
        proposed.changeset, "Its entry in the log, where it was a decision."
    )


@strawberry.type(
    description="A changeset that a contributor asks for and an editor decides on. It is seen by "
    "its newsroom, and by the editors, auditors and administrators of the house."
)
class Proposal(Node):
    """A changeset that is asked for."""

    state: codes.ProposalState = table_field(column("state"), "How far it has come.")
    revision: int = table_field(
        column("revision"), "How often its content was given, from 1; what a review has to name."
    )
    newsroom: Newsroom = table_field(
        link("newsroom", "newsroom"), "The contributor's newsroom, to which its claims belong."
    )
    editor: Editor = table_field(link("editor", "editor"), "The contributor.")
    created_at: DateTime = table_field(column("created_at"), "When it was made.")
    updated_at: DateTime = table_field(
        column("updated_at"), "When something happened to it for the last time."
    )
    decided_at: DateTime | None = table_field(
        column("decided_at"), "When it was accepted, rejected or withdrawn; null while it waits."
    )
    age_seconds: int = table_field(
        proposed.age, "For how many seconds it has waited, or did until it was decided."
    )
    reason: ProposedReason | None = table_field(
        proposed.reason, "Why the changeset is asked for; null once it was redacted."
    )
    input: JSON | None = table_field(
        proposed.of_draft("input"),
        "What is asked for, as in CommitInput: `reason` and `operations`; and `ids`, which records "
        "that are added are to have, by their refs. Null once it was redacted.",
    )
    based_on: Position = table_field(
        proposed.of_draft("based_on", POSITION), "The position of the log that it was based on."
    )
    is_redacted: bool = table_field(
        proposed.is_redacted,
        "Whether content of it was redacted: it has to be revised before it can be accepted.",
    )
    steps: list[ProposedStep] = table_field(
        proposed.steps, "What it would do to each record, in order.", size=STEPS
    )
    events: list[ProposalEvent] = table_field(
        proposed.events, "What happened to it, the first thing first.", size=EVENTS
    )
    changeset: Changeset | None = table_field(
        proposed.changeset, "The changeset that it became; null unless it was accepted."
    )


@strawberry.type(description="How many proposals of a newsroom are in one state.")
class ProposalCount:
    """How many proposals there are of a kind."""

    state: codes.ProposalState = table_field(column("state"), "The state.")
    newsroom: Newsroom = table_field(link("newsroom", "newsroom"), "The newsroom.")
    count: int = table_field(column("number"), "How many there are.")
    oldest_at: DateTime = table_field(column("oldest_at"), "When the oldest of them was made.")


PROPOSALS: Final = page_field(
    Connection[Proposal],
    proposed.proposals,
    "The proposals that the viewer sees: the queue of a reviewer, or a newsroom's own.",
    _MODULE,
    filter_type=FILTER_TYPES["proposal"],
    order_type=ORDER_TYPES["proposal"],
)

PROPOSAL: Final = argument_field(
    Proposal | None,
    proposed.by_id,
    "The proposal of an id; null where there is none that the viewer sees.",
    _MODULE,
    {"id": (strawberry.ID, "The proposal's id.")},
)

PROPOSAL_COUNTS: Final = argument_field(
    list[ProposalCount],
    proposed.counts,
    "How many proposals the viewer sees, by state and newsroom; what there is none of is left out.",
    _MODULE,
    {},
    size=COUNTS,
)
