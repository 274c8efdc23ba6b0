"""Which role an issuer's words give: rules that an operator writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.domain.codes import Role
from app.domain.errors import InvalidValue
from app.domain.role_rules import Grant, granted, read_rules

ISSUER = "https://issuer.example"
HOUSE: dict[str, Any] = {"newsroom": "House desk", "role": "EDITOR"}


def rules(*given: dict[str, Any]) -> Any:
    return read_rules(json.dumps([{**HOUSE, **one} for one in given]))


@pytest.mark.parametrize(
    ("claim", "claims", "fits"),
    [
        ("groups", {"groups": ["staff", "desk"]}, True),
        ("groups", {"groups": "desk"}, True),
        ("groups", {"groups": ["desks"]}, False),
        ("groups", {"groups": "the desk"}, False),
        ("groups", {"groups": {"desk": True}}, False),
        ("groups", {"groups": [["desk"]]}, False),
        ("groups", {"groups": None}, False),
        ("groups", {}, False),
        (["realm", "roles"], {"realm": {"roles": ["desk"]}}, True),
        (["realm", "roles"], {"realm": ["desk"]}, False),
        ("https://a.example/role", {"https://a.example/role": "desk"}, True),
        ("realm.roles", {"realm": {"roles": "desk"}}, False),
    ],
)
def test_a_rule_fits_who_has_its_value_in_its_claim(
    claim: str | list[str], claims: dict[str, Any], *, fits: bool
) -> None:
    found = granted(rules({"claim": claim, "value": "desk"}), ISSUER, claims)

    assert found == (Grant("House desk", Role.EDITOR) if fits else None)


def test_the_first_rule_that_fits_decides() -> None:
    found = rules(
        {"claim": "g", "value": "a", "role": "ADMIN"},
        {"claim": "g", "value": "b", "role": "READER"},
    )

    assert granted(found, ISSUER, {"g": ["b", "a"]}) == Grant("House desk", Role.ADMIN)
    assert granted(found, ISSUER, {"g": ["b"]}) == Grant("House desk", Role.READER)


def test_a_rule_of_one_issuer_is_not_for_what_another_says() -> None:
    found = rules({"claim": "g", "value": "a", "issuer": "https://other.example"})

    assert granted(found, ISSUER, {"g": "a"}) is None
    assert granted(found, "https://other.example", {"g": "a"}) is not None


def test_without_rules_nothing_is_granted() -> None:
    assert granted(read_rules("  "), ISSUER, {"groups": "desk"}) is None


@pytest.mark.parametrize(
    "text",
    [
        "desk",
        "{}",
        "[1]",
        "[{}]",
        '[{"claim": "g", "value": "a", "newsroom": "n"}]',
        '[{"claim": "g", "value": "a", "newsroom": "n", "role": "KING"}]',
        '[{"claim": "g", "value": "a", "newsroom": "n", "role": "editor"}]',
        '[{"claim": "g", "value": true, "newsroom": "n", "role": "EDITOR"}]',
        '[{"claim": "", "value": "a", "newsroom": "n", "role": "EDITOR"}]',
        '[{"claim": [], "value": "a", "newsroom": "n", "role": "EDITOR"}]',
        '[{"claim": "g", "value": "a", "newsroom": "n", "role": "EDITOR", "rôle": "ADMIN"}]',
    ],
)
def test_what_is_no_rule_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(InvalidValue):
        read_rules(text)
