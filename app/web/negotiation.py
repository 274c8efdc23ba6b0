"""Content negotiation, RFC 9110 section 12.5.1: which media type an Accept header prefers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final


@lru_cache(maxsize=256)
def best_of(accept: str, offered: Sequence[str]) -> str | None:
    """Return the offered type that `accept` ranks highest, None where it takes none.

    At equal weight the type that the header names first wins, and for a
    wildcard the type that is offered first.
    """
    ranked = [
        (weight, -place, -order, media)
        for order, media in enumerate(offered)
        for weight, place in [_rank(accept, media)]
        if weight > 0
    ]
    return max(ranked)[3] if ranked else None


def _rank(accept: str, media: str) -> tuple[float, int]:
    """Return the weight of the most specific range that takes `media`, and its place."""
    kind = media.partition("/")[0]
    best = (-1, 0.0, 0)
    for place, (pattern, weight) in enumerate(_ranges(accept)):
        specific = {media: 2, f"{kind}/*": 1, "*/*": 0}.get(pattern)
        if specific is not None and specific > best[0]:
            best = (specific, weight, place)
    return best[1], best[2]


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        pattern, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = _weight(value)
            elif name.strip() == "charset" and value.strip(' "') not in _UTF_8:
                # A range with another charset takes nothing that is sent from here.
                pattern = ""
        yield pattern, weight


_UTF_8: Final = ("utf-8", "utf8")


def _weight(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
