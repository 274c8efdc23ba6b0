"""Work beside the event loop, and what it takes of the server.

What takes long and needs no loop is done in another thread, so that whoever asks
for little is answered meanwhile. Its time is noted in the meter of the request.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeVar

from app.domain.errors import BudgetSpent

T = TypeVar("T")

THREADS: Final = 2
_NICE: Final = 5


@dataclass(slots=True)
class Meter:
    """Seconds that were worked for one request outside of the event loop: here, in a database.

    `client` is whoever asks, among others who wait as well; `is_spent` tells whether
    there is anything left to work for it.
    """

    client: Hashable = None
    is_spent: Callable[[], bool] = bool
    seconds: float = 0.0


METER: Final[ContextVar[Meter | None]] = ContextVar("METER", default=None)
"""The meter of the request that is being answered."""


ELSEWHERE: Final = 0.25
"""What a second counts that PostgreSQL took: it has processors of its own, and waits."""


def note(seconds: float) -> None:
    """Add to what the present request takes."""
    meter = METER.get()
    if meter is not None:
        meter.seconds += seconds


def admit() -> None:
    """Let the present request be worked for to its end, whatever its client has left by then.

    Who has written something is told so: a spent budget would say that nothing was done.
    """
    meter = METER.get()
    if meter is not None:
        meter.is_spent = bool


def _give_way() -> None:
    """Let every other thread and process have the processor first, on Linux."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


class Aside:
    """Two threads, of which one client has one at a time: others do not wait for it."""

    def __init__(self, name: str, *, gives_way: bool = False) -> None:
        self._pool = ThreadPoolExecutor(
            THREADS, thread_name_prefix=name, initializer=_give_way if gives_way else None
        )
        self._at_work: list[Hashable] = []
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, or raise what it raises.

        Raises `BudgetSpent` where the client has nothing left when its turn comes.
        """
        meter = METER.get()
        client = None if meter is None else meter.client
        await self._wait(client)
        if meter is not None and meter.is_spent():
            self._leave(client)
            raise BudgetSpent
        seconds = 0.0

        def timed() -> T:
            nonlocal seconds
            began = time.thread_time()
            try:
                return work()
            finally:
                seconds = time.thread_time() - began

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, timed)
        finally:
            note(seconds)
            self._leave(client)

    async def _wait(self, client: Hashable) -> None:
        if len(self._at_work) < THREADS and client not in self._at_work:
            self._at_work.append(client)
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave(client)
            raise

    def _leave(self, client: Hashable) -> None:
        """Give the thread to the client that waits longest and has none."""
        self._at_work.remove(client)
        for other in [one for one in self._waiting if one not in self._at_work]:
            places = self._waiting.pop(other)
            while places:
                place = places.popleft()
                if not place.done():
                    self._at_work.append(other)
                    place.set_result(None)
                    break
            if places:
                self._waiting[other] = places
            if len(self._at_work) >= THREADS:
                return

    def stop(self) -> None:
        """Let the threads end; what is under way is done first."""
        self._pool.shutdown(wait=True, cancel_futures=True)
