"""A plain Python resolver for every field of the contract that the tables answer.

`RESOLVERS` maps type and field to a function from what the field stands on and
its arguments to its value. A new field is one line there, or one entry in
`LISTINGS` where it is a connection; `test_every_field_has_a_resolver` tells
where one is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from app.domain.archive_ids import finding_parts, id_kind, marked_position, plain_id
from app.domain.kinds import KINDS
from tests.oracle import access, findings
from tests.oracle.pages import BadArgument, Edge, Listing, Order, Page, check_page, page_of
from tests.oracle.shapes import date, measure
from tests.oracle.tables import RECORDS, Seen

Arguments = Mapping[str, Any]
Resolver = Callable[[Any, Arguments], Any]

LIST_LIMIT = 100

# --- lists --------------------------------------------------------------------

_CREATED = (Order("CREATED_ASC", ("id",)), Order("CREATED_DESC", ("id",), descending=True))
_UPDATED = Order("UPDATED_DESC", ("entered", "id"), descending=True)


def _both(name: str, *columns: str) -> tuple[Order, Order]:
    return Order(f"{name}_ASC", columns), Order(f"{name}_DESC", columns, descending=True)


_BY_NAME = (*_both("NAME", "name_key", "id"), *_CREATED, _UPDATED)
ORDERS: Mapping[str, tuple[Order, ...]] = {
    "actor": _BY_NAME,
    "item": _BY_NAME,
    "transfer": (*reversed(_both("OCCURRED", "occurred_earliest", "id")), *_CREATED, _UPDATED),
    "citation": (*reversed(_both("PUBLISHED", "published_earliest", "id")), *_CREATED, _UPDATED),
    "claim": (*_CREATED, _UPDATED),
    "changeset": tuple(reversed(_both("POSITION", "position"))),
    "proposal": (*_CREATED, *_both("UPDATED", "updated_at", "id")),
    **dict.fromkeys(("newsroom", "editor", "key"), _CREATED),
}
"""The orders of each list; the first is what a list has when none is asked for."""


def _all(table: str) -> Listing:
    return Listing(table, orders=ORDERS[table])


def _whose(table: str, column: str) -> Listing:
    """Records whose column holds this record's id."""
    return Listing(table, lambda of, row: row[column] == of["id"], ORDERS[table])


_READING_LISTS = {
    "actors": _all("actor"),
    "items": _all("item"),
    "transfers": _all("transfer"),
    "citations": _all("citation"),
    "claims": _all("claim"),
    "changesets": _all("changeset"),
    "findings": Listing(
        "finding_key", orders=_both("RECORD", "record", "place"), rows=findings.every
    ),
}
_RECORD_LISTS = {
    "history": Listing(
        "revision",
        lambda of, row: row["record_id"] == of["id"],
        (Order("VERSION_ASC", ("version",)),),
    ),
    "claims": _whose("claim", "subject"),
}

_ACCESS_LISTS = {
    "accessHistory": Listing(
        "revision",
        lambda of, row: row["record_id"] == of["id"],
        (Order("VERSION_ASC", ("version",)),),
    ),
}

LISTINGS: Mapping[str, Mapping[str, Listing]] = {
    "Query": {
        **_READING_LISTS,
        "proposals": _all("proposal"),
        **{f"{one}s": _all(one) for one in ("newsroom", "editor", "key")},
    },
    "Newsroom": _ACCESS_LISTS,
    "Editor": {
        **_ACCESS_LISTS,
        "keys": Listing("key", lambda of, row: row["editor"] == of["id"], _CREATED[:1]),
    },
    "Key": _ACCESS_LISTS,
    "Archive": _READING_LISTS,
    "Record": _RECORD_LISTS,
    "Actor": {
        **_RECORD_LISTS,
        "given": _whose("transfer", "giver"),
        "received": _whose("transfer", "receiver"),
        "agents": _whose("actor", "acts_for"),
        "parts": _whose("actor", "part_of"),
        "published": _whose("citation", "publisher"),
        "asserted": _whose("claim", "asserted_by"),
    },
    "Item": {
        **_RECORD_LISTS,
        "narrower": _whose("item", "broader"),
        "transfers": _whose("transfer", "item"),
    },
    "Transfer": {
        **_RECORD_LISTS,
        "parts": _whose("transfer", "part_of"),
        "countedAgainst": _whose("transfer", "consideration_for"),
    },
    "Citation": {**_RECORD_LISTS, "claimsResting": _whose("claim", "citation")},
    "Claim": {
        **_RECORD_LISTS,
        "derivedBy": Listing(
            "derivation",
            lambda of, row: row["parent"] == of["id"],
            (Order("CLAIM_ASC", ("claim",)),),
        ),
    },
    "Finding": {
        "claims": Listing("claim", orders=ORDERS["claim"], rows=findings.about),
        "history": Listing(
            "change",
            lambda of, row: (
                (row["record_id"], row["field"]) == (of["record"], of["name"])
                and row["version"] <= of["version"]
            ),
            (Order("VERSION_ASC", ("version",)),),
        ),
    },
    "FindingPosition": {
        "claims": Listing("claim", orders=ORDERS["claim"], rows=lambda of: of.claims),
    },
    "Changeset": {
        "revisions": Listing(
            "revision",
            lambda of, row: row["position"] == of["position"] and of["kind"] != "ACCESS",
            (Order("PLACE_ASC", ("place",)),),
        ),
    },
}
"""The connections of each type."""


def _listed(listing: Listing) -> Resolver:
    return lambda of, arguments: page_of(listing, of, arguments)


def _page_info(page: Page) -> Mapping[str, Any]:
    return {
        "hasNextPage": page.has_next,
        "hasPreviousPage": page.has_previous,
        "startCursor": page.cursor(page.rows[0]) if page.rows else None,
        "endCursor": page.cursor(page.rows[-1]) if page.rows else None,
    }


_CONNECTION: Mapping[str, Resolver] = {
    "edges": lambda page, _: [Edge(row, page.cursor(row)) for row in page.rows],
    "nodes": lambda page, _: list(page.rows),
    "pageInfo": lambda page, _: _page_info(page),
    "totalCount": lambda page, _: page.total,
}
_EDGE: Mapping[str, Resolver] = {
    "node": lambda edge, _: edge.node,
    "cursor": lambda edge, _: edge.cursor,
}


# --- single values ------------------------------------------------------------


def _columns(*names: str, **renamed: str) -> dict[str, Resolver]:
    """Fields that show a column as it is."""
    shown = {_camel(name): name for name in names} | renamed
    return {field: _column(name) for field, name in shown.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _of_change(name: str) -> Resolver:
    """A member of a change, or of a difference between two versions."""

    def member(one: Any, _arguments: Arguments) -> Any:
        value = one[name]
        return json.loads(value) if isinstance(one, Seen) and name != "field" else value

    return member


def _of_position(*names: str) -> dict[str, Resolver]:
    """Fields of a position that a function of `findings` of that name works out."""

    def worked_out(name: str) -> Resolver:
        return lambda position, _: getattr(findings, name)(position)

    return {_camel(name): worked_out(name) for name in names}


def _column(name: str) -> Resolver:
    return lambda row, _: row[name]


def _members(*names: str) -> dict[str, Resolver]:
    """Fields of an object that was made whole by another resolver."""

    def member(name: str) -> Resolver:
        return lambda made, _: made.get(name)

    return {name: member(name) for name in names}


def _marked(name: str = "id") -> Resolver:
    return lambda row, _: row.marked(row[name])


def _links(table: str, *names: str) -> dict[str, Resolver]:
    """Fields that show the row whose id a column holds."""

    def link(name: str) -> Resolver:
        return lambda row, _: row.one(table, row[name])

    return {_camel(name): link(name) for name in names}


def _list(name: str) -> Resolver:
    return lambda row, _: row[name] or []


def claim_value(claim: Seen, _arguments: Arguments) -> Mapping[str, Any] | None:
    """Return the value of a claim, with the name of its type."""
    if claim["value_tag"] is None:
        return None
    return _CLAIMED[claim["value_tag"]](claim)


_CLAIMED: Mapping[str, Callable[[Seen], Mapping[str, Any]]] = {
    "quantity": lambda claim: {"type": "Measure", **(measure(claim, "value") or {})},
    "money": lambda claim: {"type": "Money", **(measure(claim, "value") or {})},
    "date": lambda claim: {
        "type": "UncertainDate",
        **(date(claim, "value_date", "value") or {}),
    },
    "record": lambda claim: {
        "type": "RecordValue",
        "record": record(claim, claim["value_record"]),
    },
    "code": lambda claim: {"type": "CodeValue", "code": claim["value_code"]},
    "text": lambda claim: {"type": "TextValue", "text": claim["value_text"]},
}


def record(row: Seen, wanted: str | None) -> Seen | None:
    """Return the record of an id, of whatever kind."""
    return None if wanted is None else row.one(wanted.partition("_")[0], wanted)


# --- the audit trail ----------------------------------------------------------


def _revision(of: Seen, record_id: str, version: int) -> Seen | None:
    found = [row for row in of.of_record("revision", record_id) if row["version"] == version]
    return found[0] if found else None


def _changes(revision: Seen) -> list[Seen]:
    """Return the changes of a revision, in the order of its kind's fields."""
    record_id, version = revision["record_id"], revision["version"]
    found = [row for row in revision.of_record("change", record_id) if row["version"] == version]
    return sorted(found, key=lambda row: _place(record_id, row["field"]))


def _place(record_id: str, field: str) -> int:
    return list(KINDS[record_id.partition("_")[0]].fields).index(field)


def _trail(of: Seen) -> list[Seen]:
    """Return every change of a record up to the version read, the first one first."""
    return [row for row in of.of_record("change", of["id"]) if row["version"] <= of["version"]]


def held(of: Seen, version: int) -> dict[str, Any]:
    """Return the fields that a record held at a version, replayed from its changes."""
    fields: dict[str, Any] = {}
    for change in _trail(of):
        if change["version"] <= version:
            fields[change["field"]] = json.loads(change["after"])
    return fields


def diff(of: Seen, arguments: Arguments) -> list[Mapping[str, Any]]:
    """Return the fields that differ between two versions."""
    end = of["version"] if arguments.get("to") is None else arguments["to"]
    before, after = held(of, arguments["from"]), held(of, end)
    low, high = sorted((arguments["from"], end))
    last = {row["field"]: row for row in _trail(of) if low < row["version"] <= high}
    started = _sources(of, of["id"], low)
    taken = {
        field: _taken_of(
            of, of["id"], {(field, last[field]["version"]), (field, started.get(field, 0))}
        )
        for field in last
    }
    return [
        {
            "field": field,
            "before": before.get(field),
            "after": after.get(field),
            "revision": _revision(of, of["id"], last[field]["version"]),
            "redactions": taken[field],
        }
        for field in KINDS[of.table].fields
        if before.get(field) != after.get(field) or taken.get(field)
    ]


def blame(of: Seen, _arguments: Arguments) -> list[Mapping[str, Any]]:
    """Return for each field that was ever set its value, and the revision that set it."""
    last = {change["field"]: change for change in _trail(of)}
    return [
        {
            "field": field,
            "value": json.loads(last[field]["after"]),
            "revision": _revision(of, of["id"], last[field]["version"]),
            "redactions": _taken_of(of, of["id"], {(field, last[field]["version"])}),
        }
        for field in KINDS[of.table].fields
        if field in last
    ]


def _header(changeset: Seen, name: str) -> Any:
    found = changeset.tables.headers.get((changeset["position"], name))
    return None if found is None else json.loads(found)


def _reason(changeset: Seen, _arguments: Arguments) -> Mapping[str, Any]:
    return {"code": changeset["reason_code"], "note": _header(changeset, "note")}


def _reverted_by(changeset: Seen, _arguments: Arguments) -> list[Seen]:
    found = [row for row in changeset.every("changeset") if row["reverts"] == changeset["position"]]
    return sorted(found, key=lambda row: row["position"])


def _derived_from(claim: Seen, _arguments: Arguments) -> list[Seen]:
    found = [
        row
        for row in claim.every("derivation")
        if (row["claim"], row["version"]) == (claim["id"], claim["version"])
    ]
    return sorted(found, key=lambda row: row["place"])


# --- redactions ---------------------------------------------------------------


def _taken(of: Seen, *, position: int | None = None, target: int | None = None) -> list[Seen]:
    """Return the targets of a redaction, or those that took from a changeset, in their order."""
    found = [
        row
        for row in of.every("redaction_target")
        if position in (None, row["position"]) and target in (None, row["target"])
    ]
    return sorted(found, key=lambda row: (row["position"], row["place"]))


def _taken_of(of: Seen, record_id: str, sources: set[tuple[str, int]]) -> list[Seen]:
    """Return the targets that took what a record's fields were set to at versions."""
    return [
        row
        for row in _taken(of)
        if row["scope"] == record_id and (row["field"], row["version"]) in sources
    ]


def _sources(of: Seen, record_id: str, version: int) -> dict[str, int]:
    """Return by which version each field of a record was last set, up to a version."""
    changes = of.of_record("change", record_id)
    return {row["field"]: row["version"] for row in changes if row["version"] <= version}


def _redactions_of_record(of: Seen, _arguments: Arguments) -> list[Seen]:
    return _taken_of(of, of["id"], set(_sources(of, of["id"], of["version"]).items()))


def _redactions_of_revision(of: Seen, _arguments: Arguments) -> list[Seen]:
    changed = {(row["field"], row["version"]) for row in _changes(of)}
    return _taken_of(of, of["record_id"], changed)


def _redactions_of_change(one: Any, _arguments: Arguments) -> list[Seen]:
    if not isinstance(one, Seen):
        taken: list[Seen] = one["redactions"]
        return taken
    field, version = one["field"], one["version"]
    before = _sources(one, one["record_id"], version - 1).get(field, 0)
    return _taken_of(one, one["record_id"], {(field, version), (field, before)})


def _changed_by(redaction: Seen, _arguments: Arguments) -> Seen | None:
    """Return the changeset of a redaction, as of the present."""
    return redaction.at(None).changeset(redaction["position"])


def _authority(of: Seen, _arguments: Arguments) -> str | None:
    found = [row for row in of.every("redaction") if row["position"] == of["position"]]
    return found[0]["authority"] if found else None


def _lost_by(redaction: Seen, _arguments: Arguments) -> str | None:
    return None if redaction["version"] is None else redaction.marked(redaction["scope"])


# --- proposals ----------------------------------------------------------------


def _draft(proposal: Seen, table: str) -> list[Seen]:
    """Return the rows of a table that belong to the draft which stands, in their order."""
    key = proposal["id"], proposal["revision"]
    found = [row for row in proposal.every(table) if (row["proposal"], row["revision"]) == key]
    return sorted(found, key=lambda row: row["place"]) if table == "proposal_step" else found


def _input(proposal: Seen, _arguments: Arguments) -> Any:
    (draft,) = _draft(proposal, "proposal_draft")
    return json.loads(draft["input"])


def _asked_reason(proposal: Seen, arguments: Arguments) -> Any:
    content = _input(proposal, arguments)
    return None if content is None else content["reason"]


def _changes_asked(step: Seen, _arguments: Arguments) -> list[Mapping[str, Any]]:
    own = ("proposal", "revision", "record_id")
    found = [
        row for row in step.every("proposal_change") if all(row[name] == step[name] for name in own)
    ]
    return [
        {"field": row["field"], "before": json.loads(row["before"]),
         "after": json.loads(row["after"])}
        for row in sorted(found, key=lambda row: row["place"])
    ]  # fmt: skip


def _events(proposal: Seen, _arguments: Arguments) -> list[Seen]:
    found = [row for row in proposal.every("proposal_event") if row["proposal"] == proposal["id"]]
    return sorted(found, key=lambda row: row["place"])


def _said(event: Seen, _arguments: Arguments) -> str | None:
    if event["position"] is None:
        return event["note"]
    review = json.loads(event.tables.headers[event["position"], "review"])
    return None if review is None else review["note"]


def _proposal_counts(of: Seen, _arguments: Arguments) -> list[Mapping[str, Any]]:
    found: dict[tuple[str, str], list[Seen]] = {}
    for row in of.every("proposal"):
        found.setdefault((row["state"], row["newsroom"]), []).append(row)
    return [
        {
            "state": state,
            "newsroom": of.one("newsroom", newsroom),
            "count": len(rows),
            "oldestAt": min(row["created_at"] for row in rows),
        }
        for (state, newsroom), rows in sorted(found.items())
    ]


# --- roots --------------------------------------------------------------------


def node(of: Seen, wanted: str) -> Seen | None:
    """Return whatever has an id; one that carries a position is read as of that position.

    Inside an archive everything is read as of the archive's position. A position that has not
    come yet reads nothing.
    """
    kind, position = id_kind(wanted).rstrip("@"), marked_position(wanted)
    if kind == "?" or ("@" in wanted and position is None):
        return None
    if of.moment is None and position is not None and position > of.tables.head:
        return None
    moment = position if of.moment is None else of.moment
    if kind in ("proposal", "key") and moment is not None:
        return None
    if kind.endswith("."):
        return findings.of_field(of.at(moment), *finding_parts(wanted))
    return of.at(moment).one(kind, plain_id(wanted))


def _of_kind(kind: str) -> Resolver:
    def find(of: Seen, arguments: Arguments) -> Seen | None:
        found = node(of, arguments["id"])
        return found if found is not None and found.table == kind else None

    return find


def _changeset(of: Seen, arguments: Arguments) -> Seen | None:
    if arguments.get("position") is not None:
        return of.changeset(arguments["position"])
    return _of_kind("changeset")(of, arguments)


def _archive(of: Seen, arguments: Arguments) -> Seen:
    if arguments.get("position") is not None:
        return of.at(min(arguments["position"], of.tables.head))
    earlier = [
        row["position"]
        for row in of.tables.rows["changeset"]
        if row["recorded_at"] <= arguments["at"]
    ]
    return of.at(max(earlier, default=0))


def _recorded_at(archive: Seen, _arguments: Arguments) -> str | None:
    changeset = archive.changeset(archive.moment)
    return None if changeset is None else changeset["recorded_at"]


def _viewer(of: Seen, _arguments: Arguments) -> Mapping[str, Any]:
    """Who asks: not read from the tables, so that documents are mixed."""
    (asking,) = (row for row in of.every("editor") if row["name"] == "Demo admin")
    acts = {
        **dict.fromkeys(("READ", "READ_PROPOSALS", "READ_INTERNAL", "READ_ACCESS"), "LEDGER"),
        "READ_TRAFFIC": "LEDGER",
        **dict.fromkeys(("PROPOSE", "WITHDRAW_OTHERS"), "NEWSROOM"),
        **dict.fromkeys(("COMMIT", "CORRECT_OTHERS", "DECIDE", "REDACT"), "LEDGER"),
        "OWN_KEYS": "NEWSROOM",
        "MANAGE_ACCESS": "LEDGER",
    }
    return {
        "authenticated": True,
        "name": asking["name"],
        "editorId": asking["id"],
        "newsroomId": asking["newsroom"],
        "isHouse": True,
        "scopes": None,
        "role": "ADMIN",
        "acts": [{"act": act, "reach": reach} for act, reach in acts.items()],
        "mayCommit": True,
    }


# --- every field --------------------------------------------------------------

_READING: Mapping[str, Resolver] = {
    "node": lambda of, arguments: node(of, arguments["id"]),
    "nodes": lambda of, arguments: [node(of, one) for one in arguments["ids"]],
    **{kind: _of_kind(kind) for kind in RECORDS},
    "changeset": _changeset,
}

_RECORD: Mapping[str, Resolver] = {
    "id": _marked(),
    **_columns("version", "state", "external_ref", position="entered"),
    "enteredAt": lambda row, _: row.changeset(row["entered"])["recorded_at"],
    **_links("newsroom", "newsroom"),
    "changeset": lambda row, _: row.changeset(row["entered"]),
    "revision": lambda row, arguments: _revision(row, row["id"], arguments["version"]),
    "diff": diff,
    "blame": blame,
    "redactions": _redactions_of_record,
    "findings": lambda row, arguments: findings.of_record(row, arguments.get("fields")),
}

_NAMED: Mapping[str, Resolver] = {
    **_columns("name", "kind", "description"),
    "aliases": _list("aliases"),
    "identifiers": _list("identifiers"),
}

_MEASURE = ("amount", "lower", "upper", "approximate", "unit", "verbatim")

_FIELDS: Mapping[str, Mapping[str, Resolver]] = {
    "Query": {
        **_READING,
        "archive": _archive,
        "viewer": _viewer,
        "proposal": _of_kind("proposal"),
        "proposalCounts": _proposal_counts,
        "ownKeys": lambda of, _: access.keys_of(of, _viewer(of, {})["editorId"]),
    },
    "Proposal": {
        "id": _marked(),
        **_columns("state", "revision", "created_at", "updated_at", "decided_at"),
        **_links("newsroom", "newsroom"),
        **_links("editor", "editor"),
        "reason": _asked_reason,
        "input": _input,
        "basedOn": lambda row, _: _draft(row, "proposal_draft")[0]["based_on"],
        "isRedacted": lambda row, _: _draft(row, "proposal_draft")[0]["input"] == "null",
        "steps": lambda row, _: _draft(row, "proposal_step"),
        "events": _events,
        "changeset": lambda row, _: row.changeset(row["changeset"]),
    },
    "ProposedReason": _members("code", "note", "internalNote"),
    "ProposedStep": {
        **_columns("record_id", "version", "action"),
        "changes": _changes_asked,
        "record": lambda row, _: record(row, row["record_id"]),
    },
    "ProposedChange": _members("field", "before", "after"),
    "ProposalEvent": {
        **_columns("kind", "revision", "at"),
        **_links("editor", "editor"),
        **_links("newsroom", "newsroom"),
        "note": _said,
        "changeset": lambda row, _: row.changeset(row["position"]),
    },
    "ProposalCount": _members("state", "newsroom", "count", "oldestAt"),
    "Archive": {
        **_READING,
        "position": lambda archive, _: archive.moment,
        "recordedAt": _recorded_at,
    },
    "Viewer": _members(
        "authenticated",
        "name",
        "editorId",
        "newsroomId",
        "isHouse",
        "scopes",
        "role",
        "acts",
        "mayCommit",
    ),
    "ActReach": _members("act", "reach"),
    "Newsroom": {"id": _marked(), **_columns("name", "house", "created_at")},
    "Editor": {
        "id": _marked(),
        **_columns("name", "role", "identity", "created_at", "retired_at"),
        **_links("newsroom", "newsroom"),
        "state": lambda row, _: access.editor_state(row),
    },
    "Key": {
        "id": _marked(),
        **_columns("label", "scopes", "created_at", "not_before", "expires_at", "revoked_at"),
        **_columns("rotated_from"),
        **_links("editor", "editor"),
        "state": lambda row, _: access.key_state(row),
        "lastUsedAt": lambda row, _: access.last_used_at(row),
    },
    "AccessChange": {
        **_columns("record_id", "version", "position", "action"),
        "kind": lambda row, _: row["record_id"].partition("_")[0].upper(),
        "changeset": lambda row, _: row.changeset(row["position"]),
        "changes": lambda row, _: access.fields_of(row),
    },
    "AccessFieldChange": _members("field", "before", "after"),
    "Actor": {
        **_RECORD,
        **_NAMED,
        **_columns("country"),
        **_links("actor", "acts_for", "part_of", "merged_into"),
    },
    "Item": {
        **_RECORD,
        **_NAMED,
        **_columns("unit", "hs_code"),
        **_links("item", "broader", "merged_into"),
    },
    "Transfer": {
        **_RECORD,
        **_columns("title", "nature", "stage", "origin", "destination", "route", "transport"),
        **_columns("purpose", "consideration_extent", "summary"),
        **_links("actor", "giver", "receiver", "used_against"),
        **_links("item", "item"),
        **_links("transfer", "part_of", "consideration_for"),
        "quantity": lambda row, _: measure(row, "quantity"),
        "value": lambda row, _: measure(row, "value"),
        "occurred": lambda row, _: date(row, "occurred", "occurred"),
    },
    "Citation": {
        **_RECORD,
        **_columns("kind", "title", "url", "archive_url", "language", "accessed", "integrity"),
        **_columns("notice_url", contentSha256="content_sha256"),
        **_links("actor", "publisher"),
        "authors": _list("authors"),
        "published": lambda row, _: date(row, "published", "published"),
    },
    "Claim": {
        **_RECORD,
        **_columns("field", "stance", "locator", "quote"),
        **_links("actor", "asserted_by"),
        **_links("citation", "citation"),
        "subject": lambda row, _: record(row, row["subject"]),
        "value": claim_value,
        "derivedFrom": _derived_from,
        "live": lambda row, _: findings.is_live(row),
        "finding": lambda row, _: findings.of_field(row, row["subject"], row["field"]),
        "chain": lambda row, arguments: findings.chain(row, arguments.get("direction")),
    },
    "Finding": {
        "id": lambda found, _: found.marked(f"{found['record']}.{found['field']}"),
        "record": lambda found, _: record(found, found["record"]),
        **_columns("field"),
        "status": lambda found, _: findings.status(found),
        "held": claim_value,
        "positions": lambda found, _: findings.positions(found),
        "hulls": lambda found, _: findings.hulls(found),
        "chain": lambda found, arguments: findings.chain(found, arguments.get("direction")),
    },
    "FindingPosition": {
        "value": lambda position, _: claim_value(position.first, {}),
        "denied": lambda position, _: position.first["stance"] == "DENIES",
        "agrees": lambda position, _: findings.agrees(position.found, position.first),
        **_of_position("asserters", "citations", "origins", "origin_count", "suspected"),
    },
    "ClaimOrigin": _members("citation", "kind"),
    "OriginCount": _members("total", "primary", "unsourced", "other"),
    "Hull": _members("unit", "lower", "upper"),
    "Chain": {
        "nodes": lambda chain, _: chain.nodes,
        "links": lambda chain, _: chain.links,
        "roots": lambda chain, _: chain.roots,
        "size": lambda chain, _: len(chain.ids),
        "isComplete": lambda chain, _: len(chain.ids) <= findings.CHAIN_LIMIT,
    },
    "ChainLink": {
        "claim": lambda link, _: link.one("claim", link["claim"]),
        "parent": lambda link, _: link.one("claim", link["parent"]),
        **_columns("derivation"),
    },
    "ChainRoot": {
        "claim": lambda claim, _: claim,
        "kind": lambda claim, _: findings.origin_kind(claim),
    },
    "Measure": _members(*_MEASURE),
    "Money": _members(*_MEASURE, "basis"),
    "UncertainDate": _members("edtf", "earliest", "latest"),
    "RecordValue": _members("record"),
    "CodeValue": _members("code"),
    "TextValue": _members("text"),
    "Alias": _members("text", "language"),
    "Identifier": _members("scheme", "value"),
    "Quote": _members("exact", "prefix", "suffix"),
    "DerivationLink": {
        "claim": lambda row, _: row.one("claim", row["parent"]),
        **_columns("derivation"),
    },
    "DerivedClaim": {**_links("claim", "claim"), **_columns("derivation")},
    "Changeset": {
        "id": _marked(),
        **_columns("position", "recorded_at", "kind", "role"),
        "reason": _reason,
        **_links("editor", "editor"),
        "editorName": lambda row, _: _header(row, "editorName"),
        **_links("newsroom", "newsroom", "on_behalf_of"),
        **_links("editor", "contributor"),
        "proposal": lambda row, _: row.at(None).one("proposal", row["proposal"]),
        "reverts": lambda row, _: row.changeset(row["reverts"]),
        "revertedBy": _reverted_by,
        "internalNote": lambda row, _: _header(row, "internalNote"),
        "origin": lambda row, _: _header(row, "origin"),
        "redactions": lambda row, _: _taken(row, target=row["position"]),
        "redacted": lambda row, _: _taken(row, position=row["position"]),
        "authority": _authority,
        "accessChanges": lambda row, _: access.changes_of(row),
    },
    "Redaction": {
        **_columns("position", "version", "field", "digest", takenFrom="target"),
        "authority": _authority,
        "recordedAt": lambda row, _: _changed_by(row, {})["recorded_at"],
        "reason": lambda row, _: _reason(_changed_by(row, {}), {}),
        "changeset": _changed_by,
        "recordId": _lost_by,
    },
    "Reason": _members("code", "note"),
    "Origin": _members(
        "ledger",
        "position",
        "recordedAt",
        "editor",
        "newsroom",
        "kind",
        "contributor",
        "onBehalfOf",
    ),
    "Revision": {
        "recordId": _marked("record_id"),
        **_columns("version", "position", "action"),
        "changeset": lambda row, _: row.changeset(row["position"]),
        "changes": lambda row, _: _changes(row),
        # As the revision left it, whatever the moment of reading.
        "record": lambda row, _: record(row.at(row["position"]), row["record_id"]),
        "redactions": _redactions_of_revision,
    },
    "Change": {
        **{name: _of_change(name) for name in ("field", "before", "after")},
        "revision": lambda one, _: (
            _revision(one, one["record_id"], one["version"])
            if isinstance(one, Seen)
            else one["revision"]
        ),
        "redactions": _redactions_of_change,
    },
    "Blame": _members("field", "value", "revision", "redactions"),
    "PageInfo": _members("hasNextPage", "hasPreviousPage", "startCursor", "endCursor"),
}


RESOLVERS: Mapping[str, Mapping[str, Resolver]] = {
    **_FIELDS,
    **{
        name: {**_FIELDS.get(name, {}), **{field: _listed(one) for field, one in lists.items()}}
        for name, lists in LISTINGS.items()
        if name != "Record"
    },
}


def resolver_of(type_name: str, field: str) -> Resolver | None:
    """Return the resolver of a field; None where it has none."""
    shared = (
        _CONNECTION
        if type_name.endswith("Connection")
        else _EDGE
        if type_name.endswith("Edge")
        else RESOLVERS.get(type_name, {})
    )
    return shared.get(field)


# --- arguments ----------------------------------------------------------------


def check_arguments(type_name: str, field: str, arguments: Arguments) -> None:
    """Raise `BadArgument` for arguments that the contract does not take."""
    listing = LISTINGS.get(type_name, {}).get(field)
    if listing is not None:
        check_page(listing, arguments)
    if field == "nodes" and "ids" in arguments and len(arguments["ids"]) > LIST_LIMIT:
        raise BadArgument("too many ids")
    choices = _ONE_OF.get(field, ()) if type_name in ("Query", "Archive") else ()
    if choices and sum(arguments.get(name) is not None for name in choices) != 1:
        raise BadArgument("not exactly one of several")


_ONE_OF = {"changeset": ("position", "id"), "archive": ("position", "at")}


def type_of(value: Any) -> str:
    """Return the name of the type of what an interface or union shows."""
    if isinstance(value, Seen):
        return value.table.capitalize()
    name: str = value["type"]
    return name
