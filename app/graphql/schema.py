"""The schema, put together once, and printed as the published contract."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import strawberry
from graphql import GraphQLInputObjectType, GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter

from app.graphql.mutation import Mutation
from app.graphql.query import Query
from app.graphql.records import EVERY_TYPE
from app.graphql.rules import require_rules
from app.graphql.scalars import SCALARS, describe_enum_values


class Executor(StrawberryGraphQLCoreExecutionContext):
    """The ordinary executor, which lets finished JSON through untouched."""

    def complete_value(self, *arguments: Any, **named: Any) -> Any:
        """Return finished JSON as it is; complete everything else."""
        result = named["result"] if "result" in named else arguments[4]
        if isinstance(result, orjson.Fragment):
            return result
        return super().complete_value(*arguments, **named)


@cache
def build_schema() -> strawberry.Schema:
    """Return the schema; it is made once in a process.

    Raises `RulesIncomplete` for a field that nobody said who may ask for.
    """
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        types=EVERY_TYPE,
        execution_context_class=Executor,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    describe_enum_values(core_schema(schema))
    _mark_one_of(core_schema(schema))
    require_rules(core_schema(schema))
    return schema


def _mark_one_of(core: GraphQLSchema) -> None:
    """Tell graphql-core which inputs are @oneOf, so that validation refuses what is not one.

    Strawberry itself finds it out when arguments are read, and then without a code.
    """
    for one in core.type_map.values():
        if isinstance(one, GraphQLInputObjectType):
            defined = one.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            one.is_one_of = bool(getattr(defined, "is_one_of", False))


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """Return graphql-core's form of the schema."""
    core: GraphQLSchema = schema._schema  # noqa: SLF001 - Strawberry has no public name for it
    return core
