"""The access log: who asked what with a key, for those who answer for it; and never the data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa

from app.commands.recording import NAME_LIMIT, ROOM, Asked, Recorder, class_of
from app.commands.submission import utc_now
from app.store.access_log import AccessLog
from app.store.database import parse_url
from tests.databases import KINDS, Databases
from tests.graphql.asking import DEMO, Ledger, served
from tests.serving import eventually

FIELDS = """
  at editor { name } newsroom { name house } keyId kind operation document cost position code
  withinMs missed
"""
LOG = f"""query Traffic($filter: RequestFilter, $first: Int, $after: String) {{
  accessLog(filter: $filter, first: $first, after: $after) {{
    nodes {{ {FIELDS} }} totalCount pageInfo {{ endCursor hasNextPage }}
  }}
}}"""
READ = "query Horses($name: String) { actors(filter: { nameContains: $name }) { totalCount } }"


@pytest.fixture
def demo(request: pytest.FixtureRequest, ledgers: Any) -> Iterator[Ledger]:
    """A demo of the test's own on SQLite, in whose access log nothing stands yet."""
    with ledgers.copied("sqlite", filled=True) as given, served(*given) as ledger:
        yield ledger


def requests(ledger: Ledger, role: str = "auditor", **given: Any) -> list[dict[str, Any]]:
    """Return what stands in the access log, the oldest first, without our looking at it."""
    found = ledger.ask(LOG, {"first": 100, **given}, role=role)["accessLog"]["nodes"]
    return [one for one in reversed(found) if one["operation"] != "Traffic"]


def written(ledger: Ledger, count: int) -> list[dict[str, Any]]:
    """Return the lines of the access log once there are so many."""
    eventually(
        lambda: len([one for one in rows(ledger.url) if one["operation"] != "Traffic"]) >= count
    )
    return requests(ledger)


@pytest.mark.parametrize("kind", KINDS)
def test_when_a_key_was_last_used_is_kept_to_the_minute(databases: Databases, kind: str) -> None:
    """Once a minute at most, never backwards, and also where no access log is kept."""
    now = datetime(2026, 11, 30, 12, 0, 40, tzinfo=UTC)

    with databases.clone(kind) as url:

        def used() -> list[tuple[str, str]]:
            return keys_used(url)

        log = AccessLog(parse_url(url))
        recorder = Recorder(log, days=0, clock=lambda: now)
        recorder.start()

        recorder.note(asked(key="key_1"))
        assert eventually(used) == [("key_1", "2026-11-30T12:00:00.000000Z")]
        log.use({"key_1": "2026-11-30T11:00:00.000000Z"})
        now += timedelta(seconds=30)
        recorder.note(asked(key="key_1"))
        recorder.note(asked(key=None))
        recorder.note(asked(key="key_2"))
        assert eventually(lambda: len(used()) == 2)
        assert used()[0] == ("key_1", "2026-11-30T12:00:00.000000Z")
        now += timedelta(seconds=30)
        recorder.note(asked(key="key_1"))
        recorder.stop()

        assert used()[0] == ("key_1", "2026-11-30T12:01:00.000000Z")
        assert rows(url) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_asked_with_a_key_is_written_down(kind: str, ledgers: Any) -> None:
    """Operation, document, cost and position; neither the variables nor the answer."""
    with ledgers.copied(kind, filled=True) as given, served(*given) as ledger:
        ledger.ask(READ, {"name": "Secretive"}, role="editor")

        (line,) = written(ledger, 1)

    assert line["at"] <= datetime.now(UTC).isoformat()
    assert line["newsroom"]["house"]
    assert line["editor"]["name"]
    assert line["keyId"].startswith("key_")
    assert (line["kind"], line["operation"]) == ("QUERY", "Horses")
    assert line["document"] == sha256(READ.encode()).hexdigest()
    assert (line["cost"], line["position"], line["code"]) == (2, DEMO, None)
    assert line["withinMs"] in (10, 30, 100, 300, 1_000, 3_000, 10_000)
    assert line["missed"] == 0
    assert "Secretive" not in json.dumps(line)


def test_what_was_refused_is_written_down_with_its_code(demo: Ledger) -> None:
    refused = {"input": {"reason": {"code": "OTHER", "note": "x"}, "operations": []}}
    commit = "mutation Edit($input: CommitInput!) { commit(input: $input) { userErrors { code } } }"

    demo.answer("{ nothing }", role="editor")
    demo.answer("query Much { actors(first: 999) { nodes { id } } }", role="editor")
    demo.answer(commit, refused, role="editor")
    demo.answer(commit, refused, role="reader")

    lines = [(one["operation"], one["kind"], one["code"]) for one in written(demo, 4)]
    assert lines == [
        (None, None, "GRAPHQL_VALIDATION_FAILED"),
        ("Much", "QUERY", "BAD_ARGUMENT"),
        ("Edit", "MUTATION", "INVALID_INPUT"),
        (None, None, "FORBIDDEN"),
    ]


def test_of_strangers_nothing_is_written(demo: Ledger) -> None:
    """What is public may be read by anybody, and nobody takes down who does."""
    demo.ask(READ)
    demo.http.post(
        "/graphql", json={"query": READ}, headers={"authorization": "Bearer ck_live_x_y"}
    )
    demo.ask("query Named { viewer { role } }", role="editor")

    assert [one["operation"] for one in written(demo, 1)] == ["Named"]


@pytest.mark.parametrize("role", [None, "reader", "contributor", "editor"])
def test_who_does_not_answer_for_it_may_not_look(demo: Ledger, role: str | None) -> None:
    code, _ = demo.fault(LOG, {}, role=role)

    assert code == ("UNAUTHENTICATED" if role is None else "FORBIDDEN")


def test_looking_at_it_is_written_down_as_well(demo: Ledger) -> None:
    demo.ask(LOG, {}, role="admin")

    lines = eventually(lambda: demo.ask(LOG, {}, role="auditor")["accessLog"]["nodes"])

    assert [(one["operation"], one["position"]) for one in lines][-1] == ("Traffic", DEMO)


def test_a_page_goes_on_where_the_last_one_ended(demo: Ledger) -> None:
    for number in range(5):
        demo.ask(f"query Q{number} {{ viewer {{ role }} }}", role="editor")
    editors = {"kinds": ["QUERY"], "documents": [
        sha256(f"query Q{number} {{ viewer {{ role }} }}".encode()).hexdigest()
        for number in range(5)
    ]}  # fmt: skip
    written(demo, 5)

    first = demo.ask(LOG, {"first": 3, "filter": editors}, role="admin")["accessLog"]
    after = first["pageInfo"]["endCursor"]
    second = demo.ask(LOG, {"first": 3, "after": after, "filter": editors}, role="admin")

    names = [one["operation"] for one in first["nodes"] + second["accessLog"]["nodes"]]
    assert names == ["Q4", "Q3", "Q2", "Q1", "Q0"]
    assert first["totalCount"] == 5


def test_a_partner_s_auditor_sees_the_own_newsroom_s_alone(demo: Ledger) -> None:
    """In lists, counts and filters alike."""
    from app.commands import access
    from tests.driver import opened

    partner = demo.partner("Courier")
    with opened(demo.url) as engine:
        auditor = access.add_editor(engine, "Auditor", newsroom="Courier", role="auditor")
        key = access.create_key(engine, auditor, label="test", environment="test").key
    their = Ledger(demo.url, demo.http, {"auditor": key})
    demo.ask("query House { viewer { role } }", role="editor")
    partner.ask("query Theirs { viewer { role } }", role="editor")
    written(demo, 2)

    seen = their.ask(LOG, {}, role="auditor")["accessLog"]
    house = demo.ask("{ viewer { newsroomId } }", role="editor")["viewer"]["newsroomId"]
    others = their.ask(LOG, {"filter": {"newsrooms": [house]}}, role="auditor")["accessLog"]

    assert {one["newsroom"]["name"] for one in seen["nodes"]} == {"Courier"}
    assert "Theirs" in {one["operation"] for one in seen["nodes"]}
    assert (others["nodes"], others["totalCount"]) == ([], 0)


def test_answers_about_it_are_not_kept(demo: Ledger) -> None:
    """Neither here nor by any cache: the next request has written another line."""
    demo.ask("query First { viewer { role } }", role="editor")
    written(demo, 1)
    demo.ask("query Second { viewer { role } }", role="editor")

    assert [one["operation"] for one in written(demo, 2)] == ["First", "Second"]
    response = demo.http.get(
        "/graphql",
        params={"query": "{ accessLog { totalCount } }"},
        headers={"authorization": f"Bearer {demo.keys['admin']}"},
    )
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


def test_an_operator_may_keep_none(ledgers: Any) -> None:
    with ledgers.copied("sqlite", filled=False) as given:
        with served(*given, access_log_days=0) as ledger:
            ledger.ask(READ, role="editor")

        assert rows(given[0]) == []


def test_what_is_held_is_written_when_the_server_stops(ledgers: Any) -> None:
    with ledgers.copied("sqlite", filled=False) as given:
        with served(*given) as ledger:
            ledger.ask(READ, role="editor")

        assert [one["operation"] for one in rows(given[0])] == ["Horses"]


def rows(url: str) -> list[Any]:
    """Return the lines as they stand in the table."""
    return selected(url, "SELECT * FROM access_log ORDER BY seq")


def keys_used(url: str) -> list[tuple[str, str]]:
    """Return when each key was last used."""
    found = selected(url, "SELECT key, used_at FROM key_use ORDER BY key")
    return [(one["key"], one["used_at"]) for one in found]


def selected(url: str, query: str) -> list[Any]:
    engine = sa.create_engine(parse_url(url))
    with engine.connect() as connection:
        lines = list(connection.execute(sa.text(query)).mappings().all())
    engine.dispose()
    return lines


# --- the one who writes ---------------------------------------------------------------


def asked(operation: str = "Q", key: str | None = None) -> Asked:
    return Asked("editor_x", "newsroom_x", key, "QUERY", operation, None, 1, 1, None, 0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_older_than_its_time_is_deleted(kind: str, databases: Databases) -> None:
    """A server that starts deletes what has become too old meanwhile."""
    now = utc_now()
    with databases.clone(kind) as url:
        for age in (100, 91, 89, 0):
            then = now - timedelta(days=age)
            old = Recorder(AccessLog(parse_url(url)), days=10_000, clock=lambda at=then: at)
            old.note(asked(f"Age{age}"))
            old.start()
            old.stop()
        sweeping = Recorder(AccessLog(parse_url(url)), days=90, clock=lambda: now)
        sweeping.start()
        eventually(lambda: len(rows(url)) == 2)
        sweeping.stop()

        assert [one["operation"] for one in rows(url)] == ["Age89", "Age0"]


class Full:
    """A place that takes nothing until it is let."""

    def __init__(self) -> None:
        self.is_full = True
        self.lines: list[Any] = []

    def write(self, lines: Any) -> None:
        if self.is_full:
            raise OSError("the disk is full")
        self.lines += lines

    def forget(self, before: str) -> None:
        """Nothing is that old."""

    def close(self) -> None:
        """Nothing is open."""


def test_what_there_was_no_room_for_is_counted_and_told() -> None:
    """Requests go on all the same; the next line that is written says how many are missing."""
    place = Full()
    recorder = Recorder(place, days=90, clock=utc_now)
    for _ in range(ROOM + 7):
        recorder.note(asked())
    recorder.start()
    place.is_full = False
    eventually(lambda: len(place.lines) == ROOM)
    recorder.note(asked("Next"))
    recorder.stop()

    assert [one["missed"] for one in place.lines if one["missed"]] == [7]
    assert place.lines[-1]["operation"] == "Next"
    assert place.lines[-1]["missed"] == 7


def test_a_name_without_end_is_cut() -> None:
    place = Full()
    place.is_full = False
    recorder = Recorder(place, days=90, clock=utc_now)
    recorder.note(asked("N" * 10_000))
    recorder.start()
    recorder.stop()

    assert place.lines[0]["operation"] == "N" * NAME_LIMIT


@pytest.mark.parametrize(("seconds", "class_"), [(0, 10), (0.011, 30), (2.9, 3_000), (11, None)])
def test_times_are_told_in_classes(seconds: float, class_: int | None) -> None:
    """Exact times of answers would tell what was in them."""
    assert class_of(seconds) == class_
