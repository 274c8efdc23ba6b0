"""Tiles: the tree and the entries as files, each with one path and one reading."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.log.errors import NotAHash, TileRefused
from app.log.proof import Span, consistency_spans, inclusion_spans
from app.log.tiles import (
    MAX_LEVEL,
    EntryTile,
    Tile,
    decode_entries,
    decode_hashes,
    encode_entries,
    encode_hashes,
    entry_tiles_of,
    parse_tile_path,
    span_root,
    tiles_of,
)
from app.log.tree import EMPTY_ROOT, leaf_hash, root_hash

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "tiles.json").read_text("utf-8"))

LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(70_000)]
ROWS = [LEAVES]
while len(ROWS[-1]) >= 256:
    below = ROWS[-1]
    ROWS.append([root_hash(below[at : at + 256]) for at in range(0, len(below) - 255, 256)])


def read_row(level: int, first: int, last: int) -> Sequence[bytes]:
    assert 1 <= last - first <= 255
    return ROWS[level][first:last]


def tile(case: dict[str, Any]) -> Tile | EntryTile:
    extent = (case["number"], case["width"])
    return EntryTile(*extent) if case["level"] is None else Tile(case["level"], *extent)


@pytest.mark.parametrize("case", VECTORS["paths"], ids=lambda case: case["path"])
def test_a_tile_has_the_golden_path(case: dict[str, Any]) -> None:
    assert tile(case).path == case["path"]
    assert parse_tile_path(case["path"]) == tile(case)


@given(st.integers(0, MAX_LEVEL), st.integers(0, 2**63 - 2), st.integers(1, 127))
def test_tiles_come_back_from_their_path(level: int, leaf: int, width: int) -> None:
    tile_of_leaf = Tile(level, leaf >> (8 * (level + 1)), width)

    assert parse_tile_path(tile_of_leaf.path) == tile_of_leaf


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/1234",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/00/000",
        "tile/8/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/-01",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/+1",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "/tile/0/000",
        "tile/0/000/",
        "tile/7/001",
        "tile/7/000",
        "tile/data/000",
        "tile/0/../000",
        "tile/0/x999/x999/x999/x999/x999/999",
        "tile/0/" + "x001/" * 1000 + "001",
    ],
)
def test_a_path_has_one_spelling(path: str) -> None:
    with pytest.raises(TileRefused):
        parse_tile_path(path)


@pytest.mark.parametrize("case", VECTORS["trees"], ids=lambda case: str(case["size"]))
def test_a_tree_ends_in_the_tiles_that_the_specification_names(case: dict[str, Any]) -> None:
    last = {tile.level: tile.path for tile in tiles_of(case["size"])}

    assert list(last.values()) == case["rightmost"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 70_000))
def test_tiles_hold_every_hash_once_and_in_order(size: int) -> None:
    in_tiles = [one for one in tiles_of(size) if one.level == 0]

    assert [EntryTile(one.number, one.width) for one in in_tiles] == list(entry_tiles_of(size))
    assert [at for one in in_tiles for at in range(one.start, one.end)] == list(range(size))
    assert [at for one in entry_tiles_of(size) for at in range(one.start, one.end)][-1:] == (
        [size - 1] if size else []
    )


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 70_000), st.data())
def test_the_root_of_a_span_is_that_of_its_leaves(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    spans = {*inclusion_spans(index, size), *consistency_spans(index + 1, size), Span(0, size)}

    for span in spans:
        assert span_root(span, read_row) == root_hash(LEAVES[span.start : span.end])


def test_the_empty_tree_has_its_root_without_reading() -> None:
    assert span_root(Span(0, 0), read_row) == EMPTY_ROOT


@pytest.mark.parametrize(
    "span", [Span(1, 3), Span(2, 5), Span(3, 2), Span(-1, 0), Span(0, 2**63), Span(256, 769)]
)
def test_leaves_that_are_no_subtree_have_no_root(span: Span) -> None:
    with pytest.raises(TileRefused):
        span_root(span, read_row)


def test_a_row_that_ends_too_early_or_is_no_hash_is_refused() -> None:
    with pytest.raises(TileRefused):
        span_root(Span(0, 70_001), lambda level, first, last: ROWS[level][first:last][:-1])
    with pytest.raises(NotAHash):
        span_root(Span(0, 2), lambda _, first, last: [bytes(31)] * (last - first))


def test_an_entry_tile_has_the_golden_bytes() -> None:
    entries = [bytes.fromhex(text) for text in VECTORS["entries"]["entries"]]

    assert encode_entries(entries).hex() == VECTORS["entries"]["bytes"]


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20), st.data())
def test_entries_come_back_whole_or_not_at_all(entries: list[bytes], data: st.DataObject) -> None:
    written = encode_entries(entries)
    cut = data.draw(st.integers(0, len(written) - 1))

    assert decode_entries(written) == tuple(entries)
    boundaries = {len(encode_entries(entries[:count])) for count in range(1, len(entries))}
    if cut in boundaries:
        assert encode_entries(decode_entries(written[:cut])) == written[:cut]
    else:
        with pytest.raises(TileRefused):
            decode_entries(written[:cut])


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\1", b"\0\2x", b"\0\0" * 257, b"\0\1x\0"])
def test_bytes_that_are_no_entry_tile_are_refused(data: bytes) -> None:
    with pytest.raises(TileRefused):
        decode_entries(data)


@pytest.mark.parametrize("entries", [[], [b""] * 257, [bytes(65_536)]])
def test_entries_that_no_tile_holds_are_refused(entries: list[bytes]) -> None:
    with pytest.raises(TileRefused):
        encode_entries(entries)


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=256))
def test_hashes_come_back_from_a_tile(hashes: list[bytes]) -> None:
    assert decode_hashes(encode_hashes(hashes)) == tuple(hashes)


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(257 * 32)])
def test_bytes_that_are_no_tile_are_refused(data: bytes) -> None:
    with pytest.raises(TileRefused):
        decode_hashes(data)


@pytest.mark.parametrize(
    ("level", "number", "width"), [(-1, 0, 1), (8, 0, 1), (0, -1, 1), (0, 0, 0), (0, 2**55, 1)]
)
def test_a_tile_that_no_tree_has_is_refused(level: int, number: int, width: int) -> None:
    with pytest.raises(TileRefused):
        Tile(level, number, width)
