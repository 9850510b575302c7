"""Solutions and their versions as the console shows them: what is served, and how good it is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from pawsonalize import clock
from pawsonalize.domain.calibration import Calibration, describe_off, find_off
from pawsonalize.domain.plays import NO_PLAY, Plays, describe_boards
from pawsonalize.domain.times import DAY, HOUR, MINUTE, iso, parse_moment
from pawsonalize.engine.training.retraining.runs import Runs
from pawsonalize.http.json import report_of
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.registry import Registry, resource_page
from pawsonalize.kinds.resource import first_recommendation_id
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.pages.happenings import find_happenings
from pawsonalize.pages.views import ViewQuery
from pawsonalize.settings import Settings
from pawsonalize.storage.database import Database
from pawsonalize.storage.events.impressions import Impressions
from pawsonalize.ui.words import day
from pawsonalize.wings.console.charts import ChartMark, LineChart, marks_of
from pawsonalize.wings.console.runs import RunReport, RunSummary, run_report, summary_of

_SOLUTIONS_AT_ONCE = 25
USUAL_TIME = "90d"
_RUNS = 100  # looked at: a quarter of nights
_VERSIONS = 30
_SERVED_DAYS = 14
_ANSWERS = 50  # of each hour are looked at, of whatever campaign


_DETAILED = 6  # campaigns whose rules a retraining's page has; the others are a click away
_FATES = {"failed": 0, "not-promoted": 1, "promoted": 2, "open": 3}
# Metrics of the table. The gate decides by another NDCG@5, on newer events than the model knows:
# that has the plain name.
_MEASURES = (
    ("normalized_discounted_cumulative_gain_at_5", "User-split NDCG@5"),
    ("normalized_discounted_cumulative_gain_at_10", "User-split NDCG@10"),
    ("mean_reciprocal_rank_at_25", "MRR@25"),
    ("precision_at_5", "Precision@5"),
    ("coverage", "Coverage"),
)


class CampaignState(msgspec.Struct, frozen=True, rename="camel"):
    """A campaign of a solution: what it serves, and where a rollback would lead.

    `coming` is the version of an update that is not served yet; `failure` says why the newest
    update was not. `revision` changes with every update.
    """

    name: str
    serves: str | None
    previous: str | None
    coming: str | None
    failure: str | None
    follows_latest: bool
    revision: int


class GatePoint(msgspec.Struct, frozen=True, rename="camel"):
    """Measurements of the gate in one retraining, on the same held-out visitors.

    NDCG@5 of the new version, of popularity, of the best simple baseline, and of what was live;
    null if not measured.
    """

    run_id: str
    at: str
    campaign: str
    solution_version: str | None
    fate: str
    ndcg_at5: float | None
    popularity_ndcg_at5: float | None
    baseline_ndcg_at5: float | None
    live_ndcg_at5: float | None


class VersionReport(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A solution version, and when it answered.

    `answered_from` and `answered_to` are of the last 14 days, to the hour; null where it did not.
    `gate` is its retraining's, null where it was trained in none of the newest. `remote` is what
    Amazon Personalize calls it, if that trained it and answers. `off` says where the model of
    choices is off on held-out pages, whose counts are `calibration`. `boards` says what it would
    bring if everybody answered a board, by the `plays`, or why nothing was played.
    """

    name: str
    status: str
    created_at: str
    as_of: str
    mode: str
    events: int
    metrics: Mapping[str, float]
    unmeasured: str
    calibration: Calibration
    off: list[str]
    plays: Plays
    boards: str
    progress: str
    failure: str | None
    served_by: tuple[str, ...]
    answered_from: str | None
    answered_to: str | None
    gate: GatePoint | None
    remote: str | None


class SolutionSummary(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A solution, what serves it, and its newest measurement."""

    name: str
    dataset_group: str
    recipe: str
    campaigns: tuple[CampaignState, ...]
    newest_version: str | None
    newest_status: str | None
    gate: GatePoint | None


class SolutionReport(SolutionSummary, frozen=True, rename="camel", kw_only=True):
    """All of one solution: its newest versions and measurements, the newest first."""

    settings: Mapping[str, Any]
    versions: tuple[VersionReport, ...]
    measured: tuple[GatePoint, ...]


class ModelsReport(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Solutions, newest first, and the newest retrainings.

    `nextCursor` fetches the next solutions and is null on the last page.
    """

    at: str
    retrain_schedule: str
    """When retrainings begin by themselves, as cron writes it; empty: never."""
    time_zone: str
    running: RunSummary | None
    solutions: tuple[SolutionSummary, ...]
    next_cursor: str | None
    runs: tuple[RunSummary, ...]


class ModelReports:
    """Makes the reports."""

    def __init__(self, settings: Settings, registry: Registry, reads: Database, runs: Runs) -> None:
        self._settings = settings
        self._registry = registry
        self._impressions = Impressions(reads)
        self._runs = runs
        # Each takes hundreds of look-ups.
        self._answered = CachedLookup(self._look_when_answered, clock.passed, MINUTE)

    def models(self, cursor: str | None, now: int) -> ModelsReport:
        """Return a page of solutions, and the newest retrainings."""
        found = resource_page(self._registry, Solution, _SOLUTIONS_AT_ONCE, cursor=cursor)
        points = self._points(now)
        runs = [summary_of(run_report(one, now)) for one in self._runs.newest(_RUNS)]
        return ModelsReport(
            at=iso(now),
            retrain_schedule=self._settings.retrain_schedule.strip(),
            time_zone=self._settings.retrain_time_zone,
            running=next((one for one in runs if one.is_running), None),
            solutions=tuple(self._summary(one, points) for one in found.resources),
            next_cursor=found.next_cursor,
            runs=tuple(runs),
        )

    def solution(self, name: str, now: int) -> SolutionReport:
        """Return the report of a solution; NotFound if there is none of that name."""
        solution = self._registry.get(Solution, name)
        points = self._points(now)
        summary = self._summary(solution, points)
        answered = self._answered.find(None)
        measured = tuple(point for of, point in points if of == name)
        by_version = {point.solution_version: point for point in reversed(measured)}
        versions = self._registry.page(SolutionVersion, _VERSIONS, parent=name)
        return SolutionReport(
            **msgspec.structs.asdict(summary),
            settings=solution.settings,
            versions=tuple(
                _version(one, summary.campaigns, answered.get(one.name), by_version.get(one.name))
                for one in versions
            ),
            measured=measured,
        )

    def _summary(
        self, solution: Solution, points: Sequence[tuple[str, GatePoint]]
    ) -> SolutionSummary:
        campaigns = self._registry.listed(Campaign, parent=solution.name)
        newest = next(iter(self._registry.page(SolutionVersion, 1, parent=solution.name)), None)
        return report_of(
            SolutionSummary,
            solution,
            campaigns=tuple(sorted(map(_state, campaigns), key=lambda one: one.name)),
            newest_version=None if newest is None else newest.name,
            newest_status=None if newest is None else newest.status,
            gate=next((point for of, point in points if of == solution.name), None),
        )

    def _points(self, now: int) -> list[tuple[str, GatePoint]]:
        """Return the measurements of the gate, each with its solution, newest first."""
        return [
            (half.solution, report_of(GatePoint, half, run_id=run.run_id, at=run.started_at))
            for run in (run_report(one, now) for one in self._runs.newest(_RUNS))
            for half in run.campaigns
            if half.ndcg_at5 is not None
        ]

    def _look_when_answered(self, _: None) -> dict[str, tuple[int, int]]:
        """Return the span in which each version answered, by a few answers of each hour."""
        now = clock.now()
        hours = range(now - _SERVED_DAYS * DAY, now + HOUR, HOUR)
        ids = [first_recommendation_id(hour) for hour in hours]
        spans: dict[str, tuple[int, int]] = {}
        for at, version in self._impressions.versions_after(ids, _ANSWERS):
            first, last = spans.get(version, (at, at))
            spans[version] = (min(first, at), max(last, at))
        return spans


def _state(campaign: Campaign) -> CampaignState:
    update = campaign.latest_update
    return report_of(
        CampaignState,
        campaign,
        serves=campaign.solution_version,
        previous=campaign.previous_version,
        coming=None if campaign.pending is None else campaign.pending.solution_version,
        failure=None if update is None else update.failure_reason,
    )


def _version(
    version: SolutionVersion,
    campaigns: Iterable[CampaignState],
    answered: tuple[int, int] | None,
    gate: GatePoint | None,
) -> VersionReport:
    progress = version.progress
    return report_of(
        VersionReport,
        version,
        off=describe_off(find_off(version.calibration)),
        boards=describe_boards(version.plays) or (NO_PLAY if version.calibration else ""),
        progress="" if progress is None else progress.text,
        failure=version.failure_reason,
        served_by=tuple(one.name for one in campaigns if one.serves == version.name),
        answered_from=None if answered is None else iso(answered[0]),
        answered_to=None if answered is None else iso(answered[1]),
        gate=gate,
    )


def solution_content(query: ViewQuery, found: SolutionReport) -> dict[str, object]:
    """Return the charts of what the gate measured in a time, and the metrics of the table."""
    period = query.period(USUAL_TIME)
    measured = [one for one in found.measured if period.holds(one.at)]
    happened = find_happenings(query, period)
    return {
        "charts": _gate_charts(measured, marks_of(happened)),
        "measures": _MEASURES,
        "happened": happened,
    }


def run_content(query: ViewQuery, found: RunReport) -> dict[str, object]:
    """Return the campaigns in two parts: those with their rules, and others by name."""
    wanted = query.parameters.get("campaign")
    ranked = sorted(
        found.campaigns, key=lambda one: (one.campaign != wanted, _FATES.get(one.fate, 9))
    )
    return {"detailed": ranked[:_DETAILED], "others": ranked[_DETAILED:]}


def models_content(query: ViewQuery, found: ModelsReport) -> dict[str, object]:
    """Return the retrainings of a time."""
    period = query.period(USUAL_TIME)
    return {"runs": [one for one in found.runs if period.holds(one.started_at)]}


def _gate_charts(measured: Sequence[GatePoint], marks: tuple[ChartMark, ...]) -> list[LineChart]:
    fields = {
        "new version": "ndcg_at5",
        "live version": "live_ndcg_at5",
        "best simple baseline": "baseline_ndcg_at5",
    }
    charts = []
    for campaign in dict.fromkeys(point.campaign for point in measured):
        points = [point for point in reversed(measured) if point.campaign == campaign]
        heads = [day(point.at) for point in points]
        moments = tuple(float(parse_moment(point.at, "at")) for point in points)
        title = f"NDCG@5 of {campaign}, measured by the gate"
        more: dict[str, Any] = {"places": moments, "is_time": True, "marks": marks}
        charts.append(LineChart.of(title, heads, points, fields, form="{:.3f}", **more))
    return charts
