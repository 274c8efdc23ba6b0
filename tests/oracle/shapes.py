"""Values that stand in several columns of a row: measures, sums of money, dates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.decimals import decimal_text
from app.domain.edtf_dates import OPEN_END, OPEN_START
from tests.oracle.tables import Seen


def measure(row: Seen, prefix: str) -> Mapping[str, Any] | None:
    """Return a measure, or a sum of money, that stands in columns of a row."""
    if row[f"{prefix}_unit"] is None:
        return None
    amounts = {name: row[f"{prefix}_{name}"] for name in ("amount", "lower", "upper")}
    return {
        **{name: None if one is None else decimal_text(one) for name, one in amounts.items()},
        "approximate": bool(row[f"{prefix}_approximate"]),
        "unit": row[f"{prefix}_unit"],
        "verbatim": row[f"{prefix}_verbatim"],
        "basis": row.row.get(f"{prefix}_basis"),
    }


def date(row: Seen, name: str, prefix: str) -> Mapping[str, Any] | None:
    """Return a date of the world that stands in columns of a row."""
    if row[name] is None:
        return None
    earliest, latest = row[f"{prefix}_earliest"], row[f"{prefix}_latest"]
    return {
        "edtf": row[name],
        "earliest": None if earliest == OPEN_START else earliest,
        "latest": None if latest == OPEN_END else latest,
    }
