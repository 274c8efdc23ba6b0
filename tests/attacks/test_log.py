"""The log: files and proofs in other spellings, and hands on the tables themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.log.errors import EntryRefused, LogError
from app.log.note import VerifierKey
from app.log.reading import read_entry
from app.log.tlog_proof import verify_tlog_proof
from tests.attacks.attacking import Attack, Case, Target, cases, http, query


def proof(field: str) -> bytes:
    """Return what asks the log for something."""
    return query(f"{{ log {{ {field} }} }}")


def tile(path: str, **headers: str) -> bytes:
    """Return what asks for one of the log's files."""
    return http("GET", path, headers)


INCLUSION = "inclusionProof(position: {}) {{ hashes }}"
ATTACKS = [
    Attack(
        "proofs with an index at or beyond the size, or before the first entry",
        "200 BAD_ARGUMENT",
        [
            proof(INCLUSION.format("40")),
            proof(INCLUSION.format("0")),
            proof("inclusionProof(position: 5, size: 4) { hashes }"),
            proof("inclusionProof(position: 1, size: 9007199254740991) { hashes }"),
            proof("consistencyProof(from: 0) { hashes }"),
            proof("consistencyProof(from: 5, to: 4) { hashes }"),
            proof("consistencyProof(from: 1, to: 1000) { hashes }"),
            proof(INCLUSION.format("9007199254740991")),
        ],
    ),
    Attack(
        "positions that are no whole number from 0 to 2^53 - 1",
        "400 GRAPHQL_VALIDATION_FAILED",
        [proof(INCLUSION.format(one)) for one in ("-1", "1.5", '"1"', "1e3", "9007199254740992")],
    ),
    Attack(
        "entries beyond the log",
        "200, null",
        [proof(f"entry(position: {one}) {{ body }}") for one in (40, 9007199254740991)],
        holds=lambda reply: reply.json["data"]["log"]["entry"] is None,
    ),
    Attack(
        "sizes with leading zeros, a sign or other digits, and paths in other spellings",
        "404, or refused before it is read as a path",
        [
            tile(f"/tile/{path}")
            for path in (
                "0/000.p/039", "0/000.p/+39", "0/000.p/-1", "0/000.p/0", "0/000.p/256", "0/000.p/",
                "00/000.p/39", "+0/000.p/39", "-1/000.p/39", "64/000", "0/0", "0/0000.p/39",
                "0/x000/000.p/39", "0/%30%30%30.p/39", "0/000.p/3%39", "0/000.p/39/", "0//000.p/39",
                "0/000.P/39", "0/000.p/\xb2", "0/" + "x000/" * 5_000 + "000", "entries/000.p/040",
                "entries/../0/000.p/39", "", "0", "data/000", "0/000.p/39\x00",
            )
        ],
    ),
    Attack(
        "tiles beyond the newest checkpoint",
        "404",
        [tile(f"/tile/{path}") for path in ("0/000.p/40", "0/000", "1/000.p/1", "entries/001.p/1")],
    ),
    Attack(
        "10,000 ranges on a tile",
        "200, the whole of it once; refused beyond 32 kB of headers",
        [
            tile("/tile/0/000.p/39", Range="bytes=" + ",".join(f"{n}-{n}" for n in range(10_000))),
            tile("/tile/0/000.p/39", Range="bytes=" + ",".join(f"{n}-{n}" for n in range(2_000))),
            tile("/tile/0/000.p/39", Range="bytes=0-0,1-1,2-2"),
            tile("/tile/0/000.p/39", Range="bytes=9999999999999999999-"),
            tile("/tile/0/000.p/39", Range="bytes=5-2"),
        ],
        holds=lambda reply: reply.status != 200 or len(reply.body) == 39 * 32,
    ),
    Attack(
        "writing to the log's files",
        "405",
        [
            http(method, path, body=b"x")
            for method in ("PUT", "POST", "DELETE", "PATCH")
            for path in ("/checkpoint", "/tile/0/000.p/39")
        ],
    ),
]  # fmt: skip

CASES, NAMES = cases(ATTACKS)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_log_is_read_by_its_one_spelling(target: Target, case: Case) -> None:
    target.withstands(*case)


# --- proofs that somebody hands to somebody else --------------------------------------


@pytest.fixture(scope="module")
def proven(target: Target) -> tuple[str, bytes, VerifierKey]:
    """A proof as a file, the leaf that it is of, and the key that it is verified with."""
    log = target.ask("{ log { vkeys inclusionProof(position: 5) { file leafHash } } }")["log"]
    proof = log["inclusionProof"]
    return proof["file"], bytes.fromhex(proof["leafHash"]), VerifierKey.parse(log["vkeys"][0])


def _hashes(file: str) -> list[str]:
    return file.partition("\n\n")[0].split("\n")[2:]


def _instead(index: int, line: str) -> Any:
    def spoil(file: str) -> str:
        head, _, note = file.partition("\n\n")
        lines = head.split("\n")
        lines[index : index + 1] = [line] if line else []
        return "\n".join(lines) + "\n\n" + note

    return spoil


SPOILED = {
    "an index with a leading zero": _instead(1, "index 04"),
    "an index with a sign": _instead(1, "index +4"),
    "an index below zero": _instead(1, "index -1"),
    "an index at the size": _instead(1, "index 39"),
    "an index beyond 2^63": _instead(1, f"index {2**63}"),
    "another index": _instead(1, "index 5"),
    "an extra hash": lambda file: _instead(2, f"{_hashes(file)[0]}\n{_hashes(file)[0]}")(file),
    "a hash too few": _instead(2, ""),
    "a hash of 31 bytes": _instead(2, "A" * 42 + "=="),
    "base64 without padding": lambda file: _instead(2, _hashes(file)[0].rstrip("="))(file),
    "base64 with a newline": lambda file: _instead(
        2, _hashes(file)[0][:20] + "\n" + _hashes(file)[0][20:]
    )(file),
    "base64 with a space": lambda file: _instead(2, " " + _hashes(file)[0])(file),
    "base64 of the other alphabet": lambda file: _instead(2, "_-" + _hashes(file)[0][2:])(file),
    "base64 with bits left over": lambda file: _instead(2, _hashes(file)[0][:-2] + "F=")(file),
    "a size with a leading zero": lambda file: file.replace("\n39\n", "\n039\n"),
    "a size with a sign": lambda file: file.replace("\n39\n", "\n+39\n"),
    "another size": lambda file: file.replace("\n39\n", "\n40\n"),
    "another signature": lambda file: file[:-6] + "AAAA=\n",
    "line ends of another system": lambda file: file.replace("\n", "\r\n"),
}
ELSEWHERE = [
    Attack(
        "proofs with another index, an extra hash, a hash of 31 bytes, base64 without padding or "
        "with a newline, sizes with leading zeros or a sign",
        "refused by whoever verifies",
        [],
    ),
    Attack("an entry of unknown kind", "refused by whoever reads it", []),
]
ATTACKS += ELSEWHERE


def test_the_proof_holds_as_it_came(proven: tuple[str, bytes, VerifierKey]) -> None:
    file, leaf, key = proven

    assert verify_tlog_proof(file, leaf, [key]).size == 39


@pytest.mark.parametrize("name", SPOILED)
def test_a_proof_that_was_touched_is_refused(
    proven: tuple[str, bytes, VerifierKey], name: str
) -> None:
    file, leaf, key = proven
    spoiled = SPOILED[name](file)

    assert spoiled != file
    with pytest.raises(LogError):
        verify_tlog_proof(spoiled, leaf, [key])


@pytest.mark.parametrize("kind", ["", "edit", "EDITS", "NONE", "EDIT ", "\u0045DIT\u0301", 5, None])
def test_an_entry_of_unknown_kind_is_refused(target: Target, kind: Any) -> None:
    body = target.ask("{ log { entry(position: 1) { body } } }")["log"]["entry"]["body"]
    document = json.loads(body)

    assert read_entry(body.encode()).kind == document["kind"]
    with pytest.raises(EntryRefused):
        read_entry(json.dumps({**document, "kind": kind}, separators=(",", ":")).encode())
