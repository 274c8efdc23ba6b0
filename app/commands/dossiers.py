"""Loading a dossier: each line one changeset, through the one door for writes.

A line is written as soon as it is read, so a dossier of any length can be
loaded; a line that is refused stops the load, and what came before it stands.
Loading the same file again skips what is loaded and goes on from there: each
line has an idempotency key that its content and the ids of its refs make.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from app.commands.submission import Outcome, Submission, utc_now
from app.commands.submit import submit, submit_within
from app.domain.codes import ChangesetKind, ErrorPolicy
from app.domain.decisions import Editing
from app.domain.dossiers import Line, parse_line, placed, words_with_hash
from app.domain.errors import CorrigendaError, LoadStopped, Refused, Unwritable
from app.store.database import BrokenOff, Connection, Engine, write_transaction
from app.store.dossiers import head_position
from app.store.ledger import Clock


@dataclass(frozen=True, slots=True)
class Loaded:
    """How far a load has come: lines read, those found already loaded, and what was written.

    `first` and `last` are the positions written; None while there are none.
    Of a dry run they are those that it would have been. `torn` counts the lines of which
    something was left out.
    """

    lines: int = 0
    skipped: int = 0
    written: int = 0
    warnings: int = 0
    first: int | None = None
    last: int | None = None
    torn: int = 0

    def after(self, outcome: Outcome, *, skipped: bool) -> Loaded:
        """Return the same, one line later."""
        if skipped:
            return replace(self, skipped=self.skipped + 1)
        return replace(
            self,
            written=self.written + 1,
            warnings=self.warnings + len(outcome.warnings),
            first=self.first or outcome.position,
            last=outcome.position,
        )


Progress: TypeAlias = Callable[[Loaded], None]
LeftOut: TypeAlias = Callable[[LoadStopped], None]
"""Told what of a line was left out, in the words in which it would have stopped the load."""
_Submit: TypeAlias = Callable[[Submission], Outcome]


def load(  # noqa: PLR0913 - the two ways to load, and the caller's clock and progress
    engine: Engine,
    lines: Iterable[bytes],
    editing: Editing,
    *,
    all_or_nothing: bool = False,
    dry_run: bool = False,
    clock: Clock = utc_now,
    progress: Progress | None = None,
    left_out: LeftOut | None = None,
) -> Loaded:
    """Load the lines of a dossier and return what was done; blank lines are passed over.

    Each line is committed by itself, or all of them together where
    `all_or_nothing`. A dry run does everything and takes it back, so later
    lines see earlier ones. Raises `LoadStopped` at the first line that cannot
    be loaded, with what was done before it; with `left_out`, which is told of it, what is
    refused is left out instead, and the load goes on.
    """
    together = all_or_nothing or dry_run
    opened = _together(engine) if together else nullcontext()
    with opened as connection:
        submitting = _submitting(engine, connection, clock)
        loading = _Loading(
            submitting, editing, _head(engine, connection), kept=not together, left_out=left_out
        )
        for line in lines:
            loading.take(line)
            if progress is not None:
                progress(loading.loaded)
        if dry_run and connection is not None:
            connection.rollback()
    return loading.loaded


@contextmanager
def _together(engine: Engine) -> Iterator[Connection]:
    """Take all lines in one transaction, which other writers may cut short."""
    try:
        with write_transaction(engine) as connection:
            yield connection
    except BrokenOff as broken:
        message = "other writers came in between: nothing was loaded; load it again"
        raise Unwritable(message) from broken


def _submitting(engine: Engine, connection: Connection | None, clock: Clock) -> _Submit:
    if connection is None:
        return lambda submission: submit(engine, submission, clock=clock)
    return lambda submission: submit_within(connection, submission, clock=clock)


def _head(engine: Engine, connection: Connection | None) -> int:
    opened: AbstractContextManager[Connection] = (
        engine.connect() if connection is None else nullcontext(connection)
    )
    with opened as reading:
        return head_position(reading)


class _Loading:
    """A load under way: the refs defined so far, and how often each content came."""

    def __init__(
        self,
        submitting: _Submit,
        editing: Editing,
        head: int,
        *,
        kept: bool,
        left_out: LeftOut | None,
    ) -> None:
        self._left_out = left_out
        self._policy = None if left_out is None else ErrorPolicy.SKIP_FAILED
        self._submit = submitting
        self._editing = editing
        self._head = head
        self._kept = kept
        self._refs: dict[str, str] = {}
        self._seen: Counter[bytes] = Counter()
        self._positions = array("q")  # of each line; 0 where it has none
        self.loaded = Loaded()

    def take(self, line: bytes) -> None:
        """Load one line, or raise `LoadStopped`."""
        before = self.loaded
        self.loaded = replace(before, lines=before.lines + 1)
        self._positions.append(0)
        if not line.strip():
            return
        parsed: Line | None = None
        try:
            parsed = parse_line(line)
            outcome = self._submit(self._submission(parsed))
        except CorrigendaError as fault:
            stopped = self._stopped(fault, parsed, before)
            if self._left_out is None or not isinstance(fault, Refused):
                raise stopped from fault
            self._tear(self._left_out, stopped)
            return
        if outcome.failures:
            stopped = self._stopped(Refused(outcome.failures), parsed, before)
            self._tear(self._left_out or (lambda _: None), stopped)
        self._refs.update(outcome.refs)
        self._positions[-1] = outcome.position or 0
        # Upserts may find all that they ask for; then there is no position.
        earlier = outcome.position is None or outcome.position <= self._head
        self.loaded = self.loaded.after(outcome, skipped=earlier)

    def _stopped(self, fault: CorrigendaError, line: Line | None, before: Loaded) -> LoadStopped:
        return LoadStopped(
            fault,
            line=self.loaded.lines,
            operations=_tags(line),
            loaded=before if self._kept else Loaded(),
        )

    def _tear(self, left_out: LeftOut, stopped: LoadStopped) -> None:
        self.loaded = replace(self.loaded, torn=self.loaded.torn + 1)
        left_out(stopped)

    def _submission(self, line: Line) -> Submission:
        # Those that the line names alone: a long dossier defines very many.
        known = {ref: self._refs[ref] for ref in words_with_hash(line.input) if ref in self._refs}
        key = self._key(line, known)
        if line.is_redaction:
            given = placed(line.input, self._position_of)
            return Submission(
                given, self._editing, ChangesetKind.REDACTION, idempotency_key=key,
                origin=line.origin,
            )  # fmt: skip
        return Submission(
            line.input,
            self._editing,
            ChangesetKind.IMPORT,
            idempotency_key=key,
            ids=line.ids,
            known=known,
            origin=line.origin,
            gaps=line.gaps,
            policy=self._policy,
        )

    def _position_of(self, line: int) -> int | None:
        """Return the position of an earlier line's changeset."""
        if not 1 <= line < len(self._positions):
            return None
        return self._positions[line - 1] or None

    def _key(self, line: Line, known: Mapping[str, str]) -> str:
        """Return a key that the same line has at every load, and no other line.

        Two lines may well say the same and mean two changesets: they are told
        apart by how often the content came before.
        """
        said = [line.input, line.ids, line.origin, known]
        if line.gaps:
            said.append({record: sorted(names) for record, names in line.gaps.items()})
        content = json.dumps(said, sort_keys=True)
        digest = hashlib.sha256(content.encode()).digest()
        self._seen[digest] += 1
        return f"dossier:{digest.hex()}:{self._seen[digest]}"


def _tags(line: Line | None) -> tuple[str, ...]:
    """Return the tags of a line's operations, as far as it has any."""
    given: Any = line.input.get("operations") if line else None
    return tuple(
        next(iter(operation), "") if isinstance(operation, dict) else ""
        for operation in (given if isinstance(given, list) else ())
    )
