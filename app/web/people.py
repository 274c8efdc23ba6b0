"""People who log in elsewhere: from the token that they show to the editor that they are.

Two ways, as the operator chose. With rules the issuer's words decide, at each request: they
enter who is new, change a role that changed, and whoever they give nothing has nothing here.
Without rules editors are entered here, each with an identity, and the issuer only says who it
is.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from app.commands.people import settle
from app.domain.decisions import Editing
from app.domain.errors import Forbidden, Refused
from app.domain.role_rules import Grant, RoleRule, granted
from app.domain.tokens import Person
from app.reads.holders import Known, known_by
from app.reads.tokens import Tokens
from app.store.database import Engine
from app.store.reader import Reader

REMEMBERED: Final = 10_000
"""People of whom a server process knows which token settled their role, at most."""


class People:
    """Tells who shows a token."""

    def __init__(
        self, tokens: Tokens, rules: Sequence[RoleRule], reader: Reader, engine: Engine
    ) -> None:
        self._tokens = tokens
        self._rules = rules
        self._reader = reader
        self._engine = engine
        self._settling: dict[str, asyncio.Task[None]] = {}
        self._settled: OrderedDict[str, float] = OrderedDict()

    async def editing_of(self, token: str) -> Editing:
        """Return the editor whom a token speaks of.

        Raises `Unauthenticated` for whatever is wrong with the token, and `Forbidden` for
        a person who has no role here.
        """
        person = await self._tokens.person_of(token)
        known = await known_by(self._reader, person.identity)
        if known is not None and known.is_retired:
            raise Forbidden("your account has no role here any more: its editor was retired")
        if not self._rules:
            return _entered_here(person, known)
        grant = granted(self._rules, person.issuer, person.claims)
        if grant is None:
            raise Forbidden("your account has no role here: its issuer gives it none")
        if known is not None:
            _require_newsroom(known, grant)
        if known is None or not known.has(grant):
            await self._settle(person, grant)
            known = await known_by(self._reader, person.identity)
        return _granted(known, grant)

    async def _settle(self, person: Person, grant: Grant) -> None:
        """Enter the person or change the role, once for all who ask meanwhile.

        Only a newer token changes what one has settled: two that say different roles would
        change it at every request, each by an entry of the log.
        """
        running = self._settling.get(person.identity)
        if running is None:
            if person.issued_at <= self._settled.get(person.identity, -math.inf):
                return
            running = self._started(person, grant)
        try:
            # One who goes away must not end it for the others.
            await asyncio.shield(running)
        except Refused:
            self._settled.pop(person.identity, None)
            raise Forbidden(
                "your account has no role here: it could not be entered, and the operator's log "
                "says why"
            ) from None

    def _started(self, person: Person, grant: Grant) -> asyncio.Task[None]:
        running = asyncio.create_task(asyncio.to_thread(settle, self._engine, person, grant))
        running.add_done_callback(lambda _: self._settling.pop(person.identity, None))
        self._settling[person.identity] = running
        self._settled[person.identity] = person.issued_at
        if len(self._settled) > REMEMBERED:
            self._settled.popitem(last=False)
        return running


def _entered_here(person: Person, known: Known | None) -> Editing:
    if known is None:
        raise Forbidden(
            "your account has no role here: an ADMIN can enter an editor with the identity "
            f"{person.identity}"
        )
    return known.editing


def _granted(known: Known | None, grant: Grant) -> Editing:
    """Return the editor, unless it is not what the issuer's words gave a moment ago."""
    if known is None or known.is_retired or not known.has(grant):
        raise Forbidden("this token gives another role than you have by now; log in again")
    _require_newsroom(known, grant)
    return known.editing


def _require_newsroom(known: Known, grant: Grant) -> None:
    """Refuse a grant of another newsroom before its role is given: it is not meant for this one."""
    if grant.newsroom not in (known.editing.newsroom, known.newsroom_name):
        raise Forbidden(
            "your account belongs to another newsroom here than its issuer says; an ADMIN has "
            "to enter it anew"
        )
