"""What each member of each filter leaves of its list: these records, and no others.

The records stand in `tests.graphql.world`.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.store.filters import FILTERS
from tests.graphql.asking import Ledger
from tests.graphql.world import World

NOBODY = "actor_01j6a3k7x2e5vrm8n9p0q4s6t8"
NOWHERE = "newsroom_01j6a3k7x2e5vrm8n9p0q4s6t8"
OLD = ["shells", "horses", "stallions", "goats", "aggregate", "open", "undated", "tie"]
CLAIMS = ["count", "retold", "worth", "when", "from", "nature", "way", "exists", "code", "country"]
ACTORS = ["russia", "korea", "ukraine", "bank", "ann", "bureau", "zoe2"]

CASES: dict[str, list[tuple[dict[str, Any], list[str]]]] = {
    "actor": [
        ({}, ACTORS),
        ({"ids": ["#ann", "#zoe", NOBODY]}, ["ann"]),
        ({"states": ["RETRACTED"]}, ["zoe"]),
        ({"states": ["MERGED", "RETRACTED"]}, ["fair", "zoe"]),
        ({"states": []}, []),
        ({"newsrooms": [NOWHERE]}, []),
        ({"externalRefs": ["actor-1", "item-1"]}, ["russia"]),
        ({"enteredAfter": 1}, ACTORS),
        ({"enteredAfter": 2}, []),
        ({"enteredAfter": 4, "states": ["MERGED", "RETRACTED"]}, ["fair"]),
        ({"kinds": ["COMPANY", "AGENCY"]}, ["bank", "bureau"]),
        ({"countries": ["KP", "FR", "XX"]}, ["korea", "bank"]),
        ({"actsFor": ["#russia", "#korea"]}, ["ann"]),
        ({"actsFor": ["#korea"]}, []),
        ({"partOf": ["#russia"]}, ["bureau"]),
        ({"partOf": ["#ann"]}, []),
        ({"nameContains": "KOREA"}, ["korea"]),
        ({"nameContains": "societe gene"}, ["bank"]),
        ({"nameContains": "GÉNÉRALE"}, ["bank"]),
        ({"nameContains": "zoë"}, ["zoe2"]),
        ({"nameContains": "100% fair", "states": ["MERGED"]}, ["fair"]),
        ({"nameContains": "r_trade \\ ", "states": ["MERGED"]}, ["fair"]),
        ({"nameContains": "100%%", "states": ["MERGED"]}, []),
        ({"nameContains": "fair%trade", "states": ["MERGED"]}, []),
        ({"nameContains": "fairxtrade", "states": ["MERGED"]}, []),
        ({"nameContains": "%"}, []),
        ({"nameContains": "_"}, []),
        ({"nameContains": "\\"}, []),
        ({"nameContains": "' OR '1'='1"}, []),
        ({"nameContains": "russia", "kinds": ["PERSON"]}, []),
        ({"textContains": "uSSi"}, ["russia"]),
        ({"textContains": "société g"}, ["bank"]),
        ({"textContains": "socie\u0301te\u0301 g"}, ["bank"]),
        ({"textContains": "societe"}, []),
        ({"textContains": 'said: "24 horses", not \\"30'}, ["zoe2"]),
        ({"textContains": "<b>no markup</b>"}, ["zoe2"]),
        ({"textContains": "100%_"}, []),
        ({"textContains": "a new line,\ta tab"}, ["zoe2"]),
    ],
    "item": [
        ({}, ["horse", "orlov", "stallion", "shell"]),
        ({"ids": ["#shell"]}, ["shell"]),
        ({"states": ["MERGED"]}, []),
        ({"states": ["RETRACTED"], "enteredAfter": 3}, ["pony"]),
        ({"newsrooms": [NOWHERE]}, []),
        ({"externalRefs": ["item-1"]}, ["stallion"]),
        ({"enteredAfter": 2}, []),
        ({"kinds": ["MUNITION"]}, ["shell"]),
        ({"broader": ["#horse"]}, ["orlov"]),
        ({"broader": ["#stallion"]}, []),
        ({"under": ["#horse"]}, ["horse", "orlov", "stallion"]),
        ({"under": ["#orlov", "#shell"]}, ["orlov", "stallion", "shell"]),
        ({"under": [NOBODY]}, []),
        ({"under": []}, []),
        ({"nameContains": "ORLO"}, ["orlov"]),
        ({"nameContains": "pony"}, []),
        ({"textContains": "STALL"}, ["stallion"]),
        ({"textContains": "010121"}, []),
        ({"hsCodePrefix": "0101"}, ["horse", "orlov"]),
        ({"hsCodePrefix": "9"}, ["shell"]),
        ({"hsCodePrefix": "010121000"}, []),
        ({"hsCodePrefix": "%"}, []),
    ],
    "transfer": [
        ({}, OLD),
        ({"ids": ["#tie"]}, ["tie"]),
        ({"states": ["MERGED"]}, []),
        ({"states": ["RETRACTED"]}, ["lost"]),
        ({"newsrooms": [NOWHERE]}, []),
        ({"externalRefs": ["transfer-1"]}, ["horses"]),
        ({"enteredAfter": 2}, ["horses"]),
        ({"givers": ["#russia"]}, ["horses", "aggregate"]),
        ({"givers": ["#ukraine"]}, []),
        ({"receivers": ["#korea"]}, ["horses", "goats"]),
        ({"receivers": ["#ann"]}, []),
        ({"parties": ["#russia"]}, ["shells", "horses", "aggregate"]),
        ({"parties": ["#ukraine"]}, []),
        ({"items": ["#orlov"]}, ["horses"]),
        ({"items": ["#horse"]}, []),
        ({"giversUnder": ["#russia"]}, ["horses", "goats", "aggregate"]),
        ({"giversUnder": ["#ann"]}, ["goats"]),
        ({"giversUnder": [NOBODY]}, []),
        ({"receiversUnder": ["#korea"]}, ["horses", "goats"]),
        ({"receiversUnder": ["#ukraine"]}, []),
        ({"itemsUnder": ["#horse"]}, ["horses", "stallions"]),
        ({"itemsUnder": ["#stallion"]}, ["stallions"]),
        ({"itemsUnder": [NOBODY]}, []),
        ({"natures": ["GIFT", "PAYMENT"]}, ["horses", "goats"]),
        ({"natures": ["LOAN"]}, []),
        ({"stages": ["DISPATCHED"]}, ["shells"]),
        ({"stages": ["CANCELLED"]}, []),
        ({"usedAgainst": ["#ukraine"]}, ["shells"]),
        ({"usedAgainst": ["#russia"]}, []),
        ({"partOf": ["#horses"]}, ["stallions"]),
        ({"partOf": ["#stallions"]}, []),
        ({"isPart": True}, ["stallions"]),
        ({"isPart": False}, [one for one in OLD if one != "stallions"]),
        ({"considerationFor": ["#shells"]}, ["horses"]),
        ({"considerationFor": ["#horses"]}, []),
        ({"occurredFrom": "2024-08-26"}, ["goats"]),
        ({"occurredFrom": "2024-08-25"}, ["horses", "stallions", "goats", "tie"]),
        ({"occurredFrom": "2019-12-31", "occurredTo": "2020-01-01"}, ["aggregate", "open"]),
        ({"occurredTo": "2024-08-24"}, ["goats", "aggregate", "open"]),
        ({"occurredTo": "1900-01-01"}, ["open"]),
        ({"occurredFrom": "2030-01-01"}, []),
        ({"givers": ["#russia"], "isPart": True}, []),
        ({"textContains": "horse"}, ["horses", "goats"]),
        ({"textContains": "horses", "isPart": True}, []),
    ],
    "citation": [
        ({}, ["article", "release", "note"]),
        ({"ids": ["#note"]}, ["note"]),
        ({"states": ["RETRACTED"]}, ["same"]),
        ({"newsrooms": [NOWHERE]}, []),
        ({"externalRefs": ["citation-1"]}, ["note"]),
        ({"enteredAfter": 2}, []),
        ({"enteredAfter": 2, "states": ["RETRACTED"]}, ["same"]),
        ({"kinds": ["PRESS_RELEASE", "UNNAMED"]}, ["release", "note"]),
        ({"kinds": ["DATASET"]}, []),
        ({"publishers": ["#bureau"]}, ["release"]),
        ({"publishers": ["#ann"]}, []),
        ({"languages": ["en", "fr"]}, ["article"]),
        ({"languages": ["EN-gb"]}, []),
        ({"integrities": ["RETRACTED"]}, ["article"]),
        ({"integrities": ["REMOVED"]}, []),
        ({"urls": ["https://a.example/x?y=1&z=%22"]}, ["article"]),
        ({"urls": ["https://a.example/x"]}, []),
        ({"publishedFrom": "2024-09-02"}, ["release"]),
        ({"publishedFrom": "2025-01-01"}, []),
        ({"publishedTo": "2024-09-01"}, ["article", "release"]),
        ({"publishedTo": "2023-12-31"}, []),
        ({"textContains": "ARTI"}, ["article"]),
        ({"textContains": "//a.example/"}, ["article"]),
        ({"textContains": "clerk"}, []),
    ],
    "claim": [
        ({}, CLAIMS),
        ({"ids": ["#way"]}, ["way"]),
        ({"states": ["MERGED"]}, []),
        ({"states": ["RETRACTED"], "enteredAfter": 2}, ["gone"]),
        ({"newsrooms": [NOWHERE]}, []),
        ({"externalRefs": ["transfer-1"]}, []),
        ({"externalRefs": ["claim-1"]}, ["count"]),
        ({"enteredAfter": 2}, []),
        ({"subjects": ["#shells", "#korea"]}, ["exists", "country"]),
        ({"subjects": ["#goats"]}, []),
        ({"fields": ["QUANTITY", "EXISTENCE"]}, ["count", "retold", "exists"]),
        ({"fields": ["PURPOSE"]}, []),
        ({"stances": ["ESTIMATES", "DENIES"]}, ["worth", "from"]),
        ({"citations": ["#article"]}, ["retold", "when"]),
        ({"citations": ["#same"]}, []),
        ({"assertedBy": ["#ann"]}, ["retold"]),
        ({"assertedBy": ["#korea"]}, []),
        ({"records": ["#russia"]}, ["from"]),
        ({"records": ["#korea"]}, []),
        ({"fields": ["QUANTITY"], "assertedBy": ["#bureau"]}, ["count"]),
        ({"textContains": "naïve"}, ["count", "way"]),
        ({"textContains": "P. 3"}, ["count"]),
        ({"textContains": "한국어"}, ["count"]),
        ({"textContains": "before"}, []),
    ],
    "changeset": [],
}


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [(kind, given, names) for kind, cases in CASES.items() for given, names in cases],
)
def test_a_filter_finds_these_records_and_no_others(
    world: World, kind: str, given: dict[str, Any], expected: list[str]
) -> None:
    found = world.found(kind, given)

    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("kind", [kind for kind in CASES if kind != "changeset"])
def test_every_member_of_every_filter_is_tried_both_ways(kind: str) -> None:
    """A member is tried where it finds something, and where it leaves something out."""
    everything = len(CASES[kind][0][1])

    finding = {name for given, names in CASES[kind] for name in given if names}
    leaving_out = {
        name for given, names in CASES[kind] for name in given if len(names) < everything
    }

    # All of the world is entered by one newsroom: that it is found is tried beside this.
    assert finding | {"newsrooms"} == leaving_out == set(FILTERS[kind])


@pytest.mark.parametrize("kind", [kind for kind in CASES if kind != "changeset"])
def test_the_entering_newsroom_finds_all_that_it_entered(world: World, kind: str) -> None:
    newsroom = world.ledger.ask("{ viewer { newsroomId } }", role="editor")["viewer"]

    found = world.found(kind, {"newsrooms": [newsroom["newsroomId"], NOWHERE]})

    assert sorted(found) == sorted(CASES[kind][0][1])


CHANGESETS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [5, 4, 3, 2, 1]),
    ({"kinds": ["ACCESS"]}, [1]),
    ({"kinds": ["MERGE"]}, [5]),
    ({"kinds": ["IMPORT"]}, []),
    ({"reasonCodes": ["INITIAL_ENTRY", "DUPLICATE"]}, [5, 2, 1]),
    ({"reasonCodes": ["LEGAL"]}, []),
    ({"records": ["#horses"]}, [3, 2]),
    ({"records": ["#zoe", "#fair"]}, [5, 4, 2]),
    ({"records": [NOBODY]}, []),
    ({"newsrooms": [NOWHERE]}, []),
    ({"editors": [NOBODY]}, []),
    ({"recordedFrom": "2000-01-01T00:00:00Z"}, [5, 4, 3, 2, 1]),
    ({"recordedFrom": "2999-01-01T00:00:00+02:00"}, []),
    ({"recordedBefore": "2999-01-01T00:00:00Z"}, [5, 4, 3, 2, 1]),
    ({"recordedBefore": "2000-01-01T00:00:00Z"}, []),
]
LISTED = "query ($f: ChangesetFilter) { changesets(filter: $f) { totalCount nodes { position } } }"


def positions(ledger: Ledger, given: Any) -> list[int]:
    """Return the positions of the changesets that a filter leaves."""
    page = ledger.ask(LISTED, {"f": given})["changesets"]
    assert page["totalCount"] == len(page["nodes"])
    return [node["position"] for node in page["nodes"]]


@pytest.mark.parametrize(("given", "expected"), CHANGESETS)
def test_changesets_are_found_by_kind_reason_record_and_time(
    world: World, given: dict[str, Any], expected: list[int]
) -> None:
    assert positions(world.ledger, world.known(given)) == expected


def test_changesets_are_found_by_who_made_them(world: World) -> None:
    viewers = {
        role: world.ledger.ask("{ viewer { editorId newsroomId } }", role=role)["viewer"]
        for role in ("editor", "admin")
    }

    assert positions(world.ledger, {"editors": [viewers["admin"]["editorId"]]}) == [5, 1]
    assert positions(world.ledger, {"editors": [viewers["editor"]["editorId"]]}) == [4, 3, 2]
    assert positions(world.ledger, {"newsrooms": [viewers["editor"]["newsroomId"]]}) == [
        5,
        4,
        3,
        2,
        1,
    ]


def test_a_changeset_is_recorded_from_its_own_instant_on_and_not_before_it(world: World) -> None:
    ask = world.ledger.ask
    at = ask("{ changeset(position: 2) { recordedAt } }")["changeset"]["recordedAt"]

    assert 2 in positions(world.ledger, {"recordedFrom": at})
    assert 1 not in positions(world.ledger, {"recordedFrom": at})
    assert positions(world.ledger, {"recordedBefore": at}) == [1]


@pytest.mark.parametrize(
    ("field", "given", "says"),
    [
        ("actors", {"ids": [NOBODY] * 101}, "at most 100"),
        ("actors", {"nameContains": "a" * 501}, "at most 500"),
        ("actors", {"nameContains": "a" * 60_000}, "at most 500"),
        ("actors", {"nameContains": "a\0b"}, "U+0000"),
        ("actors", {"countries": ["\0"]}, "U+0000"),
        ("items", {"under": ["\0"]}, "U+0000"),
        ("items", {"hsCodePrefix": "\0"}, "U+0000"),
        ("transfers", {"itemsUnder": [NOBODY] * 101}, "at most 100"),
        ("changesets", {"records": ["\0"]}, "U+0000"),
    ],
)
def test_a_filter_that_is_too_long_or_no_text_is_refused(
    world: World, field: str, given: dict[str, Any], says: str
) -> None:
    kind = field[:-1].capitalize()
    query = f"query ($f: {kind}Filter) {{ {field}(filter: $f) {{ totalCount }} }}"

    code, message = world.ledger.fault(query, {"f": given})

    assert code == "BAD_ARGUMENT"
    assert says in message


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("transfers", {"occurredFrom": "2024-13-01"}),
        ("transfers", {"occurredTo": "soon"}),
        ("changesets", {"recordedFrom": "yesterday"}),
        ("actors", {"kinds": ["EMPIRE"]}),
        ("actors", {"enteredAfter": -1}),
        ("actors", {"enteredAfter": 3**53}),
        ("actors", {"colour": "red"}),
    ],
)
def test_a_filter_of_the_wrong_type_is_refused_whether_variable_or_literal(
    world: World, field: str, given: dict[str, Any]
) -> None:
    kind = field[:-1].capitalize()
    query = f"query ($f: {kind}Filter) {{ {field}(filter: $f) {{ totalCount }} }}"
    ((name, value),) = given.items()
    shown = "[EMPIRE]" if name == "kinds" else f'"{value}"' if isinstance(value, str) else value
    literal = f"{{ {field}(filter: {{ {name}: {shown} }}) {{ totalCount }} }}"

    assert world.ledger.fault(query, {"f": given})[0] == "BAD_VARIABLES"
    assert world.ledger.fault(literal)[0] == "GRAPHQL_VALIDATION_FAILED"


def test_filters_hold_within_a_record_as_they_do_at_the_root(world: World) -> None:
    query = """query ($id: ID!, $under: [ID!], $fields: [ClaimField!]) {
      actor(id: $id) {
        given(filter: { itemsUnder: $under }) { totalCount nodes { id } }
        all: given { totalCount }
        parties: given(filter: { natures: [PAYMENT] }) { nodes { claims(filter: {
          fields: $fields }) { totalCount } } }
      } }"""

    actor = world.ledger.ask(
        query,
        {
            "id": world.ids["#russia"],
            "under": [world.ids["#horse"]],
            "fields": ["QUANTITY", "GIVER"],
        },
    )["actor"]

    assert world.names([one["id"] for one in actor["given"]["nodes"]]) == ["horses"]
    assert actor["given"]["totalCount"] == 1
    assert actor["all"]["totalCount"] == 2
    assert actor["parties"]["nodes"] == [{"claims": {"totalCount": 3}}]


def test_what_is_narrower_is_followed_as_of_the_revision_that_is_read(world: World) -> None:
    """A filter inside the record of an old revision reads the items of that time."""
    query = """query ($id: ID!, $under: [ID!]!) { transfer(id: $id) { revision(version: 1) {
      record { ... on Transfer { quantity { amount }
        giver { given(filter: { itemsUnder: $under }) { nodes { version title } } } } } } } }"""
    given = {"id": world.ids["#horses"], "under": [world.ids["#horse"]]}

    record = world.ledger.ask(query, given)["transfer"]["revision"]["record"]

    assert record["quantity"] == {"amount": "24"}
    # "Lost" and the item that it is of were retracted later.
    assert record["giver"]["given"]["nodes"] == [
        {"version": 1, "title": "Horses"},
        {"version": 1, "title": "Lost"},
    ]
