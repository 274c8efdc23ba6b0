"""Between a record's canonical fields and the columns of its table.

One pair of functions per shape of column; both directions are derived from the
types that `app.domain.kinds` declares, so a field cannot be stored without
being readable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from app.domain import edtf_dates, texts
from app.domain import field_types as t
from app.domain.codes import RecordState
from app.domain.decimals import decimal_text, thousandths
from app.domain.kinds import KINDS, Field
from app.domain.records import Record, kind_name

NO_DATE: Final = ""
"""`earliest` and `latest` of a record without a date: sorts before every date."""

_BOUNDS: Final = ("amount", "lower", "upper")
_DOCUMENTS: Final = (t.Aliases, t.Identifiers, t.Authors, t.Quote)


@cache
def column_name(field: str) -> str:
    """Return the column (or the prefix of columns) of a field: `actsFor` is `acts_for`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", field).lower()


def to_columns(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that hold `fields`; every column of the kind is named."""
    columns: dict[str, Any] = {}
    for field in KINDS[kind].fields.values():
        columns.update(field_columns(field, fields.get(field.name)))
    return columns


def field_columns(  # noqa: PLR0911 - one return for each shape of column
    field: Field, value: Any
) -> dict[str, Any]:
    """Return the columns that one field sets, those derived from it included."""
    name = column_name(field.name)
    match field.type:
        case t.Text() if name == "name":
            return {name: value, "name_key": texts.name_key(value)}
        case t.Measure():
            return _measure_columns(name, value)
        case t.Money():
            basis = None if value is None else value.get("basis")
            return {**_measure_columns(name, value), f"{name}_basis": basis}
        case t.Edtf():
            return _date_columns(name, name, value)
        case t.ClaimValue():
            return _claim_columns(value or {})
        case t.Derivations():
            return {}
        case _:
            return {name: value}


def _measure_columns(name: str, value: Any) -> dict[str, Any]:
    given = value or {}
    columns: dict[str, Any] = {
        f"{name}_{bound}": None if given.get(bound) is None else thousandths(given[bound])
        for bound in _BOUNDS
    }
    columns[f"{name}_approximate"] = bool(given.get("approximate")) if given else None
    columns[f"{name}_unit"] = given.get("unit")
    columns[f"{name}_verbatim"] = given.get("verbatim")
    return columns


def _date_columns(name: str, prefix: str, value: str | None) -> dict[str, Any]:
    earliest, latest = (NO_DATE, NO_DATE) if value is None else edtf_dates.bounds(value)
    return {name: value, f"{prefix}_earliest": earliest, f"{prefix}_latest": latest}


def _claim_columns(value: Mapping[str, Any]) -> dict[str, Any]:
    measure = value.get("quantity", value.get("money"))
    return {
        **_measure_columns("value", measure),
        **_date_columns("value_date", "value", value.get("date")),
        "value_basis": value.get("money", {}).get("basis"),
        "value_tag": next(iter(value), None),
        "value_record": value.get("record"),
        "value_code": value.get("code"),
        "value_text": value.get("text"),
    }


def to_record(row: Mapping[Any, Any], derived_from: list[dict[str, str]]) -> Record:
    """Return the record that a version row holds, with its links `derivedFrom`."""
    kind = kind_name(row["id"])
    fields = {
        field.name: value
        for field in KINDS[kind].fields.values()
        if (value := _field_value(field, row, derived_from)) is not None
    }
    return Record(
        id=row["id"],
        version=row["version"],
        state=RecordState(row["state"]),
        entered=row["entered"],
        newsroom=row["newsroom"],
        fields=fields,
    )


def _field_value(field: Field, row: Mapping[str, Any], derived_from: list[dict[str, str]]) -> Any:
    name = column_name(field.name)
    match field.type:
        case t.Measure() | t.Money():
            return _measure_value(name, row)
        case t.ClaimValue():
            return _claim_value(row)
        case t.Derivations():
            return derived_from or None
        case _:
            return row[name]


def _measure_value(name: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row[f"{name}_unit"] is None:
        return None
    value: dict[str, Any] = {
        bound: decimal_text(row[f"{name}_{bound}"])
        for bound in _BOUNDS
        if row[f"{name}_{bound}"] is not None
    }
    if row[f"{name}_approximate"]:
        value["approximate"] = True
    for part in ("unit", "verbatim", "basis"):
        if row.get(f"{name}_{part}") is not None:
            value[part] = row[f"{name}_{part}"]
    return value


def _claim_value(row: Mapping[str, Any]) -> dict[str, Any] | None:
    match row["value_tag"]:
        case None:
            return None
        case "quantity" | "money" as tag:
            return {tag: _measure_value("value", row)}
        case tag:
            return {tag: row[f"value_{tag}"]}
