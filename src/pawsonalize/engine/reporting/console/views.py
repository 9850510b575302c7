"""Everything that the console shows; a page and its JSON ask the same."""

from dataclasses import dataclass

from pawsonalize.engine.reporting.tenants import TenantReports


@dataclass(frozen=True, slots=True)
class ConsoleViews:
    """The views, each made of the engine's parts."""

    tenants: TenantReports
