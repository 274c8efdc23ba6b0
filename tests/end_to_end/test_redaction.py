"""Redaction as an operator does it: what is left of the content, on the disk and anywhere else."""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine

from app import cli
from app.commands import access
from app.commands.people import settle
from app.domain.codes import Role
from app.domain.decisions import Editing
from app.domain.role_rules import Grant
from app.domain.tokens import Person
from app.reads.holders import known_by
from app.store.database import parse_url
from app.store.reader import open_reader
from app.store.scrubbing import TOUCHED, scrub
from app.store.tables import LEDGER_TABLES, metadata
from tests import commanding
from tests.checks import everything_holds
from tests.commanding import Ran
from tests.databases import Databases
from tests.driver import Newsroom, opened
from tests.serving import eventually, serving

MARKER = "Zqxwvkjerhardt"
"""A word that nothing else holds, in any case and cut into pieces by no index."""


@pytest.fixture
def folder(tmp_path: Path, databases: Databases) -> Path:
    """The data folder of a ledger on SQLite, alone in it, with an ADMIN and an EDITOR."""
    with databases.clone("sqlite") as made:
        source = sqlite3.connect(made.partition(":///")[2])
        with sqlite3.connect(tmp_path / "ledger.db") as copy:
            source.backup(copy)
        copy.close()
        source.close()
    return tmp_path


def another(name: str) -> str:
    """Return a name that no other editor of a house has: one database serves several tests."""
    return f"{name} {secrets.token_hex(4)}"


def newsroom(engine: Engine) -> Newsroom:
    """Enter who edits: a newsroom with an EDITOR, and an ADMIN among the colleagues."""
    desk = Newsroom.of_house(engine, another("Ann"))
    desk.colleague(another("Ada"), Role.ADMIN)
    return desk


def corrigenda(url: str, *arguments: object, **variables: str) -> Ran:
    return commanding.corrigenda(*arguments, CORRIGENDA_DATABASE_URL=url, **variables)


def holding(folder: Path) -> set[str]:
    """Return the files in which the marker stands, in any case."""
    return {
        file.name
        for file in folder.rglob("*")
        if file.is_file() and MARKER.lower().encode() in file.read_bytes().lower()
    }


def fill(desk: Newsroom) -> str:
    """Enter the marker wherever a record can hold it, among much else."""
    horses = desk.add_transfer(
        title=f"By {MARKER}", summary=f"{MARKER} said so. " * 300, quantity=30
    )
    desk.revise(horses, summary="In neutral words.", quantity=24)
    desk.revise(desk.head() and horses, summary=f"Again {MARKER}.")
    accepted, waiting = (
        desk.propose(desk.setting(horses, summary=f"{MARKER}, {number}."), message=MARKER).proposal
        for number in range(2)
    )
    desk.review(accepted or "", "ACCEPT", four_eyes=False)
    desk.review(waiting or "", "COMMENT", f"Is it {MARKER}?")
    for number in range(30):
        desk.add_actor(f"Actor {number}", description="Nothing to hide. " * 40)
    return horses


def test_after_a_scrub_the_content_is_nowhere(folder: Path) -> None:
    """Not in the file, the log beside it, an export, an answer to a command or a message."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    with opened(url) as engine:
        horses = fill(newsroom(engine))
        assert holding(folder) != set()

    done = corrigenda(
        url, "redact", horses, "--authority", "PRIVACY", "--note", "A person asked.", "--scrub"
    )

    assert done.returncode == 0, done.stderr
    assert f"{horses} version 1 (position 3): title" in done.stdout
    assert "Scrubbed." in done.stderr
    assert holding(folder) == set()
    exported = corrigenda(url, "export")
    assert MARKER not in exported.stdout + exported.stderr + done.stdout + done.stderr
    with opened(url) as engine:
        everything_holds(engine)


READ = """query ($id: ID!, $text: String!) { transfer(id: $id) { title summary externalRef
  history { nodes { changes { before after } record { ... on Transfer { title summary } } } }
  diff(from: 0) { before after } blame { value } changeset { reason { note } } }
  archive(position: 1) { transfer(id: $id) { title summary } }
  found: search(text: $text) { nodes { id } }
  filtered: transfers(filter: { textContains: $text }) { nodes { title } }
  log { revisionProof(record: $id, version: 1) { disclosures { field text } } }
  proposals { nodes { input reason { note } steps { changes { before after } }
    events { note } } } }"""
REDACT = """mutation ($id: ID!) { redact(input: { authority: LEGAL,
  reason: { code: LEGAL, note: "A court said so." }, targets: [{ record: { id: $id } }] }) {
  changeset { position } userErrors { message } } }"""


def test_a_server_that_held_it_says_it_nowhere_any_more(folder: Path) -> None:
    """Answers by every way, the server's own log, an export and a bundle, which verifies."""
    url, log = f"sqlite:///{folder / 'ledger.db'}", folder / "server.log"
    vkey = corrigenda(url, "signer", "keygen", "--output", folder / "key").stdout.strip()
    signing = {"CORRIGENDA_SIGNING_KEY": str(folder / "key")}
    with opened(url) as engine:
        room = newsroom(engine)
        admin = room.colleague("Eva", Role.ADMIN).editing.editor
        by = access.By(admin)
        key = access.create_key(engine, admin, label="desk", environment="test", by=by).key
        horses = room.add_transfer(title=MARKER, summary=f"By {MARKER}.", externalRef=MARKER)
        room.propose(room.setting(horses, summary=f"{MARKER} said so."), message=MARKER)
    asked = {"id": horses, "text": MARKER}

    with serving(url, log=log, CORRIGENDA_LOG_LEVEL="debug", **signing) as server:
        before = json.dumps(server.ask(READ, asked, key))
        refused = json.dumps(server.ask(REDACT, {"id": MARKER}, key))
        redacted = server.ask(REDACT, {"id": horses}, key)["data"]["redact"]
        after = server.ask(READ, asked, key)
        eventually(lambda: server.ready()["log"]["checkpoint"] == 6)
    held = holding(folder)
    scrubbed = corrigenda(url, "scrub")
    corrigenda(url, "bundle", folder / "bundle", "--audience", "auditor", **signing)
    verified = corrigenda(url, "verify", folder / "bundle", "--vkey", vkey, "--database", url)

    assert before.count(MARKER) > 12
    assert MARKER in refused, "an answer may repeat what was just asked"
    assert redacted == {"changeset": {"position": 6}, "userErrors": []}
    assert MARKER not in json.dumps(after)
    assert after["data"]["found"]["nodes"] == after["data"]["filtered"]["nodes"] == []
    assert "ledger.db" in " ".join(held), "nothing was there, so nothing was shown"
    assert "server.log" not in held
    assert scrubbed.returncode == 0
    assert verified.returncode == 0, verified.stdout
    assert (folder / "bundle" / "content" / "000.jsonl").stat().st_size > 0
    assert holding(folder) == set()
    assert MARKER not in corrigenda(url, "export").stdout


def test_without_a_scrub_the_disk_may_still_hold_it(folder: Path) -> None:
    """So the command says what is left to do; and the test above can fail."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    with opened(url) as engine:
        desk = newsroom(engine)
        horses = fill(desk)

        done = corrigenda(url, "redact", horses, "--authority", "LEGAL", "--note", "A court.")

        assert "The disk may still hold copies: run 'corrigenda scrub'." in done.stderr
        assert holding(folder) != set()

    assert corrigenda(url, "scrub").returncode == 0
    assert holding(folder) == set()


def test_a_scrub_does_not_claim_what_others_prevent(folder: Path) -> None:
    """Somebody who still reads keeps the old pages; the command says so and fails."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    with opened(url) as engine:
        horses = fill(newsroom(engine))
        reader = sqlite3.connect(folder / "ledger.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM change").fetchone()

        done = corrigenda(
            url, "redact", horses, "--authority", "LEGAL", "--note", "A court.", "--scrub"
        )

        reader.close()
    assert done.returncode == 1
    assert "stop the server and every other command, then run 'corrigenda scrub'" in done.stderr
    assert "Redacted at position" in done.stderr


def test_a_dry_run_tells_what_would_go(folder: Path) -> None:
    url = f"sqlite:///{folder / 'ledger.db'}"
    with opened(url) as engine:
        horses = newsroom(engine).add_transfer(title=MARKER, quantity=30)

    done = corrigenda(
        url, "redact", horses, "--field", "title", "--authority", "LEGAL", "--note", "A court.",
        "--dry-run",
    )  # fmt: skip

    assert done.stdout == f"{horses} version 1 (position 3): title\n"
    assert "Nothing was removed (dry run)." in done.stderr
    with opened(url) as engine:
        assert everything_holds(engine) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "targets must be a list of at least one target"),
        (("--position", "1"), "texts must name at least one of NOTE"),
        (("--position", "1", "--text", "NOTE", "--authority", "KING"), "authority must be one of"),
        (("--position", "1", "--text", "NOTE", "--note", ""), "say in a sentence why"),
        (
            ("--position", "1", "--text", "NOTE", "--editor", "Ann"),
            "ADMIN may, in the house newsroom",
        ),
        (("horse",), "is no id of a record"),
    ],
)
def test_what_is_wrong_with_the_options_is_said(
    folder: Path,
    options: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, as nothing but the words matters."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    with opened(url) as engine:
        newsroom(engine).add_transfer(title="Horses")

    monkeypatch.setenv("CORRIGENDA_DATABASE_URL", url)
    common = ["corrigenda", "redact", "--authority", "LEGAL", "--note", "A court."]
    monkeypatch.setattr(sys, "argv", [*common, *options])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 1
    assert message in capsys.readouterr().err


# --- PostgreSQL -----------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres_url(databases: Databases) -> Iterator[str]:
    with databases.clone("postgresql") as made:
        yield made


@pytest.fixture(scope="module")
def serving_role(postgres_url: str) -> Iterator[str]:
    """A role of its own to serve with, to which everything was granted that it needs."""
    role = f"serving_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        granted = corrigenda(postgres_url, "grant", role)
        assert granted.returncode == 0, granted.stderr
        yield role
        owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
        owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def as_role(url: str, role: str) -> str:
    """Return the address of a database for another role."""
    before, _, after = url.partition("://")
    return f"{before}://{role}@{after.partition('@')[2] or after}"


def test_the_role_that_serves_can_edit_and_redact(postgres_url: str, serving_role: str) -> None:
    with opened(postgres_url) as engine:
        desk = newsroom(engine)
        admin = desk.colleague(another("Eda"), Role.ADMIN)

    with opened(as_role(postgres_url, serving_role)) as engine:
        served = Newsroom(engine, desk.editing)
        horses = served.add_transfer(title=MARKER, quantity=30)
        claim = served.add_claim(horses, 24)
        served.revise(horses, quantity=24)
        served.merge(served.add_actor("Twin"), served.add_actor("Russia"))
        served.retract(claim)
        asked = served.propose(served.setting(horses, summary="Counted."), message=MARKER).proposal
        served.comment(asked or "", "Hm.")
        served.propose_again(asked or "", served.setting(horses, summary="Counted twice."))
        Newsroom(engine, admin.editing).review(asked or "", "ACCEPT", MARKER, revision=2)
        served.withdraw(served.propose(served.setting(horses, title=f"Of {MARKER}")).proposal or "")
        Newsroom(engine, admin.editing).redact(horses)
        person = Person("https://issuer.example", secrets.token_hex(4), "Pia", 1.0, {})
        for issued_at, role in ((1.0, Role.READER), (2.0, Role.EDITOR), (1.5, Role.ADMIN)):
            word = replace(person, issued_at=issued_at)
            settle(engine, word, Grant(admin.editing.newsroom, role))
        _access_is_changed(engine, admin.editing)
    assert asyncio.run(known(as_role(postgres_url, serving_role), person)) == (Role.EDITOR, 2.0)

    with opened(postgres_url) as engine:
        assert Newsroom(engine, desk.editing).held(horses, "title") == "[redacted]"
        everything_holds(engine)


def test_a_server_needs_no_more_than_that_role(
    postgres_url: str, serving_role: str, tmp_path: Path
) -> None:
    """Edits, idempotency keys, budgets, the access log and the last use of a key."""
    with opened(postgres_url) as engine:
        desk = newsroom(engine)
        by = access.By(desk.colleague(another("Eda"), Role.ADMIN).editing.editor)
        editor = desk.editing.editor
        key = access.create_key(engine, editor, label="k", environment="test", by=by).key
    said = tmp_path / "server.log"
    small = {"CORRIGENDA_KEY_BUDGET": "20000"}
    with serving(as_role(postgres_url, serving_role), log=said, **small) as server:
        given = {
            "reason": {"code": "OTHER", "note": "A reason."},
            "operations": [{"addActor": {"name": another("Actor"), "kind": "STATE"}}],
            "idempotencyKey": another("key"),
        }
        for _ in "ab":
            done = server.ask(ADD, {"input": given}, key)
            assert done["data"]["commit"]["userErrors"] == []

        def kept(table: str) -> int:
            with psycopg.connect(postgres_url) as owner:
                query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
                (found,) = owner.execute(query).fetchall()
                return int(found[0])

        for table in ("access_log", "key_use", "budget", "idempotency"):
            eventually(partial(kept, table))
    assert "permission denied" not in said.read_text()


ADD = "mutation ($input: CommitInput!) { commit(input: $input) { userErrors { message } } }"


def _access_is_changed(engine: Engine, admin: Editing) -> None:
    """Let a server do whatever `changeAccess` can."""
    by, name = access.By(admin.editor), another("Partner")
    room = access.add_newsroom(engine, name, by=by)
    bo = access.add_editor(engine, "Bo", newsroom=room, role="EDITOR", by=by)
    access.revise_editor(engine, bo, name="Bo B.", role="ADMIN", identity=None, by=by)
    key = access.create_key(engine, bo, label="Laptop", environment="test", by=by).id
    again = access.rotate_key(engine, key, environment="test", overlap_s=60, by=by).id
    access.revoke_key(engine, again, by=by)
    access.retire_editor(engine, bo, by=by)
    access.restore_editor(engine, bo, by=by)


async def known(url: str, person: Person) -> tuple[Role, float | None]:
    """Return role and newest token of a person, as a server reads them."""
    reader = open_reader(parse_url(url), pool_size=1)
    await reader.start()
    try:
        found = await known_by(reader, person.identity)
    finally:
        await reader.stop()
    assert found is not None
    return found.editing.role, found.settled_at


def test_the_role_that_serves_can_change_nothing(postgres_url: str, serving_role: str) -> None:
    """Refused for want of the right, before any trigger is asked."""
    with psycopg.connect(as_role(postgres_url, serving_role), autocommit=True) as served:
        for table in LEDGER_TABLES:
            fixed = next(
                one.name
                for one in metadata.tables[table].columns
                if one.name not in ("superseded", "size", "peaks", "recorded_at")
            )
            for statement in (
                f'UPDATE "{table}" SET "{fixed}" = "{fixed}"',
                f'DELETE FROM "{table}"',
                f'TRUNCATE "{table}"',
                f'ALTER TABLE "{table}" DISABLE TRIGGER ALL',
                f'DROP TABLE "{table}"',
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    served.execute(statement)


def test_the_owner_s_function_blanks_nothing_of_a_sealed_redaction(
    postgres_url: str, serving_role: str
) -> None:
    """Called by whoever may, it finds no open target, and the triggers refuse it."""
    with opened(postgres_url) as engine:
        desk = newsroom(engine)
        horses = desk.add_transfer(title=MARKER)
        done = desk.colleague(another("Eda"), Role.ADMIN).redact(horses)
        desk.revise(horses, title="Horses")

    with (
        psycopg.connect(as_role(postgres_url, serving_role)) as served,
        pytest.raises(psycopg.errors.IntegrityConstraintViolation),
    ):
        served.execute("SELECT corrigenda_blank(%s)", [done.position])


def test_a_scrub_says_what_the_role_may_not_do(postgres_url: str, serving_role: str) -> None:
    """Each statement that is left to an administrator is printed, and the command fails."""
    done = corrigenda(as_role(postgres_url, serving_role), "scrub")

    assert done.returncode == 1
    assert "Left to an administrator" in done.stderr
    for table in TOUCHED:
        assert f'VACUUM (FULL, ANALYZE) "{table}";  -- this role may not' in done.stderr


def test_postgresql_is_scrubbed_by_who_may(postgres_url: str) -> None:
    with opened(postgres_url) as engine:
        desk = newsroom(engine)
        desk.colleague(another("Eda"), Role.ADMIN).redact(desk.add_transfer(title=MARKER))

        found = scrub(engine)

        assert found.left == []
        assert "change written anew" in found.done
        everything_holds(engine)


@pytest.mark.parametrize("role", ["postgres", "nobody_at_all"])
def test_a_grant_that_means_nothing_is_refused(postgres_url: str, role: str) -> None:
    done = corrigenda(postgres_url, "grant", role)

    assert done.returncode == 1
    assert "nothing can be kept from it" in done.stderr or "there is no role" in done.stderr


def test_the_grants_can_be_read_before_they_are_run(postgres_url: str) -> None:
    done = corrigenda(postgres_url, "grant", "serving", "--print")

    assert 'GRANT UPDATE (superseded) ON "actor"' in done.stdout
