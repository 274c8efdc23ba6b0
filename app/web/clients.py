"""Whose request it is: the address that it comes from, also behind proxies.

What a request says of its own address counts only where the operator trusts whoever
sent it on. An IPv6 address stands for its /64, which is one customer's line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal, TypeAlias

from app.domain.errors import Unready

ForwardedHeader: TypeAlias = Literal["x-forwarded-for", "forwarded"]
Header: TypeAlias = tuple[bytes, bytes]

UNKNOWN: Final = "?"
"""Whoever comes over a socket that has no addresses."""

_LINE: Final = 64
_HOPS: Final = 20
"""Proxies that are followed back, at most."""


class Proxies:
    """The proxies that are trusted to say for whom they ask."""

    def __init__(self, networks: str = "", header: ForwardedHeader = "x-forwarded-for") -> None:
        """Raise `Unready` for what is no address and no network."""
        try:
            self._networks = [
                ip_network(one.strip(), strict=False) for one in networks.split(",") if one.strip()
            ]
        except ValueError as fault:
            raise Unready(f"CORRIGENDA_TRUSTED_PROXIES: {fault}") from None
        self._header = header.encode()
        self._read = _for_members if header == "forwarded" else _listed
        self.are_trusted = lru_cache(maxsize=1024)(self._are_trusted)

    def client_of(self, peer: str | None, headers: Iterable[Header]) -> str:
        """Return the name of the client's address, given who is connected."""
        if peer is None:
            return UNKNOWN
        if not self._networks or not self.are_trusted(peer):
            return name_of(peer)
        given = b",".join(value for name, value in headers if name == self._header)
        hops = self._read(given.decode("latin-1"))[-_HOPS:]
        # Each proxy adds who asked it; what stands before the last stranger is his own word.
        for hop in reversed(hops):
            if not _is_address(hop):
                break
            peer = hop
            if not self.are_trusted(hop):
                break
        return name_of(peer)

    def _are_trusted(self, address: str) -> bool:
        try:
            found = _unmapped(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)


@lru_cache(maxsize=4096)
def name_of(address: str) -> str:
    """Return the name that a client of this address is counted under."""
    try:
        found = _unmapped(address)
    except ValueError:
        return address[:_LINE]
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, _LINE), strict=False))
    return str(found)


def _unmapped(address: str) -> object:
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _is_address(text: str) -> bool:
    try:
        _unmapped(text)
    except ValueError:
        return False
    return True


def _listed(value: str) -> Sequence[str]:
    return [_bare(one) for one in value.split(",")] if value else []


def _for_members(value: str) -> Sequence[str]:
    """Return the `for=` of each hop: RFC 7239, section 4."""
    found = []
    for hop in value.split(",") if value else []:
        members = (pair.strip().partition("=") for pair in hop.split(";"))
        given = [text for name, _, text in members if name.lower() == "for"]
        found.append(_bare(given[0].strip('"')) if given else "")
    return found


def _bare(node: str) -> str:
    """Return a node without its port: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    node = node.strip()
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node
