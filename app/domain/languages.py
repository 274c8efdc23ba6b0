"""Languages: BCP 47 tags (RFC 5646), checked against the IANA subtag registry.

The registry comes with `langcodes` and is read at the first question, not at
import. Its companion `language_data` is not needed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from app.domain.errors import InvalidValue
from app.domain.wording import shown

_LONGEST: Final = 64
_SHAPE: Final = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_LIKE: Final = "must be a BCP 47 language tag, like en, ko-KP or sr-Latn"


def language(value: object) -> str:
    """Return the canonical tag of a language: preferred subtags, usual case.

    "EN" becomes en, "iw" he, "zh-hans-cn" zh-Hans-CN. Raises InvalidValue for
    tags that are malformed or use a subtag that nobody registered.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"{_LIKE}; this is {shown(value)}")
    tag = value.strip()
    if len(tag) > _LONGEST or _SHAPE.fullmatch(tag) is None:
        raise InvalidValue(f"{_LIKE}; this is {shown(value)}")
    found = _canonical(tag.lower())
    if found is None:
        raise InvalidValue(f"{_LIKE}; {shown(value)} is not registered")
    return found


@lru_cache(maxsize=1024)
def _canonical(tag: str) -> str | None:
    # A tenth of a second that most processes never need.
    from langcodes import Language  # noqa: PLC0415
    from langcodes.tag_parser import LanguageTagError  # noqa: PLC0415

    if tag.startswith("x-") or _repeats(tag):
        return None
    try:
        known = Language.get(tag, normalize=True)
    except LanguageTagError:
        return None
    return known.to_tag() if known.is_valid() else None


def _repeats(tag: str) -> bool:
    # RFC 5646, section 2.2.5 and 2.2.6: no variant and no extension twice.
    subtags = tag.partition("-x-")[0].split("-")[1:]
    return len(set(subtags)) < len(subtags)
