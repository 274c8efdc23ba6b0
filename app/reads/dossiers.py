"""The ledger as a dossier: lines that, loaded into an empty ledger, make an equal one.

Equal means: the same records, ids, versions, actions, changes, reasons and
origins. Positions, times of recording, salts and roots are the loading
ledger's own. A part that does not begin at position 1 starts with the state it
builds on; the versions of those records start anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from app.domain.codes import ChangesetKind, ReasonCode, RecordState
from app.domain.dossiers import add_operation, operations_of
from app.domain.errors import BadArgument
from app.domain.kinds import KINDS
from app.domain.records import Record
from app.store import dossiers as store
from app.store.database import Connection
from app.store.records import load_as_of

_OPERATIONS: Final = 500
_CHARACTERS: Final = 4_000_000

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of which ledger is exported: the changesets from `first` to `last`."""

    ledger: str
    first: int
    last: int


def part(connection: Connection, ledger: str, *, first: int = 1, last: int | None = None) -> Part:
    """Return the part from `first` to `last`, or to the head where `last` is None.

    Raises `BadArgument` where the ledger has no such part. An empty ledger has
    one part, which has no line.
    """
    head = store.head_position(connection)
    end = head if last is None else last
    if end > head or end < first - 1 or first < 1 or (first > 1 and first > end):
        raise BadArgument(
            f"nothing lies from position {first} to {end}: this ledger has positions 1 to {head}"
            if head
            else "this ledger is empty: it has no position yet"
        )
    return Part(ledger, first, end)


def export(connection: Connection, wanted: Part, progress: Progress | None = None) -> Iterator[str]:
    """Yield the lines of a dossier, without line ends, in a bounded memory.

    `progress` is called with each position that is done. Changesets that
    touched no record have no line.
    """
    base = wanted.first - 1
    if base:
        yield from _state_lines(connection, wanted.ledger, base)
    for batch in store.changesets(connection, wanted.first, wanted.last):
        restarted = _restarted(connection, batch, base) if base else {}
        for stored in batch:
            if stored.made:
                yield _changeset_line(stored, wanted.ledger, restarted)
            if progress is not None:
                progress(stored.position)


# --- changesets ---------------------------------------------------------------


def _changeset_line(stored: store.Stored, ledger: str, restarted: Mapping[str, int]) -> str:
    origin = dict(sorted((stored.headers.get("origin") or _own_origin(stored, ledger)).items()))
    reason = {
        "code": stored.reason_code,
        "note": stored.headers["note"],
        "internalNote": stored.headers.get("internalNote"),
    }
    return _line(
        {name: value for name, value in reason.items() if value is not None},
        operations_of(stored.made, restarted),
        kind=origin.get("kind", ChangesetKind.IMPORT),
        origin=origin,
    )


def _own_origin(stored: store.Stored, ledger: str) -> dict[str, Any]:
    return {
        "position": stored.position,
        "recordedAt": stored.recorded_at,
        "editor": stored.headers["editorName"],
        "newsroom": stored.newsroom,
        "ledger": ledger,
        "kind": stored.kind,
    }


def _line(
    reason: Mapping[str, Any],
    operations: list[dict[str, Any]],
    *,
    kind: str,
    origin: Mapping[str, Any],
) -> str:
    added = [
        inner["ref"] for operation in operations for inner in operation.values() if "ref" in inner
    ]
    line: dict[str, Any] = {
        "input": {"reason": reason, "operations": operations},
        "kind": str(kind),
        "ids": {ref: ref.removeprefix("#") for ref in added},
        "origin": origin,
    }
    return orjson.dumps({name: value for name, value in line.items() if value}).decode()


# --- the state that a part builds on ------------------------------------------
#
# Kinds in an order in which each refers only to those before it or to itself;
# within a kind, records in the order of ids. What refers to a later record of
# its own kind is set once all are there. Then duplicates are marked as merged,
# which points nothing on, for nothing names a merged record; then comes what
# is retracted.


def _state_lines(connection: Connection, ledger: str, position: int) -> Iterator[str]:
    reason = {
        "code": ReasonCode.INITIAL_ENTRY,
        "note": f"The state at position {position} of {ledger}, on which what follows builds.",
    }
    origin = {
        "position": position,
        "recordedAt": store.recorded_at(connection, position),
        "ledger": ledger,
    }
    for make in (_addition, _completion, _merging, _retraction):
        for kind in KINDS:
            records = store.walk_as_of(connection, kind, position)
            made = (operation for record in records for operation in make(record))
            for operations in _bundled(made):
                yield _line(reason, operations, kind=ChangesetKind.IMPORT, origin=origin)


def _bundled(operations: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    bundle: list[dict[str, Any]] = []
    characters = 0
    for operation in operations:
        bundle.append(operation)
        characters += len(orjson.dumps(operation))
        if len(bundle) == _OPERATIONS or characters >= _CHARACTERS:
            yield bundle
            bundle, characters = [], 0
    if bundle:
        yield bundle


def _addition(record: Record) -> Iterator[dict[str, Any]]:
    later = {"mergedInto", *_later_links(record)}
    fields = {name: value for name, value in record.fields.items() if name not in later}
    yield add_operation(record.id, fields)


def _completion(record: Record) -> Iterator[dict[str, Any]]:
    if links := _later_links(record):
        tag = f"revise{KINDS[record.kind].title}"
        yield {tag: {"id": record.id, "version": 1, "set": links}}


def _merging(record: Record) -> Iterator[dict[str, Any]]:
    if record.state is RecordState.MERGED:
        based = {"id": record.id, "version": 1 + bool(_later_links(record))}
        yield {"merge": {**based, "into": record.fields["mergedInto"]}}


def _retraction(record: Record) -> Iterator[dict[str, Any]]:
    if record.state is RecordState.RETRACTED:
        yield {"retract": {"id": record.id, "version": 1 + bool(_later_links(record))}}


def _later_links(record: Record) -> dict[str, Any]:
    """Return the fields that refer to a record of the same kind which is added later."""
    declared = KINDS[record.kind].fields
    return {
        name: value
        for name, value in record.fields.items()
        if name != "mergedInto"
        and any(
            found.startswith(f"{record.kind}_") and found > record.id
            for _, found, _ in declared[name].type.references(value)
        )
    }


def _restarted(connection: Connection, batch: Iterable[store.Stored], base: int) -> dict[str, int]:
    """Return by how much the versions of records start lower in the loading ledger."""
    touched = {one.record_id for stored in batch for one in stored.made if one.version > 1}
    return {
        record.id: record.version - _restarted_at(record)
        for record in load_as_of(connection, touched, base).values()
    }


def _restarted_at(record: Record) -> int:
    return 1 + bool(_later_links(record)) + (record.state is not RecordState.ACTIVE)
