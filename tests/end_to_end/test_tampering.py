"""Twelve ways to tamper with a bundle, and what `corrigenda verify` says of each."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.domain.codes import Role
from tests.bundles import KEY, make_bundle, publish, verified
from tests.databases import Databases
from tests.driver import Newsroom, opened
from tests.forging import read_bundle
from tests.tampering import ALONE, TAMPERINGS, Forger, Tampering, disclosures_of, table


@dataclass(frozen=True)
class Bundled:
    """A bundle, a checkpoint of its ledger from before, and what was redacted since."""

    folder: Path
    kept: str
    withdrawn: dict[str, str]


@pytest.fixture(scope="module")
def bundled(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Bundled:
    folder = tmp_path_factory.mktemp("bundled")
    with databases.clone("sqlite") as url, opened(url) as engine:
        desk = Newsroom.founded(engine)
        person = desk.add_actor("Kim Chol-su", description="He lives in Sariwon.")
        items = [desk.add_item(f"Item {number}") for number in range(4)]
        for item in items * 2:
            desk.revise(item, name="Another name", description=f"After {desk.version(item)}.")
        publish(engine)
        whole = disclosures_of(make_bundle(engine, folder / "whole"))
        desk.colleague("Ada", Role.ADMIN).redact(person, fields=["name", "description"])
        for item in items:
            desk.revise(item, description="After the redaction.")
        kept = publish(engine)
        desk.revise(items[0], description="The newest.")
        publish(engine)
        made = make_bundle(engine, folder / "bundle")
    left = disclosures_of(made)
    return Bundled(made, kept, {one: text for one, text in whole.items() if one not in left})


def test_what_nobody_tampered_with_is_verified(bundled: Bundled) -> None:
    report = verified(bundled.folder, bundled.kept)

    assert report.verified
    assert report.counts.redacted == 2


def test_the_table_of_the_guide_has_every_tampering_and_no_other() -> None:
    assert list(table()) == [str(one) for one in TAMPERINGS]
    assert len({one.name for one in TAMPERINGS}) == 12
    assert {one.name for one in TAMPERINGS if one.form == ALONE} == {one.name for one in TAMPERINGS}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=str)
def test_a_tampering_is_found_as_the_table_of_the_guide_says(
    tampering: Tampering, bundled: Bundled, tmp_path: Path
) -> None:
    """Of what contradicts itself no more, an older checkpoint tells; and it alone."""
    folder = tmp_path / "bundle"
    shutil.copytree(bundled.folder, folder)
    tampering.apply(folder, Forger(KEY, bundled.withdrawn))

    failure = verified(folder).failure
    found = failure.finding if failure else _found_by_an_older_one(folder, bundled.kept)

    assert found == table()[str(tampering)][0]


@pytest.mark.parametrize("tampering", [one for one in TAMPERINGS if one.form == ALONE], ids=str)
def test_it_is_said_where_one_thing_was_changed(
    tampering: Tampering, bundled: Bundled, tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(bundled.folder, folder)
    tampering.apply(folder, Forger(KEY, bundled.withdrawn))

    failure = verified(folder).failure

    assert failure is not None
    assert failure.position in _struck(bundled.folder, folder) or failure.file in _changed(
        bundled.folder, folder
    )


@pytest.mark.parametrize(
    "tampering", [one for one in TAMPERINGS if table()[str(one)][0].endswith(", older")], ids=str
)
def test_an_older_checkpoint_does_not_point_past_what_was_changed(
    tampering: Tampering, bundled: Bundled, tmp_path: Path
) -> None:
    """The bundle's own older checkpoints were signed anew, so they narrow nothing down."""
    folder = tmp_path / "bundle"
    shutil.copytree(bundled.folder, folder)
    tampering.apply(folder, Forger(KEY, bundled.withdrawn))

    failure = verified(folder, bundled.kept).failure

    assert failure is not None
    assert failure.position is not None
    assert failure.position <= min(_struck(bundled.folder, folder))


def _found_by_an_older_one(folder: Path, kept: str) -> str:
    failure = verified(folder, kept).failure
    return f"{failure.finding}, older" if failure else "by nobody"


def _struck(before: Path, after: Path) -> set[int]:
    """Return the positions whose entry or content is another now."""
    one, two = read_bundle(before), read_bundle(after)
    pairs = zip(one.entries, one.content, two.entries, two.content, strict=True)
    return {n for n, (a, b, c, d) in enumerate(pairs, start=1) if (a, b) != (c, d)}


def _changed(before: Path, after: Path) -> set[str]:
    """Return the files that are other ones now."""
    paths = (path.relative_to(before) for path in before.rglob("*") if path.is_file())
    return {
        str(path) for path in paths if (before / path).read_bytes() != (after / path).read_bytes()
    }
