"""What an editor should look at again: said with a changeset, never a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

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
from app.domain.kinds import EXISTENCE, claimable
from app.domain.records import Record, Step, kind_name

PARTS_DO_NOT_ADD_UP: Final = "PARTS_DO_NOT_ADD_UP"
NO_LIVE_CLAIM: Final = "NO_LIVE_CLAIM"
LOST_SUPPORT: Final = "LOST_SUPPORT"
REFERENCES_STAY: Final = "REFERENCES_STAY"

MEANINGS: Final[Mapping[str, str]] = {
    PARTS_DO_NOT_ADD_UP: "The parts of {record} do not add up to its {field}.",
    NO_LIVE_CLAIM: "No live claim backs the {field} that {record} holds.",
    LOST_SUPPORT: "The {field} of {record} lost the last live claim that backed it.",
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


Place: TypeAlias = tuple[str, str]
"""A record's id, and the code of a field that claims can be about."""


@dataclass(frozen=True, slots=True)
class State:
    """The records that warnings are about, and what is said about them, at one moment."""

    records: Mapping[str, Record]
    evidence: Evidence

    def is_backed(self, place: Place) -> bool:
        """Whether a live claim asserts or estimates what is held for a field."""
        record = self.active(place)
        return record is not None and any(
            _backs(claim, record, place[1], self.evidence) for claim in self.said(place)
        )

    def active(self, place: Place) -> Record | None:
        """Return the record of a place, if it is active."""
        record = self.records.get(place[0])
        return record if record is not None and record.state is RecordState.ACTIVE else None

    def said(self, place: Place) -> list[Record]:
        """Return the claims about a field, live or not."""
        record_id, code = place
        return [
            claim
            for claim in self.evidence.claims.values()
            if claim.fields["subject"] == record_id and claim.fields["field"] == code
        ]


def claim_warnings(
    touched: Iterable[Place],
    shaken: Iterable[Place],
    before: Callable[[], State],
    after: State,
) -> Iterator[Caution]:
    """Yield a warning for each field whose held value no live claim backs any more, or yet.

    `touched` are the fields that the steps set or claim something about,
    `shaken` those that rest on claims which may have died with their source;
    `before` is only asked for where something is amiss. Of actors and items
    only fields that somebody made a claim about are looked at: a name needs no
    source until it is contested.
    """
    looked_at = set(touched)
    for place in sorted(looked_at | set(shaken)):
        record = after.active(place)
        if record is None or _held(record, place[1]) is None or after.is_backed(place):
            continue
        if _is_kept(place, before(), record) and before().is_backed(place):
            yield Caution(LOST_SUPPORT, place[0], _shown_field(record, place[1]))
        elif place in looked_at and _needs_a_claim(place, record, after):
            yield Caution(NO_LIVE_CLAIM, place[0], _shown_field(record, place[1]))


def _is_kept(place: Place, before: State, record: Record) -> bool:
    """Whether the same is held as before, so that it was the claims that changed."""
    earlier = before.active(place)
    return earlier is not None and _held(earlier, place[1]) == _held(record, place[1])


def _needs_a_claim(place: Place, record: Record, after: State) -> bool:
    return place[1] != EXISTENCE and (record.kind == "transfer" or bool(after.said(place)))


def _held(record: Record, code: str) -> Any:
    """Return what is held of a field, None for nothing; a transfer is held to have happened."""
    if code == EXISTENCE:
        return record.kind == "transfer" or None
    field = claimable(record.kind).get(code)
    return None if field is None else record.fields.get(field.name)


def _shown_field(record: Record, code: str) -> str:
    return "existence" if code == EXISTENCE else claimable(record.kind)[code].name


def _backs(claim: Record, record: Record, code: str, evidence: Evidence) -> bool:
    if claim.id not in evidence.live or claim.fields["stance"] == Stance.DENIES:
        return False
    held = _held(record, code)
    if held is None or code == EXISTENCE:
        return held is not None
    field = claimable(record.kind)[code]
    tag, value = field.type.claim_tag or "", claim.fields.get("value", {})
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
