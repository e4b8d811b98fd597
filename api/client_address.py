"""Where a request comes from, for throttles and quotas: the peer, or what a listed proxy says of it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

NOWHERE: Final = "0.0.0.0"  # noqa: S104 - an address to count under, not to listen at
"""Stands for a peer without a readable address (a Unix socket): all such share one throttle."""

MAX_HOPS: Final = 20


class Proxies:
    """The proxies whose X-Forwarded-For is believed; nobody else's is. None listed: the peer is the client."""

    def __init__(self, listed: Iterable[str] = ()) -> None:
        self._listed = tuple(ip_network(each, strict=False) for each in listed)

    def client(self, peer: str | None, forwarded: Iterable[str] = ()) -> str:
        """The client's address.

        ``forwarded`` are the X-Forwarded-For header lines in order. They are read from the right: each hop is
        believed only while the one that added it is a listed proxy.
        """
        address = _parsed(peer)
        hops = [hop for line in forwarded for hop in line.split(",")][-MAX_HOPS:]
        while address is not None and hops and self._is_listed(address):
            claimed = _parsed(hops.pop())
            if claimed is None:
                break
            address = claimed
        return NOWHERE if address is None else str(address)

    def _is_listed(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address.version == network.version and address in network for network in self._listed)


def _parsed(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address((text or "").strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
