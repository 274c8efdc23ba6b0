"""Instants: one spelling in UTC, whatever the zone in which they were written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidValue
from app.domain.instants import instant


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2024-08-27", "2024-08-27"),
        ("2024-08-27T09:30:00Z", "2024-08-27T09:30:00Z"),
        ("2024-08-27t09:30:00z", "2024-08-27T09:30:00Z"),
        ("2024-08-27T18:30:00+09:00", "2024-08-27T09:30:00Z"),
        ("2024-12-31T20:00:00.250-05:30", "2025-01-01T01:30:00.25Z"),
        ("2024-08-27T09:30:00.000Z", "2024-08-27T09:30:00Z"),
        ("2024-08-27T09:30:00.123456789Z", "2024-08-27T09:30:00.123456789Z"),
    ],
)
def test_an_instant_is_kept_in_utc_and_a_date_as_it_is(written: Any, kept: Any) -> None:
    assert instant(written) == kept
    assert instant(kept) == kept


@pytest.mark.parametrize(
    "written",
    [
        "2024-08-27T09:30:00",
        "2024-08-27 09:30:00Z",
        "2024-08-27T09:30Z",
        "2024-02-30",
        "2023-02-29T09:30:00Z",
        "2024-08-27T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "0000-01-01",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2024-08",
        "20240827",
        "now",
        "",
        None,
        1_724_745_600,
        "1" * 10_000,
    ],
)
def test_what_no_clock_shows_or_has_no_zone_is_refused(written: Any) -> None:
    with pytest.raises(InvalidValue, match="must be a date or an RFC 3339 instant"):
        instant(written)


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_means_the_same_after_it_is_kept(moment: datetime) -> None:
    offset = moment.utcoffset()
    if offset is None or offset.total_seconds() % 60 or not 1 < moment.year < 9999:
        return

    kept = instant(moment.isoformat())

    assert datetime.fromisoformat(kept) == moment.astimezone(UTC)
