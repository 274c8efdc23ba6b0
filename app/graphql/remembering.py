"""What a server process remembers of documents and plans: bounded by weight, not by number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

EMPTY: Final = 500
"""What a document or a plan weighs that is hardly there."""

PROVEN: Final = 0.75
"""The part of a memory that is for what was asked for again."""


class _Row(Generic[T]):
    """Things in the order in which they were used, and what they weigh together."""

    def __init__(self, weigh: Callable[[Any, T], int]) -> None:
        self._weigh = weigh
        self.held: OrderedDict[Any, T] = OrderedDict()
        self.weight = 0

    def put(self, key: Any, thing: T) -> None:
        self.held[key] = thing
        self.weight += self._weigh(key, thing)

    def take(self, key: Any) -> T:
        thing = self.held.pop(key)
        self.weight -= self._weigh(key, thing)
        return thing

    def take_oldest(self) -> tuple[Any, T]:
        key = next(iter(self.held))
        return key, self.take(key)


class Kept(Generic[T]):
    """A memory bounded by weight, for several threads: what was used longest ago goes first.

    What was asked for once is kept apart from what was asked for again (a "segmented LRU"),
    so that whoever asks for a thousand things once each pushes out nothing that others use.
    """

    def __init__(self, limit: int, weigh: Callable[[Any, T], int]) -> None:
        self._limit = limit
        self._new: _Row[T] = _Row(weigh)
        self._proven: _Row[T] = _Row(weigh)
        self._lock = threading.Lock()

    def __contains__(self, key: Any) -> bool:
        return key in self._proven.held or key in self._new.held

    @property
    def weight(self) -> int:
        """What all of it weighs."""
        return self._new.weight + self._proven.weight

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """Return what is kept under `key`, making it where nothing is."""
        with self._lock:
            if key in self._proven.held:
                self._proven.held.move_to_end(key)
                return self._proven.held[key]
            if key in self._new.held:
                return self._prove(key)
        made = make()
        with self._lock:
            if key not in self:
                self._new.put(key, made)
            while self.weight > self._limit and self._new.held:
                self._new.take_oldest()
        return made

    def _prove(self, key: Any) -> T:
        thing = self._new.take(key)
        self._proven.put(key, thing)
        while self._proven.weight > PROVEN * self._limit:
            self._new.put(*self._proven.take_oldest())
        return thing


@dataclass(frozen=True, slots=True, eq=False)
class Shelf(Generic[T]):
    """The part of a memory that one operation has."""

    kept: Kept[T]

    def __contains__(self, key: Any) -> bool:
        return (self, key) in self.kept

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """Return what is kept under `key`, making it where nothing is."""
        return self.kept.get((self, key), make)
