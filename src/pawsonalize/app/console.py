"""The console's views, over the adapters."""

from collections.abc import Mapping

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.console_parts import (
    event_views,
    inventory_views,
    service_views,
    visitor_views,
)
from pawsonalize.app.tenants import tenant_reports
from pawsonalize.engine.reporting.console.views import ConsoleViews
from pawsonalize.engine.resources.servers import Servers
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.settings import Settings


def console_views(
    settings: Settings,
    adapters: Adapters,
    runtime: Runtime,
    individuals: Individuals,
    servers: Servers,
    sources: Mapping[str, str],
) -> ConsoleViews:
    """What the console shows; `sources` says where settings were written."""
    return ConsoleViews(
        tenants=tenant_reports(settings, adapters),
        inventory=inventory_views(settings, adapters),
        visitors=visitor_views(settings, adapters, runtime, individuals),
        events=event_views(settings, adapters),
        service=service_views(settings, adapters, servers, sources),
    )
