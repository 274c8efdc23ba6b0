"""Kinds are declared once: tables, inputs, outputs and filters agree with `app.domain.kinds`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphql import build_schema

from app.domain.codes import ClaimField
from app.domain.kinds import ACCESS_KINDS, EXISTENCE, KINDS, claimable
from app.graphql.filters import FILTER_TYPES, ORDERS
from app.graphql.sdl import schema_sdl
from app.store import tables
from app.store.filters import FILTERS
from app.store.findings import FILTERS as FINDING_FILTERS
from app.store.powers import FILTERS as ACCESS_FILTERS
from app.store.rows import column_name

SCHEMA = build_schema(schema_sdl())
NAMES = list(KINDS)
VERSION = {"id", "version", "entered", "superseded", "state", "newsroom"}
"""Columns of every version row, beside the fields of its kind."""
DERIVED = {
    "actor": {"name_key"},
    "item": {"name_key"},
    "transfer": {"occurred_earliest", "occurred_latest"},
    "citation": {"published_earliest", "published_latest"},
    "claim": {"value_tag", "value_earliest", "value_latest"},
}


def fields_of(name: str) -> dict[str, Any]:
    """Return the fields of a type of the contract."""
    declared: Any = SCHEMA.type_map[name]
    fields: dict[str, Any] = declared.fields
    return fields


@pytest.mark.parametrize("kind", NAMES)
def test_every_field_of_a_kind_has_its_columns_and_no_column_is_left_over(kind: str) -> None:
    columns = {column.name for column in tables.RECORD_TABLES[kind].__table__.columns}  # type: ignore[attr-defined]
    rest = columns - VERSION - DERIVED[kind]

    for name in KINDS[kind].fields:
        if name != "derivedFrom":  # links stand in a table of their own
            column = column_name(name)
            own = {one for one in rest if one == column or one.startswith(f"{column}_")}
            assert own, name
            rest -= own

    assert rest == set()


@pytest.mark.parametrize("kind", NAMES)
def test_every_field_of_a_kind_can_be_read(kind: str) -> None:
    shown = set(fields_of(kind.capitalize()))

    assert set(KINDS[kind].fields) <= shown


@pytest.mark.parametrize("kind", NAMES)
def test_a_kind_is_added_and_revised_by_its_settable_fields_and_no_others(kind: str) -> None:
    settable = {field.name for field in KINDS[kind].fields.values() if field.type.settable}

    assert set(fields_of(f"Add{kind.capitalize()}Input")) == settable | {"ref"}
    assert set(fields_of(f"{kind.capitalize()}Set")) == settable
    assert set(fields_of(f"Revise{kind.capitalize()}Input")) == {"id", "version", "set"}
    assert set(fields_of(f"Upsert{kind.capitalize()}Input")) == {"externalRef", "ref", "set"}


@pytest.mark.parametrize("kind", NAMES)
def test_what_a_kind_requires_is_required_to_add_it_and_never_to_revise_it(kind: str) -> None:
    required = {
        field.name
        for field in KINDS[kind].fields.values()
        if field.required and field.type.settable
    }

    adding = {
        name
        for name, field in fields_of(f"Add{kind.capitalize()}Input").items()
        if str(field.type).endswith("!")
    }
    revising = [
        name
        for name, field in fields_of(f"{kind.capitalize()}Set").items()
        if str(field.type).endswith("!")
    ]

    assert adding == required
    assert revising == []


@pytest.mark.parametrize("kind", NAMES)
def test_what_a_kind_requires_is_never_null_when_it_is_read(kind: str) -> None:
    shown = fields_of(kind.capitalize())

    nullable = [
        field.name
        for field in KINDS[kind].fields.values()
        if field.required and not str(shown[field.name].type).endswith("!")
    ]

    assert nullable == []


@pytest.mark.parametrize("kind", NAMES)
def test_descriptions_are_those_of_the_kind_in_inputs_and_outputs(kind: str) -> None:
    for name, field in KINDS[kind].fields.items():
        shown = fields_of(kind.capitalize())[name]
        assert shown.description == field.description, name
        if field.type.settable:
            given = fields_of(f"Add{kind.capitalize()}Input")[name]
            assert given.description == field.description, name


def test_every_operation_of_the_domain_is_a_member_of_the_input() -> None:
    titles = [kind.title for kind in KINDS.values()]

    members = set(fields_of("OperationInput"))

    assert members == {
        *(f"add{title}" for title in titles),
        *(f"revise{title}" for title in titles),
        *(f"upsert{title}" for title in titles),
        "retract",
        "restore",
        "merge",
    }


LISTED = {**FILTERS, "finding": FINDING_FILTERS, **ACCESS_FILTERS}


@pytest.mark.parametrize("kind", [*NAMES, "changeset", "finding", "request", "editor", "key"])
def test_every_member_of_a_filter_has_its_sql_and_the_other_way_round(kind: str) -> None:
    published = set(fields_of(f"{kind.capitalize()}Filter"))

    assert published == set(LISTED[kind])
    assert set(FILTER_TYPES) == set(LISTED) == set(ORDERS) - {"newsroom"} == {
        *NAMES, "changeset", "finding", "proposal", "request", "editor", "key",
    }  # fmt: skip


@pytest.mark.parametrize("kind", [*NAMES, "changeset", "proposal", "request", *ACCESS_KINDS])
def test_every_order_is_published_and_ends_with_what_is_unique(kind: str) -> None:
    """An order that has ties to the last would show a record twice, or never."""
    declared: Any = SCHEMA.type_map[f"{kind.capitalize()}Order"]

    assert list(declared.values) == [order.name for order in ORDERS[kind]]
    for order in ORDERS[kind]:
        assert order.columns[-1] == {"changeset": "position", "request": "seq"}.get(kind, "id")
        columns = tables.metadata.tables["access_log" if kind == "request" else kind].c
        assert not any(columns[name].nullable for name in order.columns)


def test_what_a_claim_can_be_about_is_what_some_kind_declares() -> None:
    declared = {code for kind in KINDS for code in claimable(kind)} | {EXISTENCE}

    assert declared == {code.value for code in ClaimField}


def test_every_column_of_a_record_is_named_as_its_field() -> None:
    """`quantityAmount` would be a name that nobody reads."""
    for kind in KINDS.values():
        for name in kind.fields:
            assert re.fullmatch(r"[a-z][A-Za-z0-9]*", name)
            assert column_name(name) == column_name(name).lower()
