"""What the tables hold, read once into plain Python: the ground that the oracle stands on.

Plain SELECTs of whole tables; nothing of how the application reads them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from app.store import tables
from tests.driver import opened

Row = Mapping[str, Any]

RECORDS = ("actor", "item", "transfer", "citation", "claim")
VERSIONED = (*RECORDS, "derivation")
NODES = (*RECORDS, "changeset", "editor", "newsroom", "key", "proposal")
READ = (
    *VERSIONED, "changeset", "revision", "change", "header", "editor", "newsroom", "head", "key",
    "key_use", "redaction", "redaction_target", "proposal", "proposal_draft", "proposal_step",
    "proposal_change", "proposal_event",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tables:
    """The rows of every table that the contract shows."""

    rows: Mapping[str, Sequence[Row]]

    @property
    def head(self) -> int:
        """The newest position of the log."""
        return int(self.rows["head"][0]["size"])

    @cached_property
    def _by_id(self) -> Mapping[str, Mapping[str, Sequence[Row]]]:
        found: dict[str, dict[str, list[Row]]] = {}
        for table in NODES:
            by_id: dict[str, list[Row]] = defaultdict(list)
            for row in self.rows[table]:
                by_id[row["id"]].append(row)
            found[table] = by_id
        return found

    def with_id(self, table: str, wanted: str) -> Sequence[Row]:
        """Return the rows of an id: every version of a record."""
        return self._by_id[table].get(wanted, ())

    def of_record(self, table: str, record_id: str) -> Sequence[Row]:
        """Return the revisions or changes of a record, in the order of its versions."""
        return self._of_record[table].get(record_id, ())

    @cached_property
    def _of_record(self) -> Mapping[str, Mapping[str, Sequence[Row]]]:
        found: dict[str, dict[str, list[Row]]] = {}
        for table in ("revision", "change"):
            found[table] = defaultdict(list)
            for row in sorted(self.rows[table], key=lambda row: int(row["version"])):
                found[table][row["record_id"]].append(row)
        return found

    @cached_property
    def headers(self) -> Mapping[tuple[int, str], str]:
        """The prose of changesets by position and name, as JSON."""
        return {(row["position"], row["name"]): row["value"] for row in self.rows["header"]}

    @cached_property
    def changesets(self) -> Mapping[int, Row]:
        """The changesets by position."""
        return {row["position"]: row for row in self.rows["changeset"]}

    @cached_property
    def places(self) -> Mapping[str, Sequence[str]]:
        """The ids of each kind in the order in which they were entered."""
        steps = sorted(
            (row["position"], row["place"], row["record_id"])
            for row in self.rows["revision"]
            if row["version"] == 1 and row["record_id"].partition("_")[0] in RECORDS
        )
        found: dict[str, list[str]] = {kind: [] for kind in RECORDS}
        for _, _, record_id in steps:
            found[record_id.partition("_")[0]].append(record_id)
        changesets = sorted(self.rows["changeset"], key=lambda row: row["position"])
        return {
            **found,
            "changeset": [row["id"] for row in changesets],
            "newsroom": _by_name(self.rows["newsroom"]),
            "editor": _by_name(self.rows["editor"]),
            "key": sorted(row["id"] for row in self.rows["key"]),
            "proposal": sorted(row["id"] for row in self.rows["proposal"]),
        }


def _by_name(rows: Sequence[Row]) -> list[str]:
    return [row["id"] for row in sorted(rows, key=lambda row: str(row["name"]))]


def read_tables(url: str) -> Tables:
    """Read the tables of a ledger."""
    with opened(url) as engine, engine.connect() as connection:
        return Tables(
            {
                name: connection.execute(sa.select(tables.metadata.tables[name])).mappings().all()
                for name in READ
            }
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """One row of a table, and the moment from which it is seen.

    `moment` is None for the present, else a position: then only what stood at
    that position is seen, and ids carry it.
    """

    tables: Tables
    moment: int | None
    table: str
    row: Row

    def __getitem__(self, name: str) -> Any:
        """Return a column."""
        return self.row[name]

    def marked(self, wanted: str) -> str:
        """Return an id as it is shown at this moment."""
        return wanted if self.moment is None else f"{wanted}@{self.moment}"

    def at(self, moment: int | None) -> Seen:
        """Return the same row seen from another moment."""
        return Seen(self.tables, moment, self.table, self.row)

    def every(self, table: str) -> Iterator[Seen]:
        """Yield the rows of a table that stood at this moment."""
        for row in self.tables.rows[table]:
            if stands(table, row, self.moment):
                yield Seen(self.tables, self.moment, table, row)

    def one(self, table: str, wanted: str | None) -> Seen | None:
        """Return what has an id at this moment; None where nothing has."""
        for row in self.tables.with_id(table, wanted) if wanted is not None else ():
            if stands(table, row, self.moment):
                return Seen(self.tables, self.moment, table, row)
        return None

    def changeset(self, position: int | None) -> Seen | None:
        """Return the changeset at a position."""
        row = None if position is None else self.tables.changesets.get(position)
        if row is None or not stands("changeset", row, self.moment):
            return None
        return Seen(self.tables, self.moment, "changeset", row)

    def of_record(self, table: str, record_id: str) -> list[Seen]:
        """Return the revisions or changes of a record that stood at this moment."""
        return [
            Seen(self.tables, self.moment, table, row)
            for row in self.tables.of_record(table, record_id)
            if stands(table, row, self.moment)
        ]


def stands(table: str, row: Row, moment: int | None) -> bool:
    """Whether a row is part of what stood at a moment."""
    if table in VERSIONED:
        if moment is None:
            return bool(row["superseded"] == tables.END)
        return bool(row["entered"] <= moment < row["superseded"])
    if moment is not None and table in ("changeset", "revision"):
        return bool(row["position"] <= moment)
    return True
