"""Base64url without padding (RFC 4648 section 5), read strictly.

Bytes have exactly one encoding here, so a text can be compared and hashed in
place of the bytes it stands for.
"""

from __future__ import annotations

import base64
import binascii

from app.log.errors import NotBase64url

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def encode_base64url(data: bytes) -> str:
    """Return the base64url text of `data`, without padding."""
    text = binascii.b2a_base64(data, newline=False).translate(_URL_SAFE)
    return text.rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """Return the bytes that `text` encodes, if it is what `encode_base64url` writes.

    Raises `NotBase64url` for padding, line ends, blanks, characters outside the
    alphabet (`+` and `/` among them) and unused bits that are not zero.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # binascii.Error is a ValueError; text that is not ASCII raises the plain one.
    except (binascii.Error, ValueError) as error:
        raise NotBase64url("this text is not base64url without padding") from error
    # The standard decoder skips what it does not know: only writing it again tells.
    if encode_base64url(data) != text:
        raise NotBase64url("this text is not the canonical base64url of any bytes")
    return data
