"""Which words a record is found by, and how what somebody types is looked for.

One rule for both databases: records and questions are cut into words and folded
here, so the databases compare finished tokens and know nothing of languages. A
token is a word behind one letter that says where it stands:

    n  a name or title             e  a whole name, without spaces
    a  another name                f  a whole other name, without spaces
    p  prose                       s  a name's word with a letter left out
    k  the kind of record

"Phungsan dog", also called "P'ungsan gae", is

    kitem ephungsandog nphungsan ndog a fpungsangae ap aungsan agae apungsan s…

A lone `a` keeps two values apart, so that no phrase runs from one into the other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, TypeAlias

from app.domain.codes import SearchMatch
from app.domain.errors import BadArgument
from app.domain.records import Fields
from app.domain.texts import name_key, refused_character

TEXT_LIMIT: Final = 500
"""Characters of what is searched for, at most."""

WORDS_LIMIT: Final = 40
"""Words of what is searched for, at most."""

WORD_LENGTH: Final = 64
"""A longer word counts by its first so many characters, in records and in questions alike."""

_WHOLE_LENGTH: Final = 200
_MISSPELT_FROM: Final = 5
"""Letters that a word has at least before one of them may be wrong: among shorter words,
one letter more or less is more often another word."""

NAME, OTHER, PROSE = "n", "a", "p"
_WHOLE: Final[Mapping[str, str]] = {NAME: "e", OTHER: "f"}
_MISSPELT: Final = "s"
_KIND: Final = "k"

SEARCHED: Final[Mapping[str, Mapping[str, str]]] = {
    "actor": {
        "name": NAME,
        "aliases": OTHER,
        "identifiers": OTHER,
        "externalRef": OTHER,
        "description": PROSE,
    },
    "item": {
        "name": NAME,
        "aliases": OTHER,
        "identifiers": OTHER,
        "hsCode": OTHER,
        "externalRef": OTHER,
        "unit": PROSE,
        "description": PROSE,
    },
    "transfer": {
        "title": NAME,
        "externalRef": OTHER,
        "quantity": PROSE,
        "value": PROSE,
        "origin": PROSE,
        "destination": PROSE,
        "route": PROSE,
        "transport": PROSE,
        "purpose": PROSE,
        "summary": PROSE,
    },
    # A document's title stands behind the names of what the ledger is about.
    "citation": {
        "title": OTHER,
        "authors": OTHER,
        "contentSha256": OTHER,
        "externalRef": OTHER,
        "url": PROSE,
        "archiveUrl": PROSE,
        "noticeUrl": PROSE,
    },
    "claim": {"externalRef": OTHER, "value": PROSE, "quote": PROSE, "locator": PROSE},
}
"""Where the words of each kind's fields stand. Codes, dates, figures and links are filters'."""

_RESEMBLED: Final = ("actor", "item")
"""Kinds whose names people type from memory, and so are found when misspelt."""


# --- words --------------------------------------------------------------------

# Letters of living alphabets that Unicode does not take apart, as unaccent writes them.
_LETTERS: Final = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h",
     "ŧ": "t", "ŋ": "n", "\u0131": "i",
     # Marks inside words that nobody types: soft hyphen, joiners, byte order mark.
     "\u00ad": None, "\u200c": None, "\u200d": None, "\u2060": None, "\ufeff": None}
)  # fmt: skip
_COMPOUND: Final = re.compile("w+(?:jw+)*|i+")
_WORD: Final = re.compile("w+")
# Apostrophes, hyphens, and the dot of Catalan: what may stand inside a word.
_JOINERS: Final = frozenset("'`-\u2018\u2019\u2010\u2011\u00b7")
# The same for plain ASCII, in a tenth of the time.
_PLAIN: Final = re.compile("[a-z0-9]+(?:['`-][a-z0-9]+)*")
_JOINED: Final = re.compile("['`-]")
_QUOTES: Final = '"\u201c\u201d\u201e\u00ab\u00bb'
# What every address begins with tells none from another.
_SCHEME: Final = re.compile("https?://", re.IGNORECASE)
_PHRASE: Final = re.compile(f"[{_QUOTES}]([^{_QUOTES}]*)[{_QUOTES}]")


@dataclass(frozen=True, slots=True)
class Compound:
    """Words written as one: `Jong-un`, `P'ungsan`, or ideographs without a space.

    `is_run` says that the parts are ideographs, each a word, side by side.
    """

    parts: tuple[str, ...]
    is_run: bool = False

    @property
    def joined(self) -> str:
        """The parts as one word, as others write it."""
        return "".join(self.parts)[:WORD_LENGTH]

    @property
    def is_joinable(self) -> bool:
        """Whether others write the parts as one word."""
        return len(self.parts) > 1 and not self.is_run


def compounds(text: str) -> list[Compound]:
    """Return the words of a text, folded: case, accents and vowel points do not count."""
    text = _SCHEME.sub(" ", text)
    if text.isascii():
        return [_apart(match[0]) for match in _PLAIN.finditer(text.lower())]
    folded = name_key(text).translate(_LETTERS)
    shape = "".join(map(_shape, folded))
    return [
        _compound(folded[match.start() : match.end()], match[0])
        for match in _COMPOUND.finditer(shape)
    ]


def _apart(text: str) -> Compound:
    if text.isalnum():
        return Compound((text[:WORD_LENGTH],))
    return Compound(tuple(word[:WORD_LENGTH] for word in _JOINED.split(text)))


@lru_cache(maxsize=4096)
def _shape(character: str) -> str:
    """Return what a character is: of a word, an ideograph, a joiner, or what lies between."""
    if character in _JOINERS or "\u02b0" <= character <= "\u02ff":
        return "j"
    category = unicodedata.category(character)
    if category[0] not in "LM" and category != "Nd":
        return " "
    return "i" if _is_ideograph(character) else "w"


def _is_ideograph(character: str) -> bool:
    """Whether a script writes words without spaces: Han, and kana between them."""
    return "\u3040" <= character <= "\u30ff" or (
        character >= "\u3400" and "CJK" in unicodedata.name(character, "")
    )


def _compound(text: str, shape: str) -> Compound:
    if shape[0] == "i":
        return Compound(tuple(text), is_run=True)
    words = (text[match.start() : match.end()] for match in _WORD.finditer(shape))
    return Compound(tuple(word[:WORD_LENGTH] for word in words))


# --- what a record is found by ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Document:
    """What is kept of a record to find it by: its tokens, in order, and its names as text.

    `names` is empty for kinds that are not looked for by resemblance.
    """

    tokens: tuple[str, ...]
    names: str


def document(kind: str, fields: Fields) -> Document:
    """Return what a record of a kind with these fields is found by."""
    tokens = [f"{_KIND}{kind}"]
    names: list[str] = []
    for name, place in SEARCHED[kind].items():
        for value in _texts(fields.get(name)):
            found = compounds(value)
            tokens += _tokens(found, place)
            if kind in _RESEMBLED and name in ("name", "aliases"):
                names += _words(found)
    misspelt = {spelling for word in names for spelling in _spellings(word)}
    tokens += sorted(f"{_MISSPELT}{spelling}" for spelling in misspelt)
    return Document(tuple(tokens), " ".join(names))


def _words(found: Sequence[Compound]) -> Iterator[str]:
    """Yield every word, and then compounds as others write them, in one.

    These come last, so that phrases stay together.
    """
    yield from (word for one in found for word in one.parts)
    yield from (one.joined for one in found if one.is_joinable)


_WORDED: Final = (
    "text", "value", "prefix", "exact", "suffix", "verbatim", "quantity", "money",
)  # fmt: skip
"""Members of values that hold words, in the order in which they are read."""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name in _WORDED:
            yield from _texts(value.get(name))
    elif isinstance(value, Sequence):
        for one in value:
            yield from _texts(one)


def _tokens(found: Sequence[Compound], place: str) -> Iterator[str]:
    yield place
    if place in _WHOLE and found:
        yield _WHOLE[place] + _whole(found)
    yield from (place + word for word in _words(found))


def _whole(found: Iterable[Compound]) -> str:
    return "".join(word for one in found for word in one.parts)[:_WHOLE_LENGTH]


def _spellings(word: str) -> Iterator[str]:
    """Yield a word and every form of it that lacks one letter.

    Two words that share one differ by a letter too many, too few, another one,
    or two that changed places.
    """
    if len(word) >= _MISSPELT_FROM and not word.isdecimal():
        yield word
        yield from {word[:place] + word[place + 1 :] for place in range(len(word))}


# --- what is looked for -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token:
    """Records that have this token, or with `is_start` one that begins with it."""

    text: str
    is_start: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """Records that have these tokens one after the other."""

    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Records for which all of these hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Records for which one of these holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Except:
    """Records for which `part` holds and `without` does not."""

    part: Condition
    without: Condition


Condition: TypeAlias = Token | Beside | All | Either | Except


@dataclass(frozen=True, slots=True)
class Wanted:
    """Words that must stand side by side, or one of which a record has a word that begins so."""

    words: tuple[str, ...]
    is_start: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody looks for: for each entry, one of its ways of being written.

    A way is words that must all be there.
    """

    needs: tuple[tuple[tuple[Wanted, ...], ...], ...]
    plain: str

    @property
    def digest(self) -> str:
        """What tells one question from another, in cursors."""
        return sha256(repr(self.needs).encode()).hexdigest()[:8]

    def matches(self, kinds: Sequence[str] | None) -> list[tuple[SearchMatch, Condition]]:
        """Return each way in which a record can match, the best first; no record has two.

        The last one, SPELLING, is for where no other has a record.
        """
        found: list[tuple[SearchMatch, Condition]] = []
        better: list[Condition] = []
        for match, condition in self._ways().items():
            part = _of_kinds(condition, kinds)
            is_alone = not better or match is SearchMatch.SPELLING
            found.append((match, part if is_alone else Except(part, _either(better))))
            better.append(condition)
        return found

    def anywhere(self, kinds: Sequence[str] | None) -> Condition:
        """Return what every match but SPELLING has in common: the words, wherever they stand."""
        ways = self._ways()
        del ways[SearchMatch.SPELLING]
        return _of_kinds(_either(list(ways.values())), kinds)

    def _ways(self) -> dict[SearchMatch, Condition]:
        whole = self.plain.replace(" ", "")[:_WHOLE_LENGTH]
        return {
            SearchMatch.NAME: Token(_WHOLE[NAME] + whole),
            SearchMatch.OTHER_NAME: Token(_WHOLE[OTHER] + whole),
            SearchMatch.NAME_START: Token(_WHOLE[NAME] + whole, is_start=True),
            SearchMatch.NAME_WORDS: self._standing(NAME),
            SearchMatch.OTHER_NAME_WORDS: self._standing(NAME + OTHER),
            SearchMatch.WORDS: self._standing(NAME + OTHER + PROSE),
            SearchMatch.SPELLING: self._spelt(),
        }

    def _standing(self, places: str) -> Condition:
        return _all(
            [
                _either([_all([_placed(one, places) for one in way]) for way in ways])
                for ways in self.needs
            ]
        )

    def _spelt(self) -> Condition:
        return _all(
            [_either([_all([_alike(one) for one in way]) for way in ways]) for ways in self.needs]
        )


def _placed(wanted: Wanted, places: str) -> Condition:
    return _either([_token(wanted, place) for place in places])


def _token(wanted: Wanted, place: str) -> Condition:
    if len(wanted.words) > 1:
        return Beside(tuple(f"{place}{word}" for word in wanted.words))
    return Token(f"{place}{wanted.words[0]}", wanted.is_start)


def _alike(wanted: Wanted) -> Condition:
    standing: list[Condition] = [_token(wanted, NAME), _token(wanted, OTHER)]
    if wanted.is_start:
        spellings = sorted(set(_spellings(wanted.words[0])))
        standing += [Token(f"{_MISSPELT}{spelling}") for spelling in spellings]
    return _either(standing)


def of_kinds(kinds: Sequence[str]) -> Condition:
    """Return what records of one of these kinds have in common."""
    # Of no kind at all is no record: the letter alone is no token.
    wanted = [Token(f"{_KIND}{kind}") for kind in dict.fromkeys(kinds)]
    return _either(wanted or [Token(_KIND)])


def _of_kinds(condition: Condition, kinds: Sequence[str] | None) -> Condition:
    return condition if kinds is None else All((of_kinds(kinds), condition))


def _all(parts: Sequence[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _either(parts: Sequence[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else Either(tuple(parts))


def read_question(text: str) -> Question:
    """Return what a text asks for: all of its words, each as the start of a word.

    Words between quotation marks are looked for side by side and whole. Raises
    `BadArgument` for a text that is too long, or in which there is nothing to
    look for.
    """
    if len(text) > TEXT_LIMIT:
        raise BadArgument(f"text has {len(text)} characters; at most {TEXT_LIMIT}")
    _refuse_what_is_no_text(text)
    needs = [*_quoted(text), *_unquoted(_PHRASE.sub(" ", text))]
    words = [word for one in compounds(text) for word in one.parts]
    if not needs:
        raise BadArgument("text holds no letter and no digit, so there is nothing to look for")
    if len(words) > WORDS_LIMIT:
        raise BadArgument(f"text has {len(words)} words; at most {WORDS_LIMIT}")
    return Question(tuple(needs), " ".join(words))


def _refuse_what_is_no_text(text: str) -> None:
    for character in ("\x00", *(one for one in text if unicodedata.category(one) == "Cs")):
        fault = refused_character(character) if character in text else None
        if fault is not None:
            place = text.index(character) + 1
            raise BadArgument(
                f"text holds U+{ord(character):04X} at character {place}, which no text here has"
            )


def _quoted(text: str) -> Iterator[tuple[tuple[Wanted, ...], ...]]:
    for phrase in _PHRASE.findall(text):
        words = tuple(word for one in compounds(phrase) for word in one.parts)
        if words:
            yield ((Wanted(words, is_start=False),),)


def _unquoted(text: str) -> Iterator[tuple[tuple[Wanted, ...], ...]]:
    for one in compounds(text):
        if one.is_run:
            yield ((Wanted(one.parts),),)
        else:
            apart = tuple(Wanted((word,), is_start=True) for word in one.parts)
            together = (Wanted((one.joined,), is_start=True),)
            yield (apart, together) if one.is_joinable else (apart,)
