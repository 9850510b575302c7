"""Delivers notifications from the outbox to their notifiers, again and again until it works."""

import random

import structlog

from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.notifications import Notification
from pawsonalize.domain.times import DAY, HOUR, SECOND
from pawsonalize.storage.deliveries import Deliveries, Delivery
from pawsonalize.wings.notifications.base import Notifier

FIRST_WAIT = 10 * SECOND
LONGEST_WAIT = HOUR
GIVEN_UP_AFTER = 3 * DAY


def next_attempt_at(failed: Delivery, now: int) -> int | None:
    """The moment of the next attempt, or None if the notification would be too old by then.

    The wait doubles with each attempt. Chance then cuts it by up to a half, so that many that
    failed together do not come back together. The chance is seeded: the same delivery waits the
    same time after the same attempt.
    """
    doubled = FIRST_WAIT << min(failed.attempts - 1, 16)
    seed = f"{failed.notification.notification_id} {failed.notifier} {failed.attempts}"
    share = random.Random(seed).uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing
    at = now + round(min(doubled, LONGEST_WAIT) * share)
    return at if at <= failed.notification.happened_at + GIVEN_UP_AFTER else None


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


# Longer than any notifier takes: after it, the claim's courier counts as dead.
_CLAIM = 300 * SECOND
# As many as fit into a claim, since all of one round start from the same moment.
_PER_ROUND = 5

log = structlog.get_logger()


class Courier:
    """Delivers to one notifier; several processes may each have a courier for it.

    A claim keeps two of them from sending the same at once. If a courier dies after sending and
    before storing that, the notification is sent again with the same id: at least once, and seldom
    twice.
    """

    def __init__(self, deliveries: Deliveries, name: str, notifier: Notifier) -> None:
        self.name = name
        self._deliveries = deliveries
        self._notifier = notifier

    def deliver_due(self, now: int) -> int:
        """Send what is due, a few at a time; returns how many were delivered.

        A round ends at the first failure: a notifier that is down does not get all the others as
        well. Raises what the outbox raises, never what the notifier does.
        """
        for taken in range(_PER_ROUND):
            claimed = self._deliveries.claim(self.name, now, now + _CLAIM)
            if claimed is None or not self._deliver(claimed, now):
                return taken
        return _PER_ROUND

    def _deliver(self, claimed: Delivery, now: int) -> bool:
        reason = send(self._notifier, claimed.notification)
        if reason is None:
            self._deliveries.delivered(claimed, now)
            return True
        again_at = next_attempt_at(claimed, now)
        self._deliveries.failed(claimed, reason, again_at)
        log.warning(
            "notification given up" if again_at is None else "notification not delivered yet",
            notifier=self.name,
            notification_id=claimed.notification.notification_id,
            attempts=claimed.attempts,
            reason=reason,
        )
        return False
