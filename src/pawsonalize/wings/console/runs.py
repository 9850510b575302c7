"""Retrainings on the console: steps, decisions and their reasons, made of the records."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pawsonalize.domain.times import SECOND
from pawsonalize.engine.training.retraining.runs import (
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Step,
    describe_finding,
    join_names,
    label,
)
from pawsonalize.http.json import report_of
from pawsonalize.kinds.defaults import DATASET_GROUP


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
