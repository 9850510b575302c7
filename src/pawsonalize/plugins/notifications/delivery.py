"""Delivery of notifications: from the outbox to each notifier, again and again until it works."""

import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.checks import EVERYWHERE, Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.logs import get_logger
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.roles import WORK
from pawsonalize.core.times import DAY, HOUR, SECOND
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.problems import Deliveries, Delivery
from pawsonalize.core.work.servers import when_nobody_works
from pawsonalize.core.work.tasks import HOUSEKEEPING, Task, at_the_moment
from pawsonalize.plugins.notifications import NotificationSettings
from pawsonalize.plugins.notifications.destinations import (
    MOST_DESTINATIONS,
    DestinationNotifier,
    Destinations,
)
from pawsonalize.plugins.notifications.notifiers import (
    LogNotifier,
    Notifier,
    SmtpNotifier,
    SnsNotifier,
    WebhookNotifier,
)

if TYPE_CHECKING:
    from pawsonalize.operations.services import Services

_FIRST_WAIT = 10 * SECOND
_LONGEST_WAIT = HOUR
GIVEN_UP_AFTER = 3 * DAY
_LONGEST_REASON = 500
_PER_ROUND = 5  # all of one round start from the same moment
_DELIVERY_SECONDS = 2.0
_TO_DESTINATIONS = "deliver to destinations"

log = get_logger()


def next_attempt_at(failed: Delivery, now: int) -> int | None:
    """Return the moment of the next attempt; None if the notification would be too old by then.

    The wait doubles with each attempt. Chance then cuts it by up to a half, so that many that
    failed together do not come back together. The chance is seeded: the same delivery waits the
    same time after the same attempt.
    """
    doubled = _FIRST_WAIT << min(failed.attempts - 1, 16)
    seed = f"{failed.notification.notification_id} {failed.notifier} {failed.attempts}"
    share = random.Random(seed).uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing
    at = now + round(min(doubled, _LONGEST_WAIT) * share)
    return at if at <= failed.notification.happened_at + GIVEN_UP_AFTER else None


def send(notifier: Notifier, notification: Notification) -> str | None:
    """Send a notification; return the reason if it was refused, else None. Raises nothing."""
    try:
        notifier.send(notification)
    except PawsonalizeError as error:
        return error.message[:_LONGEST_REASON]
    except Exception as error:  # noqa: BLE001 - a failure nobody foresaw is one all the same
        return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
    return None


def send_test(notifiers: Mapping[str, Notifier], now: int) -> dict[str, str | None]:
    """Send a test by every notifier, now; return the reason of each that refused it, else None."""
    news = Notification(
        notification_id=f"test-{uuid4().hex}",
        kind=NotificationKind.TEST,
        subject="A test of the notifications",
        text="If you can read this, notifications of Pawsonalize reach you.",
        happened_at=now,
    )
    with ThreadPoolExecutor(len(notifiers)) as threads:  # several may hang until they time out
        reasons = threads.map(lambda notifier: send(notifier, news), notifiers.values())
        return dict(zip(notifiers, reasons, strict=True))


class Courier(msgspec.Struct):
    """Delivers to one notifier; several processes may each have a courier for it.

    A delivery's lease keeps two of them from sending the same at once. If a courier dies after
    sending and before storing that, the notification is sent again with the same id: at least once,
    and seldom twice.
    """

    _deliveries: Deliveries
    _leases: Leases
    name: str
    _notifier: Notifier

    def deliver_due(self, now: int) -> int:
        """Send what is due, a few at a time; return the number of those delivered.

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


def open_notifiers(settings: Settings) -> dict[str, Notifier]:
    """Return the notifiers that the settings ask for, by name; the log is always one of them."""
    own = settings.part(NotificationSettings)
    notifiers: dict[str, Notifier] = {"log": LogNotifier()}
    if own.notify_smtp_url or own.notify_email_to:
        to = list(filter(None, (address.strip() for address in own.notify_email_to.split(","))))
        notifiers["email"] = SmtpNotifier(own.notify_smtp_url, own.notify_email_from, to)
    if own.notify_webhook_url or own.notify_webhook_secret:
        url, secret = own.notify_webhook_url, own.notify_webhook_secret
        notifiers["webhook"] = WebhookNotifier(url, secret, clock.real_now)
    if own.notify_sns_topic:
        notifiers["sns"] = SnsNotifier(own.notify_sns_topic)
    return notifiers


class DestinationCouriers(msgspec.Struct, frozen=True):
    """Delivers to all destinations side by side: one that hangs holds up no round of the others."""

    destinations: Destinations
    leases: Leases
    threads: ThreadPoolExecutor
    _running: dict[str, Future[int]] = {}

    def deliver_due(self, now: int) -> None:
        """Begin to send what is due to each that is on and not still busy with an earlier round.

        Raises as `end_rounds` does.
        """
        self.end_rounds()
        for one in self.destinations.all():
            if one.is_on and one.name not in self._running:
                notifier = DestinationNotifier(self.destinations, one.name)
                courier = Courier(self.destinations.deliveries, self.leases, one.name, notifier)
                self._running[one.name] = self.threads.submit(courier.deliver_due, now)

    def end_rounds(self) -> None:
        """Forget the rounds that have ended; raises what the outbox raised in one of them."""
        ended = [name for name, one in self._running.items() if one.done()]
        for one in [self._running.pop(name) for name in ended]:
            one.result()


@contextmanager
def destination_couriers(adapters: Adapters) -> Iterator[DestinationCouriers]:
    """Yield what delivers to all destinations; the end of the block waits for the last of them."""
    # So many that one which hangs never takes another's thread.
    with ThreadPoolExecutor(MOST_DESTINATIONS, thread_name_prefix="destination") as threads:
        yield DestinationCouriers(Destinations.of(adapters), adapters.leases, threads)


def deliveries(adapters: Adapters) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what delivers once to each notifier, and to all destinations that there then are."""
    yield from _to_notifiers(adapters.settings, adapters)
    yield _TO_DESTINATIONS, partial(_to_destinations_once, adapters)


def _to_destinations_once(adapters: Adapters, now: int) -> None:
    with destination_couriers(adapters) as couriers:
        couriers.deliver_due(now)
    couriers.end_rounds()


def _to_notifiers(
    settings: Settings, adapters: Adapters
) -> Iterator[tuple[str, Callable[[int], object]]]:
    for name, notifier in open_notifiers(settings).items():
        courier = Courier(adapters.deliveries, adapters.leases, name, notifier)
        yield f"deliver due {name}", courier.deliver_due


def upkeep(
    adapters: Adapters, _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what deletes old notifications."""
    yield "delete old notifications", partial(_forget_old, adapters.settings, adapters)


def _forget_old(settings: Settings, adapters: Adapters, now: int) -> None:
    Destinations.of(adapters).withdraw_lost()
    if days := settings.part(NotificationSettings).delivery_days:
        adapters.deliveries.forget(now - days * DAY)


USABLE = (open_notifiers,)


class Notifying(msgspec.Struct, frozen=True):
    """The notifiers and the outbox of a running server, and threads for what may hang."""

    notifiers: Mapping[str, Notifier]
    """Those of the settings."""
    couriers: DestinationCouriers
    deliveries: Deliveries
    threads: ThreadPoolExecutor

    @property
    def destinations(self) -> Destinations:
        """Those that were added while the service runs."""
        return self.couriers.destinations

    def notifiers_of(self, name: str = "") -> dict[str, Notifier]:
        """Return the notifier of one destination; without a name, of all that are on."""
        own = self.destinations
        some = [own.get(name)] if name else [one for one in own.all() if one.is_on]
        found: dict[str, Notifier] = {one.name: DestinationNotifier(own, one.name) for one in some}
        return found if name else {**self.notifiers, **found}


@contextmanager
def started(adapters: Adapters, _services: "Services") -> Iterator[Notifying]:
    """Yield what tasks and pages share."""
    with (
        ThreadPoolExecutor(thread_name_prefix="notifying") as threads,
        destination_couriers(adapters) as couriers,
    ):
        yield Notifying(open_notifiers(adapters.settings), couriers, adapters.deliveries, threads)


def tasks(adapters: Adapters, services: "Services", notifying: Notifying) -> Iterator[Task]:
    """Yield a task for each notifier, and one for the destinations."""
    settings = adapters.settings
    to_destinations = (_TO_DESTINATIONS, notifying.couriers.deliver_due)
    for name, deliver in (*_to_notifiers(settings, adapters), to_destinations):
        once = adapters.leases.leading(HOUSEKEEPING, at_the_moment(deliver))
        work = when_nobody_works(services.servers, once, works=settings.has_role(WORK))
        yield Task(name, _DELIVERY_SECONDS, work, notifying.threads)


def _check_notifiers(settings: Settings) -> Iterator[Diagnosis]:
    try:
        names = [name for name in open_notifiers(settings) if name != "log"]
    except PawsonalizeError as error:
        yield attention(str(error))
        return
    if names:
        yield fine(f"{', '.join(names)}, and the log")
    else:
        yield fine(
            "the settings name the log alone",
            "to be told by e-mail, webhook or SNS, set notify_…, or add a destination on the"
            " console (docs/how-to/get-notified.md)",
        )


def _check_deliveries(service: CheckedService) -> Iterator[Diagnosis]:
    failing = [
        one
        for one in service.adapters.deliveries.newest(100)
        if one.delivered_at is None and one.last_error is not None
    ]
    if failing:
        newest = failing[0]
        yield attention(
            f"{len(failing)} of the newest did not arrive, the last by {newest.notifier}:"
            f" {newest.last_error}",
            "mend the notifier's settings, check them with `pawsonalize notifications test`, then"
            " run `pawsonalize notifications retry`",
        )


CHECKS = (
    Check("notifiers", _check_notifiers, is_of_machine=True),
    Check("notifications", _check_deliveries, EVERYWHERE),
)
