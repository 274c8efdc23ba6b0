"""Whether a database is complete, and says what its log says: `corrigenda check`.

Two ways meet here. The rows are put together to the log's content and go through
the same `Verifier` as a bundle's files: entries, trees, digests, versions, rule R.
And from that content the tables are worked out again, column by column: what a
table holds and the log does not cover, or the other way round, is a problem.

`UNCOVERED` names the columns that neither reaches, each with the reason.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from app.domain.kinds import ACCESS_KINDS, KINDS, field_names, is_access
from app.domain.records import kind_name, with_fields
from app.domain.redacting import HEADER, header_placeholder, placeholder
from app.log.bundle import content_line
from app.log.canonical import canonical
from app.log.checkpoint import Checkpoint, open_checkpoint
from app.log.disclosure import digest
from app.log.errors import LogError, NotVerified
from app.log.note import VerifierKey, parse_note
from app.log.tree import Peaks
from app.log.verifying import AUDITOR, OpenedChangeset, OpenedRevision, Verifier
from app.reads.checking_proposals import faults_of
from app.reads.verifying import NAMES
from app.store import checking as store
from app.store import proposals
from app.store.checking import Row, Rows
from app.store.database import Connection
from app.store.dossiers import head_position
from app.store.scratch import Scratch, scratch
from app.store.search_index import search_differences
from app.store.tables import END
from app.store.tree import completed_nodes

Progress = Callable[[int], None]

TOLD: Final = 20
"""After how many problems a check ends: the first ones lead to the others."""

_HEAD_ID: Final = 1
UNCOVERED: Final[Mapping[str, str]] = {
    "key.digest": "nothing of a key's secret enters the log, its digest neither",
    **dict.fromkeys(
        ("key_use.key", "key_use.used_at"), "when a key was used is no change, and may be forgotten"
    ),
    **dict.fromkeys(
        ("issuer_word.identity", "issuer_word.issued_at"),
        "it tells older tokens of a person from newer ones; the role itself is in the log",
    ),
    **dict.fromkeys(
        (
            "idempotency.key", "idempotency.payload", "idempotency.position",
            "idempotency.warnings", "idempotency.created_at", "idempotency.answer",
        ),
        "it tells a client that repeats itself which answer it had, and may expire",
    ),
    **dict.fromkeys(
        ("budget.client", "budget.full_at"),
        "what a client may still ask within the minute; it is forgotten then",
    ),
    **dict.fromkeys(
        (
            "access_log.seq", "access_log.at", "access_log.editor", "access_log.newsroom",
            "access_log.key", "access_log.kind", "access_log.operation", "access_log.document",
            "access_log.cost", "access_log.position", "access_log.code", "access_log.within_ms",
            "access_log.missed",
        ),
        "who asked what; it is no part of the ledger, and is deleted in time",
    ),
    **dict.fromkeys(
        (
            "proposal_draft.based_on", "proposal_step.proposal", "proposal_step.revision",
            "proposal_step.place",
            "proposal_step.record_id", "proposal_step.version", "proposal_step.action",
            "proposal_change.proposal", "proposal_change.revision", "proposal_change.record_id",
            "proposal_change.field", "proposal_change.place", "proposal_change.before",
            "proposal_change.after", "proposal_event.place",
            "proposal_event.revision", "proposal_event.kind", "proposal_event.editor",
            "proposal_event.newsroom", "proposal_event.at", "proposal_event.note",
            "proposal_event.position",
        ),
        "what is asked for is no part of the ledger before it is accepted; what was decided is "
        "in the log, with the digest of the draft, and is compared with it",
    ),
    "checkpoint.signed_at": "the signed note holds no time; a checkpoint proves order, not time",
}  # fmt: skip
"""Columns that no digest, hash or derivation covers: `table.column` → why."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not hold: in which table, at which key, in which column."""

    code: str
    message: str
    table: str
    key: str
    column: str | None = None
    position: int | None = None


@dataclass(slots=True)
class Checked:
    """What a check looked at, and the first problems that it found."""

    changesets: int = 0
    revisions: int = 0
    records: int = 0
    changes: int = 0
    redactions: int = 0
    checkpoints: int = 0
    unverified_notes: int = 0
    not_entered: int = 0
    problems: list[Problem] = field(default_factory=list)


def head(connection: Connection) -> int:
    """Return how many positions a check goes through."""
    return head_position(connection)


def check(
    connection: Connection,
    keys: Sequence[VerifierKey] = (),
    progress: Progress | None = None,
    *,
    seen: Callable[[OpenedChangeset], None] | None = None,
) -> Checked:
    """Check the whole ledger in one snapshot and a bounded memory.

    With `keys` the signatures of the published checkpoints are checked too.
    """
    with scratch() as memory, store.snapshot(connection):
        checking = _Checking(connection, memory, tuple(keys))
        with suppress(_Enough):
            checking.run(progress, seen)
        return checking.checked


class _Enough(Exception):
    """The first problems were told; what comes after them follows from them."""


class _Checking:
    def __init__(
        self, connection: Connection, memory: Scratch, keys: tuple[VerifierKey, ...]
    ) -> None:
        self.checked = Checked()
        self._connection = connection
        self._memory = memory
        self._keys = keys
        self._verifier = Verifier(memory, NAMES, AUDITOR)
        self._visited: Counter[str] = Counter()
        self._blanks = 0
        self._latest = ""
        self._has_access = False

    def run(self, progress: Progress | None, seen: Callable[..., None] | None) -> None:
        size = self._head_size()
        notes = self._notes(size)
        due = next(notes, None)
        for rows in store.changesets(self._connection, size):
            opened = self._changeset(rows)
            while due is not None and due.size <= rows.position:
                self._check_note(due)
                due = next(notes, None)
            if seen is not None:
                seen(opened)
            if progress is not None:
                progress(1)
        while due is not None:
            self._check_note(due)
            due = next(notes, None)
        self._finish()

    def _problem(  # noqa: PLR0913, PLR0917 - where a thing is wrong has many sides
        self,
        code: str,
        message: str,
        table: str,
        key: str | tuple[object, ...],
        column: str | None = None,
        position: int | None = None,
    ) -> None:
        text = key if isinstance(key, str) else "/".join(map(str, key))
        self.checked.problems.append(Problem(code, message, table, text, column, position))
        if len(self.checked.problems) >= TOLD:
            raise _Enough

    # --- head and checkpoints -------------------------------------------------

    def _head_size(self) -> int:
        rows = store.heads(self._connection)
        if len(rows) != 1 or rows[0]["id"] != _HEAD_ID:
            self._problem("HEAD", "the head has to be one row, number 1", "head", "1", "id")
            raise _Enough
        size = rows[0]["size"]
        entries = store.count(self._connection, "entry")
        if size != entries:
            self._problem(
                "HEAD",
                f"the head says {size} entries, and there are {entries}",
                "head",
                "1",
                "size",
            )
        return entries

    def _notes(self, size: int) -> Iterator[Checkpoint]:
        for at, note in store.checkpoints(self._connection):
            checkpoint = self._opened(at, note)
            if checkpoint is None:
                continue
            self.checked.checkpoints += 1
            if checkpoint.size > size:
                self._problem(
                    "BEHIND",
                    f"a checkpoint of size {checkpoint.size} was published, and the log ends at "
                    f"{size}: positions {size + 1} to {checkpoint.size} are missing",
                    "checkpoint",
                    str(at),
                    position=size + 1,
                )
                continue
            yield checkpoint

    def _opened(self, size: Any, note: Any) -> Checkpoint | None:
        try:
            if self._keys:
                checkpoint = open_checkpoint(note, self._keys)
            else:
                checkpoint = Checkpoint.parse(parse_note(note).text)
                self.checked.unverified_notes += 1
        except LogError as error:
            self._problem("SIGNATURE", str(error), "checkpoint", str(size), "note")
            return None
        if checkpoint.size != size:
            self._problem(
                "CHECKPOINT",
                f"the note is of size {checkpoint.size}",
                "checkpoint",
                str(size),
                "size",
            )
            return None
        return checkpoint

    def _check_note(self, checkpoint: Checkpoint) -> None:
        if checkpoint.size != self._verifier.peaks.size:
            return  # of the empty log, whose root every checkpoint of size 0 states
        try:
            self._verifier.check_root(checkpoint, whose="a published checkpoint")
        except NotVerified as failure:
            self._problem(
                "ROOT",
                failure.message,
                "checkpoint",
                str(checkpoint.size),
                "note",
                failure.position,
            )

    # --- one changeset --------------------------------------------------------

    def _changeset(self, rows: Rows) -> OpenedChangeset:
        """Check all rows of a position; a log that contradicts itself ends the check."""
        for name, found in rows.tables.items():
            self._visited[name] += len(found)
        position = rows.position
        for name in ("changeset", "entry"):
            if not rows.tables[name]:
                self._problem("MISSING", f"position {position} has no {name}", name, str(position),
                              position=position)  # fmt: skip
                raise _Enough
        before = self._verifier.peaks
        self._check_header(rows)
        try:
            opened = self._verifier.feed(*_as_logged(rows))
        except (LogError, ValueError, TypeError) as fault:
            self._failed(fault, rows)
            raise _Enough from fault
        self._check_entry(rows, opened, before)
        try:
            self._check_rows(rows, opened)
        except (LookupError, ValueError, TypeError, AttributeError) as fault:
            # What no digest covers any more, such as a blank row, may hold anything.
            self._failed(fault, rows)
            raise _Enough from fault
        self.checked.changesets += 1
        self._latest = opened.parts.recorded_at
        return opened

    def _check_rows(self, rows: Rows, opened: OpenedChangeset) -> None:
        self._check_changeset(rows.tables["changeset"][0], opened)
        self._check_committed(rows, opened)
        self._check_redaction(rows, opened)
        self._check_revisions(rows, opened)

    def _failed(self, fault: Exception, rows: Rows) -> None:
        if isinstance(fault, NotVerified):
            table = "change" if fault.field and fault.record else "revision"
            table = table if fault.record else "header" if fault.field else "entry"
            key = (fault.record or str(rows.position), *((fault.field,) if fault.field else ()))
            self._problem(fault.finding, fault.message, table, key, position=rows.position)
        else:
            self._problem(
                "ROWS",
                f"the rows of this position make no entry: {fault}",
                "changeset",
                str(rows.position),
                position=rows.position,
            )

    def _check_entry(self, rows: Rows, opened: OpenedChangeset, before: Peaks) -> None:
        row = rows.tables["entry"][0]
        if bytes(row["leaf_hash"]) != opened.leaf:
            self._wrong("entry", (rows.position,), "leaf_hash", rows.position)
        for one in completed_nodes(before, opened.leaf):
            self._visited["node"] += 1
            if store.node(self._connection, one["level"], one["number"]) != one["hash"]:
                self._wrong("node", (one["level"], one["number"]), "hash", rows.position)

    def _check_changeset(self, row: Row, opened: OpenedChangeset) -> None:
        parts = opened.parts
        expected = {
            "position": parts.position,
            "id": parts.changeset,
            "recorded_at": parts.recorded_at,
            "editor": parts.editor,
            "newsroom": parts.newsroom,
            "role": parts.role,
            "on_behalf_of": parts.on_behalf_of,
            "kind": parts.kind,
            "reason_code": parts.reason_code,
            "reverts": parts.reverts,
            "proposal": parts.proposal,
            "contributor": parts.contributor,
        }
        self._compare("changeset", (parts.position,), row, expected, parts.position)

    def _check_header(self, rows: Rows) -> None:
        for row in rows.tables["header"]:
            key = rows.position, row["name"]
            gap = (HEADER, 0, row["name"])
            self._check_blank("header", key, row, "value", gap, rows,
                              header_placeholder(row["name"]))  # fmt: skip

    def _check_committed(self, rows: Rows, opened: OpenedChangeset) -> None:
        """Check that each text of a header has the digest in the entry that opens to it."""
        parts = opened.parts
        for row in rows.tables["header"]:
            key, made = (rows.position, row["name"]), store.stored_header(row)
            is_opened = made.salt == "" or digest(made.disclosure) == made.digest
            if not is_opened or made.digest not in (*parts.public, *parts.restricted):
                self._wrong("header", key, "digest", rows.position)
            elif row["restricted"] != (made.digest in parts.restricted):
                self._wrong("header", key, "restricted", rows.position)

    def _check_blank(  # noqa: PLR0913, PLR0917 - a value, its place, and what should be there
        self, table: str, key: tuple[object, ...], row: Row, column: str,
        gap: tuple[str, int, str], rows: Rows, instead: str | None,
    ) -> None:  # fmt: skip
        """Check that a value is blank if and only if a redaction names it."""
        named = rows.gaps.get(gap)
        if row["salt"] != "":
            if named is not None:
                self._problem(
                    "SHOWN", "a redaction names this value, and it is still there", table, key,
                    column, rows.position,
                )  # fmt: skip
            return
        self._blanks += 1
        if named != row["digest"]:
            self._problem(
                "BLANK", "this value is blank, and no redaction names it so", table, key, column,
                rows.position,
            )  # fmt: skip
        elif row[column] != canonical(instead).decode():
            self._wrong(table, key, column, rows.position)

    def _check_redaction(self, rows: Rows, opened: OpenedChangeset) -> None:
        found = rows.tables["redaction"]
        authority = [row["authority"] for row in found]
        if authority != ([opened.parts.authority] if opened.parts.authority else []):
            self._wrong("redaction", (rows.position,), "authority", rows.position)
        targets = rows.tables["redaction_target"]
        for place, row in enumerate(targets):
            if row["place"] != place:
                self._wrong(
                    "redaction_target", (rows.position, row["place"]), "place", rows.position
                )
        self.checked.redactions += len(found)

    # --- records and their versions -------------------------------------------

    def _check_revisions(self, rows: Rows, opened: OpenedChangeset) -> None:
        changes = _grouped(rows.tables["change"], "record_id")
        links = _grouped(rows.tables["derivation"], "claim")
        created = {row["id"]: row for row in rows.tables["record"]}
        versions = {row["id"]: row for kind in KINDS for row in rows.tables[kind]}
        ordered = sorted(rows.tables["revision"], key=lambda row: str(row["place"]).zfill(12))
        for place, (row, one) in enumerate(zip(ordered, opened.revisions, strict=True)):
            record = one.parts.record
            if row["place"] != place:
                self._wrong("revision", (record, one.parts.version), "place", rows.position)
            if one.parts.version == 1:
                self._check_created(record, created.get(record), rows.position)
            self.checked.revisions += 1
            if is_access(record):
                self._check_access(one, changes.get(record, []), rows)
                continue
            fields, more = self._held(record, opened)
            fields = self._check_changes(one, changes.get(record, []), fields, rows)
            if more["superseded"] not in (None, rows.position):
                key = (record, one.parts.version - 1)
                self._wrong(kind_name(record), key, "superseded", rows.position)
            version = versions.get(record)
            if version is None:
                self._problem(
                    "MISSING", "this version has no row", kind_name(record),
                    (record, one.parts.version), position=rows.position,
                )  # fmt: skip
                raise _Enough
            more["superseded"] = version["superseded"]
            self._check_version(one, version, fields, more["newsroom"], rows.position)
            self._check_links(one, links.get(record, []), fields, version, rows.position)
            self._memory.keep(record, orjson.dumps(fields), orjson.dumps(more))
            self.checked.records += one.parts.version == 1

    def _check_access(self, one: OpenedRevision, found: Sequence[Row], rows: Rows) -> None:
        """Replay one step of a newsroom, editor or key; its row is compared at the end."""
        record = one.parts.record
        fields, _ = self._memory.fields(record)
        held = self._check_changes(one, found, orjson.loads(fields or b"{}"), rows)
        self._memory.keep(record, orjson.dumps(held))
        self._has_access = True

    def _held(self, record: str, opened: OpenedChangeset) -> tuple[dict[str, Any], dict[str, Any]]:
        fields, more = self._memory.fields(record)
        if not more:
            owner = opened.parts.on_behalf_of or opened.parts.newsroom
            return {}, {"newsroom": owner, "superseded": None}
        return orjson.loads(fields), orjson.loads(more)

    def _check_created(self, record: str, row: Row | None, position: int) -> None:
        if row is None:
            self._wrong("record", (record,), "created", position)
        elif row["kind"] != kind_name(record):
            self._wrong("record", (record,), "kind", position)

    def _check_changes(
        self, one: OpenedRevision, found: Sequence[Row], held: dict[str, Any], rows: Rows
    ) -> dict[str, Any]:
        """Check each change against the fields held before it; return those held after."""
        record, version = one.parts.record, one.parts.version
        kind, given = kind_name(record), dict[str, Any]()
        order = list(field_names(kind))
        known = [row for row in found if row["field"] in order]
        expected = sorted((row["field"] for row in known), key=order.index)
        for row in found:
            name, key = row["field"], (record, version, row["field"])
            self.checked.changes += 1
            if row not in known:
                self._wrong("change", key, "field", rows.position)
                continue
            if row["place"] != expected.index(name):
                self._wrong("change", key, "place", rows.position)
            if row["before"] != canonical(held.get(name)).decode():
                self._wrong("change", key, "before", rows.position)
            gap = (record, version, name)
            instead = None if is_access(record) else placeholder(kind, name)
            self._check_blank("change", key, row, "after", gap, rows, instead)
            given[name] = json.loads(row["after"])
        return with_fields(held, given)

    def _check_version(
        self, one: OpenedRevision, row: Row, fields: dict[str, Any], newsroom: str, position: int
    ) -> None:
        record, version = one.parts.record, one.parts.version
        try:
            made = store.record_columns(record, fields)
        except (LookupError, ValueError, TypeError, AttributeError) as fault:
            self._problem(
                "ROWS", f"the fields of this version make no row: {fault}", kind_name(record),
                (record, version), position=position,
            )  # fmt: skip
            return
        expected = {
            "id": record,
            "version": version,
            "entered": position,
            "superseded": row["superseded"],
            "state": one.state,
            "newsroom": newsroom,
            **made,
        }
        self._compare(kind_name(record), (record, version), row, expected, position)

    def _check_links(
        self,
        one: OpenedRevision,
        found: Sequence[Row],
        fields: dict[str, Any],
        version: Row,
        position: int,
    ) -> None:
        record, number = one.parts.record, one.parts.version
        wanted = fields.get("derivedFrom", ())
        if len(found) != len(wanted):
            self._problem(
                "MISSING", f"{len(wanted)} links belong to this version, {len(found)} are there",
                "derivation", (record, number), position=position,
            )  # fmt: skip
        for place, (row, link) in enumerate(zip(found, wanted, strict=False)):
            expected = {
                "claim": record,
                "version": number,
                "place": place,
                "parent": link["claim"],
                "derivation": link["derivation"],
                "entered": position,
                "superseded": version["superseded"],
            }
            self._compare("derivation", (record, number, place), row, expected, position)

    def _compare(
        self,
        table: str,
        key: tuple[object, ...],
        row: Row,
        expected: Mapping[str, Any],
        position: int,
    ) -> None:
        for column in store.wrong_columns(row, expected, table):
            self._wrong(table, key, column, position)

    def _wrong(self, table: str, key: tuple[object, ...], column: str, position: int) -> None:
        self._problem(
            "COLUMN",
            "this column does not hold what follows from the log",
            table,
            key,
            column,
            position,
        )

    # --- the end --------------------------------------------------------------

    def _finish(self) -> None:
        try:
            self._verifier.finish()
        except NotVerified as failure:
            table = "header" if failure.record is None else "change"
            key = failure.record or str(failure.position)
            self._problem("MISSING", failure.message, table, key, position=failure.position)
        self._check_head()
        self._check_present()
        self._check_who_acts()
        self._check_counts()
        self._check_proposals()
        # Rows that are wrong already may not even be read as records.
        for record in () if self.checked.problems else search_differences(self._connection):
            self._problem(
                "SEARCH",
                "the search index does not have this record as it is; make it again: corrigenda "
                "reindex",
                "search",
                record,
            )

    def _check_proposals(self) -> None:
        for whole in proposals.wholes(self._connection):
            for fault in faults_of(whole):
                self._problem("PROPOSAL", fault.message, fault.table, fault.key, fault.column)
        for table, proposal in proposals.strays(self._connection):
            self._problem("PROPOSAL", "there is no such proposal", table, proposal, "proposal")

    def _check_head(self) -> None:
        (row,) = store.heads(self._connection)
        if bytes(row["peaks"]) != self._verifier.peaks.encode():
            self._problem("HEAD", "the peaks are not those of the tree", "head", "1", "peaks")
        if row["recorded_at"] != self._latest:
            self._problem(
                "HEAD", "the time is not that of the last entry", "head", "1", "recorded_at"
            )

    def _check_present(self) -> None:
        for kind in KINDS:
            for record, held, _, more in self._memory.records(f"{kind}_"):
                if orjson.loads(more)["superseded"] != END:
                    self._wrong(kind, (record, held.version), "superseded", held.position)

    def _check_who_acts(self) -> None:
        """Compare each newsroom, editor and key with what its steps lead to."""
        for kind in ACCESS_KINDS:
            rows = {row["id"]: row for row in store.access_rows(self._connection, kind)}
            for record, held, fields, _ in self._memory.records(f"{kind}_"):
                row = rows.pop(record, None)
                if row is None:
                    self._problem("MISSING", "it is in the log, and has no row", kind, record)
                    continue
                given = orjson.loads(fields)
                is_over = "retiredAt" in given or "revokedAt" in given
                if is_over != (held.state == "RETRACTED"):
                    self._wrong(kind, (record,), "entered", held.position)
                expected = store.access_columns(record, given)
                uncovered = {"digest": row["digest"]} if kind == "key" else {}
                told = {"id": record, "version": held.version, "entered": held.position}
                self._compare(kind, (record,), row, told | expected | uncovered, held.position)
            for record, row in rows.items():
                if self._has_access or row["version"] != 0:
                    self._problem("ROWS", "it has a row, and is not in the log", kind, record)
                else:
                    self.checked.not_entered += 1

    def _check_counts(self) -> None:
        targets = store.count(self._connection, "redaction_target")
        if targets != self._blanks:
            self._problem(
                "TARGETS",
                f"redactions name {targets} values, and {self._blanks} are blank",
                "redaction_target",
                "",
            )
        for name in store.COUNTED:
            there = store.count(self._connection, name)
            if there != self._visited[name]:
                self._problem(
                    "ROWS",
                    f"{there} rows are there, and {self._visited[name]} belong to the log",
                    name,
                    "",
                )


def _as_logged(rows: Rows) -> tuple[bytes, bytes]:
    """Return the entry and the line of content that the rows of a position make."""
    found = rows.tables
    changes = _grouped(found["change"], "record_id")
    ordered = sorted(found["revision"], key=lambda row: str(row["place"]).zfill(12))
    revisions = [store.stored_revision(row, changes.get(row["record_id"], [])) for row in ordered]
    header = [store.stored_header(row) for row in found["header"]]
    is_redaction = found["changeset"][0]["kind"] == "REDACTION"
    targets = [store.target_leaf(row) for row in found["redaction_target"]]
    line = content_line(
        rows.position, header, revisions, targets if is_redaction else None, restricted=True
    )
    return found["entry"][0]["body"].encode(), line.removesuffix(b"\n")


def _grouped(rows: Sequence[Row], column: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


# --- the answer ---------------------------------------------------------------


def checked_json(checked: Checked) -> dict[str, Any]:
    """Return the answer as JSON-able members; the names stay as they are (docs/audit.md)."""
    return {
        "holds": not checked.problems,
        "counts": {
            "changesets": checked.changesets,
            "revisions": checked.revisions,
            "records": checked.records,
            "changes": checked.changes,
            "redactions": checked.redactions,
            "checkpoints": checked.checkpoints,
            "checkpointsNotVerified": checked.unverified_notes,
            "notEntered": checked.not_entered,
        },
        "problems": [
            {
                "code": one.code,
                "message": one.message,
                "table": one.table,
                "key": one.key,
                "column": one.column,
                "position": one.position,
            }
            for one in checked.problems
        ],
    }


def checked_text(checked: Checked) -> str:
    """Return the answer in sentences."""
    looked = (
        f"{checked.changesets} changesets, {checked.revisions} versions of {checked.records} "
        f"records, {checked.changes} changes, {checked.redactions} redactions, "
        f"{checked.checkpoints} checkpoints"
    )
    if not checked.problems:
        lines = [f"The ledger holds: {looked}. Every row follows from the log, and none is over."]
        if checked.not_entered:
            lines.append(
                f"{checked.not_entered} newsrooms, editors and keys stand from before the log "
                "kept them: corrigenda migrate enters them."
            )
        if checked.unverified_notes:
            lines.append(
                f"The signatures of {checked.unverified_notes} checkpoints were not checked: name "
                "the ledger's key with --vkey."
            )
        return "\n".join(lines)
    first = [f"- {_told(one)}" for one in checked.problems]
    return "\n".join(
        ("The ledger does NOT hold. The first problems:", *first, f"Looked at: {looked}.")
    )


def _told(one: Problem) -> str:
    column = f".{one.column}" if one.column else ""
    where = f" (position {one.position})" if one.position is not None else ""
    return f"{one.table}{column} {one.key}{where}: {one.message} [{one.code}]"


__all__ = ["UNCOVERED", "Checked", "Problem", "check", "checked_json", "checked_text", "head"]
