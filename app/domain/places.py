"""Countries: ISO 3166-1 alpha-2, as officially assigned today.

The table is read from `pycountry` at the first question, not at import.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from app.domain.errors import InvalidValue
from app.domain.wording import shown

_MISTAKEN: Final = {"UK": "GB", "EL": "GR"}  # codes of other lists that people write


def country(value: object) -> str:
    """Return the upper-case code of a country that exists.

    Raises InvalidValue for names, three-letter codes, codes of former countries
    and codes that are not assigned.
    """
    code = value.strip().upper() if isinstance(value, str) else ""
    if code in _assigned():
        return code
    raise InvalidValue(
        f"must be an ISO 3166-1 country code of two letters, like KP; {_complaint(value, code)}"
    )


def _complaint(value: object, code: str) -> str:
    if code in _MISTAKEN:
        return f"this is {shown(value)}, for which the code is {_MISTAKEN[code]}"
    former = _former().get(code)
    if former is not None:
        return f"{shown(value)} was the code of a former country ({former})"
    return f"this is {shown(value)}"


@cache
def _assigned() -> frozenset[str]:
    import pycountry  # noqa: PLC0415 - a tenth of a second that most processes never need

    return frozenset(entry.alpha_2 for entry in pycountry.countries)


@cache
def _former() -> dict[str, str]:
    import pycountry  # noqa: PLC0415 - as above

    entries = pycountry.historic_countries
    return {entry.alpha_2: entry.name for entry in entries if hasattr(entry, "alpha_2")}
