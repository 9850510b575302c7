"""The console's views, over the adapters."""

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.tenants import tenant_reports
from pawsonalize.engine.reporting.console.views import ConsoleViews
from pawsonalize.settings import Settings


def console_views(settings: Settings, adapters: Adapters) -> ConsoleViews:
    """What the console shows."""
    return ConsoleViews(tenants=tenant_reports(settings, adapters))
