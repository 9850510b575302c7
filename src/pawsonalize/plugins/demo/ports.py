"""The adoption site of the made-up shelter."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import DEMO_SITE, SERVES_DEMO
from pawsonalize.plugins.demo import DemoSettings

if TYPE_CHECKING:
    from pawsonalize.app.app import App
    from pawsonalize.app.settings import Settings
    from pawsonalize.site.storefront import DemoSite


def serves_demo(settings: "Settings") -> bool | None:
    """True if the adoption site is the made-up shelter's."""
    return settings.part(DemoSettings).demo_site or None


def demo_site(app: "App") -> "DemoSite | None":
    """Return what the site adds; None where it is a shelter's own."""
    from pawsonalize.plugins.demo import site

    return site.demo_site(app) if app.settings.is_demo else None


PORTS = (SERVES_DEMO.by(serves_demo), DEMO_SITE.by(demo_site))
