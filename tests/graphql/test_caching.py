"""Answers that are kept: exact, bounded, and told to caches as RFC 9110 and 9111 have it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from app.graphql.caching import Answers, Found, Question
from app.graphql.engine import Engine
from app.graphql.viewer import ANYBODY, Viewer
from app.store.reader import Reader, read_head
from tests.databases import KINDS
from tests.graphql.asking import Ledger, served
from tests.graphql.statements import counted, run

LIST = "query List($first: Int = 3) { actors(first: $first) { totalCount nodes { name } } }"
COUNT = "{ actors(first: 0) { totalCount } }"
ARCHIVE = "{ archive(position: 5) { actors(first: 2) { nodes { id name } } } }"
HEAD = "SELECT size, peaks FROM head"
RESPONSE = "application/graphql-response+json"
ROOM = 1_000_000
QUESTION = Question("", "", b"", "{ __typename }")


def get(ledger: Ledger, query: str = COUNT, *, variables: Any = None, **headers: str) -> Any:
    """Ask by GET; header names have underscores here."""
    given = {"query": query} | ({} if variables is None else {"variables": json.dumps(variables)})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ledger.http.get("/graphql", params=given, headers=named)


# --- what HTTP caches are told ------------------------------------------------


@pytest.mark.parametrize("query", [COUNT, LIST, ARCHIVE, "{ __typename }"])
def test_an_answer_by_get_may_be_kept_if_it_is_asked_for_again_each_time(
    demo: Ledger, query: str
) -> None:
    """An archive's as well: a redaction changes past answers."""
    response = get(demo, query)

    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["vary"] == "Accept, Authorization"
    assert response.headers["etag"].startswith('"')


@pytest.mark.parametrize(
    "if_none_match",
    ["{}", "W/{}", '"another", {}', 'W/"a,b" , W/{},"c"', "*", " * "],
)
def test_who_has_the_answer_is_told_that_it_is_unchanged(demo: Ledger, if_none_match: str) -> None:
    """304, with the headers that a 200 would have had for caches, and without a body."""
    first = get(demo)

    again = get(demo, if_none_match=if_none_match.replace("{}", first.headers["etag"]))

    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control", "vary"):
        assert again.headers[name] == first.headers[name]
    assert "content-type" not in again.headers


@pytest.mark.parametrize("if_none_match", ["", '"another"', "nonsense", "{bare}", '"*"', "W/*"])
def test_who_has_another_answer_gets_this_one(demo: Ledger, if_none_match: str) -> None:
    first = get(demo)
    bare = first.headers["etag"].strip('"')

    again = get(demo, if_none_match=if_none_match.replace("{bare}", bare))

    assert (again.status_code, again.json()) == (200, first.json())


def test_head_tells_that_an_answer_is_unchanged(demo: Ledger) -> None:
    tag = get(demo).headers["etag"]

    head = demo.http.head("/graphql", params={"query": COUNT}, headers={"if-none-match": tag})

    assert head.status_code == 304


def test_each_question_has_a_tag_of_its_own(demo: Ledger) -> None:
    """The document, its variables, its operation, the media type and the asker's view."""
    two = f"{LIST} query Other {{ __typename }}"
    asked = [
        get(demo, LIST),
        get(demo, LIST, variables={"first": 1}),
        get(demo, LIST, variables={"first": None}),
        get(demo, LIST, accept=RESPONSE),
        get(demo, LIST, authorization=f"Bearer {demo.keys['editor']}"),
        demo.http.get("/graphql", params={"query": two, "operationName": "List"}),
        demo.http.get("/graphql", params={"query": two, "operationName": "Other"}),
    ]

    assert len({response.headers["etag"] for response in asked}) == len(asked)


def test_ledgers_at_one_position_have_different_tags(ledgers: Any) -> None:
    """One that was made anew at the same address must not be taken for the one before."""
    tags = []
    for _ in range(2):
        with ledgers.copied("sqlite", filled=False) as given, served(*given) as ledger:
            ledger.add("actor", name="Somebody", kind="PERSON")
            tags.append(get(ledger).headers["etag"])

    assert tags[0] != tags[1]


def test_what_a_key_is_answered_is_no_matter_of_shared_caches(demo: Ledger) -> None:
    authorization = f"Bearer {demo.keys['editor']}"

    first = get(demo, authorization=authorization)
    again = get(demo, authorization=authorization, if_none_match=first.headers["etag"])
    stranger = get(demo, if_none_match=first.headers["etag"])
    revoked = get(demo, authorization="Bearer no", if_none_match=first.headers["etag"])

    assert first.headers["cache-control"] == again.headers["cache-control"] == "private, no-cache"
    assert (again.status_code, stranger.status_code, revoked.status_code) == (304, 200, 401)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("{ viewer { role } }", 200),
        ("{ viewer { role } actors(first: 0) { totalCount } }", 200),
        ("{ __schema { description } }", 200),
        ('{ node(id: "editor_01jjjjjjjjjjjjjjjjjjjjjjjj") { id } }', 200),
        ("{", 200),
        ("{ nothing }", 200),
        ("{ actors(first: -1) { nodes { id } } }", 200),
        ("mutation { __typename }", 405),
    ],
)
def test_what_not_the_log_alone_decides_is_not_kept(demo: Ledger, query: str, status: int) -> None:
    """Who asks, editors that were entered without a changeset; and no error is ever kept."""
    response = get(demo, query, if_none_match="*")

    assert (response.status_code, response.headers["cache-control"]) == (status, "no-store")
    assert "etag" not in response.headers


def test_answers_by_post_are_for_their_asker_alone(demo: Ledger) -> None:
    response = demo.http.post("/graphql", json={"query": COUNT}, headers={"if-none-match": "*"})

    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert "etag" not in response.headers


# --- a commit shows at once -----------------------------------------------------


@pytest.fixture(params=KINDS)
def two_servers(request: pytest.FixtureRequest, ledgers: Any) -> Iterator[tuple[Ledger, Ledger]]:
    """Two applications over one database, each with a memory of its own."""
    with ExitStack() as stack:
        given = stack.enter_context(ledgers.copied(request.param, filled=True))
        yield stack.enter_context(served(*given)), stack.enter_context(served(*given))


def test_what_another_process_commits_shows_in_the_next_answer(
    two_servers: tuple[Ledger, Ledger],
) -> None:
    one, other = two_servers
    before = [one.ask(COUNT) for _ in range(3)]
    tag = get(one).headers["etag"]

    other.add("actor", name="Newcomer", kind="PERSON")

    after = one.ask(COUNT)
    by_get = get(one, if_none_match=tag)
    assert after["actors"]["totalCount"] == before[0]["actors"]["totalCount"] + 1
    assert by_get.status_code == 200
    assert by_get.headers["etag"] != tag
    assert by_get.json()["data"] == after == other.ask(COUNT)


def test_both_processes_give_an_answer_the_same_tag(two_servers: tuple[Ledger, Ledger]) -> None:
    """So that a client may ask one and then the other."""
    one, other = two_servers
    tag = get(one).headers["etag"]

    assert get(other, if_none_match=tag).status_code == 304


def test_an_archive_stays_what_it_was_and_tells_where_the_log_stands(own_demo: Ledger) -> None:
    before = own_demo.answer(ARCHIVE)

    own_demo.add("actor", name="Newcomer", kind="PERSON")

    after = own_demo.answer(ARCHIVE)
    assert after["data"] == before["data"]
    assert after["extensions"]["position"] == before["extensions"]["position"] + 1


# --- what is kept in this process -------------------------------------------------


def test_the_first_answer_is_one_statement_and_the_next_a_look_at_the_head(
    own_demo: Ledger,
) -> None:
    """After a commit it is both: the look, and the statement."""

    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> list[list[str]]:
        found = []
        for step in range(4):
            if step == 3:
                own_demo.add("actor", name="Newcomer", kind="PERSON")
            with counted(reader) as seen:
                await engine.answer(COUNT, None, None, ANYBODY)
            found.append(list(seen))
        return found

    first, second, third, after = run(own_demo, work, room=ROOM)

    assert len(first) == 1
    assert first != [HEAD]
    assert second == third == [HEAD]
    assert after == [HEAD, *first]


def test_unchanged_is_told_from_the_head_alone(demo: Ledger) -> None:
    """Also by a process that never ran the question."""

    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> tuple[Any, list[str]]:
        with counted(reader) as seen:
            answer = await engine.answer(LIST, None, None, ANYBODY, has=lambda _tag: True)
        return answer, seen

    answer, seen = run(demo, work)

    assert (answer.is_unchanged, answer.body) == (True, b"")
    assert seen == [HEAD]


def test_variables_in_another_order_or_beside_the_question_are_the_same_question(
    demo: Ledger,
) -> None:
    query = """query ($a: Int, $b: Int) {
      a: actors(first: $a) { totalCount } b: items(first: $b) { totalCount } }"""
    given = [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 2, "b": 1}]

    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> tuple[int, int]:
        for variables in given:
            await engine.answer(query, variables, None, ANYBODY)
        counts = engine.answers.counts
        return counts.hits, counts.misses

    assert run(demo, work, room=ROOM) == (2, 2)


def test_kept_answers_are_bounded_in_bytes_and_the_oldest_goes_first(demo: Ledger) -> None:
    room = 8_000

    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> tuple[int, int, int]:
        for first in range(60):
            await engine.answer(LIST, {"first": first}, None, ANYBODY)
            await engine.answer(COUNT, None, None, ANYBODY)
            assert engine.answers.used <= room
        return engine.answers.used, engine.answers.counts.hits, engine.answers.counts.misses

    used, hits, misses = run(demo, work, room=room)

    assert used > room / 2
    assert (hits, misses) == (59, 61)


def test_an_answer_that_would_drive_out_the_others_is_not_kept(demo: Ledger) -> None:
    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> tuple[int, int]:
        for _ in range(2):
            await engine.answer(LIST, {"first": 30}, None, ANYBODY)
        return engine.answers.used, engine.answers.counts.hits

    assert run(demo, work, room=5_000) == (0, 0)


def test_errors_and_edits_are_not_kept(own_demo: Ledger) -> None:
    edit = """mutation { commit(input: { reason: { code: OTHER, note: "x" } operations: [] }) {
      userErrors { code } } }"""

    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> int:
        for query in (edit, "{", "{ nothing }", "{ actors(first: 999) { nodes { id } } }"):
            for _ in range(2):
                await engine.answer(query, None, None, viewer)
        return engine.answers.used

    assert run(own_demo, work, room=ROOM) == 0


def test_many_who_ask_the_same_at_once_are_one_run(both_demos: Mapping[str, Ledger]) -> None:
    """Else every one of them would run the plan after each commit. SQLite runs one by one."""

    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> tuple[set[bytes], int, int]:
        asked = (engine.answer(LIST, None, None, ANYBODY) for _ in range(30))
        bodies = {answer.body for answer in await asyncio.gather(*asked)}
        return bodies, engine.answers.counts.misses, engine.answers.counts.hits

    bodies, misses, hits = run(both_demos["postgresql"], work, room=ROOM, connections=5)

    assert len(bodies) == 1
    assert (misses, hits) == (1, 29)


@pytest.mark.parametrize("kind", KINDS)
def test_who_asks_after_a_commit_is_not_given_what_was_read_before_it(
    kind: str, ledgers: Any
) -> None:
    """Though the same question was under way when it came in."""
    with ledgers.copied(kind, filled=True) as given, served(*given) as ledger:

        async def work(engine: Engine, reader: Reader, viewer: Viewer) -> tuple[bytes, bytes]:
            answers = Answers(reader, ROOM)
            go_on = asyncio.Event()

            async def slow() -> Found:
                head = await read_head(reader)
                await go_on.wait()
                return Found(b"before", head.position)

            async def quick() -> Found:
                return Found(b"after", (await read_head(reader)).position)

            first = asyncio.create_task(answers.serve(QUESTION, slow, None))
            await asyncio.sleep(0.05)
            ledger.add("actor", name="Newcomer", kind="PERSON")
            second = asyncio.create_task(answers.serve(QUESTION, quick, None))
            await asyncio.sleep(0)
            go_on.set()
            both = await first, await second
            assert both[0].found is not None
            assert both[1].found is not None
            return both[0].found.body, both[1].found.body

        assert run(ledger, work, connections=2) == (b"before", b"after")


def test_a_run_that_fails_is_told_to_its_asker_alone(demo: Ledger) -> None:
    """Who waited for it tries on its own account."""

    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> list[Any]:
        answers = Answers(reader, ROOM)
        runs = iter(range(10))

        async def failing_once() -> Found:
            number = next(runs)
            await asyncio.sleep(0.01)
            if number == 0:
                raise OSError("gone")
            return Found(b"made", 1)

        asked = (answers.serve(QUESTION, failing_once, None) for _ in range(3))
        return await asyncio.gather(*asked, return_exceptions=True)

    failed, *others = run(demo, work)

    assert isinstance(failed, OSError)
    assert [one.found.body for one in others] == [b"made", b"made"]


def test_nothing_is_kept_where_there_is_no_room(demo: Ledger) -> None:
    async def work(engine: Engine, reader: Reader, viewer: Viewer) -> list[str]:
        with counted(reader) as seen:
            for _ in range(3):
                await engine.answer(COUNT, None, None, ANYBODY)
        assert engine.answers.used == 0
        return list(seen)

    seen = run(demo, work)

    assert len(seen) == 3
    assert HEAD not in seen
