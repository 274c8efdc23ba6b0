"""What is drawn, decided by bytes: the first choice is made for zeros, and when none are left.

One string of bytes for a whole document, rather than one draw for each decision: hypothesis would
else spend most of its examples on mixing parts of earlier ones (of 200 documents 84 were
different), and a tenth of the time on each draw. It shrinks by turning bytes into zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Dice:
    """Makes decisions from bytes, each from the next ones."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, most: int) -> int:
        """Return a number from 0 to `most`."""
        drawn = int.from_bytes(self._data[self._at : self._at + 2].ljust(2, b"\0"), "big")
        self._at += 2
        return drawn * (most + 1) >> 16

    def chance(self, percent: int) -> bool:
        """Whether something is so that is so in so many of a hundred cases."""
        return self.number(99) >= 100 - percent

    def one_of(self, choices: Sequence[Any]) -> Any:
        """Return one of several."""
        return choices[self.number(len(choices) - 1)]
