"""Which notifications wait for which notifier, and how their deliveries went."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, select, true, update

from pawsonalize.domain.notifications import Notification, NotificationKind
from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import insert_new
from pawsonalize.storage.tables import deliveries


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one notifier."""

    notification: Notification
    notifier: str
    attempts: int = 0
    """How many attempts were begun."""
    next_attempt_at: int | None = 0
    """None when there is no next one: it was delivered, or given up."""
    delivered_at: int | None = None
    last_error: str | None = None


class Deliveries:
    """The outbox: one delivery for each notification and notifier."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, batch: Sequence[Delivery]) -> None:
        """Store in one transaction. Deliveries that exist already stay as they are."""
        with self._database.writing() as connection:
            insert_new(connection, deliveries, [_row(each) for each in batch])

    def claim(self, notifier: str, now: int, until: int) -> Delivery | None:
        """Begin an attempt of the notifier's delivery that is due longest; None if none is due.

        Of several callers, one gets it. The next attempt is due at `until`, unless somebody
        records before then how this one ended.
        """
        # Most often nothing is due: then no writer is held up.
        while (due := self._due(notifier, now)) is not None:
            claimed = replace(due, attempts=due.attempts + 1, next_attempt_at=until)
            unchanged = and_(
                deliveries.c.attempts == due.attempts,
                deliveries.c.next_attempt_at == due.next_attempt_at,
            )
            if self._update(due, unchanged, attempts=claimed.attempts, next_attempt_at=until):
                return claimed
        return None

    def delivered(self, claimed: Delivery, at: int) -> None:
        """Record that the notifier took it."""
        # Whoever has claimed it since: this is true, and the news need not be sent again.
        open_still = deliveries.c.delivered_at.is_(None)
        self._update(claimed, open_still, delivered_at=at, next_attempt_at=None, last_error=None)

    def failed(self, claimed: Delivery, error: str, next_attempt_at: int | None) -> None:
        """Record that the attempt failed. Changes nothing if a newer attempt was begun."""
        newest = and_(
            deliveries.c.attempts == claimed.attempts, deliveries.c.delivered_at.is_(None)
        )
        self._update(claimed, newest, last_error=error, next_attempt_at=next_attempt_at)

    def retry(self, now: int, notification_id: str | None = None) -> None:
        """Make undelivered ones due, even if given up: of one notification, or of all."""
        waiting = _waiting(notification_id)
        with self._database.writing() as connection:
            connection.execute(update(deliveries).where(waiting).values(next_attempt_at=now))

    def undelivered(self, notification_id: str | None = None) -> int:
        """How many are undelivered, given up or not: of one notification, or of all."""
        waiting = select(func.count()).select_from(deliveries).where(_waiting(notification_id))
        with self._database.reading() as connection:
            return connection.scalar(waiting) or 0

    def forget(self, before: int) -> int:
        """Delete those of notifications of before that moment, unless an attempt is yet to come."""
        old = and_(deliveries.c.happened_at < before, deliveries.c.next_attempt_at.is_(None))
        with self._database.writing() as connection:
            return connection.execute(delete(deliveries).where(old)).rowcount

    def newest(self, limit: int) -> list[Delivery]:
        """Deliveries, those of the newest notifications first."""
        newest_first = (
            select(deliveries)
            .order_by(
                deliveries.c.happened_at.desc(),
                deliveries.c.notification_id,
                deliveries.c.notifier,
            )
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_delivery(row) for row in connection.execute(newest_first).mappings()]

    def _due(self, notifier: str, now: int) -> Delivery | None:
        longest_due = (
            select(deliveries)
            .where(deliveries.c.notifier == notifier, deliveries.c.next_attempt_at <= now)
            .order_by(
                deliveries.c.next_attempt_at,
                deliveries.c.happened_at,
                deliveries.c.notification_id,
            )
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(longest_due).mappings().first()
        return None if row is None else _delivery(row)

    def _update(self, delivery: Delivery, condition: ColumnElement[bool], **values: Any) -> bool:
        changed = (
            update(deliveries)
            .where(
                deliveries.c.notification_id == delivery.notification.notification_id,
                deliveries.c.notifier == delivery.notifier,
                condition,
            )
            .values(values)
        )
        with self._database.writing() as connection:
            return connection.execute(changed).rowcount == 1


def _waiting(notification_id: str | None) -> ColumnElement[bool]:
    any_or_this = (
        true() if notification_id is None else deliveries.c.notification_id == notification_id
    )
    return and_(deliveries.c.delivered_at.is_(None), any_or_this)


_OF_DELIVERY = ("notifier", "attempts", "next_attempt_at", "delivered_at", "last_error")
_OF_NOTIFICATION = ("notification_id", "kind", "run_id", "subject", "text", "happened_at")


def _row(delivery: Delivery) -> dict[str, Any]:
    notification = delivery.notification
    row = {name: getattr(delivery, name) for name in _OF_DELIVERY}
    row |= {name: getattr(notification, name) for name in _OF_NOTIFICATION}
    return row | {"details": msgspec.json.encode(dict(notification.details)).decode()}


def _delivery(row: RowMapping) -> Delivery:
    of_notification = {name: row[name] for name in _OF_NOTIFICATION} | {
        "kind": NotificationKind(row["kind"]),
        "details": msgspec.json.decode(row["details"]),
    }
    of_delivery = {name: row[name] for name in _OF_DELIVERY}
    return Delivery(notification=Notification(**of_notification), **of_delivery)
