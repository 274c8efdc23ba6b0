"""Search: what is found, in which order, page by page, and what no text can do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from tests.graphql.asking import Ledger, document
from tests.graphql.test_one_statement import counted, run
from tests.graphql.world import PROSE, World

QUERY = """
query ($text: String!, $kinds: [RecordKind!], $first: Int, $after: String, $last: Int,
       $before: String) {
  search(text: $text, kinds: $kinds, first: $first, after: $after, last: $last, before: $before) {
    totalCount
    edges { cursor match node { __typename id version ...Named } }
    nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
fragment Named on Record {
  ... on Actor { name } ... on Item { name } ... on Transfer { name: title }
  ... on Citation { name: title }
}
"""

ADDED: tuple[dict[str, Any], ...] = (
    {"addItem": {"ref": "#dog", "name": "Phungsan dog", "kind": "LIVE_ANIMAL", "hsCode": "010619",
                 "aliases": [{"text": "Pungsan"}, {"text": "풍산개", "language": "ko"},
                             {"text": "пхунсан", "language": "ru"}, {"text": "豊山犬"}],
                 "identifiers": [{"scheme": "wikidata", "value": "Q11293"}]}},
    {"addActor": {"ref": "#service", "name": "Rosselkhoznadzor", "kind": "AGENCY",
                  "aliases": [{"text": "Россельхознадзор", "language": "ru"}]}},
    {"addActor": {"ref": "#kim", "name": "Kim Jong-un", "kind": "PERSON"}},
    {"addActor": {"ref": "#lodz", "name": "Zoo of Łódź", "kind": "ORGANIZATION"}},
    {"addTransfer": {"ref": "#gift", "title": "A pair of dogs for the Kremlin", "giver": "#kim",
                     "item": "#dog", "route": "By air from Pyongyang", "externalRef": "E5",
                     "summary": "The Phungsan dogs were shown to a guest, and then given."}},
    {"addCitation": {"ref": "#report", "kind": "NEWS_REPORT", "title": "Dogs of peace",
                     "authors": ["Zoë O'Brien"], "url": "https://news.example/2024/dogs-of-peace",
                     "contentSha256": "0123456789abcdef" * 4}},
    {"addClaim": {"ref": "#claim", "subject": "#gift", "field": "QUANTITY", "stance": "ASSERTS",
                  "citation": "#report", "locator": "second paragraph",
                  "value": {"quantity": {"amount": "2", "unit": "head", "verbatim": "a couple"}},
                  "quote": {"exact": "a couple of hunting dogs"}}},
)  # fmt: skip


@pytest.fixture
def kennel(ledger: Ledger) -> World:
    """A small ledger around a pair of dogs."""
    done = ledger.commit(list(ADDED))
    assert done["userErrors"] == [], done["userErrors"]
    return World(ledger, {one["ref"]: one["id"] for one in done["refs"]})


def search(ledger: Ledger, text: str, **more: Any) -> dict[str, Any]:
    """Return the whole answer to a search."""
    answer: dict[str, Any] = ledger.ask(QUERY, {"text": text, **more})["search"]
    return answer


def found(world: World, text: str, **more: Any) -> list[tuple[str, str]]:
    """Return which records are found, by ref, and how each of them has the words."""
    edges = search(world.ledger, text, **more)["edges"]
    names = world.names([edge["node"]["id"] for edge in edges])
    return list(zip(names, (edge["match"] for edge in edges), strict=True))


EXAMPLES: list[tuple[str, list[tuple[str, str]]]] = [
    ("Phungsan dog", [("dog", "NAME"), ("gift", "WORDS")]),
    ("Pungsan", [("dog", "OTHER_NAME")]),
    ("pung", [("dog", "OTHER_NAME_WORDS")]),
    ("P'ungsan", [("dog", "OTHER_NAME")]),
    ("풍산", [("dog", "OTHER_NAME_WORDS")]),
    ("ПХУН", [("dog", "OTHER_NAME_WORDS")]),
    ("山犬", [("dog", "OTHER_NAME_WORDS")]),
    ("россельхоз", [("service", "OTHER_NAME_WORDS")]),
    ("lodz zoo", [("lodz", "NAME_WORDS")]),
    ("Łódź", [("lodz", "NAME_WORDS")]),
    ("kim jongun", [("kim", "NAME")]),
    ("Kim Jong Un", [("kim", "NAME")]),
    ("jong", [("kim", "NAME_WORDS")]),
    ("Q11293", [("dog", "OTHER_NAME")]),
    ("0106", [("dog", "OTHER_NAME_WORDS")]),
    ("E5", [("gift", "OTHER_NAME")]),
    ("pyongyang air", [("gift", "WORDS")]),
    ("OBrien", [("report", "OTHER_NAME_WORDS")]),
    ("https://news.example/2024/dogs-of-peace", [("report", "WORDS")]),
    ("0123456789abcdef" * 4, [("report", "OTHER_NAME")]),
    ("couple hunting", [("claim", "WORDS")]),
    ('"hunting dogs"', [("claim", "WORDS")]),
    ('"dogs hunting"', []),
    ("second parag", [("claim", "WORDS")]),
    ("QUANTITY", []),
    ("dogs", [("gift", "NAME_WORDS"), ("report", "OTHER_NAME_WORDS"), ("claim", "WORDS")]),
    ("dog", [("gift", "NAME_WORDS"), ("dog", "NAME_WORDS"), ("report", "OTHER_NAME_WORDS"),
             ("claim", "WORDS")]),
    ("phunsang", [("dog", "SPELLING")]),
    ("Roselkhoznadzor", [("service", "SPELLING")]),
    ("pungsan cat", []),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_names_come_before_other_names_and_those_before_prose(kind: str, ledgers: Any) -> None:
    """All the examples at once: each text, what it finds, and in which way."""
    from tests.graphql.asking import served

    with ledgers.copied(kind, filled=False) as given, served(*given) as ledger:
        done = ledger.commit(list(ADDED))
        world = World(ledger, {one["ref"]: one["id"] for one in done["refs"]})

        answers = [(text, found(world, text)) for text, _ in EXAMPLES]

    assert answers == EXAMPLES


def test_kinds_narrow_the_search(kennel: World) -> None:
    assert found(kennel, "dogs", kinds=["CITATION", "CLAIM"]) == [
        ("report", "OTHER_NAME_WORDS"),
        ("claim", "WORDS"),
    ]
    assert found(kennel, "phunsang", kinds=["ACTOR"]) == []
    assert found(kennel, "dogs", kinds=[]) == []
    assert search(kennel.ledger, "dogs", kinds=["CLAIM"])["totalCount"] == 1


def test_an_edit_is_found_in_the_next_answer(kennel: World) -> None:
    """By its new words, no longer by its old ones; and a retracted record not at all."""
    ledger, dog = kennel.ledger, kennel.ids["#dog"]
    ledger.revise(dog, 1, name="Hunting dog of Ryanggang", aliases=[])
    renamed = found(kennel, "ryanggang"), found(kennel, "pungsan")

    ledger.commit([{"retract": {"id": dog, "version": 2}}])

    assert renamed == ([("dog", "NAME_WORDS")], [])
    assert found(kennel, "ryanggang") == []


def test_a_merged_record_is_found_as_the_survivor_alone(world: World) -> None:
    assert found(world, "100% Fair_Trade") == []
    assert found(world, "société générale") == [("bank", "NAME")]


@pytest.mark.parametrize("text", ["russia", "o", "shells 2024", "КНДР", "24"])
def test_pages_show_each_record_once_forwards_and_backwards(demo: Ledger, text: str) -> None:
    whole = search(demo, text, first=100)
    ids = [edge["node"]["id"] for edge in whole["edges"]]

    forwards = [node["id"] for page in pages(demo, text, "first", 3) for node in page["nodes"]]
    backwards = [page["nodes"] for page in pages(demo, text, "last", 3)]

    assert whole["totalCount"] == len(ids) == len(set(ids))
    assert [node["id"] for node in whole["nodes"]] == ids
    assert forwards == ids
    assert [node["id"] for page in reversed(backwards) for node in page] == ids
    assert_ranked(whole["edges"])


def pages(ledger: Ledger, text: str, size: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield the pages of a search from one of its ends."""
    bound, more, cursor = {
        "first": ("after", "hasNextPage", "endCursor"),
        "last": ("before", "hasPreviousPage", "startCursor"),
    }[size]
    given: dict[str, Any] = {size: count}
    while True:
        page = search(ledger, text, **given)
        yield page
        if not page["pageInfo"][more]:
            return
        given[bound] = page["pageInfo"][cursor]


def assert_ranked(edges: list[dict[str, Any]]) -> None:
    ways = ["NAME", "OTHER_NAME", "NAME_START", "NAME_WORDS", "OTHER_NAME_WORDS", "WORDS",
            "SPELLING"]  # fmt: skip
    places = [ways.index(edge["match"]) for edge in edges]
    assert places == sorted(places)


def test_a_page_knows_where_it_stands(demo: Ledger) -> None:
    first = search(demo, "horses", first=2)
    second = search(demo, "horses", first=2, after=first["pageInfo"]["endCursor"])
    back = search(demo, "horses", last=2, before=second["pageInfo"]["startCursor"])
    none = search(demo, "horses", first=0)

    assert [edge["cursor"] for edge in first["edges"]] == [
        first["pageInfo"]["startCursor"],
        first["pageInfo"]["endCursor"],
    ]
    assert (first["pageInfo"]["hasPreviousPage"], first["pageInfo"]["hasNextPage"]) == (False, True)
    assert second["pageInfo"]["hasPreviousPage"] is True
    assert back["edges"] == first["edges"]
    assert none["edges"] == []
    assert none["pageInfo"]["endCursor"] is None
    assert none["totalCount"] == first["totalCount"]


def test_a_page_goes_on_where_it_was_though_others_write(kennel: World) -> None:
    """The rank of a record does not depend on other records."""
    ledger = kennel.ledger
    first = search(ledger, "dog", first=2)
    ledger.add("item", name="Dog", kind="OTHER")
    ledger.add("item", name="Another dog", kind="OTHER")

    rest = search(ledger, "dog", first=10, after=first["pageInfo"]["endCursor"])

    assert kennel.names([node["id"] for node in rest["nodes"]]) == ["report", "claim"]


def test_a_cursor_goes_with_its_text(demo: Ledger) -> None:
    cursor = search(demo, "horses", first=1)["pageInfo"]["endCursor"]
    other = demo.ask("{ actors(first: 1) { pageInfo { endCursor } } }")["actors"]["pageInfo"]
    damaged = bytes.fromhex(cursor).decode().replace("\x1f", "\x1fx").encode().hex()

    faults = [
        demo.fault(QUERY, {"text": text, "after": after})
        for text, after in (
            ("goats", cursor),
            ("horses", other["endCursor"]),
            ("horses", "nonsense"),
            ("horses", damaged),
        )
    ]

    assert [code for code, _ in faults] == ["BAD_ARGUMENT"] * 4
    assert search(demo, "HORSES!", after=cursor)["totalCount"] > 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing to look for"),
        (" \t\n", "nothing to look for"),
        ('"" - * ( ) : ^ !', "nothing to look for"),
        ("x" * 501, "501 characters; at most 500"),
        ("x " * 41, "41 words; at most 40"),
        ("a\x00b", "U+0000"),
    ],
)
def test_a_text_that_cannot_be_looked_for_is_refused_in_words(
    demo: Ledger, text: str, words: str
) -> None:
    code, message = demo.fault(QUERY, {"text": text})

    assert code == "BAD_ARGUMENT"
    assert words in message


@pytest.mark.parametrize(
    "text",
    [
        *PROSE.splitlines(),
        "horse AND", "NOT horse", "horse OR", "NEAR(horse shell)", "{names}: horse", "names:horse",
        "horse*", "*horse", "^horse", "-horse", '"horse', 'horse"', "'horse' & !'x'", "horse:*A",
        "horse | ", "(horse", "horse))", "horse <-> x", "\\", "a\\'b", "%", "_", "$1", ":p0", "1e5",
        "0x1f", "\u202ehorse", "horse\u0301", "\u02bbokina", "\U0001f1f0\U0001f1f5 flag", "ㄱ", "ﷺ",
        "x" * 500, "a " * 40, "'" * 400 + "a", '"a" ' * 40, "ẞß", "½ ⅷ ①", "نص عربي", "עברית",
    ],
)  # fmt: skip
def test_any_text_that_a_person_can_type_gets_an_answer(both_demos: Any, text: str) -> None:
    answers = [ledger.answer(QUERY, {"text": text, "first": 3}) for ledger in both_demos.values()]

    for answer in answers:
        if "errors" in answer:
            (error,) = answer["errors"]
            assert error["extensions"]["code"] == "BAD_ARGUMENT"
            assert not any(character.isalnum() for character in text)
        else:
            assert len(answer["data"]["search"]["edges"]) <= 3


def test_a_search_is_of_the_present_alone(demo: Ledger) -> None:
    code, _ = demo.fault('{ archive(position: 5) { search(text: "x") { totalCount } } }')

    assert code == "GRAPHQL_VALIDATION_FAILED"


def test_several_searches_stand_in_one_document(demo: Ledger) -> None:
    part = "{ totalCount nodes { id } }"
    both = demo.ask(
        f'{{ dogs: search(text: "pungsan") {part} horses: search(text: "horse", last: 2) {part} '
        f'none: search(text: "horse") {{ __typename }} }}'
    )

    assert both["dogs"]["totalCount"] == len(both["dogs"]["nodes"]) == 1
    assert both["horses"]["totalCount"] > len(both["horses"]["nodes"]) == 2
    assert both["none"] == {"__typename": "SearchConnection"}


def test_postgresql_searches_by_its_index(both_demos: Any) -> None:
    """Also with a plan that is made before the text is known."""
    ledger = both_demos["postgresql"]

    async def work(engine: Any, reader: Any, viewer: Any) -> str:
        with counted(reader) as seen:
            await engine.answer(document("search"), {"text": "horse"}, None, viewer)
        return seen[0]

    plan = asyncio.run(explained(ledger.url, run(ledger, work)))

    assert "ix_search_words" in plan
    assert "ix_search_names" in plan
    assert "Seq Scan on search" not in plan


async def explained(url: str, statement: str) -> str:
    connection = await asyncpg.connect(url)
    count = max(map(int, re.findall(r"\$(\d+)", statement)))
    try:
        # So few records would be read one after the other.
        await connection.execute("SET enable_seqscan = off")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE asked AS {statement}")
        rows = await connection.fetch(f"EXPLAIN EXECUTE asked({', '.join(['NULL'] * count)})")
    finally:
        await connection.close()
    return "\n".join(row[0] for row in rows)
