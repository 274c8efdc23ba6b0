"""Who may act, worked out in plain Python: the state of an editor or a key, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from app.commands.submission import utc_now
from tests.oracle.tables import Seen


def editor_state(editor: Seen) -> str:
    """Return whether an editor may act."""
    return "ACTIVE" if editor["retired_at"] is None else "RETIRED"


def key_state(key: Seen) -> str:
    """Return whether a key is good now, or why not."""
    now = utc_now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if key["revoked_at"] is not None:
        return "REVOKED"
    if editor_state(_holder(key)) == "RETIRED":
        return "RETIRED"
    if key["expires_at"] is not None and key["expires_at"] <= now:
        return "EXPIRED"
    return "NOT_YET" if key["not_before"] is not None and key["not_before"] > now else "GOOD"


def keys_of(of: Seen, editor: str) -> list[Seen]:
    """Return the keys that an editor ever had, the first one first."""
    found = [row for row in of.every("key") if row["editor"] == editor]
    return sorted(found, key=lambda row: str(row["id"]))


def newsroom_of(key: Seen) -> str:
    """Return the newsroom that a key belongs to."""
    return str(_holder(key)["newsroom"])


def last_used_at(key: Seen) -> str | None:
    """Return when a key was last used."""
    found = [row["used_at"] for row in key.every("key_use") if row["key"] == key["id"]]
    return found[0] if found else None


def changes_of(changeset: Seen) -> list[Seen]:
    """Return what a changeset did to newsrooms, editors and keys, in order."""
    if changeset["kind"] != "ACCESS":
        return []
    position = changeset["position"]
    found = [row for row in changeset.every("revision") if row["position"] == position]
    return sorted(found, key=lambda row: row["place"])


def fields_of(change: Seen) -> list[Mapping[str, Any]]:
    """Return the fields that a change moved, in their order."""
    found = [
        row
        for row in change.of_record("change", change["record_id"])
        if row["version"] == change["version"]
    ]
    return [
        {"field": row["field"], "before": json.loads(row["before"]),
         "after": json.loads(row["after"])}
        for row in sorted(found, key=lambda row: row["place"])
    ]  # fmt: skip


def _holder(key: Seen) -> Seen:
    found = key.one("editor", key["editor"])
    assert found is not None
    return found
