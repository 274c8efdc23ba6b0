"""The log as it is published: over HTTP as files, over GraphQL as proofs, checked by `app.log`."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.commands.signing_keys import make_key
from app.log.base64url import decode_base64url
from app.log.checkpoint import Checkpoint, open_checkpoint, signed_checkpoint
from app.log.disclosure import digest, open_disclosure
from app.log.note import VerifierKey
from app.log.proof import verify_consistency, verify_inclusion
from app.log.tiles import decode_entries, decode_hashes
from app.log.tlog_proof import verify_tlog_proof
from app.log.tree import leaf_hash, root_hash
from tests.databases import KINDS
from tests.driver import fill
from tests.graphql.asking import DEMO, START, Ledger, served

T = TypeVar("T")
NAME = "example.org/ledger"
MANY = 260
"""More than a tile's width."""


def eventually(what: Callable[[], T], seconds: float = 5.0) -> T:
    """Return the first true answer of `what`, asked again until the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
    return found


def vkey_of(ledger: Ledger) -> VerifierKey:
    (text,) = ledger.ask("{ log { vkeys } }")["log"]["vkeys"]
    return VerifierKey.parse(text)


def published(ledger: Ledger, size: int) -> Checkpoint:
    """Wait for the checkpoint of a size and return it, its signature verified."""

    def found() -> Checkpoint | None:
        answer = ledger.http.get("/checkpoint")
        if answer.status_code != 200:
            return None
        one = open_checkpoint(answer.text, [vkey_of(ledger)])
        return one if one.size == size else None

    return eventually(found)


@pytest.fixture(scope="module", params=KINDS)
def log(
    request: pytest.FixtureRequest, ledgers: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ledger]:
    """The demo, signed, with more entries than a tile holds; tests only read it."""
    key = tmp_path_factory.mktemp("signer") / "key"
    make_key(key, NAME)
    with (
        ledgers.copied(request.param, filled=True) as given,
        served(*given, signing_key=str(key), ledger_name=NAME) as ledger,
    ):
        published(ledger, DEMO)
        fill(given[0], MANY - DEMO)
        published(ledger, MANY)
        yield ledger


@pytest.fixture(params=KINDS)
def own(request: pytest.FixtureRequest, ledgers: Any, tmp_path: Path) -> Iterator[Ledger]:
    """A signed demo of the test's own."""
    make_key(tmp_path / "key", NAME)
    with (
        ledgers.copied(request.param, filled=True) as given,
        served(*given, signing_key=str(tmp_path / "key"), ledger_name=NAME) as ledger,
    ):
        published(ledger, DEMO)
        yield ledger


# --- files --------------------------------------------------------------------


def test_tiles_and_entries_lead_to_the_signed_root(log: Ledger) -> None:
    """What a monitor does that was written by somebody else."""
    checkpoint = published(log, MANY)
    get = lambda path: log.http.get(path).content  # noqa: E731

    entries = (*decode_entries(get("/tile/entries/000")),
               *decode_entries(get("/tile/entries/001.p/4")))  # fmt: skip
    leaves = (*decode_hashes(get("/tile/0/000")), *decode_hashes(get("/tile/0/001.p/4")))
    above = decode_hashes(get("/tile/1/000.p/1"))

    assert leaves == tuple(leaf_hash(entry) for entry in entries)
    assert root_hash(leaves) == checkpoint.root
    assert above == (root_hash(leaves[:256]),)


def test_full_tiles_may_be_kept_for_ever_and_partial_ones_are_asked_for_again(log: Ledger) -> None:
    caching = {
        path: log.http.get(path).headers["cache-control"]
        for path in ("/checkpoint", "/tile/0/000", "/tile/0/001.p/4", "/tile/entries/000")
    }

    assert caching == {
        "/checkpoint": "no-cache",
        "/tile/0/000": "public, max-age=31536000, immutable",
        "/tile/0/001.p/4": "no-cache",
        "/tile/entries/000": "public, max-age=31536000, immutable",
    }


def test_any_width_that_some_checkpoint_had_is_served(log: Ledger) -> None:
    """A client asks for what the checkpoint that it holds needs, which may be an older one."""
    full = log.http.get("/tile/0/000").content

    parts = [log.http.get(f"/tile/0/000.p/{width}").content for width in (1, DEMO, 255)]

    assert parts == [full[: 32 * width] for width in (1, DEMO, 255)]


@pytest.mark.parametrize(
    "path",
    [
        "/tile/0/001",  # not full yet
        "/tile/0/001.p/5",
        "/tile/0/002.p/1",
        "/tile/1/000",
        "/tile/2/000.p/1",
        "/tile/0/000.p/256",
        "/tile/0/000.p/0",
        "/tile/0/001.p/04",
        "/tile/0/001.p/+1",
        "/tile/0/0",
        "/tile/0/0000",
        "/tile/0/x000/000",
        "/tile/00/000",
        "/tile/-1/000",
        "/tile/8/000",
        "/tile/63/000",
        "/tile/data/000",
        "/tile/entries/001",
        "/tile/entries/999",
        "/tile/entries/x999/x999/x999/x999/x999/999",
        "/tile/0/%30%30%30",
        "/tile/0/000%2Ep/1",
        "/tile/0/000/",
        "/tile/0/000.p/1/",
        "/tile//0/000",
        "/tile/0/..%2F..%2Fcheckpoint",
        "/tile/entries/000\u0660",
        "/tile/",
        "/checkpoint/",
    ],
)  # fmt: skip
def test_what_is_not_there_or_not_spelt_so_is_a_problem_document(log: Ledger, path: str) -> None:
    answer = log.http.get(path, follow_redirects=False)

    assert answer.status_code == 404
    if path != "/checkpoint/":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["status"] == 404
        assert answer.json()["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_files_can_only_be_read(log: Ledger, method: str) -> None:
    answer = log.http.request(method, "/checkpoint")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.json()["title"] == "Method Not Allowed"


@pytest.mark.parametrize("path", ["/checkpoint", "/tile/0/000"])
def test_who_has_a_file_is_told_so(log: Ledger, path: str) -> None:
    whole = log.http.get(path)
    tag = whole.headers["etag"]

    same = [log.http.get(path, headers={"If-None-Match": given})
            for given in (tag, f'"other", W/{tag}', "*")]  # fmt: skip
    other = log.http.get(path, headers={"If-None-Match": '"other"'})
    head = log.http.head(path)

    assert [(one.status_code, one.content, one.headers["etag"]) for one in same] == [
        (304, b"", tag)
    ] * 3
    assert other.content == whole.content
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole.content)))
    assert head.headers["etag"] == tag


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("bytes=0-31", (0, 31)),
        ("bytes=32-63", (32, 63)),
        ("bytes=8160-", (8160, 8191)),
        ("bytes=-32", (8160, 8191)),
        ("bytes=-999999", (0, 8191)),
        ("bytes=8000-999999999999999999", (8000, 8191)),
    ],
)
def test_one_part_of_a_file_is_given(log: Ledger, asked: str, given: tuple[int, int]) -> None:
    whole = log.http.get("/tile/0/000").content

    answer = log.http.get("/tile/0/000", headers={"Range": asked})

    first, last = given
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/8192"
    assert answer.content == whole[first : last + 1]


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=8192-",
        "bytes=5-4",
        "bytes=-0",
        "bytes=-",
        "bytes=0-0,2-2",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)),
        "bytes=0-0" + " " * 100_000,
        "lines=0-1",
        "bytes=0x1-2",
        "bytes=\u0660-\u0663",
        "bytes=99999999999999999999999999999999-",
        "nonsense",
    ],
    ids=lambda asked: asked[:20],
)  # fmt: skip
def test_any_other_range_is_answered_with_the_whole_file(log: Ledger, asked: str) -> None:
    answer = log.http.get("/tile/0/000", headers={"Range": asked.encode()})

    assert (answer.status_code, len(answer.content)) == (200, 8192)


def test_a_part_is_given_only_of_the_file_that_if_range_names(log: Ledger) -> None:
    tag = log.http.get("/checkpoint").headers["etag"]

    statuses = [
        log.http.get("/checkpoint", headers={"Range": "bytes=0-3", "If-Range": given}).status_code
        for given in (tag, f"W/{tag}", '"other"', "Tue, 24 Nov 2026 00:00:00 GMT")
    ]

    assert statuses == [206, 200, 200, 200]


def test_a_log_that_is_not_signed_has_no_files(demo: Ledger) -> None:
    answers = [demo.http.get(path) for path in ("/checkpoint", "/tile/0/000.p/1")]

    assert [one.status_code for one in answers] == [404, 404]
    assert "not signed" in answers[0].json()["detail"]


def test_nothing_beyond_the_newest_checkpoint_is_served(own: Ledger) -> None:
    """A tile that may be kept for ever must be one that was signed."""
    size = published(own, DEMO).size

    assert own.http.get(f"/tile/0/000.p/{size}").status_code == 200
    assert own.http.get(f"/tile/0/000.p/{size + 1}").status_code == 404


# --- proofs -------------------------------------------------------------------

INCLUSION = """query ($position: Position!, $size: Position) {
  log { inclusionProof(position: $position, size: $size) {
    index size leafHash rootHash hashes file } } }"""
CONSISTENCY = """query ($from: Position!, $to: Position) {
  log { consistencyProof(from: $from, to: $to) {
    fromSize toSize fromRootHash toRootHash hashes } } }"""


def raw(hashes: list[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in hashes]


@pytest.mark.parametrize("position", [1, 2, DEMO, 255, 256, 257, MANY])
def test_every_entry_is_proved_to_be_in_the_checkpoint(log: Ledger, position: int) -> None:
    checkpoint = published(log, MANY)
    body = log.ask(f"{{ log {{ entry(position: {position}) {{ body }} }} }}")
    leaf = leaf_hash(body["log"]["entry"]["body"].encode())

    proof = log.ask(INCLUSION, {"position": position})["log"]["inclusionProof"]

    verify_inclusion(
        index=position - 1, size=MANY, leaf=leaf, root=checkpoint.root, proof=raw(proof["hashes"])
    )
    assert verify_tlog_proof(proof["file"], leaf, [vkey_of(log)]) == checkpoint
    assert (proof["index"], proof["size"]) == (position - 1, MANY)
    assert (proof["leafHash"], proof["rootHash"]) == (leaf.hex(), checkpoint.root.hex())


@pytest.mark.parametrize("sizes", [(1, None), (DEMO, None), (1, 2), (255, 257), (256, 260), (7, 7)])
def test_the_log_is_proved_to_have_grown_alone(log: Ledger, sizes: tuple[int, int | None]) -> None:
    old, new = sizes

    proof = log.ask(CONSISTENCY, {"from": old, "to": new})["log"]["consistencyProof"]

    assert (proof["fromSize"], proof["toSize"]) == (old, new or MANY)
    verify_consistency(
        old_size=old,
        new_size=new or MANY,
        old_root=bytes.fromhex(proof["fromRootHash"]),
        new_root=bytes.fromhex(proof["toRootHash"]),
        proof=raw(proof["hashes"]),
    )
    if new is None:
        assert proof["toRootHash"] == published(log, MANY).root.hex()


def test_a_proof_in_an_older_tree_has_a_file_where_that_was_published(log: Ledger) -> None:
    files = {
        size: log.ask(INCLUSION, {"position": 1, "size": size})["log"]["inclusionProof"]["file"]
        for size in (DEMO, DEMO - 1)
    }

    body = log.ask("{ log { entry(position: 1) { body } } }")["log"]["entry"]["body"]
    assert files[DEMO - 1] is None
    assert verify_tlog_proof(files[DEMO], leaf_hash(body.encode()), [vkey_of(log)]).size == DEMO


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("inclusionProof(position: 0) { size }", "positions count from 1"),
        ("inclusionProof(position: 261) { size }", "position 261 is not among the first 260"),
        ("inclusionProof(position: 9, size: 8) { size }", "position 9 is not among the first 8"),
        ("inclusionProof(position: 1, size: 261) { size }", "from 1 to 260, where the log ends"),
        ("inclusionProof(position: 1, size: 0) { size }", "from 1 to 260, where the log ends"),
        ("consistencyProof(from: 0) { toSize }", "from must be 1 at least"),
        ("consistencyProof(from: 9, to: 8) { toSize }", "from is 9, beyond the size it leads to"),
        ("consistencyProof(from: 261) { toSize }", "from is 261, beyond the size it leads to"),
        ("consistencyProof(from: 1, to: 261) { toSize }", "from 1 to 260, where the log ends"),
        ("entry(position: 0) { body }", "positions count from 1"),
    ],
)
def test_a_question_that_has_no_answer_says_why(log: Ledger, question: str, words: str) -> None:
    code, message = log.fault(f"{{ log {{ {question} }} }}")

    assert code == "BAD_ARGUMENT"
    assert words in message


@pytest.mark.parametrize("position", ["-1", "9007199254740992", '"1"', "1.5"])
def test_what_is_no_position_is_refused_before_anything_is_read(log: Ledger, position: str) -> None:
    code, _ = log.fault(f"{{ log {{ entry(position: {position}) {{ body }} }} }}")

    assert code == "GRAPHQL_VALIDATION_FAILED"


def test_what_is_not_there_is_null(log: Ledger) -> None:
    found = log.ask(
        "{ log { entry(position: 261) { body } "
        'a: revisionProof(record: "item_nothing", version: 1) { index } '
        'b: revisionProof(record: "", version: -1) { index } } }'
    )

    assert found["log"] == {"entry": None, "a": None, "b": None}


REVISION = """query ($record: ID!, $version: Int!) {
  log { revisionProof(record: $record, version: $version) {
    position document index count hashes disclosures { field text }
    entry { position body leafHash }
    inclusionProof { index size leafHash rootHash hashes file } } } }"""


@pytest.mark.parametrize(("kind", "name", "version"), [("transfer", "E1", 1), ("transfer", "E1", 2),
                                                       ("actor", "Russia", 1)])  # fmt: skip
def test_one_version_is_proved_from_its_values_to_the_checkpoint(
    log: Ledger, kind: str, name: str, version: int
) -> None:
    """Disclosure, digest, document, root of the changeset, entry, root, checkpoint."""
    record = log.named(kind, name)["id"]

    found = log.ask(REVISION, {"record": record, "version": version})["log"]["revisionProof"]

    document = json.loads(found["document"])
    assert (document["record"], document["version"]) == (record, version)
    assert sorted(digest(one["text"]) for one in found["disclosures"]) == document["public"]
    opened = {one["field"]: open_disclosure(one["text"]).value for one in found["disclosures"]}
    changes = log.ask(
        "query ($id: ID!, $version: Int!) { node(id: $id) { ... on Record { "
        "revision(version: $version) { changes { field after } } } } }",
        {"id": record, "version": version},
    )["node"]["revision"]["changes"]
    assert opened == {one["field"]: one["after"] for one in changes}
    entry = json.loads(found["entry"]["body"])
    assert entry["revisions"]["count"] == found["count"]
    verify_inclusion(
        index=found["index"],
        size=found["count"],
        leaf=leaf_hash(found["document"].encode()),
        root=bytes.fromhex(entry["revisions"]["root"]),
        proof=raw(found["hashes"]),
    )
    assert entry["position"] == found["position"]
    leaf = leaf_hash(found["entry"]["body"].encode())
    proved = verify_tlog_proof(found["inclusionProof"]["file"], leaf, [vkey_of(log)])
    assert proved == published(log, MANY)


def test_internal_notes_are_in_no_proof(own: Ledger) -> None:
    """Restricted contents are not opened to anybody here."""
    payload = own.commit(
        [{"addItem": {"ref": "#it", "name": "Stallion", "kind": "LIVE_ANIMAL"}}],
        reason={"code": "INITIAL_ENTRY", "note": "New.", "internalNote": "Marker of the desk"},
    )
    position, record = payload["changeset"]["position"], payload["refs"][0]["id"]
    published(own, position)

    answer = own.answer(REVISION, {"record": record, "version": 1})
    served = own.http.get(f"/tile/entries/000.p/{position}").content

    text = json.dumps(answer)
    held = [decode_base64url(one["text"])
            for one in answer["data"]["log"]["revisionProof"]["disclosures"]]  # fmt: skip
    assert "Marker of the desk" not in text
    assert not any(b"Marker" in one for one in (*held, served))


# --- the newest checkpoint with every edit --------------------------------------

WITH_CHECKPOINT = """mutation ($input: CommitInput!) { commit(input: $input) {
  changeset { position } userErrors { code } checkpoint { size rootHash note signedAt } } }"""
ADD = {"reason": {"code": "INITIAL_ENTRY", "note": "New."},
       "operations": [{"addItem": {"name": "Mare", "kind": "LIVE_ANIMAL"}}]}  # fmt: skip


def test_the_answer_to_an_edit_carries_the_newest_checkpoint(own: Ledger) -> None:
    """Asked for or not, so that whoever keeps answers is a witness."""
    note = own.http.get("/checkpoint").text

    answer = own.answer(WITH_CHECKPOINT, {"input": ADD}, role="editor")
    refused = own.answer(WITH_CHECKPOINT, {"input": {**ADD, "operations": []}}, role="editor")
    plain = own.answer(
        "mutation ($input: CommitInput!) { commit(input: $input) { leafHash } }",
        {"input": {**ADD, "dryRun": True}}, role="editor",
    )  # fmt: skip

    shown = answer["data"]["commit"]["checkpoint"]
    assert shown["note"] == answer["extensions"]["checkpoint"] == note
    assert (shown["size"], shown["rootHash"]) == (DEMO, published_note(own, note).root.hex())
    assert answer["data"]["commit"]["changeset"] == {"position": DEMO + 1}
    assert refused["data"]["commit"]["userErrors"] != []
    assert refused["data"]["commit"]["checkpoint"]["size"] in (DEMO, DEMO + 1)
    assert published_note(own, plain["extensions"]["checkpoint"]).size in (DEMO, DEMO + 1)
    assert "checkpoint" not in own.answer("{ viewer { role } }")["extensions"]


def published_note(ledger: Ledger, note: str) -> Checkpoint:
    return open_checkpoint(note, [vkey_of(ledger)])


def test_without_a_signature_there_is_no_checkpoint(ledger: Ledger) -> None:
    answer = ledger.answer(WITH_CHECKPOINT, {"input": ADD}, role="editor")
    log = ledger.ask("{ log { origin vkeys position checkpoint { size } "
                     "inclusionProof(position: 1) { size file } } }")  # fmt: skip

    assert answer["data"]["commit"]["checkpoint"] is None
    assert "checkpoint" not in answer["extensions"]
    assert log["log"] == {
        "origin": "localhost", "vkeys": [], "position": START + 1, "checkpoint": None,
        "inclusionProof": {"size": START + 1, "file": None},
    }  # fmt: skip


def test_answers_about_the_log_are_never_kept(own: Ledger) -> None:
    """A checkpoint comes after the changeset that it covers, at the same position."""
    answer = own.http.get("/graphql", params={"query": "{ log { checkpoint { size } } }"})

    assert answer.headers["cache-control"] == "no-store"


# --- read-only ----------------------------------------------------------------


def test_a_ledger_that_is_not_what_was_published_is_read_only(own: Ledger, tmp_path: Path) -> None:
    """It says which positions are missing, and ends when a fitting database is back."""
    state = tmp_path / "key.state"
    note, key = state.read_text(), (tmp_path / "key").read_text().strip()
    from app.log.note import SigningKey

    signing = SigningKey.parse(key)
    eventually(lambda: _put(state, signed_checkpoint(Checkpoint(NAME, 52, bytes(32)), [signing])))
    ready = eventually(
        lambda: (one := own.http.get("/readyz").json())["log"]["status"] == "read-only" and one
    )
    code, message = own.fault(WITH_CHECKPOINT, {"input": ADD}, role="editor")
    readable = own.ask("{ actors(first: 0) { totalCount } }")
    _put(state, note)
    eventually(lambda: own.http.get("/readyz").json()["log"]["status"] == "signed")
    written = own.add("item", name="Mare", kind="LIVE_ANIMAL")

    assert code == "READ_ONLY"
    assert f"positions {DEMO + 1} to 52 were published and not in this database" in message
    assert ready["log"]["cause"] == message
    assert readable == {"actors": {"totalCount": 19}}
    assert written.startswith("item_")


def _put(file: Path, text: str) -> bool:
    part = file.with_name("part")
    part.write_text(text)
    part.replace(file)
    return True


def test_hashes_of_the_files_are_those_of_the_contract(log: Ledger) -> None:
    """`leafHash` of an edit, `log.entry` and the tile say the same."""
    tile = decode_hashes(log.http.get("/tile/0/000").content)
    entry = log.ask("{ log { entry(position: 5) { body leafHash } } }")["log"]["entry"]

    assert entry["leafHash"] == tile[4].hex()
    assert entry["leafHash"] == hashlib.sha256(b"\0" + entry["body"].encode()).hexdigest()
