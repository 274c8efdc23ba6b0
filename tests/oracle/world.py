"""A ledger with something of everything, made alike on each database by the ledger's own door.

The demo's dossier; the small world of the filters, as another newsroom; and what both lack:
long histories, reverts, restored records, names that sort badly, dates and measures at their
edges. Ids differ between the databases, the order of entry does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.commands import access
from app.domain.codes import ChangesetKind, Role
from app.store import tables
from tests.driver import Newsroom, imports, opened
from tests.graphql import world as filters
from tests.graphql.asking import Ledger, make_ledger, served
from tests.graphql.world import PROSE

NAMES = (
    "zebra", "Zebra", "ZÉBRA", "Ångström", "ähnlich", "ß-Stahl", "ﬁne", "İstanbul", "\uff21full",
    "\U0001f40e horse", "\ufb01nal", "한국", "עברית", "o'Neill \"Bo\"", "back\\slash", "50%_off",
    "a", "aa", "-", "東京\u3000都",
)  # fmt: skip
"""Names that come in another order by case, accent, collation, or UTF-16."""

DATES = (
    "2024", "2024-08", "2024-08-27", "2022~", "2022?", "2022%", "2022-21", "2022-24", "201X",
    "20XX", "2004-XX", "2004-06-XX", "2020/2023", "../2024-08-27", "2024-08-25/..", "/2019",
    "2019/", "2024-08-25T09:30:00Z", "0001", "9998-12-31",
)  # fmt: skip

QUANTITIES: tuple[dict[str, Any], ...] = (
    {"unit": "head", "amount": "0"},
    {"unit": "head", "lower": "24"},
    {"unit": "head", "upper": "30", "verbatim": PROSE[:60].split("\n", maxsplit=1)[0]},
    {"unit": "head", "lower": "24", "upper": "30"},
    {"unit": 'to"n\\ne', "amount": "0.001", "approximate": True},
    {"unit": "kg", "amount": "75509.76", "lower": "75509.759", "upper": "75509.770"},
    {"unit": "kg", "amount": "9223372036854775.807"},
    {"unit": "kg", "amount": "9007199254740.993", "approximate": True},
)


@dataclass(frozen=True)
class Made:
    """A ledger that was filled; `url` is its database's."""

    url: str
    ledger: Ledger


_EDGY = 'Édge "desk" \\ \U0001f40e'


def fill(url: str, folder: Path) -> Mapping[str, str]:
    """Fill an empty, migrated ledger; return a key for each role of its house."""
    keys = make_ledger(url, folder, filled=True)
    with opened(url) as engine:
        desk = Newsroom.of_house(engine, "Filterer").editing.editor
        key = access.create_key(engine, desk, label="test", environment="test").key
    with served(url, {**keys, "editor": key}) as small:
        filters.made(small)
    with opened(url) as engine:
        Newsroom.founded(engine, _EDGY, house=False)
        _edges(Newsroom.of_house(engine, _EDGY))
        _used_at_the_end_of_time(engine)
    return keys


def _used_at_the_end_of_time(engine: Engine) -> None:
    """Let no question change what the next one finds: when its key was used last."""
    table = tables.metadata.tables["key_use"]
    with engine.begin() as connection:
        connection.execute(table.update().values(used_at="9999-12-31T23:59:00.000000Z"))


def _edges(desk: Newsroom) -> None:
    imports(
        desk,
        {
            "input": {
                "reason": {"code": "OTHER", "note": PROSE},
                "operations": [
                    {"addActor": {"ref": f"#n{place}", "name": name, "kind": "GROUP"}}
                    for place, name in enumerate(NAMES)
                ],
            },
            "origin": {
                "ledger": 'https://other.example/"x"',
                "position": 9007199254740991,
                "recordedAt": "2024-01-01T00:00:00Z",
                "editor": "Añn",
                "newsroom": "Other",
                "kind": str(ChangesetKind.EDIT),
            },
        },
        {},
    )
    _dated(desk)
    _long_history(desk)
    _came_and_went(desk)
    _repeated(desk)
    _redacted(desk)
    _proposed(desk)


def _dated(desk: Newsroom) -> None:
    desk.commit(
        *(
            {"addTransfer": {"title": f"Of {date}", "occurred": date, "externalRef": f"of {date}"}}
            for date in DATES
        ),
        *({"addCitation": {"kind": "DATASET", "title": date, "published": date,
                           "accessed": "2024-09-02T01:02:03.5Z", "archiveUrl": "https://a.example",
                           "noticeUrl": "https://n.example", "integrity": "REMOVED"}}
          for date in DATES[::4]),
        *({"addTransfer": {"title": "Of a quantity", "quantity": given, "origin": "here",
                           "destination": "there", "route": "by sea", "transport": "ship",
                           "purpose": PROSE[:90].split("\n", maxsplit=1)[0]}}
          for given in QUANTITIES),
        *({"addTransfer": {"title": "Of a value", "value": {**given, "unit": "EUR",
                                                            "basis": "DECLARED"}}}
          for given in QUANTITIES[::2]),
        reason="Dates and measures at their edges.",
        code="NEW_SOURCE",
    )  # fmt: skip


def _long_history(desk: Newsroom) -> None:
    """A transfer that is revised eight times: values come, go and come back; one is put back."""
    giver, receiver = desk.add_actor("Giver", country="FR"), desk.add_actor("Receiver")
    stallion = desk.add_item("Orlov stallion", hs_code="010121")
    transfer = desk.add_transfer("Versions", giver=giver, item=stallion, quantity=30)
    desk.revise(transfer, quantity=24, reason="Counted again.")
    desk.revise(transfer, quantity=None, summary=PROSE)
    desk.revise(transfer, quantity=30, summary=None, receiver=receiver)
    desk.revise(transfer, occurred="2024-08~", nature="GIFT", title="Versions \U0001f40e")
    desk.revise(transfer, nature="LOAN", value={"unit": "USD", "amount": "12.5"})
    desk.revert(desk.head())
    desk.revise(transfer, nature="RETURN", title="Versions", giver=receiver)
    desk.revert(desk.head())
    desk.revert(desk.head())
    desk.revise(stallion, kind="OTHER", aliases=[{"text": "Орловский"}], unit="head")
    desk.revise(stallion, hs_code=None, name="Stallion of Orlov", aliases=None)


def _came_and_went(desk: Newsroom) -> None:
    """Records that are retracted, some restored, and one merged into another and back."""
    one, other = desk.add_actor("Twin"), desk.add_actor("TWIN", acts_for=None)
    agent = desk.add_actor("Agent of twins", acts_for=one, part_of=other)
    transfer = desk.add_transfer("Of twins", giver=one, receiver=agent, used_against=other)
    claim = desk.add_claim(transfer, {"record": one}, field="GIVER", asserted_by=one)
    desk.merge(one, other)
    desk.revert(desk.head())
    desk.retract(claim)
    desk.retract(transfer)
    desk.restore(transfer)
    desk.restore(claim)
    desk.retract(agent)
    horse, pony = desk.add_item("Horse of twins"), desk.add_item("Pony")
    narrow = desk.add_item("Foal", broader=pony, external_ref="actor-1")
    desk.add_transfer("Foals", item=narrow, quantity=2)
    desk.merge(pony, horse)


def _repeated(desk: Newsroom) -> None:
    """A chain of claims of one claim, with sources that were withdrawn."""
    transfer = desk.add_transfer("Retold", quantity=24)
    source = desk.add_citation(title="Source", kind="STATEMENT", language="en")
    first = desk.add_claim(transfer, 24, citation=source, quote={"exact": PROSE, "suffix": "…"})
    second = desk.add_claim(
        transfer, 24, derived_from=[{"claim": first, "derivation": "PARAPHRASES"}]
    )
    third = desk.add_claim(
        transfer,
        30,
        stance="DENIES",
        derived_from=[
            {"claim": first, "derivation": "REPORTS"},
            {"claim": second, "derivation": "SUSPECTED"},
        ],
        locator='p. "3"',
    )
    desk.add_claim(transfer, {"date": "../2019"}, field="OCCURRED")
    desk.revise(third, derived_from=[{"claim": second, "derivation": "QUOTES"}])
    desk.retract(second)
    desk.revise(source, integrity="RETRACTED")


def _redacted(desk: Newsroom) -> None:
    """Gaps everywhere: in the present and the past, of prose, figures, claims and headers."""
    admin = desk.colleague("Ädmin", Role.ADMIN)
    giver = desk.add_actor("A private person", aliases=[{"text": "P."}], country="FR")
    transfer = desk.add_transfer("Private", giver=giver, quantity=3, summary=PROSE)
    desk.revise(transfer, quantity=4, summary="In neutral words.", reason="It names somebody.")
    noted = desk.head()
    claim = desk.add_claim(transfer, 4, quote={"exact": PROSE}, asserted_by=giver)
    desk.add_claim(transfer, 3)
    admin.redact(transfer, fields=["summary", "quantity"], version=1)
    admin.redact(giver, header=(noted, ["NOTE", "EDITOR_NAME"]), authority="LEGAL", code="LEGAL")
    desk.revise(giver, name="A private person, unnamed")
    admin.redact(claim, fields=["value", "quote"], authority="EDITORIAL")
    desk.revise(transfer, quantity=3, giver=None)
    desk.retract(giver)
    imported = next(at for at in range(desk.head(), 0, -1) if desk.origin(at) is not None)
    admin.redact(header=(imported, ["ORIGIN"]))
    for note in (PROSE, "Gone."):
        reason = {"code": "OTHER", "note": "Noted.", "internalNote": note}
        desk.submit({"reason": reason, "operations": [desk.on(transfer, "retract")]})
        desk.restore(transfer)
    admin.redact(header=(desk.head() - 1, ["INTERNAL_NOTE"]))


def _proposed(desk: Newsroom) -> None:
    """Proposals in every state, of two newsrooms; one is redacted, one adds what is not there."""
    wire = Newsroom.founded(desk.engine, "Northern Wire", Role.CONTRIBUTOR, house=False)
    horses, goats = desk.add_transfer("Horses", quantity=30), desk.add_transfer(PROSE[:40])
    made = [
        wire.propose(wire.setting(horses, quantity=number), reason=PROSE, message=PROSE).proposal
        for number in (24, 25, 26)
    ]
    new = wire.propose(
        {"addActor": {"ref": "#new", "name": "Not there", "kind": "GROUP"}},
        wire.on(goats, "retract"),
    ).proposal
    desk.colleague("Bo").propose(desk.setting(goats, summary="By the house."))
    secret = wire.propose(wire.setting(goats, summary=PROSE)).proposal
    accepted, rejected, returned = (one or "" for one in made)
    desk.review(accepted, "ACCEPT", PROSE)
    desk.review(rejected, "REJECT", "No.")
    desk.review(returned, "RETURN", PROSE)
    wire.propose_again(returned, wire.setting(horses, origin="Here"))
    desk.review(returned, "COMMENT", "Better.", revision=2)
    wire.withdraw(wire.propose(wire.setting(goats, origin="There")).proposal or "")
    desk.review(new or "", "RETURN", "Which?")
    reviewed = desk.head()
    desk.revise(goats, summary="A secret.")
    admin = desk.colleague("Ede", Role.ADMIN)
    admin.redact(goats, fields=["summary"])
    admin.redact(header=(reviewed, ["REVIEW"]))
    assert desk.proposal(secret or "")["state"] == "OPEN"
