"""One place decides who may do what: nothing else looks at a role to find out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

APP = Path(__file__).resolve().parents[2] / "app"
DECIDES = APP / "domain" / "permissions.py"


def _looks_at_a_role(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    is_named = isinstance(node.value, ast.Name) and node.value.id == "Role"
    return node.attr in ("role", "is_house") or (is_named and node.attr.isupper())


def _decisions(tree: ast.AST) -> Iterator[int]:
    """Yield the lines on which a role, or what newsroom it is held in, decides something."""
    for node in ast.walk(tree):
        sides: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            is_null = any(isinstance(one, ast.Constant) for one in node.comparators)
            sides = [] if is_null else [node.left, *node.comparators]
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            sides = [node.test]
        elif isinstance(node, ast.BoolOp):
            sides = list(node.values)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            sides = [node.operand]
        if any(_looks_at_a_role(inner) for side in sides for inner in ast.walk(side)):
            yield node.lineno


SHOWN = {
    "graphql/viewer.py": "tells which newsroom it is, and decides nothing",
}
"""Files that look at a role or house to show it."""


def test_nothing_but_the_table_compares_roles() -> None:
    found = [
        f"{file.relative_to(APP)}:{line}"
        for file in APP.rglob("*.py")
        if file != DECIDES and str(file.relative_to(APP)) not in SHOWN
        for line in _decisions(ast.parse(file.read_text()))
    ]

    assert found == []


def test_a_comparison_of_roles_is_found() -> None:
    text = "if editing.role is Role.ADMIN: pass\nx = not editing.is_house\ny = a in (Role.ADMIN,)"

    assert set(_decisions(ast.parse(text))) == {1, 2, 3}
