"""The check of a site's page on the console."""

from collections.abc import Callable

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.pages.shell import Link
from pawsonalize.app.pages.views import View, ViewQuery
from pawsonalize.core.errors import InvalidInput
from pawsonalize.plugins.integration.checking import check_site, only_named
from pawsonalize.plugins.integration.visiting import SiteFinding

_HERE, _SETTINGS = "/console/settings/integration", "/console/settings"
SiteChecks = Callable[[str, int], list[SiteFinding]]


def started(adapters: Adapters, _services: object) -> SiteChecks:
    """Return the check that pages make."""

    def check(url: str, now: int) -> list[SiteFinding]:
        try:
            return list(
                check_site(adapters, url, now, only_named(adapters, adapters.settings.host_names))
            )
        except InvalidInput as error:
            return [SiteFinding("error", str(error))]

    return check


def site_report(query: ViewQuery) -> list[SiteFinding]:
    """Check the page that the form names."""
    check: SiteChecks = query.plugins["integration"]
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
