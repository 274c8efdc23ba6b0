"""The records that the measurements read: always the same, whatever database holds them.

2,000 actors, 500 items, 100,000 citations, 50,000 transfers and 125,000 claims, of which
120,000 are about transfers, two or three each. With more than one version, every transfer
and claim is revised until it has that many; a part of it all is called for by a scale.
`tests.bench.filling` writes them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from app.domain.codes import Action
from app.domain.ids import ENTROPY_BYTES, new_id

Fields: TypeAlias = dict[str, Any]

ACTORS: Final = 2_000
STATES: Final = 180
OUTLETS: Final = 300
ITEMS: Final = 500
CITATIONS: Final = 100_000
TRANSFERS: Final = 50_000
CLAIMS: Final = 125_000
CLAIMS_ABOUT_TRANSFERS: Final = 120_000
BATCH: Final = 1_000
"""Records in one changeset."""

_SEED: Final = 20240827
_FIRST_MS: Final = 1_700_000_000_000

_COUNTRIES: Final = (
    "AE", "AR", "AT", "AU", "BE", "BG", "BR", "BY", "CA", "CH", "CL", "CN", "CO", "CZ", "DE",
    "DK", "EE", "EG", "ES", "FI", "FR", "GB", "GR", "HU", "ID", "IE", "IL", "IN", "IR", "IT",
    "JP", "KE", "KP", "KR", "KZ", "LT", "LV", "MA", "MX", "NL", "NO", "PK", "PL", "PT", "RO",
    "RU", "SE", "SK", "TR", "UA", "US", "VN", "ZA",
)  # fmt: skip
_PLACES: Final = (
    "Ambarra", "Belgrove", "Castelmar", "Dunholm", "Estria", "Farland", "Gorenia", "Halvia",
    "Istmora", "Jorvik", "Kestovia", "Lormond", "Morvania", "Norlund", "Ostrava", "Pelagia",
    "Quillon", "Rostavia", "Sarmatia", "Tolmira", "Urvania", "Valdoria", "Westmark", "Zemlin",
)  # fmt: skip
_BODIES: Final = (
    "Ministry of Defence", "Ministry of Agriculture", "Customs Service", "Veterinary Service",
    "Export Agency", "Railway Directorate", "Rolling Stock Works", "Grain Board",
    "Arms Corporation", "Livestock Union", "Shipping Company", "State Reserve",
)  # fmt: skip
_PAPERS: Final = ("Courier", "Gazette", "Herald", "Observer", "Tribune", "Wire", "Monitor", "Post")
_THINGS: Final = (
    ("Orlov Trotter horses", "LIVE_ANIMAL", "head"), ("dairy goats", "LIVE_ANIMAL", "head"),
    ("152 mm artillery shells", "MUNITION", "pieces"), ("122 mm rockets", "MUNITION", "pieces"),
    ("towed howitzers", "WEAPON", "pieces"), ("rocket launchers", "WEAPON", "pieces"),
    ("off-road lorries", "VEHICLE", "pieces"), ("freight wagons", "VEHICLE", "pieces"),
    ("winter wheat", "COMMODITY", "t"), ("refined petroleum", "COMMODITY", "t"),
    ("maize flour", "COMMODITY", "t"), ("coking coal", "COMMODITY", "t"),
)  # fmt: skip
_MARKS: Final = ("type A", "type B", "first grade", "second grade", "series 3", "series 7")
_NATURES: Final = ("GIFT", "SALE", "PAYMENT", "BARTER", "AID", "LOAN", "UNKNOWN")
_STAGES: Final = ("PLEDGED", "ORDERED", "APPROVED", "DISPATCHED", "DELIVERED", "UNKNOWN")
_STANCES: Final = ("ASSERTS", "ASSERTS", "ASSERTS", "ESTIMATES", "DENIES")
_CITATION_KINDS: Final = ("NEWS_REPORT", "NEWS_REPORT", "PRESS_RELEASE", "OFFICIAL_RECORD")
_LANGUAGES: Final = ("en", "de", "fr", "ru", "ko", "uk")
_SAID: Final = (
    "left by rail",
    "came over the border",
    "had been paid for",
    "was seen by witnesses",
    "is in the customs records",
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is: versions of each transfer and claim, and which part of everything.

    A scale of 5 is a fifth of the actors, of the items, and so on. `batch` is how many
    records a changeset writes.
    """

    versions: int = 1
    scale: int = 1
    batch: int = BATCH

    def of(self, whole: int) -> int:
        """Return how many there are of what the whole dataset has so many of."""
        return whole // self.scale

    def __str__(self) -> str:
        counts = {
            "actors": ACTORS,
            "items": ITEMS,
            "transfers": TRANSFERS,
            "citations": CITATIONS,
            "claims": CLAIMS,
        }
        listed = ", ".join(f"{self.of(whole):,} {name}" for name, whole in counts.items())
        many = f"; {self.versions} versions of each transfer and claim"
        each = f"; {self.batch} records a changeset"
        return listed + (many if self.versions > 1 else "") + (each if self.batch != BATCH else "")


@dataclass(frozen=True, slots=True)
class Written:
    """One record's step to a version: its fields before and after."""

    record_id: str
    version: int
    action: Action
    before: Fields
    fields: Fields

    @property
    def kind(self) -> str:
        """The record's kind, which is its table."""
        return self.record_id.partition("_")[0]


def changesets(size: Size) -> Iterator[list[Written]]:
    """Yield the dataset in the order of its writing, so many records a changeset."""
    source = _Source(size)
    for part in (source.actors, source.items, source.citations, source.transfers, source.claims):
        made = [Written(new, 1, Action.ADD, {}, fields) for new, fields in part()]
        yield from _batches(made, size.batch)
    for version in range(2, size.versions + 1):
        yield from _batches(source.revisions(version), size.batch)


def _batches(written: Sequence[Written], batch: int) -> Iterator[list[Written]]:
    for start in range(0, len(written), batch):
        yield list(written[start : start + batch])


class _Source:
    """Draws every record from one seeded stream; the parts must be asked for in order."""

    def __init__(self, size: Size) -> None:
        self._of = size.of
        self._random = random.Random(_SEED)
        self._ms = _FIRST_MS
        self._held: dict[str, dict[str, Fields]] = {}

    def actors(self) -> list[tuple[str, Fields]]:
        return self._keep("actor", [self._actor(number) for number in range(self._of(ACTORS))])

    def _actor(self, number: int) -> Fields:
        place, mark = _PLACES[number % len(_PLACES)], number // len(_PLACES) + 1
        fields: Fields = {"country": self._one_of(_COUNTRIES)}
        if number < self._of(STATES):
            fields |= {"name": f"{place} {mark}", "kind": "STATE"}
        elif number < self._of(STATES) + self._of(OUTLETS):
            paper = _PAPERS[number % len(_PAPERS)]
            fields |= {"name": f"The {place} {paper} {mark}", "kind": "NEWS_OUTLET"}
        else:
            body = _BODIES[number % len(_BODIES)]
            fields |= {"name": f"{place} {body} {mark}", "kind": "AGENCY"}
        if self._random.random() < 0.5:
            fields["aliases"] = [{"text": f"{fields['name']} (old style)", "language": "en"}]
        return {**fields, "description": f"Known in filings as {fields['name']}."}

    def items(self) -> list[tuple[str, Fields]]:
        return self._keep("item", [self._item(number) for number in range(self._of(ITEMS))])

    def _item(self, number: int) -> Fields:
        name, kind, unit = _THINGS[number % len(_THINGS)]
        mark = f"{_MARKS[number % len(_MARKS)]}, lot {number // len(_THINGS) + 1}"
        code = f"{1000 + number % 8000:04d}{number % 90 + 10}"
        return {"name": f"{name}, {mark}", "kind": kind, "unit": unit, "hsCode": code}

    def citations(self) -> list[tuple[str, Fields]]:
        outlets = list(self._held["actor"])[self._of(STATES) : self._of(STATES) + self._of(OUTLETS)]
        return self._keep(
            "citation", [self._citation(number, outlets) for number in range(self._of(CITATIONS))]
        )

    def _citation(self, number: int, outlets: Sequence[str]) -> Fields:
        place, thing = self._one_of(_PLACES), self._one_of(_THINGS)[0]
        day = self._day()
        fields: Fields = {
            "kind": self._one_of(_CITATION_KINDS),
            "title": f"{place}: the {thing}",
            "publisher": self._one_of(outlets),
            "url": f"https://news.example/{day[:4]}/{number}-{place.lower()}",
            "language": self._one_of(_LANGUAGES),
            "published": day,
            "accessed": day,
            "integrity": "LIVE",
        }
        if number % 3 == 0:
            fields["authors"] = [f"A. {place}", "B. Reporter"]
        return fields

    def transfers(self) -> list[tuple[str, Fields]]:
        actors, items = list(self._held["actor"]), list(self._held["item"])
        return self._keep(
            "transfer", [self._transfer(actors, items) for _ in range(self._of(TRANSFERS))]
        )

    def _transfer(self, actors: Sequence[str], items: Sequence[str]) -> Fields:
        giver, receiver = self._random.sample(actors, 2)
        item = self._one_of(items)
        names = {kind: self._held[kind] for kind in ("actor", "item")}
        what = names["item"][item]["name"].partition(",")[0]
        quantity = self._quantity(names["item"][item]["unit"])
        fields: Fields = {
            "title": f"{what.capitalize()} for {names['actor'][receiver]['name']}",
            "giver": giver,
            "receiver": receiver,
            "item": item,
            "quantity": quantity,
            "occurred": self._date(),
            "nature": self._one_of(_NATURES),
            "stage": self._one_of(_STAGES),
            "summary": self._summary(what, names["actor"][giver]["name"]),
        }
        if self._random.random() < 0.3:
            fields["value"] = {"amount": self._figure(9_000_000), "unit": "USD", "basis": "FOB"}
        if self._random.random() < 0.4:
            fields |= {"origin": self._one_of(_PLACES), "destination": self._one_of(_PLACES)}
        return fields

    def _summary(self, what: str, giver: str) -> str:
        first, second = self._random.sample(_SAID, 2)
        return f"{giver} sent {what}. By one account it {first}, by another it {second}."

    def _quantity(self, unit: str) -> Fields:
        figure = self._figure(5_000)
        words = {"unit": unit, "verbatim": f"some {figure} {unit}"}
        match self._random.randrange(4):
            case 0:
                high = str(int(figure) + 100)
                return {"lower": figure, "upper": high, "approximate": True, **words}
            case 1:
                return {"amount": figure, "approximate": True, **words}
            case _:
                return {"amount": figure, **words, "verbatim": f"{figure} {unit}"}

    def claims(self) -> list[tuple[str, Fields]]:
        made = [self._claim(subject, place) for subject, place in self._subjects()]
        return self._keep("claim", made)

    def _subjects(self) -> Iterator[tuple[str, int]]:
        """Two or three claims a transfer, and the rest about actors."""
        thirds = self._of(CLAIMS_ABOUT_TRANSFERS) - 2 * self._of(TRANSFERS)
        with_three = set(self._random.sample(range(self._of(TRANSFERS)), thirds))
        for number, transfer in enumerate(self._held["transfer"]):
            for place in range(3 if number in with_three else 2):
                yield transfer, place
        actors = list(self._held["actor"])
        for number in range(self._of(CLAIMS) - self._of(CLAIMS_ABOUT_TRANSFERS)):
            yield actors[number % self._of(ACTORS)], 3

    def _claim(self, subject: str, place: int) -> Fields:
        field, value, words = self._assertion(subject, place)
        fields: Fields = {
            "subject": subject,
            "field": field,
            "value": value,
            "stance": self._one_of(_STANCES),
            "citation": self._citation_ids[self._random.randrange(self._of(CITATIONS))],
            "quote": {"exact": f"What was sent, {words}, {self._one_of(_SAID)}."},
            "locator": f"p. {self._random.randrange(1, 40)}",
        }
        if self._random.random() < 0.3:
            fields["assertedBy"] = self._actor_ids[self._random.randrange(self._of(ACTORS))]
        return fields

    def _assertion(self, subject: str, place: int) -> tuple[str, Fields, str]:
        """What a claim says: its field, its value, and how a text would put that."""
        if place == 3:
            country = self._held["actor"][subject]["country"]
            return "COUNTRY", {"code": country}, f"by {country}"
        held = self._held["transfer"][subject]
        match place, self._random.randrange(3):
            case 0, _:
                return "QUANTITY", {"quantity": held["quantity"]}, held["quantity"]["verbatim"]
            case _, 0:
                return "OCCURRED", {"date": held["occurred"]}, f"on {held['occurred']}"
            case _, 1:
                return "STAGE", {"code": held["stage"]}, f"now {held['stage'].lower()}"
            case _:
                giver = self._held["actor"][held["giver"]]["name"]
                return "GIVER", {"record": held["giver"]}, f"by {giver}"

    def revisions(self, version: int) -> list[Written]:
        """Return the next version of every transfer and claim, in an order of its own."""
        wanted = [("transfer", one) for one in self._held["transfer"]]
        wanted += [("claim", one) for one in self._held["claim"]]
        self._random.shuffle(wanted)
        return [self._revision(kind, record_id, version) for kind, record_id in wanted]

    def _revision(self, kind: str, record_id: str, version: int) -> Written:
        before = self._held[kind][record_id]
        if kind == "claim":
            changed: Fields = {"locator": f"p. {self._random.randrange(1, 40)}, note {version}"}
        elif version % 2:
            changed = {"summary": f"{before['summary'][:200]} Checked again, pass {version}."}
        else:
            changed = {"quantity": self._quantity(before["quantity"]["unit"])}
        after = {**before, **changed}
        self._held[kind][record_id] = after
        return Written(record_id, version, Action.REVISE, before, after)

    def _keep(self, kind: str, made: list[Fields]) -> list[tuple[str, Fields]]:
        kept = {self._id(kind): fields for fields in made}
        self._held[kind] = kept
        setattr(self, f"_{kind}_ids", list(kept))
        return list(kept.items())

    def _id(self, kind: str) -> str:
        self._ms += 1
        return new_id(kind, at_ms=self._ms, entropy=self._random.randbytes(ENTROPY_BYTES))

    def _date(self) -> str:
        day = self._day()
        return self._one_of((day, day, day, day[:7], day[:4], f"{day}~", f"{day[:7]}/2024-12-31"))

    def _day(self) -> str:
        pick = self._random.randrange
        return f"{pick(2005, 2024)}-{pick(1, 13):02d}-{pick(1, 29):02d}"

    def _figure(self, limit: int) -> str:
        return str(self._random.randrange(1, limit))

    def _one_of(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._random.random() * len(choices))]
