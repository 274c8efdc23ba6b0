"""From JSON to the canonical value that a field keeps, or a reason why not.

Every parser here takes whatever JSON holds and returns the one spelling that is
stored, hashed and compared; parsing a canonical value again changes nothing.
What cannot be kept raises InvalidValue, whose path leads to the fault and whose
message says what to write instead. Inside an object, a member that is null is a
member left out; an empty list is no value, so the list parsers return None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Final, TypeAlias

from app.domain.codes import MoneyBasis, code
from app.domain.currencies import currency
from app.domain.decimals import decimal_text, thousandths
from app.domain.errors import InvalidValue
from app.domain.identifiers import identifier, scheme
from app.domain.languages import language
from app.domain.texts import folded, text
from app.domain.wording import shown, type_name

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]

MAX_ENTRIES: Final = 100
"""Entries of the longest list that a field keeps."""

MAX_NAME: Final = 500
MAX_UNIT: Final = 40
MAX_VERBATIM: Final = 300
MAX_QUOTE: Final = 5000
MAX_QUOTE_CONTEXT: Final = 500

_FIGURES: Final = ("amount", "lower", "upper")
_MEASURE: Final = (*_FIGURES, "approximate", "unit", "verbatim")
_MONEY: Final = (*_MEASURE, "basis")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_HS_LENGTHS: Final = frozenset({2, 4, 6, 8, 10})
_LONGEST_KEY_IN_PATH: Final = 64


def measure(value: object) -> JsonObject:
    """Return a quantity: what was counted or weighed, in which unit.

    At least one of amount, lower and upper; lower <= amount <= upper;
    `approximate` qualifies an amount; a unit always. "verbatim" keeps the
    source's own words ("a pair").
    """
    return _quantity(_members(value, _MEASURE, "a measure"), _unit)


def money(value: object) -> JsonObject:
    """Return a sum of money: a measure whose unit is an ISO 4217 code, with an optional basis."""
    members = _members(value, _MONEY, "an amount of money")
    parsed = _quantity(members, currency)
    if "basis" in members:
        with _at("basis"):
            parsed["basis"] = code(MoneyBasis, members["basis"])
    return parsed


def sha256_hex(value: object) -> str:
    """Return a SHA-256 digest as 64 hexadecimal digits in lower case."""
    digest = value.strip().lower() if isinstance(value, str) else ""
    if _SHA256.fullmatch(digest) is None:
        raise InvalidValue(f"must be 64 hexadecimal digits (SHA-256); this is {shown(value)}")
    return digest


def hs_code(value: object) -> str:
    """Return a code of the Harmonized System as 2, 4, 6, 8 or 10 digits, its dots removed."""
    what = 'must be a string of 2, 4, 6, 8 or 10 digits, like "010121" or "0101.21"'
    digits = value.strip().replace(".", "") if isinstance(value, str) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) in _HS_LENGTHS):
        raise InvalidValue(f"{what}; this is {shown(value)}")
    if digits.startswith("00"):
        raise InvalidValue(f"{what}; chapters start at 01, so {shown(value)} names none")
    return digits


def aliases(value: object) -> list[Json] | None:
    """Return other names of a record, each with the language it is in where that is known."""
    return _list(value, _alias, same=lambda alias: (folded(alias["text"]), alias.get("language")))


def identifiers(value: object) -> list[Json] | None:
    """Return what other registers call a record: `{"scheme", "value"}` each."""
    return _list(value, _identifier, same=lambda entry: (entry["scheme"], entry["value"]))


def authors(value: object) -> list[Json] | None:
    """Return the names of a document's authors, in the order of its byline."""
    return _list(value, _author, same=folded)


def quote(value: object) -> JsonObject:
    """Return the words of a source and what stands before and after them.

    The members of a W3C TextQuoteSelector: exact is required. Their outer white
    space goes, so compare them with a page whose white space is folded.
    """
    members = _members(value, ("exact", "prefix", "suffix"), "a quote")
    limits = {"exact": MAX_QUOTE, "prefix": MAX_QUOTE_CONTEXT, "suffix": MAX_QUOTE_CONTEXT}
    _require(members, "exact", "the words quoted")
    return {
        key: _text_at(key, members[key], limit=limit, multiline=True)
        for key, limit in limits.items()
        if key in members
    }


def _quantity(members: dict[str, object], unit: Callable[[object], str]) -> JsonObject:
    _require(members, "unit", "what is counted")
    figures = _figures(members)
    parsed: JsonObject = {key: decimal_text(amount) for key, amount in figures.items()}
    if _is_approximate(members):
        parsed["approximate"] = True
    with _at("unit"):
        parsed["unit"] = unit(members["unit"])
    if "verbatim" in members:
        parsed["verbatim"] = _text_at("verbatim", members["verbatim"], limit=MAX_VERBATIM)
    return parsed


def _figures(members: dict[str, object]) -> dict[str, int]:
    figures: dict[str, int] = {}
    for key in _FIGURES:
        if key in members:
            with _at(key):
                figures[key] = thousandths(members[key])
    if not figures:
        raise InvalidValue(
            "must have at least one of amount, lower and upper; "
            "if no figure is known, leave the whole value out"
        )
    _check_order(figures)
    return figures


def _check_order(figures: dict[str, int]) -> None:
    for smaller, larger in (("lower", "amount"), ("amount", "upper"), ("lower", "upper")):
        if smaller in figures and larger in figures and figures[smaller] > figures[larger]:
            raise InvalidValue(
                f"must not be more than {larger}: {decimal_text(figures[smaller])} > "
                f"{decimal_text(figures[larger])}; correct one of them",
                (smaller,),
            )


def _is_approximate(members: dict[str, object]) -> bool:
    approximate = members.get("approximate", False)
    if not isinstance(approximate, bool):
        raise InvalidValue(f"must be true or false; this is {shown(approximate)}", ("approximate",))
    if approximate and "amount" not in members:
        raise InvalidValue(
            "says that an amount is about so much; give the amount, or leave this out "
            "and keep the bounds",
            ("approximate",),
        )
    return approximate


def _unit(value: object) -> str:
    return text(value, limit=MAX_UNIT)


def _alias(value: object) -> JsonObject:
    members = _members(value, ("text", "language"), "an alias")
    _require(members, "text", "the other name")
    parsed: JsonObject = {"text": _text_at("text", members["text"], limit=MAX_NAME)}
    if "language" in members:
        with _at("language"):
            parsed["language"] = language(members["language"])
    return parsed


def _identifier(value: object) -> JsonObject:
    members = _members(value, ("scheme", "value"), "an identifier")
    _require(members, "scheme", "the register")
    _require(members, "value", "what the register calls the record")
    with _at("scheme"):
        known = scheme(members["scheme"])
    with _at("value"):
        return {"scheme": known, "value": identifier(known, members["value"])}


def _author(value: object) -> str:
    return text(value, limit=MAX_NAME)


def _members(value: object, known: tuple[str, ...], what: str) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidValue(f"must be an object ({what}); this is {type_name(value)}")
    for key in value:
        if key not in known:
            raise _unknown_member(key, known, what)
    return {key: member for key, member in value.items() if member is not None}


def _unknown_member(key: object, known: tuple[str, ...], what: str) -> InvalidValue:
    name = key if isinstance(key, str) else ""
    near = get_close_matches(name[:_LONGEST_KEY_IN_PATH], known, 1)
    hint = f"; did you mean {near[0]}?" if near else f"; its members are {', '.join(known)}"
    # A path is printed as it is, so a key goes into it only if it is harmless.
    harmless = name.isascii() and name.isprintable() and 0 < len(name) <= _LONGEST_KEY_IN_PATH
    path = (name,) if harmless else ()
    return InvalidValue(f"is no member of {what}: {shown(name)}{hint}", path)


def _require(members: dict[str, object], key: str, meaning: str) -> None:
    if key not in members:
        raise InvalidValue(f"is missing; it says {meaning}", (key,))


def _text_at(key: str, value: object, *, limit: int, multiline: bool = False) -> str:
    with _at(key):
        return text(value, limit=limit, multiline=multiline)


def _list(
    value: object, parse: Callable[[object], object], same: Callable[..., object]
) -> list[Json] | None:
    if not isinstance(value, list):
        raise InvalidValue(f"must be a list; this is {type_name(value)}")
    if len(value) > MAX_ENTRIES:
        raise InvalidValue(f"has {len(value)} entries; at most {MAX_ENTRIES} are kept")
    seen: dict[object, int] = {}
    parsed: list[Json] = []
    for index, entry in enumerate(value):
        with _at(index):
            kept = parse(entry)
        first = seen.setdefault(same(kept), index)
        if first != index:
            raise InvalidValue(f"repeats entry {first + 1}; leave one of them out", (index,))
        parsed.append(kept)  # type: ignore[arg-type]
    return parsed or None


@contextmanager
def _at(step: str | int) -> Iterator[None]:
    """Let faults found inside carry the step that led to them."""
    try:
        yield
    except InvalidValue as fault:
        raise fault.under(step) from None
