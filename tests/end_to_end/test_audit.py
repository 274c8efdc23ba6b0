"""An auditor's way: a bundle, a verdict, and the comparison with what is held and served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.domain.codes import ChangesetKind, Role
from app.log.note import SigningKey
from tests.bundles import KEY, publish
from tests.commanding import Ran, corrigenda
from tests.databases import Databases
from tests.driver import Newsroom, opened
from tests.reads.columns import unguarded
from tests.serving import serving

VKEY = KEY.verifier.text


@dataclass
class Audited:
    """A ledger with a bundle of it, and a checkpoint that was kept from before."""

    url: str
    folder: Path
    horses: str = ""

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle.zip"

    @property
    def kept(self) -> Path:
        return self.folder / "kept"


@pytest.fixture
def audited(databases: Databases, tmp_path: Path) -> Iterator[Audited]:
    with databases.clone("sqlite") as url:
        audited = Audited(url, tmp_path)
        with opened(url) as engine:
            newsroom = Newsroom.founded(engine, role=Role.ADMIN)
            audited.horses = horses = newsroom.add_transfer(
                quantity=30, summary="What a court forbade.", occurred="2024-08",
                value={"amount": "5", "unit": "EUR", "basis": "CIF"},
            )  # fmt: skip
            audited.kept.write_text(publish(engine))
            russia = newsroom.add_actor(aliases=[{"text": "RF", "language": "en"}])
            newsroom.revise(horses, giver=russia, quantity=24)
            claim = newsroom.add_claim(horses, asserted_by=russia, quote={"exact": "thirty"})
            newsroom.add_claim(horses, derived_from=[{"claim": claim, "derivation": "QUOTES"}])
            newsroom.add_claim(horses, {"date": "2024-08"}, field="OCCURRED")
            newsroom.add_claim(horses, {"record": russia}, field="GIVER")
            newsroom.retract(claim)
            redact(newsroom, {"record": {"id": horses, "fields": ["summary"]}})
            redact(newsroom, {"record": {"id": russia, "fields": ["name"]}})
            publish(engine)
        made = corrigenda("bundle", audited.bundle, "--audience", "auditor", "--vkey", VKEY,
                          CORRIGENDA_DATABASE_URL=url)  # fmt: skip
        assert made.returncode == 0, made.stderr
        yield audited


def redact(newsroom: Newsroom, *targets: object) -> None:
    body = {
        "reason": {"code": "LEGAL", "note": "A court said so."},
        "authority": "LEGAL",
        "targets": list(targets),
    }
    newsroom.submit(body, kind=ChangesetKind.REDACTION)


def verify(audited: Audited, *more: object) -> Ran:
    return corrigenda("verify", audited.bundle, "--vkey", VKEY, "--checkpoint", audited.kept, *more)


def test_a_bundle_is_verified_and_compared_with_database_and_server(audited: Audited) -> None:
    with serving(audited.url) as server:
        ran = verify(audited, "--database", audited.url, "--url", server.address)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("VERIFIED. ")
    assert "on LEGAL authority" in ran.stdout
    assert "Compared with the database" in ran.stdout
    assert f"Compared with {server.address}" in ran.stdout


def test_a_server_that_shows_another_value_is_found_out(audited: Audited) -> None:
    """The log is untouched; the row that readers see is not."""
    with opened(audited.url) as engine:
        unguarded(engine)
        with engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE transfer SET quantity_amount = 26000 WHERE superseded > 99")
            )

    with serving(audited.url) as server:
        served = verify(audited, "--json", "--url", server.address)
    stored = verify(audited, "--database", audited.url)

    failure = json.loads(served.stdout)["failure"]
    assert served.returncode == 1
    assert (failure["code"], failure["record"], failure["field"]) == (
        "SERVER", audited.horses, "quantity",
    )  # fmt: skip
    assert stored.returncode == 1
    assert "transfer.quantity_amount" in stored.stdout


def test_what_was_redacted_since_the_bundle_may_be_absent_from_the_database(
    audited: Audited,
) -> None:
    with opened(audited.url) as engine:
        newsroom = Newsroom.of_house(engine, "Another admin", Role.ADMIN)
        redact(newsroom, {"record": {"id": audited.horses, "fields": ["occurred"]}})

    ran = verify(audited, "--database", audited.url)

    assert ran.returncode == 0, ran.stdout
    assert "1 redacted since" in ran.stdout


def test_the_key_has_to_be_the_one_known_from_elsewhere(audited: Audited) -> None:
    other = SigningKey(KEY.name, bytes(32)).verifier.text

    ran = corrigenda("verify", audited.bundle, "--vkey", other)

    assert ran.returncode == 1
    assert ran.stdout.startswith("NOT VERIFIED (SIGNATURE)")


@pytest.mark.parametrize(
    "arguments",
    [["no-such-folder"], ["{bundle}", "--vkey", "nonsense"], ["{bundle}", "--chekpoint"]],
)
def test_a_mistyped_command_ends_with_status_two(audited: Audited, arguments: list[str]) -> None:
    ran = corrigenda("verify", *(one.format(bundle=audited.bundle) for one in arguments))

    assert ran.returncode == 2


def test_check_says_what_it_looked_at_and_names_what_is_wrong(audited: Audited) -> None:
    whole = corrigenda("check", "--vkey", VKEY, CORRIGENDA_DATABASE_URL=audited.url)
    with opened(audited.url) as engine:
        unguarded(engine)
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE changeset SET role = 'EDITOR' WHERE position = 2"))

    broken = corrigenda("check", "--json", CORRIGENDA_DATABASE_URL=audited.url)

    problem = json.loads(broken.stdout)["problems"][0]
    assert whole.returncode == 0
    assert whole.stdout.startswith("The ledger holds: ")
    assert broken.returncode == 1
    assert (problem["table"], problem["column"], problem["position"]) == ("changeset", "role", 2)
