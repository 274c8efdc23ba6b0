"""Output: what a text may hold, and that no page or answer lets it do anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.attacking import Attack, Case, Reply, Send, Target, bearer, cases, http, query
from tests.attacks.conftest import attacked
from tests.databases import Databases

COMMIT = (
    "mutation ($input: CommitInput!) { commit(input: $input) { userErrors { code } refs { id } } }"
)
SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg onload=alert(1)>",
    "javascript:alert(1)",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}${7*7}",
    "</title><script src=//evil.example></script>",
)
TURNING = ("\u202e", "\u202d", "\u2066", "\u2067", "\u2068", "\u2069", "\u202a", "\u202b", "\u202c")


def adding(_kind: str, _dry_run: bool = True, **fields: Any) -> Send:  # noqa: FBT001, FBT002
    """Return an editor's commit of one record."""
    body = {
        "reason": {"code": "OTHER", "note": "x"},
        "operations": [{f"add{_kind}": fields}],
        "dryRun": _dry_run,
    }
    return lambda target: query(COMMIT, {"input": body}, bearer(target.keys["editor"]))


def cited(**fields: Any) -> Send:
    """Return an editor's commit of a citation."""
    return adding("Citation", kind="NEWS_REPORT", title="A report", **fields)


def is_locked(reply: Reply) -> bool:
    """Whether a page runs no script but our own files, stands in no frame, and names nobody."""
    policy = reply.headers["content-security-policy"]
    return (
        "default-src 'none'" in policy
        and "script-src 'self'" in policy
        and "frame-ancestors 'none'" in policy
        and "unsafe" not in policy
        and reply.headers["x-content-type-options"] == "nosniff"
        and "<script>" not in reply.text
        and "onload=" not in reply.text
    )


ATTACKS = [
    Attack(
        "`javascript:`, `data:` and other addresses that a link would follow",
        "200 INVALID_INPUT",
        [
            cited(url=one)
            for one in (
                "javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "//evil.example",
                "vbscript:x", "file:///etc/passwd", "https://user:pw@evil.example/",
                "https://evil.example\\@good.example/", "java\nscript:alert(1)", " javascript:x",
                "https://\u202eelpmaxe.live/", "https://ev\u0000il.example/", "https://2130706433/",
                "https://0x7f.1/", 'https://a.example/"onclick="alert(1)',
            )
        ],
    ),
    Attack(
        "characters that turn the direction of the text around them",
        "200 INVALID_INPUT",
        [adding("Transfer", title=f"Horses {one} seilla rof") for one in TURNING],
    ),
    Attack(
        "controls, noncharacters and what cannot be seen",
        "200 INVALID_INPUT",
        [
            adding("Transfer", title=one)
            for one in ("a\x00b", "a\x1bb[2J", "a\x07", "a\x7f", "a\ufffe", "\u200b", " ",
                        "a\u2028b")
        ],
    ),
    Attack(
        "GraphiQL: its page runs our own files and nothing else",
        "200, a strict Content-Security-Policy",
        [http("GET", "/graphql", {"Accept": "text/html"})],
        holds=is_locked,
    ),
    Attack(
        "scripts in the address of GraphiQL",
        "200 or 400, never as a page",
        [
            http("GET", f"/graphql?query={one}", {"Accept": "text/html,*/*;q=0.1"})
            for one in ("%3Cscript%3Ealert(1)%3C/script%3E", "%7B__typename%7D#%3Cscript%3E")
        ],
        holds=lambda reply: reply.headers["content-type"].startswith("application/json")
        and reply.headers["x-content-type-options"] == "nosniff",
    ),
    Attack(
        "scripts in the address of what is not there",
        "404, or refused; never as a page",
        [
            http("GET", one)
            for one in ("/<script>alert(1)</script>", "/%3Cscript%3E", "/tile/<img>",
                        "/static/%3Csvg%20onload=x%3E", "/checkpoint/<script>")
        ],
        holds=lambda reply: not {"<script", "<svg", "<img"} & set(reply.text.lower().split())
        and "html" not in reply.headers.get("content-type", ""),
    ),
]  # fmt: skip
KEPT = Attack(
    "script, SVG handlers and attribute break-outs in every text: kept as the words they are",
    "200 as JSON with nosniff, and in no page",
    [],
)
ATTACKS += [KEPT]

CASES, NAMES = cases([one for one in ATTACKS if one.requests])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_what_would_act_on_its_reader_is_refused(target: Target, case: Case) -> None:
    target.withstands(*case)


@pytest.fixture(scope="module")
def scrawled(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Target, list[str]]]:
    """A ledger in whose texts somebody put scripts, and the ids of the transfers that hold them."""
    with attacked(databases, tmp_path_factory.mktemp("scrawled"), filled=False) as target:
        ids = []
        for words in SCRIPTS:
            sent: Any = adding(
                "Transfer", _dry_run=False, title=words, summary=words, purpose=words
            )
            reply = target.send(sent(target))
            assert reply.json["data"]["commit"]["userErrors"] == [], reply.text
            ids += target.ask("{ transfers(first: 1, orderBy: CREATED_DESC) { nodes { id } } }")[
                "transfers"
            ]["nodes"]
        yield target, [one["id"] for one in ids]


def test_words_that_look_like_scripts_are_words(scrawled: tuple[Target, list[str]]) -> None:
    """They come back letter for letter, as JSON, which no browser reads as a page."""
    target, ids = scrawled

    for words, one in zip(SCRIPTS, ids, strict=True):
        reply = target.send(
            query("query ($id: ID!) { transfer(id: $id) { title summary } }", {"id": one})
        )
        held = reply.json["data"]["transfer"]

        assert held == {"title": words, "summary": words}
        assert "json" in reply.headers["content-type"]
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_no_page_shows_what_somebody_wrote(scrawled: tuple[Target, list[str]]) -> None:
    target, _ = scrawled

    page = target.send(http("GET", "/graphql", {"Accept": "text/html"}))

    assert is_locked(page)
    assert not [words for words in SCRIPTS if words in page.text]
