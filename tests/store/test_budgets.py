"""Budgets in the database: what several processes charge is one sum."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.store.budgets import Budgets
from app.store.database import parse_url

NOON = 1_000_000.0
MOST = 120.0


@pytest.fixture
def two(database_url: str) -> Iterator[tuple[Budgets, Budgets]]:
    """The budgets of one database, as two processes see them."""
    both = Budgets(parse_url(database_url)), Budgets(parse_url(database_url))
    yield both
    for one in both:
        one.close()


def test_what_one_charges_the_other_hears(two: tuple[Budgets, Budgets]) -> None:
    one, other = two

    one.exchange({"key:a": 5.0, "address:b": 1.0}, NOON, most=MOST)
    heard = other.exchange({"key:a": 2.0}, NOON + 1, most=MOST)

    assert heard == {"key:a": NOON + 7.0}
    assert other.exchange({}, NOON, most=MOST) == {"key:a": NOON + 7.0, "address:b": NOON + 1.0}


def test_no_charge_is_lost_where_both_charge_at_once(two: tuple[Budgets, Budgets]) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(
            pool.map(
                lambda one: [one.exchange({"a": 1.0}, NOON, most=MOST) for _ in "0123456789"], two
            )
        )

    assert two[0].exchange({}, NOON, most=MOST) == {"a": NOON + 20.0}


def test_a_debt_has_an_end_and_what_is_whole_is_forgotten(two: tuple[Budgets, Budgets]) -> None:
    one, other = two

    for _ in range(2):
        one.exchange({"a": 100.0}, NOON, most=MOST)
    one.forget(NOON + MOST - 1)
    assert other.exchange({}, NOON, most=MOST) == {"a": NOON + MOST}
    one.forget(NOON + MOST)

    assert other.exchange({}, NOON, most=MOST) == {}
