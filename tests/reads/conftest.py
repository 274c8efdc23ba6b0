"""A ledger on both databases, with something of everything in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import Engine

from app.commands import access
from app.domain.codes import ChangesetKind, Role
from app.domain.decisions import Editing
from tests.bundles import publish
from tests.databases import KINDS, Databases
from tests.driver import Newsroom, opened


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A migrated, empty ledger: on SQLite, then on PostgreSQL."""
    with opened(database_url) as engine:
        yield engine


@pytest.fixture
def newsroom(engine: Engine) -> Newsroom:
    """An administrator with an empty ledger."""
    return Newsroom.founded(engine, role=Role.ADMIN)


def redact(newsroom: Newsroom, *targets: object) -> int | None:
    """Take content away on legal authority; return the position."""
    body = {
        "reason": {"code": "LEGAL", "note": "A court said so."},
        "authority": "LEGAL",
        "targets": list(targets),
    }
    return newsroom.submit(body, kind=ChangesetKind.REDACTION).position


def propose(newsroom: Newsroom, transfer: str) -> None:
    """Have a partner ask for two changesets, of which one is accepted and one rejected."""
    partner = Newsroom.founded(newsroom.engine, "Northern Wire", Role.CONTRIBUTOR, house=False)
    wanted, unwanted = (
        partner.propose(partner.setting(transfer, route=route)).proposal or ""
        for route in ("In rail cars", "By air")
    )
    newsroom.review(wanted, "ACCEPT", "Checked.")
    newsroom.review(unwanted, "REJECT", "No source says so.")


def change_access(newsroom: Newsroom) -> None:
    """Keys that came, were rotated and revoked, and an editor who has gone."""
    engine, by = newsroom.engine, access.By(newsroom.editing.editor)
    bo = newsroom.colleague("Bo", Role.EDITOR).editing.editor
    identity = "https://login.example|bo"
    access.revise_editor(engine, bo, by=by, identity=identity, role="CONTRIBUTOR")
    key = access.create_key(
        engine, bo, label="Desk", environment="test", scopes=["PROPOSE"], by=by,
        not_before="2026-01-01T00:00:00Z", expires_at="2099-01-01T00:00:00Z",
    )  # fmt: skip
    rotated = access.rotate_key(engine, key.id, environment="test", by=by)
    access.revoke_key(engine, rotated.id, by=by)
    access.retire_editor(engine, bo, by=by)


@pytest.fixture(params=KINDS)
def filled(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Newsroom]:
    """Every kind of record and of changeset, with three published checkpoints."""
    with (
        databases.filled(request.param, "everything", _fill) as (url, editing),
        opened(url) as engine,
    ):
        yield Newsroom(engine, Editing(**editing))


def _fill(url: str) -> dict[str, Any]:
    with opened(url) as engine:
        newsroom = Newsroom.founded(engine, role=Role.ADMIN)
        _enter_everything(newsroom)
        return asdict(newsroom.editing)


def _enter_everything(newsroom: Newsroom) -> None:
    horses = newsroom.add_transfer(
        quantity=30, summary="What a court forbade.", occurred="2024-08", origin="Moscow",
        value={"amount": "5", "unit": "EUR", "basis": "CIF"}, external_ref="h-1",
    )  # fmt: skip
    publish(newsroom.engine)
    newsroom.revise(horses, quantity=24)
    russia = newsroom.add_actor("Russia", aliases=[{"text": "RF", "language": "en"}], country="RU")
    twin = newsroom.add_actor("Russland")
    newsroom.revise(horses, giver=twin)
    newsroom.merge(twin, russia)
    newsroom.revert(newsroom.head())
    horse = newsroom.add_item("Horse", hs_code="0101", unit="head", external_ref="i-1",
        aliases=[{"text": "Equus"}], description="An animal.",
        identifiers=[{"scheme": "wikidata", "value": "Q726"}])  # fmt: skip
    newsroom.merge(newsroom.add_item("Trotter", broader=horse), newsroom.add_item("Orlov Trotter"))
    ministry = newsroom.add_actor(
        "Ministry", kind="AGENCY", acts_for=russia, part_of=russia, description="A body.",
        identifiers=[{"scheme": "wikidata", "value": "Q159"}], external_ref="a-1",
    )  # fmt: skip
    citation = newsroom.add_citation(
        url="https://example.org/a", authors=["Ann"], published="2024-08-27", language="en",
        publisher=ministry, archive_url="https://example.org/b", content_sha256="0" * 64,
        accessed="2024-09-01", integrity="CORRECTED", notice_url="https://example.org/c",
        external_ref="c-1",
    )  # fmt: skip
    shells = newsroom.add_transfer("Shells")
    newsroom.add_transfer(
        "Everything", giver=russia, receiver=ministry, item=horse,
        quantity={"lower": "2", "upper": "4", "unit": "head", "verbatim": "two to four"},
        value={"lower": "5", "upper": "6", "unit": "EUR", "verbatim": "some", "basis": "FOB"},
        occurred="2024", nature="PAYMENT", stage="DELIVERED", origin="A", destination="B",
        route="By rail", transport="Wagons", purpose="To pay", used_against=ministry,
        part_of=horses, consideration_for=shells, consideration_extent="PARTIAL",
        summary="In our words.",
    )  # fmt: skip
    claim = newsroom.add_claim(
        horses, citation=citation, quote={"exact": "thirty", "prefix": "about "}, asserted_by=russia
    )
    newsroom.add_claim(horses, derived_from=[{"claim": claim, "derivation": "QUOTES"}])
    newsroom.add_claim(horses, {"date": "2024-08"}, field="OCCURRED", locator="p. 3")
    newsroom.add_claim(horses, {"record": russia}, field="GIVER", external_ref="k-1")
    newsroom.add_claim(horses, {"code": "GIFT"}, field="NATURE")
    newsroom.add_claim(horses, {"text": "Moscow"}, field="ORIGIN")
    money = {"lower": "5", "upper": "6", "unit": "EUR", "verbatim": "some", "basis": "CIF"}
    newsroom.add_claim(horses, {"money": money}, field="VALUE")
    newsroom.submit(
        {
            "reason": {"code": "OTHER", "note": "Withdrawn.", "internalNote": "For us alone."},
            "operations": [newsroom.on(twin, "retract")],
        }
    )
    propose(newsroom, horses)
    change_access(newsroom)
    publish(newsroom.engine)
    redact(newsroom, {"record": {"id": horses, "fields": ["summary"]}})
    redact(newsroom, {"record": {"id": russia, "fields": ["name"]}})
    redact(newsroom, {"header": {"position": newsroom.nth(2), "texts": ["NOTE"]}})
    newsroom.revise(horses, quantity=26)
    publish(newsroom.engine)
