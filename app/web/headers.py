"""What every answer says to browsers, and which other sites may read answers.

No page of ours runs a script that does not come from here, and nothing of ours is
shown inside another page. What an answer sets itself stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from app.domain.errors import Unready

Header: TypeAlias = tuple[bytes, bytes]

_EVERYWHERE: Final[Mapping[bytes, bytes]] = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": (
        b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
    ),
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}
_HTTPS: Final = b"max-age=31536000; includeSubDomains"

_METHODS: Final = b"GET, HEAD, POST"
_SENT: Final = b"accept, authorization, content-type, idempotency-key, if-none-match"
_SHOWN: Final = b"etag, ratelimit, ratelimit-policy, retry-after, www-authenticate"
_PREFLIGHT_S: Final = b"600"


class SecurityHeaders:
    """The headers of every answer; `public_url` says whether the world comes over https."""

    def __init__(self, public_url: str = "") -> None:
        """Raise `Unready` for what is no address."""
        if public_url and not public_url.startswith(("https://", "http://")):
            raise Unready("CORRIGENDA_PUBLIC_URL must begin with https:// or http://")
        self._all = dict(_EVERYWHERE)
        if public_url.startswith("https://"):
            self._all[b"strict-transport-security"] = _HTTPS
        self.all: list[Header] = list(self._all.items())

    def beside(self, given: Iterable[Header]) -> list[Header]:
        """Return the headers that `given` lacks."""
        names = {name for name, _ in given}
        return [header for header in self.all if header[0] not in names]


class Sites:
    """The other sites whose pages may read what GraphQL answers: none, unless they are named."""

    def __init__(self, origins: str = "") -> None:
        """Raise `Unready` for what is no origin; `*` is none."""
        self._origins = frozenset(one.strip() for one in origins.split(",") if one.strip())
        for origin in self._origins:
            scheme, _, rest = origin.partition("://")
            if scheme not in ("https", "http") or not rest or "/" in rest or "*" in rest:
                raise Unready(
                    f"CORRIGENDA_CORS_ORIGINS: {origin} is no origin; name each exactly, such as "
                    "https://news.example.org"
                )

    @property
    def are_none(self) -> bool:
        """Whether no other site may read."""
        return not self._origins

    def allow(self, origin: bytes | None) -> list[Header]:
        """Return what lets a page of this origin read the answer."""
        if self.are_none:
            return []
        varies = (b"vary", b"Origin")
        if origin is None or origin.decode("latin-1") not in self._origins:
            return [varies]
        return [
            varies,
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _SHOWN),
        ]

    def preflight(self, origin: bytes | None) -> list[Header]:
        """Return the answer to what a browser asks before it sends such a page's request.

        Cookies are never let through: keys travel in `Authorization`.
        """
        allowed = self.allow(origin)
        if len(allowed) <= 1:
            return allowed
        return [
            *allowed,
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _SENT),
            (b"access-control-max-age", _PREFLIGHT_S),
        ]
