"""What an operator may set, in `CORRIGENDA_*` variables of the environment.

One class, one table: `docs/settings.md` repeats the names, defaults and
meanings that stand here, and a test fails where the two differ.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

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
