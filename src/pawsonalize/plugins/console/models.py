"""Solutions, versions and retrainings on the console: what is served, how good it is, and why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from pawsonalize.app.pages.happenings import find_happenings
from pawsonalize.app.pages.views import ViewQuery
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.database.database import Database
from pawsonalize.core.http.json import report_of
from pawsonalize.core.times import DAY, HOUR, MINUTE, SECOND, iso, parse_moment
from pawsonalize.models.calibration import Calibration, describe_off, find_off
from pawsonalize.models.plays import NO_PLAY, Plays, describe_boards
from pawsonalize.plugins.console.charts import LineChart, marks_of
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.kind import first_recommendation_id
from pawsonalize.resources.registry import Registry, resource_page
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.site.words import day
from pawsonalize.train.retraining.runs import (
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Runs,
    Step,
    describe_finding,
    join_names,
    label,
)


class StepReport(msgspec.Struct, frozen=True, rename="camel"):
    """One step of a retraining, done, going on, or yet to come.

    `errors` are those after which it was tried again; times are null before they are known.
    """

    step: str
    title: str
    state: str
    """`done`, `running` or `to come`; `left out` in a run that ended before it."""
    began_at: str | None
    ended_at: str | None
    seconds: float | None
    """Duration, up to now if it goes on."""
    errors: tuple[str, ...] = ()


class RuleReport(msgspec.Struct, frozen=True):
    """A rule of the gate: its outcome, a sentence with its numbers, and the numbers alone."""

    rule: str
    outcome: str
    message: str
    numbers: Mapping[str, float]


class CampaignVerdict(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The fate of one campaign in a retraining, and the reason, with the numbers."""

    campaign: str
    fate: str
    reason: str


class CampaignReport(CampaignVerdict, frozen=True, rename="camel", kw_only=True):
    """The part of a retraining that is about one campaign.

    The NDCG@5 are of the same held-out visitors, null where they were not measured: that of the new
    version, of popularity, and of the version that was live; `baselines` has that of each simple
    baseline by its name, `baselineNdcgAt5` the best of them.
    """

    dataset_group: str
    solution: str
    solution_version: str | None
    live_version: str | None
    training: str
    """The state of the training, and how far it is."""
    errors: tuple[str, ...]
    test_cases: int | None
    ndcg_at5: float | None
    popularity_ndcg_at5: float | None
    baseline_ndcg_at5: float | None
    baselines: Mapping[str, float]
    live_ndcg_at5: float | None
    rules: tuple[RuleReport, ...]


class RunSummary(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A retraining in one line."""

    run_id: str
    status: str
    """`running`, or how it ended."""
    trigger: str
    started_at: str
    ended_at: str | None
    seconds: float
    """Duration, up to now if it goes on."""
    verdict: str
    """The outcome in one sentence."""
    reason: str
    """The reasons of all campaigns together; empty while it runs."""
    campaigns: tuple[CampaignVerdict, ...]

    @property
    def is_running(self) -> bool:
        """True if it goes on."""
        return self.ended_at is None


class DataFinding(msgspec.Struct, frozen=True, rename="camel"):
    """Finding of a check of the data before a training, and its remedy."""

    severity: str
    message: str
    fix: str


class RunReport(RunSummary, frozen=True, rename="camel", kw_only=True):
    """All of one retraining.

    `about` says what it is of. `left_out` are campaigns that ask for no retraining, with the
    reason; `findings` are what the checks of the data found, each with its fix.
    """

    about: str
    as_of: str
    steps: tuple[StepReport, ...]
    campaigns: tuple[CampaignReport, ...]
    findings: tuple[DataFinding, ...]
    left_out: Mapping[str, str]


def summary_of(report: RunReport) -> RunSummary:
    """Return the report in one line."""
    return msgspec.convert(report, RunSummary, from_attributes=True)


_TITLES = {
    Step.CHECK_DATA: "Check the data",
    Step.CREATE_VERSIONS: "Create solution versions",
    Step.AWAIT_VERSIONS: "Train",
    Step.EVALUATE: "Evaluate and ask the gate",
    Step.UPDATE_CAMPAIGNS: "Update campaigns",
    Step.AWAIT_CAMPAIGNS: "Wait until they serve",
    Step.STOP_TRAINING: "Stop trainings",
    Step.NOTIFY: "Notify",
}
_WITHOUT_PROMOTION = {
    RunOutcome.NOT_PROMOTED: "No new model went live.",
    RunOutcome.SKIPPED: "Nothing was trained.",
    RunOutcome.FAILED: "The retraining failed.",
    RunOutcome.CANCELLED: "The retraining was cancelled.",
    RunOutcome.TIMED_OUT: "The retraining took too long and was stopped.",
}
_NUMBERS = {"threshold": "ndcg_at_5", "live version": "theirs"}


def run_report(record: RunRecord, now: int) -> RunReport:
    """Return the report of a retraining, as it is now."""
    return report_of(
        RunReport,
        record,
        seconds=((record.ended_at or now) - record.started_at) / SECOND,
        verdict=_verdict(record),
        reason=record.reason if record.ended_at is not None else "",
        about=_about(record),
        steps=tuple(_steps(record, now)),
        campaigns=tuple(_campaign(half) for half in record.halves),
        findings=tuple(
            DataFinding(one["severity"], describe_finding(one), str(one.get("fix", "")))
            for one in record.findings
        ),
    )


def _verdict(record: RunRecord) -> str:
    if record.ended_at is None or record.outcome is None:
        return f"It is at: {_TITLES[record.step].lower()}."
    promoted = [half for half in record.halves if half.fate is Fate.PROMOTED]
    live = ""
    if promoted:
        verb = "serves" if len(promoted) == 1 else "serve"
        live = f"A new model went live: {join_names(label(one) for one in promoted)} {verb} it."
    if record.outcome is RunOutcome.PROMOTED:
        others = [half for half in record.halves if half.fate is Fate.NOT_PROMOTED]
        stays = f" What {join_names(label(one) for one in others)} served stays." if others else ""
        return live + stays
    return f"{_WITHOUT_PROMOTION[record.outcome]} {live}".rstrip()


def _about(record: RunRecord) -> str:
    if record.part.solution is not None:
        return f"solution {record.part.solution}"
    if record.part.dataset_group is not None:
        return f"dataset group {record.part.dataset_group}"
    return "everything that asks for it"


def _steps(record: RunRecord, now: int) -> Iterator[StepReport]:
    """Yield the steps that were begun, in order, then those to come."""
    for timing in record.steps:
        ended = timing.ended_at
        yield report_of(
            StepReport,
            timing,
            title=_TITLES[timing.step],
            state="running" if ended is None else "done",
            seconds=((ended or now) - timing.began_at) / SECOND,
        )
    if record.ended_at is not None:
        return
    order = [step for step in Step if step is not Step.STOP_TRAINING]
    here = order.index(record.step) if record.step in order else len(order) - 2
    for step in order[here + 1 :]:
        yield StepReport(step.value, _TITLES[step], "to come", None, None, None)


def _campaign(half: Half) -> CampaignReport:
    evidence: dict[str, Any] = dict(half.evidence or {})
    popularity, live = evidence.get("popularity"), evidence.get("live")
    # Earlier records have popularity alone.
    compared = evidence.get("baselines") or ({"popularity": popularity} if popularity else {})
    baselines = {name: one["theirs"] for name, one in compared.items()}
    return report_of(
        CampaignReport,
        half,
        dataset_group=half.dataset_group or DATASET_GROUP,
        solution=half.solution or half.campaign,
        solution_version=half.solution_version or None,
        training=" ".join(filter(None, (half.training_status, half.training_progress))),
        test_cases=evidence.get("test_cases"),
        ndcg_at5=evidence["ndcg_at_5"]["mean"] if evidence else _judged_by(half, "threshold"),
        popularity_ndcg_at5=popularity["theirs"] if popularity else None,
        baseline_ndcg_at5=max(baselines.values(), default=None),
        baselines=baselines,
        live_ndcg_at5=live["comparison"]["theirs"] if live else _judged_by(half, "live version"),
        rules=tuple(
            RuleReport(one["rule"], str(one["outcome"]), one["message"], one["numbers"])
            for one in (half.decision or {}).get("verdicts", ())
        ),
    )


def _judged_by(half: Half, rule: str) -> float | None:
    """Return the NDCG@5 that a rule was judged by, where a remote engine measured."""
    for one in (half.decision or {}).get("verdicts", ()) if not half.evidence else ():
        if one["rule"] == rule:
            value: float | None = one["numbers"].get(_NUMBERS[rule])
            return value
    return None


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
        more: dict[str, object] = {"places": moments, "is_time": True, "marks": marks_of(happened)}
        charts.append(LineChart.of(title, heads, points, fields, form="{:.3f}", **more))
    return {
        "charts": charts,
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
