"""How much one request may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold at most; a refusal names the limit as it is called here.

    Fragments count as often as they are spread: what counts is what the server
    would have to follow, not what was written down. The first line of each group
    is checked first, and nothing is parsed, validated or read before.
    """

    characters: int = 15_000
    tokens: int = 1_000
    nesting: int = 100

    fragments: int = 50
    depth: int = 15
    selections: int = 5_000
    aliases: int = 30
    directives: int = 50
    root_fields: int = 20
    field_pairs: int = 10_000

    variable_values: int = 20_000
    subselects: int = 300
    cost: int = 10_000


DEFAULTS: Final = Limits()
