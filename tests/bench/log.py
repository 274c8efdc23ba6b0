"""What the log costs: an append to a long log, the log's share of a commit, and proofs.

The same edit goes to an empty ledger and to one whose log has a million entries, in turns,
so that whatever else happens on the machine hits both. What the log adds to an edit is
timed apart: salts, digests and documents, the entry, the tree, and the statements that
write them. Proofs are asked of a server, one after another, and each is verified.
"""

from __future__ import annotations

import contextlib
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from unittest.mock import patch

import sqlalchemy as sa
from sqlalchemy import Engine

from app.commands import submit
from app.domain.codes import Role
from app.domain.decisions import Editing
from app.log.proof import verify_inclusion
from app.log.tree import Peaks
from app.store import ledger
from tests.bench import filling, q, servers
from tests.bench.filling import LongLog
from tests.bench.line import Line
from tests.bench.rounds import Pace, serving, title
from tests.bench.servers import Database
from tests.driver import Newsroom, heads, opened

EMPTY: Final = LongLog(0)
LONG: Final = LongLog(1_000_000)
APPENDS: Final = 200
"""Edits in one round, on each ledger."""

APPEND_GOAL: Final = 1.10
SHARE_GOAL: Final = 0.25

_EDITING: Final = Editing(
    filling.EDITOR, filling.NEWSROOM, Role.EDITOR, filling.EDITOR_NAME, is_house=True
)


def measure(name: str, pace: Pace) -> None:
    """Print what an append costs on an empty and on a long log, and the log's share of it."""
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(_copy(name, size)) for size in (EMPTY, LONG)]
        print(f"\n{title(both[0])}")
        empty, long = (_Desk(stack.enter_context(opened(one.url))) for one in both)
        _print_proofs(both[1], long.engine)
        _compare_appends(empty, long, pace)
        _print_share(long)


@contextlib.contextmanager
def _copy(name: str, size: LongLog) -> Iterator[Database]:
    with servers.opened(name, size) as database, servers.copied(database) as copy:
        yield copy


@dataclass
class _Desk:
    """An editor who corrects horse counts in turn, each time with a claim."""

    engine: Engine
    newsroom: Newsroom = field(init=False)
    citation: str = field(init=False)
    versions: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.newsroom = Newsroom(self.engine, _EDITING)
        self.citation = self.newsroom.add_citation()
        # So many that the claims about each of them stay few.
        self.versions = dict.fromkeys(
            (self.newsroom.add_transfer(quantity=heads(24)) for _ in range(APPENDS)), 1
        )

    def correct_all(self) -> list[float]:
        """Commit a revised count of each, and return the milliseconds of every commit."""
        taken = []
        for transfer in self.versions:
            started = time.perf_counter()
            self._correct(transfer)
            taken.append((time.perf_counter() - started) * 1000)
        return taken

    def _correct(self, transfer: str) -> None:
        version = self.versions[transfer]
        count = heads(24 + version)
        claim = {
            "subject": transfer,
            "field": "QUANTITY",
            "value": {"quantity": count},
            "stance": "ASSERTS",
            "citation": self.citation,
            "quote": {"exact": f"The service now counts {24 + version} horses."},
        }
        revise = {"id": transfer, "version": version, "set": {"quantity": count}}
        self.newsroom.commit({"addClaim": claim}, {"reviseTransfer": revise})
        self.versions[transfer] = version + 1


def _compare_appends(empty: _Desk, long: _Desk, pace: Pace) -> None:
    asked = range(pace.rounds + 1)
    rounds = [
        tuple(statistics.median(desk.correct_all()) for desk in (empty, long)) for _ in asked
    ][1:]  # the first one fills caches
    for label, times in zip(("empty", f"{LONG.entries:,}"), zip(*rounds, strict=True), strict=True):
        print(f"  a commit on a log of {label:>9} entries: {statistics.median(times):6.2f} ms")
    ratio = statistics.median(far / near for near, far in rounds)
    print(f"  ratio {ratio:.3f}; the goal is at most {APPEND_GOAL}")


# --- proofs --------------------------------------------------------------------

PROOFS: Final = 2000
PROOF_GOAL_MS: Final = 20.0

_PROOF: Final = """query Proof($position: Position!, $size: Position!) {
  log { inclusionProof(position: $position, size: $size) { leafHash rootHash hashes } }
}"""


def _print_proofs(database: Database, engine: Engine) -> None:
    """Print how long proofs of entries all over a long log take, asked over HTTP.

    Raises `ProofRefused` where one does not prove what it should.
    """
    with engine.connect() as connection:
        size, peaks = connection.execute(sa.text("SELECT size, peaks FROM head")).one()
    root, draw = Peaks.decode(bytes(peaks)).root(), random.Random(3)
    taken = []
    with serving("ours", database) as server, Line(server.port) as line:
        for _ in range(PROOFS):
            position = draw.randint(1, size)
            body = q.body(_PROOF, {"position": position, "size": size})
            started = time.perf_counter()
            answer = line.ask(body)
            taken.append((time.perf_counter() - started) * 1000)
            _verify(q.data(answer)["log"]["inclusionProof"], position, size, root)
    taken.sort()
    median, late = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    print(f"  {PROOFS} inclusion proofs over HTTP, of {size:,} entries: median {median:.2f} ms,")
    print(f"  p99 {late:.2f} ms; the goal is under {PROOF_GOAL_MS:.0f} ms")


def _verify(proof: dict[str, Any], position: int, size: int, root: bytes) -> None:
    verify_inclusion(
        index=position - 1,
        size=size,
        leaf=bytes.fromhex(proof["leafHash"]),
        root=root,
        proof=[bytes.fromhex(one) for one in proof["hashes"]],
    )


# --- the log's share -----------------------------------------------------------

_FUNCTIONS: Final = (
    (submit, "seal_step"),
    (submit, "seal_headers"),
    (submit, "revisions_subtree"),
    (ledger, "_entry_bytes"),
    (ledger, "leaf_hash"),
    (ledger, "completed_nodes"),
    (ledger, "_lock_head"),
)
_STATEMENTS: Final = ("INSERT INTO entry", "INSERT INTO node", "UPDATE head")


@dataclass
class _Clock:
    """Adds up the seconds that each part takes."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, on the clock."""

        def run(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.add(name, time.perf_counter() - started)

        return run

    def add(self, name: str, seconds: float) -> None:
        """Count so many seconds more for a part."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds


def _print_share(desk: _Desk) -> None:
    with _timed_parts(desk.engine) as clock:
        total = sum(desk.correct_all()) / 1000
    for name, seconds in sorted(clock.seconds.items(), key=lambda pair: -pair[1]):
        print(f"    {name:22} {seconds / APPENDS * 1e6:7.0f} us  {seconds / total:6.1%}")
    share = sum(clock.seconds.values()) / total
    print(f"  the log's share of a commit: {share:.1%}; the goal is under {SHARE_GOAL:.0%}")


@contextlib.contextmanager
def _timed_parts(engine: Engine) -> Iterator[_Clock]:
    """Time the log's parts; statements wait for their answers, so that each has its own time."""
    clock, started = _Clock(), [0.0]

    def before(*_args: Any) -> None:
        started[0] = time.perf_counter()

    def after(_connection: Any, _cursor: Any, statement: str, *_args: Any) -> None:
        for name in _STATEMENTS:
            if statement.startswith(name):
                clock.add(name, time.perf_counter() - started[0])

    with contextlib.ExitStack() as stack:
        for module, name in _FUNCTIONS:
            stack.enter_context(
                patch.object(module, name, clock.timed(name.lstrip("_"), getattr(module, name)))
            )
        stack.enter_context(patch.object(ledger, "in_one_batch", contextlib.nullcontext))
        sa.event.listen(engine, "before_cursor_execute", before)
        sa.event.listen(engine, "after_cursor_execute", after)
        try:
            yield clock
        finally:
            sa.event.remove(engine, "before_cursor_execute", before)
            sa.event.remove(engine, "after_cursor_execute", after)
