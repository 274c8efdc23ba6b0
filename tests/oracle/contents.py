"""What a ledger holds, named so that one document fits ledgers that were made alike.

A document speaks of `{{transfer:12}}`, the thirteenth transfer that was entered, of
`{{instant:7}}`, when position 7 was recorded, and of `{{cursor:transfer.OCCURRED_DESC:12}}`,
where that transfer stands in that order. `filled` puts in what they are in one ledger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.domain.texts import name_key
from tests.oracle import findings
from tests.oracle.pages import Listing, Order, cursor_of
from tests.oracle.resolvers import LISTINGS
from tests.oracle.tables import NODES, RECORDS, Row, Seen, Tables

_NAMED = re.compile(r"\{\{(\w+):(?:([\w.]+):)?(\d+)\}\}")


@dataclass(frozen=True)
class Contents:
    """What there is to ask for in a ledger."""

    tables: Tables

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """How many there are of each kind."""
        return {kind: len(found) for kind, found in self.tables.places.items()}

    @cached_property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """Values of texts that filters ask for, by the filter's member."""
        rows = self.tables.rows
        names = sorted({row["name"] for kind in ("actor", "item") for row in rows[kind]})
        parts = [name[start : start + 4] for name in names for start in (0, 2)]
        records = [row for kind in RECORDS for row in rows[kind]]
        return {
            "nameContains": [*names, *parts, *map(str.upper, parts), *map(name_key, parts)],
            "textContains": self._some_texts(),
            "externalRefs": _values(records, "external_ref"),
            "countries": _values(rows["actor"], "country"),
            "hsCodePrefix": ["01", *_values(rows["item"], "hs_code")],
            "languages": _values(rows["citation"], "language"),
            "urls": _values(rows["citation"], "url"),
        }

    def _some_texts(self) -> Sequence[str]:
        """Return pieces of the prose of records, some in another case."""
        prose = (("transfer", "title"), ("transfer", "summary"), ("citation", "title"),
                 ("citation", "url"), ("claim", "value_text"), ("claim", "locator"),
                 ("actor", "description"), ("item", "name"))  # fmt: skip
        found = sorted({t for kind, name in prose for t in _values(self.tables.rows[kind], name)})
        parts = [text[start : start + 6] for text in found for start in (0, 5)]
        return [*parts, *(part.swapcase() for part in parts[::3])]

    @cached_property
    def days(self) -> Sequence[str]:
        """Days at which dates of the world begin or end."""
        bounds = {
            day
            for table, name in (("transfer", "occurred"), ("citation", "published"))
            for row in self.tables.rows[table]
            for day in (row[f"{name}_earliest"], row[f"{name}_latest"])
            if day[:4] not in ("", "0000")
        }
        return sorted(bounds)

    def filled(self, text: str) -> str:
        """Return a text with the names replaced by what they are here."""
        return _NAMED.sub(lambda match: self._meant(match[1], match[2], int(match[3])), text)

    def filled_values(self, value: Any) -> Any:
        """Return variables with the names replaced."""
        if isinstance(value, dict):
            return {name: self.filled_values(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.filled_values(one) for one in value]
        return self.filled(value) if isinstance(value, str) else value

    def _meant(self, kind: str, order: str | None, place: int) -> str:
        if kind == "instant":
            return str(self.tables.changesets[place]["recorded_at"])
        if kind == "cursor" and order is not None:
            table, _, name = order.partition(".")
            return cursor_of(table, _order(table, name), self._row(table, place))
        return self.tables.places[kind][place]

    def _row(self, table: str, place: int) -> Row:
        """Return the newest row of what was entered at a place."""
        if table in NODES:
            *_, newest = self.tables.with_id(table, self.tables.places[table][place])
            return newest
        rows = self.findings if table == "finding_key" else self.tables.rows[table]
        return rows[place % len(rows)]

    @cached_property
    def findings(self) -> Sequence[Row]:
        """The rows of the present findings."""
        here = Seen(self.tables, None, "head", self.tables.rows["head"][0])
        return [found.row for found in findings.every(here)]

    def cursors(self, table: str) -> int:
        """Return how many cursors there are to name of a table."""
        return self.sizes.get(table, 40)


def _values(rows: Sequence[Row], name: str) -> list[str]:
    return sorted({row[name] for row in rows if row[name] is not None})


def _order(table: str, name: str) -> Order:
    listings: list[Listing] = [one for of in LISTINGS.values() for one in of.values()]
    return next(
        order
        for listing in listings
        if listing.table == table
        for order in listing.orders
        if order.name == name
    )
