"""Search: the types of its answer, and the field itself."""

from __future__ import annotations

from typing import Any, Final

import strawberry

from app.domain import codes
from app.domain.searching import TEXT_LIMIT, WORDS_LIMIT
from app.graphql.fields import PageInfo, Rows, page_field, table_field
from app.graphql.records import Record
from app.store import connections
from app.store import search as found

_MODULE: Final = __name__

_DESCRIPTION: Final = (
    "The active records that have the words, the best match first, and the newest first among "
    "equals. Every word must be there, each as the start of a word: horse finds horses. Case, "
    'accents and apostrophes do not count. Words in "quotation marks" must stand side by side '
    "and whole. Names and titles are searched, aliases, identifiers and external references, "
    "prose, places, addresses and quotes. Where nothing has the words, actors and items whose "
    "names are spelled much like them are given. The index covers the present: search inside "
    "an archive is by filter."
)


@strawberry.type(description="A record that was found.")
class SearchEdge:
    """A record that was found."""

    node: Record = table_field(connections.edge_node, "The record.")
    cursor: str = table_field(connections.edge_cursor, "Where this place is; opaque.")
    match: codes.SearchMatch = table_field(
        found.found_match, "How it has the words; the list is ordered by this."
    )


@strawberry.type(description="A page of what was found (Relay connections).")
class SearchConnection:
    """A page of what was found."""

    edges: list[SearchEdge] = table_field(
        connections.edges, "The places of this page.", size=Rows.OF_THE_PAGE, cost=0
    )
    nodes: list[Record] = table_field(
        connections.nodes, "What stands at the places of this page.", size=Rows.OF_THE_PAGE
    )
    page_info: PageInfo = table_field(connections.page_info, "Where this page stands in the list.")
    total_count: int = table_field(
        connections.total_count,
        "How many there are in the whole list; counted only where it is asked for.",
        cost=1,
    )


def search_field() -> Any:
    """Declare the search."""
    return page_field(
        SearchConnection,
        found.search,
        _DESCRIPTION,
        _MODULE,
        more={
            "text": (
                str,
                f"The words: at most {TEXT_LIMIT} characters and {WORDS_LIMIT} words.",
            ),
            "kinds": (list[codes.RecordKind] | None, "Records of these kinds; any if absent."),
        },
    )
