"""Identifiers that other registers gave to an actor or item, with their checks.

A check catches slips of the finger; whether the register knows the identifier
is for people to find out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from app.domain.errors import InvalidValue
from app.domain.texts import text
from app.domain.wording import shown

MAX_IDENTIFIER: Final = 100
"""Characters of the longest identifier that is kept."""

_GROUPING: Final = re.compile(r"[ -]")
_ISNI_TEN: Final = "X"


def scheme(value: object) -> str:
    """Return `value` if it names a scheme of `SCHEMES`; raises InvalidValue otherwise."""
    if isinstance(value, str) and value in SCHEMES:
        return value
    raise InvalidValue(
        f"must be one of {', '.join(SCHEMES)}; this is {shown(value)} (other takes any value)"
    )


def identifier(register: str, value: object) -> str:
    """Return `value` as the register writes it; `register` is one of `SCHEMES`.

    Raises InvalidValue for a value that fails the register's check.
    """
    return SCHEMES[register](text(value, limit=MAX_IDENTIFIER))


def _wikidata(value: str) -> str:
    return _matched(value.upper(), r"Q[1-9][0-9]{0,11}", "Q and digits, like Q423 (Wikidata)")


def _lei(value: str) -> str:
    what = "20 letters and digits, the last two of which check the others (LEI)"
    code = _matched(_GROUPING.sub("", value).upper(), r"[A-Z0-9]{18}[0-9]{2}", what)
    # ISO 7064, MOD 97-10, with letters read as 10 … 35.
    if int("".join(str(int(sign, 36)) for sign in code)) % 97 != 1:
        raise InvalidValue(f"must be {what}; {shown(value)} has a slip, for its check fails")
    return code


def _isni(value: str) -> str:
    what = "16 digits, the last of which checks the others and may be X (ISNI)"
    code = _matched(_GROUPING.sub("", value).upper(), r"[0-9]{15}[0-9X]", what)
    # ISO 7064, MOD 11-2.
    rest = 0
    for digit in code[:-1]:
        rest = (rest + int(digit)) * 2 % 11
    check = (12 - rest) % 11
    if code[-1] != (_ISNI_TEN if check == 10 else str(check)):  # noqa: PLR2004 - ten is X
        raise InvalidValue(f"must be {what}; {shown(value)} has a slip, for its check fails")
    return code


def _isin(value: str) -> str:
    what = "two letters, nine letters or digits and a check digit (ISIN)"
    code = _matched(value.upper(), r"[A-Z]{2}[A-Z0-9]{9}[0-9]", what)
    # Luhn over the digits, with letters read as 10 … 35.
    digits = [int(digit) for sign in code for digit in str(int(sign, 36))]
    doubled = (sum(divmod(digit * 2, 10)) for digit in digits[-2::-2])
    if (sum(doubled) + sum(digits[-1::-2])) % 10:
        raise InvalidValue(f"must be {what}; {shown(value)} has a slip, for its check fails")
    return code


def _imo(value: str) -> str:
    number = value.upper().removeprefix("IMO").strip()
    return _matched(number, r"[0-9]{7}", "seven digits (IMO number)")


def _viaf(value: str) -> str:
    return _matched(value, r"[1-9][0-9]{0,21}", "digits only (VIAF)")


def _matched(value: str, pattern: str, what: str) -> str:
    if re.fullmatch(pattern, value) is None:
        raise InvalidValue(f"must be {what}; this is {shown(value)}")
    return value


def _as_written(value: str) -> str:
    return value


SCHEMES: Final[dict[str, Callable[[str], str]]] = {
    "wikidata": _wikidata,
    "lei": _lei,
    "isni": _isni,
    "viaf": _viaf,
    "isin": _isin,
    "imo": _imo,
    "gnd": _as_written,
    "geonames": _as_written,
    "opencorporates": _as_written,
    "other": _as_written,
}
"""Every scheme an identifier can name, with the reader of its values."""
