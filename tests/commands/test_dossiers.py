"""Dossiers: what is loaded, what stops a load, and that an export is the ledger again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from jsonschema import Draft202012Validator

from app.commands.dossiers import Loaded, load
from app.commands.submission import Submission
from app.commands.submit import submit
from app.domain.codes import ChangesetKind, Role
from app.domain.decisions import Editing
from app.domain.dossiers import parse_line
from app.domain.errors import BadArgument, LoadStopped, Refused
from app.domain.field_types import Code
from app.domain.kinds import KINDS
from app.domain.operations import OPERATION_TAGS
from app.reads.dossiers import export, part
from app.store import dossiers as store
from app.store.database import open_engine, parse_url
from app.store.records import load_as_of
from tests.checks import everything_holds
from tests.databases import KINDS as DATABASES
from tests.databases import Databases
from tests.driver import Newsroom

DEMO = (files("app.demo") / "dossier.jsonl").read_bytes().splitlines(keepends=True)


class Ledger:
    """A ledger with one editor: the driver of these tests."""

    loaded: Sequence[int] = ()
    """Lines read and written, first and last position of the load that it started with."""

    def __init__(self, url: str, *entered: str) -> None:
        self.engine = open_engine(parse_url(url))
        newsroom, editor = entered or self._enter()
        self.entered = [newsroom, editor]
        self.newsroom = newsroom
        self.editing = Editing(editor, self.newsroom, Role.EDITOR, "Ann", is_house=True)
        desk = Newsroom(self.engine, self.editing)
        self.nth, self.edits, self.colleague = desk.nth, desk.edits, desk.colleague

    def _enter(self) -> tuple[str, str]:
        founded = Newsroom.founded(self.engine, "House", Role.ADMIN).editing
        return founded.newsroom, founded.editor

    def close(self) -> None:
        self.engine.dispose()

    def load(self, *lines: Any, **how: Any) -> Loaded:
        return load(self.engine, [_bytes(line) for line in lines], self.editing, **how)

    def commit(self, *operations: dict[str, Any], **more: Any) -> Any:
        reason = {"code": "OTHER", "note": "A reason.", "internalNote": "Between us."}
        body = {"reason": reason, "operations": list(operations)}
        return submit(self.engine, Submission(body, self.editing, **more))

    def revert(self, position: int | None) -> Any:
        body = {"reason": {"code": "ENTRY_ERROR", "note": "Put back."}}
        return submit(self.engine, Submission(body, self.editing, reverts=position))

    def redact(self, *targets: dict[str, Any]) -> Any:
        """Remove content as the ADMIN of this newsroom does."""
        body = {
            "reason": {"code": "PRIVACY", "note": "A person asked."},
            "authority": "PRIVACY",
            "targets": list(targets),
        }
        return submit(self.engine, Submission(body, self.admin, ChangesetKind.REDACTION))

    @property
    def admin(self) -> Editing:
        return replace(self.editing, role=Role.ADMIN)

    def load_as_admin(self, *lines: Any) -> Loaded:
        return load(self.engine, [_bytes(line) for line in lines], self.admin)

    def export(self, first: int = 1, last: int | None = None) -> list[str]:
        with store.reading(self.engine.url) as connection:
            wanted = part(connection, "there", first=first, last=last)
            return list(export(connection, wanted))

    def head(self) -> int:
        with store.reading(self.engine.url) as connection:
            return store.head_position(connection)

    def contents(self) -> list[Any]:
        """Everything that an export promises to keep, in the order of the log."""
        with store.reading(self.engine.url) as connection:
            return [
                (
                    stored.reason_code,
                    stored.headers["note"],
                    stored.headers.get("internalNote"),
                    stored.headers.get("origin"),
                    stored.made,
                )
                for batch in store.changesets(connection, 1, self.head())
                for stored in batch
                if stored.kind != ChangesetKind.ACCESS
            ]

    def records(self, position: int | None = None) -> dict[str, Any]:
        """State and fields of every record, now or as of a position."""
        with store.reading(self.engine.url) as connection:
            ids = connection.execute(sa.text("SELECT id FROM record")).scalars().all()
            found = load_as_of(connection, ids, self.head() if position is None else position)
        return {key: (record.state, record.fields) for key, record in found.items()}


def _bytes(line: Any) -> bytes:
    if isinstance(line, bytes):
        return line
    return line.encode() if isinstance(line, str) else json.dumps(line).encode()


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """An empty ledger, on SQLite, then on PostgreSQL."""
    with closing(Ledger(database_url)) as made:
        yield made


def _with_demo(url: str) -> dict[str, Any]:
    with closing(Ledger(url)) as made:
        loaded = made.load(*DEMO)
        return {
            "entered": made.entered,
            "loaded": [loaded.lines, loaded.written, loaded.first, loaded.last],
        }


@pytest.fixture(params=DATABASES)
def demo(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Ledger]:
    """A ledger with the demo loaded."""
    with (
        databases.filled(request.param, "loaded", _with_demo) as (url, known),
        closing(Ledger(url, *known["entered"])) as made,
    ):
        made.loaded = known["loaded"]
        yield made


@pytest.fixture
def other_than_demo(databases: Databases, demo: Ledger) -> Iterator[Ledger]:
    """An empty ledger, on the same kind of database."""
    with databases.clone(demo.engine.dialect.name) as url, closing(Ledger(url)) as made:
        yield made


@pytest.fixture
def other(databases: Databases, ledger: Ledger) -> Iterator[Ledger]:
    """A second empty ledger, on the same kind of database."""
    kind = ledger.engine.dialect.name
    with databases.clone(kind) as url, closing(Ledger(url)) as made:
        yield made


def line(*operations: dict[str, Any], note: str = "As reported.", **more: Any) -> dict[str, Any]:
    """A line of a dossier."""
    reason = {"code": "NEW_SOURCE", "note": note}
    return {"input": {"reason": reason, "operations": list(operations)}, **more}


def actor(ref: str, **fields: Any) -> dict[str, Any]:
    return {"addActor": {"ref": ref, "name": ref[1:], "kind": "STATE", **fields}}


def transfer(ref: str, **fields: Any) -> dict[str, Any]:
    return {"addTransfer": {"ref": ref, "title": ref[1:], **fields}}


def without_origins(contents: Iterable[Any]) -> list[Any]:
    return [(code, note, internal, made) for code, note, internal, _origin, made in contents]


# --- loading ------------------------------------------------------------------


def test_the_demo_dossier_loads_line_by_line(demo: Ledger) -> None:
    """Each line is a changeset of kind IMPORT, with its origin beside it."""
    assert demo.loaded == [38, 38, 2, 39]
    origins = [origin for _, _, _, origin, _ in demo.contents()]
    assert origins[0]["editor"] == "Mara Lindqvist"
    assert origins[34]["kind"] == "MERGE"


def test_loading_a_file_again_changes_nothing(demo: Ledger) -> None:
    again = demo.load(*DEMO)

    assert (again.lines, again.skipped, again.written) == (38, 38, 0)
    assert demo.edits() == 38


def test_a_load_goes_on_where_it_was_stopped(ledger: Ledger) -> None:
    """Lines that are loaded are skipped, and their refs are known again."""
    good = [line(actor("#north")), line(transfer("#horses", giver="#north"))]
    bad = line(transfer("#shells", giver="#nobody"))
    mended = line(transfer("#shells", giver="#north", partOf="#horses"))
    with pytest.raises(LoadStopped) as stopped:
        ledger.load(*good, bad)

    loaded = ledger.load(*good, mended)

    assert stopped.value.loaded == Loaded(2, 0, 2, stopped.value.loaded.warnings, 2, 3)
    assert (loaded.skipped, loaded.first, loaded.last) == (2, 4, 4)


def test_a_refused_line_names_line_operation_and_field(ledger: Ledger) -> None:
    bad = line(actor("#north"), transfer("#horses", quantity={"amount": "many", "unit": "head"}))

    with pytest.raises(LoadStopped) as stopped:
        ledger.load(line(actor("#south")), b"\n", bad)

    assert stopped.value.line == 3
    assert stopped.value.operations == ("addActor", "addTransfer")
    assert isinstance(stopped.value.fault, Refused)
    (refusal,) = stopped.value.fault.refusals
    assert refusal.path == ("operations", 1, "addTransfer", "quantity", "amount")
    assert ledger.edits() == 1


def test_two_lines_that_say_the_same_are_two_changesets(ledger: Ledger) -> None:
    twice = line({"addItem": {"name": "Horse", "kind": "LIVE_ANIMAL"}})

    loaded = ledger.load(twice, twice)
    again = ledger.load(twice, twice, twice)

    assert (loaded.written, again.skipped, again.written) == (2, 2, 1)


def test_a_ref_that_means_another_record_makes_another_line(ledger: Ledger) -> None:
    """Two dossiers may use one ref; the second one's line is not taken for the first's."""
    retitle = line({"reviseActor": {"id": "#a", "version": 1, "set": {"country": "RU"}}})
    ledger.load(line(actor("#a", description="One.")), retitle)

    loaded = ledger.load(line(actor("#a", description="Another.")), retitle)

    assert loaded.written == 2


def test_all_or_nothing_takes_the_file_as_one_transaction(ledger: Ledger) -> None:
    bad = line(transfer("#horses", giver="#nobody"))

    with pytest.raises(LoadStopped) as stopped:
        ledger.load(line(actor("#north")), bad, all_or_nothing=True)

    assert ledger.edits() == 0
    assert stopped.value.loaded == Loaded()
    assert ledger.load(line(actor("#north")), all_or_nothing=True).last == ledger.nth(1)


def test_a_dry_run_lets_later_lines_see_earlier_ones_and_writes_nothing(ledger: Ledger) -> None:
    loaded = ledger.load(
        line(actor("#north")), line(transfer("#horses", giver="#north")), dry_run=True
    )

    assert (loaded.written, loaded.first, loaded.last) == (2, 2, 3)
    assert ledger.edits() == 0


def test_given_ids_are_kept_and_taken_ones_refused(ledger: Ledger) -> None:
    fixed = "actor_01j6a3k7x2e5vrm8n9p0q4s6t8"
    given = line(actor("#north"), ids={"#north": fixed})
    ledger.load(given)

    with pytest.raises(LoadStopped, match="exists already in this ledger"):
        ledger.load(line(actor("#south"), ids={"#south": fixed}))

    assert list(ledger.records()) == [fixed]


@pytest.mark.parametrize(
    ("broken", "path", "words"),
    [
        (b'{"input": {}, "input": {}}', (), "twice"),
        (b'{"input": NaN}', (), "NaN"),
        (b'{"input": "\xff"}', (), "not UTF-8"),
        (b'{"input": ', (), "no JSON"),
        (b"[]", (), "one JSON object"),
        (b'{"input": ' + b"[" * 100 + b"]" * 100 + b"}", (), "levels deep"),
        (b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", (), "too deeply"),
        (b'{"input": ' + b"9" * 5_000 + b"}", (), "too long"),
        (b"{}", ("input",), "needs an input"),
        (b'{"input": {}, "inputs": 1}', ("inputs",), "unknown here"),
        (b'{"input": {}, "kind": "EDITED"}', ("kind",), "one of"),
        (b'{"input": {}, "kind": []}', ("kind",), "one of"),
        (b'{"input": {}, "redactions": [{}]}', ("redactions", 0), "has record, a ref or an id"),
        (b'{"input": {}, "ids": {"#a": "actor_01j6a3k7x2e5vrm8n9p0q4s6t8"}}', ("ids", "#a"),
         "defines"),
        (b'{"input": {}, "origin": {"position": 0}}', ("origin", "position"), "from 1"),
        (b'{"input": {}, "origin": {"recordedAt": "noon"}}', ("origin", "recordedAt"), "RFC 3339"),
        (b'{"input": {}, "origin": {"author": "Ann"}}', ("origin", "author"), "unknown here"),
        (b'{"input": {}, "kind": "EDIT", "origin": {"kind": "MERGE"}}', ("kind",), "agree"),
    ],
)  # fmt: skip
def test_a_broken_line_is_refused_with_its_fault(broken: bytes, path: Any, words: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_line(broken)

    (refusal,) = refused.value.refusals
    assert (refusal.path, words in refusal.message) == (path, True), refusal.message


# --- exporting ----------------------------------------------------------------


def test_the_demo_exported_and_loaded_is_an_equal_ledger(
    demo: Ledger, other_than_demo: Ledger
) -> None:
    """The same records, ids, versions, actions, changes, reasons and origins."""
    exported = demo.export()

    other_than_demo.load(*exported)

    assert other_than_demo.contents() == demo.contents()
    assert other_than_demo.records() == demo.records()
    assert other_than_demo.export() == exported


def test_what_was_edited_here_is_exported_with_its_origin(ledger: Ledger, other: Ledger) -> None:
    outcome = ledger.commit(actor("#north"))

    other.load(*ledger.export())

    ((_, _, internal, origin, _),) = other.contents()
    assert internal == "Between us."
    assert origin == {
        "position": outcome.position,
        "recordedAt": outcome.recorded_at,
        "editor": "Ann",
        "newsroom": "House",
        "ledger": "there",
        "kind": "EDIT",
    }
    assert other.export() == ledger.export()


def eventful(ledger: Ledger) -> None:
    """A history with all that merges and reverts can do, to records of every state."""
    refs = dict(
        ledger.commit(
            actor("#a"), actor("#b"), actor("#c", actsFor="#b"),
            transfer("#held", giver="#a", receiver="#b", summary="One."),
            transfer("#gone", giver="#a"),
            {"addItem": {"ref": "#horse", "name": "Horse", "kind": "LIVE_ANIMAL"}},
        ).refs
    )  # fmt: skip
    versions = {ref: count(1) for ref in refs}

    def based(ref: str) -> dict[str, Any]:
        return {"id": refs[ref], "version": next(versions[ref])}

    def stepped(*touched: str) -> None:
        for ref in touched:
            next(versions[ref])

    ledger.commit({"retract": based("#gone")})
    merged = ledger.commit({"merge": {**based("#a"), "into": refs["#b"]}})
    stepped("#held", "#gone")
    chained = ledger.commit(
        {"merge": {**based("#b"), "into": refs["#c"]}},
        {"reviseActor": {**based("#c"), "set": {"actsFor": None}}},
    )
    stepped("#a", "#held", "#gone")
    unchained = ledger.revert(chained.position)
    stepped("#a", "#b", "#c", "#held", "#gone")
    ledger.revert(unchained.position)
    stepped("#a", "#b", "#c", "#held", "#gone")
    ledger.revert(ledger.head())
    stepped("#a", "#b", "#c", "#held", "#gone")
    unmerged = ledger.revert(merged.position)
    stepped("#a", "#held", "#gone")
    ledger.revert(unmerged.position)
    stepped("#a", "#held", "#gone")
    restored = ledger.commit(
        {"restore": based("#a")},
        {"reviseTransfer": {**based("#held"), "set": {"giver": refs["#a"], "summary": None}}},
    )
    ledger.revert(restored.position)
    stepped("#a", "#held")
    ledger.commit({"restore": based("#gone")}, {"retract": based("#horse")})
    ledger.commit(
        {
            "reviseTransfer": {
                **based("#gone"),
                "set": {
                    "value": {"amount": "10.5", "unit": "EUR", "basis": "CIF"},
                    "occurred": "2024-08~",
                },
            }
        },
        {"reviseItem": {**based("#horse"), "set": {"unit": "head"}}},
        kind=ChangesetKind.IMPORT,
    )


def test_merges_and_reverts_are_exported_so_that_they_load(ledger: Ledger, other: Ledger) -> None:
    """Also what steps retracted and merged records, which no editor could ask for."""
    eventful(ledger)

    other.load(*ledger.export())

    assert without_origins(other.contents()) == without_origins(ledger.contents())
    assert other.records() == ledger.records()
    assert other.export() == ledger.export()


MARKER = "Kim Chol-su"


def redacted(ledger: Ledger) -> None:
    """A history in which content was redacted at every age, and edited before and after."""
    refs = ledger.commit(
        actor("#p", description=MARKER), actor("#q"),
        transfer("#t", giver="#p", summary=MARKER, quantity={"amount": "3", "unit": "head"}),
        {"addCitation": {"ref": "#c", "kind": "STATEMENT", "title": MARKER}},
        {"addClaim": {"ref": "#s", "subject": "#t", "field": "QUANTITY", "stance": "ASSERTS",
                      "citation": "#c", "value": {"quantity": {"amount": "3", "unit": "head"}}}},
    ).refs  # fmt: skip
    t, p, s = refs["#t"], refs["#p"], refs["#s"]
    ledger.commit({"reviseTransfer": {"id": t, "version": 1, "set": {"summary": None}}})
    ledger.colleague("Bo")
    ledger.commit({"reviseTransfer": {"id": t, "version": 2, "set": {"title": f"Of {MARKER}"}}})
    ledger.redact({"record": {"id": t, "fields": ["summary", "giver"]}})
    ledger.commit({"reviseTransfer": {"id": t, "version": 4, "set": {"giver": refs["#q"]}}})
    ledger.redact({"record": {"id": s, "fields": ["value"]}}, {"record": {"id": refs["#c"]}})
    ledger.commit({"merge": {"id": refs["#q"], "version": 1, "into": p}})
    ledger.redact({"record": {"id": t, "fields": ["title"]}}, {"record": {"id": p}})
    ledger.commit({"reviseActor": {"id": p, "version": 2, "set": {"name": "A person"}}})
    ledger.commit({"reviseTransfer": {"id": t, "version": 7, "set": {"title": "Horses"}}})
    ledger.redact({"header": {"position": ledger.nth(3), "texts": ["NOTE", "EDITOR_NAME"]}})
    ledger.redact({"header": {"position": ledger.nth(2), "texts": ["INTERNAL_NOTE"]}})
    ledger.redact({"record": {"id": t}}, {"header": {"position": ledger.nth(8), "texts": ["NOTE"]}})
    ledger.commit({"retract": {"id": s, "version": 2}})


def test_gaps_are_exported_and_loaded_as_gaps(ledger: Ledger, other: Ledger) -> None:
    """The same records, versions and states; what was redacted there is redacted here."""
    redacted(ledger)
    exported = ledger.export()

    other.load_as_admin(*exported)

    assert MARKER not in "".join(exported)
    assert other.records() == ledger.records()
    made = [steps for *_, steps in ledger.contents() if steps]
    assert [steps for *_, steps in other.contents() if steps] == made
    everything_holds(other.engine)
    assert other.load_as_admin(*exported).written == 0


def test_every_part_with_gaps_loads_and_ends_in_the_same_state(
    ledger: Ledger, databases: Databases
) -> None:
    redacted(ledger)
    kind = ledger.engine.dialect.name
    # More of them where a ledger is made in no time.
    for first in range(2, ledger.head() + 1, 3 if kind == "sqlite" else 7):
        with databases.clone(kind) as url, closing(Ledger(url)) as loaded:
            loaded.load_as_admin(*ledger.export(first=first))

            assert loaded.records() == ledger.records(), f"from {first}"
            everything_holds(loaded.engine)


def test_an_editor_cannot_load_a_redaction(ledger: Ledger, other: Ledger) -> None:
    """The line stops the load, and says who may."""
    redacted(ledger)

    with pytest.raises(LoadStopped) as stopped:
        other.load(*ledger.export())

    assert "ADMIN may" in str(stopped.value)
    assert other.edits() == 3


def test_what_a_merge_implies_is_not_said_again(ledger: Ledger) -> None:
    refs = ledger.commit(actor("#a"), actor("#b"), transfer("#t", giver="#a")).refs
    ledger.commit({"merge": {"id": refs["#a"], "version": 1, "into": refs["#b"]}})

    exported = json.loads(ledger.export()[1])

    assert exported["input"]["operations"] == [
        {"merge": {"id": refs["#a"], "version": 1, "into": refs["#b"]}}
    ]
    assert exported["kind"] == "MERGE"


def test_every_partial_export_loads_and_ends_in_the_same_state(
    ledger: Ledger, other: Ledger, databases: Databases
) -> None:
    """It starts with the state it builds on; versions of that state start anew."""
    eventful(ledger)
    head, kind = ledger.head(), ledger.engine.dialect.name
    # More of them where a ledger is made in no time.
    for first in range(2, head + 1, 2 if kind == "sqlite" else 5):
        with databases.clone(kind) as url, closing(Ledger(url)) as loaded:
            loaded.load(*ledger.export(first=first))

            assert loaded.records() == ledger.records(), f"from {first}"
            assert without_origins(loaded.contents())[-1][:3] == (
                "OTHER",
                "A reason.",
                "Between us.",
            )


def test_a_part_of_the_demo_loads(demo: Ledger, other_than_demo: Ledger) -> None:
    other_than_demo.load(*demo.export(first=21, last=31))

    assert other_than_demo.records() == demo.records(31)
    note = "The state at position 20 of there, on which what follows builds."
    assert other_than_demo.contents()[0][1] == note


def test_links_to_later_records_of_the_same_kind_survive_a_partial_export(
    ledger: Ledger, other: Ledger
) -> None:
    """Two transfers may each be consideration for the other: neither can come first."""
    refs = ledger.commit(
        transfer("#one", considerationFor="#two"), transfer("#two", considerationFor="#one")
    ).refs
    ledger.commit({"retract": {"id": refs["#one"], "version": 1}})
    ledger.commit({"reviseTransfer": {"id": refs["#two"], "version": 1, "set": {"title": "2"}}})

    other.load(*ledger.export(first=ledger.nth(3)))

    assert other.records() == ledger.records()


@pytest.mark.parametrize(("first", "last"), [(0, 1), (3, 1), (4, None), (1, 4), (4, 3)])
def test_a_part_that_is_not_there_is_refused(ledger: Ledger, first: int, last: int | None) -> None:
    ledger.load(line(actor("#a")), line(actor("#b")))

    with pytest.raises(BadArgument, match="positions 1 to 3"):
        ledger.export(first, last)


def test_an_empty_ledger_exports_no_line(ledger: Ledger) -> None:
    assert ledger.export() == []


SCHEMA = json.loads((Path(__file__).parents[2] / "schema/json/dossier.schema.json").read_text())


def test_the_schema_of_a_line_admits_the_demo_and_what_is_exported(ledger: Ledger) -> None:
    """`schema/json/dossier.schema.json` is what others validate their dossiers with."""
    validator = Draft202012Validator(SCHEMA)
    redacted(ledger)
    eventful(ledger)

    lines = [json.loads(text) for text in (*DEMO, *ledger.export(), *ledger.export(first=5))]

    assert [fault for one in lines for fault in validator.iter_errors(one)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        line(),
        line(actor("north")),
        line(actor("#a", name=None)),
        line(actor("#a", colour="red")),
        line(transfer("#a", quantity={"unit": "head"})),
        line({"retract": {"id": "#a", "version": 1}, "restore": {"id": "#a", "version": 1}}),
        line(actor("#a"), ids={"#a": "editor_01j6a3k7x2e5vrm8n9p0q4s6t8"}),
        line(actor("#a"), origin={"author": "Ann"}),
        line({"upsertActor": {"set": {"name": "Russia"}}}),
        line({"upsertActor": {"externalRef": "A1", "set": {"externalRef": "A2"}}}),
        line({"upsertActor": {"externalRef": "A1", "set": {"colour": "red"}}}),
    ],
)
def test_the_schema_of_a_line_refuses_what_loading_refuses(wrong: Any) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(wrong)


def test_a_dossier_may_upsert_what_it_is_not_sure_of(ledger: Ledger) -> None:
    """The schema admits it; loaded into a ledger that has the record it revises it."""
    upsert = line({"upsertActor": {"externalRef": "A1", "set": {"name": "R", "kind": "STATE"}}})

    ledger.load(upsert, line({"upsertActor": {"externalRef": "A1", "set": {"name": "Russia"}}}))

    assert Draft202012Validator(SCHEMA).is_valid(upsert)
    assert [json.loads(text)["input"]["operations"][0].keys() for text in ledger.export()] == [
        {"addActor"}, {"reviseActor"},
    ]  # fmt: skip


def test_what_is_refused_can_be_left_out_of_a_load(ledger: Ledger) -> None:
    """Of a line, or a whole line, with what refers to it; the next load finds the rest."""
    lines = [
        line(actor("#a"), actor("#b", kind="KINGDOM")),
        line(actor("#c", actsFor="#b")),
        b"no JSON",
        line(actor("#d", actsFor="#a")),
    ]
    told: list[tuple[int, int]] = []

    def left_out(stopped: LoadStopped) -> None:
        assert isinstance(stopped.fault, Refused)
        told.append((stopped.line, len(stopped.fault.refusals)))

    tried = ledger.load(*lines, left_out=left_out, dry_run=True)
    loaded = ledger.load(*lines, left_out=left_out)
    again = ledger.load(*lines, left_out=left_out)

    assert told == [(1, 1), (2, 1), (3, 1)] * 3
    assert (loaded.lines, loaded.written, loaded.torn, loaded.last) == (4, 2, 3, ledger.nth(2))
    assert (tried.written, tried.torn) == (2, 3)
    assert (again.written, again.skipped, again.torn) == (0, 2, 3)
    assert len(ledger.export()) == 2


def test_the_schema_of_a_line_knows_every_kind_field_and_code() -> None:
    for kind in KINDS.values():
        known = SCHEMA["$defs"][f"{kind.name}Fields"]["properties"]
        assert list(known) == list(kind.fields)
        for field in kind.fields.values():
            if isinstance(field.type, Code):
                assert known[field.name]["anyOf"][0] == {"enum": list(field.type.codes)}
        required = [field.name for field in kind.fields.values() if field.required]
        assert SCHEMA["$defs"][f"add{kind.title}"]["required"] == required
    assert set(SCHEMA["$defs"]["operation"]["properties"]) == set(OPERATION_TAGS)
