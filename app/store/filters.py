"""What the lists can be narrowed by: one condition for each member of a filter.

A filter is a function from the argument given (None where it is not) to
conditions on the rows. Values are bound, never written into the SQL.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from app.domain.archive_ids import plain_id
from app.domain.codes import ChangesetKind, RecordState
from app.domain.errors import BadArgument
from app.domain.texts import name_key
from app.store.reading import At, Getter, Moment, Scope
from app.store.rows import NO_DATE
from app.store.sql import AmongTexts, Elements, Expression, HasText, JsonMember, list_parameter

Filter: TypeAlias = Callable[[At, Scope, str, Any], Sequence[Expression]]

LIST_LIMIT: Final = 100
NAME_LIMIT: Final = 500

ACTOR_LINKS: Final = ("acts_for", "part_of")
"""The columns that lead from an actor to those for whom what it does counts too."""


def among(*columns: str) -> Filter:
    """Rows in which one of `columns` has one of the values given."""

    def make(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
        if given is None:
            return ()
        texts = at.bind(_list(name), sa.Text())
        return [sa.or_(*(AmongTexts(scope[column], texts) for column in columns))]

    return make


def is_among(value: Callable[[At, Scope], Expression]) -> Filter:
    """Rows for which `value` is one of the values given."""

    def make(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
        if given is None:
            return ()
        return [AmongTexts(value(at, scope), at.bind(_list(name), sa.Text()))]

    return make


def _list(name: str) -> Getter:
    def get(arguments: Any) -> str:
        values = arguments["filter"][name]
        if len(values) > LIST_LIMIT:
            raise BadArgument(f"filter.{name} has {len(values)} values; at most {LIST_LIMIT}")
        return list_parameter([plain_id(value) for value in values])

    return get


def states(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
    """Active records, unless other states are asked for."""
    if given is None:
        return [scope["state"] == sa.literal_column(f"'{RecordState.ACTIVE.value}'")]
    return among("state")(at, scope, name, given)


def name_contains(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
    """Rows whose name contains the words, in any case and with any accents."""
    if given is None:
        return ()

    def pattern(arguments: Any) -> str:
        given = arguments["filter"][name]
        # A pattern without end is more than SQLite compares with.
        if len(given) > NAME_LIMIT:
            raise BadArgument(f"filter.{name} has {len(given)} characters; at most {NAME_LIMIT}")
        folded = name_key(given)
        escaped = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"%{escaped}%"

    return [scope["name_key"].like(at.bind(pattern, sa.Text()), escape="\\")]


def text_contains(*columns: str, listed: str | None = None, quoted: str | None = None) -> Filter:
    """Rows in which one of `columns` contains the words as they stand, but for the case of A to Z.

    `listed` is a column of {text} objects, `quoted` one of a quote: their texts count too.
    """

    def make(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
        if given is None:
            return ()
        words = at.bind(_words(name), sa.Text())
        found: list[Expression] = [HasText(scope[column], words) for column in columns]
        if quoted is not None:
            found.append(HasText(JsonMember(scope[quoted], "exact"), words))
        if listed is not None:
            found.append(_one_has(at, scope[listed], words))
        return [sa.or_(*found)]

    return make


def _words(name: str) -> Getter:
    def get(arguments: Any) -> str:
        given = arguments["filter"][name]
        if len(given) > NAME_LIMIT:
            raise BadArgument(f"filter.{name} has {len(given)} characters; at most {NAME_LIMIT}")
        # Texts are stored in normalisation form C.
        return unicodedata.normalize("NFC", given).translate(_LOWER)

    return get


_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _one_has(at: At, document: Expression, words: Expression) -> Expression:
    alias = at.alias()
    text = JsonMember(sa.literal_column(f"{alias}.value", sa.Text()), "text")
    return (
        sa.select(sa.literal_column("1"))
        .select_from(Elements(document, alias))
        .where(HasText(text, words))
        .correlate(None)
        .exists()
    )


def starts_with(column: str) -> Filter:
    """Rows in which a code starts with the characters given."""

    def make(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
        if given is None:
            return ()
        prefix = at.bind(lambda arguments: arguments["filter"][name], sa.Text())
        return [sa.func.substr(scope[column], 1, sa.func.length(prefix)) == prefix]

    return make


def entered_after(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
    """Rows whose version was entered after a position."""
    if given is None:
        return ()
    position = at.bind(lambda arguments: arguments["filter"][name], sa.BigInteger())
    return [scope["entered"] > position]


def date_from(prefix: str) -> Filter:
    """Rows whose date can be on or after the day given."""

    def make(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
        if given is None:
            return ()
        day = at.bind(lambda arguments: arguments["filter"][name], sa.Text())
        return [scope[f"{prefix}_latest"] >= day]

    return make


def date_to(prefix: str) -> Filter:
    """Rows whose date can be on or before the day given."""

    def make(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
        if given is None:
            return ()
        day = at.bind(lambda arguments: arguments["filter"][name], sa.Text())
        earliest = scope[f"{prefix}_earliest"]
        return [earliest <= day, earliest != sa.literal_column(f"'{NO_DATE}'")]

    return make


def is_given(column: str) -> Filter:
    """Rows in which a column has a value, or has none."""

    def make(_at: At, scope: Scope, _name: str, given: Any) -> Sequence[Expression]:
        if given is None:
            return ()
        return [scope[column].is_not(None) if given else scope[column].is_(None)]

    return make


def under(column: str, table: str = "item", links: Sequence[str] = ("broader",)) -> Filter:
    """Rows whose item (or actor) is one of those given, or below one by `links` at any depth."""

    def make(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
        if given is None:
            return ()
        return [scope[column].in_(_below(at, scope, name, table, links))]

    return make


def _below(at: At, scope: Scope, name: str, table: str, links: Sequence[str]) -> sa.Select[Any]:
    root, cte_name = Scope(table, at.alias(), scope.moment), at.alias()
    roots: sa.Select[Any] = (
        sa.select(root["id"].label("id"))
        .select_from(root.source())
        .where(
            AmongTexts(root["id"], at.bind(_list(name), sa.Text())),
            *scope.moment.holds(table, root.alias),
        )
    )
    # Nested where it is used, because its moment may be a column of the rows around it.
    below = roots.cte(cte_name, recursive=True, nesting=True)
    linked = Scope(table, at.alias(), scope.moment)
    up: Expression = sa.literal_column(f"{cte_name}.id")
    step = (
        sa.select(linked["id"])
        .select_from(linked.source().join(below, sa.or_(*(linked[one] == up for one in links))))
        .where(*scope.moment.holds(table, linked.alias))
    )
    below = below.union(step)
    return sa.select(sa.literal_column(f"{cte_name}.id")).select_from(below)


def column_from(column: str) -> Filter:
    """Rows in which a column is at or after the value given."""

    def make(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
        if given is None:
            return ()
        return [scope[column] >= at.bind(lambda a: a["filter"][name], sa.Text())]

    return make


def column_to(column: str) -> Filter:
    """Rows in which a column is before the value given."""

    def make(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
        if given is None:
            return ()
        return [scope[column] < at.bind(lambda a: a["filter"][name], sa.Text())]

    return make


def touching(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
    """Changesets that revised one of the records given; of access changes that is not told."""
    if given is None:
        return ()
    inner = Scope("revision", at.alias(), scope.moment)
    revised = (
        sa.select(inner["position"])
        .select_from(inner.source())
        .where(AmongTexts(inner["record_id"], at.bind(_list(name), sa.Text())))
    )
    of_access: Expression = sa.literal_column(f"'{ChangesetKind.ACCESS}'")
    return [scope["position"].in_(revised.correlate(None)), scope["kind"] != of_access]


def proposed(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
    """Proposals that would step one of the records given, or add it."""
    if given is None:
        return ()
    inner = Scope("proposal_step", at.alias(), Moment())
    stepped = (
        sa.select(inner["proposal"])
        .select_from(inner.source())
        .where(
            AmongTexts(inner["record_id"], at.bind(_list(name), sa.Text())),
            inner["revision"] == scope["revision"],
            inner["proposal"] == scope["id"],
        )
    )
    return [scope["id"].in_(stepped.correlate(None))]


_COMMON: Final[Mapping[str, Filter]] = {
    "ids": among("id"),
    "states": states,
    "newsrooms": among("newsroom"),
    "externalRefs": among("external_ref"),
    "enteredAfter": entered_after,
}

FILTERS: Final[Mapping[str, Mapping[str, Filter]]] = {
    "actor": {
        **_COMMON,
        "kinds": among("kind"),
        "countries": among("country"),
        "actsFor": among("acts_for"),
        "partOf": among("part_of"),
        "nameContains": name_contains,
        "textContains": text_contains("name", "description", listed="aliases"),
    },
    "item": {
        **_COMMON,
        "kinds": among("kind"),
        "broader": among("broader"),
        "under": under("id"),
        "nameContains": name_contains,
        "textContains": text_contains("name", "description", listed="aliases"),
        "hsCodePrefix": starts_with("hs_code"),
    },
    "transfer": {
        **_COMMON,
        "givers": among("giver"),
        "receivers": among("receiver"),
        "parties": among("giver", "receiver"),
        "giversUnder": under("giver", "actor", ACTOR_LINKS),
        "receiversUnder": under("receiver", "actor", ACTOR_LINKS),
        "items": among("item"),
        "itemsUnder": under("item"),
        "natures": among("nature"),
        "stages": among("stage"),
        "usedAgainst": among("used_against"),
        "partOf": among("part_of"),
        "isPart": is_given("part_of"),
        "considerationFor": among("consideration_for"),
        "occurredFrom": date_from("occurred"),
        "occurredTo": date_to("occurred"),
        "textContains": text_contains(
            "title", "summary", "origin", "destination", "route", "transport", "purpose"
        ),
    },
    "citation": {
        **_COMMON,
        "kinds": among("kind"),
        "publishers": among("publisher"),
        "languages": among("language"),
        "integrities": among("integrity"),
        "urls": among("url"),
        "publishedFrom": date_from("published"),
        "publishedTo": date_to("published"),
        "textContains": text_contains("title", "url"),
    },
    "claim": {
        **_COMMON,
        "subjects": among("subject"),
        "fields": among("field"),
        "stances": among("stance"),
        "citations": among("citation"),
        "assertedBy": among("asserted_by"),
        "records": among("value_record"),
        "textContains": text_contains("value_text", "locator", quoted="quote"),
    },
    "changeset": {
        "kinds": among("kind"),
        "reasonCodes": among("reason_code"),
        "editors": among("editor"),
        "newsrooms": among("newsroom"),
        "records": touching,
        "recordedFrom": column_from("recorded_at"),
        "recordedBefore": column_to("recorded_at"),
    },
    "request": {
        "editors": among("editor"),
        "newsrooms": among("newsroom"),
        "keys": among("key"),
        "kinds": among("kind"),
        "documents": among("document"),
        "codes": among("code"),
        "askedFrom": column_from("at"),
        "askedBefore": column_to("at"),
    },
    "proposal": {
        "ids": among("id"),
        "states": among("state"),
        "newsrooms": among("newsroom"),
        "editors": among("editor"),
        "records": proposed,
        "createdFrom": column_from("created_at"),
        "createdBefore": column_to("created_at"),
    },
}
"""The members of each list's filter; the surface declares the same names."""
