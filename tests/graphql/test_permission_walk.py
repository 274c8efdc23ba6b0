"""The permission walk: everybody asks for everything, and docs/access.md says who gets it.

Everybody is nobody, and each role of the house and of a partner. Everything is every field of
every type of the published contract, every mutation, every operation of an edit, every route.
What is asked is made from the contract: a field that is added is asked for here unasked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from app.commands import access
from app.domain.permissions import Act, Reach
from app.graphql.viewer import ANYBODY as NOBODY
from app.graphql.viewer import Viewer
from app.main import create_app
from app.reads.holders import holder_of
from app.settings import Settings
from app.web.routes import ROUTES, RouteWithoutRule, require_routes
from tests.driver import REQUIRED, Newsroom, heads, opened
from tests.graphql.asking import Ledger, served
from tests.graphql.conftest import Ledgers
from tests.graphql.documented import page
from tests.graphql.statements import counted, run
from tests.graphql.viewers import EVERYBODY, PARTNER, partner_keys
from tests.graphql.walking import (
    Asked,
    May,
    composed,
    document,
    fields_of,
    leaves_of,
    paths,
    ways_to,
)
from tests.oracle.executor import contract

REFUSED = {"FORBIDDEN", "UNAUTHENTICATED"}
NO_ANSWER = {"INTERNAL", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_ARGUMENT"}


@dataclass(frozen=True)
class Walk:
    """The ledger that is walked: the demo, and a partner with claims of its own.

    `on` has a record at a version for each kind, "claim partner" the partner's, and
    "gone …" what is retracted. `ids_by_newsroom` is `ids`, with those of what holds the
    marks of each newsroom.
    """

    ledger: Ledger
    on: Mapping[str, Mapping[str, Any]]
    ids_by_newsroom: Sequence[Mapping[str, str]]

    @property
    def ids(self) -> Mapping[str, str]:
        """The id of a record of each kind."""
        return {kind: self.on[kind]["id"] for kind in REQUIRED}


@pytest.fixture(scope="module")
def walk(ledgers: Ledgers) -> Iterator[Walk]:
    """The demo, with a partner newsroom that has entered claims."""
    with ledgers.copied("sqlite", filled=True) as (url, house_keys):
        with opened(url) as engine:
            partner = Newsroom.founded(engine, "Lantern Desk", house=False)
            with engine.connect() as connection:
                house = Newsroom(engine, access.editing_as(connection, "Demo editor"))
            on = _entered(house, partner)
            noted = [
                _noted(newsroom, on, whose)
                for newsroom, whose in zip((house, partner), NEWSROOMS, strict=True)
            ]
            labelled = [
                _labelled(newsroom, MARKS[whose, "READ_ACCESS"])
                for newsroom, whose in zip((house, partner), NEWSROOMS, strict=True)
            ]
            keys = {**house_keys, **partner_keys(engine, partner)}
        ids = {kind: on[kind]["id"] for kind in REQUIRED}
        # The access log is written by the time that a server has stopped.
        with served(url, keys) as ledger:
            by_newsroom = [
                {**ids, "changeset": changeset, "key": key, "proposal": _asked_for(ledger, whose)}
                for changeset, key, whose in zip(noted, labelled, NEWSROOMS, strict=True)
            ]
        with served(url, keys) as ledger:
            yield Walk(ledger, on, by_newsroom)


def _entered(house: Newsroom, partner: Newsroom) -> Mapping[str, Mapping[str, Any]]:
    subject, source = house.add_transfer(), house.add_citation()
    made = {
        "actor": house.add_actor("One"), "other actor": house.add_actor("Another"),
        "item": house.add_item(), "transfer": subject, "citation": source,
        "claim": house.add_claim(subject, citation=source),
        "claim partner": partner.add_claim(subject, citation=source),
        "gone transfer": house.add_transfer(),
        "gone claim": house.add_claim(subject, citation=source),
        "gone claim partner": partner.add_claim(subject, citation=source),
    }  # fmt: skip
    for name, record_id in made.items():
        if name.startswith("gone"):
            (partner if "partner" in name else house).retract(record_id)
    return {name: {"id": found, "version": house.version(found)} for name, found in made.items()}


NEWSROOMS = ("house", "partner")
MARKS = {
    (whose, act): f"Only{whose.capitalize()}Knows{act.title().replace('_', '')}"
    for whose in NEWSROOMS
    for act in ("READ_INTERNAL", "READ_PROPOSALS", "READ_ACCESS", "READ_TRAFFIC")
}
"""What stands in that which an act shows of a newsroom, and nowhere else."""


def _noted(newsroom: Newsroom, on: Mapping[str, Any], whose: str) -> str:
    """Enter a claim with an internal note; return the changeset's id."""
    reason = {
        "code": "OTHER",
        "note": "As was said.",
        "internalNote": MARKS[whose, "READ_INTERNAL"],
    }
    links = {"subject": on["transfer"]["id"], "citation": on["citation"]["id"]}
    claim = {**REQUIRED["claim"], **links, "value": {"quantity": heads(24)}}
    return str(
        newsroom.submit({"reason": reason, "operations": [{"addClaim": claim}]}).changeset_id
    )


def _labelled(newsroom: Newsroom, label: str) -> str:
    """Give a key to somebody who does not ask; return its id."""
    holder = newsroom.colleague("Who does not ask").editing.editor
    made = access.create_key(newsroom.engine, holder, label=label, environment="test")
    return made.id


def _asked_for(ledger: Ledger, whose: str) -> str:
    """Propose something; return the proposal's id. The access log has who did, by what name."""
    document = f"""mutation {MARKS[whose, "READ_TRAFFIC"]}($input: ProposeInput!) {{
      propose(input: $input) {{ proposal {{ id }} }} }}"""
    operation = {"addActor": {"name": MARKS[whose, "READ_PROPOSALS"], "kind": "GROUP"}}
    given = {"reason": {"code": "OTHER", "note": "As was said."}, "operations": [operation]}
    role = "contributor" if whose == "house" else f"{PARTNER}contributor"
    data = ledger.ask(document, {"input": given}, role=role)
    return str(data["propose"]["proposal"]["id"])


def codes(answer: Any) -> set[str]:
    """Return the codes of an answer's errors."""
    return {one["extensions"]["code"] for one in answer.get("errors", ())}


# --- every field ------------------------------------------------------------------------


def _documents(walk: Walk, viewer: str | None) -> tuple[Sequence[Asked], Sequence[Asked]]:
    """Return documents for all that a viewer may ask for, and one for each field it may not."""
    said = page()

    def may(of: str, name: str) -> bool:
        return said.may(viewer, said.act_of(of, name))

    allowed, refused = [], []
    for of, path in paths(may).items():
        if of not in composed():
            continue
        is_open = all(may(one.of, one.field) for one in path)
        mine = [name for name in fields_of(of) if is_open and may(of, name)]
        # One mutation a document: the next would not be tried after an error.
        groups = [[name] for name in mine] if of == "Mutation" else [mine] if mine else []
        allowed.extend(document(path, of, names, walk.ids) for names in groups)
        closed = [name for name in fields_of(of) if not may(of, name)]
        if not is_open:
            refused.append(document(path, of, list(fields_of(of)), walk.ids))
        refused.extend(document(path, of, [name], walk.ids) for name in closed)
    return allowed, refused


@pytest.mark.parametrize("viewer", EVERYBODY)
def test_everybody_gets_what_the_page_says(walk: Walk, viewer: str | None) -> None:
    allowed, refused = _documents(walk, viewer)
    asked = {field for one in (*allowed, *refused) for field in one.all_fields}
    before = walk.ledger.head()

    for one in allowed:
        answer = walk.ledger.answer(one.text, role=viewer)
        assert not codes(answer) & (REFUSED | NO_ANSWER), (one.text, answer)
        assert "data" in answer, (one.text, answer)
    for one in refused:
        answer = walk.ledger.answer(one.text, role=viewer)
        assert codes(answer) == {"FORBIDDEN" if viewer else "UNAUTHENTICATED"}, (one.text, answer)
        assert "data" not in answer
        names = [name for _, name in one.all_fields]
        assert answer["errors"][0]["path"] == names[: _first_refused(one, viewer) + 1]

    assert asked >= {(of, name) for of in composed() for name in fields_of(of)}
    assert walk.ledger.head() == before


def _first_refused(asked: Asked, viewer: str | None) -> int:
    said = page()
    for place, (of, name) in enumerate(asked.all_fields):
        if not said.may(viewer, said.act_of(of, name)):
            return place
    raise AssertionError(f"nothing of it is refused: {asked.text}")


def test_a_refusal_comes_before_any_statement(walk: Walk) -> None:
    async def work(engine: Any, reader: Any, _viewer: Viewer) -> int:
        number = 0
        for viewer in EVERYBODY:
            asking = NOBODY
            if viewer is not None:
                asking = Viewer(await holder_of(reader, walk.ledger.keys[viewer]))
            with counted(reader) as statements:
                for one in _documents(walk, viewer)[1]:
                    answer = await engine.answer(one.text, None, None, asking)
                    assert answer.code in REFUSED
                    number += 1
            assert statements == []
        return number

    assert run(walk.ledger, work) > 20


def test_everybody_may_ask_about_the_schema(walk: Walk) -> None:
    query = '{ __schema { types { name fields { name } } } __type(name: "Changeset") { name } }'

    answers = [walk.ledger.ask(query, role=viewer) for viewer in EVERYBODY]

    assert all(answer == answers[0] for answer in answers)


# --- every row -------------------------------------------------------------------------


def _narrow_types() -> Sequence[str]:
    """Return the types with fields that not everybody may ask for."""
    return [
        of
        for of in composed()
        if of != "Mutation" and any(page().act_of(of, name) != "READ" for name in fields_of(of))
    ]


def _ways(walk: Walk, types: Sequence[str], may: May) -> set[str]:
    """Return documents that ask for the values of types, through every field that leads there."""
    return {
        document(path, of, names, ids).text
        for of in types
        if of != "Mutation" and (names := [one for one in leaves_of(of) if may(of, one)])
        for path in ways_to(of, may)
        for ids in walk.ids_by_newsroom
    }


@pytest.mark.parametrize("viewer", EVERYBODY)
def test_what_is_another_newsrooms_is_in_no_answer(walk: Walk, viewer: str | None) -> None:
    """Whichever field leads there: a list, a link, a look-up by id, an archive.

    Who should see least, and who of a partner sees most, look at every type.
    """
    said = page()
    types = composed() if viewer in (None, f"{PARTNER}admin") else _narrow_types()
    mine = "partner" if (viewer or "").startswith(PARTNER) else "house"

    def may(of: str, name: str) -> bool:
        return said.may(viewer, said.act_of(of, name))

    found = set[tuple[str, str]]()
    for text in _ways(walk, types, may):
        answer = json.dumps(walk.ledger.answer(text, role=viewer))
        seen = {place for place, mark in MARKS.items() if mark in answer}
        for whose, act in seen:
            reach = said.reach(viewer, act)
            assert reach == "LEDGER" or (reach, whose) == ("NEWSROOM", mine), text
        found |= seen

    assert found == {
        (whose, act)
        for whose, act in MARKS
        if said.reach(viewer, act) == "LEDGER" or (whose == mine and said.may(viewer, act))
    }


# --- every operation of an edit --------------------------------------------------------


CLAIMS = ("claim", "claim partner")


def _operations(walk: Walk) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield every operation of the contract with what it is about, and an example of it."""
    told = {
        "subject": walk.ids["transfer"],
        "citation": walk.ids["citation"],
        "value": {"quantity": heads(24)},
    }
    members: Any = contract().type_map["OperationInput"]
    for tag in members.fields:
        if tag.startswith("add"):
            kind = tag.removeprefix("add").lower()
            yield tag, kind, {tag: {**REQUIRED[kind], **(told if kind == "claim" else {})}}
        elif tag.startswith("revise"):
            kind = tag.removeprefix("revise").lower()
            for about in CLAIMS if kind == "claim" else (kind,):
                yield tag, about, {tag: {**walk.on[about], "set": {"externalRef": "walked"}}}
        elif tag.startswith("upsert"):
            kind = tag.removeprefix("upsert").lower()
            fields = {**REQUIRED[kind], **(told if kind == "claim" else {})}
            yield tag, kind, {tag: {"externalRef": "walked", "set": fields}}
        elif tag == "merge":
            into = walk.on["other actor"]["id"]
            yield tag, "actor", {tag: {**walk.on["actor"], "into": into}}
        else:
            gone = {"retract": "", "restore": "gone "}[tag]
            for about in ("transfer", *CLAIMS):
                yield tag, about, {tag: walk.on[f"{gone}{about}"]}


def _expected(viewer: str, tag: str, about: str) -> set[str]:
    """Return what stands against an operation, as docs/access.md has it under "Whose words"."""
    said = page()
    is_partner = viewer.startswith(PARTNER)
    if not about.startswith("claim"):
        return set() if said.reach(viewer, "COMMIT") == "LEDGER" else {"PROPOSE_INSTEAD"}
    is_own = tag in ("addClaim", "upsertClaim") or ("partner" in about) == is_partner
    return set() if is_own or said.may(viewer, "CORRECT_OTHERS") else {"NOT_YOUR_CLAIM"}


@pytest.mark.parametrize("viewer", [one for one in EVERYBODY if page().may(one, "COMMIT")])
def test_whose_words_an_edit_may_touch(walk: Walk, viewer: str) -> None:
    for tag, about, operation in _operations(walk):
        payload = walk.ledger.commit([operation], role=viewer, dryRun=True)

        found = {one["code"] for one in payload["userErrors"]}
        assert found == _expected(viewer, tag, about), (tag, about, payload["userErrors"])


# --- every route -------------------------------------------------------------------------

SERVED = {
    "/graphql": "/graphql?query={__typename}",
    "/tile/…": "/tile/0/000.p/1",
    "/static": "/static/graphiql/index.html",
}
"""A path below each route that is not one itself."""


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_gives_everybody_the_same(walk: Walk, route: str) -> None:
    assert page().routes[route] == "READ"

    answers = [_got(walk, SERVED.get(route, route), viewer) for viewer in EVERYBODY]

    assert answers[0].status_code not in (401, 403)
    for answer in answers:
        assert answer.status_code == answers[0].status_code
        assert answer.content == answers[0].content


def _got(walk: Walk, path: str, viewer: str | None) -> Any:
    headers = {} if viewer is None else {"Authorization": f"Bearer {walk.ledger.keys[viewer]}"}
    return walk.ledger.http.get(path, headers=headers)


def test_a_route_without_a_rule_is_not_served() -> None:
    app = create_app(Settings(database_url="sqlite:///nowhere.db"))

    @app.get("/secrets")
    def secrets() -> None:
        """Nobody said who may ask for these."""

    with pytest.raises(RouteWithoutRule, match="without a rule: /secrets"):
        require_routes(app.routes)
    with pytest.raises(RouteWithoutRule, match="nothing looks at: /secrets"):
        require_routes(app.routes, {**ROUTES, "/secrets": Act.READ_TRAFFIC})


def test_a_reach_is_one_of_three() -> None:
    """So that the walk's "may" and "may not" leave nothing out; rows are `test_permissions`'s."""
    assert [one.value for one in Reach] == ["NONE", "NEWSROOM", "LEDGER"]
