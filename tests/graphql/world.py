"""A small ledger in which every filter has something to find and something to leave out.

Names stand for ids: what a filter finds is told by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.graphql.asking import Ledger

PROSE = (
    'He said: "24 horses", not \\"30\\" — naïve façade \U0001f40e\U0001f1f0\U0001f1f5\n'
    "a new line,\ta tab, a / slash, a \\ backslash, \\n not a line, \\u0041 not an A,\n"
    "<b>no markup</b> & 'quotes' '' %s {} [] $1 ? :p0 -- ; 한국어 עברית \u2028 end\u00a0."
)
"""Text that has come apart wherever JSON or SQL was put together carelessly."""

LARGEST = "9223372036854775.807"

SETUP: tuple[tuple[str, dict[str, Any]], ...] = (
    ("addActor", {"ref": "#russia", "name": "Russia", "kind": "STATE", "country": "RU",
                  "externalRef": "actor-1"}),
    ("addActor", {"ref": "#korea", "name": "north korea", "kind": "STATE", "country": "KP"}),
    ("addActor", {"ref": "#ukraine", "name": "Ukraine", "kind": "STATE", "country": "UA"}),
    ("addActor", {"ref": "#bank", "name": "Société Générale", "kind": "COMPANY",
                  "country": "FR"}),
    ("addActor", {"ref": "#fair", "name": "100% Fair_Trade \\ Co", "kind": "COMPANY"}),
    ("addActor", {"ref": "#ann", "name": "Ann", "kind": "PERSON", "actsFor": "#russia"}),
    ("addActor", {"ref": "#bureau", "name": "Bureau", "kind": "AGENCY", "partOf": "#russia"}),
    ("addActor", {"ref": "#zoe", "name": "Zoë", "kind": "PERSON"}),
    ("addActor", {"ref": "#zoe2", "name": "ZOE", "kind": "PERSON",
                  "aliases": [{"text": PROSE.split("\n", maxsplit=1)[0], "language": "en"},
                              {"text": "Zo"}],
                  "identifiers": [{"scheme": "wikidata", "value": "Q159"}],
                  "description": PROSE}),
    ("addItem", {"ref": "#horse", "name": "Horse", "kind": "LIVE_ANIMAL", "hsCode": "0101"}),
    ("addItem", {"ref": "#orlov", "name": "Orlov", "kind": "LIVE_ANIMAL", "hsCode": "010121",
                 "broader": "#horse"}),
    ("addItem", {"ref": "#stallion", "name": "Stallion", "kind": "LIVE_ANIMAL",
                 "broader": "#orlov", "externalRef": "item-1"}),
    ("addItem", {"ref": "#shell", "name": "Shell", "kind": "MUNITION", "hsCode": "930690"}),
    ("addItem", {"ref": "#pony", "name": "Pony", "kind": "LIVE_ANIMAL", "broader": "#horse"}),
    ("addTransfer", {"ref": "#lost", "title": "Lost", "giver": "#russia", "item": "#pony"}),
    ("addClaim", {"ref": "#gone", "subject": "#lost", "field": "STAGE",
                  "value": {"code": "CANCELLED"}, "stance": "ASSERTS", "citation": "#note"}),
    ("addTransfer", {"ref": "#shells", "title": "Shells", "giver": "#korea",
                     "receiver": "#russia", "item": "#shell", "stage": "DISPATCHED",
                     "usedAgainst": "#ukraine"}),
    ("addTransfer", {"ref": "#horses", "title": "Horses", "giver": "#russia",
                     "receiver": "#korea", "item": "#orlov", "occurred": "2024-08-25",
                     "quantity": {"amount": "24", "unit": 'he"ad'}, "nature": "PAYMENT",
                     "stage": "DELIVERED", "considerationFor": "#shells",
                     "considerationExtent": "PARTIAL", "externalRef": "transfer-1"}),
    ("addTransfer", {"ref": "#stallions", "title": "Stallions", "partOf": "#horses",
                     "item": "#stallion", "occurred": "2024-08-25"}),
    ("addTransfer", {"ref": "#goats", "title": "Goats", "giver": "#ann", "receiver": "#korea",
                     "occurred": "2024-08", "nature": "GIFT", "summary": PROSE}),
    ("addTransfer", {"ref": "#aggregate", "title": "Aggregate", "giver": "#russia",
                     "occurred": "2020/2023",
                     "value": {"lower": "0.001", "upper": LARGEST, "unit": "USD",
                               "basis": "CIF"}}),
    ("addTransfer", {"ref": "#open", "title": "Open", "occurred": "../2019",
                     "quantity": {"amount": "75509.76", "approximate": True, "unit": "kg"}}),
    ("addTransfer", {"ref": "#undated", "title": "Undated"}),
    ("addTransfer", {"ref": "#tie", "title": "Tie", "occurred": "2024-08-25"}),
    ("addCitation", {"ref": "#article", "kind": "NEWS_REPORT", "title": "Article",
                     "publisher": "#russia", "published": "2024-09-01", "language": "en",
                     "url": "https://a.example/x?y=1&z=%22", "integrity": "RETRACTED",
                     "authors": ["A. Clerk", 'O\'Brien "Bo"'],
                     "contentSha256": "ab" * 32, "accessed": "2024-09-02"}),
    ("addCitation", {"ref": "#release", "kind": "PRESS_RELEASE", "title": "Release",
                     "publisher": "#bureau", "published": "2024", "language": "ko"}),
    ("addCitation", {"ref": "#note", "kind": "UNNAMED", "title": "Note",
                     "externalRef": "citation-1"}),
    ("addCitation", {"ref": "#same", "kind": "UNNAMED", "title": "Same day",
                     "published": "2024-09-01"}),
    ("addClaim", {"ref": "#count", "subject": "#horses", "field": "QUANTITY",
                  "value": {"quantity": {"amount": "24", "unit": "head", "verbatim": PROSE[:27]}},
                  "stance": "ASSERTS", "assertedBy": "#bureau", "citation": "#release",
                  "quote": {"exact": PROSE, "prefix": "before"}, "locator": "p. 3",
                  "externalRef": "claim-1"}),
    ("addClaim", {"ref": "#retold", "subject": "#horses", "field": "QUANTITY",
                  "value": {"quantity": {"amount": "24", "unit": "head"}},
                  "stance": "ASSERTS", "assertedBy": "#ann", "citation": "#article",
                  "derivedFrom": [{"claim": "#count", "derivation": "QUOTES"},
                                  {"claim": "#worth", "derivation": "SUSPECTED"}]}),
    ("addClaim", {"ref": "#worth", "subject": "#horses", "field": "VALUE",
                  "value": {"money": {"lower": LARGEST, "unit": "USD", "basis": "FOB"}},
                  "stance": "ESTIMATES", "citation": "#note"}),
    ("addClaim", {"ref": "#when", "subject": "#horses", "field": "OCCURRED",
                  "value": {"date": "2024-08~"}, "stance": "ASSERTS", "citation": "#article"}),
    ("addClaim", {"ref": "#from", "subject": "#horses", "field": "GIVER",
                  "value": {"record": "#russia"}, "stance": "DENIES", "citation": "#note"}),
    ("addClaim", {"ref": "#nature", "subject": "#horses", "field": "NATURE",
                  "value": {"code": "GIFT"}, "stance": "ASSERTS", "citation": "#note"}),
    ("addClaim", {"ref": "#way", "subject": "#horses", "field": "ROUTE",
                  "value": {"text": PROSE.split("\n", maxsplit=1)[0]}, "stance": "ASSERTS",
                  "citation": "#note"}),
    ("addClaim", {"ref": "#exists", "subject": "#shells", "field": "EXISTENCE",
                  "stance": "ASSERTS", "citation": "#note"}),
    ("addClaim", {"ref": "#code", "subject": "#orlov", "field": "HS_CODE",
                  "value": {"code": "010121"}, "stance": "ASSERTS", "citation": "#note"}),
    ("addClaim", {"ref": "#country", "subject": "#korea", "field": "COUNTRY",
                  "value": {"code": "KP"}, "stance": "ASSERTS", "citation": "#note"}),
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """The ledger, and the ids of its records by the refs above."""

    ledger: Ledger
    ids: Mapping[str, str]

    def names(self, ids: list[str]) -> list[str]:
        """Return the refs of records, without their hash."""
        by_id = {record_id: ref[1:] for ref, record_id in self.ids.items()}
        return [by_id.get(one, one) for one in ids]

    def known(self, value: Any) -> Any:
        """Return a filter with ids in the place of refs."""
        if isinstance(value, dict):
            return {key: self.known(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.known(one) for one in value]
        return self.ids.get(value, value) if isinstance(value, str) else value

    def found(self, kind: str, given: Mapping[str, Any], order: str = "CREATED_ASC") -> list[str]:
        """Return the names of what a filter leaves of a list."""
        name = kind.capitalize()
        query = (
            f"query ($f: {name}Filter, $o: {name}Order) {{ "
            f"{kind}s(filter: $f, orderBy: $o, first: 100) {{ totalCount nodes {{ id }} }} }}"
        )
        page = self.ledger.ask(query, {"f": self.known(given), "o": order})[f"{kind}s"]
        assert page["totalCount"] == len(page["nodes"])
        return self.names([node["id"] for node in page["nodes"]])


def made(ledger: Ledger) -> World:
    """Fill an empty ledger: position 1 enters it; 2 revises, 3 retracts, 4 is an admin's."""
    done = ledger.commit(
        [{tag: fields} for tag, fields in SETUP],
        reason={"code": "INITIAL_ENTRY", "note": PROSE},
    )
    assert done["userErrors"] == [], done["userErrors"]
    ids = {one["ref"]: one["id"] for one in done["refs"]}
    revised = ledger.revise(ids["#horses"], 1, quantity={"amount": "26", "unit": 'he"ad'})
    assert revised["userErrors"] == []
    gone = ledger.commit(
        [
            {"retract": {"id": ids[ref], "version": 1}}
            for ref in ("#same", "#zoe", "#gone", "#lost", "#pony")
        ],
        reason={"code": "ENTRY_ERROR", "note": "Entered twice."},
    )
    assert gone["userErrors"] == []
    merged = ledger.commit(
        [{"merge": {"id": ids["#fair"], "version": 1, "into": ids["#bank"]}}],
        role="admin",
        reason={"code": "DUPLICATE", "note": "One company."},
    )
    assert merged["userErrors"] == []
    return World(ledger, ids)
