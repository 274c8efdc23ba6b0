"""Keys that were good once, are good later, or are good for something else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.commands import access
from app.commands.submission import utc_now
from app.store.ledger import instant_text
from tests.attacks.attacking import Attack, Case, Reply, Target, bearer, cases, query
from tests.attacks.conftest import attacked
from tests.databases import Databases
from tests.driver import opened
from tests.serving import eventually

WHO = "{ viewer { role } }"
COMMIT = "mutation ($input: CommitInput!) { commit(input: $input) { userErrors { code } } }"
EDIT = {
    "reason": {"code": "OTHER", "note": "An attack."},
    "operations": [{"addTransfer": {"title": "Forged"}}],
}
LIFE_S = 1.5


@pytest.fixture(scope="module")
def ring(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A ledger whose editor holds keys of every sort; the one that expires has expired."""
    with attacked(databases, tmp_path_factory.mktemp("ring"), filled=False) as target:
        keys = dict(target.keys)
        who = target.ask("{ viewer { editorId } }", role="editor")["viewer"]["editorId"]
        admin = target.ask("{ viewer { editorId } }", role="admin")["viewer"]["editorId"]
        now = utc_now()
        soon, later = (instant_text(now + timedelta(seconds=one)) for one in (LIFE_S, 3_600))
        with opened(target.url) as engine:

            def made(editor: str, **more: Any) -> access.NewKey:
                return access.create_key(engine, editor, label="x", environment="test", **more)

            keys["expired"] = made(who, expires_at=soon).key
            keys["not yet valid"] = made(who, not_before=later).key
            keys["confined"] = made(who, scopes=["PROPOSE"]).key
            keys["confined admin"] = made(admin, scopes=["COMMIT"]).key
            revoked = made(who)
            keys["revoked"] = revoked.key
            retired = access.add_editor(engine, "Gone", newsroom=_house(target), role="editor")
            keys["of who left"] = made(retired).key
            access.retire_editor(engine, retired)
            made_target = Target(target.address, target.pid, target.url, keys, target.log)
            # Good until now: what is refused below was seen to be let in by this very process.
            assert made_target.ask(WHO, role="revoked")["viewer"]["role"] == "EDITOR"
            access.revoke_key(engine, revoked.id)
        time.sleep(LIFE_S)
        eventually(
            lambda: made_target.send(query(WHO, headers=bearer(keys["expired"]))).status == 401
        )
        yield made_target


def _house(target: Target) -> str:
    found: str = target.ask("{ viewer { newsroomId } }", role="editor")["viewer"]["newsroomId"]
    return found


Made = Callable[[Target], bytes]


def with_key(name: str, document: str = WHO, variables: Any = None) -> Made:
    """Return what asks with one of the keys."""
    return lambda target: query(document, variables, bearer(target.keys[name]))


def one_shape(reply: Reply) -> bool:
    """Whether nothing tells which of the reasons it is."""
    message = "this key is not valid: it is unknown, not yet valid, expired or revoked"
    return [one["message"] for one in reply.errors] == [message]


REDACT = "mutation ($input: RedactInput!) { redact(input: $input) { userErrors { code } } }"
GONE = {
    "reason": {"code": "LEGAL", "note": "x"},
    "authority": "LEGAL",
    "targets": [{"header": {"position": 1, "texts": ["NOTE"]}}],
}
ATTACKS = [
    Attack(
        "a key that has expired, was revoked, is not valid yet, or is of an editor who left",
        "401 UNAUTHENTICATED, in one shape",
        [
            with_key(name, document, variables)
            for name in ("expired", "revoked", "not yet valid", "of who left")
            for document, variables in ((WHO, None), (COMMIT, {"input": EDIT}))
        ],
        holds=one_shape,
    ),
    Attack(
        "a key that is confined to other acts than the one that is tried",
        "403 FORBIDDEN",
        [
            with_key("confined", COMMIT, {"input": EDIT}),
            with_key("confined admin", REDACT, {"input": GONE}),
            with_key("confined admin", "{ accessLog { totalCount } }"),
        ],
    ),
    Attack(
        "a role that does not reach what is tried",
        "403 FORBIDDEN",
        [
            with_key("reader", COMMIT, {"input": EDIT}),
            with_key("contributor", COMMIT, {"input": EDIT}),
            with_key("auditor", COMMIT, {"input": EDIT}),
            with_key("editor", REDACT, {"input": GONE}),
            with_key("editor", "{ accessLog { nodes { operation } } }"),
            with_key(
                "reader",
                "{ a: transfers { totalCount } ...F } fragment F on Query "
                "{ b: accessLog { totalCount } }",
            ),
        ],
    ),
]
CASES, NAMES = cases(ATTACKS)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_key_does_what_it_is_good_for_and_nothing_else(ring: Target, case: Case) -> None:
    ring.withstands(*case)


def test_the_editor_s_other_keys_are_good_all_the_same(ring: Target) -> None:
    assert ring.ask(WHO, role="editor") == {"viewer": {"role": "EDITOR"}}
    assert ring.ask(WHO, role="confined") == {"viewer": {"role": "EDITOR"}}
