"""Walking a long connection, page by page, from end to end: what is met, and at what cost.

While another process edits, a walk visits each record that was there from the start once, and
each that is added meanwhile at most once. In the order of a field, that holds for the records
whose field stays as it is: one that is given another date has another place in the list, and
may be met twice, or not at all. The order of entry does not change, and neither does an archive.

A page far down costs what one near the start does, as a cursor is looked up in an index.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tests.bench import editing, q
from tests.bench.editing import Done
from tests.bench.line import Line
from tests.bench.rounds import serving, title
from tests.bench.servers import Database, copied, transfers

PAGE: Final = 100
GOAL: Final = 1.3
"""What a page at the end may cost, over one at a tenth of the way."""

BESIDE: Final = (-1, 0, 1)
"""The pages that stand for a depth: the one there, and its neighbours."""

Page: TypeAlias = dict[str, Any]

_FORWARDS: Final = "first: 100, after: $cursor"
_BACKWARDS: Final = "last: 100, before: $cursor"
_LIST: Final = """
  transfers(orderBy: {order}, {window}) {{
    nodes {{ id version title stage occurred {{ edtf }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
  }}
"""


class Missed(Exception):
    """A walk did not visit what it should have; the message says what."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a list is walked: in which order, from which end, now or as of a position."""

    order: str
    backward: bool = False
    position: int | None = None

    def __str__(self) -> str:
        held = "" if self.position is None else ", archive"
        return f"{self.order} {'backwards' if self.backward else 'forwards'}{held}"

    @property
    def is_settled(self) -> bool:
        """Whether no record can change its place in the list."""
        return self.order == "CREATED_ASC" or self.position is not None

    def body(self, cursor: str | None) -> bytes:
        """Return the request for the page behind a cursor; the first one behind none."""
        window = _BACKWARDS if self.backward else _FORWARDS
        listed = _LIST.format(order=self.order, window=window)
        if self.position is None:
            return q.body(f"query Walk($cursor: String) {{{listed}}}", {"cursor": cursor})
        document = f"""query Walk($cursor: String, $position: Position!) {{
          archive(position: $position) {{{listed}}}
        }}"""
        return q.body(document, {"cursor": cursor, "position": self.position})

    def page(self, answer: bytes) -> Page:
        """Return the page that an answer holds, cursors included."""
        data = q.data(answer)
        page: Page = data["transfers"] if self.position is None else data["archive"]["transfers"]
        return page

    def next_cursor(self, page: Page) -> str | None:
        """Return the cursor behind which the next page is, or None where there is none."""
        info = page["pageInfo"]
        if not info["hasPreviousPage" if self.backward else "hasNextPage"]:
            return None
        cursor: str = info["startCursor" if self.backward else "endCursor"]
        return cursor


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk met, and how: how often each record, the cursors on the way, the time.

    `commits` were made meanwhile, as the log tells.
    """

    way: Way
    visits: Counter[str]
    cursors: tuple[str, ...]
    seconds: float
    commits: int

    @property
    def pages(self) -> int:
        """Pages that were read."""
        return len(self.cursors) + 1


def measure(database: Database, *, requests: int) -> None:
    """Walk a copy of the database, quietly and while it is edited, and print what was seen.

    Raises `Missed` where a walk did not visit each record once. `requests` is how often a
    page of each depth is asked for.
    """
    print(f"\n{title(database)}")
    with copied(database) as copy, serving("ours", copy) as server, Line(server.port) as line:
        ways = (Way("OCCURRED_DESC"), Way("OCCURRED_DESC", backward=True))
        quiet = [walk(line, way) for way in ways]
        there = transfers(copy)
        for walked in quiet:
            check(walked, there, Done())
        _print_depths([(walked, _depths(line, walked, requests)) for walked in quiet])
        walks, done = _walks_beside_a_writer(line, copy)
        for walked in walks:
            check(walked, there, done)
        _print_walks([*quiet, *walks], there)


def _walks_beside_a_writer(line: Line, copy: Database) -> tuple[list[Walked], Done]:
    head = q.head_of(line.ask(q.HEAD))
    with editing.writing(copy.url) as writer:
        walks = [walk(line, way) for way in _ways(head)]
        done = writer.finish()
    for walked in walks:
        if not walked.commits:
            raise Missed(f"{walked.way}: nothing was written meanwhile, so it shows nothing")
    return walks, done


def _ways(head: int) -> Iterator[Way]:
    for order, position in (
        ("OCCURRED_DESC", None),
        ("CREATED_ASC", None),
        ("OCCURRED_DESC", head),
    ):
        for backward in (False, True):
            yield Way(order, backward, position)


def walk(line: Line, way: Way) -> Walked:
    """Read page after page until there is no other."""
    visits, cursors = Counter[str](), list[str]()
    before = q.head_of(line.ask(q.HEAD))
    started = time.perf_counter()
    cursor: str | None = None
    while True:
        page = way.page(line.ask(way.body(cursor)))
        # Inside an archive an id carries the position.
        visits.update(node["id"].partition("@")[0] for node in page["nodes"])
        cursor = way.next_cursor(page)
        if cursor is None:
            break
        cursors.append(cursor)
    seconds = time.perf_counter() - started
    commits = q.head_of(line.ask(q.HEAD)) - before
    return Walked(way, visits, tuple(cursors), seconds, commits)


def check(walked: Walked, there: Sequence[str], done: Done) -> None:
    """Raise `Missed` unless each record was visited as often as is promised.

    `there` are the records that were there from the start, sorted; `done` is what was edited.
    """
    visits, way = walked.visits, walked.way
    unsettled = set() if way.is_settled else set(done.moved)
    wrong = [one for one in there if visits[one] != 1 and one not in unsettled]
    added = set(done.added)
    strange = [one for one in visits.keys() - set(there) if one not in added or way.position]
    doubled = [one for one in added if visits[one] > 1]
    if found := wrong + strange + doubled:
        shown = ", ".join(f"{one} {visits[one]} times" for one in found[:5])
        raise Missed(f"{way}: {len(found)} records were not visited as they should be: {shown}")


def _depths(line: Line, walked: Walked, requests: int) -> tuple[float, float]:
    """Return the median seconds of a page at a tenth of the way, and of one at the end.

    They are asked in turn, so that whatever else happens on the machine hits both.
    """
    # The last page has none behind it, so the end is the page before.
    places = (max(1, len(walked.cursors) // 10), len(walked.cursors) - 3)
    near, far = (
        [walked.way.body(walked.cursors[place + beside]) for beside in BESIDE] for place in places
    )
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(requests):
        for bodies, taken in zip((near, far), seconds, strict=True):
            started = time.perf_counter()
            line.ask(bodies[number % len(bodies)])
            taken.append(time.perf_counter() - started)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def _print_depths(measured: Sequence[tuple[Walked, tuple[float, float]]]) -> None:
    print(f"{'page':33} {'near':>7} {'ms':>8} {'far':>7} {'ms':>8} {'ratio':>6}")
    for walked, (near, far) in measured:
        records = walked.visits.total()
        print(
            f"{walked.way!s:33} {records // 10:7,} {1000 * near:8.2f} "
            f"{records:7,} {1000 * far:8.2f} {far / near:6.2f}"
        )
    print(f"The goal is a ratio of {GOAL} at most.", flush=True)


def _print_walks(walks: Sequence[Walked], there: Sequence[str]) -> None:
    print(
        f"{'walk':33} {'records':>7} {'new':>5} {'twice':>5} {'never':>5} "
        f"{'pages/s':>8} {'commits':>7}"
    )
    for walked in walks:
        print(
            f"{walked.way!s:33} {len(there):7,} {len(walked.visits.keys() - set(there)):5,} "
            f"{sum(walked.visits[one] > 1 for one in there):5,} "
            f"{sum(not walked.visits[one] for one in there):5,} "
            f"{walked.pages / walked.seconds:8.1f} {walked.commits:7,}"
        )
    print("Each record once, but for those that were given another date meanwhile.", flush=True)
