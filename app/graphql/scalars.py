"""The scalars and enums of the contract."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, NewType

import strawberry
from graphql import GraphQLSchema
from strawberry.types.scalar import ScalarDefinition

from app.domain import codes, permissions, totals
from app.domain.errors import InvalidValue
from app.domain.instants import instant

Position = NewType("Position", int)
DateTime = NewType("DateTime", str)
Date = NewType("Date", str)
EDTF = NewType("EDTF", str)
Decimal = NewType("Decimal", str)
JSON = NewType("JSON", object)

_LARGEST_EXACT: Final = 2**53 - 1


def _position(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_EXACT:
        raise ValueError("a position is a whole number from 0 to 2^53 - 1")
    return value


def _date(value: Any) -> str:
    try:
        return date.fromisoformat(_string(value)).isoformat()
    except ValueError:
        raise ValueError("a date is written YYYY-MM-DD") from None


def _date_time(value: Any) -> str:
    """Read an instant, as the text with microseconds that the ledger compares with."""
    try:
        canonical = instant(_string(value))
        at = datetime.fromisoformat(canonical)
    except (InvalidValue, ValueError):
        raise ValueError("an instant is written as in RFC 3339: 2024-08-27T09:30:00Z") from None
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _decimal(value: Any) -> str | int:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError('a decimal is written as a string: "75509.76"')  # noqa: TRY004 - as above
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004 - GraphQL reports ValueError
    return value


def _json(_value: Any) -> Any:
    raise ValueError("JSON is an output alone")


SCALARS: Final[dict[object, ScalarDefinition]] = {
    Position: strawberry.scalar(
        name="Position",
        description="A place in the log, gapless from 1; 0 is before the first. "
        "A whole number below 2^53.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-6",
        parse_value=_position,
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description="An instant of the ledger's clock, RFC 3339 in UTC.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        parse_value=_date_time,
    ),
    Date: strawberry.scalar(
        name="Date",
        description="A day, YYYY-MM-DD.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        parse_value=_date,
    ),
    EDTF: strawberry.scalar(
        name="EDTF",
        description="A date of the world as far as it is known, EDTF level 0 and 1: "
        "2024-08, 2022~, 2020/2023, ../2024-08-27.",
        specified_by_url="https://www.loc.gov/standards/datetime/",
        parse_value=_string,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal as a string: "75509.76". At most three places are taken; '
        "the bounds of an approximate amount may have four.",
        specified_by_url="https://www.w3.org/TR/xmlschema11-2/#decimal",
        parse_value=_decimal,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="The value of a field of any type, as canonical JSON; decimals are strings.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8785",
        parse_value=_json,
    ),
}


def _published(code: type[codes.Code], description: str, name: str | None) -> str:
    """Publish a code list as an enum; from then on its class can stand in annotations."""
    published: Any = strawberry.enum(code, name=name or code.__name__, description=description)
    return str(published.__strawberry_definition__.name)


ENUMS: Final[dict[type[codes.Code], str]] = {
    code: _published(code, description, name)
    for code, name, description in (
        (codes.ActorKind, None, "What sort of party an actor is."),
        (codes.ItemKind, None, "What sort of thing an item is."),
        (codes.Nature, "TransferNature", "What sort of transfer it was."),
        (codes.Stage, "TransferStage", "How far a transfer had got."),
        (codes.ConsiderationExtent, None, "How much of the return a transfer was."),
        (codes.CitationKind, None, "What sort of document a citation is."),
        (codes.Integrity, "CitationIntegrity", "What has become of a document since."),
        (codes.Stance, None, "How a source stands to the value of its claim."),
        (codes.Derivation, None, "In which way a claim repeats another."),
        (codes.MoneyBasis, None, "What a sum of money includes."),
        (codes.RecordState, None, "Whether a record stands."),
        (codes.ReasonCode, None, "Why a changeset was made."),
        (codes.RedactionAuthority, None, "By what authority content was removed."),
        (codes.HeaderText, None, "A text of a changeset's header."),
        (codes.UpsertResult, None, "What an upsert did."),
        (codes.ErrorPolicy, None, "What becomes of an edit of which operations are refused."),
        (codes.ChangesetKind, None, "What sort of edit a changeset is."),
        (codes.RequestKind, None, "What sort of operation was asked for."),
        (codes.AccessKind, None, "What a changeset of kind ACCESS changes."),
        (codes.EditorState, None, "Whether an editor may act."),
        (codes.KeyState, None, "Whether a key is good now, or why not."),
        (codes.Action, "RevisionAction", "What a revision did to its record."),
        (codes.Role, None, "What an editor may do."),
        (permissions.Act, None, "One thing that may be allowed, or not."),
        (permissions.Reach, None, "How far something that is allowed reaches."),
        (codes.ProposalState, None, "How far a proposal has come."),
        (codes.Decision, "ReviewDecision", "What a reviewer says to a proposal."),
        (codes.ProposalEventKind, None, "What happened to a proposal."),
        (codes.ClaimField, None, "The field that a claim is about."),
        (codes.RecordKind, None, "A kind of record."),
        (codes.FindingStatus, None, "How what is held stands to the claims about it."),
        (codes.OriginKind, None, "What sort of document a chain of claims begins with."),
        (codes.ChainDirection, None, "Which way derivations are followed."),
        (codes.SearchMatch, None, "How a record has the words searched for, the best way first."),
        (totals.TotalsGroup, None, "What transfers are grouped by."),
        (totals.TotalsRollUp, None, "What counts for those above it, too."),
        (totals.TransferTotalOrder, None, "In which order totals are listed."),
    )
}


def describe_enum_values(schema: GraphQLSchema) -> None:
    """Carry the description of every code into the published contract."""
    for code, name in ENUMS.items():
        declared: Any = schema.type_map.get(name)
        for member in code if declared is not None else ():
            declared.values[member.name].description = member.description


__all__ = ["EDTF", "ENUMS", "JSON", "SCALARS", "Date", "DateTime", "Decimal", "Position"]
