"""Redaction: content goes, a gap stays, and everything that was proved is proved still."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from app.domain.codes import ChangesetKind, RecordState, Role
from app.domain.errors import Forbidden, Refused
from app.domain.kinds import KINDS
from app.domain.redacting import placeholder, redactable
from app.store import tables
from app.store.records import load_as_of
from tests.checks import everything_holds
from tests.driver import Newsroom, heads, opened, refused

T = tables.metadata.tables
MARKER = "Kim Chol-su of Sariwon"

FULL: dict[str, dict[str, Any]] = {
    "actor": {
        "name": MARKER, "aliases": [{"text": "K.", "language": "ko"}], "country": "KP",
        "acts_for": "#other", "part_of": "#other",
        "identifiers": [{"scheme": "wikidata", "value": "Q42"}], "description": MARKER,
        "external_ref": "A-1",
    },
    "item": {
        "name": MARKER, "aliases": [{"text": "K."}], "broader": "#other", "unit": "head",
        "hs_code": "010121", "identifiers": [{"scheme": "wikidata", "value": "Q42"}],
        "description": MARKER, "external_ref": "I-1",
    },
    "transfer": {
        "title": MARKER, "quantity": {"lower": "20", "upper": "30", "unit": "head"},
        "value": {"amount": "5", "unit": "EUR", "basis": "CIF", "approximate": True},
        "occurred": "2024-08", "nature": "GIFT", "stage": "DELIVERED", "origin": "A",
        "destination": "B", "route": "C", "transport": "train", "purpose": MARKER,
        "part_of": "#other", "consideration_for": "#other", "consideration_extent": "PARTIAL",
        "summary": MARKER, "external_ref": "T-1",
    },
    "citation": {
        "title": MARKER, "authors": [MARKER], "url": "https://example.org/a",
        "archive_url": "https://example.org/b", "content_sha256": "ab" * 32, "language": "en",
        "published": "2024-08-27", "accessed": "2024-09-01",
        "notice_url": "https://example.org/c", "external_ref": "C-1",
    },
}  # fmt: skip


@pytest.fixture
def desk(database_url: str) -> Iterator[Newsroom]:
    """An editor of a newsroom with an ADMIN among its colleagues."""
    with opened(database_url) as engine:
        yield Newsroom.founded(engine)


@pytest.fixture
def admin(desk: Newsroom) -> Newsroom:
    return desk.colleague("Ada", Role.ADMIN)


def everywhere(engine: Engine) -> str:
    """Return all text that the ledger's tables hold."""
    with engine.connect() as connection:
        return "\n".join(
            str(row) for table in T.values() for row in connection.execute(sa.select(table))
        )


def test_a_redacted_field_is_gone_from_every_version(desk: Newsroom, admin: Newsroom) -> None:
    """The present version included; what other versions said of other fields stays."""
    horses = desk.add_transfer(title=MARKER, quantity=30)
    desk.revise(horses, quantity=24)

    admin.redact(horses, fields=["title"])

    assert MARKER not in everywhere(desk.engine)
    assert desk.record(horses).fields == {"title": "[redacted]", "quantity": heads(24)}
    assert desk.version(horses) == 3
    assert desk.quantities(horses) == [30, 24]
    assert everything_holds(desk.engine) == 3


def test_the_past_shows_the_gap_too(desk: Newsroom, admin: Newsroom) -> None:
    horses = desk.add_transfer(summary=MARKER)
    entered = desk.head()
    desk.revise(horses, summary="In neutral words.")

    admin.redact(horses, fields=["summary"], version=1)

    with desk.engine.connect() as connection:
        then = load_as_of(connection, [horses], entered)[horses]
    assert "summary" not in then.fields
    assert desk.held(horses, "summary") == "In neutral words."
    assert [(c.before, c.after) for c in desk.history(horses)[1].changes] == [
        (None, "In neutral words.")
    ]
    assert MARKER not in everywhere(desk.engine)
    everything_holds(desk.engine)


@pytest.mark.parametrize("kind", [*FULL, "claim"])
def test_every_redactable_field_can_go(desk: Newsroom, admin: Newsroom, kind: str) -> None:
    """Field by field and in every derived column, on both databases; the rest stays."""
    record_id = full_record(desk, kind)
    for name in redactable(kind):
        before = dict(desk.record(record_id).fields)
        if name not in before:
            continue

        admin.redact(record_id, fields=[name])

        after = dict(desk.record(record_id).fields)
        assert after.pop(name, None) == placeholder(kind, name)
        before.pop(name)
        assert after == before
    everything_holds(desk.engine)


def full_record(desk: Newsroom, kind: str) -> str:
    if kind == "claim":
        asserter = desk.add_actor("Ministry")
        return desk.add_claim(
            desk.add_transfer(), 24, asserted_by=asserter, locator="page 3", external_ref="X-1",
            quote={"exact": MARKER},
        )  # fmt: skip
    fields = dict(FULL[kind])
    other = getattr(desk, f"add_{kind}")()
    if kind == "transfer":
        fields |= {
            "giver": desk.add_actor("G"), "receiver": desk.add_actor("R"),
            "used_against": desk.add_actor("U"), "item": desk.add_item(),
        }  # fmt: skip
    if kind == "citation":
        fields["publisher"] = desk.add_actor("P")
    given = {name: other if value == "#other" else value for name, value in fields.items()}
    made: str = getattr(desk, f"add_{kind}")(**given)
    return made


def test_whatever_is_redactable_was_tried(desk: Newsroom) -> None:
    """A field that is added later is tried with the others."""
    tried = {kind: set(desk.record(full_record(desk, kind)).fields) for kind in KINDS}

    assert {kind: set(redactable(kind)) - tried[kind] for kind in KINDS} == {
        k: set() for k in KINDS
    }


def test_what_a_revert_put_back_goes_with_it(desk: Newsroom, admin: Newsroom) -> None:
    """An equal value of the same field is the same content, whoever entered it again."""
    horses = desk.add_transfer(summary=MARKER)
    position = desk.revise(horses, summary="In neutral words.").position
    assert position is not None
    desk.revert(position)

    admin.redact(horses, fields=["summary"], version=1)

    assert MARKER not in everywhere(desk.engine)
    assert "summary" not in desk.record(horses).fields
    everything_holds(desk.engine)


def test_texts_of_a_header_can_go(desk: Newsroom, admin: Newsroom) -> None:
    """The note, and the editor's name at the time; no record takes a step."""
    horses = desk.add_transfer()
    noted = desk.revise(horses, quantity=24, reason=MARKER).position or 0

    done = admin.redact(header=(noted, ["NOTE", "EDITOR_NAME"]))

    assert MARKER not in everywhere(desk.engine)
    assert headers(desk, noted) == {"note": "[redacted]", "editorName": "[redacted]"}
    assert desk.version(horses) == 2
    assert json.loads(entry(desk, done.position or 0))["revisions"]["count"] == 0
    everything_holds(desk.engine)


def headers(desk: Newsroom, position: int) -> dict[str, Any]:
    query = sa.select(T["header"]).where(T["header"].c.position == position)
    with desk.engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return {row["name"]: json.loads(row["value"]) for row in rows}


def entry(desk: Newsroom, position: int) -> str:
    query = sa.select(T["entry"].c.body).where(T["entry"].c.position == position)
    with desk.engine.connect() as connection:
        return str(connection.execute(query).scalar_one())


def test_the_note_of_a_redaction_can_go_too(desk: Newsroom, admin: Newsroom) -> None:
    horses = desk.add_transfer(summary="Somebody's words.")
    first = admin.redact(horses, fields=["summary"], reason=MARKER).position or 0

    admin.redact(header=(first, ["NOTE"]))

    assert MARKER not in everywhere(desk.engine)
    assert len(headers(desk, first)["redacted"]) == 1
    everything_holds(desk.engine)


def test_the_entry_says_by_what_authority(desk: Newsroom, admin: Newsroom) -> None:
    """And commits to the targets; it says nothing of fields or words."""
    horses = desk.add_transfer(title=MARKER, quantity=30)

    done = admin.redact(horses, authority="LEGAL")

    body = json.loads(entry(desk, done.position or 0))
    assert (body["kind"], body["authority"]) == ("REDACTION", "LEGAL")
    assert body["targets"]["count"] == 2
    assert "title" not in entry(desk, done.position or 0)


@pytest.mark.parametrize("role", [Role.EDITOR, Role.CONTRIBUTOR, Role.AUDITOR, Role.READER])
def test_only_an_admin_redacts(desk: Newsroom, role: Role) -> None:
    horses = desk.add_transfer()

    with pytest.raises(Forbidden) as refusal:
        desk.colleague("Eve", role).redact(horses)

    assert "ADMIN may" in refusal.value.message
    assert desk.edits() == 1


def test_nothing_left_to_redact_is_said(desk: Newsroom, admin: Newsroom) -> None:
    """Of what is gone already, and of what was never there."""
    horses = desk.add_transfer()
    admin.redact(horses, fields=["title"])

    again = refused(admin.redact, horses, fields=["title"])
    never = refused(admin.redact, horses, fields=["summary"])

    assert (again.code, never.code) == ("NOTHING_TO_REDACT", "NOTHING_TO_REDACT")
    assert "was redacted already" in again.message
    assert desk.edits() == 2


@pytest.mark.parametrize(
    ("kind", "field"), [("actor", "kind"), ("claim", "derivedFrom"), ("item", "mergedInto"),
                        ("claim", "subject"), ("citation", "integrity")]
)  # fmt: skip
def test_what_readers_rely_on_is_refused_with_the_reason(
    desk: Newsroom, admin: Newsroom, kind: str, field: str
) -> None:
    record_id = full_record(desk, kind)

    refusal = refused(admin.redact, record_id, fields=[field])

    assert refusal.code == "NOT_REDACTABLE"
    assert f"{field} of {kind} cannot be redacted: " in refusal.message


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"record": {"id": "horse"}}, "is no id of a record"),
        ({"record": {"id": "transfer_01j00000000000000000000000"}}, "is no record of this ledger"),
        ({"record": {"id": "transfer_01j00000000000000000000000@7"}}, "an id of an archive"),
        ({"record": {"id": "actor_1", "fields": ["horses"]}}, "actor has no field"),
        ({"record": {"id": "actor_1", "fields": []}}, "at least one field"),
        ({"record": {"id": "actor_1", "version": 0}}, "version must be a number from 1"),
        ({"header": {"position": 99, "texts": ["NOTE"]}}, "no changeset at position 99"),
        ({"header": {"position": 1, "texts": ["redacted"]}}, "texts must name at least one of"),
        ({"header": {"position": "1", "texts": [{}]}}, "position must be that of a changeset"),
        ({}, "exactly one of record, header"),
        ({"record": {"id": "actor_1"}, "header": {}}, "exactly one of record, header"),
    ],
)
def test_a_target_that_names_nothing_is_refused(
    desk: Newsroom, admin: Newsroom, target: Any, message: str
) -> None:
    body = {
        "reason": {"code": "LEGAL", "note": "A court."}, "authority": "LEGAL", "targets": [target],
    }  # fmt: skip

    with pytest.raises(Refused) as refusal:
        admin.submit(body, kind=ChangesetKind.REDACTION)

    assert message in str(refusal.value)
    assert desk.edits() == 0


def test_an_edit_based_on_what_was_read_before_is_stale(desk: Newsroom, admin: Newsroom) -> None:
    """A form that was open cannot bring the words back unseen."""
    horses = desk.add_transfer(summary=MARKER)
    admin.redact(horses, fields=["summary"])

    refusal = refused(desk.revise, horses, summary=MARKER, based_on=1)

    assert refusal.code == "STALE_VERSION"


def test_a_field_can_be_given_a_new_value(desk: Newsroom, admin: Newsroom) -> None:
    """The change starts from the gap, and can be redacted again."""
    horses = desk.add_transfer(title=MARKER)
    admin.redact(horses, fields=["title"])

    desk.revise(horses, title="Horses")

    (change,) = desk.history(horses)[-1].changes
    assert (change.before, change.after) == ("[redacted]", "Horses")
    everything_holds(desk.engine)
    admin.redact(horses, fields=["title"])
    assert desk.held(horses, "title") == "[redacted]"
    everything_holds(desk.engine)


def test_a_revert_that_would_put_back_a_gap_is_refused(desk: Newsroom, admin: Newsroom) -> None:
    horses = desk.add_transfer(summary=MARKER)
    position = desk.revise(horses, summary="In neutral words.").position or 0
    admin.redact(horses, fields=["summary"], version=1)

    refusal = refused(desk.revert, position)

    assert refusal.code == "REVERT_CONFLICT"
    assert "was redacted and cannot be put back" in refusal.message


def test_a_revert_may_replace_a_gap(desk: Newsroom, admin: Newsroom) -> None:
    """What the redacted edit had replaced was not redacted, and comes back."""
    horses = desk.add_transfer(summary="In neutral words.")
    position = desk.revise(horses, summary=MARKER).position or 0
    admin.redact(horses, fields=["summary"], version=2)

    desk.revert(position)

    assert desk.held(horses, "summary") == "In neutral words."
    everything_holds(desk.engine)


@pytest.mark.parametrize("of_header", [False, True])
def test_a_redaction_cannot_be_reverted(
    desk: Newsroom,
    admin: Newsroom,
    of_header: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    horses = desk.add_transfer()
    done = admin.redact(header=(1, ["NOTE"])) if of_header else admin.redact(horses)

    refusal = refused(admin.revert, done.position)

    assert refusal.code == "WRONG_STATE"
    assert "what it removed is gone" in refusal.message


def test_a_retracted_and_a_merged_record_can_be_redacted(desk: Newsroom, admin: Newsroom) -> None:
    """They stay what they are, and can be brought back; the gap comes with them."""
    retracted, merged = desk.add_actor(MARKER), desk.add_actor(MARKER)
    desk.retract(retracted)
    desk.merge(merged, into=desk.add_actor("Russia"))

    admin.redact(retracted, merged)

    assert desk.record(retracted).state is RecordState.RETRACTED
    assert desk.record(merged).state is RecordState.MERGED
    desk.restore(retracted)
    desk.restore(merged)
    assert desk.held(retracted, "name") == desk.held(merged, "name") == "[redacted]"
    assert MARKER not in everywhere(desk.engine)
    everything_holds(desk.engine)


def test_a_redacted_record_can_be_merged_and_that_be_reverted(
    desk: Newsroom, admin: Newsroom
) -> None:
    duplicate, survivor = desk.add_actor(MARKER), desk.add_actor("Russia")
    horses = desk.add_transfer(giver=duplicate)
    admin.redact(duplicate)

    merged = desk.merge(duplicate, into=survivor).position or 0
    desk.revert(merged)

    assert desk.held(horses, "giver") == duplicate
    assert desk.held(duplicate, "name") == "[redacted]"
    everything_holds(desk.engine)


def test_a_claim_without_its_value_can_be_revised(desk: Newsroom, admin: Newsroom) -> None:
    """What needs a value when it is entered may lack one that was redacted."""
    claim = desk.add_claim(desk.add_transfer(quantity=24), 24)
    admin.redact(claim, fields=["value"])

    desk.revise(claim, locator="page 3")

    assert desk.held(claim, "locator") == "page 3"
    assert "value" not in desk.record(claim).fields
    everything_holds(desk.engine)


def test_a_finding_that_loses_its_last_support_is_warned_of(
    desk: Newsroom, admin: Newsroom
) -> None:
    """A claim whose value was redacted says nothing any more."""
    horses = desk.add_transfer(quantity=24)
    claim = desk.add_claim(horses, 24)

    done = admin.redact(claim, fields=["value"])

    assert [(one.code, one.record_id, one.field) for one in done.warnings] == [
        ("LOST_SUPPORT", horses, "quantity")
    ]


def test_a_dry_run_takes_nothing(desk: Newsroom, admin: Newsroom) -> None:
    horses = desk.add_transfer(title=MARKER)

    tried = admin.redact(horses, dry_run=True, preview=lambda connection, _: seen(connection))

    assert tried.position is None
    assert tried.preview == ["title"]
    assert desk.held(horses, "title") == MARKER
    assert desk.edits() == 1


def seen(connection: Any) -> list[str]:
    return list(connection.execute(sa.select(T["redaction_target"].c.field)).scalars())


def test_the_same_key_redacts_once(desk: Newsroom, admin: Newsroom) -> None:
    horses = desk.add_transfer(summary=MARKER)

    first = admin.redact(horses, key="once")
    again = admin.redact(horses, key="once")
    other = refused(admin.redact, horses, key="once", authority="LEGAL")

    assert again.position == first.position == desk.nth(2)
    assert other.code == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_redacted_the_ledger_holds(desk: Newsroom, admin: Newsroom, seed: int) -> None:
    """Edits, reverts and redactions in any order: every check of the ledger passes."""
    dice = random.Random(seed)
    records = [desk.add_transfer(quantity=n, summary=f"S{n}") for n in (1, 2, 3)]
    edits: list[int] = []
    for step in range(30):
        chosen = dice.choice(records)
        try:
            match dice.randrange(5):
                case 0 | 1:
                    done = desk.revise(
                        chosen, quantity=dice.randrange(4), summary=f"S{dice.randrange(3)}"
                    )
                    edits.append(done.position or 0)
                case 2:
                    desk.revert(dice.choice(edits or [1]))
                case 3:
                    version = dice.choice([None, dice.randint(1, desk.version(chosen))])
                    fields = dice.choice([None, ["quantity"], ["summary"], ["title", "summary"]])
                    admin.redact(chosen, version=version, fields=fields)
                case _:
                    admin.redact(header=(dice.randint(1, desk.head()), ["NOTE", "EDITOR_NAME"]))
        except Refused:
            continue
        if step % 10 == 0:
            everything_holds(desk.engine)
    everything_holds(desk.engine)


def test_an_admin_of_the_house_redacts_what_a_partner_said(desk: Newsroom) -> None:
    """The law does not ask who entered it."""
    partner = Newsroom.founded(desk.engine, "Partner", Role.ADMIN, house=False)
    claim = partner.add_claim(desk.add_transfer(), 24, citation=desk.add_citation())

    with pytest.raises(Forbidden):
        partner.redact(claim, fields=["value"])
    desk.colleague("Eda", Role.ADMIN).redact(claim, fields=["value"])

    assert "value" not in desk.record(claim).fields
