"""Which addresses a webhook may reach: public ones, and those that an operator allows.

Who names a URL chooses where this process connects to. So a name is resolved here, each address
is looked at, and the connection is made to that address: a name that means another one a moment
later gains nothing.
"""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from services.pricing.costs.telling import NotDelivered

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# Addresses of version 6 that are translated into ones of version 4, whichever these are.
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))


def is_allowed(address: Address, networks: Sequence[Network]) -> bool:
    """Tell whether an operator allows an address that is not public."""
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(plain in network for network in networks)


def is_public(address: Address) -> bool:
    """Tell whether an address is reachable for everybody, and none of ours."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        tunnelled = address.sixtofour is not None or address.teredo is not None
        if tunnelled or any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


async def reachable(
    host: str, port: int, networks: Sequence[Network], *, plain: bool
) -> tuple[str, int]:
    """Return the address to connect to; NotDelivered if there is none that may be.

    ``plain``: without TLS, which only what an operator allows is reached by.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotDelivered("the host's name could not be resolved") from None
    for family, _, _, _, where in found:
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue
        # Without the zone of a link-local address, which is not public anyway.
        address = ip_address(str(where[0]).partition("%")[0])
        if is_allowed(address, networks) or (is_public(address) and not plain):
            return str(address), port
    why = "only https is allowed" if plain else "the host has no public address"
    raise NotDelivered(why, for_good=True)
