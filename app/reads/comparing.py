"""Comparing a verified bundle with what a ledger holds or serves now.

With a database: every entry and its content are the same bytes, and the tables
are what follows from them (`app.reads.checking`). With a server: replaying the
bundle's disclosures gives exactly the records that its API answers for that
position, field by field, and its checkpoint extends the bundle's.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from app.domain import field_types as t
from app.domain.errors import Unready
from app.domain.kinds import KINDS
from app.domain.records import kind_name
from app.domain.redacting import placeholder
from app.log import bundle
from app.log.checkpoint import open_checkpoint
from app.log.disclosure import digest
from app.log.errors import LogError, NotVerified
from app.log.note import MAX_NOTE_BYTES
from app.log.proof import verify_consistency
from app.log.tiles import TILE_WIDTH, decode_entries
from app.log.verifying import AUDITOR, HEADER, OpenedChangeset, open_quickly
from app.reads import checking
from app.reads.bundle_files import BundleFiles, lines, read
from app.reads.verdict import Comparison
from app.reads.verifying import Report
from app.store import bundles as store
from app.store.database import Connection
from app.store.dossiers import head_position
from app.store.scratch import Scratch

Progress = Callable[[int], None]

_ENTRY_TILE: Final = TILE_WIDTH * 65_537
_LINE: Final = 640 * 2**20
_ANSWER: Final = 64 * 2**20
_PAGE: Final = 50
_TIMEOUT_S: Final = 30
_CONSISTENCY: Final = (
    "query($from: Position!, $to: Position)"
    " { log { consistencyProof(from: $from, to: $to) { hashes } } }"
)


# --- a database ---------------------------------------------------------------


def compare_with_database(
    report: Report, files: BundleFiles, connection: Connection, progress: Progress
) -> Comparison:
    """Compare every entry and line of content with the rows, and check the whole database.

    What a redaction newer than the bundle took from the database may be absent there.
    """
    manifest = report.manifest
    if manifest is None:
        raise ValueError("only a bundle that was verified can be compared")
    compared = {"entries": 0, "redacted since": 0}
    name = "the database"
    try:
        _require_size(head_position(connection), manifest.size, name)
        gone = store.redacted_after(connection, manifest.size)
        for file in bundle.content_files_of(manifest.size):
            bodies = decode_entries(read(files, file.tile.path, _ENTRY_TILE))
            content = lines(files, file.path, _LINE)
            stored = store.logged(connection, file.first, file.last)
            for body, line, one in zip(bodies, content, stored, strict=True):
                _compare_entry(body, one)
                is_auditors = manifest.audience == AUDITOR
                compared["redacted since"] += _compare_line(line, one, gone, is_auditors)
                compared["entries"] += 1
                progress(1)
        checked = checking.check(connection)
    except NotVerified as failure:
        return Comparison(name, compared, failure)
    if checked.problems:
        first = checked.problems[0]
        told = f"{first.table}{'.' + first.column if first.column else ''} {first.key}"
        contradiction = NotVerified(
            "DATABASE",
            f"the database contradicts its own log in {told}: {first.message}; corrigenda check "
            "tells more",
            position=first.position,
        )
        return Comparison(name, compared, contradiction)
    return Comparison(name, {**compared, "versions": checked.revisions})


def _require_size(head: int, size: int, name: str) -> None:
    if head < size:
        raise NotVerified(
            "BEHIND",
            f"{name} ends at position {head}: positions {head + 1} to {size} of the bundle are "
            "missing there",
            position=head + 1,
        )


def _compare_entry(body: bytes, one: store.Logged) -> None:
    if one.body != body:
        raise NotVerified("DATABASE", "the database has another entry here", position=one.position)


def _compare_line(line: bytes, one: store.Logged, gone: set[str], is_auditors: bool) -> int:  # noqa: FBT001
    """Return how many disclosures are absent from the database by a newer redaction."""
    written = bundle.content_line(
        one.position, one.header, one.revisions, one.targets, restricted=is_auditors
    )
    if written == line + b"\n":
        return 0
    ours, theirs = orjson.loads(line), orjson.loads(written)
    lost = 0
    for record, mine, other in _disclosure_lists(ours, theirs, one.position):
        kept = []
        for text in mine:
            if digest(text) in gone:
                lost += 1
            else:
                kept.append(text)
        if kept != other:
            raise NotVerified(
                "DATABASE",
                "the database has other content here than the bundle",
                position=one.position,
                record=record,
                field=_differing(kept, other),
            )
        mine[:] = other
    if ours != theirs:
        raise NotVerified(
            "DATABASE", "the database has other revisions here", position=one.position
        )
    return lost


def _disclosure_lists(
    ours: dict[str, Any], theirs: dict[str, Any], position: int
) -> Iterator[tuple[str | None, list[str], list[str]]]:
    yield None, ours["header"], theirs["header"]
    if len(ours["revisions"]) != len(theirs["revisions"]):
        raise NotVerified("DATABASE", "the database has other revisions here", position=position)
    for mine, other in zip(ours["revisions"], theirs["revisions"], strict=True):
        yield mine["document"]["record"], mine["disclosures"], other["disclosures"]


def _differing(kept: list[str], other: list[str]) -> str | None:
    for text in kept:
        if text not in other:
            return open_quickly(text)[0]
    return None


# --- a server -----------------------------------------------------------------


class Replay:
    """Keeps, beside each record, the fields that the disclosures give it.

    Fields are kept with the version that set them: a redaction names a version, and
    blanks what the record holds now only where that version still speaks.
    """

    def __init__(self, memory: Scratch) -> None:
        self._memory = memory

    def __call__(self, opened: OpenedChangeset) -> None:
        """Take one changeset in."""
        for one in opened.revisions:
            record = one.parts.record
            fields = self._fields(record)
            fields.update((name, [value, one.parts.version]) for name, value in one.opened.items())
            self._memory.keep(record, orjson.dumps(fields))
        names = {one["digest"]: one["field"] for one in opened.header.get("redacted", ())}
        for target in opened.targets:
            if target.scope == HEADER or target.digest not in names:
                continue
            name, fields = names[target.digest], self._fields(target.scope)
            version = target.version or 0
            if fields.get(name, [None, 0])[1] < version:
                fields[name] = [placeholder(kind_name(target.scope), name), version]
                self._memory.keep(target.scope, orjson.dumps(fields))

    def _fields(self, record: str) -> dict[str, Any]:
        kept, _ = self._memory.fields(record)
        found: dict[str, Any] = orjson.loads(kept or b"{}")
        return found


def compare_with_server(
    report: Report, memory: Scratch, url: str, progress: Progress
) -> Comparison:
    """Compare what was replayed with what a server answers for the bundle's position.

    Raises `Unready` where the server cannot be asked.
    """
    server = _Server(url)
    compared = {"records": 0, "fields": 0}
    try:
        _compare_checkpoint(report, server)
        size = 0 if report.manifest is None else report.manifest.size
        for kind in KINDS if size else ():
            _compare_kind(kind, size, memory, server, compared, progress)
    except NotVerified as failure:
        return Comparison(url, compared, failure)
    return Comparison(url, compared)


def _compare_checkpoint(report: Report, server: _Server) -> None:
    manifest, ours = report.manifest, report.checkpoint
    if manifest is None or ours is None:
        raise ValueError("only a bundle that was verified can be compared")
    try:
        note = server.get("/checkpoint", MAX_NOTE_BYTES).decode("utf-8")
        theirs = open_checkpoint(note, report.known.keys or manifest.keys)
    except (LogError, UnicodeDecodeError) as error:
        raise NotVerified("SERVER", f"the server's checkpoint does not open: {error}") from error
    if theirs.origin != ours.origin:
        raise NotVerified("ORIGIN", f"the server serves the log {theirs.origin}")
    _require_size(theirs.size, ours.size, "the server's checkpoint")
    if ours.size in {theirs.size, 0}:
        proof: list[bytes] = []
    else:
        found = server.ask(_CONSISTENCY, {"from": ours.size, "to": theirs.size})["log"]
        proof = [bytes.fromhex(one) for one in (found["consistencyProof"] or {}).get("hashes", ())]
    try:
        if ours.size:
            verify_consistency(
                old_size=ours.size,
                new_size=theirs.size,
                old_root=ours.root,
                new_root=theirs.root,
                proof=proof,
            )
    except LogError as error:
        raise NotVerified(
            "HISTORY",
            f"the server's checkpoint of size {theirs.size} does not extend the bundle's: {error}",
            position=ours.size,
        ) from error


def _compare_kind(  # noqa: PLR0913, PLR0917 - both sides, and how far
    kind: str,
    size: int,
    memory: Scratch,
    server: _Server,
    compared: dict[str, int],
    progress: Progress,
) -> None:
    for node in server.records(kind, size):
        record = _plain_id(node["id"])
        held = memory.held(record)
        fields, seen = memory.fields(record)
        if held is None or seen:
            why = "twice" if seen else "which the log does not have"
            raise NotVerified("SERVER", f"the server serves this record {why}", record=record)
        told = (node["version"], node["state"], node["position"])
        if told != (held.version, held.state, held.position):
            raise NotVerified(
                "SERVER",
                f"the server serves version {told[0]}, {told[1]}, entered at {told[2]}; the log "
                f"has version {held.version}, {held.state}, entered at {held.position}",
                position=held.position,
                record=record,
            )
        compared["fields"] += _compare_fields(kind, record, node, orjson.loads(fields or b"{}"))
        compared["records"] += 1
        memory.keep(record, fields, b"seen")
        progress(0)
    for record, held, _, seen in memory.records(f"{kind}_"):
        if not seen:
            raise NotVerified(
                "SERVER",
                "the server does not serve this record",
                position=held.position,
                record=record,
            )


def _compare_fields(
    kind: str, record: str, node: Mapping[str, Any], held: Mapping[str, list[Any]]
) -> int:
    for name, field in KINDS[kind].fields.items():
        value, version = held.get(name, [None, 0])
        served = _canonical(field.type, node[name])
        if served != value:
            gap = served == placeholder(kind, name)
            more = (
                "; if a redaction newer than the bundle took it, make a new bundle" if gap else ""
            )
            raise NotVerified(
                "SERVER",
                f"the server serves {json.dumps(served, ensure_ascii=False)[:200]}, which is not "
                f"what version {version} entered{more}",
                record=record,
                field=name,
            )
    return len(held)


def _plain_id(served: str) -> str:
    return served.partition("@")[0]


class _Server:
    """A server of the ledger, asked over HTTP with bounded answers."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise Unready(f"{url} is no address of a server; write https://HOST")
        self._url = url.rstrip("/").removesuffix("/graphql")

    def get(self, path: str, limit: int, body: bytes | None = None) -> bytes:
        headers = {"accept": "application/json, text/plain"}
        if body is not None:
            headers["content-type"] = "application/json"
        request = urllib.request.Request(self._url + path, body, headers)  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the same
                data: bytes = answer.read(limit + 1)
        except urllib.error.HTTPError as error:
            told = error.read(2_000).decode("utf-8", "replace")
            raise Unready(f"{self._url}{path} answers {error.code}: {told}") from error
        except OSError as error:
            raise Unready(f"{self._url}{path} cannot be asked: {error}") from error
        if len(data) > limit:
            raise Unready(f"{self._url}{path} answers with more than {limit} bytes")
        return data

    def ask(self, query: str, variables: Mapping[str, Any]) -> Any:
        body = orjson.dumps({"query": query, "variables": variables})
        try:
            answer = orjson.loads(self.get("/graphql", _ANSWER, body))
            faults, data = answer.get("errors"), answer.get("data")
        except (orjson.JSONDecodeError, AttributeError) as error:
            raise Unready(f"{self._url}/graphql does not answer as GraphQL does") from error
        if faults or data is None:
            raise Unready(f"{self._url}/graphql refuses: {faults}")
        return data

    def records(self, kind: str, position: int) -> Iterator[Any]:
        """Yield every record of a kind, in any state, as of a position."""
        query, after = _query(kind), None
        while True:
            found = self.ask(query, {"position": position, "after": after})["archive"]["all"]
            yield from found["nodes"]
            if not found["pageInfo"]["hasNextPage"]:
                return
            after = found["pageInfo"]["endCursor"]


def _query(kind: str) -> str:
    fields = " ".join(
        f"{field.name}{_selection(field.type)}" for field in KINDS[kind].fields.values()
    )
    return (
        "query($position: Position!, $after: String) { archive(position: $position) {"
        f" all: {kind}s(first: {_PAGE}, after: $after,"
        " filter: {states: [ACTIVE, RETRACTED, MERGED]})"
        f" {{ nodes {{ id version state position {fields} }}"
        " pageInfo { hasNextPage endCursor } } } }"
    )


_MEASURE: Final = "amount lower upper approximate unit verbatim"


_PARTS: Final[Mapping[type[t.FieldType], str]] = {
    t.Reference: "id",
    t.Measure: _MEASURE,
    t.Money: f"{_MEASURE} basis",
    t.Edtf: "edtf",
    t.Aliases: "text language",
    t.Identifiers: "scheme value",
    t.Quote: "exact prefix suffix",
    t.Derivations: "claim { id } derivation",
    t.ClaimValue: (
        f"__typename ... on Measure {{ {_MEASURE} }} ... on Money {{ {_MEASURE} basis }}"
        " ... on UncertainDate { edtf } ... on RecordValue { record { id } }"
        " ... on CodeValue { code } ... on TextValue { text }"
    ),
}
"""What is asked of each type of field; all others are scalars."""


def _selection(of: t.FieldType) -> str:
    parts = _PARTS.get(type(of))
    return "" if parts is None else f" {{ {parts} }}"


_TAGS: Final = {
    "Measure": "quantity",
    "Money": "money",
    "UncertainDate": "date",
    "RecordValue": "record",
    "CodeValue": "code",
    "TextValue": "text",
}


def _canonical(of: t.FieldType, value: Any) -> Any:
    """Return a served value as the log discloses it."""
    if value is None or value == []:
        return None
    special = _READ.get(type(of))
    if special is not None:
        return special(value)
    if isinstance(value, list):
        return [_members(one) if isinstance(one, dict) else one for one in value]
    return _members(value) if isinstance(value, dict) else value


def _links(value: Any) -> list[dict[str, str]]:
    return [
        {"claim": _plain_id(one["claim"]["id"]), "derivation": one["derivation"]} for one in value
    ]


def _claim_value(value: Mapping[str, Any]) -> dict[str, Any]:
    tag = _TAGS[value["__typename"]]
    inner = _members({name: one for name, one in value.items() if name != "__typename"})
    if tag == "date":
        return {tag: inner["edtf"]}
    if tag == "record":
        return {tag: _plain_id(inner["record"]["id"])}
    return {tag: inner[tag] if tag in ("code", "text") else inner}


_READ: Final[Mapping[type[t.FieldType], Callable[[Any], Any]]] = {
    t.Reference: lambda value: _plain_id(value["id"]),
    t.Edtf: lambda value: value["edtf"],
    t.ClaimValue: _claim_value,
    t.Derivations: _links,
}


def _members(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is there: the log says neither null nor that an amount is exact."""
    return {name: one for name, one in value.items() if one is not None and one is not False}


__all__ = ["Replay", "compare_with_database", "compare_with_server"]
