"""The closed lists that fields choose from, each choice with what it means.

A code is a string (`ItemKind.FUNDS == "FUNDS"`) that carries the sentence the
published contract prints beside it (`ItemKind.FUNDS.description`). Codes are
stored in the log: they may be added, and never renamed or reused.
"""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from typing import Self

from app.domain.errors import InvalidValue
from app.domain.wording import shown


class Code(StrEnum):
    """One choice of a closed list; `description` says what choosing it means."""

    _value_: str
    description: str

    def __new__(cls, value: object, description: str = "") -> Self:
        """Make a member that is the string `value` and carries `description`."""
        member = str.__new__(cls, value)
        member._value_ = str(value)
        member.description = description
        return member


def descriptions(codes: type[Code]) -> dict[str, str]:
    """Return the description of every code of a list, in the order of the list."""
    return {code.value: code.description for code in codes}


def code(codes: type[Code], value: object) -> str:
    """Return `value` as a plain string if it is one of `codes`.

    Raises InvalidValue that names the list and, where one is near, the code
    that was probably meant.
    """
    if isinstance(value, str) and value in codes.__members__:
        return codes[value].value
    written = value[:64].upper() if isinstance(value, str) else ""
    near = get_close_matches(written, codes.__members__, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    known = ", ".join(codes.__members__)
    raise InvalidValue(f"must be one of {known}; this is {shown(value)}{hint}")


class ActorKind(Code):
    """What sort of party an actor is."""

    STATE = "STATE", "A state, or a territory that acts as one."
    AGENCY = "AGENCY", "A body of a state: a ministry, a service, an army."
    ORGANIZATION = "ORGANIZATION", "A body of several states or of none, run for no profit."
    COMPANY = "COMPANY", "A business, whoever owns it."
    NEWS_OUTLET = "NEWS_OUTLET", "A publisher of news: a paper, a broadcaster, a news agency."
    PERSON = "PERSON", "One human being."
    GROUP = "GROUP", "Several parties named together, such as the press of one country."
    UNKNOWN = "UNKNOWN", "The sources do not say."


class ItemKind(Code):
    """What sort of thing is transferred."""

    LIVE_ANIMAL = "LIVE_ANIMAL", "Living animals."
    MUNITION = "MUNITION", "What is fired, dropped or detonated: shells, rockets, mines."
    WEAPON = "WEAPON", "What fires or launches: guns, launchers, systems."
    VEHICLE = "VEHICLE", "What carries: vehicles, ships, aircraft, rolling stock."
    COMMODITY = "COMMODITY", "Goods traded by weight, volume or number: grain, oil, coal."
    FUNDS = "FUNDS", "Money in any form."
    SERVICE = "SERVICE", "Work done for the receiver: training, repair, transport."
    OTHER = "OTHER", "Something that none of the other kinds fits."


class Nature(Code):
    """On what footing something changed hands."""

    GIFT = "GIFT", "Given, with nothing owed in return."
    SALE = "SALE", "Sold for money."
    PAYMENT = "PAYMENT", "Handed over to pay for something else."
    BARTER = "BARTER", "Exchanged for other goods or services."
    AID = "AID", "Given to relieve need or to support a cause."
    LOAN = "LOAN", "Lent, to be given back."
    RETURN = "RETURN", "Given back to whom it came from."
    SEIZURE = "SEIZURE", "Taken without the giver's consent."
    UNKNOWN = "UNKNOWN", "The sources do not say."


class Stage(Code):
    """How far a transfer is reported to have come."""

    PLEDGED = "PLEDGED", "Promised in public or by agreement."
    ORDERED = "ORDERED", "Contracted for, or ordered to be sent."
    APPROVED = "APPROVED", "Cleared by whoever has to allow it."
    DISPATCHED = "DISPATCHED", "On its way; not known to have arrived."
    DELIVERED = "DELIVERED", "Arrived at the receiver."
    CANCELLED = "CANCELLED", "Called off before it was delivered."
    UNKNOWN = "UNKNOWN", "The sources do not say."


class ConsiderationExtent(Code):
    """How much of another transfer this one pays for."""

    FULL = "FULL", "It is the whole price."
    PARTIAL = "PARTIAL", "It is part of the price."
    UNKNOWN = "UNKNOWN", "It is part of a deal; how much of it, the sources do not say."


class CitationKind(Code):
    """What sort of document a citation is."""

    NEWS_REPORT = "NEWS_REPORT", "A report by a news outlet."
    PRESS_RELEASE = "PRESS_RELEASE", "What a party published about its own doings."
    OFFICIAL_RECORD = "OFFICIAL_RECORD", "A register, filing or statistic that an authority keeps."
    STATE_MEDIA = "STATE_MEDIA", "A report by an outlet that speaks for a state."
    DATASET = "DATASET", "A collection of data, published as such."
    STATEMENT = "STATEMENT", "Words of a person or body, spoken or written, on the record."
    SOCIAL_POST = "SOCIAL_POST", "A post on a social network."
    UNNAMED = "UNNAMED", "A source that is cited without being named."


class Integrity(Code):
    """What became of a source document after it was published."""

    LIVE = "LIVE", "It stands as it was published."
    CORRECTED = "CORRECTED", "Its publisher corrected it and keeps it up."
    RETRACTED = "RETRACTED", "Its publisher withdrew it; claims that rest on it count no more."
    REMOVED = "REMOVED", "It cannot be reached any more, and nobody said why."


class Stance(Code):
    """How a source puts what it says."""

    ASSERTS = "ASSERTS", "It says that this is so."
    ESTIMATES = "ESTIMATES", "It gives this as an estimate."
    DENIES = "DENIES", "It says that this is not so."


class Derivation(Code):
    """How one claim comes from another."""

    QUOTES = "QUOTES", "It repeats the other source's words."
    PARAPHRASES = "PARAPHRASES", "It says in its own words what the other source says."
    REPORTS = "REPORTS", "It says that the other source says so."
    SUSPECTED = (
        "SUSPECTED",
        "It resembles the other claim; that it comes from it is not established.",
    )


class FindingStatus(Code):
    """How what this ledger holds for a field stands to the claims about it."""

    OPEN = "OPEN", "Nothing is held, and there are live claims."
    DENIED = (
        "DENIED",
        "No live claim asserts or estimates what is held, and one denies it.",
    )
    UNSUPPORTED = "UNSUPPORTED", "No live claim asserts or estimates what is held."
    CONTESTED = (
        "CONTESTED",
        "A live claim asserts or estimates what is held; another disagrees with it or denies it.",
    )
    SUPPORTED = "SUPPORTED", "A live claim asserts or estimates what is held, and none disagrees."


class OriginKind(Code):
    """What sort of document the chain of a claim begins with."""

    PRIMARY = "PRIMARY", "An official record, press release, statement or dataset."
    UNSOURCED = "UNSOURCED", "A report that names no source but its own publisher."
    OTHER = "OTHER", "State media, or a report that says whose word it is."


class ChainDirection(Code):
    """Which way the derivations of claims are followed."""

    ORIGINS = "ORIGINS", "To the claims that they rest on, or are suspected to."
    REPETITIONS = "REPETITIONS", "To the claims that repeat them."
    BOTH = "BOTH", "Both ways."


class MoneyBasis(Code):
    """What a sum of money measures."""

    DECLARED = "DECLARED", "The value declared to an authority, such as customs."
    CIF = "CIF", "Cost, insurance and freight: the value at the border of the receiver."
    FOB = "FOB", "Free on board: the value at the border of the giver."
    ESTIMATE = "ESTIMATE", "Somebody's estimate of what it is worth."


class RecordState(Code):
    """Whether a record stands."""

    ACTIVE = "ACTIVE", "It stands."
    RETRACTED = "RETRACTED", "It was withdrawn; its past remains readable."
    MERGED = "MERGED", "It was a duplicate; `mergedInto` names the record that stands for both."


class ReasonCode(Code):
    """Why a changeset was made."""

    NEW_SOURCE = "NEW_SOURCE", "A source appeared that was not known before."
    SOURCE_CORRECTED = "SOURCE_CORRECTED", "A source corrected itself."
    SOURCE_RETRACTED = "SOURCE_RETRACTED", "A source withdrew what it said."
    ENTRY_ERROR = "ENTRY_ERROR", "The entry did not say what its source says."
    CLARIFICATION = "CLARIFICATION", "The same, said more clearly or more precisely."
    DUPLICATE = "DUPLICATE", "Two records stood for one thing."
    DISPUTE = "DISPUTE", "Somebody contests what was held."
    LEGAL = "LEGAL", "The law or a court requires it."
    PRIVACY = "PRIVACY", "It protects a person's privacy or safety."
    INITIAL_ENTRY = "INITIAL_ENTRY", "The first entry of something that was not in the ledger."
    OTHER = "OTHER", "Another reason, which the note gives."


class ChangesetKind(Code):
    """By which way a changeset entered the ledger."""

    EDIT = "EDIT", "An editor changed records."
    IMPORT = "IMPORT", "A dossier was loaded."
    MERGE = "MERGE", "Duplicates were merged."
    REVERT = "REVERT", "An earlier changeset was put back."
    REDACTION = "REDACTION", "Content was removed for a legal reason."
    REVIEW = "REVIEW", "A proposal was decided on."
    ACCESS = "ACCESS", "Editors, newsrooms or keys were changed."


class AccessKind(Code):
    """What an ACCESS changeset changes."""

    NEWSROOM = "NEWSROOM", "A newsroom."
    EDITOR = "EDITOR", "An editor: name, role, and whether they act still."
    KEY = "KEY", "A key of an editor."


class EditorState(Code):
    """Whether an editor may act."""

    ACTIVE = "ACTIVE", "They may."
    RETIRED = "RETIRED", "They were retired: none of their keys is good."


class KeyState(Code):
    """Whether a key is good now."""

    GOOD = "GOOD", "It is."
    NOT_YET = "NOT_YET", "Its time has not begun."
    EXPIRED = "EXPIRED", "Its time is over."
    REVOKED = "REVOKED", "It was revoked."
    RETIRED = "RETIRED", "Its editor was retired."


class RequestKind(Code):
    """What sort of operation was asked for."""

    QUERY = "QUERY", "Something was read."
    MUTATION = "MUTATION", "Something was to be changed."


class Action(Code):
    """What a revision did to its record."""

    ADD = "ADD", "Made the record."
    REVISE = "REVISE", "Gave fields other values."
    RETRACT = "RETRACT", "Withdrew the record."
    RESTORE = "RESTORE", "Brought a withdrawn record back."
    MERGE = "MERGE", "Marked the record as a duplicate of another, or pointed it at the survivor."
    REDACT = "REDACT", "Removed content, leaving a visible gap."


class RedactionAuthority(Code):
    """By what authority content was removed."""

    LEGAL = "LEGAL", "A law, a court or an authority demands it."
    PRIVACY = "PRIVACY", "A person's privacy or safety demands it."
    EDITORIAL = "EDITORIAL", "The ledger's own rules demand it: it should never have been entered."


class HeaderText(Code):
    """A text of a changeset's header."""

    NOTE = "NOTE", "The public note of the reason."
    INTERNAL_NOTE = "INTERNAL_NOTE", "The internal note of the reason."
    EDITOR_NAME = "EDITOR_NAME", "The editor's name at the time."
    ORIGIN = "ORIGIN", "What an importer stated about where the changeset comes from."
    REVIEW = "REVIEW", "What a reviewer said about a proposal when it was decided on."


class ProposalState(Code):
    """How far a proposal has come."""

    OPEN = "OPEN", "It waits for a reviewer."
    RETURNED = "RETURNED", "It was sent back to its contributor, and waits to be revised."
    ACCEPTED = "ACCEPTED", "It became a changeset."
    REJECTED = "REJECTED", "A reviewer decided against it."
    WITHDRAWN = "WITHDRAWN", "It was taken back by whoever made it."


class Decision(Code):
    """What a reviewer says to a proposal."""

    ACCEPT = "ACCEPT", "It becomes a changeset, as the ledger stands now."
    RETURN = "RETURN", "It goes back to its contributor, to be revised."
    REJECT = "REJECT", "It is decided against, for good."
    COMMENT = "COMMENT", "Something is said about it, and nothing is decided."


class ProposalEventKind(Code):
    """What happened to a proposal."""

    PROPOSE = "PROPOSE", "It was made."
    REVISE = "REVISE", "Its contributor gave it another content."
    COMMENT = "COMMENT", "Somebody said something about it."
    RETURN = "RETURN", "A reviewer sent it back."
    ACCEPT = "ACCEPT", "A reviewer accepted it."
    REJECT = "REJECT", "A reviewer decided against it."
    WITHDRAW = "WITHDRAW", "It was taken back."


class Role(Code):
    """What a key may do, from least to most."""

    READER = "READER", "Reads what is public."
    CONTRIBUTOR = "CONTRIBUTOR", "Reads, and proposes changesets."
    EDITOR = "EDITOR", "Reads, proposes, commits and decides on proposals."
    AUDITOR = "AUDITOR", "Reads everything that is kept, internal notes included; changes nothing."
    ADMIN = "ADMIN", "Does all of this, redacts, and gives out keys."


class ClaimField(Code):
    """What a claim can be about; which of them a kind of record has is its own matter."""

    EXISTENCE = "EXISTENCE", "That the transfer happened at all."
    GIVER = "GIVER", "Who gave, in a transfer."
    RECEIVER = "RECEIVER", "Who received, in a transfer."
    ITEM = "ITEM", "What was transferred."
    QUANTITY = "QUANTITY", "How much or how many were transferred."
    VALUE = "VALUE", "What a transfer was worth or cost."
    OCCURRED = "OCCURRED", "When a transfer happened."
    NATURE = "NATURE", "What sort of transfer it was."
    STAGE = "STAGE", "How far a transfer had got."
    ORIGIN = "ORIGIN", "The place that a transfer left."
    DESTINATION = "DESTINATION", "The place that a transfer went to."
    ROUTE = "ROUTE", "The way that a transfer took."
    TRANSPORT = "TRANSPORT", "The means by which a transfer was carried."
    PURPOSE = "PURPOSE", "What a transfer was meant for."
    USED_AGAINST = "USED_AGAINST", "Against whom the transferred item was used."
    CONSIDERATION_FOR = "CONSIDERATION_FOR", "For which other transfer this one was given."
    PART_OF = "PART_OF", "Of which transfer, or actor, this one is a part."
    NAME = "NAME", "What an actor is called."
    KIND = "KIND", "What sort of actor or item it is."
    COUNTRY = "COUNTRY", "The country of an actor."
    ACTS_FOR = "ACTS_FOR", "On whose behalf an actor acts."
    BROADER = "BROADER", "Of which item this one is a special case."
    HS_CODE = "HS_CODE", "The Harmonized System code of an item."


class ErrorPolicy(Code):
    """What becomes of an edit of which some operations are refused."""

    REJECT_ALL = "REJECT_ALL", "Nothing is written."
    SKIP_FAILED = (
        "SKIP_FAILED",
        "They are left out, with those that depend on them, and the rest is written.",
    )


class UpsertResult(Code):
    """What an upsert did."""

    ADDED = "ADDED", "The newsroom had no such record; it was added."
    REVISED = "REVISED", "Something differed, and was revised."
    UNCHANGED = "UNCHANGED", "The record held these values already; nothing was written of it."


class RecordKind(Code):
    """The five kinds of record."""

    ACTOR = "ACTOR", "A party in the story."
    ITEM = "ITEM", "What is transferred."
    TRANSFER = "TRANSFER", "One reported movement of an item."
    CITATION = "CITATION", "A source document."
    CLAIM = "CLAIM", "What one source asserts about one field of one record."


class SearchMatch(Code):
    """How a record has the words that were searched for, the best way first."""

    NAME = "NAME", "Its name or title is the text."
    OTHER_NAME = (
        "OTHER_NAME",
        "An alias, identifier or external reference, or the title of a document, is the text.",
    )
    NAME_START = "NAME_START", "Its name or title begins with the text."
    NAME_WORDS = "NAME_WORDS", "Its name or title has all the words."
    OTHER_NAME_WORDS = "OTHER_NAME_WORDS", "Its names, of either sort, have all the words."
    WORDS = "WORDS", "Its names and prose have all the words."
    SPELLING = (
        "SPELLING",
        "No record has all the words; the names of this one are spelled much like them.",
    )
