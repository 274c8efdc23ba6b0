"""Findings: for one field of a record, what is held beside the claims about it.

A finding is no row of a table. It is made of the record's own columns, named
like the value columns of a claim, so that both sides are compared and shown
alike; everything else is read from the claims around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from app.domain.codes import CitationKind, FindingStatus, OriginKind, RecordState, Stance
from app.domain.kinds import EXISTENCE, Field, claimable
from app.store import tables
from app.store.agreement import (
    ONE,
    agree,
    exists,
    interval,
    is_derived,
    is_live,
    same_position,
    walk_up,
    word,
)
from app.store.connections import Order
from app.store.filters import Filter, among
from app.store.reading import (
    At,
    Moment,
    Read,
    Scope,
    declare_rows,
    first_of,
    list_of,
    subquery,
)
from app.store.rows import column_name
from app.store.sql import (
    JSON_TEXT,
    AmongTexts,
    Expression,
    Folded,
    Joined,
    JoinedRows,
    OfKind,
    TenthsText,
    WordsOfKind,
    as_json,
    list_parameter,
)
from app.store.tables import CODE_POINT_TEXT

SUBJECTS: Final = ("actor", "item", "transfer")
"""The kinds of record that claims are about, in the order of their ids."""

_PRIMARY: Final = (
    CitationKind.OFFICIAL_RECORD,
    CitationKind.PRESS_RELEASE,
    CitationKind.STATEMENT,
    CitationKind.DATASET,
)
_REPORTS: Final = (CitationKind.NEWS_REPORT, CitationKind.SOCIAL_POST, CitationKind.UNNAMED)

_CLAIM: Final = tables.metadata.tables["claim"]
_VALUES: Final = [column.name for column in _CLAIM.c if column.name.startswith("value_")]


def contestable(kind: str) -> list[tuple[str, Field | None]]:
    """Return the fields of a kind that findings are about, in order; EXISTENCE has no `Field`."""
    first: list[tuple[str, Field | None]] = [(EXISTENCE, None)] if kind == "transfer" else []
    return first + list(claimable(kind).items())


# --- the rows -----------------------------------------------------------------

_FINDING: Final = declare_rows(
    sa.Table(
        "finding",
        sa.MetaData(),
        sa.Column("record", CODE_POINT_TEXT, nullable=False),
        sa.Column("kind", CODE_POINT_TEXT, nullable=False),
        sa.Column("field", CODE_POINT_TEXT, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("name", CODE_POINT_TEXT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", CODE_POINT_TEXT, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        *(sa.Column(name, _CLAIM.c[name].type, nullable=True) for name in _VALUES),
    )
)


def _columns(record: Scope, code: str, field: Field | None, place: int) -> dict[str, Expression]:
    """Return what a finding's row holds of a field of a record's version."""
    own: dict[str, Expression] = {
        "record": record["id"],
        "kind": word(record.table),
        "field": word(code),
        "place": sa.literal_column(str(place), sa.Integer()),
        "name": word("" if field is None else field.name),
        "version": record["version"],
        "state": record["state"],
    }
    if field is None:
        return {**own, "held": record["state"] == word(RecordState.ACTIVE)}
    prefix, tag = column_name(field.name), field.type.claim_tag or ""
    held = record[f"{prefix}_unit" if tag in ("quantity", "money") else prefix]
    return {
        **own,
        "held": held.is_not(None),
        "value_tag": sa.case((held.is_not(None), word(tag))),
        **{f"value_{part}": record[column] for part, column in _value_columns(tag, prefix)},
    }


def _value_columns(tag: str, prefix: str) -> Iterator[tuple[str, str]]:
    if tag in ("quantity", "money"):
        parts = ("amount", "lower", "upper", "approximate", "unit", "verbatim")
        for part in (*parts, *(("basis",) if tag == "money" else ())):
            yield part, f"{prefix}_{part}"
        return
    yield tag, prefix
    if tag == "date":
        yield "earliest", f"{prefix}_earliest"
        yield "latest", f"{prefix}_latest"


def _row(columns: Mapping[str, Expression], used: Sequence[str]) -> sa.Select[Any]:
    """Return the SELECT of one finding's row: a NULL of the right type for what it lacks."""
    return sa.select(
        *(columns.get(name, sa.cast(sa.null(), _FINDING.c[name].type)).label(name) for name in used)
    )


def _all(selects: Sequence[sa.Select[Any]], alias: str) -> sa.FromClause:
    made = [select.correlate(None) for select in selects]
    return sa.union_all(*made).subquery(alias) if len(made) > 1 else made[0].subquery(alias)


def _own_rows(record: Scope, alias: str, used: Sequence[str]) -> sa.FromClause:
    """Return one row for each contestable field of a record's row around it."""
    fields = enumerate(contestable(record.table), start=1)
    return _all([_row(_columns(record, *one, place), used) for place, one in fields], alias)


def _found_rows(
    at: At, key: Scope, alias: str, used: Sequence[str], kinds: Sequence[str] = SUBJECTS
) -> sa.FromClause:
    """Return the row of the finding whose `record` and `field` the scope `key` names."""
    selects = []
    for kind in kinds:
        for place, (code, field) in enumerate(contestable(kind), start=1):
            record = Scope(kind, at.alias(), key.moment)
            source, holds = record.by_id()
            is_asked = [record["id"] == key["record"], key["field"] == word(code), *holds]
            selects.append(
                _row(_columns(record, code, field, place), used)
                .select_from(source)
                .where(*is_asked)
            )
    return _all(selects, alias)


# --- what is said about a field -----------------------------------------------


def _about(finding: Scope, claim: Scope) -> list[Expression]:
    return [
        claim["subject"] == finding["record"],
        claim["field"] == finding["field"],
        *claim.moment.holds("claim", claim.alias),
    ]


def _says(at: At, claim: Scope) -> list[Expression]:
    """Return when a claim counts: it is live, and its value was not redacted."""
    spoken = sa.or_(claim["value_tag"].is_not(None), claim["field"] == word(EXISTENCE))
    return [is_live(at, claim), spoken]


def _is_denial(claim: Scope) -> Expression:
    return claim["stance"] == word(Stance.DENIES)


def _is_finding(at: At, finding: Scope) -> Expression:
    """Whether there is anything to be found: something is held, or a live claim stands."""
    claim = Scope("claim", at.alias(), finding.moment)
    claimed = exists(claim.source(), [*_about(finding, claim), *_says(at, claim)])
    return sa.or_(finding["held"], claimed)


def _status(at: At, finding: Scope) -> Expression:
    """Return the status of a finding; NULL where nothing is held and nothing claimed."""
    claim = Scope("claim", at.alias(), finding.moment)
    name = at.alias()
    agrees = sa.and_(finding["held"], agree(at, finding, claim))
    said = (
        sa.select(
            sa.case((agrees, ONE), else_=_ZERO).label("agrees"),
            sa.case((_is_denial(claim), ONE), else_=_ZERO).label("denies"),
        )
        .select_from(claim.source())
        .where(*_about(finding, claim), *_says(at, claim))
        .correlate(None)
        .subquery(name)
    )
    backs, denied, differs = (_some(name, *one) for one in ((1, 0), (1, 1), (0, 0)))
    any_claim = sa.func.count() > _ZERO
    value = sa.case(
        (
            sa.not_(finding["held"]),
            sa.case((any_claim, word(FindingStatus.OPEN))),
        ),
        (
            sa.not_(backs),
            sa.case((denied, word(FindingStatus.DENIED)), else_=word(FindingStatus.UNSUPPORTED)),
        ),
        (sa.or_(differs, denied), word(FindingStatus.CONTESTED)),
        else_=word(FindingStatus.SUPPORTED),
    )
    found = subquery(said, value)
    found.type = CODE_POINT_TEXT
    return found


_ZERO: Final = sa.literal_column("0", sa.Integer())


def _some(name: str, agrees: int, denies: int) -> Expression:
    """Whether any of the claims counted agrees, or denies, in this way."""
    is_one: Expression = sa.literal_column(f"{name}.agrees = {agrees} AND {name}.denies = {denies}")
    return sa.func.count(sa.case((is_one, ONE))) > _ZERO


def status(at: At) -> Expression:
    """Read the status of a finding."""
    return as_json(_status(at, at.scope), nullable=False)


def finding_id(at: At) -> Expression:
    """Read the id of a finding: its record and field, and in an archive the position."""
    return finding_key(at.scope["record"], at.scope)


def finding_key(record: Expression, scope: Scope) -> Expression:
    """Return the id of the finding of a record and the scope's `field`, as JSON."""
    moment = scope.moment
    parts: list[str | Expression] = ['"', record, ".", scope["field"]]
    if moment.marked and moment.position is not None:
        parts += ["@", sa.cast(moment.position, sa.Text)]
    return Joined(*parts, '"')


# --- where findings are read --------------------------------------------------


def _shown(at: At, scope: Scope) -> Expression:
    return at.select(scope, "Finding")


def live(at: At) -> Expression:
    """Read whether a claim is live."""
    return as_json(sa.case((is_live(at, at.scope), sa.true()), else_=sa.false()), nullable=False)


def of_record(at: At) -> Expression:
    """Read the findings of a record, in the order of its fields."""
    if at.scope.table not in SUBJECTS:
        return sa.literal_column("'[]'", JSON_TEXT)
    used = {"record", "field", "place", "held"}
    alias = at.alias()
    finding = Scope("finding", f"{alias}f", at.scope.moment, used=used)
    value = Joined("[", JoinedRows(_shown(at, finding)), "]")
    wanted = [_is_finding(at, replace(finding, used=None))]
    if at.argument("fields") is not None:
        listed = at.bind(lambda given: list_parameter([str(f) for f in given["fields"]]), sa.Text())
        wanted.append(AmongTexts(finding["field"], listed))
    columns = sorted(used)
    rows = (
        sa.select(*(finding.typed(name, None).label(name) for name in columns))
        .select_from(_own_rows(at.scope, finding.alias, columns))
        .where(*wanted)
        .order_by(finding["place"])
        .correlate(None)
        .subquery(finding.alias)
    )
    return subquery(rows, value)


def of_claim(at: At) -> Expression:
    """Read the finding that a claim is about; null where nothing is found."""
    claim = at.scope
    key = _Key(claim["subject"], claim["field"], claim.moment)
    return first_of([_one(at, key)])


class _Key:
    """The record and field of a finding, under the names that rows of keys have."""

    def __init__(self, record: Expression, field: Expression, moment: Moment) -> None:
        self._named = {"record": record, "field": field}
        self.moment = moment

    def __getitem__(self, name: str) -> Expression:
        return self._named[name]


def by_key(at: At, record: Expression, field: Expression, moment: Moment, kind: str) -> Expression:
    """Return the finding of one field of one record, NULL where nothing is found."""
    return _one(at, _Key(record, field, moment), (kind,))


def _one(at: At, key: Any, kinds: Sequence[str] = SUBJECTS) -> Expression:
    used = {"record", "field", "held"}
    finding = Scope("finding", at.alias(), key.moment, used=used)
    value = _shown(at, finding)
    found = _is_finding(at, finding)
    rows = _found_rows(at, key, finding.alias, sorted(used), kinds)
    return subquery(rows, value, [found])


# --- the whole ledger's findings ----------------------------------------------


def _key_rows(scope: Scope) -> sa.FromClause:
    """Return every record with each of its contestable fields.

    Both databases walk the records in order, and stop where a page is full.
    """
    record = Scope("record", f"{scope.alias}r", scope.moment)
    name = f"{scope.alias}f"
    codes = {kind: [code for code, _ in contestable(kind)] for kind in SUBJECTS}
    made: list[Expression] = []
    if scope.moment.position is not None:
        made.append(record["created"] <= scope.moment.position)
    return (
        sa.select(
            record["id"].label("record"),
            record["kind"].label("kind"),
            sa.literal_column(f"{name}.value", CODE_POINT_TEXT).label("field"),
            sa.literal_column(f"{name}.place", sa.BigInteger()).label("place"),
        )
        .select_from(record.source())
        .join(WordsOfKind(record["kind"], codes, name), OfKind(record["kind"], name))
        .where(*made)
        .correlate(None)
        .subquery(scope.alias)
    )


def _claimed_rows(scope: Scope) -> sa.FromClause:
    """Return every record with each of its fields that there is a claim about, in no order."""
    claim = Scope("claim", f"{scope.alias}c", scope.moment)
    return (
        sa.select(
            claim["subject"].label("record"),
            _kind_in(claim["subject"]).label("kind"),
            claim["field"].label("field"),
            sa.literal_column("0", sa.Integer()).label("place"),
        )
        .select_from(claim.source())
        .where(*claim.moment.holds("claim", claim.alias))
        .distinct()
        .correlate(None)
        .subquery(scope.alias)
    )


def _kind_in(record_id: Expression) -> Expression:
    return sa.case(
        *(
            (sa.func.substr(record_id, 1, len(kind)) == word(kind), word(kind))
            for kind in SUBJECTS[:-1]
        ),
        else_=word(SUBJECTS[-1]),
    )


for _name, _rows in (("finding_key", _key_rows), ("claimed_key", _claimed_rows)):
    declare_rows(
        sa.Table(
            _name,
            sa.MetaData(),
            sa.Column("record", CODE_POINT_TEXT, nullable=False),
            sa.Column("kind", CODE_POINT_TEXT, nullable=False),
            sa.Column("field", CODE_POINT_TEXT, nullable=False),
            sa.Column("place", sa.Integer, nullable=False),
        ),
        _rows,
    )


def counted(at: At) -> str:
    """Return the rows of keys by which the findings of the filter are counted."""
    given = at.argument("filter") or {}
    return "claimed_key" if given.get("hasClaims") else "finding_key"


ORDERS: Final = (
    Order("RECORD_ASC", ("record", "place"), spans=True),
    Order("RECORD_DESC", ("record", "place"), descending=True, spans=True),
)
"""The orders of the whole ledger's findings: by record, which is by its entry, and field."""


def found(at: At, key: Scope) -> list[Expression]:
    """Return when the finding of a key is one to be listed."""
    given = at.argument("filter") or {}
    finding = Scope("finding", at.alias(), key.moment, used=set[str]())
    if given.get("statuses") is None:
        wanted: Expression = _is_finding(at, finding)
    else:
        listed = at.bind(
            lambda arguments: list_parameter([str(s) for s in arguments["filter"]["statuses"]]),
            sa.Text(),
        )
        wanted = AmongTexts(_status(at, finding), listed)
    stands = finding["state"] == word(RecordState.ACTIVE)
    rows = _found_rows(at, key, finding.alias, sorted(finding.used or ()))
    return [exists(rows, [stands, wanted])]


def has_claims(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
    """Findings that somebody made a claim about, live or not; or nobody did."""
    del name
    if given is None:
        return ()
    claim = Scope("claim", at.alias(), scope.moment)
    claimed = exists(claim.source(), _about(scope, claim))
    return [claimed if given else sa.not_(claimed)]


def citing(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
    """Findings that a claim is about which cites one of the documents given."""
    if given is None:
        return ()
    claim = Scope("claim", at.alias(), scope.moment)
    cites = among("citation")(at, claim, name, given)
    return [exists(claim.source(), [*_about(scope, claim), *cites])]


def of_kinds(at: At, scope: Scope, name: str, given: Any) -> Sequence[Expression]:
    """Findings of records of these kinds."""
    if given is None:
        return ()
    listed = at.bind(
        lambda arguments: list_parameter([str(k).lower() for k in arguments["filter"][name]]),
        sa.Text(),
    )
    return [AmongTexts(scope["kind"], listed)]


FILTERS: Final[Mapping[str, Filter]] = {
    "statuses": lambda _at, _scope, _name, _given: (),  # see `found`
    "fields": among("field"),
    "kinds": of_kinds,
    "records": among("record"),
    "hasClaims": has_claims,
    "citations": citing,
}
"""The members of the filter of findings; the surface declares the same names."""


def listed(at: At, key: Scope) -> Expression:
    """Read the finding of a key."""
    return _one(at, key)


# --- positions ----------------------------------------------------------------


def _members(at: At, position: Scope, claim: Scope) -> list[Expression]:
    """Return when a claim is one of those that take a position."""
    return [
        claim["subject"] == position["subject"],
        claim["field"] == position["field"],
        *claim.moment.holds("claim", claim.alias),
        *same_position(claim, position),
        *_says(at, claim),
    ]


def positions(at: At) -> Expression:
    """Read the positions that live claims take, in the order of each one's first claim."""
    first = Scope("claim", at.alias(), at.scope.moment, around=at.scope)
    earlier = Scope("claim", at.alias(), at.scope.moment)
    has_earlier = exists(
        earlier.source(), [earlier["id"] < first["id"], *_members(at, first, earlier)]
    )
    conditions = [*_about(at.scope, first), *_says(at, first), sa.not_(has_earlier)]
    return list_of(at, first, conditions, [first["id"]], "FindingPosition")


def denied(at: At) -> Expression:
    """Read whether a position denies its value."""
    return as_json(_is_denial(at.scope), nullable=False)


def agrees(at: At) -> Expression:
    """Read whether a position's value agrees with what is held."""
    finding = at.scope.around
    if finding is None:
        raise AssertionError("a position is read with its finding around it")
    value = sa.and_(finding["held"], agree(at, finding, at.scope))
    return as_json(sa.case((value, sa.true()), else_=sa.false()), nullable=False)


def taking(at: At, claim: Scope) -> list[Expression]:
    """Return when a claim takes the position that is read."""
    return _members(at, at.scope, claim)


def changes_of(at: At, change: Scope) -> list[Expression]:
    """Return when a change moved the field that is read, up to the version that is read."""
    return [
        change["record_id"] == at.scope["record"],
        change["field"] == at.scope["name"],
        change["version"] <= at.scope["version"],
    ]


def about(at: At, claim: Scope) -> list[Expression]:
    """Return when a claim is about the finding that is read."""
    return _about(at.scope, claim)[:2]


def named_by_claims(table: str, column: str, order_by: str) -> Read:
    """Read the rows of `table` that `column` of a position's claims names, each once."""

    def read(at: At) -> Expression:
        claim = Scope("claim", at.alias(), at.scope.moment)
        wanted = (
            sa.select(claim[column])
            .select_from(claim.source())
            .where(*_members(at, at.scope, claim))
            .correlate(None)
        )
        inner = Scope(table, at.alias(), at.scope.moment)
        return list_of(at, inner, [inner["id"].in_(wanted)], [inner[order_by], inner["id"]])

    return read


# --- origins ------------------------------------------------------------------

declare_rows(
    sa.Table(
        "claim_origin",
        sa.MetaData(),
        sa.Column("citation", CODE_POINT_TEXT, nullable=False),
        sa.Column("kind", CODE_POINT_TEXT, nullable=False),
    )
)
declare_rows(
    sa.Table(
        "origin_count",
        sa.MetaData(),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("total", "primary_", "unsourced", "other")
        ),
    )
)


def origin_kind(at: At, claim: Scope) -> Expression:
    """Return the kind of origin that a root claim is, of itself."""
    citation = Scope("citation", at.alias(), claim.moment)
    source, holds = citation.by_id()
    kind = _kind_of(citation["kind"], _names_source(claim, citation))
    return subquery(source, kind, [citation["id"] == claim["citation"], *holds])


def _kind_of(citation_kind: Expression, names_source: Expression) -> Expression:
    is_primary = citation_kind.in_([word(kind) for kind in _PRIMARY])
    return sa.case(
        (is_primary, word(OriginKind.PRIMARY)),
        (names_source, word(OriginKind.OTHER)),
        else_=word(OriginKind.UNSOURCED),
    )


def _names_source(claim: Scope, citation: Scope) -> Expression:
    """Whether a claim that rests on no other still says whose word it is.

    A report's own publisher is no source of it.
    """
    someone, publisher = claim["asserted_by"], citation["publisher"]
    is_own = sa.and_(publisher.is_not(None), someone == publisher)
    is_report = citation["kind"].in_([word(kind) for kind in _REPORTS])
    return sa.or_(
        sa.not_(is_report), sa.and_(someone.is_not(None), sa.not_(sa.func.coalesce(is_own, False)))
    )


def _origin_rows(at: At, position: Scope, alias: str) -> sa.FromClause:
    """Return the distinct citations at which the chains of a position's claims begin."""
    member = Scope("claim", at.alias(), position.moment)
    start = (
        sa.select(member["id"].label("claim"))
        .select_from(member.source())
        .where(*_members(at, position, member))
        .correlate(None)
    )
    reached = walk_up(at, start, position.moment)
    claim = Scope("claim", at.alias(), position.moment)
    citation = Scope("citation", at.alias(), position.moment)
    source, holds = claim.by_id()
    cited, cited_holds = citation.by_id()
    here = sa.literal_column(f"{reached.name}.claim", sa.Text())
    names_source = sa.func.max(sa.case((_names_source(claim, citation), ONE), else_=_ZERO))
    return (
        sa.select(
            citation["id"].label("citation"),
            _kind_of(citation["kind"], names_source == ONE).label("kind"),
        )
        .select_from(reached)
        .join(source, claim["id"] == here)
        .join(cited, citation["id"] == claim["citation"])
        .where(*holds, *cited_holds, sa.not_(is_derived(at, here, position.moment)))
        .group_by(citation["id"], citation["kind"])
        .order_by(citation["id"])
        .correlate(None)
        .subquery(alias)
    )


def origins(at: At) -> Expression:
    """Read the origins of a position, in the order of their citations' ids."""
    origin = Scope("claim_origin", at.alias(), at.scope.moment)
    value = Joined("[", JoinedRows(at.select(origin)), "]")
    return subquery(_origin_rows(at, at.scope, origin.alias), value)


def origin_count(at: At) -> Expression:
    """Read how many origins a position has, of each kind."""
    rows, counted = at.alias(), Scope("origin_count", at.alias(), at.scope.moment)
    kind: Expression = sa.literal_column(f"{rows}.kind", sa.Text())

    def count(of: OriginKind) -> Expression:
        return sa.func.count(sa.case((kind == word(of), ONE)), type_=sa.Integer())

    sums = (
        sa.select(
            sa.func.count(type_=sa.Integer()).label("total"),
            count(OriginKind.PRIMARY).label("primary_"),
            count(OriginKind.UNSOURCED).label("unsourced"),
            count(OriginKind.OTHER).label("other"),
        )
        .select_from(_origin_rows(at, at.scope, rows))
        .correlate(None)
        .subquery(counted.alias)
    )
    return subquery(sums, at.select(counted))


def suspected(at: At) -> Expression:
    """Read the links of mere suspicion in the chains of a position's claims."""
    member = Scope("claim", at.alias(), at.scope.moment)
    start = (
        sa.select(member["id"].label("claim"))
        .select_from(member.source())
        .where(*_members(at, at.scope, member))
        .correlate(None)
    )
    reached = walk_up(at, start, at.scope.moment)
    link = Scope("derivation", at.alias(), at.scope.moment)
    within: sa.Select[Any] = sa.select(sa.literal_column(f"{reached.name}.claim")).select_from(
        reached
    )
    conditions = [link["derivation"] == word("SUSPECTED"), link["claim"].in_(within)]
    return list_of(at, link, conditions, [link["claim"], link["place"]], "ChainLink")


# --- the hull -----------------------------------------------------------------


def hulls(at: At) -> Expression:
    """Read, for each unit, the least and the most that live claims make of a figure."""
    first = Scope("claim", at.alias(), at.scope.moment, around=at.scope)
    earlier = Scope("claim", at.alias(), at.scope.moment)
    has_earlier = exists(
        earlier.source(), [earlier["id"] < first["id"], *_measured(at, first, earlier)]
    )
    conditions = [
        *_about(at.scope, first),
        first["value_unit"].is_not(None),
        sa.not_(_is_denial(first)),
        *_says(at, first),
        sa.not_(has_earlier),
    ]
    return list_of(at, first, conditions, [first["id"]], "Hull")


def _measured(at: At, first: Scope, claim: Scope) -> list[Expression]:
    """Return when a live claim gives a figure in the unit of another one."""
    return [
        claim["subject"] == first["subject"],
        claim["field"] == first["field"],
        *claim.moment.holds("claim", claim.alias),
        Folded(first["value_unit"]) == Folded(claim["value_unit"]),
        sa.not_(_is_denial(claim)),
        *_says(at, claim),
    ]


def hull_unit(at: At) -> Expression:
    """Read the unit of a hull."""
    return as_json(at.scope["value_unit"], nullable=False)


def hull_end(*, upper: bool) -> Read:
    """Read one end of a hull; null where a claim leaves that side open."""

    def read(at: At) -> Expression:
        claim = Scope("claim", at.alias(), at.scope.moment)
        end, rest = interval(claim)[1 if upper else 0]
        order = [end.desc().nulls_first(), rest.desc()] if upper else [end.nulls_first(), rest]
        extreme = (
            sa.select(TenthsText(end, rest))
            .select_from(claim.source())
            .where(*_measured(at, at.scope, claim))
            .order_by(*order)
            .limit(ONE)
            .correlate(None)
            .scalar_subquery()
        )
        extreme.type = TenthsText.type
        return extreme

    return read
