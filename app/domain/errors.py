"""Every way in which Corrigenda says no.

    CorrigendaError
    ├── InvalidValue              a value that no field can hold (becomes a refusal with its place)
    │   ├── UnknownRef            … because it names a ref that nothing defines
    │   ├── OtherKind             … because it names a record of another kind
    │   └── AddressRefused        … because it leads where no request of ours may go
    ├── Refusal                   an editor can act on it: `userErrors` of the payload
    │   ├── InvalidInput          INVALID_INPUT
    │   ├── UnknownRecord         UNKNOWN_RECORD
    │   ├── WrongKind             WRONG_KIND
    │   ├── WrongState            WRONG_STATE
    │   ├── StaleVersion          STALE_VERSION
    │   ├── CycleFound            CYCLE
    │   ├── NotYours              NOT_YOUR_CLAIM
    │   ├── ProposeInstead        PROPOSE_INSTEAD
    │   ├── BeyondReach           BEYOND_REACH
    │   ├── ExternalRefTaken      EXTERNAL_REF_TAKEN
    │   ├── RevertConflict        REVERT_CONFLICT
    │   ├── NotRedactable         NOT_REDACTABLE
    │   ├── NothingToRedact       NOTHING_TO_REDACT
    │   ├── UnknownProposal       UNKNOWN_PROPOSAL
    │   ├── ProposalDecided       PROPOSAL_DECIDED
    │   ├── ProposalRevised       PROPOSAL_REVISED
    │   ├── ProposalConflict      PROPOSAL_CONFLICT
    │   ├── ProposalRedacted      PROPOSAL_REDACTED
    │   ├── OwnProposal           OWN_PROPOSAL
    │   └── IdempotencyKeyReused  IDEMPOTENCY_KEY_REUSED
    ├── Refused                   several refusals of one changeset, together
    ├── OutgoingFailed            another server could not be asked, or did not answer as it should
    ├── LoadStopped               one line of a dossier cannot be loaded; what came before it is
    ├── WrongRequest              the request cannot be served: GraphQL error with `extensions.code`
    │   ├── BadArgument           BAD_ARGUMENT
    │   ├── BadRequest            BAD_REQUEST
    │   ├── UnknownHash           PERSISTED_QUERY_NOT_FOUND
    │   ├── HashesNotTaken        PERSISTED_QUERY_NOT_SUPPORTED
    │   ├── UnknownDocument       PERSISTED_DOCUMENT_NOT_FOUND
    │   ├── DocumentNotTrusted    DOCUMENT_NOT_TRUSTED
    │   ├── OverLimit             it asks for more than a limit allows
    │   │   ├── TooLong           DOCUMENT_TOO_LONG
    │   │   ├── TooDeep           DOCUMENT_TOO_DEEP
    │   │   ├── TooLarge          DOCUMENT_TOO_LARGE
    │   │   ├── TooManyValues     VARIABLES_TOO_LARGE
    │   │   └── TooCostly         TOO_COSTLY
    │   ├── IntrospectionOff      INTROSPECTION_DISABLED
    │   ├── ReadTimedOut          READ_TIMED_OUT
    │   ├── BudgetSpent           RATE_LIMITED
    │   ├── IdempotencyInProgress IDEMPOTENCY_IN_PROGRESS
    │   ├── IdempotencyMismatch   IDEMPOTENCY_KEY_REUSED
    │   ├── Unauthenticated       UNAUTHENTICATED
    │   └── Forbidden             FORBIDDEN
    └── Unready                   the operator has to act first
        ├── NotMigrated           NOT_MIGRATED
        ├── BadManifest           BAD_MANIFEST
        ├── Unwritable            UNWRITABLE
        ├── ReadOnly              READ_ONLY
        └── NotSigned             NOT_SIGNED

Anything else that is raised is a defect of ours: it leaves as `INTERNAL` with a
log id, and its detail goes to the logger alone.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias

Path: TypeAlias = tuple[str | int, ...]


class CorrigendaError(Exception):
    """The root of what this package raises on purpose."""

    code: ClassVar[str]


class InvalidValue(CorrigendaError):
    """A value that the field cannot hold; `path` leads from the value to the fault."""

    code = "INVALID_VALUE"

    def __init__(self, message: str, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def under(self, *steps: str | int) -> InvalidValue:
        """Return the same fault, seen from a value that holds this one at `steps`."""
        return type(self)(self.message, (*steps, *self.path))


class UnknownRef(InvalidValue):
    """A local ref that no operation defined."""


class OtherKind(InvalidValue):
    """A reference to a record of another kind than the field takes."""


class AddressRefused(InvalidValue):
    """A URL, or a host's address, that no request of ours may go to."""


class OutgoingFailed(CorrigendaError):
    """Another server could not be reached, or answered too late, too long or not as it should."""

    code = "OUTGOING_FAILED"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refusal(CorrigendaError):
    """What an editor can act on; `path` leads from the input to the fault.

    `quotes` says that the message may repeat what was sent, so that it must not be kept
    where nothing could be redacted.
    """

    quotes: ClassVar[bool] = False

    def __init__(self, message: str, *, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class InvalidInput(Refusal):
    """A field, reason or operation that is unknown, missing or ill-typed."""

    code = "INVALID_INPUT"
    quotes = True


class UnknownRecord(Refusal):
    """An id or local ref that names no record of this ledger."""

    code = "UNKNOWN_RECORD"


class WrongKind(Refusal):
    """A reference to a record of another kind than the field takes."""

    code = "WRONG_KIND"


class WrongState(Refusal):
    """An operation that the record's state does not allow."""

    code = "WRONG_STATE"

    def __init__(self, message: str, *, path: Path = (), record_id: str | None = None) -> None:
        super().__init__(message, path=path)
        self.record_id = record_id


class StaleVersion(Refusal):
    """The record moved on after the editor read it."""

    code = "STALE_VERSION"

    def __init__(self, *, record_id: str, based_on: int, current: int, path: Path = ()) -> None:
        super().__init__(
            f"{record_id} is at version {current}; this edit is based on version {based_on}. "
            "Read the current version and what changed in between, then send the edit again.",
            path=path,
        )
        self.record_id = record_id
        self.based_on = based_on
        self.current = current


class CycleFound(Refusal):
    """A link that would make a record its own ancestor."""

    code = "CYCLE"


class NotYours(Refusal):
    """A claim that another newsroom entered."""

    code = "NOT_YOUR_CLAIM"


class ProposeInstead(Refusal):
    """What the ledger holds is changed by the house; a partner proposes it."""

    code = "PROPOSE_INSTEAD"


class BeyondReach(Refusal):
    """An access change beyond what whoever makes it may do, or may give away."""

    code = "BEYOND_REACH"


class ExternalRefTaken(Refusal):
    """An external reference that this newsroom already gave to another record."""

    code = "EXTERNAL_REF_TAKEN"


class RevertConflict(Refusal):
    """Later edits touched what the reverted changeset changed."""

    code = "REVERT_CONFLICT"

    def __init__(self, message: str, *, record_id: str, path: Path = ()) -> None:
        super().__init__(message, path=path)
        self.record_id = record_id


class NotRedactable(Refusal):
    """A field whose content cannot be removed without breaking what readers rely on."""

    code = "NOT_REDACTABLE"


class NothingToRedact(Refusal):
    """A target without content: it is empty, or was redacted already."""

    code = "NOTHING_TO_REDACT"

    def __init__(self, message: str, *, path: Path = (), record_id: str | None = None) -> None:
        super().__init__(message, path=path)
        self.record_id = record_id


class UnknownProposal(Refusal):
    """An id that names no proposal which this viewer can see."""

    code = "UNKNOWN_PROPOSAL"


class ProposalDecided(Refusal):
    """A proposal whose state does not allow this: it was decided, or was sent back."""

    code = "PROPOSAL_DECIDED"


class ProposalRevised(Refusal):
    """The contributor revised the proposal after the reviewer read it."""

    code = "PROPOSAL_REVISED"


class ProposalConflict(Refusal):
    """The ledger moved on in what a proposal changes: what it saw, what is held, what it asks.

    `field` is "state" where the record was retracted, restored or merged, and None where
    nothing is left to be done.
    """

    code = "PROPOSAL_CONFLICT"

    def __init__(  # noqa: PLR0913 - the three ways and where they part
        self,
        message: str,
        *,
        record_id: str | None = None,
        based_on: int = 0,
        current: int = 0,
        field: str | None = None,
        base: Any = None,
        present: Any = None,
        proposed: Any = None,
        path: Path = (),
    ) -> None:
        super().__init__(message, path=path)
        self.record_id = record_id
        self.based_on = based_on
        self.current = current
        self.field = field
        self.base = base
        self.present = present
        self.proposed = proposed


class ProposalRedacted(Refusal):
    """A proposal whose content was redacted: there is nothing left to decide on."""

    code = "PROPOSAL_REDACTED"


class OwnProposal(Refusal):
    """A proposal that its own contributor would accept."""

    code = "OWN_PROPOSAL"


class IdempotencyKeyReused(Refusal):
    """The same idempotency key came with another payload."""

    code = "IDEMPOTENCY_KEY_REUSED"


class Refused(CorrigendaError):
    """Everything that is wrong with one changeset; nothing of it was written."""

    code = "REFUSED"

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = refusals


class LoadStopped(CorrigendaError):
    """A line of a dossier that cannot be loaded; `loaded` says what came before it.

    `line` counts from 1; `operations` are the tags of the line's operations, so
    that a fault's path can be put into words.
    """

    code = "LOAD_STOPPED"

    def __init__(
        self, fault: CorrigendaError, *, line: int, operations: tuple[str, ...], loaded: object
    ) -> None:
        super().__init__(f"line {line}: {fault}")
        self.fault = fault
        self.line = line
        self.operations = operations
        self.loaded = loaded


class WrongRequest(CorrigendaError):
    """A request that cannot be served as it stands."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadArgument(WrongRequest):
    """An argument out of its range, or a cursor of another list."""

    code = "BAD_ARGUMENT"


class OverLimit(WrongRequest):
    """A request that asks for more than a limit allows.

    `limit` names it as `app.domain.limits` does, `value` is what the request has
    and `most` what it may have; None where only the database knows.
    """

    def __init__(
        self,
        message: str,
        *,
        limit: str | None = None,
        value: int | None = None,
        most: int | None = None,
    ) -> None:
        super().__init__(message)
        self.limit = limit
        self.value = value
        self.most = most


class TooLong(OverLimit):
    """A document of too many characters or tokens."""

    code = "DOCUMENT_TOO_LONG"


class TooDeep(OverLimit):
    """A document that nests deeper than the limit, or than the database's parser goes."""

    code = "DOCUMENT_TOO_DEEP"


class BadRequest(WrongRequest):
    """A request whose parts contradict each other."""

    code = "BAD_REQUEST"


class UnknownHash(WrongRequest):
    """A hash of Apollo's automatic persisted queries that nothing is registered under.

    Clients know it by the very words of the message, and send the document next.
    """

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class HashesNotTaken(WrongRequest):
    """Automatic persisted queries are switched off; clients know it by these words."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")


class UnknownDocument(WrongRequest):
    """A `documentId` or `id` that names no document here."""

    code = "PERSISTED_DOCUMENT_NOT_FOUND"


class DocumentNotTrusted(WrongRequest):
    """A document that is none of those this server answers."""

    code = "DOCUMENT_NOT_TRUSTED"


class TooLarge(OverLimit):
    """A document of too many selections, aliases, directives or fragments."""

    code = "DOCUMENT_TOO_LARGE"


class TooManyValues(OverLimit):
    """Variables that hold too many values."""

    code = "VARIABLES_TOO_LARGE"


class TooCostly(OverLimit):
    """A document whose answer could hold too many objects."""

    code = "TOO_COSTLY"


class IntrospectionOff(WrongRequest):
    """A question about the schema, on a server that does not answer it."""

    code = "INTROSPECTION_DISABLED"


class BudgetSpent(WrongRequest):
    """A request whose client has spent a budget while it waited."""

    code = "RATE_LIMITED"

    def __init__(self) -> None:
        super().__init__("your other requests have spent the budget; RateLimit tells when to ask")


class ReadTimedOut(WrongRequest):
    """A read that took longer than the server lets it."""

    code = "READ_TIMED_OUT"


class IdempotencyInProgress(WrongRequest):
    """The request that came first with this idempotency key is still under way."""

    code = "IDEMPOTENCY_IN_PROGRESS"

    def __init__(self) -> None:
        super().__init__(
            "the first request with this idempotency key is still under way; send this again, "
            "and it gets the first one's answer"
        )


class IdempotencyMismatch(WrongRequest):
    """`IdempotencyKeyReused` of a key that came as a header: the whole request is refused."""

    code = "IDEMPOTENCY_KEY_REUSED"


class Unauthenticated(WrongRequest):
    """A key that is malformed, unknown, expired or revoked."""

    code = "UNAUTHENTICATED"


class Forbidden(WrongRequest):
    """A key whose role may not do this."""

    code = "FORBIDDEN"


class Unready(CorrigendaError):
    """The operator has to act before the ledger can serve."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotMigrated(Unready):
    """The database has no schema, or another one than this release needs."""

    code = "NOT_MIGRATED"


class BadManifest(Unready):
    """A file of trusted documents that cannot be read, or a document in it that is not valid."""

    code = "BAD_MANIFEST"


class Unwritable(Unready):
    """The database or its disk refuses writes."""

    code = "UNWRITABLE"


class ReadOnly(Unready):
    """The database is not what was published of it, so nothing may be added to it."""

    code = "READ_ONLY"


class NotSigned(Unready):
    """What was asked for needs a signed log, and this one cannot be signed, or is not yet."""

    code = "NOT_SIGNED"
