"""The types of the contract that stand for records, and how each field is read.

These types are the single source of truth for what frontends see: names of
columns can change without a change here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, Union

import strawberry

from app.domain import codes
from app.domain.kinds import KINDS
from app.graphql.fields import Connection, CountOf, argument_field, page_field, table_field
from app.graphql.filters import FILTER_TYPES, ORDER_TYPES, ORDERS
from app.graphql.objects import (
    Alias,
    CodeValue,
    Identifier,
    Measure,
    Money,
    Quote,
    TextValue,
    UncertainDate,
)
from app.graphql.scalars import JSON, DateTime, Position
from app.store import chain, gaps, powers, proposed
from app.store import findings as found
from app.store import history as trail
from app.store.claim_values import claim_value
from app.store.connections import Joins, Order, connection
from app.store.filters import FILTERS
from app.store.reading import (
    At,
    Scope,
    always,
    any_record,
    column,
    document,
    document_list,
    embedded,
    global_id,
    link,
    listing,
    stored_json,
    text_list,
)
from app.store.sql import Expression

if TYPE_CHECKING:
    from app.graphql.findings import Chain, Finding
    from app.graphql.powers import AccessChange, Key
    from app.graphql.proposals import Proposal

Lazy: TypeAlias = Any

_MODULE: Final = __name__


FIELDS_OF_A_RECORD: Final = max(len(kind.fields) for kind in KINDS.values())
# What few have more of, where there is no bound.
NAMES: Final = 5
PARENTS: Final = 2
CHANGES: Final = 10
ACCESS_CHANGES: Final = 5
GAPS: Final = 1
"""Few records have any; of what a redaction took, see `TAKEN`."""
TAKEN: Final = 10


def _means(kind: str, field: str) -> str:
    return KINDS[kind].fields[field].description


def _own(name: str) -> Joins:
    """Rows whose column `name` holds this record's id."""

    def joined(at: At, scope: Scope) -> list[Expression]:
        return [scope[name] == at.scope["id"]]

    return joined


def _records(kind: str, name: str, description: str) -> Any:
    """Declare the connection of records of `kind` whose column `name` is this record."""
    return page_field(
        Connection[_ref(kind)],  # type: ignore[misc]
        connection(kind, ORDERS[kind], joined=_own(name), filters=FILTERS[kind], natural=("id",)),
        description,
        _MODULE,
        filter_type=FILTER_TYPES[kind],
        order_type=ORDER_TYPES[kind],
    )


def _ref(kind: str) -> Any:
    return Annotated[kind.capitalize(), strawberry.lazy(_MODULE)]


ActorRef: TypeAlias = Annotated["Actor", strawberry.lazy("app.graphql.records")]
ItemRef: TypeAlias = Annotated["Item", strawberry.lazy("app.graphql.records")]
TransferRef: TypeAlias = Annotated["Transfer", strawberry.lazy("app.graphql.records")]
CitationRef: TypeAlias = Annotated["Citation", strawberry.lazy("app.graphql.records")]
ClaimRef: TypeAlias = Annotated["Claim", strawberry.lazy("app.graphql.records")]
RecordRef: TypeAlias = Annotated["Record", strawberry.lazy("app.graphql.records")]
FindingRef: TypeAlias = Annotated["Finding", strawberry.lazy("app.graphql.findings")]
ChainRef: TypeAlias = Annotated["Chain", strawberry.lazy("app.graphql.findings")]
RevisionRef: TypeAlias = Annotated["Revision", strawberry.lazy("app.graphql.records")]
ChangesetRef: TypeAlias = Annotated["Changeset", strawberry.lazy("app.graphql.records")]
ProposalRef: TypeAlias = Annotated["Proposal", strawberry.lazy("app.graphql.proposals")]
AccessChangeRef: TypeAlias = Annotated["AccessChange", strawberry.lazy("app.graphql.powers")]
KeyRef: TypeAlias = Annotated["Key", strawberry.lazy("app.graphql.powers")]
RedactionRef: TypeAlias = Annotated["Redaction", strawberry.lazy("app.graphql.records")]


# --- who edits ----------------------------------------------------------------

_RESTRICTED: Final = "Null where the viewer does not reach it."


def _access_history() -> Any:
    return page_field(
        Connection[AccessChangeRef],
        powers.history,
        "What was changed about it and when, the first change first; nothing where the viewer does "
        "not reach it.",
        _MODULE,
    )


@strawberry.interface(description="Whatever has an id of its own (Relay).")
class Node:
    """Whatever has an id."""

    id: strawberry.ID = table_field(global_id(), "The id; unique in the whole ledger.")


@strawberry.type(description="A newsroom that edits here.")
class Newsroom(Node):
    """A newsroom."""

    name: str = table_field(column("name"), "Its name.")
    house: bool = table_field(column("house"), "Whether it is the ledger's own newsroom.")
    created_at: DateTime | None = table_field(
        powers.shown("created_at"), f"When it was entered. {_RESTRICTED}"
    )
    access_history: Connection[AccessChangeRef] = _access_history()


@strawberry.type(description="A person or program that edits for a newsroom.")
class Editor(Node):
    """Who edits."""

    name: str = table_field(column("name"), "The name.")
    newsroom: Newsroom = table_field(link("newsroom", "newsroom"), "The newsroom acted for.")
    role: codes.Role | None = table_field(
        powers.shown("role"), f"The role, as it is now. {_RESTRICTED}"
    )
    state: codes.EditorState | None = table_field(
        powers.editor_state, f"Whether they may act, as it is now. {_RESTRICTED}"
    )
    identity: str | None = table_field(
        powers.shown("identity"),
        f"Where they sign in, as `issuer|subject` of an OpenID provider. {_RESTRICTED}",
    )
    created_at: DateTime | None = table_field(
        powers.shown("created_at"), f"When they were entered. {_RESTRICTED}"
    )
    retired_at: DateTime | None = table_field(
        powers.shown("retired_at"), f"When they were retired; null while active. {_RESTRICTED}"
    )
    keys: Connection[KeyRef] = page_field(
        Connection[KeyRef],
        powers.keys_of_editor,
        "The keys they ever had, the first one first; none where the viewer does not reach them.",
        _MODULE,
    )
    access_history: Connection[AccessChangeRef] = _access_history()


# --- the audit trail ----------------------------------------------------------


@strawberry.type(description="One field moving from one value to another.")
class Change:
    """One field moving."""

    field: str = table_field(column("field"), "The field, as it is named in the inputs.")
    before: JSON | None = table_field(stored_json("before"), "The value before; null for none.")
    after: JSON | None = table_field(stored_json("after"), "The value after; null for none.")
    revision: RevisionRef = table_field(
        trail.revision_of_change, "The revision that it is part of: with editor, time and reason."
    )
    redactions: list[RedactionRef] = table_field(
        gaps.of_change,
        "What was taken of the value after, or of the value before.",
        size=GAPS,
    )


@strawberry.type(description="The value a field holds, and the revision that last set it.")
class Blame:
    """Who set a field."""

    field: str = table_field(column("field"), "The field, as it is named in the inputs.")
    value: JSON | None = table_field(
        stored_json("after"), "The value it holds; null where it was taken away."
    )
    revision: RevisionRef = table_field(
        trail.revision_of_change, "The revision that set it: with editor, time and reason."
    )
    redactions: list[RedactionRef] = table_field(
        gaps.of_value, "The redaction that took the value, where one did.", size=GAPS
    )


@strawberry.type(description="Why a changeset was made.")
class Reason:
    """Why a changeset was made."""

    code: codes.ReasonCode = table_field(column("reason_code"), "The sort of reason.")
    note: str = table_field(trail.header("note"), "The reason in words.")


@strawberry.type(
    description="One piece of content that was removed, by what authority, when and why. It is "
    "shown in archives too, as it stands now: a redaction is the one thing that changes what the "
    "past answers. In place of the content a required text reads [redacted], any other field null."
)
class Redaction:
    """One piece of content that was removed."""

    position: Position = table_field(
        column("position"), "The position of the changeset that removed it."
    )
    authority: codes.RedactionAuthority = table_field(gaps.authority, "By what authority.")
    recorded_at: DateTime = table_field(
        gaps.recorded_at, "When this ledger recorded the redaction."
    )
    reason: Reason = table_field(gaps.changeset, "Why it was removed.")
    changeset: ChangesetRef = table_field(
        gaps.changeset, "The changeset that removed it, as it stands now."
    )
    record_id: strawberry.ID | None = table_field(
        gaps.record_id, "The record that held it; null where a changeset's header did."
    )
    version: int | None = table_field(
        column("version"),
        "The version that entered it; later versions carried it until the field's next change. "
        "Null where a changeset's header held it.",
    )
    field: str = table_field(
        column("field"),
        "The field, as it is named in the inputs; of a header note, internalNote, editorName or "
        "origin.",
    )
    taken_from: Position = table_field(
        column("target"), "The position of the changeset that had entered it."
    )
    digest: str = table_field(
        column("digest"),
        "What the log keeps of it: the digest of its disclosure, by which a mirror knows what to "
        "drop.",
    )


@strawberry.type(
    description="What an importer stated about where a changeset comes from; this ledger's own "
    "time and position are the changeset's."
)
class Origin:
    """What an importer stated."""

    ledger: str | None = table_field(trail.origin_member("ledger"), "The ledger it came from.")
    position: Position | None = table_field(trail.origin_number("position"), "Its position there.")
    recorded_at: str | None = table_field(
        trail.origin_member("recordedAt"), "When it was recorded there, RFC 3339."
    )
    editor: str | None = table_field(trail.origin_member("editor"), "Who edited there.")
    newsroom: str | None = table_field(trail.origin_member("newsroom"), "For which newsroom.")
    kind: str | None = table_field(
        trail.origin_member("kind"), "The kind of edit that it was there."
    )
    contributor: str | None = table_field(
        trail.origin_member("contributor"), "Who had asked for it there, by a proposal."
    )
    on_behalf_of: str | None = table_field(
        trail.origin_member("onBehalfOf"), "On whose behalf it was made there."
    )


@strawberry.type(description="One accepted edit: who, when, why, and what it did.")
class Changeset(Node):
    """One accepted edit."""

    position: Position = table_field(column("position"), "Its place in the log.")
    recorded_at: DateTime = table_field(column("recorded_at"), "When this ledger recorded it.")
    kind: codes.ChangesetKind = table_field(column("kind"), "What sort of edit it is.")
    reason: Reason = table_field(always(), "Why it was made.")
    internal_note: str | None = table_field(
        trail.internal_note,
        "What was noted beside the reason for the newsroom's own eyes and for auditors: for an "
        "EDITOR of that newsroom, and an AUDITOR or ADMIN of it or of the house. Null of another "
        "newsroom's, where none was made, and where it was redacted.",
    )
    editor: Editor = table_field(link("editor", "editor"), "Who made it.")
    editor_name: str = table_field(trail.header("editorName"), "The editor's name at the time.")
    newsroom: Newsroom = table_field(link("newsroom", "newsroom"), "For which newsroom.")
    role: codes.Role = table_field(column("role"), "The editor's role at the time.")
    on_behalf_of: Newsroom | None = table_field(
        link("on_behalf_of", "newsroom"), "The newsroom on whose behalf it was made."
    )
    contributor: Editor | None = table_field(
        link("contributor", "editor"),
        "Who asked for it, where it comes from a proposal; `editor` is then who accepted it, and "
        "`onBehalfOf` the contributor's newsroom, where that is another one.",
    )
    proposal: ProposalRef | None = table_field(
        proposed.of_changeset,
        "The proposal that it comes from, as it stands now; null where the viewer sees none.",
    )
    reverts: ChangesetRef | None = table_field(
        link("reverts", "changeset", key="position", type_name="Changeset"),
        "The changeset that this one puts back.",
    )
    reverted_by: list[ChangesetRef] = table_field(
        listing(
            "changeset",
            lambda at, inner: [inner["reverts"] == at.scope["position"]],
            lambda inner: [inner["position"]],
            "Changeset",
        ),
        "The changesets that put this one back.",
        size=3,
    )
    origin: Origin | None = table_field(
        trail.origin, "What the importer stated about where it comes from."
    )
    redactions: list[RedactionRef] = table_field(
        gaps.of_changeset,
        "What was removed since of that which this changeset entered, texts of its own included.",
        size=GAPS,
    )
    authority: codes.RedactionAuthority | None = table_field(
        gaps.authority, "By what authority it removed content; null unless it is a REDACTION."
    )
    redacted: list[RedactionRef] = table_field(
        gaps.by_changeset, "What it removed; empty unless it is a REDACTION.", size=TAKEN
    )
    revisions: Connection[RevisionRef] = page_field(
        Connection[RevisionRef],
        connection(
            "revision",
            (Order("PLACE_ASC", ("place",)),),
            joined=trail.of_changeset,
            natural=("place",),
        ),
        "What it did to each record, in order; nothing, where it is of kind ACCESS.",
        _MODULE,
    )
    access_changes: list[AccessChangeRef] = table_field(
        powers.of_changeset,
        "What it did to newsrooms, editors and keys that the viewer reaches, in order; nothing, "
        "unless it is of kind ACCESS.",
        size=ACCESS_CHANGES,
        weight=4,
    )


@strawberry.type(description="One record's step to a new version inside a changeset.")
class Revision:
    """One record's step to a new version."""

    record_id: strawberry.ID = table_field(global_id("record_id"), "The record that was revised.")
    version: int = table_field(column("version"), "The version that it made, counted from 1.")
    position: Position = table_field(column("position"), "The position of its changeset.")
    action: codes.Action = table_field(column("action"), "What was done.")
    changeset: ChangesetRef = table_field(
        link("position", "changeset", key="position", type_name="Changeset"),
        "The changeset: editor, time and reason.",
    )
    changes: list[Change] = table_field(
        trail.changes, "What it changed, in field order.", size=CHANGES
    )
    record: RecordRef = table_field(
        trail.record_of_revision, "The record as this revision left it."
    )
    redactions: list[RedactionRef] = table_field(
        gaps.of_revision, "What was removed of that which it entered.", size=GAPS
    )


_HISTORY_ORDER: Final = (Order("VERSION_ASC", ("version",)),)


@strawberry.interface(description="An actor, item, transfer, citation or claim: one version of it.")
class Record(Node):
    """One version of a record."""

    version: int = table_field(column("version"), "The version read, counted from 1.")
    state: codes.RecordState = table_field(column("state"), "Whether it stands.")
    position: Position = table_field(column("entered"), "The position that wrote this version.")
    entered_at: DateTime = table_field(trail.entered_at, "When this ledger recorded this version.")
    external_ref: str | None = table_field(
        column("external_ref"), KINDS["actor"].fields["externalRef"].description
    )
    newsroom: Newsroom = table_field(
        link("newsroom", "newsroom"), "The newsroom that entered the record."
    )
    changeset: ChangesetRef = table_field(
        link("entered", "changeset", key="position", type_name="Changeset"),
        "The changeset that wrote this version.",
    )
    redactions: list[RedactionRef] = table_field(
        gaps.of_record,
        "What was removed of that which the version read holds; a gap of an earlier version that "
        "was given a new value since is none of it.",
        size=GAPS,
    )
    history: Connection[RevisionRef] = page_field(
        Connection[RevisionRef],
        connection(
            "revision",
            _HISTORY_ORDER,
            joined=lambda at, inner: [inner["record_id"] == at.scope["id"]],
            natural=("version",),
        ),
        "Every revision of the record, the first one first; `last` gives the newest.",
        _MODULE,
    )
    revision: RevisionRef | None = argument_field(
        Union[RevisionRef, None],  # noqa: UP007
        trail.one_revision,
        "The revision that made one version.",
        _MODULE,
        {"version": (int, "The version, counted from 1.")},
    )
    diff: list[Change] = argument_field(
        list[Change],
        trail.diff,
        "What changed between two versions, in field order.",
        _MODULE,
        {
            "from_": (int, "The version to start from; 0 is before the first."),
            "to": (int | None, "The version to end at; the one that is read if absent."),
        },
        size=FIELDS_OF_A_RECORD,
    )
    blame: list[Blame] = table_field(
        trail.blame,
        "For each field that was ever set: its value, and the revision that set it.",
        size=FIELDS_OF_A_RECORD,
    )
    findings: list[FindingRef] = argument_field(
        list[FindingRef],
        found.of_record,
        "What is held for each field beside the claims about it, in field order. A field for "
        "which nothing is held and no live claim stands has no finding; a citation or claim "
        "has none at all.",
        _MODULE,
        {"fields": (list[codes.ClaimField] | None, "Findings about these fields alone.")},
        size=CountOf("fields", absent=8),
        weight=5,
    )
    claims: Connection[ClaimRef] = page_field(
        Connection[ClaimRef],
        connection(
            "claim",
            ORDERS["claim"],
            joined=_own("subject"),
            filters=FILTERS["claim"],
            natural=("id",),
        ),
        "The claims about this record.",
        _MODULE,
        filter_type=FILTER_TYPES["claim"],
        order_type=ORDER_TYPES["claim"],
    )


# --- the five kinds -----------------------------------------------------------


@strawberry.type(description=KINDS["actor"].description)
class Actor(Record):
    """A party in the story."""

    name: str = table_field(column("name"), _means("actor", "name"))
    kind: codes.ActorKind = table_field(column("kind"), _means("actor", "kind"))
    aliases: list[Alias] = table_field(
        document_list("aliases"), _means("actor", "aliases"), size=NAMES
    )
    country: str | None = table_field(column("country"), _means("actor", "country"))
    acts_for: ActorRef | None = table_field(link("acts_for", "actor"), _means("actor", "actsFor"))
    part_of: ActorRef | None = table_field(link("part_of", "actor"), _means("actor", "partOf"))
    identifiers: list[Identifier] = table_field(
        document_list("identifiers"), _means("actor", "identifiers"), size=NAMES
    )
    description: str | None = table_field(column("description"), _means("actor", "description"))
    merged_into: ActorRef | None = table_field(
        link("merged_into", "actor"), _means("actor", "mergedInto")
    )
    given: Connection[TransferRef] = _records("transfer", "giver", "The transfers it gave.")
    received: Connection[TransferRef] = _records(
        "transfer", "receiver", "The transfers it received."
    )
    agents: Connection[ActorRef] = _records("actor", "acts_for", "The actors that act for it.")
    parts: Connection[ActorRef] = _records("actor", "part_of", "The actors that are part of it.")
    published: Connection[CitationRef] = _records(
        "citation", "publisher", "The documents it published."
    )
    asserted: Connection[ClaimRef] = _records(
        "claim", "asserted_by", "The claims that are its word."
    )


@strawberry.type(description=KINDS["item"].description)
class Item(Record):
    """What is transferred."""

    name: str = table_field(column("name"), _means("item", "name"))
    aliases: list[Alias] = table_field(
        document_list("aliases"), _means("item", "aliases"), size=NAMES
    )
    kind: codes.ItemKind = table_field(column("kind"), _means("item", "kind"))
    broader: ItemRef | None = table_field(link("broader", "item"), _means("item", "broader"))
    unit: str | None = table_field(column("unit"), _means("item", "unit"))
    hs_code: str | None = table_field(column("hs_code"), _means("item", "hsCode"))
    identifiers: list[Identifier] = table_field(
        document_list("identifiers"), _means("item", "identifiers"), size=NAMES
    )
    description: str | None = table_field(column("description"), _means("item", "description"))
    merged_into: ItemRef | None = table_field(
        link("merged_into", "item"), _means("item", "mergedInto")
    )
    narrower: Connection[ItemRef] = _records("item", "broader", "The items narrower than it.")
    transfers: Connection[TransferRef] = _records("transfer", "item", "The transfers of it.")


@strawberry.type(description=KINDS["transfer"].description)
class Transfer(Record):
    """One reported movement."""

    title: str = table_field(column("title"), _means("transfer", "title"))
    giver: ActorRef | None = table_field(link("giver", "actor"), _means("transfer", "giver"))
    receiver: ActorRef | None = table_field(
        link("receiver", "actor"), _means("transfer", "receiver")
    )
    item: ItemRef | None = table_field(link("item", "item"), _means("transfer", "item"))
    quantity: Measure | None = table_field(
        embedded("quantity", "quantity_unit"), _means("transfer", "quantity")
    )
    value: Money | None = table_field(embedded("value", "value_unit"), _means("transfer", "value"))
    occurred: UncertainDate | None = table_field(
        embedded("occurred", "occurred"), _means("transfer", "occurred")
    )
    nature: codes.Nature | None = table_field(column("nature"), _means("transfer", "nature"))
    stage: codes.Stage | None = table_field(column("stage"), _means("transfer", "stage"))
    origin: str | None = table_field(column("origin"), _means("transfer", "origin"))
    destination: str | None = table_field(column("destination"), _means("transfer", "destination"))
    route: str | None = table_field(column("route"), _means("transfer", "route"))
    transport: str | None = table_field(column("transport"), _means("transfer", "transport"))
    purpose: str | None = table_field(column("purpose"), _means("transfer", "purpose"))
    used_against: ActorRef | None = table_field(
        link("used_against", "actor"), _means("transfer", "usedAgainst")
    )
    part_of: TransferRef | None = table_field(
        link("part_of", "transfer"), _means("transfer", "partOf")
    )
    consideration_for: TransferRef | None = table_field(
        link("consideration_for", "transfer"), _means("transfer", "considerationFor")
    )
    consideration_extent: codes.ConsiderationExtent | None = table_field(
        column("consideration_extent"), _means("transfer", "considerationExtent")
    )
    summary: str | None = table_field(column("summary"), _means("transfer", "summary"))
    parts: Connection[TransferRef] = _records(
        "transfer", "part_of", "The transfers that are part of it."
    )
    counted_against: Connection[TransferRef] = _records(
        "transfer", "consideration_for", "The transfers given in return for it."
    )


@strawberry.type(description=KINDS["citation"].description)
class Citation(Record):
    """A source document."""

    kind: codes.CitationKind = table_field(column("kind"), _means("citation", "kind"))
    title: str = table_field(column("title"), _means("citation", "title"))
    publisher: ActorRef | None = table_field(
        link("publisher", "actor"), _means("citation", "publisher")
    )
    authors: list[str] = table_field(text_list("authors"), _means("citation", "authors"))
    url: str | None = table_field(column("url"), _means("citation", "url"))
    archive_url: str | None = table_field(column("archive_url"), _means("citation", "archiveUrl"))
    content_sha256: str | None = strawberry.field(
        name="contentSha256",
        description=_means("citation", "contentSha256"),
        metadata={"read": column("content_sha256")},
    )
    language: str | None = table_field(column("language"), _means("citation", "language"))
    published: UncertainDate | None = table_field(
        embedded("published", "published"), _means("citation", "published")
    )
    accessed: str | None = table_field(column("accessed"), _means("citation", "accessed"))
    integrity: codes.Integrity | None = table_field(
        column("integrity"), _means("citation", "integrity")
    )
    notice_url: str | None = table_field(column("notice_url"), _means("citation", "noticeUrl"))
    claims_resting: Connection[ClaimRef] = _records("claim", "citation", "The claims that cite it.")


@strawberry.type(description="A claimed record.")
class RecordValue:
    """A claimed record."""

    record: RecordRef = table_field(
        any_record(lambda scope: scope["value_record"], ("actor", "item", "transfer")),
        "The record that the source names.",
    )


ClaimValue: TypeAlias = Annotated[
    Union[Measure, Money, UncertainDate, RecordValue, CodeValue, TextValue],  # noqa: UP007
    strawberry.union("ClaimValue", description="The value of a claim, by the field's type."),
]


@strawberry.type(description="A claim that another one repeats, and in which way.")
class DerivationLink:
    """A link from a claim to the one it repeats."""

    claim: ClaimRef = table_field(link("parent", "claim"), "The claim that is repeated.")
    derivation: codes.Derivation = table_field(column("derivation"), "In which way.")


@strawberry.type(description="A claim that repeats this one, and in which way.")
class DerivedClaim:
    """A link from a claim to one that repeats it."""

    claim: ClaimRef = table_field(link("claim", "claim"), "The claim that repeats this one.")
    derivation: codes.Derivation = table_field(column("derivation"), "In which way.")


@strawberry.type(description=KINDS["claim"].description)
class Claim(Record):
    """What one source asserts about one field of one record."""

    subject: RecordRef = table_field(
        any_record(lambda scope: scope["subject"], ("transfer", "actor", "item")),
        _means("claim", "subject"),
    )
    field: codes.ClaimField = table_field(column("field"), _means("claim", "field"))
    value: ClaimValue | None = table_field(claim_value, _means("claim", "value"))
    stance: codes.Stance = table_field(column("stance"), _means("claim", "stance"))
    asserted_by: ActorRef | None = table_field(
        link("asserted_by", "actor"), _means("claim", "assertedBy")
    )
    citation: CitationRef = table_field(link("citation", "citation"), _means("claim", "citation"))
    quote: Quote | None = table_field(document("quote"), _means("claim", "quote"))
    locator: str | None = table_field(column("locator"), _means("claim", "locator"))
    derived_from: list[DerivationLink] = table_field(
        listing(
            "derivation",
            lambda at, inner: [
                inner["claim"] == at.scope["id"],
                inner["version"] == at.scope["version"],
            ],
            lambda inner: [inner["place"]],
            "DerivationLink",
        ),
        _means("claim", "derivedFrom"),
        size=PARENTS,
    )
    derived_by: Connection[DerivedClaim] = page_field(
        Connection[DerivedClaim],
        connection(
            "derivation",
            (Order("CLAIM_ASC", ("claim",)),),
            joined=lambda at, inner: [inner["parent"] == at.scope["id"]],
            natural=("claim",),
        ),
        "The claims that repeat this one.",
        _MODULE,
    )
    live: bool = table_field(
        found.live,
        "Whether it counts: it and its document stand, and so does one of those it rests on.",
        weight=4,
    )
    finding: FindingRef | None = table_field(
        found.of_claim,
        "What is held for the field it is about, beside the other claims.",
        weight=25,
    )
    chain: ChainRef = argument_field(
        ChainRef,
        chain.chain,
        "All that it rests on and all that repeats it, for drawing.",
        _MODULE,
        {"direction": (codes.ChainDirection | None, "Which way to follow; BOTH if absent.")},
    )


RECORD_TYPES: Final = (Actor, Item, Transfer, Citation, Claim)
EVERY_TYPE: Final = (*RECORD_TYPES, Changeset, Editor, Newsroom)
