"""A ledger that is being served, and how tests ask it: over HTTP, by the words of GraphQL.

data = demo.ask("{ actors { totalCount } }")
message = demo.fault("{ actors(first: -1) { totalCount } }")
payload = demo.commit([{"reviseTransfer": {...}}])
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from app.commands import access
from app.commands import demo as demo_ledger
from app.domain.codes import Role
from app.domain.decisions import Editing
from app.main import create_app
from app.settings import Settings
from tests.driver import Newsroom, opened

ROOT = Path(__file__).resolve().parents[2]
DOSSIER = ROOT / "app" / "demo" / "dossier.jsonl"
OPERATIONS = ROOT / "schema" / "operations"

START = 1
"""The positions before a ledger's first edit: one changeset enters who may act."""

DEMO = START + len(DOSSIER.read_bytes().splitlines())
"""Where the log of the demo ends."""

NOTE = "So that the ledger says what its sources say."
PAYLOAD = """
  changeset { id position }
  refs { ref id }
  records { id version state }
  revisions { recordId version action changes { field before after } }
  warnings { code message record field }
  userErrors { code message path current { id version } changesetsBetween { position } }
  leafHash
"""
COMMIT = f"mutation ($input: CommitInput!) {{ commit(input: $input) {{ {PAYLOAD} }} }}"
REVERT = f"mutation ($input: RevertInput!) {{ revert(input: $input) {{ {PAYLOAD} }} }}"
_PLACEHOLDER = re.compile(
    r"\{(version )?(actor|item|transfer|citation|newsroom|recorded) (.+)\}(\.[A-Z_]+)?"
)


def make_ledger(url: str, folder: Path, *, filled: bool) -> Mapping[str, str]:
    """Enter editors into an empty database, and the demo's dossier; return a key for each role."""
    lines = DOSSIER.read_bytes().splitlines() if filled else []
    with opened(url) as engine:
        return demo_ledger.prepare(engine, folder / "keys.json", lambda: lines)


# Tests ask for everything at once; what clients may ask for is the matter of `test_limits`
# and `test_budgets`.
GENEROUS: Mapping[str, Any] = {
    "stranger_budget": 0,
    "key_budget": 0,
    "max_cost": 1_000_000,
    "max_tokens": 5_000,
    "max_aliases": 500,
    "max_root_fields": 500,
    "max_subselects": 600,
}


@contextmanager
def served(url: str, keys: Mapping[str, str], **settings: Any) -> Iterator[Ledger]:
    """Serve a ledger as the application does, started and stopped."""
    app = create_app(Settings(database_url=url, **{**GENEROUS, **settings}))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Ledger(url, client, keys)


@dataclass(frozen=True)
class Ledger:
    """A ledger that is being served; `keys` has one for each role, in lower case."""

    url: str
    http: TestClient
    keys: Mapping[str, str]

    @property
    def kind(self) -> str:
        """The name of the database."""
        return self.url.partition(":")[0]

    def partner(self, name: str, role: str = "editor") -> Ledger:
        """Return the same ledger as another newsroom sees it, which has an editor and a key."""
        with opened(self.url) as engine:
            access.add_newsroom(engine, name)
            editor = access.add_editor(engine, f"{name} {role}", newsroom=name, role=role)
            key = access.create_key(engine, editor, label="test", environment="test").key
        return replace(self, keys={role: key})

    # --- asking ---------------------------------------------------------------

    def answer(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        role: str | None = None,
        **more: Any,
    ) -> Any:
        """Return the whole answer to a document, as it came."""
        body = {"query": query, "variables": variables, **more}
        headers = {} if role is None else {"Authorization": f"Bearer {self.keys[role]}"}
        response = self.http.post(
            "/graphql",
            content=json.dumps(body),
            headers={"Content-Type": "application/json", **headers},
        )
        return response.json()

    def ask(
        self, query: str, variables: Mapping[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Return the data of an answer; fail where it has errors."""
        answer = self.answer(query, variables, **more)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def fault(
        self, query: str, variables: Mapping[str, Any] | None = None, **more: Any
    ) -> tuple[str, str]:
        """Return code and message of the one error that a document meets."""
        answer = self.answer(query, variables, **more)
        (error,) = answer.get("errors") or [{"extensions": {"code": "NONE"}, "message": answer}]
        return error["extensions"]["code"], error["message"]

    # --- editing --------------------------------------------------------------

    def commit(
        self, operations: Sequence[Any], *, role: str = "editor", query: str = COMMIT, **more: Any
    ) -> dict[str, Any]:
        """Commit operations and return the payload, refused or not."""
        given = {"reason": {"code": "CLARIFICATION", "note": NOTE}, "operations": operations}
        data = self.ask(query, {"input": given | more}, role=role)
        payload: dict[str, Any] = data["commit"]
        return payload

    def add(self, kind: str, /, **fields: Any) -> str:
        """Add one record and return its id."""
        payload = self.commit([{f"add{kind.capitalize()}": {"ref": "#it", **fields}}])
        assert payload["userErrors"] == [], payload["userErrors"]
        added: str = payload["refs"][0]["id"]
        return added

    def revise(self, record_id: str, version: int, **fields: Any) -> dict[str, Any]:
        """Revise one record that is at `version`."""
        kind = record_id.partition("_")[0].capitalize()
        step = {"id": record_id, "version": version, "set": fields}
        return self.commit([{f"revise{kind}": step}])

    def revert(self, position: int, **more: Any) -> dict[str, Any]:
        """Revert the changeset at a position and return the payload."""
        given = {"reason": {"code": "ENTRY_ERROR", "note": NOTE}, "changeset": position}
        data = self.ask(REVERT, {"input": given | more}, role="editor")
        payload: dict[str, Any] = data["revert"]
        return payload

    # --- finding --------------------------------------------------------------

    def transfer(self, external_ref: str) -> str:
        """Return the id of the transfer with an external reference."""
        return self.named("transfer", external_ref)["id"]

    def named(self, kind: str, name: str) -> Any:
        """Return id and version of a record: by name, title, or external reference."""
        shown = {"actor": "name", "item": "name"}.get(kind, "title")
        query = (
            f"query($after: String) {{ all: {kind}s("
            "filter: { states: [ACTIVE, RETRACTED, MERGED] }, first: 100, after: $after) { "
            f"nodes {{ id version externalRef {shown} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        )
        for page in self.pages(query, "all"):
            for node in page["nodes"]:
                if name in (node["externalRef"], node[shown]):
                    return node
        raise AssertionError(f"there is no {kind} {name}")

    def newsroom(self, name: str) -> str:
        """Return the id of a newsroom that has recorded something."""
        query = "{ changesets(first: 100) { nodes { newsroom { id name } } } }"
        nodes = self.ask(query)["changesets"]["nodes"]
        ids = {node["newsroom"]["name"]: node["newsroom"]["id"] for node in nodes}
        found: str = ids[name]
        return found

    def recorded_at(self, position: int) -> str:
        """Return when this ledger recorded what stands at a position."""
        query = "query ($position: Position!) { changeset(position: $position) { recordedAt } }"
        instant: str = self.ask(query, {"position": position})["changeset"]["recordedAt"]
        return instant

    def pages(self, query: str, field: str) -> Iterator[Any]:
        """Yield the pages of a list that takes `$after`."""
        after = None
        while True:
            page = self.ask(query, {"after": after})[field]
            yield page
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    def head(self) -> int:
        """Return the newest position of the log."""
        position: int = self.answer("{ __typename actors(first: 0) { totalCount } }")["extensions"][
            "position"
        ]
        return position

    def edits(self) -> int:
        """Return how many changesets are edits, and no access changes."""
        with opened(self.url) as engine:
            return Newsroom(engine, Editing("", "", Role.READER, "")).edits()

    # --- documents of schema/operations ---------------------------------------

    def filled(self, value: Any) -> Any:
        """Return example variables with the ids and versions of this ledger."""
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        match = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            return value
        if match[2] == "recorded":
            return self.recorded_at(int(match[3]))
        if match[2] == "newsroom":
            return self.newsroom(match[3])
        found = self.named(match[2], match[3])
        return found["version"] if match[1] else found["id"] + (match[4] or "")


def operations() -> list[str]:
    """Return the names of the documents of schema/operations."""
    return sorted(file.stem for file in OPERATIONS.glob("*.graphql"))


def asker_of(name: str) -> str | None:
    """Return the role that a document of schema/operations is for; None where anybody may ask."""
    if "accessHistory" in document(name):
        return "auditor"
    return "editor" if "proposal" in document(name) else None


def document(name: str) -> str:
    """Return a document of schema/operations."""
    return (OPERATIONS / f"{name}.graphql").read_text()


def example_variables(name: str) -> Any:
    """Return the example variables of a document, placeholders unfilled."""
    file = OPERATIONS / f"{name}.variables.json"
    return json.loads(file.read_text()) if file.exists() else {}
