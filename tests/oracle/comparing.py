"""Asking the application and the oracle the same, and saying where they differ.

The rule, one of four:

- a limit of the server refuses the document: nothing is compared, and it is counted;
- the oracle refuses (variables, or an argument it reaches): the application refuses under the
  same code;
- the oracle answers, but names an argument at a place that no row led to: the application may
  refuse for it, as it looks at all arguments first, or answer the same;
- the oracle answers: the application answers the same JSON, keys in the same order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.graphql.asking import Ledger
from tests.oracle.contents import Contents
from tests.oracle.documents import Question
from tests.oracle.executor import Oracle, Told
from tests.oracle.parts import drawable

LIMITS = (
    "DOCUMENT_TOO_DEEP",
    "DOCUMENT_TOO_LARGE",
    "DOCUMENT_TOO_LONG",
    "VARIABLES_TOO_LARGE",
    "TOO_COSTLY",
    "READ_TIMED_OUT",
)
"""The codes under which a server refuses what is too much for it."""


@dataclass
class Tally:
    """What came of the questions, so that a comparison of nothing is noticed."""

    counts: Counter[str] = field(default_factory=Counter)
    drawn: set[str] = field(default_factory=set)

    def add(self, *names: str) -> None:
        """Count one of each."""
        self.counts.update(names)

    @property
    def never_drawn(self) -> list[str]:
        """What the contract has and no document had."""
        return sorted(set(drawable()) - self.drawn)

    def assert_telling(self) -> None:
        """Fail where too few answers were compared to tell anything."""
        asked = self.counts["asked"]
        assert self.counts["over a limit"] <= 0.05 * asked, self
        assert self.counts["refused"] + self.counts["refused early"] <= 0.2 * asked, self
        assert self.counts["with records"] >= 0.5 * asked, self

    def __str__(self) -> str:
        """Return the counts, and how much of the contract was drawn."""
        counted = ", ".join(f"{name} {number:,}" for name, number in sorted(self.counts.items()))
        every = len(drawable())
        return f"{counted}; drawn {every - len(self.never_drawn)} of {every} parts of the contract"


@dataclass(frozen=True)
class Side:
    """One ledger: the application that serves it, and the oracle over its rows."""

    name: str
    ledger: Ledger
    oracle: Oracle
    contents: Contents

    def compare(self, question: Question, tally: Tally) -> None:
        """Ask the question of both; raise AssertionError where they do not agree."""
        document = self.contents.filled(question.document)
        tally.drawn |= question.drawn
        for given in question.variables:
            variables = self.contents.filled_values(given)
            answer = self._asked(document, variables, question.operation_name)
            assert _code(answer) != "GRAPHQL_VALIDATION_FAILED", (question, answer)
            told = self.oracle.answer(document, variables, question.operation_name)
            tally.add("asked", came := _came(answer, told))
            if came == "DIFFERENT":
                raise AssertionError(self._shown(question, given, answer, told))
            if came == "same" and _has_records(answer["data"]):
                tally.add("with records")

    def _asked(
        self, document: str, variables: Mapping[str, Any], operation_name: str | None
    ) -> Mapping[str, Any]:
        body = {"query": document, "variables": variables, "operationName": operation_name}
        # An ADMIN of the house may read every field.
        headers = {"Authorization": f"Bearer {self.ledger.keys['admin']}"}
        response = self.ledger.http.post("/graphql", json=body, headers=headers)
        answer: dict[str, Any] = json.loads(response.content, object_pairs_hook=_object)
        return answer

    def _shown(
        self,
        question: Question,
        given: Mapping[str, Any],
        answer: Mapping[str, Any],
        told: Told,
    ) -> str:
        ours = json.dumps(answer.get("data", answer), indent=1).splitlines()
        theirs = json.dumps(json.loads(told.data or "null"), indent=1).splitlines()
        place = next(
            (at for at, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other),
            min(len(ours), len(theirs)),
        )
        around = slice(max(0, place - 8), place + 8)
        return "\n".join(
            [
                f"on {self.name} the plan and the ordinary executor do not agree",
                repr(question),
                f"these variables: {json.dumps(given, ensure_ascii=False)}",
                f"the application: {answer.get('errors') or 'answers'}, from line {place}:",
                *ours[around],
                f"the oracle: {[*told.codes] or 'answers'} {told.message}, from line {place}:",
                *theirs[around],
            ]
        )


def _came(answer: Mapping[str, Any], told: Told) -> str:
    """Return what came of a question: by the rule above."""
    code = _code(answer)
    if code in LIMITS:
        return "over a limit"
    if told.codes:
        # Of two faults in one document the application may tell the other one.
        return "refused" if code in told.codes | told.may_refuse else "DIFFERENT"
    if code is not None:
        return "refused early" if code in told.may_refuse else "DIFFERENT"
    return "same" if json.dumps(answer["data"]) == told.data else "DIFFERENT"


def _code(answer: Mapping[str, Any]) -> str | None:
    """Return the code under which a document was refused, None where it was answered."""
    if "errors" not in answer:
        return None
    assert answer.get("data") is None, "the plan answers whole documents or none"
    return str(answer["errors"][0].get("extensions", {}).get("code"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    assert len(made) == len(pairs), f"a key stands twice in {pairs}"
    return made


def _has_records(data: Any) -> bool:
    """Whether an answer says more than that there is nothing."""
    if isinstance(data, dict):
        return any(_has_records(one) for key, one in data.items() if key != "__typename")
    if isinstance(data, list):
        return any(_has_records(one) for one in data)
    return data not in (None, 0, False, "Query", "Archive")
