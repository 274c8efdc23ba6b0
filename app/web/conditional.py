"""Conditional requests: If-None-Match, RFC 9110 section 13.1.2."""

from __future__ import annotations

import re
from typing import Final

_TAG: Final = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
"""entity-tag, section 8.8.3; an opaque tag may have commas in it."""


def names_tag(if_none_match: str, tag: str) -> bool:
    """Whether the header names an entity tag, by weak comparison (8.8.3.2)."""
    return tag in _TAG.findall(if_none_match)


def names_any(if_none_match: str) -> bool:
    """Whether the header is `*`: whatever the representation, the client has one."""
    return if_none_match.strip() == "*"
