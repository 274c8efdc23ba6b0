"""How a refused value is shown back to whoever sent it.

Messages quote the value they refuse. It may be ten thousand digits long, or
hold characters that would turn the message around, so it is cut and escaped
here, in one place.
"""

from __future__ import annotations

from typing import Final

LONGEST_SHOWN: Final = 60
"""Characters of a refused string that a message repeats."""

_WIDEST_SHOWN_INTEGER: Final = 128  # bits; Python refuses to print far wider ones

_TYPE_NAMES: Final[tuple[tuple[type, str], ...]] = (
    (bool, "true or false"),  # before int, of which it is a subclass
    (int, "a number"),
    (float, "a number"),
    (str, "a string"),
    (list, "a list"),
    (dict, "an object"),
)


def type_name(value: object) -> str:
    """Return what JSON calls the type of `value`, with its article."""
    if value is None:
        return "null"
    return next((name for kind, name in _TYPE_NAMES if isinstance(value, kind)), "something else")


def shown(value: object) -> str:
    """Return `value` as a message may print it: short, quoted, with nothing invisible in it."""
    if isinstance(value, str):
        short = value if len(value) <= LONGEST_SHOWN else value[: LONGEST_SHOWN - 1] + "…"
        return repr(short)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value.bit_length() <= _WIDEST_SHOWN_INTEGER else "so long a number"
    return type_name(value)
