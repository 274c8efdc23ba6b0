"""Dates of the world: the published examples, and a second opinion on their bounds."""

from __future__ import annotations

from typing import Any

import pytest
from edtf import parse_edtf
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.edtf_dates import OPEN_END, OPEN_START, bounds, edtf
from app.domain.errors import InvalidValue

# The examples of the EDTF specification of 4 February 2019, levels 0 and 1.
PUBLISHED = [
    # Level 0
    ("1985-04-12", "1985-04-12", "1985-04-12"),
    ("1985-04", "1985-04-01", "1985-04-30"),
    ("1985", "1985-01-01", "1985-12-31"),
    ("1985-04-12T23:20:30", "1985-04-12", "1985-04-12"),
    ("1985-04-12T23:20:30Z", "1985-04-12", "1985-04-12"),
    ("1985-04-12T23:20:30-04", "1985-04-12", "1985-04-12"),
    ("1985-04-12T23:20:30+04:30", "1985-04-12", "1985-04-12"),
    ("1964/2008", "1964-01-01", "2008-12-31"),
    ("2004-06/2006-08", "2004-06-01", "2006-08-31"),
    ("2004-02-01/2005-02-08", "2004-02-01", "2005-02-08"),
    ("2004-02-01/2005-02", "2004-02-01", "2005-02-28"),
    ("2004-02-01/2005", "2004-02-01", "2005-12-31"),
    ("2005/2006-02", "2005-01-01", "2006-02-28"),
    # Level 1
    ("2001-21", "2001-03-01", "2001-05-31"),
    ("1984?", "1984-01-01", "1984-12-31"),
    ("2004-06~", "2004-06-01", "2004-06-30"),
    ("2004-06-11%", "2004-06-11", "2004-06-11"),
    ("201X", "2010-01-01", "2019-12-31"),
    ("20XX", "2000-01-01", "2099-12-31"),
    ("2004-XX", "2004-01-01", "2004-12-31"),
    ("1985-04-XX", "1985-04-01", "1985-04-30"),
    ("1985-XX-XX", "1985-01-01", "1985-12-31"),
    ("1985-04-12/..", "1985-04-12", OPEN_END),
    ("1985-04/..", "1985-04-01", OPEN_END),
    ("1985/..", "1985-01-01", OPEN_END),
    ("../1985-04-12", OPEN_START, "1985-04-12"),
    ("../1985-04", OPEN_START, "1985-04-30"),
    ("../1985", OPEN_START, "1985-12-31"),
    ("1985-04-12/", "1985-04-12", OPEN_END),
    ("1985-04/", "1985-04-01", OPEN_END),
    ("1985/", "1985-01-01", OPEN_END),
    ("/1985-04-12", OPEN_START, "1985-04-12"),
    ("/1985-04", OPEN_START, "1985-04-30"),
    ("/1985", OPEN_START, "1985-12-31"),
    ("1984~/2004-06", "1984-01-01", "2004-06-30"),
    ("1984/2004-06~", "1984-01-01", "2004-06-30"),
    ("1984~/2004~", "1984-01-01", "2004-12-31"),
    ("1984-06-02?/2004-08-08~", "1984-06-02", "2004-08-08"),
]
OURS = [
    ("2022~", "2022-01-01", "2022-12-31"),
    ("2022-21", "2022-03-01", "2022-05-31"),
    ("2022-22", "2022-06-01", "2022-08-31"),
    ("2022-23~", "2022-09-01", "2022-11-30"),
    ("2022-24", "2022-12-01", "2023-02-28"),
    ("2023-24", "2023-12-01", "2024-02-29"),
    ("2024-02", "2024-02-01", "2024-02-29"),
    ("2024-02-29", "2024-02-29", "2024-02-29"),
    ("2020/2023", "2020-01-01", "2023-12-31"),
    ("../2024-08-27", OPEN_START, "2024-08-27"),
    ("2024-08-25/..", "2024-08-25", OPEN_END),
    ("2024-08/2024-08-27", "2024-08-01", "2024-08-27"),
    ("0001", "0001-01-01", "0001-12-31"),
    ("9999-24", "9999-12-01", "9999-12-31"),
]
# Level 1 allows years before 0 and beyond 9999; the ledger does not. The rest is level 2.
OUTSIDE = [
    ("Y170000002", "years 0001 to 9999"),
    ("Y-170000002", "years 0001 to 9999"),
    ("-1985", "years 0001 to 9999"),
    ("0000", "years 0001 to 9999"),
    ("000X", "years 0001 to 9999"),
    ("Y-17E7", "years 0001 to 9999"),
    ("1950S2", "level 2"),
    ("2001-34", "month from 01 to 12, or a season from 21 to 24"),
    ("[1667,1668,1670..1672]", "level 2"),
    ("[..1760-12-03]", "level 2"),
    ("{1667,1668,1670..1672}", "level 2"),
    ("2004-06~-11", "level 2"),
    ("2004?-06-11", "level 2"),
    ("?2004-06-~11", "level 2"),
    ("2004-%06-11", "level 2"),
    ("156X-12-25", "must be a date in EDTF"),
    ("15XX-12-XX", "must be a date in EDTF"),
    ("1560-XX-25", "must be a date in EDTF"),
    ("XXXX-12-XX", "must be a date in EDTF"),
    ("1XXX", "must be a date in EDTF"),
    ("2004-06-XX/2004-07-03", "must not have an X in an interval"),
    ("2004-06-~01/2004-06-~20", "level 2"),
]
WRONG = [
    ("2023-02-29", "2023-02 has 28 days"),
    ("1900-02-29", "1900-02 has 28 days"),
    ("2024-04-31", "2024-04 has 30 days"),
    ("2024-08-00", "must be a day of the calendar"),
    ("2024-00", "month from 01 to 12"),
    ("2024-13", "month from 01 to 12"),
    ("2024-21-01", "month from 01 to 12"),
    ("2023-02-29/2024", "2023-02 has 28 days"),
    ("2024/2020", "must not end before it starts"),
    ("2024-08-27/2024-08-25", "must not end before it starts"),
    ("../..", "must have a start or an end"),
    ("/", "must have a start or an end"),
    ("/..", "must have a start or an end"),
    ("2020/2021/2022", "must be a date in EDTF"),
    ("2024-08-27T10:00:00Z/2024-08-28", "must be a date in EDTF"),
    ("2024-08-27T25:00:00Z", "must be a date in EDTF"),
    ("2023-02-29T10:00:00Z", "2023-02 has 28 days"),
    ("2024-8-27", "must be a date in EDTF"),
    ("20240827", "must be a date in EDTF"),
    ("27 August 2024", "must be a date in EDTF"),
    ("201x", "must be a date in EDTF"),
    ("2022~~", "must be a date in EDTF"),
    ("\uff12\uff10\uff12\uff12", "must be a date in EDTF"),
    ("", "must be a date in EDTF"),
    ("unknown", "must be a date in EDTF"),
    ("1" * 10_000, "10000 characters long"),
    (None, "this is null"),
    (2022, "this is 2022"),
]

years = st.integers(1, 9999).map("{:04d}".format)
months = st.builds("{}-{:02d}".format, years, st.integers(1, 12))
days = st.dates().map(str)
seasons = st.builds("{}-{:02d}".format, years, st.integers(21, 23))
decades = st.builds("{:03d}X".format, st.integers(1, 999))
plain = st.one_of(years, months, days)
qualified = st.builds("{}{}".format, plain, st.sampled_from(["", "?", "~", "%"]))
intervals = st.builds("{}/{}".format, qualified, qualified)
open_intervals = st.one_of(qualified.map("{}/..".format), qualified.map("../{}".format))
dates = st.one_of(qualified, seasons, decades, intervals, open_intervals)


@pytest.mark.parametrize(("written", "earliest", "latest"), PUBLISHED + OURS)
def test_a_date_is_kept_as_written_and_has_the_bounds_it_says(
    written: Any, earliest: str, latest: str
) -> None:
    assert edtf(f" {written} ") == written
    assert bounds(written) == (earliest, latest)


@pytest.mark.parametrize(("written", "message"), OUTSIDE + WRONG)
def test_a_date_that_cannot_be_kept_is_refused_with_what_is_wrong(
    written: Any, message: str
) -> None:
    with pytest.raises(InvalidValue, match=message) as refused:
        edtf(written)

    assert len(refused.value.message) < 400


@given(dates)
def test_the_earliest_day_is_never_after_the_latest(written: Any) -> None:
    try:
        earliest, latest = bounds(written)
    except InvalidValue:
        # Only an interval drawn backwards is refused, and the right way round it is kept.
        written = "/".join(reversed(written.split("/")))
        earliest, latest = bounds(written)

    assert OPEN_START <= earliest <= latest <= OPEN_END
    assert edtf(written) == written


@given(st.one_of(qualified, seasons, decades, intervals, open_intervals))
@settings(max_examples=60, deadline=None)
def test_the_edtf_library_finds_the_same_bounds(written: Any) -> None:
    """Where both read a date, they agree; the library's infinities are our open ends."""
    try:
        ours = bounds(written)
    except InvalidValue:
        return

    theirs = parse_edtf(written)

    assert ours == (_day(theirs.lower_strict(), OPEN_START), _day(theirs.upper_strict(), OPEN_END))


@given(st.text(alphabet="0123456789X-/.~?%T:Z ", max_size=24))
def test_any_text_is_a_date_or_is_refused(text: Any) -> None:
    try:
        kept = edtf(text)
    except InvalidValue:
        return

    assert bounds(kept)[0] <= bounds(kept)[1]


def _day(found: Any, open_end: str) -> str:
    return open_end if isinstance(found, float) else "{:04d}-{:02d}-{:02d}".format(*found[:3])
