"""The signer and its memory: what it signs, what it refuses, and what a crash leaves behind."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.commands.guard import Guard, require_fitting
from app.commands.signer_state import StateFile
from app.commands.signing import Signer, adopt, leading, sign
from app.commands.signing_keys import make_key, read_keys
from app.domain.codes import Role
from app.domain.decisions import Editing
from app.domain.errors import NotSigned, ReadOnly, Unready
from app.log.checkpoint import Checkpoint, open_checkpoint, signed_checkpoint
from app.log.note import SigningKey
from app.log.tree import Peaks, leaf_hash
from app.store import tables
from app.store.checkpoints import Published, newest, publish, tree_root
from app.store.database import Engine, parse_url
from app.store.log_engine import open_log_engine
from tests.databases import Databases
from tests.driver import Newsroom, fill, opened

T = tables.metadata.tables
NAME = "example.org/ledger"
KEY = SigningKey(NAME, bytes(range(32)))


@dataclass
class Desk:
    """A ledger with an editor, and the files of its signer."""

    url: str
    engine: Engine
    reads: Engine
    newsroom: Newsroom
    state: StateFile

    def sign(self) -> Published | None:
        with leading(parse_url(self.url), self.state) as leader, self.reads.connect() as read:
            assert leader is not None
            return sign(leader, read, (KEY,), self.state)

    def let_go(self) -> None:
        """Close every connection: PostgreSQL copies a database that nobody uses."""
        self.engine.dispose()
        self.reads.dispose()

    def newest(self) -> Published | None:
        with self.reads.connect() as connection:
            return newest(connection)

    def root(self, size: int) -> bytes:
        with self.reads.connect() as connection:
            return tree_root(connection, size)

    def fitting(self) -> int:
        with self.reads.connect() as connection:
            return require_fitting(connection, self.state).size

    def cause(self) -> str:
        """Return why the guard lets nothing be written."""
        with pytest.raises(ReadOnly) as refused:
            Guard(self.reads, self.state).require()
        return str(refused.value)

    def keep(self, size: int, root: bytes, key: SigningKey = KEY) -> None:
        """Put a state there that says this."""
        self.state.write(signed_checkpoint(Checkpoint(key.name, size, root), [key]))


@contextmanager
def desk_at(url: str, folder: Path, editing: Editing | None = None) -> Iterator[Desk]:
    with ExitStack() as stack:
        engine = stack.enter_context(opened(url))
        reads = open_log_engine(parse_url(url))
        stack.callback(reads.dispose)
        state = StateFile(folder / "key.state", NAME, (KEY.verifier,))
        newsroom = Newsroom(engine, editing) if editing else Newsroom.founded(engine)
        yield Desk(url, engine, reads, newsroom, state)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_at(database_url, tmp_path) as made:
        yield made


# --- what is signed -----------------------------------------------------------


def test_the_head_is_signed_once_and_stands_in_the_file_and_in_the_database(desk: Desk) -> None:
    desk.newsroom.add_item()
    desk.newsroom.add_item()

    signed, again = desk.sign(), desk.sign()

    assert signed is not None
    assert again is None
    checkpoint = open_checkpoint(signed.note, [KEY.verifier])
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (NAME, 3, desk.root(3))
    assert desk.state.path.read_text() == signed.note
    assert desk.newest() == signed


def test_an_empty_log_is_not_signed(database_url: str, tmp_path: Path) -> None:
    nobody = Editing("", "", Role.EDITOR, "")

    with desk_at(database_url, tmp_path, editing=nobody) as desk:
        assert desk.sign() is None
        assert desk.newest() is None
        assert not desk.state.path.exists()


def test_a_head_beyond_a_tile_is_signed_from_stored_nodes(desk: Desk) -> None:
    """Across the end of the first tile."""
    sizes = []
    for count in (1, 253, 1, 1, 2):
        fill(desk.url, count)
        signed = desk.sign()
        assert signed is not None
        sizes.append(signed.size)

    with desk.reads.connect() as connection:
        leaves = connection.execute(sa.select(T["entry"].c.body).order_by(T["entry"].c.position))
        peaks = Peaks()
        for body in leaves.scalars():
            peaks = peaks.append(leaf_hash(body.encode()))
    assert sizes == [2, 255, 256, 257, 259]
    assert open_checkpoint(signed.note, [KEY.verifier]).root == peaks.root()


def test_killed_between_file_and_database_the_same_bytes_are_published(desk: Desk) -> None:
    """Also where the log has grown meanwhile: first what was signed, then what came after."""
    desk.newsroom.add_item()
    with leading(parse_url(desk.url), desk.state) as leader, desk.reads.connect() as connection:
        assert leader is not None
        leader.engine = _Dead()  # type: ignore[assignment]
        with pytest.raises(_Killed):
            sign(leader, connection, (KEY,), desk.state)
    kept = desk.state.path.read_text()
    assert desk.newest() is None
    desk.newsroom.add_item()

    after = desk.sign()

    with desk.reads.connect() as connection:
        rows = connection.execute(
            sa.select(T["checkpoint"].c.size, T["checkpoint"].c.note).order_by("size")
        ).all()
    assert after is not None
    assert [tuple(row) for row in rows] == [(2, kept), (3, after.note)]


class _Killed(Exception):
    """The process ends here."""


class _Dead:
    """An engine of a process that is no more."""

    def __getattr__(self, name: str) -> Any:
        raise _Killed


def test_two_keys_sign_together_while_one_replaces_the_other(desk: Desk) -> None:
    new = SigningKey(NAME, bytes(32))
    desk.newsroom.add_item()

    with leading(parse_url(desk.url), desk.state) as leader, desk.reads.connect() as connection:
        assert leader is not None
        signed = sign(leader, connection, (KEY, new), desk.state)

    assert signed is not None
    assert open_checkpoint(signed.note, [KEY.verifier]) == open_checkpoint(
        signed.note, [new.verifier]
    )


def test_one_signs_at_a_time(desk: Desk, tmp_path: Path) -> None:
    """On one machine by the state's lock; among machines by the database's own."""
    with leading(parse_url(desk.url), desk.state) as first:
        with leading(parse_url(desk.url), desk.state) as second:
            beside = second
        elsewhere = StateFile(tmp_path / "other.state", NAME)
        with leading(parse_url(desk.url), elsewhere) as third:
            far = third

    with leading(parse_url(desk.url), desk.state) as afterwards:
        assert afterwards is not None
    assert first is not None
    assert beside is None
    assert (far is None) == desk.url.startswith("postgresql")


# --- what is refused ----------------------------------------------------------


def test_a_database_behind_its_published_head_is_named_with_what_is_missing(desk: Desk) -> None:
    desk.newsroom.add_item()
    desk.sign()
    desk.keep(5, bytes(32))

    cause = desk.cause()

    assert "positions 3 to 5 were published and not in this database" in cause
    with pytest.raises(ReadOnly, match="positions 3 to 5"):
        desk.sign()


def test_yesterdays_backup_starts_read_only(
    databases: Databases, desk: Desk, tmp_path: Path
) -> None:
    """The database is put back as it was, and the state is the signer's newest."""
    desk.newsroom.add_item()
    desk.sign()
    desk.let_go()
    with databases.copy(desk.url) as yesterday:
        desk.newsroom.add_item()
        desk.newsroom.add_item()
        desk.sign()
        with desk_at(yesterday, tmp_path, editing=desk.newsroom.editing) as restored:
            cause, size = restored.cause(), restored.newsroom.head()
            restored.let_go()

    assert size == 2
    assert cause.startswith("positions 3 to 4 were published and not in this database: restore")


def test_another_history_of_the_same_length_is_refused(desk: Desk) -> None:
    desk.newsroom.add_item()
    desk.keep(2, bytes(32))

    assert "another history than was published" in desk.cause()
    with pytest.raises(ReadOnly, match="another history"):
        desk.sign()
    assert desk.newest() is None


def test_a_lost_state_is_adopted_by_a_person_alone(desk: Desk) -> None:
    desk.newsroom.add_item()
    signed = desk.sign()
    desk.newsroom.add_item()
    desk.state.path.unlink()

    cause = desk.cause()
    with pytest.raises(ReadOnly):
        desk.sign()
    with desk.reads.connect() as connection:
        adopted = adopt(connection, desk.state)
    after = desk.sign()

    assert "positions up to 2 were published, and the signer's state" in cause
    assert "corrigenda signer adopt" in cause
    assert adopted == signed
    assert after is not None
    assert after.size == 3


def test_an_older_state_is_found_out_and_adopted(desk: Desk, tmp_path: Path) -> None:
    desk.newsroom.add_item()
    desk.sign()
    shutil.copy(desk.state.path, tmp_path / "older")
    desk.newsroom.add_item()
    desk.sign()
    shutil.copy(tmp_path / "older", desk.state.path)

    cause = desk.cause()
    with desk.reads.connect() as connection:
        adopt(connection, desk.state)

    assert "has a checkpoint of 3 entries, and the signer's state" in cause
    assert desk.fitting() == 3


def test_a_checkpoint_that_the_key_did_not_sign_is_not_adopted(desk: Desk) -> None:
    desk.newsroom.add_item()
    forged = signed_checkpoint(Checkpoint(NAME, 1, desk.root(1)), [SigningKey(NAME, bytes(32))])
    publish(desk.engine, Published(1, forged, "2026-11-24T00:00:00.000000Z"))

    with pytest.raises(NotSigned, match="none of this signer's"), desk.reads.connect() as read:
        adopt(read, desk.state)

    assert not desk.state.path.exists()


def test_there_is_nothing_to_adopt_in_a_database_that_lacks_what_was_published(desk: Desk) -> None:
    desk.newsroom.add_item()
    desk.sign()
    desk.keep(4, bytes(32))

    with pytest.raises(ReadOnly, match="positions 3 to 4"), desk.reads.connect() as connection:
        adopt(connection, desk.state)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "a note is a text"),
        ("no note\n", "a note is a text"),
        ("FORGED", "none of the known keys"),
        ("OTHER", "of the log 'other.org'"),
    ],
)
def test_a_state_that_is_none_is_refused(desk: Desk, content: str, words: str) -> None:
    desk.newsroom.add_item()
    desk.sign()
    other = SigningKey("other.org", bytes(range(32)))
    forged = SigningKey(NAME, bytes(32))
    file = {
        "FORGED": signed_checkpoint(Checkpoint(NAME, 1, desk.root(1)), [forged]),
        "OTHER": signed_checkpoint(Checkpoint("other.org", 1, desk.root(1)), [other]),
    }.get(content, content)
    trusting = StateFile(desk.state.path, NAME, (KEY.verifier, other.verifier))
    desk.state.path.write_text(file)

    with pytest.raises(ReadOnly, match=words):
        trusting.read()


def test_two_heads_of_one_size_are_noticed(desk: Desk) -> None:
    """The row of the table is another than the signer's, though the log fits the latter."""
    desk.newsroom.add_item()
    false = signed_checkpoint(Checkpoint(NAME, 2, bytes(32)), [KEY])
    publish(desk.engine, Published(2, false, "2026-11-24T00:00:00.000000Z"))
    desk.keep(2, desk.root(2))

    assert "the checkpoint of 2 entries in the database has another root" in desk.cause()


def test_a_new_name_begins_a_new_series(desk: Desk, tmp_path: Path) -> None:
    """After a compromise the ledger signs under another name, beside what it signed before.

    Of each size there is one checkpoint, so the series begins with the next changeset.
    """
    desk.newsroom.add_item()
    desk.sign()
    key = SigningKey("example.org/ledger-2", bytes(32))
    state = StateFile(tmp_path / "new.state", key.name, (key.verifier,))

    with leading(parse_url(desk.url), state) as leader, desk.reads.connect() as connection:
        assert leader is not None
        too_early = sign(leader, connection, (key,), state)
        desk.newsroom.add_item()
        signed = sign(leader, connection, (key,), state)
        again = sign(leader, connection, (key,), state)

    assert (too_early, again) == (None, None)
    assert signed is not None
    assert open_checkpoint(signed.note, [key.verifier]).size == 3


def unguard_head(connection: sa.Connection) -> None:
    """Do what somebody does who owns the database."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ALTER TABLE head DISABLE TRIGGER ALL")
        return
    found = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'head'"
    for name in connection.exec_driver_sql(found).scalars().all():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')


def test_hashes_that_were_altered_are_not_signed(desk: Desk) -> None:
    """The head and the stored hashes must lead to one root."""
    desk.newsroom.add_item()
    desk.sign()
    desk.newsroom.add_item()
    with desk.engine.begin() as connection:
        unguard_head(connection)
        size, peaks = connection.execute(sa.select(T["head"].c.size, T["head"].c.peaks)).one()
        connection.execute(T["head"].update().values(peaks=peaks[:-1] + b"\x00"))

    with pytest.raises(NotSigned, match="different roots"):
        desk.sign()

    assert (size, desk.fitting()) == (3, 2)


# --- read-only ----------------------------------------------------------------


def test_nothing_is_written_to_a_database_that_is_behind(desk: Desk) -> None:
    """The refusal names what is missing; a fitting state ends it."""
    desk.newsroom.add_item()
    desk.sign()
    note = desk.state.path.read_text()
    desk.keep(9, bytes(32))
    guard = Guard(desk.reads, desk.state)

    with opened_with(desk.url, guard) as engine:
        newsroom = Newsroom(engine, desk.newsroom.editing)
        with pytest.raises(ReadOnly, match="positions 3 to 9"):
            newsroom.add_item()
        head = newsroom.head()
        desk.state.write(note)
        guard.check()
        newsroom.add_item()

    assert head == 2


@contextmanager
def opened_with(url: str, guard: Guard) -> Iterator[Engine]:
    from app.store.database import open_engine

    engine = open_engine(parse_url(url), guard=guard.require)
    try:
        yield engine
    finally:
        engine.dispose()


def test_a_log_that_shrank_since_the_last_look_is_not_written_to(desk: Desk) -> None:
    """What was published stands in the guard's memory: a restore is met before the next look."""
    desk.newsroom.add_item()
    desk.sign()
    guard = Guard(desk.reads, desk.state)
    guard.check()

    guard.require(2)
    with pytest.raises(ReadOnly, match="position 2 was published and not in this database"):
        guard.require(1)


# --- running ------------------------------------------------------------------


@contextmanager
def running(desk: Desk, state: StateFile | None = None) -> Iterator[Signer]:
    signer = Signer(parse_url(desk.url), desk.reads, (KEY,), state or desk.state, every=0.05)
    stop = threading.Event()
    thread = threading.Thread(target=signer.run, args=(stop,))
    thread.start()
    try:
        yield signer
    finally:
        stop.set()
        signer.give_up()
        thread.join(10)
        assert not thread.is_alive()


def eventually(what: Any, seconds: float = 5.0) -> Any:
    """Return the first true answer of `what`, asked again until the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
    return found


def test_a_running_signer_signs_every_head_within_a_second(desk: Desk) -> None:
    with running(desk):
        for _ in range(3):
            desk.newsroom.add_item()
            head = desk.newsroom.head()
            eventually(lambda: (one := desk.newest()) and one.size == head, 1.0)  # noqa: B023


def test_where_the_leader_stops_the_next_one_takes_over(desk: Desk) -> None:
    with running(desk) as first:
        eventually(lambda: first.is_leading)
        with running(desk) as second:
            time.sleep(0.2)
            both = (first.is_leading, second.is_leading)
    with running(desk) as third:
        desk.newsroom.add_item()
        eventually(desk.newest)

    assert both == (True, False)
    assert third.cause is None


def test_a_signer_that_cannot_goes_on_trying(desk: Desk) -> None:
    desk.newsroom.add_item()
    desk.keep(2, bytes(32))

    with running(desk) as signer:
        cause = eventually(lambda: signer.cause)
        desk.keep(2, desk.root(2))
        eventually(desk.newest)
        eventually(lambda: signer.cause is None)

    assert "another history" in cause


# --- the key ------------------------------------------------------------------


def test_a_key_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "key"

    made = make_key(file, NAME)

    assert read_keys(file, NAME) == (made,)
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Unready, match="is there already; a key is never written over"):
        make_key(file, NAME)


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (f"{KEY.text}\n", 0o644, "others may read or change the signing key"),
        (f"{KEY.text}\n", 0o620, "others may read or change the signing key"),
        ("", 0o600, "holds no signing key"),
        (f"{KEY.verifier.text}\n", 0o600, "holds what is no signing key"),
        (f"{SigningKey('other.org', bytes(32)).text}\n", 0o600, "is for 'other.org'"),
        (None, 0o600, "there is no key in"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, text: str | None, mode: int, words: str
) -> None:
    file = tmp_path / "key"
    if text is not None:
        file.write_text(text)
        file.chmod(mode)

    with pytest.raises(Unready, match=words) as refused:
        read_keys(file, NAME)

    assert KEY.text.rpartition("+")[2] not in str(refused.value)


def test_a_name_that_no_key_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unready, match="CORRIGENDA_LEDGER_NAME is 'The Ledger'"):
        make_key(tmp_path / "key", "The Ledger")
