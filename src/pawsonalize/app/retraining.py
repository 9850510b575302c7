"""Begins retrainings, starts workers for them, and works on them."""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import IO

from pawsonalize import clock
from pawsonalize.app.adapters import COMMAND, Adapters
from pawsonalize.app.serving import live_model, live_models
from pawsonalize.app.tenants import fair_order
from pawsonalize.domain.roles import SERVE
from pawsonalize.engine.serving.served import load_model
from pawsonalize.engine.training.evaluating.evidence import Gate
from pawsonalize.engine.training.retraining.checking import Checking
from pawsonalize.engine.training.retraining.group_timers import GroupTimers
from pawsonalize.engine.training.retraining.news import News
from pawsonalize.engine.training.retraining.promotion import Judging, PromotionSteps
from pawsonalize.engine.training.retraining.runs import (
    FirstRun,
    LiveState,
    Runs,
    ServedCampaign,
    Timer,
)
from pawsonalize.engine.training.retraining.schedule import read_schedule
from pawsonalize.engine.training.retraining.steps import steps
from pawsonalize.engine.training.retraining.training import Training
from pawsonalize.engine.training.retraining.worker import RunWorker
from pawsonalize.engine.training.retraining.worker_processes import WorkerProcesses
from pawsonalize.kinds.defaults import RECOMMENDER, RERANKER
from pawsonalize.settings import Settings, as_environment
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.turns import Turns

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
