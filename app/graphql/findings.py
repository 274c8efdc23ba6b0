"""Findings: what is held beside the claims for and against it, and where those come from."""

from __future__ import annotations

from typing import Final

import strawberry

from app.domain import codes
from app.graphql.fields import Connection, argument_field, page_field, table_field
from app.graphql.filters import FILTER_TYPES, ORDER_TYPES, ORDERS
from app.graphql.records import (
    Actor,
    Change,
    Citation,
    Claim,
    ClaimValue,
    Node,
    Record,
)
from app.graphql.scalars import Decimal
from app.store import chain, findings
from app.store.claim_values import claim_value
from app.store.connections import Order, connection
from app.store.filters import FILTERS
from app.store.reading import any_record, column, link

_MODULE: Final = __name__


@strawberry.type(description="A document at which chains of claims begin.")
class ClaimOrigin:
    """A document at which chains begin."""

    citation: Citation = table_field(link("citation", "citation"), "The document.")
    kind: codes.OriginKind = table_field(column("kind"), "What sort of origin it is.")


@strawberry.type(
    description="How many independent origins there are. Twelve articles that repeat one press "
    "release are one origin."
)
class OriginCount:
    """How many origins there are."""

    total: int = table_field(column("total"), "All of them.")
    primary: int = table_field(
        column("primary_"), "Official records, press releases, statements, datasets."
    )
    unsourced: int = table_field(column("unsourced"), "Reports that name no source.")
    other: int = table_field(column("other"), "All others.")


@strawberry.type(description="A link from a claim to one that it rests on, or may rest on.")
class ChainLink:
    """A link of a chain."""

    claim: Claim = table_field(link("claim", "claim"), "The claim that repeats.")
    parent: Claim = table_field(link("parent", "claim"), "The claim that is repeated.")
    derivation: codes.Derivation = table_field(column("derivation"), "In which way.")


@strawberry.type(description="A claim at which a chain begins.")
class ChainRoot:
    """A claim at which a chain begins."""

    claim: Claim = table_field(chain.root_claim, "The claim, which rests on no other one.")
    kind: codes.OriginKind | None = table_field(
        chain.root_kind, "What sort of origin it is by itself."
    )


@strawberry.type(
    description="Every claim that a claim or finding rests on or that repeats it, for drawing: "
    "live or not, links of mere suspicion included."
)
class Chain:
    """A graph of derivations."""

    nodes: list[Claim] = table_field(
        chain.nodes, f"The claims, in the order of entry; at most {chain.CHAIN_LIMIT}.", size=20
    )
    links: list[ChainLink] = table_field(chain.links, "The links between these claims.", size=20)
    roots: list[ChainRoot] = table_field(
        chain.roots, "Those of the claims that rest on no other one.", size=3
    )
    size: int = table_field(chain.size, "How many claims there are in all.")
    is_complete: bool = table_field(
        chain.is_complete, f"Whether all are shown; false beyond {chain.CHAIN_LIMIT}."
    )


@strawberry.type(
    description="What live claims of one unit allow, from the least to the most. An approximate "
    "amount reaches a tenth to each side."
)
class Hull:
    """What live claims of one unit allow."""

    unit: str = table_field(findings.hull_unit, "The unit, or the currency.")
    lower: Decimal | None = table_field(
        findings.hull_end(upper=False), "The least; null where a claim leaves it open."
    )
    upper: Decimal | None = table_field(
        findings.hull_end(upper=True), "The most; null where a claim leaves it open."
    )


@strawberry.type(
    description="One value that live claims assert or estimate, or deny: claims that say the "
    "same in other words take the same position."
)
class FindingPosition:
    """One position taken."""

    value: ClaimValue | None = table_field(
        claim_value, "The value, as the first of the claims has it; null of EXISTENCE."
    )
    denied: bool = table_field(findings.denied, "Whether these claims deny the value.")
    agrees: bool = table_field(
        findings.agrees, "Whether the value agrees with what is held; false if nothing is."
    )
    claims: Connection[Claim] = page_field(
        Connection[Claim],
        connection("claim", ORDERS["claim"], joined=findings.taking, natural=("id",)),
        "The live claims that take it.",
        _MODULE,
    )
    asserters: list[Actor] = table_field(
        findings.named_by_claims("actor", "asserted_by", "name_key"),
        "Whose word it is, each once, by name.",
        size=3,
        weight=5,
    )
    citations: list[Citation] = table_field(
        findings.named_by_claims("citation", "citation", "id"),
        "The documents in which it stands, each once.",
        size=3,
        weight=5,
    )
    origins: list[ClaimOrigin] = table_field(
        findings.origins,
        "The documents at which the chains of its claims begin, each once; links of mere "
        "suspicion are not followed.",
        size=3,
        weight=5,
    )
    origin_count: OriginCount = table_field(
        findings.origin_count, "How many independent origins it has."
    )
    suspected: list[ChainLink] = table_field(
        findings.suspected, "The links of mere suspicion in the chains of its claims.", size=1
    )


@strawberry.type(
    description="What this ledger holds for one field of a record, beside the claims for and "
    "against it."
)
class Finding(Node):
    """What is held for a field, beside the claims."""

    id: strawberry.ID = table_field(
        findings.finding_id, "The record's id and the field; unique in the whole ledger."
    )
    record: Record = table_field(
        any_record(lambda scope: scope["record"], findings.SUBJECTS), "The record."
    )
    field: codes.ClaimField = table_field(column("field"), "The field.")
    status: codes.FindingStatus = table_field(
        findings.status, "How what is held stands to the live claims.", weight=6
    )
    held: ClaimValue | None = table_field(
        claim_value, "What is held; null where nothing is, and of EXISTENCE."
    )
    positions: list[FindingPosition] = table_field(
        findings.positions,
        "The positions that live claims take, in the order of each one's first claim.",
        size=3,
        weight=5,
    )
    hulls: list[Hull] = table_field(
        findings.hulls,
        "Of a figure: the least and the most that live claims allow, for each unit.",
        size=1,
    )
    claims: Connection[Claim] = page_field(
        Connection[Claim],
        connection(
            "claim",
            ORDERS["claim"],
            joined=findings.about,
            filters=FILTERS["claim"],
            natural=("id",),
        ),
        "The claims about it, live or not.",
        _MODULE,
        filter_type=FILTER_TYPES["claim"],
        order_type=ORDER_TYPES["claim"],
    )
    history: Connection[Change] = page_field(
        Connection[Change],
        connection(
            "change",
            (Order("VERSION_ASC", ("version",)),),
            joined=findings.changes_of,
            natural=("version",),
        ),
        "Every change of what is held, the first one first; `last` gives the newest.",
        _MODULE,
    )
    chain: Chain = argument_field(
        Chain,
        chain.chain,
        "All claims about it with what they rest on and what repeats them.",
        _MODULE,
        {"direction": (codes.ChainDirection | None, "Which way to follow; BOTH if absent.")},
    )
