"""The small objects inside records: measures, dates, names, quotes."""

from __future__ import annotations

from typing import Final

import strawberry

from app.domain import codes
from app.graphql.fields import table_field
from app.graphql.scalars import EDTF, Date, Decimal
from app.store.reading import (
    EARLIEST,
    LATEST,
    At,
    Read,
    decimal,
    member,
)
from app.store.sql import Expression, as_json


def _part(name: str, *, nullable: bool = True) -> Read:
    """Read a column of the embedded object that the scope stands on."""

    def read(at: At) -> Expression:
        return as_json(at.scope[f"{at.scope.extra}_{name}"], nullable=nullable)

    return read


def _flag(name: str) -> Read:
    def read(at: At) -> Expression:
        return as_json(at.scope[f"{at.scope.extra}_{name}"], nullable=False)

    return read


def _date_text(at: At) -> Expression:
    scope = at.scope
    # A claim's date stands in value_date, its bounds in value_earliest, value_latest.
    name = f"{scope.extra}_date" if scope.extra == "value" else scope.extra
    return as_json(scope[name], nullable=False)


_AMOUNT: Final = decimal(lambda scope: f"{scope.extra}_amount")
_LOWER: Final = decimal(lambda scope: f"{scope.extra}_lower")
_UPPER: Final = decimal(lambda scope: f"{scope.extra}_upper")


@strawberry.type(
    description='How much or how many. "24" has an amount; "about 30" is approximate; '
    '"at least 24" has a lower bound alone. A missing bound is unknown, never zero.'
)
class Measure:
    """How much or how many."""

    amount: Decimal | None = table_field(_AMOUNT, "The figure itself.")
    lower: Decimal | None = table_field(_LOWER, "The least it can be.")
    upper: Decimal | None = table_field(_UPPER, "The most it can be.")
    approximate: bool = table_field(_flag("approximate"), "Whether the amount is approximate.")
    unit: str = table_field(_part("unit", nullable=False), "What is counted: head, tonne.")
    verbatim: str | None = table_field(_part("verbatim"), 'The words of the source: "a pair".')


@strawberry.type(description="A sum of money: a measure whose unit is an ISO 4217 currency.")
class Money:
    """A sum of money."""

    amount: Decimal | None = table_field(_AMOUNT, "The sum itself.")
    lower: Decimal | None = table_field(_LOWER, "The least it can be.")
    upper: Decimal | None = table_field(_UPPER, "The most it can be.")
    approximate: bool = table_field(_flag("approximate"), "Whether the amount is approximate.")
    unit: str = table_field(_part("unit", nullable=False), "The currency, ISO 4217.")
    verbatim: str | None = table_field(_part("verbatim"), "The words of the source.")
    basis: codes.MoneyBasis | None = table_field(_part("basis"), "What the sum includes.")


@strawberry.type(description="A date of the world, as far as it is known.")
class UncertainDate:
    """A date of the world."""

    edtf: EDTF = table_field(_date_text, "The date as EDTF, level 0 or 1.")
    earliest: Date | None = table_field(EARLIEST, "The first day it can be; null if open.")
    latest: Date | None = table_field(LATEST, "The last day it can be; null if open.")


@strawberry.type(description="Another name or spelling.")
class Alias:
    """Another name."""

    text: str = table_field(member("text"), "The name.")
    language: str | None = table_field(member("language"), "Its language, BCP 47.")


@strawberry.type(description="An identifier in another catalogue.")
class Identifier:
    """An identifier elsewhere."""

    scheme: str = table_field(member("scheme"), "The catalogue: wikidata, lei, isni …")
    value: str = table_field(member("value"), "The identifier in it.")


@strawberry.type(description="Words of a document (W3C TextQuoteSelector).")
class Quote:
    """Words of a document."""

    exact: str = table_field(member("exact"), "The words themselves.")
    prefix: str | None = table_field(member("prefix"), "What stands before them.")
    suffix: str | None = table_field(member("suffix"), "What stands after them.")


@strawberry.type(description="A claimed code, such as a nature, a stage or a country.")
class CodeValue:
    """A claimed code."""

    code: str = table_field(_part("code", nullable=False), "The code.")


@strawberry.type(description="A claimed text, such as a place or a route.")
class TextValue:
    """A claimed text."""

    text: str = table_field(_part("text", nullable=False), "The text.")
