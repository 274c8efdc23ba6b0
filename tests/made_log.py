"""A log made without a database, for bundles of any size, and for tampering from the ground up.

`MadeLog` holds changesets as plain values. `write` works out everything that follows from them
(digests, documents, entries, tree, checkpoints, proofs), as somebody would who has the key and
wants nobody to notice. Whoever changes only the files is the clumsier tamperer.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.log import bundle
from app.log.base64url import encode_base64url
from app.log.bundle import Manifest, Stored, StoredRevision, content_line
from app.log.canonical import canonical
from app.log.checkpoint import Checkpoint, signed_checkpoint
from app.log.disclosure import digest, disclose
from app.log.entry import Subtree, changeset_root, entry, redaction_target
from app.log.note import SigningKey
from app.log.proof import consistency_proof, inclusion_proof
from app.log.tiles import encode_entries
from app.log.tlog_proof import TlogProof
from app.log.tree import leaf_hash, root_hash
from app.log.verifying import AUDITOR
from app.reads.bundles import Destination, Tiles, destination
from app.reads.guide import guide
from tests.bundles import KEY, ORIGIN

_START = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass
class Text:
    """One value with its salt; `gone` once a redaction took it from the bundle."""

    name: str
    value: Any
    salt: bytes
    restricted: bool = False
    gone: bool = False
    digest: str | None = None

    @property
    def stored(self) -> Stored:
        made = self.digest or digest(disclose(self.salt, self.name, self.value))
        salt = "" if self.gone else encode_base64url(self.salt)
        return Stored(self.name, canonical(self.value).decode(), salt, made, self.restricted)


@dataclass
class Step:
    """One revision."""

    record: str
    version: int
    action: str
    prev: int | None
    texts: list[Text] = field(default_factory=list)

    @property
    def stored(self) -> StoredRevision:
        changes = [text.stored for text in self.texts]
        return StoredRevision(self.record, self.version, self.action, self.prev, changes)


@dataclass
class Made:
    """One changeset."""

    position: int
    at: datetime
    header: list[Text]
    steps: list[Step]
    kind: str = "EDIT"
    targets: list[bytes] | None = None
    count: int | None = None

    def body(self) -> bytes:
        header = [text.stored for text in self.header]
        tree = changeset_root([step.stored.document for step in self.steps])
        is_redaction = self.targets is not None
        return entry(
            kind=self.kind,
            position=self.position,
            changeset=f"changeset_{self.position:026d}",
            recorded_at=self.at,
            editor="editor_01hf7yat00e2s8v3kqz5m4n6p7",
            newsroom="newsroom_01hf7yat00e2s8v3kqz5m4n6p7",
            role="ADMIN" if is_redaction else "EDITOR",
            reason_code="LEGAL" if is_redaction else "CLARIFICATION",
            public=[one.digest for one in header if not one.restricted],
            restricted=[one.digest for one in header if one.restricted],
            revisions=tree if self.count is None else Subtree(self.count, tree.root),
            authority="LEGAL" if is_redaction else None,
            targets=changeset_root(self.targets) if self.targets is not None else None,
        )

    def line(self, *, restricted: bool) -> bytes:
        return content_line(
            self.position,
            [text.stored for text in self.header],
            [step.stored for step in self.steps],
            self.targets,
            restricted=restricted,
        )


@dataclass
class MadeLog:
    """A log whose changesets touch records of their own and earlier ones."""

    seed: int = 1
    changesets: list[Made] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._latest: dict[str, tuple[int, int]] = {}

    def grow(self, count: int, *, redacting: int = 0, texts: int = 4) -> MadeLog:
        """Add changesets of two or three revisions; every `redacting`-th one is a redaction."""
        for number in range(count):
            if redacting and number % redacting == redacting - 1:
                self.redact()
            else:
                self.edit(texts)
        return self

    def edit(self, texts: int = 4) -> Made:
        position = len(self.changesets) + 1
        header = [self._text("editorName", "Ann"), self._text("note", f"Edit {position}.")]
        if position % 10 == 0:
            header.append(replace(self._text("internalNote", "For us."), restricted=True))
        steps = [self._added(position, texts)]
        if len(self._latest) > 10:
            steps += [self._revised(record, position) for record in self._some(1 + position % 2)]
        return self._append(Made(position, self._time(position), header, steps))

    def redact(self) -> Made:
        """Take one value of the latest edits away."""
        position = len(self.changesets) + 1
        found, step, text = next(self._redactable())
        text.gone = True
        target = redaction_target(
            position=found.position,
            scope=step.record,
            version=step.version,
            digest=text.stored.digest,
        )
        header = [self._text("editorName", "Ann"), self._text("note", "A court said so.")]
        version, prev = self._latest[step.record]
        self._latest[step.record] = version + 1, position
        steps = [Step(step.record, version + 1, "REDACT", prev)]
        made = Made(position, self._time(position), header, steps, "REDACTION", [target])
        return self._append(made)

    def _redactable(self) -> Iterator[tuple[Made, Step, Text]]:
        for made in reversed(self.changesets):
            for step in made.steps:
                for text in step.texts:
                    if not text.gone and text.name == "summary":
                        yield made, step, text

    def _append(self, made: Made) -> Made:
        self.changesets.append(made)
        return made

    def _time(self, position: int) -> datetime:
        return _START + timedelta(minutes=position)

    def _added(self, position: int, texts: int) -> Step:
        record = f"transfer_{position:026d}"
        self._latest[record] = 1, position
        names = ("title", "summary", "origin", "quantity", "route", "nature")[:texts]
        return Step(record, 1, "ADD", None, [self._valued(name, position) for name in names])

    def _revised(self, record: str, position: int) -> Step:
        version, prev = self._latest[record]
        self._latest[record] = version + 1, position
        names = ("title", "summary", "quantity", "route")
        texts = [self._valued(name, position) for name in names]
        return Step(record, version + 1, "REVISE", prev, texts)

    def _some(self, count: int) -> list[str]:
        found = [
            f"transfer_{self._dice.randrange(1, len(self.changesets) + 1):026d}"
            for _ in range(count)
        ]
        return sorted({one for one in found if one in self._latest})

    def _valued(self, name: str, position: int) -> Text:
        if name == "quantity":
            return self._text(name, {"amount": str(position), "unit": "head"})
        return self._text(name, f"The {name} that edit {position} of this ledger gave it.")

    def _text(self, name: str, value: Any) -> Text:
        return Text(name, value, self._dice.randbytes(16))

    # --- writing --------------------------------------------------------------

    def leaves(self) -> list[bytes]:
        return [leaf_hash(made.body()) for made in self.changesets]

    def note(self, size: int, key: SigningKey = KEY) -> str:
        """Return the signed checkpoint of the first `size` entries."""
        return signed_checkpoint(Checkpoint(ORIGIN, size, root_hash(self.leaves()[:size])), [key])

    def write(
        self,
        output: Path,
        older: Sequence[int] = (),
        audience: str = AUDITOR,
        key: SigningKey = KEY,
    ) -> Path:
        """Write the bundle, with everything that follows from the changesets."""
        bodies = [made.body() for made in self.changesets]
        leaves, size = [leaf_hash(body) for body in bodies], len(bodies)
        newest = signed_checkpoint(Checkpoint(ORIGIN, size, root_hash(leaves)), [key])
        manifest = Manifest(ORIGIN, size, audience, (key.verifier.text,))
        with destination(output) as made:
            _put(made, bundle.MANIFEST, manifest.text)
            _put(made, bundle.NEWEST, newest.encode())
            _put(made, bundle.GUIDE, guide(manifest).encode())
            self._write_content(made, bodies, audience)
            _write_tiles(made, leaves)
            self._write_proofs(made, leaves, newest, older, key)
        return output

    def _write_content(self, made: Destination, bodies: list[bytes], audience: str) -> None:
        for one in bundle.content_files_of(len(bodies)):
            changesets = self.changesets[one.first - 1 : one.last]
            lines = [each.line(restricted=audience == AUDITOR) for each in changesets]
            _put(made, one.path, b"".join(lines))
            _put(made, one.tile.path, encode_entries(bodies[one.first - 1 : one.last]))

    def _write_proofs(
        self,
        made: Destination,
        leaves: list[bytes],
        newest: str,
        older: Sequence[int],
        key: SigningKey,
    ) -> None:
        size = len(leaves)
        roots = {at: Checkpoint(ORIGIN, at, root_hash(leaves[:at])) for at in older}
        lines = [bundle.older_line(at, signed_checkpoint(one, [key])) for at, one in roots.items()]
        _put(made, bundle.OLDER, b"".join(lines))
        proofs = [bundle.consistency_line(at, consistency_proof(at, leaves)) for at in older]
        _put(made, bundle.CONSISTENCY, b"".join(proofs))
        redactions = [one.position for one in self.changesets if one.kind == "REDACTION"]
        for position in sorted({1, size, *redactions}):
            proof = TlogProof(position - 1, inclusion_proof(position - 1, leaves), newest)
            _put(made, bundle.inclusion_path(position), proof.text.encode())


def _write_tiles(made: Destination, leaves: list[bytes]) -> None:
    tiles = Tiles(made)
    for leaf in leaves:
        tiles.add(leaf)
    tiles.finish()


def _put(made: Destination, path: str, data: bytes) -> None:
    with made.file(path) as file:
        file.write(data)
