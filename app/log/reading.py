"""The log's documents read back: the strict inverse of `app.log.entry`.

A document is taken apart, checked and written again; only where that gives the
very bytes that were read is it one of ours. So an unknown member, another order,
a doubled key, white space or a second spelling of a number never passes, and a
new format has to announce itself with a new `v`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import orjson

from app.log.entry import ENTRY_FORMAT, Subtree, entry, redaction_target, revision_document
from app.log.errors import EntryRefused, NotCanonical

_Value = TypeVar("_Value")

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


@dataclass(frozen=True, slots=True)
class EntryParts:
    """What an entry says, in the arguments of `entry`; `recorded_at` as it is written."""

    kind: str
    position: int
    changeset: str
    recorded_at: str
    editor: str
    newsroom: str
    role: str
    reason_code: str
    public: tuple[str, ...]
    restricted: tuple[str, ...]
    revisions: Subtree
    reverts: int | None = None
    on_behalf_of: str | None = None
    authority: str | None = None
    targets: Subtree | None = None
    proposal: str | None = None
    contributor: str | None = None


@dataclass(frozen=True, slots=True)
class RevisionParts:
    """What a revision document says, in the arguments of `revision_document`."""

    record: str
    version: int
    action: str
    prev: int | None
    public: tuple[str, ...]
    restricted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TargetParts:
    """What a redaction's target says, in the arguments of `redaction_target`."""

    position: int
    scope: str
    version: int | None
    digest: str


def read_entry(body: bytes) -> EntryParts:
    """Return what an entry says, if `entry` writes exactly these bytes.

    Raises `EntryRefused`, naming the member; an unknown `v` is refused first.
    """
    members = _Members.of(body, "entry")
    if members.take("v") != ENTRY_FORMAT:
        raise EntryRefused(member="v", message=f"this verifier knows {ENTRY_FORMAT} alone")
    parts = EntryParts(
        kind=members.text("kind"),
        position=members.number("position"),
        changeset=members.text("changeset"),
        recorded_at=members.text("recordedAt"),
        editor=members.text("editor"),
        newsroom=members.text("newsroom"),
        role=members.text("role"),
        reason_code=members.text("reasonCode"),
        public=members.texts("public"),
        restricted=members.texts("restricted"),
        revisions=members.subtree("revisions"),
        reverts=members.if_there("reverts", members.number),
        on_behalf_of=members.if_there("onBehalfOf", members.text),
        authority=members.if_there("authority", members.text),
        targets=members.if_there("targets", members.subtree),
        proposal=members.if_there("proposal", members.text),
        contributor=members.if_there("contributor", members.text),
    )
    members.check_written(body, lambda: _entry_again(parts))
    return parts


def read_revision_document(data: bytes) -> RevisionParts:
    """Return what a revision document says, if `revision_document` writes these bytes.

    Raises `EntryRefused`, naming the member.
    """
    members = _Members.of(data, "revision document")
    parts = RevisionParts(
        record=members.text("record"),
        version=members.number("version"),
        action=members.text("action"),
        prev=members.number_or_null("prev"),
        public=members.texts("public"),
        restricted=members.texts("restricted"),
    )
    members.check_written(data, lambda: _revision_again(parts))
    return parts


def read_redaction_target(data: bytes) -> TargetParts:
    """Return what a target says, if `redaction_target` writes exactly these bytes.

    Raises `EntryRefused`, naming the member.
    """
    members = _Members.of(data, "redaction target")
    parts = TargetParts(
        position=members.number("position"),
        scope=members.text("scope"),
        version=members.number_or_null("version"),
        digest=members.text("digest"),
    )
    members.check_written(data, lambda: _target_again(parts))
    return parts


class _Members:
    """The members of one document, each to be taken once."""

    def __init__(self, members: dict[str, object], document: str) -> None:
        self._members = members
        self._document = document

    @classmethod
    def of(cls, data: bytes, document: str) -> _Members:
        try:
            members = orjson.loads(data)
        # Nesting too deep and bytes that are not UTF-8 are among what it refuses.
        except orjson.JSONDecodeError as error:
            raise EntryRefused(member=document, message="these bytes are not JSON") from error
        if not isinstance(members, dict):
            raise EntryRefused(member=document, message="this is not a JSON object")
        return cls(members, document)

    def take(self, member: str) -> object:
        try:
            return self._members.pop(member)
        except KeyError as error:
            raise EntryRefused(member=member, message="this member is missing") from error

    def if_there(self, member: str, read: Callable[[str], _Value]) -> _Value | None:
        return read(member) if member in self._members else None

    def text(self, member: str) -> str:
        value = self.take(member)
        if not isinstance(value, str):
            raise EntryRefused(member=member, message="this is not text")
        return value

    def texts(self, member: str) -> tuple[str, ...]:
        values = self.take(member)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise EntryRefused(member=member, message="this is not a list of texts")
        return tuple(values)

    def number(self, member: str) -> int:
        return _number(member, self.take(member))

    def number_or_null(self, member: str) -> int | None:
        value = self.take(member)
        return None if value is None else _number(member, value)

    def subtree(self, member: str) -> Subtree:
        match self.take(member):
            case {"count": int(count), "root": str(root)}:
                return Subtree(_number(member, count), root)
        raise EntryRefused(member=member, message="a subtree has a count and a root")

    def check_written(self, data: bytes, write: Callable[[], bytes]) -> None:
        """Refuse `data` unless every member was taken and `write` gives the same bytes."""
        if self._members:
            raise EntryRefused(member=min(self._members), message="no document has this member")
        try:
            written = write()
        except NotCanonical as error:
            raise EntryRefused(member=self._document, message=str(error)) from error
        if written != data:
            raise EntryRefused(
                member=self._document, message="this is not how canonical JSON writes it"
            )


def _entry_again(parts: EntryParts) -> bytes:
    return entry(
        kind=parts.kind,
        position=parts.position,
        changeset=parts.changeset,
        recorded_at=_instant(parts.recorded_at),
        editor=parts.editor,
        newsroom=parts.newsroom,
        role=parts.role,
        reason_code=parts.reason_code,
        public=parts.public,
        restricted=parts.restricted,
        revisions=parts.revisions,
        reverts=parts.reverts,
        on_behalf_of=parts.on_behalf_of,
        authority=parts.authority,
        targets=parts.targets,
        proposal=parts.proposal,
        contributor=parts.contributor,
    )


def _revision_again(parts: RevisionParts) -> bytes:
    return revision_document(
        record=parts.record,
        version=parts.version,
        action=parts.action,
        prev=parts.prev,
        public=parts.public,
        restricted=parts.restricted,
    )


def _target_again(parts: TargetParts) -> bytes:
    return redaction_target(
        position=parts.position, scope=parts.scope, version=parts.version, digest=parts.digest
    )


def _number(member: str, value: object) -> int:
    # A float, a boolean, and digits beyond what the parser holds are no numbers here.
    if type(value) is not int:
        raise EntryRefused(member=member, message="this is not a whole number")
    return value


def _instant(text: str) -> datetime:
    if not _INSTANT.fullmatch(text):
        raise EntryRefused(member="recordedAt", message="a time has six digits after the second, Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise EntryRefused(member="recordedAt", message="there is no such time") from error
