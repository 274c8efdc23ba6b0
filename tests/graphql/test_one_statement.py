"""One operation is one data statement, whatever it selects: counted on the connection itself.

Looking up a key and writing an edit are statements of their own; the answer to an edit is one
more. Nothing is kept here; `test_caching.py` counts where answers are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.graphql.answering import Answer
from app.graphql.engine import Engine
from app.graphql.viewer import ANYBODY, Viewer
from app.reads.holders import holder_of
from app.store.reader import Reader
from tests.databases import KINDS
from tests.graphql.asking import Ledger, asker_of, document, example_variables, operations, served
from tests.graphql.statements import counted, run

MUTATIONS = [name for name in operations() if "\nmutation " in document(name)]
QUERIES = [name for name in operations() if name not in MUTATIONS]
UNREAD = {"who-am-i": 0, "dry-run": 0, "the-log": 0, "prove-a-version": 0}
"""Documents that read nothing with the reader: a dry run is read before it is taken back, and
proofs are read beside it."""


def statements(ledger: Ledger, names: list[str]) -> Mapping[str, list[int]]:
    """Answer each document twice; return how many statements each answer took."""
    given = {name: ledger.filled(example_variables(name)) for name in names}

    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {name: [] for name in names}
        auditor = Viewer(await holder_of(reader, ledger.keys["auditor"]))
        for name in [*names, *names]:
            asking = auditor if asker_of(name) == "auditor" else viewer
            with counted(reader) as seen:
                answer = await engine.answer(document(name), given[name], None, asking)
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
