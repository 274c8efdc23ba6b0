"""Ids inside an archive: they carry the position, as in `transfer_01j…@118`.

So a client's cache never mixes past and present; commands refuse such ids.
"""

from __future__ import annotations

import re
from typing import Any, Final

NODE_KINDS: Final = (
    "actor", "item", "transfer", "citation", "claim", "changeset", "editor", "newsroom",
    "proposal", "key",
)  # fmt: skip
"""Every kind of thing that can be asked for by its id."""

FINDING: Final = "."
"""What stands behind the kind of a record where an id names one of its findings."""

_MARKED: Final = re.compile(
    rf"((?:{'|'.join(NODE_KINDS)})_[0-9a-z]{{26}}(?:\.[A-Z_]{{1,40}})?)@([0-9]{{1,16}})"
)


def id_kind(value: Any) -> str:
    """Return the kind that an id names, with an `@` behind it for an archive's; else `?`.

    The id of a finding is that of its record and the field, as in
    `transfer_01j….QUANTITY`; its kind is the record's with a point.
    """
    text = str(value)
    kind = text.partition("_")[0]
    if kind not in NODE_KINDS:
        return "?"
    if "." in text:
        kind += FINDING
    return f"{kind}@" if "@" in text else kind


def finding_parts(value: Any) -> tuple[str, str]:
    """Return the record and the field that the id of a finding names; no field of any other id."""
    record, _, field = plain_id(value).partition(".")
    return record, field


def plain_id(value: Any) -> str:
    """Return an id without the position that it carries inside an archive."""
    match = _MARKED.fullmatch(str(value))
    return match[1] if match else str(value)


def marked_position(value: Any) -> int | None:
    """Return the position that an id of an archive carries, None of any other text."""
    match = _MARKED.fullmatch(str(value))
    return int(match[2]) if match else None
