"""What docs/access.md says, read from its tables: the expectation of the permission walk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
_REACHES = {"—": "NONE", "newsroom": "NEWSROOM", "ledger": "LEDGER"}
OPEN = "READ"
"""What a field asks for that the page does not name."""


@dataclass(frozen=True)
class Page:
    """The page: how far each act reaches for whom, what fields and routes ask for."""

    house: Mapping[str, Mapping[str, str]]
    partner: Mapping[str, Mapping[str, str]]
    fields: Mapping[str, str]
    routes: Mapping[str, str]

    def reach(self, viewer: str | None, act: str) -> str:
        """Return how far an act reaches for a viewer (one of `tests.graphql.viewers`)."""
        if viewer is None:
            return self.house[act]["no key"]
        *where, role = viewer.upper().split()
        return (self.partner if where else self.house)[act][role]

    def may(self, viewer: str | None, act: str) -> bool:
        """Whether a viewer may do something at all."""
        return self.reach(viewer, act) != "NONE"

    def act_of(self, type_name: str, field: str) -> str:
        """Return the act that a field asks for."""
        named = self.fields.get(f"{type_name}.{field}")
        return named or self.fields.get(f"{type_name}.*") or OPEN


@cache
def page() -> Page:
    """Return what the page says."""
    tables = list(_tables(PAGE.read_text()))
    fields, routes = _headed(tables, "fields"), _headed(tables, "route")
    return Page(
        *(_reaches(table) for table in tables if "READER" in table[0]),
        {name: act for act, names in fields for name in names.split("`, `")},
        {path: act for path, act, _ in routes},
    )


def _tables(text: str) -> Iterator[Sequence[Sequence[str]]]:
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        if lines:
            rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in lines]
            yield [rows[0], *rows[2:]]


def _headed(tables: Sequence[Sequence[Sequence[str]]], name: str) -> Sequence[Sequence[str]]:
    (found,) = (table[1:] for table in tables if name in table[0])
    return found


def _reaches(table: Sequence[Sequence[str]]) -> Mapping[str, Mapping[str, str]]:
    _, *names = table[0]
    return {
        act: dict(zip(names, (_REACHES[cell] for cell in cells), strict=True))
        for act, *cells in table[1:]
    }
