"""One attempt to send, and what became of it."""

from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.notifications import Notification
from pawsonalize.notify.base import Notifier

_LONGEST_REASON = 500


def send(notifier: Notifier, notification: Notification) -> str | None:
    """Why the notifier did not take the notification; None if it did. Raises nothing."""
    try:
        notifier.send(notification)
    except PawsonalizeError as error:
        return error.message[:_LONGEST_REASON]
    except Exception as error:  # noqa: BLE001 - a failure nobody foresaw is one all the same
        return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
    return None
