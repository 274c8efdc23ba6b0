"""What frontends are written with: typed documents, and clients that keep a normalised cache.

The programs under clients/ are those of docs/frontend.md. `workshop` has compiled them; each is
run once, and every test looks at one thing that it reports.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import MANIFESTS, NODE_MODULES

pytestmark = pytest.mark.interop

Run = Callable[[str], dict[str, Any]]


# --- what is compiled ---------------------------------------------------------------


def test_the_compilers_take_every_everyday_document(workshop: Path) -> None:
    documents = list((workshop / "schema" / "operations").glob("*.graphql"))
    relay, codegen, apollo = (json.loads((workshop / name).read_text()) for name in MANIFESTS)

    assert len(codegen) == len(apollo["operations"]) == len(documents)
    assert sum(text.startswith(("query", "mutation")) for text in relay.values()) == 6


def test_what_they_made_is_strict_typescript(
    in_workshop: Callable[..., str], workshop: Path
) -> None:
    """The programs too: none of them misreads the contract."""
    printed = in_workshop(NODE_MODULES / "typescript/bin/tsc", "--project", "tsconfig.json")

    assert printed == ""


def test_every_scalar_has_a_type(workshop: Path) -> None:
    """Decimals and dates stay strings: a frontend does not round them by accident."""
    generated = (workshop / "generated" / "graphql.ts").read_text()

    assert "amount: string | null" in generated
    assert "recordedAt: string" in generated
    assert ": any" not in generated


# --- typed documents over fetch -----------------------------------------------------


@pytest.fixture(scope="module")
def typed(run_node: Run) -> dict[str, Any]:
    return run_node("codegen_program")


def test_a_typed_document_is_answered_by_its_hash(typed: dict[str, Any]) -> None:
    assert typed["id"].startswith("transfer_")
    assert typed["day"] == "2024-08-25"
    assert {"24 head", "2024-08~", "GIFT", "exists"} <= set(typed["said"])


def test_null_takes_a_value_away_and_undefined_leaves_it(typed: dict[str, Any]) -> None:
    changes = [(one["field"], one["before"], one["after"]) for one in typed["cleared"]]

    assert changes == [("occurred", "2024-08-25", None)]


def test_a_refusal_has_its_code(typed: dict[str, Any]) -> None:
    assert typed["refused"] == ["BAD_ARGUMENT"]


# --- Apollo Client ------------------------------------------------------------------


@pytest.fixture(scope="module")
def apollo(run_node: Run) -> dict[str, Any]:
    return run_node("apollo")


def test_apollo_keeps_the_archive_beside_the_present(apollo: dict[str, Any]) -> None:
    """Two entries of the cache, neither of which overwrites the other."""
    archive = apollo["archive"]
    present, past = f"Transfer:{archive['id']}", f"Transfer:{archive['id']}@5"

    assert archive["then"] == "30"
    assert archive["now"] != "30"
    assert archive["again"] == [archive["now"], "30"]
    assert archive["cached"] == {present: archive["now"], past: "30"}


def test_apollo_joins_the_pages_of_a_list(apollo: dict[str, Any]) -> None:
    pages = apollo["pages"]

    assert pages["asked"] == -(-pages["total"] // 4) > 1
    assert len(set(pages["ids"])) == len(pages["ids"]) == pages["total"]


def test_apollo_registers_a_document_once_and_then_sends_its_hash(apollo: dict[str, Any]) -> None:
    assert apollo["automatic"] == ["GET name alone 400", "POST document 200", "GET name alone 200"]


def test_apollo_never_sends_a_document_of_its_manifest(apollo: dict[str, Any]) -> None:
    assert apollo["manifest"] == ["GET name alone 200"] * 2
    assert apollo["untrusted"] == ["DOCUMENT_NOT_TRUSTED"]


def test_apollo_tells_what_an_editor_can_act_on_from_a_wrong_request(
    apollo: dict[str, Any],
) -> None:
    """The one is data, the other an exception with a code."""
    errors = apollo["errors"]

    assert errors["stale"]["code"] == "STALE_VERSION"
    assert errors["stale"]["current"]["version"] == errors["version"]
    assert errors["forbidden"] == ["UNAUTHENTICATED"]
    assert errors["unauthenticated"] == ["UNAUTHENTICATED"]
    assert errors["tooMuch"] == ["BAD_ARGUMENT"]


def test_apollo_keeps_nothing_of_a_dry_run(apollo: dict[str, Any]) -> None:
    errors = apollo["errors"]

    assert errors["dryRun"][0]["version"] == errors["version"] + 1
    assert errors["cached"]["version"] == errors["version"]


def test_apollo_asks_again_for_ids_of_any_position(apollo: dict[str, Any]) -> None:
    present, past, before_its_time = apollo["refetch"]["ids"]

    assert apollo["refetch"]["got"] == [present, past, None]
    assert before_its_time.endswith("@1")


# --- urql ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def urql(run_node: Run) -> dict[str, Any]:
    return run_node("urql")


def test_urql_keeps_the_archive_beside_the_present(urql: dict[str, Any]) -> None:
    now, then = urql["archive"]["fresh"]

    assert then == "30"
    assert now != "30"
    assert urql["archive"]["again"] == [now, then]


def test_urql_joins_the_pages_of_a_list(urql: dict[str, Any]) -> None:
    pages = urql["pages"]

    assert pages["asked"] == -(-pages["total"] // 4) > 1
    assert len(set(pages["ids"])) == len(pages["ids"]) == pages["total"]


def test_urql_asks_by_get(urql: dict[str, Any]) -> None:
    assert urql["plain"] == {"notes": ["GET document 200"] * 2, "codes": []}


def test_urql_sends_hashes_alone_once_they_are_known(urql: dict[str, Any]) -> None:
    notes = ["GET name alone 400", "GET document 200", "GET name alone 200"]
    assert urql["automatic"] == {"notes": notes, "codes": []}


def test_urql_never_sends_a_document_of_its_manifest(urql: dict[str, Any]) -> None:
    assert urql["named"] == {"notes": ["GET name alone 200"] * 2, "codes": []}
    assert urql["untrusted"]["codes"] == ["DOCUMENT_NOT_TRUSTED"] * 2
    assert urql["namedEdit"] == "INVALID_INPUT"


def test_urql_tells_what_an_editor_can_act_on_from_a_wrong_request(urql: dict[str, Any]) -> None:
    edits = urql["edits"]

    assert edits["stale"] == {"code": "STALE_VERSION", "current": edits["version"]}
    assert edits["refused"] == []
    assert edits["forbidden"] == ["UNAUTHENTICATED"]


# --- Relay --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def relay(run_node: Run) -> dict[str, Any]:
    """Every request of it went by an id of `queryMap.json`, to a server that takes no others."""
    return run_node("relay_program")


def test_relay_walks_a_connection_in_its_store(relay: dict[str, Any]) -> None:
    ids = relay["walked"]["ids"]

    assert relay["walked"]["asked"] == -(-len(ids) // 4) > 1
    assert len(set(ids)) == len(ids) >= 30


def test_relay_keeps_the_archive_beside_the_present(relay: dict[str, Any]) -> None:
    now, then = relay["beside"]["now"], relay["beside"]["then"]

    assert now["id"] == relay["id"]
    assert then == {"id": f"{relay['id']}@5", "amount": "30", "version": 1}
    assert now["version"] > 1


def test_relay_refetches_a_fragment_by_the_id_of_an_archive(relay: dict[str, Any]) -> None:
    """Also a fragment on the interface: what the id is of, `node` knows."""
    assert relay["refetched"] == {"amount": "30", "version": 1}


def test_relay_shows_the_new_version_after_an_edit(relay: dict[str, Any]) -> None:
    """The present alone: the archive in the store is as it was."""
    version = relay["beside"]["now"]["version"] + 1

    assert relay["edited"] == {"userErrors": [], "version": version}
    assert relay["after"]["now"] == {"id": relay["id"], "amount": "27", "version": version}
    assert relay["after"]["then"] == relay["beside"]["then"]
