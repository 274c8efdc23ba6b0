"""Every kind of write moves the log by an entry, or stands here with the reason why not.

A mutation or a command that comes anew fails this test until it is on one of the lists; one on
`LOGGED` is driven, on both databases, and has to move the head by exactly one entry a changeset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import typer
from graphql import build_schema

from app import cli
from app.commands import access
from app.domain.codes import ChangesetKind, Role
from app.graphql.sdl import schema_sdl
from app.reads.checking import check
from app.store.dossiers import reading
from tests.databases import Databases
from tests.driver import Newsroom, opened

READS = "it only reads"
MUTATIONS = {
    "commit": "edits",
    "revert": "reverts",
    "redact": "redacts",
    "review": "reviews",
    "withdrawProposal": "withdraws",
    "changeAccess": "changes_access",
}
"""Mutation → the write in `LOGGED` that it carries out."""

WAITS = "what is asked for is no part of the ledger until it is decided on, which is logged"
MUTATIONS_NOT_LOGGED = {
    "propose": WAITS,
    "reviseProposal": WAITS,
    "commentOnProposal": "a word about what is asked for",
}
"""Mutation → why it moves nothing; of `review`, a COMMENT is such a word too."""

COMMANDS = {
    "load": "imports",
    "demo": "imports",
    "redact": "redacts",
    "newsroom add": "changes_access",
    "editor add": "changes_access",
    "editor role": "changes_access",
    "editor rename": "changes_access",
    "editor retire": "changes_access",
    "editor restore": "changes_access",
    "key rotate": "changes_access",
    "migrate": "changes_access",
    "key create": "changes_access",
    "key revoke": "changes_access",
}
"""Command → the write in `LOGGED` that it carries out."""

NOT_LOGGED = {
    "serve": "it writes through the mutations, and signs: a checkpoint is about the log",
    "sign": "a checkpoint is about the log, and published after its entries",
    "signer keygen": "a file",
    "signer adopt": "the signer's own file",
    "signer vkey": READS,
    "grant": "the rights of a role, which the database keeps",
    "reindex": "the search index is derived",
    "scrub": "it rewrites the database's files, and no row",
    "newsroom list": READS,
    "editor list": READS,
    "key list": READS,
    "export": READS,
    "checkpoint": READS,
    "proof": READS,
    "bundle": READS,
    "verify": READS,
    "check": READS,
    "schema": READS,
}


def edits(newsroom: Newsroom) -> None:
    newsroom.add_actor()


def reverts(newsroom: Newsroom) -> None:
    newsroom.revert(newsroom.head())


def redacts(newsroom: Newsroom) -> None:
    body = {
        "reason": {"code": "LEGAL", "note": "A court said so."},
        "authority": "LEGAL",
        "targets": [{"header": {"position": newsroom.nth(1), "texts": ["NOTE"]}}],
    }
    newsroom.submit(body, kind=ChangesetKind.REDACTION)


def imports(newsroom: Newsroom) -> None:
    operation = {"addActor": {"name": "Estonia", "kind": "STATE"}}
    newsroom.commit(operation, kind=ChangesetKind.IMPORT)


def reviews(newsroom: Newsroom) -> None:
    made = newsroom.propose({"addActor": {"name": "Estonia", "kind": "STATE"}}).proposal or ""
    newsroom.review(made, "REJECT", "No source says so.")


def accepts(newsroom: Newsroom) -> None:
    made = newsroom.propose({"addActor": {"name": "Estonia", "kind": "STATE"}}).proposal or ""
    newsroom.comment(made, "A party.")
    newsroom.propose_again(made, {"addActor": {"name": "Estonia", "kind": "STATE"}})
    with newsroom.engine.connect() as connection:
        bo = access.editing_as(connection, "Bo")
    Newsroom(newsroom.engine, bo).review(made, "ACCEPT", revision=2)


def withdraws(newsroom: Newsroom) -> None:
    made = newsroom.propose({"addActor": {"name": "Estonia", "kind": "STATE"}}).proposal or ""
    newsroom.withdraw(made)


def changes_access(newsroom: Newsroom) -> None:
    editor, by = newsroom.editing.editor, access.By(newsroom.editing.editor)
    access.create_key(newsroom.engine, editor, label="x", environment="test", by=by)


LOGGED: dict[str, Callable[[Newsroom], None]] = {
    one.__name__: one
    for one in (edits, reverts, redacts, imports, reviews, accepts, withdraws, changes_access)
}


def commands(app: typer.Typer, prefix: str = "") -> list[str]:
    found = [
        prefix + (one.name or one.callback.__name__.replace("_", "-"))  # type: ignore[union-attr]
        for one in app.registered_commands
    ]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        found += commands(group.typer_instance, f"{prefix}{group.name} ")
    return found


def test_every_mutation_is_a_write_that_is_logged() -> None:
    mutation = build_schema(schema_sdl()).mutation_type

    assert mutation is not None
    assert set(mutation.fields) == set(MUTATIONS) | set(MUTATIONS_NOT_LOGGED)
    assert set(MUTATIONS.values()) <= set(LOGGED)


def test_every_command_is_logged_or_has_a_reason_not_to_be() -> None:
    unknown = set(commands(cli.app)) - set(COMMANDS) - set(NOT_LOGGED)

    assert unknown == set()
    assert set(COMMANDS.values()) <= set(LOGGED)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("name", LOGGED)
def test_a_write_moves_the_log_by_one_entry(databases: Databases, kind: str, name: str) -> None:
    """And what it wrote is all in that entry: the check finds nothing beside it."""
    with databases.clone(kind) as url, opened(url) as engine:
        newsroom = Newsroom.founded(engine, role=Role.ADMIN)
        newsroom.colleague("Bo")
        newsroom.add_item()
        before = newsroom.head()

        LOGGED[name](newsroom)

        assert newsroom.head() == before + 1
        with reading(engine.url) as connection:
            checked: Any = check(connection)
        assert checked.problems == []
