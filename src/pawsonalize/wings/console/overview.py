"""The first page of the console: is all well, what was learned last night, what needs attention."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from pawsonalize.domain.times import SECOND, iso, parse_moment
from pawsonalize.pages.views import ViewQuery
from pawsonalize.wings.console.charts import ChartLine, LineChart
from pawsonalize.wings.console.runs import RunReports, RunSummary, summary_of
from pawsonalize.wings.console.traffic import Traffic, TrafficHistory

_LOOKED_AT = 2  # runs: one at most goes on, so the newest that has ended is among them

_FINDINGS = 100


class ServiceHealth(StrEnum):
    """How the service is."""

    GOOD = "good"
    ATTENTION = "attention"
    """It works, and something is wrong beside."""
    DOWN = "down"
    """It cannot answer, or take events in."""


class ConsoleFinding(msgspec.Struct, frozen=True, rename="camel"):
    """Something that needs attention; `next_move` is empty where the message says it."""

    about: str
    message: str
    next_move: str = ""


class Freshness(msgspec.Struct, frozen=True, rename="camel"):
    """How old something is; both null where there is none."""

    name: str
    at: str | None
    age_seconds: float | None


class DiskReport(msgspec.Struct, frozen=True, rename="camel"):
    """The room that is left.

    A day adds `per_day_bytes`, null before that is known. It is enough for `days_left`, null where
    that is not known, or more than ten years.
    """

    free_bytes: int
    total_bytes: int
    per_day_bytes: float | None
    days_left: int | None


class CampaignFreshness(msgspec.Struct, frozen=True, rename="camel"):
    """A campaign and the version that it serves, null while it serves none.

    `as_of` is when its model was trained, `refreshed_at` as of when its counts know the log.
    """

    campaign: str
    dataset_group: str
    recipe: str
    solution_version: str | None
    as_of: str | None
    refreshed_at: str | None


class Overview(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How the service is, at the moment `at`."""

    at: str
    health: ServiceHealth
    headline: str
    """How it is, in one sentence."""
    verdict: RunSummary | None
    """The newest retraining that has ended."""
    running: RunSummary | None
    """The one that goes on."""
    attention: tuple[ConsoleFinding, ...]
    """Of very many, the first hundred."""
    freshness: tuple[Freshness, ...]
    """The newest event, the newest refresh of counts, and the newest model that is served."""
    campaigns: tuple[CampaignFreshness, ...]
    """Those of the default dataset group, then others; of very many, the first fifty."""
    traffic: Traffic
    disk: DiskReport


@dataclass(frozen=True, slots=True)
class OverviewReports:
    """Makes overviews, out of what each part of the service knows."""

    why_not_writable: Callable[[], str | None]
    """Why nothing can be stored; None while it can."""
    why_no_answers: Callable[[], str | None]
    """Why nothing is answered; None while something is."""
    findings: Callable[[], Sequence[ConsoleFinding]]
    newest_event_at: Callable[[], int | None]
    served: Callable[[], Iterable[CampaignFreshness]]
    disk: Callable[[], DiskReport]
    runs: RunReports
    history: TrafficHistory

    def overview(self, now: int) -> Overview:
        """How the service is now."""
        runs = self.runs.newest(_LOOKED_AT, now)
        served = tuple(self.served())
        attention = tuple(self.findings())
        down = [one for one in (self.why_not_writable(), self.why_no_answers()) if one]
        health = (
            ServiceHealth.DOWN
            if down
            else ServiceHealth.ATTENTION
            if attention
            else ServiceHealth.GOOD
        )
        return Overview(
            at=iso(now),
            health=health,
            headline=_headline(down, len(attention)),
            verdict=next((summary_of(one) for one in runs if not one.is_running), None),
            running=next((summary_of(one) for one in runs if one.is_running), None),
            attention=attention[:_FINDINGS],
            freshness=(
                _fresh("Newest event", self.newest_event_at(), now),
                _newest("Newest refresh of counts", (one.refreshed_at for one in served), now),
                _newest("Newest model served", (one.as_of for one in served), now),
            ),
            campaigns=served,
            traffic=self.history.traffic(now),
            disk=self.disk(),
        )


def _headline(down: Sequence[str], things: int) -> str:
    if down:
        return f"It does not work: {'; '.join(down)}."
    if not things:
        return "All is well."
    return "1 thing needs attention." if things == 1 else f"{things} things need attention."


def _newest(name: str, moments: Iterable[str | None], now: int) -> Freshness:
    known = [one for one in moments if one is not None]
    return _fresh(name, parse_moment(max(known), name) if known else None, now)


def _fresh(name: str, at: int | None, now: int) -> Freshness:
    if at is None:
        return Freshness(name, None, None)
    return Freshness(name, iso(at), max(now - at, 0) / SECOND)


def overview_content(_query: ViewQuery, found: Overview) -> dict[str, object]:
    """Return the charts of the traffic."""
    return {"charts": _traffic_charts(found.traffic)}


def _traffic_charts(traffic: Traffic) -> tuple[LineChart, ...]:
    points = traffic.points
    if not points:
        return ()
    heads = tuple(point.at[11:16] for point in points)
    return (
        LineChart(
            "Answers and events a second",
            heads,
            (
                ChartLine("answers", tuple(one.answers_per_second for one in points)),
                ChartLine("events", tuple(one.events_per_second for one in points)),
            ),
            form="{:,.1f}",
        ),
        LineChart(
            "Milliseconds to an answer",
            heads,
            (
                ChartLine("half within", tuple(one.p50_ms for one in points)),
                ChartLine("99% within", tuple(one.p99_ms for one in points)),
            ),
            form="{:,.1f}",
        ),
    )
