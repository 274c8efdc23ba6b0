"""What a client may take of the server, and what each request takes of it.

A budget is a bucket that fills evenly: `quota` units in `window` seconds, and no more
than `quota` at once. It is kept as one number, the instant at which the bucket will be
full again, so that what several processes charge adds up to one sum (the "theoretical
arrival time" of GCRA, ITU-T I.371).

Pure: instants are seconds, and the caller's clock gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

ENTRY: Final = 10
"""Units that every request is charged."""

MILLISECOND: Final = 100
"""Units for each millisecond that the processor worked on a request."""

KILOBYTE: Final = 4
"""Units for each 1,000 bytes of a body."""

SMALL_BODY: Final = 64_000
"""Bytes of a body that cost no more than that."""

LARGE: Final = 60
"""Units besides for each 1,000 bytes beyond: reading them as JSON cannot be interrupted."""

NEW: Final = 5
"""How many times the work counts where a document was prepared that was not known."""

REFUSED: Final = 10
"""How many times it counts where a document was refused: nobody is served by that work."""

REFUSED_AT_LEAST: Final = 200
"""Units that a refused request is charged at least."""

DEBT: Final = 2.0
"""How many windows it takes at most until a bucket is full again, whatever was charged."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How much there is: `quota` units in each `window` of seconds. A quota of 0 bounds nothing."""

    quota: int
    window: int = 60

    @property
    def is_off(self) -> bool:
        """Whether nothing is bounded."""
        return self.quota == 0


@dataclass(slots=True)
class Budget:
    """What one client has left.

    `full_at` is when everything is there again; `untold` are the seconds of it that the
    other processes have not been told of.
    """

    policy: Policy
    full_at: float = 0.0
    untold: float = 0.0

    def charge(self, units: float, now: float) -> None:
        """Take units away; more than is left makes a debt."""
        policy = self.policy
        seconds = units * policy.window / policy.quota
        owed = max(self.full_at - now, 0.0)
        self.untold += seconds
        self.full_at = now + min(owed + seconds, DEBT * policy.window)

    def is_spent(self, now: float) -> bool:
        """Whether nothing is left."""
        return self.full_at - now > self.policy.window

    def stands(self, now: float) -> tuple[int, int]:
        """Return how many units are left, and in how many seconds all will be there again."""
        owed = self.full_at - now
        if owed <= 0.0:
            return self.policy.quota, 0
        free = self.policy.window - owed
        return max(int(free * self.policy.quota / self.policy.window), 0), ceil(owed)

    def wait(self, now: float) -> int:
        """Return the seconds until a request is answered again."""
        return max(ceil(self.full_at - now - self.policy.window), 1)

    def merge(self, full_at: float) -> None:
        """Take what all processes together have charged, which lacks what is untold here."""
        self.full_at = max(full_at, 0.0) + self.untold


def price(
    cost: int, seconds: float, *, size: int = 0, is_new: bool = False, is_refused: bool = False
) -> float:
    """Return what a request is charged: entry, the bytes of its body, its answer, the work."""
    work = seconds * 1000 * MILLISECOND
    entry = ENTRY + (size * KILOBYTE + max(size - SMALL_BODY, 0) * LARGE) / 1000
    if is_refused:
        return entry + max(work * REFUSED, REFUSED_AT_LEAST)
    return entry + cost + (work * NEW if is_new else work)
