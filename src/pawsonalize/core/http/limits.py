"""Limits of clients' time, and of what one worker holds of them: settings."""

from ipaddress import ip_network
from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.core.errors import InvalidInput

Seconds = Annotated[float, Meta(gt=0)]


class ConnectionLimits(msgspec.Struct, frozen=True):
    """Limits that keep slow or many clients from taking the service away from the others.

    A part of the settings, see `app.settings`.
    """

    header_seconds: Seconds = 10.0
    """A connection that has not sent the whole head of a request after so long is closed."""
    body_seconds: Seconds = 20.0
    """So long a body or the reading of an answer may take; then each so long brings 16 KB/s."""
    idle_seconds: Seconds = 60.0
    """A connection without a request is closed after so long."""
    max_connections: Annotated[int, Meta(ge=1)] = 4096
    """Number that a worker keeps, or as files allow; then those that wait longest are closed."""
    max_header_bytes: Annotated[int, Meta(ge=1024)] = 32 * 1024
    """Longer heads of requests are refused."""
    max_bodies_bytes: Annotated[int, Meta(ge=1024)] = 128 * 1024 * 1024
    """Bytes of request bodies that a worker holds; beyond, those that take longest are refused.
    """
    reports_at_once: Annotated[int, Meta(ge=1)] = 1
    """Number of reports, such as /v1/outcomes, that a worker makes at the same time; a few wait."""
    trusted_proxies: str = ""
    """Addresses or networks of your proxies, commas between, `127.0.0.1,10.0.0.0/8`: from these
    alone it is believed in X-Forwarded-For and X-Forwarded-Proto who calls, and how."""

    def __post_init__(self) -> None:
        """Refuse proxies that are no addresses."""
        _ = self.proxies

    @property
    def proxies(self) -> list[str]:
        """The networks of the trusted proxies, those of IPv4 also as a socket of IPv6 has them."""
        try:
            networks = [ip_network(name) for name in self.trusted_proxies.replace(",", " ").split()]
        except ValueError as error:
            raise InvalidInput(
                f"the setting trusted_proxies is {self.trusted_proxies!r}, and {error}: write"
                " addresses or networks, commas between, such as 127.0.0.1,10.0.0.0/8",
                field="trusted_proxies",
            ) from error
        ipv4 = (network for network in networks if network.version == 4)
        mapped = [f"::ffff:{one.network_address}/{96 + one.prefixlen}" for one in ipv4]
        return [*map(str, networks), *mapped]
