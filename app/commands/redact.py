"""Redaction: which content goes, and what of it enters the log.

`app.commands.submit` is the door, as for every other write: a submission of kind
REDACTION is parsed and decided here. Only ids, codes, versions and digests enter the
entry; the names of the fields stand in a disclosure of their own, beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from app.store.redactions import load_disclosed, load_targets


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a redaction comes to: the disclosures that go, and the steps of their records."""

    chosen: tuple[Disclosed, ...]
    steps: tuple[Step, ...]
    present: Mapping[str, Record]


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


# --- the command line ---------------------------------------------------------


def asked_for(  # noqa: PLR0913 - the options of the command
    *,
    record: str | None,
    version: int | None,
    fields: Sequence[str] | None,
    position: int | None,
    texts: Sequence[str] | None,
    authority: str,
    code: str | None,
    note: str,
    internal_note: str | None,
) -> dict[str, Any]:
    """Return the `RedactInput` that the options of the command ask for.

    Without a code the reason is coded as the authority is, OTHER for EDITORIAL. What is
    wrong with the values is found where the input is parsed.
    """
    targets: list[dict[str, Any]] = []
    narrowed = {"version": version, "fields": list(fields) if fields else None}
    if record is not None:
        targets.append({"record": _given({"id": record, **narrowed})})
    if position is not None or texts:
        targets.append({"header": {"position": position, "texts": list(texts or ())}})
    by_authority = {"LEGAL": "LEGAL", "PRIVACY": "PRIVACY"}.get(authority, "OTHER")
    reason = {"code": code or by_authority, "note": note, "internalNote": internal_note}
    return {"reason": _given(reason), "authority": authority, "targets": targets}


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def told(connection: Connection, position: int) -> list[str]:
    """Return a line for each disclosure that the redaction at a position took."""
    return [
        f"{target.field} of the header of changeset {target.position}"
        if target.version is None
        else f"{target.scope} version {target.version} (position {target.position}): {target.field}"
        for target in load_targets(connection, position)
    ]
