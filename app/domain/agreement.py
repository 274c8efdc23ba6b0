"""When two values of a field say the same thing.

| type | two values agree when |
|---|---|
| measure, money | their unit is the same and their intervals meet |
| date | their EDTF intervals meet |
| code | they are equal, and not UNKNOWN |
| text | they are equal once case and white space are folded |

All arguments are canonical values. References agree by what the ledger knows
of merges and of narrower items, so they are decided where that is at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from app.domain.decimals import thousandths
from app.domain.edtf_dates import bounds
from app.domain.texts import folded

UNKNOWN: Final = "UNKNOWN"
"""The code by which a source says nothing; it agrees with nothing, itself included."""

_TENTH: Final = 10  # intervals count tenths of thousandths, so that 10 % is exact
_ABOUT: Final = 1  # an approximate amount reaches from nine tenths to eleven


Interval: TypeAlias = tuple[int, int | None]
"""The least and the most that a measure can mean; no most where it is unknown."""


def interval(measure: Mapping[str, object]) -> Interval:
    """Return the least and the most that a measure can mean, in ten-thousandths.

    On each side a stated bound is the end; else the amount is, less or more a
    tenth of itself when it is approximate; else there is none: zero below
    (amounts are never negative) and None above.
    """
    reach = _ABOUT if measure.get("approximate") is True else 0
    least = _end(measure, "lower", -reach)
    return (0 if least is None else least, _end(measure, "upper", reach))


def measures_agree(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    """Tell whether two measures, or two sums of money, agree; what the basis is does not matter."""
    return same_unit(a, b) and intervals_meet(interval(a), interval(b))


def same_unit(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    """Tell whether two measures count the same; case and white space do not matter."""
    return folded(str(a["unit"])) == folded(str(b["unit"]))


def intervals_meet(a: Interval, b: Interval) -> bool:
    """Tell whether two intervals have a point in common."""
    (a_least, a_most), (b_least, b_most) = a, b
    return (b_most is None or a_least <= b_most) and (a_most is None or b_least <= a_most)


def dates_agree(a: str, b: str) -> bool:
    """Tell whether two EDTF dates have a day in common."""
    (a_first, a_last), (b_first, b_last) = bounds(a), bounds(b)
    return a_first <= b_last and b_first <= a_last


def codes_agree(a: str, b: str) -> bool:
    """Tell whether two codes are the same and say something."""
    return a == b != UNKNOWN


def texts_agree(a: str, b: str) -> bool:
    """Tell whether two texts differ in nothing but case and white space."""
    return folded(a) == folded(b)


def _end(measure: Mapping[str, object], bound: str, reach: int) -> int | None:
    if measure.get(bound) is not None:
        return thousandths(measure[bound]) * _TENTH
    if measure.get("amount") is not None:
        return thousandths(measure["amount"]) * (_TENTH + reach)
    return None
