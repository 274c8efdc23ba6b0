"""Which HTTP status a refused request has: GraphQL over HTTP (September 2026), section 7.2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

StatusCodes: TypeAlias = Literal["audited", "2026"]

RESPONSE_TYPE: Final = "application/graphql-response+json"
JSON_TYPE: Final = "application/json"

BAD: Final = 400
PARTIAL_SUCCESS: Final = 294
UNPROCESSABLE: Final = 422

_MALFORMED: Final[Mapping[str, int]] = {
    "BAD_JSON": 400,
    "BAD_REQUEST": 422,
    "KEY_IN_ADDRESS": 400,
    "UNAUTHENTICATED": 401,
    "CROSS_SITE": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "CONTENT_TOO_LARGE": 413,
    "URI_TOO_LONG": 414,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "SERVER_BUSY": 503,
    "READ_TIMED_OUT": 503,
}
"""Codes whose status says the same in every media type: nothing was read as GraphQL."""

_OF_A_KEY: Final[Mapping[str, int]] = {
    "IDEMPOTENCY_IN_PROGRESS": 409,
    "IDEMPOTENCY_KEY_REUSED": 422,
}
"""Codes whose status the draft of the Idempotency-Key header gives (2.7), to every client."""

_REFUSED: Final[Mapping[str, int]] = {
    "GRAPHQL_PARSE_FAILED": 400,
    "PERSISTED_QUERY_NOT_FOUND": 400,
    "PERSISTED_QUERY_NOT_SUPPORTED": 400,
    "PERSISTED_DOCUMENT_NOT_FOUND": 400,
    "DOCUMENT_NOT_TRUSTED": 403,
    "FORBIDDEN": 403,
}
"""Codes of documents that were refused, where it is not 422."""


class Wrong(Exception):
    """A request that cannot be read; `code` decides over the status."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def status_of(code: str, media: str, codes: StatusCodes) -> int:
    """Return the status of an answer without data whose first error has this code."""
    if code in _OF_A_KEY:
        return _OF_A_KEY[code]
    if code not in _MALFORMED and media != RESPONSE_TYPE:
        # Who asks for application/json alone takes any other status for no GraphQL.
        return 200
    status = _MALFORMED.get(code) or _REFUSED.get(code, UNPROCESSABLE)
    # graphql-http's audit suite 1.23.1 and clients of today know no 422.
    return BAD if status == UNPROCESSABLE and codes == "audited" else status
