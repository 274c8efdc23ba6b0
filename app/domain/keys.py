"""What an API key looks like, and how a mistyped one is told from an unknown one.

A key is `ck_<environment>_<secret>_<checksum>`: the environment that gave it
out, 256 random bits as 43 characters of base62, and the CRC-32 of those
characters as six more. The checksum catches a typing error before anything is
looked up; it protects nothing else. What is stored is a key's SHA-256 alone.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import Final

from app.domain.errors import InvalidValue

SECRET_BYTES: Final = 32
"""Random bytes that `new_key` takes."""

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH: Final = 43  # 62^43 is just above 2^256
_CHECKSUM_LENGTH: Final = 6  # 62^6 is above 2^32
_ENVIRONMENT: Final = re.compile(r"[a-z][a-z0-9]{0,15}")
_KEY: Final = re.compile(
    rf"ck_(?P<environment>{_ENVIRONMENT.pattern})"
    rf"_(?P<secret>[0-9A-Za-z]{{{_SECRET_LENGTH}}})"
    rf"_(?P<checksum>[0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class KeyParts:
    """A well-formed key, taken apart."""

    environment: str
    secret: str


def new_key(environment: str, secret: bytes) -> str:
    """Return the key that carries `secret`, which is `SECRET_BYTES` random bytes.

    Raises InvalidValue for an environment that is not 1 to 16 lower-case
    letters and digits, and ValueError for another number of bytes.
    """
    if _ENVIRONMENT.fullmatch(environment) is None:
        raise InvalidValue("a key's environment is 1 to 16 lower-case letters and digits")
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a key's secret is {SECRET_BYTES} bytes")
    body = _base62(int.from_bytes(secret, "big"), _SECRET_LENGTH)
    return f"ck_{environment}_{body}_{checksum(body)}"


def parse_key(text: str) -> KeyParts:
    """Take a key apart; the inverse of `new_key` as far as the secret goes.

    Raises InvalidValue for what is no key, or has a typing error in it. The
    message never repeats the text: it may be somebody's secret.
    """
    match = _KEY.fullmatch(text)
    if match is None:
        raise InvalidValue("this is no key of Corrigenda: keys look like ck_live_…_…")
    if checksum(match["secret"]) != match["checksum"]:
        raise InvalidValue("this key has a typing error: its checksum does not fit; copy it again")
    return KeyParts(match["environment"], match["secret"])


def checksum(body: str) -> str:
    """Return the CRC-32 of `body` as six characters of base62."""
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def digest(key: str) -> str:
    """Return what is stored in place of a key: its SHA-256 in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, place = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[place])
    return "".join(reversed(digits))
