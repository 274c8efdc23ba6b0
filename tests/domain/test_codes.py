"""Code lists: strings with a meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.domain import codes
from app.domain.errors import InvalidValue

LISTS = [
    found
    for found in vars(codes).values()
    if isinstance(found, type) and issubclass(found, codes.Code)
]
FILLED = [found for found in LISTS if len(found)]


@pytest.mark.parametrize("found", FILLED)
def test_every_code_is_its_own_name_and_says_what_it_means(found: Any) -> None:
    for name, member in found.__members__.items():
        assert member == member.value == str(member) == name
        assert type(member.value) is str
        assert member.description.endswith(".")
        assert found(name) is member
    assert found.__doc__
    assert list(codes.descriptions(found)) == list(found.__members__)


def test_the_lists_are_those_of_the_contract() -> None:
    assert {found.__name__ for found in FILLED} == {
        "ActorKind", "ItemKind", "Nature", "Stage", "ConsiderationExtent", "CitationKind",
        "Integrity", "ClaimField", "Stance", "Derivation", "MoneyBasis", "RecordState",
        "ReasonCode", "ChangesetKind", "Action", "Role", "RecordKind", "SearchMatch",
        "FindingStatus", "OriginKind", "ChainDirection", "RedactionAuthority", "HeaderText",
        "ErrorPolicy", "UpsertResult",
        "ProposalState", "Decision", "ProposalEventKind", "RequestKind",
        "AccessKind", "EditorState", "KeyState",
    }  # fmt: skip


def test_a_code_in_json_is_its_string() -> None:
    assert json.dumps({"kind": codes.ItemKind.FUNDS}) == '{"kind": "FUNDS"}'


def test_a_code_of_the_list_is_returned_as_a_plain_string() -> None:
    kept = codes.code(codes.Nature, "GIFT")

    assert kept == "GIFT"
    assert type(kept) is str


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("gift", "did you mean GIFT"),
        ("GIFTS", "did you mean GIFT"),
        ("", ""),
        (None, "null"),
        (7, "7"),
    ],
)
def test_a_code_of_no_list_is_refused_with_the_list(value: Any, hint: str) -> None:
    with pytest.raises(InvalidValue, match="must be one of GIFT, SALE") as refused:
        codes.code(codes.Nature, value)

    assert hint in refused.value.message
