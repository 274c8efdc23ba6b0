"""One operation is one data statement, whatever it selects: counted on the connection itself.

SQLite tells its trace callback of every statement, asyncpg its query loggers. Looking up a key
and writing an edit are statements of their own; the answer to an edit is one more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from app.graphql.editing import Editing
from app.graphql.engine import Answer, Engine
from app.graphql.viewer import ANYBODY, Viewer
from app.reads.holders import holder_of
from app.store.database import open_engine, parse_url
from app.store.reader import PostgresReader, Reader, SqliteReader, open_reader
from tests.databases import KINDS
from tests.graphql.asking import Ledger, document, example_variables, operations, served

MUTATIONS = [name for name in operations() if "\nmutation " in document(name)]
QUERIES = [name for name in operations() if name not in MUTATIONS]
UNREAD = {"who-am-i": 0, "dry-run": 0}
"""Documents that read nothing with the reader: a dry run is read before it is taken back."""


@contextmanager
def counted(reader: Reader) -> Iterator[list[str]]:
    """Gather the statements that a reader's one connection runs meanwhile."""
    seen: list[str] = []
    if isinstance(reader, SqliteReader):
        connection: Any = reader._connection  # noqa: SLF001 - the driver tells nobody else
        connection.set_trace_callback(lambda one: is_of_fts5(one) or seen.append(one))
        yield seen
        connection.set_trace_callback(None)
        return
    assert isinstance(reader, PostgresReader)
    pool: Any = reader._pool  # noqa: SLF001
    (holder,) = pool._holders  # noqa: SLF001 - one connection, so it is the one that reads
    log = lambda record: seen.append(record.query)  # noqa: E731 - the same to add and remove
    holder._con.add_query_logger(log)  # noqa: SLF001
    yield seen
    holder._con.remove_query_logger(log)  # noqa: SLF001


def is_of_fts5(statement: str) -> bool:
    """Whether FTS5 sent a statement while it was asked itself: about its own tables."""
    return statement.startswith(("-- ", "PRAGMA")) or "search_index_" in statement


def run(ledger: Ledger, work: Callable[[Engine, Reader, Viewer], Awaitable[Any]]) -> Any:
    """Run some work with an engine over a ledger, as an editor."""

    async def running() -> Any:
        url = parse_url(ledger.url)
        reader, database = open_reader(url, pool_size=1), open_engine(url)
        await reader.start()
        try:
            viewer = Viewer(await holder_of(reader, ledger.keys["editor"]))
            return await work(Engine(reader, Editing(database)), reader, viewer)
        finally:
            await reader.stop()
            database.dispose()

    return asyncio.run(running())


def statements(ledger: Ledger, names: list[str]) -> Mapping[str, list[int]]:
    """Answer each document twice; return how many statements each answer took."""
    given = {name: ledger.filled(example_variables(name)) for name in names}

    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {name: [] for name in names}
        for name in [*names, *names]:
            with counted(reader) as seen:
                answer = await engine.answer(document(name), given[name], None, viewer)
            assert b'"errors"' not in answer.body, (name, answer.body[:300])
            found[name].append(len(seen))
        return found

    return run(ledger, work)  # type: ignore[no-any-return]


def test_every_query_of_the_operations_is_one_statement(demo: Ledger) -> None:
    found = statements(demo, QUERIES)

    assert found == {name: [UNREAD.get(name, 1)] * 2 for name in QUERIES}


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_to_an_edit_is_one_statement_after_the_write(kind: str, ledgers: Any) -> None:
    """Also where it is refused: what stands against it is read at once."""
    with ledgers.copied(kind, filled=True) as given, served(*given) as ledger:
        # The second time most of these are refused: they are stale by then.
        found = statements(ledger, MUTATIONS)

    assert found == {name: [UNREAD.get(name, 1)] * 2 for name in MUTATIONS}


WHOLE = """query ($id: ID!) {
  a: transfers(first: 3) { totalCount nodes { ...T } pageInfo { hasNextPage endCursor } }
  node(id: $id) { ... on Record { history { nodes { changes { field } changeset { editor {
    newsroom { name } } } } } blame { field } diff(from: 0) { field } } }
  changesets(first: 2) { totalCount nodes { revisions { totalCount } } }
  changeset(position: 3) { reason { note } }
  viewer { role }
}
fragment T on Transfer { title giver { name } claims(first: 2) { totalCount nodes {
  value { ... on RecordValue { record { id __typename } } } citation { title } } } }"""


def test_a_document_of_many_parts_is_still_one_statement(demo: Ledger) -> None:
    horses = demo.transfer("E1")

    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> tuple[Answer, list[str]]:
        with counted(reader) as seen:
            answer = await engine.answer(WHOLE, {"id": horses}, None, ANYBODY)
        return answer, seen

    answer, seen = run(demo, work)

    assert b'"errors"' not in answer.body
    assert len(seen) == 1
    assert seen[0].startswith("SELECT")


def test_a_document_that_is_refused_takes_no_statement(demo: Ledger) -> None:
    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> list[str]:
        with counted(reader) as seen:
            await engine.answer("{ actors(first: -1) { nodes { id } } }", None, None, viewer)
            await engine.answer("{ nothing }", None, None, viewer)
            await engine.answer("{ viewer { role } }", None, None, viewer)
        return seen

    assert run(demo, work) == []
