"""Laws of diff and replay: what a version was made from and what it became lose nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.codes import Action, RecordState
from app.domain.kinds import KINDS
from app.domain.records import Change, Record, Step, diff, replay, with_fields

VALUES = st.one_of(
    st.text(max_size=3),
    st.fixed_dictionaries({"amount": st.sampled_from("123"), "unit": st.just("head")}),
    st.lists(st.fixed_dictionaries({"text": st.text(max_size=2)}), min_size=1, max_size=2),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    """A kind, and what a record of it held after each of its revisions."""
    kind = draw(st.sampled_from([*KINDS]))
    fields = st.dictionaries(st.sampled_from([*KINDS[kind].fields]), VALUES, max_size=5)
    return kind, draw(st.lists(fields, min_size=1, max_size=5))


def steps(kind: str, states: list[dict[str, Any]]) -> list[tuple[Action, tuple[Change, ...]]]:
    actions = [Action.ADD] + [Action.REVISE] * (len(states) - 1)
    pairs = zip([{}, *states], states, strict=False)
    return [(action, diff(kind, *pair)) for action, pair in zip(actions, pairs, strict=True)]


@given(histories())
def test_replaying_every_change_gives_the_record_as_it_stands(
    history: tuple[str, list[dict[str, Any]]],
) -> None:
    kind, states = history

    state, fields = replay(steps(kind, states))

    assert (state, fields) == (RecordState.ACTIVE, states[-1])


@given(histories())
def test_there_and_back_again_changes_nothing(history: tuple[str, list[dict[str, Any]]]) -> None:
    kind, states = history

    _, fields = replay(steps(kind, [*states, *reversed(states)]))

    assert fields == states[0]


@given(histories())
def test_changes_come_in_the_order_in_which_the_fields_are_declared(
    history: tuple[str, list[dict[str, Any]]],
) -> None:
    kind, (first, *_) = history

    names = [change.field for change in diff(kind, {}, first)]

    assert names == [name for name in KINDS[kind].fields if name in first]


@given(histories())
def test_a_record_does_not_differ_from_itself(
    history: tuple[str, list[dict[str, Any]]],
) -> None:
    kind, (held, *_) = history

    assert diff(kind, held, dict(held)) == ()


def test_giving_and_withdrawing_a_value_are_changes_like_any_other() -> None:
    before, after = {"name": "Russia", "country": "RU"}, {"name": "Russia", "kind": "STATE"}

    changes = diff("actor", before, after)

    assert changes == (Change("kind", None, "STATE"), Change("country", "RU", None))


def test_absent_and_null_are_the_same() -> None:
    assert diff("actor", {"name": "Russia", "country": None}, {"name": "Russia"}) == ()


def test_a_change_that_does_not_start_from_the_value_held_is_a_defect() -> None:
    history = [
        (Action.ADD, [Change("name", None, "Russia")]),
        (Action.REVISE, [Change("name", "Rossiya", "Russian Federation")]),
    ]

    with pytest.raises(ValueError, match="name does not hold"):
        replay(history)


@pytest.mark.parametrize(
    ("actions", "state"),
    [
        ([Action.ADD], "ACTIVE"),
        ([Action.ADD, Action.RETRACT], "RETRACTED"),
        ([Action.ADD, Action.RETRACT, Action.REVISE], "RETRACTED"),
        ([Action.ADD, Action.RETRACT, Action.RESTORE], "ACTIVE"),
        ([Action.ADD, Action.MERGE], "MERGED"),
        ([Action.ADD, Action.MERGE, Action.REVISE], "MERGED"),
        ([Action.ADD, Action.MERGE, Action.RESTORE], "ACTIVE"),
    ],
)
def test_the_state_is_what_the_last_action_on_it_left(actions: list[Action], state: str) -> None:
    assert replay([(action, []) for action in actions]) == (state, {})


def test_a_null_takes_a_value_away_and_nothing_else() -> None:
    held = {"name": "Russia", "kind": "STATE", "country": "RU"}

    assert with_fields(held, {"country": None, "name": "Rossiya"}) == {
        "name": "Rossiya",
        "kind": "STATE",
    }


def test_a_step_says_what_it_changes() -> None:
    held = Record("actor_1", 1, RecordState.ACTIVE, 1, "newsroom_1", {"name": "Russia"})
    step = Step(
        "actor_1", 2, Action.REVISE, RecordState.ACTIVE, "newsroom_1", held, {"name": "Rossiya"}
    )

    assert step.changes == (Change("name", "Russia", "Rossiya"),)
