"""Findings: claims found by record and field, and text folded alike on both databases.

What happens to existing rows: nothing; no row is written.

What it locks, and for how long: on PostgreSQL building the two indexes of `claim`
holds up writers, about a second for each million versions of claims; readers go on.
On SQLite it holds up the one writer as long.

How to go back: `downgrade` drops the indexes and the function; nothing is lost.

The function folds case and white space as Python does (Unicode's canonical caseless
matching). Its table of letters is that of the Python that migrates: letters that
Unicode gained later fold only once it is made anew. SQLite needs none, as its
connections are given Python's own.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PRESENT = sa.text("superseded = 9223372036854775807")


def upgrade() -> None:
    """Make the indexes, and on PostgreSQL the function."""
    op.create_index(
        "ix_claim_about",
        "claim",
        ["subject", "field", "id"],
        sqlite_where=PRESENT,
        postgresql_where=PRESENT,
    )
    op.create_index(
        "ix_claim_about_as_of", "claim", ["subject", "field", "id", "entered", "superseded"]
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text(_function()))


def downgrade() -> None:
    """Take them away again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION corrigenda_folded(text)")
    op.drop_index("ix_claim_about_as_of", "claim")
    op.drop_index("ix_claim_about", "claim")


def _function() -> str:
    folds = dict(_folds())
    single = {letter: kept for letter, kept in folds.items() if len(kept) == 1}
    several = {letter: kept for letter, kept in folds.items() if len(kept) > 1}
    spread = "kept"
    for letter, kept in several.items():
        spread = f"replace({spread}, '{letter}', '{kept}')"
    spaces = "".join(f"\\u{point:04x}" for point in range(0x10000) if chr(point).isspace())
    return f"""
CREATE FUNCTION corrigenda_folded(words text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    kept text;
BEGIN
    IF (words COLLATE "C") !~ '[^ -~]' THEN
        kept := lower(words COLLATE "C");
    ELSE
        kept := translate(normalize(words, NFD), '{"".join(single)}', '{"".join(single.values())}');
        IF kept ~ '[{"".join(several)}]' THEN
            kept := {spread};
        END IF;
        kept := regexp_replace(normalize(kept, NFC), '[{spaces}]+', ' ', 'g');
    END IF;
    RETURN btrim(regexp_replace(kept, ' +', ' ', 'g'), ' ');
END
$$
""".replace(":=", "\\:=")


def _folds() -> Iterator[tuple[str, str]]:
    """Yield each letter that folding changes, of text in normalisation form D."""
    for point in range(sys.maxunicode + 1):
        letter = chr(point)
        is_apart = unicodedata.normalize("NFD", letter) == letter
        if is_apart and letter.casefold() != letter:
            yield letter, letter.casefold()
