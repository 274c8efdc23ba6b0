"""Neighbours: another newsroom's proposal, by every way that leads anywhere.

A contributor of Courier proposes something with a word in it that stands nowhere else; the house
returns it with a note. Tribune, in every role, then looks for it over real connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.attacks.attacking import Attack, Case, Reply, Target, bearer, cases, http, query
from tests.attacks.conftest import attacked
from tests.databases import Databases
from tests.graphql.asking import Ledger

WORD = "Xylophonic"
"""What stands in the proposal and in nothing else."""

LOOKERS = ("contributor", "editor", "auditor", "admin")
PROPOSE = (
    "mutation ($input: ProposeInput!) { propose(input: $input) "
    "{ proposal { id } userErrors { code message } } }"
)
REVIEW = (
    "mutation ($input: ReviewInput!) { review(input: $input) "
    "{ proposal { id state } changeset { position } userErrors { code } } }"
)
REASON = {"code": "NEW_SOURCE", "note": f"{WORD} sources say so."}


@dataclass
class Street(Target):
    """The server, with two partner newsrooms; `proposal` is Courier's."""

    proposal: str = ""
    courier: str = ""
    cursor: str = ""
    position: int = 0


@pytest.fixture(scope="module")
def street(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """A ledger with Courier's proposal, which the house returned; Tribune has every role."""
    folder = tmp_path_factory.mktemp("neighbours")
    with attacked(databases, folder, filled=False) as target:
        keys = dict(target.keys)
        # Partners are entered at the command line; nothing of this client is used to ask.
        ledger = Ledger(target.url, TestClient(lambda *_: None), keys)  # type: ignore[arg-type]
        courier = ledger.partner("Courier", "contributor").keys["contributor"]
        keys |= {f"tribune {role}": key for role, key in _newsroom(ledger, "Tribune").items()}
        made = Street(
            target.address, target.pid, target.url, {**keys, "courier": courier}, target.log
        )
        own = made.ask("{ viewer { newsroomId } }", role="courier")["viewer"]
        add = {"addTransfer": {"title": f"{WORD} horses", "summary": f"{WORD} words."}}
        given = {"reason": REASON, "operations": [add], "message": f"{WORD} message."}
        made.proposal = made.ask(PROPOSE, {"input": given}, "courier")["propose"]["proposal"]["id"]
        made.courier = own["newsroomId"]
        listed = made.ask("{ proposals { pageInfo { endCursor } } }", role="courier")
        made.cursor = listed["proposals"]["pageInfo"]["endCursor"]
        returned = {
            "proposal": made.proposal, "revision": 1, "decision": "RETURN", "note": f"{WORD}, why?",
        }  # fmt: skip
        decided = made.ask(REVIEW, {"input": returned}, "editor")["review"]
        assert decided["userErrors"] == []
        made.position = decided["changeset"]["position"]
        yield made


def _newsroom(ledger: Ledger, name: str) -> Mapping[str, str]:
    """Enter a newsroom with an editor of each role."""
    from app.commands import access
    from tests.driver import opened

    keys = dict(ledger.partner(name, LOOKERS[0]).keys)
    with opened(ledger.url) as engine:
        for role in LOOKERS[1:]:
            editor = access.add_editor(engine, f"{name} {role}", newsroom=name, role=role)
            keys[role] = access.create_key(engine, editor, label="x", environment="test").key
    return keys


Made = Callable[[Street], bytes]


def looking(document: str, **given: str) -> list[Made]:
    """Return a question of Tribune's, in every role; each of `given` names what it is about."""

    def by(role: str) -> Made:
        def make(street: Street) -> bytes:
            variables = {name: getattr(street, of) for name, of in given.items()}
            return query(document, variables, bearer(street.keys[f"tribune {role}"]))

        return make

    return [by(role) for role in LOOKERS]


def trying(name: str, kind: str, role: str, **more: Any) -> Made:
    """Return an attempt of Tribune's to do something with the proposal."""
    document = (
        f"mutation ($input: {kind}!) {{ {name}(input: $input) "
        "{ proposal { id } userErrors { code message } } }"
    )
    return lambda street: query(
        document,
        {"input": {"proposal": street.proposal, **more}},
        bearer(street.keys[f"tribune {role}"]),
    )


def smuggling(name: str, value: Any) -> Made:
    """Return a proposal of Courier's with something in it that is not Courier's to say."""
    given = {"reason": REASON, "operations": [], name: value}
    return lambda street: query(PROPOSE, {"input": given}, bearer(street.keys["courier"]))


def is_empty(value: Any) -> bool:
    """Whether there is nothing in an answer: nulls, empty lists, counts of none."""
    if isinstance(value, dict):
        return all(is_empty(one) for one in value.values())
    if isinstance(value, list):
        return all(is_empty(one) for one in value)
    return value in {None, 0, ""}


def says_nothing(reply: Reply) -> bool:
    """Whether an answer shows nothing of the proposal."""
    return WORD.lower() not in reply.text.lower() and is_empty(reply.json["data"])


LIST = "totalCount nodes { id } pageInfo { hasNextPage endCursor }"
BY = {
    "newsrooms: [$room]": {"room": "courier"},
    "ids: [$id]": {"id": "proposal"},
    "states: [RETURNED]": {},
    'createdFrom: "2000-01-01T00:00:00Z"': {},
}
ATTACKS = [
    Attack(
        "another newsroom's proposal by its id: by node, nodes, and inside an archive",
        "200, null, as of an id that is nothing's",
        [
            *looking(
                "query ($id: ID!) { proposal(id: $id) { id input events { note } } }", id="proposal"
            ),
            *looking(
                "query ($id: ID!) { node(id: $id) { id ... on Proposal { input } } "
                "nodes(ids: [$id, $id]) { id } archive(position: 1) { node(id: $id) { id } } }",
                id="proposal",
            ),
        ],
        holds=says_nothing,
    ),
    Attack(
        "… through what leads to it: the changeset of its decision, and those of all",
        "200, without it",
        [
            *looking(
                "query ($p: Position!) { changeset(position: $p) { proposal { id input } } }",
                p="position",
            ),
            *looking("{ changesets(first: 100) { nodes { proposal { id } } } }"),
        ],
        holds=says_nothing,
    ),
    Attack(
        "… by filter, order, count, and another's cursor",
        "200, empty",
        [
            *(
                one
                for condition, given in BY.items()
                for one in looking(
                    f"query {'($' + next(iter(given)) + ': ID!)' if given else ''} "
                    f"{{ proposals(filter: {{ {condition} }}) {{ {LIST} }} }}",
                    **given,
                )
            ),
            *looking(f"{{ proposals(orderBy: UPDATED_DESC, last: 5) {{ {LIST} }} }}"),
            *looking(
                "query ($after: String) { proposals(after: $after) { totalCount nodes { id } } }",
                after="cursor",
            ),
            *looking("{ proposalCounts { count } }"),
        ],
        holds=says_nothing,
    ),
    Attack(
        "… by its words, in the search and in every list",
        "200, empty",
        [
            *looking(f'{{ search(text: "{WORD}") {{ {LIST} }} }}'),
            *looking(f'{{ transfers(filter: {{ textContains: "{WORD}" }}) {{ {LIST} }} }}'),
        ],
        holds=says_nothing,
    ),
    Attack(
        "… in the queue, by a stranger",
        "401 UNAUTHENTICATED",
        [query("{ proposals { totalCount } }"), query("{ proposalCounts { count } }")],
    ),
    Attack(
        "… in the queue, by a key that only reads",
        "403 FORBIDDEN",
        [
            lambda street: query(
                "{ proposals { totalCount nodes { id } } }", None, bearer(street.keys["reader"])
            )
        ],
    ),
    Attack(
        "… decided on, withdrawn, revised or commented on by another newsroom",
        "200 UNKNOWN_PROPOSAL",
        [
            *(
                trying("review", "ReviewInput", role, revision=1, decision=decision, note="x")
                for role in ("editor", "admin")
                for decision in ("ACCEPT", "REJECT", "RETURN")
            ),
            trying("withdrawProposal", "WithdrawProposalInput", "admin"),
            trying("commentOnProposal", "CommentOnProposalInput", "contributor", note="x"),
            trying(
                "reviseProposal", "ReviseProposalInput", "contributor", revision=1,
                reason={"code": "OTHER", "note": "x"},
                operations=[{"addActor": {"name": "X", "kind": "STATE"}}],
            ),
        ],
    ),
    Attack(
        "… in the log: its entry, its tile, the proof",
        "200, which hold digests alone",
        [
            *looking(
                "query ($p: Position!) { log { entry(position: $p) { body } } }", p="position"
            ),
            lambda street: http("GET", f"/tile/entries/000.p/{street.position}"),
        ],
        holds=lambda reply: WORD not in reply.text and WORD.lower() not in reply.text,
        most_bytes=50_000,
    ),
    Attack(
        "who proposed, when and for whom, smuggled into a proposal or a review",
        "400 BAD_VARIABLES",
        [
            *(
                smuggling(name, value)
                for name, value in (
                    ("editor", "x"), ("newsroom", "x"), ("createdAt", "2020-01-01T00:00:00Z"),
                    ("state", "ACCEPTED"), ("basedOn", 1), ("contributor", "x"),
                    ("onBehalfOf", "x"),
                )
            ),
            *(
                trying("review", "ReviewInput", "editor", revision=1, decision="ACCEPT",
                       **{name: "x"})
                for name in ("editor", "position", "newsroom", "contributor")
            ),
        ],
    ),
]  # fmt: skip

CASES, NAMES = cases(ATTACKS)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_another_newsroom_s_proposal_is_nowhere(street: Street, case: Case) -> None:
    street.withstands(*case)


def test_its_own_newsroom_and_the_house_see_it(street: Street) -> None:
    """What is looked for above is there."""
    document = "query ($id: ID!) { node(id: $id) { ... on Proposal { input events { note } } } }"

    for role in ("courier", "editor"):
        seen = street.ask(document, {"id": street.proposal}, role)

        assert WORD in str(seen)
