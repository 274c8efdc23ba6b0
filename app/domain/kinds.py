"""The five kinds of record and their fields, declared once.

Tables, GraphQL inputs, claims and dossiers are all derived from or checked
against this file; `tests/contract` fails where they drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.domain import codes
from app.domain import field_types as t


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind: its name in every surface, its type and its meaning.

    `claimed_as` is the code under which a claim can be about this field, or
    None for what is the newsroom's own wording and needs no claim.
    """

    name: str
    type: t.FieldType
    description: str
    required: bool = False
    claimed_as: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record; `name` is also its id prefix and its table."""

    name: str
    description: str
    fields: Mapping[str, Field]

    @property
    def title(self) -> str:
        """The kind's name as a GraphQL type."""
        return self.name.capitalize()


def _kind(name: str, description: str, *fields: Field) -> Kind:
    return Kind(name, description, {field.name: field for field in (*fields, _EXTERNAL_REF)})


_EXTERNAL_REF: Final = Field(
    "externalRef",
    t.Text(limit=200),
    "The entering newsroom's own identifier for this record; unique within that newsroom.",
)
_DESCRIPTION: Final = Field(
    "description", t.Text(limit=10_000, multiline=True), "A neutral description in our own words."
)
_ALIASES: Final = Field(
    "aliases", t.Aliases(), "Other names and spellings under which sources know it."
)
_IDENTIFIERS: Final = Field("identifiers", t.Identifiers(), "Identifiers in other catalogues.")


def _merged_into(kind: str) -> Field:
    return Field(
        "mergedInto",
        t.Reference((kind,), settable=False),
        f"The surviving {kind}, once this one was merged as a duplicate.",
    )


ACTOR: Final = _kind(
    "actor",
    "A party in the story: a state, agency, company, outlet or person.",
    Field("name", t.Text(limit=500), "The name we use.", required=True, claimed_as="NAME"),
    Field(
        "kind",
        t.Code(codes.ActorKind),
        "What sort of party it is.",
        required=True,
        claimed_as="KIND",
    ),
    _ALIASES,
    Field("country", t.Country(), "Country, ISO 3166-1 alpha-2.", claimed_as="COUNTRY"),
    Field(
        "actsFor",
        t.Reference(("actor",), hierarchy=True),
        "The actor on whose behalf this one acts.",
        claimed_as="ACTS_FOR",
    ),
    Field(
        "partOf",
        t.Reference(("actor",), hierarchy=True),
        "The larger actor of which this one is a part.",
        claimed_as="PART_OF",
    ),
    _IDENTIFIERS,
    _DESCRIPTION,
    _merged_into("actor"),
)

ITEM: Final = _kind(
    "item",
    "What is transferred: a breed of horse, a shell, money.",
    Field("name", t.Text(limit=500), "The name we use.", required=True),
    _ALIASES,
    Field(
        "kind",
        t.Code(codes.ItemKind),
        "What sort of thing it is.",
        required=True,
        claimed_as="KIND",
    ),
    Field(
        "broader",
        t.Reference(("item",), hierarchy=True),
        "The item of which this one is a special case: stallion, Orlov Trotter, horse.",
        claimed_as="BROADER",
    ),
    Field("unit", t.Text(limit=40), "The unit in which it is usually counted."),
    Field("hsCode", t.HsCode(), "Harmonized System code, digits alone.", claimed_as="HS_CODE"),
    _IDENTIFIERS,
    _DESCRIPTION,
    _merged_into("item"),
)

TRANSFER: Final = _kind(
    "transfer",
    "One reported movement of an item from a giver to a receiver.",
    Field("title", t.Text(limit=500), "A short title in our own words.", required=True),
    Field("giver", t.Reference(("actor",)), "The actor that gave.", claimed_as="GIVER"),
    Field("receiver", t.Reference(("actor",)), "The actor that received.", claimed_as="RECEIVER"),
    Field("item", t.Reference(("item",)), "What was transferred.", claimed_as="ITEM"),
    Field("quantity", t.Measure(), "How much or how many.", claimed_as="QUANTITY"),
    Field("value", t.Money(), "What it was worth or cost.", claimed_as="VALUE"),
    Field("occurred", t.Edtf(), "When it happened, EDTF level 0-1.", claimed_as="OCCURRED"),
    Field("nature", t.Code(codes.Nature), "What sort of transfer it was.", claimed_as="NATURE"),
    Field("stage", t.Code(codes.Stage), "How far it had got.", claimed_as="STAGE"),
    Field("origin", t.Text(limit=500), "The place it left.", claimed_as="ORIGIN"),
    Field("destination", t.Text(limit=500), "The place it went to.", claimed_as="DESTINATION"),
    Field("route", t.Text(limit=1_000), "The way it took.", claimed_as="ROUTE"),
    Field("transport", t.Text(limit=500), "The means of transport.", claimed_as="TRANSPORT"),
    Field("purpose", t.Text(limit=1_000), "What it was meant for.", claimed_as="PURPOSE"),
    Field(
        "usedAgainst",
        t.Reference(("actor",)),
        "The actor against which it was used.",
        claimed_as="USED_AGAINST",
    ),
    Field(
        "partOf",
        t.Reference(("transfer",), hierarchy=True),
        "The transfer of which this one is a part.",
        claimed_as="PART_OF",
    ),
    Field(
        "considerationFor",
        t.Reference(("transfer",)),
        "The transfer for which this one was given in return.",
        claimed_as="CONSIDERATION_FOR",
    ),
    Field(
        "considerationExtent",
        t.Code(codes.ConsiderationExtent),
        "How much of the return this transfer was.",
    ),
    Field("summary", t.Text(limit=10_000, multiline=True), "A neutral summary in our own words."),
)

CITATION: Final = _kind(
    "citation",
    "A source document: an article, press release, trade record or statement.",
    Field("kind", t.Code(codes.CitationKind), "What sort of document it is.", required=True),
    Field(
        "title",
        t.Text(limit=1_000),
        "The document's title, or words that identify it.",
        required=True,
    ),
    Field("publisher", t.Reference(("actor",)), "The actor that published it."),
    Field("authors", t.Authors(), "Its authors, as the document names them."),
    Field("url", t.Url(), "Where it was published."),
    Field("archiveUrl", t.Url(), "Where a copy is archived."),
    Field("contentSha256", t.Sha256(), "SHA-256 of the content as it was read, hex."),
    Field("language", t.Language(), "Language of the document, BCP 47."),
    Field("published", t.Edtf(), "When it was published, EDTF level 0-1."),
    Field("accessed", t.Instant(), "When it was read: a date or an instant in UTC."),
    Field("integrity", t.Code(codes.Integrity), "What has become of the document since."),
    Field("noticeUrl", t.Url(), "The publisher's correction or retraction notice."),
)

CLAIM: Final = _kind(
    "claim",
    "What one source asserts about one field of one record.",
    Field(
        "subject",
        t.Reference(("actor", "item", "transfer")),
        "The record that the claim is about.",
        required=True,
    ),
    Field("field", t.Code(codes.ClaimField), "The field that the claim is about.", required=True),
    Field("value", t.ClaimValue(), "What the source says; none for EXISTENCE."),
    Field("stance", t.Code(codes.Stance), "How the source stands to the value.", required=True),
    Field("assertedBy", t.Reference(("actor",)), "The actor whose word it is."),
    Field(
        "citation", t.Reference(("citation",)), "The document in which it stands.", required=True
    ),
    Field("quote", t.Quote(), "The words of the document (W3C TextQuoteSelector)."),
    Field("locator", t.Text(limit=500), "Where in the document: page, paragraph, minute."),
    Field("derivedFrom", t.Derivations(), "The claims that this one repeats, and in which way."),
)

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind for kind in (ACTOR, ITEM, TRANSFER, CITATION, CLAIM)
}

ACCESS_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "newsroom": ("name", "house", "createdAt"),
    "editor": ("newsroom", "name", "role", "identity", "createdAt", "retiredAt"),
    "key": (
        "editor", "label", "scopes", "notBefore", "expiresAt", "rotatedFrom", "createdAt",
        "revokedAt",
    ),
}  # fmt: skip
"""Who may act: the kinds that ACCESS changesets keep, and their fields.

They are no kinds of record: what is told of them is restricted, and each has one row, of
the present, beside its history.
"""


def is_access(record_id: str) -> bool:
    """Whether an id is that of a newsroom, an editor or a key."""
    return record_id.partition("_")[0] in ACCESS_KINDS


def field_names(kind: str) -> tuple[str, ...]:
    """Return the names of the fields of a kind, of whoever may act too, in their order."""
    return ACCESS_KINDS[kind] if kind in ACCESS_KINDS else tuple(KINDS[kind].fields)


EXISTENCE: Final = "EXISTENCE"


def claimable(kind: str) -> Mapping[str, Field]:
    """Return the fields of `kind` that claims can be about, by their code.

    EXISTENCE, of a transfer, is not among them: it has no held column.
    """
    return {
        field.claimed_as: field
        for field in KINDS[kind].fields.values()
        if field.claimed_as is not None
    }
