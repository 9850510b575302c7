"""Who is notified, as the settings say."""

from pawsonalize import clock
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
    """The notifiers that the settings ask for, by name; the log is always one of them."""
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
