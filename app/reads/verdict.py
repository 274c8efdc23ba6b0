"""What a verification found, in words for people and in JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from app.log.errors import NotVerified
from app.log.verifying import PUBLIC
from app.reads.verifying import Report

_TOLD: Final = 20
"""How many redactions the text lists; the JSON lists up to `app.reads.verifying.LISTED`."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the bundle was compared with besides: a database or a server, and what was equal."""

    against: str
    compared: dict[str, int]
    failure: NotVerified | None = None


def is_verified(report: Report, comparisons: list[Comparison]) -> bool:
    """Whether everything that was asked for holds."""
    return _first_failure(report, comparisons) is None


def verdict_json(report: Report, comparisons: list[Comparison]) -> dict[str, Any]:
    """Return the verdict as JSON-able members; the names stay as they are (docs/audit.md)."""
    manifest, failure = report.manifest, _first_failure(report, comparisons)
    return {
        "verified": failure is None,
        "failure": None if failure is None else failure_json(failure),
        "bundle": None
        if manifest is None
        else {
            "origin": manifest.origin,
            "size": manifest.size,
            "audience": manifest.audience,
            "vkeys": list(manifest.vkeys),
            "root": None if report.checkpoint is None else report.checkpoint.root.hex(),
            "firstRecordedAt": report.first_at or None,
            "lastRecordedAt": report.last_at or None,
        },
        "keyGiven": bool(report.known.keys),
        "proved": report.proved,
        "counts": {
            **asdict(report.counts),
            "tiles": report.tiles,
            "inclusionProofs": report.inclusion_proofs,
            "olderInBundle": report.older_in_bundle,
        },
        "olderGiven": [{"name": name, "size": size} for name, size in report.older_given],
        "redactions": [
            {
                "position": one.position,
                "authority": one.authority,
                "recordedAt": one.recorded_at,
                "reasonCode": one.reason_code,
                "disclosures": one.disclosures,
            }
            for one in report.redactions
        ],
        "compared": [
            {
                "against": one.against,
                **one.compared,
                "failure": None if one.failure is None else failure_json(one.failure),
            }
            for one in comparisons
        ],
    }


def failure_json(failure: NotVerified) -> dict[str, Any]:
    """Return a failure as JSON-able members."""
    return {
        "code": failure.finding,
        "message": failure.message,
        "position": failure.position,
        "record": failure.record,
        "field": failure.field,
        "file": failure.file,
    }


def verdict_text(report: Report, comparisons: list[Comparison]) -> str:
    """Return the verdict in sentences that need no knowledge of the matter."""
    failure = _first_failure(report, comparisons)
    lines = [*_headline(report, failure), "", "What was checked, and holds", ""]
    lines += [f"- {sentence}" for sentence in _checked(report, comparisons)]
    if report.redactions:
        lines += ["", "What was taken away, by redactions that are in the log", ""]
        lines += [f"- {sentence}" for sentence in _redacted(report)]
    lines += ["", "What this does not prove", ""]
    lines += [f"- {sentence}" for sentence in _not_proved(report)]
    return "\n".join(lines)


def _first_failure(report: Report, comparisons: list[Comparison]) -> NotVerified | None:
    failures = [report.failure, *(one.failure for one in comparisons)]
    return next((failure for failure in failures if failure is not None), None)


def _headline(report: Report, failure: NotVerified | None) -> Iterator[str]:
    if failure is not None:
        yield f"NOT VERIFIED ({failure.finding}){place_text(failure)}: {failure.message}."
        return
    manifest = report.manifest
    if manifest is None:
        return
    yield (
        f"VERIFIED. This is the log of {manifest.origin} from its first entry to position "
        f"{manifest.size}, {_span(report)}. Nothing in it was altered, put in, taken out or "
        "reordered since it was signed."
    )
    if not report.known.keys:
        yield (
            "The key was taken from the bundle itself, which proves only that the bundle agrees "
            "with itself. Compare it with the ledger's key as you know it from elsewhere, and "
            "name it with --vkey:"
        )
        yield from (f"  {vkey}" for vkey in manifest.vkeys)


def place_text(failure: NotVerified) -> str:
    """Return where something fails: ` at position 7, record actor_…, field name`."""
    places = [
        f"{name} {value}"
        for name, value in (
            ("position", failure.position),
            ("record", failure.record),
            ("field", failure.field),
        )
        if value is not None
    ]
    return f" at {', '.join(places)}" if places else ""


def _span(report: Report) -> str:
    if not report.first_at:
        return "without any entry"
    return f"recorded from {report.first_at} to {report.last_at}"


def _checked(report: Report, comparisons: list[Comparison]) -> Iterator[str]:
    counts, size = report.counts, 0 if report.checkpoint is None else report.checkpoint.size
    if report.checkpoint is None:
        yield "Nothing: the bundle could not be opened so far."
        return
    whose = "the key that you gave" if report.known.keys else "the key that the bundle names"
    yield f"The checkpoint of size {size} is signed with {whose}."
    if counts.changesets:
        end = "They hash into the signed tree." if "tree" in report.proved else ""
        yield (
            f"Positions 1 to {counts.changesets}: in order, none missing, none before the time of "
            f"the one in front of it, each with its content. {end}".rstrip()
        )
        yield (
            f"{_many(counts.revisions, 'version')} of {_many(counts.records, 'record')}, counted "
            "without a hole; "
            f"{_many(counts.disclosures, 'value')} open the digests that the log holds."
        )
    if report.older_in_bundle:
        yield f"{_many(report.older_in_bundle, 'older checkpoint')} of the bundle: only added to."
    for name, older in report.older_given:
        yield f"{name} (size {older}): the log still has those {older} entries, as they were."
    if counts.withheld:
        yield (
            f"{counts.withheld} restricted, withheld: notes that this audience may not see. Their "
            "digests are in the log; that none was taken away in silence is not shown here."
        )
    for one in comparisons:
        if one.failure is None:
            yield _compared(one)


def _compared(one: Comparison) -> str:
    found = ", ".join(f"{value} {name}" for name, value in one.compared.items())
    return f"Compared with {one.against}: {found}. It says what the bundle says."


def _redacted(report: Report) -> Iterator[str]:
    for one in report.redactions[:_TOLD]:
        yield (
            f"Position {one.position}, {one.recorded_at}: {_many(one.disclosures, 'value')}, on "
            f"{one.authority} authority (reason {one.reason_code})."
        )
    left = report.counts.redactions - _TOLD
    if left > 0:
        yield f"And {left} more; --json lists them."


def _not_proved(report: Report) -> Iterator[str]:
    yield "That what was entered is true, or was entered as soon as it was known."
    yield "That the clock of the ledger was right: times are its own word, in ascending order."
    if report.checkpoint is not None:
        yield f"That the ledger has nothing newer than position {report.checkpoint.size}."
    if not report.older_given:
        yield (
            "That the holder of the key did not write the whole log anew: only a checkpoint that "
            "somebody kept from before shows that. Name yours with --checkpoint."
        )
    if report.manifest is not None and report.manifest.audience == PUBLIC:
        yield "What restricted notes say: this bundle is for the public."


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
