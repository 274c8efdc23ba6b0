"""What a partner's program relies on: on behalf of, edits of which parts fail, upserts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.graphql.asking import NOTE, START, Ledger

pytestmark = pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)

COMMIT = """mutation ($input: CommitInput!) { commit(input: $input) {
  changeset { id position newsroom { name } onBehalfOf { id name } }
  records { id newsroom { name } } refs { ref id } skipped
  userErrors { code message path current { version } changesetsBetween { position } }
} }"""
SUBJECT = {"title": "Horses", "externalRef": "E1"}


def claim(subject: str, citation: str, amount: str = "24") -> dict[str, Any]:
    return {
        "addClaim": {
            "subject": subject,
            "field": "QUANTITY",
            "value": {"quantity": {"amount": amount, "unit": "head"}},
            "stance": "ASSERTS",
            "citation": citation,
        }
    }


def sources(ledger: Ledger) -> tuple[str, str]:
    """Add a transfer and a citation to make claims of; return their ids."""
    return ledger.add("transfer", title="Horses"), ledger.add(
        "citation", kind="STATEMENT", title="A statement"
    )


def newsroom_of(ledger: Ledger) -> str:
    found: str = ledger.ask("{ viewer { newsroomId } }", role="editor")["viewer"]["newsroomId"]
    return found


# --- on behalf of -----------------------------------------------------------------------------


def test_the_house_enters_what_is_a_partners(ledger: Ledger) -> None:
    """It belongs to the partner, who may correct it; the changeset says for whom it was made."""
    partner = ledger.partner("Le Monde")
    theirs = newsroom_of(partner)

    done = ledger.commit([claim(*sources(ledger))], query=COMMIT, onBehalfOf=theirs)

    assert done["userErrors"] == []
    assert done["changeset"]["newsroom"] == {"name": "Demo newsroom"}
    assert done["changeset"]["onBehalfOf"] == {"id": theirs, "name": "Le Monde"}
    (made,) = done["records"]
    assert made["newsroom"] == {"name": "Le Monde"}
    assert partner.revise(made["id"], 1, locator="p. 2")["userErrors"] == []
    (refused,) = ledger.revise(made["id"], 2, locator="p. 3")["userErrors"]
    assert refused["code"] == "NOT_YOUR_CLAIM"


def test_what_a_partner_said_is_not_revised_on_its_behalf(ledger: Ledger) -> None:
    """But by an ADMIN, who may correct everybody; a sync that finds nothing to change may go on."""
    partner = ledger.partner("Le Monde")
    said, theirs = claim(*sources(ledger)), newsroom_of(partner)
    said["addClaim"]["externalRef"] = "LM1"
    (made,) = partner.commit([said], query=COMMIT)["records"]
    revision = {"reviseClaim": {"id": made["id"], "version": 1, "set": {"locator": "p. 9"}}}
    upsert = {"upsertClaim": {"externalRef": "LM1", "set": {"stance": "DENIES"}}}
    same = {"upsertClaim": {"externalRef": "LM1", "set": {"stance": "ASSERTS"}}}

    refused = [
        ledger.commit([one], query=COMMIT, onBehalfOf=theirs)["userErrors"]
        for one in (revision, upsert)
    ]
    idle = ledger.commit([same], query=UPSERTS, onBehalfOf=theirs)
    corrected = ledger.commit([revision], query=COMMIT, role="admin", onBehalfOf=theirs)

    assert [[one["code"] for one in errors] for errors in refused] == [["NOT_YOUR_CLAIM"]] * 2
    assert (idle["userErrors"], idle["upserts"][0]["result"]) == ([], "UNCHANGED")
    assert corrected["userErrors"] == []


def test_who_enters_their_own_words_is_on_nobodys_behalf(ledger: Ledger) -> None:
    partner = ledger.partner("Le Monde")
    said = sources(ledger)

    ours = ledger.commit([claim(*said)], query=COMMIT, onBehalfOf=newsroom_of(ledger))
    theirs = partner.commit([claim(*said)], query=COMMIT, onBehalfOf=newsroom_of(partner))

    assert [one["changeset"]["onBehalfOf"] for one in (ours, theirs)] == [None, None]


def test_a_partner_enters_nothing_for_others(ledger: Ledger) -> None:
    partner, house = ledger.partner("Le Monde"), newsroom_of(ledger)
    given = {
        "reason": {"code": "CLARIFICATION", "note": NOTE},
        "operations": [claim(*sources(ledger))],
        "onBehalfOf": house,
    }

    code, message = partner.fault(COMMIT, {"input": given}, role="editor")

    assert code == "FORBIDDEN"
    assert "house" in message
    assert ledger.edits() == 2


@pytest.mark.parametrize("wanted", ["newsroom_01j6a3k7x2e5vrm8n9p0q4s6t8", "Le Monde", "actor_0"])
def test_on_behalf_of_nobody_is_refused(ledger: Ledger, wanted: str) -> None:
    ledger.partner("Le Monde")

    (error,) = ledger.commit([{"addTransfer": SUBJECT}], onBehalfOf=wanted)["userErrors"]

    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["onBehalfOf"])


# --- edits of which parts fail ----------------------------------------------------------------


def test_what_failed_is_told_beside_what_was_written(ledger: Ledger) -> None:
    horses, _ = sources(ledger)
    ledger.revise(horses, 1, title="Horses and dogs")
    operations = [
        {"reviseTransfer": {"id": horses, "version": 1, "set": {"title": "Dogs"}}},
        {"addTransfer": {"ref": "#kept", "title": "Goats"}},
    ]

    first = ledger.commit(
        operations, query=COMMIT, errorPolicy="SKIP_FAILED", idempotencyKey="feed-7"
    )
    again = ledger.commit(
        operations, query=COMMIT, errorPolicy="SKIP_FAILED", idempotencyKey="feed-7"
    )

    assert again == first
    assert first["skipped"] == [0]
    assert [one["ref"] for one in first["refs"]] == ["#kept"]
    (error,) = first["userErrors"]
    assert error["path"] == ["operations", "0", "reviseTransfer", "version"]
    assert error["current"] == {"version": 2}
    assert error["changesetsBetween"] == [{"position": START + 3}]
    assert first["changeset"]["position"] == ledger.head() == START + 4


def test_without_a_policy_one_failure_refuses_all(ledger: Ledger) -> None:
    wrong = {"addTransfer": {"title": "Dogs", "quantity": {"unit": "head"}}}

    plain = ledger.commit([{"addTransfer": SUBJECT}, wrong], query=COMMIT)
    named = ledger.commit([{"addTransfer": SUBJECT}, wrong], query=COMMIT, errorPolicy="REJECT_ALL")

    assert plain == named
    assert (plain["changeset"], plain["skipped"]) == (None, [])
    assert [one["path"][1] for one in plain["userErrors"]] == ["1"]
    assert ledger.edits() == 0


# --- upserts ----------------------------------------------------------------------------------

UPSERTS = """mutation ($input: CommitInput!) { commit(input: $input) {
  changeset { position } records { version } revisions { action }
  refs { ref id } skipped upserts { operation id result }
  userErrors { code path } leafHash
} }"""


def sync(ledger: Ledger, title: str, **more: Any) -> dict[str, Any]:
    """Sync one transfer, and a claim about it."""
    operations = [
        {"upsertTransfer": {"externalRef": "T1", "ref": "#t", "set": {"title": title}}},
        {"upsertActor": {"externalRef": "A1", "set": {"name": "Russia", "kind": "STATE"}}},
    ]
    return ledger.commit(operations, query=UPSERTS, **more)


def test_a_sync_is_told_what_it_did(ledger: Ledger) -> None:
    """Added, unchanged, revised: and where nothing changes, nothing is written, and it says so."""
    first, idle, third = sync(ledger, "Horses"), sync(ledger, "Horses"), sync(ledger, "Mares")

    ids = [one["id"] for one in first["upserts"]]
    for answer, told in (
        (first, ["ADDED", "ADDED"]),
        (idle, ["UNCHANGED", "UNCHANGED"]),
        (third, ["REVISED", "UNCHANGED"]),
    ):
        assert answer["userErrors"] == []
        assert [one["result"] for one in answer["upserts"]] == told
        assert [one["id"] for one in answer["upserts"]] == ids
        assert [one["operation"] for one in answer["upserts"]] == [0, 1]
        assert answer["refs"] == [{"ref": "#t", "id": ids[0]}]
    assert (idle["changeset"], idle["records"], idle["revisions"]) == (None, [], [])
    assert idle["leafHash"] is None
    assert third["records"] == [{"version": 2}]
    assert ledger.edits() == 2


def test_a_dry_run_of_a_sync_tells_what_it_would_do(ledger: Ledger) -> None:
    tried = sync(ledger, "Horses", dryRun=True)
    sync(ledger, "Horses")
    idle = sync(ledger, "Horses", dryRun=True)

    assert [one["result"] for one in tried["upserts"]] == ["ADDED", "ADDED"]
    assert tried["revisions"] == [{"action": "ADD"}, {"action": "ADD"}]
    assert [one["result"] for one in idle["upserts"]] == ["UNCHANGED", "UNCHANGED"]
    assert idle["revisions"] == []
    assert ledger.edits() == 1
