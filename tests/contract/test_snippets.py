"""The snippets of `docs/frontend.md` are pieces of the programs that `make interop` runs.

A comment before a snippet names the file, and a region of it if it is not the whole file.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "frontend.md").read_text()
SNIPPETS = re.findall(r"^<!-- (\S+) -->\n```\w+\n(.*?)\n```$", GUIDE, re.DOTALL | re.MULTILINE)
UNNAMED = re.findall(r"(?<! -->)\n```(?!sh)\w+\n(.*?)\n```$", GUIDE, re.DOTALL | re.MULTILINE)


def in_program(source: str) -> str:
    """Return the file that is named, or the region of it."""
    file, _, region = source.partition("#")
    text = (ROOT / file).read_text()
    if region:
        marks = rf"^ *// #region {region}\n(.*?)^ *// #endregion$"
        (text,) = re.findall(marks, text, re.DOTALL | re.MULTILINE)
    return dedent(text).rstrip("\n")


@pytest.mark.parametrize(("source", "snippet"), SNIPPETS, ids=[source for source, _ in SNIPPETS])
def test_a_snippet_is_what_is_run(source: str, snippet: str) -> None:
    """If this fails: copy the program's lines into the guide."""
    assert snippet == in_program(source)


def test_every_snippet_but_one_comes_from_a_program() -> None:
    """The one is the call of a function that is shown before it."""
    (call,) = UNNAMED

    assert len(SNIPPETS) >= 20
    assert call.startswith("const { transfer } = await ask(")
