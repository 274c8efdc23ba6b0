"""One idempotency key, sent many times at once, through a crash and a restart."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.commands import access
from tests.databases import KINDS, Databases
from tests.driver import NOTE, opened
from tests.serving import Serving, serving

COMMIT = """mutation ($input: CommitInput!) { commit(input: $input) {
  changeset { id position } refs { ref id } userErrors { code } leafHash } }"""
REQUEST = json.dumps(
    {
        "query": COMMIT,
        "variables": {
            "input": {
                "reason": {"code": "INITIAL_ENTRY", "note": NOTE},
                "operations": [{"addActor": {"ref": "#it", "name": "Russia", "kind": "STATE"}}],
            }
        },
    }
)


START = 4
"""The positions of the changesets that `two_keys` makes."""


def two_keys(url: str) -> list[str]:
    """Enter an editor of the house; return two keys of the API that are hers."""
    with opened(url) as engine:
        access.add_newsroom(engine, "House", house=True)
        editor = access.add_editor(engine, "Ann", newsroom="House", role="EDITOR")
        return [
            access.create_key(engine, editor, label=label, environment="test").key
            for label in ("desk", "feed")
        ]


def sent(server: Serving, key: str, times: int = 1) -> list[tuple[int, Any]]:
    """Send the request so many times on one connection; return each status and answer."""
    connection = HTTPConnection(urlsplit(server.address).netloc, timeout=30)
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {key}",
        "Idempotency-Key": '"once-and-for-all"',
    }
    answers = []
    for _ in range(times):
        connection.request("POST", "/graphql", REQUEST, headers)
        response = connection.getresponse()
        answers.append((response.status, json.loads(response.read())))
        if response.status == 409:
            assert response.headers["Retry-After"] == "1"
    connection.close()
    return answers


@pytest.mark.parametrize("kind", KINDS)
def test_one_key_sent_fifty_times_at_once_is_one_changeset(databases: Databases, kind: str) -> None:
    """From eight connections; and after the server was killed and started again, it still is."""
    with databases.clone(kind) as url:
        ours, other_key = two_keys(url)
        with serving(url, CORRIGENDA_KEY_BUDGET="0") as server:
            with ThreadPoolExecutor(8) as threads:
                batches = list(
                    threads.map(lambda n: sent(server, ours, n), [7, 7, 6, 6, 6, 6, 6, 6])
                )
            storm = [answer for batch in batches for answer in batch]
            ((_, first),) = sent(server, ours)
            server.kill()
        with serving(url, CORRIGENDA_KEY_BUDGET="0") as server:
            ((status, again),) = sent(server, ours)
            ((_, other),) = sent(server, other_key)

    assert len(storm) == 50
    assert {status for status, _ in storm} <= {200, 409}
    written = [answer["data"] for status, answer in storm if status == 200]
    assert written
    assert written == [first["data"]] * len(written)
    assert {
        answer["errors"][0]["extensions"]["code"] for status, answer in storm if status == 409
    } <= {"IDEMPOTENCY_IN_PROGRESS"}
    assert first["data"]["commit"]["changeset"]["position"] == START + 1
    assert (status, again["data"]) == (200, first["data"])
    assert other["data"]["commit"]["changeset"]["position"] == START + 2
