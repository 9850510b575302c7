"""Everything that the console shows; a page and its JSON ask the same."""

from dataclasses import dataclass

from pawsonalize.wings.console.console_runs import RunReports
from pawsonalize.wings.console.views.animals import InventoryViews
from pawsonalize.wings.console.views.events import EventViews
from pawsonalize.wings.console.views.models import ModelReports
from pawsonalize.wings.console.views.outcomes import OutcomeReports
from pawsonalize.wings.console.views.overview import OverviewReports
from pawsonalize.wings.console.views.quality import QualityViews
from pawsonalize.wings.console.views.service import ServiceViews
from pawsonalize.wings.console.views.visitors import VisitorViews
from pawsonalize.wings.tenants.reports import TenantReports


@dataclass(frozen=True, slots=True)
class ConsoleViews:
    """The views, each made of the engine's parts."""

    overview: OverviewReports
    runs: RunReports
    models: ModelReports
    outcomes: OutcomeReports
    tenants: TenantReports
    inventory: InventoryViews
    visitors: VisitorViews
    events: EventViews
    quality: QualityViews
    service: ServiceViews
