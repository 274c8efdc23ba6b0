"""Declaring fields that the tables answer: their type, how they are read, what they mean."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

import strawberry

from app.store import connections
from app.store.connections import DEFAULT_PAGE, PAGE_LIMIT
from app.store.reading import Read

T = TypeVar("T")

AFTER: Final = "Only what follows this cursor."
BEFORE: Final = "Only what precedes this cursor; goes with `last`."
FIRST: Final = f"At most so many from the start: 0 to {PAGE_LIMIT}, {DEFAULT_PAGE} by default."
LAST: Final = f"At most so many from the end: 0 to {PAGE_LIMIT}."


class Rows(Enum):
    """A list as long as the field that holds it says: a connection, or an edit."""

    OF_THE_PAGE = "as many as the nearest `PageSize` around it gives"


@dataclass(frozen=True, slots=True)
class CountOf:
    """A list as long as the list that an argument gives, of which at most `most` are taken.

    `path` leads from the argument to the list; `absent` stands for one not given.
    """

    argument: str
    path: tuple[str, ...] = ()
    absent: int = 0
    most: int = PAGE_LIMIT


@dataclass(frozen=True, slots=True)
class PageSize:
    """An object that holds lists as long as an argument says (`Rows`): the first one given."""

    counts: tuple[CountOf, ...] = (
        CountOf("first", absent=DEFAULT_PAGE),
        CountOf("last", absent=DEFAULT_PAGE),
    )


Size: TypeAlias = int | CountOf | Rows | PageSize
"""How many objects a list can hold.

A bound where there is one, else what is seldom exceeded: it decides over the
cost of a document (`app.graphql.cost`). Every list of objects declares one.
"""


def sized(
    size: Size | None = None, cost: int | None = None, weight: int | None = None
) -> dict[str, Any]:
    """Return the metadata that `app.graphql.cost` reads.

    A list's size, an object's own cost, and how many subselects a plan makes of
    the field itself, where that is more than one.
    """
    given = {"size": size, "cost": cost, "weight": weight}
    return {name: value for name, value in given.items() if value is not None}


def table_field(  # noqa: PLR0913 - what a field is made of
    read: Read,
    description: str,
    *,
    size: Size | None = None,
    cost: int | None = None,
    weight: int | None = None,
    deprecation_reason: str | None = None,
) -> Any:
    """Declare a field that is read from the tables; a list of objects with its size."""
    return strawberry.field(
        description=description,
        metadata={"read": read, **sized(size, cost, weight)},
        deprecation_reason=deprecation_reason,
    )


def argument_field(  # noqa: PLR0913 - what a field is made of
    returns: Any,
    read: Read,
    description: str,
    module: str,
    arguments: Mapping[str, tuple[Any, str]],
    *,
    size: Size | None = None,
    weight: int | None = None,
) -> Any:
    """Declare a field with arguments, each its type and description, read from the tables.

    An optional argument has a type that admits None. A list of objects has its size.
    """

    def resolver(root: Any, info: strawberry.Info, **_arguments: Any) -> Any:
        return finished(root, info)

    sign(resolver, arguments, returns, root=strawberry.Parent[object])
    resolver.__module__ = module
    metadata = {"read": read, **sized(size, weight=weight)}
    return strawberry.field(resolver=resolver, description=description, metadata=metadata)


def sign(
    resolver: Any, arguments: Mapping[str, tuple[Any, str]], returns: Any, **given: Any
) -> None:
    """Let a resolver say which arguments it takes, as Strawberry reads it.

    Beside `info` it is `given` others by Strawberry itself, each of a type.
    """
    parameters = [
        *(
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=kind)
            for name, kind in {**given, "info": strawberry.Info}.items()
        ),
        *(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=_described(name, kind, meaning),
                default=strawberry.UNSET if _is_optional(kind) else inspect.Parameter.empty,
            )
            for name, (kind, meaning) in arguments.items()
        ),
    ]
    resolver.__signature__ = inspect.Signature(parameters, return_annotation=returns)
    resolver.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returns}


def _described(name: str, kind: Any, meaning: str) -> Any:
    # An argument named like a word of Python, such as `from_`, loses its underscore.
    shown = name.removesuffix("_") if name.endswith("_") else None
    return Annotated[kind, strawberry.argument(name=shown, description=meaning)]


def _is_optional(kind: Any) -> bool:
    return type(None) in getattr(kind, "__args__", ())


def finished(root: Any, info: strawberry.Info) -> Any:
    """Return the JSON that the operation's plan made for this field."""
    del root
    return info.context.finished[info.path.key]


def page_field(  # noqa: PLR0913 - what a list is made of
    returns: Any,
    read: Read,
    description: str,
    module: str,
    *,
    filter_type: Any = None,
    order_type: Any = None,
    more: Mapping[str, tuple[Any, str]] | None = None,
    weight: int | None = None,
) -> Any:
    """Declare a connection: its filter and order where it has them, and the page."""
    arguments: dict[str, tuple[Any, str]] = dict(more or {})
    if filter_type is not None:
        arguments["filter"] = (filter_type | None, "Narrow the list to what fits all of these.")
    if order_type is not None:
        arguments["order_by"] = (order_type | None, "The order of the list.")
    arguments |= {
        "first": (int | None, FIRST),
        "after": (str | None, AFTER),
        "last": (int | None, LAST),
        "before": (str | None, BEFORE),
    }
    return argument_field(
        returns, read, description, module, arguments, size=PageSize(), weight=weight
    )


@strawberry.type(description="Where a page stands in its list (Relay connections).")
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool = table_field(
        connections.has_next_page, "Whether there is more behind this page."
    )
    has_previous_page: bool = table_field(
        connections.has_previous_page, "Whether there is more before this page."
    )
    start_cursor: str | None = table_field(
        connections.start_cursor, "The cursor of the first edge; null on an empty page."
    )
    end_cursor: str | None = table_field(
        connections.end_cursor, "The cursor of the last edge; null on an empty page."
    )


@strawberry.type(description="One place in a list.")
class Edge(Generic[T]):
    """One place in a list."""

    node: T = table_field(connections.edge_node, "What stands at this place.")
    cursor: str = table_field(connections.edge_cursor, "Where this place is; opaque.")


@strawberry.type(description="A page of a list (Relay connections).")
class Connection(Generic[T]):
    """A page of a list."""

    edges: list[Edge[T]] = table_field(
        connections.edges, "The places of this page.", size=Rows.OF_THE_PAGE, cost=0
    )
    nodes: list[T] = table_field(
        connections.nodes, "What stands at the places of this page.", size=Rows.OF_THE_PAGE
    )
    page_info: PageInfo = table_field(connections.page_info, "Where this page stands in the list.")
    total_count: int = table_field(
        connections.total_count,
        "How many there are in the whole list; counted only where it is asked for.",
        cost=1,
    )
