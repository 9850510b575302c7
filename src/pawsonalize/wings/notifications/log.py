"""Notifications as log lines: always there, so that no news is lost for want of settings."""

import structlog

from pawsonalize.domain.notifications import Notification, NotificationKind

_WARNINGS = {
    NotificationKind.FAILED,
    NotificationKind.TIMED_OUT,
    NotificationKind.CAPACITY_WARNING,
    NotificationKind.PROBLEM,
}

log = structlog.get_logger()


class LogNotifier:
    """`Notifier` that writes one log line."""

    def send(self, notification: Notification) -> None:
        """See `Notifier.send`."""
        tell = log.warning if notification.kind in _WARNINGS else log.info
        tell(
            notification.subject,
            notification_id=notification.notification_id,
            kind=notification.kind.value,
            run_id=notification.run_id,
            text=notification.text,
            details=dict(notification.details),
        )
