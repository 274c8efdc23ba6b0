"""GraphiQL in a real browser that reaches this computer and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.conftest import Demo

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def visit(demo: Demo, chromium: str, run_client: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """One visit: open the page, run each example, look at what the page stored."""
    return run_client("browse_graphiql", chromium=chromium, url=demo.url, key=demo.keys["editor"])


def test_the_page_comes_from_this_server_alone(visit: dict[str, Any], demo: Demo) -> None:
    """No request goes elsewhere, and the browser complains of nothing."""
    elsewhere = [
        url for url in visit["requests"] if not url.startswith((f"{demo.url}/", "data:", "blob:"))
    ]

    assert elsewhere == []
    assert visit["complaints"] == []


def test_the_examples_for_readers_show_data(visit: dict[str, Any]) -> None:
    reads = [tab["answer"] for tab in visit["tabs"] if "mutation" not in tab["document"]]

    assert len(reads) == 2
    assert all(answer["data"] and "errors" not in answer for answer in reads)
    assert reads[0]["data"]["transfers"]["edges"]


def test_the_example_for_editors_is_a_valid_document(visit: dict[str, Any], demo: Demo) -> None:
    """It names a made-up transfer, so it is refused as an edit, and not as a document."""
    [edit] = [tab for tab in visit["tabs"] if "mutation" in tab["document"]]

    assert edit["sent_key"] == f"Bearer {demo.keys['editor']}"
    assert "errors" not in edit["answer"]
    assert edit["answer"]["data"]["commit"]["userErrors"]


def test_a_key_in_the_headers_is_not_stored(visit: dict[str, Any], demo: Demo) -> None:
    """Who opens the same browser later finds the documents, and not the key."""
    assert demo.keys["editor"] not in visit["stored"]
