"""Idempotency keys: whose they are, how long they last, and what one under way does to another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.commands import access
from app.commands.idempotent import KEPT, Sweeper, sweep
from app.domain.errors import IdempotencyInProgress
from app.store.idempotency import SWEPT_AT_ONCE
from tests.driver import Newsroom, refused
from tests.serving import eventually

NOON = datetime(2126, 11, 30, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def add(name: str) -> dict[str, dict[str, str]]:
    return {"addActor": {"ref": "#it", "name": name, "kind": "STATE"}}


def at(newsroom: Newsroom, instant: datetime) -> Newsroom:
    """Return the same newsroom at an instant of its clock."""
    return replace(newsroom, clock=lambda: instant)


def holding(key: str, newsroom: Newsroom) -> Newsroom:
    """Return the same editor with another key of this API."""
    editor = newsroom.editing.editor
    made = access.create_key(newsroom.engine, editor, label=key, environment="test")
    return replace(newsroom, editing=replace(newsroom.editing, key=made.id))


class Held:
    """A clock that stops inside the transaction until it is let go."""

    def __init__(self, inside: int) -> None:
        self._left = inside
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> datetime:
        self._left -= 1
        if self._left == 0:
            self.reached.set()
            assert self.go_on.wait(10)
        return NOON


def test_what_is_under_way_is_refused_at_once_or_waited_for(newsroom: Newsroom) -> None:
    """Who asks for an answer at once is told to come back; who waits gets the first answer."""
    clock = Held(inside=3)
    slow = replace(newsroom, clock=clock)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(slow.commit, add("Russia"), key="k")
        assert clock.reached.wait(10)

        with pytest.raises(IdempotencyInProgress):
            newsroom.commit(add("Russia"), key="k", at_once=True)
        waiting = threads.submit(newsroom.commit, add("Russia"), key="k")
        clock.go_on.set()

        done = first.result()
        assert waiting.result() == done
    again = at(newsroom, NOON).commit(add("Russia"), key="k", at_once=True)
    assert (again, again.is_replayed, done.is_replayed) == (done, True, False)
    assert newsroom.edits() == 1


def test_what_was_refused_leaves_nothing_under_way(newsroom: Newsroom) -> None:
    refused(newsroom.commit, {"retract": {"id": "actor_0", "version": 1}}, key="k", at_once=True)

    assert newsroom.commit(add("Russia"), key="k", at_once=True).position == newsroom.nth(1)


def test_keys_of_one_editor_do_not_meet(newsroom: Newsroom) -> None:
    """A leaked key of the API learns nothing of what was sent with another one."""
    desk, feed = holding("key_1", newsroom), holding("key_2", newsroom)

    first, other = desk.commit(add("Russia"), key="k"), feed.commit(add("Russia"), key="k")

    assert (first.position, other.position) == (newsroom.nth(1), newsroom.nth(2))
    assert desk.commit(add("Russia"), key="k") == first
    assert feed.commit(add("Russia"), key="k") == other


def test_a_key_lasts_thirty_days_and_is_a_new_one_then(newsroom: Newsroom) -> None:
    first = at(newsroom, NOON).commit(add("Russia"), key="k")

    within = at(newsroom, NOON + KEPT - SECOND).commit(add("Russia"), key="k")
    after = at(newsroom, NOON + KEPT).commit(add("Ukraine"), key="k")
    later = at(newsroom, NOON + 2 * KEPT - SECOND).commit(add("Ukraine"), key="k")

    assert within == first
    assert (after.position, later.position) == (newsroom.nth(2), newsroom.nth(2))


def test_a_sweep_forgets_what_has_expired_and_nothing_else(newsroom: Newsroom) -> None:
    for day in (0, 1, 2):
        at(newsroom, NOON + day * timedelta(days=1)).commit(add(f"Actor {day}"), key=f"k{day}")

    gone = sweep(newsroom.engine, NOON + KEPT + timedelta(days=1))

    assert gone == 2
    assert newsroom.counts()["idempotency"] == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_sweep_takes_many_batches_and_a_server_sweeps_by_itself(newsroom: Newsroom) -> None:
    count = 2 * SWEPT_AT_ONCE + 1
    at(newsroom, NOON).commit(add("Russia"), key="k")
    with newsroom.engine.begin() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO idempotency (key, payload, position, created_at) "
            "SELECT key || i, payload, position, created_at FROM idempotency, n",
            (count,),
        )
    assert newsroom.counts()["idempotency"] == count
    sweeper = Sweeper(newsroom.engine, lambda: NOON + KEPT)

    sweeper.start()
    eventually(lambda: newsroom.counts()["idempotency"] == 0)

    sweeper.stop()
