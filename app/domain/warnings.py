"""What an editor should look at again: said with a changeset, never a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.domain import field_types as t
from app.domain.agreement import (
    Interval,
    codes_agree,
    dates_agree,
    interval,
    intervals_meet,
    measures_agree,
    same_unit,
    texts_agree,
)
from app.domain.codes import RecordState, Stance
from app.domain.kinds import claimable
from app.domain.records import Record, Step, kind_name

PARTS_DO_NOT_ADD_UP: Final = "PARTS_DO_NOT_ADD_UP"
NO_LIVE_CLAIM: Final = "NO_LIVE_CLAIM"
REFERENCES_STAY: Final = "REFERENCES_STAY"

MEANINGS: Final[Mapping[str, str]] = {
    PARTS_DO_NOT_ADD_UP: "The parts of {record} do not add up to its {field}.",
    NO_LIVE_CLAIM: "No live claim backs the {field} that {record} holds.",
    REFERENCES_STAY: "{record} was pointed at the survivor after the merge, and stays there.",
}


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to look at: a code, and the record and field it is about.

    It names no figures, so that an idempotent answer can be repeated from what
    is kept without keeping content.
    """

    code: str
    record_id: str
    field: str | None = None

    @property
    def message(self) -> str:
        """The warning as a sentence."""
        return MEANINGS[self.code].format(record=self.record_id, field=self.field)


# --- parts and wholes ---------------------------------------------------------


def part_warnings(wholes: Iterable[Record], parts: Sequence[Record]) -> Iterator[Caution]:
    """Yield a warning for each whole whose active parts contradict its figure.

    Parts in another unit are left out. Where a part has no figure the sum is a
    lower bound only.
    """
    for whole in wholes:
        if whole.state is not RecordState.ACTIVE:
            continue
        own = [
            part
            for part in parts
            if part.fields.get("partOf") == whole.id and part.state is RecordState.ACTIVE
        ]
        for field in ("quantity", "value"):
            warning = _sum_warning(whole, own, field)
            if warning is not None:
                yield warning


def _sum_warning(whole: Record, parts: Sequence[Record], field: str) -> Caution | None:
    held = whole.fields.get(field)
    if held is None:
        return None
    given = [part.fields[field] for part in parts if field in part.fields]
    counted = [measure for measure in given if same_unit(measure, held)]
    if not counted:
        return None
    total = sum_of(counted, complete=len(counted) == len(parts))
    if intervals_meet(interval(held), total):
        return None
    return Caution(PARTS_DO_NOT_ADD_UP, whole.id, field)


def sum_of(measures: Sequence[Mapping[str, Any]], *, complete: bool) -> Interval:
    """Return the least and the most of a sum; no most where one of them has none."""
    ends = [interval(measure) for measure in measures]
    mosts = [most for _, most in ends if most is not None]
    is_bounded = complete and len(mosts) == len(ends)
    return sum(least for least, _ in ends), sum(mosts) if is_bounded else None


# --- held values and the claims behind them -----------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is said about the records of a changeset, its own steps included.

    `claims` holds those about the records and all that they derive from;
    `live` the ids of the live ones; `narrower` maps an item to all above it.
    """

    claims: Mapping[str, Record]
    live: frozenset[str]
    above: Mapping[str, Sequence[str]]


def touched_fields(steps: Iterable[Step]) -> set[tuple[str, str]]:
    """Return (record, claimed field code) for what the steps set, or claim something about."""
    touched = set[tuple[str, str]]()
    for step in steps:
        kind = kind_name(step.record_id)
        if kind == "claim":
            touched.add((step.fields["subject"], step.fields["field"]))
            if step.before is not None:
                touched.add((step.before.fields["subject"], step.before.fields["field"]))
            continue
        codes = {} if kind == "citation" else claimable(kind)
        changed = {change.field for change in step.changes}
        touched.update((step.record_id, code) for code, f in codes.items() if f.name in changed)
    return touched


def claim_warnings(
    touched: Iterable[tuple[str, str]], present: Mapping[str, Record], evidence: Evidence
) -> Iterator[Caution]:
    """Yield a warning for each touched field whose held value no live claim backs.

    Of actors and items only fields that somebody made a claim about are
    looked at: a name needs no source until it is contested.
    """
    for record_id, code in sorted(touched):
        record = present.get(record_id)
        if record is None or record.state is not RecordState.ACTIVE:
            continue
        field = claimable(record.kind).get(code)
        held = None if field is None else record.fields.get(field.name)
        if field is None or held is None:
            continue
        said = [
            claim
            for claim in evidence.claims.values()
            if claim.fields["subject"] == record_id and claim.fields["field"] == code
        ]
        if not said and record.kind != "transfer":
            continue
        if not any(_backs(claim, field.type, held, evidence) for claim in said):
            yield Caution(NO_LIVE_CLAIM, record_id, field.name)


def _backs(claim: Record, field_type: t.FieldType, held: Any, evidence: Evidence) -> bool:
    if claim.id not in evidence.live or claim.fields["stance"] == Stance.DENIES:
        return False
    tag = field_type.claim_tag or ""
    value = claim.fields.get("value", {})
    return tag in value and agree(tag, held, value[tag], evidence.above)


def agree(tag: str, held: Any, claimed: Any, above: Mapping[str, Sequence[str]]) -> bool:
    """Whether two values of one type agree (design: two values agree when).

    `above` gives the broader item of each item, so that a narrower one agrees.
    """
    match tag:
        case "quantity" | "money":
            return measures_agree(held, claimed)
        case "date":
            return dates_agree(held, claimed)
        case "code":
            return codes_agree(held, claimed)
        case "text":
            return texts_agree(held, claimed)
        case _:
            return (
                held == claimed
                or held in _all_above(claimed, above)
                or (claimed in _all_above(held, above))
            )


def _all_above(item: str, above: Mapping[str, Sequence[str]]) -> set[str]:
    seen, ahead = set[str](), list(above.get(item, ()))
    while ahead:
        here = ahead.pop()
        if here not in seen:
            seen.add(here)
            ahead.extend(above.get(here, ()))
    return seen
