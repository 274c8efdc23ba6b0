"""Canonical JSON (JCS) of RFC 8785: one value, one sequence of bytes."""

from __future__ import annotations

from typing import Any, cast

import orjson
import rfc8785

from app.log.errors import NotCanonical


def canonical(value: object) -> bytes:
    """Return the one JSON text of `value`, as UTF-8.

    Takes None, booleans, numbers, strings, lists, tuples and dicts of them.
    Tuples become arrays.

    Raises `NotCanonical` for integers beyond 2^53 - 1, NaN and infinities, lone
    surrogates, keys that are not strings, nesting too deep to walk, and any
    other type.
    """
    try:
        return rfc8785.dumps(cast("Any", value))
    except RecursionError as error:
        raise NotCanonical("this value is nested too deeply for canonical JSON") from error
    # A lone surrogate in a key surfaces as a plain UnicodeEncodeError.
    except ValueError as error:
        raise NotCanonical(f"this value has no canonical JSON: {error}") from error


def canonical_plain(value: object) -> bytes:
    """Return what `canonical` returns, fifty times as fast, for plain values alone.

    Plain are None, integers, text, lists, and dicts of them whose keys are
    ASCII: nothing whose order or digits RFC 8785 settles in a way of its own
    (keys by UTF-16 code units, floats as ECMAScript writes them). That there
    is nothing else in `value` is the caller's promise, and is not checked.

    Raises `NotCanonical` as `canonical` does.
    """
    try:
        # OPT_STRICT_INTEGER: no integer beyond 2^53 - 1.
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError as error:
        raise NotCanonical(f"this value has no canonical JSON: {error}") from error
