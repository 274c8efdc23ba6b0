"""The contract in `schema/`: current, described to the last argument, read from the tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    OperationDefinitionNode,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_introspection_type,
    is_list_type,
    is_specified_scalar_type,
    parse,
    validate,
)

from app.graphql import schema as ours
from app.graphql.compile import declaration_of, read_of
from app.graphql.fields import PageSize, Rows
from app.graphql.sdl import schema_sdl

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "schema" / "schema.graphql"
OPERATIONS = sorted((ROOT / "schema" / "operations").glob("*.graphql"))
SCHEMA = build_schema(schema_sdl())
CORE = ours.core_schema(ours.build_schema())
TYPES: dict[str, GraphQLNamedType] = {
    name: declared
    for name, declared in SCHEMA.type_map.items()
    if not is_introspection_type(declared) and not is_specified_scalar_type(declared)
}


def test_the_published_schema_is_what_the_code_prints() -> None:
    """If this fails: `make schema`, and read what the difference means for its users."""
    assert PUBLISHED.read_text() == schema_sdl()


def described() -> Iterator[tuple[str, str | None]]:
    """Yield everything in the contract that has to say what it means."""
    for name, declared in TYPES.items():
        yield name, declared.description
        if isinstance(declared, (GraphQLObjectType, GraphQLInterfaceType)):
            for field_name, field in declared.fields.items():
                yield f"{name}.{field_name}", field.description
                for argument_name, argument in field.args.items():
                    yield f"{name}.{field_name}({argument_name})", argument.description
        elif isinstance(declared, GraphQLInputObjectType):
            for field_name, given in declared.fields.items():
                yield f"{name}.{field_name}", given.description
        elif isinstance(declared, GraphQLEnumType):
            for value_name, value in declared.values.items():
                yield f"{name}.{value_name}", value.description


def test_everything_in_the_contract_says_what_it_means() -> None:
    silent = [name for name, description in described() if not (description or "").strip()]

    assert silent == []


def test_a_description_is_a_sentence() -> None:
    broken = [
        (name, text)
        for name, text in described()
        if text and (text != text.strip() or not text.rstrip('"').rstrip().endswith((".", "…")))
    ]

    assert broken == []


def test_no_description_names_what_only_the_code_knows() -> None:
    inner = re.compile(r"\b(strawberry|sqlalchemy|column|Python|None|True|False|TODO)\b")

    assert [(name, text) for name, text in described() if text and inner.search(text)] == []


def test_every_scalar_of_ours_names_its_specification() -> None:
    ours = [one for one in TYPES.values() if isinstance(one, GraphQLScalarType)]

    assert ours
    assert [one.name for one in ours if not one.specified_by_url] == []


def test_what_is_sent_is_named_as_such() -> None:
    endings = ("Filter", "Input", "Set")

    assert [
        one.name
        for one in TYPES.values()
        if isinstance(one, GraphQLInputObjectType) and not one.name.endswith(endings)
    ] == []


# --- how each field is read ---------------------------------------------------------

LOG = {
    "Log", "Checkpoint", "LogEntry", "InclusionProof", "ConsistencyProof", "RevisionProof",
    "Disclosure",
}  # fmt: skip
RESOLVED = {
    "Query", "Mutation", "Viewer", "ActReach", "CommitPayload", "UserError", "Warning", "Ref",
    "ProposalPayload", "FieldConflict", "ChangeAccessPayload", "NewKey",
    "Upserted", *LOG,
}  # fmt: skip
"""Types of which some fields are not the tables' to answer."""


def test_every_field_of_what_the_tables_answer_can_be_read() -> None:
    """A field without a reading would be a defect at the first document that asks for it."""
    unread = [
        f"{name}.{field_name}"
        for name, declared in CORE.type_map.items()
        if name in TYPES
        and name not in RESOLVED
        and isinstance(declared, (GraphQLObjectType, GraphQLInterfaceType))
        for field_name, field in declared.fields.items()
        if read_of(field) is None
    ]

    assert unread == []


def test_the_fields_that_are_not_read_from_the_tables_are_these() -> None:
    def unread(name: str) -> set[str]:
        declared: Any = CORE.type_map[name]
        return {key for key, field in declared.fields.items() if read_of(field) is None}

    assert unread("Query") == {"viewer", "log"}
    assert unread("CommitPayload") == {
        "refs", "warnings", "skipped", "upserts", "leafHash", "checkpoint",
    }  # fmt: skip
    assert unread("UserError") == {"code", "message", "path", "conflict"}
    assert unread("ChangeAccessPayload") == {"keys", "refs", "leafHash", "checkpoint"}
    assert unread("ProposalPayload") == {"refs", "warnings", "leafHash", "checkpoint"}


# --- pages ------------------------------------------------------------------------


def test_every_connection_is_one_of_relay() -> None:
    """`edges` with `node` and `cursor`, `pageInfo`, and the nodes themselves."""
    connections = {name: one for name, one in TYPES.items() if name.endswith("Connection")}

    assert len(connections) >= 7
    for name, declared in connections.items():
        assert isinstance(declared, GraphQLObjectType)
        assert set(declared.fields) == {"edges", "nodes", "pageInfo", "totalCount"}, name
        edge: Any = get_named_type(declared.fields["edges"].type)
        assert set(edge.fields) - {"match"} == {"node", "cursor"}
        assert str(declared.fields["pageInfo"].type) == "PageInfo!"


def test_every_field_that_gives_a_connection_takes_a_page() -> None:
    for declared in TYPES.values():
        if isinstance(declared, (GraphQLObjectType, GraphQLInterfaceType)):
            for field_name, field in declared.fields.items():
                if get_named_type(field.type).name.endswith("Connection"):
                    arguments = {key: str(one.type) for key, one in field.args.items()}
                    page = {"first": "Int", "after": "String", "last": "Int", "before": "String"}
                    assert page.items() <= arguments.items(), (declared.name, field_name)


def lists_of_objects() -> Iterator[tuple[str, Any]]:
    """Yield the fields that give a list of objects."""
    for name, one in CORE.type_map.items():
        if name in TYPES and isinstance(one, (GraphQLObjectType, GraphQLInterfaceType)):
            for field_name, field in one.fields.items():
                is_list = is_list_type(get_nullable_type(field.type))
                if is_list and is_composite_type(get_named_type(field.type)):
                    yield f"{name}.{field_name}", field


def test_every_list_of_objects_declares_its_size() -> None:
    """The cost of a document is made of these; a list without a size would be free of charge."""
    undeclared = [
        name for name, field in lists_of_objects() if declaration_of(field, "size") is None
    ]

    assert undeclared == []


def test_every_connection_is_counted_by_its_page() -> None:
    uncounted = [
        f"{name}.{field_name}"
        for name, one in CORE.type_map.items()
        if name in TYPES and isinstance(one, (GraphQLObjectType, GraphQLInterfaceType))
        for field_name, field in one.fields.items()
        if get_named_type(field.type).name.endswith("Connection")
        and not isinstance(declaration_of(field, "size"), PageSize)
    ]

    assert uncounted == []
    for name, field in lists_of_objects():
        if name.partition(".")[0].endswith("Connection"):
            assert declaration_of(field, "size") is Rows.OF_THE_PAGE, name


# --- everyday documents -------------------------------------------------------------


@pytest.mark.parametrize("file", OPERATIONS, ids=lambda file: file.stem)
def test_every_everyday_document_is_valid_against_the_schema(file: Path) -> None:
    assert validate(SCHEMA, parse(file.read_text())) == []


@pytest.mark.parametrize("file", OPERATIONS, ids=lambda file: file.stem)
def test_every_everyday_document_says_for_whom_and_what_for(file: Path) -> None:
    text = file.read_text()
    operations = [
        node for node in parse(text).definitions if isinstance(node, OperationDefinitionNode)
    ]

    assert re.match(r"# For (frontends|auditors|newsrooms): \w", text)
    (operation,) = operations
    assert operation.name is not None
    assert re.sub(r"(?<!^)(?=[A-Z])", "-", operation.name.value).lower() == file.stem


@pytest.mark.parametrize("file", OPERATIONS, ids=lambda file: file.stem)
def test_a_document_that_needs_variables_has_an_example_of_them(file: Path) -> None:
    (operation,) = (
        node
        for node in parse(file.read_text()).definitions
        if isinstance(node, OperationDefinitionNode)
    )
    needed = [
        one.variable.name.value
        for one in operation.variable_definitions or ()
        if one.type.kind == "non_null_type" and one.default_value is None
    ]

    example = file.with_suffix(".variables.json")

    assert not needed or example.exists()


def test_names_are_unique_over_all_everyday_documents() -> None:
    """Fragments too: compilers of clients take the folder as one."""
    names = [
        node.name.value
        for file in OPERATIONS
        for node in parse(file.read_text()).definitions
        if isinstance(node, (OperationDefinitionNode, FragmentDefinitionNode)) and node.name
    ]

    assert sorted(names) == sorted(set(names))


def test_there_are_documents_for_each_of_the_three_kinds_of_users() -> None:
    users = {file.read_text().partition(":")[0].removeprefix("# For ") for file in OPERATIONS}

    assert users == {"frontends", "auditors", "newsrooms"}
