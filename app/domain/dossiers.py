"""The lines of a dossier: what one may hold, and how revisions are said as operations.

A dossier is JSON Lines, one changeset a line. Reading and writing are a pair:
`parse_line` takes a line apart, `operations_of` says what a changeset made so
that deciding it again makes the same. Neither knows a ledger.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain import ids, instants, texts
from app.domain.codes import Action, ChangesetKind
from app.domain.decisions import replaced
from app.domain.errors import InvalidInput, InvalidValue, Path, Refusal, Refused
from app.domain.kinds import KINDS
from app.domain.records import Change, kind_name
from app.domain.reverting import Made
from app.domain.wording import shown

LINE_LIMIT: Final = 64 * 2**20
"""Bytes of a line: a thousand records of the longest texts fit in."""

_DEPTH_LIMIT: Final = 32
_NAME_LIMIT: Final = 500
_MEMBERS: Final = ("input", "kind", "ids", "origin", "redactions")
_ORIGIN: Final = (
    "position", "recordedAt", "editor", "newsroom", "ledger", "kind", "contributor", "onBehalfOf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line, checked as far as it can be without a ledger.

    `ids` are those that added records are to have, by ref; `origin` is what the
    importer states about where the changeset comes from, its kind included. `gaps` are
    the fields, by ref or id of their record, whose content was redacted there.
    """

    input: Mapping[str, Any]
    ids: Mapping[str, str]
    origin: Mapping[str, Any] | None
    gaps: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def is_redaction(self) -> bool:
        """Whether its input is that of a redaction."""
        return (self.origin or {}).get("kind") == ChangesetKind.REDACTION


# --- reading ------------------------------------------------------------------


def parse_line(line: bytes) -> Line:
    """Return what a line holds; raise `Refused` with everything that is wrong with it.

    The input itself is only taken to be an object: its operations are parsed
    where they are submitted.
    """
    body = _json_object(line)
    faults: list[Refusal] = [
        _fault(f"{shown(name)} is unknown here; a line has {_listed(_MEMBERS)}", name)
        for name in body
        if name not in _MEMBERS
    ]
    if not isinstance(body.get("input"), dict):
        faults.append(
            _fault("a line needs an input: an object with reason and operations", "input")
        )
    gaps = _gaps(body.get("redactions"), faults)
    kind = _kind(body.get("kind"), ("kind",), faults)
    found = _ids(body.get("ids"), body.get("input"), faults)
    origin = _origin(body.get("origin"), kind, faults)
    if faults:
        raise Refused(tuple(faults))
    return Line(body["input"], found, origin, gaps)


def _gaps(value: Any, faults: list[Refusal]) -> Mapping[str, frozenset[str]]:
    if value is None:
        return {}
    if not isinstance(value, list):
        faults.append(_fault("redactions must be a list", "redactions"))
        return {}
    found: dict[str, set[str]] = {}
    for place, one in enumerate(value):
        match one:
            case {"record": str(record), "field": str(name)} if len(one) == len(("", "")):
                found.setdefault(record, set()).add(name)
            case _:
                message = "a redaction of a line has record, a ref or an id, and field"
                faults.append(_fault(message, "redactions", place))
    return {record: frozenset(names) for record, names in found.items()}


def _json_object(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_no_doublets, parse_constant=_no_constant)
    except UnicodeDecodeError as fault:
        raise _refused(f"the line is not UTF-8: byte {fault.start + 1} spells nothing") from None
    except json.JSONDecodeError as fault:
        raise _refused(f"the line is no JSON: {fault.msg}, at character {fault.pos + 1}") from None
    except RecursionError:
        raise _refused("the line is nested too deeply") from None
    except InvalidValue as fault:
        raise _refused(fault.message) from None
    except ValueError:
        # Python refuses to read integers of more than 4,300 digits.
        raise _refused("the line holds a number that is far too long") from None
    if not isinstance(value, dict):
        raise _refused("a line is one JSON object")
    if _is_deeper(value, _DEPTH_LIMIT):
        raise _refused(f"the line is nested more than {_DEPTH_LIMIT} levels deep")
    return value


def _no_doublets(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidValue(f"the line has {shown(twice)} twice in one object")
    return made


def _no_constant(name: str) -> Any:
    raise InvalidValue(f"the line holds {name}, which is no JSON")


def _is_deeper(value: Any, levels: int) -> bool:
    inner = [value]
    for _ in range(levels):
        inner = [below for one in inner for below in _below(one)]
        if not inner:
            return False
    return True


def _below(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _kind(value: Any, path: Path, faults: list[Refusal]) -> str | None:
    if value is None or (isinstance(value, str) and value in ChangesetKind.__members__):
        return value
    faults.append(_fault(f"kind must be one of {_listed(ChangesetKind.__members__)}", *path))
    return None


def _ids(value: Any, given: Any, faults: list[Refusal]) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        faults.append(_fault("ids must be an object of ref and id", "ids"))
        return {}
    defined = set(refs_defined(given))
    for ref, record_id in value.items():
        if ref not in defined:
            faults.append(_fault(f"no operation of this line defines {shown(ref)}", "ids", ref))
        else:
            _check_id(ref, record_id, faults)
    return value


def _check_id(ref: str, record_id: Any, faults: list[Refusal]) -> None:
    try:
        ids.parse_id(record_id)
    except InvalidValue as fault:
        faults.append(_fault(f"an id of ids {fault.message}", "ids", ref))


def refs_defined(given: Any) -> Iterator[str]:
    """Yield the refs that the operations of an input define, well-formed or not."""
    operations = given.get("operations") if isinstance(given, dict) else None
    for operation in operations if isinstance(operations, list) else ():
        for inner in _below(operation):
            if isinstance(inner, dict) and isinstance(inner.get("ref"), str):
                yield inner["ref"]


def words_with_hash(value: Any) -> Iterator[str]:
    """Yield every string of a JSON value that might be a local ref."""
    ahead = [value]
    while ahead:
        here = ahead.pop()
        if isinstance(here, str):
            if here.startswith("#"):
                yield here
        else:
            ahead.extend(_below(here))


def _origin(value: Any, kind: str | None, faults: list[Refusal]) -> Mapping[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        faults.append(_fault("origin must be an object", "origin"))
        return None
    origin = {name: inner for name, inner in (value or {}).items() if inner is not None}
    for name, inner in origin.items():
        message = _origin_fault(name, inner)
        if message is not None:
            faults.append(_fault(message, "origin", name))
    stated = _kind(origin.get("kind"), ("origin", "kind"), faults)
    if kind and stated and kind != stated:
        faults.append(_fault(f"kind is {kind} and origin.kind {stated}; they must agree", "kind"))
    if kind and kind != ChangesetKind.IMPORT:
        origin["kind"] = kind
    return origin or None


def _origin_fault(name: str, value: Any) -> str | None:
    if name not in _ORIGIN:
        return f"{shown(name)} is unknown here; an origin has {_listed(_ORIGIN)}"
    try:
        if name == "position":
            return None if _is_position(value) else "position must be a number from 1"
        if name == "recordedAt":
            instants.instant(value)
        elif name != "kind":
            texts.text(value, limit=_NAME_LIMIT)
    except InvalidValue as fault:
        return f"{name} {fault.message}"
    return None


def _is_position(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**53


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(names)


def _fault(message: str, *path: str | int) -> InvalidInput:
    return InvalidInput(message, path=path)


def _refused(message: str) -> Refused:
    return Refused((_fault(message),))


# --- writing ------------------------------------------------------------------


def ref_of(record_id: str) -> str:
    """Return the ref under which an exported line adds a record: unique and readable."""
    return f"#{record_id}"


def operations_of(
    made: Sequence[Made], restarted: Mapping[str, int] | None = None
) -> list[dict[str, Any]]:
    """Return the operations which, decided again, make just these revisions.

    What a merge implies is left out: it is decided again. `restarted` says by
    how much a record's versions are lower in the ledger that will load this.
    """
    lower = restarted or {}
    implied = _implied(made)
    return [
        _operation(one, one.version - lower.get(one.record_id, 0))
        for one in made
        if one.record_id not in implied
    ]


def _operation(one: Made, version: int) -> dict[str, Any]:
    kind, after = kind_name(one.record_id), {c.field: c.after for c in one.changes}
    if one.action is Action.ADD:
        return add_operation(one.record_id, after)
    based = {"id": one.record_id, "version": version - 1}
    if one.action is Action.REVISE:
        return {f"revise{KINDS[kind].title}": {**based, "set": after}}
    if one.action is Action.MERGE:
        return {"merge": {**based, "into": after["mergedInto"]}}
    if one.action is Action.RESTORE:
        return {"restore": based}
    if one.action is Action.RETRACT:
        return {"retract": based}
    raise AssertionError(f"{one.action} is said by a line of its own kind")


def gaps_of(one: Made) -> frozenset[str]:
    """Return the fields of a revision that would seem unchanged, as content was redacted."""
    return one.taken | {change.field for change in one.changes if change.before == change.after}


def line_redactions(made: Sequence[Made]) -> list[dict[str, str]]:
    """Return what a line says of redacted content, so that its changes are made again."""
    return [
        {
            "record": ref_of(one.record_id) if one.action is Action.ADD else one.record_id,
            "field": name,
        }
        for one in made
        for name in sorted(gaps_of(one))
    ]


def redaction_input(
    reason: Mapping[str, Any],
    authority: str,
    contents: Sequence[tuple[str, int, str]],
    notes: Sequence[int],
) -> dict[str, Any]:
    """Return the input of a redaction's line.

    `contents` are record, version and field as the loading ledger will have them;
    `notes` the numbers of the lines whose note is gone. A line is named by its number, as
    its changeset will have another position where it is loaded.
    """
    fields: dict[tuple[str, int], list[str]] = {}
    for record_id, version, name in contents:
        fields.setdefault((record_id, version), []).append(name)
    targets: list[dict[str, Any]] = [
        {"record": {"id": record_id, "version": version, "fields": names}}
        for (record_id, version), names in fields.items()
    ]
    targets += [{"header": {"line": line, "texts": ["NOTE"]}} for line in notes]
    return {"reason": reason, "authority": authority, "targets": targets}


def placed(given: Mapping[str, Any], position_of: Callable[[int], int | None]) -> dict[str, Any]:
    """Return a redaction's input with positions in the place of line numbers.

    A line that has no changeset, or comes later, is left as it is and refused as a target.
    """
    targets = given.get("targets")
    if not isinstance(targets, list):
        return dict(given)
    return {**given, "targets": [_placed(one, position_of) for one in targets]}


def _placed(target: Any, position_of: Callable[[int], int | None]) -> Any:
    match target:
        case {"header": {"line": int(line), **more}} if (found := position_of(line)) is not None:
            return {"header": {**more, "position": found}}
    return target


def add_operation(record_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operation that adds a record with its fields."""
    return {f"add{KINDS[kind_name(record_id)].title}": {"ref": ref_of(record_id), **fields}}


def _implied(made: Sequence[Made]) -> set[str]:
    """Return the records that a merge before them points at the survivor by itself.

    Deciding a merge steps the duplicate, then what names it, in the order of
    ids; a referrer with an operation of its own is left to that one. So the
    run behind a merge is implied as far as it rises and only points on.
    """
    implied = set[str]()
    merged: tuple[str, str] | None = None
    latest = ""
    for one in made:
        if one.action is Action.MERGE:
            merged, latest = (one.record_id, _survivor(one.changes)), ""
        elif merged and one.record_id > latest and _only_points_on(one, *merged):
            implied.add(one.record_id)
            latest = one.record_id
        else:
            merged = None
    return implied


def _survivor(changes: Sequence[Change]) -> str:
    return str(next(change.after for change in changes if change.field == "mergedInto"))


def _only_points_on(one: Made, old: str, new: str) -> bool:
    # A gap is said by the line's `redactions`, which are of operations.
    return (
        one.action is Action.REVISE
        and not gaps_of(one)
        and all(replaced(change.before, old, new) == change.after for change in one.changes)
    )
