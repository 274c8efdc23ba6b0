"""Who may act, and who could when: keys, and what was done to newsrooms, editors and keys."""

from __future__ import annotations

from typing import Final

import strawberry

from app.domain import codes
from app.domain.permissions import Act
from app.graphql.fields import Connection, argument_field, page_field, table_field
from app.graphql.filters import FILTER_TYPES, ORDER_TYPES
from app.graphql.records import Changeset, Editor, Newsroom, Node
from app.graphql.scalars import JSON, DateTime, Position
from app.store import powers
from app.store.reading import column, link, stored_json

_MODULE: Final = __name__

KEYS_OF_ONE: Final = 5
"""Keys that few have had more of."""
CHANGES: Final = 8
"""Fields that an entry of an editor or a key sets, at most."""


@strawberry.type(description="One field of a newsroom, an editor or a key that was changed.")
class AccessFieldChange:
    """One field that was changed."""

    field: str = table_field(column("field"), "The field, as it is named in the inputs.")
    before: JSON | None = table_field(stored_json("before"), "The value before; null for none.")
    after: JSON | None = table_field(stored_json("after"), "The value after; null for none.")


@strawberry.type(
    description="One step of a newsroom, an editor or a key to a new version, by a changeset of "
    "kind ACCESS."
)
class AccessChange:
    """One step of a newsroom, an editor or a key."""

    record_id: strawberry.ID = table_field(
        column("record_id"), "The newsroom, editor or key; inside an archive without a position."
    )
    kind: codes.AccessKind = table_field(powers.kind, "Which of these it is.")
    version: int = table_field(column("version"), "The version that it made, counted from 1.")
    position: Position = table_field(column("position"), "The position of its changeset.")
    action: codes.Action = table_field(
        column("action"), "What was done: RETRACT retires an editor and revokes a key."
    )
    changeset: Changeset = table_field(
        link("position", "changeset", key="position", type_name="Changeset"),
        "The changeset: by whom, when and why.",
    )
    changes: list[AccessFieldChange] = table_field(
        powers.changes, "What was changed, in field order.", size=CHANGES
    )


@strawberry.type(
    description="A key of an editor: what it may do and how long, never its secret. It is seen by "
    "its holder, and by those who may read who holds which key."
)
class Key(Node):
    """A key of an editor."""

    label: str = table_field(column("label"), "What it is for.")
    editor: Editor = table_field(link("editor", "editor"), "Whose it is.")
    scopes: list[Act] | None = table_field(
        powers.scopes,
        "The acts that it is confined to; null where it is confined to none but those of the role.",
    )
    state: codes.KeyState = table_field(powers.key_state, "Whether it is good now, or why not.")
    created_at: DateTime = table_field(column("created_at"), "When it was made.")
    not_before: DateTime | None = table_field(
        column("not_before"), "From when it is good; null for at once."
    )
    expires_at: DateTime | None = table_field(
        column("expires_at"), "Until when it is good; null for no end."
    )
    revoked_at: DateTime | None = table_field(
        column("revoked_at"), "When it was revoked; null where it was not."
    )
    last_used_at: DateTime | None = table_field(
        powers.last_used_at, "When it was last used, to the minute; null where that is not known."
    )
    rotated_from: strawberry.ID | None = table_field(
        column("rotated_from"), "The key that it took the place of; null for none."
    )
    access_history: Connection[AccessChange] = page_field(
        Connection[AccessChange],
        powers.history,
        "What was changed about it and when, the first change first.",
        _MODULE,
    )


NEWSROOMS: Final = page_field(
    Connection[Newsroom],
    powers.newsrooms,
    "The newsrooms that the viewer reaches: an AUDITOR or ADMIN of the house all, of a partner the "
    "own one.",
    _MODULE,
    order_type=ORDER_TYPES["newsroom"],
)

EDITORS: Final = page_field(
    Connection[Editor],
    powers.editors,
    "The editors of the newsrooms that the viewer reaches, retired ones too.",
    _MODULE,
    filter_type=FILTER_TYPES["editor"],
    order_type=ORDER_TYPES["editor"],
)

KEYS: Final = page_field(
    Connection[Key],
    powers.keys,
    "The keys of the editors that the viewer reaches, those that are good no more too.",
    _MODULE,
    filter_type=FILTER_TYPES["key"],
    order_type=ORDER_TYPES["key"],
)

OWN_KEYS: Final = argument_field(
    list[Key],
    powers.own_keys,
    "The keys that whoever asks ever had, the first one first.",
    _MODULE,
    {},
    size=KEYS_OF_ONE,
)
