"""Outcomes on the console: the report of a time, in all and over time, with its charts."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

import msgspec

from pawsonalize.app.pages.happenings import find_happenings
from pawsonalize.app.pages.period import PagePeriod
from pawsonalize.app.pages.views import ViewQuery
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.times import MINUTE, iso, parse_moment
from pawsonalize.plugins.console.charts import ChartLine, ChartMark, LineChart, marks_of
from pawsonalize.reports.outcomes_process import OutcomesPeriod, OutcomesProcesses
from pawsonalize.reports.outcomes_report import OutcomesOrder
from pawsonalize.reports.report import Curve, Line, OutcomesReport, Stays
from pawsonalize.site.words import day

_KEPT = 10 * MINUTE
_PARTS = 12
_VERSIONS_LISTED = 20  # the newest; curves are drawn of the first four with arrivals
_CURVES = 4
_FEW_ARRIVALS = 10
_STEPS = 30  # at which a curve is drawn


class OutcomesOverTime(msgspec.Struct, frozen=True, rename="camel"):
    """The outcomes of a time of so many `days`, made at the moment `at`; in all and in parts."""

    at: str
    dataset_group: str
    days: int
    report: OutcomesReport
    periods: tuple[OutcomesPeriod, ...]


class NamedStays(msgspec.Struct, frozen=True):
    """Stays of some arrivals, as a row of a table."""

    name: str
    stays: Stays | None


class OutcomeReports:
    """Makes the reports, each at most every ten minutes: one reads the whole time that it is of."""

    def __init__(self, processes: OutcomesProcesses, now: Callable[[], int]) -> None:
        self._processes = processes
        self._now = now
        self._kept = CachedLookup(self._make, now, _KEPT)

    def outcomes(self, dataset_group: str, period: PagePeriod) -> OutcomesOverTime:
        """Return those of a time."""
        # The newest days are one report while it is kept, though they end a moment later.
        wanted = PagePeriod(0, 0, period.name) if period.name else period
        return self._kept.find((dataset_group, wanted))

    def _make(self, key: tuple[str, PagePeriod]) -> OutcomesOverTime:
        (dataset_group, wanted), now = key, self._now()
        period = PagePeriod.of({}, now, wanted.name) if wanted.name else wanted
        order = OutcomesOrder(period.since, min(period.until, now))
        made = self._processes.make(dataset_group, order, _PARTS)
        return OutcomesOverTime(iso(now), dataset_group, period.days, made.report, made.periods)


def outcomes_content(query: ViewQuery, found: OutcomesOverTime) -> dict[str, object]:
    """Return the newest versions and the charts."""
    report = found.report
    versions = sorted(report.versions, key=lambda line: line.name, reverse=True)
    waiting = {"all arrivals": report.curve, "the hardest fifth": report.hardest_curve}
    curves = [
        (line.name, line.curve)
        for line in versions
        if line.curve is not None
        and line.stays is not None
        and line.stays.arrivals >= _FEW_ARRIVALS
    ]
    newest = dict(curves[:_CURVES])
    happened = find_happenings(query, query.period("180d"))
    return {
        "happened": happened,
        "versions": versions[:_VERSIONS_LISTED],
        "stays": _named_stays(report.total, versions),
        "waiting": _survival("Share still waiting, by days since arrival", waiting),
        "by_version": _survival("Share still waiting, by version", newest) if newest else None,
        "over_time": _over_time(found.periods, marks_of(happened)),
    }


def _named_stays(total: Line, versions: Sequence[Line]) -> list[NamedStays]:
    rows = [NamedStays("All", total.stays), NamedStays("The hardest fifth", total.hardest_fifth)]
    answered = (one for one in versions if one.stays is not None and one.stays.arrivals)
    return rows + [NamedStays(f"While {one.name} answered", one.stays) for one in answered]


def _survival(title: str, curves: dict[str, Curve]) -> LineChart:
    """Return curves as steps, at places that are even in days."""
    longest = max((curve.days[-1] for curve in curves.values() if curve.days), default=0.0)
    places = tuple(longest * step / _STEPS for step in range(_STEPS + 1))
    return LineChart(
        title,
        tuple(f"{place:,.0f} days" for place in places),
        tuple(
            ChartLine(name, tuple(_at(curve, place) for place in places))
            for name, curve in curves.items()
        ),
        form="{:.0%}",
        places=places,
        unit=" days",
        is_stepped=True,
        top=1.0,
        place_name="After",
    )


def _at(curve: Curve, days: float) -> float | None:
    if not curve.days or days > curve.days[-1]:
        return None
    place = bisect_right(curve.days, days)
    return curve.share[place - 1] if place else 1.0


def _over_time(parts: Sequence[OutcomesPeriod], marks: tuple[ChartMark, ...]) -> list[LineChart]:
    heads = [day(one.since) for one in parts]
    events = {one: one for one in ("adoptions", "applications", "inquiries", "returns")}
    animals = {"arrivals": "arrivals", "waiting at the end": "waiting"}
    moments = tuple(float(parse_moment(one.since, "since")) for one in parts)
    shared: dict[str, object] = {"places": moments, "is_time": True, "marks": marks}
    whole = {**shared, "form": "{:,.0f}", "place_name": "From"}
    return [
        LineChart.of("Adoptions and what led to them", heads, parts, events, **whole),
        LineChart.of("Arrivals, and animals that wait", heads, parts, animals, **whole),
        LineChart.of(
            "Mean wait of arrivals, at most 90 days",
            heads,
            parts,
            {"days": "rmst90"},
            **{**whole, "form": "{:,.1f}"},
            nothing="Known of arrivals that were followed for 90 days: look at 180 days or more.",
        ),
    ]
