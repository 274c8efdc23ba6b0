"""Findings: what is held beside the claims about it, their origins and their chains."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.claims import live
from app.store.records import load_present
from tests.driver import heads, opened
from tests.graphql.asking import Ledger
from tests.graphql.world import World

VALUE = """
  __typename ... on Measure { amount lower upper unit } ... on CodeValue { code }
  ... on TextValue { text } ... on UncertainDate { edtf } ... on RecordValue { record { id } }
  ... on Money { lower unit }
"""
FINDING = f"""
  id field status held {{ {VALUE} }}
  positions {{
    denied agrees value {{ {VALUE} }} claims {{ totalCount nodes {{ id live }} }}
    asserters {{ name }} citations {{ title }}
    origins {{ kind citation {{ title }} }} originCount {{ total primary unsourced other }}
    suspected {{ derivation claim {{ id }} parent {{ id subject {{ id }} }} }}
  }}
  hulls {{ unit lower upper }}
"""
PRESS_RELEASE = "Veterinary Service of Primorsky Krai on Orlov Trotters taken across the border"
RETRACT = (
    "mutation($input: CommitInput!) { commit(input: $input) { warnings { code record field } } }"
)


def finding(ledger: Ledger, record_id: str, field: str) -> Any:
    """Return the one finding of a field, None where there is none."""
    found = findings(ledger, record_id, [field])
    return found[0] if found else None


def findings(ledger: Ledger, record_id: str, fields: list[str] | None = None) -> list[Any]:
    query = (
        "query($id: ID!, $fields: [ClaimField!]) { node(id: $id) { ... on Record { "
        f"findings(fields: $fields) {{ {FINDING} }} }} }} }}"
    )
    found: list[Any] = ledger.ask(query, {"id": record_id, "fields": fields})["node"]["findings"]
    return found


def origins(position: Any) -> list[tuple[str, str]]:
    return [(one["kind"], one["citation"]["title"]) for one in position["origins"]]


# --- the demo -----------------------------------------------------------------


def test_the_nature_of_the_horses_is_contested_with_its_rivals_and_their_origins(
    demo: Ledger,
) -> None:
    nature = finding(demo, demo.transfer("E1"), "NATURE")

    assert (nature["status"], nature["held"]["code"]) == ("CONTESTED", "PAYMENT")
    stands = {p["value"]["code"]: p for p in nature["positions"]}
    assert {code: p["agrees"] for code, p in stands.items()} == {
        "PAYMENT": True,
        "SALE": False,
        "GIFT": False,
    }
    assert stands["PAYMENT"]["originCount"] == {
        "total": 2,
        "primary": 0,
        "unsourced": 2,
        "other": 0,
    }
    assert [one["name"] for one in stands["SALE"]["asserters"]] == ["Radio Free Asia"]
    assert all(kind == "UNSOURCED" for p in stands.values() for kind, _ in origins(p))


def test_the_count_of_the_horses_has_one_primary_origin_however_many_repeat_it(
    demo: Ledger,
) -> None:
    count = finding(demo, demo.transfer("E1"), "QUANTITY")

    assert (count["status"], count["held"]["amount"]) == ("SUPPORTED", "24")
    (position,) = count["positions"]
    assert position["claims"]["totalCount"] == 4
    assert [one["name"] for one in position["asserters"]] == [
        "EU Today",
        "The Times",
        "Veterinary Service of Primorsky Krai",
    ]
    assert position["originCount"] == {"total": 1, "primary": 1, "unsourced": 0, "other": 0}
    assert origins(position) == [("PRIMARY", PRESS_RELEASE)]


@pytest.mark.parametrize("transfer", ["E3", "E6"])
def test_a_report_that_names_no_source_is_an_unsourced_origin(demo: Ledger, transfer: str) -> None:
    count = finding(demo, demo.transfer(transfer), "QUANTITY")

    held = [position for position in count["positions"] if position["agrees"]]

    assert held[0]["originCount"]["unsourced"] >= 1
    assert (
        "UNSOURCED",
        "EU Today on horses, shells, dogs and goats between Russia and North Korea",
    ) in (origins(held[0]))


def test_the_money_shows_its_suspected_derivation_and_does_not_count_it(demo: Ledger) -> None:
    money = finding(demo, demo.transfer("E4"), "VALUE")

    (position,) = money["positions"]

    (link,) = position["suspected"]
    assert link["derivation"] == "SUSPECTED"
    assert link["parent"]["subject"]["id"] != demo.transfer("E4")
    assert [kind for kind, _ in origins(position)] == ["PRIMARY"]
    assert money["hulls"] == [{"unit": "USD", "lower": "600000", "upper": None}]


def test_a_dry_run_lists_what_would_lose_its_last_support(own_demo: Ledger) -> None:
    release = own_demo.named("citation", PRESS_RELEASE)
    horses, head = own_demo.transfer("E1"), own_demo.head()
    reason = {"code": "SOURCE_RETRACTED", "note": "The service took its release back."}
    step = {"retract": {"id": release["id"], "version": release["version"]}}

    tried = own_demo.ask(
        RETRACT, {"input": {"reason": reason, "operations": [step], "dryRun": True}}, role="editor"
    )

    lost = {
        one["field"]
        for one in tried["commit"]["warnings"]
        if (one["code"], one["record"]) == ("LOST_SUPPORT", horses)
    }
    assert lost == {"existence", "item", "quantity", "origin"}
    assert own_demo.head() == head
    assert finding(own_demo, horses, "QUANTITY")["status"] == "SUPPORTED"


@pytest.mark.parametrize("how", ["retract", "integrity"])
def test_what_lost_its_support_can_be_listed_and_comes_back(own_demo: Ledger, how: str) -> None:
    release = own_demo.named("citation", PRESS_RELEASE)
    at = {"id": release["id"], "version": release["version"]}
    step = (
        {"retract": at}
        if how == "retract"
        else {"reviseCitation": {**at, "set": {"integrity": "RETRACTED"}}}
    )
    query = """
      query($records: [ID!]) { findings(filter: {
        statuses: [UNSUPPORTED, DENIED], hasClaims: true, records: $records }) {
        nodes { field status positions { denied } claims { totalCount } } } }
    """
    horses = own_demo.transfer("E1")

    warned = own_demo.commit([step])["warnings"]
    listed = own_demo.ask(query, {"records": [horses]})["findings"]["nodes"]
    archived = own_demo.ask(
        "query($p: Position!, $id: ID!) { archive(position: $p) { transfer(id: $id) { "
        "findings(fields: [QUANTITY]) { id status } } } }",
        {"p": own_demo.head() - 1, "id": horses},
    )
    own_demo.revert(own_demo.head())

    assert [one["field"] for one in listed] == ["EXISTENCE", "ITEM", "QUANTITY", "ORIGIN"]
    assert all(one["positions"] == [] and one["claims"]["totalCount"] for one in listed)
    assert {(one["record"], one["field"]) for one in warned} >= {(horses, "quantity")}
    (before,) = archived["archive"]["transfer"]["findings"]
    assert before == {"id": f"{horses}.QUANTITY@{own_demo.head() - 2}", "status": "SUPPORTED"}
    assert own_demo.ask(query, {"records": [horses]})["findings"]["nodes"] == []


# --- statuses -----------------------------------------------------------------


class Story:
    """A transfer of a ledger, and claims about it from documents of their own."""

    def __init__(self, ledger: Ledger, **held: Any) -> None:
        self.ledger = ledger
        self.transfer = ledger.add("transfer", title="Horses", **held)

    def cite(self, **fields: Any) -> str:
        return (
            self.ledger.add("citation", kind="NEWS_REPORT", title="A report")
            if not fields
            else (
                self.ledger.add(
                    "citation", **{"kind": "NEWS_REPORT", "title": "A report", **fields}
                )
            )
        )

    def say(self, field: str, value: Any = None, stance: str = "ASSERTS", **more: Any) -> str:
        given = {} if value is None else {"value": value}
        cited = {} if "citation" in more else {"citation": self.cite()}
        return self.ledger.add(
            "claim", subject=self.transfer, field=field, stance=stance, **given, **cited, **more
        )

    def finding(self, field: str) -> Any:
        return finding(self.ledger, self.transfer, field)

    def status(self, field: str) -> str | None:
        found = self.finding(field)
        return None if found is None else found["status"]


GIFT, SALE = {"code": "GIFT"}, {"code": "SALE"}


def test_the_status_is_the_first_that_fits(ledger: Ledger) -> None:
    story = Story(ledger, nature="GIFT")
    seen = [story.status("STAGE"), story.status("NATURE")]

    story.say("STAGE", {"code": "DELIVERED"}, "DENIES")
    seen.append(story.status("STAGE"))
    story.say("NATURE", SALE)
    seen.append(story.status("NATURE"))
    story.say("NATURE", GIFT, "DENIES")
    seen.append(story.status("NATURE"))
    story.say("NATURE", GIFT, "ESTIMATES")
    seen.append(story.status("NATURE"))

    assert seen == [None, "UNSUPPORTED", "OPEN", "UNSUPPORTED", "DENIED", "CONTESTED"]


def test_to_deny_another_value_contests_nothing(ledger: Ledger) -> None:
    story = Story(ledger, nature="GIFT")
    story.say("NATURE", GIFT)

    story.say("NATURE", SALE, "DENIES")

    found = story.finding("NATURE")
    assert found["status"] == "SUPPORTED"
    assert [(p["value"]["code"], p["denied"], p["agrees"]) for p in found["positions"]] == [
        ("GIFT", False, True),
        ("SALE", True, False),
    ]


def test_a_denial_of_what_is_held_contests_it(ledger: Ledger) -> None:
    story = Story(ledger, nature="GIFT")
    story.say("NATURE", GIFT)
    story.say("NATURE", GIFT, "DENIES")

    found = story.finding("NATURE")

    assert found["status"] == "CONTESTED"
    assert [p["denied"] for p in found["positions"]] == [False, True]


def test_that_it_happened_is_held_of_an_active_transfer_alone(ledger: Ledger) -> None:
    story = Story(ledger)
    seen = [story.status("EXISTENCE")]
    story.say("EXISTENCE")
    seen.append(story.status("EXISTENCE"))
    story.say("EXISTENCE", None, "DENIES")
    seen.append(story.status("EXISTENCE"))
    ledger.commit([{"retract": {"id": story.transfer, "version": 1}}])
    seen.append(story.status("EXISTENCE"))

    assert seen == ["UNSUPPORTED", "SUPPORTED", "CONTESTED", "OPEN"]


def test_unknown_agrees_with_nothing_not_even_itself(ledger: Ledger) -> None:
    story = Story(ledger, nature="UNKNOWN")

    story.say("NATURE", {"code": "UNKNOWN"})

    assert story.status("NATURE") == "UNSUPPORTED"


def test_a_narrower_item_agrees_and_another_one_does_not(ledger: Ledger) -> None:
    horse = ledger.add("item", name="Horse", kind="LIVE_ANIMAL")
    trotter = ledger.add("item", name="Trotter", kind="LIVE_ANIMAL", broader=horse)
    stallion = ledger.add("item", name="Stallion", kind="LIVE_ANIMAL", broader=trotter)
    goat = ledger.add("item", name="Goat", kind="LIVE_ANIMAL")
    story = Story(ledger, item=horse)
    story.say("ITEM", {"record": stallion})
    seen = [story.status("ITEM")]

    story.say("ITEM", {"record": goat})
    seen.append(story.status("ITEM"))

    assert seen == ["SUPPORTED", "CONTESTED"]
    assert [p["agrees"] for p in story.finding("ITEM")["positions"]] == [True, False]


def test_actors_and_items_have_findings_and_documents_have_none(demo: Ledger) -> None:
    russia, release = demo.named("actor", "Russia"), demo.named("citation", PRESS_RELEASE)

    found = findings(demo, russia["id"])

    assert [one["field"] for one in found] == ["NAME", "KIND", "COUNTRY"]
    assert found[0]["held"] == {"__typename": "TextValue", "text": "Russia"}
    assert findings(demo, release["id"]) == []


# --- positions, hulls, origins ------------------------------------------------


def test_claims_that_say_the_same_in_other_words_take_one_position(ledger: Ledger) -> None:
    story = Story(ledger)
    story.say("ROUTE", {"text": "By way of Straße"})
    story.say("ROUTE", {"text": "by  way of STRASSE"})
    story.say("ROUTE", {"text": "by way of Nampho"})
    story.say("QUANTITY", {"quantity": heads(2) | {"verbatim": "a pair"}})
    story.say("QUANTITY", {"quantity": {"amount": "2", "unit": "HEAD"}})
    story.say("QUANTITY", {"quantity": {"lower": "2", "unit": "head"}})

    route, count = story.finding("ROUTE"), story.finding("QUANTITY")

    assert [(p["value"]["text"], p["claims"]["totalCount"]) for p in route["positions"]] == [
        ("By way of Straße", 2),
        ("by way of Nampho", 1),
    ]
    assert [p["claims"]["totalCount"] for p in count["positions"]] == [2, 1]


def test_the_hull_reaches_as_far_as_the_claims_and_is_open_where_one_is(ledger: Ledger) -> None:
    story = Story(ledger)
    story.say("QUANTITY", {"quantity": {"amount": "24", "unit": "head"}})
    story.say("QUANTITY", {"quantity": {"amount": "30.005", "approximate": True, "unit": "Head"}})
    story.say("QUANTITY", {"quantity": {"amount": "99", "unit": "head"}}, "DENIES")
    story.say("QUANTITY", {"quantity": {"lower": "1", "unit": "tonne"}})

    hulls = story.finding("QUANTITY")["hulls"]

    assert hulls == [
        {"unit": "head", "lower": "24", "upper": "33.0055"},
        {"unit": "tonne", "lower": "1", "upper": None},
    ]


def test_origins_are_counted_by_document_and_kind(ledger: Ledger) -> None:
    outlet = ledger.add("actor", name="Outlet", kind="NEWS_OUTLET")
    witness = ledger.add("actor", name="Witness", kind="PERSON")
    story = Story(ledger)
    release = story.cite(kind="PRESS_RELEASE", title="Release")
    root = story.say("NATURE", GIFT, citation=release)
    story.say("NATURE", GIFT, citation=release, locator="again")
    story.say("NATURE", GIFT, derivedFrom=[{"claim": root, "derivation": "REPORTS"}])
    story.say("NATURE", GIFT, assertedBy=outlet, citation=story.cite(title="Own", publisher=outlet))
    story.say(
        "NATURE", GIFT, assertedBy=witness, citation=story.cite(title="Told", publisher=outlet)
    )
    story.say("NATURE", GIFT, citation=story.cite(title="Broadcast", kind="STATE_MEDIA"))

    (position,) = story.finding("NATURE")["positions"]

    assert origins(position) == [
        ("PRIMARY", "Release"),
        ("UNSOURCED", "Own"),
        ("OTHER", "Told"),
        ("OTHER", "Broadcast"),
    ]
    assert position["originCount"] == {"total": 4, "primary": 1, "unsourced": 1, "other": 2}


def test_a_claim_dies_with_all_that_it_rests_on_and_lives_with_one(ledger: Ledger) -> None:
    story = Story(ledger, nature="GIFT")
    one, other = story.say("NATURE", GIFT), story.say("NATURE", GIFT)
    links = [{"claim": one, "derivation": "QUOTES"}, {"claim": other, "derivation": "REPORTS"}]
    heir = story.say("NATURE", GIFT, derivedFrom=links)
    hint = story.say("NATURE", GIFT, derivedFrom=[{"claim": heir, "derivation": "SUSPECTED"}])

    def living() -> dict[str, bool]:
        asked = ledger.ask(
            "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Claim { live } } }",
            {"ids": [heir, hint]},
        )
        return {node["id"]: node["live"] for node in asked["nodes"]}

    seen = [living()]
    for root in (one, other):
        ledger.commit([{"retract": {"id": root, "version": 1}}])
        seen.append(living())

    assert seen == [
        {heir: True, hint: True},
        {heir: True, hint: True},
        {heir: False, hint: True},
    ]


def test_the_database_and_the_rules_agree_on_which_claims_live(world: World) -> None:
    ledger = world.ledger
    shown: dict[str, bool] = {}
    for states in ("ACTIVE", "RETRACTED"):
        query = (
            f"query($after: String) {{ claims(filter: {{states: [{states}]}}, first: 100, "
            "after: $after) { nodes { id live } pageInfo { hasNextPage endCursor } } }"
        )
        for page in ledger.pages(query, "claims"):
            shown |= {node["id"]: node["live"] for node in page["nodes"]}

    with opened(ledger.url) as engine, engine.connect() as connection:
        claims = load_present(connection, shown)
        cited = {claim.fields["citation"] for claim in claims.values()}
        expected = live(claims, load_present(connection, cited))

    assert {claim for claim, lives in shown.items() if lives} == expected
    assert 0 < len(expected) < len(shown)


# --- where findings are found -------------------------------------------------


def listed(ledger: Ledger, given: str, page: int = 60) -> list[tuple[str, str]]:
    query = (
        f"query($after: String) {{ findings(filter: {{{given}}}, first: {page}, after: $after) {{ "
        "nodes { id status } pageInfo { hasNextPage endCursor } } }"
    )
    return [
        (node["id"], node["status"])
        for page in ledger.pages(query, "findings")
        for node in page["nodes"]
    ]


def test_the_list_holds_every_finding_of_every_active_record_once(demo: Ledger) -> None:
    expected = []
    for kind in ("actors", "items", "transfers"):
        query = (
            f"query($after: String) {{ {kind}(first: 20, orderBy: CREATED_ASC, after: $after) {{ "
            "nodes { findings { id status } } pageInfo { hasNextPage endCursor } } }"
        )
        for page in demo.pages(query, kind):
            expected += [(f["id"], f["status"]) for n in page["nodes"] for f in n["findings"]]

    found = listed(demo, "", page=23)
    total = demo.ask("{ findings(first: 0) { totalCount } }")["findings"]["totalCount"]

    assert found == expected
    assert total == len(expected) > 200


def test_the_list_goes_backwards_too(demo: Ledger) -> None:
    forwards = listed(demo, "statuses: [CONTESTED]")
    query = """
      query($before: String) { findings(filter: {statuses: [CONTESTED]}, last: 3, before: $before) {
        nodes { id status } pageInfo { hasPreviousPage startCursor } } }
    """
    backwards: list[tuple[str, str]] = []
    before = None
    while True:
        page = demo.ask(query, {"before": before})["findings"]
        backwards = [(n["id"], n["status"]) for n in page["nodes"]] + backwards
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        before = page["pageInfo"]["startCursor"]
    turned = demo.ask(
        "{ findings(filter: {statuses: [CONTESTED]}, orderBy: RECORD_DESC, first: 100) "
        "{ nodes { id status } } }"
    )["findings"]["nodes"]

    assert backwards == forwards
    assert [(n["id"], n["status"]) for n in turned] == forwards[::-1]
    assert len(forwards) > 3


def test_each_member_of_the_filter_narrows_the_list(demo: Ledger) -> None:
    everything = listed(demo, "")
    horses = demo.transfer("E1")
    release = demo.named("citation", PRESS_RELEASE)["id"]

    assert listed(demo, "statuses: [OPEN, DENIED]") == [
        one for one in everything if one[1] in ("OPEN", "DENIED")
    ]
    assert listed(demo, "fields: [NATURE]") == [
        one for one in everything if one[0].endswith(".NATURE")
    ]
    assert listed(demo, "kinds: [ITEM]") == [
        one for one in everything if one[0].startswith("item_")
    ]
    assert listed(demo, f'records: ["{horses}"]') == [
        one for one in everything if one[0].startswith(horses)
    ]
    claimed = listed(demo, "hasClaims: true")
    assert claimed + listed(demo, "hasClaims: false") != []
    assert sorted(claimed + listed(demo, "hasClaims: false")) == sorted(everything)
    assert {one for one in everything if one[1] != "UNSUPPORTED"} <= set(claimed)
    cited = listed(demo, f'citations: ["{release}"]')
    assert (f"{horses}.QUANTITY", "SUPPORTED") in cited
    assert set(cited) < set(claimed)


def test_a_finding_has_an_id_that_finds_it_again(demo: Ledger) -> None:
    horses = demo.transfer("E1")
    wanted = [
        f"{horses}.QUANTITY",
        f"{horses}.QUANTITY@5",
        f"{horses}.STAGE",
        f"{horses}.NONSENSE",
        horses,
    ]
    query = """
      query($ids: [ID!]!, $id: ID!) {
        nodes(ids: $ids) { __typename id ... on Finding { held { ... on Measure { amount } }
          record { id } } }
        node(id: $id) { id }
        transfer(id: $id) { id }
      }
    """

    found = demo.ask(query, {"ids": wanted, "id": f"{horses}.QUANTITY"})

    assert [None if one is None else one["id"] for one in found["nodes"]] == [
        f"{horses}.QUANTITY",
        f"{horses}.QUANTITY@5",
        None,
        None,
        horses,
    ]
    present, archived, *_ = found["nodes"]
    assert (present["held"]["amount"], archived["held"]["amount"]) == ("24", "30")
    assert archived["record"]["id"] == f"{horses}@5"
    assert found["node"] == {"id": f"{horses}.QUANTITY"}
    assert found["transfer"] is None


def test_a_claim_leads_to_its_finding_and_that_to_its_history(demo: Ledger) -> None:
    query = """
      query($id: ID!) { transfer(id: $id) { claims(filter: {fields: [QUANTITY]}, first: 1) {
        nodes { finding { id history { totalCount nodes { before after revision { version
          changeset { position reason { code } } } } } } } } } }
    """

    claims = demo.ask(query, {"id": demo.transfer("E1")})["transfer"]["claims"]

    history = claims["nodes"][0]["finding"]["history"]
    assert history["totalCount"] == 2
    assert [(c["before"], c["after"]["amount"]) for c in history["nodes"]] == [
        (None, "30"),
        (heads(30), "24"),
    ]
    assert history["nodes"][1]["revision"]["changeset"]["reason"]["code"] == "ENTRY_ERROR"


def test_the_archive_finds_what_was_held_and_claimed_then(demo: Ledger) -> None:
    horses = demo.transfer("E1")
    query = """
      query($p: Position!, $id: ID!) { archive(position: $p) {
        transfer(id: $id) { findings(fields: [QUANTITY]) { id status held { ... on Measure {
          amount } } history { totalCount } positions { claims { totalCount } originCount { total
          primary } } } }
        findings(filter: {fields: [QUANTITY], hasClaims: true}, first: 100) { nodes { id } }
      } }
    """

    then = demo.ask(query, {"p": 5, "id": horses})["archive"]
    (count,) = then["transfer"]["findings"]

    assert count == {
        "id": f"{horses}.QUANTITY@5",
        "status": "SUPPORTED",
        "held": {"amount": "30"},
        "history": {"totalCount": 1},
        "positions": [{"claims": {"totalCount": 1}, "originCount": {"total": 1, "primary": 0}}],
    }
    assert then["findings"]["nodes"] == [{"id": f"{horses}.QUANTITY@5"}]


# --- chains -------------------------------------------------------------------

CHAIN = """
  chain(direction: $way) { size isComplete nodes { id } roots { kind claim { id } }
    links { derivation claim { id } parent { id } } }
"""


def test_a_chain_is_drawn_from_its_roots_to_its_last_repetition(ledger: Ledger) -> None:
    story = Story(ledger)
    release = story.cite(kind="PRESS_RELEASE")
    root = story.say("NATURE", GIFT, citation=release)
    report = story.say("NATURE", GIFT, derivedFrom=[{"claim": root, "derivation": "REPORTS"}])
    older = story.say("NATURE", SALE)
    links = [{"claim": report, "derivation": "QUOTES"}, {"claim": older, "derivation": "SUSPECTED"}]
    last = story.say("NATURE", GIFT, derivedFrom=links)
    apart = story.say("NATURE", GIFT, derivedFrom=[{"claim": root, "derivation": "REPORTS"}])
    query = f"query($id: ID!, $way: ChainDirection) {{ claim(id: $id) {{ {CHAIN} }} }}"

    chains = {
        way: ledger.ask(query, {"id": report, "way": way})["claim"]["chain"]
        for way in ("BOTH", "ORIGINS", "REPETITIONS", None)
    }
    whole = ledger.ask(
        "query($id: ID!, $way: ChainDirection) { node(id: $id) { ... on Finding { "
        + CHAIN
        + "} } }",
        {"id": f"{story.transfer}.NATURE", "way": None},
    )["node"]["chain"]

    def nodes(way: str | None) -> list[str]:
        return [node["id"] for node in chains[way]["nodes"]]

    assert nodes("ORIGINS") == [root, report]
    assert nodes("REPETITIONS") == [report, last]
    assert nodes("BOTH") == nodes(None) == [root, report, last]
    assert [node["id"] for node in whole["nodes"]] == [root, report, older, last, apart]
    assert (whole["size"], whole["isComplete"]) == (5, True)
    assert whole["roots"] == [
        {"kind": "PRIMARY", "claim": {"id": root}},
        {"kind": "UNSOURCED", "claim": {"id": older}},
    ]
    assert {(k["claim"]["id"], k["parent"]["id"], k["derivation"]) for k in whole["links"]} == {
        (report, root, "REPORTS"),
        (last, report, "QUOTES"),
        (last, older, "SUSPECTED"),
        (apart, root, "REPORTS"),
    }
