"""Which act each field of the contract asks for, and the refusal before anything is read.

`FIELDS` names every field of every type: one without a rule is refused where the
schema is put together, so that nothing is given out that nobody thought of. What a
field asks for has to be allowed at all (`app.domain.permissions`): the operation is
walked as its fields are selected, through fragments, interfaces and mutations'
payloads, before a plan is made and before any statement. A field that `@skip` or
`@include` leaves out for these variables is not asked for.

An operation's acts are worked out once with its document. A request then costs one
comparison of sets; only one that fails is walked again, with its variables.

How far an act reaches is told row by row, by the reads themselves:
`app.store.visibility`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias, cast

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues

from app.domain.permissions import Act, keyless
from app.graphql.compile import Operation, fragment_of, is_included
from app.graphql.viewer import Viewer

Rules: TypeAlias = Mapping[str, Mapping[Act, str]]
"""Type → act → the names of its fields that ask for it."""

_RECORD: Final = """
    id version state position enteredAt externalRef newsroom changeset redactions history
    revision diff blame findings claims
"""
_READING: Final = """
    node nodes actor item transfer citation claim actors items transfers citations claims
    findings transferTotals changeset changesets
"""

_PAGES: Final[Mapping[Act, str]] = {
    Act.READ: """
        Actor Change Changeset Citation Claim DerivedClaim Finding Item Revision Search
        Transfer TransferTotal
    """,
    Act.READ_ACCESS: "AccessChange Editor Key Newsroom",
    Act.READ_TRAFFIC: "Request",
    Act.READ_PROPOSALS: "Proposal",
}
"""Act → what there are connections of; what leads to them may ask for more."""

FIELDS: Final[Rules] = {
    # --- roots ---
    "Query": {
        Act.READ: f"{_READING} search archive log viewer",
        Act.READ_ACCESS: "newsrooms editors keys",
        Act.OWN_KEYS: "ownKeys",
        Act.READ_TRAFFIC: "accessLog",
        Act.READ_PROPOSALS: "proposals proposal proposalCounts",
    },
    "Archive": {Act.READ: f"{_READING} position recordedAt"},
    "Mutation": {
        Act.COMMIT: "commit revert",
        Act.REDACT: "redact",
        Act.PROPOSE: "propose reviseProposal withdrawProposal commentOnProposal",
        Act.DECIDE: "review",
        Act.OWN_KEYS: "changeAccess",
    },
    # --- records ---
    "Node": {Act.READ: "id"},
    "Record": {Act.READ: _RECORD},
    "Actor": {
        Act.READ: f"""{_RECORD} name kind aliases country actsFor partOf identifiers description
            mergedInto given received agents parts published asserted"""
    },
    "Item": {
        Act.READ: f"""{_RECORD} name aliases kind broader unit hsCode identifiers description
            mergedInto narrower transfers"""
    },
    "Transfer": {
        Act.READ: f"""{_RECORD} title giver receiver item quantity value occurred nature stage
            origin destination route transport purpose usedAgainst partOf considerationFor
            considerationExtent summary parts countedAgainst"""
    },
    "Citation": {
        Act.READ: f"""{_RECORD} kind title publisher authors url archiveUrl contentSha256
            language published accessed integrity noticeUrl claimsResting"""
    },
    "Claim": {
        Act.READ: f"""{_RECORD} subject field value stance assertedBy citation quote locator
            derivedFrom derivedBy live finding chain"""
    },
    "DerivationLink": {Act.READ: "claim derivation"},
    "DerivedClaim": {Act.READ: "claim derivation"},
    # --- values ---
    "Alias": {Act.READ: "text language"},
    "CodeValue": {Act.READ: "code"},
    "Identifier": {Act.READ: "scheme value"},
    "Measure": {Act.READ: "amount lower upper approximate unit verbatim"},
    "Money": {Act.READ: "amount lower upper approximate unit verbatim basis"},
    "Quote": {Act.READ: "exact prefix suffix"},
    "RecordValue": {Act.READ: "record"},
    "TextValue": {Act.READ: "text"},
    "UncertainDate": {Act.READ: "edtf earliest latest"},
    "YearSpan": {Act.READ: "from to"},
    # --- findings and totals ---
    "Chain": {Act.READ: "nodes links roots size isComplete"},
    "ChainLink": {Act.READ: "claim parent derivation"},
    "ChainRoot": {Act.READ: "claim kind"},
    "ClaimOrigin": {Act.READ: "citation kind"},
    "Finding": {Act.READ: "id record field status held positions hulls claims history chain"},
    "FindingPosition": {
        Act.READ: "value denied agrees claims asserters citations origins originCount suspected"
    },
    "Hull": {Act.READ: "unit lower upper"},
    "MoneyTotal": {
        Act.READ: "unit basis amount lower upper approximate transferCount partsLeftOut"
    },
    "OriginCount": {Act.READ: "total primary unsourced other"},
    "QuantityTotal": {Act.READ: "unit amount lower upper approximate transferCount partsLeftOut"},
    "TransferTotal": {
        Act.READ: """giver receiver item nature stage years quantities values overlaps
            transferCount withoutQuantity withoutValue withoutFigures partsLeftOut transfers"""
    },
    # --- the audit trail ---
    "Blame": {Act.READ: "field value revision redactions"},
    "Change": {Act.READ: "field before after revision redactions"},
    "Changeset": {
        Act.READ: """id position recordedAt kind reason editor editorName newsroom role
            onBehalfOf contributor reverts revertedBy origin redactions authority redacted
            revisions""",
        Act.READ_INTERNAL: "internalNote",
        Act.READ_ACCESS: "accessChanges",
        Act.READ_PROPOSALS: "proposal",
    },
    "Request": {
        Act.READ_TRAFFIC: """at editor newsroom keyId kind operation document cost position code
            withinMs missed"""
    },
    "Origin": {Act.READ: "ledger position recordedAt editor newsroom kind contributor onBehalfOf"},
    "Reason": {Act.READ: "code note"},
    "Redaction": {
        Act.READ: """position authority recordedAt reason changeset recordId version field
            takenFrom digest"""
    },
    "Revision": {Act.READ: "recordId version position action changeset changes record redactions"},
    # --- the log ---
    "Checkpoint": {Act.READ: "size rootHash note signedAt"},
    "ConsistencyProof": {Act.READ: "fromSize toSize fromRootHash toRootHash hashes"},
    "Disclosure": {Act.READ: "field text"},
    "InclusionProof": {Act.READ: "index size leafHash rootHash hashes file"},
    "Log": {
        Act.READ: """origin vkeys position checkpoint entry inclusionProof consistencyProof
            revisionProof"""
    },
    "LogEntry": {Act.READ: "position body leafHash"},
    "RevisionProof": {
        Act.READ: "position document index count hashes disclosures entry inclusionProof"
    },
    # --- proposals ---
    "Proposal": {
        Act.READ: "id",
        Act.READ_PROPOSALS: """state revision newsroom editor createdAt updatedAt decidedAt
            ageSeconds reason input basedOn isRedacted steps events changeset""",
    },
    "ProposalCount": {Act.READ_PROPOSALS: "state newsroom count oldestAt"},
    "ProposalEvent": {Act.READ_PROPOSALS: "kind revision editor newsroom at note changeset"},
    "ProposedChange": {Act.READ_PROPOSALS: "field before after"},
    "ProposedReason": {Act.READ_PROPOSALS: "code note internalNote"},
    "ProposedStep": {Act.READ_PROPOSALS: "recordId version action changes record"},
    # --- who acts ---
    "Editor": {
        Act.READ: "id name newsroom",
        Act.READ_ACCESS: "role state identity createdAt retiredAt keys accessHistory",
    },
    "Newsroom": {Act.READ: "id name house", Act.READ_ACCESS: "createdAt accessHistory"},
    # What leads to a key asks for more: one's own, or those within reach.
    "Key": {
        Act.READ: """id label editor scopes state createdAt notBefore expiresAt revokedAt
            lastUsedAt rotatedFrom""",
        Act.READ_ACCESS: "accessHistory",
    },
    "AccessChange": {Act.READ_ACCESS: "recordId kind version position action changeset changes"},
    "AccessFieldChange": {Act.READ_ACCESS: "field before after"},
    "ActReach": {Act.READ: "act reach"},
    "Viewer": {
        Act.READ: """authenticated name editorId newsroomId isHouse keyId scopes role acts
            mayCommit"""
    },
    # --- payloads, to which a mutation has to lead ---
    "CommitPayload": {
        Act.READ: """changeset records revisions refs warnings userErrors skipped upserts
            leafHash checkpoint"""
    },
    "ChangeAccessPayload": {Act.READ: "changeset keys refs userErrors leafHash checkpoint"},
    "NewKey": {Act.READ: "id ref key"},
    "Ref": {Act.READ: "ref id"},
    "Upserted": {Act.READ: "operation id result"},
    "UserError": {Act.READ: "code message path current changesetsBetween conflict"},
    "FieldConflict": {Act.READ: "field basedOn base present proposed"},
    "ProposalPayload": {
        Act.READ: "changeset refs warnings userErrors leafHash checkpoint",
        Act.READ_PROPOSALS: "proposal",
    },
    "Warning": {Act.READ: "code message record field"},
    # --- pages ---
    "PageInfo": {Act.READ: "hasNextPage hasPreviousPage startCursor endCursor"},
    **{
        f"{of}Connection": {act: "edges nodes pageInfo totalCount"}
        for act, kinds in _PAGES.items()
        for of in kinds.split()
    },
    **{
        f"{of}Edge": {act: "node cursor" if of != "Search" else "node cursor match"}
        for act, kinds in _PAGES.items()
        for of in kinds.split()
    },
}
"""Every field of the contract, by type, under the act that it asks for."""

RULES: Final[Mapping[str, Act]] = {
    f"{of}.{name}": act
    for of, fields in FIELDS.items()
    for act, names in fields.items()
    for name in names.split()
}
"""The same as `Type.field` → act."""


class RulesIncomplete(AssertionError):
    """The schema and its rules do not fit: the program must not serve."""


def require_rules(schema: GraphQLSchema, rules: Mapping[str, Act] = RULES) -> None:
    """Raise `RulesIncomplete` unless every field has its rule, and every rule its field.

    A type's field asks for what that of each of its interfaces asks for: so a
    selection means the same however it is reached.
    """
    composed = [
        one
        for name, one in schema.type_map.items()
        if isinstance(one, GraphQLObjectType | GraphQLInterfaceType) and not name.startswith("__")
    ]
    fields = {f"{of.name}.{name}" for of in composed for name in of.fields}
    differing = {
        f"{of.name}.{name} (unlike {one.name}'s)"
        for of in composed
        for one in of.interfaces
        for name in one.fields
        if rules.get(f"{of.name}.{name}") is not rules.get(f"{one.name}.{name}")
    }
    faults = {
        "without a rule": fields - set(rules),
        "that are not there": set(rules) - fields,
        "with a rule of their own": differing,
    }
    told = "; ".join(f"fields {how}: {', '.join(sorted(at))}" for how, at in faults.items() if at)
    if told:
        raise RulesIncomplete(f"app/graphql/rules.py: {told}")


# --- what an operation asks for -----------------------------------------------

Asked: TypeAlias = tuple[Act, tuple[FieldNode, ...]]
"""An act, and the fields that lead to the one that asks for it."""


def acts_of(operation: Operation) -> frozenset[Act]:
    """Return every act that an operation asks for, whatever its variables."""
    return frozenset(act for act, _ in _walk(operation, None))


def refusal_for(
    operation: Operation, variables: VariableValues, viewer: Viewer
) -> GraphQLError | None:
    """Return the refusal of the first field that the viewer may not ask for, None for no such."""
    for act, fields in _walk(operation, variables):
        if act not in viewer.acts:
            fault = keyless(act) if viewer.editing is None else viewer.editing.refusal(act)
            return GraphQLError(
                fault.message,
                nodes=fields[-1],
                path=[(one.alias or one.name).value for one in fields],
                original_error=fault,
            )
    return None


def _walk(operation: Operation, variables: VariableValues | None) -> Iterator[Asked]:
    """Yield what each selected field asks for; without variables nothing is left out."""
    # A fragment is looked at once: what it selects asks for the same everywhere.
    seen = set[str]()
    definition: OperationDefinitionNode = operation.definition
    waiting: list[tuple[SelectionSetNode, GraphQLNamedType, tuple[FieldNode, ...]]] = [
        (definition.selection_set, operation.root, ())
    ]
    while waiting:
        selections, of, path = waiting.pop()
        for node in selections.selections:
            if variables is not None and not is_included(node, variables):
                continue
            if isinstance(node, FieldNode):
                if node.name.value.startswith("__"):
                    continue
                yield RULES[f"{of.name}.{node.name.value}"], (*path, node)
                if node.selection_set is not None:
                    field = cast("GraphQLObjectType", of).fields[node.name.value]
                    waiting.append((node.selection_set, get_named_type(field.type), (*path, node)))
                continue
            inner = fragment_of(operation, node, seen)
            if inner is not None:
                on = of if inner.type_condition is None else _named(operation, inner.type_condition)
                waiting.append((inner.selection_set, on, path))


def _named(operation: Operation, condition: object) -> GraphQLNamedType:
    return cast("GraphQLNamedType", type_from_ast(operation.schema, condition))  # type: ignore[call-overload]


__all__ = ["FIELDS", "RULES", "RulesIncomplete", "acts_of", "refusal_for", "require_rules"]
