"""Who may act, and who could when: newsrooms, editors and keys, as far as the viewer reaches.

Each has one row, of the present, and its history in the revisions of ACCESS changesets. A
row belongs to one newsroom for good, so that who reaches its present reaches all that it
was. The digest of a key is no column that is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from app.domain.codes import AccessKind, ChangesetKind, EditorState, KeyState
from app.domain.permissions import Act
from app.store.connections import SORTED, Order, connection
from app.store.filters import Filter, among, is_among
from app.store.reading import (
    At,
    Moment,
    Read,
    Scope,
    list_of,
    listing,
    subquery,
    text_list,
)
from app.store.sql import NULL, SAFE_TEXT, Expression, Now, as_json
from app.store.visibility import reaches, viewer_editor

_CREATED: Final = (
    Order("CREATED_ASC", ("id",)),
    Order("CREATED_DESC", ("id",), descending=True),
)
ORDERS: Final = {"newsroom": _CREATED, "editor": _CREATED, "key": _CREATED}
"""The orders of each list; an id tells when it was given out."""


def _code(value: str) -> Expression:
    found: Expression = sa.literal_column(f"'{value}'", SAFE_TEXT)
    return found


# --- whose something is -------------------------------------------------------------


def _newsroom_of_editor(at: At, editor: Expression) -> Expression:
    inner = Scope("editor", at.alias(), Moment())
    return subquery(inner.source(), inner["newsroom"], [inner["id"] == editor])


def _newsroom_of(at: At, scope: Scope) -> Expression:
    """Return the newsroom that a newsroom, editor or key belongs to."""
    if scope.table == "key":
        return _newsroom_of_editor(at, scope["editor"])
    return scope["id" if scope.table == "newsroom" else "newsroom"]


def _newsroom_of_revision(at: At, scope: Scope) -> Expression:
    """Return the newsroom of what a revision is about; a newsroom belongs to itself."""
    key = Scope("key", at.alias(), Moment())
    holder = subquery(key.source(), key["editor"], [key["id"] == scope["record_id"]])
    found: Expression = sa.func.coalesce(
        _newsroom_of_editor(at, scope["record_id"]),
        _newsroom_of_editor(at, holder),
        scope["record_id"],
        type_=sa.Text(),
    )
    return found


def _reached(at: At, scope: Scope) -> list[Expression]:
    at.depends_on_more_than_the_log()
    return [reaches(Act.READ_ACCESS, _newsroom_of(at, scope))]


def shown(name: str) -> Read:
    """Read a column of a newsroom or an editor; null where the viewer does not reach it."""

    def read(at: At) -> Expression:
        return _where_reached(at, as_json(at.scope[name], nullable=at.scope.is_nullable(name)))

    return read


def _where_reached(at: At, value: Expression) -> Expression:
    return sa.case((sa.and_(*_reached(at, at.scope)), value), else_=NULL)


# --- what was done --------------------------------------------------------------------


def of_changeset(at: At) -> Expression:
    """Read what an ACCESS changeset did, in order."""
    inner = Scope("revision", at.alias(), at.scope.moment)
    conditions = [
        inner["position"] == at.scope["position"],
        at.scope["kind"] == _code(ChangesetKind.ACCESS),
        reaches(Act.READ_ACCESS, _newsroom_of_revision(at, inner)),
    ]
    return list_of(at, inner, conditions, [inner["place"]])


def _of_it(at: At, inner: Scope) -> list[Expression]:
    return [
        inner["record_id"] == at.scope["id"],
        reaches(Act.READ_ACCESS, _newsroom_of(at, at.scope)),
    ]


history: Final[Read] = connection(
    "revision", (Order("VERSION_ASC", ("version",)),), joined=_of_it, natural=("version",)
)
"""Read every change of a newsroom, an editor or a key."""

changes: Final[Read] = listing(
    "change",
    lambda at, inner: [inner[name] == at.scope[name] for name in ("record_id", "version")],
    lambda inner: [inner["place"]],
)
"""Read which fields a change moved, in their order."""


def kind(at: At) -> Expression:
    """Read what sort of thing a change is about: its id says it."""
    cases = [
        (at.scope["record_id"].like(f"{one.lower()}\\_%", escape="\\"), _code(one))
        for one in AccessKind
    ]
    return as_json(sa.case(*cases[:-1], else_=cases[-1][1]), nullable=False)


# --- editors ----------------------------------------------------------------------------


def _state_of_editor(_at: At, scope: Scope) -> Expression:
    return sa.case(
        (scope["retired_at"].is_(None), _code(EditorState.ACTIVE)),
        else_=_code(EditorState.RETIRED),
    )


def editor_state(at: At) -> Expression:
    """Read whether an editor may act still; null where the viewer does not reach it."""
    return _where_reached(at, as_json(_state_of_editor(at, at.scope), nullable=False))


# --- keys -------------------------------------------------------------------------------


def _state_of_key(at: At, scope: Scope) -> Expression:
    editor = Scope("editor", at.alias(), Moment())
    is_holder = editor["id"] == scope["editor"]
    retired = subquery(editor.source(), editor["retired_at"], [is_holder])
    return sa.case(
        (scope["revoked_at"].is_not(None), _code(KeyState.REVOKED)),
        (retired.is_not(None), _code(KeyState.RETIRED)),
        (scope["expires_at"] <= Now(), _code(KeyState.EXPIRED)),
        (scope["not_before"] > Now(), _code(KeyState.NOT_YET)),
        else_=_code(KeyState.GOOD),
    )


def key_state(at: At) -> Expression:
    """Read whether a key opens anything now, or why not."""
    return as_json(_state_of_key(at, at.scope), nullable=False)


def scopes(at: At) -> Expression:
    """Read the acts that a key is confined to; null where it is to none."""
    is_free = at.scope.typed("scopes", sa.Text()).is_(None)
    return sa.case((is_free, NULL), else_=text_list("scopes")(at))


def last_used_at(at: At) -> Expression:
    """Read when a key was last used, as far as that is known."""
    inner = Scope("key_use", at.alias(), Moment())
    return as_json(subquery(inner.source(), inner["used_at"], [inner["key"] == at.scope["id"]]))


def key_by_id(at: At, wanted: Expression) -> Expression:
    """Return the key of an id, NULL where the viewer sees none."""
    inner = Scope("key", at.alias(), Moment())
    conditions = [inner["id"] == wanted, *_reached(at, inner)]
    return subquery(inner.source(), at.select(inner, "Key"), conditions)


# --- lists ------------------------------------------------------------------------------

FILTERS: Final[Mapping[str, Mapping[str, Filter]]] = {
    "editor": {
        "ids": among("id"),
        "newsrooms": among("newsroom"),
        "roles": among("role"),
        "states": is_among(_state_of_editor),
    },
    "key": {
        "ids": among("id"),
        "editors": among("editor"),
        "newsrooms": is_among(_newsroom_of),
        "states": is_among(_state_of_key),
    },
}
"""The members of each list's filter; the surface declares the same names."""


def _of_the_editor(at: At, scope: Scope) -> list[Expression]:
    return [scope["editor"] == at.scope["id"], *_reached(at, scope)]


newsrooms: Final[Read] = connection(
    "newsroom", ORDERS["newsroom"], joined=_reached, natural=("id",)
)
editors: Final[Read] = connection(
    "editor", ORDERS["editor"], joined=_reached, filters=FILTERS["editor"], natural=("id",)
)
keys: Final[Read] = connection(
    "key", ORDERS["key"], joined=_reached, filters=FILTERS["key"], natural=("id",)
)
keys_of_editor: Final[Read] = connection(
    "key", ORDERS["key"][:1], joined=_of_the_editor, natural=SORTED
)


def own_keys(at: At) -> Expression:
    """Read the keys of whoever asks, in the order of entry."""
    inner = Scope("key", at.alias(), Moment())
    return list_of(at, inner, [inner["editor"] == viewer_editor(at)], [inner["id"]])
