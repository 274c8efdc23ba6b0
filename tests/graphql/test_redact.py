"""Redaction as the surfaces show it: the mutation, and the gap that every read has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.graphql.asking import PAYLOAD, Ledger, make_ledger, served

MARKER = "Kim Chol-su"
REDACT = f"mutation ($input: RedactInput!) {{ redact(input: $input) {{ {PAYLOAD} }} }}"
GAP = "position authority recordedAt recordId version field takenFrom digest reason { code note }"
WHERE = f"redactions {{ {GAP} }}"


@pytest.fixture
def ledger(database_url: str, tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger that is served, on SQLite, then on PostgreSQL."""
    keys = make_ledger(database_url, tmp_path, filled=False)
    with served(database_url, keys) as made:
        yield made


def redact(ledger: Ledger, *targets: Any, role: str = "admin", **more: Any) -> dict[str, Any]:
    given = {
        "reason": {"code": "PRIVACY", "note": "A private person asked for it."},
        "authority": "PRIVACY",
        "targets": list(targets),
    }
    payload: dict[str, Any] = ledger.ask(REDACT, {"input": given | more}, role=role)["redact"]
    return payload


def every_way_to_read(ledger: Ledger, transfer: str) -> dict[str, str]:
    """Return the answer of every way in which the content of a transfer can be read."""
    of = f'transfer(id: "{transfer}")'
    full = "title summary revision(version: 1) { changes { before after } record { ...T } }"
    asked = {
        "present": f"{{ {of} {{ title summary }} }}",
        "archive": f"{{ archive(position: 2) {{ {of} {{ {full} }} }} }}",
        "marked": f'{{ node(id: "{transfer}@2") {{ ...T }} }}',
        "history": f"{{ {of} {{ history {{ nodes {{ changes {{ before after }} }} }} }} }}",
        "diff": f"{{ {of} {{ diff(from: 0, to: 1) {{ before after }} "
        "back: diff(from: 2, to: 0) { before after } } }",
        "blame": f"{{ {of} {{ blame {{ value }} }} archive(position: 2) {{ {of} "
        "{ blame { value } } } }",
        "changeset": "{ changeset(position: 2) { reason { note } editorName revisions { nodes "
        "{ changes { after } } } } }",
        "filter": f'{{ transfers(filter: {{ textContains: "{MARKER}" }}) {{ totalCount }} }}',
        "search": f'{{ search(text: "{MARKER}") {{ nodes {{ ... on Transfer {{ summary }} }} }} }}',
    }
    fragment = " fragment T on Transfer { title summary }"
    return {
        name: json.dumps(ledger.ask(query + (fragment if "...T" in query else "")))
        for name, query in asked.items()
    }


def test_no_way_to_read_shows_what_was_redacted(ledger: Ledger) -> None:
    """And before it, each of them did: the test looks where the content was."""
    transfer = ledger.add("transfer", title=MARKER, summary=f"By {MARKER}.")
    ledger.revise(transfer, 1, title="Horses")
    shown = {name for name, text in every_way_to_read(ledger, transfer).items() if MARKER in text}
    assert shown == {
        "present", "archive", "marked", "history", "diff", "blame", "changeset", "search"
    }  # fmt: skip

    payload = redact(ledger, {"record": {"id": transfer}})

    assert payload["userErrors"] == []
    assert payload["revisions"] == [
        {"recordId": transfer, "version": 3, "action": "REDACT", "changes": []}
    ]
    after = every_way_to_read(ledger, transfer)
    assert {name for name, text in after.items() if MARKER in text} == set()
    assert json.loads(after["present"]) == {"transfer": {"title": "[redacted]", "summary": None}}
    assert json.loads(after["search"])["search"]["nodes"] == []


def test_the_gap_says_what_when_by_what_authority_and_why(ledger: Ledger) -> None:
    """On the record, its revision, its change and its changeset: in the past as well."""
    transfer = ledger.add("transfer", title=MARKER, quantity={"amount": "24", "unit": "head"})

    redact(ledger, {"record": {"id": transfer, "fields": ["title"]}})

    read = ledger.ask(
        f"""{{
          transfer(id: "{transfer}") {{ {WHERE} diff(from: 0) {{ field {WHERE} }} }}
          archive(position: 2) {{ transfer(id: "{transfer}") {{ {WHERE} }} }}
          entered: changeset(position: 2) {{
            {WHERE} revisions {{ nodes {{ {WHERE} changes {{ field {WHERE} }} }} }}
          }}
          taken: changeset(position: 3) {{ kind authority redacted {{ {GAP} }} {WHERE} }}
        }}"""
    )
    (gap,) = read["transfer"]["redactions"]
    assert (gap["position"], gap["takenFrom"], gap["version"], gap["field"]) == (3, 2, 1, "title")
    assert (gap["authority"], gap["recordId"]) == ("PRIVACY", transfer)
    assert gap["reason"] == {"code": "PRIVACY", "note": "A private person asked for it."}
    (revision,) = read["entered"]["revisions"]["nodes"]
    assert read["entered"]["redactions"] == revision["redactions"] == [gap]
    assert {one["field"]: one["redactions"] for one in revision["changes"]} == {
        "title": [gap],
        "quantity": [],
    }
    assert {one["field"]: one["redactions"] for one in read["transfer"]["diff"]} == {
        "title": [gap],
        "quantity": [],
    }
    assert read["archive"]["transfer"]["redactions"] == [gap | {"recordId": f"{transfer}@2"}]
    assert read["taken"] == {
        "kind": "REDACTION", "authority": "PRIVACY", "redacted": [gap], "redactions": [],
    }  # fmt: skip


def test_a_header_shows_its_gap(ledger: Ledger) -> None:
    ledger.add("transfer", title="Horses")

    redact(ledger, {"header": {"position": 2, "texts": ["NOTE", "EDITOR_NAME"]}})

    shown = f"reason {{ note }} editorName origin {{ ledger }} {WHERE}"
    read = ledger.ask(f"{{ changeset(position: 2) {{ {shown} }} }}")["changeset"]
    assert (read["reason"]["note"], read["editorName"]) == ("[redacted]", "[redacted]")
    assert [(one["field"], one["recordId"], one["version"]) for one in read["redactions"]] == [
        ("editorName", None, None),
        ("note", None, None),
    ]


def test_a_gap_that_was_filled_is_none_of_the_version_read(ledger: Ledger) -> None:
    transfer = ledger.add("transfer", title=MARKER)
    redact(ledger, {"record": {"id": transfer}})
    ledger.revise(transfer, 2, title="Horses")

    query = f"""{{
      now: transfer(id: "{transfer}") {{ redactions {{ field }} }}
      archive(position: 2) {{ transfer(id: "{transfer}") {{ redactions {{ field }} }} }}
    }}"""

    read = ledger.ask(query)
    assert read["now"]["redactions"] == []
    assert read["archive"]["transfer"]["redactions"] == [{"field": "title"}]


def test_an_archive_s_answer_of_before_is_served_no_more(ledger: Ledger) -> None:
    """Neither from the answers that are kept, nor as unchanged to who has it already."""
    transfer = ledger.add("transfer", title=MARKER)
    query = {"query": f'{{ archive(position: 2) {{ transfer(id: "{transfer}") {{ title }} }} }}'}
    before = ledger.http.get("/graphql", params=query)
    tag = {"If-None-Match": before.headers["etag"]}
    assert MARKER in before.text
    assert ledger.http.get("/graphql", params=query, headers=tag).status_code == 304

    redact(ledger, {"record": {"id": transfer}})

    again = ledger.http.get("/graphql", params=query, headers=tag)
    assert (again.status_code, MARKER in again.text) == (200, False)
    assert again.headers["etag"] != before.headers["etag"]
    assert MARKER not in ledger.http.post("/graphql", json=query).text


def test_a_dry_run_shows_what_would_go(ledger: Ledger) -> None:
    """The records with their gaps; nothing is written."""
    transfer = ledger.add("transfer", title=MARKER)

    payload = redact(ledger, {"record": {"id": transfer}}, dryRun=True)

    assert (payload["changeset"], payload["records"][0]["version"]) == (None, 2)
    assert ledger.head() == 2
    assert MARKER in every_way_to_read(ledger, transfer)["present"]


def test_the_answer_to_a_repeated_redaction_holds_nothing(ledger: Ledger) -> None:
    transfer = ledger.add("transfer", title=MARKER)

    first = redact(ledger, {"record": {"id": transfer}}, idempotencyKey="once")
    again = redact(ledger, {"record": {"id": transfer}}, idempotencyKey="once")

    assert again == first
    assert MARKER not in json.dumps(again)
    assert ledger.head() == 3


@pytest.mark.parametrize("role", ["editor", "contributor", None])
def test_who_is_no_admin_may_not_redact(ledger: Ledger, role: str | None) -> None:
    transfer = ledger.add("transfer", title=MARKER)
    given = {
        "reason": {"code": "LEGAL", "note": "A court."}, "authority": "LEGAL",
        "targets": [{"record": {"id": transfer}}],
    }  # fmt: skip

    code, message = ledger.fault(REDACT, {"input": given}, role=role)

    assert code == ("FORBIDDEN" if role else "UNAUTHENTICATED")
    assert "ADMIN" in message


def test_an_error_names_the_place_in_the_input(ledger: Ledger) -> None:
    transfer = ledger.add("transfer", title=MARKER)

    payload = redact(ledger, {"record": {"id": transfer, "fields": ["title", "horses"]}})

    (error,) = payload["userErrors"]
    assert (error["code"], error["path"]) == (
        "INVALID_INPUT", ["targets", "0", "record", "fields", "1"],
    )  # fmt: skip


def test_an_edit_that_was_begun_before_is_shown_what_came_between(ledger: Ledger) -> None:
    transfer = ledger.add("transfer", title=MARKER)
    redact(ledger, {"record": {"id": transfer}})

    (error,) = ledger.revise(transfer, 1, title=MARKER)["userErrors"]

    assert error["code"] == "STALE_VERSION"
    assert error["current"] == {"id": transfer, "version": 2}
    assert error["changesetsBetween"] == [{"position": 3}]


def test_a_claim_without_its_value_says_nothing(ledger: Ledger) -> None:
    """It takes no position, supports nothing, and a finding goes on without it."""
    horses = ledger.add("transfer", title="Horses", quantity={"amount": "24", "unit": "head"})
    citation = ledger.add("citation", kind="STATEMENT", title="Count")
    said = {"subject": horses, "field": "QUANTITY", "stance": "ASSERTS", "citation": citation}
    claims = [
        ledger.add("claim", **said, value={"quantity": {"amount": amount, "unit": "head"}})
        for amount in ("24", "30")
    ]

    redact(ledger, {"record": {"id": claims[0], "fields": ["value"]}})

    (finding,) = ledger.ask(
        f"""{{ transfer(id: "{horses}") {{ findings(fields: [QUANTITY]) {{
          status positions {{ value {{ ... on Measure {{ amount }} }} claims {{ totalCount }} }}
        }} }} }}"""
    )["transfer"]["findings"]
    assert finding["status"] == "UNSUPPORTED"
    assert finding["positions"] == [{"value": {"amount": "30"}, "claims": {"totalCount": 1}}]


def test_totals_go_on_without_a_redacted_figure(ledger: Ledger) -> None:
    ids = [
        ledger.add("transfer", title="Horses", quantity={"amount": amount, "unit": "head"})
        for amount in ("24", "30")
    ]

    redact(ledger, {"record": {"id": ids[0], "fields": ["quantity"]}})

    asked = "{ transferTotals(groupBy: []) { nodes { withoutQuantity quantities { amount } } } }"
    (total,) = ledger.ask(asked)["transferTotals"]["nodes"]
    assert total == {"withoutQuantity": 1, "quantities": [{"amount": "30"}]}
