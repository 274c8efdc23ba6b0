"""What an operator may set, in `CORRIGENDA_*` variables of the environment.

One class, one table: `docs/settings.md` repeats the names, defaults and
meanings that stand here, and a test fails where the two differ.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.limits import DEFAULTS, Limits

PREFIX: Final = "CORRIGENDA_"


class Settings(BaseSettings):
    """How this process is set up; each field says what it does."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    database_url: str = Field(
        default="sqlite:///data/corrigenda.db",
        repr=False,
        description=(
            "Where the ledger is kept: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`."
        ),
    )
    host: str = Field(default="127.0.0.1", description="The address that the server listens on.")
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        description="The port that the server listens on; 0 takes any free one.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe message that the logger writes."
    )
    log_format: Literal["console", "json"] = Field(
        default="console",
        description="How the logger writes: for people (`console`) or one object a line (`json`).",
    )
    read_pool_size: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Connections for reading that a server process keeps open on PostgreSQL.",
    )
    write_pool_size: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Connections for writing that a server process keeps open.",
    )
    key_environment: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,15}$")] = Field(
        default="live",
        description="The word that new keys carry, so that a test key is seen to be one.",
    )
    ledger_name: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        default="localhost",
        description="How this ledger is called in the origin of what it exports, such as its host.",
    )
    signing_key: str = Field(
        default="",
        description=(
            "The file of the key that signs the log (`corrigenda signer keygen` makes one); "
            "its name is `CORRIGENDA_LEDGER_NAME`. Without one the log is not signed here."
        ),
    )
    signer_state: str = Field(
        default="",
        description=(
            "The file, outside the database, in which the signer keeps the newest checkpoint; "
            "by default the key's file with `.state` behind its name. A process that has it "
            "refuses writes to a database that is behind it, also where it has no key."
        ),
    )
    sign: Literal["auto", "off"] = Field(
        default="auto",
        description=(
            "Whether `corrigenda serve` signs the log, one among its processes (`auto`), or "
            "leaves that to `corrigenda sign` (`off`)."
        ),
    )
    status_codes: Literal["audited", "2026"] = Field(
        default="audited",
        description=(
            "Statuses in `application/graphql-response+json`: of GraphQL over HTTP, September "
            "2026 (`2026`), or those that the audit suite `graphql-http` and older clients expect "
            "(`audited`): 400 in place of 422, and 200 in place of 294 for data with errors."
        ),
    )
    answer_cache_bytes: int = Field(
        default=64_000_000,
        ge=0,
        description=(
            "Bytes of answers that a server process keeps; each is served only while the log "
            "stands where it stood. 0 keeps none."
        ),
    )
    persisted_query_bytes: int = Field(
        default=8_000_000,
        ge=0,
        description=(
            "Bytes of documents that clients register by their hash (Apollo's automatic persisted "
            "queries) and that a server process keeps; 0 takes none."
        ),
    )
    trusted_documents: str = Field(
        default="",
        description=(
            "Files and folders, separated by commas, of documents that are known by name: folders "
            "of `.graphql` files, and the manifests that the compilers of Relay, Apollo and "
            "graphql-codegen write. Those of `schema/operations` are always known."
        ),
    )
    trusted_only: bool = Field(
        default=False,
        description=(
            "Answer the documents of `CORRIGENDA_TRUSTED_DOCUMENTS` and `schema/operations`, and "
            "no others. GraphiQL is not served then."
        ),
    )
    read_timeout: float = Field(
        default=4.0,
        gt=0,
        le=3600,
        description="Seconds that reading an answer may take before the database ends it.",
    )
    introspection: bool = Field(
        default=True, description="Whether `__schema` and `__type` are answered."
    )
    suggestions: bool = Field(
        default=True,
        description=(
            "Whether errors suggest the names that a misspelt one may mean; "
            "without introspection they never do."
        ),
    )
    max_characters: int = Field(
        default=DEFAULTS.characters,
        ge=1,
        description="Characters of a GraphQL document, at most.",
    )
    max_tokens: int = Field(
        default=DEFAULTS.tokens,
        ge=1,
        description="Lexical tokens of a document, at most.",
    )
    max_nesting: int = Field(
        default=DEFAULTS.nesting,
        ge=1,
        description="Brackets inside one another in the text of a document, at most.",
    )
    max_fragments: int = Field(
        default=DEFAULTS.fragments,
        ge=1,
        description="Fragments that a document defines, at most.",
    )
    max_depth: int = Field(
        default=DEFAULTS.depth,
        ge=1,
        description=(
            "Levels of fields in a document, at most; a question about the schema is one level."
        ),
    )
    max_selections: int = Field(
        default=DEFAULTS.selections,
        ge=1,
        description="Fields and fragments of a document, fragments spread, at most.",
    )
    max_aliases: int = Field(
        default=DEFAULTS.aliases,
        ge=1,
        description="Aliases of a document, fragments spread, at most.",
    )
    max_directives: int = Field(
        default=DEFAULTS.directives,
        ge=1,
        description="Directives of a document, fragments spread, at most.",
    )
    max_root_fields: int = Field(
        default=DEFAULTS.root_fields,
        ge=1,
        description="Fields at the root of one operation, at most.",
    )
    max_field_pairs: int = Field(
        default=DEFAULTS.field_pairs,
        ge=1,
        description=(
            "Pairs of fields that stand under one name in one place of a document, at most."
        ),
    )
    max_variable_values: int = Field(
        default=DEFAULTS.variable_values,
        ge=1,
        description="Values, lists and objects in the variables of a request, at most.",
    )
    max_subselects: int = Field(
        default=DEFAULTS.subselects,
        ge=1,
        description=(
            "Objects and lists that a document selects, counting each kind that a record can be "
            "of, at most; a plan has never more than 600."
        ),
    )
    max_cost: int = Field(
        default=DEFAULTS.cost,
        ge=1,
        description="Objects that an answer can hold, at most.",
    )

    def limits(self) -> Limits:
        """Return what one request may ask for."""
        return Limits(**{name: getattr(self, f"max_{name}") for name in Limits.__slots__})
