"""The tables: each row of a record's table is one version of one record.

A version is read by `superseded`: END while it is the present one, else the
position that replaced it. Present and past are the same SELECT over the same
columns (design: records are their own history).

Instants of the ledger are RFC 3339 text in UTC with microseconds, so that they
sort, and are shown, as they stand. Ids compare by code point on both databases.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    column,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

END: Final = 9223372036854775807
"""The position that has not come yet: `superseded` of every present version."""

IS_PRESENT: Final = text(f"superseded = {END}")

CODE_POINT_TEXT: Final[TypeEngine[str]] = Text().with_variant(
    postgresql.TEXT(collation="C"), "postgresql"
)
POSITION: Final[TypeEngine[int]] = BigInteger().with_variant(Integer(), "sqlite")
JSON_DOCUMENT: Final[TypeEngine[Any]] = JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
TOKENS: Final[TypeEngine[str]] = Text().with_variant(postgresql.TSVECTOR(), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Table(SQLModel):
    """The base of every table: all of them share one `MetaData`."""

    metadata: ClassVar[MetaData] = metadata


def _text(*, nullable: bool = True, primary_key: bool = False, **more: Any) -> Any:
    return Field(
        default=None if nullable else ...,
        sa_type=CODE_POINT_TEXT,
        nullable=nullable,
        primary_key=primary_key,
        **more,
    )


def _record(*, nullable: bool = True) -> Any:
    return _text(nullable=nullable, foreign_key="record.id")


def _position(*, nullable: bool = False, **more: Any) -> Any:
    return Field(default=None if nullable else ..., sa_type=POSITION, nullable=nullable, **more)


def _amount() -> Any:
    """Thousandths, so that sums and order are exact on both databases."""
    return Field(default=None, sa_type=BigInteger, nullable=True)


def _flag() -> Any:
    return Field(default=None, sa_type=Boolean, nullable=True)


def _document() -> Any:
    return Field(default=None, sa_type=JSON_DOCUMENT, nullable=True)


def _version() -> Any:
    """The version that the row holds; 0 stands from before access was kept in the log."""
    return Field(default=0, sa_type=Integer, nullable=False, sa_column_kwargs=_FROM_BEFORE)


_FROM_BEFORE: Final = {"server_default": "0"}


# --- who acts -----------------------------------------------------------------
#
# One row each, of the present: `entered` is the position whose changeset wrote it as it
# is. The history stands in `revision` and `change`, like that of a record.


class Newsroom(Table, table=True):
    """A newsroom that edits here; the house newsroom is the ledger's own."""

    __tablename__ = "newsroom"

    id: str = _text(nullable=False, primary_key=True)
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    house: bool = Field(sa_type=Boolean, nullable=False)
    created_at: str = _text(nullable=False)
    version: int = _version()
    entered: int | None = _position(nullable=True)


class Editor(Table, table=True):
    """A person or a program that acts for a newsroom, in one role.

    `identity` is issuer and subject at an OpenID provider: `issuer|subject`.
    """

    __tablename__ = "editor"
    __table_args__ = (
        Index("ix_editor_newsroom", "newsroom"),
        Index("uq_editor_identity", "identity", unique=True),
    )

    id: str = _text(nullable=False, primary_key=True)
    newsroom: str = _text(nullable=False, foreign_key="newsroom.id")
    name: str = Field(sa_type=Text, nullable=False)
    role: str = _text(nullable=False)
    created_at: str = _text(nullable=False)
    retired_at: str | None = _text()
    identity: str | None = _text()
    version: int = _version()
    entered: int | None = _position(nullable=True)


class Key(Table, table=True):
    """A credential of an editor; the secret itself is not stored.

    `scopes` are the acts that it is confined to, null where it is confined to none.
    """

    __tablename__ = "key"
    __table_args__ = (Index("ix_key_editor", "editor"),)

    id: str = _text(nullable=False, primary_key=True)
    editor: str = _text(nullable=False, foreign_key="editor.id")
    label: str = Field(sa_type=Text, nullable=False)
    digest: str = Field(sa_column=Column(CODE_POINT_TEXT, nullable=False, unique=True))
    created_at: str = _text(nullable=False)
    expires_at: str | None = _text()
    revoked_at: str | None = _text()
    scopes: Any = _document()
    not_before: str | None = _text()
    rotated_from: str | None = _text(foreign_key="key.id")
    version: int = _version()
    entered: int | None = _position(nullable=True)


class KeyUse(Table, table=True):
    """When a key was last used, to the minute; no ledger content, and gone at any time."""

    __tablename__ = "key_use"

    key: str = _text(nullable=False, primary_key=True)
    used_at: str = _text(nullable=False)


class IssuerWord(Table, table=True):
    """The newest token of a person that settled a role here: when its issuer gave it out.

    `issued_at` is a second of POSIX time, by the issuer's clock. No ledger content; without
    a row an older token that is still valid could bring an earlier role back.
    """

    __tablename__ = "issuer_word"

    identity: str = _text(nullable=False, primary_key=True)
    issued_at: float = Field(sa_type=Double, nullable=False)


# --- the ledger ---------------------------------------------------------------


class Head(Table, table=True):
    """Where the log ends: its size, the peaks of its tree and its latest time."""

    __tablename__ = "head"

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    size: int = _position()
    peaks: bytes = Field(sa_type=LargeBinary, nullable=False)
    recorded_at: str = _text(nullable=False)


def _actor(target: str) -> Any:
    """Who made a changeset: deferrable, for the first one enters its own editor."""
    column_type: Any = CODE_POINT_TEXT
    return Field(
        sa_column=Column(
            column_type, ForeignKey(target, deferrable=True, initially="IMMEDIATE"), nullable=False
        )
    )


class Changeset(Table, table=True):
    """One accepted edit; its prose stands in `header`."""

    __tablename__ = "changeset"
    __table_args__ = (
        Index("ix_changeset_recorded_at", "recorded_at", "position"),
        Index("ix_changeset_editor", "editor", "position"),
        Index("ix_changeset_newsroom", "newsroom", "position"),
        Index("ix_changeset_reverts", "reverts"),
        Index("ix_changeset_contributor", "contributor", "position"),
    )

    position: int = Field(sa_column=Column(POSITION, primary_key=True, autoincrement=False))
    id: str = Field(sa_column=Column(CODE_POINT_TEXT, nullable=False, unique=True))
    recorded_at: str = _text(nullable=False)
    editor: str = _actor("editor.id")
    newsroom: str = _actor("newsroom.id")
    role: str = _text(nullable=False)
    on_behalf_of: str | None = _text(foreign_key="newsroom.id")
    kind: str = _text(nullable=False)
    reason_code: str = _text(nullable=False)
    reverts: int | None = _position(nullable=True, foreign_key="changeset.position")
    proposal: str | None = _text()
    contributor: str | None = _text()


class Header(Table, table=True):
    """The prose of a changeset: reason note, internal note, editor's name, origin."""

    __tablename__ = "header"

    position: int = _position(primary_key=True, foreign_key="changeset.position")
    name: str = _text(nullable=False, primary_key=True)
    value: str = Field(sa_type=Text, nullable=False)
    salt: str = _text(nullable=False)
    digest: str = _text(nullable=False)
    restricted: bool = Field(sa_type=Boolean, nullable=False)


class Record(Table, table=True):
    """That a record exists: what foreign keys point at."""

    __tablename__ = "record"

    id: str = _text(nullable=False, primary_key=True)
    kind: str = _text(nullable=False)
    created: int = _position(foreign_key="changeset.position")


class Revision(Table, table=True):
    """One record's step to a new version; `place` is its order in the changeset."""

    __tablename__ = "revision"
    __table_args__ = (Index("uq_revision_position", "position", "place", unique=True),)

    record_id: str = _text(nullable=False, primary_key=True, foreign_key="record.id")
    version: int = Field(primary_key=True)
    position: int = _position(foreign_key="changeset.position")
    place: int = Field(sa_type=Integer, nullable=False)
    action: str = _text(nullable=False)
    prev: int | None = _position(nullable=True)


class Change(Table, table=True):
    """One field moving from one value to another; values are canonical JSON text."""

    __tablename__ = "change"
    __table_args__ = (
        ForeignKeyConstraint(["record_id", "version"], ["revision.record_id", "revision.version"]),
        Index("ix_change_field", "record_id", "field", "version"),
    )

    record_id: str = _text(nullable=False, primary_key=True)
    version: int = Field(primary_key=True)
    field: str = _text(nullable=False, primary_key=True)
    place: int = Field(sa_type=Integer, nullable=False)
    before: str = Field(sa_type=Text, nullable=False)
    after: str = Field(sa_type=Text, nullable=False)
    salt: str = _text(nullable=False)
    digest: str = _text(nullable=False)


class Redaction(Table, table=True):
    """By what authority the changeset at a position removed content."""

    __tablename__ = "redaction"

    position: int = _position(primary_key=True, foreign_key="changeset.position")
    authority: str = _text(nullable=False)


class RedactionTarget(Table, table=True):
    """One disclosure whose content a redaction removed: where it stood, and its digest.

    `position` is the redaction's, `target` that of the changeset which disclosed it.
    `scope` is a record's id, or `header`, of which there is no version.
    """

    __tablename__ = "redaction_target"
    __table_args__ = (
        Index("uq_redaction_target_digest", "digest", unique=True),
        Index("ix_redaction_target_field", "scope", "field"),
        Index("ix_redaction_target_target", "target"),
    )

    position: int = _position(primary_key=True, foreign_key="redaction.position")
    place: int = Field(primary_key=True)
    target: int = _position(foreign_key="changeset.position")
    scope: str = _text(nullable=False)
    version: int | None = Field(default=None, sa_type=Integer, nullable=True)
    field: str = _text(nullable=False)
    digest: str = _text(nullable=False)


class Entry(Table, table=True):
    """The log's entry of one changeset: its bytes and its leaf hash."""

    __tablename__ = "entry"

    position: int = _position(primary_key=True, foreign_key="changeset.position")
    body: str = Field(sa_type=Text, nullable=False)
    leaf_hash: bytes = Field(sa_type=LargeBinary, nullable=False)


class TreeNode(Table, table=True):
    """A node of the log's tree: the root of the 256^level leaves from number * 256^level on.

    Derived, and no ledger table: it follows from the entries (`app.store.tree`).
    """

    __tablename__ = "node"

    level: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    number: int = Field(sa_column=Column(POSITION, primary_key=True, autoincrement=False))
    hash: bytes = Field(sa_type=LargeBinary, nullable=False)


class Checkpoint(Table, table=True):
    """A head of the log that was signed and published: the whole signed note."""

    __tablename__ = "checkpoint"

    size: int = Field(sa_column=Column(POSITION, primary_key=True, autoincrement=False))
    note: str = Field(sa_type=Text, nullable=False)
    signed_at: str = _text(nullable=False)


class Idempotency(Table, table=True):
    """Which position answered which idempotency key; holds no content.

    `key` is a digest of who sent it and the key, `payload` an HMAC under the key itself,
    so that nothing here lets a redacted payload be guessed. `warnings` are codes and ids,
    and so is `answer`, beside numbers. Nothing was written where there is no position.
    """

    __tablename__ = "idempotency"
    __table_args__ = (Index("ix_idempotency_created_at", "created_at"),)

    key: str = _text(nullable=False, primary_key=True)
    payload: str = _text(nullable=False)
    position: int | None = _position(nullable=True, foreign_key="changeset.position")
    warnings: Any = _document()
    created_at: str = _text(nullable=False)
    answer: Any = _document()


class Budget(Table, table=True):
    """What clients have taken of the server, summed over its processes; holds no content.

    `client` is an address or the id of a key, `full_at` the second (of POSIX time) at
    which its budget is whole again. Rows are deleted once that has passed.
    """

    __tablename__ = "budget"

    client: str = _text(nullable=False, primary_key=True)
    full_at: float = Field(sa_type=Double, nullable=False)


class AccessLogEntry(Table, table=True):
    """A request that was made with a key or a token; holds neither variables nor answers.

    `seq` sorts by time. `missed` counts the requests before it that were not written down.
    Rows are deleted after some time.
    """

    __tablename__ = "access_log"
    __table_args__ = (
        Index("ix_access_log_newsroom", "newsroom", "seq"),
        Index("ix_access_log_editor", "editor", "seq"),
    )

    seq: str = _text(nullable=False, primary_key=True)
    at: str = _text(nullable=False)
    editor: str = _text(nullable=False)
    newsroom: str = _text(nullable=False)
    key: str | None = _text()
    kind: str | None = _text()
    operation: str | None = _text()
    document: str | None = _text()
    cost: int = _position()
    position: int | None = _position(nullable=True)
    code: str | None = _text()
    within_ms: int | None = Field(default=None, sa_type=Integer, nullable=True)
    missed: int = Field(sa_type=Integer, nullable=False)


# --- proposals ----------------------------------------------------------------


class Proposal(Table, table=True):
    """A changeset that a contributor asks for; its content stands in `proposal_draft`.

    `revision` counts its drafts, and is the one that stands. `changeset` is the position
    that an accepted one became.
    """

    __tablename__ = "proposal"
    __table_args__ = (
        Index("ix_proposal_newsroom", "newsroom", "state", "id"),
        Index("ix_proposal_state", "state", "id"),
        Index("ix_proposal_updated", "updated_at", "id"),
        Index("ix_proposal_editor", "editor", "id"),
        Index("ix_proposal_changeset", "changeset"),
    )

    id: str = _text(nullable=False, primary_key=True)
    newsroom: str = _text(nullable=False, foreign_key="newsroom.id")
    editor: str = _text(nullable=False, foreign_key="editor.id")
    state: str = _text(nullable=False)
    revision: int = Field(sa_type=Integer, nullable=False)
    created_at: str = _text(nullable=False)
    updated_at: str = _text(nullable=False)
    decided_at: str | None = _text()
    changeset: int | None = _position(nullable=True, foreign_key="changeset.position")


class ProposalDraft(Table, table=True):
    """What a proposal asked for at one of its revisions: the input, and what it was based on.

    `input` is JSON text with the ids of what it adds; `digest` opens with `salt`, as the
    log's disclosures do, so that a decision can say what was decided on.
    """

    __tablename__ = "proposal_draft"

    proposal: str = _text(nullable=False, primary_key=True, foreign_key="proposal.id")
    revision: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    based_on: int = _position()
    created_at: str = _text(nullable=False)
    input: str = Field(sa_type=Text, nullable=False)
    salt: str = _text(nullable=False)
    digest: str = _text(nullable=False)


class ProposalStep(Table, table=True):
    """One record's step that a draft would make: to which version, as it was made."""

    __tablename__ = "proposal_step"
    __table_args__ = (
        ForeignKeyConstraint(
            ["proposal", "revision"], ["proposal_draft.proposal", "proposal_draft.revision"]
        ),
        Index("ix_proposal_step_record", "record_id", "proposal"),
    )

    proposal: str = _text(nullable=False, primary_key=True)
    revision: int = Field(primary_key=True)
    place: int = Field(primary_key=True)
    record_id: str = _text(nullable=False)
    version: int = Field(sa_type=Integer, nullable=False)
    action: str = _text(nullable=False)


class ProposalChange(Table, table=True):
    """One field that a draft's step would change; values are canonical JSON text."""

    __tablename__ = "proposal_change"
    __table_args__ = (
        ForeignKeyConstraint(
            ["proposal", "revision"], ["proposal_draft.proposal", "proposal_draft.revision"]
        ),
        Index("ix_proposal_change_field", "record_id", "field"),
    )

    proposal: str = _text(nullable=False, primary_key=True)
    revision: int = Field(primary_key=True)
    record_id: str = _text(nullable=False, primary_key=True)
    field: str = _text(nullable=False, primary_key=True)
    place: int = Field(sa_type=Integer, nullable=False)
    before: str = Field(sa_type=Text, nullable=False)
    after: str = Field(sa_type=Text, nullable=False)


class ProposalEvent(Table, table=True):
    """What happened to a proposal, in order.

    A decision has its `position` in the log, where its note stands (`header`, restricted).
    """

    __tablename__ = "proposal_event"
    __table_args__ = (Index("ix_proposal_event_position", "position"),)

    proposal: str = _text(nullable=False, primary_key=True, foreign_key="proposal.id")
    place: int = Field(primary_key=True)
    revision: int = Field(sa_type=Integer, nullable=False)
    kind: str = _text(nullable=False)
    editor: str = _text(nullable=False, foreign_key="editor.id")
    newsroom: str = _text(nullable=False, foreign_key="newsroom.id")
    at: str = _text(nullable=False)
    note: str | None = Field(default=None, sa_type=Text, nullable=True)
    position: int | None = _position(nullable=True, foreign_key="changeset.position")


# --- the records --------------------------------------------------------------


class Version(Table):
    """The columns that every version row has."""

    id: str = Field(
        sa_type=CODE_POINT_TEXT, nullable=False, primary_key=True, foreign_key="record.id"
    )
    version: int = Field(primary_key=True)
    entered: int = Field(sa_type=POSITION, nullable=False, foreign_key="changeset.position")
    superseded: int = Field(sa_type=POSITION, nullable=False)
    state: str = Field(sa_type=CODE_POINT_TEXT, nullable=False)
    newsroom: str = Field(sa_type=CODE_POINT_TEXT, nullable=False, foreign_key="newsroom.id")
    external_ref: str | None = Field(default=None, sa_type=CODE_POINT_TEXT, nullable=True)


def _version_indexes(table: str) -> tuple[Index, ...]:
    """Indexes of every record's table: by id now and as of, newest, external reference."""
    return (
        _present(f"uq_{table}_present", "id", unique=True),
        Index(f"ix_{table}_as_of", "id", column("entered").desc(), "superseded"),
        _present(f"ix_{table}_newest", column("entered").desc(), column("id").desc()),
        _present(f"uq_{table}_external_ref", "newsroom", "external_ref", unique=True),
    )


def _order_indexes(table: str, name: str, *columns: Any) -> tuple[Index, ...]:
    """One order twice: over the present, and over all versions for the archive."""
    return (
        _present(f"ix_{table}_{name}", *columns),
        Index(f"ix_{table}_{name}_as_of", *columns, "entered", "superseded"),
    )


def _present(name: str, *columns: Any, unique: bool = False) -> Index:
    return Index(
        name, *columns, unique=unique, sqlite_where=IS_PRESENT, postgresql_where=IS_PRESENT
    )


class Actor(Version, table=True):
    """Versions of actors."""

    __tablename__ = "actor"
    __table_args__ = (
        *_version_indexes("actor"),
        *_order_indexes("actor", "name", "name_key", "id"),
        *_order_indexes("actor", "acts_for", "acts_for", "id"),
        *_order_indexes("actor", "part_of", "part_of", "id"),
    )

    name: str = Field(sa_type=Text, nullable=False)
    name_key: str = _text(nullable=False)
    kind: str = _text(nullable=False)
    aliases: Any = _document()
    country: str | None = _text()
    acts_for: str | None = _record()
    part_of: str | None = _record()
    identifiers: Any = _document()
    description: str | None = Field(default=None, sa_type=Text, nullable=True)
    merged_into: str | None = _record()


class Item(Version, table=True):
    """Versions of items."""

    __tablename__ = "item"
    __table_args__ = (
        *_version_indexes("item"),
        *_order_indexes("item", "name", "name_key", "id"),
        *_order_indexes("item", "broader", "broader", "id"),
    )

    name: str = Field(sa_type=Text, nullable=False)
    name_key: str = _text(nullable=False)
    aliases: Any = _document()
    kind: str = _text(nullable=False)
    broader: str | None = _record()
    unit: str | None = Field(default=None, sa_type=Text, nullable=True)
    hs_code: str | None = _text()
    identifiers: Any = _document()
    description: str | None = Field(default=None, sa_type=Text, nullable=True)
    merged_into: str | None = _record()


class Transfer(Version, table=True):
    """Versions of transfers."""

    __tablename__ = "transfer"
    __table_args__ = (
        *_version_indexes("transfer"),
        *_order_indexes(
            "transfer", "occurred", column("occurred_earliest").desc(), column("id").desc()
        ),
        *_order_indexes("transfer", "giver", "giver", "id"),
        *_order_indexes("transfer", "receiver", "receiver", "id"),
        *_order_indexes("transfer", "item", "item", "id"),
        *_order_indexes("transfer", "used_against", "used_against", "id"),
        *_order_indexes("transfer", "part_of", "part_of", "id"),
        *_order_indexes("transfer", "consideration_for", "consideration_for", "id"),
    )

    title: str = Field(sa_type=Text, nullable=False)
    giver: str | None = _record()
    receiver: str | None = _record()
    item: str | None = _record()
    quantity_amount: int | None = _amount()
    quantity_lower: int | None = _amount()
    quantity_upper: int | None = _amount()
    quantity_approximate: bool | None = _flag()
    quantity_unit: str | None = Field(default=None, sa_type=Text, nullable=True)
    quantity_verbatim: str | None = Field(default=None, sa_type=Text, nullable=True)
    value_amount: int | None = _amount()
    value_lower: int | None = _amount()
    value_upper: int | None = _amount()
    value_approximate: bool | None = _flag()
    value_unit: str | None = Field(default=None, sa_type=Text, nullable=True)
    value_verbatim: str | None = Field(default=None, sa_type=Text, nullable=True)
    value_basis: str | None = _text()
    occurred: str | None = _text()
    occurred_earliest: str = _text(nullable=False)
    occurred_latest: str = _text(nullable=False)
    nature: str | None = _text()
    stage: str | None = _text()
    origin: str | None = Field(default=None, sa_type=Text, nullable=True)
    destination: str | None = Field(default=None, sa_type=Text, nullable=True)
    route: str | None = Field(default=None, sa_type=Text, nullable=True)
    transport: str | None = Field(default=None, sa_type=Text, nullable=True)
    purpose: str | None = Field(default=None, sa_type=Text, nullable=True)
    used_against: str | None = _record()
    part_of: str | None = _record()
    consideration_for: str | None = _record()
    consideration_extent: str | None = _text()
    summary: str | None = Field(default=None, sa_type=Text, nullable=True)


class Citation(Version, table=True):
    """Versions of citations."""

    __tablename__ = "citation"
    __table_args__ = (
        *_version_indexes("citation"),
        *_order_indexes(
            "citation", "published", column("published_earliest").desc(), column("id").desc()
        ),
        *_order_indexes("citation", "publisher", "publisher", "id"),
    )

    kind: str = _text(nullable=False)
    title: str = Field(sa_type=Text, nullable=False)
    publisher: str | None = _record()
    authors: Any = _document()
    url: str | None = Field(default=None, sa_type=Text, nullable=True)
    archive_url: str | None = Field(default=None, sa_type=Text, nullable=True)
    content_sha256: str | None = _text()
    language: str | None = _text()
    published: str | None = _text()
    published_earliest: str = _text(nullable=False)
    published_latest: str = _text(nullable=False)
    accessed: str | None = _text()
    integrity: str | None = _text()
    notice_url: str | None = Field(default=None, sa_type=Text, nullable=True)


class Claim(Version, table=True):
    """Versions of claims; the value stands in the columns of its type."""

    __tablename__ = "claim"
    __table_args__ = (
        *_version_indexes("claim"),
        *_order_indexes("claim", "subject", "subject", "id"),
        *_order_indexes("claim", "about", "subject", "field", "id"),
        *_order_indexes("claim", "citation", "citation", "id"),
        *_order_indexes("claim", "asserted_by", "asserted_by", "id"),
        *_order_indexes("claim", "value_record", "value_record", "id"),
    )

    subject: str = _record(nullable=False)
    field: str = _text(nullable=False)
    stance: str = _text(nullable=False)
    asserted_by: str | None = _record()
    citation: str = _record(nullable=False)
    quote: Any = _document()
    locator: str | None = Field(default=None, sa_type=Text, nullable=True)
    value_amount: int | None = _amount()
    value_lower: int | None = _amount()
    value_upper: int | None = _amount()
    value_approximate: bool | None = _flag()
    value_unit: str | None = Field(default=None, sa_type=Text, nullable=True)
    value_verbatim: str | None = Field(default=None, sa_type=Text, nullable=True)
    value_basis: str | None = _text()
    value_tag: str | None = _text()
    value_date: str | None = _text()
    value_earliest: str = _text(nullable=False)
    value_latest: str = _text(nullable=False)
    value_record: str | None = _record()
    value_code: str | None = _text()
    value_text: str | None = Field(default=None, sa_type=Text, nullable=True)


class Derivation(Table, table=True):
    """The links `derivedFrom` of one version of a claim, readable from both ends.

    `entered` and `superseded` repeat those of the claim's version, so that
    links are read as of a position like any record.
    """

    __tablename__ = "derivation"
    __table_args__ = (
        ForeignKeyConstraint(["claim", "version"], ["claim.id", "claim.version"]),
        *_order_indexes("derivation", "parent", "parent", "claim"),
    )

    claim: str = _text(nullable=False, primary_key=True)
    version: int = Field(primary_key=True)
    place: int = Field(primary_key=True)
    parent: str = _text(nullable=False, foreign_key="record.id")
    derivation: str = _text(nullable=False)
    entered: int = _position()
    superseded: int = _position()


class Search(Table, table=True):
    """What the present, active records are found by (`app.store.search_index`).

    Derived, and no ledger table: its rows come and go. `number` is the record's place
    in the log, `words` its tokens, `names` what pg_trgm compares.
    """

    __tablename__ = "search"

    number: int = Field(sa_column=Column(POSITION, primary_key=True, autoincrement=False))
    id: str = Field(
        sa_column=Column(
            CODE_POINT_TEXT, ForeignKey("record.id", name="fk_search_id"), nullable=False,
            unique=True,
        )
    )  # fmt: skip
    words: str = Field(sa_type=TOKENS, nullable=False)
    names: str = Field(sa_type=Text, nullable=False)


RECORD_TABLES: Final[dict[str, type[Version]]] = {
    "actor": Actor,
    "item": Item,
    "transfer": Transfer,
    "citation": Citation,
    "claim": Claim,
}

LEDGER_TABLES: Final = (
    "newsroom", "editor", "key", "head", "changeset", "header", "record", "revision",
    "change", "redaction", "redaction_target", "entry", "checkpoint", "actor", "item",
    "transfer", "citation", "claim", "derivation", "proposal", "proposal_draft",
    "proposal_step", "proposal_change", "proposal_event",
)  # fmt: skip
"""What the database itself refuses to forget; `idempotency` and `budget` may expire, and
`search` and `node` are derived."""
