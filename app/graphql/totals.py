"""Totals of transfers: what a group adds up to, and what is behind it."""

from __future__ import annotations

from typing import Any, Final

import strawberry

from app.domain import codes
from app.domain.totals import TotalsGroup, TotalsRollUp, TransferTotalOrder
from app.graphql.fields import Connection, page_field, table_field
from app.graphql.filters import FILTER_TYPES, ORDER_TYPES, ORDERS
from app.graphql.records import Actor, Item, Transfer
from app.graphql.scalars import Decimal
from app.store import totals
from app.store.connections import SORTED, connection

_MODULE: Final = __name__

_AMOUNT: Final = (
    "The sum of the stated amounts; null where one of the transfers states only a bound."
)
_LOWER: Final = (
    "The least that the sum can be: of each transfer its lower bound, else its amount, less a "
    "tenth where that is approximate. One that states no least adds nothing; null where none "
    "states one."
)
_UPPER: Final = (
    "The most that the sum can be: of each transfer its upper bound, else its amount, and a "
    "tenth more where that is approximate. Null, which is unknown, as soon as the most of one "
    "transfer is unknown."
)
_APPROXIMATE: Final = "Whether an approximate amount is among those that were added up."
_COUNTED: Final = "How many transfers were added up."
_LEFT_OUT: Final = (
    "How many transfers were not added up, because a transfer of which they are part is in this "
    "group and states the same."
)


@strawberry.type(description="The years of a group, from the first to the last.")
class YearSpan:
    """The years of a group."""

    from_: int | None = strawberry.field(
        name="from",
        description="The first year; null if it is open or unknown.",
        metadata={"read": totals.year("first_year")},
    )
    to: int | None = table_field(
        totals.year("last_year"), "The last year; null if it is open or unknown."
    )


@strawberry.type(description="How much or how many a group adds up to in one unit.")
class QuantityTotal:
    """A sum of quantities."""

    unit: str = table_field(
        totals.sum_unit,
        "What is counted. Units that differ only in the case of the letters a to z are one.",
    )
    amount: Decimal | None = table_field(totals.sum_amount, _AMOUNT)
    lower: Decimal | None = table_field(totals.sum_lower, _LOWER)
    upper: Decimal | None = table_field(totals.sum_upper, _UPPER)
    approximate: bool = table_field(totals.sum_approximate, _APPROXIMATE)
    transfer_count: int = table_field(totals.counted("transfers"), _COUNTED)
    parts_left_out: int = table_field(totals.parts_left_out_of("quantity"), _LEFT_OUT)


@strawberry.type(
    description="How much money a group adds up to in one currency and on one basis; sums on "
    "different bases are not added to each other."
)
class MoneyTotal:
    """A sum of money."""

    unit: str = table_field(totals.sum_unit, "The currency, ISO 4217.")
    basis: codes.MoneyBasis | None = table_field(
        totals.sum_basis, "What the sums include; null where the transfers do not say."
    )
    amount: Decimal | None = table_field(totals.sum_amount, _AMOUNT)
    lower: Decimal | None = table_field(totals.sum_lower, _LOWER)
    upper: Decimal | None = table_field(totals.sum_upper, _UPPER)
    approximate: bool = table_field(totals.sum_approximate, _APPROXIMATE)
    transfer_count: int = table_field(totals.counted("transfers"), _COUNTED)
    parts_left_out: int = table_field(
        totals.parts_left_out_of("value"), f"{_LEFT_OUT} It may be on another basis."
    )


@strawberry.type(
    description="What the transfers of one group add up to. Of what it is grouped by, null stands "
    "for the transfers that do not state it; what it is not grouped by is null as well."
)
class TransferTotal:
    """What the transfers of one group add up to."""

    giver: Actor | None = table_field(totals.GIVER, "The actor that gave.")
    receiver: Actor | None = table_field(totals.RECEIVER, "The actor that received.")
    item: Item | None = table_field(totals.ITEM, "What was transferred.")
    nature: codes.Nature | None = table_field(totals.NATURE, "What sort of transfer it was.")
    stage: codes.Stage | None = table_field(totals.STAGE, "How far it had got.")
    years: YearSpan | None = table_field(
        totals.YEARS, "The years in which it can have happened; null without a date."
    )
    quantities: list[QuantityTotal] = table_field(
        totals.sums("quantity"),
        "The quantities, one sum for each unit; empty if none is stated.",
        size=2,
    )
    values: list[MoneyTotal] = table_field(
        totals.sums("value"),
        "The values, one sum for each currency and basis; empty if none is stated.",
        size=2,
    )
    overlaps: bool = table_field(
        totals.overlaps,
        "Whether this group counts what another group counts too, so that the two must not be "
        "added: a transfer is in both by a roll-up, or a part is in one and the whole, which "
        "states the same measure, in the other.",
    )
    transfer_count: int = table_field(
        totals.counted("transfers"), "How many transfers are in the group, parts included."
    )
    without_quantity: int = table_field(
        totals.counted("without_quantity"),
        "How many of them state no quantity and add none: `quantities` are those of the others.",
    )
    without_value: int = table_field(
        totals.counted("without_value"),
        "How many of them state no value and add none: `values` are those of the others.",
    )
    without_figures: int = table_field(
        totals.counted("without_figures"), "How many of them state neither quantity nor value."
    )
    parts_left_out: int = table_field(
        totals.parts_left_out, f"{_LEFT_OUT} Left out of any of the sums."
    )
    transfers: Connection[Transfer] = page_field(
        Connection[Transfer],
        connection(
            "transfer",
            ORDERS["transfer"],
            joined=totals.behind,
            natural=SORTED,
            counted=totals.total_behind,
        ),
        "The transfers of the group, those included whose measure is left out.",
        _MODULE,
        order_type=ORDER_TYPES["transfer"],
    )


TRANSFER_TOTALS: Final[Any] = page_field(
    Connection[TransferTotal],
    totals.transfer_totals,
    "What transfers add up to, in groups. Each transfer is counted as it is held: a pledged or "
    "cancelled one counts like a delivered one, unless the filter or the group STAGE tells them "
    "apart. Without `states` in the filter only active ones count. A part's measure is left out "
    "where a transfer that it is part of is in the same group and states the same measure in the "
    "same unit, so a whole is not counted twice; the filter's `isPart` leaves parts out "
    "altogether. What is given in return is a transfer too and counts as one. Groups that must "
    "not be added to each other say so in `overlaps`.",
    _MODULE,
    more={
        "group_by": (
            list[TotalsGroup],
            "What to group by, each once; an empty list makes one group of all.",
        ),
        "roll_up": (
            list[TotalsRollUp] | None,
            "What counts for those above it too; ITEMS if absent, an empty list for none.",
        ),
    },
    filter_type=FILTER_TYPES["transfer"],
    order_type=TransferTotalOrder,
    weight=20,
)
