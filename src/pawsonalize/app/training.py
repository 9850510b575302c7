"""The parts that train: retrainings, trainings, incremental updates, and the gate for campaigns."""

import os
import time
from collections.abc import Iterator
from functools import partial
from typing import IO

from pawsonalize.app.adapters import COMMAND, Adapters
from pawsonalize.app.serving import ServingParts, live_model, live_models
from pawsonalize.app.settings import as_environment
from pawsonalize.core import clock
from pawsonalize.core.metrics import REFRESHES
from pawsonalize.core.roles import SERVE, WORK
from pawsonalize.core.times import DAY
from pawsonalize.core.work.problems import Problems
from pawsonalize.core.work.processes import SideProcess
from pawsonalize.core.work.tables import Turns
from pawsonalize.core.work.tasks import LOOK_SECONDS, Task, at_the_moment
from pawsonalize.models.recipes.contract import Model
from pawsonalize.recommend.live_model import load_model
from pawsonalize.reports.outcomes_process import OutcomesProcesses
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.campaigns import Following, Recommenders
from pawsonalize.train.evidence import Gate
from pawsonalize.train.refresh import FAILED, newest_cut, report_death
from pawsonalize.train.retraining.checking import Checking
from pawsonalize.train.retraining.runs import RETRAINING, TICKS, FirstRun, GroupTimers, Timer
from pawsonalize.train.retraining.schedule import read_schedule
from pawsonalize.train.retraining.steps import Judging, News, PromotionSteps, Training, steps
from pawsonalize.train.retraining.worker import RunWorker, WorkerProcesses
from pawsonalize.train.trainings import AutomaticTraining, TrainingQueue

REPORT_COMMAND = (*COMMAND, "report_outcomes")
_JUDGING = "follow latest: asking the gate"
_JUDGING_PAUSE_SECONDS = 10.0  # and how soon a process that died is followed by another
_TRAININGS_AT_ONCE = 2  # the recommender's and the reranker's, side by side


# `timer` is None without a schedule, `refreshing` without incremental updates, `judging` without a
# gate, and `first_run` if other servers retrain.
class TrainingParts:
    """The parts that train, and begin trainings."""

    def __init__(self, adapters: Adapters, serving: ServingParts) -> None:
        settings = adapters.settings
        registry, versions, campaigns = adapters.registry, adapters.versions, adapters.campaigns
        self._settings, self._adapters, self._serving = settings, adapters, serving
        self._problems = adapters.problems
        self.runs = adapters.runs
        schedule = read_schedule(settings.retrain_schedule, settings.retrain_time_zone)
        self.timer = None if schedule is None else Timer(self.runs, schedule, clock.now())
        self.group_timers = GroupTimers(
            self.runs,
            registry,
            Turns(adapters.database, TICKS),
            Turns(adapters.database, RETRAINING),
            lambda text: read_schedule(text, settings.retrain_time_zone),
        )
        self.first_run = None
        if settings.retrain_here and schedule is not None:
            least = settings.check_min_events
            self.first_run = FirstRun(self.runs, adapters.log, self._is_live, least, clock.now())
        self.workers = worker_processes(adapters)
        self.queue = TrainingQueue(
            registry,
            adapters.trainings,
            settings.trainings_at_once if settings.has_role(WORK) else 0,
            Turns(adapters.database, SolutionVersion.kind),
        )
        self.automatic = AutomaticTraining(
            registry, versions, adapters.log, retrains=bool(settings.retrain_schedule.strip())
        )
        self.recommenders = Recommenders(registry, versions, campaigns, self.queue)
        self.following = following(adapters)
        self.judging = self.refreshing = None
        # The gate takes as long as a training, so the server does not do it itself.
        if settings.campaign_sync_gated:
            self.judging = self._process(_JUDGING_PAUSE_SECONDS, "follow-latest")
        if settings.refresh_seconds:
            self.refreshing = self._process(settings.refresh_seconds, "refresh")

    def _is_live(self) -> bool:
        if self._settings.has_role(SERVE):
            return self._serving.live[RECOMMENDER].is_ready
        found = self._adapters.campaigns.find(RECOMMENDER)  # no model is in memory
        return found is not None and found.solution_version is not None

    def _process(self, pause: float, command: str) -> SideProcess:
        environment = {**os.environ, **as_environment(self._settings)}
        leases = self._adapters.leases
        return SideProcess(leases, pause, (*COMMAND, command), environment, clock.real_now())

    def tasks(self) -> Iterator[Task]:
        """Yield the background tasks of a server with the role `work`."""
        yield Task("train when due", LOOK_SECONDS, at_the_moment(self.automatic.look))
        yield Task("look after trainings", LOOK_SECONDS, at_the_moment(self.queue.look_after))
        yield Task("follow latest", LOOK_SECONDS, self._follow_latest)
        recommenders = at_the_moment(self.recommenders.look_after)
        yield Task("look after recommenders", LOOK_SECONDS, recommenders)
        if self.refreshing is not None:
            refresh = partial(self._refresh, self.refreshing)
            yield Task("refresh counts", LOOK_SECONDS, refresh)
        if self._settings.retrain_here:
            # Each alone: a schedule that fails keeps no run from its worker.
            for name, one in (
                ("begin the first retraining", self.first_run),
                ("retrain when due", self.timer),
                ("retrain dataset groups when due", self.group_timers),
                ("look after retrainings", self.workers),
            ):
                if one is not None:
                    yield Task(name, LOOK_SECONDS, at_the_moment(one.look))

    def close(self) -> None:
        """Stop workers and child processes; another server goes on with their retraining."""
        self.workers.stop()
        for process in (self.refreshing, self.judging):
            if process is not None:
                process.stop()

    def _is_behind(self) -> bool:
        """True if events or items are newer than the counts of models, served here or stored."""
        if self._settings.has_role(SERVE):
            newest = newest_cut(self._adapters.log, self._adapters.catalogue)
            ready = [one for one in self._serving.models() if one.is_ready]
            return any(one.current.cut.lacks(newest) for one in ready)
        return self._adapters.refresher.is_behind()

    def _refresh(self, refreshing: SideProcess) -> None:
        ended = partial(report_refresh_end, self._problems)
        refreshing.look(clock.real_now(), self._is_behind, ended)

    def _follow_latest(self) -> None:
        """Update the campaigns that follow their solution, or begin to ask the gate about them."""
        if self.judging is None:
            self.following.look_after(clock.now())
            return
        ended = partial(report_judging_end, self._problems)
        self.judging.look(clock.real_now(), self.following.is_behind, ended)


def gate(adapters: Adapters) -> Gate:
    """Return the gate, which judges new versions."""
    log, catalogue, versions = adapters.log, adapters.catalogue, adapters.versions

    def load(version: SolutionVersion) -> Model:
        model, remote = load_model(adapters.artefacts, version), adapters.remote
        if remote is None or version.remote is None:
            return model
        return remote.judged(versions.dataset_group(version), model)

    return Gate(log, catalogue, versions, load, adapters.settings.gate, adapters.sampling)


def worker_processes(
    adapters: Adapters, output: IO[bytes] | None = None, *, outlive: bool = False
) -> WorkerProcesses:
    """Return the starter of a process for the retraining that has no worker."""
    return WorkerProcesses(
        adapters.work,
        adapters.leases,
        (*COMMAND, "work"),
        {**os.environ, **as_environment(adapters.settings)},
        output,
        outlive=outlive,
        end=News(adapters.outbox).how_it_ended,
    )


def worker(adapters: Adapters, name: str) -> RunWorker:
    """Return a worker, in this process, for the retraining that has none."""
    settings = adapters.settings
    checking = Checking(
        adapters.registry,
        adapters.log,
        adapters.catalogue,
        settings.checks,
        frozenset() if settings.reranking_enabled else frozenset({RERANKER}),
        adapters.sampling,
    )
    judging = Judging(adapters.versions, adapters.campaigns, gate(adapters))
    live = live_models(adapters)

    def serve(campaign: str, now: int) -> bool:
        if campaign not in live:
            live[campaign] = live_model(adapters, campaign)
        return live[campaign].refresh(now)

    training = Training(
        adapters.versions,
        adapters.trainings,
        settings.retrain_check_seconds,
        max(settings.trainings_at_once, _TRAININGS_AT_ONCE),
    )
    promotion = PromotionSteps(
        adapters.campaigns, serve, settings.campaign_check_seconds, settings.campaign_checks
    )
    return RunWorker(
        name,
        adapters.work,
        adapters.leases,
        steps(checking, training, judging, promotion, News(adapters.outbox)),
        settings.retrain_limit_hours * 3600,
        now=clock.now,
        sleep=time.sleep,
    )


def outcomes_processes(adapters: Adapters) -> OutcomesProcesses:
    """Return the starter of a process for each outcomes report."""
    environment = {**os.environ, **as_environment(adapters.settings)}
    return OutcomesProcesses(REPORT_COMMAND, environment, adapters.log.head)


def following(adapters: Adapters) -> Following:
    """Return the updater of campaigns that follow their solution's newest (gated) version."""
    refusal = gate(adapters).refusal if adapters.settings.campaign_sync_gated else None
    return Following(adapters.registry, adapters.campaigns, adapters.versions, refusal)


def report_refresh_end(problems: Problems, code: int) -> None:
    """Count how a refresh ended, and report a process that died; one that failed reported it."""
    REFRESHES.labels({0: "succeeded", FAILED: "failed"}.get(code, "died")).inc()
    if code not in {0, FAILED}:
        report_death(problems, code, clock.now())


def report_judging_end(problems: Problems, code: int) -> None:
    """Report that the process which asks the gate failed, until one succeeds."""
    if code:
        message = (
            f"the process that asks the gate ended with exit code {code}: campaigns that follow"
            " their solution stay as they are, and it is tried again; the log of the server has"
            " the reason"
        )
        problems.report(_JUDGING, message, clock.now(), within=DAY)
    else:
        problems.clear(_JUDGING, clock.now())
