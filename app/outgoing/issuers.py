"""The keys of an issuer of tokens: fetched when they are needed, kept, and fetched again.

OpenID Connect Discovery 1.0 leads to a JSON Web Key Set (RFC 7517). An issuer rotates its
keys, so one that is not known is asked for, once in a while and by one request at a time:
tokens that somebody made up must not turn us against the issuer. While it does not answer,
the keys that it gave last go on to be used, for a day.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import structlog
from joserfc import jwk
from joserfc.errors import JoseError

from app.domain.errors import InvalidValue, OutgoingFailed
from app.outgoing.client import Outgoing

logger = structlog.get_logger(__name__)

PAUSE: Final = 30.0
"""Seconds between two fetches, at least, whatever happens."""

KEPT: Final = 86_400.0
"""Seconds that keys are used for while the issuer does not answer."""

MOST_KEYS: Final = 100
_RSA_BITS: Final = range(2048, 8193)
_RSA_LENGTHS: Final = range(342, 1367)
"""Characters of the modulus of such a key, in base64url."""

_PUBLIC: Final = ("kty", "n", "e", "crv", "x", "y")
"""What a public key consists of; whatever else a key set may hold is not taken over."""

_FAMILIES: Final[Mapping[str, tuple[str, str | None]]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key of an issuer; without an `algorithm` it is for each of its family."""

    kid: str | None
    algorithm: str | None
    family: tuple[str, str | None]
    key: jwk.Key

    def is_for(self, algorithm: str) -> bool:
        """Whether signatures of an algorithm may be verified with it."""
        return self.algorithm in (None, algorithm) and _FAMILIES.get(algorithm) == self.family


class IssuerKeys:
    """The keys of one issuer. Nothing is fetched before the first token comes."""

    def __init__(
        self,
        issuer: str,
        outgoing: Outgoing,
        *,
        seconds: float,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._outgoing = outgoing
        self._seconds = seconds
        self._pause = pause
        self._clock = clock
        self._keys: Sequence[VerifyingKey] = ()
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._is_down = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> jwk.Key | None:
        """Return the key of a kid for an algorithm; without a kid, the only one there is.

        None where the issuer has no such key, or could not be asked for its keys.
        """
        if self._age() >= self._seconds:
            await self._refresh()
        found = self._find(kid, algorithm)
        if found is None and self._may_fetch():
            await self._refresh()
            found = self._find(kid, algorithm)
        return found

    def _find(self, kid: str | None, algorithm: str) -> jwk.Key | None:
        if not self._has_kept():
            return None
        fitting = [one for one in self._keys if one.is_for(algorithm)]
        if kid is None:
            return fitting[0].key if len(fitting) == 1 else None
        return next((one.key for one in fitting if one.kid == kid), None)

    def _has_kept(self) -> bool:
        """Whether there are keys, and they are not too old to be used."""
        return bool(self._keys) and self._age() <= max(KEPT, self._seconds)

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    def _may_fetch(self) -> bool:
        if self._fetching is not None:
            return True  # and wait for what is under way
        return self._tried_at is None or self._clock() - self._tried_at >= self._pause

    async def _refresh(self) -> None:
        """Fetch the keys, or wait for whoever does; return at once where it is too early.

        Where the last fetch failed and there are keys, nobody waits: an issuer that does
        not answer would hold everybody up.
        """
        if not self._may_fetch():
            return
        if self._fetching is None:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._fetch(self._tried_at))
        if not (self._is_down and self._has_kept()):
            # One who goes away must not end it for the others.
            await asyncio.shield(self._fetching)

    async def _fetch(self, at: float) -> None:
        try:
            self._keys = await self._fetched()
            self._fetched_at, self._is_down = at, False
        except (InvalidValue, OutgoingFailed) as fault:
            self._is_down = True
            logger.warning(
                "the keys of an issuer cannot be fetched",
                issuer=self._issuer,
                reason=fault.message,
                kept=len(self._keys),
            )
        finally:
            self._fetching = None

    async def _fetched(self) -> Sequence[VerifyingKey]:
        base = self._issuer.removesuffix("/")
        found = await self._json(f"{base}/.well-known/openid-configuration")
        # Discovery 1.0, 4.3: or another issuer would speak for this one.
        if found.get("issuer") != self._issuer:
            raise OutgoingFailed("its discovery names another issuer")
        where = found.get("jwks_uri")
        if not isinstance(where, str):
            raise OutgoingFailed("its discovery names no jwks_uri")
        keys = (await self._json(where)).get("keys")
        if not isinstance(keys, list):
            raise OutgoingFailed("its jwks_uri has no keys")
        return usable(keys[:MOST_KEYS])

    async def _json(self, url: str) -> Mapping[str, Any]:
        reply = await self._outgoing.ask(url, headers={"Accept": "application/json"})
        if reply.status != HTTPStatus.OK:
            raise OutgoingFailed(f"it answers with status {reply.status}")
        try:
            found = json.loads(reply.body)
        except (ValueError, RecursionError):
            raise OutgoingFailed("it answers with no JSON") from None
        if not isinstance(found, dict):
            raise OutgoingFailed("it answers with no JSON object")
        return found


def usable(keys: Iterable[Any]) -> Sequence[VerifyingKey]:
    """Return the public keys of a key set that are for signatures; the others are left out."""
    return [one for one in map(_usable, keys) if one is not None]


def _usable(given: Any) -> VerifyingKey | None:
    if not isinstance(given, dict) or not _is_for_signatures(given):
        return None
    kid, algorithm, kind, curve = (given.get(name) for name in ("kid", "alg", "kty", "crv"))
    family = next((one for one in _FAMILIES.values() if one in {(kind, curve), (kind, None)}), None)
    if family is None or (algorithm is not None and _FAMILIES.get(algorithm) != family):
        return None
    key = _imported(given)
    return None if key is None else VerifyingKey(kid, algorithm, family, key)


def _is_for_signatures(given: Mapping[str, Any]) -> bool:
    """Whether a key says that it verifies signatures, or says nothing (RFC 7517, 4.2 and 4.3)."""
    uses = given.get("key_ops", ["verify"])
    texts = [given.get(name) for name in ("kid", "alg", "kty", "crv")]
    return (
        given.get("use", "sig") == "sig"
        and isinstance(uses, list)
        and "verify" in uses
        and all(isinstance(one, str | None) for one in texts)
    )


def _imported(given: Mapping[str, Any]) -> jwk.Key | None:
    try:
        if given["kty"] == "RSA" and len(given["n"]) not in _RSA_LENGTHS:
            return None
        key = jwk.import_key({name: given[name] for name in _PUBLIC if name in given})
    except (JoseError, LookupError, ValueError, TypeError, AttributeError):
        return None
    if isinstance(key, jwk.RSAKey) and key.public_key.key_size not in _RSA_BITS:
        return None
    return key
