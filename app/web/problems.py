"""Problem documents: RFC 9457, for whatever is refused outside GraphQL."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

logger = structlog.get_logger(__name__)

PROBLEM_TYPE: Final = "application/problem+json"


def problem(status: HTTPStatus, detail: str) -> bytes:
    """Return the document that says what went wrong; its type is the status's own."""
    return orjson.dumps(
        {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    )


async def _not_served(_request: Request, fault: Exception) -> Response:
    if not isinstance(fault, HTTPException):
        raise fault
    status = HTTPStatus(fault.status_code)
    body = problem(status, f"{status.description or status.phrase}.".replace("..", "."))
    return Response(body, status, {**(fault.headers or {}), **_HEADERS}, PROBLEM_TYPE)


async def _defective(_request: Request, fault: Exception) -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Response(problem(status, defect(fault)), status, _HEADERS, PROBLEM_TYPE)


def defect(fault: Exception | None = None) -> str:
    """Log a defect, by default the one at hand; return the words that name it to the client."""
    log_id = secrets.token_hex(8)
    logger.error("defect", log_id=log_id, exc_info=fault or True)
    return f"something went wrong on our side; its log id is {log_id}"


_HEADERS: Final[Mapping[str, str]] = {"cache-control": "no-store"}

PROBLEMS: Final[Mapping[Any, Any]] = {HTTPException: _not_served, Exception: _defective}
"""What is answered in place of what a route raised."""
