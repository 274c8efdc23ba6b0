"""From decided steps to what the log keeps of them: salts, digests, the subtree."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.kinds import is_access
from app.domain.records import Step
from app.log.base64url import encode_base64url
from app.log.canonical import canonical
from app.log.disclosure import SALT_BYTES, digest, disclose
from app.log.entry import Subtree, changeset_root, revision_document
from app.store.ledger import SealedStep, SealedValue


def seal(name: str, value: Any, *, restricted: bool = False) -> SealedValue:
    """Return `value` with a fresh salt and the digest that stands for it in the log."""
    salt = secrets.token_bytes(SALT_BYTES)
    return SealedValue(
        name=name,
        value=canonical(value).decode(),
        salt=encode_base64url(salt),
        digest=digest(disclose(salt, name, value)),
        restricted=restricted,
    )


def seal_headers(
    public: Mapping[str, Any], restricted: Mapping[str, Any]
) -> tuple[SealedValue, ...]:
    """Return the sealed prose of a changeset; what is None is left out."""
    return (
        *(seal(name, value) for name, value in public.items() if value is not None),
        *(
            seal(name, value, restricted=True)
            for name, value in restricted.items()
            if value is not None
        ),
    )


def seal_step(step: Step) -> SealedStep:
    """Return a step with each of its changes sealed; what is told of access is restricted."""
    restricted = is_access(step.record_id)
    changes = tuple(
        (
            canonical(change.before).decode(),
            seal(change.field, change.after, restricted=restricted),
        )
        for change in step.changes
    )
    return SealedStep(step, changes)


def revisions_subtree(steps: Sequence[SealedStep]) -> Subtree:
    """Return size and root of the tree of the steps' revision documents, in order."""
    return changeset_root([_document(one) for one in steps])


def _document(one: SealedStep) -> bytes:
    before = one.step.before
    return revision_document(
        record=one.step.record_id,
        version=one.step.version,
        action=one.step.action,
        prev=None if before is None else before.entered,
        public=[sealed.digest for _, sealed in one.changes if not sealed.restricted],
        restricted=[sealed.digest for _, sealed in one.changes if sealed.restricted],
    )
