"""The root of every question."""

from __future__ import annotations

from typing import Any, Final

import strawberry

from app.domain import codes
from app.domain.permissions import Act, Reach
from app.graphql.fields import (
    Connection,
    CountOf,
    argument_field,
    page_field,
    sized,
    table_field,
)
from app.graphql.filters import FILTER_TYPES, ORDER_TYPES, ORDERS
from app.graphql.findings import Finding
from app.graphql.log import Log
from app.graphql.powers import EDITORS, KEYS, NEWSROOMS, OWN_KEYS, Key
from app.graphql.proposals import (
    PROPOSAL,
    PROPOSAL_COUNTS,
    PROPOSALS,
    Proposal,
    ProposalCount,
)
from app.graphql.records import (
    Actor,
    Changeset,
    Citation,
    Claim,
    Editor,
    Item,
    Newsroom,
    Node,
    Transfer,
)
from app.graphql.requests import ACCESS_LOG, Request
from app.graphql.scalars import DateTime, Position
from app.graphql.search import SearchConnection, search_field
from app.graphql.totals import TRANSFER_TOTALS, TransferTotal
from app.store import findings as found
from app.store import roots
from app.store.connections import PAGE_LIMIT, connection
from app.store.filters import FILTERS

_MODULE: Final = __name__


def _one(kind: str, type_: Any) -> Any:
    return argument_field(
        type_ | None,
        roots.by_id(kind),
        f"The {kind} of an id; null where there is none.",
        _MODULE,
        {"id": (strawberry.ID, f"The {kind}'s id.")},
    )


def _list(kind: str, type_: Any, description: str) -> Any:
    return page_field(
        Connection[type_],
        connection(kind, ORDERS[kind], filters=FILTERS[kind]),
        description,
        _MODULE,
        filter_type=FILTER_TYPES[kind],
        order_type=ORDER_TYPES[kind],
    )


@strawberry.type(description="One thing that may be done, and how far it reaches.")
class ActReach:
    """One thing that may be done."""

    act: Act = strawberry.field(description="What may be done.")
    reach: Reach = strawberry.field(description="How far: the own newsroom's, or the whole ledger.")


@strawberry.type(description="Who is asking.")
class Viewer:
    """Who is asking."""

    authenticated: bool = strawberry.field(description="Whether a key was given.")
    name: str | None = strawberry.field(description="The editor's name; null without a key.")
    editor_id: strawberry.ID | None = strawberry.field(
        description="The editor's id; null without a key."
    )
    newsroom_id: strawberry.ID | None = strawberry.field(
        description="The newsroom's id; null without a key."
    )
    is_house: bool = strawberry.field(
        description="Whether that newsroom is the house, the ledger's own."
    )
    key_id: strawberry.ID | None = strawberry.field(
        description="The id of the key that was shown; null without one."
    )
    scopes: list[Act] | None = strawberry.field(
        description="The acts that the key is confined to; null where it is confined to none "
        "but those of the role."
    )
    role: codes.Role = strawberry.field(description="The editor's role; READER without a key.")
    acts: list[ActReach] = strawberry.field(
        description="What the viewer may do, and how far; what is not among it is refused.",
        metadata=sized(len(Act)),
    )
    may_commit: bool = strawberry.field(
        description="Whether the viewer may commit; `acts` says how far."
    )


@strawberry.type(description="The questions about one state of the graph.")
class Reading:
    """The questions about a state of the graph: the present one, or an archive's."""

    node: Node | None = argument_field(
        Node | None,
        roots.node,
        "Whatever has this id; null where nothing has.",
        _MODULE,
        {"id": (strawberry.ID, "The id.")},
    )
    nodes: list[Node | None] = argument_field(
        list[Node | None],
        roots.nodes,
        "Whatever has these ids, in their order; null in the place of what is not there.",
        _MODULE,
        {"ids": (list[strawberry.ID], f"The ids, at most {PAGE_LIMIT}.")},
        size=CountOf("ids"),
    )
    actor: Actor | None = _one("actor", Actor)
    item: Item | None = _one("item", Item)
    transfer: Transfer | None = _one("transfer", Transfer)
    citation: Citation | None = _one("citation", Citation)
    claim: Claim | None = _one("claim", Claim)
    actors: Connection[Actor] = _list("actor", Actor, "The actors.")
    items: Connection[Item] = _list("item", Item, "The items.")
    transfers: Connection[Transfer] = _list("transfer", Transfer, "The transfers.")
    citations: Connection[Citation] = _list("citation", Citation, "The source documents.")
    claims: Connection[Claim] = _list("claim", Claim, "The claims.")
    findings: Connection[Finding] = page_field(
        Connection[Finding],
        connection(
            "finding_key",
            found.ORDERS,
            joined=found.found,
            filters=found.FILTERS,
            node=found.listed,
            counted_as=found.counted,
        ),
        "The findings of all active records: what is held beside the claims about it.",
        _MODULE,
        filter_type=FILTER_TYPES["finding"],
        order_type=ORDER_TYPES["finding"],
        weight=60,
    )
    transfer_totals: Connection[TransferTotal] = TRANSFER_TOTALS
    changeset: Changeset | None = argument_field(
        Changeset | None,
        roots.one_changeset,
        "The changeset at a position, or of an id; null where there is none.",
        _MODULE,
        {
            "position": (Position | None, "Its place in the log."),
            "id": (strawberry.ID | None, "Its id."),
        },
    )
    changesets: Connection[Changeset] = _list(
        "changeset", Changeset, "The edit history of the whole ledger."
    )


@strawberry.type(
    description="The whole graph as of a past position. Ids carry that position, so that a "
    "client's cache never mixes past and present; commands refuse them."
)
class Archive(Reading):
    """The whole graph as of a past position."""

    position: Position = table_field(
        roots.archive_position, "The position; the head's where a later one was asked for."
    )
    recorded_at: DateTime | None = table_field(
        roots.archive_recorded_at, "When that changeset was recorded; null at position 0."
    )


@strawberry.type(description="Every question that can be asked.")
class Query(Reading):
    """Every question that can be asked."""

    search: SearchConnection = search_field()
    proposals: Connection[Proposal] = PROPOSALS
    proposal: Proposal | None = PROPOSAL
    proposal_counts: list[ProposalCount] = PROPOSAL_COUNTS
    archive: Archive = argument_field(
        Archive,
        roots.archive,
        "The whole graph as of a position, or as of an instant of the ledger's clock.",
        _MODULE,
        {
            "position": (Position | None, "The last position that is seen."),
            "at": (DateTime | None, "The last instant that is seen."),
        },
    )

    access_log: Connection[Request] = ACCESS_LOG
    newsrooms: Connection[Newsroom] = NEWSROOMS
    editors: Connection[Editor] = EDITORS
    keys: Connection[Key] = KEYS
    own_keys: list[Key] = OWN_KEYS

    @strawberry.field(description="The tamper-evident log: checkpoints, entries and proofs.")  # type: ignore[untyped-decorator]
    def log(self) -> Log:
        """Return the log, each of whose fields is read when it is asked for."""
        return Log()

    @strawberry.field(description="Who is asking.")  # type: ignore[untyped-decorator]
    def viewer(self, info: strawberry.Info) -> Viewer:
        """Return who is asking."""
        asking = info.context.viewer
        acts = [ActReach(act=act, reach=reach) for act, reach in asking.reached.items()]
        return Viewer(**asking.shown(), acts=acts)
