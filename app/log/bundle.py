"""The bundle: a log with its content as files, for whoever checks it offline.

    bundle.json              what this is: format, origin, size, audience, keys
    checkpoint               the newest signed note; all the rest is of its size
    checkpoints.jsonl        every older signed note, by size
    tile/…                   C2SP tlog-tiles: hashes, and entries
    content/<N>.jsonl        256 changesets each: disclosures, revision documents, targets
    proofs/inclusion/<P>.tlog-proof   of the first entry, the last, and every REDACTION
    proofs/consistency.jsonl from each older checkpoint to the newest
    VERIFY.md                for people; the only file that nothing covers

Every JSON line is canonical (RFC 8785). This module knows the names and the
lines; reading and writing files is done on a higher floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from app.log.base64url import encode_base64url
from app.log.canonical import canonical, canonical_plain
from app.log.disclosure import digest
from app.log.entry import revision_document
from app.log.errors import KeyRefused, NotVerified
from app.log.note import VerifierKey
from app.log.tiles import TILE_WIDTH, EntryTile, entry_tiles_of, tiles_of
from app.log.verifying import AUDIENCES

BUNDLE_FORMAT: Final = "corrigenda-bundle/1"
MANIFEST: Final = "bundle.json"
NEWEST: Final = "checkpoint"
OLDER: Final = "checkpoints.jsonl"
CONSISTENCY: Final = "proofs/consistency.jsonl"
GUIDE: Final = "VERIFY.md"
INCLUSION: Final = "proofs/inclusion/"
_PROOF_END: Final = ".tlog-proof"
_ENTRIES: Final = "tile/entries/"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself."""

    origin: str
    size: int
    audience: str
    vkeys: tuple[str, ...]

    @property
    def text(self) -> bytes:
        """The file."""
        members = {
            "audience": self.audience,
            "origin": self.origin,
            "size": self.size,
            "v": BUNDLE_FORMAT,
            "vkeys": list(self.vkeys),
        }
        return canonical(members) + b"\n"

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The keys that it names."""
        return tuple(map(VerifierKey.parse, self.vkeys))

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Return the manifest that `.text` writes so; raises `NotVerified` for all other bytes."""
        try:
            members = orjson.loads(data)
        except orjson.JSONDecodeError:
            members = None
        if not isinstance(members, dict):
            raise NotVerified("FILE", "bundle.json is not a JSON object", file=MANIFEST)
        if members.get("v") != BUNDLE_FORMAT:
            raise NotVerified(
                "FORMAT",
                f"this release reads {BUNDLE_FORMAT}, and the bundle says that it is "
                f"{members.get('v')!r}; verify with the release that made it, or a newer one",
                file=MANIFEST,
            )
        match members:
            case {
                "origin": str(origin),
                "size": int(size),
                "audience": str(audience),
                "vkeys": [str(), *_] as vkeys,
            } if audience in AUDIENCES and size >= 0 and type(size) is int:
                manifest = cls(origin, size, audience, tuple(map(str, vkeys)))
                if manifest._is_written(data):
                    return manifest
        raise NotVerified("FILE", "bundle.json does not say what a bundle says", file=MANIFEST)

    def _is_written(self, data: bytes) -> bool:
        try:
            return self.text == data and bool(self.keys)
        except KeyRefused as error:
            raise NotVerified(
                "KEY", f"bundle.json names a key that is none: {error}", file=MANIFEST
            ) from error


@dataclass(frozen=True, slots=True)
class ContentFile:
    """The file that holds the content of positions `first` to `last`, one a line."""

    tile: EntryTile

    @property
    def first(self) -> int:
        """The first position in it."""
        return self.tile.start + 1

    @property
    def last(self) -> int:
        """The last position in it."""
        return self.tile.end

    @property
    def path(self) -> str:
        """Its place in the bundle."""
        whole = EntryTile(self.tile.number, TILE_WIDTH).path
        return f"content/{whole.removeprefix(_ENTRIES)}.jsonl"


def content_files_of(size: int) -> Iterator[ContentFile]:
    """Yield the files of content of a bundle of that size, in order."""
    return map(ContentFile, entry_tiles_of(size))


def inclusion_path(position: int) -> str:
    """Return where the inclusion proof of the entry at a position stands."""
    return f"{INCLUSION}{position}{_PROOF_END}"


def fixed_paths(size: int) -> Iterator[str]:
    """Yield every file of a bundle of that size but the inclusion proofs."""
    yield from (MANIFEST, NEWEST, OLDER, CONSISTENCY, GUIDE)
    yield from (tile.path for tile in tiles_of(size))
    yield from (tile.path for tile in entry_tiles_of(size))
    yield from (file.path for file in content_files_of(size))


# --- lines --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """One value as a ledger stores it: canonical JSON text, its salt and its digest.

    A redacted one has no salt.
    """

    name: str
    value: str
    salt: str
    digest: str
    restricted: bool = False

    @property
    def disclosure(self) -> str:
        """The text that opens the digest."""
        # What is stored is canonical already, and a name of ours needs no escape.
        array = f'["{self.salt}","{self.name}",{self.value}]'
        return encode_base64url(array.encode())


@dataclass(frozen=True, slots=True)
class StoredRevision:
    """One revision as a ledger stores it."""

    record: str
    version: int
    action: str
    prev: int | None
    changes: Sequence[Stored]

    @property
    def document(self) -> bytes:
        """The bytes that commit to it."""
        return revision_document(
            record=self.record,
            version=self.version,
            action=self.action,
            prev=self.prev,
            public=[one.digest for one in self.changes if not one.restricted],
            restricted=[one.digest for one in self.changes if one.restricted],
        )


def content_line(
    position: int,
    header: Iterable[Stored],
    revisions: Iterable[StoredRevision],
    targets: Iterable[bytes] | None,
    *,
    restricted: bool,
) -> bytes:
    """Return the line of one changeset, with its line end.

    `targets` are the leaves of a redaction's subtree, None of any other kind.
    Without `restricted`, disclosures that not every reader may see are left out.
    """
    line: dict[str, Any] = {
        "header": _openings(one for one in header if restricted or not one.restricted),
        "position": position,
        "revisions": [
            {
                "disclosures": _openings(
                    value for value in one.changes if restricted or not value.restricted
                ),
                "document": orjson.loads(one.document),
            }
            for one in revisions
        ],
    }
    if targets is not None:
        line["targets"] = [orjson.loads(leaf) for leaf in targets]
    return canonical_plain(line) + b"\n"


def _openings(values: Iterable[Stored]) -> list[str]:
    """Return the disclosures that are there, in the order of their digests' ASCII bytes."""
    found = [one.disclosure for one in values if one.salt]
    return sorted(found, key=digest)


def older_line(size: int, note: str) -> bytes:
    """Return the line of an older checkpoint, with its line end."""
    return canonical({"note": note, "size": size}) + b"\n"


def consistency_line(size: int, proof: Sequence[bytes]) -> bytes:
    """Return the line that proves consistency from a size to the newest, with its line end."""
    return canonical({"from": size, "proof": [one.hex() for one in proof]}) + b"\n"
