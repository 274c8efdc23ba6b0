"""What an operator may set, in `CORRIGENDA_*` variables of the environment.

One class, one table: `docs/settings.md` repeats the names, defaults and
meanings that stand here, and a test fails where the two differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.addresses import Rules, networks, target
from app.domain.errors import InvalidValue
from app.domain.limits import DEFAULTS, Limits
from app.domain.role_rules import read_rules
from app.domain.tokens import ALGORITHMS, Expected
from app.web.clients import ForwardedHeader

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
    outgoing_networks: str = Field(
        default="",
        description=(
            "Private networks, separated by commas, that requests to others (issuers, endpoints) "
            "may reach, such as `10.1.0.0/16`; all else that is not public is refused."
        ),
    )
    outgoing_ports: str = Field(
        default="443,8443",
        description="The ports, separated by commas, that requests to others may go to.",
    )
    outgoing_plain_loopback: bool = Field(
        default=False,
        description=(
            "Whether requests may go to this computer itself, by http too and on any port: for "
            "tests and development."
        ),
    )
    oidc_issuers: str = Field(
        default="",
        description=(
            "The issuers, separated by commas, whose tokens (OpenID Connect) people may show in "
            "place of a key: each as its `iss` has it (docs/people.md)."
        ),
    )
    oidc_audience: str = Field(
        default="",
        validate_default=True,
        description="What a token's `aud` has to name: this ledger. Needed with issuers.",
    )
    oidc_clients: str = Field(
        default="",
        description=(
            "The programs, separated by commas, to which a token may have been given (`azp` or "
            "`client_id`); without any, `azp` may name the audience alone."
        ),
    )
    oidc_roles: str = Field(
        default="",
        description=(
            "Which role in which newsroom a token's claims give: a JSON list of `claim`, `value`, "
            "`newsroom` and `role` (docs/people.md). Without one, editors are entered here, each "
            "with an identity."
        ),
    )
    oidc_algorithms: str = Field(
        default="RS256,ES256,EdDSA",
        description="The algorithms, separated by commas, with which a token may be signed.",
    )
    oidc_leeway: int = Field(
        default=30,
        ge=0,
        le=300,
        description="Seconds that the clocks of issuers may differ from ours.",
    )
    oidc_keys_seconds: float = Field(
        default=3600.0,
        ge=60,
        le=86_400,
        description=(
            "Seconds after which an issuer's keys are fetched again; one that is not known is "
            "asked for at once, though not twice within 30 seconds."
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
    four_eyes: bool = Field(
        default=True,
        description=(
            "Whether a proposal has to be accepted by another editor than the one who made it."
        ),
    )
    read_timeout: float = Field(
        default=4.0,
        gt=0,
        le=3600,
        description="Seconds that reading an answer may take before the database ends it.",
    )
    stranger_budget: int = Field(
        default=300_000,
        ge=0,
        description=(
            "Units that whoever asks without a key is given in a minute, by address (IPv6: by "
            "/64); 0 bounds nothing. `docs/limits.md` says what is charged."
        ),
    )
    key_budget: int = Field(
        default=1_500_000,
        ge=0,
        description="Units that the holder of a key is given in a minute; 0 bounds nothing.",
    )
    stranger_requests: int = Field(
        default=2,
        ge=1,
        description="Requests of one address that a server process works on at once; others wait.",
    )
    key_requests: int = Field(
        default=20,
        ge=1,
        description="Requests of one key that a server process works on at once; others wait.",
    )
    requests: int = Field(
        default=100,
        ge=1,
        description="Requests that a server process works on at once; others wait.",
    )
    waiting_requests: int = Field(
        default=500,
        ge=1,
        description=(
            "Requests that may wait for their turn, a quarter of them of one client; whoever "
            "comes then is refused with 503, or 429."
        ),
    )
    patience: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description=(
            "Seconds that a client may take to send the headers of a request, to go on with a "
            "body (20 kB give it another second), and to take in an answer."
        ),
    )
    keep_alive: int = Field(
        default=5,
        ge=1,
        le=3600,
        description="Seconds that a connection stays open without a request.",
    )
    connections: int = Field(
        default=1000,
        ge=1,
        description=(
            "Connections that a server process holds open; beyond that the oldest go on which "
            "nothing is under way."
        ),
    )
    stranger_connections: int = Field(
        default=100,
        ge=1,
        description="Connections of one address, likewise; trusted proxies have as many as fit.",
    )
    trusted_proxies: str = Field(
        default="",
        description=(
            "Addresses and networks, separated by commas, of the proxies in front of this server "
            "that say for whom they ask. Whoever else says so is not believed."
        ),
    )
    forwarded_header: ForwardedHeader = Field(
        default="x-forwarded-for",
        description=(
            "The header in which trusted proxies say it: `x-forwarded-for`, or `forwarded` "
            "(RFC 7239)."
        ),
    )
    public_url: str = Field(
        default="",
        description=(
            "The address by which the world reaches this server. With `https://` answers tell "
            "browsers to keep to https (HSTS)."
        ),
    )
    allowed_hosts: str = Field(
        default="",
        description=(
            "The names, separated by commas, that a request may call this server by (`Host`); "
            "empty allows any. Nothing is ever made from that name."
        ),
    )
    cors_origins: str = Field(
        default="",
        description=(
            "The origins, separated by commas, whose pages may ask `/graphql`, such as "
            "`https://news.example.org`; each exactly. Empty allows none."
        ),
    )
    access_log_days: int = Field(
        default=90,
        ge=0,
        le=3_650,
        description=(
            "Days for which it is kept who asked what with a key or a token (`docs/security.md`); "
            "0 keeps nothing."
        ),
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

    def outgoing_rules(self) -> Rules:
        """Return where requests to others may go."""
        return _rules(
            self.outgoing_networks, self.outgoing_ports, plain=self.outgoing_plain_loopback
        )

    def expected_of_tokens(self) -> Expected:
        """Return what the token of a person has to say."""
        return Expected(
            self.oidc_audience,
            frozenset(listed(self.oidc_algorithms)),
            frozenset(listed(self.oidc_clients)),
            self.oidc_leeway,
        )

    def limits(self) -> Limits:
        """Return what one request may ask for."""
        return Limits(**{name: getattr(self, f"max_{name}") for name in Limits.__slots__})

    @field_validator("outgoing_networks", "outgoing_ports", "oidc_roles", "oidc_algorithms")
    @classmethod
    def _can_be_read(cls, value: str, info: ValidationInfo) -> str:
        return _checked(_READERS[info.field_name or ""], value)

    @field_validator("oidc_issuers")
    @classmethod
    def _may_be_asked(cls, value: str, info: ValidationInfo) -> str:
        """Refuse an issuer that no request would go to; nothing is looked up for that."""
        found = info.data
        if found.keys() >= {"outgoing_networks", "outgoing_ports", "outgoing_plain_loopback"}:
            rules = _rules(
                found["outgoing_networks"],
                found["outgoing_ports"],
                plain=found["outgoing_plain_loopback"],
            )
            for issuer in listed(value):
                _checked(lambda address: target(address, rules), issuer)
        return value

    @field_validator("oidc_audience")
    @classmethod
    def _is_needed(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("oidc_issuers") and not value.strip():
            raise ValueError("it is needed, or a token for any other service would open this one")
        return value


def listed(text: str) -> tuple[str, ...]:
    """Return the parts of a list that is separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _rules(allowed: str, ports: str, *, plain: bool) -> Rules:
    return Rules(networks(allowed), _ports(ports), plain_loopback=plain)


def _ports(text: str) -> frozenset[int]:
    found = listed(text)
    if not all(one.isascii() and one.isdigit() and 0 < int(one) < _PORTS for one in found):
        raise InvalidValue("is a list of ports, like 443,8443")
    return frozenset(map(int, found))


def _algorithms(text: str) -> None:
    found = listed(text)
    if not found or not ALGORITHMS.issuperset(found):
        raise InvalidValue(f"is one or more of {', '.join(sorted(ALGORITHMS))}")


_PORTS: Final = 65_536
_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "outgoing_networks": networks,
    "outgoing_ports": _ports,
    "oidc_roles": read_rules,
    "oidc_algorithms": _algorithms,
}


def _checked(read: Callable[[str], object], value: str) -> str:
    """Return a value that can be read, and say what is wrong with any other."""
    try:
        read(value)
    except InvalidValue as fault:
        raise ValueError(fault.message) from None
    return value
