"""What of an edit can be written, where some of its operations cannot (SKIP_FAILED).

An operation that is refused is left out, and so is whatever names a record that is not
added therefore. What stands against single operations is looked at first, what stands
against several together after it: so nothing is left out for the sake of an operation
that is left out itself. Of two that touch one record, or give one external reference,
the first one stays; those that close a circle all go.

Each round decides what is left in one pass. There are few rounds, however the operations
depend on each other: an edit that needs more is refused whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from app.domain.decisions import Editing, Gaps, World, checks, decide_one, inside
from app.domain.errors import InvalidInput, Path, Refusal, Refused, UnknownRecord
from app.domain.kinds import KINDS
from app.domain.operations import Add, Merge, Operation, Revise, place_of
from app.domain.records import Step, kind_name

ROUNDS: Final = 16
"""How often what is left is decided anew, at most."""

Last: TypeAlias = Callable[[Sequence[Step]], Sequence[Refusal]]
"""What stands against steps that only the database knows; asked when nothing else does."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The steps of what is left, and why the rest is not; by the places of operations."""

    operations: tuple[Operation, ...]
    steps: tuple[Step, ...]
    failures: tuple[Refusal, ...]


def decide_what_can_be(  # noqa: PLR0913 - what an edit is decided by
    operations: Sequence[Operation],
    failures: Sequence[Refusal],
    gone: Iterable[str],
    world: World,
    editing: Editing,
    *,
    gaps: Gaps,
    last: Last,
) -> Kept:
    """Return the steps that can be taken, and what stands against all others.

    `failures` are known already, and `gone` the records that are not added for them.
    Raises `Refused` where too much depends on one another.
    """
    known = [*failures]
    left, lost = without_dependents(operations, gone)
    known += lost
    for _ in range(ROUNDS):
        steps, found = _round(left, world, editing, gaps, last)
        if not found:
            ordered = sorted(known, key=lambda fault: place_of(fault) or 0)
            return Kept(tuple(left), tuple(steps), tuple(ordered))
        known += found
        failed = {place_of(fault) for fault in found}
        gone = [one.id for one in left if isinstance(one, Add) and one.path[1] in failed]
        left, lost = without_dependents([one for one in left if one.path[1] not in failed], gone)
        known += lost
    raise Refused((*known, InvalidInput(_TANGLED, path=("operations",))))


_TANGLED: Final = (
    "so many operations stand or fall with one another that none is left out for another; mend "
    "those above, or send fewer at once"
)


def _round(
    operations: Sequence[Operation], world: World, editing: Editing, gaps: Gaps, last: Last
) -> tuple[list[Step], Sequence[Refusal]]:
    """Return the steps of the operations, or the first group of what stands against them."""
    steps: list[Step] = []
    faults: list[Refusal] = []
    own = frozenset(one.id for one in operations)
    for operation in operations:
        try:
            steps.extend(decide_one(operation, world, editing, own, gaps))
        except Refusal as fault:
            faults.append(fault)
    if faults:
        return [], faults
    pointed_on = {one.record_id for one in steps if one.path[-1:] == ("merge",)}
    for group in checks(steps, world, editing, pointed_on=pointed_on):
        found = [*group]
        if found:
            return [], found
    return steps, last(steps)


def without_dependents(
    operations: Sequence[Operation], gone: Iterable[str]
) -> tuple[list[Operation], list[Refusal]]:
    """Return the operations that name none of the records that are not added, and why not the rest.

    Each operation is looked at once, however long the chains are.
    """
    naming: Mapping[str, list[tuple[Operation, Path]]] = defaultdict(list)
    for operation in operations:
        for record_id, path in _named(operation):
            naming[record_id].append((operation, path))
    lost: dict[int | str, Refusal] = {}
    ahead = [*gone]
    while ahead:
        for operation, path in naming.get(ahead.pop(), ()):
            place = operation.path[1]
            if place not in lost:
                lost[place] = UnknownRecord(_NOT_ADDED, path=path)
                ahead += [operation.id] if isinstance(operation, Add) else []
    return [one for one in operations if one.path[1] not in lost], [*lost.values()]


_NOT_ADDED: Final = "the operation that was to add this record is left out, so this one is, too"


def _named(operation: Operation) -> Iterator[tuple[str, Path]]:
    """Yield each record that an operation names, and where."""
    if not isinstance(operation, Add):
        yield operation.id, (*operation.path, "id")
    if isinstance(operation, Merge):
        yield operation.into, (*operation.path, "into")
    declared = KINDS[kind_name(operation.id)].fields
    for name, value in _given(operation).items():
        if value is not None:
            for inner, record_id, _ in declared[name].type.references(value):
                yield record_id, inside(operation.path, name, *inner)


def _given(operation: Operation) -> Mapping[str, object]:
    if isinstance(operation, Add):
        return operation.fields
    return operation.given if isinstance(operation, Revise) else {}
