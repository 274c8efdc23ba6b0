"""Whom a token speaks of: its signature verified with the issuer's keys, its claims judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError

from app.domain.tokens import TOKEN_LIMIT, Expected, Person, claims_of, peek, person_of, refused
from app.outgoing.issuers import IssuerKeys

_HEADER_LIMIT: Final = 8_000


class _Pinned(jws.JWSRegistry):
    """The algorithms that an operator chose, and no other, whatever a library recommends."""

    max_header_length = _HEADER_LIMIT
    max_payload_length = TOKEN_LIMIT

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


class Tokens:
    """Reads the tokens of the issuers that this ledger trusts."""

    def __init__(
        self,
        issuers: Mapping[str, IssuerKeys],
        expected: Expected,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = issuers
        self._expected = expected
        self._clock = clock
        self._registry = _Pinned(algorithms=expected.algorithms, strict_check_header=False)

    async def person_of(self, token: str) -> Person:
        """Return whom a token speaks of; raises Unauthenticated for whatever is wrong with it.

        Only a configured issuer is ever asked for keys, whatever the token says.
        """
        said = peek(token, self._expected)
        keys = self._issuers.get(said.issuer)
        key = None if keys is None else await keys.find(said.kid, said.algorithm)
        if key is None:
            raise refused()
        try:
            found = jws.deserialize_compact(token, key, registry=self._registry)
        except (JoseError, ValueError):
            raise refused() from None
        return person_of(
            claims_of(found.payload or b""), said.issuer, self._expected, self._clock()
        )
