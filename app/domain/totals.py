"""The choices of a question for totals; unlike codes, they are never stored."""

from __future__ import annotations

from app.domain.codes import Code


class Shaping(Code):
    """A list whose choices decide what is asked, not only with which values."""


class TotalsGroup(Shaping):
    """What transfers are grouped by."""

    GIVER = "GIVER", "The actor that gave."
    RECEIVER = "RECEIVER", "The actor that received."
    ITEM = "ITEM", "What was transferred."
    NATURE = "NATURE", "What sort of transfer it was."
    STAGE = "STAGE", "How far it had got."
    YEAR = (
        "YEAR",
        "The years in which it can have happened: 2024, or 2020 to 2023, which is a group of its "
        "own and neither 2020 nor 2021.",
    )


class TotalsRollUp(Shaping):
    """What counts for those above it, too."""

    ITEMS = "ITEMS", "A transfer of an item counts for every broader item too."
    ACTORS = (
        "ACTORS",
        "A transfer from or to an actor counts too for every actor for which that one acts, or "
        "of which it is a part.",
    )


class TransferTotalOrder(Code):
    """In which order totals are listed."""

    TRANSFERS_DESC = "TRANSFERS_DESC", "By the number of transfers, the largest groups first."
    GROUP_ASC = (
        "GROUP_ASC",
        "By what they are grouped by, in the order of `groupBy`: years ascending, codes by "
        "alphabet, actors and items in the order of their entry; groups without a value first.",
    )
