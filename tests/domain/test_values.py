"""From JSON to canonical values, and refusals that say where and why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import values
from app.domain.decimals import decimal_text
from app.domain.errors import InvalidValue
from app.domain.instants import instant
from app.domain.urls import url

PARSERS = [
    values.measure, values.money, values.sha256_hex, values.aliases, values.identifiers,
    values.authors, values.quote, values.hs_code, url, instant,
]  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
figures = st.lists(st.integers(0, 10**9), min_size=3, max_size=3).map(sorted)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ({"amount": "24", "unit": "head"}, {"amount": "24", "unit": "head"}),
        (
            {"unit": " head ", "approximate": True, "amount": 30},
            {"amount": "30", "approximate": True, "unit": "head"},
        ),
        (
            {"lower": "24.0", "amount": None, "approximate": False, "unit": "head"},
            {"lower": "24", "unit": "head"},
        ),
        (
            {"lower": "24", "upper": "30", "unit": "head"},
            {"lower": "24", "upper": "30", "unit": "head"},
        ),
        (
            {"amount": "2", "unit": "head", "verbatim": "a pair"},
            {"amount": "2", "unit": "head", "verbatim": "a pair"},
        ),
        ({"lower": "0", "unit": "t"}, {"lower": "0", "unit": "t"}),
    ],
)
def test_a_measure_is_kept_in_one_spelling(written: Any, kept: Any) -> None:
    assert json.dumps(values.measure(written)) == json.dumps(kept)


@pytest.mark.parametrize(
    ("written", "path", "message"),
    [
        ({"unit": "head"}, (), "at least one of amount, lower and upper"),
        ({"amount": None, "unit": "head"}, (), "at least one of"),
        ({"amount": "24"}, ("unit",), "is missing"),
        ({"amount": "24", "unit": " "}, ("unit",), "is blank"),
        ({"amount": "24", "unit": "u" * 41}, ("unit",), "at most 40"),
        ({"amount": "1.2345", "unit": "t"}, ("amount",), "4 decimals"),
        (
            {"lower": "30", "upper": "24", "unit": "t"},
            ("lower",),
            "must not be more than upper: 30 > 24",
        ),
        ({"lower": "30", "amount": "24", "unit": "t"}, ("lower",), "must not be more than amount"),
        ({"upper": "20", "amount": "24", "unit": "t"}, ("amount",), "must not be more than upper"),
        ({"lower": "30", "approximate": True, "unit": "t"}, ("approximate",), "give the amount"),
        ({"amount": "30", "approximate": "yes", "unit": "t"}, ("approximate",), "true or false"),
        ({"amount": "30", "approximate": 1, "unit": "t"}, ("approximate",), "true or false"),
        ({"amount": "30", "unit": "t", "verbatim": 30}, ("verbatim",), "must be text"),
        ({"amout": "30", "unit": "t"}, ("amout",), "did you mean amount"),
        ({"amount": "30", "unit": "t", "basis": "CIF"}, ("basis",), "is no member of a measure"),
        ("24 head", (), "must be an object"),
        (None, (), "this is null"),
        ([], (), "this is a list"),
    ],
)
def test_a_measure_that_cannot_be_kept_is_refused_where_it_is_wrong(
    written: Any, path: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(InvalidValue, match=message) as refused:
        values.measure(written)

    assert refused.value.path == path


def test_money_is_a_measure_in_a_currency_with_its_basis() -> None:
    kept = values.money({"amount": "75509.760", "unit": "usd", "basis": "CIF"})

    assert kept == {"amount": "75509.76", "unit": "USD", "basis": "CIF"}


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ({"amount": "1", "unit": "dollars"}, ("unit",)),
        ({"amount": "1"}, ("unit",)),
        ({"amount": "1", "unit": "USD", "basis": "GUESS"}, ("basis",)),
        ({"amount": 0.5, "unit": "USD"}, ("amount",)),
    ],
)
def test_money_in_no_currency_or_on_no_basis_is_refused(
    written: Any, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(InvalidValue) as refused:
        values.money(written)

    assert refused.value.path == path


@given(
    sorted_figures=figures,
    about=st.booleans(),
    chosen=st.sets(st.sampled_from(["lower", "amount", "upper"]), min_size=1),
)
def test_ordered_figures_always_make_a_measure_and_swapped_ones_never(
    *, sorted_figures: list[int], about: bool, chosen: set[str]
) -> None:
    names = ("lower", "amount", "upper")
    written = {
        name: decimal_text(figure)
        for name, figure in zip(names, sorted_figures, strict=True)
        if name in chosen
    }
    measure = {**written, "unit": "kg", "approximate": about and "amount" in chosen}

    kept = values.measure(measure)

    assert values.measure(kept) == kept
    assert {name: kept[name] for name in written} == written
    backwards = dict(zip(written, reversed(written.values()), strict=True))
    if backwards != written:
        with pytest.raises(InvalidValue, match="must not be more than"):
            values.measure({**measure, **backwards})


def test_a_digest_is_kept_in_lower_case() -> None:
    assert values.sha256_hex("AB" * 32) == "ab" * 32
    for wrong in ("ab" * 31, "zz" * 32, "", None, 7):
        with pytest.raises(InvalidValue, match="64 hexadecimal digits"):
            values.sha256_hex(wrong)


def test_aliases_are_names_each_with_its_language_if_known() -> None:
    kept = values.aliases(
        [
            {"text": " DPRK "},
            {"text": "조선", "language": "KO-kp"},
            {"text": "dprk", "language": "en"},
        ]
    )

    assert kept == [
        {"text": "DPRK"},
        {"text": "조선", "language": "ko-KP"},
        {"text": "dprk", "language": "en"},
    ]


@pytest.mark.parametrize(
    ("written", "path", "message"),
    [
        ([{"text": "DPRK"}, {"text": "dprk "}], (1,), "repeats entry 1"),
        ([{"text": ""}], (0, "text"), "is blank"),
        ([{"language": "en"}], (0, "text"), "is missing"),
        ([{"text": "a", "language": "xx"}], (0, "language"), "is not registered"),
        ([{"text": "a", "lang": "en"}], (0, "lang"), "did you mean language"),
        (["DPRK"], (0,), "must be an object"),
        ("DPRK", (), "must be a list"),
        (None, (), "must be a list"),
        ([{"text": str(number)} for number in range(101)], (), "at most 100"),
    ],
)
def test_aliases_that_cannot_be_kept_are_refused_where_they_are_wrong(
    written: Any, path: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(InvalidValue, match=message) as refused:
        values.aliases(written)

    assert refused.value.path == path


@pytest.mark.parametrize(
    ("scheme", "written", "kept"),
    [
        ("wikidata", "q423", "Q423"),
        ("lei", "5493001KJTIIGC8Y1R12", "5493001KJTIIGC8Y1R12"),
        ("lei", "213800wsgiizcxf1p572", "213800WSGIIZCXF1P572"),
        ("isni", "0000 0001 2281 955X", "000000012281955X"),
        ("viaf", "102333412", "102333412"),
        ("isin", "US0378331005", "US0378331005"),
        ("imo", "IMO 9074729", "9074729"),
        ("other", "DPRK-7", "DPRK-7"),
    ],
)
def test_an_identifier_is_kept_as_its_register_writes_it(
    scheme: str, written: Any, kept: Any
) -> None:
    assert values.identifiers([{"scheme": scheme, "value": written}]) == [
        {"scheme": scheme, "value": kept}
    ]


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        ({"scheme": "wikidata", "value": "P31"}, (0, "value"), "Wikidata"),
        ({"scheme": "wikidata", "value": "Q0"}, (0, "value"), "Wikidata"),
        ({"scheme": "lei", "value": "5493001KJTIIGC8Y1R13"}, (0, "value"), "its check fails"),
        ({"scheme": "lei", "value": "123"}, (0, "value"), "20 letters and digits"),
        ({"scheme": "isni", "value": "0000000122819551"}, (0, "value"), "its check fails"),
        ({"scheme": "isin", "value": "US0378331006"}, (0, "value"), "its check fails"),
        ({"scheme": "viaf", "value": "x"}, (0, "value"), "VIAF"),
        ({"scheme": "imo", "value": "12"}, (0, "value"), "IMO"),
        ({"scheme": "other", "value": " "}, (0, "value"), "is blank"),
        ({"scheme": "wikidota", "value": "Q1"}, (0, "scheme"), "must be one of wikidata"),
        ({"scheme": 7, "value": "Q1"}, (0, "scheme"), "must be one of wikidata"),
        ({"value": "Q1"}, (0, "scheme"), "is missing"),
        ({"scheme": "lei"}, (0, "value"), "is missing"),
    ],
)
def test_an_identifier_with_a_slip_is_refused_where_it_is_wrong(
    entry: dict[str, Any], path: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(InvalidValue, match=message) as refused:
        values.identifiers([entry])

    assert refused.value.path == path


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=18, max_size=18), st.data())
def test_one_wrong_sign_in_an_lei_never_passes(body: str, data: Any) -> None:
    """ISO 7064 MOD 97-10 finds every digit taken for another, and every letter."""
    rest = int("".join(str(int(sign, 36)) for sign in body + "00")) % 97
    lei = f"{body}{98 - rest:02d}"
    place = data.draw(st.integers(0, 17))
    alike = "0123456789" if lei[place].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    slip = data.draw(st.sampled_from(alike.replace(lei[place], "")))
    wrong = lei[:place] + slip + lei[place + 1 :]

    assert values.identifiers([{"scheme": "lei", "value": lei}])
    with pytest.raises(InvalidValue):
        values.identifiers([{"scheme": "lei", "value": wrong}])


def test_identifiers_authors_and_empty_lists() -> None:
    assert values.authors(["A. Writer", "B. Writer"]) == ["A. Writer", "B. Writer"]
    assert values.authors([]) is None
    assert values.aliases([]) is None
    assert values.identifiers([]) is None


@pytest.mark.parametrize(
    ("written", "path"),
    [(["A", "a"], (1,)), ([7], (0,)), ([""], (0,)), ("A", ()), ({"0": "A"}, ())],
)
def test_authors_that_cannot_be_kept_are_refused_where_they_are_wrong(
    written: Any, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(InvalidValue) as refused:
        values.authors(written)

    assert refused.value.path == path


def test_a_quote_is_the_words_of_the_source_with_their_surroundings() -> None:
    kept = values.quote(
        {"suffix": " crossed", "exact": "24 horses\r\nof the breed", "prefix": None}
    )

    assert kept == {"exact": "24 horses\nof the breed", "suffix": "crossed"}


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ({"prefix": "a"}, ("exact",)),
        ({"exact": "a" * 5001}, ("exact",)),
        ({"exact": "a", "prefix": "b" * 501}, ("prefix",)),
        ({"exact": "a", "extra": "b"}, ("extra",)),
        ({"exact": "a", "\ud800": "b"}, ()),
        ("a", ()),
    ],
)
def test_a_quote_that_cannot_be_kept_is_refused_where_it_is_wrong(
    written: Any, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(InvalidValue) as refused:
        values.quote(written)

    assert refused.value.path == path


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("01", "01"),
        ("0101.21", "010121"),
        ("0101.21.00", "01012100"),
        ("9306.90.0000", "9306900000"),
    ],
)
def test_an_hs_code_is_kept_as_digits(written: Any, kept: Any) -> None:
    assert values.hs_code(written) == kept


@pytest.mark.parametrize(
    "written", ["1", "010", "00", "0101 21", "abcd", "", "01012100000", 10121, None, "\u0660\u0661"]
)
def test_what_is_no_hs_code_is_refused(written: Any) -> None:
    with pytest.raises(InvalidValue, match="must be a string of 2, 4, 6, 8 or 10 digits"):
        values.hs_code(written)


@pytest.mark.parametrize("parse", PARSERS)
@given(value=json_values)
@settings(deadline=None)  # the first language or currency reads a table
def test_whatever_json_holds_is_kept_canonically_or_refused(parse: Any, value: Any) -> None:
    try:
        kept = parse(value)
    except InvalidValue as fault:
        said = json.dumps([fault.message, fault.path], ensure_ascii=False)
    else:
        assert kept is None or parse(kept) == kept
        said = json.dumps(kept, ensure_ascii=False)

    assert said.encode("utf-8").decode("utf-8") == said
