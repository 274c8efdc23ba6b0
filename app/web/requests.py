"""Reading a request: GraphQL over HTTP (September 2026), section 6, and RFC 8259 strictly.

What one reader takes for this and another for that is refused: a member that
stands twice, bytes that are not UTF-8, numbers that JSON does not have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from app.web.statuses import Wrong

QUERY_STRING_LIMIT: Final = 60_000
"""Bytes of a query string, at most: a document of 15,000 characters with every one escaped."""

_NEEDED: Final = (
    "query is missing: send a GraphQL document, or the name of one that is known here as "
    "documentId, id or extensions.persistedQuery"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for.

    The document comes as its text (`source`), or by a name that is known here:
    `document_id` is `documentId` or Relay's `id`, `persisted` the hash of
    Apollo's automatic persisted queries, which may also come beside the text.
    `idempotency_key` comes as a header.
    """

    source: str | None
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None
    document_id: str | None = None
    persisted: str | None = None
    idempotency_key: str | None = None


def request_of_json(body: bytes) -> Request:
    """Return the request in a JSON body."""
    try:
        given = _read(body)
    except ValueError as fault:
        raise Wrong("BAD_JSON", f"the body is not JSON in UTF-8{_told(fault)}") from None
    if isinstance(given, list):
        raise Wrong("BAD_REQUEST", "batches are not taken; send one operation a request")
    if not isinstance(given, dict):
        raise Wrong("BAD_REQUEST", 'the body must be an object: {"query": …, "variables": …}')
    return _request(given)


def request_of_query_string(query_string: bytes) -> Request:
    """Return the request in a query string; an empty parameter counts as absent."""
    if len(query_string) > QUERY_STRING_LIMIT:
        message = f"a query string has at most {QUERY_STRING_LIMIT} bytes; send this by POST"
        raise Wrong("URI_TOO_LONG", message)
    try:
        pairs = parse_qsl(query_string.decode(), strict_parsing=True, errors="strict")
    except ValueError:
        if not query_string:
            raise Wrong("BAD_REQUEST", _NEEDED) from None
        raise Wrong("BAD_JSON", "the query string cannot be read as UTF-8 parameters") from None
    return _request(_parameters(pairs))


def idempotency_key_of(header: bytes | None) -> str | None:
    """Return the key in an `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header).

    It is a quoted string of RFC 9651 (3.3.3); a word without quotes is taken as well.
    """
    if header is None:
        return None
    match = _QUOTED_KEY.fullmatch(text := header.decode("latin-1").strip())
    if match is not None:
        return _ESCAPED.sub(r"\1", match[1])
    if _BARE_KEY.fullmatch(text):
        return text
    raise Wrong("BAD_REQUEST", 'Idempotency-Key must be one string in quotes: "8e03978e-40d5"')


_QUOTED_KEY: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_ESCAPED: Final = re.compile(r'\\(["\\])')
_BARE_KEY: Final = re.compile(r"[!#-+\--:=@-\[\]-~]+")
"""Printable ASCII but space, quotes, commas, semicolons, angle brackets and backslashes."""


def _parameters(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in pairs:
        if name in given:
            raise Wrong("BAD_JSON", f"the query string has {_shown(name)} twice")
        given[name] = value
    for name in ("variables", "extensions"):
        if name in given:
            try:
                given[name] = _read(given[name].encode())
            except ValueError as fault:
                raise Wrong("BAD_JSON", f"{name} must be JSON{_told(fault)}") from None
    return given


# --- JSON ---------------------------------------------------------------------


class _Refused(ValueError):
    """What JSON allows and we do not; the message goes on from "this is not JSON"."""


def _read(text: bytes) -> Any:
    """Return the value of a JSON text; raise `ValueError` for one that is none.

    orjson refuses what RFC 8259 does, but takes the last of several equal
    members, where another reader might take the first.
    """
    value = orjson.loads(text)
    try:
        written = orjson.dumps(value)
    except TypeError:  # orjson reads 1,024 levels and writes 254
        raise _Refused(" that nests less than 254 levels deep") from None
    # What is written back byte for byte had nothing in it twice: so it is with what
    # browsers send, and the second, slower reading is for everybody else.
    if written != text:
        json.loads(text, object_pairs_hook=_once)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _Refused(f": it has the member {_shown(name)} twice")
        members[name] = value
    return members


def _told(fault: ValueError) -> str:
    return str(fault) if isinstance(fault, _Refused) else ""


def _shown(name: str) -> str:
    return repr(name if len(name) <= 50 else f"{name[:50]}…")  # noqa: PLR2004 - a word, not a page


# --- members ------------------------------------------------------------------


def _request(given: Mapping[str, Any]) -> Request:
    source = _text(given, "query")
    document_id = _text(given, "documentId")
    extensions = _object(given, "extensions") or {}
    persisted = _persisted(extensions.get("persistedQuery"))
    # Relay's `id` is no member of the specification: beside a document it may mean anything.
    if source is None and document_id is None and persisted is None:
        document_id = _text(given, "id")
        if document_id is None:
            raise Wrong("BAD_REQUEST", _NEEDED)
    return Request(
        source,
        _object(given, "variables"),
        _text(given, "operationName"),
        document_id,
        persisted,
    )


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Wrong("BAD_REQUEST", f"{name} must be a string")
    return value


def _object(given: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise Wrong("BAD_REQUEST", f"{name} must be an object")
    return value


def _persisted(given: Any) -> str | None:
    """Return the hash that Apollo's clients send in `extensions.persistedQuery`."""
    if given is None:
        return None
    if not isinstance(given, dict) or not isinstance(given.get("sha256Hash"), str):
        raise Wrong("BAD_REQUEST", "extensions.persistedQuery must be {version, sha256Hash}")
    if given.get("version") != 1:
        raise Wrong("BAD_REQUEST", "extensions.persistedQuery is known in version 1 alone")
    return str(given["sha256Hash"])
