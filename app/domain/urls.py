"""Addresses of documents: absolute http and https URLs (RFC 3986).

The text of a URL is kept as it was sent, since servers tell spellings apart; it
is only made sure that it is one, and that its host can be looked up.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from app.domain.errors import InvalidValue
from app.domain.texts import refused_character
from app.domain.wording import shown

MAX_URL: Final = 2048
"""Characters of the longest URL that is kept."""

_SCHEMES: Final = frozenset({"http", "https"})
_UNSAFE: Final = re.compile(r"""[\s"<>\\^`{|}]""")
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_BRACKETED: Final = re.compile(r"(?:[^@]*@)?\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
_NUMERIC: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_LONGEST_HOST: Final = 253
_IN_LABELS: Final = frozenset("LMN")
_LIKE: Final = "must be an absolute http or https URL, like https://example.org/report"


def url(value: object) -> str:
    """Return `value` unchanged if it is an absolute http or https URL with a host.

    Raises InvalidValue for relative ones, other schemes, a name or password in
    the URL, white space and other characters that have to be percent-encoded,
    and hosts that no resolver can read or that read otherwise than they look.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"{_LIKE}; this is {shown(value)}")
    _check_text(value)
    parts = _split(value)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise InvalidValue(f"{_LIKE}; this is {shown(value)}")
    if parts.username is not None or parts.password is not None:
        raise InvalidValue("must not carry a name or password before its host; leave it out")
    _check_host(parts.hostname, bracketed="[" in parts.netloc)
    return value


def _check_text(value: str) -> None:
    if len(value) > MAX_URL:
        raise InvalidValue(f"is {len(value)} characters long; at most {MAX_URL} are kept")
    fault = refused_character(value)
    if fault is not None:
        raise InvalidValue(fault)
    unsafe = _UNSAFE.search(value)
    if unsafe is not None:
        raise InvalidValue(
            f"holds {shown(unsafe[0])} at character {unsafe.start() + 1}, which cannot stand "
            "in a URL; remove it or percent-encode it"
        )


def _split(value: str) -> SplitResult:
    unfollowable = InvalidValue(f"{_LIKE}; {shown(value)} cannot be followed")
    try:
        parts = urlsplit(value)
        _ = parts.port  # read for its error: a port is a number up to 65535
    except ValueError:
        raise unfollowable from None
    # The parser takes [::1].example for ::1.
    if "[" in parts.netloc and _BRACKETED.fullmatch(parts.netloc) is None:
        raise unfollowable
    return parts


def _check_host(host: str, *, bracketed: bool) -> None:
    try:
        if bracketed:
            IPv6Address(host)
            return
        labels = host.removesuffix(".").split(".")
        if _NUMERIC.fullmatch(labels[-1]):
            IPv4Address(host)  # never 127.1 or 0x7f000001, which some resolvers read as addresses
            return
    except ValueError:
        raise InvalidValue(
            f"must name a host; {shown(host)} is no IP address as URLs write them"
        ) from None
    if not all(_is_label(label) for label in labels) or _ascii_length(labels) > _LONGEST_HOST:
        raise InvalidValue(f"must name a host; {shown(host)} cannot be looked up")


def _is_label(label: str) -> bool:
    if label.isascii():
        return _LABEL.fullmatch(label) is not None
    # Letters that look like others (full width, ligatures) are mapped away by
    # IDNA; a label that mapping changes would lead elsewhere than it reads.
    unmapped = unicodedata.normalize("NFKC", label) == label
    letters = all(unicodedata.category(sign)[0] in _IN_LABELS or sign == "-" for sign in label)
    return unmapped and letters and _idna(label) is not None


def _idna(label: str) -> bytes | None:
    try:
        return label.encode("idna")
    except UnicodeError:
        return None


def _ascii_length(labels: list[str]) -> int:
    return sum(len(_idna(label) or b"") + 1 for label in labels) - 1
