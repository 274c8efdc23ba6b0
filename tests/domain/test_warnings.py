"""What an editor should look at again: parts that do not add up, values that nothing backs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.codes import Action, RecordState
from app.domain.decimals import MAX_THOUSANDTHS, decimal_text
from app.domain.records import Record, Step
from app.domain.warnings import (
    LOST_SUPPORT,
    MEANINGS,
    NO_LIVE_CLAIM,
    PARTS_DO_NOT_ADD_UP,
    Caution,
    Evidence,
    State,
    agree,
    claim_warnings,
    part_warnings,
    sum_of,
    touched_fields,
)

ACTIVE, RETRACTED = RecordState.ACTIVE, RecordState.RETRACTED
UNBOUNDED = None


def record(record_id: str, state: RecordState = ACTIVE, **fields: Any) -> Record:
    return Record(record_id, 1, state, 1, "newsroom_1", fields)


def heads(amount: str | None = None, *, unit: str = "head", **more: Any) -> dict[str, Any]:
    return {**({} if amount is None else {"amount": amount}), **more, "unit": unit}


# --- parts and wholes -------------------------------------------------------------------------


def warned(whole: Mapping[str, Any], *parts: Any, name: str = "quantity") -> list[str | None]:
    """Return the fields of a whole that its parts contradict."""
    records = [
        part if isinstance(part, Record)
        else record(f"transfer_{number}", partOf="transfer_0", **{name: part})
        for number, part in enumerate(parts, 1)
    ]  # fmt: skip
    found = list(part_warnings([record("transfer_0", **{name: whole})], records))
    assert {one.code for one in found} <= {PARTS_DO_NOT_ADD_UP}
    return [one.field for one in found]


def test_nineteen_stallions_and_five_mares_are_twenty_four_horses() -> None:
    assert warned(heads("24"), heads("19"), heads("5")) == []
    assert warned(heads("30"), heads("19"), heads("5")) == ["quantity"]


@pytest.mark.parametrize(
    ("whole", "parts", "expected"),
    [
        (heads("24"), [], []),
        (heads("30", approximate=True), [heads("19"), heads("9")], []),
        (heads("30", approximate=True), [heads("19"), heads("5")], ["quantity"]),
        (heads(lower="20"), [heads("19"), heads("5")], []),
        (heads(lower="25"), [heads("19"), heads("5")], ["quantity"]),
        (heads(upper="23"), [heads("19"), heads("5")], ["quantity"]),
        (heads("24"), [heads("19"), heads(lower="4", upper="6")], []),
        (heads("24"), [heads("19"), heads(lower="6")], ["quantity"]),
        (heads("24"), [heads("19"), heads(lower="1")], []),
        (heads("24"), [heads("19"), heads("100", unit="kg")], []),
        (heads("24"), [heads("25"), heads("100", unit="kg")], ["quantity"]),
        (heads("24"), [heads("19", unit="Head"), heads("5", unit="head")], []),
        (heads("24"), [heads("100", unit="kg")], []),
    ],
)
def test_parts_contradict_a_whole_when_no_reading_lets_them_add_up(
    whole: Any, parts: list[Any], expected: list[str]
) -> None:
    assert warned(whole, *parts) == expected


def test_a_part_without_a_figure_makes_the_sum_a_lower_bound() -> None:
    unknown = record("transfer_9", partOf="transfer_0")

    assert warned(heads("24"), heads("19"), unknown) == []
    assert warned(heads("24"), heads("25"), unknown) == ["quantity"]


def test_withdrawn_parts_and_parts_of_others_do_not_count() -> None:
    gone = record("transfer_8", RETRACTED, partOf="transfer_0", quantity=heads("5"))
    others = record("transfer_9", partOf="transfer_1", quantity=heads("5"))

    assert warned(heads("19"), heads("19"), gone, others) == []


def test_a_withdrawn_whole_is_not_warned_about() -> None:
    whole = record("transfer_0", RETRACTED, quantity=heads("24"))
    part = record("transfer_1", partOf="transfer_0", quantity=heads("5"))

    assert list(part_warnings([whole], [part])) == []


def test_values_are_summed_like_quantities() -> None:
    euros = heads("100", unit="EUR")

    assert warned(euros, heads("60", unit="EUR"), heads("60", unit="EUR"), name="value") == [
        "value"
    ]


def test_a_sum_beyond_the_largest_amount_is_still_a_sum() -> None:
    largest = heads(decimal_text(MAX_THOUSANDTHS))

    assert warned(largest, largest, largest) == ["quantity"]


@given(st.lists(st.integers(0, 10**9), min_size=1), st.booleans())
def test_a_sum_of_points_is_the_point_of_their_sum(amounts: list[int], complete: bool) -> None:  # noqa: FBT001
    measures = [heads(decimal_text(amount)) for amount in amounts]

    least, most = sum_of(measures, complete=complete)

    assert least == sum(amounts) * 10
    assert most == (least if complete else UNBOUNDED)


# --- held values and the claims behind them ---------------------------------------------------


def claim(
    record_id: str, subject: str, field: str, value: Any = None, *, stance: str = "ASSERTS"
) -> Record:
    fields = {"subject": subject, "field": field, "stance": stance, "citation": "citation_1"}
    return record(record_id, **fields, **({} if value is None else {"value": value}))


def unbacked(
    held: Record, field: str, *claims: Record, dead: tuple[str, ...] = (), **above: list[str]
) -> list[str | None]:
    live = frozenset(one.id for one in claims if one.id not in dead)
    said = {one.id: one for one in claims}
    after = State({held.id: held}, Evidence(said, live, above))
    found = list(claim_warnings([(held.id, field)], [], lambda: NOTHING, after))
    assert {one.code for one in found} <= {NO_LIVE_CLAIM}
    return [one.field for one in found]


NOTHING = State({}, Evidence({}, frozenset(), {}))


def test_a_held_value_that_a_live_claim_backs_is_fine() -> None:
    horses = record("transfer_1", quantity=heads("24"))
    said = claim("claim_1", "transfer_1", "QUANTITY", {"quantity": heads("24")})

    assert unbacked(horses, "QUANTITY", said) == []


@pytest.mark.parametrize(
    "said",
    [
        claim("claim_1", "transfer_1", "QUANTITY", {"quantity": heads("30")}),
        claim("claim_1", "transfer_1", "QUANTITY", {"quantity": heads("24", unit="kg")}),
        claim("claim_1", "transfer_1", "QUANTITY", {"quantity": heads("24")}, stance="DENIES"),
        claim("claim_1", "transfer_2", "QUANTITY", {"quantity": heads("24")}),
        claim("claim_1", "transfer_1", "VALUE", {"money": heads("24", unit="EUR")}),
    ],
)
def test_a_claim_of_another_value_field_record_or_stance_backs_nothing(said: Record) -> None:
    horses = record("transfer_1", quantity=heads("24"))

    assert unbacked(horses, "QUANTITY", said) == ["quantity"]


def test_an_estimate_backs_and_a_dead_claim_does_not() -> None:
    horses = record("transfer_1", quantity=heads("24"))
    said = claim("claim_1", "transfer_1", "QUANTITY", {"quantity": heads("24")}, stance="ESTIMATES")

    assert unbacked(horses, "QUANTITY", said) == []
    assert unbacked(horses, "QUANTITY", said, dead=("claim_1",)) == ["quantity"]


def test_a_transfer_needs_a_claim_and_an_actor_only_once_somebody_made_one() -> None:
    horses, russia = record("transfer_1", quantity=heads("24")), record("actor_1", name="Russia")
    other = claim("claim_1", "actor_1", "NAME", {"text": "Rossiya"})

    assert unbacked(horses, "QUANTITY") == ["quantity"]
    assert unbacked(russia, "NAME") == []
    assert unbacked(russia, "NAME", other) == ["name"]


def test_nothing_held_nothing_existing_and_nothing_standing_is_not_warned_about() -> None:
    gone = record("transfer_1", RETRACTED, quantity=heads("24"))

    assert unbacked(record("transfer_1"), "QUANTITY") == []
    assert unbacked(record("transfer_1"), "EXISTENCE") == []
    assert unbacked(gone, "QUANTITY") == []
    assert list(claim_warnings([("transfer_9", "ITEM")], [], lambda: NOTHING, NOTHING)) == []


def shaken(before: State, after: State, *places: tuple[str, str]) -> list[tuple[str, str | None]]:
    return [(one.code, one.field) for one in claim_warnings([], places, lambda: before, after)]


def test_what_loses_its_last_live_claim_is_warned_about_and_nothing_else() -> None:
    horses = record("transfer_1", quantity=heads("24"), nature="GIFT", stage="DELIVERED")
    count = claim("claim_1", "transfer_1", "QUANTITY", {"quantity": heads("24")})
    gift = claim("claim_2", "transfer_1", "NATURE", {"code": "GIFT"})
    again = claim("claim_3", "transfer_1", "NATURE", {"code": "GIFT"})
    existence = claim("claim_4", "transfer_1", "EXISTENCE")
    said = {one.id: one for one in (count, gift, again, existence)}
    before = State({horses.id: horses}, Evidence(said, frozenset(said), {}))
    after = State({horses.id: horses}, Evidence(said, frozenset({"claim_3"}), {}))
    places = [(horses.id, code) for code in ("QUANTITY", "NATURE", "STAGE", "EXISTENCE")]

    found = shaken(before, after, *places)

    assert found == [(LOST_SUPPORT, "existence"), (LOST_SUPPORT, "quantity")]


def test_a_held_value_that_was_changed_at_once_did_not_lose_its_support() -> None:
    said = {"claim_1": claim("claim_1", "transfer_1", "QUANTITY", {"quantity": heads("24")})}
    before = record("transfer_1", quantity=heads("24"))
    after = record("transfer_1", quantity=heads("26"))
    evidence = Evidence(said, frozenset(said), {})

    found = shaken(
        State({before.id: before}, evidence),
        State({after.id: after}, evidence),
        (after.id, "QUANTITY"),
    )

    assert found == []


def test_a_narrower_or_broader_item_agrees() -> None:
    stallions = record("transfer_1", item="item_stallion")
    said = claim("claim_1", "transfer_1", "ITEM", {"record": "item_horse"})
    above = {"item_stallion": ["item_orlov"], "item_orlov": ["item_horse"]}

    assert unbacked(stallions, "ITEM", said, **above) == []
    assert unbacked(stallions, "ITEM", said) == ["item"]


@pytest.mark.parametrize(
    ("tag", "held", "claimed", "expected"),
    [
        ("quantity", heads("24"), heads(lower="20"), True),
        ("quantity", heads("24"), heads("25"), False),
        ("quantity", heads("24"), heads("26", approximate=True), True),
        ("money", heads("5", unit="EUR"), heads("5", unit="USD"), False),
        ("date", "2024-08", "2024-08-27", True),
        ("date", "2024-08", "2024-09", False),
        ("code", "GIFT", "GIFT", True),
        ("code", "UNKNOWN", "UNKNOWN", False),
        ("text", "Vladivostok", " vladivostok", True),
        ("record", "actor_1", "actor_1", True),
        ("record", "actor_1", "actor_2", False),
    ],
)
def test_values_agree_by_the_rule_of_their_type(
    tag: str,
    held: Any,
    claimed: Any,
    expected: bool,  # noqa: FBT001
) -> None:
    assert agree(tag, held, claimed, {}) is expected
    assert agree(tag, claimed, held, {}) is expected


# --- what a changeset touches -----------------------------------------------------------------


def step(before: Record | None, after: Record) -> Step:
    action = Action.ADD if before is None else Action.REVISE
    return Step(after.id, after.version, action, after.state, after.newsroom, before, after.fields)


def test_a_step_touches_the_claimable_fields_that_it_changes() -> None:
    before = record("transfer_1", title="A", quantity=heads("30"), stage="PLEDGED")
    after = record("transfer_1", title="B", quantity=heads("24"), stage="PLEDGED")

    assert touched_fields([step(before, after)]) == {("transfer_1", "QUANTITY")}


def test_a_claim_touches_what_it_was_and_what_it_is_about() -> None:
    before, after = claim("claim_1", "actor_1", "NAME"), claim("claim_1", "actor_2", "COUNTRY")

    assert touched_fields([step(before, after)]) == {("actor_1", "NAME"), ("actor_2", "COUNTRY")}


def test_a_citation_touches_no_field_itself() -> None:
    assert touched_fields([step(None, record("citation_1", title="T"))]) == set()


@pytest.mark.parametrize("code", MEANINGS)
def test_every_warning_is_a_sentence_about_its_record(code: str) -> None:
    message = Caution(code, "transfer_1", "quantity").message

    assert "transfer_1" in message
    assert message.endswith(".")
    assert "{" not in message
