"""Upserts: what becomes of a record that is named by its newsroom's external reference.

One that is not there yet is added; of one that is, what differs is revised; where nothing
does, nothing is done. Which it is cannot be known before the present is: so operations are
first pointed at the records that are there (`pointed_at`), whose ids may differ from those
that were allotted, then these are locked and loaded, and then it is decided (`settled_on`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from app.domain.codes import RecordState, UpsertResult
from app.domain.decisions import require_state, settled
from app.domain.errors import InvalidInput, Path, Refusal, WrongState
from app.domain.kinds import KINDS
from app.domain.operations import (
    Add,
    Asked,
    Merge,
    Operation,
    Retract,
    Revise,
    Upsert,
    place_of,
)
from app.domain.records import Record, Step, kind_name, with_fields

External: TypeAlias = tuple[str, str]
"""Kind and external reference of a record."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of the upsert at a place: of which record, and what was done."""

    place: int
    id: str
    result: UpsertResult


@dataclass(frozen=True, slots=True)
class Settled:
    """The operations without upserts, what was found unchanged, and what cannot be."""

    operations: tuple[Operation, ...]
    unchanged: tuple[Upserted, ...] = ()
    failures: tuple[Refusal, ...] = ()


def upserts_of(operations: Iterable[Asked]) -> list[Upsert]:
    """Return the upserts among the operations."""
    return [one for one in operations if isinstance(one, Upsert)]


def renamed(operations: Iterable[Upsert], there: Mapping[External, str]) -> dict[str, str]:
    """Return the ids that were allotted to records which are there → those that they have."""
    found = ((one.id, there.get((one.kind, one.external_ref))) for one in operations)
    return {allotted: held for allotted, held in found if held is not None}


def pointed_at(operations: Iterable[Asked], ids: Mapping[str, str]) -> tuple[Asked, ...]:
    """Return the operations naming the records that are there by the ids that they have."""
    return tuple(_pointed(one, ids) for one in operations)


def _pointed(one: Asked, ids: Mapping[str, str]) -> Asked:
    name = ids.get(one.id, one.id)
    if isinstance(one, Add):
        return replace(one, fields=_replaced(one.fields, ids))
    if isinstance(one, Upsert | Revise):
        return replace(one, id=name, given=_replaced(one.given, ids))
    if isinstance(one, Merge):
        return replace(one, id=name, into=ids.get(one.into, one.into))
    return replace(one, id=name)


def _replaced(value: T, ids: Mapping[str, str]) -> T:
    """Return a value with ids replaced, however deep; an allotted one is like nothing else."""
    found: Any = value
    if isinstance(value, Mapping):
        found = {name: _replaced(inner, ids) for name, inner in value.items()}
    elif isinstance(value, list):
        found = [_replaced(inner, ids) for inner in value]
    elif isinstance(value, str):
        found = ids.get(value, value)
    result: T = found
    return result


def settled_on(
    operations: Sequence[Asked],
    there: Mapping[str, Record],
    redacted: Mapping[str, frozenset[str]],
) -> Settled:
    """Return what the upserts come to, beside the other operations.

    `there` are the records that exist, and `redacted` the fields of which the content that
    is held was removed.
    """
    kept: list[Operation] = []
    unchanged: list[Upserted] = []
    failures: list[Refusal] = []
    for one in operations:
        if not isinstance(one, Upsert):
            kept.append(one)
        elif found := [*_faults(one, there.get(one.id), redacted)]:
            failures += found
        elif one.id not in there:
            kept.append(_addition(one))
        elif _is_unchanged(one, there[one.id]):
            unchanged.append(Upserted(place_of(one) or 0, one.id, UpsertResult.UNCHANGED))
        else:
            kept.append(Revise(one.path, one.id, there[one.id].version, one.given))
    return Settled(tuple(kept), tuple(unchanged), tuple(failures))


def _faults(
    one: Upsert, held: Record | None, redacted: Mapping[str, frozenset[str]]
) -> Iterator[Refusal]:
    if held is None:
        yield from _lacking(one)
        return
    try:
        require_state(held, RecordState.ACTIVE, "upserted", one.path)
    except WrongState as fault:
        yield fault
    asked = {name for name, value in one.given.items() if value is not None}
    for name in sorted(redacted.get(one.id, frozenset()) & asked):
        yield WrongState(
            f"{name} of {one.id} was redacted, and an upsert does not put it back: leave the field "
            "out, or revise the record knowingly",
            path=(*one.path, "set", name),
            record_id=one.id,
        )


def _lacking(one: Upsert) -> Iterator[Refusal]:
    for field in KINDS[one.kind].fields.values():
        if field.required and one.given.get(field.name) is None:
            message = f"{field.name} is required: there is no such {one.kind} yet, so it is added"
            yield InvalidInput(message, path=(*one.path, "set", field.name))


def _addition(one: Upsert) -> Add:
    fields = with_fields(one.given, {"externalRef": one.external_ref})
    return Add(one.path, one.kind, one.id, one.ref, fields)


def _is_unchanged(one: Upsert, held: Record) -> bool:
    return settled(held.kind, with_fields(held.fields, one.given)) == dict(held.fields)


def what_was_written(
    operations: Iterable[Operation], upserts: Iterable[Upsert]
) -> Iterator[Upserted]:
    """Yield what was added and revised by upserts, of the operations that are written."""
    places = {place_of(one) for one in upserts}
    for one in operations:
        place = place_of(one)
        if place in places:
            result = UpsertResult.ADDED if isinstance(one, Add) else UpsertResult.REVISED
            yield Upserted(place or 0, one.id, result)


# --- as an input ----------------------------------------------------------------


def spelled_out(
    asked: Sequence[Asked], settled: Sequence[Operation], steps: Sequence[Step]
) -> dict[int, dict[str, Any] | None]:
    """Return, by place, the operations that upserts make others, as an input has them.

    An upsert is the add or the revision that it comes to, with what it changes alone, or
    None where it changes nothing; what named one that is there names it by its id.
    """
    held = {place_of(one) or 0: one for one in settled}
    refs = {one.id: one.ref for one in settled if isinstance(one, Add) and one.ref is not None}
    changed = {one.path: {change.field for change in one.changes} for one in steps}
    return {
        place: None if (found := held.get(place)) is None else _spelled(found, refs, changed)
        for place, one in ((place_of(one) or 0, one) for one in asked)
        if held.get(place) != one
    }


def _spelled(
    one: Operation, refs: Mapping[str, str], changed: Mapping[Path, set[str]]
) -> dict[str, Any]:
    title = KINDS[kind_name(one.id)].title
    if isinstance(one, Add):
        named = {} if one.ref is None else {"ref": one.ref}
        return {f"add{title}": {**named, **_replaced(dict(one.fields), refs)}}
    based = {"id": one.id, "version": one.version}
    if isinstance(one, Revise):
        given = {name: value for name, value in one.given.items() if name in changed[one.path]}
        return {f"revise{title}": {**based, "set": _replaced(given, refs)}}
    if isinstance(one, Merge):
        return {"merge": {**based, "into": one.into}}
    return {"retract" if isinstance(one, Retract) else "restore": based}
