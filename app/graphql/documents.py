"""Documents that a request may name in place of sending them.

Three ways lead to one: `documentId` (GraphQL over HTTP, persisted documents:
`sha256:` and the digest, or a name of the operator's), Relay's `id`, and the
hash of Apollo's automatic persisted queries (APQ). A named document is parsed,
validated and limited like any other: a name saves bytes, not checks.

What clients register stays in this process alone. Another process answers
PERSISTED_QUERY_NOT_FOUND, and the client sends the document there, too: that is
the protocol, so nothing is shared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from app.domain.errors import (
    BadManifest,
    BadRequest,
    DocumentNotTrusted,
    HashesNotTaken,
    UnknownDocument,
    UnknownHash,
)
from app.graphql.manifests import Document, digest_of

_SHA256: Final = "sha256:"
OVERHEAD: Final = 300
"""Bytes that a registered document takes beside its text."""


class Documents:
    """The documents that are known by name, and those that clients registered.

    `room` is how many bytes of registered documents are kept; 0 takes none.
    """

    def __init__(
        self, trusted: Iterable[Document], *, room: int = 0, only_trusted: bool = False
    ) -> None:
        self._named: dict[str, Document] = {}
        self._texts: set[str] = set()
        self._registered: OrderedDict[str, str] = OrderedDict()
        self._used = 0
        self._room = 0 if only_trusted else room
        self._only_trusted = only_trusted
        for document in trusted:
            self._add(document)

    def _add(self, document: Document) -> None:
        if document.name.startswith(_SHA256) and document.name != _SHA256 + document.digest:
            raise BadManifest(f"{document.file}: {document.name} is not the digest of its document")
        for name in (document.name, _SHA256 + document.digest):
            known = self._named.setdefault(name, document)
            if known.text != document.text:
                raise BadManifest(
                    f"{document.file}: {name} is another document in {known.file}; a name means one"
                )
        self._texts.add(document.text)

    # --- finding --------------------------------------------------------------

    def find(self, source: str | None, document_id: str | None, persisted: str | None) -> str:
        """Return the text of the document that a request sends or names.

        Raises `WrongRequest` where there is none, or this server does not answer it.
        """
        if source is None:
            source = self._by_name(document_id, persisted)
        elif persisted is not None and digest_of(source) != persisted:
            raise BadRequest("provided sha does not match query")
        elif document_id is not None:
            self._check_name(document_id, source)
        if self._only_trusted and source not in self._texts:
            raise DocumentNotTrusted(
                "this server answers the documents that its operator trusts, and no others"
            )
        return source

    def _by_name(self, document_id: str | None, persisted: str | None) -> str:
        if document_id is not None:
            return self._by_id(document_id)
        if persisted is None:
            raise AssertionError("a request sends a document or names one")
        # Clients that were given a manifest send its names in the place of hashes.
        known = self._named.get(_SHA256 + persisted) or self._named.get(persisted)
        if known is not None:
            return known.text
        if not self._room:
            raise HashesNotTaken
        found = self._kept(persisted)
        if found is None:
            raise UnknownHash
        return found

    def _by_id(self, document_id: str) -> str:
        known = self._named.get(document_id)
        if known is not None:
            return known.text
        found = self._kept(document_id.removeprefix(_SHA256))
        if found is None or not document_id.startswith(_SHA256):
            raise UnknownDocument(
                "no document is known here by that name; send the document itself as query"
            )
        return found

    def _check_name(self, document_id: str, source: str) -> None:
        known = self._named.get(document_id)
        digest = document_id.removeprefix(_SHA256)
        is_same = known.text == source if known is not None else digest_of(source) == digest
        if not is_same and (known is not None or document_id.startswith(_SHA256)):
            raise BadRequest("documentId and query name different documents; send one of them")

    # --- registering ----------------------------------------------------------

    def register(self, digest: str, text: str) -> None:
        """Keep a valid document under its digest; what was used longest ago goes first."""
        size = len(text.encode()) + OVERHEAD
        if digest in self._registered or size > self._room:
            return
        self._registered[digest] = text
        self._used += size
        while self._used > self._room:
            _, old = self._registered.popitem(last=False)
            self._used -= len(old.encode()) + OVERHEAD

    def _kept(self, digest: str) -> str | None:
        if digest in self._registered:
            self._registered.move_to_end(digest)
        return self._registered.get(digest)


def require_valid(documents: Iterable[Document], fault_of: Callable[[str], str | None]) -> None:
    """Raise `BadManifest` for the documents that this release cannot answer, naming them all."""
    faults = [
        f"{one.file}: {one.name}: {fault}"
        for one in documents
        if (fault := fault_of(one.text)) is not None
    ]
    if faults:
        raise BadManifest("trusted documents that are not valid here:\n" + "\n".join(faults))
