"""Settings: one class, one table."""

from __future__ import annotations

import re
from pathlib import Path

from app.settings import PREFIX, Settings

TABLE = Path(__file__).parents[1] / "docs" / "settings.md"


def test_the_table_of_settings_says_what_the_class_says() -> None:
    """`docs/settings.md` names every variable, with its default and its meaning."""
    rows = re.findall(r"^\| `(.+?)` \| `(.*?)` \| (.+) \|$", TABLE.read_text(), re.MULTILINE)

    assert rows == [
        (f"{PREFIX}{name}".upper(), str(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]


def test_an_address_with_a_password_is_not_printed() -> None:
    assert "secret" not in repr(Settings(database_url="postgresql://ann:secret@db/ledger"))
