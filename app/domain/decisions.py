"""What a commit does to the ledger: from operations and the present to steps.

Pure: the world holds the present versions of every record concerned. Either
all operations are decided, or `Refused` names everything that stands against
them and nothing is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, TypeAlias

from app.domain import claims
from app.domain.codes import Action, RecordState, Role
from app.domain.errors import (
    CycleFound,
    Forbidden,
    InvalidInput,
    NotYours,
    Path,
    ProposeInstead,
    Refusal,
    Refused,
    StaleVersion,
    UnknownRecord,
    WrongState,
)
from app.domain.field_types import Derivations, Reference
from app.domain.kinds import KINDS
from app.domain.operations import Add, Asked, Merge, Operation, Restore, Retract, Revise, Upsert
from app.domain.permissions import Act, Reach, allowed, forbidden, reach, reached
from app.domain.records import Record, Step, kind_name, with_fields


@dataclass(frozen=True, slots=True)
class Editing:
    """Who edits: the editor, the editor's newsroom, and the role held at the time.

    `is_house` says that the newsroom is the ledger's own. `on_behalf_of` is another
    newsroom whose words are entered. `key` is the id of the key that was shown, empty
    at the command line; `scopes` are the acts that the key is confined to; `identity` is that
    of a person whom an issuer vouches for. `enters_only`
    says that nobody of that other newsroom asked for it: what it said already stays its own.
    """

    editor: str
    newsroom: str
    role: Role
    name: str
    is_house: bool = False
    on_behalf_of: str | None = None
    key: str = ""
    scopes: frozenset[Act] | None = None
    identity: str = ""
    enters_only: bool = False

    @property
    def owner(self) -> str:
        """The newsroom to which what is entered belongs."""
        return self.on_behalf_of or self.newsroom

    def reach(self, act: Act) -> Reach:
        """Return how far an act reaches for whoever edits."""
        return reach(self.role, act, is_house=self.is_house, scopes=self.scopes)

    @property
    def reached(self) -> Mapping[Act, Reach]:
        """Every act that reaches anywhere, and how far."""
        return reached(self.role, is_house=self.is_house, scopes=self.scopes)

    @property
    def acts(self) -> frozenset[Act]:
        """Every act that reaches anywhere."""
        return allowed(self.role, is_house=self.is_house, scopes=self.scopes)

    def require(self, act: Act) -> None:
        """Raise `Forbidden`, saying who may, where an act reaches nowhere."""
        if act not in self.acts:
            raise self.refusal(act)

    def refusal(self, act: Act) -> Forbidden:
        """Return the refusal of an act, in words that say who may."""
        return forbidden(act, self.role, is_house=self.is_house, scopes=self.scopes)


@dataclass(frozen=True, slots=True)
class World:
    """The present, as far as a commit is concerned with it.

    `referrers` are the present records that name a duplicate to be merged;
    `parents` gives, for each hierarchical field, child id → parent ids of
    every record above those concerned.
    """

    records: Mapping[str, Record]
    referrers: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    parents: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


def concerned(operations: Iterable[Asked]) -> tuple[set[str], set[str]]:
    """Return the ids that the operations step, and those that they refer to.

    An upsert that is still one is of a record that is there.
    """
    stepped, named = set[str](), set[str]()
    for operation in operations:
        if isinstance(operation, Add):
            named.update(references(operation.kind, operation.fields))
            continue
        stepped.add(operation.id)
        if isinstance(operation, Revise | Upsert):
            given = {k: v for k, v in operation.given.items() if v is not None}
            named.update(references(kind_name(operation.id), given))
        elif isinstance(operation, Merge):
            stepped.add(operation.into)
    return stepped, named


def references(kind: str, fields: Mapping[str, Any]) -> set[str]:
    """Return every record id that the fields name."""
    declared = KINDS[kind].fields
    return {
        record_id
        for name, value in fields.items()
        for _path, record_id, _kinds in declared[name].type.references(value)
    }


Gaps: TypeAlias = Mapping[str, frozenset[str]]
"""Record → the fields whose redacted content a replayed history changes."""

_NO_GAPS: Final[Gaps] = {}


def decide(
    operations: Sequence[Operation], world: World, editing: Editing, gaps: Gaps = _NO_GAPS
) -> tuple[Step, ...]:
    """Return the steps that the operations make, in their order.

    Raises `Refused` with every refusal: stale versions, wrong states, unknown
    references, claims that do not fit, what is another's to change, cycles.
    """
    faults: list[Refusal] = []
    steps: list[Step] = []
    own = frozenset(one.id for one in operations)
    for operation in operations:
        try:
            steps.extend(decide_one(operation, world, editing, own, gaps))
        except Refusal as fault:
            faults.append(fault)
    pointed_on = {one.record_id for one in steps if one.path[-1:] == ("merge",)}
    faults.extend(check(steps, world, editing, pointed_on=pointed_on))
    if faults:
        raise Refused(tuple(faults))
    return tuple(steps)


def check(
    steps: Sequence[Step], world: World, editing: Editing, *, pointed_on: Collection[str]
) -> list[Refusal]:
    """Return what stands against the steps taken together.

    `pointed_on` are the records that a merge, or the revert of one, merely
    points at another record: whose claims they are does not matter.
    """
    return [
        *_doublets(steps),
        *_bad_references(steps, world),
        *_bad_merges(steps, world),
        *_unfit_claims(steps),
        *_beyond_reach(steps, editing, pointed_on),
        *_cycles(steps, world),
    ]


def checks(
    steps: Sequence[Step], world: World, editing: Editing, *, pointed_on: Collection[str]
) -> Iterator[Iterable[Refusal]]:
    """Yield what stands against the steps in groups, each to be looked at after the others.

    The first is about steps by themselves; what the others find may be mended by leaving
    out what an earlier one found.
    """
    yield [
        *_bad_references(steps, world),
        *_unfit_claims(steps),
        *_beyond_reach(steps, editing, pointed_on),
    ]
    yield _doublets(steps)
    yield _bad_merges(steps, world)
    yield _cycles(steps, world)


def decide_one(
    operation: Operation, world: World, editing: Editing, own: frozenset[str], gaps: Gaps
) -> list[Step]:
    """Return the steps of one operation, whatever the others do; raise its `Refusal`.

    `own` are the records that have an operation of their own.
    """
    lost = gaps.get(operation.id, frozenset())
    if isinstance(operation, Add):
        return [
            Step(
                operation.id,
                1,
                Action.ADD,
                RecordState.ACTIVE,
                editing.owner,
                None,
                settled(operation.kind, operation.fields),
                operation.path,
                lost,
            )
        ]
    held = _held(world, operation.id, (*operation.path, "id"))
    if held.version != operation.version:
        raise StaleVersion(
            record_id=held.id,
            based_on=operation.version,
            current=held.version,
            path=(*operation.path, "version"),
        )
    if isinstance(operation, Revise):
        return [_revise(operation, held, lost)]
    if isinstance(operation, Retract):
        require_state(held, RecordState.ACTIVE, "retracted", operation.path)
        return [step(held, Action.RETRACT, held.fields, operation.path)]
    if isinstance(operation, Restore):
        return [_restore(operation, held)]
    return _merge(operation, held, world, own)


def _revise(operation: Revise, held: Record, lost: frozenset[str]) -> Step:
    if not operation.replayed:
        require_state(held, RecordState.ACTIVE, "revised", operation.path)
    if "mergedInto" in operation.given and (
        held.state is not RecordState.MERGED or operation.given["mergedInto"] is None
    ):
        raise InvalidInput(
            "mergedInto is given by a merge and taken away by a restore",
            path=(*operation.path, "set", "mergedInto"),
        )
    fields = settled(held.kind, with_fields(held.fields, operation.given))
    if fields == dict(held.fields) and not lost:
        raise InvalidInput(
            f"nothing would change: {held.id} holds these values already",
            path=(*operation.path, "set"),
        )
    return replace(step(held, Action.REVISE, fields, operation.path), gaps=lost)


def settled(kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return fields as they are held: a claim's value is spelled as the claimed field is."""
    return claims.settled(fields) if kind == "claim" else fields


def _restore(operation: Restore, held: Record) -> Step:
    if held.state is RecordState.ACTIVE:
        raise WrongState(
            f"{held.id} is active; there is nothing to restore",
            path=operation.path,
            record_id=held.id,
        )
    fields = with_fields(held.fields, {"mergedInto": None})
    return step(held, Action.RESTORE, fields, operation.path)


def _merge(operation: Merge, held: Record, world: World, own: frozenset[str]) -> list[Step]:
    """Mark the duplicate and point what names it at the survivor.

    A referrer with an operation of its own (`own`) is left to that operation.
    """
    survivor = _held(world, operation.into, (*operation.path, "into"))
    if survivor.kind != held.kind:
        raise InvalidInput(
            f"{held.id} cannot be merged into another kind of record",
            path=(*operation.path, "into"),
        )
    if survivor.id == held.id:
        raise InvalidInput("a record cannot be merged into itself", path=(*operation.path, "into"))
    require_state(held, RecordState.ACTIVE, "merged", operation.path)
    marked = with_fields(held.fields, {"mergedInto": survivor.id})
    return [
        step(held, Action.MERGE, marked, operation.path),
        *(
            step(
                referrer,
                Action.REVISE,
                repoint(referrer.kind, referrer.fields, held.id, survivor.id),
                operation.path,
            )
            for referrer in world.referrers.get(held.id, ())
            if referrer.id not in own
        ),
    ]


def repoint(kind: str, fields: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """Return the fields with every reference to `old` replaced by `new`."""
    return {
        name: replaced(value, old, new)
        if any(found == old for _, found, _ in KINDS[kind].fields[name].type.references(value))
        else value
        for name, value in fields.items()
    }


def replaced(value: Any, old: str, new: str) -> Any:
    """Return a value of a field with one id replaced by another, however deep it stands."""
    if isinstance(value, dict):
        return {name: replaced(inner, old, new) for name, inner in value.items()}
    return new if value == old else value


def step(held: Record, action: Action, fields: Mapping[str, Any], path: Path) -> Step:
    """Return the step from `held` to its next version."""
    state = {
        Action.RETRACT: RecordState.RETRACTED,
        Action.RESTORE: RecordState.ACTIVE,
        Action.MERGE: RecordState.MERGED,
    }.get(action, held.state)
    return Step(held.id, held.version + 1, action, state, held.newsroom, held, fields, path)


def _held(world: World, record_id: str, path: Path) -> Record:
    try:
        return world.records[record_id]
    except KeyError:
        raise UnknownRecord(f"{record_id} is no record of this ledger", path=path) from None


def require_state(held: Record, state: RecordState, done: str, path: Path) -> None:
    """Raise `WrongState` where a record has another state than what is to be `done` needs."""
    if held.state is state:
        return
    if held.state is RecordState.MERGED:
        message = f"{held.id} was merged into {held.fields.get('mergedInto')}; use that record"
    else:
        message = f"{held.id} is retracted and cannot be {done}; restore it first"
    raise WrongState(message, path=path, record_id=held.id)


def _doublets(steps: Sequence[Step]) -> Iterable[Refusal]:
    seen = set[str]()
    for one in steps:
        if one.record_id in seen:
            yield InvalidInput(
                f"{one.record_id} is touched twice; one changeset takes a record one step, so "
                "join the operations or send two changesets",
                path=one.path,
            )
        seen.add(one.record_id)


def _bad_references(steps: Sequence[Step], world: World) -> Iterable[Refusal]:
    after: dict[str, Record | Step] = {**world.records, **{one.record_id: one for one in steps}}
    for one in steps:
        declared = KINDS[kind_name(one.record_id)].fields
        for change in one.changes:
            if change.after is None:
                continue
            for inner, found, _ in declared[change.field].type.references(change.after):
                path = field_path(one, change.field, *inner)
                yield from _bad_reference(found, after.get(found), path)


def _bad_reference(found: str, record: Record | Step | None, path: Path) -> Iterable[Refusal]:
    if record is None:
        yield UnknownRecord(f"{found} is no record of this ledger", path=path)
    elif record.state is RecordState.MERGED:
        into = record.fields.get("mergedInto")
        yield WrongState(
            f"{found} was merged into {into}; refer to that record", path=path, record_id=found
        )


def _bad_merges(steps: Sequence[Step], world: World) -> Iterable[Refusal]:
    """Yield what would leave a merged record without a survivor, or still named."""
    after = {one.record_id: one for one in steps}
    for one in steps:
        if one.action is not Action.MERGE:
            continue
        survivor = after.get(one.fields["mergedInto"]) or world.records[one.fields["mergedInto"]]
        if survivor.state is RecordState.RETRACTED:
            yield WrongState(
                f"{one.fields['mergedInto']} is retracted, so nothing can be merged "
                "into it; restore it first",
                path=one.path,
            )
        for referrer in world.referrers.get(one.record_id, ()):
            held = after.get(referrer.id, referrer)
            if referrer.id != one.record_id and one.record_id in references(
                referrer.kind, held.fields
            ):
                yield WrongState(
                    f"{referrer.id} still names {one.record_id}, which would be merged away; "
                    "point it elsewhere first",
                    path=one.path,
                    record_id=referrer.id,
                )


def _unfit_claims(steps: Sequence[Step]) -> Iterable[Refusal]:
    for one in steps:
        if kind_name(one.record_id) == "claim" and one.action in (Action.ADD, Action.REVISE):
            for fault in claims.misfits(one.fields):
                if fault.path == ("value",) and _lacks_its_value(one):
                    continue
                yield InvalidInput(fault.message, path=field_path(one, *fault.path))


def _lacks_its_value(one: Step) -> bool:
    """Whether a claim is, or goes on, without a value because that was redacted."""
    if "value" in one.gaps:
        return True
    before = {} if one.before is None else one.before.fields
    same = all(before.get(name) == one.fields[name] for name in ("subject", "field"))
    return same and before.get("value") is None and one.fields.get("value") is None


def _beyond_reach(
    steps: Sequence[Step], editing: Editing, pointed_on: Collection[str]
) -> Iterable[Refusal]:
    """Yield what is another's to change.

    A claim is the word of the newsroom that entered it; what the ledger holds belongs to
    the house. A partner commits claims of its own and proposes everything else.
    """
    is_narrow = editing.reach(Act.COMMIT) is not Reach.LEDGER
    corrects_others = editing.reach(Act.CORRECT_OTHERS) is Reach.LEDGER
    for one in steps:
        is_claim = kind_name(one.record_id) == "claim"
        keeps_theirs = editing.enters_only and one.before is not None
        is_own = one.newsroom == (editing.newsroom if is_narrow or keeps_theirs else editing.owner)
        if is_narrow and not is_claim:
            yield ProposeInstead(
                f"{editing.role} of a partner newsroom commits claims of its own newsroom and "
                "nothing else; `propose` this to the house newsroom",
                path=one.path,
            )
        elif is_claim and not (is_own or corrects_others or one.record_id in pointed_on):
            yield NotYours(
                f"{one.record_id} is the claim of another newsroom; answer it with a claim of "
                "your own",
                path=one.path,
            )


def _cycles(steps: Sequence[Step], world: World) -> Iterable[Refusal]:
    # The same for every step of a kind, and as long as all of them together.
    known = cache(lambda name, kind: _edges(name, kind, steps, world))
    for one in steps:
        declared = KINDS[kind_name(one.record_id)].fields
        for change in one.changes:
            if change.after is None or not is_hierarchy(declared[change.field].type):
                continue
            edges = known(change.field, kind_name(one.record_id))
            if reaches_itself(one.record_id, edges):
                yield CycleFound(
                    f"{change.field} would make {one.record_id} its own ancestor",
                    path=field_path(one, change.field),
                )


def is_hierarchy(declared: object) -> bool:
    """Whether following this type of field must never lead back."""
    return isinstance(declared, Derivations) or (
        isinstance(declared, Reference) and declared.hierarchy
    )


def _edges(name: str, kind: str, steps: Sequence[Step], world: World) -> dict[str, Sequence[str]]:
    edges = dict(world.parents.get(f"{kind}.{name}", {}))
    for one in steps:
        if kind_name(one.record_id) == kind:
            edges[one.record_id] = parents_in(kind, name, one.fields)
    return edges


def parents_in(kind: str, name: str, fields: Mapping[str, Any]) -> list[str]:
    """Return the records that one hierarchical field names."""
    value = fields.get(name)
    if value is None:
        return []
    return [found for _, found, _ in KINDS[kind].fields[name].type.references(value)]


def reaches_itself(start: str, edges: Mapping[str, Sequence[str]]) -> bool:
    """Whether following `edges` from `start` leads back to it."""
    seen, ahead = set[str](), list(edges.get(start, ()))
    while ahead:
        here = ahead.pop()
        if here == start:
            return True
        if here not in seen:
            seen.add(here)
            ahead.extend(edges.get(here, ()))
    return False


def field_path(one: Step, *inner: str | int) -> Path:
    """Return the path of a field, and what is inside of it, in the operation of a step."""
    if one.path[-1:] == ("merge",) and inner == ("mergedInto",):
        inner = ("into",)
    return inside(one.path, *inner)


def inside(operation: Path, *inner: str | int) -> Path:
    """Return the path of a field, and what is inside of it, in the operation at a path."""
    tag = str(operation[-1]) if operation else ""
    is_beside = tag.startswith("upsert") and inner == ("externalRef",)
    is_set = tag.startswith(("revise", "upsert")) and not is_beside
    return (*operation, *(("set",) if is_set else ()), *inner)
