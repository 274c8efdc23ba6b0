"""How far a read may go: who is asking, as parameters of the statement.

A plan is made once and serves everybody, so who asks is bound like any other value and
never compiled in. `reaches(act, newsroom)` is the condition under which the viewer's act
reaches what belongs to a newsroom: put it among the conditions of a list (`joined`), of
a look-up, or of one value, and counts, cursors and pages follow by themselves. What is
narrower than a newsroom compares `viewer_editor(at)`; whoever runs the plan gives the
values (`Viewer.parameters`), and one that is missing fails the request.

A field that no row of which everybody may read needs its rule, too
(`app.graphql.rules`): it refuses those whose act reaches nowhere, before anything is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from app.domain.permissions import Act, Reach
from app.store.reading import At
from app.store.sql import Expression

PREFIX: Final = "viewer_"
"""What the name of every parameter begins with that tells who is asking."""

EVERYTHING: Final = "*"
"""What stands in the place of a newsroom where an act reaches the whole ledger."""

_NAMES: Final = {act: f"{PREFIX}{act}" for act in Act}
_NOTHING: Final = dict.fromkeys(_NAMES.values(), "")
_NEWSROOM: Final = f"{PREFIX}newsroom"
_EDITOR: Final = f"{PREFIX}editor"


def reaches(act: Act, newsroom: Expression) -> Expression:
    """Return the condition under which the viewer's act reaches what is a newsroom's."""
    own: Expression = sa.bindparam(_NAMES[act], type_=sa.Text())
    whole = sa.literal_column(f"'{EVERYTHING}'", sa.Text())
    found: Expression = own.in_([whole, newsroom])
    return found


def viewer_newsroom() -> Expression:
    """Return the viewer's newsroom; empty without a key."""
    return sa.bindparam(_NEWSROOM, type_=sa.Text())


def viewer_editor(at: At) -> Expression:
    """Return the editor who asks; empty without a key.

    Answers are kept for all editors alike of a newsroom, so that this one is kept for none.
    """
    at.depends_on_more_than_the_log()
    return sa.bindparam(_EDITOR, type_=sa.Text())


def parameters(
    reach: Mapping[Act, Reach], newsroom: str = "", editor: str = ""
) -> Mapping[str, str]:
    """Return every parameter's value for who is asking, by what each act `reach`es.

    What is not among it reaches nothing.
    """
    extents = {Reach.NEWSROOM: newsroom, Reach.LEDGER: EVERYTHING}
    reached = {_NAMES[act]: extents[far] for act, far in reach.items()}
    return {**_NOTHING, **reached, _NEWSROOM: newsroom, _EDITOR: editor}
