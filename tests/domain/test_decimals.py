"""Amounts: exact both ways, and refused with words that help."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decimals import MAX_THOUSANDTHS, canonical_decimal, decimal_text, thousandths
from app.domain.errors import InvalidValue

amounts = st.integers(0, MAX_THOUSANDTHS)


@pytest.mark.parametrize(
    ("written", "counted", "canonical"),
    [
        ("24", 24_000, "24"),
        (24, 24_000, "24"),
        ("0", 0, "0"),
        (0, 0, "0"),
        ("0.001", 1, "0.001"),
        ("75509.76", 75_509_760, "75509.76"),
        ("24.0", 24_000, "24"),
        ("24.500", 24_500, "24.5"),
        ("24.50000000", 24_500, "24.5"),
        ("9223372036854775.807", MAX_THOUSANDTHS, "9223372036854775.807"),
        (9_223_372_036_854_775, 9_223_372_036_854_775_000, "9223372036854775"),
    ],
)
def test_amounts_are_counted_in_thousandths_and_written_one_way(
    written: Any, counted: int, canonical: str
) -> None:
    assert thousandths(written) == counted
    assert decimal_text(counted) == canonical
    assert canonical_decimal(written) == canonical


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("1.2345", r"has 4 decimals \(\.2345\)"),
        ("0.0001", "has 4 decimals"),
        ("024", "must not start with a zero"),
        ("00", "must not start with a zero"),
        ("-1", "must be a decimal string"),
        ("+1", "must be a decimal string"),
        ("1e3", "must be a decimal string"),
        ("1,000", "must be a decimal string"),
        ("1.", "must be a decimal string"),
        (".5", "must be a decimal string"),
        ("", "must be a decimal string"),
        (" 24", "must be a decimal string"),
        ("24\n", "must be a decimal string"),
        ("\u0662\u0664", "must be a decimal string"),
        ("\uff12\uff14", "must be a decimal string"),
        ("NaN", "must be a decimal string"),
        ("about 30", "must be a decimal string"),
        (None, "this is null"),
        (True, "this is true or false"),
        ([24], "this is a list"),
        ({"amount": 24}, "this is an object"),
        (24.5, "must be written as a string"),
        (float("inf"), "must be written as a string"),
        (-1, "must be zero or more"),
        ("9223372036854775.808", "must be at most"),
        (9_223_372_036_854_776, "must be at most"),
    ],
)
def test_what_is_no_amount_is_refused_with_what_to_write(written: Any, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        thousandths(written)


@pytest.mark.parametrize(
    "written",
    ["9" * 10_000, "0." + "1" * 10_000, 10**10_000, -(10**10_000)],
    ids=["string", "fraction", "number", "negative"],
)
def test_ten_thousand_digits_are_refused_in_a_short_sentence(written: Any) -> None:
    with pytest.raises(InvalidValue) as refused:
        thousandths(written)

    assert len(refused.value.message) < 200


@given(amounts)
def test_writing_an_amount_down_and_counting_it_gives_it_back(amount: int) -> None:
    text = decimal_text(amount)

    assert thousandths(text) == amount
    assert Decimal(text) * 1000 == amount


@given(st.decimals(0, Decimal(MAX_THOUSANDTHS) / 1000, places=3))
def test_every_decimal_of_three_places_is_exact(number: Decimal) -> None:
    assert thousandths(format(number, "f")) == number * 1000


@given(st.text(max_size=60))
def test_any_text_is_an_amount_or_is_refused(text: Any) -> None:
    try:
        amount = thousandths(text)
    except InvalidValue:
        return
    assert 0 <= amount <= MAX_THOUSANDTHS


@pytest.mark.parametrize("amount", [-1, MAX_THOUSANDTHS + 1])
def test_what_no_column_holds_is_not_written_down(amount: int) -> None:
    with pytest.raises(ValueError, match="64-bit"):
        decimal_text(amount)
