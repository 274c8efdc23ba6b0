"""Whether a log holds together: every rule that needs no trust, entry by entry.

A `Verifier` is fed the entries in order, each with its content (the header's
disclosures, the revision documents with theirs, a redaction's targets), and
accepts or raises `NotVerified` with the place:

1. Each entry is one that `app.log.entry` could have written, at its position,
   not before the time of the one in front of it, and of a known kind.
2. Revision documents hash into the entry's root; versions of a record count
   from 1 without a hole, `prev` leads to the position of the one before, and
   its action fits its state.
3. A disclosure opens exactly one digest of its document, under a name that the
   record's kind has.
4. Rule R: a disclosure is absent if and only if a later REDACTION names its
   digest. In a PUBLIC copy restricted ones are withheld, and counted.

The tree grows with it: `check_root` compares it with a checkpoint of the same
size. What has to be remembered of the past lies in a `Memory`, so that a log
of any length passes through a bounded memory.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol

import orjson

from app.log.base64url import encode_base64url
from app.log.canonical import canonical_plain
from app.log.checkpoint import Checkpoint
from app.log.disclosure import open_disclosure
from app.log.entry import Subtree, changeset_root
from app.log.errors import EntryRefused, NotADisclosure, NotCanonical, NotVerified
from app.log.reading import (
    EntryParts,
    RevisionParts,
    TargetParts,
    read_entry,
    read_redaction_target,
    read_revision_document,
)
from app.log.tree import Peaks, leaf_hash

PUBLIC: Final = "PUBLIC"
AUDITOR: Final = "AUDITOR"
AUDIENCES: Final = (PUBLIC, AUDITOR)
HEADER: Final = "header"
"""The scope of what belongs to the changeset itself, in targets and in `names`."""

REDACTION: Final = "REDACTION"
REVIEW: Final = "REVIEW"
ACCESS: Final = "ACCESS"
WRITTEN_KINDS: Final = frozenset({"EDIT", "IMPORT", "MERGE", "REVERT", REDACTION, REVIEW, ACCESS})
"""The kinds whose rules this verifier knows; it fails on the others."""

ACCESS_RECORDS: Final = frozenset({"newsroom", "editor", "key"})
"""What ACCESS entries step, and no others: by the part of an id before its underscore."""

STATE_AFTER: Final[Mapping[str, str]] = {
    "ADD": "ACTIVE",
    "RETRACT": "RETRACTED",
    "RESTORE": "ACTIVE",
    "MERGE": "MERGED",
}
"""The state that an action leaves; REVISE and REDACT leave it as it was."""

_FROM: Final[Mapping[str, frozenset[str]]] = {
    "RETRACT": frozenset({"ACTIVE"}),
    "MERGE": frozenset({"ACTIVE"}),
    "RESTORE": frozenset({"RETRACTED", "MERGED"}),
}
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_PADDING: Final = (b"", b"===", b"==", b"=")
_SALT: Final = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
_RESERVED: Final = frozenset({"_sd", "..."})
_LARGEST: Final = 2**53 - 1


class Held(NamedTuple):
    """What is remembered of a record: its latest version, the position of that, its state."""

    version: int
    position: int
    state: str


class Gap(NamedTuple):
    """A digest without its disclosure; `version` is None in a header."""

    position: int
    scope: str
    version: int | None
    digest: str
    restricted: bool


class Memory(Protocol):
    """What a verifier remembers of the log behind it; implemented outside of this floor."""

    def held(self, record: str) -> Held | None:
        """Return what was last held of a record."""

    def hold(self, record: str, held: Held) -> None:
        """Remember the latest version of a record."""

    def miss(self, gaps: Sequence[Gap]) -> None:
        """Remember disclosures that are absent."""

    def name(self, target: TargetParts) -> bool:
        """Mark the gap that a redaction names; False where there is none, or it is marked."""

    def unnamed(self, *, restricted: bool) -> Iterator[Gap]:
        """Yield the gaps that no redaction named, by position: public or restricted ones."""


@dataclass(frozen=True, slots=True)
class OpenedRevision:
    """One revision document with what its disclosures open to, by name."""

    parts: RevisionParts
    state: str
    opened: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenedChangeset:
    """One entry that holds, with its content: the header's, the revisions', the targets."""

    parts: EntryParts
    leaf: bytes
    header: Mapping[str, Any]
    revisions: tuple[OpenedRevision, ...]
    targets: tuple[TargetParts, ...]


@dataclass(slots=True)
class Counts:
    """How much a verifier looked at and found in order."""

    changesets: int = 0
    revisions: int = 0
    records: int = 0
    disclosures: int = 0
    redactions: int = 0
    redacted: int = 0
    withheld: int = 0


@dataclass(slots=True)
class Verifier:
    """Fed every entry of a log in order, it accepts them or raises `NotVerified`.

    `names` gives the names of disclosures by kind of record (the part of an id
    before its underscore), and under `header`.
    """

    memory: Memory
    names: Mapping[str, frozenset[str]]
    audience: str
    peaks: Peaks = field(default_factory=Peaks)
    counts: Counts = field(default_factory=Counts)
    _latest: str = ""

    def feed(self, body: bytes, line: bytes) -> OpenedChangeset:
        """Accept the next entry and its content, one canonical JSON object without line end."""
        position = self.peaks.size + 1
        parts = self._entry(body, position)
        content = _Content.read(line, parts)
        header = self._open(HEADER, None, parts, content.header, position)
        revisions = tuple(self._revision(one, parts) for one in content.revisions)
        self._redact(parts, content.targets)
        leaf = leaf_hash(body)
        self.peaks = self.peaks.append(leaf)
        self._latest = parts.recorded_at
        self.counts.changesets += 1
        return OpenedChangeset(parts, leaf, header, revisions, content.targets)

    def check_root(
        self, checkpoint: Checkpoint, *, whose: str, finding: str = "ROOT", since: int = 0
    ) -> None:
        """Accept a checkpoint of just the size that was fed; `whose` says which one it is.

        `since` is the size up to which an earlier one, as trustworthy as this, agreed.
        """
        if self.peaks.root() != checkpoint.root:
            raise NotVerified(
                finding,
                f"{whose}, of size {checkpoint.size}, has another root than the entries here: "
                f"between positions {since + 1} and {checkpoint.size} the log is not what "
                "was signed",
                position=since + 1,
            )

    def finish(self) -> None:
        """Accept the end of the log: every gap was named, or is withheld from this audience."""
        for gap in self.memory.unnamed(restricted=False):
            raise _missing(gap)
        for gap in self.memory.unnamed(restricted=True):
            if self.audience == AUDITOR:
                raise _missing(gap)
            self.counts.withheld += 1

    def _entry(self, body: bytes, position: int) -> EntryParts:
        try:
            parts = read_entry(body)
        except EntryRefused as error:
            raise NotVerified(
                "ENTRY", f"the entry is not one of this log: {error}", position=position
            ) from error
        if parts.kind not in WRITTEN_KINDS:
            raise NotVerified(
                "KIND",
                f"the entry is of kind {parts.kind}, whose rules this release does not know; "
                "verify with a newer one",
                position=position,
            )
        if parts.position != position:
            raise NotVerified(
                "POSITION",
                f"the entry in this place says that it has position {parts.position}",
                position=position,
            )
        if parts.recorded_at < self._latest:
            raise NotVerified(
                "TIME",
                f"the entry was recorded at {parts.recorded_at}, before the one in front of it "
                f"({self._latest})",
                position=position,
            )
        return parts

    def _revision(self, one: _Revision, entry: EntryParts) -> OpenedRevision:
        parts = one.parts
        state = self._step(parts, entry)
        opened = self._open(parts.record, parts.version, parts, one.disclosures, entry.position)
        self.counts.revisions += 1
        self.counts.records += parts.version == 1
        self.memory.hold(parts.record, Held(parts.version, entry.position, state))
        return OpenedRevision(parts, state, opened)

    def _step(self, parts: RevisionParts, entry: EntryParts) -> str:
        """Return the state after a step, if it follows from the one before."""
        held = self.memory.held(parts.record)
        fault = _version_fault(parts, held) or _prev_fault(parts, held, entry.position)
        fault = fault or _action_fault(parts, held, entry.kind) or _kind_fault(parts, entry.kind)
        if fault is not None:
            raise NotVerified(*fault, position=entry.position, record=parts.record, field=None)
        state = "ACTIVE" if held is None else held.state
        return STATE_AFTER.get(parts.action, state)

    def _open(
        self,
        scope: str,
        version: int | None,
        document: EntryParts | RevisionParts,
        disclosures: Sequence[str],
        position: int,
    ) -> dict[str, Any]:
        """Open what is there, and remember what is absent."""
        place = _Place(position, None if scope == HEADER else scope)
        names = self.names.get(scope if scope == HEADER else scope.partition("_")[0])
        if names is None:
            raise place.failure("NAME", "no kind of record has ids like this one")
        absent = dict.fromkeys(document.public, False)
        absent.update(dict.fromkeys(document.restricted, True))
        opened: dict[str, Any] = {}
        before = ""
        for text in disclosures:
            digest, name, value = _opening(text, place)
            restricted = absent.pop(digest, None)
            if restricted is None:
                raise place.failure("DIGEST", _not_committed(name, again=digest == before), name)
            if restricted and self.audience == PUBLIC:
                raise place.failure(
                    "RESTRICTED", f"{name} is restricted, and this copy is for the public", name
                )
            if name not in names or name in opened:
                raise place.failure("NAME", _bad_name(name, twice=name in opened), name)
            if digest < before:
                raise place.failure("CONTENT", "disclosures stand in the order of digests", name)
            opened[name] = value
            before = digest
        self.counts.disclosures += len(opened)
        if absent:
            self.memory.miss(
                [Gap(position, scope, version, key, kind) for key, kind in sorted(absent.items())]
            )
        return opened

    def _redact(self, entry: EntryParts, targets: Sequence[TargetParts]) -> None:
        for target in targets:
            if target.position >= entry.position or not self.memory.name(target):
                raise TargetNotFound(entry.position, target)
        self.counts.redactions += entry.kind == REDACTION
        self.counts.redacted += len(targets)


class TargetNotFound(NotVerified):
    """A redaction names what is no gap: something shown in spite of it, or never there.

    `target` tells which; to say which of the two it is one has to look there.
    """

    def __init__(self, position: int, target: TargetParts) -> None:
        super().__init__(
            "TARGET",
            f"this redaction names digest {target.digest} at position {target.position}, where "
            "no such disclosure is absent, or it was named before",
            position=position,
            record=None if target.scope == HEADER else target.scope,
        )
        self.target = target


class _Place(NamedTuple):
    position: int
    record: str | None

    def failure(self, finding: str, message: str, name: str | None = None) -> NotVerified:
        return NotVerified(finding, message, position=self.position, record=self.record, field=name)


# --- a record's steps ---------------------------------------------------------

_Fault = tuple[str, str]


def _version_fault(parts: RevisionParts, held: Held | None) -> _Fault | None:
    expected = 1 if held is None else held.version + 1
    if parts.version == expected:
        return None
    return "VERSION", f"this is version {parts.version}, where version {expected} has to come"


def _prev_fault(parts: RevisionParts, held: Held | None, position: int) -> _Fault | None:
    expected = None if held is None else held.position
    if parts.prev != expected:
        return "PREV", f"prev is {parts.prev}, but the version before was written at {expected}"
    if expected == position:
        return "PREV", "one changeset takes a record two steps"
    return None


def _action_fault(parts: RevisionParts, held: Held | None, kind: str) -> _Fault | None:
    if (held is None) != (parts.action == "ADD"):
        return "ACTION", f"version {parts.version} cannot be made by {parts.action}"
    if (kind == REDACTION) != (parts.action == "REDACT"):
        return "ACTION", f"{parts.action} cannot stand in an entry of kind {kind}"
    if parts.action == "REDACT" and (parts.public or parts.restricted):
        return "ACTION", "a redaction takes content away, and this one adds some"
    if held is not None and held.state not in _FROM.get(parts.action, (held.state,)):
        return "ACTION", f"{parts.action} cannot be done to a record that is {held.state}"
    return None


def _kind_fault(parts: RevisionParts, kind: str) -> _Fault | None:
    is_access = parts.record.partition("_")[0] in ACCESS_RECORDS
    if is_access != (kind == ACCESS):
        return "ACTION", f"{parts.record} cannot be stepped by an entry of kind {kind}"
    if is_access and parts.public:
        return "ACTION", "what an access change tells is restricted, and some of it is public"
    return None


# --- content ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Revision:
    parts: RevisionParts
    disclosures: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Content:
    """A line of content, taken apart and compared with its entry."""

    header: Sequence[str]
    revisions: Sequence[_Revision]
    targets: tuple[TargetParts, ...]

    @classmethod
    def read(cls, line: bytes, entry: EntryParts) -> _Content:
        place = _Place(entry.position, None)
        value = _line(line, entry, place)
        header = _texts(value["header"], place)
        documents = list[bytes]()
        revisions = [_read_revision(one, documents, place) for one in _items(value, place)]
        _check_subtree(entry.revisions, documents, "revisions", place)
        targets = _read_targets(value.get("targets"), entry, place)
        _check_touched(entry, revisions, targets, place)
        # All of it is now known to be text, whole numbers and keys of ours: plain.
        if canonical_plain(value) != line:
            raise place.failure("CONTENT", "the content is not written in canonical JSON")
        return cls(header, revisions, targets)


def _line(line: bytes, entry: EntryParts, place: _Place) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise place.failure("CONTENT", "the content is not JSON") from error
    members = {"header", "position", "revisions"}
    if entry.kind == REDACTION:
        members.add("targets")
    if not isinstance(value, dict) or set(value) != members:
        raise place.failure("CONTENT", f"the content has exactly {', '.join(sorted(members))}")
    if type(value["position"]) is not int or value["position"] != entry.position:
        raise place.failure("CONTENT", f"the content here is that of {value['position']!r}")
    return value


def _texts(value: object, place: _Place) -> Sequence[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise place.failure("CONTENT", "disclosures are a list of texts")
    return value


def _items(value: Mapping[str, Any], place: _Place) -> list[Any]:
    if not isinstance(value["revisions"], list):
        raise place.failure("CONTENT", "revisions are a list")
    return value["revisions"]


def _read_revision(one: object, documents: list[bytes], place: _Place) -> _Revision:
    if not isinstance(one, dict) or set(one) != {"disclosures", "document"}:
        raise place.failure("CONTENT", "a revision has exactly disclosures, document")
    try:
        document = canonical_plain(one["document"])
        parts = read_revision_document(document)
    except (EntryRefused, NotCanonical) as error:
        raise place.failure("DOCUMENT", f"a revision document is none of this log: {error}") from (
            error
        )
    documents.append(document)
    return _Revision(parts, _texts(one["disclosures"], place))


def _read_targets(value: object, entry: EntryParts, place: _Place) -> tuple[TargetParts, ...]:
    if entry.targets is None:
        return ()
    if not isinstance(value, list):
        raise place.failure("CONTENT", "targets are a list")
    try:
        leaves = [canonical_plain(one) for one in value]
        targets = tuple(read_redaction_target(leaf) for leaf in leaves)
    except (EntryRefused, NotCanonical) as error:
        raise place.failure("TARGET", f"a target is none of this log: {error}") from error
    _check_subtree(entry.targets, leaves, "targets", place)
    return targets


def _check_subtree(committed: Subtree, leaves: Sequence[bytes], what: str, place: _Place) -> None:
    if committed.count != len(leaves):
        raise place.failure(
            "COUNT", f"the entry commits to {committed.count} {what}, and {len(leaves)} are there"
        )
    if changeset_root(leaves) != committed:
        raise place.failure(
            "SUBTREE", f"the {what} do not hash into the root that the entry commits to"
        )


def _check_touched(
    entry: EntryParts,
    revisions: Sequence[_Revision],
    targets: Sequence[TargetParts],
    place: _Place,
) -> None:
    """A redaction steps exactly the records that it takes content from, a review none."""
    decides = entry.kind == REVIEW or entry.proposal is not None
    if decides and not entry.restricted:
        raise place.failure("CONTENT", "a decision says, restricted, which proposal it is about")
    if entry.kind == REVIEW and revisions:
        raise place.failure("CONTENT", "a review decides on a proposal, and steps no record")
    if entry.kind != REDACTION:
        return
    named = {target.scope for target in targets} - {HEADER}
    touched = {one.parts.record for one in revisions}
    for record in sorted(named ^ touched):
        raise NotVerified(
            "TARGET",
            "a redaction steps the records that its targets name, and no others",
            position=place.position,
            record=record,
        )


# --- disclosures --------------------------------------------------------------


def _opening(text: str, place: _Place) -> tuple[str, str, Any]:
    """Return digest, name and value of a disclosure."""
    try:
        name, value = open_quickly(text)
    except NotADisclosure as error:
        raise place.failure("DISCLOSURE", f"a disclosure cannot be read: {error}") from error
    digest = b2a_base64(sha256(text.encode("ascii")).digest(), newline=False)
    return digest.translate(_URL_SAFE)[:-1].decode(), name, value


def open_quickly(text: str) -> tuple[str, Any]:
    """Return name and value as `open_disclosure` does, and raise where it raises.

    Most values are plain, whose canonical JSON needs no rules of its own; all
    others go the long way.
    """
    try:
        data = a2b_base64(text.encode("ascii").translate(_STANDARD) + _PADDING[len(text) % 4])
        salt, name, value = array = orjson.loads(data)
        if (
            type(array) is list
            and type(name) is str
            and type(salt) is str
            and _SALT.fullmatch(salt)
            and name not in _RESERVED
            and (type(value) is str or is_plain(value))
            # Written again it is the same text: so it was canonical, in JSON and in base64url.
            and encode_base64url(canonical_plain(array)) == text
        ):
            return name, value
    except (Base64Error, TypeError, ValueError, RecursionError):
        pass  # the long way says what is wrong
    opened = open_disclosure(text)
    return opened.name, opened.value


def is_plain(value: Any) -> bool:
    """Whether sorted keys and no blanks make the canonical JSON of a value (RFC 8785).

    So it is without floats, with integers up to 2^53 - 1, and ASCII keys.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-_LARGEST <= value <= _LARGEST)
    if kind is list:
        return all(map(is_plain, value))
    return kind is dict and all(key.isascii() and is_plain(one) for key, one in value.items())


def _not_committed(name: str, *, again: bool) -> str:
    if again:
        return f"{name} is there twice"
    return f"{name} opens no digest of its document: the value or its salt is not what was entered"


def _bad_name(name: str, *, twice: bool) -> str:
    return f"{name} is given twice" if twice else f"{name} is no name of what may stand here"


def _missing(gap: Gap) -> NotVerified:
    where = "the header" if gap.scope == HEADER else f"version {gap.version} of {gap.scope}"
    return NotVerified(
        "MISSING",
        f"a disclosure of {where} is absent (digest {gap.digest}), and no redaction names it",
        position=gap.position,
        record=None if gap.scope == HEADER else gap.scope,
    )


__all__ = [
    "AUDIENCES",
    "AUDITOR",
    "PUBLIC",
    "Counts",
    "Gap",
    "Held",
    "Memory",
    "OpenedChangeset",
    "OpenedRevision",
    "TargetNotFound",
    "Verifier",
    "is_plain",
    "open_quickly",
]
