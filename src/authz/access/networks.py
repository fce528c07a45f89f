"""From which networks a door may be reached. Pure."""

import ipaddress
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Networks(Struct, frozen=True):
    """The networks that are let in; none named: all of them."""

    named: tuple[Network, ...] = ()

    def __str__(self) -> str:
        """The form of `allow=` at a listener."""
        return "+".join(map(str, self.named))

    def __contains__(self, host: object) -> bool:
        """Whether a peer with this address may come in."""
        if not self.named:
            return True
        address = ipaddress.ip_address(str(host).partition("%")[0])
        # A door for both families sees IPv4 peers under ::ffff:0:0/96 (RFC 4291, 2.5.5.2).
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self.named)


EVERYWHERE: Final = Networks()


def parse_networks(words: Iterable[str]) -> Networks:
    """Networks in CIDR form, or single addresses. Raises ValueError, which says what is wrong."""
    return Networks(tuple(map(_network, words)))


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as wrong:
        raise ValueError(f"{text!r} is no network, as 192.0.2.0/24 is: {wrong}") from None
