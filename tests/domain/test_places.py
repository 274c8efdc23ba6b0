"""Countries, currencies and languages: registered codes in their usual case."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.currencies import currency
from app.domain.errors import InvalidValue
from app.domain.languages import language
from app.domain.places import country


@pytest.mark.parametrize(
    ("written", "kept"), [("KP", "KP"), ("ru", "RU"), (" Ua ", "UA"), ("GB", "GB")]
)
def test_a_country_is_kept_in_upper_case(written: Any, kept: Any) -> None:
    assert country(written) == kept


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("SU", r"former country \(USSR"),
        ("YU", "former country"),
        ("UK", "the code is GB"),
        ("XX", "must be an ISO 3166-1"),
        ("PRK", "must be an ISO 3166-1"),
        ("North Korea", "must be an ISO 3166-1"),
        ("", "must be an ISO 3166-1"),
        ("\uff2b\uff30", "must be an ISO 3166-1"),
        (None, "this is null"),
        (408, "this is 408"),
    ],
)
def test_what_is_no_country_of_today_is_refused(written: Any, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        country(written)


@pytest.mark.parametrize(
    ("written", "kept"), [("USD", "USD"), ("kpw", "KPW"), (" rub", "RUB"), ("XAU", "XAU")]
)
def test_a_currency_is_kept_in_upper_case(written: Any, kept: Any) -> None:
    assert currency(written) == kept


@pytest.mark.parametrize(
    "written", ["SUR", "RUR", "DEM", "XXX", "XTS", "US$", "dollars", "", None, 840]
)
def test_what_is_no_currency_of_today_is_refused(written: Any) -> None:
    with pytest.raises(InvalidValue, match="must be an ISO 4217 currency code"):
        currency(written)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("ko-kp", "ko-KP"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("iw", "he"),
        ("eng", "en"),
        ("i-klingon", "tlh"),
        ("de-1901", "de-1901"),
        ("sr-latn-x-press", "sr-Latn-x-press"),
        ("es-419", "es-419"),
    ],
)
def test_a_language_is_kept_with_preferred_subtags_in_their_usual_case(
    written: Any, kept: Any
) -> None:
    assert language(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        *("", "xx", "english", "en_US", "en-", "-en", "en--us", "x-foo", "en-US-US", "e", "한국어"),
        *("de-1901-1901", "en-u", "en-abcdefghi", "en-" * 5000),
        None,
        7,
    ],
)
def test_what_is_no_registered_language_is_refused(written: Any) -> None:
    with pytest.raises(InvalidValue, match="must be a BCP 47 language tag"):
        language(written)


@settings(deadline=None)  # the first language reads a table
@given(st.from_regex(r"[a-z]{2,3}(-[a-zA-Z0-9]{1,8}){0,3}", fullmatch=True))
def test_a_canonical_language_stays_as_it_is(tag: str) -> None:
    try:
        kept = language(tag)
    except InvalidValue:
        return

    assert language(kept) == kept


def test_importing_the_ground_floor_reads_no_tables() -> None:
    """A process that never validates a country must not pay for the list of countries."""
    script = (
        "import sys, app.domain.values, app.domain.places, app.domain.agreement\n"
        "slow = {'pycountry', 'langcodes', 'language_data', 'edtf', 'babel'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )

    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert printed.stdout.strip() == "[]"
