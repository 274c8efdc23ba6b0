"""When two values say the same: the table of the model, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.agreement import (
    codes_agree,
    dates_agree,
    interval,
    measures_agree,
    texts_agree,
)
from app.domain.decimals import MAX_THOUSANDTHS, decimal_text


def head(
    amount: str | None = None,
    *,
    lower: str | None = None,
    upper: str | None = None,
    about: bool = False,
    unit: str = "head",
) -> dict[str, Any]:
    """A measure as it is kept, in the words of the test."""
    given_figures = {"amount": amount, "lower": lower, "upper": upper}
    return {
        **{name: figure for name, figure in given_figures.items() if figure is not None},
        **({"approximate": True} if about else {}),
        "unit": unit,
    }


figures = st.integers(0, MAX_THOUSANDTHS).map(decimal_text)
measures = st.one_of(
    st.builds(head, figures),
    st.builds(lambda amount: head(amount, about=True), figures),
    st.builds(lambda lower: head(lower=lower), figures),
    st.builds(lambda upper: head(upper=upper), figures),
    st.builds(head, figures, unit=st.sampled_from(["kg", "t"])),
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (head("24"), head("24")),
        (head("24"), head("24", unit="HEAD")),
        (head("30", about=True), head("27")),
        (head("30", about=True), head("33")),
        (head("30", about=True), head("25", about=True)),
        (head(lower="24"), head("24")),
        (head(lower="24"), head("1000000")),
        (head(upper="24"), head("0")),
        (head(lower="24"), head(upper="24")),
        (head(lower="70"), head(lower="75")),
        (head(lower="24", upper="30"), head("27")),
        (head(lower="24", upper="30"), head("33", about=True)),
        (head("27", lower="24", upper="30"), head("24")),
        (head("24", lower="20"), head("22")),
        (head("75", about=True, unit="USD"), head("75.51", unit="USD")),
    ],
)
def test_measures_agree_where_their_intervals_meet(one: Any, other: Any) -> None:
    assert measures_agree(one, other)
    assert measures_agree(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (head("24"), head("30")),
        (head("24"), head("24", unit="t")),
        (head("24"), head("24.001")),
        (head("30", about=True), head("26.999")),
        (head("30", about=True), head("33.001")),
        (head(lower="24"), head("23.999")),
        (head(upper="24"), head("24.001")),
        (head(lower="25"), head(upper="24")),
        (head("30", about=True, upper="31"), head("32")),
        (head("24", lower="20"), head("1000")),
    ],
)
def test_measures_disagree_where_their_intervals_do_not_meet(one: Any, other: Any) -> None:
    assert not measures_agree(one, other)
    assert not measures_agree(other, one)


def test_a_tenth_is_exact_for_the_smallest_and_the_largest_amount() -> None:
    assert interval(head("0.001", about=True)) == (9, 11)
    largest = decimal_text(MAX_THOUSANDTHS)
    assert interval(head(largest, about=True)) == (MAX_THOUSANDTHS * 9, MAX_THOUSANDTHS * 11)


def test_a_missing_bound_is_open_and_never_zero_above() -> None:
    assert interval(head(lower="24")) == (240_000, None)
    assert interval(head(upper="24")) == (0, 240_000)


@given(measures)
def test_every_measure_agrees_with_itself(measure: dict[str, Any]) -> None:
    assert measures_agree(measure, measure)


@given(measures, measures)
def test_agreement_goes_both_ways(one: Any, other: Any) -> None:
    assert measures_agree(one, other) == measures_agree(other, one)


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("2022", "2022-11-02", True),
        ("2022~", "2023", False),  # approximate dates are not padded
        ("2024-08-25", "2024-08-27", False),
        ("2024-08", "2024-08-25/2024-09-03", True),
        ("../2024-08-25", "2024-08-25/..", True),
        ("../2024-08-24", "2024-08-25/..", False),
        ("2020/2023", "2010/2019", False),
        ("/2024", "1066", True),
        ("201X", "2019-10", True),
    ],
)
def test_dates_agree_where_they_have_a_day_in_common(one: Any, other: Any, *, agree: bool) -> None:
    assert dates_agree(one, other) is agree
    assert dates_agree(other, one) is agree


def test_codes_agree_when_equal_and_unknown_agrees_with_nothing() -> None:
    assert codes_agree("GIFT", "GIFT")
    assert not codes_agree("GIFT", "SALE")
    assert not codes_agree("UNKNOWN", "GIFT")
    assert not codes_agree("UNKNOWN", "UNKNOWN")


def test_texts_agree_whatever_their_case_and_white_space() -> None:
    assert texts_agree("Two  rail CARS", " two rail cars")
    assert texts_agree("STRASSE", "Straße")
    assert not texts_agree("two rail cars", "two vehicles")
