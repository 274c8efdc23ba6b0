"""Every field has a rule, and an operation is refused before anything of it is read."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import build_schema as build
from graphql import parse

from app.domain.codes import Role
from app.domain.decisions import Editing
from app.domain.permissions import INCLUDED_IN, ROLES, Act, Reach, allowed, reach
from app.graphql.compile import operations_of
from app.graphql.rules import RULES, RulesIncomplete, acts_of, refusal_for, require_rules
from app.graphql.schema import build_schema, core_schema
from app.graphql.viewer import ANYBODY, Viewer

COMMIT = 'commit(input: { reason: { code: OTHER, note: "x" }, operations: [] })'


def test_a_new_field_without_a_rule_is_refused_before_anything_is_served() -> None:
    """Whoever adds a field has to say who may ask for it, or the schema is not made."""
    published = build_schema().as_str()
    grown = published.replace("type Alias {", "type Alias {\n  secret: String\n", 1)
    shrunk = published.replace(
        "union ClaimValue", "type Unruled { made: Int }\nunion ClaimValue", 1
    )

    for text, name in ((grown, "Alias.secret"), (shrunk, "Unruled.made")):
        with pytest.raises(RulesIncomplete, match=f"without a rule: {name}"):
            require_rules(build(text))


def test_a_rule_without_a_field_and_one_unlike_its_interfaces_are_refused() -> None:
    core = core_schema(build_schema())

    with pytest.raises(RulesIncomplete, match=r"not there: Actor\.gone"):
        require_rules(core, {**RULES, "Actor.gone": Act.READ})
    with pytest.raises(RulesIncomplete, match=r"Actor\.claims \(unlike Record's\)"):
        require_rules(core, {**RULES, "Actor.claims": Act.READ_INTERNAL})


def _operation(document: str) -> Any:
    (operation,) = operations_of(core_schema(build_schema()), parse(document)).values()
    return operation


def _refused(document: str, viewer: Viewer, **variables: bool) -> Any:
    from graphql.execution.values import get_variable_values

    operation = _operation(document)
    declared = operation.definition.variable_definitions or ()
    values = get_variable_values(operation.schema, declared, variables)
    return refusal_for(operation, values, viewer)


@pytest.mark.parametrize(
    ("document", "acts"),
    [
        ("{ actors { totalCount } __schema { types { name } } }", {Act.READ}),
        (f"mutation {{ {COMMIT} {{ leafHash }} }}", {Act.READ, Act.COMMIT}),
        (f"mutation {{ ...a }} fragment a on Mutation {{ x: {COMMIT} {{ __typename }} }}",
         {Act.COMMIT}),
        (f"mutation ($i: Boolean!) {{ __typename {COMMIT} @include(if: $i) {{ __typename }} }}",
         {Act.COMMIT}),
    ],
)  # fmt: skip
def test_the_acts_of_an_operation_are_those_of_all_its_fields(
    document: str, acts: set[Act]
) -> None:
    assert acts_of(_operation(document)) == acts


def test_a_refusal_names_the_field_and_who_may() -> None:
    document = f"mutation {{ ... {{ mine: {COMMIT} {{ leafHash }} }} }}"
    reader = Viewer(Editing("e", "n", Role.READER, "Rita"))

    keyless, keyed = _refused(document, ANYBODY), _refused(document, reader)

    assert keyless.path == keyed.path == ["mine"]
    assert keyless.original_error.code == "UNAUTHENTICATED"
    assert keyed.original_error.code == "FORBIDDEN"
    assert "READER may not commit" in keyed.message
    assert all("EDITOR and ADMIN may" in one.message for one in (keyless, keyed))


def test_what_is_left_out_is_not_asked_for() -> None:
    document = (
        f"mutation ($i: Boolean!) {{ __typename {COMMIT} @include(if: $i) {{ __typename }} }}"
    )

    assert _refused(document, ANYBODY, i=False) is None
    assert _refused(document, ANYBODY, i=True) is not None


@pytest.mark.parametrize("is_house", [True, False])
@pytest.mark.parametrize("role", list(Role))
def test_scopes_and_partners_never_reach_further_than_the_role(
    role: Role, *, is_house: bool
) -> None:
    """Whatever scopes a key has: every single one, none, and all."""
    width = list(Reach).index
    lists = [frozenset[Act](), frozenset(Act), *(frozenset({one}) for one in Act)]

    for act in Act:
        alone = reach(role, act, is_house=is_house)
        assert width(alone) <= width(ROLES[role].get(act, Reach.NONE))
        for scopes in lists:
            narrowed = reach(role, act, is_house=is_house, scopes=scopes)
            assert narrowed in (alone, Reach.NONE)
            assert (act in allowed(role, is_house=is_house, scopes=scopes)) == (
                narrowed is not Reach.NONE
            )
            named = scopes & {act, INCLUDED_IN.get(act)}
            assert named or act is Act.READ or narrowed is Reach.NONE
