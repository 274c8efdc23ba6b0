"""Exact amounts: canonical decimal text and 64-bit integers of thousandths.

Both databases order, index and sum such integers alike and lose nothing; text
is what people and the API see. No float comes near either.
"""

from __future__ import annotations

import re
from typing import Final

from app.domain.errors import InvalidValue
from app.domain.wording import shown

MAX_THOUSANDTHS: Final = 2**63 - 1
"""The largest amount, 9,223,372,036,854,775.807, in thousandths."""

PLACES: Final = 3
"""Digits that an amount may have behind its point."""

_SCALE: Final = 10**PLACES
_LARGEST: Final = "9223372036854775.807"
_DECIMAL: Final = re.compile(r"(?P<whole>0|[1-9][0-9]*)(?:\.(?P<fraction>[0-9]+))?")
_LEADING_ZERO: Final = re.compile(r"0[0-9]+(?:\.[0-9]+)?")
_LONGEST: Final = 40  # characters; int() of ten thousand digits is slow and then refused anyway
_LIKE: Final = (
    'must be a decimal string like "24" or "75509.76", '
    "without sign, exponent, spaces or thousands separators"
)


def thousandths(value: object) -> int:
    """Return how many thousandths a decimal string or a whole JSON number stands for.

    Zeros behind the last decimal that counts are taken as if they were not
    there ("24.50" is "24.5"); a zero in front is refused, because "024" is
    more often a slip than an amount. Raises InvalidValue for everything else
    that is not an amount from 0 to 9223372036854775.807.
    """
    if isinstance(value, bool):
        raise InvalidValue(f"{_LIKE}; this is {shown(value)}")
    if isinstance(value, int):
        return _checked(value * _SCALE)
    if isinstance(value, float):
        raise InvalidValue(
            'must be written as a string, like "75509.76": '
            "a JSON number with a fraction is not exact"
        )
    if not isinstance(value, str):
        raise InvalidValue(f"{_LIKE}; this is {shown(value)}")
    return _parse(value)


def decimal_text(amount: int) -> str:
    """Return the one canonical text of `amount` thousandths; the inverse of `thousandths`.

    Raises ValueError outside 0 … MAX_THOUSANDTHS: no column holds such a number.
    """
    if not 0 <= amount <= MAX_THOUSANDTHS:
        raise ValueError("an amount is a 64-bit integer, zero or more")
    whole, rest = divmod(amount, _SCALE)
    return f"{whole}.{rest:0{PLACES}d}".rstrip("0") if rest else str(whole)


def canonical_decimal(value: object) -> str:
    """Return the canonical text of an amount in any of its accepted spellings."""
    return decimal_text(thousandths(value))


def _parse(text: str) -> int:
    if len(text) > _LONGEST:
        raise InvalidValue(f"is {len(text)} characters long; the largest amount is {_LARGEST}")
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise _malformed(text)
    fraction = (match["fraction"] or "").rstrip("0")
    if len(fraction) > PLACES:
        raise InvalidValue(
            f"has {len(fraction)} decimals (.{fraction}), but at most {PLACES} are kept; "
            f"round {text}, or choose a smaller unit"
        )
    return _checked(int(match["whole"] + fraction.ljust(PLACES, "0")))


def _malformed(text: str) -> InvalidValue:
    if _LEADING_ZERO.fullmatch(text):
        return InvalidValue(f"must not start with a zero: {shown(text)}")
    return InvalidValue(f"{_LIKE}; this is {shown(text)}")


def _checked(amount: int) -> int:
    if amount < 0:
        raise InvalidValue("must be zero or more")
    if amount > MAX_THOUSANDTHS:
        raise InvalidValue(f"must be at most {_LARGEST}; choose a larger unit")
    return amount
