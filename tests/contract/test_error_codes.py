"""Error codes: what the code can say stands in `docs/errors.md`, and nothing else does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLEnumType

from app.domain import errors
from app.graphql.schema import build_schema, core_schema
from app.web.statuses import RESPONSE_TYPE, status_of

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "errors.md"
SURFACES = [*ROOT.glob("app/graphql/*.py"), *ROOT.glob("app/web/*.py"), ROOT / "app" / "main.py"]
CODE = re.compile(r"[A-Z]+(_[A-Z0-9]+)+(?<!_ASC)(?<!_DESC)|INTERNAL")
"""Orders are written like codes, too."""


def codes_of_exceptions() -> set[str]:
    """Return the codes of the exceptions that are raised on purpose."""
    found = [one for one in vars(errors).values() if isinstance(one, type)]
    return {vars(one)["code"] for one in found if isinstance(vars(one).get("code"), str)}


def codes_of_surfaces() -> set[str]:
    """Return the words in the code of the surfaces that are written like codes.

    The values of the contract's enums are written like them as well.
    """
    types = core_schema(build_schema()).type_map.values()
    values = {name for one in types if isinstance(one, GraphQLEnumType) for name in one.values}
    words = {word for file in SURFACES for word in _words(ast.parse(file.read_text()))}
    return {word for word in words if CODE.fullmatch(word)} - values


def _words(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def rows() -> list[list[str]]:
    """Return the cells of the rows of the tables."""
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_every_code_is_in_the_table_and_every_code_in_the_table_exists() -> None:
    documented = {row[0] for row in rows()}

    assert documented == codes_of_exceptions() | codes_of_surfaces()


@pytest.mark.parametrize("row", [row for row in rows() if len(row) == 3], ids=lambda row: row[0])
def test_the_statuses_in_the_table_are_those_that_are_sent(row: list[str]) -> None:
    code, statuses, _ = row
    match = re.fullmatch(r"(\d+)(?: \((\d+)\))?( \*)?", statuses)
    assert match is not None
    audited, by_the_letter, starred = match.groups()

    sent = [
        status_of(code, RESPONSE_TYPE, "audited"),
        status_of(code, RESPONSE_TYPE, "2026"),
        status_of(code, "application/json", "audited"),
    ]

    assert sent == [
        int(audited),
        int(by_the_letter or audited),
        200 if starred else int(audited),
    ]
