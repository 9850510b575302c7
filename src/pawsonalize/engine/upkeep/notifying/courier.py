"""Carrying one notifier's notifications from the outbox to it, again and again until it works."""

import structlog

from pawsonalize.domain.times import SECOND
from pawsonalize.engine.upkeep.notifying.retries import next_attempt_at
from pawsonalize.engine.upkeep.notifying.sending import send
from pawsonalize.notify.base import Notifier
from pawsonalize.storage.deliveries import Deliveries, Delivery

# Longer than any notifier takes: after it, who claimed a delivery is taken for dead.
_CLAIM = 300 * SECOND
# As many as fit into a claim, since all of one round start from the same moment.
_PER_ROUND = 5

log = structlog.get_logger()


class Courier:
    """Delivers to one notifier; several processes may each have a courier for it.

    A claim keeps two of them from sending the same at once. Who dies after sending and before
    saying so has it sent again, with the same id: at least once, and seldom twice.
    """

    def __init__(self, deliveries: Deliveries, name: str, notifier: Notifier) -> None:
        self.name = name
        self._deliveries = deliveries
        self._notifier = notifier

    def deliver_due(self, now: int) -> int:
        """Send what is due, a few at a time; returns how many were taken.

        A round ends at the first that is not: a notifier that is down is not asked again for
        each that waits. Raises what the outbox raises, never what the notifier does.
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
