"""Texts that databases stumble over, in every place that takes a text; and cursors, bent.

Both databases are attacked: what reaches them is refused differently.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.attacks.arguments import every_text
from tests.attacks.attacking import Attack, Reply, Target, post, query, tells_nothing
from tests.attacks.conftest import attacked
from tests.databases import KINDS, Databases

NUL = Attack(
    "NUL in every text of every argument and input",
    "refused; or 200, and nothing has such an id",
    [],
)
SURROGATE = Attack("half of a surrogate pair in every text", "400 BAD_JSON", [])
CURSOR = Attack("cursors with a flipped bit", "400 BAD_ARGUMENT, or 200 with another page", [])
OTHER = Attack("cursors of another list, order or kind, and made-up ones", "400 BAD_ARGUMENT", [])
ATTACKS = [NUL, SURROGATE, CURSOR, OTHER]


@pytest.fixture(scope="module")
def targets(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, target: Target
) -> Iterator[Mapping[str, Target]]:
    """The demo on both databases under attack, by kind."""
    folder = tmp_path_factory.mktemp("attacked")
    with attacked(databases, folder, "postgresql") as other:
        yield {"sqlite": target, "postgresql": other}


@pytest.fixture(params=KINDS)
def either(request: pytest.FixtureRequest, targets: Mapping[str, Target]) -> Target:
    """The demo under attack, on one database and then on the other."""
    return targets[request.param]


def signed(target: Target, document: str, variables: Any) -> Reply:
    """Ask with the key of an admin, who may do most."""
    key = {"Authorization": f"Bearer {target.keys['admin']}"}
    return target.send(query(document, variables, key))


def test_no_place_takes_a_nul(either: Target) -> None:
    """Where texts are kept it is refused; an id or a reference that has one names nothing."""
    before, told = either.rows(), Counter[str]()

    for place, document, variables in every_text("a\0"):
        reply = signed(either, document, variables)

        print(place, reply.status, reply.code, reply.text[:150])
        assert tells_nothing(reply), place
        assert reply.status in {200, 400}, (place, reply.text)
        told[reply.code or "answered"] += 1
        if place.startswith("Mutation."):
            assert reply.code is not None, (place, reply.text)

    print(told)
    assert sum(told.values()) > 200
    assert either.rows() == before


def test_no_place_takes_half_of_a_surrogate_pair(target: Target) -> None:
    """JSON can spell one; it is refused before anything is read as GraphQL."""
    for place, document, variables in every_text("#"):
        body = json.dumps({"query": document, "variables": variables})

        reply = target.send(post(body.replace('"#"', '"a\\ud800"').encode()))

        assert (reply.status, reply.code) == (400, "BAD_JSON"), place


LISTS = {
    "transfers": "transfers(orderBy: OCCURRED_DESC, first: 2, after: $after)",
    "actors": "actors(orderBy: NAME_ASC, first: 2, after: $after)",
    "changesets": "changesets(first: 2, after: $after)",
    "search": 'search(text: "horse", first: 1, after: $after)',
    "findings": "findings(first: 2, after: $after)",
}


def page(target: Target, name: str, after: str | None) -> Reply:
    """Return a page of a list."""
    document = (
        f"query ($after: String) {{ {LISTS[name]} {{ nodes {{ __typename }} "
        "pageInfo { endCursor } } }"
    )
    return signed(target, document, {"after": after})


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_with_a_flipped_bit_does_no_harm(either: Target, name: str) -> None:
    """It is refused, or it is the cursor of another place in the same list."""
    cursor = page(either, name, None).json["data"][name]["pageInfo"]["endCursor"]
    data = bytes.fromhex(cursor)

    for at in range(0, len(data), 2):
        bent = bytes(one ^ (1 << at % 8 if place == at else 0) for place, one in enumerate(data))
        reply = page(either, name, bent.hex())

        assert tells_nothing(reply), bent
        assert reply.status in {200, 400}, bent
        assert reply.code in {None, "BAD_ARGUMENT"}, (bent, reply.text)


def test_a_cursor_of_another_list_is_refused(either: Target) -> None:
    cursors = {
        name: page(either, name, None).json["data"][name]["pageInfo"]["endCursor"] for name in LISTS
    }
    made_up = ["", "x", "00", "ff" * 40, "0" * 10_000, "-1", "../..", cursors["actors"][:-1],
               cursors["actors"] + "00", cursors["actors"].upper() + "Z"]  # fmt: skip

    for name in LISTS:
        for other in [one for place, one in cursors.items() if place != name] + made_up:
            reply = page(either, name, other)

            assert tells_nothing(reply)
            assert (reply.status, reply.code) == (400, "BAD_ARGUMENT"), (name, other, reply.text)
