"""docs/access.md says who may do what, as the code does; the permission walk goes by it."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain.codes import Role
from app.domain.permissions import ANYBODY, Act, reach
from app.graphql.rules import FIELDS, RULES
from app.web.routes import ROUTES
from tests.graphql.documented import page


def test_the_page_says_what_the_table_does() -> None:
    said = page()

    assert set(said.house) == set(said.partner) == set(Act)
    for act in Act:
        assert (said.house[act]["no key"] == "LEDGER") == (act in ANYBODY)
        assert said.house[act]["no key"] == said.partner[act]["no key"]
        for role in Role:
            assert said.house[act][role] == reach(role, act, is_house=True), (act, role)
            assert said.partner[act][role] == reach(role, act, is_house=False), (act, role)


def test_the_page_names_every_field_that_asks_for_more_than_reading() -> None:
    said = page()

    unlike = {name for name, act in RULES.items() if said.act_of(*name.split(".")) != act}
    named = {name for name in said.fields if not name.endswith(".*")}

    rows = "\n".join(_rows())
    assert unlike == set(), f"the table 'What asks for it' of docs/access.md should be\n{rows}"
    assert named <= set(RULES)


def _rows() -> Iterator[str]:
    for act in (one for one in Act if one not in ANYBODY):
        names = [
            f"{of}.{name}"
            for of, by_act in FIELDS.items()
            for name in (["*"] if set(by_act) == {act} and of != "Mutation" else _named(of, act))
        ]
        if names:
            yield f"| `{act}` | {', '.join(f'`{name}`' for name in names)} |"


def _named(of: str, act: Act) -> list[str]:
    return FIELDS[of].get(act, "").split()


def test_the_page_names_every_route() -> None:
    assert page().routes == ROUTES
