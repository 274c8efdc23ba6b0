"""Upserts: a newsroom's record is named by its own reference, whether it is there or not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from app.commands import deciding
from app.commands.submission import Outcome
from app.domain.codes import ErrorPolicy, Role
from app.reads.checking import check
from app.store.dossiers import reading
from tests.driver import NOTE, Newsroom, T, heads, refusals, refused


@pytest.fixture(autouse=True)
def _the_ledger_never_contradicts_itself(engine: Engine) -> Iterator[None]:
    yield
    with reading(engine.url) as connection:
        checked: Any = check(connection)
    assert checked.problems == []


def upsert(
    kind: str, external_ref: str, ref: str | None = None, /, **fields: Any
) -> dict[str, Any]:
    named = {} if ref is None else {"ref": ref}
    return {f"upsert{kind}": {"externalRef": external_ref, **named, "set": fields}}


def state(external_ref: str, name: str = "Russia", /, **more: Any) -> dict[str, Any]:
    return upsert("Actor", external_ref, name=name, kind="STATE", **more)


def results(outcome: Outcome) -> list[tuple[int, str]]:
    return [(one.place, str(one.result)) for one in outcome.upserts]


FEED = (
    upsert("Actor", "A1", "#giver", name="Russia", kind="STATE"),
    upsert("Actor", "A2", "#receiver", name="North Korea", kind="STATE"),
    upsert("Transfer", "T1", "#t", title="Horses", giver="#giver", receiver="#receiver",
           quantity=heads(30)),
    upsert("Citation", "C1", "#c", kind="STATEMENT", title="The veterinary service"),
    upsert("Claim", "T1/quantity", subject="#t", field="QUANTITY", stance="ASSERTS",
           citation="#c", value={"quantity": heads(24)}),
)  # fmt: skip


def feed(**moved: Any) -> list[dict[str, Any]]:
    """Return the feed as it is sent each time, its transfer with other values."""
    copied: list[dict[str, Any]] = json.loads(json.dumps(FEED))
    copied[2]["upsertTransfer"]["set"].update(moved)
    return copied


def test_a_feed_is_synced_without_looking_anything_up(newsroom: Newsroom) -> None:
    """Added at first, unchanged at the second time, revised where it differs at the third."""
    first = newsroom.commit(*feed())
    second = newsroom.commit(*feed())
    third = newsroom.commit(*feed(quantity=heads(24)))

    assert results(first) == [(place, "ADDED") for place in range(5)]
    assert results(second) == [(place, "UNCHANGED") for place in range(5)]
    assert results(third) == [
        (0, "UNCHANGED"), (1, "UNCHANGED"), (2, "REVISED"), (3, "UNCHANGED"), (4, "UNCHANGED"),
    ]  # fmt: skip
    assert (second.position, second.changeset_id) == (None, None)
    assert first.refs == second.refs == third.refs
    assert newsroom.quantities(third.refs["#t"]) == [30, 24]
    assert newsroom.edits() == 2


def test_what_is_not_given_stays_and_null_takes_away(newsroom: Newsroom) -> None:
    newsroom.commit(
        upsert("Transfer", "T1", "#t", title="Horses", route="By rail", stage="PLEDGED")
    )

    outcome = newsroom.commit(upsert("Transfer", "T1", "#t", stage="DELIVERED", route=None))

    held = newsroom.record(outcome.refs["#t"]).fields
    assert held == {"title": "Horses", "stage": "DELIVERED", "externalRef": "T1"}


def test_a_record_is_named_by_its_reference_alone(newsroom: Newsroom) -> None:
    """An upsert that sets nothing is a look-up; other operations then refer to what it found."""
    russia = newsroom.add_actor(external_ref="A1")

    outcome = newsroom.commit(
        upsert("Actor", "A1", "#it"), {"addTransfer": {"ref": "#t", "title": "T", "giver": "#it"}}
    )

    assert outcome.refs["#it"] == russia
    assert newsroom.held(outcome.refs["#t"], "giver") == russia


def test_each_newsroom_has_references_of_its_own(newsroom: Newsroom) -> None:
    """Also where the house enters for a partner: the record is then looked for among theirs."""
    partner = Newsroom.founded(newsroom.engine, "Le Monde", house=False)
    newsroom.commit(state("A1", "Russia"))
    behalf = replace(newsroom.editing, on_behalf_of=partner.editing.newsroom)
    for_partner = replace(newsroom, editing=behalf)

    first = for_partner.commit(state("A1", "Russie"))
    again = for_partner.commit(state("A1", "Russie"))

    assert (results(first), results(again)) == ([(0, "ADDED")], [(0, "UNCHANGED")])
    assert newsroom.record(first.upserts[0].id).newsroom == partner.editing.newsroom


def test_a_partner_syncs_its_claims_and_proposes_the_rest(newsroom: Newsroom) -> None:
    partner = Newsroom.founded(newsroom.engine, "Le Monde", house=False)
    said = {
        "subject": newsroom.add_transfer(), "citation": newsroom.add_citation(),
        "field": "QUANTITY", "stance": "ASSERTS", "value": {"quantity": heads(24)},
    }  # fmt: skip

    added = partner.commit(upsert("Claim", "LM1", **said))
    moved = partner.commit(upsert("Claim", "LM1", locator="p. 2"))

    assert (results(added), results(moved)) == ([(0, "ADDED")], [(0, "REVISED")])
    assert refused(partner.commit, state("A1")).code == "PROPOSE_INSTEAD"


# --- refusals ---------------------------------------------------------------------------------


def test_what_is_withdrawn_is_not_brought_back_by_a_sync(newsroom: Newsroom) -> None:
    (russia,) = newsroom.commit(state("A1")).upserts
    newsroom.retract(russia.id)

    found = refused(newsroom.commit, state("A1"))

    assert (found.code, found.path) == ("WRONG_STATE", ("operations", 0, "upsertActor"))
    assert "restore it first" in found.message
    assert newsroom.edits() == 2


def test_what_was_redacted_is_not_put_back_by_a_sync(newsroom: Newsroom) -> None:
    """The feed still has it, and says so each night; only a person may give the field a value."""
    admin = newsroom.colleague("Ada", Role.ADMIN)
    (horses,) = newsroom.commit(upsert("Transfer", "T1", title="Horses", route="By rail")).upserts
    admin.redact(horses.id, fields=["route"])

    found = refused(newsroom.commit, upsert("Transfer", "T1", title="Mares", route="By rail"))
    other = newsroom.commit(upsert("Transfer", "T1", title="Mares"))

    assert (found.code, found.path[2:]) == ("WRONG_STATE", ("upsertTransfer", "set", "route"))
    assert results(other) == [(0, "REVISED")]
    newsroom.revise(horses.id, route="By sea")
    assert results(newsroom.commit(upsert("Transfer", "T1", route="By rail"))) == [(0, "REVISED")]


@pytest.mark.parametrize(
    ("operations", "code", "path"),
    [
        ([upsert("Actor", "A1", name="R")], "INVALID_INPUT", (0, "upsertActor", "set", "kind")),
        ([upsert("Actor", "A1", name=None)], "INVALID_INPUT", (0, "upsertActor", "set", "name")),
        ([upsert("Actor", " ", name="R")], "INVALID_INPUT", (0, "upsertActor", "externalRef")),
        (
            [state("A1", externalRef="A2")],
            "INVALID_INPUT",
            (0, "upsertActor", "set", "externalRef"),
        ),
        ([state("A1"), state("A1")], "INVALID_INPUT", (1, "upsertActor", "externalRef")),
        ([state("A1", partOf="#none")], "UNKNOWN_RECORD", (0, "upsertActor", "set", "partOf")),
        (
            [state("A1"), {"addActor": {"name": "R", "kind": "STATE", "externalRef": "A1"}}],
            "EXTERNAL_REF_TAKEN",
            (1, "addActor", "externalRef"),
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_cannot_be_upserted_is_told_with_its_place(
    newsroom: Newsroom, operations: Sequence[Any], code: str, path: tuple[Any, ...]
) -> None:
    assert (code, ("operations", *path)) in [
        (one.code, one.path) for one in refusals(newsroom.commit, *operations)
    ]
    assert newsroom.edits() == 0


def test_a_circle_through_records_that_are_there_is_refused(newsroom: Newsroom) -> None:
    newsroom.commit(state("A1"), upsert("Actor", "A2", "#b", name="Agency", kind="AGENCY"))
    newsroom.commit(upsert("Actor", "A1", "#a"), upsert("Actor", "A2", partOf="#a"))

    found = refused(
        newsroom.commit, upsert("Actor", "A2", "#b"), upsert("Actor", "A1", partOf="#b")
    )

    assert (found.code, found.path[1:]) == ("CYCLE", (1, "upsertActor", "set", "partOf"))


# --- together with keys and policies ----------------------------------------------------------


def test_a_repetition_says_what_was_done_the_first_time(newsroom: Newsroom) -> None:
    """Though by now something else would be: also where nothing was."""
    first = newsroom.commit(*feed(), key="1")
    idle = newsroom.commit(*feed(), key="2")
    newsroom.revise(first.refs["#t"], title="Dogs")

    assert newsroom.commit(*feed(), key="1") == first
    assert newsroom.commit(*feed(), key="2") == idle
    assert newsroom.held(first.refs["#t"], "title") == "Dogs"
    assert refused(newsroom.commit, *feed(title="Goats"), key="2").code == "IDEMPOTENCY_KEY_REUSED"


def test_a_sync_goes_on_without_what_fails(newsroom: Newsroom) -> None:
    """What names a record that is there stays, though its own operation is left out."""
    (russia, _) = newsroom.commit(state("A1"), state("A2", "Ukraine")).upserts
    newsroom.retract(russia.id)
    operations = [
        upsert("Actor", "A1", "#a", name="Rossiya"),
        upsert("Actor", "A2", name="Ukraine"),
        upsert("Actor", "A3", "#new", name="Nobody"),
        upsert("Transfer", "T1", title="Horses", giver="#a"),
        upsert("Transfer", "T2", title="Dogs", giver="#new"),
    ]
    body = {
        "reason": {"code": "CLARIFICATION", "note": NOTE},
        "operations": operations,
        "errorPolicy": "SKIP_FAILED",
    }

    tried = newsroom.submit(body, dry_run=True)
    outcome = newsroom.submit(body, key="k")
    again = newsroom.submit(body, key="k")

    assert results(outcome) == results(tried) == [(1, "UNCHANGED"), (3, "ADDED")]
    assert [(one.code, one.path[1]) for one in outcome.failures] == [
        ("WRONG_STATE", 0), ("INVALID_INPUT", 2), ("UNKNOWN_RECORD", 4),
    ]  # fmt: skip
    assert (again.upserts, again.skipped) == (outcome.upserts, outcome.skipped)
    assert newsroom.held(outcome.upserts[1].id, "giver") == russia.id


def test_nothing_to_change_beside_what_fails_writes_nothing(newsroom: Newsroom) -> None:
    newsroom.commit(state("A1"))
    body = {
        "reason": {"code": "CLARIFICATION", "note": NOTE},
        "operations": [state("A1"), upsert("Actor", "A2", name="Nobody")],
        "errorPolicy": "SKIP_FAILED",
    }

    outcome = newsroom.submit(body)

    assert (outcome.position, results(outcome)) == (None, [(0, "UNCHANGED")])
    assert outcome.skipped == (1,)
    assert newsroom.edits() == 1


# --- races ------------------------------------------------------------------------------------


def test_eight_syncs_at_once_make_one_record_of_each(newsroom: Newsroom) -> None:
    """Whoever comes second finds what the first one added; nobody's value is lost unseen."""
    people = [newsroom.colleague(f"Sync {number}") for number in range(8)]

    def sync(person: Newsroom) -> list[Outcome]:
        number = int(person.editing.name[5:])
        operations = feed(quantity=heads(20 + number))
        if number % 2:  # in another order, so that locks are asked for in another one
            operations[0], operations[1] = operations[1], operations[0]
        return [person.commit(*operations) for _ in range(3)]

    with ThreadPoolExecutor(8) as threads:
        outcomes = [one for batch in threads.map(sync, people) for one in batch]

    assert len({tuple(sorted(one.refs.items())) for one in outcomes}) == 1
    assert newsroom.counts()["record"] == len(FEED)
    written = [one.position for one in outcomes if one.position is not None]
    assert sorted(written) == [newsroom.nth(one + 1) for one in range(newsroom.edits())]
    with newsroom.engine.connect() as connection:
        newest = connection.execute(sa.select(sa.func.max(T["transfer"].c.version))).scalar_one()
    assert newest == len(newsroom.quantities(outcomes[0].refs["#t"]))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("policy", list(ErrorPolicy))
def test_what_somebody_adds_between_look_up_and_decision_is_found(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch, policy: ErrorPolicy
) -> None:
    """PostgreSQL lets another editor's add in there; on SQLite a writer is alone."""
    other, locked = newsroom.colleague("Bo"), deciding.lock_records
    added = {"addActor": {"name": "Russia", "kind": "STATE", "externalRef": "A1"}}

    def add_first(*given: Any) -> None:
        monkeypatch.setattr(deciding, "lock_records", locked)
        other.commit(added)
        locked(*given)

    monkeypatch.setattr(deciding, "lock_records", add_first)
    outcome = newsroom.commit(state("A1"), policy=policy)

    assert newsroom.counts()["record"] == 1
    assert [str(one.result) for one in outcome.upserts] == ["UNCHANGED"]
    assert outcome.failures == ()


def test_an_add_and_an_upsert_of_one_reference_make_one_record(newsroom: Newsroom) -> None:
    other = newsroom.colleague("Bo")

    def add(_: int) -> Any:
        added = {"addActor": {"name": "Russia", "kind": "STATE", "externalRef": "A1"}}
        try:
            return other.commit(added).position
        except Exception as fault:  # noqa: BLE001 - told below
            return [one.code for one in getattr(fault, "refusals", ())]

    with ThreadPoolExecutor(4) as threads:
        adding = threads.map(add, range(2))
        upserting = threads.map(lambda _: newsroom.commit(state("A1")), range(2))
        codes, outcomes = [*adding], [*upserting]

    assert newsroom.counts()["record"] == 1
    assert all(isinstance(one, int) or one == ["EXTERNAL_REF_TAKEN"] for one in codes)
    assert len({one.upserts[0].id for one in outcomes}) == 1
