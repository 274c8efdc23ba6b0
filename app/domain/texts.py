"""Which words a field can hold, and when two of them are the same.

Text is stored in Unicode normalisation form C, without outer white space and
without characters that a reader cannot see but a screen, a database or an XML
feed stumbles over.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from app.domain.errors import InvalidValue
from app.domain.wording import shown

_NEVER: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls but tab and line feed
    "\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides and isolates
    "\ud800-\udfff"  # halves of surrogate pairs: not characters, and no UTF-8 spells them
    "\ufdd0-\ufdef\ufffe\uffff"  # noncharacters, which XML cannot carry either
)
_REFUSED_IN_LINES: Final = re.compile(f"[{_NEVER}]")
_REFUSED_IN_A_LINE: Final = re.compile(f"[{_NEVER}\t\n\u2028\u2029]")
_LINE_BREAK: Final = re.compile("\r\n?|\u2028|\u2029")

_CONTROL_NAMES: Final = {"\0": "NUL", "\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN"}
_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# What can be seen: letters, marks, numbers, punctuation and symbols.
_VISIBLE: Final = frozenset("LMNPS")

# Combining classes of the vowel points of Hebrew and Arabic, and of accents
# above, below and through a letter. Others (kana voicing, nukta, virama, Thai
# tones) make another letter rather than an accented one.
_POINTS: Final = range(10, 36)
_FIRST_ACCENT: Final = 200


def text(value: object, *, limit: int, multiline: bool = False) -> str:
    """Return `value` as a field keeps it; `limit` counts Unicode characters after NFC.

    Outer white space goes. Tabs and line breaks may stand inside only where
    `multiline`, and every kind of line break becomes a line feed. Raises
    InvalidValue for what is no string, is blank or too long, or holds a
    character that is refused; the message says which one and where.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"must be text; this is {shown(value)}")
    kept = value.strip()
    if multiline:
        kept = _LINE_BREAK.sub("\n", kept)
    _check_characters(kept, multiline=multiline)
    kept = unicodedata.normalize("NFC", kept)
    if not any(unicodedata.category(character)[0] in _VISIBLE for character in kept):
        raise InvalidValue("is blank; write something that can be seen")
    if len(kept) > limit:
        raise InvalidValue(f"is {len(kept)} characters long; at most {limit} are kept")
    return kept


def name_key(name: str) -> str:
    """Return `name` as lists order it and searches match it.

    Compatibility forms are unified, accents and vowel points dropped, case
    folded, white space collapsed: "Müller " and "MULLER" share a key.
    A key is for comparing, never for showing.
    """
    bare = _without_accents(name)
    # Folding can bring back what the first pass took out (ϓ, U+0345), so there is a second.
    folded_name = _without_accents(bare.casefold()).casefold()
    return " ".join(unicodedata.normalize("NFC", folded_name).split())


def folded(words: str) -> str:
    """Return `words` as agreement compares them: case folded, white space folded.

    Canonical caseless matching (Unicode 15, section 3.13, D145); accents count.
    """
    caseless = unicodedata.normalize("NFD", words).casefold()
    return " ".join(unicodedata.normalize("NFC", caseless).split())


def refused_character(words: str, *, multiline: bool = False) -> str | None:
    """Return what to say about the first character that no field keeps; None if all are fine."""
    refused = _REFUSED_IN_LINES if multiline else _REFUSED_IN_A_LINE
    match = refused.search(words)
    if match is None:
        return None
    return f"holds {_named(match[0])} at character {match.start() + 1}, {_why(match[0])}; remove it"


def _check_characters(words: str, *, multiline: bool) -> None:
    fault = refused_character(words, multiline=multiline)
    if fault is not None:
        raise InvalidValue(fault)


def _named(character: str) -> str:
    name = _CONTROL_NAMES.get(character) or unicodedata.name(character, "")
    return f"U+{ord(character):04X} {name}".rstrip()


def _why(character: str) -> str:
    if character in _BIDI:
        return "which turns the direction of the text around it"
    if unicodedata.category(character) == "Cs":
        return "which is half of a surrogate pair"
    if character in "\t\n\u2028\u2029":
        return "which cannot stand in a single line"
    return "which cannot be shown"


def _without_accents(words: str) -> str:
    decomposed = unicodedata.normalize("NFKD", words)
    return "".join(character for character in decomposed if not _is_accent(character))


def _is_accent(character: str) -> bool:
    mark = unicodedata.combining(character)
    return mark in _POINTS or mark >= _FIRST_ACCENT
