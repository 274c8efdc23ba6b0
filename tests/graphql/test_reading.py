"""Reading through GraphQL: by id, along links, and exactly as it was entered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.graphql.asking import (
    DEMO,
    START,
    Ledger,
    asker_of,
    document,
    example_variables,
    operations,
)
from tests.graphql.world import LARGEST, PROSE, World

NOBODY = "actor_01j6a3k7x2e5vrm8n9p0q4s6t8"


# --- by id ----------------------------------------------------------------------


def some_of_each(world: World) -> dict[str, str]:
    """Return the id of one of each kind of thing that has an id."""
    changeset = world.ledger.ask("{ changeset(position: 1) { id editor { id } newsroom { id } } }")[
        "changeset"
    ]
    return {
        "Actor": world.ids["#russia"],
        "Item": world.ids["#orlov"],
        "Transfer": world.ids["#horses"],
        "Citation": world.ids["#article"],
        "Claim": world.ids["#count"],
        "Changeset": changeset["id"],
        "Editor": changeset["editor"]["id"],
        "Newsroom": changeset["newsroom"]["id"],
    }


def test_node_finds_whatever_has_an_id_by_the_kind_that_the_id_names(world: World) -> None:
    query = """query ($id: ID!) { node(id: $id) { __typename id ... on Record { version state }
      ... on Actor { name } ... on Newsroom { house } ... on Editor { newsroom { name } }
      ... on Changeset { position } } }"""

    for name, one in some_of_each(world).items():
        found = world.ledger.ask(query, {"id": one})["node"]

        assert (found["__typename"], found["id"]) == (name, one)
        assert ("version" in found) is (name not in ("Changeset", "Editor", "Newsroom"))


def test_nodes_keeps_order_and_doublets_and_shows_null_for_what_is_not_there(
    world: World,
) -> None:
    each = some_of_each(world)
    asked = [*each.values(), NOBODY, "nonsense", "", each["Actor"], "transfer_", "key_x"]

    found = world.ledger.ask(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", {"ids": asked}
    )["nodes"]

    known = {one: {"__typename": name, "id": one} for name, one in each.items()}
    assert found == [known.get(one) for one in asked]


@pytest.mark.parametrize(
    "wanted",
    [NOBODY, "nonsense", "", "actor_", "ACTOR_01J6A3K7X2E5VRM8N9P0Q4S6T8", "actor_x'; --",
     "é_\U0001f40e", "key_01j6a3k7x2e5vrm8n9p0q4s6t8", NOBODY + "@5", "#horses", "5"],
)  # fmt: skip
def test_an_id_of_nothing_reads_as_null(world: World, wanted: str) -> None:
    query = """query ($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id }
      actor(id: $id) { id } claim(id: $id) { id } changeset(id: $id) { id } }"""

    data = world.ledger.ask(query, {"id": wanted})

    assert data == {"node": None, "nodes": [None], "actor": None, "claim": None, "changeset": None}


def test_an_id_of_another_kind_reads_as_null(world: World) -> None:
    query = "query ($id: ID!) { actor(id: $id) { id } item(id: $id) { id } }"

    data = world.ledger.ask(query, {"id": world.ids["#russia"]})

    assert data == {"actor": {"id": world.ids["#russia"]}, "item": None}


def test_nodes_of_nothing_is_an_empty_list_and_of_too_many_is_refused(world: World) -> None:
    assert world.ledger.ask("{ nodes(ids: []) { id } }") == {"nodes": []}

    code, message = world.ledger.fault(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [NOBODY] * 101}
    )

    assert (code, "at most 100" in message) == ("BAD_ARGUMENT", True)


@pytest.mark.parametrize("field", ["node(id: $id)", "actor(id: $id)", "nodes(ids: [$id])"])
def test_an_id_with_nul_is_refused(world: World, field: str) -> None:
    code, message = world.ledger.fault(
        f"query ($id: ID!) {{ {field} {{ id }} }}", {"id": "actor_\0"}
    )

    assert (code, "U+0000" in message) == ("BAD_ARGUMENT", True)


def test_one_document_finds_records_of_whatever_kind_its_variable_names(world: World) -> None:
    """The same document is planned anew for each kind, and answers each rightly."""
    query = "query ($id: ID!) { node(id: $id) { __typename } }"

    kinds = [
        world.ledger.ask(query, {"id": world.ids[ref]})["node"]["__typename"]
        for ref in ("#russia", "#horse", "#russia", "#goats", "#article", "#count", "#horse")
    ]

    assert kinds == ["Actor", "Item", "Actor", "Transfer", "Citation", "Claim", "Item"]


def test_a_changeset_is_found_by_its_position_or_its_id_but_not_by_both(world: World) -> None:
    ask, fault = world.ledger.ask, world.ledger.fault
    found = ask("{ changeset(position: 2) { id } }")["changeset"]["id"]

    by_id = ask("query ($id: ID) { changeset(id: $id) { position } }", {"id": found})

    assert by_id == {"changeset": {"position": 2}}
    assert ask("{ changeset(position: 99) { id } }") == {"changeset": None}
    assert ask("{ changeset(position: 0) { id } }") == {"changeset": None}
    both = "query ($id: ID) { changeset(id: $id, position: 2) { id } }"
    assert fault(both, {"id": found})[0] == "BAD_ARGUMENT"
    assert fault("{ changeset { id } }")[0] == "BAD_ARGUMENT"
    assert ask(both, {"id": None}) == {"changeset": {"id": found}}


# --- exactly as it was entered ----------------------------------------------------


def test_prose_comes_out_as_it_was_entered(world: World) -> None:
    """Quotes, backslashes, line breaks, emoji: the JSON is made in the database."""
    query = """query ($zoe: ID!, $goats: ID!, $count: ID!, $article: ID!, $horses: ID!) {
      actor(id: $zoe) { description aliases { text language } identifiers { scheme value } }
      transfer(id: $goats) { summary }
      claim(id: $count) { quote { exact prefix suffix } locator value { ... on Measure {
        verbatim } } }
      citation(id: $article) { authors url contentSha256 accessed language }
      horses: transfer(id: $horses) { quantity { unit } }
      changeset(position: 2) { reason { note } } }"""
    names = {key: world.ids[f"#{ref}"] for key, ref in (
        ("zoe", "zoe2"), ("goats", "goats"), ("count", "count"), ("article", "article"),
        ("horses", "horses"))}  # fmt: skip

    data = world.ledger.ask(query, names)

    # The one separator that a multiline text turns into a line feed.
    kept = PROSE.replace("\u2028", "\n")
    assert data["actor"] == {
        "description": kept,
        "aliases": [
            {"text": PROSE.split("\n", maxsplit=1)[0], "language": "en"},
            {"text": "Zo", "language": None},
        ],
        "identifiers": [{"scheme": "wikidata", "value": "Q159"}],
    }
    assert data["transfer"] == {"summary": kept}
    assert data["claim"]["quote"] == {"exact": kept, "prefix": "before", "suffix": None}
    assert data["claim"]["locator"] == "p. 3"
    assert data["claim"]["value"] == {"verbatim": PROSE[:27].strip()}
    assert data["citation"] == {
        "authors": ["A. Clerk", 'O\'Brien "Bo"'],
        "url": "https://a.example/x?y=1&z=%22",
        "contentSha256": "ab" * 32,
        "accessed": "2024-09-02",
        "language": "en",
    }
    assert data["horses"] == {"quantity": {"unit": 'he"ad'}}
    assert data["changeset"]["reason"] == {"note": kept}


def test_the_audit_trail_has_prose_as_it_was_entered_too(world: World) -> None:
    query = """query ($id: ID!) { node(id: $id) { ... on Record { blame { field value }
      diff(from: 0) { field after } history { nodes { changes { field after } } } } } }"""
    kept = PROSE.replace("\u2028", "\n")

    node = world.ledger.ask(query, {"id": world.ids["#goats"]})["node"]

    assert {"field": "summary", "value": kept} in node["blame"]
    assert {"field": "summary", "after": kept} in node["diff"]
    assert {"field": "summary", "after": kept} in node["history"]["nodes"][0]["changes"]


def test_amounts_are_exact_decimals(world: World) -> None:
    query = """query ($a: ID!, $o: ID!, $c: ID!) {
      a: transfer(id: $a) { value { amount lower upper approximate unit basis verbatim } }
      o: transfer(id: $o) { quantity { amount approximate } value { amount } }
      c: claim(id: $c) { value { __typename ... on Money { lower basis } } } }"""

    data = world.ledger.ask(
        query,
        {"a": world.ids["#aggregate"], "o": world.ids["#open"], "c": world.ids["#worth"]},
    )

    assert data["a"]["value"] == {
        "amount": None, "lower": "0.001", "upper": LARGEST, "approximate": False,
        "unit": "USD", "basis": "CIF", "verbatim": None,
    }  # fmt: skip
    assert data["o"] == {"quantity": {"amount": "75509.76", "approximate": True}, "value": None}
    assert data["c"]["value"] == {"__typename": "Money", "lower": LARGEST, "basis": "FOB"}


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("#horses", ("2024-08-25", "2024-08-25", "2024-08-25")),
        ("#goats", ("2024-08", "2024-08-01", "2024-08-31")),
        ("#aggregate", ("2020/2023", "2020-01-01", "2023-12-31")),
        ("#open", ("../2019", None, "2019-12-31")),
    ],
)
def test_a_date_is_read_with_its_first_and_last_day_null_where_it_is_open(
    world: World, ref: str, expected: tuple[Any, ...]
) -> None:
    query = "query ($id: ID!) { transfer(id: $id) { occurred { edtf earliest latest } } }"

    occurred = world.ledger.ask(query, {"id": world.ids[ref]})["transfer"]["occurred"]

    assert (occurred["edtf"], occurred["earliest"], occurred["latest"]) == expected


def test_the_value_of_a_claim_is_of_the_type_of_its_field(world: World) -> None:
    query = """{ claims(orderBy: CREATED_ASC, first: 100) { nodes { id field value {
      __typename
      ... on Measure { amount unit }
      ... on Money { lower currency: unit }
      ... on UncertainDate { edtf earliest latest }
      ... on RecordValue { record { __typename ... on Actor { name } } }
      ... on CodeValue { code }
      ... on TextValue { text }
    } } } }"""

    values = {
        world.names([node["id"]])[0]: node["value"]
        for node in world.ledger.ask(query)["claims"]["nodes"]
    }

    assert values == {
        "count": {"__typename": "Measure", "amount": "24", "unit": "head"},
        "retold": {"__typename": "Measure", "amount": "24", "unit": "head"},
        "worth": {"__typename": "Money", "lower": LARGEST, "currency": "USD"},
        "when": {
            "__typename": "UncertainDate",
            "edtf": "2024-08~",
            "earliest": "2024-08-01",
            "latest": "2024-08-31",
        },
        "from": {"__typename": "RecordValue", "record": {"__typename": "Actor", "name": "Russia"}},
        "nature": {"__typename": "CodeValue", "code": "GIFT"},
        "way": {"__typename": "TextValue", "text": PROSE.split("\n", maxsplit=1)[0]},
        "exists": None,
        "code": {"__typename": "CodeValue", "code": "010121"},
        "country": {"__typename": "CodeValue", "code": "KP"},
    }


# --- links, both ways -------------------------------------------------------------


def test_what_a_claim_derives_from_is_read_in_order_and_from_the_other_end(world: World) -> None:
    query = """query ($retold: ID!, $count: ID!) {
      retold: claim(id: $retold) { derivedFrom { derivation claim { id } } }
      count: claim(id: $count) { derivedFrom { claim { id } }
        derivedBy { totalCount nodes { derivation claim { id } } } } }"""
    given = {"retold": world.ids["#retold"], "count": world.ids["#count"]}

    data = world.ledger.ask(query, given)

    assert data == {
        "retold": {
            "derivedFrom": [
                {"derivation": "QUOTES", "claim": {"id": world.ids["#count"]}},
                {"derivation": "SUSPECTED", "claim": {"id": world.ids["#worth"]}},
            ]
        },
        "count": {
            "derivedFrom": [],
            "derivedBy": {
                "totalCount": 1,
                "nodes": [{"derivation": "QUOTES", "claim": {"id": world.ids["#retold"]}}],
            },
        },
    }


def test_links_are_read_from_both_ends(world: World) -> None:
    query = """query ($russia: ID!, $horse: ID!, $note: ID!, $bureau: ID!) {
      russia: actor(id: $russia) { agents { nodes { id } } parts { nodes { id } }
        published { nodes { id } } received { nodes { id } } }
      horse: item(id: $horse) { narrower { nodes { id } } transfers { totalCount } }
      note: citation(id: $note) { claimsResting { totalCount } }
      bureau: actor(id: $bureau) { asserted { nodes { id } } partOf { id name } } }"""
    given = {name: world.ids[f"#{name}"] for name in ("russia", "horse", "note", "bureau")}

    data = world.ledger.ask(query, given)

    russia = {
        name: world.names([one["id"] for one in page["nodes"]])
        for name, page in data["russia"].items()
    }
    assert russia == {
        "agents": ["ann"],
        "parts": ["bureau"],
        "published": ["article"],
        "received": ["shells"],
    }
    assert world.names([one["id"] for one in data["horse"]["narrower"]["nodes"]]) == ["orlov"]
    assert data["horse"]["transfers"] == {"totalCount": 0}
    assert data["note"] == {"claimsResting": {"totalCount": 7}}
    assert world.names([one["id"] for one in data["bureau"]["asserted"]["nodes"]]) == ["count"]
    assert data["bureau"]["partOf"] == {"id": world.ids["#russia"], "name": "Russia"}


def test_a_subject_shows_the_fields_of_its_own_kind_alone(world: World) -> None:
    query = """query ($ids: [ID!]) { claims(filter: { ids: $ids }, orderBy: CREATED_ASC) { nodes {
      a: subject { id } b: subject { ... on Actor { id name } }
      c: subject { __typename ... on Record { version } ... on Node { id } }
      d: subject { ... on Transfer { title } ... on Item { name } } } } }"""
    ids = [world.ids[ref] for ref in ("#exists", "#code", "#country")]

    transfer, item, actor = world.ledger.ask(query, {"ids": ids})["claims"]["nodes"]

    shells, orlov, korea = (world.ids[ref] for ref in ("#shells", "#orlov", "#korea"))
    assert transfer == {
        "a": {"id": shells},
        "b": {},
        "c": {"__typename": "Transfer", "version": 1, "id": shells},
        "d": {"title": "Shells"},
    }
    assert item == {
        "a": {"id": orlov},
        "b": {},
        "c": {"__typename": "Item", "version": 1, "id": orlov},
        "d": {"name": "Orlov"},
    }
    assert actor == {
        "a": {"id": korea},
        "b": {"id": korea, "name": "north korea"},
        "c": {"__typename": "Actor", "version": 1, "id": korea},
        "d": {},
    }


def test_a_link_to_a_withdrawn_record_still_shows_it(world: World) -> None:
    query = "query ($id: ID!) { claim(id: $id) { state subject { id ... on Record { state } } } }"

    claim = world.ledger.ask(query, {"id": world.ids["#gone"]})["claim"]

    assert claim == {
        "state": "RETRACTED",
        "subject": {"id": world.ids["#lost"], "state": "RETRACTED"},
    }


def test_a_link_of_which_only_the_id_is_asked_is_null_where_there_is_none(world: World) -> None:
    query = """query ($id: ID!) { transfer(id: $id) { giver { id } receiver { __typename }
      item { __typename id } partOf { id } considerationFor { title } } }"""

    transfer = world.ledger.ask(query, {"id": world.ids["#undated"]})["transfer"]

    assert set(transfer.values()) == {None}


def test_a_version_knows_who_entered_it_and_when(world: World) -> None:
    query = """query ($id: ID!) { transfer(id: $id) { version position enteredAt externalRef
      newsroom { name house } changeset { position recordedAt } revision(version: 1) { position
      changeset { recordedAt } record { id version ... on Transfer { quantity { amount } } } }
      none: revision(version: 9) { version } } }"""

    found = world.ledger.ask(query, {"id": world.ids["#horses"]})["transfer"]

    assert (found["version"], found["position"], found["externalRef"]) == (
        2,
        START + 2,
        "transfer-1",
    )
    assert found["changeset"] == {"position": START + 2, "recordedAt": found["enteredAt"]}
    assert found["newsroom"] == {"name": "Demo newsroom", "house": True}
    first = found["revision"]
    assert first["position"] == START + 1
    assert first["changeset"]["recordedAt"] < found["enteredAt"]
    assert first["record"]["quantity"] == {"amount": "24"}
    assert first["record"]["version"] == 1
    assert found["none"] is None


# --- everything that GraphQL has --------------------------------------------------


def test_the_same_field_asked_for_twice_is_one_field_with_both_selections(demo: Ledger) -> None:
    query = """{ actors(first: 1) { nodes { id } } actors(first: 1) { nodes { name ...More }
      totalCount } } fragment More on Actor { kind id }"""

    data = demo.ask(query)

    assert list(data) == ["actors"]
    assert list(data["actors"]["nodes"][0]) == ["id", "name", "kind"]


def test_an_object_may_have_two_hundred_aliases(demo: Ledger) -> None:
    names = " ".join(f"a{n}: name b{n}: kind" for n in range(100))

    (actor,) = demo.ask(f"{{ actors(first: 1) {{ nodes {{ {names} }} }} }}")["actors"]["nodes"]

    assert len(actor) == 200
    assert len({actor[f"a{n}"] for n in range(100)}) == 1


def test_two_hundred_lists_under_aliases_are_one_answer(demo: Ledger) -> None:
    query = "{ " + " ".join(f"a{n}: actors(first: 1) {{ totalCount }}" for n in range(150)) + " }"

    data = demo.ask(query)

    assert len(data) == 150
    assert len({page["totalCount"] for page in data.values()}) == 1


def test_an_alias_may_be_longer_than_any_name_of_a_database(demo: Ledger) -> None:
    one, two = "x" * 70 + "a", "x" * 70 + "b"

    data = demo.ask(
        f"{{ {one}: actors(first: 1) {{ {one}: nodes {{ {one}: name {two}: kind }} }} "
        f"{two}: items(first: 1) {{ totalCount }} }}"
    )

    assert set(data) == {one, two}
    assert set(data[one][one][0]) == {one, two}


@pytest.mark.parametrize("yes", [True, False])
def test_skip_and_include_hold_for_fields_fragments_and_spreads(demo: Ledger, yes: bool) -> None:  # noqa: FBT001
    query = """query ($yes: Boolean!) {
      actors(first: 1) @include(if: $yes) { nodes { name @skip(if: $yes) kind
        ... @include(if: $yes) { id } ...Country @skip(if: $yes) } }
      items(first: 1) @skip(if: $yes) { nodes { ... on Record @include(if: $yes) { id } name } }
    } fragment Country on Actor { country }"""

    data = demo.ask(query, {"yes": yes})

    if yes:
        assert set(data) == {"actors"}
        assert set(data["actors"]["nodes"][0]) == {"kind", "id"}
    else:
        assert set(data) == {"items"}
        assert set(data["items"]["nodes"][0]) == {"name"}


def test_what_is_skipped_altogether_leaves_an_empty_object(demo: Ledger) -> None:
    assert demo.ask("{ actors @skip(if: true) { totalCount } }") == {}
    assert demo.ask("{ actors(first: 1) { nodes { name @skip(if: true) } } }") == {
        "actors": {"nodes": [{}]}
    }
    assert demo.ask("{ changeset(position: 7) { revisions { nodes { changes { field @skip(if: true)"
                    " } } } } }") == {
        "changeset": {"revisions": {"nodes": [{"changes": [{}]}, {"changes": [{}]}]}}
    }  # fmt: skip


def test_variables_have_defaults_and_absent_and_null_are_told_apart(demo: Ledger) -> None:
    query = """query ($n: Int = 2, $kinds: [ActorKind!], $order: ActorOrder = NAME_DESC) {
      actors(first: $n, filter: { kinds: $kinds }, orderBy: $order) { nodes { name } } }"""

    def names(variables: Mapping[str, Any]) -> list[str]:
        return [one["name"] for one in demo.ask(query, variables)["actors"]["nodes"]]

    default = names({})
    assert len(default) == 2
    assert default == sorted(default, reverse=True)
    assert names({"kinds": None}) == default
    assert len(names({"n": None})) == len(names({"n": 20})) > 10
    assert names({"n": 1}) == default[:1]
    assert names({"order": None, "n": 3}) == names({"order": "NAME_ASC", "n": 3})
    assert all(
        kind in ("Russia", "North Korea", "Ukraine")
        for kind in names({"kinds": ["STATE"], "n": 20})
    )
    assert names({"kinds": []}) == []


def test_type_names_are_given_at_every_level(demo: Ledger) -> None:
    query = """{ __typename actors(first: 1) { __typename nodes { __typename
      given(first: 1) { __typename pageInfo { __typename } } } } }"""

    data = demo.ask(query)

    assert data["__typename"] == "Query"
    assert data["actors"]["__typename"] == "ActorConnection"
    node = data["actors"]["nodes"][0]
    assert node["__typename"] == "Actor"
    assert node["given"] == {
        "__typename": "TransferConnection",
        "pageInfo": {"__typename": "PageInfo"},
    }


def test_what_the_tables_do_not_know_may_stand_beside_what_they_do(demo: Ledger) -> None:
    """`viewer` and introspection are resolved; the rest of the document is one SELECT."""
    query = """{ first: actors(first: 1) { totalCount } viewer { __typename role }
      __schema { queryType { name } } __typename second: items(first: 1) { totalCount } }"""

    answer = demo.answer(query)

    assert list(answer["data"]) == ["first", "viewer", "__schema", "__typename", "second"]
    assert answer["data"]["viewer"] == {"__typename": "Viewer", "role": "READER"}
    assert answer["data"]["__schema"] == {"queryType": {"name": "Query"}}
    assert answer["data"]["first"]["totalCount"] > 10
    assert answer["extensions"]["position"] == DEMO


def test_a_document_of_several_operations_runs_the_one_that_is_named(demo: Ledger) -> None:
    query = "query A { actors { totalCount } } query B { items(first: 1) { totalCount } }"

    answer = demo.answer(query, operationName="B")

    assert set(answer["data"]) == {"items"}
    assert demo.fault(query)[0] == "OPERATION_RESOLUTION_FAILED"
    assert demo.fault(query, operationName="C")[0] == "OPERATION_RESOLUTION_FAILED"


def test_fragments_hold_on_interfaces_and_within_fragments(demo: Ledger) -> None:
    query = """query ($id: ID!) { node(id: $id) { ...A } }
      fragment A on Node { id ... on Record { ...B } }
      fragment B on Record { version ... on Transfer { ...C } ... on Actor { name } }
      fragment C on Transfer { title giver { ... on Node { id } ... on Record { state } name } }"""

    node = demo.ask(query, {"id": demo.transfer("E1")})["node"]

    assert list(node) == ["id", "version", "title", "giver"]
    assert list(node["giver"]) == ["id", "state", "name"]


@pytest.mark.parametrize(
    "query",
    [
        "{ actors(first: 1) { nodes { " + "actsFor { " * 40 + "id" + " }" * 40 + " } } }",
        "{ actors(filter: { ids: " + "[" * 900 + "]" * 900 + " }) { totalCount } }",
        "{ " + "a { " * 400 + "a" + " }" * 400 + " }",
        "{ claims(first: 1) { nodes { "
        + "subject { claims(first: 1) { nodes { " * 8 + "id" + " } } }" * 8 + " } } }",
        "{ actors(first: 1) { nodes { " + " ".join(f"a{n}: name" for n in range(1000)) + " } } }",
        "{ actors { totalCount } } #" + "x" * 20_000,
        "{ actors(first: " + "9" * 10_000 + ") { totalCount } }",
        "{ changeset(position: " + "9" * 10_000 + ") { id } }",
    ],
)  # fmt: skip
def test_a_document_without_measure_is_answered_or_refused_and_is_never_a_defect(
    demo: Ledger, query: str
) -> None:
    answer = demo.answer(query)

    for error in answer.get("errors", ()):
        assert error["extensions"]["code"] != "INTERNAL"
        assert len(error["message"]) < 600
        assert "sys." not in error["message"]


# --- both databases ---------------------------------------------------------------

_ID = re.compile(
    r"(?:actor|item|transfer|citation|claim|changeset|editor|newsroom|key)_[0-9a-z]{26}"
)
_INSTANT = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"')
_CURSOR = re.compile(r'"[0-9a-f]{40,}"')
_USED = re.compile(r'("lastUsedAt": )(?:null|"[^"]+")')
"""A key that asks was used within the second, or it is written down already."""


def comparable(answer: Any) -> Any:
    """Return an answer with ids by their order, and without the ledger's own times."""
    text = json.dumps(answer, ensure_ascii=False)
    order = {one: number for number, one in enumerate(sorted(set(_ID.findall(text))))}
    text = _ID.sub(lambda match: f"{match[0].partition('_')[0]} {order[match[0]]}", text)
    text = _USED.sub(r'\1"a moment ago"', text)
    return json.loads(_CURSOR.sub('"cursor"', _INSTANT.sub('"instant"', text)))


def shape(answer: Any) -> Any:
    """Return an answer with the type of each value in its place."""
    match answer:
        case dict():
            return {name: shape(value) for name, value in answer.items()}
        case list():
            return [shape(value) for value in answer]
        case _:
            return type(answer).__name__


QUERIES = [name for name in operations() if "\nquery " in document(name)]


@pytest.mark.parametrize("name", QUERIES)
def test_every_document_has_an_answer_and_the_same_on_both_databases(
    both_demos: Mapping[str, Ledger], name: str
) -> None:
    answers = [
        ledger.ask(document(name), ledger.filled(example_variables(name)), role=asker_of(name))
        for ledger in both_demos.values()
    ]

    # The log is of salted digests, which are never twice the same: there, the shape is.
    # So is it of ages, which go with the clock.
    alike = shape if re.search(r"\n  log \{|ageSeconds", document(name)) else comparable
    one, other = map(alike, answers)
    assert one == other
    assert "null" not in {json.dumps(value) for value in answers[0].values()}


WIDE = """query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id
  ... on Record { version state position externalRef newsroom { name house }
    changeset { position kind role editorName reason { code note } onBehalfOf { name } origin {
      editor } reverts { position } revertedBy { position } revisions { nodes { recordId } } }
    history { totalCount nodes { version action changes { field before after } } }
    diff(from: 0) { field before after } blame { field value revision { version } }
    claims { totalCount nodes { field stance } } }
  ... on Actor { name kind aliases { text language } country actsFor { name } partOf { name }
    identifiers { scheme value } description mergedInto { name } }
  ... on Item { name itemKind: kind hsCode unit broader { name } }
  ... on Transfer { title quantity { amount lower upper approximate unit verbatim } value { amount
    lower upper approximate unit verbatim basis } occurred { edtf earliest latest } nature stage
    origin destination route transport purpose summary considerationExtent }
  ... on Citation { citationKind: kind title authors url archiveUrl contentSha256
    language published { edtf } accessed integrity noticeUrl }
  ... on Claim { field stance said: value { __typename } quote { exact prefix suffix } locator
    derivedFrom { derivation } } } }"""


def test_every_field_of_every_record_reads_the_same_on_both_databases(
    both_worlds: Mapping[str, World],
) -> None:
    one, other = (
        comparable(world.ledger.ask(WIDE, {"ids": list(world.ids.values())}))
        for world in both_worlds.values()
    )

    assert len(one["nodes"]) > 30
    assert one == other


@pytest.mark.parametrize("kind", ["item", "transfer", "citation", "claim"])
def test_fields_have_one_order_wherever_they_are_listed(demo: Ledger, kind: str) -> None:
    """The changes of an entry, its diff and its blame name the same fields in the same order."""
    shown = "revision(version: 1) { changes { field } } diff(from: 0, to: 1) { field }"
    query = f"{{ all: {kind}s(first: 100) {{ nodes {{ version {shown} blame {{ field }} }} }} }}"

    nodes = demo.ask(query)["all"]["nodes"]

    for node in nodes:
        assert node["diff"] == node["revision"]["changes"]
        if node["version"] == 1:
            assert node["blame"] == node["diff"]
    assert any(len(node["diff"]) > 3 for node in nodes)


@pytest.mark.parametrize(
    "document",
    [
        "query ($v: Int = 1) { transfers { nodes { revision(version: $v) { version } } } }",
        "query ($v: Boolean = true) { transfers { totalCount @include(if: $v) } }",
    ],
)
def test_null_for_a_variable_that_stands_where_none_is_taken_is_refused(
    demo: Ledger, document: str
) -> None:
    """Its default allows the place; null is an error when it is used (GraphQL, 6.4.1)."""
    code, message = demo.fault(document, {"v": None})

    assert code == "BAD_VARIABLES"
    assert "$v" in message


def test_a_difference_names_the_revision_that_made_it_last(demo: Ledger) -> None:
    """Over several versions too, and whichever way it is read."""
    horses = demo.transfer("E1")
    shown = "{ field revision { version changes { field } } }"

    found = demo.ask(
        f'{{ transfer(id: "{horses}") {{ version on: diff(from: 0) {shown} '
        f"back: diff(from: 99, to: 0) {shown} }} }}"
    )["transfer"]

    assert found["on"] == found["back"]
    for change in found["on"]:
        assert {"field": change["field"]} in change["revision"]["changes"]
    assert {change["revision"]["version"] for change in found["on"]} > {1}
