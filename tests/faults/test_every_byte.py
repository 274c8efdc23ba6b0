"""Two thousand random bytes of the database, on each kind, and two thousand of a bundle."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.bundles import verified
from tests.driver import Newsroom
from tests.made_log import MadeLog
from tests.reads.columns import cells, changed, unguarded
from tests.reads.conftest import engine, filled, newsroom
from tests.reads.test_checking import COVERED, checked
from tests.reads.test_verifying import flips

__all__ = ["engine", "filled", "newsroom"]

pytestmark = pytest.mark.faults


def test_two_thousand_bytes_of_covered_columns_are_found(filled: Newsroom) -> None:
    dice, started = random.Random(11), time.monotonic()
    unguarded(filled.engine)
    drawn, found, missed = cells(filled.engine, COVERED, dice), Counter[str](), list[str]()
    refused = 0

    while found.total() + len(missed) < 2_000:
        cell = next(drawn)
        with changed(filled.engine, cell, dice) as was_changed:
            refused += not was_changed
            if was_changed and checked(filled.engine).problems:
                found[f"{cell.table}.{cell.column}"] += 1
            elif was_changed:
                missed.append(str(cell))

    print(
        f"{filled.engine.dialect.name}: {found.total()} of 2,000 found in {len(found)} of "
        f"{len(COVERED)} columns, {refused} more refused by the database; "
        f"{time.monotonic() - started:.0f} s"
    )
    assert missed == []


def test_two_thousand_bytes_of_a_bundle_are_found(tmp_path: Path) -> None:
    bundle = MadeLog().grow(20, redacting=7).write(tmp_path / "bundle", older=(3, 11))
    found, missed, started = Counter[str](), [], time.monotonic()

    for file, data, place, other in flips(bundle, 2_000, seed=2):
        file.write_bytes(data[:place] + bytes([other]) + data[place + 1 :])
        failure = verified(bundle, keys=()).failure
        if failure is None:
            missed.append((file.name, place))
        else:
            found[failure.finding] += 1
        file.write_bytes(data)

    print(f"{found.total()} of 2,000 found: {dict(found)}; {time.monotonic() - started:.0f} s")
    assert missed == []
