"""The check of a site's page on the console."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.pages.shell import Link
from pawsonalize.pages.views import View, ViewQuery
from pawsonalize.settings import Settings
from pawsonalize.wings.integration.checking import check_site, only_named
from pawsonalize.wings.integration.visiting import SiteFinding

if TYPE_CHECKING:
    from pawsonalize.access.services import Services

_HERE, _SETTINGS = "/console/settings/integration", "/console/settings"
SiteChecks = Callable[[str, int], list[SiteFinding]]


def started(settings: Settings, adapters: Adapters, _services: "Services") -> SiteChecks:
    """Return the check that pages make."""
    return partial(_check, adapters, settings.host_names)


def _check(adapters: Adapters, hosts: frozenset[str], url: str, now: int) -> list[SiteFinding]:
    try:
        return list(check_site(adapters, url, now, only_named(adapters, hosts)))
    except InvalidInput as error:
        return [SiteFinding("error", str(error))]


def site_report(query: ViewQuery) -> list[SiteFinding]:
    """Check the page that the form names."""
    check: SiteChecks = query.wings["integration"]
    return check(query.text("url"), query.now)


PAGES = (
    Link("Integration", _HERE, tab_of=_SETTINGS, place=3),
    View(
        page=_HERE,
        template="integration/integration.html",
        read=site_report,
        needs=("url",),
        takes_long=True,  # a site may be slow, and no other page waits for it
    ),
)
