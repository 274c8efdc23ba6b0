"""What an id looks like: TypeID 0.3 over UUIDv7 (RFC 9562, section 5.7).

An id is the kind, an underscore, and 26 characters of Crockford's base32 in
lower case, which spell the 128 bits of a UUIDv7 behind two zero bits:

    transfer_01j6a3k7x2e5vrm8n9p0q4s6t8

The kind can be read off the id, ids of one kind sort by the time at which they
were made, and the clock and the dice are the caller's.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from app.domain.errors import InvalidValue
from app.domain.wording import shown

RECORD_KINDS: Final = ("actor", "item", "transfer", "citation", "claim")
"""The kinds of record, as they stand before the underscore of their ids."""

PREFIXES: Final = (*RECORD_KINDS, "changeset", "editor", "newsroom", "key", "proposal")
"""Every kind of thing that has an id."""

ENTROPY_BYTES: Final = 10
"""Random bytes that `new_id` takes: 80 bits, of which a UUIDv7 keeps 74."""

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS: Final = {letter: number for number, letter in enumerate(_ALPHABET)}
# 26 characters hold 130 bits, so the first may only use three of its five (TypeID 0.3).
_SUFFIX: Final = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}")
_SUFFIX_LENGTH: Final = 26
_REF: Final = re.compile(r"#[A-Za-z0-9_.-]{1,64}")
_LAST_MS: Final = 2**48 - 1
_LIKE: Final = (
    "must be an id: a kind, an underscore and 26 lower-case letters and digits, "
    "like transfer_01j6a3k7x2e5vrm8n9p0q4s6t8"
)


def new_id(prefix: str, *, at_ms: int, entropy: bytes) -> str:
    """Return a fresh id of kind `prefix`, made `at_ms` milliseconds after the Unix epoch.

    `entropy` is `ENTROPY_BYTES` random bytes. Raises ValueError for a kind that
    has no ids, an instant outside 48 bits or another number of bytes: those are
    defects of the caller, not values that anybody sent.
    """
    if prefix not in PREFIXES:
        raise ValueError(f"no such kind of id: {prefix}")
    if not 0 <= at_ms <= _LAST_MS:
        raise ValueError("at_ms is outside the 48 bits of a UUIDv7")
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"entropy is {ENTROPY_BYTES} bytes")
    dice = int.from_bytes(entropy, "big")
    random_a, random_b = dice >> 68, dice & (2**62 - 1)
    # unix_ts_ms | version 7 | rand_a | variant 10 | rand_b (RFC 9562, figure 11).
    bits = at_ms << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b
    return f"{prefix}_{encode_suffix(uuid.UUID(int=bits))}"


def parse_id(text: object) -> tuple[str, uuid.UUID]:
    """Return the kind and the UUIDv7 of an id; the inverse of writing it down.

    Only the canonical spelling is an id: no upper case, no letters that
    Crockford reads as digits, no archive position behind an `@`.
    """
    if not isinstance(text, str):
        raise InvalidValue(f"{_LIKE}; this is {shown(text)}")
    if "@" in text:
        raise InvalidValue(
            f"must be an id without a position: {shown(text)} was read in an archive; "
            "leave out the @ and what follows"
        )
    prefix, _, suffix = text.rpartition("_")
    if prefix not in PREFIXES:
        raise InvalidValue(f"{_LIKE}; {shown(text)} starts with none of {', '.join(PREFIXES)}")
    return prefix, _parse_suffix(suffix, text)


def kind_of(text: object) -> str:
    """Return the kind that an id says it has; raises InvalidValue when it is no id."""
    return parse_id(text)[0]


def is_ref(text: object) -> bool:
    """Tell whether `text` is a local ref: `#` and a name that a changeset gives its own record."""
    return isinstance(text, str) and _REF.fullmatch(text) is not None


def encode_suffix(value: uuid.UUID) -> str:
    """Return the 26 base32 characters of 128 bits."""
    bits = value.int
    return "".join(_ALPHABET[bits >> shift & 31] for shift in range(125, -1, -5))


def decode_suffix(suffix: str) -> uuid.UUID:
    """Return the 128 bits that 26 base32 characters spell; the inverse of `encode_suffix`."""
    if len(suffix) != _SUFFIX_LENGTH or _SUFFIX.fullmatch(suffix) is None:
        raise InvalidValue(f"{_LIKE}; {shown(suffix)} does not spell 128 bits")
    bits = 0
    for letter in suffix:
        bits = bits << 5 | _DIGITS[letter]
    return uuid.UUID(int=bits)


def _parse_suffix(suffix: str, text: str) -> uuid.UUID:
    try:
        value = decode_suffix(suffix)
    except InvalidValue:
        raise InvalidValue(f"{_LIKE}; this is {shown(text)}") from None
    if value.variant != uuid.RFC_4122 or value.version != 7:  # noqa: PLR2004 - UUIDv7
        raise InvalidValue(f"must be an id that a ledger made; {shown(text)} holds no UUIDv7")
    return value
