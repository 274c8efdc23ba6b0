"""The stored nodes of the log's tree: written as the log grows, and worked out again alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from app.log.tree import Peaks, root_hash
from app.store import tables
from app.store.tree import completed_nodes, node_hashes, rebuild_nodes
from tests.driver import Newsroom, opened

NODE = tables.metadata.tables["node"]


def leaf(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big")).digest()


def grown(size: int) -> dict[tuple[int, int], bytes]:
    """The nodes that appending `size` leaves one by one completes."""
    peaks, nodes = Peaks(), dict[tuple[int, int], bytes]()
    for number in range(size):
        for row in completed_nodes(peaks, leaf(number)):
            nodes[row["level"], row["number"]] = row["hash"]
        peaks = peaks.append(leaf(number))
    return nodes


@pytest.mark.parametrize("size", [0, 255, 256, 257, 1024, 65_536 + 300])
def test_each_node_is_the_root_of_its_leaves(size: int) -> None:
    nodes = grown(size)

    assert len(nodes) == size // 256 + size // 65_536
    for (level, number), root in nodes.items():
        width = 256**level
        assert root == root_hash([leaf(one) for one in range(number * width, (number + 1) * width)])


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    with opened(database_url) as engine:
        yield engine


def test_the_ledger_keeps_its_nodes_and_can_make_them_anew(engine: Engine) -> None:
    """With the founding 257 changesets: one node, over the first 256 leaf hashes."""
    newsroom = Newsroom.founded(engine)
    for number in range(256):
        newsroom.add_item(f"Item {number}")

    kept = nodes(engine)
    with engine.begin() as connection:
        hashes = node_hashes(connection, 0, 0, 256)
        read = rebuild_nodes(connection)

    assert kept == [(1, 0, root_hash(hashes))] == nodes(engine)
    assert read == 257


def test_a_node_that_is_not_there_is_said_to_be_missing(engine: Engine) -> None:
    Newsroom.founded(engine).add_item()

    with engine.connect() as connection, pytest.raises(LookupError, match="level 0"):
        node_hashes(connection, 0, 0, 3)


def nodes(engine: Engine) -> list[tuple[int, int, bytes]]:
    with engine.connect() as connection:
        rows = connection.execute(sa.select(NODE).order_by(NODE.c.level, NODE.c.number)).all()
    return [(level, number, bytes(root)) for level, number, root in rows]
