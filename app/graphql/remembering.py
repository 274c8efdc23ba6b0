"""What a server process remembers of documents and plans: bounded by weight, not by number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """A memory bounded by weight, for several threads: what was used longest ago goes first."""

    def __init__(self, limit: int, weigh: Callable[[Any, T], int]) -> None:
        self._limit = limit
        self._weigh = weigh
        self._weight = 0
        self._held: OrderedDict[Any, T] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: Any) -> bool:
        return key in self._held

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """Return what is kept under `key`, making it where nothing is."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        with self._lock:
            if key not in self._held:
                self._held[key] = made
                self._weight += self._weigh(key, made)
            while self._weight > self._limit and len(self._held) > 1:
                self._weight -= self._weigh(*self._held.popitem(last=False))
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Shelf(Generic[T]):
    """The part of a memory that one operation has."""

    kept: Kept[T]

    def __contains__(self, key: Any) -> bool:
        return (self, key) in self.kept

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """Return what is kept under `key`, making it where nothing is."""
        return self.kept.get((self, key), make)
