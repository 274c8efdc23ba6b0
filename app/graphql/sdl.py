"""The published contract: the schema as SDL."""

from __future__ import annotations

from app.graphql.schema import build_schema


def schema_sdl() -> str:
    """Return the schema in the schema definition language, as `schema/schema.graphql` has it."""
    return build_schema().as_str().rstrip() + "\n"
