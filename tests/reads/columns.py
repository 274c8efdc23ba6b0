"""Changing one byte of one stored column, past everything that guards it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.exc import DBAPIError

from app.store.checking import raw
from app.store.tables import metadata

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Cell:
    """One column of one row, which its key names."""

    table: str
    column: str
    key: Mapping[str, Any]
    value: Any

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of {dict(self.key)}"


def unguarded(engine: Engine) -> None:
    """Take away every trigger and foreign key, as one who owns the database can."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            for table in metadata.tables:
                connection.execute(sa.text(f'ALTER TABLE "{table}" DISABLE TRIGGER ALL'))
            return
        names = connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in names.scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")


def cells(engine: Engine, columns: list[str], dice: random.Random) -> Iterator[Cell]:
    """Yield cells that hold something, of columns drawn evenly."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    with engine.connect() as connection:
        for name in {column.partition(".")[0] for column in columns}:
            rows[name] = [dict(row) for row in connection.execute(raw(name)).mappings()]
    while True:
        table, _, column = dice.choice(columns).partition(".")
        if not rows[table]:
            continue
        row = dice.choice(rows[table])
        if row[column] is not None:
            key = {one.name: row[one.name] for one in metadata.tables[table].primary_key.columns}
            yield Cell(table, column, key, row[column])


@contextmanager
def changed(engine: Engine, cell: Cell, dice: random.Random) -> Iterator[bool]:
    """Change the cell for the time of a block; False where the database itself refuses."""
    other = _other(cell.value, dice, is_document=_is_document(cell))
    try:
        _write(engine, cell, cell.key, other)
    except DBAPIError:
        yield False
        return
    try:
        yield True
    finally:
        key = {**cell.key, cell.column: other} if cell.column in cell.key else cell.key
        _write(engine, cell, key, cell.value)


def _write(engine: Engine, cell: Cell, key: Mapping[str, Any], value: Any) -> None:
    kind = metadata.tables[cell.table].c[cell.column].type
    is_postgres = engine.dialect.name == "postgresql"
    cast = ""
    if is_postgres and isinstance(kind, sa.JSON):
        value, cast = json.dumps(value), "::jsonb"
    elif is_postgres and isinstance(kind.dialect_impl(engine.dialect), TSVECTOR):
        cast = "::tsvector"
    condition = " AND ".join(f'"{name}" = :key_{name}' for name in key)
    statement = f'UPDATE "{cell.table}" SET "{cell.column}" = (:value){cast} WHERE {condition}'
    with engine.connect() as connection:
        if not is_postgres:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        statement = statement.replace("::", "\\:\\:")
        values = {"value": value, **{f"key_{name}": held for name, held in key.items()}}
        connection.execute(sa.text(statement), values)
        connection.commit()


def _is_document(cell: Cell) -> bool:
    return isinstance(metadata.tables[cell.table].c[cell.column].type, sa.JSON)


def _other(value: Any, dice: random.Random, *, is_document: bool) -> Any:
    """Return a value that differs in one byte, or by one where it is a number or a flag."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value - 1 if value > 1 else value + 1
    if isinstance(value, (bytes, memoryview)):
        data = bytearray(value)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        return bytes(data)
    if isinstance(value, str):
        return _other_text(value, dice)
    text = json.dumps(value)
    places = [place for place, letter in enumerate(text) if letter.isalpha()]
    place = dice.choice(places)
    return json.loads(text[:place] + _letter(text[place], dice) + text[place + 1 :])


def _other_text(value: str, dice: random.Random) -> str:
    if not value:
        return dice.choice(LETTERS)
    # In a tsvector only letters of its words: blanks and quotes are its own.
    places = [place for place, one in enumerate(value) if one.isalnum()] or [*range(len(value))]
    place = dice.choice(places)
    return value[:place] + _letter(value[place], dice) + value[place + 1 :]


def _letter(letter: str, dice: random.Random) -> str:
    return dice.choice([one for one in LETTERS if one != letter.lower()])
