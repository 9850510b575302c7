"""The notifiers that the settings ask for, and the delivery of what waits for them."""

from collections.abc import Callable, Iterator
from functools import partial

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.times import DAY
from pawsonalize.kinds.leases import Leases
from pawsonalize.settings import Settings
from pawsonalize.storage.deliveries import Deliveries
from pawsonalize.wings.notifications.base import Notifier
from pawsonalize.wings.notifications.courier import Courier
from pawsonalize.wings.notifications.log import LogNotifier
from pawsonalize.wings.notifications.settings import NotificationSettings
from pawsonalize.wings.notifications.smtp import SmtpNotifier
from pawsonalize.wings.notifications.sns import SnsNotifier
from pawsonalize.wings.notifications.webhook import WebhookNotifier


def open_notifiers(settings: Settings) -> dict[str, Notifier]:
    """Return the notifiers that the settings ask for, by name; the log is always one of them."""
    own = settings.part(NotificationSettings)
    notifiers: dict[str, Notifier] = {"log": LogNotifier()}
    if own.notify_smtp_url or own.notify_email_to:
        addresses = [address.strip() for address in own.notify_email_to.split(",")]
        notifiers["email"] = SmtpNotifier(
            own.notify_smtp_url,
            own.notify_email_from,
            list(filter(None, addresses)),
        )
    if own.notify_webhook_url or own.notify_webhook_secret:
        notifiers["webhook"] = WebhookNotifier(
            own.notify_webhook_url,
            own.notify_webhook_secret,
            clock.now,
        )
    if own.notify_sns_topic:
        notifiers["sns"] = SnsNotifier(own.notify_sns_topic)
    return notifiers


def couriers(settings: Settings, deliveries: Deliveries, leases: Leases) -> list[Courier]:
    """One for each notifier, so that none waits for another."""
    notifiers = open_notifiers(settings)
    return [Courier(deliveries, leases, name, notifier) for name, notifier in notifiers.items()]


def deliveries(
    settings: Settings, adapters: Adapters
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what delivers to each notifier, with its name."""
    for courier in couriers(settings, adapters.deliveries, adapters.leases):
        yield f"deliver due {courier.name}", courier.deliver_due


def upkeep(
    settings: Settings, adapters: Adapters, _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what deletes old notifications."""
    yield "delete old notifications", partial(_forget_old, settings, adapters)


def _forget_old(settings: Settings, adapters: Adapters, now: int) -> None:
    if days := settings.part(NotificationSettings).delivery_days:
        adapters.deliveries.forget(now - days * DAY)


USABLE = (open_notifiers,)
