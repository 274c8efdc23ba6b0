"""`log`: the tamper-evident log and its proofs, for whoever checks instead of believing.

Ordinary resolvers, not part of a plan: nothing here is kept by the position of the log,
since a checkpoint comes after the changeset that it covers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import strawberry

from app.graphql.fields import sized
from app.graphql.scalars import DateTime, Position
from app.reads.log import (
    Consistency,
    Inclusion,
    LogReading,
    RevisionEvidence,
    checkpoint_of,
)
from app.store.checkpoints import Published
from app.store.log_rows import StoredEntry

T = TypeVar("T")

_PROOF: Final = sized(cost=10)
"""A proof reads a few tiles of hashes."""

_VALUES: Final = sized(20)
"""About as many values as a revision gives."""

_SIZE: Final = "Of the first so many entries; else of the newest checkpoint's."


@strawberry.type(
    description="A head of the log that was signed and published. Whoever keeps one can later be "
    "shown that nothing before it was changed. Hashes are lower-case hex here, base64 in notes."
)
class Checkpoint:
    """A head of the log that was signed and published."""

    size: Position = strawberry.field(
        description="How many entries it covers: the newest position that it vouches for."
    )
    root_hash: str = strawberry.field(
        description="The root over those entries (RFC 6962), 64 hex digits."
    )
    note: str = strawberry.field(
        description="The signed note as it was published, byte for byte (C2SP tlog-checkpoint)."
    )
    signed_at: DateTime = strawberry.field(
        description="When it was published, by this ledger's clock; no signature covers it."
    )


@strawberry.type(description="One entry of the log: what stands for a changeset.")
class LogEntry:
    """One entry of the log."""

    position: Position = strawberry.field(description="Its place, from 1.")
    body: str = strawberry.field(
        description="The very bytes that are hashed: canonical JSON (RFC 8785) in UTF-8."
    )
    leaf_hash: str = strawberry.field(
        description="SHA-256 of a zero byte and the body (RFC 6962), 64 hex digits."
    )


@strawberry.type(
    description="That the log holds an entry: from its leaf hash and these hashes follows the root."
)
class InclusionProof:
    """That the log holds an entry."""

    index: Position = strawberry.field(description="The leaf's index: the position, less one.")
    size: Position = strawberry.field(description="The number of entries of the tree.")
    leaf_hash: str = strawberry.field(description="The hash of the entry, 64 hex digits.")
    root_hash: str = strawberry.field(description="The root that it leads to, 64 hex digits.")
    hashes: list[str] = strawberry.field(
        description="The audit path, the leaf's sibling first, 64 hex digits each."
    )
    file: str | None = strawberry.field(
        description="The same as a file with the signed checkpoint (C2SP tlog-proof); null where "
        "no checkpoint of that size was published."
    )


@strawberry.type(
    description="That a larger log begins with every entry of a smaller one (RFC 6962)."
)
class ConsistencyProof:
    """That a larger log begins with every entry of a smaller one."""

    from_size: Position = strawberry.field(description="The smaller number of entries.")
    to_size: Position = strawberry.field(description="The larger number of entries.")
    from_root_hash: str = strawberry.field(description="The root of the smaller, 64 hex digits.")
    to_root_hash: str = strawberry.field(description="The root of the larger, 64 hex digits.")
    hashes: list[str] = strawberry.field(description="The proof, 64 hex digits each.")


@strawberry.type(
    description="What opens one salted digest of a revision: a Disclosure of RFC 9901, section 4.2."
)
class Disclosure:
    """What opens one salted digest of a revision."""

    field: str = strawberry.field(description="The field whose value it holds.")
    text: str = strawberry.field(
        description="base64url of the JSON array of salt, name and value; its SHA-256, in "
        "base64url, is the digest in the document."
    )


@strawberry.type(
    description="That one record's step to a version is in the log, without its changeset's other "
    "steps: disclosure, digest, document, root of the changeset, entry, root of the log, "
    "checkpoint."
)
class RevisionProof:
    """That one record's step to a version is in the log."""

    position: Position = strawberry.field(description="The position of the changeset.")
    document: str = strawberry.field(
        description="The revision document, canonical JSON: its leaf in the changeset's tree."
    )
    index: int = strawberry.field(description="Its index among the changeset's revisions, from 0.")
    count: int = strawberry.field(description="How many revisions the changeset has.")
    hashes: list[str] = strawberry.field(
        description="The audit path to `revisions.root` of the entry, 64 hex digits each."
    )
    disclosures: list[Disclosure] = strawberry.field(
        description="What opens the document's public digests; those of redacted contents lack.",
        metadata=_VALUES,
    )
    entry: LogEntry = strawberry.field(description="The entry that holds the changeset's root.")
    inclusion_proof: InclusionProof | None = strawberry.field(
        description="That the log of the newest checkpoint holds the entry; null for as long as "
        "that does not reach it."
    )


def shown_checkpoint(published: Published) -> Checkpoint:
    """Return a checkpoint as the contract has it."""
    return Checkpoint(
        size=Position(published.size),
        root_hash=checkpoint_of(published).root.hex(),
        note=published.note,
        signed_at=DateTime(published.signed_at),
    )


def _shown_entry(position: int, entry: StoredEntry) -> LogEntry:
    return LogEntry(position=Position(position), body=entry.body, leaf_hash=entry.leaf_hash.hex())


def _shown_inclusion(proof: Inclusion) -> InclusionProof:
    return InclusionProof(
        index=Position(proof.index),
        size=Position(proof.size),
        leaf_hash=proof.leaf.hex(),
        root_hash=proof.root.hex(),
        hashes=[one.hex() for one in proof.hashes],
        file=proof.file,
    )


def _shown_consistency(proof: Consistency) -> ConsistencyProof:
    return ConsistencyProof(
        from_size=Position(proof.old_size),
        to_size=Position(proof.new_size),
        from_root_hash=proof.old_root.hex(),
        to_root_hash=proof.new_root.hex(),
        hashes=[one.hex() for one in proof.hashes],
    )


def _evidence(log: LogReading, record: str, version: int) -> RevisionProof | None:
    """Return the whole chain from a revision's values to the newest checkpoint."""
    found = log.revision(record, version)
    if found is None:
        return None
    entry, published = log.entry(found.position), log.newest()
    if entry is None:
        raise LookupError(f"position {found.position} has no entry")
    is_covered = published is not None and found.position <= published.size
    proof = log.inclusion(found.position, published.size) if published and is_covered else None
    return _shown_revision(found, entry, proof)


def _shown_revision(
    found: RevisionEvidence, entry: StoredEntry, proof: Inclusion | None
) -> RevisionProof:
    return RevisionProof(
        position=Position(found.position),
        document=found.document.decode(),
        index=found.index,
        count=found.count,
        hashes=[one.hex() for one in found.hashes],
        disclosures=[Disclosure(field=name, text=text) for name, text in found.disclosures],
        entry=_shown_entry(found.position, entry),
        inclusion_proof=None if proof is None else _shown_inclusion(proof),
    )


async def _asked(info: strawberry.Info, question: Callable[[LogReading], T]) -> T:
    log: LogReading = info.context.engine.log
    return await log.run(question, log)


@strawberry.type(
    description="The tamper-evident log: one entry for each changeset, in a Merkle tree "
    "(RFC 6962), signed as C2SP checkpoints."
)
class Log:
    """The tamper-evident log."""

    @strawberry.field(description="The name under which the log signs.")  # type: ignore[untyped-decorator]
    def origin(self, info: strawberry.Info) -> str:
        """Return the ledger's name."""
        return str(info.context.engine.log.origin)

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The public keys that checkpoints are verified with, as C2SP signed-note "
        "writes them; none where this server does not sign. Get them by another way, too."
    )
    def vkeys(self, info: strawberry.Info) -> list[str]:
        """Return the verifier keys."""
        return [key.text for key in info.context.engine.log.verifiers]

    @strawberry.field(description="The position of the latest entry, signed or not yet.")  # type: ignore[untyped-decorator]
    async def position(self, info: strawberry.Info) -> Position:
        """Return where the log ends."""
        return Position(await _asked(info, lambda log: log.position()))

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The newest checkpoint; null where none was published."
    )
    async def checkpoint(self, info: strawberry.Info) -> Checkpoint | None:
        """Return the newest checkpoint."""
        published = await _asked(info, lambda log: log.newest())
        return None if published is None else shown_checkpoint(published)

    @strawberry.field(description="The entry at a position; null beyond the log.")  # type: ignore[untyped-decorator]
    async def entry(
        self,
        info: strawberry.Info,
        position: Annotated[Position, strawberry.argument(description="Its place, from 1.")],
    ) -> LogEntry | None:
        """Return one entry."""
        found = await _asked(info, lambda log: log.entry(position))
        return None if found is None else _shown_entry(position, found)

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Proof that the log holds the entry at a position.", metadata=_PROOF
    )
    async def inclusion_proof(
        self,
        info: strawberry.Info,
        position: Annotated[
            Position, strawberry.argument(description="The entry's place, from 1.")
        ],
        size: Annotated[Position | None, strawberry.argument(description=_SIZE)] = None,
    ) -> InclusionProof | None:
        """Prove that an entry is in the log."""
        return _shown_inclusion(await _asked(info, lambda log: log.inclusion(position, size)))

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Proof that the log begins with every entry that it had at a smaller size.",
        metadata=_PROOF,
    )
    async def consistency_proof(
        self,
        info: strawberry.Info,
        from_: Annotated[
            Position,
            strawberry.argument(name="from", description="The smaller number of entries, from 1."),
        ],
        to: Annotated[
            Position | None,
            strawberry.argument(description="The larger number; else the newest checkpoint's."),
        ] = None,
    ) -> ConsistencyProof | None:
        """Prove that the log only grew."""
        return _shown_consistency(await _asked(info, lambda log: log.consistency(from_, to)))

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Proof of one version of a record, without the rest of its changeset; null "
        "where there is no such version.",
        metadata=_PROOF,
    )
    async def revision_proof(
        self,
        info: strawberry.Info,
        record: Annotated[strawberry.ID, strawberry.argument(description="The record's id.")],
        version: Annotated[int, strawberry.argument(description="The version, from 1.")],
    ) -> RevisionProof | None:
        """Prove one version of a record."""
        return await _asked(info, lambda log: _evidence(log, record, version))


__all__ = ["Checkpoint", "Log", "shown_checkpoint"]
