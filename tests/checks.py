"""What must hold of every ledger, whatever was done to it: checked from the stored rows.

Each check raises AssertionError where the ledger contradicts itself, and returns how much it
looked at. They read everything: for tests and faults, not for production.
"""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import nullcontext
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine

from app.domain.codes import Action, ChangesetKind, RecordState
from app.domain.decisions import references
from app.domain.kinds import KINDS, is_access
from app.domain.records import Change, Record, kind_name, replay
from app.domain.redacting import REDACTED, placeholder
from app.log.base64url import decode_base64url
from app.log.disclosure import digest, disclose
from app.log.entry import changeset_root, entry, redaction_target, revision_document
from app.log.tree import Peaks, leaf_hash
from app.store import access, tables
from app.store.ledger import instant_text, parse_instant
from app.store.records import load_present
from app.store.rows import to_record
from app.store.search_index import search_differences
from app.store.tree import completed_nodes

T = tables.metadata.tables
END = tables.END


def everything_holds(engine: Engine) -> int:
    """Check all of it; return the number of edits: of changesets that are no access change."""
    with engine.connect() as connection:
        look: Any = OneLook(connection)
        present_equals_replay(look)
        versions_are_gapless(look)
        every_version_has_a_reason(look)
        nothing_names_a_merged_record(look)
        entries_follow_from_rows(look)
        redactions_take_what_is_gone(look)
        search_finds_the_present(look)
        log_is_gapless(look)
        changesets = _rows(look, sa.select(T["changeset"].c.kind))
    return sum(row["kind"] != ChangesetKind.ACCESS for row in changesets)


class OneLook:
    """An engine's stand-in for several checks: they share its connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connect = lambda: nullcontext(connection)


def present_equals_replay(engine: Engine) -> int:
    """Every record is, in state and fields, what replaying its changes gives."""
    steps = _steps(engine)
    held = _present(engine)
    assert set(steps) == set(held)
    for record_id, revisions in steps.items():
        state, fields = replay(revisions)
        record = held[record_id]
        assert (record.state, record.fields) == (state, fields), record_id
        assert record.version == len(revisions), record_id
    return len(held)


def versions_are_gapless(engine: Engine) -> int:
    """Each record's versions count from 1; each is superseded where the next one enters."""
    rows = 0
    for kind in KINDS:
        columns = T[kind].c
        found: dict[str, list[Any]] = defaultdict(list)
        query = sa.select(columns.id, columns.version, columns.entered, columns.superseded)
        for row in _rows(engine, query.order_by(columns.id, columns.version)):
            found[row["id"]].append(row)
        for record_id, versions in found.items():
            numbers = [row["version"] for row in versions]
            assert numbers == [*range(1, len(versions) + 1)], record_id
            entered = [row["entered"] for row in versions]
            assert [row["superseded"] for row in versions] == [*entered[1:], END], record_id
            assert entered == sorted(set(entered)), record_id
            rows += len(versions)
    return rows


def every_version_has_a_reason(engine: Engine) -> int:
    """Every revision belongs to a changeset with a code and a note that is not blank."""
    notes = {
        row["position"]: json.loads(row["value"])
        for row in _rows(engine, sa.select(T["header"]).where(T["header"].c.name == "note"))
    }
    changesets = _rows(engine, sa.select(T["changeset"]))
    codes = {row["position"]: row["reason_code"] for row in changesets}
    revisions = _rows(engine, sa.select(T["revision"]))
    for row in revisions:
        assert notes[row["position"]].strip()
        assert codes[row["position"]]
    return len(revisions)


def nothing_names_a_merged_record(engine: Engine) -> int:
    """Every record that a present one names is there, and was not merged away."""
    held = _present(engine)
    named = 0
    for record in held.values():
        if is_access(record.id):
            continue
        for target in references(record.kind, record.fields):
            assert held[target].state is not RecordState.MERGED, (record.id, target)
            named += 1
    return named


def search_finds_the_present(engine: Engine) -> int:
    """The search index has what each active record asks for in its present version, no more."""
    with engine.connect() as connection:
        assert search_differences(connection) == []
        indexed: int = connection.execute(
            sa.select(sa.func.count()).select_from(T["search"])
        ).scalar_one()
    return indexed


def log_is_gapless(engine: Engine) -> int:
    """Positions are 1 … n, each with one changeset and one entry; times never run backwards."""
    (head,) = _rows(engine, sa.select(T["head"]))
    positions = [*range(1, head["size"] + 1)]
    changesets = _rows(engine, sa.select(T["changeset"]).order_by(T["changeset"].c.position))
    entries = _rows(engine, sa.select(T["entry"].c.position).order_by(T["entry"].c.position))
    assert [row["position"] for row in changesets] == positions
    assert [row["position"] for row in entries] == positions
    times = [row["recorded_at"] for row in changesets]
    assert times == sorted(times)
    assert head["recorded_at"] == (times[-1] if times else "")
    return len(positions)


def entries_follow_from_rows(engine: Engine) -> int:
    """Values and salts give the digests; digests the documents, entries, leaves and the head."""
    peaks = Peaks()
    documents, headers = _documents(engine), _headers(engine)
    redactions = _redactions(engine)
    rows = _rows(
        engine,
        sa.select(T["changeset"], T["entry"].c.body, T["entry"].c.leaf_hash)
        .join_from(T["changeset"], T["entry"])
        .order_by(T["changeset"].c.position),
    )
    for row in rows:
        position = row["position"]
        body = _entry(row, headers[position], documents[position], redactions.get(position, {}))
        assert body == row["body"].encode(), row["position"]
        assert leaf_hash(body) == row["leaf_hash"], row["position"]
        assert json.loads(body)["recordedAt"] == row["recorded_at"]
        peaks = peaks.append(row["leaf_hash"])
    (head,) = _rows(engine, sa.select(T["head"]))
    assert Peaks.decode(head["peaks"]) == peaks
    nodes_follow_from_entries(engine)
    return len(rows)


def redactions_take_what_is_gone(engine: Engine) -> int:
    """Rule R: a disclosure is gone if, and only if, one later redaction names its digest.

    What is gone is blank wherever it stood: in its own row, in `before` of the field's next
    change, and in every version that carried it. Each redaction covers the names of what it took.
    """
    targets = _rows(engine, sa.select(T["redaction_target"]))
    changes = _rows(
        engine,
        sa.select(T["change"], T["revision"].c.position)
        .join_from(T["change"], T["revision"])
        .order_by(T["change"].c.record_id, T["change"].c.field, T["change"].c.version),
    )
    gone = {
        row["digest"]: (row["position"], row["record_id"], row["version"], row["field"])
        for row in changes
        if row["salt"] == ""
    }
    for row in _rows(engine, sa.select(T["header"])):
        if row["salt"] == "":
            gone[row["digest"]] = (row["position"], "header", None, row["name"])
            assert json.loads(row["value"]) in (REDACTED, None)
    named = {row["digest"]: row for row in targets}
    assert len(named) == len(targets)
    assert {
        digest: (row["target"], row["scope"], row["version"], row["field"])
        for digest, row in named.items()
    } == gone
    assert all(row["target"] < row["position"] for row in targets)
    _names_are_covered(engine, targets)
    _gaps_are_everywhere(engine, changes)
    return len(gone)


def _names_are_covered(engine: Engine, targets: list[Any]) -> None:
    listed: dict[int, list[Any]] = defaultdict(list)
    for row in sorted(targets, key=lambda row: (row["position"], row["place"])):
        listed[row["position"]].append({"digest": row["digest"], "field": row["field"]})
    headers = _rows(engine, sa.select(T["header"]).where(T["header"].c.name == "redacted"))
    assert {row["position"]: json.loads(row["value"]) for row in headers} == listed
    redactions = _rows(engine, sa.select(T["redaction"].c.position))
    assert {row["position"] for row in redactions} == set(listed)


def _gaps_are_everywhere(engine: Engine, changes: list[Any]) -> None:
    versions: dict[tuple[str, int], Any] = {}
    for kind in KINDS:
        for row in _rows(engine, sa.select(T[kind])):
            versions[row["id"], row["version"]] = to_record(row, []).fields
    last = {record_id: 0 for record_id, _ in versions}
    for record_id, version in versions:
        last[record_id] = max(last[record_id], version)
    for place, row in enumerate(changes):
        if row["salt"] != "":
            continue
        key = row["record_id"], row["field"]
        gap = placeholder(kind_name(key[0]), key[1])
        assert json.loads(row["after"]) == gap, key
        following = changes[place + 1] if place + 1 < len(changes) else None
        ended = last[key[0]] + 1
        if following is not None and (following["record_id"], following["field"]) == key:
            assert json.loads(following["before"]) == gap, key
            ended = following["version"]
        for version in range(row["version"], ended):
            assert versions[key[0], version].get(key[1]) == gap, (*key, version)


def nodes_follow_from_entries(engine: Engine) -> int:
    """The stored nodes of the tree are those that its leaves complete, and no others."""
    peaks, nodes = Peaks(), list[tuple[int, int, bytes]]()
    for row in _rows(engine, sa.select(T["entry"].c.leaf_hash).order_by(T["entry"].c.position)):
        nodes += [
            (one["level"], one["number"], one["hash"])
            for one in completed_nodes(peaks, row["leaf_hash"])
        ]
        peaks = peaks.append(row["leaf_hash"])
    held = _rows(engine, sa.select(T["node"]))
    assert sorted((row["level"], row["number"], row["hash"]) for row in held) == sorted(nodes)
    return len(nodes)


def _redactions(engine: Engine) -> dict[int, dict[str, Any]]:
    """Return what the entry of each redaction has beside the others: authority and targets."""
    leaves: dict[int, list[bytes]] = defaultdict(list)
    query = sa.select(T["redaction_target"])
    order = T["redaction_target"].c.position, T["redaction_target"].c.place
    for row in _rows(engine, query.order_by(*order)):
        leaf = redaction_target(
            position=row["target"],
            scope=row["scope"],
            version=row["version"],
            digest=row["digest"],
        )
        leaves[row["position"]].append(leaf)
    return {
        row["position"]: {
            "authority": row["authority"],
            "targets": changeset_root(leaves[row["position"]]),
        }
        for row in _rows(engine, sa.select(T["redaction"]))
    }


def _entry(
    row: Any, headers: list[Any], documents: list[bytes], redaction: dict[str, Any]
) -> bytes:
    at = parse_instant(row["recorded_at"])
    assert instant_text(at) == row["recorded_at"]
    return entry(
        kind=row["kind"],
        position=row["position"],
        changeset=row["id"],
        recorded_at=at,
        editor=row["editor"],
        newsroom=row["newsroom"],
        role=row["role"],
        reason_code=row["reason_code"],
        public=[one["digest"] for one in headers if not one["restricted"]],
        restricted=[one["digest"] for one in headers if one["restricted"]],
        revisions=changeset_root(documents),
        reverts=row["reverts"],
        on_behalf_of=row["on_behalf_of"],
        proposal=row["proposal"],
        contributor=row["contributor"],
        **redaction,
    )


def _headers(engine: Engine) -> dict[int, list[Any]]:
    headers: dict[int, list[Any]] = defaultdict(list)
    for row in _rows(engine, sa.select(T["header"])):
        _opens(row["name"], row["value"], row)
        headers[row["position"]].append(row)
    return headers


def _documents(engine: Engine) -> dict[int, list[bytes]]:
    """Return the revision documents of each changeset, and check that `prev` leaves no hole."""
    digests: dict[tuple[str, int], list[str]] = defaultdict(list)
    for row in _rows(engine, sa.select(T["change"])):
        _opens(row["field"], row["after"], row)
        digests[row["record_id"], row["version"]].append(row["digest"])
    documents: dict[int, list[bytes]] = defaultdict(list)
    last: dict[str, int] = {}
    for row in _revisions(engine):
        assert row["prev"] == last.get(row["record_id"]), row["record_id"]
        last[row["record_id"]] = row["position"]
        documents[row["position"]].append(
            revision_document(
                record=row["record_id"],
                version=row["version"],
                action=row["action"],
                prev=row["prev"],
                **_digests(row["record_id"], digests[row["record_id"], row["version"]]),
            )
        )
    return documents


def _digests(record_id: str, digests: list[str]) -> dict[str, list[str]]:
    """Return the digests of a revision document: what is told of access is restricted."""
    if is_access(record_id):
        return {"public": [], "restricted": digests}
    return {"public": digests, "restricted": []}


def _opens(name: str, value: str, row: Any) -> None:
    if row["salt"] == "":
        return  # redacted: `redactions_take_what_is_gone` looks at it
    disclosure = disclose(decode_base64url(row["salt"]), name, json.loads(value))
    assert digest(disclosure) == row["digest"], (name, value)


def _steps(engine: Engine) -> dict[str, list[tuple[Action, list[Change]]]]:
    changes: dict[tuple[str, int], list[Change]] = defaultdict(list)
    for row in _rows(engine, sa.select(T["change"]).order_by(T["change"].c.place)):
        change = Change(row["field"], json.loads(row["before"]), json.loads(row["after"]))
        changes[row["record_id"], row["version"]].append(change)
    steps: dict[str, list[tuple[Action, list[Change]]]] = defaultdict(list)
    for row in _revisions(engine):
        key = row["record_id"], row["version"]
        steps[row["record_id"]].append((Action(row["action"]), changes[key]))
    return steps


def _revisions(engine: Engine) -> list[Any]:
    columns = T["revision"].c
    return _rows(engine, sa.select(T["revision"]).order_by(columns.position, columns.place))


def _present(engine: Engine) -> dict[str, Record]:
    with engine.connect() as connection:
        ids = connection.execute(sa.select(T["record"].c.id)).scalars().all()
        return load_present(connection, ids) | access.held(connection, ids)


def _rows(engine: Engine, query: sa.Select[Any]) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(query).mappings())
