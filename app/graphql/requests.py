"""The access log, as those may read it who answer for a newsroom or for the ledger."""

from __future__ import annotations

from typing import Any, Final

import strawberry

from app.domain import codes
from app.graphql.fields import Connection, page_field, table_field
from app.graphql.filters import FILTER_TYPES, ORDER_TYPES, ORDERS
from app.graphql.records import Editor, Newsroom
from app.graphql.scalars import DateTime, Position
from app.store.access_log import as_far_as_the_viewer_reaches
from app.store.connections import connection
from app.store.filters import FILTERS
from app.store.reading import column, link

_MODULE: Final = __name__


@strawberry.type(
    description="A request that somebody made with a key or a token: what it was, never its "
    "variables and never what was answered."
)
class Request:
    """One request of the access log."""

    at: DateTime = table_field(column("at"), "When it was answered.")
    editor: Editor = table_field(link("editor", "editor"), "Who asked.")
    newsroom: Newsroom = table_field(link("newsroom", "newsroom"), "For which newsroom.")
    key_id: strawberry.ID | None = table_field(
        column("key"), "The id of the key that was shown; null where it was a token."
    )
    kind: codes.RequestKind | None = table_field(
        column("kind"),
        "What sort of operation it was; null where it was refused before anything else.",
    )
    operation: str | None = table_field(
        column("operation"),
        "The operation's name, its first 100 characters; null without one, and where it was "
        "refused before anything else.",
    )
    document: str | None = table_field(
        column("document"), "The SHA-256 of the document; null where none was found."
    )
    cost: int = table_field(column("cost"), "Its cost; 0 where it was refused before.")
    position: Position | None = table_field(
        column("position"), "Which state of the ledger was read; null where none was."
    )
    code: str | None = table_field(
        column("code"), "The code of the first error; null where there was none."
    )
    within_ms: int | None = table_field(
        column("within_ms"),
        "Within how many milliseconds it was answered: 10, 30, 100, 300, 1000, 3000 or 10000; null "
        "beyond.",
    )
    missed: int = table_field(
        column("missed"),
        "How many requests before this one could not be written down, for want of room.",
    )


ACCESS_LOG: Final[Any] = page_field(
    Connection[Request],
    connection(
        "access_log",
        ORDERS["request"],
        joined=as_far_as_the_viewer_reaches,
        filters=FILTERS["request"],
    ),
    "The requests that were made with a key or a token, as long as they are kept: for an AUDITOR "
    "or ADMIN, of the own newsroom, or of all where it is the house.",
    _MODULE,
    filter_type=FILTER_TYPES["request"],
    order_type=ORDER_TYPES["request"],
)
