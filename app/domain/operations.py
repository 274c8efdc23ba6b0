"""What an editor asks for: the operations of a changeset, parsed and validated.

The same JSON shape serves GraphQL, dossiers and proposals. Parsing knows only
the input; what depends on the present of the ledger is decided in
`app.domain.decisions`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from app.domain import ids, texts
from app.domain.codes import ErrorPolicy, ReasonCode, code
from app.domain.errors import (
    InvalidInput,
    InvalidValue,
    OtherKind,
    Path,
    Refusal,
    Refused,
    UnknownRecord,
    UnknownRef,
    WrongKind,
)
from app.domain.field_types import record_id
from app.domain.kinds import KINDS, Kind
from app.domain.wording import shown

NOTE_LIMIT: Final = 2_000
OPERATIONS_LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a changeset was made; `internal_note` is for the newsroom's own eyes."""

    code: ReasonCode
    note: str
    internal_note: str | None = None


@dataclass(frozen=True, slots=True)
class Add:
    """A new record of `kind`; `id` was allotted when it was parsed."""

    path: Path
    kind: str
    id: str
    ref: str | None
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Revise:
    """New values for some fields of a record, based on `version` of it.

    A `replayed` one, in a dossier, may say what only merges and reverts do:
    step a record that is not active, and point a merged one elsewhere.
    """

    path: Path
    id: str
    version: int
    given: Mapping[str, Any]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Retract:
    """Mark a record withdrawn."""

    path: Path
    id: str
    version: int


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring a retracted or merged record back."""

    path: Path
    id: str
    version: int


@dataclass(frozen=True, slots=True)
class Merge:
    """Mark a duplicate, and point everything that names it at the survivor."""

    path: Path
    id: str
    version: int
    into: str


@dataclass(frozen=True, slots=True)
class Upsert:
    """New values for the newsroom's record of an external reference, which may not exist yet.

    `id` is the one that it is to have if it does not.
    """

    path: Path
    kind: str
    id: str
    ref: str | None
    external_ref: str
    given: Mapping[str, Any]


Operation: TypeAlias = Add | Revise | Retract | Restore | Merge
Asked: TypeAlias = Operation | Upsert
"""What an input may hold; an upsert becomes an Add, a Revise or nothing (`upserting`)."""
Allot: TypeAlias = Callable[[str, str | None], str]
"""Given a kind and a local ref, returns the id of the record to be added."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One edit that an editor asks for, as it was parsed.

    `failures` are what is wrong with single operations, which are left out if `policy`
    has it so; `gone` are the ids that records were to have which these would have added.
    `on_behalf_of` is the newsroom whose words are entered, where that is another one.
    """

    reason: Reason
    operations: tuple[Asked, ...]
    refs: Mapping[str, str]
    policy: ErrorPolicy = ErrorPolicy.REJECT_ALL
    failures: tuple[Refusal, ...] = ()
    gone: frozenset[str] = frozenset()
    on_behalf_of: str | None = None


def parse_commit(
    value: Any,
    *,
    allot: Allot,
    known: Mapping[str, str],
    replaying: bool = False,
    policy: ErrorPolicy | None = None,
) -> Commit:
    """Return the commit that a JSON-able `CommitInput` describes.

    `known` are refs that earlier changesets of the same dossier defined.
    `replaying` is for dossiers, which may repeat what merges and reverts did
    elsewhere: in any number of operations, and to records that are not active. A `policy`
    goes before that of the input.
    Raises `Refused` with everything that is wrong with it, each with its path; under
    SKIP_FAILED only for what is wrong with more than single operations.
    """
    faults: list[Refusal] = []
    body = mapping(value, (), faults)
    no_unknown(body, _MEMBERS, (), faults)
    reason = parse_reason(body.get("reason"), faults)
    policy, on_behalf_of = policy or _policy(body, faults), _newsroom(body, faults)
    limit = None if replaying else OPERATIONS_LIMIT
    listed = _operation_list(body.get("operations"), faults, limit)
    refs = _allot_refs(listed, allot, known, faults)
    parser = _Parser({**known, **refs}, allot, faults, replaying=replaying)
    parsed = [parser.operation(tag, inner, path) for tag, inner, path in listed]
    operations = [one for one in parsed if one is not None]
    faults += _upserted_twice(operations)
    if faults and (policy is ErrorPolicy.REJECT_ALL or None in map(place_of, faults)):
        raise Refused(tuple(faults))
    failed = {place_of(fault) for fault in faults}
    kept = tuple(one for one in operations if one.path[1] not in failed)
    adding = {one.id for one in kept if isinstance(one, Add | Upsert)}
    return Commit(
        reason,
        kept,
        {ref: found for ref, found in refs.items() if found in adding},
        policy,
        tuple(faults),
        frozenset(refs.values()) - adding,
        on_behalf_of,
    )


_MEMBERS: Final = frozenset(
    {"reason", "operations", "idempotencyKey", "dryRun", "errorPolicy", "onBehalfOf"}
)


def _upserted_twice(operations: list[Asked]) -> Iterator[Refusal]:
    seen = set[tuple[str, str]]()
    for one in operations:
        if isinstance(one, Upsert):
            if (one.kind, one.external_ref) in seen:
                message = "this externalRef stands in an earlier operation; join the two"
                yield InvalidInput(message, path=(*one.path, "externalRef"))
            seen.add((one.kind, one.external_ref))


def place_of(found: Refusal | Asked) -> int | None:
    """Return the place of an operation, or of that which a refusal is about.

    None of a refusal of the whole edit.
    """
    match found.path:
        case ("operations", int(place), *_):
            return place
        case _:
            return None


def _policy(body: Mapping[str, Any], faults: list[Refusal]) -> ErrorPolicy:
    given = body.get("errorPolicy")
    try:
        return ErrorPolicy.REJECT_ALL if given is None else ErrorPolicy(code(ErrorPolicy, given))
    except InvalidValue as fault:
        message = f"errorPolicy {fault.message}"
        faults.append(InvalidInput(message, path=("errorPolicy",)))
        return ErrorPolicy.REJECT_ALL


def _newsroom(body: Mapping[str, Any], faults: list[Refusal]) -> str | None:
    given = body.get("onBehalfOf")
    try:
        if given is None or ids.kind_of(given) == "newsroom":
            return given
    except InvalidValue:
        pass
    message = "onBehalfOf must be the id of a newsroom"
    faults.append(InvalidInput(message, path=("onBehalfOf",)))
    return None


def parse_reason(value: Any, faults: list[Refusal]) -> Reason:
    """Return the reason of a changeset; append what is wrong with it to `faults`."""
    body = mapping(value, ("reason",), faults)
    no_unknown(body, {"code", "note", "internalNote"}, ("reason",), faults)
    given = body.get("code")
    if not isinstance(given, str) or given not in ReasonCode.__members__:
        known = ", ".join(ReasonCode.__members__)
        faults.append(InvalidInput(f"reason.code must be one of {known}", path=("reason", "code")))
        given = ReasonCode.OTHER
    note = _note(body, "note", faults, required=True)
    return Reason(ReasonCode(given), note or "", _note(body, "internalNote", faults))


def _note(
    body: Mapping[str, Any], name: str, faults: list[Refusal], *, required: bool = False
) -> str | None:
    if body.get(name) is None and not required:
        return None
    try:
        return texts.text(body.get(name), limit=NOTE_LIMIT, multiline=True)
    except InvalidValue as fault:
        message = f"reason.{name} {fault.message}; say in a sentence why the edit is made"
        faults.append(InvalidInput(message, path=("reason", name)))
        return None


def _operation_list(
    value: Any, faults: list[Refusal], limit: int | None
) -> list[tuple[str, Any, Path]]:
    if not isinstance(value, list) or not value:
        faults.append(
            InvalidInput(
                "operations must be a list of at least one operation", path=("operations",)
            )
        )
        return []
    if limit is not None and len(value) > limit:
        faults.append(
            InvalidInput(
                f"a changeset holds at most {limit} operations, this one {len(value)}; split it",
                path=("operations",),
            )
        )
        return []
    found: list[tuple[str, Any, Path]] = []
    for place, entry in enumerate(value):
        tag = _operation_tag(entry, ("operations", place), faults)
        if tag is not None:
            found.append((tag, entry[tag], ("operations", place, tag)))
    return found


def _operation_tag(entry: Any, path: Path, faults: list[Refusal]) -> str | None:
    if isinstance(entry, Mapping) and len(entry) == 1:
        (tag,) = entry
        if tag in OPERATION_TAGS:
            return str(tag)
    known = ", ".join(OPERATION_TAGS)
    faults.append(InvalidInput(f"an operation has exactly one of {known}", path=path))
    return None


OPERATION_TAGS: Final = (
    *(f"add{kind.title}" for kind in KINDS.values()),
    *(f"revise{kind.title}" for kind in KINDS.values()),
    *(f"upsert{kind.title}" for kind in KINDS.values()),
    "retract",
    "restore",
    "merge",
)


def _allot_refs(
    listed: list[tuple[str, Any, Path]],
    allot: Allot,
    known: Mapping[str, str],
    faults: list[Refusal],
) -> dict[str, str]:
    """Allot the ids of all added records first, so that operations may refer forward."""
    refs: dict[str, str] = {}
    for tag, inner, path in listed:
        ref = inner.get("ref") if isinstance(inner, Mapping) else None
        if not tag.startswith(_ADDING) or ref is None:
            continue
        if not isinstance(ref, str) or not ids.is_ref(ref):
            faults.append(
                InvalidInput(
                    'a ref is "#" and 1 to 64 letters, digits, ".", "_" or "-"', path=(*path, "ref")
                )
            )
        elif ref in refs or ref in known:
            faults.append(
                InvalidInput(f"{ref} is already defined; choose another ref", path=(*path, "ref"))
            )
        else:
            refs[ref] = _allotted(allot, tag, ref, (*path, "ref"), faults)
    return refs


_ADDING: Final = ("add", "upsert")


def _allotted(allot: Allot, tag: str, ref: str, path: Path, faults: list[Refusal]) -> str:
    try:
        return allot(tag.removeprefix("add").removeprefix("upsert").lower(), ref)
    except InvalidValue as fault:
        faults.append(InvalidInput(fault.message, path=path))
        return ref


class _Parser:
    """Parses single operations; collects what is wrong with them."""

    def __init__(
        self,
        refs: Mapping[str, str],
        allot: Allot,
        faults: list[Refusal],
        *,
        replaying: bool,
    ) -> None:
        self._replaying = replaying
        self._refs = refs
        self._allot = allot
        self._faults = faults

    def operation(self, tag: str, value: Any, path: Path) -> Asked | None:
        faults_before = len(self._faults)
        body = mapping(value, path, self._faults)
        if tag.startswith("add"):
            parsed: Asked = self._add(KINDS[tag.removeprefix("add").lower()], body, path)
        elif tag.startswith("upsert"):
            parsed = self._upsert(KINDS[tag.removeprefix("upsert").lower()], body, path)
        elif tag.startswith("revise"):
            parsed = self._revise(KINDS[tag.removeprefix("revise").lower()], body, path)
        else:
            parsed = self._state(tag, body, path)
        return parsed if len(self._faults) == faults_before else None

    def _add(self, kind: Kind, body: Mapping[str, Any], path: Path) -> Add:
        given = {name: value for name, value in body.items() if name != "ref"}
        fields = self._fields(kind, given, path)
        for field in kind.fields.values():
            if field.required and fields.get(field.name) is None and given.get(field.name) is None:
                self._fault(InvalidInput, f"{field.name} is required", (*path, field.name))
        present = {name: value for name, value in fields.items() if value is not None}
        return Add(path, kind.name, self._allotted(kind, body), body.get("ref"), present)

    def _allotted(self, kind: Kind, body: Mapping[str, Any]) -> str:
        ref = body.get("ref")
        return (self._refs.get(ref) or "") if isinstance(ref, str) else self._allot(kind.name, None)

    def _upsert(self, kind: Kind, body: Mapping[str, Any], path: Path) -> Upsert:
        no_unknown(body, {"externalRef", "ref", "set"}, path, self._faults)
        inner = (*path, "set")
        given = mapping(body.get("set"), inner, self._faults)
        fields = self._fields(kind, given, inner)
        self._no_required_taken(kind, given, inner)
        if "externalRef" in given:
            message = "externalRef stands beside set, and is what the record is found by"
            self._fault(InvalidInput, message, (*inner, "externalRef"))
        wanted = body.get("externalRef")
        if wanted is None:
            message = "externalRef is required: the record is found by it"
            self._fault(InvalidInput, message, (*path, "externalRef"))
        found = self._fields(kind, {"externalRef": wanted}, path)
        external_ref = found.get("externalRef") or ""
        allotted = self._allotted(kind, body)
        return Upsert(path, kind.name, allotted, body.get("ref"), external_ref, fields)

    def _revise(self, kind: Kind, body: Mapping[str, Any], path: Path) -> Revise:
        no_unknown(body, {"id", "version", "set"}, path, self._faults)
        given = mapping(body.get("set"), (*path, "set"), self._faults)
        fields = self._fields(kind, given, (*path, "set"), replaying=self._replaying)
        self._no_required_taken(kind, given, (*path, "set"))
        if not given:
            self._fault(InvalidInput, "set names no field; say what to change", (*path, "set"))
        record_id = self._id(body, "id", (kind.name,), path)
        return Revise(path, record_id, self._version(body, path), fields, self._replaying)

    def _no_required_taken(self, kind: Kind, given: Mapping[str, Any], path: Path) -> None:
        for name, value in given.items():
            if value is None and name in kind.fields and kind.fields[name].required:
                message = f"{name} is required and cannot be taken away"
                self._fault(InvalidInput, message, (*path, name))

    def _state(self, tag: str, body: Mapping[str, Any], path: Path) -> Operation:
        allowed = {"id", "version"} | ({"into"} if tag == "merge" else set())
        no_unknown(body, allowed, path, self._faults)
        kinds = _MERGEABLE if tag == "merge" else tuple(KINDS)
        record_id, version = self._id(body, "id", kinds, path), self._version(body, path)
        if tag == "retract":
            return Retract(path, record_id, version)
        if tag == "restore":
            return Restore(path, record_id, version)
        return Merge(path, record_id, version, self._id(body, "into", kinds, path))

    def _fields(
        self, kind: Kind, given: Mapping[str, Any], path: Path, *, replaying: bool = False
    ) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, value in given.items():
            field = kind.fields.get(name)
            if field is None or not (field.type.settable or replaying):
                known = ", ".join(f.name for f in kind.fields.values() if f.type.settable)
                self._fault(
                    InvalidInput,
                    f"{kind.name} has no field {shown(name)} to set; its fields are {known}",
                    (*path, name),
                )
                continue
            try:
                fields[name] = None if value is None else field.type.parse(value, self._resolve)
            except InvalidValue as fault:
                self._misfit(name, fault, (*path, name, *fault.path))
        return fields

    def _id(self, body: Mapping[str, Any], name: str, kinds: tuple[str, ...], path: Path) -> str:
        try:
            return record_id(body.get(name), self._resolve, kinds)
        except InvalidValue as fault:
            self._misfit(name, fault, (*path, name))
            return ""

    def _version(self, body: Mapping[str, Any], path: Path) -> int:
        version = body.get("version")
        if isinstance(version, int) and not isinstance(version, bool) and version >= 1:
            return version
        self._fault(
            InvalidInput,
            "version must be the version that the edit is based on, 1 or more",
            (*path, "version"),
        )
        return 0

    def _resolve(self, text: str) -> str:
        if text.startswith("#"):
            if text not in self._refs:
                raise UnknownRef(f"{shown(text)} is not defined; add a record with that ref")
            return self._refs[text]
        if "@" in text:
            raise InvalidValue(
                f"{shown(text)} names a past state; use the id without its position, "
                f"{shown(text.partition('@')[0])}"
            )
        return text

    def _misfit(self, name: str, fault: InvalidValue, path: Path) -> None:
        refusal = _REFUSALS.get(type(fault), InvalidInput)
        self._fault(refusal, f"{name}: {fault.message}", path)

    def _fault(self, refusal: type[Refusal], message: str, path: Path) -> None:
        self._faults.append(refusal(message, path=path))


_REFUSALS: Final[Mapping[type[InvalidValue], type[Refusal]]] = {
    UnknownRef: UnknownRecord,
    OtherKind: WrongKind,
}
_MERGEABLE: Final = tuple(name for name, kind in KINDS.items() if "mergedInto" in kind.fields)


def mapping(value: Any, path: Path, faults: list[Refusal]) -> Mapping[str, Any]:
    """Return a value that has to be an object; append to `faults` where it is none."""
    if isinstance(value, Mapping):
        return value
    name = path[-1] if path else "the input"
    faults.append(InvalidInput(f"{name} must be an object", path=path))
    return {}


def no_unknown(
    body: Mapping[str, Any], allowed: Collection[str], path: Path, faults: list[Refusal]
) -> None:
    """Append to `faults` each member that is not among those allowed."""
    for name in body:
        if name not in allowed:
            known = ", ".join(sorted(allowed))
            faults.append(
                InvalidInput(
                    f"{shown(name)} is unknown here; known are {known}", path=(*path, str(name))
                )
            )
