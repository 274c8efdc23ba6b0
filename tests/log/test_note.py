"""Signed notes: a text means something once a known key is shown to have signed it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.log.c2sp import encode_base64
from app.log.errors import KeyRefused, LogError, NoteRefused
from app.log.note import Note, SigningKey, VerifierKey, open_note, parse_note, sign_note

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "notes.json").read_text("utf-8"))
OURS, COSIGNED = VECTORS["ours"], VECTORS["cosigned"]

LEDGER = SigningKey("ledger.example.org/corrigenda", bytes.fromhex(OURS["seed"]))
WITNESS = SigningKey("partner.example/w1", bytes.fromhex(OURS["witness_seed"]))
NOTE = sign_note("one line\n", [LEDGER])
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"])).map(lambda text: text + "\n")
NAMES = st.text(st.characters(categories=["L", "N", "P"], exclude_characters="+"), min_size=1)
SEEDS = st.binary(min_size=32, max_size=32)


def is_refused(read: Any, *given: Any) -> bool:
    try:
        read(*given)
    except LogError:
        return True
    return False


@pytest.mark.parametrize("case", VECTORS["published"], ids=lambda case: case["source"])
def test_a_published_note_opens_with_its_published_key(case: dict[str, Any]) -> None:
    key = VerifierKey.parse(case["vkey"])

    opened = open_note(case["note"], [key])

    assert case["note"] == f"{opened.text}\n{opened.signatures[0].line}\n"
    assert key.text == case["vkey"]


def test_our_keys_and_notes_have_the_golden_bytes() -> None:
    assert LEDGER.text == OURS["signing_key"]
    assert LEDGER.verifier.text == OURS["vkey"]
    assert WITNESS.verifier.text == OURS["witness_vkey"]
    text = open_note(OURS["checkpoint"], [LEDGER.verifier]).text
    assert sign_note(text, [LEDGER, WITNESS]) == OURS["checkpoint"]


@given(NAMES, SEEDS)
def test_keys_come_back_from_their_text(name: str, seed: bytes) -> None:
    key = SigningKey(name, seed)

    assert SigningKey.parse(key.text) == key
    assert VerifierKey.parse(key.verifier.text) == key.verifier


def test_a_signing_key_does_not_print_its_seed() -> None:
    with pytest.raises(KeyRefused) as refusal:
        SigningKey.parse(LEDGER.text + "A")

    assert repr(LEDGER) == "SigningKey(name='ledger.example.org/corrigenda')"
    assert encode_base64(LEDGER.seed)[:8] not in str(refusal.value)


@given(TEXTS, st.lists(SEEDS, min_size=1, max_size=4, unique=True))
def test_what_is_signed_opens_with_every_key(text: str, seeds: list[bytes]) -> None:
    keys = [SigningKey("log.example", seed) for seed in seeds]

    note = sign_note(text, keys)

    assert open_note(note, [key.verifier for key in keys]) == parse_note(note)
    assert parse_note(note).text == text


def test_lines_of_unknown_keys_are_ignored_and_left_out() -> None:
    opened = open_note(COSIGNED["checkpoint"], [VerifierKey.parse(COSIGNED["vkey"])])

    assert [signature.name for signature in opened.signatures] == [COSIGNED["origin"]]


def test_a_key_that_signed_twice_counts_once() -> None:
    text, line = NOTE.split("\n\n")

    opened = open_note(f"{text}\n\n{line}{line}", [LEDGER.verifier])

    assert len(opened.signatures) == 1


def test_a_false_line_of_a_known_key_spoils_the_true_ones() -> None:
    false = sign_note("another line\n", [LEDGER]).split("\n\n")[1]
    both = sign_note("one line\n", [WITNESS]) + false

    with pytest.raises(NoteRefused, match="does not hold"):
        open_note(both, [WITNESS.verifier, LEDGER.verifier])


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    with pytest.raises(NoteRefused, match="none of the known keys"):
        open_note(NOTE, [WITNESS.verifier])


@given(st.integers(0, len(NOTE) - 1), st.characters(exclude_categories=["Cs"]))
def test_no_character_of_a_note_can_be_changed(at: int, character: str) -> None:
    changed = NOTE[:at] + character + NOTE[at + 1 :]

    assert changed == NOTE or is_refused(open_note, changed, [LEDGER.verifier])


@given(st.integers(0, len(OURS["vkey"]) - 1), st.characters(exclude_categories=["Cs"]))
def test_no_character_of_a_verifier_key_can_be_changed(at: int, character: str) -> None:
    vkey = OURS["vkey"]

    changed = vkey[:at] + character + vkey[at + 1 :]

    assert changed == vkey or is_refused(VerifierKey.parse, changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ledger.example",
        OURS["vkey"] + "\n",
        OURS["vkey"][:-4],
        " " + OURS["vkey"],
        COSIGNED["witness_vkeys"][0],
        OURS["signing_key"],
    ],
)
def test_text_that_is_no_verifier_key_is_refused(text: str) -> None:
    """A witness's key is of another signature type, so it is none of these."""
    with pytest.raises(KeyRefused):
        VerifierKey.parse(text)


@pytest.mark.parametrize("text", [OURS["vkey"], OURS["signing_key"] + "\n", "PRIVATE+KEY+"])
def test_text_that_is_no_signing_key_is_refused(text: str) -> None:
    with pytest.raises(KeyRefused):
        SigningKey.parse(text)


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\u2028b", "\ud800", "\x01"]
)
def test_a_name_that_no_signature_line_can_hold_is_refused(name: str) -> None:
    with pytest.raises(KeyRefused):
        VerifierKey(name, bytes(32))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(KeyRefused):
        VerifierKey("log.example", bytes(length))


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "one line\n",
        "one line\n\n",
        NOTE.rstrip("\n"),
        NOTE + "\n",
        NOTE + "more\n",
        NOTE.replace("\n", "\r\n"),
        NOTE.replace("line", "l\tne"),
        NOTE.replace("line", "l\ud800ne"),
        NOTE.replace("—", "-"),
        NOTE.replace("— ", "—  "),
        NOTE.replace("=", ""),
        NOTE[:-1] + " \n",
        "one line\n\n— log.example AAAAAA==\n",
        "one line\n\n— log+example AAAAAAA=\n",
        NOTE + "— log.example AAAAAAA=\n" * 100,
        "x" * 1_000_000 + NOTE,
    ],
    ids=range(18),
)
def test_text_that_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(NoteRefused):
        parse_note(note)


def test_a_text_may_have_empty_lines() -> None:
    note = sign_note("one\n\n— two\n\n", [LEDGER])

    assert open_note(note, [LEDGER.verifier]).text == "one\n\n— two\n\n"


@pytest.mark.parametrize("text", ["", "no line end", "tab\there\n", "\ud800\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(NoteRefused):
        sign_note(text, [LEDGER])


@pytest.mark.parametrize("keys", [[], [LEDGER, LEDGER]])
def test_a_note_needs_keys_and_each_of_them_once(keys: list[SigningKey]) -> None:
    with pytest.raises(NoteRefused):
        sign_note("one line\n", keys)


def test_two_keys_with_one_name_and_id_are_not_guessed_between() -> None:
    """Such keys can be searched for: an id has only 32 bits."""
    twins = [VerifierKey("log.example", number.to_bytes(32, "big")) for number in (19719, 33356)]

    with pytest.raises(NoteRefused, match="one id"):
        open_note(NOTE, twins)


def test_parts_of_a_note_are_values() -> None:
    assert parse_note(NOTE) == Note("one line\n", (LEDGER.sign("one line\n"),))
