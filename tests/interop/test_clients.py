"""GraphQL clients that others wrote: a suite that audits HTTP, and Python's gql."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.conftest import Demo

pytestmark = pytest.mark.interop


def test_every_check_of_graphql_over_http_passes(run_node: Callable[..., dict[str, Any]]) -> None:
    report = run_node("audit")

    assert report == {"checks": 61, "failures": []}


@pytest.fixture(scope="module")
def gql(demo: Demo, run_client: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """What gql did; it checks each of its documents against the schema that it is given."""
    return run_client("gql_client", url=demo.url, key=demo.keys["editor"])


def test_gql_revises_a_figure_and_reads_it_back(gql: dict[str, Any]) -> None:
    next_version = gql["chosen"]["version"] + 1
    assert gql["revised"]["userErrors"] == []
    assert gql["revised"]["records"] == [{"id": gql["chosen"]["id"], "version": next_version}]
    assert gql["after"]["version"] == next_version
    assert gql["after"]["quantity"]["amount"] == "26"
    assert [edge["node"]["version"] for edge in gql["after"]["history"]["edges"]] == [next_version]


def test_gql_walks_a_list_and_meets_each_record_once(gql: dict[str, Any]) -> None:
    ids, total = gql["walked"]["ids"], gql["walked"]["total"]

    assert total > 100
    assert len(ids) == len(set(ids)) == total


def test_gql_reads_what_was_held_before_the_revision(gql: dict[str, Any]) -> None:
    [horses] = gql["then"]["archive"]["transfers"]["nodes"]

    assert horses["quantity"] == {"amount": "30"}
    assert horses["id"].endswith("@5")
    assert horses["giver"]["id"].endswith("@5")
