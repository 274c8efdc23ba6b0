"""Signed notes (C2SP signed-note) with Ed25519 keys, signature type 0x01.

    this is the text,
    signed together with its last line end

    — example.org/corrigenda base64(key id || signature)

A key is known by its name and its id together:

    key id = SHA-256(name || 0A || 01 || public key)[:4]

A text means nothing before its signature holds, so `open_note` is the way in;
`parse_note` only takes a note apart. This is the one file of the log that knows
a signature's mathematics. Where a seed comes from and is kept is decided above.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.log.c2sp import check_line, decode_base64, encode_base64, utf8
from app.log.errors import KeyRefused, LineRefused, NoteRefused

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
"""More than the 16 that every verifier has to take, and few enough to check at once."""

_ED25519 = b"\x01"
_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_PRIVATE = "PRIVATE+KEY+"
_KEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+(.+)")
_SIGNATURE_LINE = re.compile(r"— ([^ ]+) ([^ ]+)")
_CONTROL_BUT_NEWLINE = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name that it signs under; raises `KeyRefused`.

    `public_key` has the 32 bytes of RFC 8032.
    """

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        _check_key(self.name, self.public_key)

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell this key from others of its name."""
        hashed = utf8(self.name) + b"\n" + _ED25519 + self.public_key
        return hashlib.sha256(hashed).digest()[:_KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """The vkey as it is published: name, key id in hex, and key, joined by `+`."""
        return _key_text(self.name, self.key_id, self.public_key)

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Return the key that `.text` writes so; raises `KeyRefused` for anything else."""
        name, key_id, public_key = _key_parts(text)
        return _fitting(cls(name, public_key), key_id)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name: whoever holds its seed speaks as the log.

    `seed` has the 32 bytes of RFC 8032. Raises `KeyRefused`.
    """

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_key(self.name, self.seed)

    @property
    def verifier(self) -> VerifierKey:
        """The public half, for everybody."""
        return VerifierKey(self.name, self._private_key().public_key().public_bytes_raw())

    @property
    def text(self) -> str:
        """The secret as Go's `note` writes it; it belongs in a file that one account reads."""
        return _PRIVATE + _key_text(self.name, self.verifier.key_id, self.seed)

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Return the key that `.text` writes so; raises `KeyRefused` for anything else."""
        if not text.startswith(_PRIVATE):
            raise KeyRefused(f"a signing key begins with {_PRIVATE}")
        name, key_id, seed = _key_parts(text.removeprefix(_PRIVATE))
        key = cls(name, seed)
        _fitting(key.verifier, key_id)
        return key

    def sign(self, text: str) -> Signature:
        """Return the signature under `text`, the same one every time."""
        data = self._private_key().sign(utf8(text))
        return Signature(self.name, self.verifier.key_id, data)

    def _private_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who is said to have signed, with which key, and the proof."""

    name: str
    key_id: bytes
    data: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, without its line end."""
        return f"— {self.name} {encode_base64(self.key_id + self.data)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends with a line end, and signatures under it."""

    text: str
    signatures: tuple[Signature, ...]


def sign_note(text: str, keys: Sequence[SigningKey]) -> str:
    """Return the note of `text` with a signature of each key, in the order of the keys.

    The same text and keys give the same note. Raises `NoteRefused` for a text
    that no note can hold, and where there is no key or one of them twice.
    """
    if not keys or len(set(keys)) != len(keys):
        raise NoteRefused("a note is signed by at least one key, and by none of them twice")
    _check_text(text)
    lines = "".join(f"{key.sign(text).line}\n" for key in keys)
    note = f"{text}\n{lines}"
    parse_note(note)
    return note


def parse_note(note: str) -> Note:
    """Return the parts of a note; whether its signatures hold is not looked at.

    Raises `NoteRefused` for text that is not a note, for more than 100
    signatures and for more than a million bytes.
    """
    _check_characters(note)
    text, blank_line, lines = note.rpartition("\n\n")
    # A note without a blank line has no text, and one that ends with it has no signature.
    if not blank_line or not lines.endswith("\n"):
        raise NoteRefused("a note is a text, a blank line, and signature lines to its end")
    signed = lines.removesuffix("\n").split("\n")
    if len(signed) > MAX_SIGNATURES:
        raise NoteRefused(f"{len(signed)} signatures, of at most {MAX_SIGNATURES}")
    return Note(text + "\n", tuple(_parse_signature(line) for line in signed))


def open_note(note: str, keys: Sequence[VerifierKey]) -> Note:
    """Return the note with those signatures that `keys` prove, one for each key.

    Lines of other keys are ignored, as witnesses may sign too. Raises
    `NoteRefused` for a line of one of `keys` that does not verify, even beside
    others that do, and where none of `keys` signed.
    """
    parsed = parse_note(note)
    known = _by_identity(keys)
    verified: dict[tuple[str, bytes], Signature] = {}
    for signature in parsed.signatures:
        identity = (signature.name, signature.key_id)
        if identity in known:
            _verify(known[identity], signature, parsed.text)
            verified.setdefault(identity, signature)
    if not verified:
        raise NoteRefused("none of the known keys signed this note")
    return Note(parsed.text, tuple(verified.values()))


def _verify(key: VerifierKey, signature: Signature, text: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature.data, utf8(text))
    except InvalidSignature as error:
        raise NoteRefused(f"the signature of {key.name} does not hold under this text") from error


def _by_identity(keys: Iterable[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        # Four bytes of a hash collide by design of an attacker: never guess between two.
        if known.setdefault((key.name, key.key_id), key) != key:
            raise NoteRefused(f"two different keys of {key.name} have one id: give one of them")
    return known


def _parse_signature(line: str) -> Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None or not _is_name(match[1]):
        raise NoteRefused("a signature line is a dash, the key's name and base64")
    try:
        data = decode_base64(match[2])
    except LineRefused as error:
        raise NoteRefused(f"the signature of {match[1]}: {error}") from error
    if len(data) <= _KEY_ID_BYTES:
        raise NoteRefused(f"the signature of {match[1]} is shorter than its key id")
    return Signature(match[1], data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise NoteRefused("the text of a note ends with a line end")
    _check_characters(text)


def _check_characters(text: str) -> None:
    if _CONTROL_BUT_NEWLINE.search(text):
        raise NoteRefused("a control character other than the line end stands in this note")
    try:
        length = len(utf8(text))
    except LineRefused as error:
        raise NoteRefused(str(error)) from error
    if length > MAX_NOTE_BYTES:
        raise NoteRefused(f"{length} bytes, of at most {MAX_NOTE_BYTES}")


def _key_text(name: str, key_id: bytes, key: bytes) -> str:
    return f"{name}+{key_id.hex()}+{encode_base64(_ED25519 + key)}"


def _key_parts(text: str) -> tuple[str, str, bytes]:
    match = _KEY.fullmatch(text)
    if match is None:
        raise KeyRefused("a key is written as its name, eight hex digits and base64, joined by +")
    try:
        data = decode_base64(match[3])
    except LineRefused as error:
        raise KeyRefused(f"the key itself: {error}") from error
    if not data.startswith(_ED25519):
        raise KeyRefused("only Ed25519 keys are known here, of signature type 1")
    return match[1], match[2], data[1:]


def _fitting(key: VerifierKey, key_id: str) -> VerifierKey:
    if key.key_id.hex() != key_id:
        raise KeyRefused("the id does not follow from the name and the key: one of them is wrong")
    return key


def _check_key(name: str, key: bytes) -> None:
    if not _is_name(name):
        raise KeyRefused("the name of a key is text without blanks and without +")
    if len(key) != _KEY_BYTES:
        raise KeyRefused(f"an Ed25519 key has {_KEY_BYTES} bytes, not {len(key)}")


def _is_name(name: str) -> bool:
    try:
        check_line(name)
    except LineRefused:
        return False
    return "+" not in name and not any(map(str.isspace, name))
