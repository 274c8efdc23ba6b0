"""People whom an issuer vouches for: entered, and given the role that its words give them.

Each is an access change by the ledger's operator, whose note says on whose word it is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import structlog

from app.commands.access import OPERATOR, By, add_editor, revise_editor
from app.commands.changing_access import OlderWord, Word
from app.commands.submission import utc_now
from app.domain.codes import Role
from app.domain.decisions import Editing
from app.domain.errors import Refused
from app.domain.permissions import Act, Reach
from app.domain.role_rules import Grant, RoleRule
from app.domain.tokens import Person
from app.store import access
from app.store.database import Connection, Engine, require_writable, write_transaction
from app.store.ledger import Clock

logger = structlog.get_logger(__name__)

_NAME_LIMIT = 200


def settle(engine: Engine, person: Person, grant: Grant, *, clock: Clock = utc_now) -> None:
    """Make a person an editor, or give the editor the role that the issuer's words give.

    Where another process was faster, a newer token settled it, or the editor is another
    newsroom's, nothing is written.
    Raises `Refused` where it cannot be done: there is no such newsroom, or nobody in whose
    name access could be changed.
    """
    with engine.connect() as connection:
        held = access.find_identity(connection, person.identity)
        room = access.find_newsroom(connection, grant.newsroom)
        actor = _actor(connection, person)
    word = Word(person.identity, person.issued_at)
    by = By(actor, f"{person.issuer} gives {grant.role}.", word)
    with suppress(OlderWord):
        if held is None:
            _enter(engine, person, grant, by, clock)
        elif room is not None and room["id"] == held["newsroom"] and not grant.gives(held["role"]):
            _give(engine, held["id"], person, grant, by=by, clock=clock)


def confirm(engine: Engine, person: Person, grant: Grant) -> None:
    """Note a newer token that says the same as before: from now on older ones change nothing.

    Where another token, or somebody here, changed the role meanwhile, nothing is noted: the
    next request settles it. Raises `Unready` where nothing can be written.
    """
    require_writable(engine)
    with write_transaction(engine) as connection:
        access.share_access(connection)
        held = access.find_identity(connection, person.identity)
        if held is not None and held["retired_at"] is None and grant.gives(held["role"]):
            access.take_word(connection, person.identity, person.issued_at)


def unknown_newsrooms(connection: Connection, rules: Sequence[RoleRule]) -> list[str]:
    """Return the newsrooms that rules speak of and the ledger does not have, each once."""
    return [
        one
        for one in dict.fromkeys(rule.grant.newsroom for rule in rules)
        if access.find_newsroom(connection, one) is None
    ]


def _actor(connection: Connection, person: Person) -> str | None:
    """Return who changes access here: the operator, else the house's first ADMIN."""
    able = [one for one in access.editors(connection) if _may_change_access(one)]
    # Nobody changes their own role, as long as there is somebody else.
    able.sort(key=lambda one: (one["identity"] == person.identity, one["name"] != OPERATOR))
    return able[0]["id"] if able else None


def _may_change_access(one: access.Row) -> bool:
    role, house = Role(one["role"]), bool(one["house"])
    editing = Editing(one["id"], one["newsroom"], role, one["name"], is_house=house)
    return one["retired_at"] is None and editing.reach(Act.MANAGE_ACCESS) is Reach.LEDGER


def _give(  # noqa: PLR0913 - whom, which role, and on whose word
    engine: Engine, editor: str, person: Person, grant: Grant, *, by: By, clock: Clock
) -> None:
    try:
        revise_editor(engine, editor, role=str(grant.role), by=by, clock=clock)
    except Refused as refused:
        _require_done(engine, person, refused, grant)


def _enter(engine: Engine, person: Person, grant: Grant, by: By, clock: Clock) -> None:
    """Enter a person under the first name that no other editor of the newsroom has."""
    refused: Refused | None = None
    for name in _names(person):
        try:
            add_editor(
                engine,
                name,
                newsroom=grant.newsroom,
                role=str(grant.role),
                identity=person.identity,
                by=by,
                clock=clock,
            )
        except Refused as fault:
            refused = fault
            if fault.refusals[0].path[:1] != ("name",):
                break
        else:
            return
    if refused is not None:
        _require_done(engine, person, refused, grant)


def _names(person: Person) -> Iterator[str]:
    yield person.name
    room = _NAME_LIMIT - len(person.subject) - len(" ()")
    if room > 0:
        yield f"{person.name[:room]} ({person.subject})"
    else:
        yield person.subject[:_NAME_LIMIT]


def _require_done(engine: Engine, person: Person, refused: Refused, grant: Grant) -> None:
    """Raise the refusal, unless what was asked for is there by now: another process did it."""
    with engine.connect() as connection:
        held = access.find_identity(connection, person.identity)
    if held is None or not grant.gives(held["role"]):
        logger.error(
            "a person cannot be entered",
            issuer=person.issuer,
            reasons=[one.message for one in refused.refusals],
        )
        raise refused
