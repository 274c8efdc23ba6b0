"""What clients were promised holds: nothing goes that was not deprecated before.

`schema/baseline.graphql` is the contract that clients have; CONTRIBUTING.md says when it moves.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from app.graphql.promises import broken_promises
from app.graphql.sdl import schema_sdl

BASELINE = Path(__file__).resolve().parents[2] / "schema" / "baseline.graphql"

EARLIER = """
directive @live(every: Int, from: Int) repeatable on QUERY | FIELD
type Query {
  horse(id: ID!, breed: Breed): Horse
  horses(first: Int = 20, filter: HorseFilter): [Horse!]!
  node(id: ID!): Node
  find(text: String!): [Found!]!
  old: OldHorse @deprecated(reason: "Ask for horse.")
}
interface Node { id: ID! }
type Horse implements Node {
  id: ID!
  name: String!
  breed: Breed
  size: Int @deprecated(reason: "Ask for height.")
  foals(first: Int, sort: String @deprecated(reason: "They come by age.")): [Horse!]!
}
type Stable { name: String! }
type OldHorse { name: String! hooves: Hooves }
type Hooves { count: Int }
union Found = Horse | Stable
enum Breed { ORLOV DON @deprecated(reason: "There are none.") UNKNOWN }
input HorseFilter { breed: Breed! name: String color: String @deprecated(reason: "By breed.") }
"""

BREAKS = {
    "a field is removed": ("  name: String!\n  breed", "  breed", "Field Horse.name was removed."),
    "a type leaves a union": (
        "union Found = Horse | Stable",
        "union Found = Horse",
        "Stable was removed from union type Found.",
    ),
    "an enum value is removed": ("ORLOV ", "", "Enum value Breed.ORLOV was removed."),
    "an argument is removed": (
        "(id: ID!, breed: Breed)",
        "(id: ID!)",
        "Argument Query.horse(breed:) was removed.",
    ),
    "an argument has to be given now": (
        "find(text: String!)",
        "find(text: String!, in: Breed!)",
        "A required argument Query.find(in:) was added.",
    ),
    "an argument may not be null any more": (
        "(first: Int, sort",
        "(first: Int!, sort",
        "Argument Horse.foals(first:) has changed type from Int to Int!.",
    ),
    "an argument has another default": (
        "first: Int = 20",
        "first: Int = 50",
        "Query.horses(first:) has changed defaultValue from 20 to 50.",
    ),
    "a field has another type": (
        "  name: String!\n  breed",
        "  name: ID!\n  breed",
        "Field Horse.name changed type from String! to ID!.",
    ),
    "a field can be null now": (
        "horses(first: Int = 20, filter: HorseFilter): [Horse!]!",
        "horses(first: Int = 20, filter: HorseFilter): [Horse!]",
        "Field Query.horses changed type from [Horse!]! to [Horse!].",
    ),
    "an input field is removed": (
        "name: String color",
        "color",
        "Field HorseFilter.name was removed.",
    ),
    "an input field has to be given now": (
        "name: String color",
        "name: String height: Int! color",
        "A required field HorseFilter.height was added.",
    ),
    "an input takes one field alone": (
        "input HorseFilter { breed: Breed! name",
        "input HorseFilter @oneOf { breed: Breed name",
        "Input HorseFilter became @oneOf.",
    ),
    "an interface is implemented no more": (
        "type Horse implements Node",
        "type Horse",
        "Horse no longer implements interface Node.",
    ),
    "a type is of another sort": (
        "union Found = Horse | Stable",
        "interface Found { id: ID! }",
        "Found changed from a Union type to an Interface type.",
    ),
    "a directive is removed": (
        "directive @live(every: Int, from: Int) repeatable on QUERY | FIELD",
        "",
        "Directive @live was removed.",
    ),
    "a directive may stand in fewer places": (
        "on QUERY | FIELD",
        "on QUERY",
        "FIELD was removed from @live.",
    ),
    "what is deprecated has another type": (
        "size: Int @deprecated",
        "size: String @deprecated",
        "Field Horse.size changed type from Int to String.",
    ),
    "what is deprecated in the same step is removed": (
        "  name: String!\n  breed",
        "  fullName: String!\n  breed",
        "Field Horse.name was removed.",
    ),
}

PASSES = {
    "nothing changes": ("", ""),
    "a field is added": ("  breed: Breed\n", "  breed: Breed\n  height: Int\n"),
    "an argument is added that need not be given": (
        "find(text: String!)",
        "find(text: String!, first: Int)",
    ),
    "an input field is added that need not be given": (
        "name: String color",
        "name: String age: Int color",
    ),
    "an enum value is added": ("ORLOV ", "ORLOV ARAB "),
    "a field is never null any more": ("  breed: Breed\n", "  breed: Breed!\n"),
    "an argument may be null now": ("find(text: String!)", "find(text: String)"),
    "a field is deprecated": ("  breed: Breed\n", '  breed: Breed @deprecated(reason: "No.")\n'),
    "a deprecated field goes": ('  size: Int @deprecated(reason: "Ask for height.")\n', ""),
    "a deprecated argument goes": (', sort: String @deprecated(reason: "They come by age.")', ""),
    "a deprecated enum value goes": ('DON @deprecated(reason: "There are none.") ', ""),
    "a deprecated input field goes": (' color: String @deprecated(reason: "By breed.")', ""),
}


@pytest.mark.parametrize(("before", "after", "sentence"), BREAKS.values(), ids=BREAKS)
def test_a_break_is_told(before: str, after: str, sentence: str) -> None:
    later = EARLIER.replace(before, after, 1)

    broken = broken_promises(EARLIER, later)

    assert broken == [sentence]


@pytest.mark.parametrize(("before", "after"), PASSES.values(), ids=PASSES)
def test_what_breaks_nothing_passes(before: str, after: str) -> None:
    assert before in EARLIER

    broken = broken_promises(EARLIER, EARLIER.replace(before, after, 1))

    assert broken == []


def test_a_type_that_only_deprecated_fields_led_to_goes_with_them() -> None:
    later = EARLIER.replace('  old: OldHorse @deprecated(reason: "Ask for horse.")\n', "", 1)
    later = later.replace("type OldHorse { name: String! hooves: Hooves }\n", "", 1)
    later = later.replace("type Hooves { count: Int }\n", "", 1)

    broken = broken_promises(EARLIER, later)

    assert broken == []


def test_the_type_of_a_deprecated_field_does_not_go_before_the_field() -> None:
    later = EARLIER.replace("hooves: Hooves }\ntype Hooves { count: Int }", "}", 1)

    broken = broken_promises(EARLIER, later)

    assert broken == ["Field OldHorse.hooves was removed.", "Hooves was removed."]


def test_this_release_keeps_what_clients_were_promised() -> None:
    """If this fails: deprecate first, and remove in a later release (CONTRIBUTING.md)."""
    assert broken_promises(BASELINE.read_text(), schema_sdl()) == []
