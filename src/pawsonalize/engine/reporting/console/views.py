"""Everything that the console shows; a page and its JSON ask the same."""

from dataclasses import dataclass

from pawsonalize.engine.reporting.console.models import ModelReports
from pawsonalize.engine.reporting.console.outcomes import OutcomeReports
from pawsonalize.engine.reporting.console.overview import OverviewReports
from pawsonalize.engine.reporting.console.runs import RunReports
from pawsonalize.engine.reporting.tenants import TenantReports


@dataclass(frozen=True, slots=True)
class ConsoleViews:
    """The views, each made of the engine's parts."""

    overview: OverviewReports
    runs: RunReports
    models: ModelReports
    outcomes: OutcomeReports
    tenants: TenantReports
