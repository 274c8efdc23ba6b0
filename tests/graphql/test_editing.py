"""Editing through GraphQL: a revised count with its history, and what stands against edits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.graphql.asking import COMMIT, DEMO, NOTE, START, Ledger

HORSES = {"title": "Horses for North Korea", "quantity": {"amount": "30", "unit": "head"}}
TRAIL = """
query ($id: ID!, $from: Int = 0, $to: Int) { node(id: $id) { ... on Record {
  version
  history { totalCount nodes { version action changes { field before after }
    changeset { position recordedAt editorName editor { id name } newsroom { name }
      reason { code note } } } }
  diff(from: $from, to: $to) { field before after }
  blame { field value revision { version changeset { editorName recordedAt reason { note } } } }
  ... on Transfer { quantity { amount } }
} } }
"""


def heads(amount: str) -> dict[str, str]:
    """Return so many heads."""
    return {"amount": amount, "unit": "head"}


def trail(ledger: Ledger, record: str, **more: Any) -> Any:
    """Return the audit trail of a record."""
    return ledger.ask(TRAIL, {"id": record, **more})["node"]


def revised_count(ledger: Ledger, horses: str, version: int, amount: str) -> list[Any]:
    """Return the operations that revise a count by a claim and the transfer."""
    release = ledger.named("citation", "Veterinary Service of Primorsky Krai on Orlov Trotters "
                           "taken across the border")["id"]  # fmt: skip
    return [
        {
            "addClaim": {
                "subject": horses,
                "field": "QUANTITY",
                "value": {"quantity": heads(amount)},
                "stance": "ASSERTS",
                "citation": release,
            }
        },
        {"reviseTransfer": {"id": horses, "version": version, "set": {"quantity": heads(amount)}}},
    ]


# --- the revised horse count ---------------------------------------------------


def test_a_revised_count_keeps_old_and_new_with_editor_time_and_reason(own_demo: Ledger) -> None:
    horses = own_demo.transfer("E1")
    before = trail(own_demo, horses)
    reason = {"code": "SOURCE_CORRECTED", "note": "The veterinary service corrected its count."}

    done = own_demo.commit(revised_count(own_demo, horses, before["version"], "26"), reason=reason)

    assert done["userErrors"] == []
    assert [one["version"] for one in done["records"]] == [1, before["version"] + 1]
    after = trail(own_demo, horses)
    assert after["quantity"] == {"amount": "26"}
    assert after["history"]["totalCount"] == before["history"]["totalCount"] + 1
    step = after["history"]["nodes"][-1]
    assert step["changes"] == [{"field": "quantity", "before": heads("24"), "after": heads("26")}]
    changeset = step["changeset"]
    assert changeset["reason"] == reason
    assert changeset["editorName"] == changeset["editor"]["name"] == "Demo editor"
    assert changeset["newsroom"] == {"name": "Demo newsroom"}
    assert changeset["position"] == done["changeset"]["position"] == DEMO + 1
    assert changeset["recordedAt"].endswith("Z")


def test_diff_reads_forwards_and_backwards(own_demo: Ledger) -> None:
    horses = own_demo.transfer("E1")
    version = trail(own_demo, horses)["version"]
    own_demo.commit(revised_count(own_demo, horses, version, "26"))

    forward = trail(own_demo, horses, **{"from": version, "to": version + 1})["diff"]
    backward = trail(own_demo, horses, **{"from": version + 1, "to": version})["diff"]
    same = trail(own_demo, horses, **{"from": version, "to": version})["diff"]
    whole = trail(own_demo, horses, **{"from": 0})["diff"]

    assert forward == [{"field": "quantity", "before": heads("24"), "after": heads("26")}]
    assert backward == [{"field": "quantity", "before": heads("26"), "after": heads("24")}]
    assert same == []
    assert {"field": "quantity", "before": None, "after": heads("26")} in whole


def test_a_difference_is_part_of_the_last_revision_that_moved_the_field(own_demo: Ledger) -> None:
    horses = own_demo.transfer("E1")
    version = trail(own_demo, horses)["version"]
    own_demo.commit(revised_count(own_demo, horses, version, "26"))
    own_demo.commit(revised_count(own_demo, horses, version + 1, "27"))
    diff = "{ field revision { version recordId } }"

    found = own_demo.ask(
        f'{{ transfer(id: "{horses}") {{ on: diff(from: {version}) {diff} '
        f"back: diff(from: {version + 2}, to: {version}) {diff} }} }}"
    )["transfer"]

    revision = {"version": version + 2, "recordId": horses}
    assert found["on"] == found["back"] == [{"field": "quantity", "revision": revision}]


def test_blame_names_for_each_field_who_set_it_last_and_why(own_demo: Ledger) -> None:
    horses = own_demo.transfer("E1")
    version = trail(own_demo, horses)["version"]
    own_demo.commit(revised_count(own_demo, horses, version, "26"))

    blame = {one["field"]: one for one in trail(own_demo, horses)["blame"]}

    assert blame["quantity"]["value"] == heads("26")
    assert blame["quantity"]["revision"]["version"] == version + 1
    assert blame["quantity"]["revision"]["changeset"]["reason"] == {"note": NOTE}
    assert blame["giver"]["revision"]["version"] == 1
    assert blame["occurred"]["value"] == "2024-08-25"


def test_a_stale_edit_is_refused_with_the_current_record_and_what_came_between(
    own_demo: Ledger,
) -> None:
    horses = own_demo.transfer("E1")
    version = trail(own_demo, horses)["version"]
    stale = revised_count(own_demo, horses, version, "26")
    own_demo.commit(stale)
    head = own_demo.head()

    refused = own_demo.commit(stale)

    (error,) = refused["userErrors"]
    assert error["code"] == "STALE_VERSION"
    assert error["path"] == ["operations", "1", "reviseTransfer", "version"]
    assert error["current"] == {"id": horses, "version": version + 1}
    assert error["changesetsBetween"] == [{"position": head}]
    assert refused["changeset"] is None
    assert refused["records"] == refused["revisions"] == refused["refs"] == []
    assert refused["leafHash"] is None
    assert own_demo.head() == head


def test_add_revise_and_revert_make_a_history_of_three(ledger: Ledger) -> None:
    horses = ledger.add("transfer", **HORSES)
    revised = ledger.revise(horses, 1, quantity=heads("24"))
    position = revised["changeset"]["position"]

    reverted = ledger.revert(position)

    assert reverted["userErrors"] == []
    found = trail(ledger, horses)
    assert found["quantity"] == {"amount": "30"}
    assert [one["version"] for one in found["history"]["nodes"]] == [1, 2, 3]
    assert [one["action"] for one in found["history"]["nodes"]] == ["ADD", "REVISE", "REVISE"]
    counts = [
        change["after"]["amount"]
        for one in found["history"]["nodes"]
        for change in one["changes"]
        if change["field"] == "quantity"
    ]
    assert counts == ["30", "24", "30"]
    assert trail(ledger, horses, **{"from": 1})["diff"] == []


def test_a_revert_and_what_it_reverts_name_each_other(ledger: Ledger) -> None:
    horses = ledger.add("transfer", **HORSES)
    position = ledger.revise(horses, 1, quantity=heads("24"))["changeset"]["position"]

    reverting = ledger.revert(position)["changeset"]["position"]

    query = """query ($of: Position!, $by: Position!) {
      of: changeset(position: $of) { kind revertedBy { position } }
      by: changeset(position: $by) { kind reverts { position } } }"""
    assert ledger.ask(query, {"of": position, "by": reverting}) == {
        "of": {"kind": "EDIT", "revertedBy": [{"position": reverting}]},
        "by": {"kind": "REVERT", "reverts": {"position": position}},
    }


def test_a_revert_of_what_was_edited_since_names_the_record(ledger: Ledger) -> None:
    horses = ledger.add("transfer", **HORSES)
    position = ledger.revise(horses, 1, quantity=heads("24"))["changeset"]["position"]
    ledger.revise(horses, 2, quantity=heads("25"))

    (error,) = ledger.revert(position)["userErrors"]

    assert error["code"] == "REVERT_CONFLICT"
    assert error["current"] == {"id": horses, "version": 3}


def test_a_revert_of_a_position_without_changeset_is_refused(ledger: Ledger) -> None:
    (error,) = ledger.revert(4711)["userErrors"]

    assert (error["code"], error["path"]) == ("UNKNOWN_RECORD", ["changeset"])
    assert error["current"] is None
    assert error["changesetsBetween"] == []


def test_an_edit_back_and_forth_is_told_by_the_log_position_of_the_answer(ledger: Ledger) -> None:
    """A client that edits learns from the same answer how far the log goes."""
    answer = ledger.answer(
        COMMIT,
        {"input": {"reason": {"code": "OTHER", "note": NOTE},
                   "operations": [{"addTransfer": HORSES}]}},
        role="editor",
    )  # fmt: skip

    assert answer["extensions"]["position"] == START + 1
    assert answer["data"]["commit"]["changeset"]["position"] == START + 1


# --- dry runs and idempotency --------------------------------------------------


def test_a_dry_run_shows_everything_and_writes_nothing(own_demo: Ledger) -> None:
    horses = own_demo.transfer("E1")
    version, head = trail(own_demo, horses)["version"], own_demo.head()
    step = {"id": horses, "version": version, "set": {"quantity": heads("26")}}

    tried = own_demo.commit([{"reviseTransfer": step}], dryRun=True)

    assert tried["changeset"] is None
    assert tried["leafHash"] is None
    assert tried["userErrors"] == []
    assert tried["records"] == [{"id": horses, "version": version + 1, "state": "ACTIVE"}]
    (revision,) = tried["revisions"]
    assert (revision["recordId"], revision["action"]) == (horses, "REVISE")
    assert revision["changes"] == [
        {"field": "quantity", "before": heads("24"), "after": heads("26")}
    ]
    assert {(one["code"], one["record"], one["field"]) for one in tried["warnings"]} == {
        ("PARTS_DO_NOT_ADD_UP", horses, "quantity"),
        ("NO_LIVE_CLAIM", horses, "quantity"),
    }
    assert own_demo.head() == head
    assert trail(own_demo, horses)["quantity"] == {"amount": "24"}


def test_the_same_key_and_edit_give_the_same_answer_and_write_once(ledger: Ledger) -> None:
    operations = [{"addTransfer": {"ref": "#it", **HORSES}}]
    first = ledger.commit(operations, idempotencyKey="desk-1")

    again = ledger.commit(operations, idempotencyKey="desk-1")

    assert again == first
    assert ledger.head() == START + 1


def test_the_same_key_with_another_edit_is_refused(ledger: Ledger) -> None:
    ledger.commit([{"addTransfer": HORSES}], idempotencyKey="desk-1")

    (error,) = ledger.commit([{"addTransfer": {"title": "Dogs"}}], idempotencyKey="desk-1")[
        "userErrors"
    ]

    assert (error["code"], error["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])
    assert ledger.head() == START + 1


def test_a_revert_is_tried_and_repeated_like_any_edit(ledger: Ledger) -> None:
    horses = ledger.add("transfer", **HORSES)
    position = ledger.revise(horses, 1, quantity=heads("24"))["changeset"]["position"]

    tried = ledger.revert(position, dryRun=True)
    done = ledger.revert(position, idempotencyKey="desk-2")
    again = ledger.revert(position, idempotencyKey="desk-2")

    assert tried["changeset"] is None
    assert tried["revisions"] == done["revisions"]
    assert again == done
    assert ledger.head() == START + 3


@pytest.mark.parametrize("key", ["", "   ", "a\nb", "k" * 201])
def test_an_idempotency_key_that_nobody_can_read_is_refused(ledger: Ledger, key: str) -> None:
    (error,) = ledger.commit([{"addTransfer": HORSES}], idempotencyKey=key)["userErrors"]

    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["idempotencyKey"])


# --- who may -------------------------------------------------------------------


@pytest.mark.parametrize("role", [None, "reader", "contributor", "auditor"])
@pytest.mark.parametrize("field", ["commit", "revert"])
def test_who_may_not_commit_is_refused_and_nothing_is_written(
    demo: Ledger, role: str | None, field: str
) -> None:
    documents = {
        "commit": 'mutation { commit(input: { reason: { code: OTHER, note: "x" } operations: '
        '[{ addTransfer: { title: "x" } }] }) { changeset { position } } }',
        "revert": 'mutation { revert(input: { reason: { code: OTHER, note: "x" } changeset: 1 }) '
        "{ changeset { position } } }",
    }

    answer = demo.answer(documents[field], role=role)

    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == ("FORBIDDEN" if role else "UNAUTHENTICATED")
    assert "EDITOR and ADMIN may" in error["message"]
    assert error["path"] == [field]
    assert demo.head() == DEMO


@pytest.mark.parametrize("role", ["editor", "admin"])
def test_editors_and_admins_may_commit_in_their_role(ledger: Ledger, role: str) -> None:
    done = ledger.commit([{"addTransfer": HORSES}], role=role)

    assert done["userErrors"] == []
    query = "query ($at: Position!) { changeset(position: $at) { role editorName } }"
    assert ledger.ask(query, {"at": done["changeset"]["position"]})["changeset"] == {
        "role": role.upper(),
        "editorName": f"Demo {role}",
    }


@pytest.mark.parametrize("role", [None, "reader", "contributor", "editor", "auditor", "admin"])
def test_everybody_may_read_and_learns_who_they_are(demo: Ledger, role: str | None) -> None:
    query = "{ viewer { authenticated role mayCommit name } actors { totalCount } }"

    data = demo.ask(query, role=role)

    assert data["viewer"] == {
        "authenticated": role is not None,
        "role": "READER" if role is None else role.upper(),
        "mayCommit": role in ("editor", "admin"),
        "name": None if role is None else f"Demo {role}",
    }
    assert data["actors"]["totalCount"] > 10


def test_a_claim_is_only_revised_by_the_newsroom_that_entered_it(ledger: Ledger) -> None:
    """What the ledger holds belongs to the house; a claim is its newsroom's word."""
    partner = ledger.partner("Lantern Desk")
    horses = ledger.add("transfer", **HORSES)
    source = ledger.add("citation", kind="STATEMENT", title="Statement")
    claim = ledger.add(
        "claim",
        subject=horses,
        field="QUANTITY",
        value={"quantity": heads("30")},
        stance="ASSERTS",
        citation=source,
    )

    refused = partner.revise(claim, 1, locator="second paragraph")
    held = partner.revise(horses, 1, quantity=heads("24"))
    own = {"subject": horses, "field": "QUANTITY", "value": {"quantity": heads("24")}}
    answer = partner.add("claim", **own, stance="ASSERTS", citation=source)

    (error,) = refused["userErrors"]
    assert error["code"] == "NOT_YOUR_CLAIM"
    assert error["path"][:3] == ["operations", "0", "reviseClaim"]
    (error,) = held["userErrors"]
    assert error["code"] == "PROPOSE_INSTEAD"
    assert error["path"][:3] == ["operations", "0", "reviseTransfer"]
    query = """query ($id: ID!) { claim(id: $id) { newsroom { name }
      changeset { newsroom { name } } } }"""
    assert ledger.ask(query, {"id": answer})["claim"] == {
        "newsroom": {"name": "Lantern Desk"},
        "changeset": {"newsroom": {"name": "Lantern Desk"}},
    }


# --- what is wrong with an input -----------------------------------------------


@pytest.mark.parametrize(
    ("operation", "code", "path"),
    [
        ({"addTransfer": {"title": "  "}}, "INVALID_INPUT", ["addTransfer", "title"]),
        (
            {"addTransfer": {"title": "x", "quantity": {"amount": "1.2345", "unit": "head"}}},
            "INVALID_INPUT",
            ["addTransfer", "quantity", "amount"],
        ),
        (
            {"addTransfer": {"title": "x", "occurred": "2024-13"}},
            "INVALID_INPUT",
            ["addTransfer", "occurred"],
        ),
        (
            {"addTransfer": {"title": "x", "giver": "actor_01j6a3k7x2e5vrm8n9p0q4s6t8"}},
            "UNKNOWN_RECORD",
            ["addTransfer", "giver"],
        ),
        (
            {"addActor": {"name": "x", "kind": "STATE", "country": "XX"}},
            "INVALID_INPUT",
            ["addActor", "country"],
        ),
        (
            {"addActor": {"name": "x", "kind": "STATE", "aliases": [{"text": "y"}, {"text": ""}]}},
            "INVALID_INPUT",
            ["addActor", "aliases", "1", "text"],
        ),
        (
            {"addTransfer": {"title": "x", "giver": "#nobody"}},
            "UNKNOWN_RECORD",
            ["addTransfer", "giver"],
        ),
        (
            {"retract": {"id": "transfer_01j6a3k7x2e5vrm8n9p0q4s6t8", "version": 1}},
            "UNKNOWN_RECORD",
            ["retract", "id"],
        ),
    ],
)
def test_what_an_editor_can_mend_is_told_with_its_place_in_the_input(
    demo: Ledger, operation: dict[str, Any], code: str, path: list[str]
) -> None:
    refused = demo.commit([operation])

    (error,) = refused["userErrors"]
    assert error["code"] == code
    assert error["path"][:2] == ["operations", "0"]
    assert error["path"][2:] == path
    assert error["message"]
    assert demo.head() == DEMO


def test_every_fault_of_an_edit_is_told_at_once(demo: Ledger) -> None:
    refused = demo.commit(
        [{"addTransfer": {"title": ""}}, {"addActor": {"name": "x", "kind": "STATE",
                                                       "country": "??"}}],
        reason={"code": "OTHER", "note": " "},
    )  # fmt: skip

    assert {tuple(error["path"][:2]) for error in refused["userErrors"]} == {
        ("reason", "note"),
        ("operations", "0"),
        ("operations", "1"),
    }


@pytest.mark.parametrize(
    "operation",
    [
        {"addTransfer": {"title": "x"}, "addActor": {"name": "x", "kind": "STATE"}},
        {"addTransfer": None},
        {},
        {"addTransfer": {}},
        {"addTransfer": {"title": "x", "mass": 3}},
        {"addTransfer": {"title": 3}},
        {"addActor": {"name": "x", "kind": "EMPIRE"}},
        {"reviseTransfer": {"id": "x", "version": "one", "set": {}}},
    ],
)
def test_an_input_that_the_schema_does_not_admit_is_a_wrong_request(
    demo: Ledger, operation: dict[str, Any]
) -> None:
    given = {"reason": {"code": "OTHER", "note": NOTE}, "operations": [operation]}

    answer = demo.answer(COMMIT, {"input": given}, role="editor")

    assert "data" not in answer
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_VARIABLES"}
    assert demo.head() == DEMO


def test_null_takes_a_value_away_and_absent_leaves_it(ledger: Ledger) -> None:
    horses = ledger.add("transfer", **HORSES, route="by rail", stage="DELIVERED")

    ledger.revise(horses, 1, route=None)

    query = "query ($id: ID!) { transfer(id: $id) { route stage quantity { amount } } }"
    assert ledger.ask(query, {"id": horses})["transfer"] == {
        "route": None,
        "stage": "DELIVERED",
        "quantity": {"amount": "30"},
    }


def test_retract_and_restore_keep_the_past_readable(ledger: Ledger) -> None:
    horses = ledger.add("transfer", **HORSES)
    ledger.commit([{"retract": {"id": horses, "version": 1}}])
    listed = ledger.ask("{ transfers { totalCount } }")["transfers"]["totalCount"]
    query = "query ($id: ID!) { transfer(id: $id) { state version title } }"
    retracted = ledger.ask(query, {"id": horses})["transfer"]

    ledger.commit([{"restore": {"id": horses, "version": 2}}])

    assert listed == 0
    assert retracted == {"state": "RETRACTED", "version": 2, "title": HORSES["title"]}
    restored = ledger.ask(query, {"id": horses})["transfer"]
    assert restored == {"state": "ACTIVE", "version": 3, "title": HORSES["title"]}


def test_a_merged_record_names_its_survivor_and_hands_over_what_named_it(
    ledger: Ledger,
) -> None:
    one = ledger.add("actor", name="Russia", kind="STATE")
    other = ledger.add("actor", name="Russian Federation", kind="STATE")
    horses = ledger.add("transfer", **HORSES, giver=other)

    done = ledger.commit([{"merge": {"id": other, "version": 1, "into": one}}])

    assert {record["id"]: record["state"] for record in done["records"]} == {
        other: "MERGED",
        horses: "ACTIVE",
    }
    query = """query ($old: ID!, $horses: ID!) {
      node(id: $old) { ... on Actor { state mergedInto { name } } }
      transfer(id: $horses) { giver { id } } }"""
    assert ledger.ask(query, {"old": other, "horses": horses}) == {
        "node": {"state": "MERGED", "mergedInto": {"name": "Russia"}},
        "transfer": {"giver": {"id": one}},
    }


# --- the payload, however it is asked for ---------------------------------------

ADD = '{ reason: { code: OTHER, note: "x" } operations: [{ addTransfer: { title: "x" } }] }'


def test_a_payload_honours_aliases_fragments_and_type_names(ledger: Ledger) -> None:
    data = ledger.ask(
        """mutation ($with: Boolean!, $input: CommitInput!) {
          done: commit(input: $input) {
            __typename
            first: changeset { __typename position }
            second: changeset { reason { note } }
            first: changeset { kind }
            ...Rest
            ... on CommitPayload { refs { __typename ref } }
            warnings @include(if: $with) { code }
            userErrors { __typename code }
          }
        }
        fragment Rest on CommitPayload {
          records { __typename id ... on Transfer { title } ... on Actor { name } }
          again: records { version }
        }""",
        {
            "with": False,
            "input": {
                "reason": {"code": "OTHER", "note": NOTE},
                "operations": [{"addTransfer": {"ref": "#it", "title": "x"}}],
            },
        },
        role="editor",
    )

    done = data["done"]
    record_id = done["records"][0].pop("id")
    assert record_id.startswith("transfer_")
    assert done == {
        "__typename": "CommitPayload",
        "first": {"__typename": "Changeset", "position": START + 1, "kind": "EDIT"},
        "second": {"reason": {"note": NOTE}},
        "records": [{"__typename": "Transfer", "title": "x"}],
        "again": [{"version": 1}],
        "refs": [{"__typename": "Ref", "ref": "#it"}],
        "userErrors": [],
    }


def test_what_stands_against_an_edit_honours_aliases_each_with_its_own_fields(
    own_demo: Ledger,
) -> None:
    """Two aliases of one list show their own fields, whatever the other asked for."""
    horses = own_demo.transfer("E1")
    payload = """
      a: userErrors { __typename what: code current { __typename id } }
      b: userErrors { path current { version ... on Transfer { quantity { amount } } }
                      changesetsBetween { position } }
      c: userErrors { code }
    """
    query = f"mutation ($input: CommitInput!) {{ commit(input: $input) {{ {payload} }} }}"

    refused = own_demo.commit([{"retract": {"id": horses, "version": 2}}], query=query)

    assert refused["a"] == [
        {
            "__typename": "UserError",
            "what": "STALE_VERSION",
            "current": {"__typename": "Transfer", "id": horses},
        }
    ]
    (second,) = refused["b"]
    assert second["current"] == {"version": 5, "quantity": {"amount": "24"}}
    assert second["path"] == ["operations", "0", "retract", "version"]
    assert len(second["changesetsBetween"]) == 3
    assert refused["c"] == [{"code": "STALE_VERSION"}]


def test_a_payload_without_anything_from_the_tables_is_answered(ledger: Ledger) -> None:
    data = ledger.ask(f"mutation {{ commit(input: {ADD}) {{ __typename }} }}", role="editor")

    assert data == {"commit": {"__typename": "CommitPayload"}}
    assert ledger.head() == START + 1


def test_two_mutations_in_one_document_are_carried_out_one_after_the_other(
    ledger: Ledger,
) -> None:
    answer = ledger.answer(
        f"""mutation {{
          one: commit(input: {ADD}) {{ changeset {{ position }} records {{ position version }} }}
          two: commit(input: {ADD}) {{ changeset {{ position }} records {{ position }} }}
          three: revert(input: {{ reason: {{ code: OTHER, note: "x" }} changeset: {START + 1} }}) {{
            changeset {{ position kind reverts {{ position }} }} records {{ state }} }}
        }}""",
        role="editor",
    )

    assert answer == {
        "data": {
            "one": {
                "changeset": {"position": START + 1},
                "records": [{"position": START + 1, "version": 1}],
            },
            "two": {"changeset": {"position": START + 2}, "records": [{"position": START + 2}]},
            "three": {
                "changeset": {
                    "position": START + 3,
                    "kind": "REVERT",
                    "reverts": {"position": START + 1},
                },
                "records": [{"state": "RETRACTED"}],
            },
        },
        "extensions": {"position": START + 3, "cost": answer["extensions"]["cost"]},
    }


def test_one_refused_mutation_does_not_stop_the_next(ledger: Ledger) -> None:
    bad = '{ reason: { code: OTHER, note: " " } operations: [{ addTransfer: { title: "x" } }] }'

    data = ledger.ask(
        f"""mutation {{
          bad: commit(input: {bad}) {{ changeset {{ position }} userErrors {{ code }} }}
          good: commit(input: {ADD}) {{ changeset {{ position }} userErrors {{ code }} }} }}""",
        role="editor",
    )

    assert data == {
        "bad": {"changeset": None, "userErrors": [{"code": "INVALID_INPUT"}]},
        "good": {"changeset": {"position": START + 1}, "userErrors": []},
    }


@pytest.mark.parametrize(
    "selection",
    [
        "records { history(first: 1000) { totalCount nodes { version } } }",
        "changeset { revisions(first: 1, last: 1) { nodes { version } } }",
        'records { claims(first: 1, after: "nonsense") { nodes { id } } }',
        "userErrors { current { history(first: -1) { nodes { version } } } }",
    ],
)
def test_a_selection_with_a_bad_argument_is_refused_before_anything_is_written(
    ledger: Ledger, selection: str
) -> None:
    """An answer that says error must not hide an edit that was written."""
    code, _ = ledger.fault(f"mutation {{ commit(input: {ADD}) {{ {selection} }} }}", role="editor")

    assert code == "BAD_ARGUMENT"
    assert ledger.head() == START


def test_the_records_of_a_payload_are_those_of_the_edit_whatever_came_since(
    ledger: Ledger,
) -> None:
    """The first answer is repeated by an idempotency key after the record moved on."""
    operations = [{"addTransfer": {"ref": "#it", **HORSES}}]
    first = ledger.commit(operations, idempotencyKey="desk-1")
    ledger.revise(first["refs"][0]["id"], 1, quantity=heads("24"))

    again = ledger.commit(operations, idempotencyKey="desk-1")

    assert again["records"] == [{"id": first["refs"][0]["id"], "version": 1, "state": "ACTIVE"}]


# --- one of several -------------------------------------------------------------

ONE_OF = """mutation ($r: RetractInput, $o: [OperationInput!] = []) {
  commit(input: {reason: {code: OTHER, note: "So"}, operations: OPERATIONS}) { records { id } } }"""
RETRACT = '{id: "claim_1", version: 1}'


@pytest.mark.parametrize(
    ("operations", "variables", "code"),
    [
        ("[{retract: null}]", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("[{}]", {}, "GRAPHQL_VALIDATION_FAILED"),
        (f"[{{retract: {RETRACT}, restore: {RETRACT}}}]", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("[{retract: $r}]", {}, "BAD_ARGUMENT"),
        ("[{retract: $r}]", {"r": None}, "BAD_ARGUMENT"),
        ("$o", {"o": [{}]}, "BAD_VARIABLES"),
        ("$o", {"o": [{"retract": None}]}, "BAD_VARIABLES"),
    ],
)
def test_an_operation_that_is_not_one_of_those_there_are_has_a_code(
    demo: Ledger, operations: str, variables: dict[str, Any], code: str
) -> None:
    unused = "$o: [OperationInput!] = []" if "$o" not in operations else "$r: RetractInput, "
    if "$" not in operations:
        unused = "($r: RetractInput, $o: [OperationInput!] = [])"
    query = ONE_OF.replace("OPERATIONS", operations).replace(unused, "")

    found, message = demo.fault(query, variables, role="editor")

    assert found == code
    assert "Retract" in message or "Operation" in message
