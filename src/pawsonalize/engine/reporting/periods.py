"""Outcomes over time: what came of what was shown, in equal parts of a report's time."""

from bisect import bisect_right
from collections import Counter

import msgspec

from pawsonalize.domain.times import iso
from pawsonalize.engine.reporting.outcomes import OutcomeKind
from pawsonalize.engine.reporting.outcomes_report import OutcomesOrder, Season
from pawsonalize.engine.reporting.report import stays_of


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


def periods_of(season: Season, order: OutcomesOrder, parts: int) -> list[OutcomesPeriod]:
    """So many equal parts of the time; none for 0."""
    if not parts:
        return []
    step = (order.until - order.since) / parts
    bounds = [order.since + round(step * part) for part in range(parts + 1)]
    counts = [Counter[OutcomeKind]() for _ in range(parts)]
    for one in season.outcomes:
        counts[min(bisect_right(bounds, one.at), parts) - 1][one.kind] += 1
    periods = []
    for since, until, count in zip(bounds, bounds[1:], counts, strict=False):
        arrived = [wait for wait in season.waits if since <= wait.since < until]
        rmst90 = stays_of(arrived).rmst90
        periods.append(
            OutcomesPeriod(
                since=iso(since),
                until=iso(until),
                inquiries=count[OutcomeKind.INQUIRY],
                applications=count[OutcomeKind.APPLICATION],
                adoptions=count[OutcomeKind.ADOPTION],
                returns=count[OutcomeKind.RETURN],
                arrivals=len(arrived),
                waiting=sum(wait.since < until <= wait.until for wait in season.waits),
                rmst90=None if rmst90 is None else rmst90.mean,
            )
        )
    return periods
