"""What totals have to say, computed plainly from plain records; no SQL, no thought of speed.

`records` maps actor, item and transfer to their records at one moment: dicts of `id`, `state`
and the canonical fields. The answer has everything that can be asked of a total, with ids in
the place of records: what `transferTotals` answers to `EVERYTHING`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from app.domain.agreement import interval
from app.domain.decimals import thousandths
from app.domain.edtf_dates import OPEN_END, OPEN_START, bounds

Plain = Mapping[str, Any]
Records = Mapping[str, Sequence[Plain]]
Key = tuple[Any, ...]

SUM = "unit amount lower upper approximate transferCount partsLeftOut"
EVERYTHING = f"""
  giver {{ id }} receiver {{ id }} item {{ id }} nature stage years {{ from to }}
  quantities {{ {SUM} }} values {{ basis {SUM} }}
  overlaps transferCount withoutQuantity withoutValue withoutFigures partsLeftOut
  transfers(first: 100, orderBy: CREATED_ASC) {{ totalCount nodes {{ id }} }}
"""

_LINKS = {"giver": ("actsFor", "partOf"), "receiver": ("actsFor", "partOf"), "item": ("broader",)}
_ROLLED = {"ITEMS": {"ITEM"}, "ACTORS": {"GIVER", "RECEIVER"}}
_MEASURES = ("quantity", "value")


def is_active(transfer: Plain) -> bool:
    """What counts where the filter says nothing of states."""
    return bool(transfer["state"] == "ACTIVE")


def transfer_totals(
    records: Records,
    group_by: Sequence[str],
    roll_up: Sequence[str] | None = None,
    keep: Callable[[Plain], bool] = is_active,
) -> list[dict[str, Any]]:
    """Return every total, in the order GROUP_ASC."""
    rolled = {"ITEM"} if roll_up is None else {one for name in roll_up for one in _ROLLED[name]}
    kept = {one["id"]: one for one in records["transfer"] if keep(one)}
    groups: dict[Key, list[str]] = {}
    for transfer in kept.values():
        for key in _keys(records, transfer, group_by, rolled):
            groups.setdefault(key, []).append(transfer["id"])
    kin = list(_kin(records, kept))
    return [_total(group_by, key, groups, kept, kin) for key in sorted(groups, key=_in_order)]


def largest_first(totals: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the totals in the order TRANSFERS_DESC."""
    return sorted(totals, key=lambda total: -total["transferCount"])


# --- groups -------------------------------------------------------------------------


def _keys(
    records: Records, transfer: Plain, group_by: Sequence[str], rolled: set[str]
) -> Iterator[Key]:
    choices = []
    for group in group_by:
        name = group.lower()
        if group == "YEAR":
            choices.append([_years(transfer)])
        elif group in rolled:
            choices.append(sorted(_above(records, name, transfer.get(name)), key=str))
        else:
            choices.append([transfer.get(name)])
    return product(*choices)


def _years(transfer: Plain) -> tuple[int | None, int | None] | None:
    if transfer.get("occurred") is None:
        return None
    first, last = bounds(transfer["occurred"])
    return (
        None if first == OPEN_START else int(first[:4]),
        None if last == OPEN_END else int(last[:4]),
    )


def _above(records: Records, name: str, start: str | None) -> set[str | None]:
    """A record, and all above it; no record is above none."""
    if start is None:
        return {None}
    kind = "item" if name == "item" else "actor"
    links = {one["id"]: [one.get(link) for link in _LINKS[name]] for one in records[kind]}
    seen, ahead = set[Any](), [start]
    while ahead:
        here = ahead.pop()
        if here is not None and here not in seen:
            seen.add(here)
            ahead += links.get(here, [])
    return seen


def _in_order(key: Key) -> list[Any]:
    # No value first; years by the text of first and last, open on the left as year 0.
    return [
        ("",)
        if one is None
        else (f"{one[0] or 0:04}", f"{one[1] or 9999:04}")
        if isinstance(one, tuple)
        else (one,)
        for one in key
    ]


# --- parts ----------------------------------------------------------------------------


def _kin(records: Records, kept: Mapping[str, Plain]) -> Iterator[tuple[str, str, str]]:
    """Yield (measure, part, whole): two transfers that state the same measure in one unit."""
    part_of = {one["id"]: one.get("partOf") for one in records["transfer"]}
    for part in kept:
        whole = part_of[part]
        while whole is not None:
            for measure in _MEASURES:
                unit = _unit(kept[part], measure)
                if whole in kept and unit is not None and unit == _unit(kept[whole], measure):
                    yield measure, part, whole
            whole = part_of[whole]


def _unit(transfer: Plain, measure: str) -> str | None:
    held = transfer.get(measure)
    if held is None:
        return None
    return "".join(one.lower() if one.isascii() else one for one in held["unit"])


def _overlaps(key: Key, groups: Mapping[Key, list[str]], kin: Sequence[Any]) -> bool:
    own = set(groups[key])
    others = {one for other, ids in groups.items() if other != key for one in ids}
    return bool(own & others) or any(
        (part in own and whole in others) or (whole in own and part in others)
        for _, part, whole in kin
    )


# --- sums -----------------------------------------------------------------------------


def _total(
    group_by: Sequence[str],
    key: Key,
    groups: Mapping[Key, list[str]],
    kept: Mapping[str, Plain],
    kin: Sequence[tuple[str, str, str]],
) -> dict[str, Any]:
    ids = sorted(groups[key])
    own = [kept[one] for one in ids]
    left_out = {
        measure: {part for m, part, whole in kin if m == measure and {part, whole} <= set(ids)}
        for measure in _MEASURES
    }
    value = dict(zip(group_by, key, strict=True))
    years = value.get("YEAR")
    return {
        **{name: _reference(value.get(name.upper())) for name in _LINKS},
        "nature": value.get("NATURE"),
        "stage": value.get("STAGE"),
        "years": None if years is None else {"from": years[0], "to": years[1]},
        "quantities": _sums(own, "quantity", left_out["quantity"]),
        "values": _sums(own, "value", left_out["value"]),
        "overlaps": _overlaps(key, groups, kin),
        "transferCount": len(ids),
        "withoutQuantity": sum("quantity" not in one for one in own),
        "withoutValue": sum("value" not in one for one in own),
        "withoutFigures": sum("quantity" not in one and "value" not in one for one in own),
        "partsLeftOut": len(left_out["quantity"] | left_out["value"]),
        "transfers": {"totalCount": len(ids), "nodes": [{"id": one} for one in ids]},
    }


def _reference(record_id: str | None) -> dict[str, str] | None:
    return None if record_id is None else {"id": record_id}


def _sums(own: Sequence[Plain], measure: str, left_out: set[str]) -> list[dict[str, Any]]:
    """One sum for each unit, of money for each basis too, by unit and basis."""
    stated: dict[tuple[str, str], list[Plain]] = {}
    for one in own:
        if measure in one:
            basis = one[measure].get("basis", "") if measure == "value" else ""
            stated.setdefault((_unit(one, measure) or "", basis), []).append(one)
    return [
        made
        for kind in sorted(stated)
        if (made := _sum(stated[kind], measure, left_out, kind[1])) is not None
    ]


def _sum(
    stating: Sequence[Plain], measure: str, left_out: set[str], basis: str
) -> dict[str, Any] | None:
    counted = [one[measure] for one in stating if one["id"] not in left_out]
    if not counted:
        return None
    ends = [interval(one) for one in counted]
    has_least = any("lower" in one or "amount" in one for one in counted)
    mosts = [most for _, most in ends if most is not None]
    made = {
        "unit": min(one["unit"] for one in counted),
        "amount": _decimal(sum(thousandths(one["amount"]) for one in counted))
        if all("amount" in one for one in counted)
        else None,
        "lower": _decimal(sum(least for least, _ in ends) // 10) if has_least else None,
        "upper": _decimal(-(-sum(mosts) // 10)) if len(mosts) == len(ends) else None,
        "approximate": any(one.get("approximate") is True for one in counted),
        "transferCount": len(counted),
        "partsLeftOut": len(stating) - len(counted),
    }
    return {"basis": basis or None, **made} if measure == "value" else made


def _decimal(amount: int) -> str:
    whole, rest = divmod(amount, 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")
