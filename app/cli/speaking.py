"""What a command says: its answer to standard output, what is said about it to the other."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def answer_table(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Answer a table: its columns aligned, their names first."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        answer("  ".join(cells).rstrip())


def answer(text: str) -> None:
    """Write a line of the answer."""
    print(text)  # noqa: T201 - a command's answer


def answer_json(value: object) -> None:
    """Answer in JSON, set for reading."""
    import json

    answer(json.dumps(value, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """Write a line about the work, which is no part of the answer."""
    print(text, file=sys.stderr)  # noqa: T201 - what is said about it
