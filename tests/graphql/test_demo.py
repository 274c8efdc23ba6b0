"""The demo through GraphQL: every transfer of the first report, and on whose word each figure is.

What each row has to say stands in `docs/demo.md`.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.graphql.asking import ROOT, Ledger, document

RUSSIA, NORTH_KOREA = "Russia", "North Korea"
KIM, PUTIN = "Kim Jong-un", "Vladimir Putin"
SERVICE, TIMES, EU_TODAY = "Veterinary Service of Primorsky Krai", "The Times", "EU Today"
KOREANS, KCNA = "South Korean media", "KCNA"
RECORDS = "Keeper of the Russian trade records (not named)"


def count(amount: str, **more: Any) -> dict[str, Any]:
    """Return so many heads, as a measure reads."""
    plain = {"lower": None, "upper": None, "approximate": False, "verbatim": None}
    return {"amount": amount, "unit": "head"} | plain | more


ROWS: dict[str, dict[str, Any]] = {
    "E1": {
        "giver": RUSSIA, "receiver": NORTH_KOREA, "item": "Orlov Trotter",
        "quantity": count("24"), "value": None, "occurred": "2024-08-25",
        "nature": "PAYMENT", "stage": None, "origin": "Primorsky Krai", "usedAgainst": None,
    },
    "E1a": {
        "giver": RUSSIA, "receiver": NORTH_KOREA, "item": "Orlov Trotter stallions",
        "quantity": count("19"), "value": None, "occurred": None,
        "nature": None, "stage": None, "origin": None, "usedAgainst": None,
    },
    "E1b": {
        "giver": RUSSIA, "receiver": NORTH_KOREA, "item": "Orlov Trotter mares",
        "quantity": count("5"), "value": None, "occurred": None,
        "nature": None, "stage": None, "origin": None, "usedAgainst": None,
    },
    "E2": {
        "giver": NORTH_KOREA, "receiver": RUSSIA, "item": "Artillery shells",
        "quantity": None, "value": None, "occurred": None,
        "nature": None, "stage": "DISPATCHED", "origin": None, "usedAgainst": "Ukraine",
    },
    "E3": {
        "giver": RUSSIA, "receiver": NORTH_KOREA, "item": "Orlov Trotter",
        "quantity": count("30"), "value": None, "occurred": "2022-11-02",
        "nature": None, "stage": None, "origin": None, "usedAgainst": None,
    },
    "E4": {
        "giver": RUSSIA, "receiver": NORTH_KOREA, "item": "Purebred horses",
        "quantity": None, "occurred": "2020/2023",
        "value": {"amount": None, "lower": "600000", "upper": None, "unit": "USD",
                  "verbatim": "at least $600,000"},
        "nature": "SALE", "stage": None, "origin": None, "usedAgainst": None,
    },
    "E5": {
        "giver": KIM, "receiver": PUTIN, "item": "Phungsan dogs",
        "quantity": count("2", verbatim="a pair"), "value": None, "occurred": "2024-06",
        "nature": "GIFT", "stage": None, "origin": None, "usedAgainst": None,
    },
    "E6": {
        "giver": PUTIN, "receiver": NORTH_KOREA, "item": "Goats",
        "quantity": count("447"), "value": None, "occurred": "2024-08",
        "nature": None, "stage": "APPROVED", "origin": None, "usedAgainst": None,
    },
}  # fmt: skip

ROW = """
query ($refs: [String!]!) {
  transfers(filter: { externalRefs: $refs }) { nodes {
    giver { name } receiver { name } item { name }
    quantity { amount lower upper approximate unit verbatim }
    value { amount lower upper unit verbatim }
    occurred { edtf } nature stage origin usedAgainst { name }
  } }
}
"""


@pytest.mark.parametrize("label", ROWS)
def test_every_transfer_of_the_first_report_is_found_with_its_parties_and_figures(
    demo: Ledger, label: str
) -> None:
    (found,) = demo.ask(ROW, {"refs": [label]})["transfers"]["nodes"]

    assert flat(found) == ROWS[label]


def flat(found: dict[str, Any]) -> dict[str, Any]:
    """Return a transfer with the names of what it refers to."""
    names = {
        "giver": "name",
        "receiver": "name",
        "item": "name",
        "usedAgainst": "name",
        "occurred": "edtf",
    }
    return {
        key: value[names[key]] if key in names and value is not None else value
        for key, value in found.items()
    }


def test_the_24_horses_are_19_stallions_and_5_mares(demo: Ledger) -> None:
    query = """query ($id: ID!) { transfer(id: $id) { parts { totalCount nodes { externalRef
      item { name broader { name } } quantity { amount } partOf { externalRef } } } } }"""

    parts = demo.ask(query, {"id": demo.transfer("E1")})["transfer"]["parts"]

    assert parts["totalCount"] == 2
    assert {one["externalRef"]: one["quantity"]["amount"] for one in parts["nodes"]} == {
        "E1a": "19",
        "E1b": "5",
    }
    for one in parts["nodes"]:
        assert one["partOf"] == {"externalRef": "E1"}
        assert one["item"]["broader"] == {"name": "Orlov Trotter"}


@pytest.mark.parametrize(
    ("given", "extent", "against"),
    [("E1", "PARTIAL", "E2"), ("E6", "UNKNOWN", "E5")],
)
def test_what_was_given_in_return_is_read_from_both_ends(
    demo: Ledger, given: str, extent: str, against: str
) -> None:
    """The horses are part payment for the shells; the goats come in return for the dogs."""
    query = """query ($given: ID!, $against: ID!) {
      given: transfer(id: $given) { considerationExtent considerationFor { externalRef } }
      against: transfer(id: $against) {
        countedAgainst { nodes { externalRef considerationExtent } } } }"""

    data = demo.ask(query, {"given": demo.transfer(given), "against": demo.transfer(against)})

    assert data["given"] == {
        "considerationExtent": extent,
        "considerationFor": {"externalRef": against},
    }
    assert data["against"]["countedAgainst"]["nodes"] == [
        {"externalRef": given, "considerationExtent": extent}
    ]


FIGURES = [
    ("E1", "QUANTITY", "24", [EU_TODAY, TIMES, SERVICE]),
    ("E1a", "QUANTITY", "19", [EU_TODAY, TIMES, SERVICE]),
    ("E1b", "QUANTITY", "5", [EU_TODAY, TIMES, SERVICE]),
    ("E3", "QUANTITY", "30", [EU_TODAY]),
    ("E4", "VALUE", "600000", [EU_TODAY, RECORDS]),
    ("E5", "QUANTITY", "2", [EU_TODAY, KCNA]),
    ("E6", "QUANTITY", "447", [EU_TODAY]),
]
CHAIN = """
query ($subject: ID!, $field: ClaimField!) {
  claims(filter: { subjects: [$subject], fields: [$field] }, first: 100) { nodes {
    assertedBy { name } stance citation { title kind publisher { name } }
    value { ... on Measure { amount lower unit } ... on Money { amount lower unit } }
    derivedFrom { derivation claim { assertedBy { name } citation { title }
      derivedFrom { derivation claim { assertedBy { name } citation { title kind } } } } }
  } }
}
"""


@pytest.mark.parametrize(("label", "field", "figure", "chain"), FIGURES)
def test_behind_each_figure_stands_its_chain_of_claims_and_citations(
    demo: Ledger, label: str, field: str, figure: str, chain: list[str]
) -> None:
    data = demo.ask(CHAIN, {"subject": demo.transfer(label), "field": field})
    claims = data["claims"]["nodes"]

    first = next(one for one in claims if (one["assertedBy"] or {}).get("name") == EU_TODAY)

    assert (first["value"]["amount"] or first["value"]["lower"]) == figure
    assert first["stance"] == "ASSERTS"
    assert first["citation"]["publisher"] == {"name": EU_TODAY}
    assert reported(first) == chain


def reported(claim: dict[str, Any]) -> list[str]:
    """Return whose word a claim is, and whose words it reports, from the first to the last."""
    assert claim["citation"]["title"]
    parents = [
        link["claim"] for link in claim.get("derivedFrom", []) if link["derivation"] != "SUSPECTED"
    ]
    names = [claim["assertedBy"]["name"]]
    return names if not parents else names + reported(parents[0])


def test_the_shells_rest_on_south_korean_media_and_the_times(demo: Ledger) -> None:
    """No source gives their number, so the giver stands for the claims behind them."""
    data = demo.ask(CHAIN, {"subject": demo.transfer("E2"), "field": "GIVER"})

    chains = {
        one["assertedBy"]["name"]: {link["claim"]["assertedBy"]["name"]
                                    for link in one["derivedFrom"]}
        for one in data["claims"]["nodes"]
    }  # fmt: skip

    assert chains == {EU_TODAY: {TIMES, KOREANS}, TIMES: set(), KOREANS: set()}


def test_the_part_payment_is_the_word_of_three_sources(demo: Ledger) -> None:
    data = demo.ask(CHAIN, {"subject": demo.transfer("E1"), "field": "CONSIDERATION_FOR"})

    said = {one["assertedBy"]["name"] for one in data["claims"]["nodes"]}

    assert said >= {TIMES, KOREANS, EU_TODAY}


def test_three_rival_claims_say_what_sort_of_transfer_the_horses_were(demo: Ledger) -> None:
    query = """query ($ids: [ID!]!) { claims(filter: { subjects: $ids, fields: [NATURE] }) {
      nodes { value { __typename ... on CodeValue { code } } } } }"""

    claims = demo.ask(query, {"ids": [demo.transfer("E1")]})["claims"]["nodes"]

    assert {one["value"]["code"] for one in claims} == {"PAYMENT", "SALE", "GIFT"}
    assert {one["value"]["__typename"] for one in claims} == {"CodeValue"}


def test_the_demo_shows_a_count_that_was_corrected_with_its_reason(demo: Ledger) -> None:
    """30, the consignment of 2022, was entered for that of 2024 and set right the next day."""
    query = """query ($id: ID!) { node(id: $id) { ... on Record { history(first: 2) { nodes {
      version changes { field before after } changeset { reason { code note } origin {
      editor recordedAt } } } } } } }"""

    first, second = demo.ask(query, {"id": demo.transfer("E1")})["node"]["history"]["nodes"]

    added = {change["field"]: change for change in first["changes"]}
    assert added["quantity"]["before"] is None
    assert added["quantity"]["after"] == {"amount": "30", "unit": "head"}
    assert second["changes"] == [
        {
            "field": "quantity",
            "before": {"amount": "30", "unit": "head"},
            "after": {"amount": "24", "unit": "head"},
        }
    ]
    assert second["changeset"]["reason"]["code"] == "ENTRY_ERROR"
    assert "2022" in second["changeset"]["reason"]["note"]
    assert second["changeset"]["origin"] == {
        "editor": "Ines Adeyemi",
        "recordedAt": "2024-09-05T07:48:00Z",
    }


def test_one_document_for_frontends_shows_the_whole_of_a_transfer(demo: Ledger) -> None:
    horses = demo.ask(document("one-transfer"), {"id": demo.transfer("E1")})["transfer"]

    assert horses["giver"]["name"] == RUSSIA
    assert [part["quantity"]["amount"] for part in horses["parts"]["nodes"]] in (
        ["19", "5"],
        ["5", "19"],
    )
    chains = {
        tuple(reported(claim))
        for claim in horses["claims"]["nodes"]
        if claim["field"] == "QUANTITY"
    }
    assert (EU_TODAY, TIMES, SERVICE) in chains


# --- what waits -------------------------------------------------------------------

GUIDE = (ROOT / "docs" / "demo.md").read_text()


def test_one_proposal_of_a_partner_waits_and_can_be_accepted_as_the_guide_says(
    own_demo: Ledger,
) -> None:
    queue, decision = re.findall(r"^```graphql\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)

    (waiting,) = own_demo.ask(queue, role="editor")["proposals"]["nodes"]
    done = own_demo.ask(decision.replace("proposal_…", waiting["id"]), role="editor")["review"]

    assert (waiting["newsroom"], waiting["revision"]) == ({"name": "Baltic Wire"}, 1)
    (step,) = waiting["steps"]
    assert step["changes"] == [{"field": "stage", "before": "APPROVED", "after": "DISPATCHED"}]
    assert done["userErrors"] == []
    assert done["changeset"] == {
        "position": own_demo.head(),
        "editor": {"name": "Demo editor"},
        "onBehalfOf": {"name": "Baltic Wire"},
        "contributor": {"name": "Baltic Wire contributor"},
    }
    goats = "query ($id: ID!) { transfer(id: $id) { stage } }"
    assert own_demo.ask(goats, {"id": own_demo.transfer("E6")})["transfer"]["stage"] == "DISPATCHED"


def test_the_partner_of_the_demo_has_a_key_of_its_own(demo: Ledger) -> None:
    query = "{ viewer { name role isHouse } proposals { totalCount } }"

    assert demo.ask(query, role="wire") == {
        "viewer": {"name": "Baltic Wire contributor", "role": "CONTRIBUTOR", "isHouse": False},
        "proposals": {"totalCount": 1},
    }
