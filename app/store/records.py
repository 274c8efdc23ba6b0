"""Loading what a commit needs: present versions, locked, and what surrounds them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain import field_types as t
from app.domain.codes import Action, Derivation
from app.domain.kinds import KINDS
from app.domain.records import Change, Record, kind_name
from app.domain.reverting import Made
from app.store import tables
from app.store.rows import column_name, to_record
from app.store.tables import END

_BATCH: Final = 500
"""Ids in one statement, well under SQLite's limit of bound parameters."""

_HIERARCHY_LOCK: Final = 0x636F7272_01
"""Advisory lock of whoever changes a hierarchy; see `lock_hierarchies`."""

_When: TypeAlias = Callable[[sa.FromClause], sa.ColumnElement[bool]]

_revision: Final = tables.metadata.tables["revision"]
_change: Final = tables.metadata.tables["change"]
_redaction: Final = tables.metadata.tables["redaction"]
_derivation: Final = tables.metadata.tables["derivation"]


def table_of(kind: str) -> sa.Table:
    """Return the table of a kind of record."""
    return tables.metadata.tables[kind]


def lock_records(connection: Connection, stepped: Iterable[str], named: Iterable[str]) -> None:
    """Lock records in id order: those to be stepped alone, those referred to shared.

    On SQLite the writer is alone already.
    """
    if connection.dialect.name == "sqlite":
        return
    exclusive = set(stepped)
    wanted = sorted(exclusive | set(named))
    # In id order, so that two writers never wait for each other; runs of the same
    # mode go in one statement, a function of the owner (migration 0005). It locks
    # exclusively as NO KEY: the foreign keys of another writer's rows, written under
    # the log's lock, must not wait for a record that is locked.
    for mode, run in _runs(wanted, exclusive):
        connection.execute(_LOCK, {"wanted": run, "exclusive": mode})


_LOCK: Final = sa.text("SELECT corrigenda_lock(:wanted, :exclusive)")


def _runs(wanted: Sequence[str], exclusive: set[str]) -> Iterator[tuple[bool, list[str]]]:
    run: list[str] = []
    for place, record_id in enumerate(wanted):
        run.append(record_id)
        mode = record_id in exclusive
        at_end = place + 1 == len(wanted)
        if at_end or (wanted[place + 1] in exclusive) != mode or len(run) == _BATCH:
            yield mode, run
            run = []


def lock_hierarchies(connection: Connection) -> None:
    """Let one writer at a time change hierarchies of existing records.

    Two edits that lock different records can close a circle together; only
    taking turns prevents that.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _HIERARCHY_LOCK})


def lock_external_refs(connection: Connection, newsroom: str) -> None:
    """Let one writer at a time look for a newsroom's records by their external references.

    Two syncs of one newsroom take turns; who adds a record under a reference in another
    way is kept from adding a second one by the tables.
    """
    if connection.dialect.name == "postgresql":
        statement = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:newsroom, 1))")
        connection.execute(statement, {"newsroom": newsroom})


def load_present(connection: Connection, ids: Iterable[str]) -> dict[str, Record]:
    """Return the present version of each record that exists, by id."""
    return _load(connection, ids, is_present)


def load_as_of(connection: Connection, ids: Iterable[str], position: int) -> dict[str, Record]:
    """Return the version that each record had as of a position, where it had one."""
    return _load(
        connection,
        ids,
        lambda table: sa.and_(table.c.entered <= position, table.c.superseded > position),
    )


def load_version(connection: Connection, record_id: str, version: int) -> Record:
    """Return one version of a record; raises `LookupError` where there is none."""
    found = _load(
        connection,
        [record_id],
        # Its links have the claim's id in `claim`, and the same versions.
        lambda table: table.c.version == version,
    )
    return found[record_id]


def _load(connection: Connection, ids: Iterable[str], when: _When) -> dict[str, Record]:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for record_id in sorted(set(ids)):
        if kind_name(record_id) in KINDS:
            by_kind[kind_name(record_id)].append(record_id)
    found: dict[str, Record] = {}
    for kind, wanted in by_kind.items():
        column = table_of(kind).c.id
        for batch in _batches(wanted):
            for record in _load_where(connection, kind, column.in_(batch), when=when):
                found[record.id] = record
    return found


def is_present(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """The present: a literal, so that partial indexes serve it."""
    return table.c.superseded == sa.literal_column(str(END))


def _load_where(
    connection: Connection,
    kind: str,
    condition: sa.ColumnElement[bool],
    *,
    when: _When = is_present,
) -> list[Record]:
    table = table_of(kind)
    query = sa.select(table).where(when(table), condition).order_by(table.c.id)
    rows = connection.execute(query).mappings().all()
    claims = [row["id"] for row in rows] if kind == "claim" else []
    links = _derivations(connection, claims, when=when)
    return [to_record(row, links.get(row["id"], [])) for row in rows]


def _derivations(
    connection: Connection, claims: Sequence[str], *, when: _When = is_present
) -> dict[str, list[dict[str, str]]]:
    links: dict[str, list[dict[str, str]]] = defaultdict(list)
    for batch in _batches(claims):
        query = (
            sa.select(_derivation)
            .where(_derivation.c.claim.in_(batch), when(_derivation))
            .order_by(_derivation.c.claim, _derivation.c.place)
        )
        for row in connection.execute(query).mappings():
            links[row["claim"]].append({"claim": row["parent"], "derivation": row["derivation"]})
    return links


def load_referrers(connection: Connection, record_id: str) -> list[Record]:
    """Return every present record, of any state, that names `record_id`."""
    found: dict[str, Record] = {}
    for kind in KINDS:
        columns = [table_of(kind).c[name] for name in _reference_columns(kind, record_id)]
        if columns:
            condition = sa.or_(*(column == record_id for column in columns))
            for record in _load_where(connection, kind, condition):
                found[record.id] = record
    return [found[key] for key in sorted(found)]


def _reference_columns(kind: str, record_id: str) -> Iterator[str]:
    target = kind_name(record_id)
    for field in KINDS[kind].fields.values():
        if isinstance(field.type, t.Reference) and target in field.type.kinds:
            yield column_name(field.name)
        elif isinstance(field.type, t.ClaimValue) and target != "citation":
            yield "value_record"


def load_parents(
    connection: Connection, kind: str, field: str, ids: Iterable[str]
) -> dict[str, list[str]]:
    """Return child → parents of one hierarchical field, for every record above `ids`."""
    edges: dict[str, list[str]] = {}
    ahead = {record_id for record_id in ids if kind_name(record_id) == kind}
    while ahead:
        found = _parents_of(connection, kind, field, sorted(ahead))
        edges.update({child: found.get(child, []) for child in ahead})
        ahead = {parent for parents in found.values() for parent in parents} - set(edges)
    return edges


def _parents_of(
    connection: Connection, kind: str, field: str, ids: Sequence[str]
) -> dict[str, list[str]]:
    if isinstance(KINDS[kind].fields[field].type, t.Derivations):
        links = _derivations(connection, ids)
        return {child: [link["claim"] for link in found] for child, found in links.items()}
    table = table_of(kind)
    column = table.c[column_name(field)]
    edges: dict[str, list[str]] = defaultdict(list)
    for batch in _batches(ids):
        query = sa.select(table.c.id, column).where(
            is_present(table), table.c.id.in_(batch), column.is_not(None)
        )
        for child, parent in connection.execute(query):
            edges[child].append(parent)
    return edges


def load_claims_about(connection: Connection, subjects: Iterable[str]) -> dict[str, Record]:
    """Return the present claims about `subjects` and every claim they derive from."""
    found: dict[str, Record] = {}
    for batch in _batches(sorted(set(subjects))):
        condition = table_of("claim").c.subject.in_(batch)
        for claim in _load_where(connection, "claim", condition):
            found[claim.id] = claim
    ahead = _parents_not_in(found)
    while ahead:
        found.update(load_present(connection, ahead))
        ahead = _parents_not_in(found) - ahead
    return found


def load_claims_resting(
    connection: Connection, citations: Iterable[str], claims: Iterable[str]
) -> list[Record]:
    """Return the claims that are `claims` or cite `citations`, and all that rest on those."""
    found = load_present(connection, claims)
    for batch in _batches(sorted(set(citations))):
        condition = table_of("claim").c.citation.in_(batch)
        found.update((claim.id, claim) for claim in _load_where(connection, "claim", condition))
    ahead = set(found)
    while ahead:
        ahead = _derived_from(connection, ahead) - set(found)
        found.update(load_present(connection, ahead))
    return [found[key] for key in sorted(found)]


def _derived_from(connection: Connection, parents: Iterable[str]) -> set[str]:
    """Return the claims that rest on one of `parents` directly; suspicion is no ground."""
    derived = set[str]()
    for batch in _batches(sorted(parents)):
        query = sa.select(_derivation.c.claim).where(
            is_present(_derivation),
            _derivation.c.parent.in_(batch),
            _derivation.c.derivation != Derivation.SUSPECTED,
        )
        derived.update(connection.execute(query).scalars())
    return derived


def _parents_not_in(claims: Mapping[str, Record]) -> set[str]:
    return {
        link["claim"]
        for claim in claims.values()
        for link in claim.fields.get("derivedFrom", ())
        if link["claim"] not in claims
    }


def load_parts(connection: Connection, wholes: Iterable[str]) -> list[Record]:
    """Return the present transfers that are parts of `wholes`, of any state."""
    found = []
    for batch in _batches(sorted(set(wholes))):
        condition = table_of("transfer").c.part_of.in_(batch)
        found.extend(_load_where(connection, "transfer", condition))
    return found


def load_made(connection: Connection, position: int) -> tuple[Made, ...]:
    """Return what the changeset at `position` made, in its order."""
    revisions = connection.execute(
        sa.select(_revision).where(_revision.c.position == position).order_by(_revision.c.place)
    ).mappings()
    changes, gone = _changes_made(connection, position), _gone_before(connection, position)
    return tuple(
        Made(
            record_id=row["record_id"],
            version=row["version"],
            action=Action(row["action"]),
            changes=tuple(changes[row["record_id"]]),
            gone=frozenset(gone[row["record_id"]]),
        )
        for row in revisions.all()
    )


def is_redaction(connection: Connection, position: int) -> bool:
    """Tell whether the changeset at a position removed content."""
    query = sa.select(_redaction.c.position).where(_redaction.c.position == position)
    return connection.execute(query).first() is not None


def _gone_before(connection: Connection, position: int) -> dict[str, set[str]]:
    """Return record → fields that the changeset changed from a value that was redacted."""
    earlier = _change.alias("earlier")
    latest = (
        sa.select(sa.func.max(earlier.c.version))
        .where(
            earlier.c.record_id == _change.c.record_id,
            earlier.c.field == _change.c.field,
            earlier.c.version < _change.c.version,
        )
        .scalar_subquery()
    )
    source = _change.alias("source")
    query = (
        sa.select(_change.c.record_id, _change.c.field)
        .join_from(_revision, _change)
        .join(
            source,
            sa.and_(
                source.c.record_id == _change.c.record_id,
                source.c.field == _change.c.field,
                source.c.version == latest,
            ),
        )
        .where(_revision.c.position == position, source.c.salt == "")
    )
    gone: dict[str, set[str]] = defaultdict(set)
    for record_id, field in connection.execute(query):
        gone[record_id].add(field)
    return gone


def _changes_made(connection: Connection, position: int) -> dict[str, list[Change]]:
    query = (
        sa.select(_change.c.record_id, _change.c.field, _change.c.before, _change.c.after)
        .join_from(_revision, _change)
        .where(_revision.c.position == position)
        .order_by(_change.c.record_id, _change.c.place)
    )
    changes: dict[str, list[Change]] = defaultdict(list)
    for record_id, field, before, after in connection.execute(query):
        changes[record_id].append(Change(field, json.loads(before), json.loads(after)))
    return changes


def taken_external_refs(
    connection: Connection, kind: str, newsroom: str, refs: Iterable[str]
) -> dict[str, str]:
    """Return external reference → id of the newsroom's present records of one kind."""
    table = table_of(kind)
    taken: dict[str, str] = {}
    for batch in _batches(sorted(set(refs))):
        query = sa.select(table.c.external_ref, table.c.id).where(
            is_present(table), table.c.newsroom == newsroom, table.c.external_ref.in_(batch)
        )
        taken.update((ref, record_id) for ref, record_id in connection.execute(query))
    return taken


def redacted_fields(connection: Connection, record_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return record → the fields of which the content that is held now was removed."""
    later = _change.alias("later")
    found: dict[str, set[str]] = defaultdict(set)
    for batch in _batches(sorted(set(record_ids))):
        query = sa.select(_change.c.record_id, _change.c.field).where(
            _change.c.record_id.in_(batch),
            _change.c.salt == "",
            ~sa.exists().where(
                later.c.record_id == _change.c.record_id,
                later.c.field == _change.c.field,
                later.c.version > _change.c.version,
            ),
        )
        for record_id, field in connection.execute(query):
            found[record_id].add(field)
    return {record_id: frozenset(fields) for record_id, fields in found.items()}


def _batches(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]
