"""When somebody looked: RFC 3339 instants in UTC, or plain dates."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from app.domain.errors import InvalidValue
from app.domain.wording import shown

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"(?P<local>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]{1,9}))?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3]):(?P<minutes>[0-5][0-9]))"
)
_LIKE: Final = "must be a date or an RFC 3339 instant, like 2024-08-27 or 2024-08-27T18:30:00+09:00"


def instant(value: object) -> str:
    """Return an instant in UTC ("2024-08-27T09:30:00Z"), or a plain date unchanged.

    Fractions of a second lose their trailing zeros and nothing else. Raises
    InvalidValue for an instant without a zone, for times that no clock shows
    (leap seconds included) and for years outside 0001 … 9999.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"{_LIKE}; this is {shown(value)}")
    written = value.strip()
    try:
        if _DATE.fullmatch(written):
            return date.fromisoformat(written).isoformat()
        match = _INSTANT.fullmatch(written)
        if match is None:
            raise InvalidValue(f"{_LIKE}; this is {shown(value)}")
        return _in_utc(match)
    except (ValueError, OverflowError):
        raise InvalidValue(f"{_LIKE}; no calendar or clock shows {shown(value)}") from None


def _in_utc(match: re.Match[str]) -> str:
    local = datetime.fromisoformat(match["local"].upper()).replace(tzinfo=UTC)
    shift = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    utc = local + shift if match["sign"] == "-" else local - shift
    fraction = (match["fraction"] or "").rstrip("0")
    return utc.replace(tzinfo=None).isoformat() + (f".{fraction}" if fraction else "") + "Z"
