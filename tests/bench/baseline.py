"""The peer: the best that Strawberry's ordinary executor does on the same database.

The same names as our schema, written as one would write it for speed: resolvers that fetch
through DataLoaders, one statement a level, only the columns that are needed, raw driver rows
without an ORM, sums and dates put into text by the database, parsed and validated documents
kept, orjson, one process of uvicorn with uvloop and httptools.

    python -m tests.bench.baseline DATABASE_URL PORT
"""

from __future__ import annotations

import sqlite3
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from functools import partial
from typing import Annotated, Any, Protocol

import asyncpg
import orjson
import strawberry
import uvicorn
from fastapi import FastAPI
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.fastapi import GraphQLRouter

from app.store.database import parse_url, read_only_sqlite
from app.store.tables import END

Row = Sequence[Any]
NOW = f"superseded = {END}"

# --- statements, one a level -----------------------------------------------------


def _decimals(prefix: str, decimal: str) -> str:
    return ", ".join(decimal.format(f"{prefix}_{name}") for name in ("amount", "lower", "upper"))


def _transfer_columns(decimal: str) -> str:
    return (
        "id, title, giver, receiver, item, "
        f"{_decimals('quantity', decimal)}, quantity_approximate, quantity_unit, "
        "quantity_verbatim, occurred, occurred_earliest, occurred_latest, stage, summary"
    )


def _claim_columns(decimal: str, quote: str) -> str:
    return (
        f"subject, id, field, stance, value_tag, {_decimals('value', decimal)}, "
        "value_approximate, value_unit, value_verbatim, value_date, value_earliest, "
        f"value_latest, value_code, value_record, value_text, {quote}, citation"
    )


class Store(Protocol):
    """The statements of one database; ids come as a list, rows go as tuples."""

    async def transfers(self, first: int) -> Sequence[Row]: ...
    async def transfers_by_id(self, ids: list[str]) -> Sequence[Row]: ...
    async def actors(self, first: int) -> Sequence[Row]: ...
    async def actors_by_id(self, ids: list[str]) -> Sequence[Row]: ...
    async def items_by_id(self, ids: list[str]) -> Sequence[Row]: ...
    async def citations_by_id(self, ids: list[str]) -> Sequence[Row]: ...
    async def claims_of(self, subjects: list[str], first: int) -> Sequence[Row]: ...


class PostgresStore:
    """Statements for PostgreSQL, prepared by the pool's connections."""

    _DECIMAL = "trim_scale({} * 0.001)::text"
    _TRANSFERS = _transfer_columns(_DECIMAL)
    _CLAIMS = _claim_columns(_DECIMAL, "quote ->> 'exact'")

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=8,
            max_size=16,
            reset=_keep,
            server_settings={"plan_cache_mode": "force_generic_plan", "jit": "off"},
        )

    async def transfers(self, first: int) -> Sequence[Row]:
        return await self._pool.fetch(
            f"SELECT {self._TRANSFERS} FROM transfer WHERE {NOW}"
            " ORDER BY occurred_earliest DESC, id DESC LIMIT $1",
            first,
        )

    async def transfers_by_id(self, ids: list[str]) -> Sequence[Row]:
        return await self._by_id(self._TRANSFERS, "transfer", ids)

    async def actors(self, first: int) -> Sequence[Row]:
        return await self._pool.fetch(
            f"SELECT id, name, country, kind FROM actor WHERE {NOW} ORDER BY name_key, id LIMIT $1",
            first,
        )

    async def actors_by_id(self, ids: list[str]) -> Sequence[Row]:
        return await self._by_id("id, name, country, kind", "actor", ids)

    async def items_by_id(self, ids: list[str]) -> Sequence[Row]:
        return await self._by_id("id, name", "item", ids)

    async def citations_by_id(self, ids: list[str]) -> Sequence[Row]:
        return await self._by_id("id, title, publisher", "citation", ids)

    async def claims_of(self, subjects: list[str], first: int) -> Sequence[Row]:
        return await self._pool.fetch(
            "SELECT found.* FROM unnest($1::text[]) AS wanted(record) CROSS JOIN LATERAL"
            f" (SELECT {self._CLAIMS} FROM claim WHERE subject = wanted.record AND {NOW}"
            " ORDER BY id LIMIT $2) AS found",
            subjects,
            first,
        )

    async def _by_id(self, columns: str, table: str, ids: list[str]) -> Sequence[Row]:
        return await self._pool.fetch(
            f"SELECT {columns} FROM {table} WHERE id = ANY($1::text[]) AND {NOW}", ids
        )


async def _keep(_connection: Any) -> None:
    """Nothing is set on these connections, so the pool's round trip to reset them is spared."""


class SqliteStore:
    """Statements for SQLite, run in the event loop: a thread would cost more than they do."""

    _DECIMAL = (
        "CASE WHEN {0} % 1000 = 0 THEN CAST({0} / 1000 AS TEXT) WHEN {0} IS NOT NULL THEN"
        " rtrim(printf('%d.%03d', {0} / 1000, {0} % 1000), '0') END"
    )
    _TRANSFERS = _transfer_columns(_DECIMAL)
    _CLAIMS = _claim_columns(_DECIMAL, "quote ->> '$.exact'")

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        self._connection: sqlite3.Connection = read_only_sqlite(parse_url(self._url))

    async def transfers(self, first: int) -> Sequence[Row]:
        return self._all(
            f"SELECT {self._TRANSFERS} FROM transfer INDEXED BY ix_transfer_occurred WHERE {NOW}"
            " ORDER BY occurred_earliest DESC, id DESC LIMIT ?",
            (first,),
        )

    async def transfers_by_id(self, ids: list[str]) -> Sequence[Row]:
        return self._by_id(self._TRANSFERS, "transfer", ids)

    async def actors(self, first: int) -> Sequence[Row]:
        return self._all(
            f"SELECT id, name, country, kind FROM actor INDEXED BY ix_actor_name WHERE {NOW}"
            " ORDER BY name_key, id LIMIT ?",
            (first,),
        )

    async def actors_by_id(self, ids: list[str]) -> Sequence[Row]:
        return self._by_id("id, name, country, kind", "actor", ids)

    async def items_by_id(self, ids: list[str]) -> Sequence[Row]:
        return self._by_id("id, name", "item", ids)

    async def citations_by_id(self, ids: list[str]) -> Sequence[Row]:
        return self._by_id("id, title, publisher", "citation", ids)

    async def claims_of(self, subjects: list[str], first: int) -> Sequence[Row]:
        # The place is given from the index alone; a claim's row is read only if it counts.
        return self._all(
            f"SELECT {self._CLAIMS} FROM claim WHERE {NOW} AND id IN (SELECT id FROM (SELECT id,"
            " row_number() OVER (PARTITION BY subject ORDER BY id) AS place FROM claim"
            f" INDEXED BY ix_claim_subject WHERE {NOW} AND subject IN ({_marks(subjects)}))"
            " WHERE place <= ?) ORDER BY id",
            (*subjects, first),
        )

    def _by_id(self, columns: str, table: str, ids: list[str]) -> Sequence[Row]:
        return self._all(
            f"SELECT {columns} FROM {table} INDEXED BY uq_{table}_present"
            f" WHERE {NOW} AND id IN ({_marks(ids)})",
            ids,
        )

    def _all(self, statement: str, values: Sequence[Any]) -> Sequence[Row]:
        return self._connection.execute(statement, values).fetchall()


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


# --- the context of one request ---------------------------------------------------


class Loaders:
    """One request's DataLoaders."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.actor = _by_first_column(store.actors_by_id, _actor)
        self.item = _by_first_column(store.items_by_id, _item)
        self.citation = _by_first_column(store.citations_by_id, _citation)
        self.transfer = _by_first_column(store.transfers_by_id, _transfer)
        self._claims: dict[int, DataLoader[str, list[Claim]]] = {}

    def claims(self, first: int) -> DataLoader[str, list[Claim]]:
        if first not in self._claims:
            self._claims[first] = DataLoader(partial(self._load_claims, first=first))
        return self._claims[first]

    async def _load_claims(self, subjects: list[str], first: int) -> list[list[Claim]]:
        found = defaultdict(list)
        for row in await self.store.claims_of(subjects, first):
            found[row[0]].append(_claim(row))
        return [found[subject] for subject in subjects]


def _by_first_column(
    fetch: Callable[[list[str]], Awaitable[Sequence[Row]]], make: Callable[[Row], Any]
) -> DataLoader[str, Any]:
    async def load(ids: list[str]) -> list[Any]:
        found = {row[0]: make(row) for row in await fetch(ids)}
        return [found.get(one) for one in ids]

    return DataLoader(load)


# --- the schema -------------------------------------------------------------------

Info = strawberry.Info[Loaders, None]


@strawberry.type
class Actor:
    id: strawberry.ID
    name: str
    country: str | None
    kind: str


@strawberry.type
class Item:
    id: strawberry.ID
    name: str


@strawberry.type
class Measure:
    amount: str | None
    lower: str | None
    upper: str | None
    approximate: bool
    unit: str
    verbatim: str | None


@strawberry.type
class UncertainDate:
    edtf: str
    earliest: str | None
    latest: str | None


@strawberry.type
class CodeValue:
    code: str


@strawberry.type
class TextValue:
    text: str


@strawberry.type
class RecordLink:
    id: strawberry.ID


@strawberry.type
class RecordValue:
    record: RecordLink


ClaimValue = Annotated[
    Measure | UncertainDate | RecordValue | CodeValue | TextValue, strawberry.union("ClaimValue")
]


@strawberry.type
class Quote:
    exact: str


@strawberry.type
class Citation:
    id: strawberry.ID
    title: str
    publisher_id: strawberry.Private[str | None]

    @strawberry.field
    def publisher(self, info: Info) -> Actor | None:
        return self.publisher_id and info.context["loaders"].actor.load(self.publisher_id)


@strawberry.type
class Claim:
    id: strawberry.ID
    field: str
    stance: str
    value: ClaimValue | None
    quote: Quote | None
    citation_id: strawberry.Private[str]

    @strawberry.field
    def citation(self, info: Info) -> Citation:
        return info.context["loaders"].citation.load(self.citation_id)


@strawberry.type
class ClaimConnection:
    nodes: list[Claim]


@strawberry.type
class Transfer:
    id: strawberry.ID
    title: str
    giver_id: strawberry.Private[str | None]
    receiver_id: strawberry.Private[str | None]
    item_id: strawberry.Private[str | None]
    quantity: Measure | None
    occurred: UncertainDate | None
    stage: str | None
    summary: str | None

    @strawberry.field
    def giver(self, info: Info) -> Actor | None:
        return self.giver_id and info.context["loaders"].actor.load(self.giver_id)

    @strawberry.field
    def receiver(self, info: Info) -> Actor | None:
        return self.receiver_id and info.context["loaders"].actor.load(self.receiver_id)

    @strawberry.field
    def item(self, info: Info) -> Item | None:
        return self.item_id and info.context["loaders"].item.load(self.item_id)

    @strawberry.field
    async def claims(self, info: Info, first: int) -> ClaimConnection:
        found = await info.context["loaders"].claims(first).load(self.id)
        return ClaimConnection(nodes=found)


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class TransferConnection:
    nodes: list[Transfer]
    page_info: PageInfo


@strawberry.type
class ActorConnection:
    nodes: list[Actor]


def _actor(row: Row) -> Actor:
    return Actor(id=row[0], name=row[1], country=row[2], kind=row[3])


def _item(row: Row) -> Item:
    return Item(id=row[0], name=row[1])


def _citation(row: Row) -> Citation:
    return Citation(id=row[0], title=row[1], publisher_id=row[2])


def _transfer(row: Row) -> Transfer:
    return Transfer(
        id=row[0],
        title=row[1],
        giver_id=row[2],
        receiver_id=row[3],
        item_id=row[4],
        quantity=None if row[9] is None else _measure(row[5:11]),
        occurred=None if row[11] is None else _date(row[11:14]),
        stage=row[14],
        summary=row[15],
    )


def _measure(row: Row) -> Measure:
    return Measure(
        amount=row[0],
        lower=row[1],
        upper=row[2],
        approximate=bool(row[3]),
        unit=row[4],
        verbatim=row[5],
    )


def _date(row: Row) -> UncertainDate:
    return UncertainDate(edtf=row[0], earliest=row[1], latest=row[2])


def _claim(row: Row) -> Claim:
    return Claim(
        id=row[1],
        field=row[2],
        stance=row[3],
        value=_value(row),
        quote=None if row[17] is None else Quote(exact=row[17]),
        citation_id=row[18],
    )


def _value(row: Row) -> Any:
    match row[4]:
        case "quantity":
            return _measure(row[5:11])
        case "date":
            return _date(row[11:14])
        case "code":
            return CodeValue(code=row[14])
        case "record":
            return RecordValue(record=RecordLink(id=row[15]))
        case "text":
            return TextValue(text=row[16])
        case _:
            return None


@strawberry.enum
class TransferOrder(Enum):
    OCCURRED_DESC = "OCCURRED_DESC"


@strawberry.enum
class ActorOrder(Enum):
    NAME_ASC = "NAME_ASC"


@strawberry.type
class Query:
    @strawberry.field
    async def transfers(
        self, info: Info, order_by: TransferOrder, first: int
    ) -> TransferConnection:
        rows = await info.context["loaders"].store.transfers(first + 1)
        nodes = [_transfer(row) for row in rows[:first]]
        end = f"{rows[len(nodes) - 1][12]}|{nodes[-1].id}" if nodes else None
        page = PageInfo(has_next_page=len(rows) > first, end_cursor=end)
        return TransferConnection(nodes=nodes, page_info=page)

    @strawberry.field
    def transfer(self, info: Info, id: strawberry.ID) -> Transfer | None:  # noqa: A002
        return info.context["loaders"].transfer.load(id)

    @strawberry.field
    async def actors(self, info: Info, order_by: ActorOrder, first: int) -> ActorConnection:
        rows = await info.context["loaders"].store.actors(first)
        return ActorConnection(nodes=[_actor(row) for row in rows])


class Router(GraphQLRouter[Any, None]):
    """The router that Strawberry ships, writing its answers with orjson."""

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)


def application(url: str) -> FastAPI:
    """Return the peer's application for a database."""
    store = SqliteStore(url) if url.startswith("sqlite") else PostgresStore(url)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await store.open()
        yield

    async def context() -> dict[str, Loaders]:
        return {"loaders": Loaders(store)}

    schema = strawberry.Schema(query=Query, extensions=[ParserCache, ValidationCache])
    app = FastAPI(lifespan=lifespan)
    app.include_router(Router(schema, context_getter=context), prefix="/graphql")
    return app


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
