"""Twelve ways to tamper with a bundle, each as far as a forger may go.

Alone: one thing is changed and nothing else. Recomputed: all that follows from it is made to
fit (digests, roots, entries, tiles, proofs, the root in the checkpoint), but the forger has no
key. Signed: he has the real one too, and signs every checkpoint anew; what does not contradict
itself then is caught by nothing but an older checkpoint that somebody kept.

`GUIDE` has a table of what finds which; the tests compare it with what happens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.log.checkpoint import Checkpoint, signed_checkpoint
from app.log.disclosure import digest, disclose, open_disclosure
from app.log.note import SigningKey
from app.log.tiles import tiles_of
from tests.forging import (
    Bundle,
    checkpoint_of,
    forge,
    in_order,
    read_bundle,
    replace_digest,
    seal,
    sign,
    write_bundle,
    write_checkpoints,
    write_content,
    write_entries,
)

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "audit.md"
ALONE = "alone"
RECOMPUTED = "recomputed"
SIGNED = "signed"

Change = Callable[[Bundle, "Forger"], None]


@dataclass(frozen=True, slots=True)
class Forger:
    """What a forger has got: the log's key, and disclosures by digest that were redacted since."""

    key: SigningKey
    withdrawn: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tampering:
    """One way to tamper with a bundle's folder, in one form."""

    name: str
    form: str
    apply: Callable[[Path, Forger], None]

    def __str__(self) -> str:
        return f"{self.name}, {self.form}"


def disclosures_of(folder: Path) -> dict[str, str]:
    """Return every disclosure of a bundle by its digest: what somebody who kept it can put back."""
    return {digest(one): one for one in read_bundle(folder).disclosures()}


# --- one thing alone ----------------------------------------------------------


def _value(bundle: Bundle, _: Forger) -> None:
    revision, old = _revised(bundle)
    kept = [one for one in revision["disclosures"] if one != old]
    revision["disclosures"] = in_order([_other(old), *kept])


def _reason(bundle: Bundle, _: Forger) -> None:
    line, note = _reasoned(bundle)
    line["header"] = in_order([_other(note), *(one for one in line["header"] if one != note)])


def _digest(bundle: Bundle, _: Forger) -> None:
    revision, disclosure = _revised(bundle)
    old = digest(disclosure)
    replace_digest(revision["document"], old, digest(old))


def _entry(bundle: Bundle, _: Forger) -> None:
    entry = _middle(bundle)
    entry["reasonCode"] = "INITIAL_ENTRY" if entry["reasonCode"] != "INITIAL_ENTRY" else "OTHER"


def _order(bundle: Bundle, _: Forger) -> None:
    first = _neighbours(bundle)
    _swap(bundle.entries, first)


def _time(bundle: Bundle, _: Forger) -> None:
    entry = _middle(bundle)
    before = datetime.fromisoformat(bundle.entries[entry["position"] - 2]["recordedAt"])
    earlier = (before - timedelta(seconds=1)).isoformat(timespec="microseconds")
    entry["recordedAt"] = earlier.removesuffix("+00:00") + "Z"


def _prev(bundle: Bundle, _: Forger) -> None:
    document = _revised(bundle)[0]["document"]
    document["prev"] = document["prev"] - 1 or 2


def _count(bundle: Bundle, _: Forger) -> None:
    _middle(bundle)["revisions"]["count"] += 1


def _missing(bundle: Bundle, _: Forger) -> None:
    revision, disclosure = _revised(bundle)
    revision["disclosures"].remove(disclosure)


def _in_spite(bundle: Bundle, forger: Forger) -> None:
    _put_back(bundle, _redacted(bundle)[1][0], forger)


# --- and all that follows -----------------------------------------------------


def _value_and_digest(bundle: Bundle, forger: Forger) -> None:
    revision, old = _revised(bundle)
    _value(bundle, forger)
    replace_digest(revision["document"], digest(old), digest(_other(old)))
    seal(bundle)


def _reason_and_digest(bundle: Bundle, forger: Forger) -> None:
    line, note = _reasoned(bundle)
    _reason(bundle, forger)
    replace_digest(bundle.entries[line["position"] - 1], digest(note), digest(_other(note)))


def _order_and_numbers(bundle: Bundle, _: Forger) -> None:
    """Exchange two whole changesets with all that names their positions."""
    first = _neighbours(bundle)
    one, two = bundle.entries[first : first + 2]
    one["recordedAt"], two["recordedAt"] = two["recordedAt"], one["recordedAt"]
    _swap(bundle.entries, first)
    _swap(bundle.content, first)
    renumbered = {first + 1: first + 2, first + 2: first + 1}
    for named, member in _positions(bundle):
        named[member] = renumbered.get(named[member], named[member])
    seal(bundle)


def _missing_with_digest(bundle: Bundle, _: Forger) -> None:
    revision, disclosure = _revised(bundle)
    revision["disclosures"].remove(disclosure)
    replace_digest(revision["document"], digest(disclosure), None)
    seal(bundle)


def _in_spite_and_unnamed(bundle: Bundle, forger: Forger) -> None:
    line, targets = _redacted(bundle)
    _put_back(bundle, targets[0], forger)
    line["targets"] = targets[1:]
    seal(bundle)


def _sealed(change: Change) -> Change:
    def apply(bundle: Bundle, forger: Forger) -> None:
        change(bundle, forger)
        seal(bundle)

    return apply


# --- where it strikes ---------------------------------------------------------


def _early(bundle: Bundle) -> int:
    """Return a size that the checkpoint before the newest covers: what stands later is new."""
    return checkpoint_of(bundle.checkpoints[-2]).size


def _revised(bundle: Bundle) -> tuple[dict[str, Any], str]:
    """Return a revision of a record that was there before, and a text that everybody sees in it."""
    return next(
        (revision, disclosure)
        for line in bundle.content[: _early(bundle)]
        for revision in line["revisions"]
        if revision["document"]["action"] == "REVISE"
        for disclosure in revision["disclosures"]
        if digest(disclosure) in revision["document"]["public"]
        and isinstance(open_disclosure(disclosure).value, str)
    )


def _reasoned(bundle: Bundle) -> tuple[dict[str, Any], str]:
    """Return a line of content and its reason."""
    return next(
        (line, disclosure)
        for line in bundle.content[_early(bundle) // 2 :]
        for disclosure in line["header"]
        if open_disclosure(disclosure).name == "note"
    )


def _middle(bundle: Bundle) -> dict[str, Any]:
    return bundle.entries[_early(bundle) // 2]


def _neighbours(bundle: Bundle) -> int:
    """Return the index of a changeset that neither touches nor names what the next one does."""
    for first in range(_early(bundle) // 2, _early(bundle) - 1):
        one, two = bundle.content[first : first + 2]
        touched = [{r["document"]["record"] for r in line["revisions"]} for line in (one, two)]
        kinds = {entry["kind"] for entry in bundle.entries[first : first + 2]}
        if touched[0].isdisjoint(touched[1]) and kinds == {"EDIT"}:
            return first
    raise AssertionError("no two neighbours in this log are independent of each other")


def _redacted(bundle: Bundle) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the first redaction's line of content, and its targets."""
    line = next(line for line in bundle.content if line.get("targets"))
    return line, line["targets"]


def _put_back(bundle: Bundle, target: Mapping[str, Any], forger: Forger) -> None:
    line = bundle.content[target["position"] - 1]
    disclosure = forger.withdrawn[target["digest"]]
    if target["scope"] == "header":
        line["header"] = in_order([*line["header"], disclosure])
        return
    revision = next(r for r in line["revisions"] if r["document"]["record"] == target["scope"])
    revision["disclosures"] = in_order([*revision["disclosures"], disclosure])


def _other(disclosure: str) -> str:
    """Return the disclosure of another text of the same name, under the same salt."""
    salt, name, _ = open_disclosure(disclosure)
    return disclose(salt, name, "Something else.")


def _positions(bundle: Bundle) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every place where a position is named."""
    for entry, line in zip(bundle.entries, bundle.content, strict=True):
        yield entry, "position"
        yield line, "position"
        if "reverts" in entry:
            yield entry, "reverts"
        for revision in line["revisions"]:
            yield revision["document"], "prev"
        for target in line.get("targets", ()):
            yield target, "position"


def _swap(values: list[Any], first: int) -> None:
    values[first], values[first + 1] = values[first + 1], values[first]


# --- the forms ----------------------------------------------------------------


def _alone(name: str, change: Change, write: Callable[[Path, Bundle], None]) -> Tampering:
    def apply(folder: Path, forger: Forger) -> None:
        bundle = read_bundle(folder)
        change(bundle, forger)
        write(folder, bundle)

    return Tampering(name, ALONE, apply)


def _recomputed(name: str, change: Change) -> Tampering:
    def apply(folder: Path, forger: Forger) -> None:
        bundle = read_bundle(folder)
        change(bundle, forger)
        forge(bundle)
        write_bundle(folder, bundle)

    return Tampering(name, RECOMPUTED, apply)


def _signed(name: str, change: Change) -> Tampering:
    def apply(folder: Path, forger: Forger) -> None:
        bundle = read_bundle(folder)
        change(bundle, forger)
        sign(bundle, forger.key)
        write_bundle(folder, bundle)

    return Tampering(name, SIGNED, apply)


def _forms(
    name: str,
    change: Change,
    write: Callable[[Path, Bundle], None],
    thorough: Change | None = None,
) -> tuple[Tampering, ...]:
    everything = thorough or change
    return (
        _alone(name, change, write),
        _recomputed(name, everything),
        _signed(name, everything),
    )


def _flip_tile(folder: Path, _: Forger) -> None:
    """Change one bit of a leaf hash in the first tile."""
    first = next(tiles_of(len(read_bundle(folder).entries)))
    path = folder / first.path
    data = bytearray(path.read_bytes())
    data[32 * 5] ^= 1
    path.write_bytes(data)


def _another_root(bundle: Bundle) -> Checkpoint:
    stated = checkpoint_of(bundle.checkpoints[-1])
    return Checkpoint(stated.origin, stated.size, stated.root[::-1])


def _rootless(bundle: Bundle, _: Forger) -> None:
    signatures = bundle.checkpoints[-1].rpartition("\n\n")[2]
    bundle.checkpoints[-1] = f"{_another_root(bundle).text}\n{signatures}"


def _sign_another_root(folder: Path, forger: Forger) -> None:
    """Sign, with the real key, a root that the tree does not have."""
    bundle = read_bundle(folder)
    bundle.checkpoints[-1] = signed_checkpoint(_another_root(bundle), [forger.key])
    write_checkpoints(folder, bundle)


TAMPERINGS: tuple[Tampering, ...] = (
    *_forms("value", _value, write_content, _value_and_digest),
    *_forms("reason", _reason, write_content, _reason_and_digest),
    *_forms("digest", _digest, write_content, _sealed(_digest)),
    *_forms("entry", _entry, write_entries),
    *_forms("order", _order, write_entries, _order_and_numbers),
    *_forms("time", _time, write_entries),
    *_forms("prev", _prev, write_content, _sealed(_prev)),
    *_forms("count", _count, write_entries),
    Tampering("tile", ALONE, _flip_tile),
    _alone("checkpoint", _rootless, write_checkpoints),
    Tampering("checkpoint", SIGNED, _sign_another_root),
    *_forms("missing disclosure", _missing, write_content, _missing_with_digest),
    *_forms("disclosure in spite of a redaction", _in_spite, write_content, _in_spite_and_unnamed),
)
"""Every tampering in every form that makes sense of it."""


def table() -> dict[str, list[str]]:
    """Return what the guide says: a tampering and its form → who finds it, ours first."""
    section = GUIDE.read_text("utf-8").split("## What finds which")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    cells = [row.replace("`", "").split(" | ") for row in rows]
    return {f"{name}, {form}": found for name, form, *found in cells if name != "tampering"}
