"""Reports that plugins make for the console: notifications, and refused events."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from pawsonalize.core.http.json import report_of
from pawsonalize.core.times import iso
from pawsonalize.core.work.problems import Deliveries, Delivery

_SHOWN = 20
_LOOKED_AT = 200  # so that a channel is known that sends seldom


class NotificationChannel(msgspec.Struct, frozen=True, rename="camel"):
    """A way to notify people: messages that wait for it, and its newest delivery."""

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


class DeliveryReport(msgspec.Struct, frozen=True):
    """All channels, and the newest notifications."""

    channels: list[NotificationChannel]
    notifications: list[SentNotification]


def delivery_report(deliveries: Deliveries, channels: Iterable[str]) -> DeliveryReport:
    """Report the newest delivery of each channel, and the newest notifications."""
    newest = deliveries.newest(_LOOKED_AT)
    return DeliveryReport(
        [_channel(name, newest) for name in channels], [_sent(one) for one in newest[:_SHOWN]]
    )


def _channel(name: str, newest: list[Delivery]) -> NotificationChannel:
    own = [one for one in newest if one.notifier == name]
    delivered = (one.delivered_at for one in own if one.delivered_at is not None)
    at = max(delivered, default=None)
    waiting = sum(one.delivered_at is None and one.next_attempt_at is not None for one in own)
    error = next((one.last_error for one in own if one.last_error is not None), None)
    return NotificationChannel(name, waiting, None if at is None else iso(at), error)


def _sent(delivery: Delivery) -> SentNotification:
    news = delivery.notification
    return report_of(
        SentNotification,
        delivery,
        channel=delivery.notifier,
        kind=news.kind,
        subject=news.subject,
        happened_at=iso(news.happened_at),
        # What was delivered has no next attempt, whatever was planned.
        **({} if delivery.delivered_at is None else {"next_attempt_at": None}),
    )


class RefusedEvent(msgspec.Struct, frozen=True, rename="camel"):
    """A dead letter in short: what could not be taken, and why."""

    letter_id: str
    at: str
    source: str
    code: str
    message: str
    field: str | None


class LetterReason(msgspec.Struct, frozen=True, rename="camel"):
    """Number of dead letters that wait for one reason."""

    source: str
    code: str
    field: str | None
    letters: int


class RefusalReports(Protocol):
    """The refused events of a dataset group; a plugin offers them as `refused_events`."""

    def naming(self, ids: Sequence[str], group: str) -> list[RefusedEvent]:
        """Return the newest that name an event, a session or a user by one of the ids."""
        ...

    def reasons(self, group: str) -> list[LetterReason]:
        """Count the refused events by source and reason."""
        ...
