"""Where an outgoing request may go: judged before anything connects.

A URL that somebody else chose may lead into our own network: to a database, to the
metadata service that gives out a machine's credentials, to this server itself. So its
scheme, spelling and port are judged first, and then every address that its host has.

The list of addresses is our own, after the IANA registries of special-purpose addresses
(RFC 6890) and of IPv6 unicast. `ipaddress.is_global` says yes to NAT64, 6to4, multicast
and IPv4-compatible addresses, each of which leads to an IPv4 address that it does not judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from app.domain.errors import AddressRefused, InvalidValue
from app.domain.urls import url
from app.domain.wording import shown

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_SECURE_PORT: Final = 443
_PLAIN_PORT: Final = 80

_LOOPBACK: Final[tuple[Network, ...]] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_NEVER: Final[tuple[Network, ...]] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),  # link-local: metadata of most clouds
    IPv4Network("100.100.100.200/32"),  # metadata of Alibaba Cloud
    IPv4Network("168.63.129.16/32"),  # the host of Azure's machines, in public space
    IPv4Network("192.0.0.192/32"),  # metadata of Oracle Cloud
    IPv4Network("224.0.0.0/4"),
    IPv4Network("240.0.0.0/4"),
    IPv6Network("::/128"),
    IPv6Network("::/96"),  # IPv4-compatible; ::1 is told apart before
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated
    IPv6Network("64:ff9b::/96"),  # NAT64
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of one network
    IPv6Network("2001::/32"),  # Teredo
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("fd00:ec2::/32"),  # metadata of Amazon's cloud
    IPv6Network("fe80::/10"),
    IPv6Network("fec0::/10"),
    IPv6Network("ff00::/8"),
)
"""What no setting allows: what leads to another address than it says, or to credentials."""

_SPECIAL: Final[tuple[Network, ...]] = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # carriers' NAT
    IPv4Network("127.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.0.2.0/24"),  # documentation, like the two further below
    IPv4Network("192.31.196.0/24"),  # AS112, like 192.175.48.0
    IPv4Network("192.52.193.0/24"),  # AMT
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("192.168.0.0/16"),
    IPv4Network("192.175.48.0/24"),
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv6Network("2001::/23"),  # protocols: benchmarks, ORCHID, AMT
    IPv6Network("2001:db8::/32"),  # documentation, like 3fff::
    IPv6Network("2620:4f:8000::/48"),  # AS112
    IPv6Network("3fff::/20"),
)
"""What is no public host, inside of IPv4 and of IPv6's unicast space."""

_UNICAST: Final = IPv6Network("2000::/3")
"""All of IPv6 that is given out to hosts."""

_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""The words before the IPv4 address that an ISATAP address leads to (RFC 5214, 6.1)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator allows beyond public hosts by https.

    `allowed` are networks that may be reached though they are private; `plain_loopback`
    lets http lead to this computer itself, on any port, for tests and development.
    """

    allowed: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({_SECURE_PORT, 8443})
    plain_loopback: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked for, once the addresses of its host have been judged.

    `host` is in ASCII, without a dot at its end; `path` begins with a slash and has the query.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _SECURE_PORT if self.scheme == "https" else _PLAIN_PORT
        return host if self.port == usual else f"{host}:{self.port}"


def networks(text: str) -> tuple[Network, ...]:
    """Return the networks of a list like `10.1.0.0/16, fd12:3456::/32`.

    Raises InvalidValue for what is no network, for everything (0.0.0.0/0), and for what
    is never reached: link-local, multicast, what leads to another address.
    """
    found = tuple(_network(part.strip()) for part in text.split(",") if part.strip())
    for one in found:
        if one.prefixlen == 0 or any(_lies_in(one, never) for never in _NEVER):
            raise InvalidValue(f"{one} can not be allowed; name the networks that are meant")
    return found


def _lies_in(one: Network, other: Network) -> bool:
    return other.supernet_of(one) if type(one) is type(other) else False  # type: ignore[arg-type]


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise InvalidValue(f"{shown(text)} is no network like 10.1.0.0/16") from None


def target(address: str, rules: Rules) -> Target:
    """Return where a URL leads, before its host is looked up.

    Raises InvalidValue for what `app.domain.urls` takes for no URL (127.1, 0x7f000001,
    full-width digits, a name before the host, a zone), and AddressRefused for http, for a
    port that is not allowed, and for a host that is written as a refused address.
    """
    parts = urlsplit(url(address))
    host = _ascii((parts.hostname or "").removesuffix("."))
    usual = _SECURE_PORT if parts.scheme == "https" else _PLAIN_PORT
    port = usual if parts.port is None else parts.port
    if parts.scheme != "https" and not rules.plain_loopback:
        raise AddressRefused("only https is spoken to others")
    if port == 0 or (port not in rules.ports and not rules.plain_loopback):
        allowed = ", ".join(str(one) for one in sorted(rules.ports))
        raise AddressRefused(f"port {port} is not asked; allowed are {allowed}")
    query = f"?{parts.query}" if parts.query else ""
    path = f"{parts.path or '/'}{query}"
    if not path.isascii():
        raise InvalidValue("must be percent-encoded behind its host")
    found = Target(parts.scheme, host, port, path)
    literal = _literal(host)
    if literal is not None:
        judge(found, [literal], rules)
    return found


def judge(asked: Target, addresses: Iterable[str], rules: Rules) -> Sequence[str]:
    """Return the addresses of a target's host, in their order, if every one may be reached.

    One that may not be refuses them all: a name that leads outside and inside at once
    is an attack, or a mistake of its owner's. Raises AddressRefused; its message does not
    tell the address, which may be a secret of our own network.
    """
    found = list(dict.fromkeys(addresses))
    if not found:
        raise AddressRefused(f"{shown(asked.host)} has no address")
    for text in found:
        if not _may_reach(asked, text, rules):
            raise AddressRefused(f"{shown(asked.host)} leads where no request may go")
    return found


def _may_reach(asked: Target, text: str, rules: Rules) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    if rules.plain_loopback and _in(address, _LOOPBACK):
        return True
    if asked.scheme != "https" or asked.port not in rules.ports:
        return False
    return is_public(address) or (_in(address, rules.allowed) and not _is_never(address))


def is_public(address: Address) -> bool:
    """Whether an address is that of a public host, and leads to no other."""
    if _is_never(address) or _in(address, _SPECIAL):
        return False
    return isinstance(address, IPv4Address) or address in _UNICAST


def _is_never(address: Address) -> bool:
    if _in(address, _LOOPBACK):
        return False  # private, and a setting may allow it
    if isinstance(address, IPv6Address) and (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return True
    return _in(address, _NEVER)


def _in(address: Address, ranges: Iterable[Network]) -> bool:
    return any(address in one for one in ranges)


def _literal(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _ascii(host: str) -> str:
    """Return a host as it is looked up and sent: IDNA, in lower case."""
    return host.lower() if host.isascii() else host.encode("idna").decode().lower()
