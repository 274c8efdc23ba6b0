"""Agreement said in SQL is agreement said in Python, on both databases."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.decimals import MAX_THOUSANDTHS, decimal_text
from app.domain.texts import folded
from app.domain.warnings import agree
from app.store import agreement
from app.store.database import Engine
from app.store.reading import Moment, Scope
from app.store.rows import to_columns
from app.store.tables import metadata
from tests.databases import KINDS, Databases
from tests.driver import opened

AMOUNTS = st.one_of(
    st.integers(0, 40),
    st.integers(0, 40).map(lambda n: n * 1_000),
    st.integers(MAX_THOUSANDTHS - 3, MAX_THOUSANDTHS),
    st.integers(MAX_THOUSANDTHS // 11 * 10 - 12, MAX_THOUSANDTHS // 11 * 10 + 12),
)
UNITS = st.sampled_from(["head", "Head", " HEAD", "tonne", "Straße", "STRASSE"])
TEXTS = st.sampled_from(["Rason", " rason", "RASON", "Nampho", "Straße", "STRASSE", "ﬁn", "fin"])
DATES = st.sampled_from(
    ["2024", "2024-08", "2024-08-25", "2024-08~", "2020/2023", "../2024-08-27", "2025/..", "2022?"]
)


@st.composite
def measures(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a canonical measure: an amount, perhaps approximate, or bounds."""
    unit = {"unit": draw(UNITS)}
    if draw(st.booleans()):
        about = {"approximate": True} if draw(st.booleans()) else {}
        return {"amount": decimal_text(draw(AMOUNTS)), **about, **unit}
    ends = sorted([draw(AMOUNTS), draw(AMOUNTS)])
    lower, upper = (decimal_text(end) for end in ends)
    kept = draw(
        st.sampled_from([{"lower": lower}, {"upper": upper}, {"lower": lower, "upper": upper}])
    )
    return {**kept, **unit}


VALUES = st.one_of(
    st.tuples(st.just("quantity"), measures(), measures()),
    st.tuples(st.just("date"), DATES, DATES),
    st.tuples(st.just("code"), *[st.sampled_from(["GIFT", "SALE", "UNKNOWN"])] * 2),
    st.tuples(st.just("text"), TEXTS, TEXTS),
    st.tuples(st.just("record"), *[st.sampled_from(["actor_1", "actor_2"])] * 2),
)


class Names:
    """Names for the statement under test."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def alias(self) -> str:
        return f"n{next(self._numbers)}"


@pytest.fixture(scope="module", params=KINDS)
def engine(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    with databases.clone(request.param) as url, opened(url) as made:
        yield made


def row(alias: str) -> tuple[Scope, sa.FromClause]:
    """Return rows under `alias` with the value columns of a claim, each a parameter."""
    columns = {c.name: c.type for c in metadata.tables["claim"].c if c.name.startswith("value_")}
    select = sa.select(
        *(
            sa.cast(sa.bindparam(f"{alias}_{name}", type_=kind), kind).label(name)
            for name, kind in columns.items()
        )
    )
    return Scope("claim", alias, Moment()), select.subquery(alias)


@cache
def agreeing() -> sa.Select[Any]:
    """Return the question whether the values of two rows agree."""
    (one, ones), (other, others) = row("h"), row("c")
    rule = agreement.agree(Names(), one, other)
    return sa.select(rule).select_from(ones).join(others, sa.true())


def asked(engine: Engine, tag: str, held: Any, claimed: Any) -> bool:
    given = {
        f"{alias}_{name}": value
        for alias, of in (("h", held), ("c", claimed))
        for name, value in to_columns("claim", {"value": {tag: of}}).items()
        if name.startswith("value_")
    }
    with engine.connect() as connection:
        return bool(connection.execute(agreeing(), given).scalar_one())


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=VALUES)
def test_the_database_agrees_as_the_rules_do(engine: Engine, values: tuple[str, Any, Any]) -> None:
    tag, held, claimed = values

    found = asked(engine, tag, held, claimed)

    assert found is agree(tag, held, claimed, {})


@pytest.mark.parametrize(
    ("held", "claimed", "expected"),
    [
        ({"amount": "24", "unit": "head"}, {"lower": "24", "unit": "head"}, True),
        ({"amount": "24", "unit": "head"}, {"upper": "23.999", "unit": "head"}, False),
        ({"amount": "27", "unit": "h"}, {"amount": "30", "approximate": True, "unit": "h"}, True),
        (
            {"amount": "26.999", "unit": "h"},
            {"amount": "30", "approximate": True, "unit": "h"},
            False,
        ),
        (
            {"amount": "33.001", "unit": "h"},
            {"amount": "30", "approximate": True, "unit": "h"},
            False,
        ),
        (
            {"amount": "0.002", "approximate": True, "unit": "h"},
            {"amount": "0.003", "approximate": True, "unit": "h"},
            False,  # 0.0022 and 0.0027: a tenth of a thousandth decides
        ),
    ],
)
def test_ends_of_intervals_are_exact(
    engine: Engine,
    held: Any,
    claimed: Any,
    expected: bool,  # noqa: FBT001
) -> None:
    assert asked(engine, "quantity", held, claimed) is expected
    assert asked(engine, "quantity", claimed, held) is expected


def test_both_databases_fold_every_letter_as_python_does(engine: Engine) -> None:
    letters = [chr(n) for n in range(1, 0x110000) if unicodedata.category(chr(n))[0] != "C"]
    letters += [chr(n) for n in range(1, 0x20)]
    fold = sa.select(agreement.Folded(sa.bindparam("words", type_=sa.Text())))
    wrong = []

    with engine.connect() as connection:
        for start in range(0, len(letters), 4_000):
            words = "|".join(letters[start : start + 4_000])
            if connection.execute(fold, {"words": words}).scalar_one() != folded(words):
                wrong.append(hex(ord(letters[start])))

    assert wrong == []


def test_folding_nothing_is_nothing(engine: Engine) -> None:
    with engine.connect() as connection:
        found = connection.execute(
            sa.select(agreement.Folded(sa.cast(sa.null(), sa.Text())))
        ).scalar_one()

    assert found is None
