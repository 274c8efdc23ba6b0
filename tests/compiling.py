"""Statements compiled once for all engines of a process.

SQLAlchemy keeps what it compiled with the engine, as a server has one. Nearly every test has an
engine of its own, and would compile the same statements again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

_MANY = 3000


def share_compiled() -> None:
    """Let all engines of one kind of database keep what they compile in one place."""
    caches: dict[type, Any] = defaultdict(lambda: LRUCache(_MANY))
    # A compiled statement is found by its dialect, too: those that would compile alike are equal.
    patched: dict[Any, dict[str, Any]] = {
        DefaultDialect: {"__eq__": _is_alike, "__hash__": lambda self: hash(type(self))},
        Engine: {
            "_compiled_cache": property(
                lambda self: caches[type(self.dialect)], lambda _self, _its_own: None
            )
        },
    }
    for kind, members in patched.items():
        for name, member in members.items():
            setattr(kind, name, member)


def _is_alike(one: DefaultDialect, other: object) -> bool:
    return type(one) is type(other) and one.server_version_info == other.server_version_info
