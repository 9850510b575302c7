"""What the adoption site shows of alerts."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import SITE_ALERTS
from pawsonalize.plugins.alerts import AlertSettings

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.site.storefront import ReadAlerts


def site_alerts(adapters: "Adapters") -> "ReadAlerts | None":
    """Return what reads the alerts of a visitor for pages; None where nobody is told."""
    from pawsonalize.plugins.alerts import pages

    return pages.site_alerts(adapters) if adapters.settings.part(AlertSettings).alerts else None


PORTS = (SITE_ALERTS.by(site_alerts),)
