"""What a changeset is held against before it is written: parts, claims, external references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import TypeAlias

from app.domain.claims import live
from app.domain.decisions import field_path, parents_in
from app.domain.errors import ExternalRefTaken, Refused
from app.domain.records import Record, Step, kind_name
from app.domain.warnings import (
    Caution,
    Evidence,
    State,
    claim_warnings,
    part_warnings,
    touched_fields,
)
from app.store.database import BrokenOff, Connection
from app.store.records import (
    load_claims_about,
    load_claims_resting,
    load_parents,
    load_parts,
    load_present,
    taken_external_refs,
)


def warnings(
    connection: Connection, steps: Sequence[Step], present: Mapping[str, Record]
) -> tuple[Caution, ...]:
    """Return what an editor should look at once `steps` are taken.

    Everything is read before the log's lock is taken; the steps themselves,
    not yet written, are laid over what is read.
    """
    after = _after(steps)
    return (
        *_part_warnings(connection, steps, {**present, **after}),
        *_claim_warnings(connection, steps, present, after),
    )


def _after(steps: Sequence[Step]) -> dict[str, Record]:
    return {
        step.record_id: Record(
            step.record_id, step.version, step.state, 0, step.newsroom, step.fields
        )
        for step in steps
    }


def _part_warnings(
    connection: Connection, steps: Sequence[Step], present: Mapping[str, Record]
) -> list[Caution]:
    wholes = set[str]()
    for step in steps:
        if kind_name(step.record_id) == "transfer" and _moves_figures(step):
            wholes.add(step.record_id)
            wholes.update(_parents_of(step))
    if not wholes:
        return []
    after = _after(steps)
    existing = [key for key in wholes if key not in after]
    known = {**present, **load_present(connection, existing)}
    parts = {part.id: part for part in load_parts(connection, wholes)} | {
        key: record for key, record in after.items() if record.kind == "transfer"
    }
    return list(part_warnings([known[key] for key in sorted(wholes)], list(parts.values())))


def _moves_figures(step: Step) -> bool:
    names = {change.field for change in step.changes}
    return bool(names & {"quantity", "value", "partOf"}) or (
        step.before is not None and step.before.state is not step.state
    )


def _parents_of(step: Step) -> set[str]:
    before = {} if step.before is None else step.before.fields
    return {found["partOf"] for found in (before, step.fields) if "partOf" in found}


def _claim_warnings(
    connection: Connection,
    steps: Sequence[Step],
    present: Mapping[str, Record],
    after: Mapping[str, Record],
) -> list[Caution]:
    touched, shaken = touched_fields(steps), _shaken_fields(connection, steps)
    subjects = {record_id for record_id, _ in touched | shaken}
    if not subjects:
        return []
    known = {**present, **load_present(connection, subjects - set(present))}
    before = cache(lambda: _state(connection, subjects, known, {}))
    return list(claim_warnings(touched, shaken, before, _state(connection, subjects, known, after)))


def _state(
    connection: Connection,
    subjects: set[str],
    known: Mapping[str, Record],
    after: Mapping[str, Record],
) -> State:
    """Return what stands and is said about `subjects`, with `after` laid over it."""
    records = {**known, **after}
    said = _claims(connection, subjects, after)
    cited = {claim.fields["citation"] for claim in said.values()}
    citations = {**load_present(connection, cited - set(after)), **after}
    above = _items_above(connection, _items(records, said), after)
    return State(records, Evidence(said, frozenset(live(said, citations)), above))


def _shaken_fields(connection: Connection, steps: Sequence[Step]) -> set[tuple[str, str]]:
    """Return the fields about which claims rest, at any remove, on what the steps change."""
    citations = {step.record_id for step in steps if _is_change(step, "citation")}
    claims = {step.record_id for step in steps if _is_change(step, "claim")}
    if not citations | claims:
        return set()
    return {
        (claim.fields["subject"], claim.fields["field"])
        for claim in load_claims_resting(connection, citations, claims)
    }


def _is_change(step: Step, kind: str) -> bool:
    return step.before is not None and kind_name(step.record_id) == kind


def _claims(
    connection: Connection, subjects: set[str], after: Mapping[str, Record]
) -> dict[str, Record]:
    """Return the claims about `subjects` with their ancestors, the steps laid over them."""
    own = {key: record for key, record in after.items() if record.kind == "claim"}
    said = {**load_claims_about(connection, subjects), **own}
    parents = {
        link["claim"] for claim in own.values() for link in claim.fields.get("derivedFrom", ())
    }
    ahead = parents - set(said)
    while ahead:
        said.update(load_present(connection, ahead))
        ahead = {
            link["claim"]
            for key in ahead
            if key in said
            for link in said[key].fields.get("derivedFrom", ())
        } - set(said)
    return said


def _items(known: Mapping[str, Record], said: Mapping[str, Record]) -> set[str]:
    held = {record.fields["item"] for record in known.values() if "item" in record.fields}
    claimed = {
        claim.fields["value"]["record"]
        for claim in said.values()
        if "record" in claim.fields.get("value", {})
    }
    return {key for key in held | claimed if kind_name(key) == "item"}


def _items_above(
    connection: Connection, items: set[str], after: Mapping[str, Record]
) -> dict[str, list[str]]:
    if not items:
        return {}
    own = {
        key: parents_in("item", "broader", record.fields)
        for key, record in after.items()
        if record.kind == "item"
    }
    beyond = {parent for parents in own.values() for parent in parents}
    return {**load_parents(connection, "item", "broader", items | beyond), **own}


def refuse_taken_external_refs(
    connection: Connection, steps: Sequence[Step], *, looked_for: Collection[str] = ()
) -> None:
    """Raise `Refused` where a newsroom gave an external reference to another record."""
    faults = taken_by_others(connection, steps, looked_for=looked_for)
    if faults:
        raise Refused(faults)


def taken_by_others(
    connection: Connection, steps: Sequence[Step], *, looked_for: Collection[str] = ()
) -> tuple[ExternalRefTaken, ...]:
    """Return where a newsroom gave an external reference to another record.

    `looked_for` are the records that are added because nobody had their references. Raises
    `BrokenOff` where somebody has by now: the edit is decided anew, and finds that record.
    """
    holders, wanted = _holders(steps)
    faults = [
        _taken(step, holder.record_id)
        for step in wanted
        if (holder := holders[_external_key(step)]) is not step
    ]
    stepped = {step.record_id for step in steps}
    for (kind, newsroom), by_ref in _by_newsroom(wanted).items():
        taken = taken_external_refs(connection, kind, newsroom, by_ref)
        others = {ref: holder for ref, holder in taken.items() if holder not in stepped}
        if any(by_ref[ref].record_id in looked_for for ref in others):
            raise BrokenOff
        faults.extend(_taken(by_ref[ref], holder) for ref, holder in others.items())
    return tuple(faults)


_ExternalKey: TypeAlias = tuple[str, str, str]


def _holders(steps: Sequence[Step]) -> tuple[dict[_ExternalKey, Step], list[Step]]:
    """Return who of the steps holds which reference, and the steps that give a new one.

    Who keeps a reference goes before who wants it.
    """
    having = [step for step in steps if step.fields.get("externalRef") is not None]
    wanted = [step for step in having if any(c.field == "externalRef" for c in step.changes)]
    holders: dict[_ExternalKey, Step] = {}
    for step in sorted(having, key=lambda step: step in wanted):
        holders.setdefault(_external_key(step), step)
    return holders, wanted


def _external_key(step: Step) -> _ExternalKey:
    return kind_name(step.record_id), step.newsroom, step.fields["externalRef"]


def _by_newsroom(steps: Sequence[Step]) -> dict[tuple[str, str], dict[str, Step]]:
    grouped: dict[tuple[str, str], dict[str, Step]] = defaultdict(dict)
    for step in steps:
        kind, newsroom, ref = _external_key(step)
        grouped[kind, newsroom][ref] = step
    return grouped


def _taken(step: Step, holder: str) -> ExternalRefTaken:
    return ExternalRefTaken(
        f"this externalRef already names {holder}",
        path=field_path(step, "externalRef"),
    )
