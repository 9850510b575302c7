"""The notify port: a way to tell people what happened."""

from typing import Protocol

from pawsonalize.domain.notifications import Notification


class Notifier(Protocol):
    """One way to reach people."""

    def send(self, notification: Notification) -> None:
        """Hand the notification over; returns when the other side has taken it.

        NotDelivered if it was not taken, within a minute and with the reason, which holds no
        secret. The same notification may be sent twice; its id is then the same.
        """
        ...
