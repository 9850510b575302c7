"""What came of what was shown, as the console shows it: the report, and the same over time."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import DAY, MINUTE, iso
from pawsonalize.engine.reporting.outcomes import Kind, told_outcomes, unreported
from pawsonalize.engine.reporting.outcomes_report import (
    OutcomesOrder,
    OutcomeSources,
    animals_of,
    report_outcomes,
)
from pawsonalize.engine.reporting.report import OutcomesReport, stays_of
from pawsonalize.engine.reporting.stays import waits_of
from pawsonalize.engine.resources.cached_lookup import CachedLookup

CHOICES = (30, 90, 180, 365)
"""Over so many days reports may be made."""
KEPT = 10 * MINUTE
_PARTS = 12


class OutcomesPeriod(msgspec.Struct, frozen=True, rename="camel"):
    """One part of the time: outcomes in it, arrivals in it, and animals that waited at its end.

    `rmst90` is the mean of min(wait, 90 days) over its arrivals, in days; null until one of them
    was followed for 90 days.
    """

    since: str
    until: str
    inquiries: int
    applications: int
    adoptions: int
    returns: int
    arrivals: int
    waiting: int
    rmst90: float | None


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

    sources: OutcomeSources
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
        sources = self.sources.of(dataset_group)
        report = report_outcomes(sources, order)
        periods = tuple(_periods(sources, order))
        return OutcomesOverTime(iso(now), dataset_group, days, report, periods)


def _periods(sources: OutcomeSources, order: OutcomesOrder) -> list[OutcomesPeriod]:
    animals = animals_of(sources)
    outcomes = told_outcomes(sources.outcomes, order.since, order.until)
    outcomes += unreported(animals, outcomes, order.since, order.until)
    waits = [wait for animal in animals for wait in waits_of(animal, order.until)]
    step = (order.until - order.since) / _PARTS
    bounds = [order.since + round(step * part) for part in range(_PARTS + 1)]
    counts = [Counter[Kind]() for _ in range(_PARTS)]
    for one in outcomes:
        counts[min(bisect_right(bounds, one.at), _PARTS) - 1][one.kind] += 1
    periods = []
    for since, until, count in zip(bounds, bounds[1:], counts, strict=False):
        arrived = [wait for wait in waits if since <= wait.since < until]
        rmst90 = stays_of(arrived).rmst90
        periods.append(
            OutcomesPeriod(
                since=iso(since),
                until=iso(until),
                inquiries=count[Kind.INQUIRY],
                applications=count[Kind.APPLICATION],
                adoptions=count[Kind.ADOPTION],
                returns=count[Kind.RETURN],
                arrivals=len(arrived),
                waiting=sum(wait.since < until <= wait.until for wait in waits),
                rmst90=None if rmst90 is None else rmst90.mean,
            )
        )
    return periods
