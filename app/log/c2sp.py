"""What the texts of C2SP are made of: lines, decimal numbers and base64, read strictly.

signed-note, tlog-checkpoint and tlog-proof share these three. Each value has
exactly one spelling, so two texts that mean the same are the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import re

from app.log.errors import LineRefused

SIZE_END = 1 << 63
"""Sizes and indexes lie below: what every language's signed 64-bit integer holds."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
# The control characters below U+0020; no text of C2SP has one, but for line ends.
_CONTROL = re.compile(r"[\x00-\x1f]")


def encode_base64(data: bytes) -> str:
    """Return the base64 of RFC 4648 section 4, with its padding."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Return the bytes that `text` encodes, if it is what `encode_base64` writes.

    Raises `LineRefused` for missing padding, line ends, blanks, characters of
    other alphabets and unused bits that are not zero.
    """
    try:
        data = base64.b64decode(text, validate=True)
    # binascii.Error is a ValueError; text that is not ASCII raises the plain one.
    except (binascii.Error, ValueError) as error:
        raise LineRefused("this is not base64 with its padding") from error
    if encode_base64(data) != text:
        raise LineRefused("this is not the canonical base64 of any bytes")
    return data


def decode_size(text: str) -> int:
    """Return the number that `str` writes as `text`, from 0 to 2^63 - 1.

    Raises `LineRefused` for a sign, leading zeros, blanks and foreign digits.
    """
    if not _DECIMAL.fullmatch(text) or int(text) >= SIZE_END:
        raise LineRefused("this is not a decimal number from 0 to 2^63 - 1 without leading zeros")
    return int(text)


def check_line(text: str) -> None:
    """Accept `text` as one line, without its line end; raises `LineRefused`."""
    if not text:
        raise LineRefused("this line is empty")
    if _CONTROL.search(text):
        raise LineRefused("a control character stands in this line")
    utf8(text)


def utf8(text: str) -> bytes:
    """Return the bytes of `text`; raises `LineRefused` for a lone surrogate."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise LineRefused("this text has a character that UTF-8 cannot write") from error
