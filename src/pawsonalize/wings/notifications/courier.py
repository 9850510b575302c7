"""Delivers notifications from the outbox to their notifiers, again and again until it works."""

import random

import structlog

from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.notifications import Notification
from pawsonalize.domain.times import DAY, HOUR, SECOND
from pawsonalize.kinds.leases import Leases
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


_PER_ROUND = 5  # all of one round start from the same moment

log = structlog.get_logger()


class Courier:
    """Delivers to one notifier; several processes may each have a courier for it.

    A delivery's lease keeps two of them from sending the same at once. If a courier dies after
    sending and before storing that, the notification is sent again with the same id: at least once,
    and seldom twice.
    """

    def __init__(
        self, deliveries: Deliveries, leases: Leases, name: str, notifier: Notifier
    ) -> None:
        self.name = name
        self._deliveries = deliveries
        self._leases = leases
        self._notifier = notifier

    def deliver_due(self, now: int) -> int:
        """Send what is due, a few at a time; returns how many were delivered.

        A round ends at the first failure: a notifier that is down does not get all the others as
        well. Raises what the outbox raises, never what the notifier does.
        """
        delivered = 0
        for due in self._deliveries.due(self.name, now, _PER_ROUND):
            with self._leases.held(due.lease) as lease:
                one = self._deliveries.find(due.lease)  # another courier may have been faster
                if lease is None or one is None or not one.is_due(now):
                    continue
                if not self._deliver(one, now):
                    break
            delivered += 1
        return delivered

    def _deliver(self, one: Delivery, now: int) -> bool:
        reason = send(self._notifier, one.notification)
        if reason is None:
            self._deliveries.delivered(one, now)
            return True
        again_at = next_attempt_at(one, now)
        self._deliveries.failed(one, reason, again_at, now)
        log.warning(
            "notification given up" if again_at is None else "notification not delivered yet",
            notifier=self.name,
            notification_id=one.notification.notification_id,
            attempts=one.attempts,
            reason=reason,
        )
        return False
