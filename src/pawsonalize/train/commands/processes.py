"""Commands that start the service's own processes, by `cli.low_priority`; not for people."""

import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from pawsonalize.app.settings import Settings, load_settings
from pawsonalize.core import clock
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.times import DAY, SECOND

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.train.retraining.worker import RunWorker

_LOST = 75
_TRAININGS_AT_ONCE = 2  # the recommender's and the reranker's, side by side


def train_version(name: str, token: int) -> None:
    """Train a solution version that was created before, after all other work of the machine.

    Example: pawsonalize train-version recommender-20260517T093000000Z-1f2e3d 4711
    """
    from pawsonalize.train.trainings import training_lease

    with (
        _taking_part("train", load_settings(), on_lost=_end) as adapters,
        adapters.leases.adopted(training_lease(name), token),
    ):
        try:
            adapters.trainer.train(name)
        except PawsonalizeError as error:  # the version keeps its reason, for who waits for it
            raise typer.Exit(1) from error
        finally:
            count_training(adapters, name)


def count_training(adapters: "Adapters", solution_version: str) -> None:
    """Count the processor time of this process, which was a training's, and of its children."""
    from pawsonalize.events.tables.event_log import DayCounts, GroupDays
    from pawsonalize.resources.solutions import SolutionVersion

    group = adapters.registry.group_of_named(SolutionVersion, solution_version)
    used = os.times()
    seconds = used.user + used.system + used.children_user + used.children_system
    if group is not None:
        counts = DayCounts(group, clock.now() // DAY, training_ms=round(seconds * SECOND))
        GroupDays(adapters.database).add([counts])


def refresh(token: int) -> None:
    """Take new events into the versions that campaigns serve, after all other work of the machine.

    Example: pawsonalize refresh 4711
    """
    from pawsonalize.train.refresh import FAILED, refresh_served

    with _leased("refresh", token, "refresh") as adapters:
        parts = (adapters.refresher, adapters.registry, adapters.problems)
        all_fresh = refresh_served(*parts, clock.now)
    if not all_fresh:
        raise typer.Exit(FAILED)


def follow_latest(token: int) -> None:
    """Send campaigns that follow their solution to its newest version, if the gate promotes it.

    Example: pawsonalize follow-latest 4711
    """
    with _leased("follow-latest", token, "follow") as adapters:
        adapters.following.look_after(clock.now())


@contextmanager
def _leased(lease: str, token: int, role: str) -> Iterator["Adapters"]:
    """Open the data for work under a lease, which then rests for as long as its share demands."""
    from pawsonalize.core.database.database import fence_writes
    from pawsonalize.core.work.processes import lengthen_pause

    settings, began = _settings(), clock.real_now()
    with _taking_part(role, settings) as adapters, fence_writes(lease, token):
        try:
            yield adapters
        finally:
            lengthen_pause(adapters.leases.lock(lease), began, clock.real_now())


def run_worker(adapters: "Adapters", name: str) -> "RunWorker":
    """Return a worker, in this process, for the retraining that has none."""
    from pawsonalize.app.ports import ASK_VISITORS
    from pawsonalize.resources.defaults import RERANKER
    from pawsonalize.train.retraining.checking import Checking
    from pawsonalize.train.retraining.steps import Judging, News, PromotionSteps, Training, steps
    from pawsonalize.train.retraining.worker import RunWorker

    settings, live = adapters.settings, adapters.live_models()
    pause = settings.retrain_check_seconds

    def ask_visitors(campaign: str, served: str, new: str, now: int) -> str | None:
        return ASK_VISITORS(adapters, campaign, served, new, now)

    def serve(campaign: str, now: int) -> bool:
        if campaign not in live:
            live[campaign] = adapters.live_model(campaign)
        return live[campaign].refresh(now)

    left_out = frozenset() if settings.reranking_enabled else frozenset({RERANKER})
    at_once = max(settings.trainings_at_once, _TRAININGS_AT_ONCE)
    seconds, checks = settings.campaign_check_seconds, settings.campaign_checks
    return RunWorker(
        name,
        adapters.work,
        adapters.leases,
        steps(
            Checking(
                *(adapters.registry, adapters.log, adapters.catalogue, settings.checks),
                left_out,
                adapters.sampling,
            ),
            Training(adapters.versions, adapters.trainings, pause, at_once),
            Judging(adapters.versions, adapters.campaigns, adapters.gate),
            PromotionSteps(adapters.campaigns, serve, seconds, checks, ask_visitors),
            News(adapters.outbox),
        ),
        settings.retrain_limit_hours * 3600,
        now=clock.now,
        sleep=time.sleep,
    )


def work(token: int) -> None:
    """Work on the run whose lease has this token, after all other work of the machine.

    Example: pawsonalize work 4711
    """
    from pawsonalize.app.ports import DELIVERIES
    from pawsonalize.core.work.tasks import attempt
    from pawsonalize.train.retraining.runs import RETRAINING

    settings = _settings()
    for sign in (signal.SIGTERM, signal.SIGINT):  # the lease is given back on the way out
        signal.signal(sign, lambda *_: sys.exit(0))
    with _taking_part("retrain", settings) as adapters:
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        run_worker(adapters, name).work(token)
        for what, deliver in DELIVERIES(adapters) or ():  # no server may run
            attempt(what, partial(deliver, clock.now()))
        adapters.work.forget(RETRAINING, clock.now() - settings.run_retention_days * DAY)


@contextmanager
def _taking_part(work: str, settings: Settings, **more: Any) -> Iterator["Adapters"]:
    from pawsonalize.app.adapters import opened
    from pawsonalize.core.work.servers import take_part, this_process

    # In the list of servers, so that no migration contracts the tables of a process beside them.
    me = this_process((work,), settings.database_connections)
    with (
        opened(settings, **more) as adapters,
        take_part(me, adapters.servers.table, adapters.problems),
    ):
        yield adapters


def _end(_lease: str) -> None:
    os._exit(_LOST)  # another process goes on with its work


def _settings() -> Settings:
    from pawsonalize.core.logs import configure_logs

    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level, only_news=settings.is_demo)
    return settings
