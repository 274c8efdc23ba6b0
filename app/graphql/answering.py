"""What a request is answered with: its body, and every error as the client may see it.

A refusal of ours is shown as it is. A defect is told to the logger, and the client gets a
log id in place of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from graphql import GraphQLError

from app.domain.codes import RequestKind
from app.domain.errors import BadArgument, CorrigendaError, OverLimit, TooDeep, WrongRequest

logger = structlog.get_logger(__name__)

MESSAGE_LIMIT: Final = 500
"""Characters of an error's message, at most: it may repeat what the client sent."""

ERRORS_SHOWN: Final = 10
"""Errors of one document or its variables, and places of one error, at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response body, and what HTTP has to know about it.

    `is_request_error` says that nothing was executed: there is no `data`;
    `is_partial` that there are errors beside it. `is_pure` says that nothing but
    the log, and what the viewer may see, decides over the answer, which `tag`
    then names; where the client has it already, `is_unchanged`, there is no body.
    `is_replayed` says that it is the first answer to a request that came again.
    `cost` is what was read for it, in objects, and `is_new` says that the document, or
    a shape of its variables, was met for the first time.

    `operation` and `kind` say what was asked for, `requested` what it costs by the document,
    and `position` which state of the ledger was read; `fault` is the code of the first error
    of a field, or of what stands against an edit.
    """

    body: bytes
    is_request_error: bool = False
    code: str | None = None
    is_partial: bool = False
    is_pure: bool = False
    tag: str | None = None
    is_unchanged: bool = False
    is_replayed: bool = False
    cost: int = 0
    is_new: bool = False
    operation: str | None = None
    kind: RequestKind | None = None
    requested: int = 0
    position: int | None = None
    fault: str | None = None


def request_errors(errors: Sequence[GraphQLError], code: str | None = None) -> Answer:
    """Return the answer to a request that was not executed."""
    shown = [shown_error(error, code) for error in errors]
    first = shown[0].get("extensions", {}).get("code")
    return Answer(orjson.dumps({"errors": shown}), is_request_error=True, code=first)


def refused(fault: WrongRequest | RecursionError) -> tuple[str, str, Mapping[str, Any]]:
    """Return what a refusal says: its message, its code, and the facts of a limit."""
    if isinstance(fault, WrongRequest):
        return fault.message, fault.code, _facts(fault)
    return "the document nests deeper than this server follows", TooDeep.code, {}


def _facts(fault: BaseException | None) -> Mapping[str, Any]:
    """Return what a client may want to know of a limit: its name, the value, what there may be."""
    if not isinstance(fault, OverLimit) or fault.limit is None:
        return {}
    first, *others = fault.limit.split("_")
    name = first + "".join(word.capitalize() for word in others)
    return {"limit": name, "value": fault.value, "max": fault.most}


def refusal(message: str, code: str, facts: Mapping[str, Any] | None = None) -> Answer:
    """Return the answer to a request that is refused as a whole."""
    body = {"errors": [{"message": message, "extensions": {"code": code, **(facts or {})}}]}
    return Answer(orjson.dumps(body), is_request_error=True, code=code)


def shown_error(error: GraphQLError, code: str | None = None) -> dict[str, Any]:
    """Return an error as the client may see it: ours as it is, a defect by its log id alone."""
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    shown: dict[str, Any] = dict(error.formatted)
    if isinstance(original, ValueError) and "integer string conversion" in str(original):
        shown["message"] = "a whole number in the document has too many digits"
    if len(shown["message"]) > MESSAGE_LIMIT:
        shown["message"] = f"{shown['message'][:MESSAGE_LIMIT]}…"
    if len(shown.get("locations") or ()) > ERRORS_SHOWN:
        shown["locations"] = shown["locations"][:ERRORS_SHOWN]
    if isinstance(original, CorrigendaError):
        code = original.code
    elif original is not None and not isinstance(original, GraphQLError) and code is None:
        message, code = internal(original)
        shown["message"] = message
    elif isinstance(original, GraphQLError) and error.path is not None and code is None:
        # An argument that is known to be wrong when it is read, as a variable was left out.
        code = BadArgument.code
    if code is not None:
        shown["extensions"] = {"code": code, **_facts(original), **shown.get("extensions", {})}
    return shown


def internal(fault: BaseException | None = None) -> tuple[str, str]:
    """Log a defect; return the message and code that name it to the client."""
    log_id = secrets.token_hex(8)
    logger.error("defect", log_id=log_id, exc_info=fault or True)
    return f"something went wrong on our side; its log id is {log_id}", "INTERNAL"
