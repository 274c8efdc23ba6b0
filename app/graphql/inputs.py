"""What editors send: inputs made from the fields that `app.domain.kinds` declares.

The values arrive in the domain as they were sent, absent apart from null; the
classes here only publish the contract.
"""

from __future__ import annotations

from typing import Any, Final

import strawberry

from app.domain import codes
from app.domain import field_types as t
from app.domain.access import OPERATIONS_LIMIT as ACCESS_LIMIT
from app.domain.kinds import KINDS, Field, Kind
from app.domain.operations import NOTE_LIMIT, OPERATIONS_LIMIT
from app.domain.permissions import Act
from app.domain.redacting import TARGETS_LIMIT
from app.graphql.scalars import EDTF, DateTime, Decimal, Position


def _given(description: str, *, required: bool = False) -> Any:
    if required:
        return strawberry.field(description=description)
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input(description="How much or how many; at least one of amount, lower, upper.")
class MeasureInput:
    """How much or how many."""

    unit: str = _given("What is counted: head, tonne.", required=True)
    amount: Decimal | None = _given("The figure itself.")
    lower: Decimal | None = _given("The least it can be.")
    upper: Decimal | None = _given("The most it can be.")
    approximate: bool | None = _given("Whether the amount is approximate.")
    verbatim: str | None = _given('The words of the source: "a pair".')


@strawberry.input(description="A sum of money; at least one of amount, lower, upper.")
class MoneyInput:
    """A sum of money."""

    unit: str = _given("The currency, ISO 4217.", required=True)
    amount: Decimal | None = _given("The sum itself.")
    lower: Decimal | None = _given("The least it can be.")
    upper: Decimal | None = _given("The most it can be.")
    approximate: bool | None = _given("Whether the amount is approximate.")
    verbatim: str | None = _given("The words of the source.")
    basis: codes.MoneyBasis | None = _given("What the sum includes.")


@strawberry.input(description="Another name or spelling.")
class AliasInput:
    """Another name."""

    text: str = _given("The name.", required=True)
    language: str | None = _given("Its language, BCP 47.")


@strawberry.input(description="An identifier in another catalogue.")
class IdentifierInput:
    """An identifier elsewhere."""

    scheme: str = _given("The catalogue: wikidata, lei, isni …", required=True)
    value: str = _given("The identifier in it.", required=True)


@strawberry.input(description="Words of a document (W3C TextQuoteSelector).")
class QuoteInput:
    """Words of a document."""

    exact: str = _given("The words themselves.", required=True)
    prefix: str | None = _given("What stands before them.")
    suffix: str | None = _given("What stands after them.")


@strawberry.input(description="A claim that another one repeats, and in which way.")
class DerivationInput:
    """A link to the claim that is repeated."""

    claim: strawberry.ID = _given("The claim that is repeated.", required=True)
    derivation: codes.Derivation = _given("In which way.", required=True)


@strawberry.input(
    one_of=True,
    description="The value of a claim: the member that fits the claimed field.",
)
class ClaimValueInput:
    """The value of a claim."""

    quantity: MeasureInput | None = _given("For QUANTITY.")
    money: MoneyInput | None = _given("For VALUE.")
    date: EDTF | None = _given("For OCCURRED.")
    record: strawberry.ID | None = _given("For GIVER, RECEIVER, ITEM and other links.")
    code: str | None = _given("For NATURE, STAGE, KIND, COUNTRY and HS_CODE.")
    text: str | None = _given("For NAME, ORIGIN, DESTINATION, ROUTE, TRANSPORT and PURPOSE.")


_INPUT_TYPES: Final[dict[type[t.FieldType], Any]] = {
    t.Text: str,
    t.Reference: strawberry.ID,
    t.Measure: MeasureInput,
    t.Money: MoneyInput,
    t.Edtf: EDTF,
    t.Country: str,
    t.HsCode: str,
    t.Language: str,
    t.Url: str,
    t.Sha256: str,
    t.Instant: str,
    t.Aliases: list[AliasInput],
    t.Identifiers: list[IdentifierInput],
    t.Authors: list[str],
    t.Quote: QuoteInput,
    t.Derivations: list[DerivationInput],
    t.ClaimValue: ClaimValueInput,
}


def _input_type(field: Field) -> Any:
    if isinstance(field.type, t.Code):
        return field.type.codes
    return _INPUT_TYPES[type(field.type)]


def _make(name: str, description: str, members: dict[str, tuple[Any, Any]]) -> type:
    body = {key: given for key, (_, given) in members.items()}
    body["__annotations__"] = {key: kind for key, (kind, _) in members.items()}
    body["__module__"] = __name__
    return strawberry.input(type(name, (), body), name=name, description=description)


def _members(kind: Kind, *, adding: bool) -> dict[str, tuple[Any, Any]]:
    members = {}
    for field in kind.fields.values():
        if field.type.settable:
            required = adding and field.required
            declared = _input_type(field)
            shown = declared if required else declared | None
            members[field.name] = (shown, _given(field.description, required=required))
    return members


_ID: Final = (
    strawberry.ID,
    _given("The record, or the local ref of one added here.", required=True),
)
_VERSION: Final = (int, _given("The version that the edit is based on.", required=True))
_REF: Final = (
    str | None,
    _given('A local name, such as "#horses", by which this changeset can refer to the record.'),
)

_SETS: Final = {
    kind.name: _make(
        f"{kind.title}Set",
        f"New values for fields of {kind.name}s; null takes a value away, absent leaves it.",
        _members(kind, adding=False),
    )
    for kind in KINDS.values()
}
_ADDS: Final = {
    kind.name: _make(
        f"Add{kind.title}Input",
        f"A new {kind.name}. {kind.description}",
        {"ref": _REF, **_members(kind, adding=True)},
    )
    for kind in KINDS.values()
}
_REVISES: Final = {
    kind.name: _make(
        f"Revise{kind.title}Input",
        f"New values for some fields of one {kind.name}.",
        {
            "id": _ID,
            "version": _VERSION,
            "set": (_SETS[kind.name], _given("The fields that change.", required=True)),
        },
    )
    for kind in KINDS.values()
}

_UPSERTS: Final = {
    kind.name: _make(
        f"Upsert{kind.title}Input",
        f"The {kind.name} that your newsroom knows by an external reference: added if there is "
        "none yet, else revised in what differs.",
        {
            "externalRef": (
                str,
                _given(
                    "Your newsroom's own identifier for it, by which it is found.", required=True
                ),
            ),
            "ref": (
                str | None,
                _given(
                    "A local name for it in this changeset, whether it is there already or not."
                ),
            ),
            "set": (
                _SETS[kind.name],
                _given(
                    "What it is to hold; absent leaves a field as it is. To be added it needs what "
                    f"`add{kind.title}` requires.",
                    required=True,
                ),
            ),
        },
    )
    for kind in KINDS.values()
}


@strawberry.input(description="Mark a record withdrawn; its past remains.")
class RetractInput:
    """Mark a record withdrawn."""

    id: strawberry.ID = _given("The record.", required=True)
    version: int = _given("The version that the edit is based on.", required=True)


@strawberry.input(description="Bring a retracted or merged record back.")
class RestoreInput:
    """Bring a record back."""

    id: strawberry.ID = _given("The record.", required=True)
    version: int = _given("The version that the edit is based on.", required=True)


@strawberry.input(
    description="Mark a duplicate actor or item, and point all that names it at the survivor."
)
class MergeInput:
    """Mark a duplicate."""

    id: strawberry.ID = _given("The duplicate.", required=True)
    version: int = _given("The duplicate's version that the edit is based on.", required=True)
    into: strawberry.ID = _given("The survivor.", required=True)


_OPERATION: Final = strawberry.input(
    type(
        "OperationInput",
        (),
        {
            "__module__": __name__,
            "__annotations__": {
                **{f"add{k.title}": _ADDS[k.name] | None for k in KINDS.values()},
                **{f"revise{k.title}": _REVISES[k.name] | None for k in KINDS.values()},
                **{f"upsert{k.title}": _UPSERTS[k.name] | None for k in KINDS.values()},
                "retract": RetractInput | None,
                "restore": RestoreInput | None,
                "merge": MergeInput | None,
            },
            **{f"add{k.title}": _given(f"Add a new {k.name}.") for k in KINDS.values()},
            **{f"revise{k.title}": _given(f"Revise one {k.name}.") for k in KINDS.values()},
            **{
                f"upsert{k.title}": _given(
                    f"Add the {k.name} of an external reference, or revise it."
                )
                for k in KINDS.values()
            },
            "retract": _given("Retract a record."),
            "restore": _given("Restore a record."),
            "merge": _given("Merge a duplicate into the record that survives."),
        },
    ),
    one_of=True,
    description="One step of a changeset: exactly one of its members.",
)


@strawberry.input(description="Why an edit is made.")
class ReasonInput:
    """Why an edit is made."""

    code: codes.ReasonCode = _given("The sort of reason.", required=True)
    note: str = _given(
        f"The reason in a sentence, public for ever; at most {NOTE_LIMIT} characters.",
        required=True,
    )
    internal_note: str | None = _given("A note for the newsroom's own eyes and for auditors.")


@strawberry.input(
    description="One edit: all of its operations are written, or none, if `errorPolicy` has not "
    "another word."
)
class CommitInput:
    """One edit."""

    reason: ReasonInput = _given("Why it is made.", required=True)
    operations: list[_OPERATION] = _given(  # type: ignore[valid-type]
        f"What it does, at most {OPERATIONS_LIMIT}; each record takes one step.", required=True
    )
    idempotency_key: str | None = _given(
        "Any text of your own: sending the same edit with the same key again gives the first "
        "answer and writes nothing. It is kept for 30 days, and may come as a header instead."
    )
    dry_run: bool | None = _given("Return what would change, and write nothing.")
    error_policy: codes.ErrorPolicy | None = _given(
        "What becomes of the others where operations are refused; REJECT_ALL if it is not given."
    )
    on_behalf_of: strawberry.ID | None = _given(
        "The newsroom whose words are entered, and to which its claims belong; for the house "
        "newsroom. Absent: one's own."
    )


@strawberry.input(description="A changeset that is asked for: what it does, and why.")
class ProposeInput:
    """A changeset that is asked for."""

    reason: ReasonInput = _given("Why it should be made.", required=True)
    operations: list[_OPERATION] = _given(  # type: ignore[valid-type]
        f"What it does, as in CommitInput; at most {OPERATIONS_LIMIT}.", required=True
    )
    message: str | None = _given("A word to the reviewers; it does not become part of the ledger.")
    idempotency_key: str | None = _given("As in CommitInput.")
    dry_run: bool | None = _given("Return what would be asked for, and keep nothing.")


@strawberry.input(description="Another content for a proposal; it is open then.")
class ReviseProposalInput:
    """Another content for a proposal."""

    proposal: strawberry.ID = _given("The proposal, one's own.", required=True)
    revision: int = _given("The revision that this one follows.", required=True)
    reason: ReasonInput = _given("Why it should be made.", required=True)
    operations: list[_OPERATION] = _given(  # type: ignore[valid-type]
        "What it does, all of it. What is added under the same ref keeps its id.", required=True
    )
    message: str | None = _given("A word to the reviewers.")
    idempotency_key: str | None = _given("As in CommitInput.")
    dry_run: bool | None = _given("Return what would be asked for, and keep nothing.")


@strawberry.input(description="Take a proposal back.")
class WithdrawProposalInput:
    """Take a proposal back."""

    proposal: strawberry.ID = _given("The proposal.", required=True)
    note: str | None = _given("Why.")
    idempotency_key: str | None = _given("As in CommitInput.")
    dry_run: bool | None = _given("Return what would be done, and do nothing.")


@strawberry.input(description="Something to be said about a proposal of one's newsroom.")
class CommentOnProposalInput:
    """Something to be said about a proposal."""

    proposal: strawberry.ID = _given("The proposal.", required=True)
    note: str = _given("What is said.", required=True)
    idempotency_key: str | None = _given("As in CommitInput.")
    dry_run: bool | None = _given("Return what would be done, and do nothing.")


@strawberry.input(description="What a reviewer says to one revision of a proposal.")
class ReviewInput:
    """What a reviewer says to a proposal."""

    proposal: strawberry.ID = _given("The proposal.", required=True)
    revision: int = _given(
        "The revision that was read; refused where the contributor revised it since.",
        required=True,
    )
    decision: codes.Decision = _given("What is decided.", required=True)
    note: str | None = _given(
        "What the contributor is told; required of all but ACCEPT. It is no part of what everybody "
        "reads."
    )
    reason: ReasonInput | None = _given(
        "With ACCEPT: the changeset's reason, in place of the contributor's."
    )
    idempotency_key: str | None = _given("As in CommitInput.")
    dry_run: bool | None = _given(
        "Return what would be done, the conflicts of accepting it included, and do nothing."
    )


@strawberry.input(description="Enter a newsroom.")
class AddNewsroomInput:
    """Enter a newsroom."""

    ref: str | None = _given("A local ref, like #desk, by which other operations name it.")
    name: str = _given("Its name.", required=True)


@strawberry.input(description="Enter an editor of a newsroom.")
class AddEditorInput:
    """Enter an editor."""

    ref: str | None = _given("A local ref, by which other operations name it.")
    newsroom: strawberry.ID = _given("The newsroom, by id or local ref.", required=True)
    name: str = _given("The name.", required=True)
    role: codes.Role = _given("The role.", required=True)
    identity: str | None = _given(
        "Issuer and subject at an OpenID provider, ISSUER|SUBJECT, to sign in with; an ADMIN of "
        "the house gives it."
    )


@strawberry.input(description="Give an editor another name, role or identity.")
class ReviseEditorInput:
    """Change an editor."""

    id: strawberry.ID = _given("The editor.", required=True)
    name: str | None = _given("The name; absent leaves it as it is.")
    role: codes.Role | None = _given(
        "The role; absent leaves it as it is. Nobody raises their own."
    )
    identity: str | None = _given("The identity; null takes it away.")


@strawberry.input(description="Retire an editor, or bring one back.")
class EditorInput:
    """Name an editor."""

    id: strawberry.ID = _given("The editor.", required=True)


@strawberry.input(description="Make a key for an editor; it is shown once.")
class CreateKeyInput:
    """Make a key."""

    ref: str | None = _given("A local ref, by which the answer names it.")
    editor: strawberry.ID = _given("Whose key it is, by id or local ref.", required=True)
    label: str = _given("What it is for.", required=True)
    scopes: list[Act] | None = _given(
        "The acts that it is confined to; absent: to none but those of the role."
    )
    not_before: DateTime | None = _given("From when it is good.")
    expires_at: DateTime | None = _given("When it expires.")


@strawberry.input(description="Make a key in place of another, with its label and scopes.")
class RotateKeyInput:
    """Rotate a key."""

    ref: str | None = _given("A local ref, by which the answer names it.")
    id: strawberry.ID = _given("The key in whose place it comes.", required=True)
    overlap_seconds: int | None = _given(
        "For how long the old key is good still; 86,400 if absent."
    )
    expires_at: DateTime | None = _given(
        "When the new key expires; who only rotates their own gives no later end than the old "
        "key has, which is also what stands if absent."
    )


@strawberry.input(description="Revoke a key: it is refused from then on.")
class RevokeKeyInput:
    """Revoke a key."""

    id: strawberry.ID = _given("The key.", required=True)
    with_successors: bool | None = _given(
        "Revoke the keys that came of it by rotation too: for one that has leaked, which may "
        "have been rotated by whoever found it."
    )


@strawberry.input(one_of=True, description="One change of access: exactly one of its members.")
class AccessOperationInput:
    """One change of access."""

    add_newsroom: AddNewsroomInput | None = _given("Enter a newsroom.")
    add_editor: AddEditorInput | None = _given("Enter an editor.")
    revise_editor: ReviseEditorInput | None = _given("Change an editor.")
    retire_editor: EditorInput | None = _given("Retire an editor, whose keys are refused then.")
    restore_editor: EditorInput | None = _given("Bring a retired editor back.")
    create_key: CreateKeyInput | None = _given("Make a key.")
    rotate_key: RotateKeyInput | None = _given("Make a key in place of another.")
    revoke_key: RevokeKeyInput | None = _given("Revoke a key.")


@strawberry.input(description="A change of who may act: all of its operations, or none.")
class ChangeAccessInput:
    """A change of who may act."""

    reason: ReasonInput = _given("Why it is made.", required=True)
    operations: list[AccessOperationInput] = _given(
        f"What it does, at most {ACCESS_LIMIT}; each of those it names takes one step.",
        required=True,
    )
    idempotency_key: str | None = _given(
        "As in CommitInput; a repetition does not show a key a second time."
    )
    dry_run: bool | None = _given("Return what stands against it, and write nothing.")


@strawberry.input(description="Put back what an earlier changeset changed.")
class RevertInput:
    """Put back what an earlier changeset changed."""

    changeset: Position = _given("The position of the changeset.", required=True)
    reason: ReasonInput = _given("Why it is put back.", required=True)
    idempotency_key: str | None = _given("As in CommitInput.")
    dry_run: bool | None = _given("Return what would change, and write nothing.")


@strawberry.input(description="Content of a record that is to be removed.")
class RecordContentInput:
    """Content of a record."""

    id: strawberry.ID = _given("The record, of whatever state.", required=True)
    version: int | None = _given(
        "What this version entered, as far as its revision changed it. Absent: what every version "
        "did, the present one included."
    )
    fields: list[str] | None = _given(
        "The fields, as they are named in the inputs. Absent: every one that can be redacted."
    )


@strawberry.input(description="Texts of a changeset's header that are to be removed.")
class HeaderContentInput:
    """Texts of a changeset's header."""

    position: Position = _given("The position of the changeset.", required=True)
    texts: list[codes.HeaderText] = _given("Which of its texts.", required=True)


@strawberry.input(one_of=True, description="What is to be removed: exactly one of its members.")
class RedactTargetInput:
    """What is to be removed."""

    record: RecordContentInput | None = _given("Content of a record.")
    header: HeaderContentInput | None = _given("Texts of a changeset's header.")


@strawberry.input(
    description="Remove content for good, leaving a gap that everybody sees and that every proof "
    "holds with. An equal value of the same field of the same record, such as one that a revert "
    "put back, is removed with it."
)
class RedactInput:
    """Remove content for good."""

    reason: ReasonInput = _given("Why it is removed; do not repeat the content.", required=True)
    authority: codes.RedactionAuthority = _given("By what authority.", required=True)
    targets: list[RedactTargetInput] = _given(
        f"What is removed, at most {TARGETS_LIMIT} targets; all of it, or nothing.", required=True
    )
    idempotency_key: str | None = _given("As in CommitInput.")
    dry_run: bool | None = _given("Return what would be removed, and remove nothing.")
