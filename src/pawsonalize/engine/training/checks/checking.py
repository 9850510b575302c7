"""All checks of the data, before anything is trained on them."""

from itertools import chain

from pawsonalize.engine.training.checks.bots import bots
from pawsonalize.engine.training.checks.description import description
from pawsonalize.engine.training.checks.dominance import dominance
from pawsonalize.engine.training.checks.finding import Finding, Severity
from pawsonalize.engine.training.checks.settings import CheckSettings
from pawsonalize.engine.training.checks.times import ahead, times
from pawsonalize.engine.training.checks.volume import volume
from pawsonalize.recipes.contract import TrainingData
from pawsonalize.storage.base import EventLog

_CHECKS = (volume, times, dominance, bots, description)
_DEFAULT = CheckSettings()


def check_data(
    data: TrainingData, settings: CheckSettings = _DEFAULT, later: int = 0
) -> list[Finding]:
    """Everything that is wrong with the data; blocking findings first.

    `later` is how many events of the log were left out because they are later than `data.as_of`.
    """
    found = chain(ahead(data, later), *(check(data, settings) for check in _CHECKS))
    return sorted(found, key=lambda finding: finding.severity is not Severity.BLOCKING)


def later_events(log: EventLog, through: int, data: TrainingData) -> int:
    """How many events up to the offset `through` are later than the data, which has all others."""
    return sum(item.events for item in log.touched(0, through).values()) - len(data)
