"""Destinations of notifications that operators add while the service runs.

They stand in the table of resources. Each server reads them at the moment of use, so they get what
was chosen for them at once, beside the notifiers of the settings, and nothing once they are gone.
"""

import base64
import re
import secrets
from contextlib import suppress
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network
from socket import getaddrinfo
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler

import msgspec

from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, LimitExceeded
from pawsonalize.core.notifications import (
    Notification,
    NotificationKind,
    NotificationTopic,
    is_mail_address,
)
from pawsonalize.core.work.problems import Deliveries
from pawsonalize.plugins.notifications import NotificationSettings
from pawsonalize.plugins.notifications.notifiers import Notifier, SmtpNotifier, WebhookNotifier
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Registry

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters

MOST_DESTINATIONS = 20  # each may hang in a thread of its own
_PREFIX = "destination-"
_SECRET_BYTES = 32
# So plain that no two programs read another host in it.
_WEBHOOK = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:[/?#][!-~]*)?")


class NotificationDestination(Resource, frozen=True, kw_only=True):
    """A webhook or e-mail addresses, and what they get."""

    kind: ClassVar[str] = "notification destination"

    note: str = ""
    address: str
    """The URL of a webhook, or addresses of e-mail with commas between."""
    topics: tuple[NotificationTopic, ...]
    secret: str = ""
    """Signs what a webhook gets; empty for e-mail."""
    is_on: bool = True

    @property
    def listed(self) -> "NotificationDestination":
        """The destination as lists show it: a part of a webhook's address may be a secret."""
        shown = urlsplit(self.address).netloc if self.secret else self.address
        return msgspec.structs.replace(self, address=shown, note=self.note or shown, secret="")


class Destinations(msgspec.Struct, frozen=True):
    """The destinations of one installation."""

    registry: Registry
    deliveries: Deliveries
    settings: NotificationSettings

    @classmethod
    def of(cls, adapters: "Adapters") -> "Destinations":
        """Return those of a data folder."""
        own = adapters.settings.part(NotificationSettings)
        return cls(adapters.registry, adapters.deliveries, own)

    def all(self) -> list[NotificationDestination]:
        """Return every destination, newest first."""
        return list(self.registry.all(NotificationDestination))

    def get(self, name: str) -> NotificationDestination:
        """Return one destination; NotFound if there is none of that name."""
        return self.registry.get(NotificationDestination, name)

    def chosen(self, kind: NotificationKind) -> list[str]:
        """Return the names of those that get notifications of a kind."""
        return [one.name for one in self.all() if one.is_on and kind.topic in one.topics]

    def create(self, draft: NotificationDestination, now: int) -> NotificationDestination:
        """Add a destination, with a name, and a secret for webhooks; InvalidInput if wrong."""
        if len(self.all()) >= MOST_DESTINATIONS:
            raise LimitExceeded(f"there may be {MOST_DESTINATIONS} destinations: remove one first")
        key = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        new = msgspec.structs.replace(
            draft,
            name=f"{_PREFIX}{secrets.token_hex(5)}",
            secret="" if _is_mail(draft.address) else f"whsec_{key}",
        )
        self._check(new)
        return self.registry.create(new, now)

    def change(self, draft: NotificationDestination, now: int) -> NotificationDestination:
        """Change the destination of that name; with an empty address, that stays as it is."""
        own = self.get(draft.name)
        new = msgspec.structs.replace(
            own,
            note=draft.note,
            address=draft.address or own.address,
            topics=draft.topics,
            is_on=draft.is_on,
        )
        if new.is_on:  # what cannot be used any more can be switched off all the same
            self._check(new)
        return self.registry.update(new, now)

    def delete(self, name: str) -> None:
        """Remove a destination and what waits for it; NotFound if there is none."""
        self.registry.delete(NotificationDestination, name)
        self.withdraw_lost()

    def withdraw_lost(self) -> None:
        """Delete what waits for destinations that are gone; some of it may be written later."""
        self.deliveries.withdraw(_PREFIX, NotificationDestination.kind)

    def open(self, one: NotificationDestination) -> Notifier:
        """Return the notifier of a destination; InvalidInput where it cannot be used."""
        if not one.secret:
            server, sender = self.settings.notify_smtp_url, self.settings.notify_email_from
            if not (server and sender):
                raise InvalidInput(
                    "e-mail needs a mail server: set notify_smtp_url and notify_email_from, then"
                    " start the service again",
                    field="address",
                )
            return SmtpNotifier(server, sender, _mail_addresses(one.address))
        handlers = () if self.settings.notify_own_network else (OutsideHandler(),)
        return WebhookNotifier(one.address, one.secret, clock.real_now, "its address", handlers)

    def _check(self, one: NotificationDestination) -> None:
        if not one.topics:
            raise InvalidInput(
                f"choose what it gets: {', '.join(NotificationTopic)}", field="topics"
            )
        if _is_mail(one.address) == bool(one.secret):
            raise InvalidInput(
                "a webhook stays a webhook, and e-mail stays e-mail: add another destination for"
                " that address",
                field="address",
            )
        if one.secret and not _WEBHOOK.fullmatch(one.address):
            raise InvalidInput(
                "the address is no webhook and no e-mail: write https://host/path in ASCII and"
                " without a password, or ann@shelter.example",
                field="address",
            )
        self.open(one)
        if one.secret and not self.settings.notify_own_network:
            check_outside(urlsplit(one.address).hostname or "")


class DestinationNotifier(msgspec.Struct, frozen=True):
    """`Notifier` that looks its destination up for each notification."""

    destinations: Destinations
    name: str

    def send(self, notification: Notification) -> None:
        """See `Notifier.send`."""
        self.destinations.open(self.destinations.get(self.name)).send(notification)


def _is_mail(address: str) -> bool:
    return "@" in address and "://" not in address


def _mail_addresses(text: str) -> list[str]:
    found = [one.strip() for one in text.split(",")]
    for one in found:
        if not is_mail_address(one):
            raise InvalidInput(
                f"{one[:80]!r} is no e-mail address: write ann@shelter.example, and commas between"
                " several",
                field="address",
            )
    return found


# An address that somebody typed into a page leads out of the service's own network. Else the page
# would be a way to reach what nobody outside can, such as a cloud's metadata.
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
# IANA's registries of special-purpose addresses, multicast, and of IPv6 all but 2000::/3. Python's
# `is_global` has other opinions of some, which differ by its version.
_SPECIAL_NAMES = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3
    ::/3 4000::/2 8000::/1 2001::/23 2001:db8::/32 3fff::/20 2620:4f:8000::/48
"""
_SPECIAL = [ip_network(name) for name in _SPECIAL_NAMES.split()]


def check_address(address: str) -> None:
    """InvalidInput for an IP address that may not lead out of the own network, by any way."""
    target = ip_address(address)
    for network, behind in _LEADING_TO_IPV4.items():
        if target in network:
            target = IPv4Address(int(target) >> behind & 0xFFFF_FFFF)
            break
    if any(target in network for network in _SPECIAL):
        raise InvalidInput(
            "the address is in this service's own network, or of a special purpose: name one"
            " outside, or allow it with notify_own_network",
            field="address",
        )


# A name may lead elsewhere a moment after it was checked, so the connection is looked at as well.
class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        check_address(self.sock.getpeername()[0])


class _SafeConnection(HTTPSConnection, _Connection):
    pass


class OutsideHandler(HTTPHandler, HTTPSHandler):
    """Opens no address of the own network; the proxies of the environment may be there."""

    def do_open(self, http_class: Any, req: Any, **arguments: object) -> Any:
        """See `AbstractHTTPHandler.do_open`."""
        target = urlsplit(req.full_url)
        check_outside(target.hostname or "")
        if req.host == target.netloc:  # no proxy
            http_class = _SafeConnection if target.scheme == "https" else _Connection
        return super().do_open(http_class, req, **arguments)
