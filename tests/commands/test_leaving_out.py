"""SKIP_FAILED: what is refused is left out with what depends on it, and the rest is written."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from app.commands.submission import Outcome
from app.domain.codes import ChangesetKind
from app.reads.checking import check
from app.store.dossiers import reading
from tests.driver import NOTE, Newsroom, T, heads, refusals


@pytest.fixture(autouse=True)
def _the_ledger_never_contradicts_itself(engine: Engine) -> Iterator[None]:
    yield
    with reading(engine.url) as connection:
        checked: Any = check(connection)
    assert checked.problems == []


def actor(ref: str | None = None, **fields: Any) -> dict[str, Any]:
    named = {} if ref is None else {"ref": ref}
    return {"addActor": {**named, "name": "Russia", "kind": "STATE", **fields}}


def skipping(newsroom: Newsroom, *operations: Any, **more: Any) -> Outcome:
    """Submit operations of which those that are refused are to be left out."""
    body = {
        "reason": {"code": "CLARIFICATION", "note": NOTE},
        "operations": list(operations),
        "errorPolicy": "SKIP_FAILED",
    }
    return newsroom.submit(body, **more)


def told(outcome: Outcome) -> list[tuple[Any, ...]]:
    """Return code and path of each failure."""
    return [(one.code, *one.path[1:]) for one in outcome.failures]


def test_what_is_refused_is_left_out_with_whatever_names_it(newsroom: Newsroom) -> None:
    """A chain of dependents goes as a whole, and each link says what it hangs on."""
    outcome = skipping(
        newsroom,
        actor("#a"),
        actor("#b", kind="KINGDOM"),
        actor("#c", actsFor="#b"),
        {"addTransfer": {"ref": "#t", "title": "Horses", "giver": "#a", "receiver": "#c"}},
        {"addTransfer": {"ref": "#u", "title": "Shells", "giver": "#a", "partOf": "#t"}},
        {"addTransfer": {"title": "Dogs", "giver": "#a"}},
    )

    assert told(outcome) == [
        ("INVALID_INPUT", 1, "addActor", "kind"),
        ("UNKNOWN_RECORD", 2, "addActor", "actsFor"),
        ("UNKNOWN_RECORD", 3, "addTransfer", "receiver"),
        ("UNKNOWN_RECORD", 4, "addTransfer", "partOf"),
    ]
    assert outcome.skipped == (1, 2, 3, 4)
    assert list(outcome.refs) == ["#a"]
    assert newsroom.counts()["record"] == 2
    assert newsroom.edits() == 1


def test_of_what_excludes_each_other_the_first_stays(newsroom: Newsroom) -> None:
    """But not for the sake of an operation that is left out itself."""
    horses = newsroom.add_transfer(quantity=30)

    def revise(version: int, amount: int) -> dict[str, Any]:
        step = {"id": horses, "version": version, "set": {"quantity": heads(amount)}}
        return {"reviseTransfer": step}

    outcome = skipping(
        newsroom,
        revise(7, 23),
        revise(1, 24),
        revise(1, 25),
        actor(externalRef="E1", actsFor="actor_01j6a3k7x2e5vrm8n9p0q4s6t8"),
        actor(externalRef="E1"),
        actor(externalRef="E1", name="Ukraine"),
    )

    assert told(outcome) == [
        ("STALE_VERSION", 0, "reviseTransfer", "version"),
        ("INVALID_INPUT", 2, "reviseTransfer"),
        ("UNKNOWN_RECORD", 3, "addActor", "actsFor"),
        ("EXTERNAL_REF_TAKEN", 5, "addActor", "externalRef"),
    ]
    assert newsroom.quantities(horses) == [30, 24]


def test_a_circle_is_left_out_whole_and_a_merge_takes_over_what_is_left_out(
    newsroom: Newsroom,
) -> None:
    russia, double = newsroom.add_actor(), newsroom.add_actor("Russian Federation")
    agency = newsroom.add_actor("Agency", part_of=double)

    outcome = skipping(
        newsroom,
        actor("#a", partOf="#b"),
        actor("#b", partOf="#a"),
        newsroom.on(double, "merge", into=russia),
        {"reviseActor": {"id": agency, "version": 9, "set": {"name": "The agency"}}},
    )

    assert [one[:2] for one in told(outcome)] == [
        ("CYCLE", 0), ("CYCLE", 1), ("STALE_VERSION", 3),
    ]  # fmt: skip
    assert newsroom.held(agency, "partOf") == russia


def test_where_nothing_is_left_nothing_is_written(newsroom: Newsroom) -> None:
    found = refusals(skipping, newsroom, actor("#a", kind="KINGDOM"), actor(partOf="#a"))

    assert [one.code for one in found] == ["INVALID_INPUT", "UNKNOWN_RECORD"]
    assert newsroom.edits() == 0


def test_what_is_wrong_with_the_whole_edit_refuses_it_whole(newsroom: Newsroom) -> None:
    reason = {"code": "CLARIFICATION", "note": " "}
    body = {"reason": reason, "operations": [actor()], "errorPolicy": "SKIP_FAILED"}

    blank = refusals(newsroom.submit, body)
    unknown = refusals(newsroom.submit, {**body, "errorPolicy": "SKIP"})

    assert [one.path for one in blank] == [("reason", "note")]
    assert [one.path for one in unknown] == [("reason", "note"), ("errorPolicy",)]
    assert newsroom.edits() == 0


def test_a_dry_run_and_a_repetition_tell_the_same(newsroom: Newsroom) -> None:
    """Of what was sent, nothing is kept with the key: only codes, places and ids."""
    marker = "Zqxwvkjerhardt"
    horses = newsroom.add_transfer(quantity=30)
    newsroom.add_actor(external_ref=marker)
    claim = {"subject": horses, "field": "QUANTITY", "stance": "ASSERTS", "citation": "#c"}
    operations = [
        {"addCitation": {"ref": "#c", "kind": "PRESS_RELEASE", "title": marker}},
        actor("#a", name=marker, country=marker),
        actor("#b", name=marker, actsFor="#a"),
        actor("#d", name=marker, externalRef=marker),
        {"addClaim": {**claim, "value": {"text": marker}}},
        {"addClaim": {**claim, "value": {"quantity": heads(24)}}},
        {"reviseTransfer": {"id": horses, "version": 3, "set": {"title": marker}}},
        actor("#e"),
    ]

    tried = skipping(newsroom, *operations, dry_run=True)
    first = skipping(newsroom, *operations, key="k")
    again = skipping(newsroom, *operations, key="k")

    assert told(tried) == told(first) == told(again)
    assert [place for _, place, *_ in told(first)] == [1, 2, 3, 4, 6]
    assert [one.message for one in again.failures if not one.quotes] == [
        one.message for one in first.failures if not one.quotes
    ]
    assert (again.refs, again.skipped) == (first.refs, first.skipped)
    assert list(again.refs) == ["#c", "#e"]
    assert newsroom.edits() == 3
    with newsroom.engine.connect() as connection:
        rows = connection.execute(sa.select(T["idempotency"])).mappings().all()
    assert marker not in json.dumps([dict(row) for row in rows], default=str)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_many_failures_cost_about_as_much_as_none(newsroom: Newsroom) -> None:
    """500 operations of which 100 are refused, in a chain: work does not grow with both."""

    def timed(*operations: Any) -> float:
        started = time.process_time()
        skipping(newsroom, *operations, kind=ChangesetKind.IMPORT)
        return time.process_time() - started

    whole = [actor(f"#w{n}", actsFor=f"#w{n - 1}" if n % 50 else None) for n in range(400)]
    torn = [
        actor(f"#t{n}", kind="STATE" if n else "NONE", actsFor=f"#t{n - 1}" if n else None)
        for n in range(100)
    ]

    alone, together = timed(*whole), timed(*whole, *torn)

    assert together < 3 * alone + 0.5
