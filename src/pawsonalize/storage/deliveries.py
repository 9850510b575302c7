"""The outbox: one delivery in the work table for each notification and notifier."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from pawsonalize.domain.notifications import Notification
from pawsonalize.storage.work import OPEN, Work, WorkTable

_KIND = "delivery"
_DELIVERED, _GIVEN_UP = "delivered", "given up"
_UNDELIVERED = (OPEN, _GIVEN_UP)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one notifier."""

    notification: Notification
    notifier: str
    attempts: int = 0
    """Number of attempts begun."""
    next_attempt_at: int | None = 0
    """None when there is no next one: it was delivered, or given up."""
    delivered_at: int | None = None
    last_error: str | None = None

    @property
    def lease(self) -> str:
        """The name of the lease that is held while it is delivered."""
        return f"{_prefix(self.notification.notification_id)}{self.notifier}"

    def is_due(self, now: int) -> bool:
        """True if an attempt may begin."""
        return self.next_attempt_at is not None and self.next_attempt_at <= now


class Deliveries:
    """The deliveries of all notifiers. Who changes one holds its lease."""

    def __init__(self, work: WorkTable) -> None:
        self._work = work

    def add(self, batch: Sequence[Delivery]) -> None:
        """Store in one transaction. Deliveries that exist already stay as they are."""
        self._work.add(map(_work, batch))

    def due(self, notifier: str, now: int, limit: int) -> list[Delivery]:
        """The notifier's deliveries that are due, the longest due first."""
        return [_delivery(one) for one in self._work.due(_KIND, notifier, now, limit)]

    def find(self, lease: str) -> Delivery | None:
        """The delivery whose lease has that name, or None."""
        found = self._work.find(lease)
        return None if found is None or found.kind != _KIND else _delivery(found)

    def delivered(self, one: Delivery, at: int) -> None:
        """Record that the notifier took it."""
        self._work.change(one.lease, state=_DELIVERED, ended_at=at, due_at=None, error=None)

    def failed(self, one: Delivery, error: str, next_attempt_at: int | None, now: int) -> None:
        """Record that an attempt failed; without a next one, the delivery is given up."""
        given_up = {"state": _GIVEN_UP, "ended_at": now} if next_attempt_at is None else {}
        self._work.change(one.lease, error=error, due_at=next_attempt_at, **given_up)

    def retry(self, now: int, notification_id: str | None = None) -> None:
        """Make undelivered ones due, even if given up: of one notification, or of all."""
        self._work.retry(_KIND, _UNDELIVERED, now, _prefix(notification_id))

    def count_undelivered(self, notification_id: str | None = None) -> int:
        """Count the undelivered, given up or not: of one notification, or of all."""
        return self._work.count(_KIND, _UNDELIVERED, _prefix(notification_id))

    def forget(self, before: int) -> int:
        """Delete those that were delivered or given up before that moment."""
        return self._work.forget(_KIND, before)

    def newest(self, limit: int) -> list[Delivery]:
        """Deliveries, those of the newest notifications first."""
        return [_delivery(one) for one in self._work.newest(_KIND, limit)]


def _prefix(notification_id: str | None) -> str:
    """The beginning of the names of its deliveries; of all, for None."""
    return f"{_KIND}." if notification_id is None else f"{_KIND}.{notification_id}."


def _work(new: Delivery) -> Work:
    news = new.notification
    payload = msgspec.json.encode(news).decode()
    return Work(new.lease, _KIND, new.notifier, OPEN, payload, news.happened_at, due_at=0)


def _delivery(one: Work) -> Delivery:
    return Delivery(
        msgspec.json.decode(one.payload, type=Notification),
        one.queue,
        one.attempts,
        one.due_at,
        one.ended_at if one.state == _DELIVERED else None,
        one.error,
    )
