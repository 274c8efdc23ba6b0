"""Redaction: which content is taken out of the ledger, and what stays in its place.

Content entered as *disclosures*: one for each changed field of a revision, and one
for each text of a changeset's header. A redaction names disclosures. Where content
stood, readers then see `[redacted]` in a required text and null elsewhere.

Pure: what the ledger disclosed is a parameter. What codes and references of a
reader's schema cannot be null, and name nobody's words, stays: see `why_not`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from app.domain import field_types as t
from app.domain.codes import Action, HeaderText, RedactionAuthority
from app.domain.decisions import step
from app.domain.errors import (
    InvalidInput,
    NothingToRedact,
    NotRedactable,
    Path,
    Refusal,
    Refused,
    UnknownRecord,
)
from app.domain.kinds import KINDS
from app.domain.operations import Reason, mapping, no_unknown, parse_reason
from app.domain.records import Record, Step, kind_name, with_fields
from app.domain.wording import shown

REDACTED: Final = "[redacted]"
"""What a required text reads once its content was removed."""

HEADER: Final = "header"
"""The scope of a target that is a text of a changeset's header."""

REDACTED_HEADER: Final = "redacted"
"""The header of a redaction that covers the names of what it took; it stays readable."""

REVIEW_HEADER: Final = "review"
"""The restricted header of a decision on a proposal: which one, of what content, and the note."""

TARGETS_LIMIT: Final = 1_000

HEADER_TEXTS: Final[Mapping[str, str]] = {
    HeaderText.NOTE: "note",
    HeaderText.INTERNAL_NOTE: "internalNote",
    HeaderText.EDITOR_NAME: "editorName",
    HeaderText.ORIGIN: "origin",
    HeaderText.REVIEW: REVIEW_HEADER,
}
"""The name under which each text of a header is disclosed."""

_REQUIRED_HEADERS: Final = frozenset({"note", "editorName"})


@dataclass(frozen=True, slots=True)
class RecordTarget:
    """Content of a record: of one version or of all, of some fields or of all."""

    path: Path
    id: str
    version: int | None = None
    fields: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class HeaderTarget:
    """Texts of the header of the changeset at a position, by the names they are stored under."""

    path: Path
    position: int
    texts: tuple[str, ...]


Target: TypeAlias = RecordTarget | HeaderTarget


@dataclass(frozen=True, slots=True)
class Redact:
    """One redaction that an editor asks for, as it was parsed."""

    reason: Reason
    authority: RedactionAuthority
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Disclosed:
    """One piece of content that the ledger disclosed.

    `scope` is a record's id, or `HEADER` (then `version` is None). `value` is
    canonical JSON text. `gone` says that a redaction took it already.
    """

    position: int
    scope: str
    version: int | None
    field: str
    value: str
    digest: str
    gone: bool = False


# --- what can be redacted -------------------------------------------------------


def why_not(kind: str, name: str) -> str | None:
    """Return why a field of a kind cannot be redacted, or None where it can."""
    field = KINDS[kind].fields[name]
    if isinstance(field.type, t.Derivations):
        return "it links claims to each other, on which other claims rest; retract the claim"
    if not field.type.settable:
        return "it says which record stands for this one"
    if name == "integrity":
        return "it decides which claims count; what it rested on can be redacted"
    if field.required and not isinstance(field.type, t.Text):
        return "every reader relies on it being there, and it holds nobody's words"
    return None


def redactable(kind: str) -> tuple[str, ...]:
    """Return the fields of a kind that can be redacted, in their order."""
    return tuple(name for name in KINDS[kind].fields if why_not(kind, name) is None)


def placeholder(kind: str, name: str) -> str | None:
    """Return what stands in the place of a field's redacted content."""
    return REDACTED if KINDS[kind].fields[name].required else None


def header_placeholder(name: str) -> str | None:
    """Return what stands in the place of a redacted text of a header."""
    return REDACTED if name in _REQUIRED_HEADERS else None


# --- parsing --------------------------------------------------------------------


def parse_redact(value: Any) -> Redact:
    """Return the redaction that a JSON-able `RedactInput` describes.

    Raises `Refused` with everything that is wrong with it, each with its path.
    """
    faults: list[Refusal] = []
    body = mapping(value, (), faults)
    no_unknown(body, {"reason", "authority", "targets", "idempotencyKey", "dryRun"}, (), faults)
    reason = parse_reason(body.get("reason"), faults)
    authority = _authority(body.get("authority"), faults)
    targets = _targets(body.get("targets"), faults)
    if faults:
        raise Refused(tuple(faults))
    return Redact(reason, authority, targets)


def _authority(value: Any, faults: list[Refusal]) -> RedactionAuthority:
    if isinstance(value, str) and value in RedactionAuthority.__members__:
        return RedactionAuthority[value]
    known = ", ".join(RedactionAuthority.__members__)
    faults.append(InvalidInput(f"authority must be one of {known}", path=("authority",)))
    return RedactionAuthority.EDITORIAL


def _targets(value: Any, faults: list[Refusal]) -> tuple[Target, ...]:
    path: Path = ("targets",)
    if not isinstance(value, list) or not value:
        faults.append(InvalidInput("targets must be a list of at least one target", path=path))
        return ()
    if len(value) > TARGETS_LIMIT:
        message = f"a redaction has at most {TARGETS_LIMIT} targets, this one {len(value)}"
        faults.append(InvalidInput(f"{message}; split it", path=path))
        return ()
    found = [_target(one, (*path, place), faults) for place, one in enumerate(value)]
    return tuple(one for one in found if one is not None)


def _target(value: Any, path: Path, faults: list[Refusal]) -> Target | None:
    match value:
        case {"record": inner, **more} if not more:
            return _record_target(inner, (*path, "record"), faults)
        case {"header": inner, **more} if not more:
            return _header_target(inner, (*path, "header"), faults)
    faults.append(InvalidInput("a target has exactly one of record, header", path=path))
    return None


def _record_target(value: Any, path: Path, faults: list[Refusal]) -> RecordTarget | None:
    before = len(faults)
    body = mapping(value, path, faults)
    no_unknown(body, {"id", "version", "fields"}, path, faults)
    record_id, version, fields = body.get("id"), body.get("version"), body.get("fields")
    if not isinstance(record_id, str) or kind_name(record_id) not in KINDS:
        message = f"{shown(record_id)} is no id of a record"
        faults.append(InvalidInput(message, path=(*path, "id")))
    elif "@" in record_id:
        message = f"{shown(record_id)} is an id of an archive; use it without @ and what follows"
        faults.append(InvalidInput(message, path=(*path, "id")))
    elif fields is not None:
        _check_fields(kind_name(record_id), fields, (*path, "fields"), faults)
    if version is not None and not _is_count(version):
        message = "version must be a number from 1, or absent for every version"
        faults.append(InvalidInput(message, path=(*path, "version")))
    if len(faults) > before:
        return None
    return RecordTarget(path, str(record_id), version, None if fields is None else tuple(fields))


def _check_fields(kind: str, fields: Any, path: Path, faults: list[Refusal]) -> None:
    if not isinstance(fields, list) or not fields:
        message = "fields must name at least one field, or be absent for every one"
        faults.append(InvalidInput(message, path=path))
        return
    for place, name in enumerate(fields):
        if not isinstance(name, str) or name not in KINDS[kind].fields:
            known = ", ".join(redactable(kind))
            message = f"{kind} has no field {shown(name)}; redactable are {known}"
            faults.append(InvalidInput(message, path=(*path, place)))
        elif (reason := why_not(kind, name)) is not None:
            message = f"{name} of {kind} cannot be redacted: {reason}"
            faults.append(NotRedactable(message, path=(*path, place)))


def _header_target(value: Any, path: Path, faults: list[Refusal]) -> HeaderTarget | None:
    before = len(faults)
    body = mapping(value, path, faults)
    no_unknown(body, {"position", "texts"}, path, faults)
    position, texts = body.get("position"), body.get("texts")
    if not _is_count(position):
        message = "position must be that of a changeset, a number from 1"
        faults.append(InvalidInput(message, path=(*path, "position")))
    if (
        not isinstance(texts, list)
        or not texts
        or any(not isinstance(one, str) or one not in HEADER_TEXTS for one in texts)
    ):
        message = f"texts must name at least one of {', '.join(HEADER_TEXTS)}"
        faults.append(InvalidInput(message, path=(*path, "texts")))
    if len(faults) > before:
        return None
    return HeaderTarget(path, int(str(position)), tuple(HEADER_TEXTS[one] for one in texts or ()))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**53


# --- deciding -------------------------------------------------------------------


def choose(
    targets: Sequence[Target], disclosed: Sequence[Disclosed], *, nulls: bool = False
) -> tuple[Disclosed, ...]:
    """Return the disclosures that the targets take, in the order of the log.

    `disclosed` are all those of the records and changesets that the targets name.
    A disclosure of the same record and field with an equal value goes with the one
    that was asked for: else the content would stay where a revert put it back. What
    is null, or gone already, is nothing to take; a replayed redaction may take `nulls`,
    which hold the place of what another ledger redacted.

    Raises `Refused` for a record, version or changeset that is not there, and with
    `NothingToRedact` for each target that takes nothing.
    """
    by_scope: dict[tuple[str, int | None], list[Disclosed]] = defaultdict(list)
    for one in disclosed:
        by_scope[_home(one)].append(one)
    faults: list[Refusal] = []
    chosen: dict[str, Disclosed] = {}
    for target in targets:
        taken = _taken(target, by_scope, faults, nulls=nulls)
        chosen.update((one.digest, one) for one in taken)
    if faults:
        raise Refused(tuple(faults))
    return tuple(sorted(chosen.values(), key=_in_log_order))


def _home(one: Disclosed) -> tuple[str, int | None]:
    """Return what a target names: a record, or a changeset."""
    return (HEADER, one.position) if one.scope == HEADER else (one.scope, None)


def _in_log_order(one: Disclosed) -> tuple[int, str, int, str]:
    return one.position, one.scope, one.version or 0, one.field


def _taken(
    target: Target,
    by_scope: Mapping[tuple[str, int | None], Sequence[Disclosed]],
    faults: list[Refusal],
    *,
    nulls: bool,
) -> list[Disclosed]:
    if isinstance(target, HeaderTarget):
        held = by_scope.get((HEADER, target.position), ())
        if not held:
            message = f"there is no changeset at position {target.position}"
            faults.append(UnknownRecord(message, path=(*target.path, "position")))
            return []
        asked = [one for one in held if one.field in target.texts]
    else:
        held = by_scope.get((target.id, None), ())
        if not _is_there(target, held, faults):
            return []
        asked = [one for one in held if _is_asked(target, one)]
    found = [one for one in asked if not one.gone and (nulls or one.value != "null")]
    if not found:
        faults.append(_nothing(target, asked))
    return _with_equals(found, held)


def _is_there(target: RecordTarget, held: Sequence[Disclosed], faults: list[Refusal]) -> bool:
    if not held:
        message = f"{target.id} is no record of this ledger"
        faults.append(UnknownRecord(message, path=(*target.path, "id")))
    elif target.version is not None and not any(one.version == target.version for one in held):
        message = (
            f"version {target.version} of {target.id} entered no content; the versions that did "
            f"are {', '.join(str(one) for one in sorted({one.version or 0 for one in held}))}"
        )
        faults.append(UnknownRecord(message, path=(*target.path, "version")))
    else:
        return True
    return False


def _is_asked(target: RecordTarget, one: Disclosed) -> bool:
    if target.version is not None and one.version != target.version:
        return False
    if target.fields is not None:
        return one.field in target.fields
    return why_not(kind_name(target.id), one.field) is None


_PLACEHOLDERS: Final = ("null", f'"{REDACTED}"')


def _with_equals(found: Sequence[Disclosed], held: Sequence[Disclosed]) -> list[Disclosed]:
    values = {
        (one.field, one.value)
        for one in found
        if one.scope != HEADER and one.value not in _PLACEHOLDERS
    }
    equal = [one for one in held if (one.field, one.value) in values and not one.gone]
    return [*found, *equal]


def _nothing(target: Target, asked: Sequence[Disclosed]) -> NothingToRedact:
    what = (
        f"the header of changeset {target.position}"
        if isinstance(target, HeaderTarget)
        else f"{target.id}" + (f" version {target.version}" if target.version else "")
    )
    why = "was redacted already" if any(one.gone for one in asked) else "holds nothing there"
    return NothingToRedact(
        f"nothing is left to redact: {what} {why}",
        path=target.path,
        record_id=None if isinstance(target, HeaderTarget) else target.id,
    )


def redaction_steps(
    chosen: Sequence[Disclosed],
    disclosed: Sequence[Disclosed],
    present: Mapping[str, Record],
) -> tuple[Step, ...]:
    """Return a step of each record that loses content: the same, with the gaps.

    A new version, so that an edit based on the old one is stale and cannot bring the
    content back unseen; without changes, as nobody gave the fields other values.
    """
    lost: dict[str, dict[str, Any]] = {}
    last = _last_versions(disclosed)
    for one in chosen:
        if one.scope == HEADER:
            continue
        gaps = lost.setdefault(one.scope, {})
        if last[one.scope, one.field] == one.version:
            gaps[one.field] = placeholder(kind_name(one.scope), one.field)
    return tuple(
        step(
            present[record_id],
            Action.REDACT,
            with_fields(present[record_id].fields, gaps),
            ("targets",),
        )
        for record_id, gaps in sorted(lost.items())
    )


def _last_versions(disclosed: Iterable[Disclosed]) -> dict[tuple[str, str], int]:
    last: dict[tuple[str, str], int] = {}
    for one in disclosed:
        key = one.scope, one.field
        last[key] = max(last.get(key, 0), one.version or 0)
    return last


__all__ = [
    "HEADER",
    "REDACTED",
    "REDACTED_HEADER",
    "Disclosed",
    "HeaderTarget",
    "RecordTarget",
    "Redact",
    "choose",
    "parse_redact",
    "placeholder",
    "redactable",
    "redaction_steps",
    "why_not",
]
