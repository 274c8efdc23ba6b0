"""A small world in which everything is linked to anything, drawn from a seed.

Entered in one changeset and edited in a second one, so that it has a past; and the records of
such a ledger as plain dicts, as of any position.
"""

from __future__ import annotations

import random
from typing import Any

import sqlalchemy as sa

from app.store import tables
from app.store.rows import to_record
from tests.driver import opened
from tests.graphql.asking import Ledger

LARGEST = "9223372036854775.807"
FIGURES = ("0", "1", "2.5", "24", "0.003", LARGEST)
UNITS = ("head", "Head", "tonne")
DATES = (None, "2020", "2021-05", "2020/2022", "../2021", "2022~", "202X")


class _Drawn:
    """Operations drawn from a seed; each names its record by a ref of its kind."""

    def __init__(self, source: random.Random) -> None:
        self.operations: list[dict[str, Any]] = []
        self._source = source
        self._refs: dict[str, list[str]] = {"Actor": [], "Item": [], "Transfer": []}

    def add(self, kind: str, /, **fields: Any) -> None:
        ref = f"#{kind}{len(self._refs[kind])}".lower()
        given = {name: value for name, value in fields.items() if value is not None}
        self.operations.append({f"add{kind}": {"ref": ref, **given}})
        self._refs[kind].append(ref)

    def maybe(self, kind: str, chance: float) -> str | None:
        """Return one of the records so far, or none."""
        refs = self._refs[kind]
        return self._source.choice(refs) if refs and self._source.random() < chance else None

    def measure(self, chance: float, *units: str, **more: Any) -> dict[str, Any] | None:
        if self._source.random() > chance:
            return None
        figure = self._source.choice(FIGURES)
        form = self._source.choice(("amount", "about", "lower", "upper"))
        about = {"amount": figure, "approximate": True}
        stated = about if form == "about" else {form: figure}
        return {"unit": self._source.choice(units), **stated, **more}


def random_operations(source: random.Random) -> list[dict[str, Any]]:
    """Return operations that add a small world in which everything is linked to anything."""
    drawn = _Drawn(source)
    for number in range(7):
        links = {name: drawn.maybe("Actor", 0.5) for name in ("actsFor", "partOf")}
        drawn.add("Actor", name=f"Actor {number}", kind="GROUP", **links)
    for number in range(6):
        drawn.add("Item", name=f"Item {number}", kind="OTHER", broader=drawn.maybe("Item", 0.7))
    for number in range(45):
        basis = source.choice(({}, {}, {"basis": "CIF"}))
        drawn.add(
            "Transfer",
            title=f"Transfer {number}",
            giver=drawn.maybe("Actor", 0.8),
            receiver=drawn.maybe("Actor", 0.8),
            item=drawn.maybe("Item", 0.8),
            partOf=drawn.maybe("Transfer", 0.5),
            quantity=drawn.measure(0.7, *UNITS),
            value=drawn.measure(0.5, "USD", "EUR", **basis),
            occurred=source.choice(DATES),
            nature=source.choice([None, "GIFT", "SALE"]),
            stage=source.choice([None, "PLEDGED"]),
        )
    return drawn.operations


def fill(ledger: Ledger, source: random.Random) -> None:
    """Enter a random world in one changeset, and edit it in a second one."""
    done = ledger.commit(random_operations(source))
    assert done["userErrors"] == [], done["userErrors"]
    ids = [one["id"] for one in done["refs"]]
    items, transfers = (
        [one for one in ids if one.startswith(kind)] for kind in ("item", "transfer")
    )
    edits: list[dict[str, Any]] = [
        {"reviseItem": {"id": items[-1], "version": 1, "set": {"broader": None}}}
    ]
    for number, one in enumerate(source.sample(transfers, 12)):
        if number % 2:
            edits.append({"retract": {"id": one, "version": 1}})
        else:
            change = {"quantity": {"amount": "3", "unit": "head"}, "partOf": None}
            edits.append({"reviseTransfer": {"id": one, "version": 1, "set": change}})
    assert ledger.commit(edits)["userErrors"] == []


def plain_records(ledger: Ledger, position: int) -> dict[str, list[dict[str, Any]]]:
    """Return actors, items and transfers as of a position, as plain dicts."""
    found: dict[str, list[dict[str, Any]]] = {}
    with opened(ledger.url) as engine, engine.connect() as connection:
        for kind in ("actor", "item", "transfer"):
            table = tables.metadata.tables[kind]
            query = sa.select(table).where(
                table.c.entered <= position, table.c.superseded > position
            )
            rows = connection.execute(query).mappings().all()
            records = [to_record(row, []) for row in rows]
            found[kind] = [
                {"id": one.id, "state": one.state.value, **one.fields} for one in records
            ]
    return found
