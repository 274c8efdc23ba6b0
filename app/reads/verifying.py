"""Verifying a bundle: nothing but its files, and what the reader knows from elsewhere.

The rules are `app.log.verifying`'s; here its files are read in step with each
other, and what was found is gathered in a `Report`, which tells what holds also
where something does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from app.domain.dossiers import LINE_LIMIT
from app.domain.kinds import ACCESS_KINDS, KINDS
from app.log import bundle
from app.log.bundle import Manifest, fixed_paths
from app.log.checkpoint import Checkpoint, open_checkpoint
from app.log.disclosure import digest as digest_of
from app.log.disclosure import open_disclosure
from app.log.entry import ENTRY_MAX_BYTES
from app.log.errors import LogError, NotVerified, ProofRefused, TileRefused
from app.log.note import MAX_NOTE_BYTES, VerifierKey, parse_note
from app.log.proof import verify_consistency, verify_inclusion
from app.log.tiles import TILE_WIDTH, EntryTile, Tile, decode_entries
from app.log.tlog_proof import TlogProof
from app.log.tree import EMPTY_ROOT, HASH_BYTES, Peaks
from app.log.verifying import (
    HEADER,
    Counts,
    OpenedChangeset,
    TargetNotFound,
    Verifier,
)
from app.reads.bundle_files import BundleFiles, lines, read
from app.store.scratch import Scratch

NAMES: Final = {
    **{kind.name: frozenset(kind.fields) for kind in KINDS.values()},
    **{kind: frozenset(names) for kind, names in ACCESS_KINDS.items()},
    HEADER: frozenset({"editorName", "note", "origin", "internalNote", "redacted", "review"}),
}
"""Which disclosures may stand where: the fields of each kind, and the prose of a header."""

LISTED: Final = 1_000
"""How many redactions a report lists one by one; all of them are counted."""

_SMALL: Final = 1_000_000
_LINE: Final = 10 * LINE_LIMIT
"""Bytes of one changeset's content: a short value takes ten times its own in a disclosure."""
_NOTE_LINE: Final = 7 * MAX_NOTE_BYTES
_ENTRY_TILE: Final = TILE_WIDTH * (2 + ENTRY_MAX_BYTES)
_INCLUSION: Final = re.compile(r"proofs/inclusion/([1-9][0-9]{0,18})\.tlog-proof")
_LEVEL_BITS: Final = 8

Seen = Callable[[OpenedChangeset], None]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class OlderCheckpoint:
    """A checkpoint that the reader kept: the note, and how to call it."""

    note: str
    name: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the reader knows from elsewhere."""

    keys: tuple[VerifierKey, ...] = ()
    older: tuple[OlderCheckpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Redacted:
    """One redaction of the log, for the verdict."""

    position: int
    authority: str
    recorded_at: str
    reason_code: str
    disclosures: int


@dataclass(slots=True)
class Report:
    """What a verification found; `failure` is None where everything holds.

    `proved` are the sorts of things that were looked at and hold, `positions` how
    many entries in a row from the first one.
    """

    known: Known
    manifest: Manifest | None = None
    checkpoint: Checkpoint | None = None
    counts: Counts = field(default_factory=Counts)
    proved: list[str] = field(default_factory=list)
    older_in_bundle: int = 0
    older_given: list[tuple[str, int]] = field(default_factory=list)
    inclusion_proofs: int = 0
    tiles: int = 0
    redactions: list[Redacted] = field(default_factory=list)
    first_at: str = ""
    last_at: str = ""
    failure: NotVerified | None = None

    @property
    def verified(self) -> bool:
        """Whether everything that was looked at holds."""
        return self.failure is None


def verify(
    files: BundleFiles,
    known: Known,
    memory: Scratch,
    *,
    progress: Progress | None = None,
    seen: Seen | None = None,
) -> Report:
    """Verify a bundle, up to the first thing that does not hold.

    `seen` is called with each changeset that holds, `progress` with 1 for each.
    """
    report = Report(known)
    try:
        _Verification(files, known, memory, report).run(progress, seen)
    except NotVerified as failure:
        report.failure = failure
    return report


@dataclass(slots=True)
class _Verification:
    files: BundleFiles
    known: Known
    memory: Scratch
    report: Report
    _bundles_agreed: int = 0

    def run(self, progress: Progress | None, seen: Seen | None) -> None:
        manifest = Manifest.parse(read(self.files, bundle.MANIFEST, _SMALL))
        self.report.manifest = manifest
        note = _text(read(self.files, bundle.NEWEST, MAX_NOTE_BYTES), bundle.NEWEST)
        newest = self._open(note, manifest, bundle.NEWEST)
        if newest.size != manifest.size:
            raise NotVerified(
                "SIZE",
                f"bundle.json says {manifest.size} entries, the checkpoint {newest.size}",
                file=bundle.MANIFEST,
            )
        self.report.checkpoint = newest
        self.report.proved.append("signature")
        older = self._given(manifest)
        proofs = self._check_paths(manifest.size)
        self.report.proved.append("files")
        self._check_log(_Log(manifest, newest, note, older, proofs), progress, seen)
        self.report.proved += ["tree", "history", "content", "redactions"]

    def _open(self, note: str, manifest: Manifest, file: str) -> Checkpoint:
        """Return a checkpoint of the bundle that its keys and the reader's keys signed."""
        try:
            identities = {(key.name, key.key_id) for key in manifest.keys}
            for signature in parse_note(note).signatures:
                if (signature.name, signature.key_id) not in identities:
                    raise NotVerified(
                        "SIGNATURE",
                        f"{file} has a signature of a key not in bundle.json",
                        file=file,
                    )
            checkpoint = open_checkpoint(note, manifest.keys)
            if self.known.keys:
                open_checkpoint(note, self.known.keys)
        except LogError as error:
            if isinstance(error, NotVerified):
                raise
            raise NotVerified("SIGNATURE", f"{file}: {error}", file=file) from error
        if checkpoint.origin != manifest.origin or checkpoint.extensions:
            raise NotVerified("ORIGIN", f"{file} is of the log {checkpoint.origin}", file=file)
        return checkpoint

    def _given(self, manifest: Manifest) -> list[tuple[Checkpoint, str]]:
        """Return the checkpoints that the reader kept, by size; refuse those of another log."""
        keys = self.known.keys or manifest.keys
        opened = [(_opened_older(one, keys, manifest), one.name) for one in self.known.older]
        return sorted(opened, key=lambda one: one[0].size)

    def _check_paths(self, size: int) -> set[int]:
        """Refuse files that the layout does not name, and missing ones; return proofs found."""
        expected = set(fixed_paths(size))
        proofs = set[int]()
        for path in self.files.paths():
            match = _INCLUSION.fullmatch(path)
            if match is not None and int(match[1]) <= size:
                proofs.add(int(match[1]))
            elif path in expected:
                expected.discard(path)
            else:
                raise NotVerified("FILE", f"{path} is no file of this bundle", file=path)
        if expected:
            path = min(expected)
            raise NotVerified("FILE", f"{path} is missing", file=path)
        return proofs

    def _check_log(self, log: _Log, progress: Progress | None, seen: Seen | None) -> None:
        verifier = Verifier(self.memory, NAMES, log.manifest.audience)
        self.report.counts = verifier.counts
        tiles = _Tiles(self.files, log.manifest.size)
        older = self._older(log)
        due = next(older, None)
        for tile, file in zip(
            _entry_tiles(log.manifest.size), bundle.content_files_of(log.manifest.size), strict=True
        ):
            for body, line in self._pairs(tile, file):
                before = verifier.peaks
                opened = self._feed(verifier, body, line)
                tiles.check(before, opened.leaf)
                self._note(opened, log)
                while due is not None and due.checkpoint.size <= verifier.peaks.size:
                    self._check_older(verifier, due, log)
                    due = next(older, None)
                if seen is not None:
                    seen(opened)
                if progress is not None:
                    progress(1)
        self.report.tiles = tiles.finish()
        verifier.check_root(log.newest, whose="the checkpoint")
        if due is not None:
            self._check_end(verifier, due, older, log)
        if log.proofs:
            path = bundle.inclusion_path(min(log.proofs))
            raise NotVerified("FILE", f"{path} is no file of this bundle", file=path)
        verifier.finish()

    def _pairs(self, tile: EntryTile, file: bundle.ContentFile) -> Iterator[tuple[bytes, bytes]]:
        """Yield entries with their lines of content; both files have to end together."""
        bodies = _bodies(read(self.files, tile.path, _ENTRY_TILE), tile)
        content = lines(self.files, file.path, _LINE)
        for position, body in enumerate(bodies, start=file.first):
            line = next(content, None)
            if line is None:
                raise NotVerified(
                    "CONTENT",
                    f"{file.path} ends before position {position}",
                    position=position,
                    file=file.path,
                )
            yield body, line
        if next(content, None) is not None:
            raise NotVerified(
                "CONTENT",
                f"{file.path} goes on behind position {file.last}",
                position=file.last,
                file=file.path,
            )

    def _feed(self, verifier: Verifier, body: bytes, line: bytes) -> OpenedChangeset:
        try:
            return verifier.feed(body, line)
        except TargetNotFound as failure:
            raise self._explained(failure) from failure

    def _explained(self, failure: TargetNotFound) -> NotVerified:
        """Say whether what a redaction names is shown in spite of it, or never was there."""
        target = failure.target
        for file in bundle.content_files_of((self.report.manifest or _NONE).size):
            if not file.first <= target.position <= file.last:
                continue
            for position, line in enumerate(lines(self.files, file.path, _LINE), file.first):
                if position == target.position and (name := _shown(line, target.digest)):
                    return NotVerified(
                        "SHOWN",
                        f"{name} is shown in spite of the redaction at position {failure.position}",
                        position=target.position,
                        record=failure.record,
                        field=name,
                        file=file.path,
                    )
        return failure

    def _note(self, opened: OpenedChangeset, log: _Log) -> None:
        """Keep what the verdict tells, and check the proof that stands beside this entry."""
        entry = opened.parts
        self.report.first_at = self.report.first_at or entry.recorded_at
        self.report.last_at = entry.recorded_at
        is_redaction = entry.kind == "REDACTION"
        _check_named(opened)
        if is_redaction and len(self.report.redactions) < LISTED:
            self.report.redactions.append(
                Redacted(
                    entry.position,
                    entry.authority or "",
                    entry.recorded_at,
                    entry.reason_code,
                    len(opened.targets),
                )
            )
        if is_redaction or entry.position in (1, log.manifest.size):
            self._check_inclusion(opened, log)

    def _check_inclusion(self, opened: OpenedChangeset, log: _Log) -> None:
        position = opened.parts.position
        path = bundle.inclusion_path(position)
        text = _text(read(self.files, path, _SMALL + MAX_NOTE_BYTES), path)
        try:
            proof = TlogProof.parse(text)
            _require_same(proof, TlogProof(position - 1, proof.proof, log.note))
            verify_inclusion(
                index=proof.index,
                size=log.newest.size,
                leaf=opened.leaf,
                root=log.newest.root,
                proof=proof.proof,
            )
        except ProofRefused as error:
            raise NotVerified("PROOF", f"{path}: {error}", position=position, file=path) from error
        log.proofs.discard(position)
        self.report.inclusion_proofs += 1

    # --- older checkpoints ----------------------------------------------------

    def _older(self, log: _Log) -> Iterator[_Older]:
        """Yield the older checkpoints of the bundle and of the reader together, by size."""
        given = list(log.given)
        for one in self._in_bundle(log):
            while given and given[0][0].size < one.checkpoint.size:
                yield _Older(*given.pop(0))
            yield one
        yield from (_Older(*one) for one in given)

    def _in_bundle(self, log: _Log) -> Iterator[_Older]:
        proofs = lines(self.files, bundle.CONSISTENCY, _SMALL)
        latest = -1
        for line in lines(self.files, bundle.OLDER, _NOTE_LINE):
            checkpoint = self._older_of(line, log.manifest)
            if not latest < checkpoint.size < log.manifest.size:
                raise NotVerified(
                    "CHECKPOINTS", "older checkpoints ascend by their sizes", file=bundle.OLDER
                )
            latest = checkpoint.size
            _check_consistency(next(proofs, b""), checkpoint, log.newest)
            yield _Older(checkpoint, f"the checkpoint in {bundle.OLDER}", in_bundle=True)
        if next(proofs, None) is not None:
            raise NotVerified(
                "PROOF", "there are more proofs than checkpoints", file=bundle.CONSISTENCY
            )

    def _older_of(self, line: bytes, manifest: Manifest) -> Checkpoint:
        match _json(line):
            case {"note": str(note), "size": int(size)}:
                if bundle.older_line(size, note) == line + b"\n":
                    checkpoint = self._open(note, manifest, bundle.OLDER)
                    if checkpoint.size == size:
                        return checkpoint
        raise NotVerified(
            "CHECKPOINTS", "a line of checkpoints.jsonl is no note with its size", file=bundle.OLDER
        )

    def _check_older(self, verifier: Verifier, due: _Older, log: _Log) -> None:
        size = due.checkpoint.size
        if size == 0:
            return self._count_older(due)
        try:
            # What the bundle says of its own past counts for nothing against what was kept.
            given = [at for _, at in self.report.older_given]
            since = self._bundles_agreed if due.in_bundle else max(given, default=0)
            verifier.check_root(due.checkpoint, whose=due.name, finding="HISTORY", since=since)
        except NotVerified as failure:
            if due.in_bundle:
                failure.file = bundle.OLDER
            raise
        return self._count_older(due)

    def _count_older(self, due: _Older) -> None:
        if due.in_bundle:
            self.report.older_in_bundle += 1
            self._bundles_agreed = due.checkpoint.size
        else:
            self.report.older_given.append((due.name, due.checkpoint.size))

    def _check_end(
        self, verifier: Verifier, due: _Older, older: Iterator[_Older], log: _Log
    ) -> None:
        """Check what is left once all entries are read: sizes of the whole bundle, and beyond."""
        for one in (due, *older):
            size = one.checkpoint.size
            if size > log.manifest.size:
                raise NotVerified(
                    "OLDER_BUNDLE",
                    f"this bundle ends at position {log.manifest.size} and is older than "
                    f"{one.name} of size {size}: it leaves out positions "
                    f"{log.manifest.size + 1} to {size}",
                    position=log.manifest.size + 1,
                )
            self._check_older(verifier, one, log)


@dataclass(frozen=True, slots=True)
class _Log:
    manifest: Manifest
    newest: Checkpoint
    note: str
    given: Sequence[tuple[Checkpoint, str]]
    proofs: set[int]


@dataclass(frozen=True, slots=True)
class _Older:
    checkpoint: Checkpoint
    name: str
    in_bundle: bool = False


_NONE: Final = Manifest("", 0, "", ())


def _check_named(opened: OpenedChangeset) -> None:
    """Accept the names that a redaction gives to what it took: one for each digest it names."""
    told = opened.header.get("redacted")
    if told is None:
        return
    match told:
        case [*named] if all(isinstance(one, dict) for one in named):
            digests = [str(one.get("digest")) for one in named]
        case _:
            digests = []
    if sorted(digests) != sorted(target.digest for target in opened.targets):
        raise NotVerified(
            "TARGET",
            "the names that this redaction gives are not those of the digests it names",
            position=opened.parts.position,
            field="redacted",
        )


def _require_same(proof: TlogProof, expected: TlogProof) -> None:
    if proof != expected:
        raise ProofRefused("it is not about this entry and this bundle's checkpoint alone")


def _opened_older(
    one: OlderCheckpoint, keys: Iterable[VerifierKey], manifest: Manifest
) -> Checkpoint:
    try:
        checkpoint = open_checkpoint(one.note, tuple(keys))
    except LogError as error:
        raise NotVerified("SIGNATURE", f"{one.name}: {error}", file=one.name) from error
    if checkpoint.origin != manifest.origin:
        raise NotVerified(
            "ORIGIN",
            f"{one.name} is of the log {checkpoint.origin}, the bundle of {manifest.origin}",
            file=one.name,
        )
    return checkpoint


def _check_consistency(line: bytes, old: Checkpoint, new: Checkpoint) -> None:
    proof = _proof(line, old.size)
    if proof is None:
        raise NotVerified(
            "PROOF",
            f"consistency.jsonl has no proof from size {old.size} where it should stand",
            position=old.size or None,
            file=bundle.CONSISTENCY,
        )
    if old.size == 0 and old.root == EMPTY_ROOT and not proof:
        return
    try:
        verify_consistency(
            old_size=old.size,
            new_size=new.size,
            old_root=old.root,
            new_root=new.root,
            proof=proof,
        )
    except ProofRefused as error:
        raise NotVerified(
            "PROOF",
            f"the proof from size {old.size} to {new.size} does not hold: {error}",
            position=old.size,
            file=bundle.CONSISTENCY,
        ) from error


def _proof(line: bytes, size: int) -> list[bytes] | None:
    match _json(line):
        case {"from": int(start), "proof": list(hashes)}:
            try:
                proof = [bytes.fromhex(one) for one in hashes]
            except (TypeError, ValueError):
                return None
            if start == size and bundle.consistency_line(size, proof) == line + b"\n":
                return proof
    return None


def _json(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _text(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotVerified("FILE", f"{path} is not UTF-8", file=path) from error


def _shown(line: bytes, wanted: str) -> str | None:
    """Return the name of the disclosure of that digest in a line that was verified."""
    value = orjson.loads(line)
    openings = [text for one in value["revisions"] for text in one["disclosures"]]
    openings += value["header"]
    for text in openings:
        if digest_of(text) == wanted:
            return open_disclosure(text).name
    return None


# --- tiles --------------------------------------------------------------------


def _entry_tiles(size: int) -> Iterator[EntryTile]:
    return (file.tile for file in bundle.content_files_of(size))


def _bodies(data: bytes, tile: EntryTile) -> tuple[bytes, ...]:
    try:
        bodies = decode_entries(data)
    except TileRefused as error:
        raise NotVerified(
            "TILE", f"{tile.path}: {error}", position=tile.start + 1, file=tile.path
        ) from error
    if len(bodies) != tile.width:
        raise NotVerified(
            "TILE",
            f"{tile.path} has {len(bodies)} entries, not {tile.width}",
            position=tile.start + 1,
            file=tile.path,
        )
    return bodies


class _Tiles:
    """The tiles of hashes, compared with those that the entries make, as these come in."""

    def __init__(self, files: BundleFiles, size: int) -> None:
        self._files = files
        self._size = size
        self._rows: dict[int, tuple[int, bytes]] = {}
        self._read = 0

    def check(self, before: Peaks, leaf: bytes) -> None:
        """Compare the nodes that one more leaf completes."""
        for level, node in enumerate(before.completed_by(leaf)[::_LEVEL_BITS]):
            number = before.size >> (_LEVEL_BITS * level)
            tile, row = self._row(level, number)
            at = number % TILE_WIDTH * HASH_BYTES
            if row[at : at + HASH_BYTES] != node:
                raise self._wrong(level, number, tile)

    def finish(self) -> int:
        """Return how many tiles were compared."""
        return self._read

    def _row(self, level: int, number: int) -> tuple[Tile, bytes]:
        wanted = number // TILE_WIDTH
        total = self._size >> (_LEVEL_BITS * level)
        tile = Tile(level, wanted, min(TILE_WIDTH, total - wanted * TILE_WIDTH))
        held = self._rows.get(level)
        if held is None or held[0] != wanted:
            row = read(self._files, tile.path, TILE_WIDTH * HASH_BYTES)
            if len(row) != tile.width * HASH_BYTES:
                raise NotVerified(
                    "TILE", f"{tile.path} does not have {tile.width} hashes", file=tile.path
                )
            self._rows[level] = held = (wanted, row)
            self._read += 1
        return tile, held[1]

    def _wrong(self, level: int, number: int, tile: Tile) -> NotVerified:
        span = 1 << (_LEVEL_BITS * level)
        first, last = number * span + 1, (number + 1) * span
        which = f"entry {first}" if span == 1 else f"the entries {first} to {last}"
        return NotVerified(
            "LEAF" if level == 0 else "TILE",
            f"{which} hashed gives another hash than stands in {tile.path}: the entry or the tile "
            "is not what was signed",
            position=first,
            file=tile.path,
        )


__all__ = [
    "NAMES",
    "Known",
    "OlderCheckpoint",
    "Redacted",
    "Report",
    "verify",
]
