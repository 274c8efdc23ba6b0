"""The search index: written with every edit, made again from the records, and its extensions."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from starlette.testclient import TestClient

from app.domain.searching import compounds
from app.main import create_app
from app.settings import Settings
from app.store import migrations
from app.store.search_index import (
    complete_search,
    equip,
    rebuild_search,
    scrub_search,
    search_differences,
)
from tests.checks import everything_holds, search_finds_the_present
from tests.databases import Databases
from tests.driver import Newsroom, opened, refused

DOG = {"name": "Phungsan dog", "aliases": [{"text": "Pungsan"}], "kind": "LIVE_ANIMAL"}


@pytest.fixture
def newsroom(database_url: str) -> Iterator[Newsroom]:
    with opened(database_url) as engine:
        yield Newsroom.founded(engine)


def entries(newsroom: Newsroom) -> dict[str, tuple[Any, ...]]:
    """Return what the index holds, by record."""
    with newsroom.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT id, number, words, names FROM search"))
        return {row[0]: tuple(row[1:]) for row in rows}


def finds(newsroom: Newsroom, token: str) -> list[str]:
    """Return the ids of the records that the database's own index finds by a token."""
    query = {
        "sqlite": "SELECT id FROM search WHERE number IN"
        " (SELECT rowid FROM search_index WHERE search_index MATCH :token) ORDER BY id",
        "postgresql": "SELECT id FROM search WHERE words @@ CAST(:token AS tsquery) ORDER BY id",
    }[newsroom.engine.dialect.name]
    with newsroom.engine.connect() as connection:
        return list(connection.execute(sa.text(query), {"token": token}).scalars())


# --- with every edit ------------------------------------------------------------------


def test_a_record_is_found_once_it_is_entered_and_by_its_new_words_once_revised(
    newsroom: Newsroom,
) -> None:
    dog = newsroom.add_item(**DOG)
    before = finds(newsroom, "nphungsan"), finds(newsroom, "apungsan"), finds(newsroom, "ngoat")

    newsroom.revise(dog, name="Goat", aliases=[])

    assert before == ([dog], [dog], [])
    assert finds(newsroom, "nphungsan") == finds(newsroom, "apungsan") == []
    assert finds(newsroom, "ngoat") == [dog]


def test_only_what_stands_is_found(newsroom: Newsroom) -> None:
    """A retracted record leaves the index, comes back when restored; a merged one leaves."""
    dog, double = newsroom.add_item(**DOG), newsroom.add_item(**DOG)
    number = entries(newsroom)[dog][0]

    newsroom.retract(dog)
    retracted = finds(newsroom, "nphungsan")
    newsroom.restore(dog)
    restored = finds(newsroom, "nphungsan")
    newsroom.merge(double, dog)

    assert retracted == [double]
    assert restored == sorted([dog, double])
    assert finds(newsroom, "nphungsan") == [dog]
    assert entries(newsroom)[dog][0] == number


def test_a_revision_that_changes_no_words_writes_nothing_to_the_index(newsroom: Newsroom) -> None:
    horses = newsroom.add_transfer(quantity=30)
    changed = count_statements(newsroom, lambda: newsroom.revise(horses, quantity=24))

    assert newsroom.quantities(horses) == [30, 24]
    assert [one for one in changed if "search" in one] == []


def count_statements(newsroom: Newsroom, work: Any) -> list[str]:
    """Return the statements that some work sends."""
    seen: list[str] = []

    def see(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(newsroom.engine, "before_cursor_execute", see)
    work()
    sa.event.remove(newsroom.engine, "before_cursor_execute", see)
    return seen


def test_a_refused_edit_and_a_dry_run_leave_the_index_as_it_was(newsroom: Newsroom) -> None:
    dog = newsroom.add_item(**DOG)
    before = entries(newsroom)

    refused(newsroom.revise, dog, name="Goat", based_on=7)
    newsroom.commit({"addItem": {"ref": "#goat", "name": "Goat", "kind": "OTHER"}}, dry_run=True)

    assert entries(newsroom) == before


def test_every_kind_of_edit_leaves_the_index_equal_to_the_records(newsroom: Newsroom) -> None:
    dog, horse = newsroom.add_item(**DOG), newsroom.add_item("Horse")
    gift = newsroom.add_transfer(
        "A pair of dogs", item=dog, summary="평양에서 온 풍산개 \U0001f415"
    )
    claim = newsroom.add_claim(gift, 2, quote={"exact": "two <b>dogs</b> & 'more' \\ %"})
    newsroom.revise(gift, title="Two dogs", purpose="A gift.")
    newsroom.retract(claim)
    newsroom.restore(claim)
    newsroom.merge(horse, dog)
    newsroom.revert(newsroom.head())

    everything_holds(newsroom.engine)

    assert search_finds_the_present(newsroom.engine) == 5


# --- as a whole -----------------------------------------------------------------------


def test_the_index_made_again_is_the_same(newsroom: Newsroom) -> None:
    dog = newsroom.add_item(**DOG)
    newsroom.revise(dog, description="Кличка — Пхунсан; Łódź")
    newsroom.retract(newsroom.add_actor())
    before = entries(newsroom)

    counted = rebuild_search(newsroom.engine)

    assert counted == 1
    assert entries(newsroom) == before
    assert finds(newsroom, "nphungsan") == [dog]
    assert fts5_is_whole(newsroom)


def fts5_is_whole(newsroom: Newsroom) -> bool:
    """Have FTS5 compare its index with the rows beside it; it raises where they differ."""
    if newsroom.engine.dialect.name == "sqlite":
        with newsroom.engine.begin() as connection:
            check = "INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 1)"
            connection.execute(sa.text(check))
    return True


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM search", "UPDATE search SET names = 'x'", "UPDATE search SET words = 'x'",
     "UPDATE search SET number = number + 1"],
)  # fmt: skip
def test_an_entry_that_is_wrong_is_told_and_mended(newsroom: Newsroom, damage: str) -> None:
    """What `search_finds_the_present` looks for can be found."""
    dog = newsroom.add_item(**DOG)
    with newsroom.engine.begin() as connection:
        connection.execute(sa.text(damage))
        told = search_differences(connection)

    rebuild_search(newsroom.engine)

    with newsroom.engine.connect() as connection:
        assert (told, search_differences(connection)) == ([dog], [])


def test_a_ledger_from_before_the_search_is_indexed_by_the_migration(newsroom: Newsroom) -> None:
    """Down and up again: existing records are found, and nothing else has changed."""
    dog = newsroom.add_item(**DOG)
    newsroom.retract(newsroom.add_actor())
    before = entries(newsroom)
    url = newsroom.engine.url.render_as_string(hide_password=False)

    # Not further back: an older release cannot read who may act.
    migrations.downgrade(url, "0006")
    with newsroom.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM search"))
    newsroom.engine.dispose()
    migrations.upgrade(url)

    assert entries(newsroom) == before
    assert finds(newsroom, "nphungsan") == [dog]
    everything_holds(newsroom.engine)


def test_a_scrubbed_entry_leaves_no_trace_in_the_index(newsroom: Newsroom) -> None:
    """Until FTS5 writes its index anew, a deleted word stays in its blocks."""
    named = "Qwertzuiopasdfgh"
    dog, other = newsroom.add_item(named), newsroom.add_item("Goat")
    newsroom.retract(dog)

    with newsroom.engine.begin() as connection:
        scrub_search(connection, [dog, other])

    assert list(entries(newsroom)) == [other]
    assert traces(newsroom, named.lower()) == 0
    with newsroom.engine.connect() as connection:
        assert search_differences(connection) == []


def traces(newsroom: Newsroom, word: str) -> int:
    """Return in how many rows of the index a word can still be read, deleted or not."""
    if newsroom.engine.dialect.name == "sqlite":
        query = "SELECT count(*) FROM search_index_data WHERE instr(block, CAST(:word AS BLOB)) > 0"
    else:
        query = "SELECT count(*) FROM search WHERE CAST(words AS text) LIKE '%' || :word || '%'"
    with newsroom.engine.connect() as connection:
        return int(connection.execute(sa.text(query), {"word": word}).scalar_one())


# --- PostgreSQL's extensions ----------------------------------------------------------


@contextmanager
def without_rights(databases: Databases) -> Iterator[str]:
    """Give a database in which every session acts as a role that may not create extensions."""
    with databases.empty("postgresql") as url, psycopg.connect(url, autocommit=True) as owner:
        name = owner.info.dbname
        role, database = sql.Identifier(f"plain_{name}"), sql.Identifier(name)
        for statement in (
            "CREATE ROLE {role}",
            "GRANT ALL ON SCHEMA public TO {role}",
            "ALTER ROLE CURRENT_USER IN DATABASE {database} SET role = {role}",
        ):
            owner.execute(sql.SQL(statement).format(role=role, database=database))
        yield url
        for statement in (
            "ALTER ROLE CURRENT_USER IN DATABASE {database} RESET role",
            "DROP OWNED BY {role} CASCADE",
            "DROP ROLE {role}",
        ):
            owner.execute(sql.SQL(statement).format(role=role, database=database))


@contextmanager
def as_owner(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection of the server's own role, whatever the database sets."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET role = none")
        yield connection


def ready(url: str) -> tuple[int, dict[str, Any]]:
    with TestClient(create_app(Settings(database_url=url))) as client:
        response = client.get("/readyz")
        return response.status_code, response.json()


def found(url: str, text: str) -> list[str]:
    """Return the names of the actors and items that a served search gives."""
    named = "... on Actor { name } ... on Item { name }"
    query = f"query ($text: String!) {{ search(text: $text) {{ nodes {{ {named} }} }} }}"
    with TestClient(create_app(Settings(database_url=url))) as client:
        body = {"query": query, "variables": {"text": text}}
        answer = client.post("/graphql", json=body).json()
    return [node["name"] for node in answer["data"]["search"]["nodes"]]


def test_a_role_without_rights_gets_a_search_without_the_extensions(databases: Databases) -> None:
    """All but resemblance and the rarest letters is there, and `/readyz` tells what is not."""
    with without_rights(databases) as url:
        migrations.upgrade(url)
        with opened(url) as engine:
            newsroom = Newsroom.founded(engine)
            newsroom.add_item(**DOG | {"description": "Zażółć"})
            newsroom.add_item("Ɓaɗe")
            newsroom.add_actor("Rosselkhoznadzor")
            everything_holds(engine)

        status, said = ready(url)
        assert (status, said["search"]) == (200, "without pg_trgm, unaccent")
        assert (
            found(url, "pungs")
            == found(url, "zazolc")
            == found(url, "phunsan dog")
            == ["Phungsan dog"]
        )
        assert found(url, "Roselhoznadzor") == found(url, "bade") == []


def test_extensions_that_come_later_are_used_after_a_reindex(databases: Databases) -> None:
    with without_rights(databases) as url:
        migrations.upgrade(url)
        with opened(url) as engine:
            newsroom = Newsroom.founded(engine)
            newsroom.add_item(**DOG)
            newsroom.add_item("Ɓaɗe")
            newsroom.add_actor("Rosselkhoznadzor")
            with as_owner(url) as owner:
                owner.execute("CREATE EXTENSION unaccent")
            rebuild_search(engine)
            with_one = ready(url)[1]["search"], found(url, "bade"), found(url, "Roselhoznadzor")
            with as_owner(url) as owner:
                owner.execute("CREATE SCHEMA elsewhere; CREATE EXTENSION pg_trgm SCHEMA elsewhere")
                owner.execute("GRANT USAGE ON SCHEMA elsewhere TO PUBLIC")
            rebuild_search(engine)
            everything_holds(engine)

        assert with_one == ("without pg_trgm", ["Ɓaɗe"], [])
        assert ready(url)[1]["search"] == "complete"
        assert found(url, "Roselhoznadzor") == ["Rosselkhoznadzor"]


def test_an_extension_in_use_cannot_be_dropped_by_mistake(databases: Databases) -> None:
    """Dropped on purpose, with all that uses it, `/readyz` says what to do; a reindex mends it."""
    with databases.clone("postgresql") as url, opened(url) as engine:
        Newsroom.founded(engine).add_item(**DOG)
        with as_owner(url) as owner, pytest.raises(psycopg.errors.DependentObjectsStillExist):
            owner.execute("DROP EXTENSION unaccent")
        with as_owner(url) as owner:
            owner.execute("DROP EXTENSION unaccent CASCADE")

        status, told = ready(url)
        rebuild_search(engine)

        assert (status, told["status"]) == (503, "unready")
        assert "corrigenda reindex" in told["reason"]
        assert ready(url)[1]["search"] == "complete"
        assert found(url, "pungsan") == ["Phungsan dog"]


def test_what_unaccent_makes_of_a_word_is_a_word(databases: Databases) -> None:
    """No letter, mark or digit becomes a character that a tsquery reads as syntax."""
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code))[0] in "LMN"]
    words = (word for one in compounds(" ".join(known)) for word in one.parts)
    letters = sorted({letter for word in words for letter in word})
    with databases.clone("postgresql") as url, psycopg.connect(url) as connection:
        equip_query = (
            "SELECT letter, search_folded(letter) FROM unnest(%s::text[]) AS of_all (letter)"
            " WHERE search_folded(letter) ~ '[^[:alnum:]]' AND search_folded(letter) <> letter"
        )
        broken = connection.execute(equip_query, [letters]).fetchall()

    assert len(letters) > 100_000
    assert broken == []


def test_to_equip_a_ledger_twice_changes_nothing(database_url: str) -> None:
    with opened(database_url) as engine:
        newsroom = Newsroom.founded(engine)
        newsroom.add_item(**DOG)
        before = entries(newsroom)

        with engine.begin() as connection:
            equip(connection)
            complete_search(connection)

        assert entries(newsroom) == before
