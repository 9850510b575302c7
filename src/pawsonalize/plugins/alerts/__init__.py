"""Alerts: visitors who wish it are told of an animal that they would love."""

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from pawsonalize.app.ports import NOTIFIERS
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.plugin import Plugin
from pawsonalize.operations.settings import Days

if TYPE_CHECKING:
    from pawsonalize.app.settings import Settings


class AlertSettings(msgspec.Struct, frozen=True):
    """Alerts: messages to visitors who wish to be told of animals."""

    alerts: bool = False
    """Once a day, tell visitors who wish it of animals that they would love: by the site's webhook,
    and where e-mail is set up by mail to addresses that visitors confirmed."""
    alerts_url: str = ""
    """Address by which visitors reach this service, such as `https://pets.example.org`: each alert
    has a link there that stops all further ones. Empty: `public_url`."""
    alerts_per_animal: Annotated[int, Meta(ge=1, le=1_000)] = 15
    """Visitors who are told of one animal within seven days, at most; for saved searches, more."""
    alerts_per_visitor_week: Annotated[int, Meta(ge=1, le=50)] = 2
    """Alerts that one visitor gets within seven days, at most."""
    alert_days: Days = 365
    """For so many days, and seven at least, it is kept who was told of which animal; 0: for ever.
    Meanwhile nobody is told of the same one again."""


def channels_of(settings: "Settings") -> tuple[str, ...]:
    """Return the notifiers that take alerts to users without an address of their own here.

    The site's webhook; in the demo the operator's e-mail too, which elsewhere reaches no visitor.
    """
    wanted = ("webhook", "email") if settings.is_demo else ("webhook",)
    known = NOTIFIERS(settings) or ()
    return tuple(one for one in wanted if one in known)


def address_of(settings: "Settings") -> str:
    """Return the address by which visitors reach this service, without a slash at its end."""
    return (settings.part(AlertSettings).alerts_url or settings.public_url).rstrip("/")


def mails_visitors(settings: "Settings") -> bool:
    """True if visitors of the adoption site can have alerts sent to an address of e-mail."""
    is_wished = settings.part(AlertSettings).alerts and settings.serves_site
    return is_wished and "email" in (NOTIFIERS(settings) or ())


def check_alerts(settings: "Settings") -> None:
    """Raise InvalidInput where alerts would reach nobody, or could not be stopped."""
    own = settings.part(AlertSettings)
    if not own.alerts:
        return
    if not address_of(settings).startswith(("http://", "https://")):
        raise InvalidInput(
            "alerts need the address of this service for their links: set public_url, such as"
            " https://pets.example.org, or alerts_url if visitors reach it elsewhere",
            field="alerts_url" if own.alerts_url else "public_url",
        )
    if not channels_of(settings) and not mails_visitors(settings):
        raise InvalidInput(
            "alerts need a way to visitors: by e-mail from the adoption site (set site,"
            " notify_smtp_url, notify_email_from and notify_email_to), or by your own site, which"
            " knows how to reach its users (set notify_webhook_url and notify_webhook_secret;"
            " docs/how-to/tell-visitors.md)",
            field="alerts",
        )


USABLE = (check_alerts,)
PLUGIN = Plugin(
    "alerts",
    settings=":AlertSettings",
    operations="pages:OPERATIONS",
    console_pages="pages:CONSOLE_PAGES",
    pages="pages:routes",
    usable=":USABLE",
    started="composition:started",
    tasks="composition:tasks",
    upkeep="composition:upkeep",
    visitor_rows="book:VISITOR_ROWS",
    ports="ports:PORTS",
)
