"""A plan: one SELECT that builds the JSON of a whole operation.

The surface puts it together field by field (`app.store.reading`); here it is
compiled for the database once, and bound and run as often as it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine import Connection, Dialect, Row

from app.domain.errors import BadArgument
from app.store.sql import HOLDS_NUL, Expression
from app.store.visibility import PREFIX

MOMENT: Final = "moment"
"""The parameter that carries the position of an as-of read from outside the document."""

_DIALECTS: Final[Mapping[str, str]] = {"postgresql": "postgresql.asyncpg", "sqlite": "sqlite"}


def _dialect(database: str) -> Dialect:
    """Return the dialect of a database; the other's is not loaded."""
    made: Dialect = registry.load(_DIALECTS[database])()
    return made


_HEAD_SIZE: Final = sa.literal_column("(SELECT size FROM head)", sa.BigInteger())


@dataclass(frozen=True, slots=True)
class Bound:
    """A parameter, and how its value comes from the arguments of one field."""

    name: str
    field: int
    getter: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled plan. Each key has a column of JSON; the last column is the position.

    `asks_who` says that who is asking decides over some of it (`app.store.visibility`).
    `select` is for a transaction of SQLAlchemy's; what is kept is without it (`to_keep`).
    """

    keys: tuple[str, ...]
    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]
    select: sa.Select[Any] | None
    bounds: tuple[Bound, ...]
    asks_who: bool = False

    def to_keep(self) -> Statement:
        """Return it without the expressions of which its SQL was made: thousands of objects."""
        return replace(self, select=None)

    def run_within(self, connection: Connection, values: Mapping[str, Any]) -> Row[Any]:
        """Run it inside a transaction of SQLAlchemy's, and return its row."""
        if self.select is None:
            raise AssertionError("what is kept runs on the driver alone")
        return connection.execute(self.select, values).one()

    def values(self, arguments: Sequence[Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return every parameter's value by name; raises `BadArgument` for one out of range.

        `arguments` are the coerced arguments of each field that has any, in the
        order in which the plan numbered them.
        """
        values = {**self.constants, **given}
        for bound in self.bounds:
            value = bound.getter(arguments[bound.field])
            if isinstance(value, str) and "\x00" in value:
                raise BadArgument(HOLDS_NUL)
            values[bound.name] = value
        return values

    def ordered(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values in the order of the statement's placeholders."""
        return [values[name] for name in self.names]


def compile_plan(
    members: Sequence[tuple[str, Expression]], bounds: Sequence[Bound], database: str
) -> Statement:
    """Return the SELECT of the members, with the position of the state it reads."""
    columns = [value.label(f"c{place}") for place, (_, value) in enumerate(members)]
    select = sa.select(*columns, _HEAD_SIZE.label("position")).correlate(None)
    compiled = select.compile(
        dialect=_dialect(database), compile_kwargs={"render_postcompile": True}
    )
    names = tuple(compiled.positiontup or ())
    return Statement(
        keys=tuple(key for key, _ in members),
        sql=str(compiled),
        names=names,
        constants={name: value for name, value in compiled.params.items() if value is not None},
        select=select,
        bounds=tuple(bounds),
        asks_who=any(name.startswith(PREFIX) for name in names),
    )


def compiled_for(select: sa.Select[Any], database: str) -> str:
    """Return the SQL of a statement with one parameter, for the reader of a database."""
    return str(select.compile(dialect=_dialect(database)))


def moment_parameter() -> Expression:
    """Return the parameter that `MOMENT` binds."""
    return sa.bindparam(MOMENT, type_=sa.BigInteger())


__all__ = ["MOMENT", "Bound", "Statement", "compile_plan", "moment_parameter"]
