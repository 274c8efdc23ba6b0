"""The SQL constructs of totals: named subselects, code-point text, exact sums.

A sum of 64-bit integers can be more than 64 bits hold: SQLite then raises an
error or answers with a float, PostgreSQL with another type. So amounts are
summed in two limbs, billions and the rest, and put together as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.store.sql import JSON_TEXT, Expression

LIMB: Final = 1_000_000_000
"""Where a sum is cut in two; a limb has room for 90 million transfers."""


class Sql(FunctionElement[Any]):
    """SQL as it is written, with expressions in between."""

    inherit_cache = False

    def __init__(self, *parts: str | Expression, type_: Any = None) -> None:
        self.parts = parts
        self.type = sa.Text() if type_ is None else type_
        super().__init__(*(part for part in parts if not isinstance(part, str)))


@compiles(Sql)
def _as_written(element: Sql, compiler: Any, **kw: Any) -> str:
    arguments = iter(element.clauses)
    return "".join(
        part if isinstance(part, str) else compiler.process(next(arguments), **kw)
        for part in element.parts
    )


class With(FunctionElement[str]):
    """A scalar subselect of one value, with named subselects that it and they read from.

    They stand in the subselect itself, because their moment may be a column of
    the rows around it. What is not read from is not evaluated.
    """

    inherit_cache = False
    type = JSON_TEXT

    def __init__(self, named: Sequence[tuple[str, Sql]], value: Expression) -> None:
        self.names = tuple(name for name, _ in named)
        super().__init__(*(select for _, select in named), value)


@compiles(With)
def _with(element: With, compiler: Any, **kw: Any) -> str:
    *selects, value = (compiler.process(clause, **kw) for clause in element.clauses)
    named = ", ".join(
        f"{name} AS MATERIALIZED ({select})"
        for name, select in zip(element.names, selects, strict=True)
    )
    return f"(WITH RECURSIVE {named} SELECT {value})"


class CodePoints(FunctionElement[str]):
    """A text that compares, and folds its case, by code points: a to z alone have two cases."""

    inherit_cache = False
    type = sa.Text()


@compiles(CodePoints, "postgresql")
def _code_points_in_postgresql(element: CodePoints, compiler: Any, **kw: Any) -> str:
    (value,) = element.clauses
    return f'({compiler.process(value, **kw)} COLLATE "C")'


@compiles(CodePoints, "sqlite")
def _code_points_in_sqlite(element: CodePoints, compiler: Any, **kw: Any) -> str:
    (value,) = element.clauses
    return str(compiler.process(value, **kw))


def limbs(name: str, value: str, factor: str) -> str:
    """Return the two columns that sum thousandths times a small factor: `_high`, `_low`.

    With factors in tenths the sum counts ten-thousandths, as agreement does.
    """
    return (
        f"sum({value} / {LIMB} * {factor}) AS {name}_high, "
        f"sum({value} % {LIMB} * {factor}) AS {name}_low"
    )


class LimbText(FunctionElement[str]):
    """The JSON of a sum of ten-thousandths in two limbs: a decimal as a string, or null.

    Rounded to thousandths: `upward`, or down. The limbs must be columns.
    """

    inherit_cache = False
    type = JSON_TEXT

    def __init__(self, high: Expression, low: Expression, *, upward: bool = False) -> None:
        self.upward = upward
        super().__init__(high, low)


@compiles(LimbText, "postgresql")
def _limbs_in_postgresql(element: LimbText, compiler: Any, **kw: Any) -> str:
    high, low = (compiler.process(clause, **kw) for clause in element.clauses)
    rounded = "ceil" if element.upward else "floor"
    # Multiplied, not divided: numeric division rounds where there are many digits.
    thousandths = f"{rounded}(({high}::numeric * {LIMB} + {low}) * 0.1)"
    return f"""coalesce('"' || trim_scale({thousandths} * 0.001)::text || '"', 'null')"""


@compiles(LimbText, "sqlite")
def _limbs_in_sqlite(element: LimbText, compiler: Any, **kw: Any) -> str:
    high, low = (compiler.process(clause, **kw) for clause in element.clauses)
    if element.upward:
        low = f"({low} + 9)"
    carried = f"({high} + {low} / {LIMB})"
    rest = f"({low} % {LIMB} / 10)"  # thousandths below the billions of ten-thousandths
    whole = (
        f"CASE WHEN {carried} > 0 THEN {carried} || printf('%05d', {rest} / 1000) "
        f"ELSE {rest} / 1000 END"
    )
    fraction = f"rtrim(rtrim(printf('.%03d', {rest} % 1000), '0'), '.')"
    return f"coalesce('\"' || ({whole}) || {fraction} || '\"', 'null')"
