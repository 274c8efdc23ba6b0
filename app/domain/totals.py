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
        "The years in which it can have happened; 2020 to 2023 is a group of its own.",
    )


class TotalsRollUp(Shaping):
    """What counts for those above it, too."""

    ITEMS = "ITEMS", "A transfer of an item counts for every broader item too."
    ACTORS = (
        "ACTORS",
        "A transfer of an actor counts for all for which that one acts or of which it is part.",
    )


class TransferTotalOrder(Code):
    """In which order totals are listed."""

    TRANSFERS_DESC = "TRANSFERS_DESC", "By the number of transfers, the largest groups first."
    GROUP_ASC = (
        "GROUP_ASC",
        "As `groupBy` has it: by year, by code, by entry of the record; none stated comes first.",
    )
