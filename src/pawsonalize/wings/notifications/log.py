"""Notifications as log lines: always there, so that no news is lost for want of settings."""

from pawsonalize.domain.notifications import Notification
from pawsonalize.kinds.problems import log_notification


class LogNotifier:
    """`Notifier` that writes one log line."""

    def send(self, notification: Notification) -> None:
        """See `Notifier.send`."""
        log_notification(notification)
