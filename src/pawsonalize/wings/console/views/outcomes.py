"""What came of what was shown, as the console shows it: the report, and the same over time."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import DAY, MINUTE, iso
from pawsonalize.engine.reporting.outcomes_process import OutcomesPeriod, OutcomesProcesses
from pawsonalize.engine.reporting.outcomes_report import OutcomesOrder
from pawsonalize.engine.reporting.report import OutcomesReport
from pawsonalize.kinds.cached_lookup import CachedLookup

CHOICES = (30, 90, 180, 365)
"""Over so many days reports may be made."""
KEPT = 10 * MINUTE
_PARTS = 12


class OutcomesOverTime(msgspec.Struct, frozen=True, rename="camel"):
    """The outcomes of the last `days`, made at the moment `at`; in all and in twelve parts."""

    at: str
    dataset_group: str
    days: int
    report: OutcomesReport
    periods: tuple[OutcomesPeriod, ...]


@dataclass(frozen=True, slots=True)
class OutcomeReports:
    """Makes the reports, each at most every ten minutes: one reads the whole time asked for."""

    processes: OutcomesProcesses
    now: Callable[[], int]
    _kept: CachedLookup[tuple[str, int], OutcomesOverTime] = field(init=False)

    def __post_init__(self) -> None:
        kept = CachedLookup(self._made, self.now, KEPT)
        object.__setattr__(self, "_kept", kept)

    def outcomes(self, dataset_group: str, days: int) -> OutcomesOverTime:
        """Those of the last days; InvalidInput for a number that is none of the choices."""
        if days not in CHOICES:
            listed = ", ".join(map(str, CHOICES))
            raise InvalidInput(f"days must be one of {listed}", field="days")
        return self._kept.find((dataset_group, days))

    def _made(self, asked: tuple[str, int]) -> OutcomesOverTime:
        dataset_group, days = asked
        now = self.now()
        order = OutcomesOrder(now - days * DAY, now)
        made = self.processes.make(dataset_group, order, _PARTS)
        return OutcomesOverTime(iso(now), dataset_group, days, made.report, made.periods)
