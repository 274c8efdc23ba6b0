"""GraphQL clients that others wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.conftest import Demo

pytestmark = pytest.mark.interop


def test_gql_reads_and_revises(demo: Demo, run_client: Callable[..., dict[str, Any]]) -> None:
    """The client checks its documents against the schema, revises a figure and reads it back."""
    report = run_client("gql_client", url=demo.url, key=demo.keys["editor"])

    next_version = report["chosen"]["version"] + 1
    assert report["revised"]["userErrors"] == []
    assert report["revised"]["records"] == [{"id": report["chosen"]["id"], "version": next_version}]
    assert report["after"]["version"] == next_version
    assert report["after"]["quantity"]["amount"] == "26"
    assert [edge["node"]["version"] for edge in report["after"]["history"]["edges"]] == [
        next_version
    ]
