"""Proposals as the surface shows them: asked for, listed, decided on, and hidden from others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.databases import KINDS
from tests.graphql.asking import NOTE, ROOT, Ledger, served
from tests.graphql.conftest import Ledgers

SHOWN = """
  id state revision newsroom { name } editor { name } reason { code note } input basedOn isRedacted
  createdAt updatedAt decidedAt ageSeconds
  steps { recordId version action changes { field before after } record { id version } }
  events { kind revision editor { name } newsroom { name } note changeset { position kind } }
  changeset { position }
"""
ANSWER = f"""
  proposal {{ {SHOWN} }}
  changeset {{ position kind editor {{ name }} newsroom {{ name }} onBehalfOf {{ name }}
    contributor {{ name newsroom {{ name }} }} proposal {{ id }} reason {{ note }} }}
  refs {{ ref id }} warnings {{ code }} leafHash
  userErrors {{ code message path current {{ id version }} changesetsBetween {{ position }}
    conflict {{ field basedOn base present proposed }} }}
"""
MUTATIONS = {
    "propose": "ProposeInput",
    "reviseProposal": "ReviseProposalInput",
    "withdrawProposal": "WithdrawProposalInput",
    "commentOnProposal": "CommentOnProposalInput",
    "review": "ReviewInput",
}


COUNTED = "The service counted 24."


def heads(amount: str) -> dict[str, str]:
    return {"amount": amount, "unit": "head"}


def told(ledger: Ledger, name: str, role: str, **given: Any) -> Any:
    """Send one of the mutations and return its payload, refused or not."""
    query = f"mutation ($input: {MUTATIONS[name]}!) {{ {name}(input: $input) {{ {ANSWER} }} }}"
    return ledger.ask(query, {"input": given}, role=role)[name]


def propose(ledger: Ledger, *operations: Any, note: str = NOTE, **more: Any) -> Any:
    reason = {"code": "NEW_SOURCE", "note": note}
    return told(
        ledger, "propose", "contributor", reason=reason, operations=list(operations), **more
    )


def review(ledger: Ledger, proposal: str, decision: str, revision: int = 1, **more: Any) -> Any:
    given = {"proposal": proposal, "revision": revision, "decision": decision, **more}
    return told(ledger, "review", "editor", **given)


def setting(transfer: str, version: int, **fields: Any) -> dict[str, Any]:
    return {"reviseTransfer": {"id": transfer, "version": version, "set": fields}}


@pytest.fixture(params=KINDS)
def ledger(request: pytest.FixtureRequest, ledgers: Ledgers) -> Iterator[Ledger]:
    """An empty ledger of the test's own, on both databases."""
    with ledgers.copied(request.param, filled=False) as given, served(*given) as own:
        yield own


@pytest.fixture
def one(ledgers: Ledgers) -> Iterator[Ledger]:
    """The same on SQLite, where the database does not matter."""
    with ledgers.copied("sqlite", filled=False) as given, served(*given) as own:
        yield own


# --- from a partner to the history ----------------------------------------------


def test_a_partner_s_proposal_becomes_a_changeset_by_a_reviewer(ledger: Ledger) -> None:
    """The preview is what it becomes, and the history shows all who had a part in it."""
    wire = ledger.partner("Northern Wire", "contributor")
    horses = ledger.add("transfer", title="Horses", quantity=heads("30"))
    head = ledger.head()

    made = propose(wire, setting(horses, 1, quantity=heads("24")), note=COUNTED, message="A tip.")
    done = review(ledger, made["proposal"]["id"], "ACCEPT", note="Checked.")

    assert made["userErrors"] == done["userErrors"] == []
    assert made["changeset"] is None
    shown = made["proposal"]
    assert (shown["state"], shown["revision"], shown["basedOn"]) == ("OPEN", 1, head)
    assert shown["ageSeconds"] in range(60)
    change = {"field": "quantity", "before": heads("30"), "after": heads("24")}
    assert shown["steps"] == [
        {
            "recordId": horses, "version": 2, "action": "REVISE", "changes": [change],
            "record": {"id": horses, "version": 1},
        }
    ]  # fmt: skip
    assert shown["reason"] == {"code": "NEW_SOURCE", "note": COUNTED}
    assert shown["input"]["operations"] == [setting(horses, 1, quantity=heads("24"))]
    history = ledger.ask(
        """query ($id: ID!) { transfer(id: $id) { history(last: 1) { nodes {
             changes { field before after }
             changeset { position kind editor { name } newsroom { name } onBehalfOf { name }
               contributor { name newsroom { name } } proposal { id } reason { note } } } } } }""",
        {"id": horses}, role="editor",
    )["transfer"]["history"]["nodes"][0]  # fmt: skip
    assert history["changes"] == [change]
    assert (
        history["changeset"]
        == done["changeset"]
        == {
            "position": head + 1,
            "kind": "EDIT",
            "editor": {"name": "Demo editor"},
            "newsroom": {"name": "Demo newsroom"},
            "onBehalfOf": {"name": "Northern Wire"},
            "contributor": {
                "name": "Northern Wire contributor",
                "newsroom": {"name": "Northern Wire"},
            },
            "proposal": {"id": shown["id"]},
            "reason": {"note": COUNTED},
        }
    )
    after = done["proposal"]
    assert (after["state"], after["changeset"]) == ("ACCEPTED", {"position": head + 1})
    assert [(event["kind"], event["note"]) for event in after["events"]] == [
        ("PROPOSE", "A tip."), ("ACCEPT", "Checked."),
    ]  # fmt: skip
    assert after["events"][1]["changeset"] == {"position": head + 1, "kind": "EDIT"}


def test_a_conflict_says_what_was_seen_is_held_and_is_asked_for(ledger: Ledger) -> None:
    wire = ledger.partner("Northern Wire", "contributor")
    horses = ledger.add("transfer", title="Horses", quantity=heads("30"))
    made = propose(wire, setting(horses, 1, quantity=heads("24")))["proposal"]["id"]
    ledger.revise(horses, 1, quantity=heads("26"))
    head = ledger.head()

    tried = review(ledger, made, "ACCEPT", dryRun=True)
    done = review(ledger, made, "ACCEPT")

    (error,) = done["userErrors"]
    assert tried["userErrors"] == done["userErrors"]
    assert error["code"] == "PROPOSAL_CONFLICT"
    assert error["path"] == ["operations", "0", "reviseTransfer", "set", "quantity"]
    assert error["current"] == {"id": horses, "version": 2}
    assert error["changesetsBetween"] == [{"position": head}]
    assert error["conflict"] == {
        "field": "quantity",
        "basedOn": 1,
        "base": heads("30"),
        "present": heads("26"),
        "proposed": heads("24"),
    }
    assert done["changeset"] is None
    assert done["proposal"]["state"] == "OPEN"
    assert ledger.head() == head


def test_what_is_decided_otherwise_is_told_to_those_concerned_alone(ledger: Ledger) -> None:
    """Everybody sees that something was decided; what and why, only who may read proposals."""
    wire = ledger.partner("Northern Wire", "contributor")
    estonia = {"addActor": {"ref": "#e", "name": "Estonia", "kind": "STATE"}}
    made = propose(wire, estonia)
    named = made["proposal"]["id"]
    returned = review(ledger, named, "RETURN", note="Which source?")
    again = told(
        wire, "reviseProposal", "contributor", proposal=named, revision=1, operations=[estonia],
        reason={"code": "NEW_SOURCE", "note": "By its own word."},
    )  # fmt: skip
    told(wire, "commentOnProposal", "contributor", proposal=named, note="Done.")
    outdated = review(ledger, named, "REJECT", note="No.")
    told(wire, "withdrawProposal", "contributor", proposal=named)

    listed = ledger.ask(
        "{ changesets(filter: { kinds: [REVIEW] }, orderBy: POSITION_ASC) { nodes { kind "
        "editorName reason { note } contributor { id } revisions { totalCount } } } }"
    )["changesets"]["nodes"]
    seen = wire.ask(
        f"query ($id: ID!) {{ proposal(id: $id) {{ {SHOWN} }} }}", {"id": named}, role="contributor"
    )["proposal"]

    assert returned["changeset"]["kind"] == "REVIEW"
    assert returned["changeset"]["proposal"] is None
    assert again["refs"] == made["refs"]
    assert outdated["userErrors"][0]["code"] == "PROPOSAL_REVISED"
    assert outdated["proposal"]["revision"] == 2
    assert [(one["editorName"], one["reason"]["note"]) for one in listed] == [
        ("Demo editor", "A proposal was sent back to its contributor."),
        ("Northern Wire contributor", "A proposal was withdrawn."),
    ]
    assert "Which source?" not in json.dumps(listed)
    assert [(event["kind"], event["note"], event["revision"]) for event in seen["events"]] == [
        ("PROPOSE", None, 1), ("RETURN", "Which source?", 1), ("REVISE", None, 2),
        ("COMMENT", "Done.", 2), ("WITHDRAW", None, 2),
    ]  # fmt: skip
    assert seen["steps"][0]["record"] is None
    assert seen["state"] == "WITHDRAWN"
    assert seen["decidedAt"] is not None


def test_a_proposal_that_cannot_be_is_refused_as_a_commit_is(one: Ledger) -> None:
    wire = one.partner("Northern Wire", "contributor")
    horses = one.add("transfer", title="Horses", quantity=heads("30"))
    one.revise(horses, 1, quantity=heads("26"))

    done = propose(wire, setting(horses, 1, quantity=heads("24")))

    (error,) = done["userErrors"]
    assert (error["code"], error["current"]) == ("STALE_VERSION", {"id": horses, "version": 2})
    assert done["proposal"] is None


def test_a_dry_run_shows_what_would_be(one: Ledger) -> None:
    """Of a proposal the preview; of a decision the state that it would bring."""
    wire = one.partner("Northern Wire", "contributor")
    estonia = {"addActor": {"name": "Estonia", "kind": "STATE"}}
    head = one.head()

    tried = propose(wire, estonia, dryRun=True)
    made = propose(wire, estonia)["proposal"]["id"]
    accepted = review(one, made, "ACCEPT", dryRun=True)

    assert tried["proposal"]["steps"][0]["changes"][0]["after"] == "Estonia"
    assert accepted["proposal"]["state"] == "ACCEPTED"
    assert accepted["changeset"] is None
    listed = "{ proposals { totalCount nodes { state } } }"
    assert one.ask(listed, role="editor")["proposals"] == {
        "totalCount": 1, "nodes": [{"state": "OPEN"}],
    }  # fmt: skip
    assert one.head() == head


def test_four_eyes_can_be_switched_off(ledgers: Ledgers) -> None:
    with ledgers.copied("sqlite", filled=False) as given, served(*given, four_eyes=False) as own:
        operations = [{"addActor": {"name": "Estonia", "kind": "STATE"}}]
        reason = {"code": "NEW_SOURCE", "note": NOTE}
        made = told(own, "propose", "editor", reason=reason, operations=operations)

        done = review(own, made["proposal"]["id"], "ACCEPT")

    assert done["changeset"]["onBehalfOf"] is None
    assert done["changeset"]["contributor"]["name"] == "Demo editor"


# --- the guide ------------------------------------------------------------------

GUIDE = (ROOT / "docs" / "proposals.md").read_text()
EXAMPLES = re.findall(r"^```graphql\n# by a (\w+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def test_the_examples_of_the_guide_do_what_it_says(one: Ledger) -> None:
    """In their order, with a real transfer and the proposal that the first one makes."""
    wire = one.partner("Northern Wire", "contributor")
    horses = one.add("transfer", title="Horses", quantity=heads("30"))
    made, answers = "", []

    for who, example in EXAMPLES:
        asker, role = (wire, "contributor") if who == "contributor" else (one, "editor")
        query = example.replace("transfer_…", horses).replace("proposal_…", made)
        answers.append(asker.ask(query, role=role))
        made = answers[0]["propose"]["proposal"]["id"]

    proposed, revised, own, queue, accepted = answers
    assert proposed["propose"]["userErrors"] == revised["reviseProposal"]["userErrors"] == []
    assert revised["reviseProposal"]["proposal"] == {"revision": 2, "state": "OPEN"}
    assert [one["id"] for one in own["proposals"]["nodes"]] == [made]
    assert queue["proposalCounts"][0]["count"] == queue["proposals"]["totalCount"] == 1
    assert accepted["review"]["proposal"] == {"state": "ACCEPTED"}
    assert accepted["review"]["changeset"]["onBehalfOf"] == {"name": "Northern Wire"}
    assert GUIDE.count("```graphql") == len(EXAMPLES)


# --- queues ---------------------------------------------------------------------

QUEUE = """
query ($filter: ProposalFilter, $orderBy: ProposalOrder, $first: Int, $after: String) {
  proposals(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount nodes { reason { note } } pageInfo { hasNextPage endCursor } } }
"""


def test_queues_are_filtered_ordered_and_paged(ledger: Ledger) -> None:
    """The oldest waits in front; pages go on where they ended."""
    wire = ledger.partner("Northern Wire", "contributor")
    horses = ledger.add("transfer", title="Horses", quantity=heads("30"))
    made = [
        propose(wire, operation, note=note)["proposal"]
        for note, operation in (
            ("one", setting(horses, 1, quantity=heads("24"))),
            ("two", {"addActor": {"name": "Estonia", "kind": "STATE"}}),
            ("three", {"addActor": {"name": "Latvia", "kind": "STATE"}}),
        )
    ]
    review(ledger, made[0]["id"], "COMMENT", note="Hm.")
    review(ledger, made[2]["id"], "REJECT", note="No.")

    def queue(**variables: Any) -> list[str]:
        nodes = ledger.ask(QUEUE, variables, role="auditor")["proposals"]["nodes"]
        return [node["reason"]["note"] for node in nodes]

    assert queue() == ["one", "two", "three"]
    assert queue(orderBy="CREATED_DESC") == ["three", "two", "one"]
    assert queue(orderBy="UPDATED_ASC") == ["two", "one", "three"]
    assert queue(filter={"states": ["OPEN"]}) == ["one", "two"]
    assert queue(filter={"records": [horses]}) == ["one"]
    assert queue(filter={"createdBefore": made[1]["createdAt"]}) == ["one"]
    assert queue(filter={"createdFrom": made[2]["createdAt"]}) == ["three"]
    assert queue(filter={"ids": [made[1]["id"]]}) == ["two"]
    first = ledger.ask(QUEUE, {"first": 2}, role="auditor")["proposals"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    assert queue(after=first["pageInfo"]["endCursor"]) == ["three"]


def test_counts_are_for_badges(ledger: Ledger) -> None:
    wire = ledger.partner("Northern Wire", "contributor")
    made = [
        propose(wire, {"addActor": {"name": name, "kind": "STATE"}})["proposal"]
        for name in ("Estonia", "Latvia", "Lithuania")
    ]
    review(ledger, made[1]["id"], "REJECT", note="No.")
    badge = "{ proposalCounts { state newsroom { name } count oldestAt } }"

    counts = ledger.ask(badge, role="editor")["proposalCounts"]

    assert counts == wire.ask(badge, role="contributor")["proposalCounts"]
    assert counts == [
        {"state": state, "newsroom": {"name": "Northern Wire"}, "count": number, "oldestAt": oldest}
        for state, number, oldest in (
            ("OPEN", 2, made[0]["createdAt"]), ("REJECTED", 1, made[1]["createdAt"]),
        )
    ]  # fmt: skip


# --- who sees them --------------------------------------------------------------


def test_another_newsroom_s_proposals_are_nowhere(ledger: Ledger) -> None:
    """By id, in lists, by each filter and order, in counts, cursors and what leads to them."""
    wire = ledger.partner("Northern Wire", "contributor")
    rival = ledger.partner("Rival", "admin")
    horses = ledger.add("transfer", title="Horses", quantity=heads("30"))
    mine, accepted = (
        propose(wire, setting(horses, 1, **fields))["proposal"]["id"]
        for fields in ({"quantity": heads("24")}, {"summary": "Counted."})
    )
    position = review(ledger, accepted, "ACCEPT")["changeset"]["position"]
    newsroom = wire.ask("{ viewer { newsroomId } }", role="contributor")["viewer"]["newsroomId"]
    everything = """query ($id: ID!, $ids: [ID!]!, $marked: ID!, $horses: ID!, $room: ID!,
        $after: String, $position: Position!) {
      proposal(id: $id) { id }  node(id: $id) { id }  nodes(ids: $ids) { id }
      marked: node(id: $marked) { id }
      archive(position: 1) { node(id: $id) { id } nodes(ids: $ids) { id } }
      all: proposals { totalCount nodes { id } edges { cursor } pageInfo { endCursor } }
      by: proposals(filter: { newsrooms: [$room], records: [$horses], ids: $ids },
        orderBy: UPDATED_DESC) { totalCount nodes { id } }
      last: proposals(last: 1) { nodes { id } }
      after: proposals(first: 1, after: $after) { nodes { id } pageInfo { hasPreviousPage } }
      proposalCounts { count }
      changeset(position: $position) { contributor { name } proposal { id } }
    }"""
    cursor = wire.ask("{ proposals(first: 1) { pageInfo { endCursor } } }", role="contributor")
    variables = {
        "id": mine, "ids": [mine, accepted], "marked": f"{mine}@1", "horses": horses,
        "room": newsroom, "after": cursor["proposals"]["pageInfo"]["endCursor"],
        "position": position,
    }  # fmt: skip

    seen = rival.ask(everything, variables, role="admin")
    own = wire.ask(everything, variables, role="contributor")

    empty: dict[str, Any] = {"totalCount": 0, "nodes": []}
    assert seen == {
        "proposal": None, "node": None, "nodes": [None, None], "marked": None,
        "archive": {"node": None, "nodes": [None, None]},
        "all": {**empty, "edges": [], "pageInfo": {"endCursor": None}}, "by": empty,
        "last": {"nodes": []},
        # A cursor tells where it stands in a list, not what stands there.
        "after": {"nodes": [], "pageInfo": {"hasPreviousPage": True}},
        "proposalCounts": [],
        "changeset": {"contributor": {"name": "Northern Wire contributor"}, "proposal": None},
    }  # fmt: skip
    assert own["proposal"] == own["node"] == {"id": mine}
    assert own["nodes"] == [{"id": mine}, {"id": accepted}]
    assert own["all"]["totalCount"] == own["by"]["totalCount"] == 2
    assert own["archive"] == {"node": None, "nodes": [None, None]}
    assert own["changeset"]["proposal"] == {"id": accepted}
    refused = told(rival, "review", "admin", proposal=mine, revision=1, decision="ACCEPT")
    assert refused["userErrors"][0]["code"] == "UNKNOWN_PROPOSAL"
    assert refused["proposal"] is None


@pytest.mark.parametrize("role", [None, "reader"])
def test_who_may_not_read_proposals_is_told(one: Ledger, role: str | None) -> None:
    """An id shows nothing either, which is not said to be somebody's."""
    made = propose(one, {"addActor": {"name": "Estonia", "kind": "STATE"}})["proposal"]["id"]

    code, _ = one.fault("{ proposals { totalCount } }", role=role)
    node = one.ask("query ($id: ID!) { node(id: $id) { id } }", {"id": made}, role=role)["node"]

    assert code == ("UNAUTHENTICATED" if role is None else "FORBIDDEN")
    assert node is None


def test_an_answer_with_proposals_is_never_kept(one: Ledger) -> None:
    """They move while the log stands still."""
    made = propose(one, {"addActor": {"name": "Estonia", "kind": "STATE"}})["proposal"]["id"]
    query = "query ($id: ID!) { proposal(id: $id) { events { kind } } }"
    before = one.ask(query, {"id": made}, role="editor")

    review(one, made, "COMMENT", note="Hm.")

    assert len(one.ask(query, {"id": made}, role="editor")["proposal"]["events"]) == 2
    assert len(before["proposal"]["events"]) == 1
