"""Findings, worked out for one field at a time from plain rows.

Which claims live is a fixed point over all of them; agreement is the rules' own (`app.domain`);
everything else is read off lists of claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.domain import agreement
from app.domain.kinds import EXISTENCE, claimable
from app.domain.texts import folded
from tests.oracle.shapes import measure
from tests.oracle.tables import Seen, Tables

SUBJECTS = ("actor", "item", "transfer")
PRIMARY = ("OFFICIAL_RECORD", "PRESS_RELEASE", "STATEMENT", "DATASET")
REPORTS = ("NEWS_REPORT", "SOCIAL_POST", "UNNAMED")
CHAIN_LIMIT = 1_000


# --- live claims --------------------------------------------------------------


@cache
def live_claims(tables: Tables, moment: int | None) -> frozenset[str]:
    """Return the ids of the claims that are live at a moment."""
    here = _root(tables, moment)
    standing = {claim["id"] for claim in here.every("claim") if stands(claim)}
    backing = {claim: _backing(here, claim) for claim in standing}
    found = {claim for claim in standing if not backing[claim]}
    while True:
        more = {claim for claim in standing - found if found & set(backing[claim])}
        if not more:
            return frozenset(found)
        found |= more


def stands(claim: Seen) -> bool:
    """Whether a claim and its document are active, and that was not withdrawn."""
    citation = claim.one("citation", claim["citation"])
    return (
        claim["state"] == "ACTIVE"
        and citation is not None
        and citation["state"] == "ACTIVE"
        and citation["integrity"] != "RETRACTED"
    )


def _links(of: Any, column: str, claim: str) -> list[Seen]:
    return [link for link in of.every("derivation") if link[column] == claim]


def _backing(of: Any, claim: str) -> list[str]:
    """Return the claims that a claim rests on; mere suspicion is no support."""
    return [
        link["parent"] for link in _links(of, "claim", claim) if link["derivation"] != "SUSPECTED"
    ]


def is_live(claim: Seen) -> bool:
    """Whether a claim is live at the moment from which it is seen."""
    return claim["id"] in live_claims(claim.tables, claim.moment)


# --- findings -----------------------------------------------------------------


def contestable(kind: str) -> Mapping[str, str]:
    """Return the fields of a kind that findings are about: code and name, in order."""
    first = {EXISTENCE: ""} if kind == "transfer" else {}
    return first | {code: field.name for code, field in claimable(kind).items()}


def finding(record: Seen, code: str) -> Seen:
    """Return what is held for a field of a record, as a row with the columns of a claim's value."""
    row: dict[str, Any] = {
        "record": record["id"],
        "kind": record.table,
        "field": code,
        "place": 1 + list(contestable(record.table)).index(code),
        "name": contestable(record.table)[code],
        "version": record["version"],
        "state": record["state"],
        "value_tag": None,
    }
    if code == EXISTENCE:
        row["held"] = record["state"] == "ACTIVE"
    else:
        row |= _held(record, claimable(record.table)[code])
    return Seen(record.tables, record.moment, "finding", row)


def _held(record: Seen, field: Any) -> dict[str, Any]:
    tag, name = field.type.claim_tag, _snake(field.name)
    if tag in ("quantity", "money"):
        columns = {one: record.row.get(f"{name}_{one}") for one in (*_MEASURE, "basis")}
        is_held = columns["unit"] is not None
    elif tag == "date":
        columns = {
            "date": record[name],
            "earliest": record[f"{name}_earliest"],
            "latest": record[f"{name}_latest"],
        }
        is_held = record[name] is not None
    else:
        columns, is_held = {tag: record[name]}, record[name] is not None
    shown = {f"value_{one}": value for one, value in columns.items()}
    return {"held": is_held, "value_tag": tag if is_held else None, **shown}


_MEASURE = ("amount", "lower", "upper", "approximate", "unit", "verbatim")


def _snake(name: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name)


def about(found: Seen) -> list[Seen]:
    """Return the claims about a finding, live or not, in the order of their ids."""
    return _claims(found.tables, found.moment).get((found["record"], found["field"]), [])


@cache
def _claims(tables: Tables, moment: int | None) -> Mapping[tuple[str, str], list[Seen]]:
    """Return the claims of a moment by subject and field, in the order of their ids."""
    here, made = _root(tables, moment), dict[tuple[str, str], list[Seen]]()
    for claim in sorted(here.every("claim"), key=lambda claim: str(claim["id"])):
        made.setdefault((claim["subject"], claim["field"]), []).append(claim)
    return made


def _root(tables: Tables, moment: int | None) -> Seen:
    return Seen(tables, moment, "head", tables.rows["head"][0])


def live_about(found: Seen) -> list[Seen]:
    """Return the live claims about a finding; who says nothing any more counts no more."""
    return [claim for claim in about(found) if is_live(claim) and _says_something(claim)]


def _says_something(claim: Seen) -> bool:
    return claim["value_tag"] is not None or claim["field"] == EXISTENCE


def is_found(found: Seen) -> bool:
    """Whether anything is held, or a live claim stands."""
    return bool(found["held"]) or bool(live_about(found))


def of_record(record: Seen, fields: Sequence[str] | None) -> list[Seen]:
    """Return the findings of a record, in the order of its fields."""
    codes = contestable(record.table) if record.table in SUBJECTS else ()
    made = [finding(record, code) for code in codes if fields is None or code in fields]
    return [one for one in made if is_found(one)]


def of_field(of: Seen, record_id: str, code: str) -> Seen | None:
    """Return the finding of one field of one record; None where nothing is found."""
    kind = record_id.partition("_")[0]
    record = of.one(kind, record_id) if kind in SUBJECTS else None
    if record is None or code not in contestable(kind):
        return None
    made = finding(record, code)
    return made if is_found(made) else None


def every(of: Seen) -> Sequence[Seen]:
    """Return the findings of all active records."""
    return _every(of.tables, of.moment)


@cache
def _every(tables: Tables, moment: int | None) -> Sequence[Seen]:
    return [
        found
        for kind in SUBJECTS
        for record in _root(tables, moment).every(kind)
        if record["state"] == "ACTIVE"
        for found in of_record(record, None)
    ]


def agrees(found: Seen, claim: Seen) -> bool:
    """Whether what a claim says agrees with what is held."""
    return bool(found["held"]) and _agree(found, claim, claim["value_tag"])


def _agree(found: Seen, claim: Seen, tag: str | None) -> bool:
    if tag is None:
        return True
    if tag in ("quantity", "money"):
        return agreement.measures_agree(_measure(found), _measure(claim))
    ours, theirs = found[f"value_{tag}"], claim[f"value_{tag}"]
    if tag == "record":
        return ours == theirs or _is_above(found, ours, theirs) or _is_above(found, theirs, ours)
    rules: Mapping[str, Callable[[str, str], bool]] = {
        "date": agreement.dates_agree,
        "code": agreement.codes_agree,
        "text": agreement.texts_agree,
    }
    return rules[tag](ours, theirs)


def _measure(row: Seen) -> Mapping[str, Any]:
    return measure(row, "value") or {}


def _is_above(of: Seen, broader: str, item: str) -> bool:
    """Whether an item stands below another one, at any depth."""
    here = of.one("item", item)
    while here is not None and here["id"] != broader:
        here = of.one("item", here["broader"])
    return here is not None


def status(found: Seen) -> str:
    """Return how what is held stands to the live claims: the first that fits."""
    said = [(agrees(found, claim), claim["stance"] == "DENIES") for claim in live_about(found)]
    if not found["held"]:
        return "OPEN"
    if (True, False) not in said:
        return "DENIED" if (True, True) in said else "UNSUPPORTED"
    return "CONTESTED" if (True, True) in said or (False, False) in said else "SUPPORTED"


# --- positions ----------------------------------------------------------------


@dataclass(frozen=True)
class Position:
    """One value that live claims assert or estimate, or deny: the first of them stands for it."""

    found: Seen
    claims: Sequence[Seen]

    @property
    def first(self) -> Seen:
        """The first claim that takes it."""
        return self.claims[0]


def positions(found: Seen) -> list[Position]:
    """Return the positions taken, in the order of each one's first claim."""
    taken: dict[Any, list[Seen]] = {}
    for claim in live_about(found):
        taken.setdefault(_said(claim), []).append(claim)
    return [Position(found, claims) for claims in taken.values()]


def _said(claim: Seen) -> tuple[Any, ...]:
    """Return what a claim says, whatever its wording and spelling."""
    exact = ("amount", "lower", "upper", "approximate", "basis", "date", "record", "code")
    words = (claim["value_unit"], claim["value_text"])
    return (
        claim["stance"] == "DENIES",
        *(claim[f"value_{name}"] for name in exact),
        *(None if one is None else folded(one) for one in words),
    )


def asserters(position: Position) -> list[Seen]:
    """Return whose word a position is, each once, by name."""
    found = _named(position, "actor", "asserted_by")
    return sorted(found, key=lambda actor: (actor["name_key"], actor["id"]))


def citations(position: Position) -> list[Seen]:
    """Return the documents in which a position stands, each once."""
    return sorted(_named(position, "citation", "citation"), key=lambda one: str(one["id"]))


def _named(position: Position, table: str, column: str) -> list[Seen]:
    named = {claim[column] for claim in position.claims}
    return [row for row in position.found.every(table) if row["id"] in named]


# --- origins ------------------------------------------------------------------


def _rested_on(position: Position) -> list[Seen]:
    """Return the claims of a position with all that they rest on and that stands."""
    found = {claim["id"]: claim for claim in position.claims}
    waiting = list(position.claims)
    for claim in waiting:
        for parent_id in _backing(claim, claim["id"]):
            parent = claim.one("claim", parent_id)
            if parent is not None and parent_id not in found and stands(parent):
                found[parent_id] = parent
                waiting.append(parent)
    return list(found.values())


def origins(position: Position) -> list[Mapping[str, Any]]:
    """Return the documents at which the chains of a position begin, each once."""
    kinds: dict[str, list[str]] = {}
    for claim in _rested_on(position):
        if not _backing(claim, claim["id"]):
            kinds.setdefault(claim["citation"], []).append(origin_kind(claim))
    return [
        # One claim that names its source is enough for its document.
        {
            "citation": position.found.one("citation", citation),
            "kind": "OTHER" if "OTHER" in kinds[citation] else kinds[citation][0],
        }
        for citation in sorted(kinds)
    ]


def origin_count(position: Position) -> Mapping[str, int]:
    """Return how many origins a position has, by kind."""
    kinds = [origin["kind"] for origin in origins(position)]
    named = {kind.lower(): kinds.count(kind) for kind in ("PRIMARY", "UNSOURCED", "OTHER")}
    return {"total": len(kinds), **named}


def origin_kind(claim: Seen) -> str:
    """Return what sort of origin a claim is by itself."""
    citation = claim.one("citation", claim["citation"])
    assert citation is not None
    if citation["kind"] in PRIMARY:
        return "PRIMARY"
    word = claim["asserted_by"]
    names_source = word is not None and word != citation["publisher"]
    return "OTHER" if names_source or citation["kind"] not in REPORTS else "UNSOURCED"


def suspected(position: Position) -> list[Seen]:
    """Return the links of mere suspicion in the chains of a position."""
    found = [
        link
        for claim in _rested_on(position)
        for link in _links(claim, "claim", claim["id"])
        if link["derivation"] == "SUSPECTED"
    ]
    return sorted(found, key=_link_order)


def _link_order(link: Seen) -> tuple[str, int]:
    return link["claim"], link["place"]


# --- hulls --------------------------------------------------------------------


def hulls(found: Seen) -> list[Mapping[str, Any]]:
    """Return, for each unit, the least and the most that live claims allow."""
    by_unit: dict[str, list[Seen]] = {}
    for claim in live_about(found):
        if claim["value_unit"] is not None and claim["stance"] != "DENIES":
            by_unit.setdefault(folded(claim["value_unit"]), []).append(claim)
    return [
        {
            "unit": claims[0]["value_unit"],
            "lower": _end(claims, "lower", min, 0),
            "upper": _end(claims, "upper", max, 1),
        }
        for claims in by_unit.values()
    ]


def _end(
    claims: Sequence[Seen], bound: str, extreme: Callable[[Iterable[int]], int], side: int
) -> str | None:
    if any(claim[f"value_{bound}"] is None and claim["value_amount"] is None for claim in claims):
        return None
    whole, rest = divmod(
        extreme(int(agreement.interval(_measure(claim))[side] or 0) for claim in claims), 10_000
    )
    return f"{whole}.{rest:04d}".rstrip("0") if rest else str(whole)


# --- chains -------------------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """The claims that some claims rest on or that repeat them, and the links between them."""

    of: Seen
    ids: Sequence[str]

    @property
    def nodes(self) -> list[Seen]:
        """The claims that are shown."""
        shown = [self.of.one("claim", one) for one in self.ids[:CHAIN_LIMIT]]
        return [claim for claim in shown if claim is not None]

    @property
    def links(self) -> list[Seen]:
        """The links between the claims that are shown."""
        shown = set(self.ids[:CHAIN_LIMIT])
        found = [
            link
            for link in self.of.every("derivation")
            if link["claim"] in shown and link["parent"] in shown
        ]
        return sorted(found, key=_link_order)

    @property
    def roots(self) -> list[Seen]:
        """The claims that rest on no other one."""
        return [claim for claim in self.nodes if not _backing(claim, claim["id"])]


def chain(of: Seen, direction: str | None) -> Chain:
    """Return the chain of a claim, or of all claims about a finding."""
    start = [of["id"]] if of.table == "claim" else [claim["id"] for claim in about(of)]
    found: set[str] = set()
    if direction != "REPETITIONS":
        found |= _walked(of, start, "claim", "parent")
    if direction != "ORIGINS":
        found |= _walked(of, start, "parent", "claim")
    return Chain(of, sorted(found))


def _walked(of: Seen, start: Sequence[str], from_: str, to: str) -> set[str]:
    found, waiting = set(start), list(start)
    for here in waiting:
        for link in _links(of, from_, here):
            if link[to] not in found:
                found.add(link[to])
                waiting.append(link[to])
    return found
