"""The processor time that running processes have taken, as Linux tells it.

It is what makes figures of a shared machine worth something: whoever else computes there
takes time from the clock, and not from this.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROCESSES: Final = Path("/proc")
_PARENT, _FIRST_TIME, _LAST_TIME = 1, 11, 13


def is_known() -> bool:
    """Tell whether this system says how much time a process has taken."""
    return (_PROCESSES / "self" / "stat").exists()


def seconds_of(pid: int) -> float:
    """Return the seconds that a process has computed since it began."""
    return _seconds(_facts(_PROCESSES / str(pid)))


def seconds_of_children(pid: int) -> float:
    """Return the seconds that the living children of a process have computed, all together."""
    facts = [_facts(place) for place in _PROCESSES.iterdir() if place.name.isdigit()]
    return sum(_seconds(one) for one in facts if one and int(one[_PARENT]) == pid)


def _seconds(facts: list[str]) -> float:
    ticks = sum(int(one) for one in facts[_FIRST_TIME:_LAST_TIME])
    return ticks / os.sysconf("SC_CLK_TCK")


def _facts(place: Path) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name (proc(5)), from state on."""
    try:
        text = (place / "stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()
