"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="sqlite:///FILE or postgresql://…; else CORRIGENDA_DATABASE_URL."),
]

VerifierKeys = Annotated[
    list[str] | None,
    typer.Option("--vkey", help="The ledger's public key (a vkey); once for each that may sign."),
]


def verifier_keys(texts: Sequence[str] | None) -> tuple[Any, ...]:
    """Return the keys that were named with `--vkey`, parsed."""
    from app.log.errors import KeyRefused
    from app.log.note import VerifierKey

    try:
        return tuple(map(VerifierKey.parse, texts or ()))
    except KeyRefused as fault:
        raise typer.BadParameter(f"--vkey: {fault}") from None
