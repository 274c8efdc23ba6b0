"""Lists: each order of each kind visits each record once, forwards and backwards."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.edtf_dates import bounds
from app.domain.texts import name_key
from app.graphql.filters import ORDERS
from tests.graphql.asking import Ledger
from tests.graphql.world import World

SHOWN = {
    "actor": "name",
    "item": "name",
    "transfer": "occurred { edtf }",
    "citation": "published { edtf }",
    "claim": "field",
    "changeset": "recordedAt",
}
# Findings, proposals and requests are walked by their own tests.
EVERY_ORDER = [(kind, order.name) for kind, orders in ORDERS.items() if kind in SHOWN
               for order in orders]  # fmt: skip
EVERYTHING = "{ states: [ACTIVE, RETRACTED, MERGED] }"


def arguments(kind: str, order: str) -> str:
    """Return filter and order of a list that leaves nothing out."""
    narrowed = "" if kind == "changeset" else f"filter: {EVERYTHING}, "
    return f"{narrowed}orderBy: {order}"


def whole(world: World, kind: str, order: str) -> list[dict[str, Any]]:
    """Return every record of a kind, on one page."""
    query = (
        f"{{ {kind}s({arguments(kind, order)}, first: 100) "
        f"{{ nodes {{ id position {SHOWN[kind]} }} }} }}"
    )
    nodes: list[dict[str, Any]] = world.ledger.ask(query)[f"{kind}s"]["nodes"]
    return nodes


def sort_key(node: dict[str, Any], order: str) -> tuple[Any, ...]:
    """Return by what a record is ordered, from what is shown of it."""
    by = order.rpartition("_")[0]
    if by in ("OCCURRED", "PUBLISHED"):
        date = node["occurred" if by == "OCCURRED" else "published"]
        return (bounds(date["edtf"])[0] if date else "", node["id"])
    if by == "NAME":
        return (name_key(node["name"]), node["id"])
    return (node["position"], node["id"]) if by in ("UPDATED", "POSITION") else (node["id"],)


@pytest.mark.parametrize(("kind", "order"), EVERY_ORDER)
def test_a_list_comes_in_the_order_asked_for(world: World, kind: str, order: str) -> None:
    nodes = whole(world, kind, order)

    expected = sorted(nodes, key=lambda node: sort_key(node, order), reverse=order.endswith("DESC"))

    assert len(nodes) >= 4
    assert nodes == expected


PAGE = (
    "nodes { id } edges { cursor node { id } } "
    "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
)


@pytest.mark.parametrize("size", [1])
@pytest.mark.parametrize(("kind", "order"), EVERY_ORDER)
def test_walking_forwards_visits_each_record_once_and_knows_where_it_ends(
    world: World, kind: str, order: str, size: int
) -> None:
    query = (
        f"query ($size: Int!, $after: String) {{ page: {kind}s({arguments(kind, order)}, "
        f"first: $size, after: $after) {{ {PAGE} }} }}"
    )
    expected = [node["id"] for node in whole(world, kind, order)]

    pages = walked(world.ledger, query, size, "after", "endCursor", "hasNextPage")

    assert [one for page in pages for one in page] == expected


@pytest.mark.parametrize("size", [3])
@pytest.mark.parametrize(("kind", "order"), EVERY_ORDER)
def test_walking_backwards_visits_each_record_once_in_the_same_order(
    world: World, kind: str, order: str, size: int
) -> None:
    query = (
        f"query ($size: Int!, $before: String) {{ page: {kind}s({arguments(kind, order)}, "
        f"last: $size, before: $before) {{ {PAGE} }} }}"
    )
    expected = [node["id"] for node in whole(world, kind, order)]

    pages = walked(world.ledger, query, size, "before", "startCursor", "hasPreviousPage")

    assert [one for page in reversed(pages) for one in page] == expected


def walked(
    ledger: Ledger, query: str, size: int, bound: str, cursor: str, more: str
) -> list[list[str]]:
    """Return the ids of each page, and check what each says about itself."""
    pages: list[list[str]] = []
    at = None
    while True:
        page = ledger.ask(query, {"size": size, bound: at})["page"]
        info = page["pageInfo"]
        ids = [node["id"] for node in page["nodes"]]
        assert [edge["node"]["id"] for edge in page["edges"]] == ids
        assert info["startCursor"] == page["edges"][0]["cursor"]
        assert info["endCursor"] == page["edges"][-1]["cursor"]
        other = "hasPreviousPage" if more == "hasNextPage" else "hasNextPage"
        assert info[other] is (at is not None)
        pages.append(ids)
        if not info[more]:
            return pages
        assert len(ids) == size
        at = info[cursor]


def test_history_and_revisions_and_what_derives_are_walked_alike(demo: Ledger) -> None:
    horses = demo.transfer("E1")
    queries = {
        "history": "{ node(id: $id) { ... on Record { page: history(first: 2, after: $after) "
        "{ nodes { version } pageInfo { hasNextPage endCursor } } } } }",
        "revisions": "{ node: changeset(position: 5) { page: revisions(first: 3, after: $after) "
        "{ nodes { version: recordId } pageInfo { hasNextPage endCursor } } } }",
    }
    seen: dict[str, list[Any]] = {"history": [], "revisions": []}
    for name, query in queries.items():
        after, given = None, "$id: ID!, " if "$id" in query else ""
        while True:
            page = demo.ask(f"query ({given}$after: String) {query}",
                            {"id": horses, "after": after} if given else {"after": after}
                            )["node"]["page"]  # fmt: skip
            seen[name] += [node["version"] for node in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]

    assert seen["history"] == [1, 2, 3, 4, 5]
    assert len(seen["revisions"]) == len(set(seen["revisions"])) == 8


def test_last_gives_the_newest_of_a_history(demo: Ledger) -> None:
    query = """query ($id: ID!) { node(id: $id) { ... on Record { history(last: 1) {
      totalCount nodes { version } pageInfo { hasPreviousPage hasNextPage } } } } }"""

    history = demo.ask(query, {"id": demo.transfer("E1")})["node"]["history"]

    assert history == {
        "totalCount": 5,
        "nodes": [{"version": 5}],
        "pageInfo": {"hasPreviousPage": True, "hasNextPage": False},
    }


@pytest.mark.parametrize("size", ["first: 0", "last: 0"])
def test_a_page_of_nothing_still_tells_how_many_there_are(world: World, size: str) -> None:
    page = world.ledger.ask(f"{{ items({size}) {{ totalCount {PAGE} }} }}")["items"]

    assert page["totalCount"] == 4
    assert page["nodes"] == page["edges"] == []
    assert page["pageInfo"]["startCursor"] is page["pageInfo"]["endCursor"] is None


def test_an_empty_list_has_no_pages(world: World) -> None:
    page = world.ledger.ask(f"{{ items(filter: {{ kinds: [FUNDS] }}) {{ totalCount {PAGE} }} }}")

    assert page["items"] == {
        "totalCount": 0,
        "nodes": [],
        "edges": [],
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": None,
            "endCursor": None,
        },
    }


def test_a_page_has_twenty_records_unless_it_is_told_otherwise(demo: Ledger) -> None:
    data = demo.ask(
        "{ claims { nodes { id } pageInfo { hasNextPage } } all: claims(first: 100) "
        "{ nodes { id } } plain: claims { nodes { id } } null: claims(first: null) { nodes { id } }"
        "}"
    )

    assert len(data["claims"]["nodes"]) == len(data["plain"]["nodes"]) == 20
    assert len(data["null"]["nodes"]) == 20
    assert data["claims"]["pageInfo"]["hasNextPage"]
    assert len(data["all"]["nodes"]) == 100


def test_a_page_knows_its_bounds_without_being_asked_for_its_rows(world: World) -> None:
    info = "pageInfo { hasNextPage startCursor endCursor }"
    data = world.ledger.ask(
        f"{{ a: items(first: 2) {{ {info} }} b: items(first: 2) {{ nodes {{ id }} {info} }} "
        "c: items(first: 2) { totalCount } d: items { __typename } "
        "e: items(first: 1) { edges { __typename } nodes { __typename } pageInfo { __typename } } }"
    )

    assert data["a"]["pageInfo"] == data["b"]["pageInfo"]
    assert data["c"] == {"totalCount": 4}
    assert data["d"] == {"__typename": "ItemConnection"}
    assert data["e"] == {
        "edges": [{"__typename": "ItemEdge"}],
        "nodes": [{"__typename": "Item"}],
        "pageInfo": {"__typename": "PageInfo"},
    }


# --- what is refused ------------------------------------------------------------

A_CURSOR = b"changeset.POSITION_DESC\x1f2".hex()
TURNED = b"changeset.POSITION_ASC\x1f2".hex()
OTHER = b"actor.CREATED_ASC\x1f2".hex()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("first: -1", "from 0 to 100"),
        ("first: 101", "from 0 to 100"),
        ("last: -1", "from 0 to 100"),
        ("last: 101", "from 0 to 100"),
        ("first: 1000000000", "from 0 to 100"),
        ("first: 1, last: 1", "not both"),
        (f'before: "{A_CURSOR}"', "last"),
        (f'last: 1, after: "{A_CURSOR}"', "first"),
        ('after: ""', "another list"),
        ('after: "nonsense"', "no cursor"),
        ('after: "zz"', "no cursor"),
        ('after: "c3"', "no cursor"),
        ('after: "eins-zwei"', "no cursor"),
        ('after: "ÄÖÜ"', "no cursor"),
        ('last: 1, before: "nonsense"', "no cursor"),
        (f'after: "{A_CURSOR[:-2]}"', "damaged"),
        (f'after: "{A_CURSOR}ff"', "no cursor"),
        (f'after: "{A_CURSOR}1f"', "another list"),
        (f'after: "{A_CURSOR}{"30" * 30}"', "damaged"),
        (f'after: "{A_CURSOR}{"39" * 5000}"', "damaged"),
        (f'after: "{A_CURSOR}61"', "damaged"),
        (f'after: "{A_CURSOR}00"', "damaged"),
        (f'after: "{TURNED}"', "another list"),
        (f'after: "{OTHER}"', "another list"),
    ],
)
def test_a_page_that_cannot_be_given_is_refused_with_the_reason(
    demo: Ledger, given: str, says: str
) -> None:
    code, message = demo.fault(f"{{ changesets({given}) {{ nodes {{ id }} }} }}")

    assert code == "BAD_ARGUMENT"
    assert says in message


@pytest.mark.parametrize("size", [-1, 101, 2**31 - 1])
@pytest.mark.parametrize("name", ["first", "last"])
def test_a_size_is_checked_at_any_depth_also_as_a_variable(
    demo: Ledger, name: str, size: int
) -> None:
    query = f"""query ($n: Int) {{ transfers(first: 1) {{ nodes {{ claims({name}: $n) {{
      nodes {{ id }} }} }} }} }}"""
    demo.ask(query, {"n": 1})

    code, message = demo.fault(query, {"n": size})

    assert code == "BAD_ARGUMENT"
    assert f"{name} is {size}" in message


def test_a_cursor_goes_with_its_own_list_alone(world: World) -> None:
    edges = "edges { cursor }"
    data = world.ledger.ask(
        f"{{ a: actors(orderBy: NAME_ASC) {{ {edges} }} b: actors(orderBy: NAME_DESC) {{ {edges} }}"
        f" c: items(orderBy: NAME_ASC) {{ {edges} }} d: claims {{ {edges} }} }}"
    )
    for key in "bcd":
        cursor = data[key]["edges"][0]["cursor"]

        code, message = world.ledger.fault(
            "query ($c: String) { actors(orderBy: NAME_ASC, after: $c) { nodes { id } } }",
            {"c": cursor},
        )

        assert code == "BAD_ARGUMENT"
        assert "another list" in message


@pytest.mark.parametrize(
    ("kind", "order"), [("actor", "NAME_ASC"), ("transfer", "OCCURRED_DESC"),
                        ("claim", "UPDATED_DESC"), ("changeset", "POSITION_ASC")]
)  # fmt: skip
def test_a_cursor_with_a_flipped_digit_gives_a_page_or_a_plain_refusal(
    world: World, kind: str, order: str
) -> None:
    """Never a defect: what a flip leaves readable is the place of another record."""
    query = f"query ($c: String) {{ {kind}s(orderBy: {order}, after: $c) {{ nodes {{ id }} }} }}"
    edges = f"{{ page: {kind}s(orderBy: {order}, first: 1) {{ edges {{ cursor }} }} }}"
    cursor = world.ledger.ask(edges)["page"]["edges"][0]["cursor"]

    for place in range(0, len(cursor), 3):
        flipped = f"{int(cursor[place], 16) ^ 8:x}"
        damaged = cursor[:place] + flipped + cursor[place + 1 :]
        answer = world.ledger.answer(query, {"c": damaged})
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert codes <= {"BAD_ARGUMENT"}, (damaged, answer)


def test_a_cursor_outlives_its_record(own_demo: Ledger) -> None:
    """A page goes on from where the last one ended, also when that record is gone."""
    query = "query ($c: String) { actors(orderBy: NAME_ASC, first: 3, after: $c) { edges { cursor"
    query += " node { id version } } } }"
    first = own_demo.ask(query)["actors"]["edges"]
    before = own_demo.ask(query, {"c": first[-1]["cursor"]})["actors"]["edges"]
    gone = first[-1]["node"]
    own_demo.commit([{"retract": {"id": gone["id"], "version": gone["version"]}}])

    after = own_demo.ask(query, {"c": first[-1]["cursor"]})["actors"]["edges"]

    assert after == before


@pytest.mark.parametrize("selection", ["totalCount", "__typename", "pageInfo { hasPreviousPage }"])
@pytest.mark.parametrize(
    "arguments", ["first: -1", 'after: "no cursor"', 'filter: {nameContains: "\\u0000"}']
)
def test_arguments_are_checked_whatever_is_selected(
    demo: Ledger, arguments: str, selection: str
) -> None:
    """Also where nothing that is asked for would need the argument."""
    code, _ = demo.fault(f"{{ actors({arguments}) {{ {selection} }} }}")

    assert code == "BAD_ARGUMENT"
