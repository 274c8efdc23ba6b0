"""What is submitted to the one door for writes, and what comes of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from app.commands import changing_access
from app.commands.redact import Gaps
from app.domain import access, ids
from app.domain.codes import ChangesetKind, ErrorPolicy
from app.domain.decisions import Editing
from app.domain.errors import InvalidValue, Refusal
from app.domain.operations import Commit, Operation, Reason, place_of
from app.domain.records import Record, Step
from app.domain.redacting import Redact
from app.domain.upserting import Upserted
from app.domain.warnings import Caution


def utc_now() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Submission:
    """One edit as it comes in: a `CommitInput`, or the position to be reverted.

    Of kind REDACTION the body is a `RedactInput`, of kind ACCESS a `ChangeAccessInput`.
    `at_once` says that an edit under the same idempotency key that is under way is refused,
    and not waited for. A `policy` goes before that of the body.

    `ids` gives the ids that added records are to have, by ref; `known` the refs
    that earlier changesets of the same dossier defined; `origin` is what the
    importer states about where the edit comes from; `gaps` are the fields, by ref or id,
    that were redacted there. `secrets` are keys that exist already, by the ref under which
    an access change enters them; others are made, for `environment`. `word` is the token
    that it rests on.
    """

    body: Mapping[str, Any]
    editing: Editing
    kind: ChangesetKind = ChangesetKind.EDIT
    idempotency_key: str | None = None
    dry_run: bool = False
    reverts: int | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, Any] | None = None
    gaps: Mapping[str, frozenset[str]] = field(default_factory=dict)
    at_once: bool = False
    policy: ErrorPolicy | None = None
    accepting: Accepting | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: str = "live"
    word: changing_access.Word | None = None


@dataclass(frozen=True, slots=True)
class Accepting:
    """The proposal that an edit comes from: whose it is, and what the reviewer says to it."""

    proposal: str
    contributor: str
    review: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tried:
    """What an edit would do, decided and not written.

    `ids` are those that the records it adds are to have, by ref. `spelled` are, by place,
    the operations that are to be kept in place of upserts (`upserting.spelled_out`).
    """

    steps: tuple[Step, ...]
    refs: Mapping[str, str]
    ids: Mapping[str, str]
    warnings: tuple[Caution, ...]
    spelled: Mapping[int, Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a submission.

    Of a dry run `position` is None and `preview` what was read inside of it.
    `refs` maps the local refs of the input to the ids of the records. `is_replayed` says
    that it is the answer of an earlier submission with the same idempotency key.

    `failures` are why operations were left out, which those are in `skipped`, by place.
    `upserts` are what became of each. Where all of them found what they ask for there is
    neither position nor preview: nothing was written.

    `keys` are the keys that an access change made, by id: they are told this once.
    """

    position: int | None
    changeset_id: str | None
    recorded_at: str | None
    leaf_hash: bytes | None
    warnings: tuple[Caution, ...]
    refs: Mapping[str, str]
    preview: Any = None
    is_replayed: bool = field(default=False, compare=False)
    failures: tuple[Refusal, ...] = ()
    upserts: tuple[Upserted, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def skipped(self) -> tuple[int, ...]:
        """The places of the operations that were left out, in their order."""
        return tuple(
            sorted({place for one in self.failures if (place := place_of(one)) is not None})
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """What an edit comes to: its steps, what they were decided by, and what is told beside them."""

    steps: tuple[Step, ...]
    present: Mapping[str, Record]
    reason: Reason
    warnings: tuple[Caution, ...] = ()
    gaps: Gaps | None = None
    refs: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[Refusal, ...] = ()
    upserts: tuple[Upserted, ...] = ()
    operations: tuple[Operation, ...] = ()
    access: changing_access.Decided | None = None


Parsed: TypeAlias = Commit | Redact | access.Change | None
"""What is asked for; None is a revert."""


class Allotter:
    """Gives out ids: those that a dossier fixed, else fresh ones in the order asked for."""

    def __init__(self, fixed: Mapping[str, str], made_at: datetime) -> None:
        self._fixed = fixed
        self._at_ms = int(made_at.timestamp() * 1000)
        self._given = 0

    def __call__(self, kind: str, ref: str | None) -> str:
        """Return the id of a record to be added; raise `InvalidValue` for a fixed one unfit."""
        if ref is not None and ref in self._fixed:
            if ids.kind_of(self._fixed[ref]) != kind:
                raise InvalidValue(f"ids gives {ref} an id that is not of kind {kind}")
            return self._fixed[ref]
        self._given += 1
        return fresh_id(kind, self._at_ms, self._given)


def fresh_id(kind: str, at_ms: int, count: int = 0) -> str:
    """Return a new id; those with a higher `count` of one millisecond sort later."""
    # The first 12 random bits are a counter (RFC 9562, 6.2, method 1).
    dice = (count % 4096) << 68 | secrets.randbits(68)
    return ids.new_id(kind, at_ms=at_ms, entropy=dice.to_bytes(ids.ENTROPY_BYTES, "big"))


def changeset_id_at(made_at: datetime) -> str:
    """Return a new id of a changeset."""
    return fresh_id("changeset", int(made_at.timestamp() * 1000))
