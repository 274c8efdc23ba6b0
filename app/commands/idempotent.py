"""Answering a request that comes again as it was answered the first time.

Whatever writes may come with an idempotency key, and does it like this:

    keyed = keyed_by(editing, key, ["propose", body], at_once=…)
    with under_way(engine, keyed), write_transaction(engine) as connection:
        earlier = earlier_answer(connection, keyed, now)
        if earlier is not None:
            return …  # what `earlier.position` and `earlier.answer` say
        …  # the work itself, in this transaction
        remember(connection, keyed, at=recorded_at, position=position, answer=…)

A key is its holder's: that of the key of this API which was shown, else the editor. So
nobody gets an answer of another's, and an editor with two keys has two spaces of names.

What is said ("payload") is kept as an HMAC under the idempotency key alone, and an answer
as positions, ids, codes and numbers: content kept here could not be redacted, and a secret
must not be kept at all. So whoever gives out a secret leaves it out of the answer, and a
repetition shows none. Put the name of the mutation first in the payload: one key with two
mutations is two payloads.

Only what was done is remembered. A request that was refused, and a dry run, leave the key
free for the next try.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from app.domain.decisions import Editing
from app.domain.errors import IdempotencyKeyReused, InvalidInput, Refused
from app.domain.warnings import Caution
from app.store import idempotency
from app.store.database import Connection, Engine, write_transaction
from app.store.idempotency import Answered
from app.store.ledger import Clock, instant_text

logger = structlog.get_logger(__name__)

KEPT: Final = timedelta(days=30)
"""How long an answer is kept; after that a key is a new one."""

KEY_LIMIT: Final = 200
"""Characters of an idempotency key, at most."""

_SWEEP_EVERY_S: Final = 3600.0
_OPTIONS: Final = frozenset({"idempotencyKey", "dryRun"})


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request under an idempotency key: digest of key and holder, HMAC of what is said.

    `at_once` says that one which is under way is refused, and not waited for.
    """

    key: str
    payload: str
    at_once: bool = False


def keyed_by(
    editing: Editing, key: str | None, said: Sequence[Any], *, at_once: bool = False
) -> Keyed | None:
    """Return a request under a key, None without one; `said` is JSON, the mutation first.

    Members of it that only say how it is sent do not count. Raises `Refused` for a key
    that nobody can read.
    """
    if key is None:
        return None
    if not (key.strip() and len(key) <= KEY_LIMIT and key.isprintable()):
        message = f"idempotencyKey must be 1 to {KEY_LIMIT} printable characters"
        raise Refused((InvalidInput(message, path=("idempotencyKey",)),))
    scoped = f"{editing.key or editing.editor}\n{key}"
    # Sorted, not canonical JSON: that refuses numbers which a body may well hold.
    message = json.dumps([_without_options(one) for one in said], sort_keys=True)
    return Keyed(
        hashlib.sha256(scoped.encode()).hexdigest(),
        hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest(),
        at_once,
    )


def _without_options(said: Any) -> Any:
    if not isinstance(said, Mapping):
        return said
    return {name: value for name, value in said.items() if name not in _OPTIONS}


@contextmanager
def under_way(engine: Engine, keyed: Keyed | None) -> Iterator[None]:
    """Hold a key while its transaction runs; put this around the transaction.

    Raises `IdempotencyInProgress` where it is held, if the answer is wanted at once.
    """
    if keyed is None:
        yield
        return
    with idempotency.under_way(engine, keyed.key, at_once=keyed.at_once):
        yield


def earlier_answer(connection: Connection, keyed: Keyed | None, now: datetime) -> Answered | None:
    """Return how the key was answered before, None where it was not.

    Raises `Refused` where it came with something else, and `IdempotencyInProgress` as
    `under_way` does.
    """
    if keyed is None:
        return None
    since = instant_text(now - KEPT)
    found = idempotency.find(connection, keyed.key, since=since, at_once=keyed.at_once)
    if found is not None and not hmac.compare_digest(found.payload, keyed.payload):
        message = "this idempotency key was used for another edit; use a new key for a new edit"
        raise Refused((IdempotencyKeyReused(message, path=("idempotencyKey",)),))
    return found


def remember(  # noqa: PLR0913 - what an answer consists of
    connection: Connection,
    keyed: Keyed | None,
    *,
    at: str,
    position: int | None,
    warnings: Sequence[Caution] = (),
    answer: Any = None,
) -> None:
    """Keep the answer of a key, in the transaction of what it answers."""
    if keyed is not None:
        idempotency.remember(
            connection,
            keyed.key,
            keyed.payload,
            position=position,
            warnings=warnings,
            answer=answer,
            at=at,
        )


def sweep(engine: Engine, now: datetime) -> int:
    """Remove every key that has expired, some at a time; return how many there were."""
    until, gone = instant_text(now - KEPT), 0
    while True:
        with write_transaction(engine) as connection:
            done = idempotency.sweep(connection, until)
        gone += done
        if done < idempotency.SWEPT_AT_ONCE:
            return gone


class Sweeper:
    """Removes what has expired while a server runs: when it starts, and then every hour."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, between two batches at the latest."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                sweep(self._engine, self._clock())
            except Exception:
                # Nothing depends on it: an expired key is a new one whether swept or not.
                logger.exception("expired idempotency keys cannot be swept")
            if self._stop.wait(_SWEEP_EVERY_S):
                return
