"""Who may do what: one table, from role and act to how far it reaches.

Whoever acts has a role in a newsroom. In the house newsroom, the ledger's own, a role
reaches over the whole ledger; in a partner's it reaches over what is that newsroom's:
its claims, proposals, editors and keys. A key may carry scopes, which narrow the role
and never widen it.

Nothing else decides over it. Surfaces ask before a plan is compiled, commands before
they look anything up; docs/access.md prints this table, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from app.domain.codes import Code, Role
from app.domain.errors import Forbidden, Unauthenticated


class Act(Code):
    """One thing that may be allowed; a key's scopes are a list of these."""

    READ = "READ", "Read what is public: records, history, findings, the log."
    READ_PROPOSALS = "READ_PROPOSALS", "Read proposals, and what was said about them."
    READ_INTERNAL = "READ_INTERNAL", "Read the internal notes of changesets."
    READ_ACCESS = "READ_ACCESS", "Read who holds which role and key, and held it when."
    READ_TRAFFIC = "READ_TRAFFIC", "Read the access log: who asked what, and when."
    PROPOSE = "PROPOSE", "Make proposals; comment on, revise and withdraw one's own."
    WITHDRAW_OTHERS = "WITHDRAW_OTHERS", "Withdraw proposals of one's colleagues."
    COMMIT = "COMMIT", "Commit and revert edits."
    CORRECT_OTHERS = "CORRECT_OTHERS", "Commit edits of other newsrooms' claims."
    DECIDE = "DECIDE", "Comment on, return, accept and reject proposals."
    REDACT = "REDACT", "Remove content for a legal reason."
    OWN_KEYS = "OWN_KEYS", "Rotate and revoke one's own keys."
    MANAGE_ACCESS = "MANAGE_ACCESS", "Enter editors, change roles, give out and revoke keys."


class Reach(Code):
    """How far an act reaches."""

    NONE = "NONE", "It is not allowed."
    NEWSROOM = "NEWSROOM", "What is the own newsroom's."
    LEDGER = "LEDGER", "The whole ledger."


_N, _L = Reach.NEWSROOM, Reach.LEDGER

ROLES: Final[Mapping[Role, Mapping[Act, Reach]]] = {
    Role.READER: {
        Act.READ: _L,
        Act.OWN_KEYS: _N,
    },
    Role.CONTRIBUTOR: {
        Act.READ: _L,
        Act.READ_PROPOSALS: _N,
        Act.PROPOSE: _N,
        Act.OWN_KEYS: _N,
    },
    Role.EDITOR: {
        Act.READ: _L,
        Act.READ_PROPOSALS: _L,
        Act.READ_INTERNAL: _N,
        Act.PROPOSE: _N,
        Act.COMMIT: _L,
        Act.DECIDE: _L,
        Act.OWN_KEYS: _N,
    },
    Role.AUDITOR: {
        Act.READ: _L,
        Act.READ_PROPOSALS: _L,
        Act.READ_INTERNAL: _L,
        Act.READ_ACCESS: _L,
        Act.READ_TRAFFIC: _L,
        Act.OWN_KEYS: _N,
    },
    Role.ADMIN: {
        Act.READ: _L,
        Act.READ_PROPOSALS: _L,
        Act.READ_INTERNAL: _L,
        Act.READ_ACCESS: _L,
        Act.READ_TRAFFIC: _L,
        Act.PROPOSE: _N,
        Act.WITHDRAW_OTHERS: _N,
        Act.COMMIT: _L,
        Act.CORRECT_OTHERS: _L,
        Act.DECIDE: _L,
        Act.REDACT: _L,
        Act.OWN_KEYS: _N,
        Act.MANAGE_ACCESS: _L,
    },
}
"""What each role reaches in the house newsroom; an act that is not named is not allowed."""

HOUSE_ONLY: Final = frozenset({Act.CORRECT_OTHERS, Act.REDACT})
"""What concerns the whole ledger or nothing: no partner may do it."""


INCLUDED_IN: Final = {Act.OWN_KEYS: Act.MANAGE_ACCESS}
"""Act → the wider one whose scope lets a key do it too."""


def reach(role: Role, act: Act, *, is_house: bool, scopes: frozenset[Act] | None = None) -> Reach:
    """Return how far `act` reaches for a role in a newsroom, as far as `scopes` let it.

    Reading what is public is never narrowed: anybody may do it without a key.
    """
    if scopes is not None and act is not Act.READ and not scopes & {act, INCLUDED_IN.get(act)}:
        return Reach.NONE
    widest = ROLES[role].get(act, Reach.NONE)
    if is_house or act is Act.READ:
        return widest
    if act in HOUSE_ONLY:
        return Reach.NONE
    return min(widest, Reach.NEWSROOM, key=_WIDTH.index)


_WIDTH: Final = (Reach.NONE, Reach.NEWSROOM, Reach.LEDGER)


_KEPT: Final = 1_000
"""Combinations of a role with scopes whose acts are remembered."""

ANYBODY: Final = frozenset({Act.READ})
"""What needs no key."""


@lru_cache(_KEPT)
def reached(
    role: Role, *, is_house: bool, scopes: frozenset[Act] | None = None
) -> Mapping[Act, Reach]:
    """Return every act that reaches anywhere, and how far."""
    every = {act: reach(role, act, is_house=is_house, scopes=scopes) for act in Act}
    return MappingProxyType({act: far for act, far in every.items() if far is not Reach.NONE})


@lru_cache(_KEPT)
def allowed(role: Role, *, is_house: bool, scopes: frozenset[Act] | None = None) -> frozenset[Act]:
    """Return every act that reaches anywhere."""
    return frozenset(reached(role, is_house=is_house, scopes=scopes))


def holders_of(act: Act) -> tuple[Role, ...]:
    """Return the roles that may do something, for the words of a refusal."""
    return tuple(role for role in Role if act in ROLES[role])


# --- refusals -----------------------------------------------------------------


def keyless(act: Act) -> Unauthenticated:
    """Return the refusal of an act to whoever shows no key."""
    return Unauthenticated(
        f"without a key nobody may {phrase(act)}; {_who_may(act)}: send the key as "
        "'Authorization: Bearer ck_…'"
    )


def forbidden(
    act: Act, role: Role, *, is_house: bool, scopes: frozenset[Act] | None = None
) -> Forbidden:
    """Return the refusal of an act to a role, in words that say who may."""
    if scopes is not None and reach(role, act, is_house=is_house) is not Reach.NONE:
        return Forbidden(f"{act} is not among the scopes of this key: it may not {phrase(act)}")
    of = "" if is_house or act not in HOUSE_ONLY else " of a partner newsroom"
    return Forbidden(f"the role {role}{of} may not {phrase(act)}; {_who_may(act)}")


def phrase(act: Act) -> str:
    """Return what an act is, as it goes on from "may"."""
    return act.description[0].lower() + act.description[1:].rstrip(".")


def _who_may(act: Act) -> str:
    where = ", in the house newsroom" if act in HOUSE_ONLY else ""
    *others, last = holders_of(act)
    listed = f"{', '.join(others)} and {last}" if others else str(last)
    return f"{listed} may{where}"
