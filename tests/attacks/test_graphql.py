"""GraphQL and load: documents and bodies that are meant to cost more than they say."""

from __future__ import annotations

import json

import pytest

from tests.attacks.attacking import (
    Attack,
    Case,
    Target,
    cases,
    get,
    http,
    many,
    nodes,
    post,
    query,
)


def linked(depth: int) -> str:
    """Return a document with so many levels of fields."""
    return nodes("partOf { " * (depth - 3) + "id" + " }" * (depth - 3))


def spreading(number: int, body: str, last: str) -> str:
    """Return fragments of which each spreads the next (`#`), and a query that spreads the first."""
    parts = [
        f"fragment F{place} on Actor {{ {body.replace('#', str(place + 1))} }}"
        for place in range(number)
    ]
    return nodes("...F0") + " ".join([*parts, f"fragment F{number} on Actor {{ {last} }}"])


def raw(before: str, inner: bytes, after: str = "") -> bytes:
    """Return a request whose variables hold bytes that no JSON library writes."""
    return post(f'{{"query": "{{ __typename }}", "variables": {{{before}'.encode() + inner
                + f"{after}}}}}".encode())  # fmt: skip


CIRCLE_OF_THREE = (
    "fragment A on Actor { ...B } fragment B on Actor { id ...C } "
    "fragment C on Actor { partOf { ...A } }"
)
EXPENSIVE = (
    "claims(first: 100) { nodes { citation { claimsResting(first: 100) { nodes { id } } } } }"
)
FIELD = "query ($n: Int) { actors(first: $n) { totalCount nodes { id } } }"
ATTACKS = [
    Attack(
        "introspection, where it is switched off",
        "400 INTROSPECTION_DISABLED",
        [
            query("{ __schema { types { name } } }"),
            query('{ __type(name: "Query") { name } }'),
            query("{ a: __schema { queryType { name } } __typename }"),
            query("query { ...A } fragment A on Query { __schema { types { name } } }"),
            query('query ($b: Boolean = true) { __type(name: "Key") @include(if: $b) { name } }'),
            get("{ __schema { types { fields { name } } } }"),
        ],
    ),
    Attack(
        "misspelt names, to be told the right ones",
        "400 GRAPHQL_VALIDATION_FAILED",
        [
            query("{ actor }"),
            query("{ actorz { totalCount } }"),
            query("{ actors(fist: 1) { totalCount } }"),
            query("{ actors(orderBy: NAME_ASCC) { totalCount } }"),
            query("{ actors(filter: { kindss: [STATE] }) { totalCount } }"),
            query("query ($a: Actr) { __typename }"),
            query("{ ... on Actr { id } }"),
            query("mutation { comit(input: {}) { leafHash } }"),
        ],
        holds=lambda reply: "did you mean" not in reply.text.lower(),
    ),
    Attack(
        "misspelt values in variables, to be told the right ones",
        "400 BAD_VARIABLES",
        [
            query("query ($f: ActorFilter) { actors(filter: $f) { totalCount } }", given)
            for given in ({"f": {"kindss": ["STATE"]}}, {"f": {"kinds": ["STAT"]}}, {"f": 3})
        ],
        holds=lambda reply: "did you mean" not in reply.text.lower(),
    ),
    Attack(
        "1,000 aliases",
        "400 DOCUMENT_TOO_LONG",
        [query(f"{{ {many(1_000, 'a#: __typename')} }}"),
         query(f"{{ {many(1_000, 'a#: actors(first: 100) { nodes { id } }')} }}")],
    ),
    Attack(
        "more aliases than are let pass, also hidden in fragments",
        "400 DOCUMENT_TOO_LARGE",
        [
            query(f"{{ {many(300, 'a#: __typename')} }}"),
            query(nodes(many(31, "a#: id"))),
            query(spreading(9, "...F# x: partOf { ...F# }", "a: id")),
            query("{ ... on Query { " + many(40, "... on Query { a#: __typename }") + " } }"),
        ],
    ),
    Attack(
        "5,000 directives",
        "400 DOCUMENT_TOO_LONG",
        [
            query("{ __typename" + "@a" * 5_000 + " }"),
            query("{ __typename" + " @skip(if: false)" * 5_000 + " }"),
        ],
        holds=lambda reply: len(reply.errors) == 1,
        most_bytes=400,
    ),
    Attack(
        "more directives than are let pass",
        "400 DOCUMENT_TOO_LARGE",
        [
            query("{ __typename" + "@a" * 400 + " }"),
            query("query ($a: Int" + "@a" * 400 + ") { __typename }"),
            query("query" + "@a" * 400 + " { __typename }"),
        ],
        holds=lambda reply: len(reply.errors) == 1,
        most_bytes=400,
    ),
    Attack(
        "the same field 5,000 times",
        "400 DOCUMENT_TOO_LONG",
        [query(nodes("id " * 5_000)), query("{" + "__typename " * 5_000 + "}")],
    ),
    Attack(
        "the same field as often as a document has room for",
        "400 DOCUMENT_TOO_LARGE",
        [
            query(nodes("id " * 900)),
            query("{ actors { " + "nodes { id name } " * 190 + "} }"),
            query(nodes(many(50, "...F#")) + many(50, f"fragment F# on Actor {{ {'id ' * 9} }}")),
        ],
    ),
    Attack("depth 500", "400 DOCUMENT_TOO_LONG", [query(linked(500))]),
    Attack(
        "depth beyond the limit, also through fragments",
        "400 DOCUMENT_TOO_DEEP",
        [
            query(linked(200)),
            query(linked(16)),
            query(spreading(40, "partOf { ...F# }", "id")),
            query("{a" * 400),
            query(spreading(30, "...F# partOf { ...F# }", "id")),
        ],
    ),
    Attack(
        "list literals 50,000 deep",
        "400 DOCUMENT_TOO_LONG",
        [query("{ nodes(ids: " + "[" * 50_000 + "]" * 50_000 + ") { id } }"),
         query("{ nodes(ids: " + "[" * 14_000 + ") { id } }")],
    ),
    Attack(
        "list and object literals deeper than the limit",
        "400 DOCUMENT_TOO_DEEP",
        [
            query("{ a(b: " + "[" * 400 + "]" * 400 + ") }"),
            query("{ a(b: " + "{a:" * 200 + "1" + "}" * 200 + ") }"),
            query("query ($a: " + "[" * 400 + "Int" + "]" * 400 + ") { __typename }"),
        ],
    ),
    Attack(
        "fragments in a circle, also by three hops, also unused",
        "400 GRAPHQL_VALIDATION_FAILED",
        [
            query(nodes("...A") + "fragment A on Actor { ...A }"),
            query(nodes("...A") + CIRCLE_OF_THREE),
            query("{ __typename } " + CIRCLE_OF_THREE),
            query("{ __typename } fragment A on Actor { ...A }"),
        ],
        says="itself",
    ),
    Attack(
        "fragments that double",
        "400 DOCUMENT_TOO_LARGE",
        [
            query(spreading(30, "...F# ...F#", "id")),
            query(spreading(8, "actsFor { ...F# } partOf { ...F# }", "id")),
            query(nodes("...F0") + many(49, f"fragment F# on Actor {{ {many(5, '...F#')} }}")),
            query(spreading(49, "id ...F# ... { ...F# }", "name")),
        ],
    ),
    Attack(
        "batches of requests in an array",
        "400 BAD_REQUEST",
        [
            post(json.dumps([{"query": "{ __typename }"}] * number).encode())
            for number in (0, 1, 2, 20_000)
        ],
        says="batches",
    ),
    Attack(
        "`first` of 10⁹ or -1 on the lists of an answer",
        "400 BAD_ARGUMENT",
        [
            query(FIELD, {"n": 10**9}),
            query(FIELD, {"n": -1}),
            query("{ actors(first: 1000000000) { totalCount nodes { id } } }"),
            query("{ actors(last: -1) { nodes { id } } }"),
            query('{ search(text: "x", first: 1000000000) { nodes { id } } }'),
            query("{ changesets(first: -2147483648) { nodes { id } } }"),
            query("{ actors(first: 101) { nodes { id } } }"),
        ],
    ),
    Attack(
        "`first` of null is the ordinary page",
        "200, at most 20",
        [query(FIELD, {"n": None}), query("{ actors(first: null) { totalCount nodes { id } } }")],
        holds=lambda reply: len(reply.json["data"]["actors"]["nodes"]) <= 20,
    ),
    Attack(
        "`first` that is no number of 32 bits",
        "400 BAD_VARIABLES",
        [query(FIELD, {"n": given}) for given in (10**10, 1.5, "1", True, [1], {"a": 1})],
    ),
    Attack(
        "long pages inside long pages",
        "400 TOO_COSTLY",
        [
            query(f"{{ transfers(first: 100) {{ nodes {{ {EXPENSIVE} }} }} }}"),
            query(
                "query ($n: Int) { transfers(first: $n) { nodes { claims(first: $n) { nodes { "
                "id citation { id } } } } } }",
                {"n": 100},
            ),
            query(f"{{ {many(19, f'a#: transfers(first: 99) {{ nodes {{ {EXPENSIVE} }} }}')} }}"),
        ],
    ),
    Attack(
        "every kind of every record at every level",
        "400 DOCUMENT_TOO_LARGE",
        [
            query(
                "{ changesets { nodes { revisions { nodes { "
                + "record { history { nodes { " * 3 + "version" + " } } }" * 3 + " } } } } }"
            )
        ],
    ),
    Attack(
        "a body of 20 MB",
        "413 CONTENT_TOO_LARGE",
        [
            post(b'{"query": "' + b"a" * 1_000_000, {"Content-Length": "20000000"}),
            post(b"", {"Content-Length": "20000000"}),
            post(b"", {"Content-Length": "9" * 18}),
        ],
    ),
    Attack(
        "a body of 20 MB in chunks that announce nothing",
        "413 CONTENT_TOO_LARGE",
        [
            post(
                b"".join(b"%x\r\n%b\r\n" % (100_000, b"a" * 100_000) for _ in range(11)),
                {"Transfer-Encoding": "chunked"},
            )
        ],
    ),
    Attack(
        "JSON nested 100,000 deep",
        "400 BAD_JSON",
        [
            raw('"a": ', b"[" * 100_000 + b"]" * 100_000),
            raw('"a": ', b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
            raw('"a": ', b"[" * 100_000),
            raw('"a": ', b"[" * 300 + b"]" * 300),
            post(b"[" * 100_000 + b"]" * 100_000),
        ],
    ),
    Attack(
        "integers of 10,000 digits in JSON",
        "400 BAD_JSON",
        [raw('"n": ', b"9" * 10_000), raw('"n": -', b"9" * 10_000)],
    ),
    Attack(
        "integers of 10,000 digits in a document",
        "400 GRAPHQL_VALIDATION_FAILED",
        [query("{ actors(first: " + "9" * 10_000 + ") { totalCount } }"),
         query("{ changeset(position: " + "9" * 10_000 + ") { id } }")],
    ),
    Attack(
        "bytes that are not UTF-8, and other encodings",
        "400 BAD_JSON",
        [
            post(b'{"query": "\xff\xfe{ __typename }"}'),
            post(b'{"query": "\xc0\xaf"}'),
            post(b'{"query": "\xed\xa0\x80"}'),
            post('{"query": "{ __typename }"}'.encode("utf-16")),
            post('{"query": "{ __typename }"}'.encode("utf-16-le")),
            post('{"query": "{ __typename }"}'.encode("utf-32")),
            post(b'\xef\xbb\xbf{"query": "{ __typename }"}'),
            http("GET", "/graphql?query=%FF%FE", {"Accept": "application/json"}),
            http("GET", "/graphql?query=%ED%A0%80", {"Accept": "application/json"}),
        ],
    ),
    Attack(
        "NaN, Infinity, 1e400 and other numbers that JSON does not have",
        "400 BAD_JSON",
        [
            raw('"n": ', one)
            for one in (b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"0x10", b"01",
                        b"+1", b".5", b"1_000")
        ],
    ),
    Attack(
        "a member that stands twice, for two readers to read differently",
        "400 BAD_JSON",
        [
            post(b'{"query": "{ __typename }", "query": "mutation { __typename }"}'),
            post(b'{"query": "{ __typename }", "variables": {"a": 1, "\\u0061": 2}}'),
            http("GET", "/graphql?query=%7Ba%7D&query=%7B__typename%7D", {"Accept": "*/*"}),
        ],
        says="twice",
    ),
    Attack(
        "lone surrogates in a body",
        "400 BAD_JSON",
        [
            post(b'{"query": "\\ud800"}'),
            raw('"a": ', b'"\\udfff"'),
            raw('"a": ', b'{"\\ud800": 1}'),
            raw('"a": ', b'"\\udc00\\ud800"'),
        ],
    ),
    Attack(
        "lone surrogates and NUL in the text of a document",
        "400 GRAPHQL_PARSE_FAILED",
        [
            query('{ search(text: "\\ud800") { nodes { id } } }'),
            query('{ search(text: "\\u{D800}") { nodes { id } } }'),
            query('{ search(text: "\\u{110000}") { nodes { id } } }'),
            query("{ __typename } \x00"),
        ],
    ),
    Attack(
        "variables beyond counting",
        "400 VARIABLES_TOO_LARGE",
        [
            query("query ($a: [ID!]) { actors(filter: { ids: $a }) { totalCount } }",
                  {"a": ["x"] * 60_000}),
            query("{ __typename }", {f"v{number}": 1 for number in range(30_000)}),
        ],
    ),
    Attack(
        "10,000 ids for one list",
        "400 BAD_ARGUMENT",
        [
            query("query ($a: [ID!]) { actors(filter: { ids: $a }) { totalCount } }",
                  {"a": ["x"] * 10_000}),
            query("query ($a: [ID!]!) { nodes(ids: $a) { id } }", {"a": ["x"] * 9_000}),
        ],
    ),
    Attack(
        "an address of 70,000 bytes",
        "414 URI_TOO_LONG",
        [http("GET", "/graphql?query=" + "%20" * 20_100, {"Accept": RESPONSE_OR_JSON})
         for RESPONSE_OR_JSON in ("application/json", "*/*")],
    ),
    Attack(
        "a hash that is not the document's, and a name that is none",
        "400 BAD_REQUEST",
        [
            query(
                "{ __typename }", extensions={"persistedQuery": {"version": 1, "sha256Hash": one}}
            )
            for one in ("0" * 64, "", "../../etc/passwd", "\u0000")
        ],
    ),
    Attack(
        "documents by names that lead elsewhere",
        "400 PERSISTED_DOCUMENT_NOT_FOUND",
        [
            post(json.dumps({"documentId": one}).encode())
            for one in ("../../../etc/passwd", "article-page.graphql", "a" * 10_000, "sha256:",
                        "article-page\u0000", "%2e%2e/x")
        ],
    ),
]  # fmt: skip


CASES, NAMES = cases(ATTACKS)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_document_that_attacks_is_answered_as_documented(target: Target, case: Case) -> None:
    target.withstands(*case)
