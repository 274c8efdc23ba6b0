"""Whether proposals stand as what happened to them says, and as the log has it.

What is asked for is no part of the log, but every decision is: where one was, and what it
was about, has to be what the restricted disclosure of its entry says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from app.log.base64url import decode_base64url
from app.log.disclosure import digest, disclose
from app.log.errors import LogError
from app.store.proposals import Whole

Row: TypeAlias = Mapping[Any, Any]

_INPUT: Final = "input"
_STATES: Final[Mapping[str, str]] = {
    "PROPOSE": "OPEN",
    "REVISE": "OPEN",
    "RETURN": "RETURNED",
    "ACCEPT": "ACCEPTED",
    "REJECT": "REJECTED",
    "WITHDRAW": "WITHDRAWN",
}
_ENDED: Final = ("ACCEPTED", "REJECTED", "WITHDRAWN")


class Fault(NamedTuple):
    """Something that does not hold: in which table, at which key, in which column."""

    message: str
    table: str
    key: tuple[object, ...]
    column: str


def faults_of(whole: Whole) -> Iterator[Fault]:
    """Yield what does not hold of a proposal."""
    events, key = whole.events, (whole.row["id"],)
    if not events or any(event["kind"] not in (*_STATES, "COMMENT") for event in events):
        yield Fault("nothing that there is happened to it", "proposal_event", key, "kind")
        return
    yield from _faults_of_row(whole.row, events)
    yield from _faults_of_drafts(whole.row, whole.drafts, events)
    for event in events:
        if event["position"] is not None:
            yield from _faults_of_decision(event, whole)


def _faults_of_row(row: Row, events: Sequence[Row]) -> Iterator[Fault]:
    """Compare a proposal with what its events make of it."""
    telling = [event for event in events if event["kind"] != "COMMENT"]
    state = _STATES[telling[-1]["kind"]]
    expected = {
        "newsroom": events[0]["newsroom"],
        "editor": events[0]["editor"],
        "state": state,
        "revision": sum(event["kind"] in ("PROPOSE", "REVISE") for event in events),
        "created_at": events[0]["at"],
        "updated_at": events[-1]["at"],
        "decided_at": telling[-1]["at"] if state in _ENDED else None,
        "changeset": telling[-1]["position"] if state == "ACCEPTED" else None,
    }
    for column, value in expected.items():
        if row[column] != value:
            yield Fault(
                "this is not what happened to the proposal", "proposal", (row["id"],), column
            )


def _faults_of_drafts(
    row: Row, drafts: Sequence[Row], events: Sequence[Row]
) -> Iterator[Fault]:  # fmt: skip
    made = [event["at"] for event in events if event["kind"] in ("PROPOSE", "REVISE")]
    for place, draft in enumerate(drafts):
        key = row["id"], draft["revision"]
        if draft["revision"] != place + 1 or draft["created_at"] not in made[place : place + 1]:
            yield Fault("no event tells of this draft", "proposal_draft", key, "revision")
        if draft["salt"] != "" and _digest(draft) != draft["digest"]:
            yield Fault("the digest opens to something else", "proposal_draft", key, "input")
        if draft["salt"] == "" and draft["input"] != "null":
            yield Fault("this was redacted, and is still there", "proposal_draft", key, "input")
    if len(drafts) != len(made):
        yield Fault("a draft is missing", "proposal_draft", (row["id"],), "revision")


def _digest(draft: Row) -> str | None:
    try:
        salt = decode_base64url(draft["salt"])
        return digest(disclose(salt, _INPUT, json.loads(draft["input"])))
    except (LogError, ValueError, TypeError):
        return None


def _faults_of_decision(event: Row, whole: Whole) -> Iterator[Fault]:
    """Compare a decision with its changeset, and with what the log says that it was about."""
    key = event["proposal"], event["place"]
    changeset = whole.changesets.get(event["position"])
    if changeset is None:
        yield Fault("the log has no such entry", "proposal_event", key, "position")
        return
    for column, value in (
        ("editor", changeset["editor"]),
        ("newsroom", changeset["newsroom"]),
        ("at", changeset["recorded_at"]),
    ):
        if event[column] != value:
            yield Fault("the log says otherwise", "proposal_event", key, column)
    review = json.loads(whole.reviews.get(event["position"], "null"))
    drafts = {draft["revision"]: draft["digest"] for draft in whole.drafts}
    said = {
        "proposal": event["proposal"],
        "revision": event["revision"],
        "decision": event["kind"],
        "draft": drafts.get(event["revision"]),
    }
    # What was said may have been redacted.
    if review is not None and {name: review.get(name) for name in said} != said:
        yield Fault("the log says that something else was decided", "proposal_event", key, "kind")
