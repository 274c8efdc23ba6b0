"""Leaving out what is refused: what is left is what the rest would be by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.codes import RecordState, Role
from app.domain.decisions import Editing, World, decide
from app.domain.errors import ExternalRefTaken, Refused
from app.domain.leaving_out import ROUNDS, Kept, decide_what_can_be
from app.domain.operations import Add, Operation, Retract, Revise, place_of
from app.domain.records import Record, Step

OURS = "newsroom_ours"
EDITOR = Editing("editor_ann", OURS, Role.EDITOR, "Ann", is_house=True)
HELD = [f"actor_h{number}" for number in range(4)]
NEW = [f"actor_n{number}" for number in range(8)]
WORLD = World({
    record_id: Record(
        record_id, 1, RecordState.RETRACTED if record_id == HELD[3] else RecordState.ACTIVE, 1,
        OURS, {"name": record_id, "kind": "STATE"},
    )
    for record_id in HELD
})  # fmt: skip


def kept(operations: Sequence[Operation]) -> Kept:
    """Decide what can be, where nothing is known to be wrong before."""
    return decide_what_can_be(
        operations, [], [], WORLD, EDITOR, gaps={}, last=lambda _steps: []
    )  # fmt: skip


def add(place: int, record_id: str, **fields: Any) -> Add:
    path = ("operations", place, "addActor")
    return Add(path, "actor", record_id, None, {"name": "N", "kind": "STATE", **fields})


def revise(place: int, record_id: str, version: int = 1, **given_: Any) -> Revise:
    return Revise(("operations", place, "reviseActor"), record_id, version, given_)


NAMED = st.sampled_from([*HELD, *NEW, "actor_nobody"])


@st.composite
def edits(draw: st.DrawFn) -> list[Operation]:
    """Draw operations that name each other, of which many cannot be."""
    operations: list[Operation] = []
    for place in range(draw(st.integers(1, 8))):
        links = draw(st.dictionaries(st.sampled_from(["partOf", "actsFor"]), NAMED, max_size=2))
        version = draw(st.sampled_from([1, 1, 1, 2]))
        held = draw(st.sampled_from(HELD))
        operations.append(
            draw(
                st.sampled_from(
                    [
                        add(place, NEW[place], **links),
                        add(place, NEW[place], **links),
                        revise(place, held, version, name="Other", **links),
                        Retract(("operations", place, "retract"), held, version),
                    ]
                )
            )
        )
    return operations


@given(edits())
def test_what_is_left_is_decided_as_if_it_had_come_alone(operations: list[Operation]) -> None:
    """And each operation is either written or has its reason; an edit without fault is whole."""
    found = kept(operations)

    left = {one.path[1] for one in found.operations}
    refused = {place_of(one) for one in found.failures}
    assert left | refused == set(range(len(operations)))
    assert not left & refused
    assert found.steps == (decide(found.operations, WORLD, EDITOR) if left else ())
    try:
        whole = decide(operations, WORLD, EDITOR)
    except Refused:
        assert refused
    else:
        assert (found.steps, refused) == (whole, set())


@given(edits())
def test_what_is_left_out_depends_on_the_edit_alone(operations: list[Operation]) -> None:
    first, second = kept(operations), kept(operations)

    assert first.steps == second.steps
    assert [(one.code, one.path) for one in first.failures] == [
        (one.code, one.path) for one in second.failures
    ]


def test_a_long_chain_of_dependents_is_one_round() -> None:
    """The first of 3,000 is wrong, and each names the one before it."""
    chain: list[Operation] = [
        add(place, f"actor_c{place}", actsFor=f"actor_c{place - 1}") for place in range(3_000)
    ]

    found = kept(chain)

    assert (found.steps, len(found.failures)) == ((), 3_000)


def test_what_needs_too_many_rounds_is_refused_whole() -> None:
    """As where each takes the external reference that the next one was to let go of."""
    operations: list[Operation] = [add(place, f"actor_t{place}") for place in range(ROUNDS + 1)]

    def taken_by_the_next(steps: Sequence[Step]) -> list[ExternalRefTaken]:
        return [ExternalRefTaken("taken", path=one.path) for one in steps[-1:]]

    with pytest.raises(Refused) as caught:
        decide_what_can_be(
            operations, [], [], WORLD, EDITOR, gaps={}, last=taken_by_the_next
        )  # fmt: skip

    assert caught.value.refusals[-1].path == ("operations",)
    assert len(caught.value.refusals) == ROUNDS + 1
