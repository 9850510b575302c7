"""Which notifications wait for which notifier, and how it went."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import deliveries
from pawsonalize.storage.sql.upsert import insert_new
from sqlalchemy import ColumnElement, RowMapping, and_, func, select, true, update

from pawsonalize.domain.notifications import Notification, NotificationKind
from pawsonalize.storage.deliveries import Delivery


class SqlDeliveries:
    """`Deliveries` on the deliveries table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, batch: Sequence[Delivery]) -> None:
        """See `Deliveries.add`."""
        with self._database.writing() as connection:
            insert_new(connection, deliveries, [_row(each) for each in batch])

    def claim(self, notifier: str, now: int, until: int) -> Delivery | None:
        """See `Deliveries.claim`."""
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
        """See `Deliveries.delivered`."""
        # Whoever has claimed it since: this is true, and the news need not be sent again.
        open_still = deliveries.c.delivered_at.is_(None)
        self._update(claimed, open_still, delivered_at=at, next_attempt_at=None, last_error=None)

    def failed(self, claimed: Delivery, error: str, next_attempt_at: int | None) -> None:
        """See `Deliveries.failed`."""
        newest = and_(
            deliveries.c.attempts == claimed.attempts, deliveries.c.delivered_at.is_(None)
        )
        self._update(claimed, newest, last_error=error, next_attempt_at=next_attempt_at)

    def retry(self, now: int, notification_id: str | None = None) -> None:
        """See `Deliveries.retry`."""
        waiting = _waiting(notification_id)
        with self._database.writing() as connection:
            connection.execute(update(deliveries).where(waiting).values(next_attempt_at=now))

    def undelivered(self, notification_id: str | None = None) -> int:
        """See `Deliveries.undelivered`."""
        waiting = select(func.count()).select_from(deliveries).where(_waiting(notification_id))
        with self._database.reading() as connection:
            return connection.scalar(waiting) or 0

    def newest(self, limit: int) -> list[Delivery]:
        """See `Deliveries.newest`."""
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
