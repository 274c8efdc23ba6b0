"""How the value of a claim is read: a member of a union, by the tag it is stored under."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from app.store.reading import At
from app.store.sql import NULL, Expression

_VALUE_TYPES: Final = {
    "quantity": "Measure",
    "money": "Money",
    "date": "UncertainDate",
    "record": "RecordValue",
    "code": "CodeValue",
    "text": "TextValue",
}


def claim_value(at: At) -> Expression:
    """Read the value of a claim; null where it has none."""
    inner = replace(at.scope, extra="value")
    tag = at.scope["value_tag"]
    return sa.case(
        *(
            (tag == sa.literal_column(f"'{name}'"), at.select(inner, type_name))
            for name, type_name in _VALUE_TYPES.items()
        ),
        else_=NULL,
    )
