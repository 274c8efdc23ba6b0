"""By what lists can be narrowed and ordered; the SQL of each stands in `app.store`."""

from __future__ import annotations

import enum
from typing import Any, Final

import strawberry

from app.domain import codes
from app.graphql.scalars import Date, DateTime, Position
from app.store import findings, powers, proposed
from app.store.connections import Order
from app.store.filters import LIST_LIMIT

Ids = list[strawberry.ID]


_COMMON: Final[dict[str, tuple[Any, str]]] = {
    "ids": (Ids, "These records alone."),
    "states": (list[codes.RecordState], "Records in these states; ACTIVE alone if absent."),
    "newsrooms": (Ids, "Records that these newsrooms entered."),
    "external_refs": (list[str], "Records with these external references."),
    "entered_after": (Position, "Records whose version was written after this position."),
}


def _text(records: str, where: str) -> tuple[Any, str]:
    """Return the member that stands in for the search where there is none: in an archive."""
    meaning = (
        f"{records} in whose {where} this stands as it is written, but for the case of A to Z. "
        "For the past, where there is no `search`."
    )
    return str, meaning


_MEMBERS: Final[dict[str, dict[str, tuple[Any, str]]]] = {
    "actor": {
        **_COMMON,
        "kinds": (list[codes.ActorKind], "Actors of these kinds."),
        "countries": (list[str], "Actors of these countries, ISO 3166-1 alpha-2."),
        "acts_for": (Ids, "Actors that act for one of these."),
        "part_of": (Ids, "Actors that are a direct part of one of these."),
        "name_contains": (str, "Actors whose name contains this, in any case, without accents."),
        "text_contains": _text("Actors", "name, aliases or description"),
    },
    "item": {
        **_COMMON,
        "kinds": (list[codes.ItemKind], "Items of these kinds."),
        "broader": (Ids, "Items directly narrower than one of these."),
        "under": (Ids, "These items, and all that are narrower at any depth."),
        "name_contains": (str, "Items whose name contains this, in any case, without accents."),
        "text_contains": _text("Items", "name, aliases or description"),
        "hs_code_prefix": (str, "Items whose Harmonized System code starts with this."),
    },
    "transfer": {
        **_COMMON,
        "givers": (Ids, "Transfers from one of these actors."),
        "receivers": (Ids, "Transfers to one of these actors."),
        "parties": (Ids, "Transfers from or to one of these actors."),
        "givers_under": (
            Ids,
            "Transfers from one of these, or from any that acts for it or is part of it.",
        ),
        "receivers_under": (
            Ids,
            "Transfers to one of these, or to any that acts for it or is part of it.",
        ),
        "items": (Ids, "Transfers of exactly one of these items."),
        "items_under": (Ids, "Transfers of one of these items or of a narrower one."),
        "natures": (list[codes.Nature], "Transfers of these natures."),
        "stages": (list[codes.Stage], "Transfers at these stages."),
        "used_against": (Ids, "Transfers of what was used against one of these actors."),
        "part_of": (Ids, "Direct parts of one of these transfers."),
        "is_part": (bool, "Only transfers that are part of another, or only those that are not."),
        "consideration_for": (Ids, "Transfers given in return for one of these."),
        "occurred_from": (Date, "Transfers that can have happened on this day or later."),
        "occurred_to": (Date, "Transfers that can have happened on this day or earlier."),
        "text_contains": _text(
            "Transfers", "title, summary, origin, destination, route, transport or purpose"
        ),
    },
    "citation": {
        **_COMMON,
        "kinds": (list[codes.CitationKind], "Documents of these kinds."),
        "publishers": (Ids, "Documents that one of these actors published."),
        "languages": (list[str], "Documents in these languages, BCP 47."),
        "integrities": (list[codes.Integrity], "Documents of which this has become."),
        "urls": (list[str], "Documents at these addresses."),
        "published_from": (Date, "Documents that can be of this day or later."),
        "published_to": (Date, "Documents that can be of this day or earlier."),
        "text_contains": _text("Documents", "title or address"),
    },
    "claim": {
        **_COMMON,
        "subjects": (Ids, "Claims about these records."),
        "fields": (list[codes.ClaimField], "Claims about these fields."),
        "stances": (list[codes.Stance], "Claims with these stances."),
        "citations": (Ids, "Claims that cite these documents."),
        "asserted_by": (Ids, "Claims that are the word of one of these actors."),
        "records": (Ids, "Claims whose value is one of these records."),
        "text_contains": _text("Claims", "quote, locator or textual value"),
    },
    "finding": {
        "statuses": (list[codes.FindingStatus], "Findings with these statuses."),
        "fields": (list[codes.ClaimField], "Findings about these fields."),
        "kinds": (list[codes.RecordKind], "Findings of these kinds of record."),
        "records": (Ids, "Findings of these records."),
        "has_claims": (
            bool,
            "Only findings that somebody made a claim about, live or not; or only the others.",
        ),
        "citations": (Ids, "Findings that a claim is about which cites one of these documents."),
    },
    "changeset": {
        "kinds": (list[codes.ChangesetKind], "Changesets of these kinds."),
        "reason_codes": (list[codes.ReasonCode], "Changesets made for these reasons."),
        "editors": (Ids, "Changesets by these editors."),
        "newsrooms": (Ids, "Changesets by these newsrooms."),
        "records": (Ids, "Changesets that revised one of these records."),
        "recorded_from": (DateTime, "Changesets recorded at this instant or later."),
        "recorded_before": (DateTime, "Changesets recorded before this instant."),
    },
    "request": {
        "editors": (Ids, "Requests of these editors."),
        "newsrooms": (Ids, "Requests for these newsrooms."),
        "keys": (Ids, "Requests with the keys of these ids."),
        "kinds": (list[codes.RequestKind], "Requests for these kinds of operation."),
        "documents": (list[str], "Requests that sent or named a document of these SHA-256."),
        "codes": (list[str], "Requests whose first error had one of these codes."),
        "asked_from": (DateTime, "Requests at this instant or later."),
        "asked_before": (DateTime, "Requests before this instant."),
    },
    "editor": {
        "ids": (Ids, "These editors alone."),
        "newsrooms": (Ids, "Editors of these newsrooms."),
        "roles": (list[codes.Role], "Editors in these roles."),
        "states": (list[codes.EditorState], "Editors in these states; all if absent."),
    },
    "key": {
        "ids": (Ids, "These keys alone."),
        "editors": (Ids, "Keys of these editors."),
        "newsrooms": (Ids, "Keys of the editors of these newsrooms."),
        "states": (list[codes.KeyState], "Keys in these states; all if absent."),
    },
    "proposal": {
        "ids": (Ids, "These proposals alone."),
        "states": (list[codes.ProposalState], "Proposals in these states; all if absent."),
        "newsrooms": (Ids, "Proposals of these newsrooms."),
        "editors": (Ids, "Proposals by these contributors."),
        "records": (Ids, "Proposals that would change, or add, one of these records."),
        "created_from": (DateTime, "Proposals made at this instant or later."),
        "created_before": (
            DateTime,
            "Proposals made before this instant: those that wait longer.",
        ),
    },
}


def _filter(kind: str) -> Any:
    members = _MEMBERS[kind]
    body: dict[str, Any] = {
        name: strawberry.field(
            default=strawberry.UNSET,
            description=meaning + (f" At most {LIST_LIMIT}." if _is_list(declared) else ""),
        )
        for name, (declared, meaning) in members.items()
    }
    body["__annotations__"] = {name: declared | None for name, (declared, _) in members.items()}
    body["__module__"] = __name__
    name = f"{kind.capitalize()}Filter"
    return strawberry.input(
        type(name, (), body),
        name=name,
        description=f"What {kind}s to list: all that is given fits.",
    )


def _is_list(declared: Any) -> bool:
    return getattr(declared, "__origin__", None) is list


FILTER_TYPES: Final[dict[str, Any]] = {kind: _filter(kind) for kind in _MEMBERS}

_CREATED: Final = (
    Order("CREATED_ASC", ("id",)),
    Order("CREATED_DESC", ("id",), descending=True),
)
_UPDATED: Final = (Order("UPDATED_DESC", ("entered", "id"), descending=True),)
_BY_NAME: Final = (
    Order("NAME_ASC", ("name_key", "id")),
    Order("NAME_DESC", ("name_key", "id"), descending=True),
)

ORDERS: Final[dict[str, tuple[Order, ...]]] = {
    "actor": (*_BY_NAME, *_CREATED, *_UPDATED),
    "item": (*_BY_NAME, *_CREATED, *_UPDATED),
    "transfer": (
        Order("OCCURRED_DESC", ("occurred_earliest", "id"), descending=True),
        Order("OCCURRED_ASC", ("occurred_earliest", "id")),
        *_CREATED,
        *_UPDATED,
    ),
    "citation": (
        Order("PUBLISHED_DESC", ("published_earliest", "id"), descending=True),
        Order("PUBLISHED_ASC", ("published_earliest", "id")),
        *_CREATED,
        *_UPDATED,
    ),
    "claim": (*_CREATED, *_UPDATED),
    "finding": findings.ORDERS,
    "proposal": proposed.ORDERS,
    **powers.ORDERS,
    "changeset": (
        Order("POSITION_DESC", ("position",), descending=True),
        Order("POSITION_ASC", ("position",)),
    ),
    "request": (
        Order("AT_DESC", ("seq",), descending=True),
        Order("AT_ASC", ("seq",)),
    ),
}
"""The orders of each list; the first is what a list has when none is asked for."""

_ORDER_MEANINGS: Final = {
    "NAME_ASC": "By name, folded: case and accents do not matter.",
    "NAME_DESC": "By name, from the end of the alphabet.",
    "CREATED_ASC": "In the order of entry, the oldest first.",
    "CREATED_DESC": "In the order of entry, the newest first.",
    "UPDATED_DESC": "By the latest edit, the newest first.",
    "UPDATED_ASC": "By the latest edit, the oldest first.",
    "OCCURRED_DESC": "By the earliest day it can have happened, newest first; undated last.",
    "OCCURRED_ASC": "By the earliest day it can have happened, oldest first; undated first.",
    "PUBLISHED_DESC": "By the earliest day of publication, newest first; undated last.",
    "PUBLISHED_ASC": "By the earliest day of publication, oldest first; undated first.",
    "RECORD_ASC": "By the record, in the order of entry, and by field.",
    "RECORD_DESC": "By the record, the newest entry first, and by field backwards.",
    "AT_DESC": "The newest first.",
    "AT_ASC": "The oldest first.",
    "POSITION_DESC": "The newest first.",
    "POSITION_ASC": "The oldest first.",
}


def _order(kind: str) -> Any:
    name = f"{kind.capitalize()}Order"
    made: Any = enum.StrEnum(name, [(order.name, order.name) for order in ORDERS[kind]])  # type: ignore[misc]
    declared: Any = strawberry.enum(
        made, name=name, description=f"In which order {kind}s are listed."
    )
    for value in declared.__strawberry_definition__.values:
        value.description = _ORDER_MEANINGS[value.name]
    return declared


ORDER_TYPES: Final[dict[str, Any]] = {kind: _order(kind) for kind in ORDERS}
