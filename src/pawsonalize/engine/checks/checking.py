"""All checks of the data, before anything is trained on them."""

from pawsonalize.engine.checks.finding import Finding, Severity
from pawsonalize.engine.checks.settings import CheckSettings
from pawsonalize.recipes.contract import TrainingData

_DEFAULT = CheckSettings()


def check_data(data: TrainingData, settings: CheckSettings = _DEFAULT) -> list[Finding]:
    """Everything that is wrong with the data; blocking findings first."""
    found = []
    if len(data) < settings.min_events:
        found.append(
            Finding(
                "few_events",
                Severity.BLOCKING,
                f"{len(data)} events, at least {settings.min_events} are needed",
                {"events": len(data), "needed": settings.min_events},
                "import or send more events, or set check_min_events lower",
            )
        )
    return found
