"""Totals: what transfers add up to in groups, and that nothing is counted twice or made up."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from tests.databases import KINDS
from tests.graphql.asking import Ledger, served
from tests.graphql.plain_totals import EVERYTHING, largest_first, transfer_totals
from tests.graphql.random_world import fill, plain_records
from tests.graphql.test_archive import without_positions

LARGEST = "9223372036854775.807"


def totals(ledger: Ledger, arguments: str, fields: str = EVERYTHING, **variables: Any) -> Any:
    """Return the totals of a question, of which there is no second page."""
    declared = "($ids: [ID!]) " if "$ids" in arguments else ""
    query = (
        f"query {declared}{{ transferTotals({arguments}, first: 100) "
        f"{{ nodes {{ {fields} }} pageInfo {{ hasNextPage }} }} }}"
    )
    page = ledger.ask(query, variables)["transferTotals"]
    assert not page["pageInfo"]["hasNextPage"]
    return page["nodes"]


def total(ledger: Ledger, arguments: str, fields: str = EVERYTHING, **variables: Any) -> Any:
    """Return the one total of a question."""
    (only,) = totals(ledger, arguments, fields, **variables)
    return only


def quantity(amount: str, unit: str = "head", **more: Any) -> dict[str, Any]:
    """Return an exact quantity as an input has it."""
    return {"amount": amount, "unit": unit} | more


SUM = "unit amount lower upper approximate transferCount partsLeftOut"


def a_sum(amount: str | None, lower: str | None, upper: str | None, **more: Any) -> dict[str, Any]:
    """Return a sum of heads as it is answered."""
    plain = {"unit": "head", "approximate": False, "transferCount": 1, "partsLeftOut": 0}
    return plain | {"amount": amount, "lower": lower, "upper": upper} | more


# --- the demo -------------------------------------------------------------------------


def from_russia(demo: Ledger, item: str, more: str = "") -> str:
    """Return a filter for what Russia gave North Korea of an item."""
    ids = [
        demo.named(kind, name)["id"]
        for kind, name in (("actor", "Russia"), ("actor", "North Korea"), ("item", item))
    ]
    return (
        f'filter: {{ givers: ["{ids[0]}"], receivers: ["{ids[1]}"], itemsUnder: ["{ids[2]}"]'
        f"{more} }}"
    )


def test_the_horses_of_e1_are_24_and_not_48(demo: Ledger) -> None:
    """19 stallions and 5 mares are among the 24, which supply the count of the group."""
    kept = from_russia(demo, "Horses", ', occurredFrom: "2024-01-01"')
    whole = total(demo, f"groupBy: [YEAR], {kept}", f"years {{ from to }} quantities {{ {SUM} }}")

    ids = [demo.transfer(ref) for ref in ("E1", "E1a", "E1b")]
    together = total(demo, "groupBy: [], filter: { ids: $ids }", f"quantities {{ {SUM} }}", ids=ids)

    assert whole == {"years": {"from": 2024, "to": 2024}, "quantities": [a_sum("24", "24", "24")]}
    assert together == {"quantities": [a_sum("24", "24", "24", partsLeftOut=2)]}


def test_the_horses_from_russia_to_north_korea_in_total(demo: Ledger) -> None:
    """24 + 30 + 30 and at least 138 of 2010 to 2019, in which three consignments are counted."""
    found = total(demo, f"groupBy: [], {from_russia(demo, 'Horses')}")

    assert found["quantities"] == [a_sum(None, "222", None, transferCount=4, partsLeftOut=5)]
    assert [(one["unit"], one["basis"], one["lower"], one["upper"]) for one in found["values"]] == [
        ("USD", None, "1184302", None)
    ]
    assert found["transferCount"] == found["transfers"]["totalCount"] == 10
    assert found["withoutQuantity"] == 1
    assert found["partsLeftOut"] == 5
    assert found["overlaps"] is False


def test_the_money_of_e4_invents_no_heads(demo: Ledger) -> None:
    found = total(demo, "groupBy: [YEAR], filter: { ids: $ids }", ids=[demo.transfer("E4")])

    assert found["years"] == {"from": 2020, "to": 2023}
    assert found["quantities"] == []
    assert found["values"] == [a_sum(None, "600000", None, unit="USD") | {"basis": None}]
    assert (found["withoutQuantity"], found["withoutValue"], found["withoutFigures"]) == (1, 0, 0)


def test_what_states_no_figure_is_counted_as_such(demo: Ledger) -> None:
    shells = total(demo, "groupBy: [STAGE], filter: { ids: $ids }", ids=[demo.transfer("E2")])

    assert (shells["stage"], shells["transferCount"], shells["withoutFigures"]) == (
        "DISPATCHED", 1, 1,
    )  # fmt: skip
    assert (shells["quantities"], shells["values"]) == ([], [])


def test_by_item_the_parts_count_in_groups_of_their_own_which_say_that_they_overlap(
    demo: Ledger,
) -> None:
    refs = [demo.transfer(ref) for ref in ("E1", "E1a", "E1b")]
    fields = "item { name } overlaps partsLeftOut quantities { amount }"

    exact = totals(
        demo, "groupBy: [ITEM], rollUp: [], orderBy: GROUP_ASC, filter: { ids: $ids }", fields,
        ids=refs,
    )  # fmt: skip
    rolled = totals(
        demo, "groupBy: [ITEM], orderBy: GROUP_ASC, filter: { ids: $ids }", fields, ids=refs
    )

    def shown(found: Any) -> list[tuple[str, str, int, bool]]:
        return [
            (one["item"]["name"], one["quantities"][0]["amount"], one["partsLeftOut"],
             one["overlaps"])
            for one in found
        ]  # fmt: skip

    assert shown(exact) == [
        ("Orlov Trotter", "24", 0, True),
        ("Orlov Trotter stallions", "19", 0, True),
        ("Orlov Trotter mares", "5", 0, True),
    ]
    assert shown(rolled) == [
        ("Horses", "24", 2, True),
        ("Purebred horses", "24", 2, True),
        ("Orlov Trotter", "24", 2, True),
        ("Orlov Trotter stallions", "19", 0, True),
        ("Orlov Trotter mares", "5", 0, True),
    ]


def test_a_gift_from_kim_to_putin_counts_for_their_states_when_asked(demo: Ledger) -> None:
    dogs = [demo.transfer("E5")]
    fields = "giver { name } receiver { name } overlaps quantities { amount }"

    plain = totals(demo, "groupBy: [GIVER, RECEIVER], filter: { ids: $ids }", fields, ids=dogs)
    rolled = totals(
        demo, "groupBy: [GIVER, RECEIVER], rollUp: [ACTORS], filter: { ids: $ids }", fields,
        ids=dogs,
    )  # fmt: skip

    def pairs(found: Any) -> set[tuple[str, str, bool]]:
        assert {one["quantities"][0]["amount"] for one in found} == {"2"}
        return {(one["giver"]["name"], one["receiver"]["name"], one["overlaps"]) for one in found}

    assert pairs(plain) == {("Kim Jong-un", "Vladimir Putin", False)}
    assert pairs(rolled) == {
        ("Kim Jong-un", "Vladimir Putin", True),
        ("Kim Jong-un", "Russia", True),
        ("North Korea", "Vladimir Putin", True),
        ("North Korea", "Russia", True),
    }


def test_what_a_state_gave_can_be_asked_for_without_overlaps(demo: Ledger) -> None:
    """The filters `giversUnder` and `receiversUnder` reach those who act for a state."""
    korea, russia = (demo.named("actor", one)["id"] for one in ("North Korea", "Russia"))

    found = totals(
        demo,
        f'groupBy: [YEAR], orderBy: GROUP_ASC, filter: {{ giversUnder: ["{korea}"], '
        f'receiversUnder: ["{russia}"] }}',
        "years { from to } overlaps transfers { nodes { title } }",
    )

    assert found == [
        {"years": None, "overlaps": False,
         "transfers": {"nodes": [{"title": "Artillery shells from North Korea to Russia"}]}},
        {"years": {"from": 2024, "to": 2024}, "overlaps": False,
         "transfers": {"nodes": [
             {"title": "A pair of Phungsan dogs from Kim Jong-un to Vladimir Putin"}]}},
    ]  # fmt: skip


def test_an_archive_before_the_revision_has_the_old_sum(demo: Ledger) -> None:
    e1 = demo.transfer("E1")
    fields = "{ nodes { quantities { amount partsLeftOut } transfers { nodes { id } } } }"
    history = demo.ask(f'{{ transfer(id: "{e1}") {{ history {{ nodes {{ position }} }} }} }}')[
        "transfer"
    ]["history"]["nodes"]
    before = history[1]["position"] - 1

    found = demo.ask(
        f"{{ archive(position: {before}) {{ transferTotals(groupBy: [], "
        f'filter: {{ externalRefs: ["E1", "E1a", "E1b"] }}) {fields} }} }}'
    )["archive"]["transferTotals"]["nodes"]

    assert found[0]["quantities"] == [{"amount": "30", "partsLeftOut": 2}]
    assert f"{e1}@{before}" in [one["id"] for one in found[0]["transfers"]["nodes"]]


def test_totals_of_the_head_are_those_of_the_present(demo: Ledger) -> None:
    asked = (
        f"transferTotals(groupBy: [GIVER, ITEM, YEAR], first: 100) {{ nodes {{ {EVERYTHING} }} }}"
    )
    found = demo.ask(f"{{ {asked} archive(position: {demo.head()}) {{ {asked} }} }}")

    assert without_positions(found["archive"]["transferTotals"]) == found["transferTotals"]
    assert len(found["transferTotals"]["nodes"]) > 20


# --- what a sum is ----------------------------------------------------------------------


def added(ledger: Ledger, *transfers: Mapping[str, Any]) -> list[str]:
    """Add transfers in one changeset; each may name another by its place: `partOf: "#0"`."""
    done = ledger.commit(
        [
            {"addTransfer": {"ref": f"#{place}", "title": f"Number {place}", **one}}
            for place, one in enumerate(transfers)
        ]
    )
    assert done["userErrors"] == [], done["userErrors"]
    return [one["id"] for one in done["refs"]]


def test_a_missing_bound_is_unknown_and_never_zero(ledger: Ledger) -> None:
    added(
        ledger,
        {"quantity": quantity("5")},
        {"quantity": {"lower": "24", "unit": "head"}},
        {"quantity": {"upper": "40", "unit": "tonne"}},
        {"quantity": {"lower": "1", "upper": "2", "unit": "shell"}},
    )

    found = total(ledger, "groupBy: []")["quantities"]

    assert found == [
        a_sum(None, "29", None, transferCount=2),
        a_sum(None, "1", "2", unit="shell"),
        a_sum(None, None, "40", unit="tonne"),
    ]


def test_about_is_a_tenth_less_or_more_and_is_said(ledger: Ledger) -> None:
    added(
        ledger,
        {"quantity": quantity("30", approximate=True)},
        {"quantity": quantity("0.001", approximate=True)},
        {"quantity": quantity("1", unit="kg")},
    )

    found = total(ledger, "groupBy: []")["quantities"]

    # The hull is rounded outwards: 27.0009 and 33.0011.
    assert found == [
        a_sum("30.001", "27", "33.002", approximate=True, transferCount=2),
        a_sum("1", "1", "1", unit="kg"),
    ]


def test_units_that_differ_in_case_are_one_and_others_are_apart(ledger: Ledger) -> None:
    added(
        ledger,
        {"quantity": quantity("1", unit="Head")},
        {"quantity": quantity("2", unit="head")},
        {"quantity": quantity("4", unit="Ä")},
        {"quantity": quantity("8", unit="ä")},
    )

    found = total(ledger, "groupBy: []")["quantities"]

    assert [(one["unit"], one["amount"]) for one in found] == [
        ("Head", "3"),
        ("Ä", "4"),
        ("ä", "8"),
    ]


def test_a_sum_is_exact_beyond_64_bits(ledger: Ledger) -> None:
    added(
        ledger,
        *({"quantity": quantity(LARGEST, approximate=True)} for _ in range(3)),
        {"quantity": quantity("0.001")},
    )

    found = total(ledger, "groupBy: []")["quantities"]

    assert found == [
        a_sum(
            "27670116110564327.422",
            "24903104499507894.679",
            "30437127721620760.165",
            approximate=True,
            transferCount=4,
        )
    ]


def test_money_is_added_by_currency_and_by_basis(ledger: Ledger) -> None:
    added(
        ledger,
        {"value": {"amount": "10", "unit": "USD", "basis": "CIF"}},
        {"value": {"amount": "20", "unit": "USD", "basis": "FOB"}},
        {"value": {"amount": "30", "unit": "USD"}},
        {"value": {"amount": "40", "unit": "EUR", "basis": "CIF"}},
        {"value": {"amount": "5", "unit": "USD", "basis": "FOB"}},
    )

    found = total(ledger, "groupBy: []")["values"]

    assert [(one["unit"], one["basis"], one["amount"]) for one in found] == [
        ("EUR", "CIF", "40"), ("USD", None, "30"), ("USD", "CIF", "10"), ("USD", "FOB", "25"),
    ]  # fmt: skip


def test_a_part_is_left_out_by_measure_and_by_unit(ledger: Ledger) -> None:
    """A whole known by its price alone leaves the heads of its parts to be counted."""
    added(
        ledger,
        {"value": {"lower": "600", "unit": "USD"}},
        {"partOf": "#0", "quantity": quantity("30"), "value": {"amount": "200", "unit": "USD"}},
        {"partOf": "#1", "quantity": quantity("5"), "value": {"amount": "9", "unit": "EUR"}},
        {"partOf": "#1", "quantity": quantity("2", unit="tonne")},
    )

    found = total(ledger, "groupBy: []")

    assert found["quantities"] == [
        a_sum("30", "30", "30", partsLeftOut=1),
        a_sum("2", "2", "2", unit="tonne"),
    ]
    assert [(one["unit"], one["lower"], one["partsLeftOut"]) for one in found["values"]] == [
        ("EUR", "9", 0),
        ("USD", "600", 1),
    ]
    assert found["partsLeftOut"] == 2


def test_a_part_of_a_part_is_left_out_across_one_that_is_not_counted(ledger: Ledger) -> None:
    _, between, _ = added(
        ledger,
        {"quantity": quantity("24")},
        {"partOf": "#0", "quantity": quantity("19")},
        {"partOf": "#1", "quantity": quantity("10")},
    )
    ledger.commit([{"retract": {"id": between, "version": 1}}])

    retracted = total(ledger, "groupBy: []")
    parts = total(ledger, "groupBy: [], filter: { isPart: true }")

    assert retracted["quantities"] == [a_sum("24", "24", "24", partsLeftOut=1)]
    assert parts["quantities"] == [a_sum("10", "10", "10")]


def test_a_diamond_of_roll_ups_counts_once(ledger: Ledger) -> None:
    """A ministry that acts for the state and is part of the army, which is part of the state."""
    actors = [
        {"ref": "#state", "name": "State", "kind": "STATE"},
        {"ref": "#army", "name": "Army", "kind": "AGENCY", "partOf": "#state"},
        {"ref": "#unit", "name": "Unit", "kind": "AGENCY", "partOf": "#army", "actsFor": "#state"},
    ]
    done = ledger.commit(
        [
            *({"addActor": one} for one in actors),
            {"addTransfer": {"ref": "#t", "title": "Gift", "giver": "#unit",
                             "quantity": quantity("7")}},
        ]
    )  # fmt: skip
    assert done["userErrors"] == []

    found = totals(
        ledger, "groupBy: [GIVER], rollUp: [ACTORS], orderBy: GROUP_ASC",
        "giver { name } transferCount quantities { amount }",
    )  # fmt: skip

    assert found == [
        {"giver": {"name": name}, "transferCount": 1, "quantities": [{"amount": "7"}]}
        for name in ("State", "Army", "Unit")
    ]


def test_actors_that_act_for_each_other_come_to_an_end(ledger: Ledger) -> None:
    """No one link makes a ring, but two kinds of link together can."""
    done = ledger.commit(
        [
            {"addActor": {"ref": "#a", "name": "A", "kind": "GROUP", "actsFor": "#b"}},
            {"addActor": {"ref": "#b", "name": "B", "kind": "GROUP", "partOf": "#a"}},
            {"addTransfer": {"ref": "#t", "title": "Gift", "giver": "#a", "receiver": "#b"}},
        ]
    )
    assert done["userErrors"] == []

    found = totals(ledger, "groupBy: [GIVER, RECEIVER], rollUp: [ACTORS]", "transferCount")

    assert found == [{"transferCount": 1}] * 4


def test_years_that_are_open_or_spanned_are_groups_of_their_own(ledger: Ledger) -> None:
    dates = ("2020", "2020-05", "2020/2023", "202X", "2021-24", "../2020", "2020/..", None)
    added(ledger, *({} if one is None else {"occurred": one} for one in dates))

    found = totals(
        ledger, "groupBy: [YEAR], orderBy: GROUP_ASC", "years { from to } transferCount overlaps"
    )

    assert [(one["years"], one["transferCount"]) for one in found] == [
        (None, 1),
        ({"from": None, "to": 2020}, 1),
        ({"from": 2020, "to": 2020}, 2),
        ({"from": 2020, "to": 2023}, 1),
        ({"from": 2020, "to": 2029}, 1),
        ({"from": 2020, "to": None}, 1),
        ({"from": 2021, "to": 2022}, 1),
    ]
    assert not any(one["overlaps"] for one in found)


def test_a_pledge_counts_as_it_is_held_and_stage_tells_it_apart(ledger: Ledger) -> None:
    added(
        ledger,
        *({"quantity": quantity("1"), "stage": one} for one in ("PLEDGED", "CANCELLED")),
        {"quantity": quantity("1")},
    )

    together = total(ledger, "groupBy: []", "quantities { amount }")
    apart = totals(ledger, "groupBy: [STAGE], orderBy: GROUP_ASC", "stage quantities { amount }")

    assert together == {"quantities": [{"amount": "3"}]}
    assert [one["stage"] for one in apart] == [None, "CANCELLED", "PLEDGED"]


def test_of_nothing_there_is_no_total(ledger: Ledger) -> None:
    assert totals(ledger, "groupBy: []") == []
    assert totals(ledger, "groupBy: [ITEM, YEAR]") == []


# --- pages and bad input ----------------------------------------------------------------


@pytest.mark.parametrize("order", ["GROUP_ASC", "TRANSFERS_DESC"])
def test_pages_of_totals_meet_without_gap_or_overlap(demo: Ledger, order: str) -> None:
    asked = f"groupBy: [ITEM, YEAR], orderBy: {order}"
    whole = totals(demo, asked, "item { id } years { from to } transferCount")

    walked: dict[str, list[Any]] = {}
    for size, start in (("first", "after"), ("last", "before")):
        query = (
            f"query ($at: String) {{ transferTotals({asked}, {size}: 7, {start}: $at) "
            "{ totalCount edges { cursor node { item { id } years { from to } transferCount } } "
            "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
        )
        at, found = None, list[Any]()
        while True:
            page = demo.ask(query, {"at": at})["transferTotals"]
            nodes = [edge["node"] for edge in page["edges"]]
            found = found + nodes if size == "first" else nodes + found
            info = page["pageInfo"]
            assert page["totalCount"] == len(whole)
            assert info["startCursor"] == page["edges"][0]["cursor"]
            assert info["endCursor"] == page["edges"][-1]["cursor"]
            if not info["hasNextPage" if size == "first" else "hasPreviousPage"]:
                break
            at = info["endCursor" if size == "first" else "startCursor"]
        walked[size] = found

    assert len(whole) > 20
    assert walked == {"first": whole, "last": whole}


def test_one_document_asks_for_other_groups_by_its_variables(demo: Ledger) -> None:
    """What is grouped by decides over the statement, so a plan is kept for each."""
    query = (
        "query ($by: [TotalsGroup!]!, $up: [TotalsRollUp!]) "
        "{ transferTotals(groupBy: $by, rollUp: $up, first: 100) { totalCount nodes { "
        "transferCount } } }"
    )

    def groups(by: Any, up: Any = None) -> tuple[int, int]:
        found = demo.ask(query, {"by": by, "up": up})["transferTotals"]
        return found["totalCount"], sum(one["transferCount"] for one in found["nodes"])

    assert [groups([]), groups("STAGE"), groups(["GIVER"])] == [(1, 30), (3, 30), (5, 30)]
    assert groups(["ITEM"], []) == (21, 30)
    assert groups(["ITEM"]) == groups(["ITEM"], ["ITEMS"]) == (21, 52)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("groupBy: [YEAR, ITEM, YEAR]", "groupBy names YEAR 2 times"),
        ("groupBy: [ITEM], rollUp: [ITEMS, ITEMS]", "rollUp names ITEMS 2 times"),
        ("groupBy: [YEAR], rollUp: [ACTORS]", "giversUnder"),
        ("groupBy: [GIVER], rollUp: [ITEMS]", "goes with groupBy ITEM"),
        ("groupBy: [YEAR], first: 101", "from 0 to 100"),
        ("groupBy: [YEAR], first: 1, last: 1", "not both"),
        ('groupBy: [YEAR], after: "nothing"', "no cursor"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_words(
    demo: Ledger, arguments: str, said: str
) -> None:
    code, message = demo.fault(
        f"{{ transferTotals({arguments}) {{ totalCount nodes {{ overlaps }} }} }}"
    )

    assert code == "BAD_ARGUMENT"
    assert said in message


@pytest.mark.parametrize("other", ["groupBy: [YEAR], orderBy: GROUP_ASC", "groupBy: [ITEM]"])
def test_a_cursor_goes_with_its_own_groups_and_order(demo: Ledger, other: str) -> None:
    page = demo.ask("{ transferTotals(groupBy: [YEAR], first: 1) { pageInfo { endCursor } } }")
    cursor = page["transferTotals"]["pageInfo"]["endCursor"]

    code, message = demo.fault(
        f'{{ transferTotals({other}, after: "{cursor}") {{ nodes {{ overlaps }} }} }}'
    )

    assert code == "BAD_ARGUMENT"
    assert "another list" in message


@pytest.mark.parametrize("parts", [["-1' OR", ""], ["x", "2024/2024"], ["-1", "\x00"]])
def test_a_damaged_cursor_is_refused(demo: Ledger, parts: list[str]) -> None:
    cursor = "\x1f".join(["transferTotals.YEAR..TRANSFERS_DESC", *parts]).encode().hex()

    code, message = demo.fault(
        f'{{ transferTotals(groupBy: [YEAR], after: "{cursor}") {{ nodes {{ overlaps }} }} }}'
    )

    assert (code, "damaged" in message) == ("BAD_ARGUMENT", True)


# --- against a plain computation ----------------------------------------------------------

QUESTIONS: tuple[tuple[tuple[str, ...], tuple[str, ...] | None], ...] = (
    ((), None),
    (("ITEM",), None),
    (("ITEM",), ()),
    (("GIVER",), ("ACTORS",)),
    (("YEAR", "NATURE"), None),
    (("STAGE", "ITEM"), ("ITEMS",)),
    (("GIVER", "RECEIVER"), ("ACTORS",)),
    (("RECEIVER", "ITEM", "YEAR"), ("ACTORS", "ITEMS")),
    (("GIVER", "RECEIVER", "ITEM", "NATURE", "STAGE", "YEAR"), None),
)


@pytest.fixture(scope="module")
def both_random_worlds(ledgers: Any) -> Iterator[Mapping[str, Ledger]]:
    """The same random world on both databases: entered, then revised and partly retracted."""
    with ExitStack() as stack:
        made = {}
        for kind in KINDS:
            given = stack.enter_context(ledgers.copied(kind, filled=False))
            made[kind] = stack.enter_context(served(*given))
            fill(made[kind], random.Random(20240825))
        yield made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("filtered", [False, True])
def test_totals_are_what_a_plain_computation_gives(
    both_random_worlds: Any,
    kind: str,
    filtered: bool,  # noqa: FBT001
) -> None:
    """Now and as of before the edits; everything of every total, in both orders."""
    ledger: Ledger = both_random_worlds[kind]
    query = (
        "query ($at: Position!, $by: [TotalsGroup!]!, $up: [TotalsRollUp!], $f: TransferFilter, "
        "$o: TransferTotalOrder, $c: String) { archive(position: $at) { transferTotals(groupBy: "
        "$by, rollUp: $up, filter: $f, orderBy: $o, first: 100, after: $c) "
        f"{{ nodes {{ {EVERYTHING} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
    )
    kept = {"natures": ["GIFT"], "states": ["ACTIVE", "RETRACTED"]} if filtered else None

    def keep(transfer: Mapping[str, Any]) -> bool:
        if filtered:
            return bool(transfer.get("nature") == "GIFT")
        return bool(transfer["state"] == "ACTIVE")

    for position in (ledger.head() - 1, ledger.head()):
        records = plain_records(ledger, position)
        for by, up in QUESTIONS:
            expected = transfer_totals(records, by, up, keep)
            for order, wanted in (
                ("GROUP_ASC", expected),
                ("TRANSFERS_DESC", largest_first(expected)),
            ):
                given = {"at": position, "by": by, "up": up, "f": kept, "o": order}
                found, cursor = list[Any](), None
                while True:
                    page = ledger.ask(query, given | {"c": cursor})["archive"]["transferTotals"]
                    found += page["nodes"]
                    if not page["pageInfo"]["hasNextPage"]:
                        break
                    cursor = page["pageInfo"]["endCursor"]
                assert without_positions(found) == wanted, (by, up, order)
