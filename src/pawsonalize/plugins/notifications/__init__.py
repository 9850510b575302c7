"""Messages to people: by log, e-mail, webhook or Amazon SNS."""

import msgspec

from pawsonalize.core.config import Secret
from pawsonalize.core.plugin import Plugin
from pawsonalize.operations.settings import Days


class NotificationSettings(msgspec.Struct, frozen=True):
    """Recipients of notifications, and the means by which they get them."""

    notify_email_to: str = ""
    """Addresses to notify by e-mail, with commas between."""
    notify_email_from: str = ""
    """The sender's address."""
    notify_smtp_url: Secret = Secret("")
    """`smtps://user:password@host`, `smtp+starttls://…` or, on this machine, `smtp://localhost`."""
    notify_webhook_url: Secret = Secret("")
    """The address to post notifications to, as signed JSON."""
    notify_webhook_secret: Secret = Secret("")
    """The key that signs them: base64 of at least 24 random bytes."""
    notify_sns_topic: str = ""
    """The Amazon SNS topic to publish them to, `arn:aws:sns:…`; needs the extra `aws`."""
    notify_own_network: bool = False
    """Let destinations that are added on the console be addresses of this service's own network
    too, such as `http://n8n:5678/hook`."""
    delivery_days: Days = 90
    """Notifications that were delivered or given up are kept for so many days; 0: for ever."""


PLUGIN = Plugin(
    "notifications",
    settings=":NotificationSettings",
    commands="commands:COMMANDS",
    checks="delivery:CHECKS",
    console_pages="pages:PAGES",
    operations="pages:OPERATIONS",
    usable="delivery:USABLE",
    started="delivery:started",
    tasks="delivery:tasks",
    upkeep="delivery:upkeep",
    ports="ports:PORTS",
)
