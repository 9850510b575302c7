"""The port of the outbox, in the manner of `storage/base.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pawsonalize.domain.notifications import Notification


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one notifier.

    `attempts` counts those that were begun. `next_attempt_at` is None when there is none to
    come: it was delivered, or given up.
    """

    notification: Notification
    notifier: str
    attempts: int = 0
    next_attempt_at: int | None = 0
    delivered_at: int | None = None
    last_error: str | None = None


class Deliveries(Protocol):
    """The outbox: what is to be delivered, by notification id and notifier."""

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Store in one transaction; those that are known already stay as they are."""
        ...

    def claim(self, notifier: str, now: int, until: int) -> Delivery | None:
        """Take the notifier's delivery that is due for longest, or None if none is.

        Compare and set: of several that claim, one gets it. Its attempt has begun, and the next
        is due at `until`, should nobody say before then how this one ended.
        """
        ...

    def delivered(self, claimed: Delivery, at: int) -> None:
        """Record that the notifier has taken it."""
        ...

    def failed(self, claimed: Delivery, error: str, next_attempt_at: int | None) -> None:
        """Record that it has not; changes nothing if the attempt is not the newest."""
        ...

    def retry(self, now: int, notification_id: str | None = None) -> None:
        """Make what is not delivered due, the given up too: of one notification, or of all."""
        ...

    def undelivered(self, notification_id: str | None = None) -> int:
        """How many are not delivered, of one notification or of all; the given up count."""
        ...

    def newest(self, limit: int) -> list[Delivery]:
        """Deliveries of the newest notifications first."""
        ...
