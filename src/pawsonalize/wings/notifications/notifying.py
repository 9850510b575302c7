"""Who is notified, as the settings say."""

from pawsonalize import clock
from pawsonalize.settings import Settings
from pawsonalize.wings.notifications.base import Notifier
from pawsonalize.wings.notifications.courier import Courier
from pawsonalize.wings.notifications.deliveries import Deliveries
from pawsonalize.wings.notifications.log import LogNotifier
from pawsonalize.wings.notifications.smtp import SmtpNotifier
from pawsonalize.wings.notifications.sns import SnsNotifier
from pawsonalize.wings.notifications.webhook import WebhookNotifier


def open_notifiers(settings: Settings) -> dict[str, Notifier]:
    """The notifiers that the settings ask for, by name; the log is always one of them."""
    notifiers: dict[str, Notifier] = {"log": LogNotifier()}
    if settings.notify_smtp_url or settings.notify_email_to:
        addresses = [address.strip() for address in settings.notify_email_to.split(",")]
        notifiers["email"] = SmtpNotifier(
            settings.notify_smtp_url, settings.notify_email_from, list(filter(None, addresses))
        )
    if settings.notify_webhook_url or settings.notify_webhook_secret:
        notifiers["webhook"] = WebhookNotifier(
            settings.notify_webhook_url, settings.notify_webhook_secret, clock.now
        )
    if settings.notify_sns_topic:
        notifiers["sns"] = SnsNotifier(settings.notify_sns_topic)
    return notifiers


def couriers(settings: Settings, deliveries: Deliveries) -> list[Courier]:
    """One for each notifier, so that none waits for another."""
    notifiers = open_notifiers(settings)
    return [Courier(deliveries, name, notifier) for name, notifier in notifiers.items()]
