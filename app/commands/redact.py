"""Redaction: which content goes, and what of it enters the log.

`app.commands.submit` is the door, as for every other write: a submission of kind
REDACTION is parsed and decided here. Only ids, codes, versions and digests enter the
entry; the names of the fields stand in a disclosure of their own, beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.codes import Role
from app.domain.errors import Forbidden
from app.domain.records import Record, Step
from app.domain.redacting import (
    Disclosed,
    HeaderTarget,
    RecordTarget,
    Redact,
    choose,
    redaction_steps,
)
from app.log.entry import changeset_root, redaction_target
from app.store.database import Connection
from app.store.ledger import Redacting, Target
from app.store.records import load_present, lock_records
from app.store.redactions import load_disclosed


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a redaction comes to: the disclosures that go, and the steps of their records."""

    chosen: tuple[Disclosed, ...]
    steps: tuple[Step, ...]
    present: Mapping[str, Record]


def check_may_redact(role: Role) -> None:
    """Raise `Forbidden` for every role but ADMIN."""
    if role is not Role.ADMIN:
        raise Forbidden(f"the role {role} may not redact; ADMIN may")


def decide_redaction(connection: Connection, asked: Redact, *, replaying: bool) -> Gaps:
    """Return what goes; raise `Refused` with each target that names nothing to take.

    The records are locked, so that nothing new is disclosed of them meanwhile.
    """
    records = {one.id for one in asked.targets if isinstance(one, RecordTarget)}
    positions = {one.position for one in asked.targets if isinstance(one, HeaderTarget)}
    lock_records(connection, records, ())
    disclosed = load_disclosed(connection, records, positions)
    chosen = choose(asked.targets, disclosed, nulls=replaying)
    present = load_present(connection, records)
    return Gaps(chosen, redaction_steps(chosen, disclosed, present), present)


def redacting(asked: Redact, chosen: Sequence[Disclosed]) -> Redacting:
    """Return the targets as the ledger keeps them, and the tree that commits to them."""
    targets = tuple(
        Target(one.position, one.scope, one.version, one.field, one.digest) for one in chosen
    )
    return Redacting(asked.authority, targets, changeset_root([_leaf(one) for one in targets]))


def _leaf(target: Target) -> bytes:
    return redaction_target(
        position=target.position,
        scope=target.scope,
        version=target.version,
        digest=target.digest,
    )


def named(chosen: Sequence[Disclosed]) -> list[dict[str, Any]]:
    """Return the value of the header `redacted`: the field of each digest, target by target."""
    return [{"digest": one.digest, "field": one.field} for one in chosen]
