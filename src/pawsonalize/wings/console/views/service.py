"""The service on the console: settings in force, keys, who did what, who was told, who serves."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.notifications import Notification, NotificationKind
from pawsonalize.domain.times import iso
from pawsonalize.kinds.access_keys import AccessKey
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.servers import Servers, ServerState
from pawsonalize.storage.audit import AuditLog
from pawsonalize.storage.deliveries import Deliveries, Delivery
from pawsonalize.wings.console.views.parameters import read_count
from pawsonalize.wings.notifications.base import Notifier
from pawsonalize.wings.notifications.courier import send

_DELIVERIES = 20
_LOOKED_AT = 200
_CURSOR = re.compile(r"\d{1,18}", re.ASCII)


class SettingInForce(msgspec.Struct, frozen=True, rename="camel"):
    """A setting's value and where it comes from; of a secret, only whether there is one."""

    name: str
    value: str
    source: str
    is_default: bool
    is_secret: bool


class KeyInForce(msgspec.Struct, frozen=True, rename="camel"):
    """An access key without its secret: what it is for, and when it was last used."""

    key_id: str
    note: str
    scopes: list[str]
    dataset_group: str | None
    created_at: str
    last_used_at: str | None
    expires_at: str | None
    is_expired: bool


class NotificationChannel(msgspec.Struct, frozen=True, rename="camel"):
    """A way to tell people: what waits for it, and how its newest delivery went."""

    name: str
    waiting: int
    delivered_at: str | None
    last_error: str | None


class SentNotification(msgspec.Struct, frozen=True, rename="camel"):
    """A notification on its way to one channel."""

    channel: str
    kind: str
    subject: str
    happened_at: str
    attempts: int
    delivered_at: str | None
    next_attempt_at: str | None
    last_error: str | None


class ServerAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A process of a server. `lives` is null until it was watched for some seconds.

    `tables` is the revision of the tables that its program knows; `serves` has the solution version
    of each campaign that it has loaded.
    """

    name: str
    host: str
    port: int | None
    roles: tuple[str, ...]
    lives: bool | None
    version: str
    tables: str
    serves: Mapping[str, str]
    started_at: str


class ServiceReport(msgspec.Struct, frozen=True, rename="camel"):
    """The program's version, who serves, and all that was set, allowed and told."""

    version: str
    servers: list[ServerAnswer]
    settings: list[SettingInForce]
    keys: list[KeyInForce]
    channels: list[NotificationChannel]
    notifications: list[SentNotification]


class AuditedAction(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who did what, when, to which resource, and how that ended."""

    at: str
    who: str
    what: str
    outcome: str
    target: str | None = None


class AuditPage(msgspec.Struct, frozen=True, rename="camel"):
    """Actions, newest first; `nextCursor` fetches the next page and is null on the last."""

    actions: list[AuditedAction]
    next_cursor: str | None


class ChannelTest(msgspec.Struct, frozen=True, rename="camel"):
    """Whether a channel took the test; `reason` says why not."""

    channel: str
    taken: bool
    reason: str | None


class ChannelTests(msgspec.Struct, frozen=True):
    """Every channel that the settings name."""

    channels: list[ChannelTest]


@dataclass(frozen=True, slots=True)
class ServiceViews:
    """Looks at the service as a whole."""

    version: str
    settings: tuple[SettingInForce, ...]
    registry: Registry
    servers: Servers
    audit: AuditLog
    deliveries: Deliveries
    notifiers: Callable[[], Mapping[str, Notifier]]

    def report(self, now: int) -> ServiceReport:
        """All of it."""
        newest = self.deliveries.newest(_LOOKED_AT)
        return ServiceReport(
            self.version,
            [server_answer(one) for one in self.servers.states()],
            list(self.settings),
            [_key(one, now) for one in self.registry.all(AccessKey)],
            [_channel(name, newest) for name in self.notifiers()],
            [_sent(one) for one in newest[:_DELIVERIES]],
        )

    def audit_page(self, given: Mapping[str, str]) -> AuditPage:
        """What operators did."""
        limit = read_count(given, "limit", 50, 1, 500)
        cursor = given.get("cursor")
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise InvalidInput("cursor is not one this service gave: leave it out", field="cursor")
        found = self.audit.newest(limit, None if cursor is None else int(cursor))
        actions = [
            AuditedAction(iso(one.at), one.who, one.what, one.outcome, one.target)
            for _, one in found
        ]
        return AuditPage(actions, str(found[-1][0]) if len(found) == limit else None)

    def send_test(self, now: int) -> ChannelTests:
        """Send a test by every channel, now; no channel keeps another from it."""
        news = Notification(
            notification_id=f"test-{uuid4().hex}",
            kind=NotificationKind.TEST,
            subject="A test of the notifications",
            text="If you can read this, notifications of Pawsonalize reach you.",
            happened_at=now,
        )
        reasons = {name: send(notifier, news) for name, notifier in self.notifiers().items()}
        return ChannelTests(
            [ChannelTest(name, reason is None, reason) for name, reason in reasons.items()]
        )


def server_answer(state: ServerState) -> ServerAnswer:
    """The process as JSON has it."""
    one = state.server
    return ServerAnswer(
        one.name,
        one.host,
        one.port,
        one.roles,
        state.lives,
        one.version,
        one.revision,
        one.serves,
        iso(one.started_at),
    )


def _key(key: AccessKey, now: int) -> KeyInForce:
    return KeyInForce(
        key.name,
        key.note,
        [str(scope) for scope in key.scopes],
        key.dataset_group,
        iso(key.created_at),
        None if key.last_used_at is None else iso(key.last_used_at),
        None if key.expires_at is None else iso(key.expires_at),
        key.is_expired(now),
    )


def _channel(name: str, newest: list[Delivery]) -> NotificationChannel:
    own = [one for one in newest if one.notifier == name]
    delivered = (one.delivered_at for one in own if one.delivered_at is not None)
    at = max(delivered, default=None)
    waiting = sum(one.delivered_at is None and one.next_attempt_at is not None for one in own)
    error = next((one.last_error for one in own if one.last_error is not None), None)
    return NotificationChannel(name, waiting, None if at is None else iso(at), error)


def _sent(delivery: Delivery) -> SentNotification:
    news, waits = delivery.notification, delivery.delivered_at is None
    again = delivery.next_attempt_at if waits else None
    return SentNotification(
        delivery.notifier,
        news.kind,
        news.subject,
        iso(news.happened_at),
        delivery.attempts,
        None if delivery.delivered_at is None else iso(delivery.delivered_at),
        None if again is None else iso(again),
        delivery.last_error,
    )
