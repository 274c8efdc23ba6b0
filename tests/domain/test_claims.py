"""Claims: whether a value fits the field that is claimed, and which of them are live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.claims import live, misfits, settled
from app.domain.codes import ClaimField, RecordState
from app.domain.ids import new_id
from app.domain.kinds import KINDS, claimable
from app.domain.records import Record

IDS = {kind: new_id(kind, at_ms=1, entropy=bytes(10)) for kind in KINDS}
HEAD = {"amount": "24", "unit": "head"}
SAMPLES: dict[str, Any] = {
    "quantity": HEAD,
    "money": {"amount": "75509.76", "unit": "USD"},
    "date": "2024-08",
    "text": "Vladivostok",
}
FITTING: dict[tuple[str, str], dict[str, Any]] = {
    ("transfer", "GIVER"): {"record": IDS["actor"]},
    ("transfer", "RECEIVER"): {"record": IDS["actor"]},
    ("transfer", "ITEM"): {"record": IDS["item"]},
    ("transfer", "QUANTITY"): {"quantity": SAMPLES["quantity"]},
    ("transfer", "VALUE"): {"money": SAMPLES["money"]},
    ("transfer", "OCCURRED"): {"date": SAMPLES["date"]},
    ("transfer", "NATURE"): {"code": "GIFT"},
    ("transfer", "STAGE"): {"code": "DELIVERED"},
    ("transfer", "ORIGIN"): {"text": "Vladivostok"},
    ("transfer", "DESTINATION"): {"text": "Rason"},
    ("transfer", "ROUTE"): {"text": "By rail"},
    ("transfer", "TRANSPORT"): {"text": "Rail"},
    ("transfer", "PURPOSE"): {"text": "Breeding"},
    ("transfer", "USED_AGAINST"): {"record": IDS["actor"]},
    ("transfer", "CONSIDERATION_FOR"): {"record": IDS["transfer"]},
    ("transfer", "PART_OF"): {"record": IDS["transfer"]},
    ("actor", "NAME"): {"text": "Russia"},
    ("actor", "KIND"): {"code": "STATE"},
    ("actor", "COUNTRY"): {"code": "RU"},
    ("actor", "ACTS_FOR"): {"record": IDS["actor"]},
    ("actor", "PART_OF"): {"record": IDS["actor"]},
    ("item", "KIND"): {"code": "LIVE_ANIMAL"},
    ("item", "BROADER"): {"record": IDS["item"]},
    ("item", "HS_CODE"): {"code": "010121"},
}


def said(kind: str, code: str, value: Any) -> dict[str, Any]:
    fields = {"subject": IDS[kind], "field": code, "stance": "ASSERTS", "citation": IDS["citation"]}
    return fields if value is None else {**fields, "value": value}


def faults(kind: str, code: str, value: Any) -> list[tuple[str | int, ...]]:
    return [fault.path for fault in misfits(said(kind, code, value))]


def test_the_contestable_fields_are_those_of_the_design() -> None:
    assert set(FITTING) == {(kind, code) for kind in KINDS for code in claimable(kind)}


@pytest.mark.parametrize(("kind", "code"), FITTING)
def test_a_value_of_the_fields_own_type_fits(kind: str, code: str) -> None:
    assert faults(kind, code, FITTING[kind, code]) == []


@pytest.mark.parametrize(("kind", "code"), FITTING)
def test_a_value_of_any_other_type_does_not(kind: str, code: str) -> None:
    (own,) = FITTING[kind, code]
    others = {"record": IDS["claim"], "code": "GIFT", **SAMPLES}

    for tag, value in others.items():
        if tag != own:
            assert faults(kind, code, {tag: value}) == [("value", tag)]


@pytest.mark.parametrize(("kind", "code"), FITTING)
def test_a_claim_about_a_field_needs_a_value(kind: str, code: str) -> None:
    assert faults(kind, code, None) == [("value",)]


@pytest.mark.parametrize("kind", ["actor", "item", "transfer"])
@pytest.mark.parametrize("code", [*ClaimField.__members__])
def test_a_kind_has_the_fields_it_has(kind: str, code: str) -> None:
    """For every kind and code: it fits, or the code is refused."""
    if code == "EXISTENCE":
        assert faults(kind, code, None) == ([] if kind == "transfer" else [("field",)])
    elif (kind, code) not in FITTING:
        assert faults(kind, code, {"text": "x"}) == [("field",)]


def test_existence_is_claimed_without_a_value() -> None:
    assert faults("transfer", "EXISTENCE", {"code": "YES"}) == [("value",)]


@pytest.mark.parametrize(
    ("kind", "code", "value"),
    [
        ("transfer", "GIVER", {"record": IDS["item"]}),
        ("transfer", "ITEM", {"record": IDS["actor"]}),
        ("transfer", "PART_OF", {"record": IDS["actor"]}),
        ("actor", "PART_OF", {"record": IDS["transfer"]}),
        ("transfer", "NATURE", {"code": "DELIVERED"}),
        ("actor", "KIND", {"code": "LIVE_ANIMAL"}),
        ("actor", "COUNTRY", {"code": "XX"}),
        ("item", "HS_CODE", {"code": "1"}),
        ("actor", "NAME", {"text": "x" * 501}),
    ],
)
def test_a_value_must_be_one_that_the_field_could_hold(
    kind: str, code: str, value: dict[str, Any]
) -> None:
    (tag,) = value

    assert faults(kind, code, value) == [("value", tag)]


@pytest.mark.parametrize(
    ("kind", "code", "written", "kept"),
    [
        ("item", "HS_CODE", {"code": "0101.21"}, {"code": "010121"}),
        ("actor", "COUNTRY", {"code": "ru"}, {"code": "RU"}),
        ("transfer", "QUANTITY", {"quantity": HEAD}, {"quantity": HEAD}),
        ("transfer", "QUANTITY", {"text": "a pair"}, {"text": "a pair"}),
    ],
)
def test_a_value_is_kept_as_the_field_would_spell_it(
    kind: str, code: str, written: Any, kept: Any
) -> None:
    """What does not fit stays as it is, for the refusal to name."""
    assert settled(said(kind, code, written))["value"] == kept


# --- live claims ------------------------------------------------------------------------------

CITATION = Record("citation_1", 1, RecordState.ACTIVE, 1, "newsroom_1", {})


def claim(
    record_id: str, *parents: str, derivation: str = "QUOTES", state: str = "ACTIVE",
    citation: str = "citation_1",
) -> Record:  # fmt: skip
    links = [{"claim": parent, "derivation": derivation} for parent in parents]
    return Record(
        record_id,
        1,
        RecordState(state),
        1,
        "newsroom_1",
        {"citation": citation, **({"derivedFrom": links} if links else {})},
    )


def living(claims: Sequence[Record], *citations: Record) -> set[str]:
    return live({one.id: one for one in claims}, {one.id: one for one in [CITATION, *citations]})


def test_an_active_claim_with_an_active_citation_is_live() -> None:
    assert living([claim("claim_1")]) == {"claim_1"}


def test_a_retracted_claim_is_not_live_and_takes_what_rests_on_it_along() -> None:
    claims = [
        claim("claim_1", state="RETRACTED"),
        claim("claim_2", "claim_1"),
        claim("claim_3", "claim_2"),
    ]

    assert living(claims) == set()


@pytest.mark.parametrize("fields", [{"integrity": "RETRACTED"}, {}])
def test_a_citation_that_was_withdrawn_carries_no_live_claim(fields: dict[str, str]) -> None:
    state = RecordState.ACTIVE if fields else RecordState.RETRACTED
    gone = Record("citation_2", 2, state, 1, "newsroom_1", fields)

    assert living([claim("claim_1", citation="citation_2"), claim("claim_2")], gone) == {"claim_2"}


@pytest.mark.parametrize("integrity", ["LIVE", "CORRECTED", "REMOVED"])
def test_a_citation_that_was_merely_corrected_or_removed_still_does(integrity: str) -> None:
    changed = Record("citation_2", 2, RecordState.ACTIVE, 1, "newsroom_1", {"integrity": integrity})

    assert living([claim("claim_1", citation="citation_2")], changed) == {"claim_1"}


def test_one_live_parent_is_enough() -> None:
    claims = [
        claim("claim_1", state="RETRACTED"),
        claim("claim_2"),
        claim("claim_3", "claim_1", "claim_2"),
    ]

    assert living(claims) == {"claim_2", "claim_3"}


def test_a_suspected_parent_neither_carries_nor_drags_down() -> None:
    claims = [
        claim("claim_1", state="RETRACTED"),
        claim("claim_2", "claim_1", derivation="SUSPECTED"),
    ]

    assert living(claims) == {"claim_2"}


def test_what_is_missing_is_not_live() -> None:
    assert living([claim("claim_1", "claim_0"), claim("claim_2", citation="citation_9")]) == set()


def test_a_chain_may_be_longer_than_the_stack() -> None:
    chain = [claim("claim_0")] + [claim(f"claim_{n}", f"claim_{n - 1}") for n in range(1, 5_000)]

    assert len(living(chain)) == 5_000
    assert living([claim("claim_0", state="RETRACTED"), *chain[1:]]) == set()


@given(st.data())
def test_live_is_exactly_what_the_rule_says(data: st.DataObject) -> None:
    """A claim is live if and only if it stands, and has no parents or one that is live."""
    claims = []
    for number in range(data.draw(st.integers(1, 8))):
        parents = data.draw(st.sets(st.integers(0, max(0, number - 1)), max_size=2))
        state = data.draw(st.sampled_from(["ACTIVE", "ACTIVE", "RETRACTED"]))
        earlier = [f"claim_{parent}" for parent in parents if parent < number]
        claims.append(claim(f"claim_{number}", *earlier, state=state))

    found = living(claims)

    for one in claims:
        parents = [link["claim"] for link in one.fields.get("derivedFrom", ())]
        backed = not parents or any(parent in found for parent in parents)
        assert (one.id in found) is (one.state is RecordState.ACTIVE and backed)
