"""Why operations were left out of an edit, as it is kept with an idempotency key.

What is wrong with the input alone is found in it again when it comes again. Of the rest are
kept codes, places, ids and versions, and words that are made of nothing else: content kept
here could not be redacted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.domain.errors import Refusal, StaleVersion
from app.domain.operations import place_of

_UNQUOTED: Final = "the operation was refused when this edit first came; send it by itself to see"


def kept_of(failures: Sequence[Refusal], own: Sequence[Refusal]) -> dict[str, Any]:
    """Return what is kept of the failures; `own` are those that are found in the input again.

    The inverse of `failures_again`.
    """
    found_again = {id(one) for one in own}
    decided = [one for one in failures if id(one) not in found_again]
    return {"failures": [_fact(one) for one in decided]} if decided else {}


def _fact(one: Refusal) -> dict[str, Any]:
    fact: dict[str, Any] = {"code": one.code, "path": list(one.path)}
    if isinstance(one, StaleVersion):
        return {**fact, "record": one.record_id, "from": one.based_on, "to": one.current}
    record_id = getattr(one, "record_id", None)
    return {**fact, "record": record_id, "message": _UNQUOTED if one.quotes else one.message}


def failures_again(kept: Any, own: Sequence[Refusal]) -> tuple[Refusal, ...]:
    """Return the failures in the order of the operations, as the first answer had them."""
    decided = [_refusal(fact) for fact in (kept or {}).get("failures", ())]
    return tuple(sorted((*own, *decided), key=lambda one: place_of(one) or 0))


def _refusal(fact: Mapping[str, Any]) -> Refusal:
    kind, path, record_id = _REFUSALS[fact["code"]], tuple(fact["path"]), fact["record"]
    if kind is StaleVersion:
        based_on, current = fact["from"], fact["to"]
        return StaleVersion(record_id=record_id, based_on=based_on, current=current, path=path)
    # Only those that are about a record take one.
    about: dict[str, Any] = {} if record_id is None else {"record_id": record_id}
    return kind(fact["message"], path=path, **about)


_REFUSALS: Final[Mapping[str, type[Refusal]]] = {one.code: one for one in Refusal.__subclasses__()}
