"""What schemathesis draws for our contract, and what no answer may hold.

Runs inside of schemathesis, in the environment that tests/interop/install.sh made for it.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import schemathesis
from graphql import (
    REMOVE,
    ArgumentNode,
    DocumentNode,
    GraphQLID,
    IntValueNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    print_ast,
    visit,
)
from hypothesis import strategies as st
from schemathesis.graphql import nodes, scalar

IDS: Final[list[str]] = json.loads(os.environ["FUZZED_IDS"])
TALLY: Final = Path(os.environ["FUZZED_TALLY"])
LONGEST_PAGE: Final = 5
LEFT_ALONE: Final = 8
"""One document in so many is sent as it was drawn."""

INSIDE: Final = re.compile(
    r"Traceback|File \\?\"|\.py\b|site-packages|/(?:home|work|tmp|usr|var|root)/|"
    r"\b(?:SELECT|INSERT INTO|UPDATE) |sqlite(?:3\.|:///)|psycopg|asyncpg|sqlalchemy|"
    r"postgres(?:ql)?://|\bck_[a-z0-9]+_[0-9A-Za-z]{43}_|object at 0x|"
    r"\b(?:Type|Key|Attribute|Value|Runtime|Recursion|Assertion|Index|Lookup)Error\b"
)
"""Stacks, files, SQL, drivers, addresses of databases, keys and Python's own words."""


def words(*examples: str) -> st.SearchStrategy[Any]:
    """Return texts: as often those that mean something as any others."""
    return st.one_of(st.sampled_from(examples), st.text(max_size=20)).map(nodes.String)


scalar("Position", st.one_of(st.integers(0, 60), st.integers(-1, 2**53)).map(nodes.Int))
scalar("Decimal", words("24", "-1", "0.001", "1e400", "75509.76", "9223372036854775.807"))
scalar("EDTF", words("2024-08", "2022~", "2020/2023", "../2024-08-27", "2024-02-30"))
scalar("Date", words("2024-08-27", "2024-02-30"))
scalar("DateTime", words("2024-08-27T09:30:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"))
scalar("JSON", words("24", "[]", "null"))


class Likely(Visitor):
    """Gives short pages and known ids: what is drawn blindly is refused before it is planned."""

    def __init__(self, types: TypeInfo, seed: int) -> None:
        super().__init__()
        self._types = types
        self._seed = seed

    def enter_argument(self, node: ArgumentNode, *_: Any) -> Any:
        return REMOVE if node.name.value in {"after", "before", "last"} else None

    def enter_int_value(self, _node: IntValueNode, *_: Any) -> Any:
        field, argument = self._types.get_field_def(), self._types.get_argument()
        if field is None or argument is None or argument is not field.args.get("first"):
            return None
        return IntValueNode(value=str(self._next(LONGEST_PAGE) + 1))

    def enter_string_value(self, _node: StringValueNode, *_: Any) -> Any:
        return self._id()

    def _id(self) -> Any:
        wanted = self._types.get_input_type()
        if wanted is None or get_named_type(wanted) is not GraphQLID:
            return None
        return StringValueNode(value=IDS[self._next(len(IDS))])

    def _next(self, count: int) -> int:
        self._seed = zlib.crc32(str(self._seed).encode())
        return self._seed % count


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Make most documents such as clients send."""
    if not isinstance(body, DocumentNode):
        return body
    seed = zlib.crc32(print_ast(body).encode())
    if seed % LEFT_ALONE == 0:
        return body
    types = TypeInfo(context.operation.schema.client_schema)
    return visit(body, TypeInfoVisitor(types, Likely(types, seed)))


@schemathesis.check
class TellsNothingOfTheInside:
    """No answer is a defect of ours, tells of the inside, or has an error without a code."""

    def __init__(self) -> None:
        self.tally: Counter[str] = Counter()

    def after_response(self, ctx: Any, response: Any, case: Any) -> None:
        """Look at one answer."""
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise AssertionError(f"the server failed: {response.status_code}")
        text = response.content.decode("utf-8", "replace")
        sent = f"{response.request.url} {response.request.body!r}"
        leaked = INSIDE.search(text)
        if leaked is not None and leaked[0] not in sent:
            raise AssertionError(f"the answer tells of the inside: {leaked[0]!r}")
        self.tally["answers"] += 1
        if "json" in response.headers.get("content-type", [""])[0]:
            self._count(json.loads(text) if text else {})

    def _count(self, answer: dict[str, Any]) -> None:
        for error in answer.get("errors", ()):
            code = error.get("extensions", {}).get("code")
            self.tally[str(code)] += 1
            if code in {None, "INTERNAL"}:
                raise AssertionError(f"an error of ours: {error}")
        self.tally["data"] += any((answer.get("data") or {}).values())

    def after_run(self, ctx: Any) -> None:
        """Tell what came, so that a run which reached nothing is no success."""
        TALLY.write_text(json.dumps(self.tally))
