"""Currencies: ISO 4217 codes in use today.

The table is read from `pycountry` at the first question, not at import.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from app.domain.errors import InvalidValue
from app.domain.wording import shown

# "No currency" and "reserved for testing": codes of the list that name no money.
_NO_MONEY: Final = frozenset({"XXX", "XTS"})


def currency(value: object) -> str:
    """Return the upper-case code of a currency, a fund or a precious metal.

    Raises InvalidValue for symbols, names, withdrawn codes and codes that name
    no money.
    """
    code = value.strip().upper() if isinstance(value, str) else ""
    if code in _codes():
        return code
    raise InvalidValue(
        f"must be an ISO 4217 currency code in use, like USD or KPW; this is {shown(value)}"
    )


@cache
def _codes() -> frozenset[str]:
    import pycountry  # noqa: PLC0415 - a tenth of a second that most processes never need

    return frozenset(entry.alpha_3 for entry in pycountry.currencies) - _NO_MONEY
