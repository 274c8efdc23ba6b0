"""What each member of a filter lets through, one plain function each."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from app.domain.archive_ids import plain_id
from app.domain.texts import name_key
from tests.oracle import access, findings
from tests.oracle.tables import RECORDS, Seen

Test = Callable[[Seen, Any], bool]

LIST_LIMIT = 100
TEXT_LIMIT = 500


def among(*columns: str) -> Test:
    """Let through rows in which one of the columns has one of the values."""

    def test(row: Seen, given: Any) -> bool:
        wanted = {plain_id(value) for value in given}
        return any(row[column] in wanted for column in columns)

    return test


def has_name(row: Seen, given: str) -> bool:
    """Let through what is named so, in any case and with any accents."""
    return name_key(given) in name_key(row["name"])


def has_text(*columns: str) -> Test:
    """Let through what has the words in one of its texts, but for the case of A to Z."""

    def test(row: Seen, given: str) -> bool:
        words = unicodedata.normalize("NFC", given).translate(_LOWER)
        return any(words in text.translate(_LOWER) for text in _texts(row, columns))

    return test


_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _texts(row: Seen, columns: Sequence[str]) -> Iterator[str]:
    for value in (row[column] for column in columns):
        if isinstance(value, list):
            yield from (alias["text"] for alias in value)
        elif value is not None:
            yield value["exact"] if isinstance(value, dict) else value


def starts(row: Seen, given: str) -> bool:
    """Let through items whose code starts so."""
    return row["hs_code"] is not None and row["hs_code"].startswith(given)


def is_under(column: str) -> Test:
    """Let through rows whose item is one of those given, or narrower at any depth."""

    def test(row: Seen, given: Any) -> bool:
        wanted = {plain_id(value) for value in given}
        item = row.one("item", row[column])
        while item is not None and item["id"] not in wanted:
            item = item.one("item", item["broader"])
        return item is not None

    return test


def acts_under(column: str) -> Test:
    """Let through rows whose actor is one of those given, acts for one, or is part of one."""

    def test(row: Seen, given: Any) -> bool:
        wanted = {plain_id(value) for value in given}
        ahead, seen = [row.one("actor", row[column])], set[str]()
        while ahead:
            actor = ahead.pop()
            if actor is None or actor["id"] in seen:
                continue
            if actor["id"] in wanted:
                return True
            seen.add(actor["id"])
            ahead += [actor.one("actor", actor[link]) for link in ("acts_for", "part_of")]
        return False

    return test


def from_day(prefix: str) -> Test:
    """Let through what can be of a day or later."""
    return lambda row, day: bool(row[prefix] is not None and row[f"{prefix}_latest"] >= day)


def to_day(prefix: str) -> Test:
    """Let through what can be of a day or earlier."""
    return lambda row, day: bool(row[prefix] is not None and row[f"{prefix}_earliest"] <= day)


def revised(row: Seen, given: Any) -> bool:
    """Let through changesets that revised one of the records, but for access changes."""
    wanted = {plain_id(value) for value in given}
    return row["kind"] != "ACCESS" and any(
        one["record_id"] in wanted
        for one in row.every("revision")
        if one["position"] == row["position"]
    )


def cited(found: Seen, given: Any) -> bool:
    """Let through findings that a claim is about which cites one of the documents."""
    wanted = {plain_id(value) for value in given}
    return any(claim["citation"] in wanted for claim in findings.about(found))


def would_step(row: Seen, given: Any) -> bool:
    """Let through proposals that would change, or add, one of the records."""
    wanted = {plain_id(value) for value in given}
    return any(
        one["record_id"] in wanted
        for one in row.every("proposal_step")
        if (one["proposal"], one["revision"]) == (row["id"], row["revision"])
    )


_RECORD: Mapping[str, Test] = {
    "ids": among("id"),
    "states": among("state"),
    "newsrooms": among("newsroom"),
    "externalRefs": among("external_ref"),
    "enteredAfter": lambda row, position: bool(row["entered"] > position),
}

FILTERS: Mapping[str, Mapping[str, Test]] = {
    "actor": _RECORD
    | {
        "kinds": among("kind"),
        "countries": among("country"),
        "actsFor": among("acts_for"),
        "partOf": among("part_of"),
        "nameContains": has_name,
        "textContains": has_text("name", "aliases", "description"),
    },
    "item": _RECORD
    | {
        "kinds": among("kind"),
        "broader": among("broader"),
        "under": is_under("id"),
        "nameContains": has_name,
        "textContains": has_text("name", "aliases", "description"),
        "hsCodePrefix": starts,
    },
    "transfer": _RECORD
    | {
        "givers": among("giver"),
        "receivers": among("receiver"),
        "parties": among("giver", "receiver"),
        "items": among("item"),
        "itemsUnder": is_under("item"),
        "giversUnder": acts_under("giver"),
        "receiversUnder": acts_under("receiver"),
        "natures": among("nature"),
        "stages": among("stage"),
        "usedAgainst": among("used_against"),
        "partOf": among("part_of"),
        "isPart": lambda row, wanted: (row["part_of"] is not None) is wanted,
        "considerationFor": among("consideration_for"),
        "occurredFrom": from_day("occurred"),
        "occurredTo": to_day("occurred"),
        "textContains": has_text(
            "title", "summary", "origin", "destination", "route", "transport", "purpose"
        ),
    },
    "citation": _RECORD
    | {
        "kinds": among("kind"),
        "publishers": among("publisher"),
        "languages": among("language"),
        "integrities": among("integrity"),
        "urls": among("url"),
        "publishedFrom": from_day("published"),
        "publishedTo": to_day("published"),
        "textContains": has_text("title", "url"),
    },
    "claim": _RECORD
    | {
        "subjects": among("subject"),
        "fields": among("field"),
        "stances": among("stance"),
        "citations": among("citation"),
        "assertedBy": among("asserted_by"),
        "records": among("value_record"),
        "textContains": has_text("quote", "locator", "value_text"),
    },
    "finding_key": {
        "statuses": lambda found, given: findings.status(found) in given,
        "fields": among("field"),
        "kinds": lambda found, given: found["kind"].upper() in given,
        "records": among("record"),
        "hasClaims": lambda found, wanted: bool(findings.about(found)) is wanted,
        "citations": cited,
    },
    "changeset": {
        "kinds": among("kind"),
        "reasonCodes": among("reason_code"),
        "editors": among("editor"),
        "newsrooms": among("newsroom"),
        "records": revised,
        "recordedFrom": lambda row, instant: bool(row["recorded_at"] >= instant),
        "recordedBefore": lambda row, instant: bool(row["recorded_at"] < instant),
    },
    "editor": {
        "ids": among("id"),
        "newsrooms": among("newsroom"),
        "roles": among("role"),
        "states": lambda row, given: access.editor_state(row) in given,
    },
    "key": {
        "ids": among("id"),
        "editors": among("editor"),
        "newsrooms": lambda row, given: access.newsroom_of(row) in set(map(plain_id, given)),
        "states": lambda row, given: access.key_state(row) in given,
    },
    "proposal": {
        "ids": among("id"),
        "states": among("state"),
        "newsrooms": among("newsroom"),
        "editors": among("editor"),
        "records": would_step,
        "createdFrom": lambda row, instant: bool(row["created_at"] >= instant),
        "createdBefore": lambda row, instant: bool(row["created_at"] < instant),
    },
}
"""A member that is absent or null lets everything through; an empty list, nothing."""


def fits(table: str, row: Seen, given: Mapping[str, Any]) -> bool:
    """Whether a row fits all that is given; records are ACTIVE unless states are named."""
    tests = FILTERS.get(table, {})
    if table in RECORDS and given.get("states") is None and row["state"] != "ACTIVE":
        return False
    return all(tests[name](row, value) for name, value in given.items() if value is not None)


def check_filter(given: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a filter, None where nothing is."""
    for value in given.values():
        if isinstance(value, list) and len(value) > LIST_LIMIT:
            return "too many values"
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and "\x00" in text:
                return "the character U+0000"
    if any(len(given.get(name) or "") > TEXT_LIMIT for name in ("nameContains", "textContains")):
        return "too long a text"
    return None
