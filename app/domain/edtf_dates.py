"""Dates of the world: EDTF levels 0 and 1 (Library of Congress, 4 February 2019; ISO 8601-2).

    2024-08-25              a day; 2024-08 a month; 2024 a year
    2024-08-25T09:30:00Z    a time of day, kept but not used for sorting
    2022~  2022?  2022%     about, uncertain, both
    2022-21                 a season: 21 spring, 22 summer, 23 autumn, 24 winter
    201X  20XX              some year of the decade, of the century
    2004-XX  2004-06-XX     some month of the year, some day of the month
    2020/2023               from … to
    ../2024-08-27           any time up to; 2024-08-25/.. from then on
    /2024-08-27             from an unknown start; 2024-08-25/ to an unknown end

Level 2 (sets, parts qualified alone, X in the middle) is refused, and so are
years outside 0001 … 9999 and days that no calendar has. The grammar is small
enough to be written out here: general parsers of EDTF cost milliseconds a date
and let 2023-02-29 pass.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import MAXYEAR, MINYEAR
from typing import Final

from app.domain.errors import InvalidValue
from app.domain.wording import shown

OPEN_START: Final = "0000-01-01"
"""The earliest day of a date whose start is open or unknown; sorts before every real day."""

OPEN_END: Final = "9999-12-31"
"""The latest day of a date whose end is open or unknown."""

_DATE: Final = re.compile(
    r"(?P<year>[0-9]{4}|[0-9]{3}X|[0-9]{2}XX)"
    r"(?:-(?P<month>[0-9]{2}|XX)(?:-(?P<day>[0-9]{2}|XX))?)?"
    r"[?~%]?"
)
_DATE_TIME: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::[0-5][0-9])?)?"
)
_FAR_YEAR: Final = re.compile(r"-[0-9]{4}.*|Y-?[0-9]+.*")
_LEVEL_2: Final = re.compile(r"[\[{].*|.*[0-9X][?~%]-.*|.*[?~%][0-9X].*|.*\^.*|.*S[0-9]+")
_LONGEST: Final = 64
_OPEN_ENDS: Final = frozenset({"", ".."})

_DECEMBER: Final = 12
_WINTER: Final = 24
_SEASON_STARTS: Final = {21: 3, 22: 6, 23: 9, _WINTER: 12}  # first month
_LIKE: Final = (
    "must be a date in EDTF, like 2024, 2024-08, 2024-08-27, 2022~ (about), 2022? (uncertain), "
    "2022-21 (spring), 201X, 2004-XX, 2020/2023, ../2024-08-27 or 2024-08-25/.."
)

Span = tuple[str, str]


def edtf(value: object) -> str:
    """Return the canonical text of a date: EDTF as written, without outer white space.

    Raises InvalidValue for anything else than EDTF level 0 or 1 with years
    0001 … 9999, real days, and an interval whose start is not after its end.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"{_LIKE}; this is {shown(value)}")
    text = value.strip()
    bounds(text)
    return text


def bounds(text: str) -> tuple[str, str]:
    """Return the earliest and the latest day that a date can mean, as YYYY-MM-DD.

    The bounds are strict: 2022~ has the bounds of 2022, nothing is padded for
    being approximate or uncertain. An open or unknown start is OPEN_START, such
    an end OPEN_END. Seasons are those of meteorologists in the north: spring is
    March to May, and the winter of 2022 runs from December 2022 to February
    2023. A time of day counts as the day that is written, whatever its zone.
    Raises InvalidValue where `edtf` does.
    """
    if len(text) > _LONGEST:
        raise InvalidValue(f"{_LIKE}; this is {len(text)} characters long")
    if "/" in text:
        return _interval_bounds(text)
    timed = _DATE_TIME.fullmatch(text)
    return _date_bounds(timed["date"] if timed else text)


def _interval_bounds(text: str) -> Span:
    start, _, end = text.partition("/")
    if start in _OPEN_ENDS and end in _OPEN_ENDS:
        raise InvalidValue(
            f"must have a start or an end; {shown(text)} has neither, so leave the date out"
        )
    first = OPEN_START if start in _OPEN_ENDS else _end_bounds(start)[0]
    last = OPEN_END if end in _OPEN_ENDS else _end_bounds(end)[1]
    if first > last:
        raise InvalidValue(f"must not end before it starts; swap the dates of {shown(text)}")
    return first, last


def _end_bounds(text: str) -> Span:
    # Level 1 qualifies the ends of an interval; an X there is level 2.
    if "X" in text:
        raise InvalidValue(
            f"must not have an X in an interval, as in {shown(text)} (EDTF level 2); "
            "write the first or last day, month or year that is meant"
        )
    return _date_bounds(text)


def _date_bounds(text: str) -> Span:
    match = _DATE.fullmatch(text)
    if match is None:
        raise _malformed(text)
    year, month, day = match["year"], match["month"], match["day"]
    if "X" in year and month is not None:
        raise _malformed(text)
    first, last = int(year.replace("X", "0")), int(year.replace("X", "9"))
    if first < MINYEAR:
        raise InvalidValue(f"must be in the years 0001 to 9999; this is {shown(text)}")
    if month is None or month == "XX":
        if day not in {None, "XX"}:
            raise _malformed(text)
        return f"{first:04d}-01-01", f"{last:04d}-12-31"
    return _month_bounds(first, int(month), day, text)


def _month_bounds(year: int, month: int, day: str | None, text: str) -> Span:
    if month in _SEASON_STARTS and day is None:
        return _season_bounds(year, month)
    if not 1 <= month <= _DECEMBER:
        raise InvalidValue(
            "must have a month from 01 to 12, or a season from 21 to 24 and no day; "
            f"this is {shown(text)}"
        )
    length = monthrange(year, month)[1]
    if day is None or day == "XX":
        return f"{year:04d}-{month:02d}-01", f"{year:04d}-{month:02d}-{length}"
    if not 1 <= int(day) <= length:
        raise InvalidValue(
            f"must be a day of the calendar: {year:04d}-{month:02d} has {length} days; "
            f"this is {shown(text)}"
        )
    exact = f"{year:04d}-{month:02d}-{day}"
    return exact, exact


def _season_bounds(year: int, season: int) -> Span:
    start = f"{year:04d}-{_SEASON_STARTS[season]:02d}-01"
    if season != _WINTER:
        month = _SEASON_STARTS[season] + 2
        return start, f"{year:04d}-{month:02d}-{monthrange(year, month)[1]}"
    if year == MAXYEAR:
        return start, OPEN_END
    return start, f"{year + 1:04d}-02-{monthrange(year + 1, 2)[1]}"


def _malformed(text: str) -> InvalidValue:
    if _FAR_YEAR.fullmatch(text):
        return InvalidValue(f"must be in the years 0001 to 9999; this is {shown(text)}")
    if _LEVEL_2.fullmatch(text):
        return InvalidValue(f"{_LIKE}; {shown(text)} looks like EDTF level 2, which is not taken")
    return InvalidValue(f"{_LIKE}; this is {shown(text)}")
