"""The ledger as a dossier: lines that, loaded into an empty ledger, make an equal one.

Equal means: the same records, ids, versions, actions, changes, reasons and
origins. Positions, times of recording, salts and roots are the loading
ledger's own. A part that does not begin at position 1 starts with the state it
builds on; the versions of those records start anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from app.domain.codes import ChangesetKind, ReasonCode, RecordState
from app.domain.dossiers import (
    add_operation,
    line_redactions,
    operations_of,
    redaction_input,
    ref_of,
)
from app.domain.errors import BadArgument
from app.domain.kinds import EXISTENCE, KINDS
from app.domain.records import Record
from app.store import dossiers as store
from app.store.database import Connection
from app.store.records import load_as_of

_NO_EDITS: Final = (ChangesetKind.ACCESS, ChangesetKind.REVIEW)
"""The kinds that change no record: they concern this ledger alone, and have no line."""

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

    `progress` is called with each position that is done. A redaction has no line where
    nothing that it took is in this part. Who may act is this ledger's own affair, and has no
    line either.
    """
    writer = _Writer(connection, wanted)
    base = wanted.first - 1
    if base:
        for line in _state_lines(connection, wanted):
            writer.lines += 1
            yield line
    for batch in store.changesets(connection, wanted.first, wanted.last):
        writer.begin(batch)
        for stored in batch:
            made = writer.line(stored)
            if made is not None:
                yield made
            if progress is not None:
                progress(stored.position)


# --- changesets ---------------------------------------------------------------


class _Writer:
    """The lines written so far, as far as later ones refer to them.

    The changeset at a position has the line `lines before + position - first`, less those
    at positions that have no line, which are few.
    """

    def __init__(self, connection: Connection, wanted: Part) -> None:
        self._connection = connection
        self._part = wanted
        self._base = wanted.first - 1
        self._left_out: list[int] = []
        self._left_out_steps: dict[str, list[int]] = {}
        self._lower: dict[str, int] = {}
        self.lines = 0

    def begin(self, batch: Sequence[store.Stored]) -> None:
        """Look up what the lines of a batch need."""
        self._lower = _restarted(self._connection, batch, self._base) if self._base else {}
        for record_id, versions in self._left_out_steps.items():
            self._lower[record_id] = self._lower.get(record_id, 0) + len(versions)

    def line(self, stored: store.Stored) -> str | None:
        """Return the line of a changeset; None where it has none."""
        if stored.kind in _NO_EDITS:
            self._left_out.append(stored.position)
            return None
        if stored.authority is not None:
            return self._redaction_line(stored, stored.authority)
        operations = operations_of(stored.made, self._lower)
        origin = _origin(stored, self._part.ledger)
        return _line(_reason(stored), operations, origin=origin, gaps=line_redactions(stored.made))

    def _redaction_line(self, stored: store.Stored, authority: str) -> str | None:
        contents = [
            (target.scope, version, target.field)
            for target in stored.targets
            if target.version is not None and (version := self._version(target)) is not None
        ]
        notes = [
            self._line_of(target.position)
            for target in stored.targets
            if target.version is None and target.field == "note"
            if target.position > self._base and target.position not in self._left_out
        ]
        stepped = {record_id for record_id, _, _ in contents}
        for one in stored.made:
            if one.record_id not in stepped:
                self._left_out_steps.setdefault(one.record_id, []).append(one.version)
                self._lower[one.record_id] = self._lower.get(one.record_id, 0) + 1
        if not contents and not notes:
            self._left_out.append(stored.position)
            return None
        given = redaction_input(_reason(stored), authority, contents, notes)
        origin = _origin(stored, self._part.ledger)
        kind = str(ChangesetKind.REDACTION)
        return _dumped({"input": given, "kind": kind, "origin": {**origin, "kind": kind}})

    def _version(self, target: store.Target) -> int | None:
        """Return the version that has a target's content where it is loaded, None if none has."""
        version = target.version or 0
        held = load_as_of(self._connection, [target.scope], self._base).get(target.scope)
        if target.position > self._base:
            started = 0 if held is None else held.version - _restarted_at(held)
            left_out = self._left_out_steps.get(target.scope, [])
            return version - started - bisect_left(left_out, version)
        # The state's own line enters what is held at its position, and nothing older.
        if held is None or (target.field, version) not in _gaps(self._connection, self._part, held):
            return None
        return 1

    def _line_of(self, position: int) -> int:
        without = bisect_left(self._left_out, position)
        return self.lines + position - self._base - without


def _reason(stored: store.Stored) -> dict[str, Any]:
    reason = {
        "code": stored.reason_code,
        "note": stored.headers["note"],
        "internalNote": stored.headers.get("internalNote"),
    }
    return {name: value for name, value in reason.items() if value is not None}


def _origin(stored: store.Stored, ledger: str) -> dict[str, Any]:
    held = stored.headers.get("origin") or _own_origin(stored, ledger)
    return dict(sorted(held.items()))


def _own_origin(stored: store.Stored, ledger: str) -> dict[str, Any]:
    origin = {
        "position": stored.position,
        "recordedAt": stored.recorded_at,
        "editor": stored.headers["editorName"],
        "newsroom": stored.newsroom,
        "ledger": ledger,
        "kind": stored.kind,
        "contributor": stored.contributor,
        "onBehalfOf": stored.on_behalf_of,
    }
    return {name: value for name, value in origin.items() if value is not None}


def _line(
    reason: Mapping[str, Any],
    operations: list[dict[str, Any]],
    *,
    origin: Mapping[str, Any],
    gaps: Sequence[Mapping[str, str]] = (),
) -> str:
    added = [
        inner["ref"] for operation in operations for inner in operation.values() if "ref" in inner
    ]
    line: dict[str, Any] = {
        "input": {"reason": reason, "operations": operations},
        "kind": origin.get("kind", str(ChangesetKind.IMPORT)),
        "ids": {ref: ref.removeprefix("#") for ref in added},
        "origin": origin,
        "redactions": list(gaps),
    }
    return _dumped(line)


def _dumped(line: Mapping[str, Any]) -> str:
    return orjson.dumps({name: value for name, value in line.items() if value}).decode()


# --- the state that a part builds on ------------------------------------------
#
# Kinds in an order in which each refers only to those before it or to itself;
# within a kind, records in the order of ids. What refers to a later record of
# its own kind is set once all are there. Then duplicates are marked as merged,
# which points nothing on, for nothing names a merged record; then comes what
# is retracted.


def _gaps(connection: Connection, part: Part, record: Record) -> frozenset[tuple[str, int]]:
    """Return field and version of what a record of the base holds and this part's redactions took.

    What was redacted before the part stands in the state as it is read there: `[redacted]`, or
    not at all.
    """
    return store.gaps_as_of(connection, record.id, record.version, part.first, part.last)


def _state_lines(connection: Connection, wanted: Part) -> Iterator[str]:
    ledger, position = wanted.ledger, wanted.first - 1
    redacts = store.has_redactions(connection, wanted.first, wanted.last)
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
                gaps = _lost_since(connection, wanted, operations) if redacts else []
                gaps += [one for one in _silent_claims(operations) if one not in gaps]
                yield _line(reason, operations, origin=origin, gaps=gaps)


def _silent_claims(operations: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the claims whose value was redacted, whenever: without saying so none is taken."""
    return [
        {"record": inner["ref"], "field": "value"}
        for one in operations
        for tag, inner in one.items()
        if tag == "addClaim" and inner["field"] != EXISTENCE and "value" not in inner
    ]


def _lost_since(
    connection: Connection, wanted: Part, operations: Iterable[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Return what of the added records this part's redactions took, as a line says it."""
    added = [inner["ref"] for one in operations for inner in one.values() if "ref" in inner]
    ids = [ref.removeprefix("#") for ref in added]
    return [
        {"record": ref_of(record.id), "field": name}
        for record in load_as_of(connection, ids, wanted.first - 1).values()
        for name, _ in sorted(_gaps(connection, wanted, record))
    ]


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
