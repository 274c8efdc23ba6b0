"""The questions that are measured, word for word as both servers are asked them.

Q1 is an article's page: the newest 20 transfers with all that a reader sees of them.
Q2 is the same for one transfer, Q3 a plain list, and Q4 is Q1 as of a position of the past. A
cursor is each server's own affair, so answers are compared without its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

_TRANSFER: Final = """
    id
    title
    giver { id name country }
    receiver { id name country }
    item { id name }
    quantity { amount lower upper approximate unit verbatim }
    occurred { edtf earliest latest }
    stage
    summary
    claims(first: 3) {
      nodes {
        id
        field
        stance
        value {
          __typename
          ... on Measure { amount lower upper approximate unit }
          ... on UncertainDate { edtf }
          ... on CodeValue { code }
          ... on RecordValue { record { id } }
        }
        quote { exact }
        citation { id title publisher { id name } }
      }
    }
"""

_PAGE: Final = f"""
  transfers(orderBy: OCCURRED_DESC, first: 20) {{
    nodes {{{_TRANSFER}}}
    pageInfo {{ hasNextPage endCursor }}
  }}
"""

_Q1: Final = f"query ArticlePage {{{_PAGE}}}"

_Q4: Final = f"""query ArchivedPage($position: Position!) {{
  archive(position: $position) {{{_PAGE}}}
}}"""

_Q2: Final = f"""query OneTransfer($id: ID!) {{
  transfer(id: $id) {{{_TRANSFER}}}
}}"""

_Q3: Final = """query Actors {
  actors(orderBy: NAME_ASC, first: 100) { nodes { id name kind country } }
}"""


@dataclass(frozen=True, slots=True)
class Question:
    """A document, and the requests that ask it: bodies of POST /graphql, taken in turn."""

    name: str
    what: str
    bodies: tuple[bytes, ...]


def questions(transfers: Sequence[str]) -> tuple[Question, ...]:
    """Return Q1, Q2 and Q3; Q2 asks for each of `transfers` in turn."""
    return (
        article_page(),
        Question("Q2", "one transfer", tuple(body(_Q2, {"id": one}) for one in transfers)),
        Question("Q3", "100 actors", (body(_Q3),)),
    )


def article_page() -> Question:
    """Return Q1."""
    return Question("Q1", "article page", (body(_Q1),))


def archived_page(position: int) -> Question:
    """Return Q4: Q1 as of a position."""
    return Question("Q4", "archived page", (body(_Q4, {"position": position}),))


def body(document: str, variables: dict[str, Any] | None = None) -> bytes:
    """Return the body of a POST that asks a document with these variables."""
    return orjson.dumps({"query": document, **({"variables": variables} if variables else {})})


HEAD: Final = body("{ changesets(orderBy: POSITION_DESC, first: 1) { nodes { position } } }")
"""What asks for the end of the log; `head_of` reads the answer."""


def head_of(answer: bytes) -> int:
    """Return the position that the log ends at."""
    return int(data(answer)["changesets"]["nodes"][0]["position"])


def comparable(answer: bytes) -> Any:
    """Return an answer without what may differ: the text of its cursors.

    Raises `ValueError` for an answer with errors or without data.
    """
    return _without_cursors(data(answer))


def data(answer: bytes) -> Any:
    """Return what an answer holds; raises `ValueError` for one with errors or without data."""
    content = orjson.loads(answer)
    if content.get("errors") or not content.get("data"):
        raise ValueError(f"this is no answer: {answer[:500]!r}")
    return content["data"]


def _without_cursors(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: isinstance(held, str) if name == "endCursor" else _without_cursors(held)
                for name, held in value.items()
            }
        case list():
            return [_without_cursors(held) for held in value]
        case _:
            return value
