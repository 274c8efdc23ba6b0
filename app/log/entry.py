"""From disclosures to a leaf of the log: the hashed bytes of one changeset.

1. A *revision document* commits to one record's step to a new version: its
   content as digests only, and the position of the version before it.
2. The revision documents of a changeset, in order, are the leaves of a small
   tree; its size and root are all of them that the entry holds.
3. The *entry* is the canonical JSON of the changeset's header. Entry n is leaf
   n - 1 of the log, and its leaf hash is `app.log.tree.leaf_hash(entry)`.
4. A REDACTION names the disclosures that it takes away. Each of these *targets*
   is a leaf of another small tree, and the entry holds its size and root.

None of them holds prose, names or figures: those can be redacted later and the log
cannot. So every member is an id, a code, a number, an instant or a digest, and
anything else is refused here. Changing one of these bytes needs a new `v`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.log.canonical import canonical_plain
from app.log.errors import EntryRefused
from app.log.tree import leaf_hash, root_hash

ENTRY_FORMAT = "corrigenda-entry/1"
"""The `v` of every entry; a verifier fails on one that it does not know."""

ENTRY_MAX_BYTES = 65_535
"""What the length of an entry in a C2SP tlog-tiles bundle, a uint16, can say."""

KINDS = frozenset(
    {"EDIT", "IMPORT", "MERGE", "REVERT", "REDACTION", "REVIEW", "ACCESS", "KEY", "FREEZE"}
)
PROPOSED_KINDS = frozenset({"EDIT", "MERGE"})
"""The kinds of entry that can come from a proposal."""

ACTIONS = frozenset({"ADD", "REVISE", "RETRACT", "RESTORE", "MERGE", "REDACT"})
AUTHORITIES = frozenset({"LEGAL", "PRIVACY", "EDITORIAL"})
HEADER_SCOPE = "header"
"""The scope of a disclosure that belongs to the entry itself, not to one of its records."""

_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
# A TypeID has at most 63 letters of prefix, an underscore and 26 characters.
_ID = re.compile(r"[a-z][a-z0-9_]{0,89}")
# 32 bytes are 42 characters and four bits: the last two bits of the 43rd are zero.
_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_ROOT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Subtree:
    """A tree inside an entry: the number of its leaves, and its root in lower-case hex."""

    count: int
    root: str


def revision_document(  # noqa: PLR0913 - one argument for each member
    *,
    record: str,
    version: int,
    action: str,
    prev: int | None,
    public: Iterable[str],
    restricted: Iterable[str],
) -> bytes:
    """Return the bytes that commit to one record's step to `version`.

    `prev` is the position that wrote the version before, None for the first.
    `public` and `restricted` are digests of disclosures, in any order.
    Raises `EntryRefused`.
    """
    return canonical_plain(
        {
            "record": _id("record", record),
            "version": _count("version", version),
            "action": _one_of("action", action, ACTIONS),
            "prev": None if prev is None else _count("prev", prev),
            **_digests(public, restricted),
        }
    )


def changeset_root(documents: Sequence[bytes]) -> Subtree:
    """Return size and root of the tree whose leaves are the documents, in order.

    A changeset that touches no record has the root of the empty tree. The
    targets of a redaction make their tree in the same way.
    """
    root = root_hash([leaf_hash(document) for document in documents])
    return Subtree(len(documents), root.hex())


def redaction_target(*, position: int, scope: str, version: int | None, digest: str) -> bytes:
    """Return the bytes that name one disclosure which a REDACTION takes away.

    `position` is that of the entry which logged it. `scope` is the id of the
    record, with the `version` that the disclosure belongs to, or `"header"`
    without one. Raises `EntryRefused`.
    """
    if (version is None) != (scope == HEADER_SCOPE):
        raise EntryRefused(
            member="version", message="a record has one, and the header of an entry has none"
        )
    _check_digest("digest", digest)
    return canonical_plain(
        {
            "position": _count("position", position),
            "scope": _id("scope", scope),
            "version": None if version is None else _count("version", version),
            "digest": digest,
        }
    )


def entry(  # noqa: PLR0913 - one argument for each member
    *,
    kind: str,
    position: int,
    changeset: str,
    recorded_at: datetime,
    editor: str,
    newsroom: str,
    role: str,
    reason_code: str,
    public: Iterable[str],
    restricted: Iterable[str],
    revisions: Subtree,
    reverts: int | None = None,
    on_behalf_of: str | None = None,
    authority: str | None = None,
    targets: Subtree | None = None,
    proposal: str | None = None,
    contributor: str | None = None,
) -> bytes:
    """Return the bytes of the entry at `position`.

    `public` and `restricted` are the digests of the header's own disclosures.
    `reverts` is the position that this changeset takes back. A REDACTION, and no
    other kind, has an `authority` and `targets`. What was accepted from a proposal names
    it and its `contributor`. What is None is left out.

    Raises `EntryRefused` for an unknown kind, a time without its zone, a member
    that is not an id, code or digest, and more than 65,535 bytes.
    """
    members = {
        "v": ENTRY_FORMAT,
        "kind": _one_of("kind", kind, KINDS),
        "position": _count("position", position),
        "changeset": _id("changeset", changeset),
        "recordedAt": _instant("recordedAt", recorded_at),
        "editor": _id("editor", editor),
        "newsroom": _id("newsroom", newsroom),
        "role": _code("role", role),
        "reasonCode": _code("reasonCode", reason_code),
        **_digests(public, restricted),
        "revisions": _subtree("revisions", revisions),
        **_links(reverts, on_behalf_of, before=position),
        **_redaction(kind, authority, targets),
        **_accepted(kind, proposal, contributor),
    }
    return _short_enough(canonical_plain(members))


def _links(reverts: int | None, on_behalf_of: str | None, *, before: int) -> dict[str, object]:
    links: dict[str, object] = {}
    if reverts is not None:
        if _count("reverts", reverts) >= before:
            raise EntryRefused(
                member="reverts", message="only an earlier changeset can be taken back"
            )
        links["reverts"] = reverts
    if on_behalf_of is not None:
        links["onBehalfOf"] = _id("onBehalfOf", on_behalf_of)
    return links


def _redaction(kind: str, authority: str | None, targets: Subtree | None) -> dict[str, object]:
    if kind != "REDACTION":
        for member, value in (("authority", authority), ("targets", targets)):
            if value is not None:
                raise EntryRefused(member=member, message=f"an entry of kind {kind} has none")
        return {}
    if authority is None or targets is None:
        raise EntryRefused(
            member="authority", message="a REDACTION says by what authority, and its targets"
        )
    return {
        "authority": _one_of("authority", authority, AUTHORITIES),
        "targets": _subtree("targets", targets),
    }


def _accepted(kind: str, proposal: str | None, contributor: str | None) -> dict[str, object]:
    if proposal is None and contributor is None:
        return {}
    if proposal is None or contributor is None:
        raise EntryRefused(
            member="proposal", message="a proposal has a contributor, and nothing else has one"
        )
    if kind not in PROPOSED_KINDS:
        raise EntryRefused(member="proposal", message=f"an entry of kind {kind} has none")
    return {"proposal": _id("proposal", proposal), "contributor": _id("contributor", contributor)}


def _digests(public: Iterable[str], restricted: Iterable[str]) -> dict[str, list[str]]:
    """Return both lists in the order of their ASCII bytes, which tells nothing of the fields."""
    both = {"public": sorted(public), "restricted": sorted(restricted)}
    for member, digests in both.items():
        for digest in digests:
            _check_digest(member, digest)
    if len({*both["public"], *both["restricted"]}) != sum(map(len, both.values())):
        raise EntryRefused(member="public", message="the same digest twice: a salt was used again")
    return both


def _check_digest(member: str, digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise EntryRefused(
            member=member, message="a digest is the base64url of 32 bytes, without padding"
        )


def _subtree(member: str, subtree: Subtree) -> dict[str, object]:
    if subtree.count < 0 or not _ROOT.fullmatch(subtree.root):
        raise EntryRefused(
            member=member, message="a count from 0 and a root of 64 lower-case hex digits"
        )
    return {"count": subtree.count, "root": subtree.root}


def _instant(member: str, at: datetime) -> str:
    if at.utcoffset() is None:
        raise EntryRefused(member=member, message="a time needs its zone")
    text = at.astimezone(UTC).isoformat(timespec="microseconds")
    return text.removesuffix("+00:00") + "Z"


def _id(member: str, value: str) -> str:
    if not _ID.fullmatch(value):
        raise EntryRefused(
            member=member, message="an id has only lower-case letters, digits and underscores"
        )
    return value


def _code(member: str, value: str) -> str:
    if not _CODE.fullmatch(value):
        raise EntryRefused(
            member=member, message="a code has only capital letters, digits and underscores"
        )
    return value


def _one_of(member: str, value: str, known: frozenset[str]) -> str:
    if value not in known:
        raise EntryRefused(
            member=member, message=f"{value!r} is none of {', '.join(sorted(known))}"
        )
    return value


def _count(member: str, number: int) -> int:
    if isinstance(number, bool) or number < 1:
        raise EntryRefused(member=member, message=f"counts start at 1, so {number} is none")
    return number


def _short_enough(data: bytes) -> bytes:
    if len(data) > ENTRY_MAX_BYTES:
        raise EntryRefused(
            member="entry", message=f"{len(data)} bytes, of at most {ENTRY_MAX_BYTES}"
        )
    return data
