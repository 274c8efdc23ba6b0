"""Answers that are kept, exactly: design of the read path, where nothing is ever stale.

Every write moves the log's position, so an answer that only the log decides
over is right for as long as the position stands where its own SELECT found it.
A redaction changes what past positions answer; but it is a changeset itself,
which moves the position, so a key by the head's position is exact for archives
too.

A question that is not kept is one statement, as it is without any of this. One
that is kept costs a look at the head, one row, before it is
served; so what another process commits shows in the next answer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import Final, NamedTuple

from app.graphql.schema import build_schema
from app.store.reader import Head, Reader, read_head

SHARE: Final = 8
"""An answer larger than this part of the room is not kept: it would drive out the others."""

OVERHEAD: Final = 600
"""Bytes that an answer takes beside the texts: place in the order, objects (measured)."""


class Question(NamedTuple):
    """All that decides over a pure answer but for the log, the release and the database.

    `variables` are those that the operation declares, as JSON with sorted members.
    """

    visibility: str
    operation: str
    variables: bytes
    source: str


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, and the position of the state that it shows."""

    body: bytes
    position: int


@dataclass(frozen=True, slots=True)
class Served:
    """What is answered; `tag` names it among all that this ledger gives, where it was asked for.

    `found` is None where the client has the answer of `tag` already; `was_kept` says that
    nothing had to be read for it but the head.
    """

    found: Found | None
    tag: str | None = None
    was_kept: bool = False


@dataclass(slots=True)
class Counts:
    """How often answers were kept (`hits`), made (`misses`), or in the client's hands already."""

    hits: int = 0
    misses: int = 0
    unchanged: int = 0


class Answers:
    """The answers of one ledger, kept in this process within `room` bytes; 0 keeps none."""

    def __init__(self, reader: Reader, room: int) -> None:
        self._reader = reader
        self._room = room
        self._used = 0
        self._kept: OrderedDict[Question, Found] = OrderedDict()
        self._under_way: dict[Question, asyncio.Future[Found | None]] = {}
        self._seed = _release() + reader.database.encode()
        self.counts = Counts()

    @property
    def is_off(self) -> bool:
        """Whether nothing is kept."""
        return self._room == 0

    @property
    def used(self) -> int:
        """Bytes that the kept answers take."""
        return self._used

    async def serve(
        self,
        asked: Question,
        run: Callable[[], Awaitable[Found]],
        has: Callable[[str], bool] | None,
    ) -> Served:
        """Return the answer to a question: kept, or from `run`.

        `has` tells whether the client has the answer of a tag; without it no tag is made.
        """
        started_before_us = self._under_way.get(asked)
        if started_before_us is not None:
            # It may have read before a commit that the client knows of: look again after it.
            await asyncio.shield(started_before_us)
        head = None
        if has is not None or asked in self._kept:
            head = await read_head(self._reader)
            if has is not None and has(self._tag(asked, head)):
                self.counts.unchanged += 1
                return Served(None, self._tag(asked, head))
            kept = self._kept.get(asked)
            if kept is not None and kept.position == head.position:
                self._kept.move_to_end(asked)
                self.counts.hits += 1
                tag = None if has is None else self._tag(asked, head)
                return Served(kept, tag, was_kept=True)
        found = await self._made(asked, run)
        if has is None:
            return Served(found)
        if head is None or head.position != found.position:
            head = await read_head(self._reader)
        # Where a commit came in between again, nothing names the answer.
        return Served(found, self._tag(asked, head) if head.position == found.position else None)

    async def _made(self, asked: Question, run: Callable[[], Awaitable[Found]]) -> Found:
        """Run, or wait for a run of the same that began after this request came in."""
        self.counts.misses += 1
        under_way = self._under_way.get(asked)
        if under_way is not None:
            found = await asyncio.shield(under_way)
            return found if found is not None else await run()
        if self.is_off:
            return await run()
        self._under_way[asked] = future = asyncio.get_running_loop().create_future()
        found = None
        try:
            found = await run()
            self._keep(asked, found)
            return found
        finally:
            del self._under_way[asked]
            future.set_result(found)

    def _keep(self, asked: Question, found: Found) -> None:
        size = _size(asked, found)
        if size > self._room // SHARE:
            return
        self._drop(asked)
        self._kept[asked] = found
        self._used += size
        while self._used > self._room:
            self._drop(next(iter(self._kept)))

    def _drop(self, asked: Question) -> None:
        old = self._kept.pop(asked, None)
        if old is not None:
            self._used -= _size(asked, old)

    def _tag(self, asked: Question, head: Head) -> str:
        """Return what names the answer to a question at a state of the log.

        The release is part of it, so that no client is told that the answer of
        another release is unchanged. The peaks of the log's tree stand for its whole
        history: a ledger that was made anew, or restored from a backup, has other
        tags at the same position.
        """
        digest = sha256(self._seed)
        visibility, operation, variables, source = asked
        for part in (visibility.encode(), operation.encode(), variables, source.encode()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        digest.update(head.position.to_bytes(8, "big") + head.peaks)
        return digest.hexdigest()[:32]


def _size(asked: Question, found: Found) -> int:
    # Texts are counted as if each character took one byte, as they do nearly always.
    return len(found.body) + len(asked.source) + len(asked.variables) + OVERHEAD


@cache
def _release() -> bytes:
    schema = build_schema().as_str()
    return sha256(f"{version('corrigenda')}\n{schema}".encode()).digest()
