"""The plan and graphql-core's ordinary executor answer alike, whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.oracle.agreeing import Sides, agree, both_sides
from tests.oracle.comparing import Tally
from tests.oracle.executor import contract
from tests.oracle.filters import FILTERS
from tests.oracle.parts import LEFT_OUT, drawable, reachable
from tests.oracle.resolvers import LISTINGS, RESOLVERS, resolver_of

DOCUMENTS = 120


@pytest.fixture(scope="module")
def sides(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """A ledger with something of everything, on both databases, each with its oracle."""
    with both_sides(databases, Path(tmp_path_factory.mktemp("oracle"))) as made:
        yield made


def test_the_plan_answers_as_the_ordinary_executor_does(sides: Sides) -> None:
    """Drawn documents give equal JSON, keys in the same order, or are refused by both."""
    tally = Tally()

    agree(sides, tally, documents=DOCUMENTS, size=8)

    print(tally)
    assert tally.counts["documents"] >= DOCUMENTS
    tally.assert_telling()


def test_the_oracle_has_a_resolver_for_every_field() -> None:
    """A field that is added to the contract is added to the oracle, or left out with a reason."""
    fields = {
        (of, name)
        for of in reachable()
        for name in getattr(contract().type_map[of], "fields", ())
        if of not in ("Node", "Record") and f"{of}.{name}" not in LEFT_OUT
    }

    missing = {f"{of}.{name}" for of, name in fields if resolver_of(of, name) is None}

    assert missing == set()


def test_the_oracle_has_no_resolver_for_what_is_no_field() -> None:
    declared = {(of, name) for of, fields in {**RESOLVERS, **LISTINGS}.items() for name in fields}

    unknown = {
        f"{of}.{name}" for of, name in declared if name not in contract().type_map[of].fields
    }

    assert unknown == set()


def test_the_oracle_knows_every_member_of_every_filter() -> None:
    declared = {
        argument.type.name: set(argument.type.fields)
        for of in reachable()
        for name, field in getattr(contract().type_map[of], "fields", {}).items()
        if (argument := field.args.get("filter")) is not None and f"{of}.{name}" not in LEFT_OUT
    }

    known = {
        f"{kind.removesuffix('_key').capitalize()}Filter": set(members)
        for kind, members in FILTERS.items()
    }
    assert declared == known


def test_every_connection_of_the_contract_is_listed() -> None:
    """So that its cursors and arguments are drawn as they are meant."""
    connections = {
        f"{of}.{name}"
        for of in reachable()
        for name, field in getattr(contract().type_map[of], "fields", {}).items()
        if "first" in field.args and f"{of}.{name}" not in LEFT_OUT
    }

    assert connections == {f"{of}.{name}" for of, lists in LISTINGS.items() for name in lists}
    assert len(drawable()) > 500
