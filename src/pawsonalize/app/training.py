"""Processes beside the server: refreshes of counts, the gate for campaigns, and reports."""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import IO

from pawsonalize import clock
from pawsonalize.app.adapters import COMMAND, Adapters
from pawsonalize.app.serving import live_model, live_models
from pawsonalize.app.tenants import fair_order
from pawsonalize.domain.roles import SERVE
from pawsonalize.domain.times import DAY
from pawsonalize.engine.reporting.outcomes_process import OutcomesProcesses
from pawsonalize.engine.serving.served import load_model
from pawsonalize.engine.training.campaigns import Following
from pawsonalize.engine.training.evidence import Gate
from pawsonalize.engine.training.refresh import refresh_served, report_death
from pawsonalize.engine.training.retraining.checking import Checking
from pawsonalize.engine.training.retraining.news import News
from pawsonalize.engine.training.retraining.runs import (
    FirstRun,
    GroupTimers,
    LiveState,
    Runs,
    ServedCampaign,
    Timer,
)
from pawsonalize.engine.training.retraining.schedule import read_schedule
from pawsonalize.engine.training.retraining.steps import Judging, PromotionSteps, Training, steps
from pawsonalize.engine.training.retraining.worker import RunWorker, WorkerProcesses
from pawsonalize.http.metrics import REFRESHES
from pawsonalize.kinds.defaults import RECOMMENDER, RERANKER
from pawsonalize.kinds.leases import SideProcess
from pawsonalize.kinds.problems import Problems
from pawsonalize.settings import Settings, as_environment
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.work import Turns

_TRAININGS_AT_ONCE = 2  # the recommender's and the reranker's, side by side


def gate(settings: Settings, adapters: Adapters) -> Gate:
    """What judges new versions."""
    load = partial(load_model, adapters.artefacts)
    return Gate(
        adapters.log,
        adapters.catalogue,
        adapters.versions,
        load,
        settings.gate,
        adapters.sampling,
    )


def timer(settings: Settings, runs: Runs) -> Timer | None:
    """Begins retrainings when they are due; None if the settings have no schedule."""
    schedule = read_schedule(settings.retrain_schedule, settings.retrain_time_zone)
    return None if schedule is None else Timer(runs, schedule, clock.now())


def group_timers(settings: Settings, adapters: Adapters, runs: Runs) -> GroupTimers:
    """Begins the retrainings of dataset groups that have a schedule of their own."""
    return GroupTimers(
        runs,
        adapters.registry,
        Turns(adapters.database),
        fair_order(adapters, "retraining"),
        lambda text: read_schedule(text, settings.retrain_time_zone),
    )


def readiness(settings: Settings, adapters: Adapters, live: LiveState) -> LiveState:
    """Whether a model recommends: who does not serve has none in memory, and reads the tables."""
    return live if settings.has_role(SERVE) else ServedCampaign(adapters.campaigns, RECOMMENDER)


def first_run(settings: Settings, runs: Runs, log: EventLog, live: LiveState) -> FirstRun | None:
    """Begins the first retraining; None if that is left to other servers or to you."""
    if not settings.retrain_here or not settings.retrain_schedule.strip():
        return None
    return FirstRun(runs, log, live, settings.check_min_events, clock.now())


def worker_processes(
    settings: Settings,
    adapters: Adapters,
    output: IO[bytes] | None = None,
    *,
    outlive: bool = False,
) -> WorkerProcesses:
    """Starts a process for the run that has no worker."""
    return WorkerProcesses(
        adapters.work,
        adapters.leases,
        (*COMMAND, "work"),
        {**os.environ, **as_environment(settings)},
        output,
        outlive=outlive,
        end=_news(settings, adapters).how_it_ended,
    )


def worker(settings: Settings, adapters: Adapters, name: str) -> RunWorker:
    """Works on the run that has no worker, in this process."""
    checking = Checking(
        adapters.registry,
        adapters.log,
        adapters.catalogue,
        settings.checks,
        frozenset() if settings.reranking_enabled else frozenset({RERANKER}),
        adapters.sampling,
    )
    judging = Judging(adapters.versions, adapters.campaigns, gate(settings, adapters))
    training = Training(
        adapters.versions,
        adapters.trainings,
        settings.retrain_check_seconds,
        max(settings.trainings_at_once, _TRAININGS_AT_ONCE),
    )
    promotion = PromotionSteps(
        adapters.campaigns,
        _serving(settings, adapters),
        settings.campaign_check_seconds,
        settings.campaign_checks,
    )
    return RunWorker(
        name,
        adapters.work,
        adapters.leases,
        steps(checking, training, judging, promotion, _news(settings, adapters)),
        settings.retrain_limit_hours * 3600,
        now=clock.now,
        sleep=time.sleep,
    )


def _news(settings: Settings, adapters: Adapters) -> News:
    return News(adapters.outbox(settings))


def _serving(settings: Settings, adapters: Adapters) -> Callable[[str, int], object]:
    """Makes this process load what a campaign asks for, and say so."""
    live = live_models(settings, adapters)

    def serve(campaign: str, now: int) -> bool:
        if campaign not in live:
            live[campaign] = live_model(settings, adapters, campaign)
        return live[campaign].refresh(now)

    return serve


REPORT_COMMAND = (sys.executable, "-m", "pawsonalize.cli.report_outcomes")
FAILED = 1
"""Exit code of a process that reported itself what it could not refresh."""
_JUDGING = "follow latest: asking the gate"
_JUDGING_PAUSE_SECONDS = 10.0  # and how soon a process that died is followed by another


def refresh_process(settings: Settings, adapters: Adapters) -> SideProcess | None:
    """Starts the process of incremental updates; None if the settings turn them off."""
    seconds = settings.refresh_seconds
    return _process(settings, adapters, seconds, "refresh") if seconds else None


def judging_process(settings: Settings, adapters: Adapters) -> SideProcess | None:
    """Starts the process that asks the gate; None if the settings want no gate.

    The gate takes as long as a training, so the server does not do it itself.
    """
    if not settings.campaign_sync_gated:
        return None
    return _process(settings, adapters, _JUDGING_PAUSE_SECONDS, "follow-latest")


def outcomes_processes(settings: Settings, adapters: Adapters) -> OutcomesProcesses:
    """Starts a process for each outcomes report."""
    return OutcomesProcesses(REPORT_COMMAND, _environment(settings), adapters.log.head)


def following(settings: Settings, adapters: Adapters) -> Following:
    """Updates campaigns that follow, after asking the gate if the settings say so."""
    refusal = gate(settings, adapters).refusal if settings.campaign_sync_gated else None
    return Following(adapters.registry, adapters.campaigns, adapters.versions, refusal)


def refresh_counts(adapters: Adapters, problems: Problems) -> bool:
    """Count new events for every served version, in this process; whether all went well."""
    return refresh_served(adapters.refresher, adapters.registry, problems, clock.now)


def refresh_when_due(
    refreshing: SideProcess, problems: Problems, is_behind: Callable[[], bool]
) -> None:
    """Begin a refresh if one is due and there is something to count."""
    is_due = refreshing.is_due(clock.now())
    code = refreshing.exit_code()
    if code is not None:
        REFRESHES.labels({0: "succeeded", FAILED: "failed"}.get(code, "died")).inc()
    if code is not None and code not in {0, FAILED}:
        report_death(problems, code, clock.now())
    if is_due and is_behind():
        refreshing.start()
    elif is_due:
        refreshing.let_go()


def follow_latest(following: Following, judging: SideProcess | None, problems: Problems) -> None:
    """Update the campaigns that follow their solution, or begin to ask the gate about them."""
    if judging is None:
        following.look_after(clock.now())
        return
    is_due = judging.is_due(clock.now())
    tell_how_judging_ended(judging, problems)
    if is_due and following.is_behind():
        judging.start()
    elif is_due:
        judging.let_go()


def tell_how_judging_ended(judging: SideProcess, problems: Problems) -> None:
    """Report that the process failed, until one succeeds: versions wait to be judged."""
    code = judging.exit_code()
    if code:
        message = (
            f"the process that asks the gate ended with exit code {code}: campaigns that follow"
            " their solution stay as they are, and it is tried again; the log of the server has"
            " the reason"
        )
        problems.report(_JUDGING, message, clock.now(), within=DAY)
    elif code == 0:
        problems.clear(_JUDGING, clock.now())


def _process(settings: Settings, adapters: Adapters, pause: float, command: str) -> SideProcess:
    command_line = (*COMMAND, command)
    return SideProcess(adapters.leases, pause, command_line, _environment(settings), clock.now())


def _environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, **as_environment(settings)}
