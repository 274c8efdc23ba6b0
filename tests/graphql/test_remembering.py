"""What a server process remembers: bounded, and not to be emptied by whoever asks for much once."""

from __future__ import annotations

import random
from collections.abc import Callable

from app.graphql.remembering import Kept, Shelf

LIMIT = 1_000


def memory() -> Kept[str]:
    return Kept(LIMIT, lambda _key, thing: len(thing))


def never() -> str:
    raise AssertionError("it is made a second time")


def of(size: int) -> Callable[[], str]:
    return lambda: "x" * size


def test_what_is_asked_for_again_outlasts_a_thousand_things_that_are_asked_for_once() -> None:
    kept = memory()
    for name in ("page", "list"):
        kept.get(name, of(100))
        kept.get(name, never)

    for number in range(1_000):
        kept.get(number, of(90))

    for name in ("page", "list"):
        assert kept.get(name, never) == "x" * 100
    assert 0 not in kept
    assert 999 in kept


def test_of_what_is_asked_for_again_the_oldest_makes_room() -> None:
    kept = memory()
    for number in range(20):
        kept.get(number, of(100))
        kept.get(number, never)

    assert 0 not in kept
    assert all(number in kept for number in range(13, 20))


def test_it_never_holds_more_than_it_may() -> None:
    kept, dice = memory(), random.Random(7)
    for _ in range(5_000):
        size = dice.choice((1, 50, 200, 700, 3_000))
        assert kept.get((dice.randrange(40), size), of(size)) == "x" * size
        assert kept.weight <= LIMIT


def test_what_is_too_large_is_made_each_time_and_pushes_out_nothing_proven() -> None:
    kept = memory()
    kept.get("page", of(100))
    kept.get("page", never)

    assert len(kept.get("huge", of(5_000))) == 5_000

    assert "huge" not in kept
    assert "page" in kept


def test_shelves_of_one_memory_hold_their_own() -> None:
    kept = memory()
    one, other = Shelf(kept), Shelf(kept)

    assert one.get("shape", lambda: "one") == "one"
    assert "shape" not in other
    assert other.get("shape", lambda: "other") == "other"
    assert one.get("shape", never) == "one"
