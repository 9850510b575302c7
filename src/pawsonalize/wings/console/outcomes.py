"""What came of what was shown, as the console shows it: the report, and the same over time."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import DAY, MINUTE, iso
from pawsonalize.engine.reporting.outcomes_process import OutcomesPeriod, OutcomesProcesses
from pawsonalize.engine.reporting.outcomes_report import OutcomesOrder
from pawsonalize.engine.reporting.report import Curve, Line, OutcomesReport
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.pages.views import ViewQuery
from pawsonalize.ui.words import day
from pawsonalize.wings.console.charts import ChartLine, LineChart

CHOICES = (30, 90, 180, 365)
"""Over so many days reports may be made."""
_KEPT = 10 * MINUTE
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
        kept = CachedLookup(self._made, self.now, _KEPT)
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


_VERSIONS_LISTED = (
    20  # the page lists the newest, and draws the curves of the first four with arrivals
)
_CURVES = 4
_FEW_ARRIVALS = 10
_STEPS = 30  # at which a curve is drawn


def outcomes_content(_query: ViewQuery, found: OutcomesOverTime) -> dict[str, object]:
    """Return the choices, the newest versions and the charts."""
    versions = sorted(found.report.versions, key=lambda line: line.name, reverse=True)
    return {
        "choices": CHOICES,
        "versions": versions[:_VERSIONS_LISTED],
        "waiting": _waiting(found),
        "by_version": _by_version(versions),
        "over_time": _over_time(found),
    }


def _waiting(found: OutcomesOverTime) -> LineChart:
    """The share still waiting, of all and of the hardest fifth."""
    curves = {"all arrivals": found.report.curve, "the hardest fifth": found.report.hardest_curve}
    return _survival("Share still waiting, by days since arrival", curves)


def _by_version(versions: list[Line]) -> LineChart | None:
    """The same of arrivals while each of the newest versions answered."""
    curves = {
        line.name: line.curve
        for line in versions
        if line.curve is not None
        and line.stays is not None
        and line.stays.arrivals >= _FEW_ARRIVALS
    }
    newest = dict(list(curves.items())[:_CURVES])
    return _survival("Share still waiting, by version", newest) if newest else None


def _survival(title: str, curves: dict[str, Curve]) -> LineChart:
    """Curves as steps, at places that are even in days."""
    longest = max((curve.days[-1] for curve in curves.values() if curve.days), default=0.0)
    places = [longest * step / _STEPS for step in range(_STEPS + 1)]
    return LineChart(
        title,
        tuple(f"{place:,.0f} days" for place in places),
        tuple(
            ChartLine(name, tuple(_at(curve, place) for place in places))
            for name, curve in curves.items()
        ),
        form="{:.0%}",
        places=tuple(places),
        is_stepped=True,
        top=1.0,
        place_name="After",
    )


def _at(curve: Curve, days: float) -> float | None:
    """The share still waiting after so many days; None beyond the curve."""
    if not curve.days or days > curve.days[-1]:
        return None
    place = bisect_right(curve.days, days)
    return curve.share[place - 1] if place else 1.0


def _over_time(found: OutcomesOverTime) -> list[LineChart]:
    parts = found.periods
    heads = tuple(f"{day(one.since)}" for one in parts)
    return [
        LineChart(
            "Adoptions and what led to them",
            heads,
            (
                ChartLine("adoptions", tuple(float(one.adoptions) for one in parts)),
                ChartLine("applications", tuple(float(one.applications) for one in parts)),
                ChartLine("inquiries", tuple(float(one.inquiries) for one in parts)),
                ChartLine("returns", tuple(float(one.returns) for one in parts)),
            ),
            form="{:,.0f}",
            place_name="From",
        ),
        LineChart(
            "Arrivals, and animals that wait",
            heads,
            (
                ChartLine("arrivals", tuple(float(one.arrivals) for one in parts)),
                ChartLine("waiting at the end", tuple(float(one.waiting) for one in parts)),
            ),
            form="{:,.0f}",
            place_name="From",
        ),
        LineChart(
            "Mean wait of arrivals, at most 90 days",
            heads,
            (ChartLine("days", tuple(one.rmst90 for one in parts)),),
            form="{:,.1f}",
            place_name="From",
            nothing="Known of arrivals that were followed for 90 days: look at 180 days or more.",
        ),
    ]
