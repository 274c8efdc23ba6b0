"""When two values agree, and which claims are live, as SQL conditions.

The rules are the design's; `app.domain.agreement` and `app.domain.claims` say
them in Python, and a test holds the two against each other. Both sides are
rows with the value columns of a claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import sqlalchemy as sa

from app.domain.agreement import UNKNOWN
from app.domain.codes import Derivation, Integrity, RecordState, Stance
from app.domain.decimals import MAX_THOUSANDTHS
from app.store.reading import Moment, Scope
from app.store.sql import Expression, Folded, InSqlite

ONE: Final = sa.literal_column("1", sa.Integer())


class Names(Protocol):
    """What gives names that nothing else in the statement has; a place in a document does."""

    def alias(self) -> str:
        """Return a name."""


IS_LIVE: Final = "corrigenda_is_live"
IS_NARROWER: Final = "corrigenda_is_narrower"
"""The functions that SQLite's connections are given: of ids, and of a position or NULL."""


def word(code: str) -> Expression:
    """Return one of our own codes as a constant of the SQL."""
    return sa.literal_column(f"'{code}'", sa.Text())


def exists(source: sa.FromClause, conditions: Sequence[Expression]) -> Expression:
    """Return whether there is a row for which the conditions hold."""
    # Not EXISTS, of which PostgreSQL makes a join over all rows before it knows
    # which are asked for: a look-up by index in each row is what is meant.
    found: Expression = (
        sa.select(ONE)
        .select_from(source)
        .where(*conditions)
        .limit(ONE)
        .offset(_number(0))  # SQLAlchemy gives SQLite one in any case, as a parameter
        .correlate(None)
        .scalar_subquery()
    )
    return found.is_not(None)


# --- live claims --------------------------------------------------------------


def stands(names: Names, claim: Scope) -> Expression:
    """Whether a claim and its citation are active, and that is not known as retracted."""
    citation = Scope("citation", names.alias(), claim.moment)
    source, holds = citation.by_id()
    integrity = citation["integrity"]
    return sa.and_(
        claim["state"] == word(RecordState.ACTIVE),
        exists(
            source,
            [
                citation["id"] == claim["citation"],
                *holds,
                citation["state"] == word(RecordState.ACTIVE),
                sa.or_(integrity.is_(None), integrity != word(Integrity.RETRACTED)),
            ],
        ),
    )


def is_derived(names: Names, claim_id: Expression, moment: Moment) -> Expression:
    """Whether a claim rests on others: it has derivations that are not mere suspicion."""
    link = Scope("derivation", names.alias(), moment)
    return exists(link.source(), [link["claim"] == claim_id, *_backing(link)])


def _backing(link: Scope) -> list[Expression]:
    suspected = word(Derivation.SUSPECTED)
    return [link["derivation"] != suspected, *link.moment.holds("derivation", link.alias)]


def is_live(names: Names, claim: Scope) -> Expression:
    """Whether a claim is live: it stands, and what it rests on reaches a root that stands."""
    rule = is_live_in_full(names, claim)
    return InSqlite(rule, IS_LIVE, claim["id"], _position(claim.moment))


def _position(moment: Moment) -> Expression:
    return sa.literal_column("NULL") if moment.position is None else moment.position


def is_live_in_full(names: Names, claim: Scope) -> Expression:
    """Return the rule of `is_live`."""
    start = sa.select(claim["id"].label("claim")).correlate(None)
    reached = walk_up(names, start, claim.moment)
    here = sa.literal_column(f"{reached.name}.claim", sa.Text())
    rooted = exists(reached, [sa.not_(is_derived(names, here, claim.moment))])
    return sa.and_(
        stands(names, claim),
        sa.or_(sa.not_(is_derived(names, claim["id"], claim.moment)), rooted),
    )


def walk_up(names: Names, start: sa.Select[Any], moment: Moment) -> sa.CTE:
    """Return the claims of `start` with all that they rest on and that stands.

    The rows have one column, `claim`. A claim among them that is not derived is
    a root, and all on the way from it are live.
    """
    name = names.alias()
    # Nested where it is used, because it starts from the rows around it.
    reached = start.cte(name, recursive=True, nesting=True)
    link, parent = Scope("derivation", names.alias(), moment), Scope("claim", names.alias(), moment)
    source, holds = parent.by_id()
    step = (
        sa.select(parent["id"])
        .select_from(reached)
        .join(link.source(), link["claim"] == sa.literal_column(f"{name}.claim"))
        .join(source, parent["id"] == link["parent"])
        .where(*_backing(link), *holds, stands(names, parent))
    )
    return reached.union(step)


# --- agreement ----------------------------------------------------------------


def agree(names: Names, held: Scope, claim: Scope) -> Expression:
    """Whether the values of two rows agree; of EXISTENCE, which has no value, they do."""
    tag = claim["value_tag"]
    return sa.case(
        (tag.is_(None), sa.true()),
        (tag == word("record"), _same_record(names, held, claim)),
        (tag == word("code"), _same_code(held, claim)),
        (tag == word("text"), Folded(held["value_text"]) == Folded(claim["value_text"])),
        (tag == word("date"), _days_in_common(held, claim)),
        else_=_measures_meet(held, claim),
    )


def _same_code(held: Scope, claim: Scope) -> Expression:
    same = held["value_code"] == claim["value_code"]
    return sa.and_(same, claim["value_code"] != word(UNKNOWN))


def _days_in_common(held: Scope, claim: Scope) -> Expression:
    return sa.and_(
        held["value_earliest"] <= claim["value_latest"],
        claim["value_earliest"] <= held["value_latest"],
    )


def _same_record(names: Names, held: Scope, claim: Scope) -> Expression:
    one, other = held["value_record"], claim["value_record"]
    is_item = sa.func.substr(one, 1, 5) == word("item_")
    moment = held.moment
    within = sa.or_(
        _is_narrower(names, one, other, moment), _is_narrower(names, other, one, moment)
    )
    return sa.or_(one == other, sa.and_(is_item, within))


def _is_narrower(names: Names, item: Expression, broader: Expression, moment: Moment) -> Expression:
    rule = is_narrower_in_full(names, item, broader, moment)
    return InSqlite(rule, IS_NARROWER, item, broader, _position(moment))


def is_narrower_in_full(
    names: Names, item: Expression, broader: Expression, moment: Moment
) -> Expression:
    """Return whether an item stands below another one, at any depth."""
    name = names.alias()
    start = sa.select(item.label("item")).correlate(None)
    above = start.cte(name, recursive=True, nesting=True)
    step = Scope("item", names.alias(), moment)
    source, holds = step.by_id()
    here = sa.literal_column(f"{name}.item", sa.Text())
    above = above.union(
        sa.select(step["broader"])
        .select_from(above)
        .join(source, step["id"] == here)
        .where(step["broader"].is_not(None), *holds)
    )
    return exists(above, [here == broader])


# --- measures -----------------------------------------------------------------


def _measures_meet(held: Scope, claim: Scope) -> Expression:
    (least, most), (other_least, other_most) = interval(held), interval(claim)
    return sa.and_(
        Folded(held["value_unit"]) == Folded(claim["value_unit"]),
        _reaches(other_most, least),
        _reaches(most, other_least),
    )


End = tuple[Expression, Expression]
"""One end of an interval: thousandths, and tenths of one. NULL where it is open."""


def interval(row: Scope) -> tuple[End, End]:
    """Return the least and the most that a measure can mean.

    Ten percent of a 64-bit amount is not whole; so an end is counted in two
    parts, which compare one after the other and never overflow.
    """
    amount, is_about = row["value_amount"], row["value_approximate"]
    lower, upper = row["value_lower"], row["value_upper"]
    tenth = amount.op("/", return_type=sa.BigInteger())(_number(10))
    rest = amount.op("%", return_type=sa.BigInteger())(_number(10))
    has_rest = rest > _number(0)
    about_less = amount - tenth - sa.case((has_rest, _number(1)), else_=_number(0))
    about_more = sa.case(
        (amount > _number(MAX_THOUSANDTHS) - tenth, _number(MAX_THOUSANDTHS)),
        else_=amount + tenth,
    )
    least = sa.case((lower.is_not(None), lower), (is_about, about_less), else_=amount)
    most = sa.case((upper.is_not(None), upper), (is_about, about_more), else_=amount)
    least_is_about = sa.and_(lower.is_(None), is_about, has_rest)
    most_is_about = sa.and_(upper.is_(None), is_about)
    return (
        (least, sa.case((least_is_about, _number(10) - rest), else_=_number(0))),
        (most, sa.case((most_is_about, rest), else_=_number(0))),
    )


def _number(value: int) -> Expression:
    # Written out: a parameter for each constant would be dozens in each list.
    return sa.literal_column(str(value), sa.BigInteger())


def _reaches(most: End, least: End) -> Expression:
    """Whether an interval that ends at `most` goes as far as `least`; an open end does."""
    both = sa.tuple_(*most) >= sa.tuple_(*least)
    return sa.or_(most[0].is_(None), least[0].is_(None), both)


# --- the same position --------------------------------------------------------


def same_position(one: Scope, other: Scope) -> list[Expression]:
    """Return when two claims about one field take the same position.

    They say the same in their own words: wording and spelling do not matter,
    but a bound is not an amount, and to deny is not to assert.
    """
    denies = word(Stance.DENIES)
    columns = (
        "value_amount", "value_lower", "value_upper", "value_approximate", "value_basis",
        "value_date", "value_record", "value_code",
    )  # fmt: skip
    return [
        (one["stance"] == denies) == (other["stance"] == denies),
        *(one[name].is_not_distinct_from(other[name]) for name in columns),
        *(
            Folded(one[name]).is_not_distinct_from(Folded(other[name]))
            for name in ("value_unit", "value_text")
        ),
    ]
