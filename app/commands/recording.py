"""Writing down who asked what: held for less than a second, then written together.

The request does not wait for it. What there is room for is bounded; whatever comes beyond
that is counted, and the next line that is written says how many are missing before it.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from app.store.ledger import Clock, instant_text

logger = structlog.get_logger(__name__)

ROOM: Final = 10_000
"""Requests that wait to be written, at most."""

BATCH: Final = 500
EVERY_S: Final = 0.5
SWEEP_EVERY_S: Final = 3_600

NAME_LIMIT: Final = 100
"""Characters of an operation's name that are kept."""

USE_EVERY_S: Final = 60.0
"""How often the use of one key is written, at most."""

_CLASSES_MS: Final = (10, 30, 100, 300, 1_000, 3_000, 10_000)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of somebody who showed a key or a token: never its variables or its answer."""

    editor: str
    newsroom: str
    key: str | None
    kind: str | None
    operation: str | None
    document: str | None
    cost: int
    position: int | None
    code: str | None
    seconds: float


class Written(Protocol):
    """Where it is written (`app.store.access_log`)."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write a batch."""

    def use(self, keys: Mapping[str, str]) -> None:
        """Write when keys were last used, by their ids."""

    def forget(self, before: str) -> None:
        """Delete what was asked before an instant."""

    def close(self) -> None:
        """Let go."""


def class_of(seconds: float) -> int | None:
    """Return within how many milliseconds that was, as a round number; None beyond the last."""
    return next((one for one in _CLASSES_MS if seconds * 1000 <= one), None)


class Recorder:
    """What one server process was asked, with which keys; written by a thread of its own."""

    def __init__(self, log: Written, *, days: int, clock: Clock) -> None:
        """Keep what is written for so many days; none writes the last use of keys alone."""
        self._log = log
        self._days = days
        self._clock = clock
        self._held: deque[dict[str, Any]] = deque()
        self._used: dict[str, str] = {}
        self._use_told: dict[str, datetime] = {}
        self._missed = 0
        self._is_failing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access log", daemon=True)

    def note(self, asked: Asked) -> None:
        """Take a request down; it is written within a second."""
        now = self._clock()
        if asked.key is not None:
            self._note_use(asked.key, now)
        if not self._days:
            return
        if len(self._held) >= ROOM:
            self._missed += 1
            return
        row = asdict(asked)
        row["seq"] = _seq(now)
        row["at"] = instant_text(now)
        row["operation"] = asked.operation and asked.operation[:NAME_LIMIT]
        row["within_ms"] = class_of(row.pop("seconds"))
        row["missed"], self._missed = self._missed, 0
        self._held.append(row)

    def _note_use(self, key: str, now: datetime) -> None:
        told = self._use_told.get(key)
        if told is not None and (now - told).total_seconds() < USE_EVERY_S:
            return
        self._use_told[key] = now
        self._used[key] = instant_text(now.replace(second=0, microsecond=0))

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is held, and end."""
        self._stop.set()
        self._thread.join()
        self._log.close()

    def _run(self) -> None:
        waited: float = SWEEP_EVERY_S
        while True:
            is_over = self._stop.wait(EVERY_S)
            self._write()
            self._write_use()
            waited += EVERY_S
            if is_over:
                return
            if waited >= SWEEP_EVERY_S:
                waited = 0.0
                self._sweep()

    def _write(self) -> None:
        while self._held:
            batch = [self._held[place] for place in range(min(BATCH, len(self._held)))]
            try:
                self._log.write(batch)
            except Exception:
                # Tried again with the next ones, as long as there is room.
                if not self._is_failing:
                    logger.exception("the access log cannot be written")
                self._is_failing = True
                return
            self._is_failing = False
            for _ in batch:
                self._held.popleft()

    def _write_use(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        try:
            self._log.use(used)
        except Exception:
            # What a key does next is written again in a minute.
            logger.exception("the last use of keys cannot be written")

    def _sweep(self) -> None:
        before = self._clock() - timedelta(days=self._days)
        try:
            self._log.forget(instant_text(before))
        except Exception:
            logger.exception("old lines of the access log cannot be deleted")


def _seq(now: datetime) -> str:
    """Return what sorts by time, as this process's clock tells it."""
    micros = int(now.astimezone(UTC).timestamp() * 1_000_000)
    return f"{micros:014x}{secrets.token_hex(4)}"
