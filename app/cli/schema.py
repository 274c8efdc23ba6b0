"""The published contract: printed, and compared with files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli.files import written_to
from app.domain.errors import Unready

_SCHEMA_FILE: Final = Path("schema/schema.graphql")


def schema(
    check: Annotated[
        bool, typer.Option(help="Compare with the file instead; status 1 if they differ.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="The file to write, or to compare with.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="An earlier schema: tell what this release breaks; status 1 if anything."
        ),
    ] = None,
) -> None:
    """Print the GraphQL schema that this release serves."""
    from app.graphql.sdl import schema_sdl

    printed = schema_sdl()
    if check:
        _check_schema(printed, output or _SCHEMA_FILE)
    if against:
        _check_promises(printed, against)
    if check or against:
        return
    with written_to(output) as written:
        written.write(printed)


def _check_schema(printed: str, file: Path) -> None:
    from difflib import unified_diff

    published = file.read_text()
    if published == printed:
        return
    sys.stdout.writelines(unified_diff(
        published.splitlines(keepends=True), printed.splitlines(keepends=True),
        str(file), "what the code prints"))  # fmt: skip
    raise Unready(
        f"{file} is not what the code prints; write it anew: corrigenda schema --output {file}"
    )


def _check_promises(printed: str, earlier: Path) -> None:
    from graphql import GraphQLError

    from app.graphql.promises import broken_promises

    try:
        broken = broken_promises(earlier.read_text(), printed)
    except (GraphQLError, TypeError) as fault:
        raise Unready(f"{earlier} is no GraphQL schema: {fault}") from None
    sys.stdout.writelines(f"{sentence}\n" for sentence in broken)
    if broken:
        raise Unready(
            f"what clients have from {earlier} breaks; mark it @deprecated in one release, and"
            " take it away in a later one"
        )
