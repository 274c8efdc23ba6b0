"""Files of documents that clients ask for by name: what their compilers write.

- a folder of `.graphql` files, each known by its name without the ending;
- Relay's query map, and the `persisted-documents.json` of graphql-codegen's
  client preset: one object of names and texts;
- Apollo's persisted query manifest, version 1.

Whether a document is valid is not asked here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from app.domain.errors import BadManifest

APOLLO: Final = "apollo-persisted-query-manifest"
_PACKAGE: Final = Path(__file__).parents[1]
# In a wheel the contract is data of the package; in a checkout it lies beside it.
_OPERATIONS: Final = (
    _PACKAGE / "_data" / "schema" / "operations",
    _PACKAGE.parent / "schema" / "operations",
)


@dataclass(frozen=True, slots=True)
class Document:
    """A document, the name that clients know it by, and the file that it is from."""

    name: str
    text: str
    file: Path

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal digits."""
        return digest_of(self.text)


def digest_of(text: str) -> str:
    """Return the SHA-256 of a document in UTF-8, as `documentId` has it after `sha256:`."""
    return sha256(text.encode()).hexdigest()


def own_documents() -> tuple[Document, ...]:
    """Return the documents that are published with the contract."""
    folder = next(filter(Path.is_dir, _OPERATIONS), None)
    if folder is None:
        raise BadManifest("schema/operations was not installed; install the package again")
    return read_manifest(folder)


def read_manifest(place: Path) -> tuple[Document, ...]:
    """Return the documents of a folder or file; raise `BadManifest` where it is none."""
    try:
        found = tuple(_folder(place) if place.is_dir() else _file(place))
    except (OSError, UnicodeDecodeError) as fault:
        words = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8"
        raise BadManifest(f"{place} cannot be read: {words}") from fault
    if not found:
        raise BadManifest(f"{place} has no documents")
    return found


def _folder(folder: Path) -> Iterator[Document]:
    for file in sorted(folder.glob("*.graphql")):
        yield Document(file.stem, file.read_text(encoding="utf-8"), file)


def _file(file: Path) -> Iterator[Document]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as fault:
        raise BadManifest(f"{file} is not JSON: {fault}") from fault
    if not isinstance(content, dict):
        raise BadManifest(f"{file} is no manifest: it must be a JSON object")
    pairs = _apollo(file, content) if "format" in content else content.items()
    for name, text in pairs:
        if not isinstance(name, str) or not name or not isinstance(text, str) or not text:
            raise BadManifest(f"{file}: the document {name!r} must be a name and a text")
        yield Document(name, text, file)


def _apollo(file: Path, content: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    if (content["format"], content.get("version")) != (APOLLO, 1):
        raise BadManifest(f"{file} has a format that is not known here; {APOLLO} 1 is")
    operations = content.get("operations")
    if not isinstance(operations, list):
        raise BadManifest(f"{file}: operations must be a list")
    for operation in operations:
        if not isinstance(operation, dict):
            raise BadManifest(f"{file}: each operation must be an object with id and body")
        yield operation.get("id"), operation.get("body")
