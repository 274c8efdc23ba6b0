"""People who log in elsewhere: from the token that they show to the editor that they are.

Two ways, as the operator chose. With rules the issuer's words decide, at each request: they
enter who is new, change a role that changed, and whoever they give nothing has nothing here.
Without rules editors are entered here, each with an identity, and the issuer only says who it
is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from app.commands.people import confirm, settle
from app.domain.decisions import Editing
from app.domain.errors import Forbidden, ReadOnly, Refused, Unready
from app.domain.role_rules import Grant, RoleRule, granted
from app.domain.tokens import Person
from app.reads.holders import Known, known_by
from app.reads.tokens import Tokens
from app.store.database import BrokenOff, Engine
from app.store.reader import Reader

logger = structlog.get_logger(__name__)

REST_S: Final = 60.0
"""Seconds in which no newer token is noted where the last one could not be."""


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
        self._confirming: dict[str, asyncio.Task[None]] = {}
        self._rests_until = 0.0

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
        if known is None or (not known.has(grant) and _is_newer(person, known)):
            await self._settle(person, grant)
            known = await known_by(self._reader, person.identity)
        elif known.has(grant) and _is_newer(person, known):
            self._confirm(person, grant)
        return _granted(known, grant)

    async def _settle(self, person: Person, grant: Grant) -> None:
        """Enter the person or change the role, once for all who ask meanwhile."""
        running = self._settling.get(person.identity) or self._started(person, grant)
        try:
            # One who goes away must not end it for the others.
            await asyncio.shield(running)
        except Unready as fault:
            logger.warning("a person's role cannot be settled", reason=fault.message)
            why = ", as this ledger takes no writes" if isinstance(fault, ReadOnly) else ""
            raise Forbidden(f"your role cannot be settled now{why}; ask again later") from None
        except Refused:
            raise Forbidden(
                "your account has no role here: it could not be entered, and the operator's log "
                "says why"
            ) from None

    def _started(self, person: Person, grant: Grant) -> asyncio.Task[None]:
        running = asyncio.create_task(asyncio.to_thread(settle, self._engine, person, grant))
        running.add_done_callback(lambda _: self._settling.pop(person.identity, None))
        self._settling[person.identity] = running
        return running

    def _confirm(self, person: Person, grant: Grant) -> None:
        """Note a newer token, once, and beside the request: its answer does not hang on that."""
        rests = asyncio.get_running_loop().time() < self._rests_until
        if person.identity not in self._confirming and not rests:
            noting = asyncio.create_task(self._confirmed(person, grant))
            self._confirming[person.identity] = noting
            noting.add_done_callback(lambda _: self._confirming.pop(person.identity, None))

    async def _confirmed(self, person: Person, grant: Grant) -> None:
        try:
            await asyncio.to_thread(confirm, self._engine, person, grant)
        except (Unready, BrokenOff) as fault:
            logger.warning("newer tokens cannot be noted", reason=type(fault).__name__)
            self._rests_until = asyncio.get_running_loop().time() + REST_S
        except Exception:
            logger.exception("newer tokens cannot be noted")
            self._rests_until = asyncio.get_running_loop().time() + REST_S


def _entered_here(person: Person, known: Known | None) -> Editing:
    if known is None:
        raise Forbidden(
            "your account has no role here: an ADMIN can enter an editor with the identity "
            f"{person.identity}"
        )
    return known.editing


def _is_newer(person: Person, known: Known) -> bool:
    """Whether a token is newer than the newest one that told the role.

    No other one changes it: two that say different roles would change it at every request,
    each by an entry of the log, and one that was issued before a role was taken away would
    bring it back.
    """
    return known.settled_at is None or person.issued_at > known.settled_at


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
