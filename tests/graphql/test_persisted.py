"""Documents that a request names in place of sending them: by `documentId`, Relay's `id`, APQ.

And the server that answers those alone which its operator trusts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import BadManifest, UnknownHash
from app.graphql.documents import OVERHEAD, Documents
from app.main import create_app
from app.settings import Settings
from tests.graphql.asking import Ledger, document, operations, served

DOCUMENT = "query Some { actors(first: 2) { totalCount } }"
DIGEST = sha256(DOCUMENT.encode()).hexdigest()
RESPONSE = "application/graphql-response+json"

Serving = Callable[..., AbstractContextManager[Ledger]]


@pytest.fixture
def demo(both_demos: Mapping[str, Ledger]) -> Ledger:
    """The demo on SQLite: a document's name says the same on both databases."""
    return both_demos["sqlite"]


@pytest.fixture
def serving(demo: Ledger) -> Serving:
    """Serve the demo with other settings."""
    return lambda **settings: served(demo.url, demo.keys, **settings)


@pytest.fixture(scope="module")
def trusting(
    both_demos: Mapping[str, Ledger], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ledger]:
    """The demo, served for the documents of two manifests and of the contract alone."""
    folder = tmp_path_factory.mktemp("manifests")
    demo = both_demos["sqlite"]
    (folder / "relay.json").write_text(json.dumps({md5_of(DOCUMENT): DOCUMENT}))
    (folder / "apollo.json").write_text(json.dumps(apollo("an-id", "query Two { __typename }")))
    places = f"{folder / 'relay.json'}, {folder / 'apollo.json'}"
    with served(demo.url, demo.keys, trusted_documents=places, trusted_only=True) as ledger:
        yield ledger


def md5_of(text: str) -> str:
    """Return the name that relay-compiler gives a document."""
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def apollo(name: str, body: str) -> dict[str, Any]:
    """Return the manifest that Apollo's tool writes for one query."""
    operation = {"id": name, "body": body, "name": "Two", "type": "query"}
    return {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [operation]}


def apq(digest: str) -> dict[str, Any]:
    """Return the extensions with which Apollo's clients name a document."""
    return {"persistedQuery": {"version": 1, "sha256Hash": digest}}


def send(ledger: Ledger, *, accept: str = RESPONSE, **body: Any) -> Any:
    """Post a request's members."""
    return ledger.http.post("/graphql", json=body, headers={"accept": accept})


def code_of(response: Any) -> str:
    """Return the code of an answer's one error."""
    (error,) = response.json()["errors"]
    code: str = error["extensions"]["code"]
    return code


# --- documentId and Relay's id ------------------------------------------------


@pytest.mark.parametrize("name", ["article-page", "citations", "who-am-i"])
def test_the_documents_of_the_contract_are_known_by_their_names(demo: Ledger, name: str) -> None:
    digest = sha256(document(name).encode()).hexdigest()

    by_name = send(demo, documentId=name)
    by_digest = send(demo, documentId=f"sha256:{digest}")
    by_id = send(demo, id=name)

    assert by_name.status_code == 200
    assert by_name.json() == by_digest.json() == by_id.json()
    assert by_name.json() == demo.answer(document(name))


def test_every_document_of_the_contract_has_a_name(demo: Ledger) -> None:
    codes = {code_of(send(demo, documentId=name, operationName="No")) for name in operations()}

    assert codes == {"OPERATION_RESOLUTION_FAILED"}


def test_a_named_document_takes_variables_also_by_get(demo: Ledger) -> None:
    given = {"documentId": "actors", "variables": json.dumps({"first": 1})}

    response = demo.http.get("/graphql", params=given)

    assert response.status_code == 200
    assert len(response.json()["data"]["actors"]["nodes"]) == 1


def test_a_named_mutation_by_get_is_not_allowed(demo: Ledger) -> None:
    """Whatever else is wrong with it, such as that it lacks its variables."""
    response = demo.http.get("/graphql", params={"documentId": "add-a-claim"})

    assert (response.status_code, code_of(response)) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("name", ["nothing", f"sha256:{DIGEST}", DIGEST, "sha256:", "a/../b", "é"])
def test_a_name_that_means_nothing_is_told_so(demo: Ledger, name: str) -> None:
    response = send(demo, documentId=name)

    assert (response.status_code, code_of(response)) == (400, "PERSISTED_DOCUMENT_NOT_FOUND")
    assert "data" not in response.json()


@pytest.mark.parametrize("name", [3, {"a": 1}, ["article-page"], True])
def test_a_name_is_a_string(demo: Ledger, name: Any) -> None:
    statuses = [send(demo, **{member: name}).status_code for member in ("documentId", "id")]

    assert statuses == [400, 400]


def test_a_document_beside_the_name_of_another_is_refused(demo: Ledger) -> None:
    """Which of them was meant, nobody can tell."""
    response = send(demo, query=DOCUMENT, documentId="article-page")
    digest = send(demo, query=DOCUMENT, documentId="sha256:" + "0" * 64)
    same = send(demo, query=DOCUMENT, documentId=f"sha256:{DIGEST}")

    assert code_of(response) == code_of(digest) == "BAD_REQUEST"
    assert same.status_code == 200


# --- automatic persisted queries ----------------------------------------------


@pytest.fixture
def apart(serving: Serving) -> Iterator[Ledger]:
    """The demo in a process of its own, where nothing is registered yet."""
    with serving() as ledger:
        yield ledger


def test_a_document_is_registered_by_its_hash_and_then_named(apart: Ledger) -> None:
    """The words and the code are those that Apollo's clients look for."""
    missing = send(apart, extensions=apq(DIGEST), accept="application/json")
    registering = send(apart, query=DOCUMENT, extensions=apq(DIGEST))
    named = send(apart, extensions=apq(DIGEST))
    as_document = send(apart, documentId=f"sha256:{DIGEST}")

    assert missing.status_code == 200
    assert missing.json() == {"errors": [{
        "message": "PersistedQueryNotFound",
        "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"},
    }]}  # fmt: skip
    assert missing.headers["cache-control"] == "no-store"
    assert registering.json() == named.json() == as_document.json()
    assert named.json()["data"]["actors"]["totalCount"] > 10


def test_documents_are_named_and_registered_by_get_as_well(apart: Ledger) -> None:
    given = {"extensions": json.dumps(apq(DIGEST))}

    missing = apart.http.get("/graphql", params=given)
    registering = apart.http.get("/graphql", params={"query": DOCUMENT, **given})
    named = apart.http.get("/graphql", params=given)

    assert code_of(missing) == "PERSISTED_QUERY_NOT_FOUND"
    assert registering.json() == named.json()
    assert named.headers["etag"] == registering.headers["etag"]


def test_a_hash_of_another_document_is_refused_and_not_registered(apart: Ledger) -> None:
    response = send(apart, query="{ __typename }", extensions=apq(DIGEST))

    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
    assert code_of(send(apart, extensions=apq(DIGEST))) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("text", ["{", "{ nothing }", "{ a" * 20])
def test_a_document_that_is_not_valid_is_not_registered(apart: Ledger, text: str) -> None:
    digest = sha256(text.encode()).hexdigest()

    send(apart, query=text, extensions=apq(digest))

    assert code_of(send(apart, extensions=apq(digest))) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "given",
    [{"version": 2, "sha256Hash": DIGEST}, {"sha256Hash": DIGEST}, {"version": 1}, "x", [],
     {"version": 1, "sha256Hash": 3}],
)  # fmt: skip
def test_another_protocol_is_not_taken(demo: Ledger, given: Any) -> None:
    response = send(demo, query=DOCUMENT, extensions={"persistedQuery": given})

    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")


def test_what_was_registered_longest_ago_and_not_used_goes_first() -> None:
    """The room is counted in bytes; a client whose document went registers it again."""
    texts = {f"{number:064}": f"query Q{number} {{ {'x' * 100} }}" for number in range(4)}
    documents = Documents([], room=3 * (OVERHEAD + 120))

    for digest, text in texts.items():
        documents.register(digest, text)
        documents.find(None, None, f"{0:064}")

    assert documents.find(None, None, f"{0:064}") == texts[f"{0:064}"]
    assert documents.find(None, None, f"{3:064}") == texts[f"{3:064}"]
    with pytest.raises(UnknownHash):
        documents.find(None, None, f"{1:064}")


def test_a_server_that_takes_no_hashes_says_so(serving: Serving) -> None:
    """Apollo's clients stop sending them then."""
    with serving(persisted_query_bytes=0) as ledger:
        named = send(ledger, extensions=apq(DIGEST))
        sent = send(ledger, query=DOCUMENT, extensions=apq(DIGEST))

    assert named.json()["errors"][0]["message"] == "PersistedQueryNotSupported"
    assert code_of(named) == "PERSISTED_QUERY_NOT_SUPPORTED"
    assert sent.status_code == 200


# --- trusted documents --------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"query": DOCUMENT},
        {"id": md5_of(DOCUMENT)},
        {"documentId": md5_of(DOCUMENT)},
        {"documentId": f"sha256:{DIGEST}"},
        {"extensions": apq(DIGEST)},
        {"extensions": apq("an-id")},
        {"documentId": "an-id"},
        {"documentId": "article-page"},
    ],
)
def test_a_trusted_document_is_answered_however_it_comes(
    trusting: Ledger, body: dict[str, Any]
) -> None:
    response = send(trusting, **body)

    assert response.status_code == 200
    assert "errors" not in response.json()


@pytest.mark.parametrize(
    "text", ["{ __typename }", f"{DOCUMENT} ", "{ __schema { types { name } } }", "{", "{ no }"]
)
def test_any_other_document_is_refused(trusting: Ledger, text: str) -> None:
    """Also one that differs in a blank, and whatever it says: it is not even read."""
    by_post = send(trusting, query=text)
    by_get = trusting.http.get("/graphql", params={"query": text}, headers={"accept": RESPONSE})

    assert (by_post.status_code, code_of(by_post)) == (403, "DOCUMENT_NOT_TRUSTED")
    assert (by_get.status_code, code_of(by_get)) == (403, "DOCUMENT_NOT_TRUSTED")


def test_nothing_can_be_registered_where_only_trusted_documents_are_answered(
    trusting: Ledger,
) -> None:
    text = "query Other { __typename }"
    digest = sha256(text.encode()).hexdigest()

    sent = send(trusting, query=text, extensions=apq(digest))
    named = send(trusting, extensions=apq(digest))

    assert code_of(sent) == "DOCUMENT_NOT_TRUSTED"
    assert code_of(named) == "PERSISTED_QUERY_NOT_SUPPORTED"


def test_graphiql_is_not_served_where_only_trusted_documents_are_answered(
    trusting: Ledger,
) -> None:
    response = trusting.http.get("/graphql", headers={"accept": "text/html"})

    assert response.status_code == 406


# --- manifests ----------------------------------------------------------------


def test_a_folder_of_documents_and_a_map_of_names_are_known(
    tmp_path: Path, serving: Serving
) -> None:
    """A plain map is what relay-compiler and graphql-codegen's client preset write."""
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "some-actors.graphql").write_text(DOCUMENT)
    (tmp_path / "persisted-documents.json").write_text(json.dumps({"0a1b": "{ __typename }"}))
    places = f"{folder},{tmp_path / 'persisted-documents.json'}"

    with serving(trusted_documents=places) as ledger:
        answers = [send(ledger, documentId=name).json() for name in ("some-actors", "0a1b")]

    assert answers[0]["data"]["actors"]["totalCount"] > 10
    assert answers[1]["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON"),
        ("[]", "object"),
        ("{}", "no documents"),
        ('{"a": 3}', "'a'"),
        ('{"": "{ __typename }"}', "''"),
        ('{"a": "{ nothing }"}', "a: Cannot query field 'nothing'"),
        ('{"a": "{"}', "a: Syntax Error"),
        ('{"a": "fragment"}', "a: Syntax Error"),
        ('{"article-page": "{ __typename }"}', "article-page is another document"),
        ('{"sha256:00": "{ __typename }"}', "is not the digest"),
        ('{"format": "another", "version": 1, "operations": []}', "format"),
        ('{"format": "apollo-persisted-query-manifest", "version": 2}', "format"),
        ('{"format": "apollo-persisted-query-manifest", "version": 1}', "operations"),
        (json.dumps(apollo("an-id", "{ nothing }")), "an-id: Cannot query field"),
        (
            json.dumps(apollo("long", "{ __typename " + " " * 20_000 + "}")),
            "long: a document has at most",
        ),
    ],
)
def test_a_manifest_that_cannot_be_served_keeps_the_server_from_starting(
    tmp_path: Path, content: str, says: str
) -> None:
    """The operator learns which file, and which document in it."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(content)

    with pytest.raises(BadManifest) as refused:
        create_app(
            Settings(database_url=f"sqlite:///{tmp_path}/no.db", trusted_documents=str(manifest))
        )

    assert str(manifest) in refused.value.message
    assert says in refused.value.message


def test_a_manifest_that_is_not_there_keeps_the_server_from_starting(tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match=r"no\.json cannot be read: No such file"):
        create_app(
            Settings(
                database_url=f"sqlite:///{tmp_path}/no.db",
                trusted_documents=str(tmp_path / "no.json"),
            )
        )
