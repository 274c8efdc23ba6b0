"""Problem documents: RFC 9457, for whatever is refused outside GraphQL."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import orjson

PROBLEM_TYPE: Final = "application/problem+json"


def problem(status: HTTPStatus, detail: str) -> bytes:
    """Return the document that says what went wrong; its type is the status's own."""
    return orjson.dumps(
        {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    )
