"""A browser's own cache in front of the server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.conftest import Demo

pytestmark = pytest.mark.interop


def test_a_browser_asks_again_and_is_told_that_nothing_changed(
    demo: Demo, chromium: str, run_client: Callable[..., dict[str, Any]]
) -> None:
    """The page gets the answer all the same; after an edit it gets a new one."""
    item = {"addItem": {"name": "Saddles", "kind": "OTHER"}}
    reason = {"code": "INITIAL_ENTRY", "note": "They came with the horses."}
    edit = {
        "documentId": "add-a-claim",
        "variables": {"input": {"reason": reason, "operations": [item]}},
    }

    report = run_client(
        "browse_etags",
        chromium=chromium,
        url=demo.url,
        key=demo.keys["editor"],
        path="/graphql?documentId=article-page&variables=%7B%22first%22%3A3%7D",
        edit=json.dumps(edit),
    )

    assert report["edited"]["data"]["commit"]["userErrors"] == []
    assert report["wire"] == [200, 304, 200, 200]
    assert report["lengths"][0] == report["lengths"][1] > 1000
