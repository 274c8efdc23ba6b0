"""The `Idempotency-Key` header: one mutation a request, and what its answers say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from graphql import build_schema

from app.commands import access
from app.graphql.engine import takes_key
from app.store.access import editors
from tests.driver import opened
from tests.graphql.asking import COMMIT, NOTE, REVERT, START, Ledger, served
from tests.graphql.conftest import Ledgers

pytestmark = pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)

REASON = {"code": "CLARIFICATION", "note": NOTE}
KEY = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'


def adding(name: str = "Russia", **more: Any) -> dict[str, Any]:
    """Return the variables of a `commit` that adds one actor."""
    actor = {"ref": "#it", "name": name, "kind": "STATE"}
    return {"input": {"reason": REASON, "operations": [{"addActor": actor}], **more}}


def sent(
    ledger: Ledger,
    key: str | None,
    variables: Mapping[str, Any] | None = None,
    *,
    query: str = COMMIT,
    role: str = "editor",
    accept: str = "application/json",
) -> Any:
    """Return the response to a document that comes with an idempotency key."""
    headers = {
        "Content-Type": "application/json",
        "Accept": accept,
        "Authorization": f"Bearer {ledger.keys[role]}",
        **({} if key is None else {"Idempotency-Key": key}),
    }
    body = {"query": query, "variables": variables or {}}
    return ledger.http.post("/graphql", content=json.dumps(body), headers=headers)


def fault(response: Any) -> tuple[int, str]:
    """Return status and code of a request that was refused as a whole."""
    answer = response.json()
    assert "data" not in answer
    return response.status_code, answer["errors"][0]["extensions"]["code"]


def test_a_repeated_request_gets_the_first_answer(ledger: Ledger) -> None:
    first = sent(ledger, KEY, adding())

    again = sent(ledger, KEY, adding())
    bare = sent(ledger, KEY.strip('"'), adding())

    assert first.status_code == again.status_code == bare.status_code == 200
    assert first.json()["data"]["commit"]["userErrors"] == []
    assert again.json() == bare.json() == first.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert ledger.edits() == 1


@pytest.mark.parametrize("codes", ["audited", "2026"])
def test_another_request_with_the_same_key_is_a_422(
    ledger: Ledger, ledgers: Ledgers, codes: str
) -> None:
    with ledgers.copied("sqlite", filled=False) as given, served(*given, status_codes=codes) as own:
        sent(own, KEY, adding())

        other = sent(own, KEY, adding("Ukraine"))
        another = sent(own, KEY, {"input": {"reason": REASON, "changeset": 1}}, query=REVERT)

        assert fault(other) == fault(another) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert own.edits() == 1


def test_another_key_of_the_api_gets_an_answer_of_its_own(ledger: Ledger) -> None:
    """Whether it is another newsroom's, another editor's or another one of the same editor."""
    first = sent(ledger, KEY, adding()).json()["data"]["commit"]
    with opened(ledger.url) as engine:
        with engine.connect() as connection:
            (editor,) = [one["id"] for one in editors(connection) if one["role"] == "EDITOR"]
        second_key = access.create_key(engine, editor, label="feed", environment="test").key
    second = Ledger(ledger.url, ledger.http, {"editor": second_key})
    partner = ledger.partner("Le Monde")

    own, theirs = (sent(one, KEY, adding()).json()["data"]["commit"] for one in (second, partner))

    assert [one["changeset"]["position"] for one in (first, own)] == [START + 1, ledger.head()]
    assert [one["code"] for one in theirs["userErrors"]] == ["PROPOSE_INSTEAD"]


def test_header_and_input_may_both_name_the_key_if_they_agree(ledger: Ledger) -> None:
    plain = sent(ledger, None, adding(idempotencyKey="desk-1"))

    both = sent(ledger, '"desk-1"', adding(idempotencyKey="desk-1"))
    differing = sent(ledger, '"desk-2"', adding(idempotencyKey="desk-1"))

    assert both.json() == plain.json()
    assert fault(differing) == (400, "BAD_REQUEST")
    assert "differ" in differing.json()["errors"][0]["message"]
    assert ledger.edits() == 1


TWO = """mutation ($input: CommitInput!) {
  one: commit(input: $input) { changeset { position } }
  two: commit(input: $input) { changeset { position } } }"""


def test_a_header_stands_for_one_mutation_and_nothing_else(ledger: Ledger) -> None:
    two = sent(ledger, KEY, adding(), query=TWO)
    one = TWO.replace("two: commit(input: $input)", "two: commit(input: $input) @skip(if: true)")
    aside = sent(ledger, KEY, adding(), query=one)
    reading = sent(ledger, KEY, query="{ actors { totalCount } }")

    assert fault(two) == (400, "BAD_REQUEST")
    assert "this one has 2" in two.json()["errors"][0]["message"]
    assert aside.json()["data"] == {"one": {"changeset": {"position": START + 1}}}
    assert reading.json()["data"] == {"actors": {"totalCount": 1}}


@pytest.mark.parametrize(
    "key", ["", '""', '"a', 'a"', '"a", "b"', "a b", '"\u00fc"', '"a\\b"', f'"{"k" * 201}"']
)
def test_a_header_that_is_no_string_is_refused(ledger: Ledger, key: str) -> None:
    """One that is readable and has no use as a key is told in the payload, as in the input."""
    response = sent(ledger, key.encode("latin-1"), adding())  # type: ignore[arg-type]

    if response.status_code == 400:
        assert fault(response) == (400, "BAD_REQUEST")
    else:
        (error,) = response.json()["data"]["commit"]["userErrors"]
        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["idempotencyKey"])
        assert key in ('""', f'"{"k" * 201}"')
    assert ledger.edits() == 0


def test_quotes_in_a_key_are_escaped(ledger: Ledger) -> None:
    written = sent(ledger, None, adding(idempotencyKey='say "once" \\ only')).json()

    assert sent(ledger, '"say \\"once\\" \\\\ only"', adding()).json() == written


def test_a_proposal_may_be_sent_again_like_any_edit(ledger: Ledger) -> None:
    propose = """mutation ($input: ProposeInput!) { propose(input: $input) {
      proposal { id } userErrors { code } } }"""
    first = sent(ledger, KEY, adding(), query=propose, role="contributor")

    again = sent(ledger, KEY, adding(), query=propose, role="contributor")
    other = sent(ledger, KEY, adding("Ukraine"), query=propose, role="contributor")

    assert first.json()["data"]["propose"]["proposal"] is not None
    assert again.json()["data"] == first.json()["data"]
    assert again.headers["idempotency-replayed"] == "true"
    assert fault(other) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_header_promises_nothing_of_a_mutation_that_takes_no_key(ledger: Ledger) -> None:
    mutation = build_schema(
        "type Query { q: Int } input A { idempotencyKey: String } input B { x: Int } "
        "type Mutation { a(input: A!): Int b(input: B!): Int c: Int }"
    ).mutation_type

    assert mutation is not None
    assert {name: takes_key(field) for name, field in mutation.fields.items()} == {
        "a": True, "b": False, "c": False,
    }  # fmt: skip
