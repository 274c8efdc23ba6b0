"""The few SQL constructs from which plans build JSON, compiled for each database.

JSON is built as text: constant punctuation around quoted values, one `Joined`
an object. That is the fastest form on both databases, has no limit on names or
on the number of members, and needs no parsing of what is already JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import types as sqltypes
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.domain.errors import BadArgument

Expression = sa.ColumnElement[Any]


class JsonText(sqltypes.TypeDecorator[str]):
    """The type of an expression that is finished JSON; NULL stands for null."""

    impl = sa.Text
    cache_ok = True


class SafeText(sqltypes.TypeDecorator[str]):
    """Text that needs no escaping in JSON: ids, codes, dates, instants, digests."""

    impl = sa.Text
    cache_ok = True


JSON_TEXT: Final = JsonText()
SAFE_TEXT: Final = SafeText()

NULL: Final[Expression] = sa.literal_column("'null'", JSON_TEXT)
"""The JSON text null."""


class Joined(FunctionElement[str]):
    """Constant strings and never-null text expressions, one after the other."""

    inherit_cache = False
    type = JSON_TEXT

    parts: tuple[str | Expression, ...]

    def __init__(self, *parts: str | Expression) -> None:
        merged: list[str | Expression] = []
        for part in parts:
            _extend(merged, part.parts if isinstance(part, Joined) else (part,))
        self.parts = tuple(merged)
        super().__init__(*(part for part in merged if not isinstance(part, str)))


def _extend(merged: list[str | Expression], parts: Sequence[str | Expression]) -> None:
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)


@compiles(Joined, "postgresql")
def _joined_in_postgresql(element: Joined, compiler: Any, **kw: Any) -> str:
    # Measured: the operator is a tenth faster than concat() and format().
    return f"({' || '.join(_pieces(element, compiler, kw))})"


@compiles(Joined, "sqlite")
def _joined_in_sqlite(element: Joined, compiler: Any, **kw: Any) -> str:
    # A flat chain: brackets would use up the parser's stack (100 places before
    # SQLite 3.46), while an expression may be 1,000 deep.
    pieces = _pieces(element, compiler, kw)
    chains = [
        " || ".join(pieces[start : start + _CHAIN]) for start in range(0, len(pieces), _CHAIN)
    ]
    return chains[0] if len(chains) == 1 else " || ".join(f"({chain})" for chain in chains)


_CHAIN: Final = 400


def _pieces(element: Joined, compiler: Any, kw: dict[str, Any]) -> list[str]:
    arguments = iter(element.clauses)
    return [
        compiler.render_literal_value(part, sa.String())
        if isinstance(part, str)
        else compiler.process(next(arguments), **kw)
        for part in element.parts
    ]


class Quoted(FunctionElement[str]):
    """A text as JSON, null where it is NULL."""

    inherit_cache = False
    type = JSON_TEXT


@compiles(Quoted, "postgresql")
def _quoted_in_postgresql(element: Quoted, compiler: Any, **kw: Any) -> str:
    (value,) = element.clauses
    return f"coalesce(to_json({compiler.process(value, **kw)})::text, 'null')"


@compiles(Quoted, "sqlite")
def _quoted_in_sqlite(element: Quoted, compiler: Any, **kw: Any) -> str:
    (value,) = element.clauses
    return f"json_quote({compiler.process(value, **kw)})"


class SafelyQuoted(FunctionElement[str]):
    """A text without anything to escape as JSON, null where it is NULL."""

    inherit_cache = False
    type = JSON_TEXT


@compiles(SafelyQuoted, "postgresql")
def _safely_quoted_in_postgresql(element: SafelyQuoted, compiler: Any, **kw: Any) -> str:
    (value,) = element.clauses
    return f"""coalesce('"' || {compiler.process(value, **kw)} || '"', 'null')"""


# json_quote costs no more than the quotes alone.
compiles(SafelyQuoted, "sqlite")(_quoted_in_sqlite)


class JoinedRows(FunctionElement[str]):
    """The texts of all rows, with commas between them; empty where there are none.

    The rows come in the order of the subselect that they are read from.
    """

    inherit_cache = False
    type = JSON_TEXT


@compiles(JoinedRows, "postgresql")
def _rows_in_postgresql(element: JoinedRows, compiler: Any, **kw: Any) -> str:
    return f"coalesce(string_agg({_rows(element, compiler, kw)}, '')"


@compiles(JoinedRows, "sqlite")
def _rows_in_sqlite(element: JoinedRows, compiler: Any, **kw: Any) -> str:
    return f"coalesce(group_concat({_rows(element, compiler, kw)}, '')"


def _rows(element: JoinedRows, compiler: Any, kw: dict[str, Any]) -> str:
    row, *kept = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{row}, ',')" + (f" FILTER (WHERE {kept[0]})" if kept else "")


class JsonMember(FunctionElement[str]):
    """One member of a stored JSON document, as text."""

    inherit_cache = False
    type = sa.Text()

    def __init__(self, document: Expression, name: str) -> None:
        self.name_of_member = name
        super().__init__(document)


@compiles(JsonMember, "postgresql")
def _member_in_postgresql(element: JsonMember, compiler: Any, **kw: Any) -> str:
    (document,) = element.clauses
    return f"(({compiler.process(document, **kw)})::jsonb ->> '{element.name_of_member}')"


@compiles(JsonMember, "sqlite")
def _member_in_sqlite(element: JsonMember, compiler: Any, **kw: Any) -> str:
    (document,) = element.clauses
    return f"json_extract({compiler.process(document, **kw)}, '$.{element.name_of_member}')"


class Hex(FunctionElement[str]):
    """The UTF-8 bytes of a text in hexadecimal digits."""

    inherit_cache = False
    type = SAFE_TEXT


@compiles(Hex, "postgresql")
def _hex_in_postgresql(element: Hex, compiler: Any, **kw: Any) -> str:
    (value,) = element.clauses
    return f"encode(convert_to({compiler.process(value, **kw)}, 'UTF8'), 'hex')"


@compiles(Hex, "sqlite")
def _hex_in_sqlite(element: Hex, compiler: Any, **kw: Any) -> str:
    (value,) = element.clauses
    return f"lower(hex({compiler.process(value, **kw)}))"


class InSqlite(FunctionElement[Any]):
    """An expression, and the call that stands for it in SQLite.

    SQLite before 3.46 parses with a stack of 100 places, too few for what is
    nested within lists of lists. So a rule that takes a subselect of its own is
    run there by a function (`app.store.sqlite_functions`) with the same SQL.
    """

    inherit_cache = False

    def __init__(self, expression: Expression, name: str, *arguments: Expression) -> None:
        self.called = name
        self.type = expression.type
        super().__init__(expression, *arguments)


@compiles(InSqlite, "postgresql")
def _in_full(element: InSqlite, compiler: Any, **kw: Any) -> str:
    expression, *_ = element.clauses
    return str(compiler.process(expression.self_group(), **kw))


@compiles(InSqlite, "sqlite")
def _as_a_call(element: InSqlite, compiler: Any, **kw: Any) -> str:
    _, *arguments = (clause for clause in element.clauses)
    return f"{element.called}({', '.join(compiler.process(one, **kw) for one in arguments)})"


class Folded(FunctionElement[str]):
    """A text as agreement compares it (`app.domain.texts.folded`), NULL where it is NULL.

    Both databases know a function of this name: SQLite's connections are given
    it when they open, PostgreSQL has it from a migration.
    """

    inherit_cache = False
    type = sa.Text()


@compiles(Folded)
def _folded(element: Folded, compiler: Any, **kw: Any) -> str:
    (value,) = element.clauses
    return f"{FOLDED}({compiler.process(value, **kw)})"


FOLDED: Final = "corrigenda_folded"
"""The name of the database's function behind `Folded`."""


class Elements(FunctionElement[Any]):
    """The elements of a JSON array as rows (`value`, and `key`, their order), in FROM.

    Renders with its alias; `texts` says that the elements are strings.
    """

    inherit_cache = False

    def __init__(self, document: Expression, alias: str, *, texts: bool = False) -> None:
        self.alias_name = alias
        self.texts = texts
        super().__init__(document)


@compiles(Elements, "postgresql")
def _elements_in_postgresql(element: Elements, compiler: Any, **kw: Any) -> str:
    (document,) = element.clauses
    kw.pop("asfrom", None)
    call = "jsonb_array_elements_text" if element.texts else "jsonb_array_elements"
    shown = compiler.process(document, **kw)
    return f"{call}(({shown})::jsonb) WITH ORDINALITY AS {element.alias_name}(value, key)"


@compiles(Elements, "sqlite")
def _elements_in_sqlite(element: Elements, compiler: Any, **kw: Any) -> str:
    (document,) = element.clauses
    kw.pop("asfrom", None)
    return f"json_each({compiler.process(document, **kw)}) AS {element.alias_name}"


class WordsOfKind(FunctionElement[Any]):
    """Words that go with the kind of another row, in FROM: `kind`, `value`, `place` from 1.

    To be joined on `OfKind`. So that both databases walk the other rows in their
    order: PostgreSQL makes the words from each row's kind, as it would hash a
    join and sort; SQLite joins them, as it would sort the elements of a list.
    """

    inherit_cache = False

    def __init__(self, kind: Expression, words: Mapping[str, Sequence[str]], alias: str) -> None:
        self.words = words
        self.alias_name = alias
        super().__init__(kind)


@compiles(WordsOfKind, "postgresql")
def _words_in_postgresql(element: WordsOfKind, compiler: Any, **kw: Any) -> str:
    (kind,) = element.clauses
    kw.pop("asfrom", None)
    lists = " ".join(f"WHEN '{of}' THEN '{_array(words)}'" for of, words in element.words.items())
    chosen = f"CASE {compiler.process(kind, **kw)} {lists} ELSE '{{}}' END"
    return f"unnest(({chosen})::text[]) WITH ORDINALITY AS {element.alias_name}(value, place)"


def _array(words: Sequence[str]) -> str:
    return "{" + ",".join(words) + "}"


@compiles(WordsOfKind, "sqlite")
def _words_in_sqlite(element: WordsOfKind, compiler: Any, **_kw: Any) -> str:
    del compiler
    rows = " UNION ALL ".join(
        f"SELECT '{of}' AS kind, '{word}' AS value, {place} AS place"
        for of, words in element.words.items()
        for place, word in enumerate(words, start=1)
    )
    return f"({rows}) AS {element.alias_name}"


class OfKind(FunctionElement[bool]):
    """The condition on which `WordsOfKind` is joined."""

    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, kind: Expression, alias: str) -> None:
        self.alias_name = alias
        super().__init__(kind)


@compiles(OfKind, "postgresql")
def _of_kind_in_postgresql(_element: OfKind, _compiler: Any, **_kw: Any) -> str:
    return "true"


@compiles(OfKind, "sqlite")
def _of_kind_in_sqlite(element: OfKind, compiler: Any, **kw: Any) -> str:
    (kind,) = element.clauses
    return f"{element.alias_name}.kind = {compiler.process(kind, **kw)}"


class PresentById(FunctionElement[Any]):
    """A record's table under an alias, in FROM, for the look-up of a present version by id."""

    inherit_cache = False

    def __init__(self, table: str, alias: str) -> None:
        self.table_name = table
        self.alias_name = alias
        super().__init__()


@compiles(PresentById, "postgresql")
def _present_in_postgresql(element: PresentById, compiler: Any, **_kw: Any) -> str:
    del compiler
    return f"{element.table_name} AS {element.alias_name}"


@compiles(PresentById, "sqlite")
def _present_in_sqlite(element: PresentById, compiler: Any, **_kw: Any) -> str:
    # Once analysed, SQLite takes the wider index over all versions by itself.
    del compiler
    name = element.table_name
    return f"{name} AS {element.alias_name} INDEXED BY uq_{name}_present"


class AmongTexts(FunctionElement[bool]):
    """Whether a text is among those of a list parameter (see `list_parameter`)."""

    inherit_cache = False
    type = sa.Boolean()


@compiles(AmongTexts, "postgresql")
def _among_in_postgresql(element: AmongTexts, compiler: Any, **kw: Any) -> str:
    value, texts = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{value} = ANY (ARRAY(SELECT jsonb_array_elements_text(({texts})::jsonb)))"


@compiles(AmongTexts, "sqlite")
def _among_in_sqlite(element: AmongTexts, compiler: Any, **kw: Any) -> str:
    value, texts = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{value} IN (SELECT value FROM json_each({texts}))"


class HasText(FunctionElement[bool]):
    """Whether a text contains words, which are in lower case; the case of A to Z does not count."""

    inherit_cache = False
    type = sa.Boolean()


@compiles(HasText, "postgresql")
def _has_text_in_postgresql(element: HasText, compiler: Any, **kw: Any) -> str:
    # By the collation C lower() knows A to Z alone, as SQLite's does, wherever the server stands.
    value, words = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"""strpos(lower(({value}) COLLATE "C"), {words}) > 0"""


@compiles(HasText, "sqlite")
def _has_text_in_sqlite(element: HasText, compiler: Any, **kw: Any) -> str:
    value, words = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"instr(lower({value}), {words}) > 0"


HOLDS_NUL: Final = "an argument holds the character U+0000, which no text here has"


def list_parameter(values: Sequence[str | dict[str, Any]]) -> str:
    """Return a list as the one JSON text that is bound for it on both databases."""
    text = json.dumps(list(values), ensure_ascii=False)
    # What JSON escapes and PostgreSQL's jsonb cannot hold.
    if "\\u0000" in text and any("\x00" in str(value) for value in _strings(values)):
        raise BadArgument(HOLDS_NUL)
    return text


def _strings(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, dict):
            yield from _strings(value.values())
        elif isinstance(value, str):
            yield value


class DecimalText(FunctionElement[str]):
    """Thousandths as JSON: a decimal in its shortest form, as a string, or null.

    24000 is "24", 75509760 is "75509.76".
    """

    inherit_cache = False
    type = JSON_TEXT


@compiles(DecimalText, "postgresql")
def _decimal_in_postgresql(element: DecimalText, compiler: Any, **kw: Any) -> str:
    (value,) = element.clauses
    shown = f"trim_scale({compiler.process(value, **kw)} * 0.001)::text"
    return f"""coalesce('"' || {shown} || '"', 'null')"""


@compiles(DecimalText, "sqlite")
def _decimal_in_sqlite(element: DecimalText, compiler: Any, **kw: Any) -> str:
    (value,) = element.clauses
    shown = compiler.process(value, **kw)
    # Brackets: || binds closer than / does.
    # printf with a fraction, not division by 1000.0, which rounds beyond 2^53.
    fraction = f"rtrim(printf('%d.%03d', {shown} / 1000, {shown} % 1000), '0')"
    return (
        f"CASE WHEN {shown} IS NULL THEN 'null' "
        f"WHEN {shown} % 1000 = 0 THEN '\"' || ({shown} / 1000) || '\"' "
        f"ELSE '\"' || {fraction} || '\"' END"
    )


class TenthsText(FunctionElement[str]):
    """Thousandths and tenths of one as JSON: a decimal in its shortest form, or null.

    24000 and 5 are "24.0005".
    """

    inherit_cache = False
    type = JSON_TEXT


@compiles(TenthsText, "postgresql")
def _tenths_in_postgresql(element: TenthsText, compiler: Any, **kw: Any) -> str:
    value, rest = (compiler.process(clause, **kw) for clause in element.clauses)
    shown = f"trim_scale(({value}) * 0.001 + ({rest}) * 0.0001)::text"
    return f"""coalesce('"' || {shown} || '"', 'null')"""


@compiles(TenthsText, "sqlite")
def _tenths_in_sqlite(element: TenthsText, compiler: Any, **kw: Any) -> str:
    value, rest = (compiler.process(clause, **kw) for clause in element.clauses)
    fraction = f"printf('%d.%03d%d', ({value}) / 1000, ({value}) % 1000, {rest})"
    return (
        f"CASE WHEN ({value}) IS NULL THEN 'null' "
        f"ELSE '\"' || rtrim(rtrim({fraction}, '0'), '.') || '\"' END"
    )


class SecondsBetween(FunctionElement[int]):
    """Whole seconds from an instant of the ledger to another one; to now where that is NULL."""

    inherit_cache = False
    type = sa.BigInteger()


@compiles(SecondsBetween, "postgresql")
def _seconds_in_postgresql(element: SecondsBetween, compiler: Any, **kw: Any) -> str:
    start, end = (compiler.process(clause, **kw) for clause in element.clauses)
    ended = f"coalesce(({end})::timestamptz, clock_timestamp())"
    return f"floor(extract(epoch FROM {ended} - ({start})::timestamptz))::bigint"


@compiles(SecondsBetween, "sqlite")
def _seconds_in_sqlite(element: SecondsBetween, compiler: Any, **kw: Any) -> str:
    start, end = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(strftime('%s', coalesce({end}, 'now')) - strftime('%s', {start}))"


class Now(FunctionElement[str]):
    """The time, as the ledger writes instants."""

    inherit_cache = False
    type = SAFE_TEXT


@compiles(Now, "postgresql")
def _now_in_postgresql(_element: Now, _compiler: Any, **_kw: Any) -> str:
    shown = '\'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\''
    return f"to_char(clock_timestamp() AT TIME ZONE 'UTC', {shown}) COLLATE \"C\""


@compiles(Now, "sqlite")
def _now_in_sqlite(_element: Now, _compiler: Any, **_kw: Any) -> str:
    # It knows milliseconds, the ledger microseconds.
    return "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"


def as_json(expression: Expression, *, nullable: bool = True) -> Expression:
    """Return an expression of any type as never-null JSON text."""
    kind = expression.type
    if isinstance(kind, JsonText):
        return sa.func.coalesce(expression, NULL, type_=JSON_TEXT) if nullable else expression
    if isinstance(kind, SafeText):
        return SafelyQuoted(expression)
    if isinstance(kind, sa.Boolean):
        truth = sa.case(
            (expression, sa.literal_column("'true'")), else_=sa.literal_column("'false'")
        )
        if not nullable:
            return truth
        return sa.case((expression.is_(None), NULL), else_=truth)
    if isinstance(kind, sa.Integer):
        shown = sa.cast(expression, sa.Text)
        return sa.func.coalesce(shown, NULL) if nullable else shown
    return Quoted(expression)


def json_object(members: Sequence[tuple[str, Expression]]) -> Expression:
    """Return a JSON object; the members are never-null JSON text."""
    parts: list[str | Expression] = []
    for place, (name, value) in enumerate(members):
        parts += [f'{"," if place else "{"}"{name}":', value]
    return Joined(*parts, "}") if members else sa.literal_column("'{}'", JSON_TEXT)


def json_constant(word: str) -> Expression:
    """Return a GraphQL name as a JSON string."""
    return Joined(f'"{word}"')


def parameter(name: str, kind: Any) -> Expression:
    """Return a parameter of the statement."""
    return sa.bindparam(name, type_=kind)
