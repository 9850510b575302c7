"""The outbox, where notifications wait until each notifier has taken them."""

from collections.abc import Iterable

from pawsonalize.domain.notifications import Notification
from pawsonalize.storage.deliveries import Deliveries, Delivery


class Outbox:
    """Takes notifications for every notifier; returns as soon as they are durable."""

    def __init__(self, deliveries: Deliveries, notifiers: Iterable[str]) -> None:
        self._deliveries = deliveries
        self._notifiers = tuple(notifiers)

    def enqueue(self, notification: Notification) -> None:
        """Store it for every notifier; an id that was stored before changes nothing."""
        self._deliveries.add([Delivery(notification, name) for name in self._notifiers])
