"""A driver that speaks the words of the domain, over the one door and a real database.

    newsroom = Newsroom.founded(engine, "House desk")
    horses = newsroom.add_transfer(quantity=30)
    newsroom.revise(horses, quantity=24, reason="The veterinary service counted 24.")
    refusal = refused(newsroom.revise, horses, quantity=26, based_on=1)

Fields are given in snake case; a bare number as a quantity counts heads. Whatever is not the
point of a test has a default. Every method that writes raises `Refused` when it is refused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine

from app.commands import proposals
from app.commands.access import editing_as
from app.commands.dossiers import load
from app.commands.submission import Outcome, Submission, fresh_id, utc_now
from app.commands.submit import submit
from app.domain.codes import Action, ChangesetKind, Role
from app.domain.decisions import Editing
from app.domain.errors import Refusal, Refused
from app.domain.records import Change, Record, kind_name
from app.store import access, tables
from app.store.database import open_engine, parse_url
from app.store.records import load_made, load_present

T = tables.metadata.tables
NOTE = "So that the ledger says what its sources say."
REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "actor": {"name": "Russia", "kind": "STATE"},
    "item": {"name": "Horse", "kind": "LIVE_ANIMAL"},
    "transfer": {"title": "Horses for North Korea"},
    "citation": {"kind": "PRESS_RELEASE", "title": "Statement of the veterinary service"},
    "claim": {"field": "QUANTITY", "stance": "ASSERTS"},
}


@contextmanager
def opened(url: str, *, pool_size: int = 10) -> Iterator[Engine]:
    """Give an engine on a migrated database, and close its connections afterwards."""
    engine = open_engine(parse_url(url), pool_size=pool_size)
    try:
        yield engine
    finally:
        engine.dispose()


def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Refusal:
    """Return the one refusal that a call meets; fail when it meets none, or several."""
    (refusal,) = refusals(call, *args, **kwargs)
    return refusal


def refusals(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Refusal, ...]:
    """Return everything that stands against a call; fail when nothing does."""
    try:
        outcome = call(*args, **kwargs)
    except Refused as found:
        return found.refusals
    raise AssertionError(f"not refused: {outcome}")


def heads(amount: str | float) -> dict[str, Any]:
    """Return so many heads as a measure."""
    return {"amount": str(amount), "unit": "head"}


@dataclass(frozen=True)
class Revised:
    """One step in a record's history, as it is stored."""

    version: int
    action: Action
    position: int
    note: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Newsroom:
    """An editor at work for a newsroom."""

    engine: Engine
    editing: Editing
    clock: Callable[[], Any] = field(default=utc_now)

    @classmethod
    def founded(
        cls,
        engine: Engine,
        name: str = "House desk",
        role: Role = Role.EDITOR,
        *,
        house: bool = True,
    ) -> Newsroom:
        """Enter a newsroom with one editor, in one changeset: the house, unless a partner."""
        room = fresh_id("newsroom", int(utc_now().timestamp() * 1000))
        entering = {"addNewsroom": {"ref": "#room", "name": name, "house": house}}
        founding = cls(engine, Editing("", room, role, "", is_house=house))
        return founding.colleague("Ann", role, entering)

    @classmethod
    def of_house(cls, engine: Engine, name: str, role: Role = Role.EDITOR) -> Newsroom:
        """Enter another editor of the house, in a ledger that may have one already."""
        table = T["newsroom"]
        with engine.connect() as connection:
            house = connection.execute(sa.select(table.c.id).where(table.c.house)).scalar()
        if house is None:
            return cls.founded(engine, role=role)
        return cls(engine, Editing("", house, role, "", is_house=True)).colleague(name)

    def colleague(
        self, name: str, role: Role | None = None, *before: Mapping[str, Any]
    ) -> Newsroom:
        """Enter another editor of the same newsroom, in a changeset of its own."""
        role = role or self.editing.role
        editor = fresh_id("editor", int(utc_now().timestamp() * 1000))
        editing = replace(self.editing, editor=editor, role=role, name=name)
        room = "#room" if before else editing.newsroom
        joining = {"addEditor": {"ref": "#it", "newsroom": room, "name": name, "role": role}}
        submit(
            self.engine,
            Submission(
                {
                    "reason": {"code": "INITIAL_ENTRY", "note": NOTE},
                    "operations": [*before, joining],
                },
                replace(editing, role=Role.ADMIN, is_house=True),
                ChangesetKind.ACCESS,
                ids={"#room": editing.newsroom, "#it": editor},
            ),
        )
        return replace(self, editing=editing)

    # --- writing --------------------------------------------------------------

    def commit(
        self,
        *operations: Mapping[str, Any],
        reason: str = NOTE,
        code: str = "CLARIFICATION",
        key: str | None = None,
        dry_run: bool = False,
        preview: Callable[..., Any] | None = None,
        **more: Any,
    ) -> Outcome:
        """Submit operations as they stand in a `CommitInput`."""
        body = {"reason": {"code": code, "note": reason}, "operations": list(operations)}
        return self.submit(body, key=key, dry_run=dry_run, preview=preview, **more)

    def submit(
        self,
        body: Mapping[str, Any],
        *,
        key: str | None = None,
        preview: Callable[..., Any] | None = None,
        **more: Any,
    ) -> Outcome:
        """Submit a whole `CommitInput`."""
        submission = Submission(body, self.editing, idempotency_key=key, **more)
        return submit(self.engine, submission, clock=self.clock, preview=preview)

    def add_actor(self, name: str = "Russia", **fields: Any) -> str:
        return self._add("actor", {"name": name, **fields})

    def add_item(self, name: str = "Horse", **fields: Any) -> str:
        return self._add("item", {"name": name, **fields})

    def add_transfer(self, title: str = "Horses for North Korea", **fields: Any) -> str:
        return self._add("transfer", {"title": title, **fields})

    def add_citation(self, **fields: Any) -> str:
        return self._add("citation", fields)

    def add_claim(self, subject: str, value: Any = 24, **fields: Any) -> str:
        """Add a claim about a record, QUANTITY by default, from a source of its own."""
        cited = fields.pop("citation", None) or self.add_citation()
        return self._add(
            "claim", {"subject": subject, "value": _claimed(value), "citation": cited, **fields}
        )

    def revise(
        self, record_id: str, *, reason: str = NOTE, based_on: int | None = None, **fields: Any
    ) -> Outcome:
        """Give a record other values; the version is the present one unless it is given."""
        revise = {"id": record_id, "version": based_on or self.version(record_id)}
        kind = kind_name(record_id).capitalize()
        return self.commit({f"revise{kind}": {**revise, "set": given(fields)}}, reason=reason)

    def retract(self, record_id: str, *, based_on: int | None = None) -> Outcome:
        return self.commit(self.on(record_id, "retract", based_on))

    def restore(self, record_id: str, *, based_on: int | None = None) -> Outcome:
        return self.commit(self.on(record_id, "restore", based_on))

    def merge(self, duplicate: str, into: str, *, based_on: int | None = None) -> Outcome:
        return self.commit(self.on(duplicate, "merge", based_on, into=into), code="DUPLICATE")

    def revert(self, position: int, *, reason: str = NOTE, **more: Any) -> Outcome:
        """Put back what the changeset at a position changed."""
        body = {"reason": {"code": "ENTRY_ERROR", "note": reason}}
        return self.submit(body, reverts=position, **more)

    def redact(
        self,
        *records: str,
        fields: Sequence[str] | None = None,
        version: int | None = None,
        header: tuple[int, Sequence[str]] | None = None,
        authority: str = "PRIVACY",
        reason: str = "It named a private person.",
        code: str = "PRIVACY",
        **more: Any,
    ) -> Outcome:
        """Remove content of records, or texts of the header of the changeset at a position."""
        narrowed = {
            name: value
            for name, value in (("version", version), ("fields", fields and list(fields)))
            if value is not None
        }
        targets: list[Any] = [{"record": {"id": one, **narrowed}} for one in records]
        if header is not None:
            targets.append({"header": {"position": header[0], "texts": list(header[1])}})
        body = {
            "reason": {"code": code, "note": reason},
            "authority": authority,
            "targets": targets,
        }
        return self.submit(body, kind=ChangesetKind.REDACTION, **more)

    def on(self, record_id: str, tag: str, based_on: int | None = None, **more: Any) -> Any:
        """Return an operation on the present version of a record."""
        return {tag: {"id": record_id, "version": based_on or self.version(record_id), **more}}

    # --- proposals ------------------------------------------------------------

    def propose(
        self,
        *operations: Mapping[str, Any],
        reason: str = NOTE,
        message: str | None = None,
        key: str | None = None,
        dry_run: bool = False,
    ) -> proposals.Answer:
        """Ask for operations as they stand in a `ProposeInput`."""
        body = self._asked(operations, reason, message)
        return proposals.propose(self.engine, self._request(body, key, dry_run=dry_run))

    def propose_again(
        self,
        proposal: str,
        *operations: Mapping[str, Any],
        revision: int = 1,
        reason: str = NOTE,
        message: str | None = None,
    ) -> proposals.Answer:
        """Revise a proposal."""
        own = {"proposal": proposal, "revision": revision}
        body = {**self._asked(operations, reason, message), **own}
        return proposals.revise(self.engine, self._request(body))

    def review(
        self,
        proposal: str,
        decision: str,
        note: str | None = None,
        *,
        revision: int = 1,
        four_eyes: bool = True,
        key: str | None = None,
        dry_run: bool = False,
        **more: Any,
    ) -> proposals.Answer:
        """Say something to a proposal, or decide on it."""
        body = {"proposal": proposal, "revision": revision, "decision": decision, **more}
        request = self._request(
            body if note is None else body | {"note": note}, key, dry_run=dry_run
        )
        return proposals.review(self.engine, request, four_eyes=four_eyes, clock=self.clock)

    def withdraw(self, proposal: str, note: str | None = None) -> proposals.Answer:
        return proposals.withdraw(self.engine, self._request({"proposal": proposal, "note": note}))

    def comment(self, proposal: str, note: str) -> proposals.Answer:
        return proposals.comment(self.engine, self._request({"proposal": proposal, "note": note}))

    def proposal(self, proposal: str) -> Mapping[str, Any]:
        """Return a proposal's row."""
        query = sa.select(T["proposal"]).where(T["proposal"].c.id == proposal)
        with self.engine.connect() as connection:
            return connection.execute(query).mappings().one()

    def events(self, proposal: str) -> list[Mapping[str, Any]]:
        """Return what happened to a proposal, the first thing first."""
        event = T["proposal_event"]
        query = sa.select(event).where(event.c.proposal == proposal).order_by(event.c.place)
        with self.engine.connect() as connection:
            return [*connection.execute(query).mappings()]

    def _asked(
        self, operations: Sequence[Mapping[str, Any]], reason: str, message: str | None
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"reason": {"code": "NEW_SOURCE", "note": reason}}
        body["operations"] = list(operations)
        return body if message is None else body | {"message": message}

    def _request(
        self, body: Mapping[str, Any], key: str | None = None, *, dry_run: bool = False
    ) -> proposals.Request:
        return proposals.Request(body, self.editing, key, dry_run)

    def setting(self, record_id: str, *, based_on: int | None = None, **fields: Any) -> Any:
        """Return the operation that gives a record other values."""
        operation = self.on(record_id, f"revise{kind_name(record_id).capitalize()}", based_on)
        ((_, inner),) = operation.items()
        inner["set"] = given(fields)
        return operation

    def _add(self, kind: str, fields: Mapping[str, Any]) -> str:
        operation = {f"add{kind.capitalize()}": {"ref": "#it", **REQUIRED[kind], **given(fields)}}
        return self.commit(operation, code="INITIAL_ENTRY").refs["#it"]

    # --- reading --------------------------------------------------------------

    def record(self, record_id: str) -> Record:
        """Return the present version of a record."""
        with self.engine.connect() as connection:
            return load_present(connection, [record_id])[record_id]

    def version(self, record_id: str) -> int:
        return self.record(record_id).version

    def held(self, record_id: str, name: str) -> Any:
        """Return the value that a record holds in a field now."""
        return self.record(record_id).fields.get(name)

    def history(self, record_id: str) -> list[Revised]:
        """Return the steps of a record from first to last, each with its reason."""
        revision, header = T["revision"], T["header"]
        query = (
            sa.select(revision, header.c.value)
            .join_from(revision, header, revision.c.position == header.c.position)
            .where(revision.c.record_id == record_id, header.c.name == "note")
            .order_by(revision.c.version)
        )
        with self.engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
            return [
                Revised(
                    row["version"],
                    made.action,
                    row["position"],
                    json.loads(row["value"]),
                    made.changes,
                )
                for row in rows
                for made in load_made(connection, row["position"])
                if made.record_id == record_id
            ]

    def quantities(self, transfer: str) -> list[int]:
        """Return the amounts that a transfer held, the first one first."""
        return [
            int(change.after["amount"])
            for step in self.history(transfer)
            for change in step.changes
            if change.field == "quantity"
        ]

    def head(self) -> int:
        """Return the newest position of the log."""
        with self.engine.connect() as connection:
            return int(connection.execute(sa.select(T["head"].c.size)).scalar_one())

    def edits(self) -> int:
        """Return how many changesets are edits, and enter no newsrooms or editors."""
        kinds = T["changeset"].c.kind
        query = sa.select(sa.func.count()).where(kinds != ChangesetKind.ACCESS)
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def nth(self, edit: int) -> int:
        """Return the position of an edit by its number, from 1; also of one yet to come."""
        position, kind = T["changeset"].c.position, T["changeset"].c.kind
        query = sa.select(position).where(kind != ChangesetKind.ACCESS).order_by(position)
        with self.engine.connect() as connection:
            found = list(connection.execute(query).scalars())
        return found[edit - 1] if edit <= len(found) else self.head() + edit - len(found)

    def changeset(self, position: int) -> Mapping[str, Any]:
        """Return a changeset's row."""
        query = sa.select(T["changeset"]).where(T["changeset"].c.position == position)
        with self.engine.connect() as connection:
            return connection.execute(query).mappings().one()

    def origin(self, position: int) -> Any:
        """Return what an importer stated about a changeset; None of one that was made here."""
        header = T["header"]
        query = sa.select(header.c.value).where(
            header.c.position == position, header.c.name == "origin"
        )
        with self.engine.connect() as connection:
            found = connection.execute(query).scalar_one_or_none()
            return None if found is None else json.loads(found)

    def counts(self) -> dict[str, int]:
        """Return the number of rows in every table; of `record`, those of the five kinds."""
        is_record = T["record"].c.kind.in_(tables.RECORD_TABLES)
        with self.engine.connect() as connection:
            return {
                name: connection.execute(
                    sa.select(sa.func.count())
                    .select_from(table)
                    .where(is_record if name == "record" else sa.true())
                ).scalar_one()
                for name, table in T.items()
            }


def fill(url: str, count: int) -> None:
    """Write so many small changesets in one transaction, by an editor who is there."""
    reason = {"code": "INITIAL_ENTRY", "note": NOTE}
    # Equal lines would be taken for those of a load that is done again.
    first = time.time_ns()
    lines = [
        json.dumps(
            {"input": {"reason": reason, "operations": [
                {"addItem": {"name": f"Item {first + number}", "kind": "OTHER"}}]}}
        ).encode()
        for number in range(count)
    ]  # fmt: skip
    with opened(url) as engine:
        with engine.connect() as connection:
            (editor, *_) = [one for one in access.editors(connection) if one["role"] == "EDITOR"]
            editing = editing_as(connection, editor["id"])
        load(engine, lines, editing, all_or_nothing=True)


def imports(newsroom: Newsroom, line: Mapping[str, Any], known: Mapping[str, str]) -> Outcome:
    """Submit one line of a dossier as an import does."""
    return newsroom.submit(
        line["input"],
        kind=ChangesetKind.IMPORT,
        known=known,
        origin=line.get("origin"),
        ids=line.get("ids", {}),
    )


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as the input spells them."""
    return {_camel(name): _value(name, value) for name, value in fields.items()}


def _value(name: str, value: Any) -> Any:
    return heads(value) if name == "quantity" and isinstance(value, int) else value


def _claimed(value: Any) -> Any:
    return {"quantity": heads(value)} if isinstance(value, int) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
