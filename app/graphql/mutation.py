"""The ways to change something, all through the one door."""

from __future__ import annotations

from typing import Any, Final

import strawberry
from graphql import get_argument_values

from app.domain import codes
from app.domain.operations import OPERATIONS_LIMIT
from app.domain.redacting import TARGETS_LIMIT
from app.graphql.fields import CountOf, PageSize, Rows, sign, sized, table_field
from app.graphql.inputs import (
    ChangeAccessInput,
    CommentOnProposalInput,
    CommitInput,
    ProposeInput,
    RedactInput,
    RevertInput,
    ReviewInput,
    ReviseProposalInput,
    WithdrawProposalInput,
)
from app.graphql.log import Checkpoint
from app.graphql.proposals import Proposal
from app.graphql.records import Changeset, Record, Revision
from app.graphql.scalars import JSON
from app.store import payloads, proposed

STEPS: Final = 20
"""Steps of a revert, and things to tell about an edit, that few have more of."""

_ONE_EACH: Final = PageSize(
    (CountOf("input", ("operations",), absent=STEPS, most=OPERATIONS_LIMIT),)
)
"""The payload's lists are as long as the list of operations."""

_PER_TARGET: Final = PageSize((CountOf("input", ("targets",), absent=STEPS, most=TARGETS_LIMIT),))
"""A redaction steps each record that its targets name once."""

_DONE: Final = (
    "The changeset that was written; null of a dry run, a refusal, and where nothing would change."
)


@strawberry.type(description="Something an editor should look at again.")
class Warning:  # noqa: A001 - the contract's own word
    """Something to look at again."""

    code: str = strawberry.field(
        description="PARTS_DO_NOT_ADD_UP, NO_LIVE_CLAIM or REFERENCES_STAY."
    )
    message: str = strawberry.field(description="What it is, in a sentence.")
    record: strawberry.ID = strawberry.field(description="The record it is about.")
    field: str | None = strawberry.field(description="The field it is about.")


@strawberry.type(description="One field in which the ledger moved on after a proposal was made.")
class FieldConflict:
    """One field in which the ledger moved on."""

    field: str = strawberry.field(
        description="The field, as it is named in the inputs; state of a record that was "
        "retracted, restored or merged."
    )
    based_on: int = strawberry.field(description="The version that the contributor saw.")
    base: JSON | None = strawberry.field(description="What it held then.")
    present: JSON | None = strawberry.field(description="What it holds now.")
    proposed: JSON | None = strawberry.field(description="What is asked for.")


@strawberry.type(
    description="One thing that stands against an edit, or against an operation that was left out."
)
class UserError:
    """One thing that stands against an edit."""

    code: str = strawberry.field(
        description="What sort of thing: INVALID_INPUT, UNKNOWN_RECORD, WRONG_STATE, "
        "STALE_VERSION, CYCLE, NOT_YOUR_CLAIM, BEYOND_REACH, PROPOSE_INSTEAD, EXTERNAL_REF_TAKEN, "
        "REVERT_CONFLICT, "
        "NOT_REDACTABLE, NOTHING_TO_REDACT, UNKNOWN_PROPOSAL, PROPOSAL_DECIDED, PROPOSAL_REVISED, "
        "PROPOSAL_CONFLICT, PROPOSAL_REDACTED, OWN_PROPOSAL, IDEMPOTENCY_KEY_REUSED."
    )
    message: str = strawberry.field(description="What is wrong and what to do.")
    path: list[str] = strawberry.field(
        description="Where in the input: names and list places, from the outside in."
    )
    current: Record | None = table_field(
        payloads.current, "The record as it stands now, where the edit was based on an older one."
    )
    changesets_between: list[Changeset] = table_field(
        payloads.changesets_between,
        "What was recorded on that record since the version the edit was based on.",
        size=STEPS,
    )
    conflict: FieldConflict | None = strawberry.field(
        description="Of a PROPOSAL_CONFLICT, where the ledger moved on."
    )


@strawberry.type(description="A local ref, and the id of the record that was added under it.")
class Ref:
    """A local ref and its id."""

    ref: str = strawberry.field(description="The ref, as the input has it.")
    id: strawberry.ID = strawberry.field(description="The record's id.")


@strawberry.type(description="What became of an upsert.")
class Upserted:
    """What became of an upsert."""

    operation: int = strawberry.field(description="The place of the operation, from 0.")
    id: strawberry.ID = strawberry.field(description="The record's id.")
    result: codes.UpsertResult = strawberry.field(description="What was done.")


@strawberry.type(
    description="What came of an edit: a changeset, or the errors for which it was refused whole; "
    "both, where operations were left out."
)
class CommitPayload:
    """What came of an edit."""

    changeset: Changeset | None = table_field(payloads.changeset, _DONE)
    records: list[Record] = table_field(
        payloads.records,
        "The records as the edit leaves them, in the order of its steps.",
        size=Rows.OF_THE_PAGE,
    )
    revisions: list[Revision] = table_field(
        payloads.revisions,
        "What the edit does to each record, in the order of its steps; of a dry run, what it "
        "would do.",
        size=Rows.OF_THE_PAGE,
    )
    refs: list[Ref] = strawberry.field(
        description="The ids of the records that were added, or upserted, under a local ref.",
        metadata=sized(Rows.OF_THE_PAGE),
    )
    warnings: list[Warning] = strawberry.field(
        description="What to look at again.", metadata=sized(STEPS)
    )
    user_errors: list[UserError] = table_field(
        payloads.each_refused,
        "Why the edit was refused, or operations of it left out; empty where neither was.",
        size=STEPS,
    )
    skipped: list[int] = strawberry.field(
        description="The places, from 0, of the operations that were left out of what was written."
    )
    upserts: list[Upserted] = strawberry.field(
        description="What became of each upsert, in their order. Where none of them changed "
        "anything, and nothing else was asked for, nothing is written: `changeset` is null.",
        metadata=sized(Rows.OF_THE_PAGE),
    )
    leaf_hash: str | None = strawberry.field(
        description="The hash of the log's entry, hex (RFC 6962 leaf hash)."
    )
    checkpoint: Checkpoint | None = strawberry.field(
        description="The newest checkpoint that was published, also of a dry run or a refusal; "
        "one that covers this edit follows within a second. Keep it: with it nobody can rewrite "
        "what it covers unnoticed. Null while there is none."
    )


@strawberry.type(
    description="What came of a request about a proposal, or the errors for which it was refused."
)
class ProposalPayload:
    """What came of a request about a proposal."""

    proposal: Proposal | None = table_field(
        proposed.of_payload(payloads.PROPOSAL),
        "The proposal as it stands now, also of a refusal; null where there is none that the "
        "viewer sees.",
    )
    changeset: Changeset | None = table_field(
        payloads.changeset,
        "The entry in the log: the changeset that was accepted, or that of another decision; null "
        "where nothing was decided.",
    )
    refs: list[Ref] = strawberry.field(
        description="The ids that records are to have, or have, which are added under a local ref.",
        metadata=sized(STEPS),
    )
    warnings: list[Warning] = strawberry.field(
        description="What to look at again.", metadata=sized(STEPS)
    )
    user_errors: list[UserError] = table_field(
        payloads.each_refused, "Why it was refused; empty where it was not.", size=STEPS
    )
    leaf_hash: str | None = strawberry.field(
        description="The hash of the log's entry, hex; null where nothing was decided."
    )
    checkpoint: Checkpoint | None = strawberry.field(
        description="The newest checkpoint that was published, as in CommitPayload."
    )


@strawberry.type(description="A key as it is shown once.")
class NewKey:
    """A key as it is shown once."""

    id: strawberry.ID = strawberry.field(description="The key's id.")
    ref: str | None = strawberry.field(description="The ref that the input gave it.")
    key: str = strawberry.field(description="The key itself. It is not stored: keep it.")


@strawberry.type(
    description="What came of a change of access, or the errors for which it was refused whole."
)
class ChangeAccessPayload:
    """What came of a change of access."""

    changeset: Changeset | None = table_field(
        payloads.changeset,
        "The changeset that was written; null of a dry run, and of a refusal.",
    )
    keys: list[NewKey] = strawberry.field(
        description="The keys that were made, which are shown here and never again: of a "
        "repetition and of a dry run there are none.",
        metadata=sized(Rows.OF_THE_PAGE),
    )
    refs: list[Ref] = strawberry.field(
        description="The ids of what was entered under a local ref.",
        metadata=sized(Rows.OF_THE_PAGE),
    )
    user_errors: list[UserError] = table_field(
        payloads.each_refused, "Why it was refused; empty where it was not.", size=STEPS
    )
    leaf_hash: str | None = strawberry.field(
        description="The hash of the log's entry, hex (RFC 6962 leaf hash)."
    )
    checkpoint: Checkpoint | None = strawberry.field(
        description="The newest checkpoint that was published, as in CommitPayload."
    )


def _command(
    takes: Any, meaning: str, returns: Any, description: str, *, size: PageSize | None = None
) -> Any:
    """Declare a mutation, which the command of its name carries out (`app.graphql.editing`)."""

    async def resolver(info: strawberry.Info, **_input: Any) -> Any:
        raw = info._raw_info  # noqa: SLF001 - Strawberry keeps the field's nodes there alone
        field = raw.parent_type.fields[raw.field_name]
        # As it was sent: absent is not there, null is None.
        values = get_argument_values(field, raw.field_nodes[0], info.context.variables)
        command = getattr(info.context.engine.commands, info.python_name)
        return await command(info.context, raw.field_nodes, values["input"])

    sign(resolver, {"input": (takes, meaning)}, returns)
    return strawberry.mutation(resolver=resolver, description=description, metadata=sized(size))


@strawberry.type(description="Every way to change something.")
class Mutation:
    """Every way to change something."""

    commit: CommitPayload = _command(
        CommitInput,
        "The edit.",
        CommitPayload,
        "Write one edit: all of its operations, or none.",
        size=_ONE_EACH,
    )
    revert: CommitPayload = _command(
        RevertInput,
        "What to put back, and why.",
        CommitPayload,
        "Put back what an earlier changeset changed; refused where later edits touched the same "
        "fields.",
        size=_ONE_EACH,
    )
    redact: CommitPayload = _command(
        RedactInput,
        "What to remove, and why.",
        CommitPayload,
        "Remove content for good, for the reason and by the authority given; for ADMIN. It goes "
        "from the present, from every past version and from the search index, and a gap stays "
        "that says so.",
        size=_PER_TARGET,
    )
    change_access: ChangeAccessPayload = _command(
        ChangeAccessInput,
        "The change.",
        ChangeAccessPayload,
        "Change who may act: newsrooms, editors, roles and keys. An ADMIN of the house changes "
        "all of it, that of a partner the editors and keys of the own newsroom, and everybody "
        "rotates and revokes their own keys. Nobody gives what they do not have.",
        size=_ONE_EACH,
    )
    propose: ProposalPayload = _command(
        ProposeInput,
        "What is asked for, and why.",
        ProposalPayload,
        "Ask for a changeset, which an editor decides on. It is checked as a commit would be, and "
        "refused in the same way.",
    )
    revise_proposal: ProposalPayload = _command(
        ReviseProposalInput,
        "The new content.",
        ProposalPayload,
        "Give one's proposal another content, as its next revision.",
    )
    withdraw_proposal: ProposalPayload = _command(
        WithdrawProposalInput,
        "Which one.",
        ProposalPayload,
        "Take a proposal back, for good: its contributor, or an ADMIN of the contributor's "
        "newsroom.",
    )
    comment_on_proposal: ProposalPayload = _command(
        CommentOnProposalInput,
        "What is said.",
        ProposalPayload,
        "Say something about a proposal of one's newsroom, while it waits; reviewers do it by "
        "`review`.",
    )
    review: ProposalPayload = _command(
        ReviewInput,
        "What is decided.",
        ProposalPayload,
        "Decide on a proposal, or comment on it. Accepting it carries it over to the present, and "
        "is refused with each conflict where the present moved on in the same fields.",
    )
