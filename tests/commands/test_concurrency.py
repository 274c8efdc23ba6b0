"""Writers side by side: nothing is lost, nothing is doubled, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from app.domain.errors import Refused, Unwritable
from app.store import database
from tests import checks
from tests.driver import Newsroom, T, opened
from tests.writers import counts, transfers, write_in_processes, write_in_threads

COMMITS = 240


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A ledger whose PostgreSQL notices deadlocks at once."""
    if database_url.startswith("postgresql"):
        with opened(database_url) as engine, engine.begin() as connection:
            name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET deadlock_timeout = 20')
    with opened(database_url, pool_size=20) as engine:
        yield engine


def test_sixteen_writers_on_fifty_records_lose_nothing(newsroom: Newsroom) -> None:
    records = transfers(newsroom, 50)

    tally = write_in_threads(newsroom, records, writers=16, commits=COMMITS)

    assert tally.commits == COMMITS
    assert counts(newsroom.engine) == COMMITS
    assert checks.everything_holds(newsroom.engine) == COMMITS + 1


def test_writers_of_several_processes_lose_nothing(newsroom: Newsroom) -> None:
    records = transfers(newsroom, 50)

    tally = write_in_processes(newsroom, records, processes=2, writers=8, commits=160)

    assert tally.commits == counts(newsroom.engine) == 160
    assert checks.everything_holds(newsroom.engine) == 161


def test_writers_who_all_want_one_record_take_turns(newsroom: Newsroom) -> None:
    (record,) = transfers(newsroom, 1)

    tally = write_in_threads(newsroom, [record], writers=8, commits=64)

    assert newsroom.version(record) == 65
    assert newsroom.quantities(record) == [*range(65)]
    assert tally.commits == 64


# --- locks that cross -------------------------------------------------------------------------


def side_by_side(*calls: Callable[[], Any], rounds: int = 1) -> list[str]:
    """Run calls at once, each so many times; return the codes of what was refused."""

    def repeat(call: Callable[[], Any]) -> list[str]:
        codes: list[str] = []
        for _ in range(rounds):
            try:
                call()
            except Refused as refused:
                codes.extend(one.code for one in refused.refusals)
        return codes

    with ThreadPoolExecutor(len(calls)) as pool:
        return [code for codes in pool.map(repeat, calls) for code in codes]


def test_two_records_revised_in_both_orders_never_deadlock(
    newsroom: Newsroom, broken_off: list[str]
) -> None:
    one, other = newsroom.add_transfer(), newsroom.add_transfer()

    def revise(*records: str) -> None:
        operations = [
            {"reviseTransfer": {"id": record, "version": newsroom.version(record),
                                "set": {"title": threading.current_thread().name + record}}}
            for record in records
        ]  # fmt: skip
        newsroom.commit(*operations)

    before = newsroom.head()
    codes = side_by_side(*[lambda: revise(one, other), lambda: revise(other, one)] * 4, rounds=5)

    assert set(codes) <= {"STALE_VERSION", "INVALID_INPUT"}
    assert broken_off == []
    assert newsroom.head() > before
    assert newsroom.version(one) == newsroom.version(other)
    checks.everything_holds(newsroom.engine)


def test_a_record_is_revised_while_others_are_written_that_refer_to_it(
    newsroom: Newsroom, broken_off: list[str]
) -> None:
    """The foreign keys of one writer must not wait for the lock of another one."""
    russia = newsroom.add_actor()
    horses = [newsroom.add_transfer(giver=russia) for _ in range(4)]

    def rename() -> None:
        newsroom.revise(russia, description=f"Version {newsroom.version(russia) + 1}.")

    def retitle(record: str) -> Callable[[], Any]:
        return lambda: newsroom.revise(record, title=f"Version {newsroom.version(record) + 1}")

    codes = side_by_side(rename, *map(retitle, horses), rounds=12)

    assert codes == []
    assert broken_off == []
    assert newsroom.version(russia) == 13
    checks.everything_holds(newsroom.engine)


def test_claims_added_to_a_duplicate_while_it_is_merged_end_at_the_survivor(
    newsroom: Newsroom,
) -> None:
    """A claim comes before the merge and is pointed on, or after it and is refused."""
    source = newsroom.add_citation()
    survivor = newsroom.add_actor("Russia")

    for _ in range(4):
        duplicate = newsroom.add_actor("Russian Federation")

        def claim(about: str = duplicate) -> None:
            newsroom.add_claim(about, {"text": "Russia"}, field="NAME", citation=source)

        def merge(away: str = duplicate) -> None:
            newsroom.merge(away, survivor)

        codes = side_by_side(claim, claim, merge, claim, claim)

        assert set(codes) <= {"WRONG_STATE"}
        assert newsroom.record(duplicate).state == "MERGED"
    checks.everything_holds(newsroom.engine)


def test_a_revert_beside_a_merge_never_points_at_what_was_merged_away(
    newsroom: Newsroom,
) -> None:
    survivor = newsroom.add_actor("Russia")

    for _ in range(6):
        duplicate = newsroom.add_actor("Russian Federation")
        horses = newsroom.add_transfer(giver=duplicate)
        position = newsroom.revise(horses, giver=None).position or 0

        codes = side_by_side(
            lambda at=position: newsroom.revert(at),
            lambda away=duplicate: newsroom.merge(away, survivor),
        )

        assert set(codes) <= {"WRONG_STATE"}
        assert newsroom.held(horses, "giver") in (None, survivor)
    checks.everything_holds(newsroom.engine)


def test_a_merge_beside_edits_of_its_referrers_is_done_once_they_are(newsroom: Newsroom) -> None:
    """The merge locks its referrers after the duplicate, which crosses who locks by id."""
    referrer = newsroom.add_actor("Agency")
    survivor, duplicate = newsroom.add_actor("Russia"), newsroom.add_actor("Russian Federation")
    newsroom.revise(referrer, acts_for=duplicate)

    def edit_both() -> None:
        newsroom.commit(*[
            {"reviseActor": {"id": record, "version": newsroom.version(record),
                             "set": {"description": f"After {newsroom.version(record)}."}}}
            for record in (referrer, duplicate)
        ])  # fmt: skip

    def merge_and_restore() -> None:
        newsroom.merge(duplicate, survivor)
        newsroom.restore(duplicate)
        newsroom.revise(referrer, acts_for=duplicate)

    codes = side_by_side(edit_both, merge_and_restore, edit_both, merge_and_restore, rounds=6)

    assert set(codes) <= {"STALE_VERSION", "WRONG_STATE", "INVALID_INPUT"}
    checks.everything_holds(newsroom.engine)


def test_circles_are_not_closed_by_two_writers_together(newsroom: Newsroom) -> None:
    for _ in range(4):
        one, other = newsroom.add_actor("A"), newsroom.add_actor("B")

        codes = side_by_side(
            lambda a=one, b=other: newsroom.revise(a, part_of=b),
            lambda a=one, b=other: newsroom.revise(b, part_of=a),
        )

        assert codes == ["CYCLE"]


# --- what the database breaks off -------------------------------------------------------------


ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""For what SQLite cannot come to, whose writers are alone."""


@ON_POSTGRESQL
def test_an_edit_that_a_deadlock_broke_off_is_tried_again(
    newsroom: Newsroom, broken_off: list[str]
) -> None:
    first, second = sorted(newsroom.add_transfer() for _ in "ab")

    with newsroom.engine.connect() as stranger, ThreadPoolExecutor() as pool:
        stranger.exec_driver_sql("SET LOCAL deadlock_timeout = '10s'")
        lock(stranger, second)
        edit = pool.submit(
            newsroom.commit, *[newsroom.on(record, "retract") for record in (first, second)]
        )
        wait_until_somebody_waits(newsroom.engine)
        lock(stranger, first)
        stranger.rollback()

        assert edit.result(10).position == newsroom.nth(3)

    assert broken_off == ["40P01"]
    assert newsroom.record(first).version == newsroom.record(second).version == 2
    checks.everything_holds(newsroom.engine)


@ON_POSTGRESQL
def test_who_waits_too_long_is_told_so(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT_S", 1)
    record = newsroom.add_transfer()

    with (
        opened(newsroom.engine.url.render_as_string(hide_password=False)) as engine,
        newsroom.engine.connect() as stranger,
    ):
        lock(stranger, record)
        impatient = Newsroom(engine, newsroom.editing)
        with pytest.raises(Unwritable, match="another writer"):
            impatient.retract(record)

    assert newsroom.edits() == 1


def lock(connection: sa.Connection, record: str) -> None:
    query = sa.select(T["record"].c.id).where(T["record"].c.id == record)
    connection.execute(query.with_for_update())


def wait_until_somebody_waits(engine: Engine) -> None:
    """Return once a transaction of this database waits for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with engine.connect() as connection:
        while not connection.exec_driver_sql(waiting).scalar_one():
            pass


@pytest.fixture
def broken_off(newsroom: Newsroom) -> list[str]:
    """The SQLSTATEs of everything that PostgreSQL broke off while the test ran."""
    states: list[str] = []

    def note(context: sa.engine.ExceptionContext) -> None:
        state = getattr(context.original_exception, "sqlstate", None)
        if state is not None:
            states.append(state)

    sa.event.listen(newsroom.engine, "handle_error", note)
    return states


def test_one_key_is_answered_once_while_its_edit_is_under_way(newsroom: Newsroom) -> None:
    """Whoever sends an edit again, because no answer came, waits for that answer."""
    operation = {"addActor": {"ref": "#russia", "name": "Russia", "kind": "STATE"}}
    answers: list[Future[Any]] = []

    with ThreadPoolExecutor(6) as pool:
        answers.extend(pool.submit(newsroom.commit, operation, key="k") for _ in range(6))

    assert len({one.result().refs["#russia"] for one in answers}) == 1
    assert newsroom.edits() == 1
