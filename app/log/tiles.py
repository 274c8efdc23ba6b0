"""Tiles (C2SP tlog-tiles): the tree and the entries as files that never change.

Tile n of level l holds up to 256 hashes, the roots of full subtrees of 256**l
leaves each; level 0 holds leaf hashes. Entry tile n holds the entries of tile n
of level 0. The last tile of a level may be narrower, and then says its width:

    tile/0/x001/x234/067        tile/1/001.p/17        tile/entries/273.p/112

A tile follows from the leaf hashes alone, so it may be kept or made anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.log.c2sp import SIZE_END
from app.log.errors import TileRefused
from app.log.proof import Span
from app.log.tree import HASH_BYTES, Peaks, checked_hash, root_hash

TILE_WIDTH = 256
MAX_LEVEL = 7
"""A hash of level 7 is over 2^56 leaves, so a tree of fewer than 2^63 has less than one tile."""

_WIDTH_BITS = 8
_LENGTH_BYTES = 2
# Tile 2^55 - 1 of level 0, the last of all, has seventeen digits: six groups.
_PATH = re.compile(r"tile/([0-7]|entries)/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """Hashes `start` to `end` (not included) of a level; raises `TileRefused`.

    A `width` below 256 makes it the partial tile of a tree that ends there.
    """

    level: int
    number: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if not 0 <= self.level <= MAX_LEVEL:
            raise TileRefused(f"levels of tiles go from 0 to {MAX_LEVEL}, so {self.level} is none")
        _check_extent(self.level, self.number, self.width)

    @property
    def start(self) -> int:
        """The first of its hashes, counted within the level."""
        return self.number * TILE_WIDTH

    @property
    def end(self) -> int:
        """The hash after its last."""
        return self.start + self.width

    @property
    def path(self) -> str:
        """Where it is served, below the log's prefix."""
        return f"tile/{self.level}/{_number_path(self.number, self.width)}"


@dataclass(frozen=True, slots=True)
class EntryTile:
    """Entries `start` to `end` (not included), counted from 0; raises `TileRefused`."""

    number: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        _check_extent(0, self.number, self.width)

    @property
    def start(self) -> int:
        """The first of its entries: the position, less one."""
        return self.number * TILE_WIDTH

    @property
    def end(self) -> int:
        """The entry after its last."""
        return self.start + self.width

    @property
    def path(self) -> str:
        """Where it is served, below the log's prefix."""
        return f"tile/entries/{_number_path(self.number, self.width)}"


def parse_tile_path(path: str) -> Tile | EntryTile:
    """Return the tile of that `.path`; raises `TileRefused` for every other spelling."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise TileRefused("a tile is asked for as tile/<level>/<number> or tile/entries/<number>")
    level, groups, width = match.groups()
    number = int(re.sub("[x/]", "", groups))
    extent = (number, TILE_WIDTH if width is None else int(width))
    tile = EntryTile(*extent) if level == "entries" else Tile(int(level), *extent)
    # Needless groups, leading zeros and the width of a full tile all spell it differently.
    if tile.path != path:
        raise TileRefused(f"this tile is {tile.path}, and has no other path")
    return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile of the tree of `size` leaves, level by level, left to right."""
    for level in range(MAX_LEVEL + 1):
        for number, width in _extents(size >> (_WIDTH_BITS * level)):
            yield Tile(level, number, width)


def entry_tiles_of(size: int) -> Iterator[EntryTile]:
    """Yield every entry tile of the log of `size` entries, in order."""
    for number, width in _extents(size):
        yield EntryTile(number, width)


def encode_hashes(hashes: Sequence[bytes]) -> bytes:
    """Return the bytes of a tile; raises `TileRefused`, `NotAHash`."""
    _check_width(len(hashes))
    return b"".join(map(checked_hash, hashes))


def decode_hashes(data: bytes) -> tuple[bytes, ...]:
    """Return the hashes of a tile, as many as there are; raises `TileRefused`."""
    if len(data) % HASH_BYTES:
        raise TileRefused(f"{len(data)} bytes are not hashes of {HASH_BYTES} bytes each")
    _check_width(len(data) // HASH_BYTES)
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """Return the bytes of an entry tile: each entry after its length, a big-endian uint16.

    Raises `TileRefused` for an entry of more than 65,535 bytes, for none and
    for more than 256.
    """
    listed = list(entries)
    _check_width(len(listed))
    try:
        return b"".join(len(one).to_bytes(_LENGTH_BYTES, "big") + one for one in listed)
    except OverflowError as error:
        raise TileRefused("an entry in a tile has at most 65,535 bytes") from error


def decode_entries(data: bytes) -> tuple[bytes, ...]:
    """Return the entries that `encode_entries` wrote; raises `TileRefused`."""
    entries, at = list[bytes](), 0
    while at < len(data):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise TileRefused(f"this tile ends in the middle of its entry {len(entries)}")
        entries.append(data[start:at])
    _check_width(len(entries))
    return tuple(entries)


def span_root(span: Span, hashes: Callable[[int, int, int], Sequence[bytes]]) -> bytes:
    """Return the root over the leaves of `span`, a subtree that proofs name.

    `hashes(level, first, last)` returns hashes `first` to `last` (not included)
    of a level, those that tiles hold. It is asked at most once for each level,
    for at most 255 of them: the digits of the span's length to the base 256.

    Raises `TileRefused` for a span that is no subtree and for another number of
    hashes than were asked for, `NotAHash`.
    """
    length = span.end - span.start
    _check_subtree(span, length)
    peaks = list[bytes]()
    for level in range(MAX_LEVEL, -1, -1):
        shift = _WIDTH_BITS * level
        width = (length >> shift) % TILE_WIDTH
        if width:
            last = (span.start + length) >> shift
            peaks += _peaks(_read(hashes, level, last - width, last))
    return Peaks(length, tuple(peaks)).root()


def _read(
    hashes: Callable[[int, int, int], Sequence[bytes]], level: int, first: int, last: int
) -> Sequence[bytes]:
    found = hashes(level, first, last)
    if len(found) != last - first:
        raise TileRefused(
            f"level {level} has {len(found)} of the hashes from {first} up to {last} here"
        )
    return found


def _peaks(row: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the roots of the full subtrees over a row, the largest and leftmost first."""
    start = 0
    for bit in reversed(range(len(row).bit_length())):
        if len(row) >> bit & 1:
            yield root_hash(row[start : start + (1 << bit)])
            start += 1 << bit


def _check_subtree(span: Span, length: int) -> None:
    # RFC 6962 splits at powers of two: a subtree starts at a multiple of the
    # smallest power of two that is not below its length.
    if not 0 <= span.start <= span.end < SIZE_END:
        raise TileRefused(f"no tree has leaves from {span.start} up to {span.end}")
    if span.start % (1 << max(length - 1, 0).bit_length()):
        raise TileRefused(f"leaves {span.start} up to {span.end} are not one subtree")


def _extents(hashes: int) -> Iterator[tuple[int, int]]:
    full, rest = divmod(hashes, TILE_WIDTH)
    for number in range(full):
        yield number, TILE_WIDTH
    if rest:
        yield full, rest


def _number_path(number: int, width: int) -> str:
    *groups, last = f"{number:,}".split(",")
    digits = [f"x{group:0>3}/" for group in groups]
    return "".join((*digits, f"{last:0>3}", "" if width == TILE_WIDTH else f".p/{width}"))


def _check_extent(level: int, number: int, width: int) -> None:
    _check_width(width)
    leaves = (number * TILE_WIDTH + width) << (_WIDTH_BITS * level)
    if number < 0 or leaves >= SIZE_END:
        raise TileRefused(f"no tree of fewer than 2^63 leaves has tile {number} of level {level}")


def _check_width(width: int) -> None:
    if not 1 <= width <= TILE_WIDTH:
        raise TileRefused(f"a tile has from 1 to {TILE_WIDTH} hashes or entries, not {width}")
