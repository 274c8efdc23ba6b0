"""Reading the log back: a document is taken only if we would write its very bytes."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.log.entry import Subtree, changeset_root, redaction_target
from app.log.errors import EntryRefused
from app.log.reading import read_entry, read_redaction_target, read_revision_document

FOLDER = Path(__file__).parents[1] / "vectors"
CHANGESETS = json.loads((FOLDER / "changeset.json").read_text("utf-8"))["changesets"]
REDACTION = json.loads((FOLDER / "redaction.json").read_text("utf-8"))

ENTRY = CHANGESETS[0]["bytes"].encode()
DOCUMENT = CHANGESETS[0]["documents"][0]["bytes"].encode()
TARGET = REDACTION["targets"][0]["bytes"].encode()
READERS: list[tuple[Callable[[bytes], object], bytes]] = [
    (read_entry, ENTRY),
    (read_revision_document, DOCUMENT),
    (read_redaction_target, TARGET),
]
READER = pytest.mark.parametrize(("read", "good"), READERS, ids=["entry", "revision", "target"])


@pytest.mark.parametrize("case", CHANGESETS, ids=lambda case: case["title"])
def test_golden_documents_say_what_was_written(case: dict[str, Any]) -> None:
    parts = read_entry(case["bytes"].encode())
    documents = [read_revision_document(one["bytes"].encode()) for one in case["documents"]]

    assert (parts.kind, parts.position) == (case["kind"], case["position"])
    assert parts.changeset == case["changeset"]
    assert datetime.fromisoformat(parts.recorded_at) == datetime.fromisoformat(case["recorded_at"])
    assert sorted(parts.public) == sorted(one["digest"] for one in case["public"])
    assert parts.revisions == changeset_root([d["bytes"].encode() for d in case["documents"]])
    assert (parts.reverts, parts.on_behalf_of) == (case.get("reverts"), case.get("on_behalf_of"))
    assert [(one.record, one.version, one.action, one.prev) for one in documents] == [
        (one["record"], one["version"], one["action"], one["prev"]) for one in case["documents"]
    ]


@pytest.mark.parametrize("case", REDACTION["targets"], ids=lambda case: case["title"])
def test_a_redaction_target_has_the_golden_bytes(case: dict[str, Any]) -> None:
    members = {name: case[name] for name in ("position", "scope", "version", "digest")}

    written = redaction_target(**members)
    parts = read_redaction_target(written)

    assert written.decode() == case["bytes"]
    assert {name: getattr(parts, name) for name in members} == members


def test_the_targets_of_a_redaction_make_the_golden_tree() -> None:
    targets = [case["bytes"].encode() for case in REDACTION["targets"]]

    assert changeset_root(targets) == Subtree(2, REDACTION["root"])


@READER
@given(data=st.data())
def test_a_changed_byte_is_refused_or_says_something_else(
    read: Callable[[bytes], object], good: bytes, data: st.DataObject
) -> None:
    """No two sequences of bytes are read as the same document."""
    at = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    changed = good[:at] + byte + good[at + 1 :]

    try:
        parts = read(changed)
    except EntryRefused:
        return

    assert (parts == read(good)) == (changed == good)


@READER
@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda _: b"null",
        lambda _: b"[" * 100_000,
        lambda good: b"[" + good + b"]",
        lambda good: b" " + good,
        lambda good: good + b"\n",
        lambda good: good.replace(b":", b": ", 1),
        lambda good: b'{"zzz":1,' + good[1:],
        lambda good: good[:-1] + b',"zzz":1}',
        lambda good: good[:1] + good[1 : good.index(b',"') + 1] + good[1:],
        lambda good: good.replace(b"_", b"\\u005f", 1),
        lambda good: good.replace(b"_", b"\xff", 1),
        lambda good: good.replace(b"_", "é".encode(), 1),
        lambda good: b"\xef\xbb\xbf" + good,
        lambda good: json.dumps(
            dict(reversed(json.loads(good).items())), separators=(",", ":")
        ).encode(),
    ],
    ids=range(15),
)
def test_every_other_spelling_is_refused(
    read: Callable[[bytes], object], good: bytes, change: Callable[[bytes], bytes]
) -> None:
    assert change(good) != good
    with pytest.raises(EntryRefused):
        read(change(good))


@READER
@pytest.mark.parametrize("number", ["2.0", "true", '"2"', "9007199254740992", "1" * 400, "-1", "0"])
def test_a_number_is_a_whole_number_from_1(
    read: Callable[[bytes], object], good: bytes, number: str
) -> None:
    members = json.loads(good)
    name = "position" if "position" in members else "version"
    faulty = good.replace(f'"{name}":{members[name]}'.encode(), f'"{name}":{number}'.encode())

    assert faulty != good
    with pytest.raises(EntryRefused):
        read(faulty)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("v", "corrigenda-entry/2"),
        ("v", 1),
        ("kind", "DELETE"),
        ("kind", None),
        ("recordedAt", "2026-11-23T18:05:09Z"),
        ("recordedAt", "2026-13-23T18:05:09.000042Z"),
        ("public", "none"),
        ("public", [1]),
        ("revisions", None),
        ("revisions", {"count": True, "root": "0" * 64}),
        ("authority", "LEGAL"),
        ("reverts", None),
    ],
)
def test_an_entry_names_the_member_that_is_at_fault(member: str, value: object) -> None:
    faulty = {**json.loads(ENTRY), member: value}

    with pytest.raises(EntryRefused) as refusal:
        read_entry(json.dumps(faulty, sort_keys=True, separators=(",", ":")).encode())

    assert refusal.value.member == member


def test_a_missing_member_is_named() -> None:
    with pytest.raises(EntryRefused) as refusal:
        read_entry(b"{}")

    assert refusal.value.member == "v"


@pytest.mark.parametrize(("scope", "version"), [("header", 1), ("transfer_1", None)])
def test_a_version_stands_in_a_target_where_there_is_a_record(
    scope: str, version: int | None
) -> None:
    digest = REDACTION["targets"][0]["digest"]

    with pytest.raises(EntryRefused) as refusal:
        redaction_target(position=1, scope=scope, version=version, digest=digest)

    assert refusal.value.member == "version"
