"""Proposals: what a contributor asks for, and what reviewers make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from app.domain.codes import ChangesetKind, Role
from app.domain.errors import Forbidden, ProposalConflict, Refused
from app.reads.dossiers import export, part
from app.store.dossiers import reading
from tests.checks import everything_holds
from tests.databases import KINDS, Databases
from tests.driver import Newsroom, T, heads, imports, opened, refusals, refused


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    """An empty ledger, on SQLite but where a test says `ON_BOTH`."""
    with databases.clone(request.param) as url, opened(url) as engine:
        yield engine


ON_BOTH = pytest.mark.parametrize("engine", KINDS, indirect=True)


@pytest.fixture
def house(engine: Engine) -> Newsroom:
    return Newsroom.founded(engine)


@pytest.fixture
def partner(engine: Engine) -> Newsroom:
    """A contributor of a partner newsroom."""
    return Newsroom.founded(engine, "Northern Wire", Role.CONTRIBUTOR, house=False)


def claim(subject: str, citation: str, quantity: int = 24) -> dict[str, Any]:
    fields = {"subject": subject, "field": "QUANTITY", "stance": "ASSERTS", "citation": citation}
    return {"addClaim": {**fields, "value": {"quantity": heads(quantity)}}}


def review_of(newsroom: Newsroom, position: int) -> Any:
    """Return what the log keeps, restricted, of a decision."""
    header = T["header"]
    query = sa.select(header.c.value, header.c.restricted).where(
        header.c.position == position, header.c.name == "review"
    )
    with newsroom.engine.connect() as connection:
        value, restricted = connection.execute(query).one()
    assert restricted
    return json.loads(value)


@ON_BOTH
def test_what_a_partner_proposes_becomes_a_changeset_of_the_reviewer(
    house: Newsroom, partner: Newsroom
) -> None:
    """It names contributor, newsroom and reviewer, and what is added belongs to the partner."""
    horses = house.add_transfer(quantity=30)
    source = house.add_citation()
    proposed = partner.propose(
        partner.setting(horses, quantity=24),
        {"addClaim": {"ref": "#count", **claim(horses, source)["addClaim"]}},
        reason="The service counted 24.",
    )
    before = house.head()

    done = house.review(proposed.proposal or "", "ACCEPT", "Checked against the release.")

    assert house.quantities(horses) == [30, 24]
    assert done.position == before + 1
    assert house.record(proposed.refs["#count"]).newsroom == partner.editing.newsroom
    changeset = house.changeset(done.position)
    assert changeset["kind"] == ChangesetKind.EDIT
    assert changeset["editor"] == house.editing.editor
    assert changeset["newsroom"] == house.editing.newsroom
    assert changeset["on_behalf_of"] == partner.editing.newsroom
    assert changeset["contributor"] == partner.editing.editor
    assert changeset["proposal"] == proposed.proposal
    assert house.history(horses)[-1].note == "The service counted 24."
    held = house.proposal(proposed.proposal or "")
    assert (held["state"], held["changeset"]) == ("ACCEPTED", done.position)
    kept = review_of(house, done.position)
    assert kept["note"] == "Checked against the release."
    assert house.nth(everything_holds(house.engine)) == done.position


@ON_BOTH
def test_a_partner_proposes_its_feed_by_its_own_references(
    house: Newsroom, partner: Newsroom
) -> None:
    """What is kept are adds and revisions, of what differs alone: it says what it does."""
    giver = {
        "upsertActor": {"externalRef": "A1", "ref": "#a", "set": {"name": "R", "kind": "STATE"}}
    }

    def transfer(**fields: Any) -> dict[str, Any]:
        given = {"title": "Horses", "giver": "#a", **fields}
        return {"upsertTransfer": {"externalRef": "T1", "ref": "#t", "set": given}}

    first = partner.propose(giver, transfer(quantity=heads(30)))
    house.review(first.proposal or "", "ACCEPT")
    horses = first.refs["#t"]
    house.revise(horses, stage="DELIVERED")
    claim_of_it = {"addClaim": {**claim("#t", house.add_citation())["addClaim"]}}
    again = partner.propose(giver, transfer(quantity=heads(24)), claim_of_it)
    house.revise(horses, route="By rail")
    house.review(again.proposal or "", "ACCEPT")
    idle = refused(partner.propose, giver, transfer())

    assert house.quantities(horses) == [30, 24]
    assert house.held(horses, "stage") == "DELIVERED"
    assert house.record(horses).newsroom == partner.editing.newsroom
    assert house.held(horses, "giver") == first.refs["#a"]
    assert again.refs["#t"] == horses
    assert (idle.code, idle.path) == ("INVALID_INPUT", ("operations",))
    assert house.counts()["claim"] == 1
    everything_holds(house.engine)


def test_a_proposal_writes_nothing_until_it_is_accepted(house: Newsroom, partner: Newsroom) -> None:
    horses = house.add_transfer(quantity=30)
    before = house.head()

    partner.propose(partner.setting(horses, quantity=24))

    assert house.head() == before
    assert house.quantities(horses) == [30]


def test_a_proposal_is_refused_as_the_commit_would_be(house: Newsroom, partner: Newsroom) -> None:
    """Stale versions, claims of others, and faults of the input, each with its path."""
    horses = house.add_transfer(quantity=30)
    foreign = house.add_claim(horses)
    house.revise(horses, quantity=26)

    stale = refused(partner.propose, partner.setting(horses, based_on=1, quantity=24))
    theirs = refused(partner.propose, partner.on(foreign, "retract"))
    unfit = refusals(partner.propose, {"addTransfer": {"title": ""}}, reason=" ")

    assert stale.code == "STALE_VERSION"
    assert theirs.code == "NOT_YOUR_CLAIM"
    assert {one.path for one in unfit} == {
        ("reason", "note"), ("operations", 0, "addTransfer", "title"),
    }  # fmt: skip
    assert house.counts()["proposal"] == 0


@pytest.mark.parametrize("role", [Role.READER, Role.AUDITOR])
def test_who_may_not_propose_is_told(house: Newsroom, role: Role) -> None:
    reader = house.colleague("Rita", role)

    with pytest.raises(Forbidden, match="may not"):
        reader.propose({"addActor": {"name": "Estonia", "kind": "STATE"}})


# --- the present moves on -------------------------------------------------------


def test_a_conflict_is_refused_with_the_three_values(house: Newsroom, partner: Newsroom) -> None:
    """Nothing is written, and the proposal stays where it was."""
    horses = house.add_transfer(quantity=30)
    proposed = partner.propose(partner.setting(horses, quantity=24, summary="Counted."))
    house.revise(horses, quantity=26)
    before = house.counts()

    conflict = refused(house.review, proposed.proposal, "ACCEPT")

    assert isinstance(conflict, ProposalConflict)
    assert conflict.code == "PROPOSAL_CONFLICT"
    assert conflict.path == ("operations", 0, "reviseTransfer", "set", "quantity")
    assert (conflict.record_id, conflict.field) == (horses, "quantity")
    assert (conflict.based_on, conflict.current) == (1, 2)
    assert [conflict.base["amount"], conflict.present["amount"], conflict.proposed["amount"]] == [
        "30", "26", "24",
    ]  # fmt: skip
    assert house.counts() == before
    assert house.proposal(proposed.proposal or "")["state"] == "OPEN"


@ON_BOTH
def test_other_fields_go_through(house: Newsroom, partner: Newsroom) -> None:
    """What the contributor saw and left alone may have changed; it keeps its newer value."""
    horses = house.add_transfer(quantity=30, summary="As reported.")
    proposed = partner.propose(partner.setting(horses, quantity=24, summary="As reported."))
    house.revise(horses, summary="In neutral words.", origin="Primorsky Krai")

    house.review(proposed.proposal or "", "ACCEPT")

    assert house.quantities(horses) == [30, 24]
    assert house.held(horses, "summary") == "In neutral words."
    assert house.version(horses) == 3


def test_what_is_held_already_is_left_out(house: Newsroom, partner: Newsroom) -> None:
    horses = house.add_transfer(quantity=30)
    proposed = partner.propose(partner.setting(horses, quantity=24, summary="Counted."))
    house.revise(horses, quantity=24)

    house.review(proposed.proposal or "", "ACCEPT")

    assert house.held(horses, "summary") == "Counted."
    assert house.quantities(horses) == [30, 24]


def test_a_proposal_that_is_held_already_is_refused(house: Newsroom, partner: Newsroom) -> None:
    horses = house.add_transfer(quantity=30)
    proposed = partner.propose(partner.setting(horses, quantity=24))
    house.revise(horses, quantity=24)

    conflict = refused(house.review, proposed.proposal, "ACCEPT")

    assert conflict.code == "PROPOSAL_CONFLICT"
    assert "holds all of it already" in conflict.message


@pytest.mark.parametrize("what", ["retract", "merge"])
def test_a_record_that_is_gone_is_a_conflict(house: Newsroom, partner: Newsroom, what: str) -> None:
    agency = house.add_actor("Agency")
    proposed = partner.propose(partner.setting(agency, description="A service."))
    if what == "merge":
        house.merge(agency, house.add_actor("Veterinary Service"))
    else:
        house.retract(agency)

    conflict = refused(house.review, proposed.proposal, "ACCEPT")

    assert (conflict.code, conflict.path) == ("PROPOSAL_CONFLICT", ("operations", 0, "reviseActor"))
    assert conflict.field == "state"  # type: ignore[attr-defined]


def test_a_retraction_of_what_was_corrected_since_goes_through(
    house: Newsroom, partner: Newsroom
) -> None:
    """It asks for nothing in the fields that changed."""
    horses = house.add_transfer(quantity=30)
    proposed = partner.propose(partner.on(horses, "retract"))
    house.revise(horses, quantity=24)

    house.review(proposed.proposal or "", "ACCEPT")

    assert house.record(horses).state == "RETRACTED"
    assert everything_holds(house.engine) == house.edits()


def test_an_export_tells_who_asked_for_it(house: Newsroom, partner: Newsroom) -> None:
    """As the statement of the ledger that it comes from, in a dossier that can be loaded."""
    made = partner.propose({"addActor": {"name": "Estonia", "kind": "STATE"}}).proposal or ""
    position = house.review(made, "ACCEPT").position or 0

    with reading(house.engine.url) as connection:
        lines = export(connection, part(connection, "here", first=position, last=position))
        line = json.loads([*lines][-1])

    assert line["origin"]["contributor"] == partner.editing.name
    assert line["origin"]["onBehalfOf"] == "Northern Wire"
    assert line["origin"]["editor"] == house.editing.name
    imports(house, {**line, "ids": {}}, {})
    assert house.origin(house.head()) == line["origin"]


# --- decisions ------------------------------------------------------------------


@ON_BOTH
def test_a_proposal_goes_back_and_comes_again(house: Newsroom, partner: Newsroom) -> None:
    """Each decision is an entry of the log, without a word of it for those not concerned."""
    horses = house.add_transfer(quantity=30)
    made = partner.propose(partner.setting(horses, quantity=240), message="A tip.").proposal or ""
    before = house.edits()

    house.review(made, "COMMENT", "Is that a slip?")
    partner.comment(made, "It is.")
    returned = house.review(made, "RETURN", "Count again, please.")
    partner.propose_again(made, partner.setting(horses, quantity=24))
    outdated = refused(house.review, made, "ACCEPT")
    house.review(made, "ACCEPT", revision=2)

    assert [one["kind"] for one in house.events(made)] == [
        "PROPOSE", "COMMENT", "COMMENT", "RETURN", "REVISE", "ACCEPT",
    ]  # fmt: skip
    assert outdated.code == "PROPOSAL_REVISED"
    assert house.edits() == before + 2
    assert house.quantities(horses) == [30, 24]
    entry = house.changeset(house.nth(before + 1))
    assert (entry["kind"], entry["proposal"], entry["contributor"]) == ("REVIEW", None, None)
    kept = review_of(house, returned.position or 0)
    assert (kept["proposal"], kept["decision"], kept["note"]) == (
        made, "RETURN", "Count again, please.",
    )  # fmt: skip
    assert everything_holds(house.engine) == before + 2


@pytest.mark.parametrize("end", ["REJECT", "WITHDRAW"])
def test_what_was_decided_is_final(house: Newsroom, partner: Newsroom, end: str) -> None:
    made = partner.propose({"addActor": {"name": "Estonia", "kind": "STATE"}}).proposal or ""
    decided = (
        partner.withdraw(made) if end == "WITHDRAW" else house.review(made, "REJECT", "No source.")
    )

    codes = {
        refused(house.review, made, "ACCEPT").code,
        refused(house.review, made, "COMMENT", "Hm.").code,
        refused(partner.propose_again, made, {"addActor": {"name": "E", "kind": "STATE"}}).code,
        refused(partner.withdraw, made).code,
    }

    assert codes == {"PROPOSAL_DECIDED"}
    assert review_of(house, decided.position or 0)["decision"] == end
    assert house.counts()["actor"] == 0
    assert house.nth(everything_holds(house.engine)) == decided.position


@pytest.mark.parametrize("decision", ["REJECT", "RETURN", "COMMENT"])
def test_a_contributor_is_told_why(house: Newsroom, partner: Newsroom, decision: str) -> None:
    made = partner.propose({"addActor": {"name": "Estonia", "kind": "STATE"}}).proposal

    refusal = refused(house.review, made, decision)

    assert refusal.path == ("note",)
    assert refused(house.review, made, decision, " ").path == ("note",)


def test_a_reviewer_may_word_the_reason(house: Newsroom, partner: Newsroom) -> None:
    """The changeset is theirs; the contributor's own words stay with the proposal."""
    made = partner.propose({"addActor": {"name": "Estonia", "kind": "STATE"}}).proposal or ""

    done = house.review(made, "ACCEPT", reason={"code": "INITIAL_ENTRY", "note": "A party."})

    assert house.changeset(done.position or 0)["reason_code"] == "INITIAL_ENTRY"


# --- who may --------------------------------------------------------------------


def test_nobody_accepts_their_own(house: Newsroom) -> None:
    """A colleague may; and so may oneself where the operator switched that off."""
    one, other = ({"addActor": {"name": name, "kind": "STATE"}} for name in ("Estonia", "Latvia"))
    first, second = house.propose(one).proposal or "", house.propose(other).proposal or ""

    own = refused(house.review, first, "ACCEPT")
    house.colleague("Bo").review(first, "ACCEPT")
    house.review(second, "ACCEPT", four_eyes=False)

    assert own.code == "OWN_PROPOSAL"
    assert house.counts()["actor"] == 2
    assert house.changeset(house.head())["on_behalf_of"] is None


@ON_BOTH
def test_another_newsroom_s_proposal_is_unknown(
    engine: Engine, house: Newsroom, partner: Newsroom
) -> None:
    """To whatever is done with it, as one that is not there."""
    rival = Newsroom.founded(engine, "Rival", Role.ADMIN, house=False)
    made = partner.propose({"addActor": {"name": "Estonia", "kind": "STATE"}}).proposal or ""
    absent = made[:-4] + "zzzz"

    said = [
        (one.code, one.message)
        for wanted in (made, absent)
        for one in (
            refused(rival.review, wanted, "ACCEPT"),
            refused(rival.review, wanted, "COMMENT", "Hm."),
            refused(rival.comment, wanted, "Hm."),
            refused(rival.withdraw, wanted),
            refused(rival.propose_again, wanted, {"addActor": {"name": "E", "kind": "STATE"}}),
        )
    ]

    assert set(said) == {("UNKNOWN_PROPOSAL", "there is no such proposal")}


def test_a_partner_decides_on_its_own_claims_alone(house: Newsroom, partner: Newsroom) -> None:
    """What the ledger holds is the house's to decide."""
    horses, source = house.add_transfer(quantity=30), house.add_citation()
    editor = partner.colleague("Eda", Role.EDITOR)
    words = partner.propose(claim(horses, source)).proposal or ""
    held = partner.propose(partner.setting(horses, quantity=24)).proposal or ""

    editor.review(words, "ACCEPT")
    with pytest.raises(Forbidden, match="the house decides"):
        editor.review(held, "REJECT", "No.")
    editor.review(held, "COMMENT", "Looks right.")

    assert house.counts()["claim"] == 1
    assert house.proposal(held)["state"] == "OPEN"


def test_only_the_contributor_revises_and_an_admin_may_withdraw(
    house: Newsroom, partner: Newsroom
) -> None:
    made = partner.propose({"addActor": {"name": "Estonia", "kind": "STATE"}}).proposal or ""
    colleague = partner.colleague("Bo", Role.CONTRIBUTOR)

    with pytest.raises(Forbidden, match="only its contributor may revise"):
        colleague.propose_again(made, {"addActor": {"name": "E", "kind": "STATE"}})
    with pytest.raises(Forbidden, match="only its contributor may withdraw"):
        colleague.withdraw(made)
    partner.colleague("Ada", Role.ADMIN).withdraw(made, "She left.")

    assert house.proposal(made)["state"] == "WITHDRAWN"


# --- once -----------------------------------------------------------------------


@ON_BOTH
def test_eight_reviewers_at_once_make_one_changeset(house: Newsroom, partner: Newsroom) -> None:
    horses = house.add_transfer(quantity=30)
    made = partner.propose(partner.setting(horses, quantity=24)).proposal or ""
    before = house.head()

    def accept(_: int) -> str:
        try:
            house.review(made, "ACCEPT")
        except Refused as fault:
            return fault.refusals[0].code
        return "done"

    with ThreadPoolExecutor(8) as pool:
        ended = [*pool.map(accept, range(8))]

    assert sorted(ended) == ["PROPOSAL_DECIDED"] * 7 + ["done"]
    assert house.head() == before + 1
    assert house.quantities(horses) == [30, 24]


@ON_BOTH
def test_a_repeated_request_is_answered_as_the_first(house: Newsroom, partner: Newsroom) -> None:
    operation = {"addActor": {"name": "Estonia", "kind": "STATE"}}

    first = partner.propose(operation, key="mine")
    again = partner.propose(operation, key="mine")
    other = refused(partner.propose, {"addActor": {"name": "E", "kind": "STATE"}}, key="mine")
    accepted = house.review(first.proposal or "", "ACCEPT", key="yours")
    accepted_again = house.review(first.proposal or "", "ACCEPT", key="yours")

    assert again.proposal == first.proposal
    assert other.code == "IDEMPOTENCY_KEY_REUSED"
    assert accepted_again.position == accepted.position
    assert accepted_again.accepted
    assert house.counts()["proposal"] == house.counts()["actor"] == 1


def test_a_dry_run_leaves_nothing(house: Newsroom, partner: Newsroom) -> None:
    """Neither of a proposal nor of a decision; and a reviewer sees the conflicts by one."""
    horses = house.add_transfer(quantity=30)
    before = house.counts()
    assert partner.propose(partner.setting(horses, quantity=24), dry_run=True).proposal is None
    assert house.counts() == before
    made = partner.propose(partner.setting(horses, quantity=24)).proposal or ""

    house.review(made, "ACCEPT", dry_run=True)

    assert house.quantities(horses) == [30]
    assert house.proposal(made)["state"] == "OPEN"


def test_ids_are_those_that_were_proposed(house: Newsroom, partner: Newsroom) -> None:
    """With a ref or without one; a revision keeps those of the same refs."""
    state = {"addActor": {"ref": "#e", "name": "Estonia", "kind": "STATE"}}
    made = partner.propose(state, {"addItem": {"name": "Goat", "kind": "LIVE_ANIMAL"}})
    steps = sa.select(T["proposal_step"].c.record_id).order_by(T["proposal_step"].c.place)
    with house.engine.connect() as connection:
        goat = connection.execute(steps).scalars().all()[1]
    again = partner.propose_again(
        made.proposal or "",
        state,
        {"addActor": {"name": "Port", "kind": "AGENCY", "partOf": "#e"}},
    )

    house.review(made.proposal or "", "ACCEPT", revision=2)

    assert again.refs == made.refs == {"#e": again.refs["#e"]}
    assert house.held(made.refs["#e"], "name") == "Estonia"
    assert house.counts()["item"] == 0
    assert goat.startswith("item_")


# --- redaction ------------------------------------------------------------------


@ON_BOTH
def test_a_redaction_takes_what_proposals_hold(house: Newsroom, partner: Newsroom) -> None:
    """Of an accepted one and of one that waits, which has to be revised before it is accepted."""
    admin = house.colleague("Ada", Role.ADMIN)
    horses, goats = house.add_transfer(quantity=30), house.add_transfer(quantity=447)
    accepted = partner.propose(
        partner.setting(horses, summary="Zqxwvkjer said so."), message="By Zqxwvkjer."
    )
    house.review(accepted.proposal or "", "ACCEPT")
    waiting = (
        partner.propose(partner.setting(horses, summary="Zqxwvkjer, it is said.")).proposal or ""
    )
    other = partner.propose(partner.setting(goats, summary="Fine.")).proposal or ""

    admin.redact(horses, fields=["summary"])

    with house.engine.connect() as connection:
        held = [
            str(row)
            for name in ("proposal_draft", "proposal_change", "proposal_event", "header")
            for row in connection.execute(sa.select(T[name])).all()
        ]
    assert not [row for row in held if "Zqxwvkjer" in row]
    assert refused(house.review, waiting, "ACCEPT").code == "PROPOSAL_REDACTED"
    partner.propose_again(waiting, partner.setting(horses, origin="Primorsky Krai"))
    house.review(waiting, "ACCEPT", revision=2)
    house.review(other, "ACCEPT")
    assert house.held(goats, "summary") == "Fine."
    assert everything_holds(house.engine) == house.edits()


@ON_BOTH
def test_a_redacted_note_goes_from_its_proposal_too(house: Newsroom, partner: Newsroom) -> None:
    """The reason of an accepted changeset was the contributor's; what was decided is a text too."""
    made = partner.propose(
        {"addActor": {"name": "Estonia", "kind": "STATE"}}, reason="Zqxwvkjer says."
    )
    done = house.review(made.proposal or "", "ACCEPT", "Zqxwvkjer is right.").position or 0

    house.colleague("Ada", Role.ADMIN).redact(header=(done, ["NOTE", "REVIEW"]))

    with house.engine.connect() as connection:
        held = [
            str(row)
            for name in ("proposal_draft", "header")
            for row in connection.execute(sa.select(T[name])).all()
        ]
    assert not [row for row in held if "Zqxwvkjer" in row]
    assert everything_holds(house.engine) == house.edits()
