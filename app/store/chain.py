"""The chain of a claim or a finding: every claim that it rests on or that repeats it.

Links of mere suspicion are followed too, and shown as what they are: a chain is
for looking at, origins are for counting.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from app.domain.codes import ChainDirection
from app.store.agreement import is_derived
from app.store.findings import about, origin_kind
from app.store.reading import At, Scope, list_of, subquery
from app.store.sql import Expression, as_json

CHAIN_LIMIT: Final = 1_000
"""Claims of one chain that are shown; `isComplete` says whether that is all."""


def chain(at: At) -> Expression:
    """Read the chain of a claim, or of all claims about a finding."""
    direction = ChainDirection(at.argument("direction") or ChainDirection.BOTH)
    return at.select(replace(at.scope, extra=direction))


def _start(at: At) -> sa.Select[Any]:
    if at.scope.table == "claim":
        return sa.select(at.scope["id"].label("claim")).correlate(None)
    claim = Scope("claim", at.alias(), at.scope.moment)
    return (
        sa.select(claim["id"].label("claim"))
        .select_from(claim.source())
        .where(*about(at, claim), *claim.moment.holds("claim", claim.alias))
        .correlate(None)
    )


def _walk(at: At, from_: str, to: str) -> sa.Select[Any]:
    """Return all claims that the links lead to, those of the start included."""
    name = at.alias()
    reached = _start(at).cte(name, recursive=True, nesting=True)
    link = Scope("derivation", at.alias(), at.scope.moment)
    here = sa.literal_column(f"{name}.claim", sa.Text())
    reached = reached.union(
        sa.select(link[to])
        .select_from(reached)
        .join(link.source(), link[from_] == here)
        .where(*link.moment.holds("derivation", link.alias))
    )
    return sa.select(here.label("claim")).select_from(reached)


def _all(at: At) -> sa.FromClause:
    walks = []
    if at.scope.extra != ChainDirection.REPETITIONS:
        walks.append(_walk(at, "claim", "parent"))
    if at.scope.extra != ChainDirection.ORIGINS:
        walks.append(_walk(at, "parent", "claim"))
    made = walks[0] if len(walks) == 1 else sa.union(*walks)
    return made.subquery(at.alias())


def _members(at: At) -> sa.Select[Any]:
    walked: Any = _all(at)
    member = sa.literal_column(f"{walked.name}.claim", sa.Text())
    limit = sa.literal_column(str(CHAIN_LIMIT), sa.Integer())
    return sa.select(member).select_from(walked).order_by(member).limit(limit).correlate(None)


def nodes(at: At) -> Expression:
    """Read the claims of a chain, in the order of their entry."""
    claim = Scope("claim", at.alias(), at.scope.moment)
    return list_of(at, claim, [claim["id"].in_(_members(at))], [claim["id"]], "Claim")


def links(at: At) -> Expression:
    """Read the links between the claims of a chain."""
    link = Scope("derivation", at.alias(), at.scope.moment)
    conditions = [link["claim"].in_(_members(at)), link["parent"].in_(_members(at))]
    return list_of(at, link, conditions, [link["claim"], link["place"]])


def roots(at: At) -> Expression:
    """Read the claims of a chain that rest on no other one."""
    claim = Scope("claim", at.alias(), at.scope.moment)
    is_root = sa.not_(is_derived(at, claim["id"], at.scope.moment))
    conditions = [claim["id"].in_(_members(at)), is_root]
    return list_of(at, claim, conditions, [claim["id"]], "ChainRoot")


def root_claim(at: At) -> Expression:
    """Read the claim that is a root."""
    return at.select(at.scope, "Claim")


def root_kind(at: At) -> Expression:
    """Read the kind of origin that a root is."""
    return as_json(origin_kind(at, at.scope), nullable=True)


def size(at: At) -> Expression:
    """Read how many claims a chain has in all."""
    return as_json(subquery(_all(at), sa.func.count(type_=sa.Integer())), nullable=False)


def is_complete(at: At) -> Expression:
    """Read whether all claims of a chain are shown."""
    counted = subquery(_all(at), sa.func.count(type_=sa.Integer()))
    limit = sa.literal_column(str(CHAIN_LIMIT), sa.Integer())
    return as_json(sa.type_coerce(counted <= limit, sa.Boolean()), nullable=False)
