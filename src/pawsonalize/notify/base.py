"""The notify port: a way to tell people what happened."""

from typing import Protocol

from pawsonalize.domain.notifications import Notification


class Notifier(Protocol):
    """One way to reach people."""

    def send(self, notification: Notification) -> None:
        """Hand the notification over; returns when the other side has taken it.

        The same notification may be sent twice, with the same id. NotDelivered says why it was
        not taken, and nothing secret; it comes within a minute.
        """
        ...
