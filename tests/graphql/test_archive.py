"""The archive: the whole graph as of a past position, read by the same fields."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.graphql.asking import START, Ledger

E1 = '(filter: {externalRefs: ["E1"]})'
COUNT = f"transfers{E1} {{ nodes {{ id version quantity {{ amount }} }} }}"

EVERYTHING = (
    """
    actors(first: 100) { totalCount nodes { id version state name aliases { text } country
    actsFor { id name } mergedInto { id } given(first: 3) { totalCount nodes { id title } }
    agents { nodes { id } } asserted(first: 2) { nodes { id field } } } }
    """,
    """
    items(first: 100) { nodes { id name broader { id name } narrower { nodes { id name } }
    transfers(first: 5) { nodes { id } pageInfo { hasNextPage endCursor } } } }
    """,
    """
    transfers(first: 100) { nodes { id title giver { id name } receiver { name } item { name }
    quantity { amount lower unit } value { lower unit } occurred { edtf earliest latest }
    nature stage parts { nodes { id quantity { amount } } } countedAgainst { nodes { id } }
    considerationFor { id title } claims(first: 100) { totalCount nodes { id } } history {
    nodes { version action } } blame { field value revision { version } } diff(from: 0) {
    field after } changeset { id position reason { note } } } }
    """,
    """
    citations(first: 100) { edges { cursor node { id title publisher { name }
    claimsResting(first: 2) { nodes { id } } } } }
    """,
    """
    claims(first: 100) { nodes { id field stance value { __typename ... on Measure { amount }
    ... on CodeValue { code } ... on RecordValue { record { id __typename } } } subject { id
    ... on Transfer { title } } citation { id } derivedFrom { derivation claim { id } }
    derivedBy { nodes { claim { id } } } } }
    """,
    """
    changesets(first: 100) { totalCount nodes { id position revertedBy { id } revisions(first:
    100) { nodes { recordId version changes { field before after } } } } }
    """,
)


def without_positions(value: Any) -> Any:
    """Return the same answer with plain ids."""
    if isinstance(value, dict):
        return {name: without_positions(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_positions(inner) for inner in value]
    return re.sub(r"^(\w+_[0-9a-z]{26})@\d+$", r"\1", value) if isinstance(value, str) else value


def revised_at(demo: Ledger) -> int:
    """Return the position at which the count of E1 was revised."""
    found = demo.ask(
        f"{{ transfers{E1} {{ nodes {{ history {{ nodes {{ position "
        "changes { field } } } } } }"
    )
    history = found["transfers"]["nodes"][0]["history"]["nodes"]
    return next(
        revision["position"]
        for revision in history[1:]
        if "quantity" in [change["field"] for change in revision["changes"]]
    )


def test_before_the_revision_the_count_is_the_old_one_in_a_list_and_nested(demo: Ledger) -> None:
    before = revised_at(demo) - 1

    old = demo.ask(
        f"{{ archive(position: {before}) {{ position transfers{E1} {{ nodes {{ id "
        f"quantity {{ amount }} giver {{ given{E1} {{ nodes {{ id quantity {{ amount }} }} }} }} "
        "} } } }"
    )["archive"]

    (listed,) = old["transfers"]["nodes"]
    (nested,) = listed["giver"]["given"]["nodes"]
    assert old["position"] == before
    assert listed["quantity"] == nested["quantity"] == {"amount": "30"}
    assert listed["id"] == nested["id"]
    assert listed["id"].endswith(f"@{before}")


def test_at_the_revision_the_count_is_the_new_one(demo: Ledger) -> None:
    at = revised_at(demo)

    new = demo.ask(f"{{ archive(position: {at}) {{ {COUNT} }} }}")

    assert new["archive"]["transfers"]["nodes"][0]["quantity"] == {"amount": "24"}


@pytest.mark.parametrize(
    "selection", EVERYTHING, ids=[one.split("(")[0].strip() for one in EVERYTHING]
)
def test_the_archive_of_the_head_is_the_present(demo: Ledger, selection: str) -> None:
    head = demo.ask("{ changesets(first: 1) { nodes { position } } }")
    position = head["changesets"]["nodes"][0]["position"]

    both = demo.ask(f"{{ {selection} archive(position: {position}) {{ {selection} }} }}")

    archived = both.pop("archive")
    assert f"@{position}" in str(archived)
    assert without_positions(archived) == both


def test_an_id_of_an_archive_reads_that_archive(demo: Ledger) -> None:
    before = revised_at(demo) - 1
    (old,) = demo.ask(f"{{ archive(position: {before}) {{ {COUNT} }} }}")["archive"]["transfers"][
        "nodes"
    ]
    plain = without_positions(old["id"])
    fields = "id ... on Transfer { version quantity { amount } giver { id name } }"

    answer = demo.ask(
        f'{{ node(id: "{old["id"]}") {{ {fields} }} transfer(id: "{old["id"]}") {{ version }} '
        f'nodes(ids: ["{plain}", "{old["id"]}", "{plain}@1", "{plain}@x", "{plain}@"]) '
        f"{{ {fields} }} }}"
    )

    present, archived, *others = answer["nodes"]
    assert answer["node"] == archived
    assert archived["quantity"] == {"amount": "30"}
    assert archived["giver"]["id"].endswith(f"@{before}")
    assert answer["transfer"]["version"] == archived["version"] == 1
    assert (present["id"], present["quantity"]) == (plain, {"amount": "24"})
    assert others == [None, None, None]


def test_a_filter_takes_the_ids_that_an_archive_gave(demo: Ledger) -> None:
    old = demo.ask("{ archive(position: 9) { actors(first: 1) { nodes { id } } } }")
    actor = old["archive"]["actors"]["nodes"][0]["id"]

    found = demo.ask(
        f'{{ archive(position: 9) {{ actors(filter: {{ids: ["{actor}"]}}) '
        "{ nodes { id } } } }"
    )

    assert found["archive"]["actors"]["nodes"] == [{"id": actor}]


def test_a_command_refuses_an_id_of_an_archive(demo: Ledger) -> None:
    old = demo.ask(f"{{ archive(position: 5) {{ {COUNT} }} }}")["archive"]["transfers"]["nodes"][0]

    payload = demo.commit(
        [{"reviseTransfer": {"id": old["id"], "version": 1, "set": {"title": "The past"}}}]
    )

    (error,) = payload["userErrors"]
    assert payload["changeset"] is None
    assert error["path"] == ["operations", "0", "reviseTransfer", "id"]
    assert "past" in error["message"]


def test_what_a_revision_left_carries_its_position(demo: Ledger) -> None:
    found = demo.ask(
        f"{{ transfers{E1} {{ nodes {{ history {{ nodes {{ position "
        "record { id ... on Transfer { quantity { amount } } } } } } } }"
    )

    for revision in found["transfers"]["nodes"][0]["history"]["nodes"]:
        assert revision["record"]["id"].endswith(f"@{revision['position']}")


def test_an_archive_goes_by_the_ledgers_own_clock(demo: Ledger) -> None:
    times = demo.ask(
        "{ changesets(orderBy: POSITION_ASC, first: 100) { nodes { position recordedAt } } }"
    )["changesets"]["nodes"]
    first, second = times[0], times[1]

    answer = demo.ask(
        f'{{ then: archive(at: "{first["recordedAt"]}") {{ position recordedAt }} '
        f'next: archive(at: "{second["recordedAt"]}") {{ position }} '
        'never: archive(at: "2000-01-01T00:00:00Z") { position recordedAt actors { totalCount } } '
        f"later: archive(position: {len(times) + 1000}) {{ position }} }}"
    )

    assert answer["then"] == first
    assert answer["next"]["position"] == second["position"]
    assert answer["never"] == {"position": 0, "recordedAt": None, "actors": {"totalCount": 0}}
    assert answer["later"]["position"] == len(times)


@pytest.mark.parametrize("arguments", ["", '(position: 1, at: "2024-01-01T00:00:00Z")'])
def test_an_archive_needs_one_moment(demo: Ledger, arguments: str) -> None:
    code, message = demo.fault(f"{{ archive{arguments} {{ position }} }}")

    assert code == "BAD_ARGUMENT"
    assert "exactly one" in message


def test_what_was_called_otherwise_is_found_by_its_words_of_then(ledger: Ledger) -> None:
    """Where there is no search: in the past, a filter goes through the words as they stood."""
    goats = ledger.add("item", name="Goat", kind="LIVE_ANIMAL", aliases=[{"text": "염소"}])
    ledger.revise(goats, 1, name="Dairy goat", aliases=[])
    names = 'items(filter: {textContains: "염소"}) { nodes { name } }'

    answer = ledger.ask(f"{{ {names} archive(position: {START + 1}) {{ {names} }} }}")

    assert answer["items"]["nodes"] == []
    assert answer["archive"]["items"]["nodes"] == [{"name": "Goat"}]


def test_a_diff_inside_an_archive_knows_nothing_later(demo: Ledger) -> None:
    """Versions that the archive has not seen yet are no difference, forwards and backwards."""
    before = revised_at(demo) - 1
    diffs = "on: diff(from: 1, to: 99) { field } back: diff(from: 99, to: 1) { field }"

    old = demo.ask(
        f"{{ archive(position: {before}) {{ transfers{E1} {{ nodes {{ {diffs} }} }} }} }}"
    )
    now = demo.ask(f"{{ transfers{E1} {{ nodes {{ {diffs} }} }} }}")

    (seen,), (known,) = old["archive"]["transfers"]["nodes"], now["transfers"]["nodes"]
    assert seen == {"on": [], "back": []}
    assert {"field": "quantity"} in known["on"]
    assert known["on"] == known["back"]


def test_an_id_of_a_position_to_come_reads_nothing(demo: Ledger) -> None:
    """What it will read is not known yet, and no archive gave it out."""
    horses, head = demo.transfer("E1"), demo.head()

    found = demo.ask(
        f'{{ now: node(id: "{horses}@{head}") {{ id }} later: node(id: "{horses}@{head + 1}") '
        f'{{ id }} both: nodes(ids: ["{horses}@{head + 1}", "{horses}@{head}"]) {{ id }} }}'
    )

    kept = {"id": f"{horses}@{head}"}
    assert found == {"now": kept, "later": None, "both": [None, kept]}


def test_a_changeset_of_an_archives_id_is_read_as_of_then(own_demo: Ledger) -> None:
    """As any other thing of such an id: what put it back later is not seen."""
    before = own_demo.head()
    changeset = own_demo.ask(f"{{ changeset(position: {before}) {{ id }} }}")["changeset"]["id"]
    assert own_demo.revert(before)["userErrors"] == []
    shown = "{ id revertedBy { position } }"

    found = own_demo.ask(
        f'{{ then: changeset(id: "{changeset}@{before}") {shown} '
        f'now: changeset(id: "{changeset}") {shown} }}'
    )

    assert found["then"] == {"id": f"{changeset}@{before}", "revertedBy": []}
    assert found["now"] == {"id": changeset, "revertedBy": [{"position": before + 1}]}
