"""Writing a changeset: the log's lock last, then everything in one batch.

`Prepared` is all that can be known before the position is. `append` learns the
position, writes, and leaves the commit to the caller, so that an acknowledged
changeset is in the log and a refused one leaves no gap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Connection

from app.domain.codes import ChangesetKind, RedactionAuthority
from app.domain.kinds import is_access
from app.domain.records import Step, kind_name
from app.log.entry import Subtree, entry
from app.log.tree import Peaks, leaf_hash
from app.store import access, tables
from app.store.blanking import blank
from app.store.database import LOG_LOCK, in_one_batch, require_writable
from app.store.records import is_present, table_of
from app.store.rows import to_columns
from app.store.search_index import write_search
from app.store.tables import END
from app.store.tree import completed_nodes

Clock: TypeAlias = Callable[[], datetime]

_T: Final = tables.metadata.tables


@dataclass(frozen=True, slots=True)
class SealedValue:
    """One value with the salt that hides it and the digest that the log keeps.

    `value` is canonical JSON text.
    """

    name: str
    value: str
    salt: str
    digest: str
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class SealedStep:
    """One step with its changes sealed: (before, sealed after) in field order."""

    step: Step
    changes: tuple[tuple[str, SealedValue], ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One disclosure whose content a redaction removes; see `tables.RedactionTarget`."""

    position: int
    scope: str
    version: int | None
    field: str
    digest: str


@dataclass(frozen=True, slots=True)
class Redacting:
    """What a redaction removes, by what authority; `tree` commits to the targets."""

    authority: RedactionAuthority
    targets: tuple[Target, ...]
    tree: Subtree


@dataclass(frozen=True, slots=True)
class AccessRows:
    """What an access change writes that the log does not know.

    `digests` are those of new keys, by id; `standing` the rows that are there already, from
    before access was kept in the log.
    """

    digests: Mapping[str, str] = field(default_factory=dict, repr=False)
    standing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A changeset as far as it is known before its position."""

    id: str
    kind: ChangesetKind
    editor: str
    newsroom: str
    role: str
    reason_code: str
    headers: tuple[SealedValue, ...]
    steps: tuple[SealedStep, ...]
    revisions: Subtree
    reverts: int | None = None
    on_behalf_of: str | None = None
    redacting: Redacting | None = None
    proposal: str | None = None
    contributor: str | None = None
    access: AccessRows | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a changeset stands in the log."""

    position: int
    recorded_at: str
    leaf_hash: bytes


def append(connection: Connection, prepared: Prepared, clock: Clock) -> Appended:
    """Write a changeset at the next position; call it last in a transaction.

    The clock is read under the log's lock: a writer that waited long must not
    enter a time of which the archive was already asked. Where the clock stands
    before the latest entry's time that time is taken again, so that
    `recorded_at` never runs backwards. Raises `ReadOnly` where a guard says so.
    """
    size, peaks, latest = _lock_head(connection)
    require_writable(connection.engine, size)
    position, at = size + 1, max(clock(), latest)
    body = _entry_bytes(prepared, position, at)
    leaf = leaf_hash(body)
    recorded_at = instant_text(at)
    if prepared.access is not None:
        access.defer_actors(connection)
    with in_one_batch(connection):
        _insert(connection, "changeset", [_changeset_row(prepared, position, recorded_at)])
        _insert(connection, "header", [_header_row(one, position) for one in prepared.headers])
        if prepared.redacting is not None:
            _write_redaction(connection, prepared.redacting, position)
        _write_revisions(connection, prepared.steps, position)
        _write_versions(connection, _of_records(prepared), position)
        if prepared.access is not None:
            _write_access(connection, prepared, prepared.access, position)
        if prepared.redacting is not None:
            blank(connection, position)
        _insert(
            connection, "entry", [{"position": position, "body": body.decode(), "leaf_hash": leaf}]
        )
        _insert(connection, "node", completed_nodes(peaks, leaf))
        connection.execute(
            _MOVE_HEAD,
            {
                "new_size": position,
                "new_peaks": peaks.append(leaf).encode(),
                "new_time": recorded_at,
            },
        )
    return Appended(position, recorded_at, leaf)


_MOVE_HEAD: Final = (
    _T["head"]
    .update()
    .values(
        size=sa.bindparam("new_size"),
        peaks=sa.bindparam("new_peaks"),
        recorded_at=sa.bindparam("new_time"),
    )
)


def _lock_head(connection: Connection) -> tuple[int, Peaks, datetime]:
    if connection.dialect.name == "postgresql":
        # A fair queue: row locks alone would wake waiters in any order.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOG_LOCK})
    head = connection.execute(sa.select(_T["head"]).with_for_update()).mappings().one()
    return head["size"], Peaks.decode(head["peaks"]), parse_instant(head["recorded_at"])


def instant_text(at: datetime) -> str:
    """Return an instant as RFC 3339 in UTC with microseconds; `parse_instant` reads it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_instant(text: str) -> datetime:
    """Read an instant that `instant_text` wrote; the empty text is before all others."""
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def _entry_bytes(prepared: Prepared, position: int, at: datetime) -> bytes:
    return entry(
        kind=prepared.kind,
        position=position,
        changeset=prepared.id,
        recorded_at=at,
        editor=prepared.editor,
        newsroom=prepared.newsroom,
        role=prepared.role,
        reason_code=prepared.reason_code,
        public=[sealed.digest for sealed in prepared.headers if not sealed.restricted],
        restricted=[sealed.digest for sealed in prepared.headers if sealed.restricted],
        revisions=prepared.revisions,
        reverts=prepared.reverts,
        on_behalf_of=prepared.on_behalf_of,
        authority=None if prepared.redacting is None else prepared.redacting.authority,
        targets=None if prepared.redacting is None else prepared.redacting.tree,
        proposal=prepared.proposal,
        contributor=prepared.contributor,
    )


def _changeset_row(prepared: Prepared, position: int, recorded_at: str) -> dict[str, Any]:
    return {
        "position": position,
        "id": prepared.id,
        "recorded_at": recorded_at,
        "editor": prepared.editor,
        "newsroom": prepared.newsroom,
        "role": prepared.role,
        "on_behalf_of": prepared.on_behalf_of,
        "kind": prepared.kind,
        "reason_code": prepared.reason_code,
        "reverts": prepared.reverts,
        "proposal": prepared.proposal,
        "contributor": prepared.contributor,
    }


def _header_row(sealed: SealedValue, position: int) -> dict[str, Any]:
    return {
        "position": position,
        "name": sealed.name,
        "value": sealed.value,
        "salt": sealed.salt,
        "digest": sealed.digest,
        "restricted": sealed.restricted,
    }


def _write_redaction(connection: Connection, redacting: Redacting, position: int) -> None:
    row = {"position": position, "authority": redacting.authority}
    _insert(connection, "redaction", [row])
    rows = [
        {
            "position": position,
            "place": place,
            "target": target.position,
            "scope": target.scope,
            "version": target.version,
            "field": target.field,
            "digest": target.digest,
        }
        for place, target in enumerate(redacting.targets)
    ]
    _insert(connection, "redaction_target", rows)


def _of_records(prepared: Prepared) -> list[Step]:
    return [one.step for one in prepared.steps if not is_access(one.step.record_id)]


def _write_access(
    connection: Connection, prepared: Prepared, rows: AccessRows, position: int
) -> None:
    for one in prepared.steps:
        step = one.step
        if is_access(step.record_id):
            access.write(
                connection,
                step,
                position,
                digest=rows.digests.get(step.record_id),
                is_there=step.before is not None or step.record_id in rows.standing,
            )


def _write_revisions(connection: Connection, steps: Sequence[SealedStep], position: int) -> None:
    added = [one.step for one in steps if one.step.before is None]
    _insert(
        connection,
        "record",
        [
            {"id": step.record_id, "kind": kind_name(step.record_id), "created": position}
            for step in added
        ],
    )
    _insert(
        connection,
        "revision",
        [_revision_row(one.step, place, position) for place, one in enumerate(steps)],
    )
    _insert(connection, "change", [row for one in steps for row in _change_rows(one)])


def _write_versions(connection: Connection, steps: Sequence[Step], position: int) -> None:
    _supersede(connection, [one for one in steps if one.before is not None], position)
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in steps:
        by_kind[kind_name(one.record_id)].append(_version_row(one, position))
    for kind, rows in by_kind.items():
        _insert(connection, kind, rows)
    _insert(
        connection,
        "derivation",
        [row for one in steps for row in _derivation_rows(one, position)],
    )
    write_search(connection, steps)


def _revision_row(step: Step, place: int, position: int) -> dict[str, Any]:
    return {
        "record_id": step.record_id,
        "version": step.version,
        "position": position,
        "place": place,
        "action": step.action,
        "prev": None if step.before is None else step.before.entered,
    }


def _change_rows(one: SealedStep) -> list[dict[str, Any]]:
    return [
        {
            "record_id": one.step.record_id,
            "version": one.step.version,
            "field": sealed.name,
            "place": place,
            "before": before,
            "after": sealed.value,
            "salt": sealed.salt,
            "digest": sealed.digest,
        }
        for place, (before, sealed) in enumerate(one.changes)
    ]


def _supersede(connection: Connection, steps: Sequence[Step], position: int) -> None:
    """Give the present versions their end; the next ones are written after it.

    A step from a version that is not the present one would leave two, which a
    unique index refuses.
    """
    for step in steps:
        table = table_of(kind_name(step.record_id))
        connection.execute(
            table.update()
            .where(
                table.c.id == step.record_id, table.c.version == step.version - 1, is_present(table)
            )
            .values(superseded=position)
        )
        if step.before is not None and step.before.fields.get("derivedFrom"):
            links = _T["derivation"]
            connection.execute(
                links.update()
                .where(links.c.claim == step.record_id, links.c.version == step.version - 1)
                .values(superseded=position)
            )


def _version_row(step: Step, position: int) -> dict[str, Any]:
    return {
        "id": step.record_id,
        "version": step.version,
        "entered": position,
        "superseded": END,
        "state": step.state,
        "newsroom": step.newsroom,
        **to_columns(kind_name(step.record_id), step.fields),
    }


def _derivation_rows(step: Step, position: int) -> list[dict[str, Any]]:
    return [
        {
            "claim": step.record_id,
            "version": step.version,
            "place": place,
            "parent": link["claim"],
            "derivation": link["derivation"],
            "entered": position,
            "superseded": END,
        }
        for place, link in enumerate(step.fields.get("derivedFrom", ()))
    ]


def _insert(connection: Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(_T[table].insert(), rows)
