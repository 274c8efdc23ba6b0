"""The house: no folder imports up or sideways, as `pyproject.toml` has it."""

from __future__ import annotations

from pathlib import Path

from importlinter import cli

ROOT = Path(__file__).resolve().parents[2]


def test_no_folder_imports_up_or_sideways() -> None:
    """The folder list is the architecture; `lint-imports` says which import breaks it."""
    assert cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None) == 0


def test_every_folder_has_a_door_plate() -> None:
    """A folder's `__init__.py` says what lives there."""
    folders = [path.parent for path in (ROOT / "app").glob("*/*.py")]

    silent = {
        folder.name
        for folder in folders
        if not (folder / "__init__.py").read_text().lstrip().startswith('"""')
    }

    assert silent == set()
