"""The types of field: what each accepts, and what it refers to.

Every type turns JSON-able input into the canonical value that is stored,
hashed and shown. References arrive as ids; `resolve` turns local refs such as
`#horses` into them first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from app.domain import codes, edtf_dates, ids, instants, languages, places, texts, urls, values
from app.domain.errors import InvalidValue, OtherKind, Path

Value: TypeAlias = Any
Resolve: TypeAlias = Callable[[str], str]
Reference_: TypeAlias = tuple[Path, str, tuple[str, ...]]


class FieldType:
    """What all types of field share.

    `claim_tag` names the member of a claim's value that carries this type.
    """

    claim_tag: ClassVar[str | None] = None
    settable: bool = True

    def parse(self, value: Value, resolve: Resolve) -> Value:
        """Return the canonical form of `value`, or raise `InvalidValue`."""
        raise NotImplementedError

    def references(self, value: Value) -> Iterator[Reference_]:
        """Yield (path, id, allowed kinds) for every record that `value` names."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Text(FieldType):
    """Plain text, at most `limit` characters."""

    limit: int
    multiline: bool = False
    claim_tag: ClassVar[str] = "text"

    def parse(self, value: Value, resolve: Resolve) -> str:
        """Return the canonical form of `value`, or raise `InvalidValue`."""
        return texts.text(value, limit=self.limit, multiline=self.multiline)


@dataclass(frozen=True, slots=True)
class Code(FieldType):
    """One member of a code list."""

    codes: type[codes.Code]
    claim_tag: ClassVar[str] = "code"

    def parse(self, value: Value, resolve: Resolve) -> str:
        """Return the canonical form of `value`, or raise `InvalidValue`."""
        return codes.code(self.codes, value)


@dataclass(frozen=True, slots=True)
class Reference(FieldType):
    """A record of one of `kinds`; in a hierarchy no record may be its own ancestor."""

    kinds: tuple[str, ...]
    hierarchy: bool = False
    settable: bool = True
    claim_tag: ClassVar[str] = "record"

    def parse(self, value: Value, resolve: Resolve) -> str:
        """Return the canonical form of `value`, or raise `InvalidValue`."""
        return record_id(value, resolve, self.kinds)

    def references(self, value: Value) -> Iterator[Reference_]:
        """Yield (path, id, allowed kinds) for every record that `value` names."""
        yield (), value, self.kinds


class _Plain(FieldType):
    """A type that is one function on the value."""

    @staticmethod
    def _parse(value: Value) -> Value:
        raise NotImplementedError

    def parse(self, value: Value, resolve: Resolve) -> Value:
        """Return the canonical form of `value`, or raise `InvalidValue`."""
        return self._parse(value)


class Measure(_Plain):
    """An amount with its bounds and unit."""

    claim_tag = "quantity"
    _parse = staticmethod(values.measure)


class Money(_Plain):
    """A measure in a currency."""

    claim_tag = "money"
    _parse = staticmethod(values.money)


class Edtf(_Plain):
    """A date of the world, EDTF level 0-1."""

    claim_tag = "date"
    _parse = staticmethod(edtf_dates.edtf)


class Country(_Plain):
    """ISO 3166-1 alpha-2."""

    claim_tag = "code"
    _parse = staticmethod(places.country)


class HsCode(_Plain):
    """Harmonized System code."""

    claim_tag = "code"
    _parse = staticmethod(values.hs_code)


class Language(_Plain):
    """BCP 47."""

    _parse = staticmethod(languages.language)


class Url(_Plain):
    """An absolute http or https address."""

    _parse = staticmethod(urls.url)


class Sha256(_Plain):
    """64 hexadecimal digits."""

    _parse = staticmethod(values.sha256_hex)


class Instant(_Plain):
    """RFC 3339 date or instant."""

    _parse = staticmethod(instants.instant)


class Aliases(_Plain):
    """Other names, each with its language."""

    _parse = staticmethod(values.aliases)


class Identifiers(_Plain):
    """Scheme and value in other catalogues."""

    _parse = staticmethod(values.identifiers)


class Authors(_Plain):
    """A list of names."""

    _parse = staticmethod(values.authors)


class Quote(_Plain):
    """W3C TextQuoteSelector."""

    _parse = staticmethod(values.quote)


class Derivations(FieldType):
    """Claims that a claim repeats, each with the manner."""

    def parse(self, value: Value, resolve: Resolve) -> list[dict[str, str]] | None:
        """Return the canonical form of `value`, or raise `InvalidValue`."""
        if not isinstance(value, list):
            raise InvalidValue("must be a list of {claim, derivation}")
        found = [_derivation(entry, resolve, place) for place, entry in enumerate(value)]
        parents = [entry["claim"] for entry in found]
        for place, parent in enumerate(parents):
            if parent in parents[:place]:
                raise InvalidValue("names the same claim twice", (place, "claim"))
        return found or None

    def references(self, value: Value) -> Iterator[Reference_]:
        """Yield (path, id, allowed kinds) for every record that `value` names."""
        for place, entry in enumerate(value):
            yield (place, "claim"), entry["claim"], ("claim",)


class ClaimValue(FieldType):
    """The value of a claim, tagged with the type that the claimed field has.

    Whether it fits the claimed field is decided where the subject is known
    (`app.domain.claims`).
    """

    def parse(self, value: Value, resolve: Resolve) -> dict[str, Value]:
        """Return the canonical form of `value`, or raise `InvalidValue`."""
        if not isinstance(value, Mapping) or len(value) != 1:
            raise InvalidValue(f"must have exactly one of {', '.join(_CLAIM_TAGS)}")
        ((tag, inner),) = value.items()
        if tag not in _CLAIM_TAGS:
            raise InvalidValue(f"must have exactly one of {', '.join(_CLAIM_TAGS)}", (tag,))
        try:
            return {tag: _CLAIM_TAGS[tag].parse(inner, resolve)}
        except InvalidValue as fault:
            raise fault.under(tag) from None

    def references(self, value: Value) -> Iterator[Reference_]:
        """Yield (path, id, allowed kinds) for every record that `value` names."""
        if "record" in value:
            yield ("record",), value["record"], ("actor", "item", "transfer")


class _AnyCode(_Plain):
    """A code whose list only the claimed field knows."""

    @staticmethod
    def _parse(value: Value) -> Value:
        return texts.text(value, limit=40)


_CLAIM_TAGS: dict[str, FieldType] = {
    "quantity": Measure(),
    "money": Money(),
    "date": Edtf(),
    "record": Reference(("actor", "item", "transfer")),
    "code": _AnyCode(),
    "text": Text(limit=1_000),
}


def _derivation(entry: Value, resolve: Resolve, place: int) -> dict[str, str]:
    if not isinstance(entry, Mapping) or set(entry) != {"claim", "derivation"}:
        raise InvalidValue("must be {claim, derivation}", (place,))
    try:
        claim = record_id(entry["claim"], resolve, ("claim",))
    except InvalidValue as fault:
        raise fault.under(place, "claim") from None
    try:
        derivation = codes.code(codes.Derivation, entry["derivation"])
    except InvalidValue as fault:
        raise fault.under(place, "derivation") from None
    return {"claim": claim, "derivation": derivation}


def record_id(value: Value, resolve: Resolve, kinds: tuple[str, ...]) -> str:
    """Return the id of a record of one of `kinds` that `value` names, by id or by ref."""
    if not isinstance(value, str):
        raise InvalidValue(f"must be the id of {_one_of(kinds)}")
    found = resolve(value)
    if ids.kind_of(found) not in kinds:
        raise OtherKind(f"must be the id of {_one_of(kinds)}; {found} is not")
    return found


def _one_of(kinds: tuple[str, ...]) -> str:
    names = [f"an {kind}" if kind[0] in "ai" else f"a {kind}" for kind in kinds]
    return " or ".join(names)
