"""Inquiries: visitors write to the shelter about an animal, by a form or by a site's server."""

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from pawsonalize.app.ports import SITE_INQUIRIES
from pawsonalize.core.plugin import Plugin
from pawsonalize.operations.settings import Days

if TYPE_CHECKING:
    from pawsonalize.app.settings import Settings


class InquirySettings(msgspec.Struct, frozen=True):
    """Inquiries of visitors, which reach the shelter by the notifiers and on the console."""

    inquiries: bool = False
    """Take inquiries, by a form on the page of each animal of the adoption site and by `POST
    /v1/inquiries`. A demo always does."""
    inquiries_per_hour: Annotated[int, Meta(ge=1, le=10_000)] = 20
    """Inquiries that the form takes from one address within an hour; behind a proxy, set
    `trusted_proxies`."""
    inquiry_days: Days = 180
    """For so many days inquiries are kept, with the names and addresses in them; 0: for ever."""


def takes_inquiries(settings: "Settings") -> bool:
    """True if visitors can write to the shelter here."""
    return settings.is_demo or settings.part(InquirySettings).inquiries


def site_inquiries(settings: "Settings") -> str | None:
    """Return the template of the form on an animal's page; None where nobody reads what it says."""
    return "inquiries/form.html" if takes_inquiries(settings) else None


PORTS = (SITE_INQUIRIES.by(site_inquiries),)
PLUGIN = Plugin(
    "inquiries",
    settings=":InquirySettings",
    operations="endpoints:OPERATIONS",
    console_pages="pages:CONSOLE_PAGES",
    pages="pages:routes",
    started="taking:started",
    upkeep="taking:upkeep",
    visitor_rows="book:VISITOR_ROWS",
    ports=":PORTS",
)
