"""What a token of an issuer says, and whether it may be believed here.

JSON Web Tokens (RFC 7519) as OpenID Connect Core 1.0 and RFC 9068 have them, with the
advice of RFC 8725. Pure: whoever calls has the time, and has verified the signature.

Until then nothing is believed but which issuer to ask for keys, and every refusal reads
the same. Afterwards a refusal says what is wrong, for whoever asks has a real token.
"""

from __future__ import annotations

import json
import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.domain import texts
from app.domain.errors import InvalidValue, Unauthenticated

TOKEN_LIMIT: Final = 16_000
"""Characters of a token, at most: what a server takes in a header, and many groups."""

KID_LIMIT: Final = 200
SUBJECT_LIMIT: Final = 255  # OpenID Connect Core, 2: at most 255 ASCII characters
NAME_LIMIT: Final = 200

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""What an operator may choose from: signatures whose verifying key is public. Never `none`,
and no HS*, whose key would be the very one that is published."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES: Final = frozenset({"jwt", "at+jwt"})
_NOT_VALID: Final = "this token is not valid here"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say: whom it is for, and who may have asked for it.

    `clients` are the programs beside `audience` itself that people log in with; `leeway` is
    how many seconds clocks may differ.
    """

    audience: str
    algorithms: frozenset[str]
    clients: frozenset[str] = frozenset()
    leeway: int = 30


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says before its signature is verified: where to find the key for that."""

    issuer: str
    algorithm: str
    kid: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a token speaks of; `identity` is issuer and subject, which never changes."""

    issuer: str
    subject: str
    name: str
    issued_at: float
    claims: Mapping[str, Any]

    @property
    def identity(self) -> str:
        """What an editor is found by."""
        return f"{self.issuer}|{self.subject}"


def refused() -> Unauthenticated:
    """Return the refusal of whatever is not signed as it should be."""
    return Unauthenticated(_NOT_VALID)


def looks_like_token(text: str) -> bool:
    """Whether a credential has the form of a token, and not that of a key."""
    return _COMPACT.fullmatch(text) is not None


def peek(token: str, expected: Expected) -> Unverified:
    """Return where to find the key of a token; raises Unauthenticated for what is none.

    Nothing in the header leads anywhere: `jku`, `jwk`, `x5u` and `x5c` are not read.
    """
    if len(token) > TOKEN_LIMIT or not looks_like_token(token):
        raise refused()
    first, second, _ = token.split(".")
    header, payload = _object(first), _object(second)
    kind = header.get("typ", "JWT")
    if "crit" in header or not isinstance(kind, str):
        raise refused()
    if kind.lower().removeprefix("application/") not in _TYPES:
        raise refused()
    algorithm, issuer, kid = header.get("alg"), payload.get("iss"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in expected.algorithms:
        raise refused()
    if not isinstance(issuer, str):
        raise refused()
    if kid is not None and (not isinstance(kid, str) or len(kid) > KID_LIMIT):
        raise refused()
    return Unverified(issuer, algorithm, kid)


def claims_of(payload: bytes) -> Mapping[str, Any]:
    """Return the claims of a token; raises Unauthenticated for what others might read otherwise."""
    try:
        found = json.loads(payload, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise refused() from None
    if not isinstance(found, dict):
        raise refused()
    return found


def person_of(claims: Mapping[str, Any], issuer: str, expected: Expected, now: float) -> Person:
    """Return whom the claims of a verified token speak of.

    Raises Unauthenticated for a token of another issuer, for another audience, of another
    client, that has expired, is not valid yet, or names nobody.
    """
    if claims.get("iss") != issuer:
        raise refused()
    _check_audience(claims, expected)
    issued_at = _check_times(claims, expected.leeway, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_LIMIT:
        raise Unauthenticated("this token names nobody: it has no sub")
    if not (subject.isascii() and subject.isprintable()):
        raise Unauthenticated("this token's sub is not printable ASCII")
    return Person(issuer, subject, _name(claims, subject), issued_at, claims)


def _check_audience(claims: Mapping[str, Any], expected: Expected) -> None:
    """RFC 7519, 4.1.3; OpenID Connect Core, 3.1.3.7, steps 3 to 5."""
    found = claims.get("aud")
    audiences = found if isinstance(found, list) else [found]
    if expected.audience not in audiences:
        raise Unauthenticated("this token is for another audience")
    party = claims.get("azp")
    if party is None and expected.clients:
        party = claims.get("client_id")  # RFC 9068, 2.2
    if party is None and len(audiences) > 1:
        raise Unauthenticated("this token is for several audiences and has no azp")
    allowed = [expected.audience, *expected.clients]
    if (party is not None or expected.clients) and party not in allowed:
        raise Unauthenticated("this token was given to a client that is not known here")


def _check_times(claims: Mapping[str, Any], leeway: int, now: float) -> float:
    """Return when a token was issued, where it is valid now (RFC 7519, 4.1.4 to 4.1.6)."""
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    if expires is None or issued is None:
        raise Unauthenticated("this token does not say when it was issued and when it expires")
    if expires + leeway <= now:
        raise Unauthenticated("this token has expired")
    begins = _time(claims, "nbf")
    if issued - leeway > now or (begins is not None and begins - leeway > now):
        raise Unauthenticated("this token is not valid yet")
    return issued


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    found = claims.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise Unauthenticated(f"this token's {name} is no time")
    return found


def _name(claims: Mapping[str, Any], subject: str) -> str:
    for one in (claims.get("name"), claims.get("preferred_username"), subject):
        try:
            return texts.text(one, limit=NAME_LIMIT)
        except InvalidValue:
            continue
    return "somebody"


def _object(part: str) -> Mapping[str, Any]:
    try:
        raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise refused() from None
    return claims_of(raw)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)
