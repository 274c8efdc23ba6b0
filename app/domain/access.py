"""Who may act: what an access change does, from its operations to steps.

An access change is a changeset like any other, of kind ACCESS. Its operations enter
newsrooms, editors and keys, give editors another role or name, retire and bring them
back, rotate and revoke keys. Each step has its fields before and after, as a record's
has; a key's secret is none of them, nor is its digest.

Pure: the present is a parameter, and so are the ids and the time. Operations are decided
in their order, so that a later one may name by ref what an earlier one enters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from app.domain import ids, instants, texts
from app.domain.codes import Action, RecordState, Role
from app.domain.decisions import Editing
from app.domain.errors import (
    BeyondReach,
    InvalidInput,
    InvalidValue,
    Path,
    Refusal,
    Refused,
    UnknownRecord,
    WrongState,
)
from app.domain.operations import Reason, mapping, no_unknown, parse_reason
from app.domain.permissions import Act, Reach, allowed, reach
from app.domain.records import Record, Step, with_fields
from app.domain.wording import shown

OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "addNewsroom": ("ref", "name", "house"),
    "addEditor": ("ref", "newsroom", "name", "role", "identity"),
    "reviseEditor": ("id", "name", "role", "identity"),
    "retireEditor": ("id",),
    "restoreEditor": ("id",),
    "createKey": ("ref", "editor", "label", "scopes", "notBefore", "expiresAt"),
    "rotateKey": ("ref", "id", "overlapSeconds", "expiresAt"),
    "revokeKey": ("id", "withSuccessors"),
}
"""Each operation by its tag, with the members that it may have."""

OPERATIONS_LIMIT: Final = 100
NAME_LIMIT: Final = 200
IDENTITY_LIMIT: Final = 1_000
OVERLAP_S: Final = 24 * 60 * 60
"""For how long both keys of a rotation are good, unless it is said."""
LONGEST_OVERLAP_S: Final = 90 * 24 * 60 * 60
OWN_KEYS_LIMIT: Final = 10
"""Good keys that an editor has who makes more by rotating: each has a budget of its own."""

Allot: TypeAlias = Callable[[str, str | None], str]
"""Gives out the id of something that is entered: its kind, and the ref it has."""


@dataclass(frozen=True, slots=True)
class Change:
    """One access change as it was parsed: the reason, and each operation with its path."""

    reason: Reason
    operations: tuple[tuple[str, Mapping[str, Any], Path], ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a change comes to: its steps, and the keys that need a secret, by ref or None.

    `entered` says which keys are new: key id → the ref that the operation gave it.
    """

    steps: tuple[Step, ...]
    entered: Mapping[str, str | None]
    refs: Mapping[str, str]


def check_may_change(editing: Editing) -> None:
    """Raise `Forbidden` for whoever may change nothing about access, own keys included."""
    if Act.OWN_KEYS not in editing.acts:
        editing.require(Act.MANAGE_ACCESS)


def parse_change(value: Any) -> Change:
    """Return the change that a JSON-able `ChangeAccessInput` describes.

    Raises `Refused` with everything that is wrong with its shape.
    """
    faults: list[Refusal] = []
    body = mapping(value, (), faults)
    no_unknown(body, {"reason", "operations", "idempotencyKey", "dryRun"}, (), faults)
    reason = parse_reason(body.get("reason"), faults)
    operations = tuple(_operations(body.get("operations"), faults))
    if faults:
        raise Refused(tuple(faults))
    return Change(reason, operations)


def _operations(value: Any, faults: list[Refusal]) -> Iterable[tuple[str, Mapping[str, Any], Path]]:
    path: Path = ("operations",)
    if not isinstance(value, list) or not 1 <= len(value) <= OPERATIONS_LIMIT:
        message = f"operations must be a list of 1 to {OPERATIONS_LIMIT} operations"
        faults.append(InvalidInput(message, path=path))
        return
    for place, one in enumerate(value):
        tag = str(next(iter(one))) if isinstance(one, Mapping) and len(one) == 1 else ""
        if tag not in OPERATIONS:
            message = f"an operation has exactly one of {', '.join(OPERATIONS)}"
            faults.append(InvalidInput(message, path=(*path, place)))
            continue
        inner: Path = (*path, place, tag)
        given = mapping(one[tag], inner, faults)
        no_unknown(given, set(OPERATIONS[tag]), inner, faults)
        yield tag, given, inner


def decide(
    change: Change,
    held: Mapping[str, Record],
    editing: Editing,
    *,
    allot: Allot,
    now: datetime,
) -> Decided:
    """Return the steps of a change, in the order of its operations.

    `held` are all newsrooms and editors, and the keys that are named. Raises `Refused`
    with everything that stands against it.
    """
    deciding = _Deciding(dict(held), editing, allot, now)
    faults: list[Refusal] = []
    for tag, given, path in change.operations:
        try:
            deciding.take(tag, given, path)
        except Refusal as fault:
            faults.append(fault)
    faults.extend(deciding.leftovers())
    if faults:
        raise Refused(tuple(faults))
    return Decided(tuple(deciding.steps), deciding.entered, deciding.refs)


def entered_as_they_stand(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Step, ...]:
    """Return the steps that enter what stands from before access was kept in the log."""
    return tuple(_added(row_id, fields, ()) for row_id, fields in rows)


@dataclass(slots=True)
class _Deciding:
    """A change under way: what is held as of the operation that comes next."""

    held: dict[str, Record]
    editing: Editing
    allot: Allot
    now: datetime
    steps: list[Step] = field(default_factory=list)
    entered: dict[str, str | None] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def take(self, tag: str, given: Mapping[str, Any], path: Path) -> None:
        """Decide one operation, or raise the refusal that stands against it."""
        _DECIDED_BY[tag](self, given, path)

    # --- newsrooms ------------------------------------------------------------

    def add_newsroom(self, given: Mapping[str, Any], path: Path) -> None:
        self._require(Act.MANAGE_ACCESS, None, path)
        name, house = _name(given, "name", path), given.get("house") or False
        if not isinstance(house, bool):
            raise InvalidInput("house must be true or false", path=(*path, "house"))
        rooms = self._all("newsroom")
        if any(_same(name, one.fields["name"]) for one in rooms):
            raise InvalidInput(f"there is a newsroom named {name!r} already", path=(*path, "name"))
        if house and any(one.fields["house"] for one in rooms):
            message = "there is a house newsroom already; a ledger has one"
            raise InvalidInput(message, path=(*path, "house"))
        made = self._enter("newsroom", {"name": name, "house": house}, given, path)
        if house and made != self.editing.newsroom:
            message = "the house is entered once, by the one who founds the ledger"
            raise InvalidInput(message, path=(*path, "house"))

    # --- editors --------------------------------------------------------------

    def add_editor(self, given: Mapping[str, Any], path: Path) -> None:
        room = self._named("newsroom", given.get("newsroom"), (*path, "newsroom"))
        self._require(Act.MANAGE_ACCESS, room.id, path)
        fields = {
            "newsroom": room.id,
            "name": self._free_name(_name(given, "name", path), room, None, path),
            "role": self._role(given.get("role"), room, path),
            "identity": self._identity(given, None, path),
        }
        self._enter("editor", fields, given, path)

    def revise_editor(self, given: Mapping[str, Any], path: Path) -> None:
        editor = self._editor(given, path)
        room = self.held[editor.fields["newsroom"]]
        changed: dict[str, Any] = {}
        if given.get("name") is not None:
            changed["name"] = self._free_name(_name(given, "name", path), room, editor, path)
        if given.get("role") is not None:
            changed["role"] = self._role(given["role"], room, path)
            self._refuse_to_rise(editor, Role(changed["role"]), room, path)
        if "identity" in given:
            changed["identity"] = self._identity(given, editor, path)
        if changed.get("identity") is not None:
            # Whoever logs in with it has the whole role, and no scopes.
            self._refuse_beyond(Role(editor.fields["role"]), room, None, (*path, "identity"))
        fields = with_fields(editor.fields, changed)
        if fields == dict(editor.fields):
            raise InvalidInput(
                f"nothing would change: {editor.id} holds these values already", path=path
            )
        self._step(editor, Action.REVISE, fields, path)

    def retire_editor(self, given: Mapping[str, Any], path: Path) -> None:
        editor = self._editor(given, path)
        retired = with_fields(editor.fields, {"retiredAt": _instant(self.now)})
        self._step(editor, Action.RETRACT, retired, path)

    def restore_editor(self, given: Mapping[str, Any], path: Path) -> None:
        editor = self._named("editor", given.get("id"), (*path, "id"), retired=True)
        self._require(Act.MANAGE_ACCESS, editor.fields["newsroom"], path)
        if editor.state is RecordState.ACTIVE:
            raise WrongState(f"{editor.id} is not retired", path=path, record_id=editor.id)
        room = self.held[editor.fields["newsroom"]]
        self._refuse_beyond(Role(editor.fields["role"]), room, None, (*path, "id"))
        self._free_name(editor.fields["name"], room, editor, path)
        back = with_fields(editor.fields, {"retiredAt": None})
        self._step(editor, Action.RESTORE, back, path)

    def _editor(self, given: Mapping[str, Any], path: Path) -> Record:
        editor = self._named("editor", given.get("id"), (*path, "id"))
        self._require(Act.MANAGE_ACCESS, editor.fields["newsroom"], path)
        return editor

    def _free_name(self, name: str, room: Record, own: Record | None, path: Path) -> str:
        for one in self._all("editor"):
            if one.fields["newsroom"] != room.id or (own is not None and one.id == own.id):
                continue
            if one.state is RecordState.ACTIVE and _same(name, one.fields["name"]):
                raise InvalidInput(
                    f"{room.fields['name']} has an editor named {name!r} already",
                    path=(*path, "name"),
                )
        return name

    def _role(self, value: Any, room: Record, path: Path) -> str:
        try:
            role = Role[str(value).upper()]
        except KeyError:
            known = ", ".join(Role.__members__)
            message = f"a role is one of {known}; not {shown(value)}"
            raise InvalidInput(message, path=(*path, "role")) from None
        self._refuse_beyond(role, room, None, (*path, "role"))
        return str(role)

    def _refuse_to_rise(self, editor: Record, role: Role, room: Record, path: Path) -> None:
        held = Role(editor.fields["role"])
        if editor.id == self.editing.editor and _acts(role, room, None) - _acts(held, room, None):
            raise BeyondReach("nobody raises their own role", path=(*path, "role"))

    def _identity(self, given: Mapping[str, Any], own: Record | None, path: Path) -> str | None:
        if given.get("identity") is None:
            return None
        # Whoever binds somebody's identity keeps that person from every other newsroom.
        if self.editing.reach(Act.MANAGE_ACCESS) is not Reach.LEDGER:
            message = "an identity is good for the whole ledger; an ADMIN of the house gives it"
            raise BeyondReach(message, path=(*path, "identity"))
        try:
            identity = texts.text(given["identity"], limit=IDENTITY_LIMIT)
        except InvalidValue as fault:
            raise InvalidInput(f"identity {fault.message}", path=(*path, "identity")) from None
        issuer, _, subject = identity.rpartition("|")
        if not issuer or not subject:
            message = "identity is issuer and subject of an OpenID provider: https://ISSUER|SUBJECT"
            raise InvalidInput(message, path=(*path, "identity"))
        for one in self._all("editor"):
            if one.fields.get("identity") == identity and (own is None or one.id != own.id):
                message = "another editor has this identity"
                raise InvalidInput(message, path=(*path, "identity"))
        return identity

    # --- keys -----------------------------------------------------------------

    def create_key(self, given: Mapping[str, Any], path: Path) -> None:
        editor = self._named("editor", given.get("editor"), (*path, "editor"))
        self._require(Act.MANAGE_ACCESS, editor.fields["newsroom"], path)
        fields = {
            "editor": editor.id,
            "label": _name(given, "label", path),
            "scopes": self._scopes(given.get("scopes"), editor, path),
            **self._term(given, path),
        }
        self._enter("key", fields, given, path)

    def rotate_key(self, given: Mapping[str, Any], path: Path) -> None:
        key, editor = self._key(given, path)
        scopes = key.fields.get("scopes")
        room = self.held[editor.fields["newsroom"]]
        self._refuse_beyond(Role(editor.fields["role"]), room, scopes, (*path, "id"))
        self._refuse_too_many(editor, path)
        self._step(key, Action.REVISE, self._ending(key, given, path), path)
        fields = {
            **{name: key.fields.get(name) for name in ("editor", "label", "scopes")},
            **self._term_again(key, editor, given, path),
            "rotatedFrom": key.id,
        }
        self._enter("key", fields, given, path)

    def revoke_key(self, given: Mapping[str, Any], path: Path) -> None:
        key, _ = self._key(given, path)
        together = given.get("withSuccessors") or False
        if not isinstance(together, bool):
            message = "withSuccessors must be true or false"
            raise InvalidInput(message, path=(*path, "withSuccessors"))
        for one in [key, *(self._successors(key) if together else ())]:
            revoked = with_fields(one.fields, {"revokedAt": _instant(self.now)})
            self._step(one, Action.RETRACT, revoked, path)

    def _successors(self, key: Record) -> list[Record]:
        """Return the keys not revoked that came of `key` by rotation, also of one between."""
        after: dict[str, list[Record]] = {}
        for one in self._all("key"):
            after.setdefault(one.fields.get("rotatedFrom") or "", []).append(one)
        found, ahead = list[Record](), [key.id]
        while ahead:
            came = after.pop(ahead.pop(), [])
            found += [one for one in came if one.state is RecordState.ACTIVE]
            ahead += [one.id for one in came]
        return found

    def _key(self, given: Mapping[str, Any], path: Path) -> tuple[Record, Record]:
        """Return a key that is good, and its editor: one's own, or within reach."""
        key = self._named("key", given.get("id"), (*path, "id"))
        editor = self.held[key.fields["editor"]]
        is_own = editor.id == self.editing.editor
        if not (is_own and self.editing.reach(Act.OWN_KEYS) is not Reach.NONE):
            self._require(Act.MANAGE_ACCESS, editor.fields["newsroom"], path)
        return key, editor

    def _refuse_too_many(self, editor: Record, path: Path) -> None:
        """Refuse whoever may only rotate their own keys to gather them: see `OWN_KEYS_LIMIT`."""
        if self._reaches(Act.MANAGE_ACCESS, editor.fields["newsroom"]):
            return
        now = _instant(self.now)
        good = [
            one
            for one in self._all("key")
            if one.fields["editor"] == editor.id
            and one.state is RecordState.ACTIVE
            and (one.fields.get("expiresAt") or now) >= now
        ]
        if len(good) >= OWN_KEYS_LIMIT:
            message = f"{len(good)} keys of yours are good still; revoke one that is not needed"
            raise WrongState(message, path=path, record_id=editor.id)

    def _ending(self, key: Record, given: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """Return the fields of the old key of a rotation: it ends with the overlap."""
        overlap = given.get("overlapSeconds")
        overlap = OVERLAP_S if overlap is None else overlap
        is_count = isinstance(overlap, int) and not isinstance(overlap, bool)
        if not is_count or not 0 <= overlap <= LONGEST_OVERLAP_S:
            days = LONGEST_OVERLAP_S // 86_400
            message = f"an overlap is 0 to {LONGEST_OVERLAP_S} seconds ({days} days)"
            raise InvalidInput(message, path=(*path, "overlapSeconds"))
        now, ends = _instant(self.now), _instant(self.now + timedelta(seconds=overlap))
        held = key.fields.get("expiresAt")
        if held is not None and held <= now:
            raise WrongState(f"{key.id} is expired; make a new key", path=path, record_id=key.id)
        return with_fields(key.fields, {"expiresAt": ends if held is None else min(held, ends)})

    def _term(self, given: Mapping[str, Any], path: Path) -> dict[str, Any]:
        start = _moment(given.get("notBefore"), (*path, "notBefore"))
        end = _moment(given.get("expiresAt"), (*path, "expiresAt"))
        if end is not None and end <= max(start or "", _instant(self.now)):
            message = "a key expires after now, and after it begins to be good (notBefore)"
            raise InvalidInput(message, path=(*path, "expiresAt"))
        return {"notBefore": start, "expiresAt": end}

    def _term_again(
        self, key: Record, editor: Record, given: Mapping[str, Any], path: Path
    ) -> dict[str, Any]:
        """Return the term of a key that comes in place of another: it begins no sooner.

        Whoever may do no more than rotate their own keys has no other end either: else one
        that was given for a month would be good for ever.
        """
        start, end = key.fields.get("notBefore"), key.fields.get("expiresAt")
        term = self._term({**given, "notBefore": start}, path)
        if end is None or self._reaches(Act.MANAGE_ACCESS, editor.fields["newsroom"]):
            return term
        if (term["expiresAt"] or end) > end:
            message = f"{key.id} ends at {end}, and who rotates it gives no later end"
            raise BeyondReach(message, path=(*path, "expiresAt"))
        return {**term, "expiresAt": term["expiresAt"] or end}

    def _scopes(self, value: Any, editor: Record, path: Path) -> list[str] | None:
        """Return the scopes that a key is confined to, in their order; None where to nothing."""
        room, role = self.held[editor.fields["newsroom"]], Role(editor.fields["role"])
        scopes = None if value is None else _acts_named(value, (*path, "scopes"))
        if scopes is not None:
            for act in scopes:
                if act not in _acts(role, room, None):
                    message = f"{editor.fields['name']} is {role}, whom {act} is not allowed"
                    raise BeyondReach(message, path=(*path, "scopes"))
        listed = None if scopes is None else [str(act) for act in scopes]
        self._refuse_beyond(role, room, listed, (*path, "scopes"))
        return listed

    # --- what everybody needs -------------------------------------------------

    def _require(self, act: Act, newsroom: str | None, path: Path) -> None:
        """Refuse what is not of a newsroom within reach; None is the whole ledger."""
        if self._reaches(act, newsroom):
            return
        far = self.editing.reach(act)
        who = f"{self.editing.name} is {self.editing.role}"
        what = "only for the newsroom of their own" if far is Reach.NEWSROOM else "not at all"
        raise BeyondReach(f"{who}, and may change this {what}", path=path)

    def _reaches(self, act: Act, newsroom: str | None) -> bool:
        far = self.editing.reach(act)
        return far is Reach.LEDGER or (far is Reach.NEWSROOM and newsroom == self.editing.newsroom)

    def _refuse_beyond(
        self, role: Role, room: Record, scopes: Iterable[str] | None, path: Path
    ) -> None:
        """Refuse to give out what whoever gives it does not have."""
        beyond = _acts(role, room, scopes) - self.editing.acts
        if beyond:
            listed = ", ".join(sorted(beyond))
            message = f"nobody gives what they do not have themselves: {listed}"
            raise BeyondReach(message, path=path)

    def _named(self, kind: str, value: Any, path: Path, *, retired: bool = False) -> Record:
        found = self.held.get(self.refs.get(value, value)) if isinstance(value, str) else None
        if found is None or not found.id.startswith(f"{kind}_"):
            raise UnknownRecord(f"there is no {kind} {shown(value)}", path=path)
        if found.state is not RecordState.ACTIVE and not retired:
            gone = "revoked" if kind == "key" else "retired"
            message = f"{found.id} is {gone} already"
            raise WrongState(message, path=path, record_id=found.id)
        return found

    def _all(self, kind: str) -> list[Record]:
        return [one for one in self.held.values() if one.id.startswith(f"{kind}_")]

    def _enter(
        self, kind: str, fields: Mapping[str, Any], given: Mapping[str, Any], path: Path
    ) -> str:
        ref = given.get("ref")
        if ref is not None and (not ids.is_ref(ref) or ref in self.refs):
            message = "a ref is # and a name, and names one thing alone"
            raise InvalidInput(message, path=(*path, "ref"))
        made = self.allot(kind, ref)
        held = with_fields({**fields, "createdAt": _instant(self.now)}, {})
        self._hold(_added(made, held, path))
        if ref is not None:
            self.refs[ref] = made
        if kind == "key":
            self.entered[made] = ref
        return made

    def _step(self, held: Record, action: Action, fields: Mapping[str, Any], path: Path) -> None:
        if any(one.record_id == held.id for one in self.steps):
            raise InvalidInput(
                f"{held.id} is touched twice; one changeset takes it one step", path=path
            )
        state = {Action.RETRACT: RecordState.RETRACTED, Action.RESTORE: RecordState.ACTIVE}
        after = state.get(action, held.state)
        self._hold(Step(held.id, held.version + 1, action, after, "", held, fields, path))

    def _hold(self, one: Step) -> None:
        self.steps.append(one)
        self.held[one.record_id] = Record(one.record_id, one.version, one.state, 0, "", one.fields)

    def leftovers(self) -> Iterable[Refusal]:
        """Yield what stands against the steps taken together: somebody manages access."""
        if any(map(self._manages_all, self._all("editor"))):
            return
        for one in self.steps:
            if self._manages_all(one.before):
                message = "nobody would be left who could change who may act"
                yield WrongState(message, path=one.path, record_id=one.record_id)

    def _manages_all(self, one: Record | None) -> bool:
        """Whether somebody stands who manages access in the whole ledger."""
        if one is None or one.kind != "editor" or one.state is not RecordState.ACTIVE:
            return False
        house = self.held[one.fields["newsroom"]].fields["house"]
        held = reach(Role(one.fields["role"]), Act.MANAGE_ACCESS, is_house=house)
        return held is Reach.LEDGER


_DECIDED_BY: Final[Mapping[str, Callable[[_Deciding, Mapping[str, Any], Path], None]]] = {
    "addNewsroom": _Deciding.add_newsroom,
    "addEditor": _Deciding.add_editor,
    "reviseEditor": _Deciding.revise_editor,
    "retireEditor": _Deciding.retire_editor,
    "restoreEditor": _Deciding.restore_editor,
    "createKey": _Deciding.create_key,
    "rotateKey": _Deciding.rotate_key,
    "revokeKey": _Deciding.revoke_key,
}


def _added(made: str, fields: Mapping[str, Any], path: Path) -> Step:
    return Step(made, 1, Action.ADD, RecordState.ACTIVE, "", None, fields, path)


def _acts(role: Role, room: Record, scopes: Iterable[str] | None) -> frozenset[Act]:
    """Return what a role in a newsroom may do at all, as far as scopes let it."""
    confined = None if scopes is None else frozenset(Act(one) for one in scopes)
    return allowed(role, is_house=room.fields["house"], scopes=confined)


def _acts_named(value: Any, path: Path) -> list[Act]:
    if not isinstance(value, list) or not value:
        raise InvalidInput("scopes name at least one act, or are left out", path=path)
    for one in value:
        if not isinstance(one, str) or one not in Act.__members__:
            known = ", ".join(Act.__members__)
            raise InvalidInput(f"{shown(one)} is no scope; scopes are {known}", path=path)
    return [act for act in Act if act in value]


def _name(given: Mapping[str, Any], member: str, path: Path) -> str:
    try:
        return texts.text(given.get(member), limit=NAME_LIMIT)
    except InvalidValue as fault:
        raise InvalidInput(f"{member} {fault.message}", path=(*path, member)) from None


def _moment(value: Any, path: Path) -> str | None:
    """Return an instant as the ledger writes its own: with microseconds, in UTC."""
    if value is None:
        return None
    try:
        text = instants.instant(value)
    except InvalidValue:
        text = ""
    if "T" not in text:
        like = "must be an instant with its time, like 2027-01-31T00:00:00Z"
        raise InvalidInput(f"{path[-1]} {like}; this is {shown(value)}", path=path)
    return _instant(datetime.fromisoformat(text))


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _same(one: str, other: str) -> bool:
    return texts.folded(one) == texts.folded(other)


__all__ = [
    "OPERATIONS",
    "OVERLAP_S",
    "Change",
    "Decided",
    "check_may_change",
    "decide",
    "entered_as_they_stand",
    "parse_change",
]
