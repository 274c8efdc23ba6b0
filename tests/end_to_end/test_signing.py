"""Signing as an operator does it: commands, servers, a backup that was put back."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from app.commands import access
from app.commands.signer_state import StateFile
from app.commands.signing import leading, sign
from app.commands.signing_keys import make_key, read_keys
from app.domain.errors import CorrigendaError
from app.log.checkpoint import Checkpoint, open_checkpoint
from app.log.note import VerifierKey
from app.log.tlog_proof import verify_tlog_proof
from app.store.database import parse_url
from app.store.log_engine import open_log_engine
from tests.databases import Databases
from tests.driver import fill, opened
from tests.serving import CORRIGENDA, environment, eventually, serving

NAME = "example.org/ledger"
ADD = """mutation { commit(input: { reason: { code: INITIAL_ENTRY, note: "New." }
  operations: [{ addItem: { name: "Mare", kind: LIVE_ANIMAL } }] }) { changeset { position } } }"""


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class House:
    """A ledger with an editor's key and a signing key."""

    url: str
    key: str
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        return {
            "CORRIGENDA_SIGNING_KEY": str(self.folder / "key"),
            "CORRIGENDA_LEDGER_NAME": NAME,
        }

    def run(self, *arguments: object, url: str | None = None, **variables: str) -> Ran:
        """Run a command in this process: starting Python anew would take most of the time."""
        given = {"CORRIGENDA_DATABASE_URL": url or self.url, **self.variables, **variables}
        ran = CliRunner().invoke(cli.app, [*map(str, arguments)], env=given)
        if ran.exception is not None and not isinstance(ran.exception, CorrigendaError):
            raise ran.exception
        said = "" if ran.exception is None else str(ran.exception)
        return Ran(ran.exit_code, ran.stdout, ran.stderr + said)

    def vkey(self) -> VerifierKey:
        (key,) = read_keys(self.folder / "key", NAME)
        return key.verifier

    def checkpoint(self) -> Checkpoint:
        return open_checkpoint((self.folder / "key.state").read_text(), [self.vkey()])

    def sign(self) -> None:
        """Sign what is there, as `corrigenda sign --once` does."""
        url, state = parse_url(self.url), StateFile(self.folder / "key.state", NAME)
        engine = open_log_engine(url)
        with leading(url, state) as leader, engine.connect() as connection:
            assert leader is not None
            sign(leader, connection, read_keys(self.folder / "key", NAME), state)
        engine.dispose()


START = 3
"""The positions of the changesets that `house` makes."""


def house(url: str, folder: Path) -> House:
    with opened(url) as engine:
        access.add_newsroom(engine, "House", house=True)
        editor = access.add_editor(engine, "Ann", newsroom="House", role="EDITOR")
        key = access.create_key(engine, editor, label="test", environment="test").key
    make_key(folder / "key", NAME)
    return House(url, key, folder)


@pytest.fixture
def postgresql(databases: Databases, tmp_path: Path) -> Iterator[House]:
    """Where signers share a lock of the database, beside that of the state file."""
    with databases.clone("postgresql") as url:
        yield house(url, tmp_path)


@pytest.fixture
def sqlite(databases: Databases, tmp_path: Path) -> Iterator[House]:
    with databases.clone("sqlite") as url:
        yield house(url, tmp_path)


def test_a_log_is_signed_apart_and_a_proof_is_written(sqlite: House) -> None:
    """Key, checkpoint, proof: each command's output is what the next reader takes."""
    (sqlite.folder / "key").unlink()
    made = sqlite.run("signer", "keygen", "--output", sqlite.folder / "key")
    vkey = sqlite.run("signer", "vkey")
    nothing = sqlite.run("checkpoint")
    fill(sqlite.url, 2)
    signed, again = sqlite.run("sign", "--once"), sqlite.run("sign", "--once")
    note = sqlite.run("checkpoint").stdout
    file = sqlite.folder / "3.tlog-proof"
    wrote = sqlite.run("proof", 3, "--output", file)
    beyond = sqlite.run("proof", 6)

    assert made.stdout == vkey.stdout == f"{sqlite.vkey().text}\n"
    assert "PRIVATE" not in made.stdout + made.stderr + vkey.stderr
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "no checkpoint was published" in nothing.stderr
    assert (signed.stderr, again.stderr) == ("Signed: 5 entries.\n", "Everything is signed.\n")
    assert note == (sqlite.folder / "key.state").read_text()
    assert wrote.returncode == 0, wrote
    with opened(sqlite.url) as engine, engine.connect() as connection:
        leaf = connection.exec_driver_sql("SELECT leaf_hash FROM entry WHERE position = 3").scalar()
    assert verify_tlog_proof(file.read_text(), bytes(leaf), [sqlite.vkey()]).size == 5
    assert beyond.returncode == 1
    assert "position 6 is not among the first 5" in beyond.stderr


def test_a_key_is_never_written_over_and_its_name_is_the_ledgers(sqlite: House) -> None:
    again = sqlite.run("signer", "keygen", "--output", sqlite.folder / "key")
    elsewhere = sqlite.run("sign", "--once", CORRIGENDA_LEDGER_NAME="localhost")

    assert "is there already" in again.stderr
    assert f"is for '{NAME}', and this ledger is 'localhost'" in elsewhere.stderr
    assert (again.returncode, elsewhere.returncode) == (1, 1)


def test_sign_ends_when_it_is_told_to(sqlite: House) -> None:
    """A signer apart, while `serve` is told to leave it alone."""
    with (
        subprocess.Popen(
            [CORRIGENDA, "sign"],
            env=environment(CORRIGENDA_DATABASE_URL=sqlite.url, **sqlite.variables),
            stderr=subprocess.PIPE, text=True,
        ) as signer,
        serving(sqlite.url, **sqlite.variables, CORRIGENDA_SIGN="off") as server,
    ):  # fmt: skip
        server.ask(ADD, {}, sqlite.key)
        eventually(lambda: server.ready()["log"].get("checkpoint") == START + 1)
        ready = server.ready()
        signer.send_signal(signal.SIGTERM)
        status = signer.wait(10)

    assert status == 0
    assert ready["log"] == {"status": "signed", "checkpoint": START + 1, "signs": False}


def test_two_servers_have_one_signer_and_the_other_takes_over(postgresql: House) -> None:
    """The leader is killed as by a power cut; what is written after it is signed in time."""
    with (
        serving(postgresql.url, **postgresql.variables) as first,
        serving(postgresql.url, **postgresql.variables) as second,
    ):
        first.ask(ADD, {}, postgresql.key)
        eventually(lambda: first.get("/checkpoint")[0] == 200)
        leads = [one.ready()["log"]["signs"] for one in (first, second)]
        leader, other = (first, second) if leads[0] else (second, first)
        leader.kill()
        other.ask(ADD, {}, postgresql.key)
        both = START + 2
        after = eventually(lambda: (one := other.ready()["log"])["checkpoint"] == both and one, 3)

    assert sorted(leads) == [False, True]
    assert after == {"status": "signed", "checkpoint": both, "signs": True}
    assert postgresql.checkpoint().size == both


def test_yesterdays_backup_is_served_read_only(sqlite: House, databases: Databases) -> None:
    """`serve` and `load` say which positions are missing; the newer database ends it."""
    fill(sqlite.url, 3)
    sqlite.sign()
    with databases.copy(sqlite.url) as yesterday:
        fill(sqlite.url, 2)
        sqlite.sign()
        line = {"input": {"reason": {"code": "INITIAL_ENTRY", "note": "New."},
                          "operations": [{"addItem": {"name": "A", "kind": "OTHER"}}]}}  # fmt: skip
        dossier = sqlite.folder / "dossier.jsonl"
        dossier.write_text(json.dumps(line) + "\n")
        with serving(yesterday, **sqlite.variables) as server:
            ready = server.ready()
            refused = server.ask(ADD, {}, sqlite.key)["errors"][0]
            page = server.ask("{ items { totalCount } }", {}, sqlite.key)
        loaded = sqlite.run("load", dossier, url=yesterday)
        signed = sqlite.run("sign", "--once", url=yesterday)
        entered = sqlite.run("key", "create", "--editor", "Ann", "--label", "x", url=yesterday)
    with serving(sqlite.url, **sqlite.variables) as server:
        written = server.ask(ADD, {}, sqlite.key)["data"]["commit"]["changeset"]

    missing = "positions 7 to 8 were published and not in this database: restore a newer backup"
    assert ready["status"] == "ok"
    assert ready["log"]["status"] == "read-only"
    assert missing in ready["log"]["cause"]
    assert refused["extensions"]["code"] == "READ_ONLY"
    assert missing in refused["message"]
    assert page["data"] == {"items": {"totalCount": 3}}
    # Who may act is part of the log, too: on an older backup nothing is entered or revoked.
    for command in (loaded, signed, entered):
        assert command.returncode == 1
        assert missing in command.stderr
    assert written == {"position": 9}


def test_a_lost_state_is_adopted_by_hand(sqlite: House) -> None:
    fill(sqlite.url, 2)
    sqlite.sign()
    kept = (sqlite.folder / "key.state").read_text()
    (sqlite.folder / "key.state").unlink()

    refused = sqlite.run("sign", "--once")
    adopted = sqlite.run("signer", "adopt")

    assert refused.returncode == 1
    assert "corrigenda signer adopt" in refused.stderr
    assert "now holds the checkpoint of 5 entries" in adopted.stderr
    assert (sqlite.folder / "key.state").read_text() == kept


def test_a_server_does_not_start_with_a_key_that_others_may_read(sqlite: House) -> None:
    shutil.copy(sqlite.folder / "key", sqlite.folder / "open")
    (sqlite.folder / "open").chmod(0o644)

    ran = sqlite.run("serve", "--port", 0, CORRIGENDA_SIGNING_KEY=str(sqlite.folder / "open"))

    assert ran.returncode == 1
    assert "others may read or change the signing key" in ran.stderr
