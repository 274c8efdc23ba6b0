"""docs/attacks.md is the suite, told: every row is tested, and every test has its row."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest

from tests.attacks.attacking import Attack

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "attacks.md"
FILES = (
    "graphql", "values", "transport", "access", "tokens", "keys", "neighbours", "log",
    "output", "supply_chain",
)  # fmt: skip
_SECTION = re.compile(
    r"^## .*?`tests/attacks/test_(\w+)\.py`.*?$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL
)
_ROW = re.compile(r"^\| (.+?) \| (.+?) \|$", re.MULTILINE)
_ELSEWHERE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def attacks(name: str) -> Sequence[Attack]:
    """Return the table of a file."""
    found: Sequence[Attack] = import_module(f"tests.attacks.test_{name}").ATTACKS
    return found


def rows(name: str) -> list[tuple[str, str]]:
    """Return the rows of a file, as the page has them."""
    return [(one.attack, one.answer) for one in attacks(name)]


def test_the_page_lists_every_attack_with_its_answer() -> None:
    sections = {name: _ROW.findall(body)[1:] for name, body in _SECTION.findall(PAGE.read_text())}

    assert list(sections) == list(FILES)
    for name in FILES:
        assert sections[name] == rows(name), f"\n{printed(name)}"


def printed(name: str) -> str:
    """Return a file's table as the page should have it."""
    lines = [f"| {attack} | {answer} |" for attack, answer in rows(name)]
    return "\n".join(["| attack | answer |", "|---|---|", *lines])


def test_every_file_of_attacks_is_in_the_page() -> None:
    files = {one.stem.removeprefix("test_") for one in Path(__file__).parent.glob("test_*.py")}

    assert files - {"table"} == set(FILES)


@pytest.mark.parametrize("page", ["attacks.md", "security.md"])
def test_what_a_page_says_is_tested_is_there(page: str) -> None:
    named = _ELSEWHERE.findall((ROOT / "docs" / page).read_text())

    assert len(named) >= 15
    for file, function in named:
        tree = ast.parse((ROOT / file).read_text())
        defined = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
        assert function in defined, f"{file} has no {function}"


def test_there_are_many() -> None:
    """More than sixty requests, each with its answer."""
    assert sum(len(one.requests) for name in FILES for one in attacks(name)) >= 150
