"""Claims: whether a value fits the claimed field, and which claims are live."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.codes import Derivation, Integrity, RecordState
from app.domain.errors import InvalidValue
from app.domain.field_types import FieldType
from app.domain.kinds import EXISTENCE, claimable
from app.domain.records import Record, kind_name


def misfits(fields: Mapping[str, Any]) -> Iterator[InvalidValue]:
    """Yield what is wrong between a claim's subject, field and value."""
    kind, code, value = kind_name(fields["subject"]), fields["field"], fields.get("value")
    if code == EXISTENCE:
        if kind != "transfer":
            yield InvalidValue("EXISTENCE is claimed of transfers alone", ("field",))
        elif value is not None:
            yield InvalidValue("a claim about EXISTENCE has no value", ("value",))
        return
    claimed = claimable(kind).get(code)
    if claimed is None:
        known = ", ".join(claimable(kind))
        yield InvalidValue(f"claims about a {kind} are about {known}; not {code}", ("field",))
    else:
        yield from _value_misfits(code, claimed.type, value)


def _value_misfits(code: str, claimed: FieldType, value: Any) -> Iterator[InvalidValue]:
    tag = claimed.claim_tag or ""
    if value is None:
        yield InvalidValue(f"a claim about {code} needs a value: {{{tag}: …}}", ("value",))
    elif tag not in value:
        (given,) = value
        yield InvalidValue(f"{code} takes {{{tag}: …}}, not {given}", ("value", given))
    else:
        try:
            claimed.parse(value[tag], str)
        except InvalidValue as fault:
            yield InvalidValue(f"{code} {fault.message}", ("value", tag, *fault.path))


def settled(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a claim's fields, its value spelled as the claimed field spells it.

    The type of a code is known only here, so that a claim of `0101.21` and a
    held `010121` are the same. What does not fit is left for `misfits`.
    """
    if fields.get("value") is None or any(misfits(fields)):
        return fields
    claimed = claimable(kind_name(fields["subject"]))[fields["field"]].type
    ((tag, value),) = fields["value"].items()
    return {**fields, "value": {tag: claimed.parse(value, str)}}


def live(claims: Mapping[str, Record], citations: Mapping[str, Record]) -> set[str]:
    """Return the ids of the live claims among `claims`.

    A claim is live when it and its citation are active, the citation's
    integrity is not RETRACTED, and, if it has derivations other than
    SUSPECTED, at least one of those parents is live. `claims` must hold every
    ancestor, `citations` every citation of them; what is missing is not live.
    """
    standing = {key: claim for key, claim in claims.items() if _stands(claim, citations)}
    heirs: dict[str, list[str]] = defaultdict(list)
    for key, claim in standing.items():
        for parent in _backing(claim):
            heirs[parent].append(key)
    # From the roots down, without recursion: chains may be long.
    found, ahead = set[str](), [key for key, claim in standing.items() if not _backing(claim)]
    while ahead:
        here = ahead.pop()
        if here not in found:
            found.add(here)
            ahead.extend(heirs[here])
    return found


def _stands(claim: Record, citations: Mapping[str, Record]) -> bool:
    if claim.state is not RecordState.ACTIVE:
        return False
    citation = citations.get(claim.fields["citation"])
    return (
        citation is not None
        and citation.state is RecordState.ACTIVE
        and citation.fields.get("integrity") != Integrity.RETRACTED
    )


def _backing(claim: Record) -> list[str]:
    """Return the claims that this one needs one of; without any it is a root."""
    return [
        link["claim"]
        for link in claim.fields.get("derivedFrom", ())
        if link["derivation"] != Derivation.SUSPECTED
    ]
