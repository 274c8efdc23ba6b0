"""The command line, run as an operator runs it: with arguments, output and a status."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from app import cli
from app.commands import access
from app.domain import keys
from app.store.database import open_engine, parse_url
from app.store.dossiers import head_position, reading
from tests import commanding
from tests.databases import Databases
from tests.serving import CORRIGENDA, environment

DEMO = files("app.demo") / "dossier.jsonl"


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    status: int
    out: str
    err: str


def corrigenda(*arguments: Any, url: str | None = None, **how: Any) -> Ran:
    """Run a command; in a process of its own where it matters how it is started."""
    variables = {} if url is None else {"CORRIGENDA_DATABASE_URL": url}
    variables |= how.pop("settings", {})
    if not how:
        ran: Any = commanding.corrigenda(*arguments, **variables)
        return Ran(ran.returncode, ran.stdout, ran.stderr)
    ran = subprocess.run(
        [CORRIGENDA, *map(str, arguments)],
        env=environment(**variables),
        capture_output=True, text=True, timeout=240, check=False, **how,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    """A migrated SQLite ledger with one editor who may commit."""
    with databases.clone("sqlite") as made:
        enter_editor(made)
        yield made


START = 2
"""The positions of the changesets that `enter_editor` makes."""


def enter_editor(url: str) -> None:
    engine = open_engine(parse_url(url))
    access.add_newsroom(engine, "House", house=True)
    access.add_editor(engine, "Ann", newsroom="House", role="EDITOR")
    engine.dispose()


def head(url: str) -> int:
    with reading(parse_url(url)) as connection:
        return head_position(connection)


def refused(ran: Ran) -> str:
    """Return the message of a command that ended as a foreseen fault should."""
    assert (ran.status, ran.out) == (1, ""), ran
    assert ran.err.startswith("corrigenda: ")
    assert "Traceback" not in ran.err
    return ran.err


def test_from_an_empty_database_to_a_key_that_is_revoked(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'ledger.db'}"
    assert "revision" in corrigenda("migrate", url=url).err
    assert corrigenda("newsroom", "add", "House", "--house", url=url).out.startswith("newsroom_")
    assert corrigenda("editor", "add", "Ann", "--newsroom", "House", "--role", "ADMIN",
                      url=url).out.startswith("editor_")  # fmt: skip

    made = corrigenda("key", "create", "--editor", "Ann", "--label", "Laptop", url=url)
    key_id = made.err.split()[2].rstrip(".")
    revoked = corrigenda("key", "revoke", key_id, url=url)
    listed = corrigenda("key", "list", url=url)

    assert keys.parse_key(made.out.strip()).environment == "live"
    assert revoked.err == f"{key_id} is revoked.\n"
    assert listed.out.splitlines()[1].split()[:4] == [key_id, "Ann", "ADMIN", "Laptop"]
    assert "revoked" in listed.out
    assert made.out.strip() not in listed.out


def test_a_dossier_goes_in_comes_out_and_goes_in_elsewhere(
    databases: Databases, url: str, tmp_path: Path
) -> None:
    """From SQLite to PostgreSQL: what is exported here is exported there."""
    loaded = corrigenda("load", DEMO, url=url)
    exported = corrigenda("export", "--output", tmp_path / "out.jsonl", url=url)
    with databases.clone("postgresql") as other:
        enter_editor(other)
        corrigenda("load", tmp_path / "out.jsonl", "--all-or-nothing", url=other)
        again = corrigenda("export", url=other)

    assert (loaded.status, exported.status) == (0, 0), (loaded, exported)
    assert loaded.err.startswith("38 lines: positions 3 to 40 written, with ")
    assert again.out == (tmp_path / "out.jsonl").read_text()
    assert len(again.out.splitlines()) == 38


def cheap_lines(count: int, *, broken: int) -> list[str]:
    """Lines that each add an item; one of them also a transfer of many horses."""

    def line(number: int) -> str:
        operations: list[Any] = [{"addItem": {"name": f"Item {number}", "kind": "OTHER"}}]
        if number == broken:
            quantity = {"amount": "many", "unit": "head"}
            operations.append({"addTransfer": {"title": "Horses", "quantity": quantity}})
        reason = {"code": "INITIAL_ENTRY", "note": "Stock list."}
        return json.dumps({"input": {"reason": reason, "operations": operations}}) + "\n"

    return [line(number) for number in range(1, count + 1)]


def broken_in_the_middle(count: int, url: str, folder: Path) -> None:
    """Load a dossier whose middle line is broken, mend it, and load it again."""
    broken, file = count // 2 + 1, folder / "stock.jsonl"
    lines = cheap_lines(count, broken=broken)
    file.write_text("".join(lines))

    stopped = corrigenda("load", file, url=url)
    held = head(url)
    file.write_text("".join(lines).replace("many", "3"))
    resumed = corrigenda("load", file, url=url)

    message = refused(stopped)
    assert f"line {broken} of {file} cannot be loaded:" in message
    assert "operation 2 (addTransfer), field quantity.amount: " in message
    assert (
        f"Lines 1 to {broken - 1} are loaded: positions {START + 1} to {START + broken - 1} now"
        in message
    )
    assert f"run the same command again; it goes on at line {broken}." in message
    assert held == START + broken - 1
    assert resumed.status == 0, resumed
    assert f"{count} lines, {broken - 1} of them already loaded: " in resumed.err
    assert f"positions {START + broken} to {START + count} written" in resumed.err
    assert head(url) == START + count


def test_a_broken_line_in_the_middle_says_where_and_the_load_goes_on(
    url: str, tmp_path: Path
) -> None:
    broken_in_the_middle(400, url, tmp_path)


@pytest.mark.parametrize("how", ["--dry-run", "--all-or-nothing"])
def test_a_broken_line_leaves_nothing_behind_when_all_go_together(
    url: str, tmp_path: Path, how: str
) -> None:
    file = tmp_path / "stock.jsonl"
    file.write_text("".join(cheap_lines(20, broken=11)))

    message = refused(corrigenda("load", file, how, url=url))

    assert "line 11 of" in message
    assert "Nothing was written." in message
    assert head(url) == START


def test_what_is_refused_may_be_left_out_and_is_named(url: str, tmp_path: Path) -> None:
    file = tmp_path / "stock.jsonl"
    file.write_text("".join(cheap_lines(20, broken=11)))

    ran = corrigenda("load", file, "--skip-failed", url=url)

    assert ran.status == 1
    assert "line 11, left out:\n  operation 2 (addTransfer), field quantity.amount: " in ran.err
    assert "20 lines, 1 not, or not whole: positions 3 to 22 written" in ran.err
    assert head(url) == START + 20


def test_a_dry_run_says_that_everything_can_be_loaded(url: str) -> None:
    ran = corrigenda("load", DEMO, "--dry-run", url=url)

    assert "38 lines: everything can be loaded. Nothing was written" in ran.err
    assert head(url) == START


modes_hold = pytest.mark.skipif(
    os.geteuid() == 0 and not sys.platform.startswith("linux"),
    reason="root ignores file modes, and only Linux lets it do without",
)


# --- what stands in the way ---------------------------------------------------


def test_a_database_that_is_not_migrated_is_named_with_the_way_out(tmp_path: Path) -> None:
    ran = corrigenda("load", DEMO, url=f"sqlite:///{tmp_path / 'new.db'}")

    assert "run: corrigenda migrate" in refused(ran)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def taken_port() -> Iterator[int]:
    """A port of this machine on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_in_use_is_said_before_anything_is_done(
    url: str, tmp_path: Path, command: str
) -> None:
    with taken_port() as port:
        message = refused(corrigenda(command, "--port", port, url=url, cwd=tmp_path))

    assert f"port {port} on 127.0.0.1 is in use; choose another one with --port" in message
    assert list(tmp_path.iterdir()) == []


def test_a_setting_with_which_nothing_can_be_served_is_told_and_no_address_is(
    url: str, tmp_path: Path
) -> None:
    """Whoever starts it, person or script, waits for the line with the address."""
    settings = {"CORRIGENDA_TRUSTED_PROXIES": "nonsense"}
    message = refused(corrigenda("serve", "--port", 0, url=url, cwd=tmp_path, settings=settings))

    assert "CORRIGENDA_TRUSTED_PROXIES: 'nonsense' does not appear to be" in message
    assert "Serving" not in message


@modes_hold
def test_a_read_only_database_refuses_a_load_in_plain_words(url: str, tmp_path: Path) -> None:
    """Root ignores modes by a capability, which the command here has to do without."""
    folder = tmp_path / "kept"
    folder.mkdir()
    file = Path(shutil.move(url.removeprefix("sqlite:///"), folder / "ledger.db"))
    file.chmod(0o400)
    folder.chmod(0o500)
    try:
        ran = corrigenda("load", DEMO, url=f"sqlite:///{file}", preexec_fn=without_power_over_modes)
    finally:
        folder.chmod(0o700)

    assert "read-only" in refused(ran) or "cannot be opened" in refused(ran)


def without_power_over_modes() -> None:
    """Drop CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, so that file modes hold for root too."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


@modes_hold
def test_a_file_that_may_not_be_read_is_named(url: str, tmp_path: Path) -> None:
    file = tmp_path / "secret.jsonl"
    file.touch(mode=0o200)

    ran = corrigenda("load", file, url=url, preexec_fn=without_power_over_modes)

    assert refused(ran) == f"corrigenda: {file}: Permission denied\n"


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (["load", "missing.jsonl"], {}, "missing.jsonl: No such file or directory"),
        (["load", "/"], {}, "/: Is a directory"),
        (["load", str(DEMO), "--editor", "Zoe"], {}, "there is no editor 'Zoe'"),
        (["export", "--from", "9"], {}, "this ledger has positions 1 to 2"),
        (["export", "--output", "/nowhere/out.jsonl"], {}, "No such file or directory"),
        (["newsroom", "add", "house"], {}, "there is a newsroom named 'house' already"),
        (["newsroom", "list", "--database-url", "mysql://x/y"], {}, "must be a SQLite file or Pos"),
        (["newsroom", "list"], {"CORRIGENDA_PORT": "http"}, "CORRIGENDA_PORT cannot be used"),
        (["serve", "--host", "no.such.host.invalid"], {}, "no address of this machine"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_message(
    url: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
    words: str,
) -> None:
    """In this process, for many starts of Python would take their time."""
    for name, value in {"CORRIGENDA_DATABASE_URL": url, **variables}.items():
        monkeypatch.setenv(name, value)

    ran = run_here(capfd, monkeypatch, *arguments)

    assert words in refused(ran)


def run_here(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> Ran:
    monkeypatch.setattr(sys, "argv", ["corrigenda", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    captured = capfd.readouterr()
    return Ran(int(left.value.code or 0), captured.out, captured.err)


def test_the_schema_is_printed_written_and_compared(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "schema.graphql"
    run_here(capfd, monkeypatch, "schema", "--output", str(file))
    same = run_here(capfd, monkeypatch, "schema", "--check", "--output", str(file))
    file.write_text(file.read_text().replace("type Query", "type Queries", 1))

    other = run_here(capfd, monkeypatch, "schema", "--check", "--output", str(file))

    assert (same.status, other.status) == (0, 1)
    assert "-type Queries" in other.out
    assert "is not what the code prints" in other.err


def test_the_schema_is_held_against_an_earlier_one(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    earlier = tmp_path / "earlier.graphql"
    run_here(capfd, monkeypatch, "schema", "--output", str(earlier))
    same = run_here(capfd, monkeypatch, "schema", "--against", str(earlier))
    earlier.write_text(earlier.read_text().replace("type Viewer {", "type Viewer {\n  age: Int", 1))

    broken = run_here(capfd, monkeypatch, "schema", "--against", str(earlier))
    earlier.write_text("type Query { horse: Horse }")
    unread = run_here(capfd, monkeypatch, "schema", "--against", str(earlier))

    assert (same.status, same.out) == (0, "")
    assert (broken.status, broken.out) == (1, "Field Viewer.age was removed.\n")
    assert "@deprecated" in broken.err
    assert (unread.status, "is no GraphQL schema" in unread.err) == (1, True)


def test_help_names_every_command_and_needs_no_database(tmp_path: Path) -> None:
    ran = corrigenda("--help", cwd=tmp_path)

    assert ran.status == 0
    for command in ("serve", "demo", "migrate", "load", "export", "schema", "newsroom", "editor",
                    "key"):  # fmt: skip
        assert command in ran.out


# --- the demo -----------------------------------------------------------------


@contextmanager
def demo(data: Path) -> Iterator[list[str]]:
    """Serve the demo and give what it printed, once it serves."""
    process = subprocess.Popen(
        [CORRIGENDA, "demo", "--port", "0", "--data", data], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        printed: list[str] = []
        while not printed or "Stop with Ctrl-C" not in printed[-1]:
            printed.append(process.stdout.readline())
            assert process.poll() is None, printed
        yield printed
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_the_demo_makes_its_ledger_once_and_keeps_it(tmp_path: Path) -> None:
    """A key for each role, in a file that only its owner reads; the second start adds nothing."""
    data = tmp_path / "demo"
    with demo(data) as first:
        held = json.loads((data / "demo-keys.json").read_text())
    url = f"sqlite:///{data / 'corrigenda.db'}"
    made = head(url)

    with demo(data) as second:
        pass

    assert list(held) == ["reader", "contributor", "editor", "auditor", "admin", "wire"]
    assert all(any(key in line for line in first) for key in held.values())
    assert [line for line in second if "ck_demo_" in line] == [
        line for line in first if "ck_demo_" in line
    ]
    assert stat.S_IMODE((data / "demo-keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert (made, head(url)) == (39, 39)


def test_the_search_index_is_made_again_on_request(url: str) -> None:
    """As after a new extension: every active record of the demo, and one line that says so."""
    loaded = corrigenda("load", DEMO, url=url)

    ran = corrigenda("reindex", url=url)

    assert loaded.status == 0, loaded.err
    assert (ran.status, ran.out) == (0, "")
    assert re.fullmatch(r"The search index holds \d{3} records\.\n", ran.err)
