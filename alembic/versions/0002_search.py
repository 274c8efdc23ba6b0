"""The search index: what the present records are found by.

What happens to existing rows: nothing, no ledger table is touched. The index is
derived from the present versions and begins empty; when the migrations of a run are
done, `alembic/env.py` has the store fill it, in the same transaction, from every
active record. That is why this file need not know how texts are cut into words. A
later release that cuts them otherwise ships a migration that empties `search`, and it
is filled again in the same way.

What it locks, and for how long: it creates tables of its own. Filling takes about
half a second for 1,000 records (100,000 took a minute on a busy machine of two cores);
commits wait meanwhile (for the log's lock on PostgreSQL, for the file on SQLite),
readers do not. Servers of an older release would
go on writing without the index: stop them first, or run `corrigenda reindex` after.

How to go back: `downgrade` drops the index and nothing else. The extensions pg_trgm
and unaccent stay, as others may use them.

What has to be known about it:

- `search` is no ledger table: its rows are deleted and written anew as records change,
  and `corrigenda reindex` makes it again from nothing.
- On SQLite the words are indexed by FTS5 (`search_index` and its shadow tables), which
  triggers keep beside `search`. The tokenizer ascii takes every letter beyond ASCII for
  part of a word, which is right, as words come folded and cut.
- On PostgreSQL `words` is a tsvector under a GIN index. `search_folded` and
  `search_resembles` are where unaccent and pg_trgm come in: here they are made without
  them, and the store makes them again with whichever of the two the server has and the
  role may create (`app.store.search_index`). `search_extensions` tells which.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CODE_POINT_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql")


def upgrade() -> None:
    """Create the index, empty."""
    op.create_table(
        "search",
        sa.Column("number", POSITION, nullable=False, autoincrement=False),
        sa.Column("id", CODE_POINT_TEXT, nullable=False),
        sa.Column("words", WORDS, nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_search"),
        sa.UniqueConstraint("id", name="uq_search_id"),
        sa.ForeignKeyConstraint(["id"], ["record.id"], name="fk_search_id"),
    )
    statements = SQLITE if op.get_context().dialect.name == "sqlite" else POSTGRESQL
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    """Drop the index; the records keep everything."""
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TABLE search_index")
        op.drop_table("search")
        return
    op.drop_table("search")
    op.execute("DROP FUNCTION search_folded(text)")
    op.execute("DROP FUNCTION search_resembles(text, text)")
    op.execute("DROP FUNCTION search_extensions()")


_FORGET = (
    "INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', OLD.number, OLD.words)"
)
_LEARN = "INSERT INTO search_index (rowid, words) VALUES (NEW.number, NEW.words)"

SQLITE = (
    # Prefixes of 2 to 4 characters: those of words of 1 to 3, behind the letter of their place.
    (
        "CREATE VIRTUAL TABLE search_index USING fts5("
        "words, content='search', content_rowid='number', tokenize='ascii', prefix='2 3 4')"
    ),
    f"CREATE TRIGGER search_is_learnt AFTER INSERT ON search BEGIN {_LEARN}; END",
    f"CREATE TRIGGER search_is_forgotten AFTER DELETE ON search BEGIN {_FORGET}; END",
    f"CREATE TRIGGER search_is_changed AFTER UPDATE ON search BEGIN {_FORGET}; {_LEARN}; END",
)

POSTGRESQL = (
    "CREATE INDEX ix_search_words ON search USING gin (words)",
    "CREATE FUNCTION search_folded(text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE RETURN $1",
    (
        "CREATE FUNCTION search_resembles(text, text) RETURNS boolean "
        "LANGUAGE sql STABLE PARALLEL SAFE RETURN false"
    ),
    (
        "CREATE FUNCTION search_extensions() RETURNS text "
        "LANGUAGE sql STABLE PARALLEL SAFE RETURN ''::text"
    ),
)
