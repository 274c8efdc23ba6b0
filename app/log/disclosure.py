"""Salted openings of content: the Disclosures of RFC 9901 (SD-JWT), section 4.2.

The log holds digests; the content stays outside, where it can be redacted:

    disclosure = base64url(JCS([base64url(salt), name, value]))
    digest     = base64url(SHA-256(ASCII(disclosure)))

RFC 9901 lets an issuer write the JSON array with any white space. Here it is
canonical, so the text follows from salt, name and value and need not be stored.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from app.log.base64url import decode_base64url, encode_base64url
from app.log.canonical import canonical
from app.log.errors import NotADisclosure, NotBase64url, NotCanonical

SALT_BYTES = 16
"""128 bits: what RFC 9901 recommends against guessing a short value."""

_RESERVED_NAMES = frozenset({"_sd", "..."})
_LARGEST_EXACT_INTEGER = 2**53 - 1


class Disclosure(NamedTuple):
    """One piece of content with the salt that hides it in its digest."""

    salt: bytes
    name: str
    value: object


def disclose(salt: bytes, name: str, value: object) -> str:
    """Return the disclosure that opens `value` under `name`.

    `salt` is 16 random bytes, never used twice. `value` is the canonical value
    of the record's field. `open_disclosure` undoes it.

    Raises `NotADisclosure` for another length of salt and for the names that
    RFC 9901 keeps to itself, `NotCanonical` for what JSON cannot say.
    """
    _check_salt(salt)
    _check_name(name)
    return encode_base64url(canonical([encode_base64url(salt), name, value]))


def digest(disclosure: str) -> str:
    """Return what the log holds in place of a disclosure: 43 base64url characters."""
    try:
        text = disclosure.encode("ascii")
    except UnicodeEncodeError as error:
        raise NotADisclosure("a disclosure is ASCII text") from error
    return encode_base64url(hashlib.sha256(text).digest())


def open_disclosure(text: str) -> Disclosure:
    """Return salt, name and value of a disclosure that `disclose` could have written.

    Raises `NotADisclosure` for everything else: padding, line ends, white space
    or doubled keys inside, a salt of another length, values out of range. So no
    two texts open to the same content.
    """
    disclosure = _parts(text)
    try:
        written_again = disclose(*disclosure)
    except NotCanonical as error:
        raise NotADisclosure(str(error)) from error
    if written_again != text:
        raise NotADisclosure("this disclosure is not written in canonical JSON")
    return disclosure


def _parts(text: str) -> Disclosure:
    try:
        array = json.loads(decode_base64url(text).decode("utf-8"), parse_int=_number)
    except NotBase64url as error:
        raise NotADisclosure(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise NotADisclosure("this disclosure holds no JSON") from error
    match array:
        case [str(salt), str(name), value]:
            return Disclosure(_salt(salt), name, value)
    raise NotADisclosure("a disclosure is an array of salt, name and value")


def _number(digits: str) -> int | float:
    """Read digits as RFC 8785 writes them: up to 21 of them may stand for a double."""
    number = float(digits)
    return int(digits) if abs(number) <= _LARGEST_EXACT_INTEGER else number


def _salt(text: str) -> bytes:
    try:
        return decode_base64url(text)
    except NotBase64url as error:
        raise NotADisclosure("the salt of a disclosure is base64url without padding") from error


def _check_salt(salt: bytes) -> None:
    if len(salt) != SALT_BYTES:
        raise NotADisclosure(f"the salt of a disclosure has {SALT_BYTES} bytes, not {len(salt)}")


def _check_name(name: str) -> None:
    # RFC 9901, section 4.2.1: these two mean something else to its readers.
    if name in _RESERVED_NAMES:
        raise NotADisclosure(f"{name!r} cannot be the name of a disclosure")
