"""The lines of a dossier: what one may hold, and how revisions are said as operations.

A dossier is JSON Lines, one changeset a line. Reading and writing are a pair:
`parse_line` takes a line apart, `operations_of` says what a changeset made so
that deciding it again makes the same. Neither knows a ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
_ORIGIN: Final = ("position", "recordedAt", "editor", "newsroom", "ledger", "kind")


@dataclass(frozen=True, slots=True)
class Line:
    """One line, checked as far as it can be without a ledger.

    `ids` are those that added records are to have, by ref; `origin` is what the
    importer states about where the changeset comes from, its kind included.
    """

    input: Mapping[str, Any]
    ids: Mapping[str, str]
    origin: Mapping[str, Any] | None


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
    if body.get("redactions"):
        faults.append(_fault("redactions cannot be loaded by this release", "redactions"))
    kind = _kind(body.get("kind"), ("kind",), faults)
    found = _ids(body.get("ids"), body.get("input"), faults)
    origin = _origin(body.get("origin"), kind, faults)
    if faults:
        raise Refused(tuple(faults))
    return Line(body["input"], found, origin)


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
    raise NotImplementedError(f"a dossier cannot say {one.action} yet")


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
    return one.action is Action.REVISE and all(
        replaced(change.before, old, new) == change.after for change in one.changes
    )
