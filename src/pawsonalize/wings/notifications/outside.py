"""Guard of addresses that somebody typed into a page: they lead out of the service's own network.

Else the page would be a way to reach what nobody outside can, such as a cloud's metadata.
"""

from contextlib import suppress
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import getaddrinfo
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler

from pawsonalize.domain.errors import InvalidInput


def check_outside(host: str) -> None:
    """InvalidInput for a host of the own network; one that is not found passes."""
    with suppress(OSError, UnicodeError):  # a proxy may know the name
        for *_, address in getaddrinfo(host, None):
            check_address(str(address[0]))


# Networks of IPv6 whose addresses lead to an IPv4 address, and the bits that stand behind that:
# IPv4-compatible and -mapped (RFC 4291), NAT64 (RFC 6052) and 6to4 (RFC 3056).
_LEADING_TO_IPV4 = {
    IPv6Network("::/96"): 0,
    IPv6Network("::ffff:0:0/96"): 0,
    IPv6Network("64:ff9b::/96"): 0,
    IPv6Network("2002::/16"): 80,
}
# IANA's registries of special-purpose addresses, multicast and what is reserved. Python's
# `is_global` has other opinions of some, which differ by its version.
_SPECIAL_IPV4 = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24"),
            *("192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        ),
    )
)
_UNICAST_IPV6 = IPv6Network("2000::/3")  # all others are special, multicast or nobody's
# Protocol assignments, with Teredo; documentation, twice; AS112.
_SPECIAL_IPV6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20", "2620:4f:8000::/48"))
)


def check_address(address: str) -> None:
    """InvalidInput for an IP address that may not lead out of the own network, by any way."""
    target = ip_address(address)
    for network, behind in _LEADING_TO_IPV4.items():
        if target in network:
            target = IPv4Address(int(target) >> behind & 0xFFFF_FFFF)
            break
    if _is_special(target):
        raise InvalidInput(
            "the address is in this service's own network, or of a special purpose: name one"
            " outside, or allow it with notify_own_network",
            field="address",
        )


def _is_special(target: IPv4Address | IPv6Address) -> bool:
    if isinstance(target, IPv4Address):
        return any(target in network for network in _SPECIAL_IPV4)
    return target not in _UNICAST_IPV6 or any(target in network for network in _SPECIAL_IPV6)


# A name may lead elsewhere a moment after it was checked, so the connection is looked at as well.
class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        check_address(self.sock.getpeername()[0])


class _SafeConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        check_address(self.sock.getpeername()[0])


class OutsideHandler(HTTPHandler, HTTPSHandler):
    """Opens no address of the own network; the proxies of the environment may be there."""

    def do_open(self, http_class: Any, req: Any, **arguments: Any) -> Any:
        """See `AbstractHTTPHandler.do_open`."""
        target = urlsplit(req.full_url)
        check_outside(target.hostname or "")
        if req.host == target.netloc:  # no proxy
            http_class = _SafeConnection if target.scheme == "https" else _Connection
        return super().do_open(http_class, req, **arguments)
