"""Guard of addresses that somebody typed into a page: they lead out of the service's own network.

Else the page would be a way to reach what nobody outside can, such as a cloud's metadata.
"""

from contextlib import suppress
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import ip_address
from socket import getaddrinfo
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler

from pawsonalize.domain.errors import InvalidInput


def check_outside(host: str) -> None:
    """InvalidInput for a host of the own network; one that is not found passes."""
    with suppress(OSError, UnicodeError):  # a proxy may know the name
        for *_, address in getaddrinfo(host, None):
            _check_address(str(address[0]))


def _check_address(address: str) -> None:
    if not ip_address(address).is_global:
        raise InvalidInput(
            "the address is in this service's own network: name one outside, or allow it with"
            " notify_own_network",
            field="address",
        )


# A name may lead elsewhere a moment after it was checked, so the connection is looked at as well.
class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _check_address(self.sock.getpeername()[0])


class _SafeConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _check_address(self.sock.getpeername()[0])


class OutsideHandler(HTTPHandler, HTTPSHandler):
    """Opens no address of the own network; the proxies of the environment may be there."""

    def do_open(self, http_class: Any, req: Any, **arguments: Any) -> Any:
        """See `AbstractHTTPHandler.do_open`."""
        target = urlsplit(req.full_url)
        check_outside(target.hostname or "")
        if req.host == target.netloc:  # no proxy
            http_class = _SafeConnection if target.scheme == "https" else _Connection
        return super().do_open(http_class, req, **arguments)
