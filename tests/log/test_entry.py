"""Revision documents and entries: the bytes that a changeset leaves in the log."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.log.base64url import encode_base64url
from app.log.disclosure import digest, disclose
from app.log.entry import ENTRY_MAX_BYTES, Subtree, changeset_root, entry, revision_document
from app.log.errors import EntryRefused
from app.log.tree import leaf_hash, root_hash

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "changeset.json").read_text("utf-8"))
CHANGESETS = VECTORS["changesets"]
DOCUMENTS = [document for changeset in CHANGESETS for document in changeset["documents"]]

NO_REVISIONS = changeset_root([])
EDIT: dict[str, Any] = {
    "kind": "EDIT",
    "position": 7,
    "changeset": "changeset_1",
    "recorded_at": datetime(2026, 11, 23, tzinfo=UTC),
    "editor": "editor_1",
    "newsroom": "newsroom_1",
    "role": "EDITOR",
    "reason_code": "NEW_SOURCE",
    "public": [],
    "restricted": [],
    "revisions": NO_REVISIONS,
}
REVISE: dict[str, Any] = {
    "record": "transfer_1",
    "version": 2,
    "action": "REVISE",
    "prev": 1,
    "public": [],
    "restricted": [],
}
HEADER = ("kind", "position", "changeset", "editor", "newsroom", "role", "reason_code")


def some_digest(number: int) -> str:
    return encode_base64url(number.to_bytes(32, "big"))


def digests(contents: list[dict[str, Any]]) -> list[str]:
    """Return what the log holds of contents that a vector spells out."""
    return [digest(disclose(bytes.fromhex(c["salt"]), c["name"], c["value"])) for c in contents]


@pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: f"{case['record']} {case['version']}")
def test_a_revision_document_has_the_golden_bytes(case: dict[str, Any]) -> None:
    document = revision_document(
        record=case["record"],
        version=case["version"],
        action=case["action"],
        prev=case["prev"],
        public=digests(case["public"]),
        restricted=digests(case["restricted"]),
    )

    assert document.decode("utf-8") == case["bytes"]
    assert leaf_hash(document).hex() == case["leaf_hash"]


@pytest.mark.parametrize("case", CHANGESETS, ids=lambda case: case["title"])
def test_an_entry_has_the_golden_bytes(case: dict[str, Any]) -> None:
    written = entry(
        **{member: case[member] for member in HEADER},
        recorded_at=datetime.fromisoformat(case["recorded_at"]),
        public=digests(case["public"]),
        restricted=digests(case["restricted"]),
        revisions=changeset_root([d["bytes"].encode("utf-8") for d in case["documents"]]),
        reverts=case.get("reverts"),
        on_behalf_of=case.get("on_behalf_of"),
    )

    assert written.decode("utf-8") == case["bytes"]
    assert leaf_hash(written).hex() == case["leaf_hash"]


@given(st.lists(st.binary(max_size=8), max_size=20))
def test_a_changeset_commits_to_its_documents_in_their_order(documents: list[bytes]) -> None:
    subtree = changeset_root(documents)

    assert subtree.count == len(documents)
    assert subtree.root == root_hash([leaf_hash(document) for document in documents]).hex()


@given(st.permutations([some_digest(number) for number in range(4)]))
def test_the_order_in_which_digests_are_given_does_not_show(shuffled: list[str]) -> None:
    """The order of fields in the code must not become part of hashed bytes."""
    in_order = sorted(shuffled)

    document = revision_document(**{**REVISE, "public": shuffled[:], "restricted": []})

    assert json.loads(document)["public"] == in_order


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(9000, 1, 1)),  # noqa: DTZ001 - the zone is drawn
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_an_instant_is_written_in_utc_with_six_digits(naive: datetime, zone: timezone) -> None:
    at = naive.replace(tzinfo=zone)

    written = json.loads(entry(**{**EDIT, "recorded_at": at}))["recordedAt"]

    assert datetime.fromisoformat(written) == at
    assert len(written) == len("2026-11-23T00:00:00.000000Z")
    assert written.endswith("Z")


def test_members_without_a_value_are_left_out() -> None:
    plain = json.loads(entry(**EDIT))

    revert = json.loads(entry(**{**EDIT, "kind": "REVERT", "reverts": 6, "on_behalf_of": "n_2"}))

    assert revert.keys() - plain.keys() == {"reverts", "onBehalfOf"}
    assert plain["v"] == "corrigenda-entry/1"


def test_a_redaction_carries_its_authority_and_targets() -> None:
    targets = changeset_root([b"one", b"two"])

    redaction = {**EDIT, "kind": "REDACTION", "authority": "LEGAL", "targets": targets}
    written = json.loads(entry(**redaction))

    assert written["authority"] == "LEGAL"
    assert written["targets"] == {"count": 2, "root": targets.root}


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("kind", {"kind": "DELETE"}),
        ("kind", {"kind": "edit"}),
        ("position", {"position": 0}),
        ("position", {"position": True}),
        ("changeset", {"changeset": "the horses"}),
        ("editor", {"editor": "Jane Doe"}),
        ("newsroom", {"newsroom": ""}),
        ("newsroom", {"newsroom": "newsroom_1\n"}),
        ("role", {"role": "editor"}),
        ("reasonCode", {"reason_code": "They asked us to"}),
        ("recordedAt", {"recorded_at": datetime(2026, 11, 23)}),  # noqa: DTZ001 - the fault
        ("public", {"public": ["24"]}),
        ("public", {"public": [some_digest(1) + "="]}),
        ("restricted", {"restricted": [some_digest(1)[:-1] + "B"]}),
        ("public", {"public": [some_digest(1), some_digest(1)]}),
        ("public", {"public": [some_digest(1)], "restricted": [some_digest(1)]}),
        ("revisions", {"revisions": Subtree(-1, NO_REVISIONS.root)}),
        ("revisions", {"revisions": Subtree(0, NO_REVISIONS.root.upper())}),
        ("revisions", {"revisions": Subtree(0, NO_REVISIONS.root + "\n")}),
        ("reverts", {"kind": "REVERT", "reverts": 0}),
        ("reverts", {"kind": "REVERT", "reverts": 7}),
        ("onBehalfOf", {"on_behalf_of": "The other newsroom"}),
        ("authority", {"authority": "LEGAL"}),
        ("targets", {"targets": NO_REVISIONS}),
        ("authority", {"kind": "REDACTION"}),
        ("authority", {"kind": "REDACTION", "authority": "WHIM", "targets": NO_REVISIONS}),
    ],
)
def test_an_entry_refuses_what_may_not_stand_in_the_log_for_ever(
    member: str, change: dict[str, Any]
) -> None:
    """No prose, names or figures, and no kind that a verifier would not know."""
    with pytest.raises(EntryRefused) as refusal:
        entry(**{**EDIT, **change})

    assert refusal.value.member == member


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("record", {"record": "the horses"}),
        ("version", {"version": 0}),
        ("action", {"action": "DELETE"}),
        ("prev", {"prev": 0}),
        ("public", {"public": ["24 horses"]}),
    ],
)
def test_a_revision_document_refuses_what_may_not_stand_in_the_log(
    member: str, change: dict[str, Any]
) -> None:
    with pytest.raises(EntryRefused) as refusal:
        revision_document(**{**REVISE, **change})

    assert refusal.value.member == member


def test_an_entry_may_have_65535_bytes_and_not_one_more() -> None:
    """The length of an entry in a tile is a uint16."""
    spare = ENTRY_MAX_BYTES - len(entry(**EDIT))
    # Each digest takes 45 bytes with its quotes, and a comma between two of them.
    count, rest = divmod(spare + 1, 46)
    full = {**EDIT, "public": [some_digest(number) for number in range(count)]}

    assert len(entry(**{**full, "editor": EDIT["editor"] + "0" * rest})) == ENTRY_MAX_BYTES
    with pytest.raises(EntryRefused) as refusal:
        entry(**{**full, "editor": EDIT["editor"] + "0" * (rest + 1)})
    assert refusal.value.member == "entry"
