"""`corrigenda verify`: a bundle holds, or is refused with the place where it does not."""

from __future__ import annotations

import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa

from app.domain.errors import Unready
from app.domain.kinds import ACCESS_KINDS
from app.log.base64url import encode_base64url
from app.log.bundle import content_files_of, inclusion_path
from app.log.canonical import canonical
from app.log.disclosure import disclose, open_disclosure
from app.log.errors import NotVerified
from app.log.tiles import decode_entries, encode_entries
from app.reads.verdict import verdict_json, verdict_text
from app.store import tables
from tests.bundles import OTHER_KEY, make_bundle, publish, verified
from tests.driver import Newsroom
from tests.made_log import MadeLog

SIZE = 120
OLDER = (40, 80)
TAMPERED = 61
"""The position that the tamperings below are about; it has two revisions and no redaction."""


@pytest.fixture(scope="module")
def log() -> MadeLog:
    """A log of 120 changesets, every thirtieth of them a redaction."""
    return MadeLog().grow(SIZE, redacting=30)


@pytest.fixture(scope="module")
def whole(log: MadeLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle, as it should be."""
    return log.write(tmp_path_factory.mktemp("bundle") / "whole", older=OLDER)


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be tampered with."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def failure_of(bundle: Path, *older: str, **more: object) -> NotVerified:
    failure = verified(bundle, *older, **more).failure  # type: ignore[arg-type]
    assert failure is not None
    return failure


# --- what holds ---------------------------------------------------------------


def test_a_bundle_of_two_thousand_changesets_with_redactions_verifies(tmp_path: Path) -> None:
    log = MadeLog().grow(2_000, redacting=100)
    bundle = log.write(tmp_path / "bundle", older=(500, 1_999))

    report = verified(bundle, log.note(1_500))

    assert report.failure is None
    assert (report.counts.changesets, report.counts.redactions) == (2_000, 20)
    assert report.older_in_bundle == 2
    assert report.older_given == [("the checkpoint kept", 1_500)]
    assert "VERIFIED. This is the log of example.org/corrigenda" in verdict_text(report, [])
    assert verdict_json(report, [])["verified"] is True


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_ledgers_bundle_verifies(filled: Newsroom, tmp_path: Path, name: str) -> None:
    """Merges, reverts, redactions, restricted notes: as the product writes them."""
    bundle = make_bundle(filled.engine, tmp_path / name)

    report = verified(bundle)

    assert report.failure is None
    assert report.counts.redactions == 3
    assert [one.authority for one in report.redactions] == ["LEGAL"] * 3
    assert report.counts.withheld == 0


def test_a_public_bundle_withholds_what_is_restricted_and_counts_it(
    filled: Newsroom, tmp_path: Path
) -> None:
    report = verified(make_bundle(filled.engine, tmp_path / "bundle", "PUBLIC"))

    assert report.failure is None
    told = restricted(filled)
    assert report.counts.withheld == told > 20
    assert f"{told} restricted, withheld" in verdict_text(report, [])


def restricted(newsroom: Newsroom) -> int:
    """How many disclosures not everybody sees: an internal note, and all about who may act."""
    count = sa.select(sa.func.count())
    record_id = tables.metadata.tables["change"].c.record_id
    of_access = sa.or_(*(record_id.startswith(f"{kind}_") for kind in ACCESS_KINDS))
    with newsroom.engine.connect() as connection:
        return sum(
            connection.execute(count.where(one)).scalar_one()
            for one in (of_access, tables.metadata.tables["header"].c.restricted)
        )


def test_the_same_ledger_gives_the_same_bytes(filled: Newsroom, tmp_path: Path) -> None:
    first = make_bundle(filled.engine, tmp_path / "first.zip").read_bytes()

    assert make_bundle(filled.engine, tmp_path / "second.zip").read_bytes() == first


def test_an_empty_log_has_a_bundle(newsroom: Newsroom, tmp_path: Path) -> None:
    publish(newsroom.engine)

    assert verified(make_bundle(newsroom.engine, tmp_path / "bundle")).failure is None


def test_a_ledger_without_a_checkpoint_has_none(newsroom: Newsroom, tmp_path: Path) -> None:
    newsroom.add_actor()

    with pytest.raises(Unready, match="corrigenda sign --once"):
        make_bundle(newsroom.engine, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_a_bundle_is_never_written_over(filled: Newsroom, tmp_path: Path) -> None:
    make_bundle(filled.engine, tmp_path / "bundle")

    with pytest.raises(Unready, match="already"):
        make_bundle(filled.engine, tmp_path / "bundle")


# --- twelve tamperings of the files -------------------------------------------

Edit = Callable[[dict[str, object]], None]


def in_line(position: int, edit: Callable[..., None]) -> Callable[[Path], None]:
    """Return a tampering with the content of one position."""

    def tamper(bundle: Path) -> None:
        file = bundle / content_of(position)
        lines = file.read_bytes().splitlines()
        place = (position - 1) % 256
        value = orjson.loads(lines[place])
        edit(value)
        lines[place] = canonical(value)
        file.write_bytes(b"".join(line + b"\n" for line in lines))

    return tamper


def content_of(position: int) -> str:
    return next(one.path for one in content_files_of(SIZE) if one.first <= position <= one.last)


def in_entries(edit: Callable[[list[bytes]], None]) -> Callable[[Path], None]:
    """Return a tampering with the entries."""

    def tamper(bundle: Path) -> None:
        file = bundle / "tile/entries/000.p" / str(SIZE)
        bodies = list(decode_entries(file.read_bytes()))
        edit(bodies)
        file.write_bytes(encode_entries(bodies))

    return tamper


def another(text: str, value: object) -> str:
    opened = open_disclosure(text)
    return disclose(opened.salt, opened.name, value)


def change_value(line: dict) -> None:  # type: ignore[type-arg]
    disclosures = line["revisions"][0]["disclosures"]
    disclosures[0] = another(disclosures[0], "Another value.")


def change_reason(line: dict) -> None:  # type: ignore[type-arg]
    line["header"] = [
        another(one, "Another reason.") if open_disclosure(one).name == "note" else one
        for one in line["header"]
    ]


def change_digest(line: dict) -> None:  # type: ignore[type-arg]
    document = line["revisions"][0]["document"]
    document["public"] = sorted([*document["public"][1:], encode_base64url(bytes(32))])


def change_prev(line: dict) -> None:  # type: ignore[type-arg]
    document = line["revisions"][-1]["document"]
    document["prev"] -= 1


def drop_revision(line: dict) -> None:  # type: ignore[type-arg]
    line["revisions"].pop()


def drop_disclosure(line: dict) -> None:  # type: ignore[type-arg]
    line["revisions"][0]["disclosures"].pop()


def edit_entry(bodies: list[bytes]) -> None:
    bodies[TAMPERED - 1] = bodies[TAMPERED - 1].replace(b'"EDITOR"', b'"AUDITOR"')


def edit_time(bodies: list[bytes]) -> None:
    bodies[TAMPERED - 1] = bodies[TAMPERED - 1].replace(b"2025-01-01", b"2024-01-01")


def swap(bodies: list[bytes]) -> None:
    bodies[60], bodies[61] = bodies[61], bodies[60]


def edit_tile(bundle: Path) -> None:
    file = bundle / "tile/0/000.p" / str(SIZE)
    data = bytearray(file.read_bytes())
    data[(TAMPERED - 1) * 32] ^= 1
    file.write_bytes(data)


def edit_checkpoint(bundle: Path) -> None:
    file = bundle / "checkpoint"
    file.write_text(file.read_text().replace("\n120\n", "\n121\n"))


def show_redacted(bundle: Path) -> None:
    """Put back what position 30 took away, which the one who kept it can."""
    log = MadeLog().grow(SIZE, redacting=30)
    made, text = next(
        (made, text) for made in log.changesets for one in made.steps for text in one.texts
        if text.gone
    )  # fmt: skip
    text.gone = False
    file = bundle / content_of(made.position)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[made.position - 1] = made.line(restricted=True)
    file.write_bytes(b"".join(lines))


TAMPERINGS = {
    "value": (in_line(TAMPERED, change_value), "DIGEST", TAMPERED),
    "reason": (in_line(TAMPERED, change_reason), "DIGEST", TAMPERED),
    "digest": (in_line(TAMPERED, change_digest), "SUBTREE", TAMPERED),
    "entry": (in_entries(edit_entry), "LEAF", TAMPERED),
    "order": (in_entries(swap), "POSITION", TAMPERED),
    "time": (in_entries(edit_time), "TIME", TAMPERED),
    "prev": (in_line(TAMPERED, change_prev), "SUBTREE", TAMPERED),
    "count": (in_line(TAMPERED, drop_revision), "COUNT", TAMPERED),
    "tile": (edit_tile, "LEAF", TAMPERED),
    "checkpoint": (edit_checkpoint, "SIGNATURE", None),
    "missing disclosure": (in_line(TAMPERED, drop_disclosure), "MISSING", TAMPERED),
    "disclosure in spite of a redaction": (show_redacted, "SHOWN", 29),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampering_is_refused_and_its_place_named(copy: Path, name: str) -> None:
    tamper, finding, position = TAMPERINGS[name]
    tamper(copy)

    failure = failure_of(copy)

    assert (failure.finding, failure.position) == (finding, position)


# --- tamperers who have the key -----------------------------------------------


def deep_prev(log: MadeLog) -> None:
    step = log.changesets[TAMPERED - 1].steps[-1]
    step.prev = (step.prev or 0) - 1


def deep_time(log: MadeLog) -> None:
    log.changesets[TAMPERED - 1].at -= timedelta(days=1)


def deep_count(log: MadeLog) -> None:
    log.changesets[TAMPERED - 1].count = 1


def deep_order(log: MadeLog) -> None:
    log.changesets[60].position, log.changesets[61].position = 62, 61


def deep_missing(log: MadeLog) -> None:
    log.changesets[TAMPERED - 1].steps[0].texts[0].gone = True


def deep_shown(log: MadeLog) -> None:
    for made in log.changesets:
        for step in made.steps:
            for text in step.texts:
                text.gone = False


@pytest.mark.parametrize(
    ("tamper", "finding"),
    [
        (deep_prev, "PREV"),
        (deep_time, "TIME"),
        (deep_count, "COUNT"),
        (deep_order, "POSITION"),
        (deep_missing, "MISSING"),
        (deep_shown, "SHOWN"),
    ],
)
def test_signing_anew_does_not_hide_what_contradicts_itself(
    log: MadeLog, tmp_path: Path, tamper: Callable[[MadeLog], None], finding: str
) -> None:
    """Everything below is worked out again and signed with the real key."""
    own = deepcopy(log)
    tamper(own)

    assert failure_of(own.write(tmp_path / "bundle")).finding == finding


def test_whoever_rewrites_and_signs_anew_is_caught_by_a_checkpoint_somebody_kept(
    log: MadeLog, tmp_path: Path
) -> None:
    """A past that agrees with itself, signed by the real key, is still not the one of before."""
    kept, own = log.note(80), deepcopy(log)
    own.changesets[TAMPERED - 1].header[1].value = "Another reason."
    forged = own.write(tmp_path / "bundle", older=OLDER)

    failure = failure_of(forged, kept)

    assert verified(forged).failure is None
    assert failure.finding == "HISTORY"
    assert "between positions 1 and 80" in failure.message


def test_a_bundle_older_than_a_checkpoint_somebody_kept_leaves_something_out(
    log: MadeLog, whole: Path
) -> None:
    longer = deepcopy(log).grow(5)

    failure = failure_of(whole, longer.note(125))

    assert failure.finding == "OLDER_BUNDLE"
    assert "leaves out positions 121 to 125" in failure.message


def test_another_key_than_the_one_known_from_elsewhere_is_refused(whole: Path) -> None:
    assert failure_of(whole, keys=(OTHER_KEY.verifier,)).finding == "SIGNATURE"


def test_without_a_key_of_ones_own_the_verdict_says_what_that_proves(whole: Path) -> None:
    report = verified(whole, keys=())

    assert report.failure is None
    assert "Compare it with the ledger's key" in verdict_text(report, [])
    assert verdict_json(report, [])["keyGiven"] is False


# --- every byte ---------------------------------------------------------------


def flips(bundle: Path, count: int, seed: int) -> Iterator[tuple[Path, bytes, int, int]]:
    """Yield a file with its bytes, and a byte of it to be given another value."""
    dice = random.Random(seed)
    files = sorted(one for one in bundle.rglob("*") if one.is_file() and one.name != "VERIFY.md")
    for _ in range(count):
        file = dice.choice(files)
        data = file.read_bytes()
        place = dice.randrange(len(data))
        yield file, data, place, data[place] ^ (1 << dice.randrange(8))


def test_any_byte_that_changes_in_any_file_is_found(tmp_path: Path) -> None:
    """Two hundred bytes, the files drawn evenly."""
    bundle = MadeLog().grow(20, redacting=7).write(tmp_path / "bundle", older=(3, 11))
    missed = []

    for file, data, place, other in flips(bundle, 200, seed=1):
        file.write_bytes(data[:place] + bytes([other]) + data[place + 1 :])
        if verified(bundle, keys=()).failure is None:
            missed.append((file.name, place))
        file.write_bytes(data)

    assert missed == []
    assert verified(bundle).failure is None


# --- bundles that would hurt --------------------------------------------------


def test_a_file_that_the_layout_does_not_name_is_refused(copy: Path) -> None:
    (copy / "content" / "notes.txt").write_text("More.")

    assert failure_of(copy).file == "content/notes.txt"


def test_a_proof_that_the_layout_does_not_ask_for_is_refused(copy: Path) -> None:
    shutil.copy(copy / inclusion_path(1), copy / inclusion_path(2))

    assert failure_of(copy).file == inclusion_path(2)


@pytest.mark.parametrize("path", ["checkpoints.jsonl", "tile/0/000.p/120", inclusion_path(30)])
def test_a_missing_file_is_refused(copy: Path, path: str) -> None:
    (copy / path).unlink()

    failure = failure_of(copy)

    assert (failure.finding, failure.file) == ("FILE", path)


def test_a_link_is_not_followed(copy: Path, tmp_path: Path) -> None:
    (copy / "checkpoint").rename(tmp_path / "elsewhere")
    (copy / "checkpoint").symlink_to(tmp_path / "elsewhere")

    assert failure_of(copy).finding == "FILE"


def test_a_file_is_not_read_beyond_what_it_may_be(copy: Path) -> None:
    (copy / "bundle.json").write_bytes(b" " * 2_000_000)

    assert "longer than" in failure_of(copy).message


def test_a_zip_that_leads_out_of_itself_is_refused(whole: Path, tmp_path: Path) -> None:
    packed = tmp_path / "bundle.zip"
    with zipfile.ZipFile(packed, "w") as made:
        for file in sorted(whole.rglob("*")):
            if file.is_file():
                made.write(file, file.relative_to(whole).as_posix())
        made.writestr("../evil", "x")

    assert failure_of(packed).file == "../evil"


def test_what_is_no_bundle_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "bundle.zip"
    file.write_text("Not a zip.")

    with pytest.raises(Unready, match="neither a folder nor a zip"):
        verified(file)


def test_an_unknown_kind_of_entry_fails_closed(tmp_path: Path) -> None:
    log = MadeLog().grow(3)
    log.changesets[1].kind = "KEY"

    assert failure_of(log.write(tmp_path / "bundle")).finding == "KIND"
