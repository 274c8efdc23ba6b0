"""The ways to change something: `commit` and `revert`, both through the one door."""

from __future__ import annotations

from typing import Annotated, Any, Final

import strawberry
from graphql import get_argument_values

from app.domain import codes
from app.domain.operations import OPERATIONS_LIMIT
from app.domain.redacting import TARGETS_LIMIT
from app.graphql.fields import CountOf, PageSize, Rows, sized, table_field
from app.graphql.inputs import CommitInput, RedactInput, RevertInput
from app.graphql.log import Checkpoint
from app.graphql.records import Changeset, Record, Revision
from app.store import payloads

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


@strawberry.type(
    description="One thing that stands against an edit, or against an operation that was left out."
)
class UserError:
    """One thing that stands against an edit."""

    code: str = strawberry.field(
        description="What sort of thing: INVALID_INPUT, UNKNOWN_RECORD, WRONG_STATE, "
        "STALE_VERSION, CYCLE, NOT_YOUR_CLAIM, PROPOSE_INSTEAD, EXTERNAL_REF_TAKEN, "
        "REVERT_CONFLICT, "
        "NOT_REDACTABLE, NOTHING_TO_REDACT, IDEMPOTENCY_KEY_REUSED."
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


@strawberry.type(description="Every way to change something.")
class Mutation:
    """Every way to change something."""

    @strawberry.mutation(  # type: ignore[untyped-decorator]
        description="Write one edit: all of its operations, or none.", metadata=sized(_ONE_EACH)
    )
    async def commit(
        self,
        info: strawberry.Info,
        input: Annotated[CommitInput, strawberry.argument(description="The edit.")],  # noqa: A002
    ) -> CommitPayload:
        """Write one edit."""
        del input
        answer: CommitPayload = await _carried_out(info, info.context.engine.commands.commit)
        return answer

    @strawberry.mutation(  # type: ignore[untyped-decorator]
        description="Put back what an earlier changeset changed; refused where later edits "
        "touched the same fields.",
        metadata=sized(_ONE_EACH),
    )
    async def revert(
        self,
        info: strawberry.Info,
        input: Annotated[  # noqa: A002
            RevertInput, strawberry.argument(description="What to put back, and why.")
        ],
    ) -> CommitPayload:
        """Put back what an earlier changeset changed."""
        del input
        answer: CommitPayload = await _carried_out(info, info.context.engine.commands.revert)
        return answer

    @strawberry.mutation(  # type: ignore[untyped-decorator]
        description="Remove content for good, for the reason and by the authority given; for "
        "ADMIN. It goes from the present, from every past version and from the search index, "
        "and a gap stays that says so.",
        metadata=sized(_PER_TARGET),
    )
    async def redact(
        self,
        info: strawberry.Info,
        input: Annotated[  # noqa: A002
            RedactInput, strawberry.argument(description="What to remove, and why.")
        ],
    ) -> CommitPayload:
        """Remove content for good."""
        del input
        answer: CommitPayload = await _carried_out(info, info.context.engine.commands.redact)
        return answer


async def _carried_out(info: strawberry.Info, command: Any) -> Any:
    """Run a command with the input as it was sent: absent is not there, null is None."""
    raw = info._raw_info  # noqa: SLF001 - Strawberry keeps the field's nodes there alone
    field = raw.parent_type.fields[raw.field_name]
    values = get_argument_values(field, raw.field_nodes[0], info.context.variables)
    return await command(info.context, raw.field_nodes, values["input"])
