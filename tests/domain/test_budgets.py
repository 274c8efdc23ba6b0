"""Budgets: what is charged, what is left, and when there is more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.budgets import SMALL_BODY, Budget, Policy, price

POLICY = Policy(quota=600, window=60)
NOON = 1_000_000.0


def test_a_budget_is_whole_until_something_is_charged() -> None:
    budget = Budget(POLICY)

    assert budget.stands(NOON) == (600, 0)
    assert not budget.is_spent(NOON)


def test_what_is_charged_comes_back_evenly() -> None:
    budget = Budget(POLICY)

    budget.charge(300, NOON)

    stands = [budget.stands(NOON + after) for after in (0, 10, 30, 90)]
    assert stands == [(300, 30), (400, 20), (600, 0), (600, 0)]


def test_whoever_took_more_than_there_was_waits_until_it_is_paid_back() -> None:
    budget = Budget(POLICY)

    budget.charge(700, NOON)

    assert budget.is_spent(NOON)
    assert budget.wait(NOON) == 10
    assert budget.stands(NOON) == (0, 70)
    assert not budget.is_spent(NOON + 10.1)


def test_nobody_is_shut_out_for_longer_than_a_window() -> None:
    budget = Budget(POLICY)

    budget.charge(10**9, NOON)

    assert budget.wait(NOON) == POLICY.window
    assert not budget.is_spent(NOON + POLICY.window)


def test_what_others_charged_is_taken_over_and_nothing_of_our_own_is_lost() -> None:
    budget = Budget(POLICY)
    budget.charge(100, NOON)

    budget.merge(NOON + 20)

    assert budget.stands(NOON) == (600 - 200 - 100, 30)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 300)), max_size=40))
def test_a_client_never_gets_more_than_a_budget_and_what_came_back(
    asked: list[tuple[float, int]],
) -> None:
    """A law: what is given in any time is at most the quota, what filled up, and one request."""
    budget, now, taken = Budget(POLICY), NOON, 0
    for after, units in asked:
        now += after
        if not budget.is_spent(now):
            budget.charge(units, now)
            taken += units

    assert taken <= POLICY.quota + (now - NOON) * 10 + 300


@pytest.mark.parametrize(
    ("charged", "more"),
    [
        (price(0, 0.0), price(1, 0.0)),
        (price(100, 0.001), price(100, 0.002)),
        (price(0, 0.0, size=2_000), price(0, 0.0, size=SMALL_BODY)),
        (10 * price(0, 0.0, size=SMALL_BODY), price(0, 0.0, size=10 * SMALL_BODY)),
        (price(100, 0.001), price(100, 0.001, is_new=True)),
        (price(0, 0.001, is_new=True), price(0, 0.001, is_refused=True)),
        (price(100, 0.0), price(0, 0.0, is_refused=True)),
    ],
)
def test_what_takes_more_of_the_server_is_dearer(charged: float, more: float) -> None:
    assert charged < more
