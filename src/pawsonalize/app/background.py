"""What a server does in the background, again and again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters, couriers
from pawsonalize.app.attempts import Reporting, attempt
from pawsonalize.app.faults import Faults
from pawsonalize.app.folding import are_behind, tell_how_it_ended
from pawsonalize.app.individuals import follow_weights
from pawsonalize.app.latest import tell_how_judging_ended
from pawsonalize.engine.ingest.feeds.polling import Polling
from pawsonalize.engine.ingest.importing.jobs import ImportJobs
from pawsonalize.engine.reporting.metric_attributions import MetricAttributions
from pawsonalize.engine.resources.job_table import Worker
from pawsonalize.engine.resources.problems import Problems
from pawsonalize.engine.serving.animals.available_watch import ShelfWatch
from pawsonalize.engine.serving.availability import SupplyWatch
from pawsonalize.engine.serving.campaigns import Runtimes
from pawsonalize.engine.serving.filters.filtering import Filterings
from pawsonalize.engine.serving.impressions import ImpressionLog
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.engine.training.queue import AutomaticTraining, TrainingQueue
from pawsonalize.engine.training.recommenders import Recommenders
from pawsonalize.engine.training.untrained import TrainedOrNot
from pawsonalize.engine.upkeep.archiver import Archiver
from pawsonalize.engine.upkeep.courier import Courier
from pawsonalize.settings import Settings

if TYPE_CHECKING:
    from pawsonalize.app.engine import Engine

_DELIVERY_SECONDS = 2.0
_REFRESH_SECONDS = 0.5  # so that a rollback is everywhere within a second
_IMPORT_SECONDS = 0.5
_LOOK_SECONDS = 1.0
_METADATA_SECONDS = 10.0
_REPORT_SECONDS = 60.0
_SHOWN_SECONDS = 5.0
_RETRAIN_SECONDS = 1.0
_WEIGHTS_SECONDS = 2.0
_FOLD_SECONDS = 1.0
_PROBLEM_SECONDS = 5.0
_LOST_SECONDS = 30.0

T = TypeVar("T")

log = structlog.get_logger()


@asynccontextmanager
async def in_background(
    settings: Settings, adapters: Adapters, engine: "Engine", notifying: Executor
) -> AsyncIterator[None]:
    """Do it all while the block runs; notifications have their own threads, since they may hang."""
    tasks = [asyncio.create_task(one) for one in _work(settings, adapters, engine, notifying)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def catch_up(engine: "Engine") -> None:
    """Prepare what the first answer needs."""

    def attempt_once(work: Callable[[T], None], argument: T, about: str = "") -> None:
        attempt(work, argument, Reporting.of(engine.problems, work, about))

    attempt_once(count_animals, engine.supply)
    attempt_once(fill_shelf, engine.shelf)
    for name, live in engine.live.items():
        attempt_once(follow_campaign, live, name)
    attempt_once(count_until_trained, engine.recommending)
    attempt_once(tell_faults, (Faults(engine.problems), engine))


def _work(
    settings: Settings, adapters: Adapters, engine: "Engine", notifying: Executor
) -> Iterator[Coroutine[Any, Any, None]]:
    def often(
        seconds: float,
        work: Callable[[T], None],
        argument: T,
        threads: Executor | None = None,
        about: str = "",
    ) -> Coroutine[Any, Any, None]:
        reporting = Reporting.of(engine.problems, work, about, seconds)
        return every(seconds, work, argument, reporting, threads)

    for name, live in engine.live.items():
        yield often(_REFRESH_SECONDS, follow_campaign, live, about=name)
    yield often(_LOOK_SECONDS, count_until_trained, engine.recommending)
    yield often(_REFRESH_SECONDS, follow_campaigns, engine.runtimes, engine.runtimes.loading)
    yield often(_LOOK_SECONDS, tell_faults, (Faults(engine.problems), engine))
    yield often(_IMPORT_SECONDS, do_import_job, engine.import_jobs, engine.importing)
    yield often(_LOOK_SECONDS, fetch_feeds, engine.polling, engine.fetching)
    for worker in engine.jobs.workers:
        yield often(_IMPORT_SECONDS, do_job, worker, engine.working, worker.kind.__name__)
    yield often(_SHOWN_SECONDS, count_shown, engine.shelf)
    yield often(_LOST_SECONDS, log_impressions, engine.impressions)
    yield often(_METADATA_SECONDS, read_metadata, engine.filterings)
    yield often(_WEIGHTS_SECONDS, follow_weights, (settings.animal_weights, engine.individuals))
    yield often(_LOOK_SECONDS, train_when_due, engine.automatic)
    yield often(_LOOK_SECONDS, look_after_trainings, engine.queue)
    yield often(_LOOK_SECONDS, follow_latest, engine)
    yield often(_LOOK_SECONDS, look_after_recommenders, engine.recommenders)
    looks = min(settings.attribution_seconds, _REPORT_SECONDS)
    yield often(looks, report_metrics, engine.attributions)
    yield often(settings.archive_seconds, archive_new, engine.archiver)
    for courier in couriers(settings, adapters.deliveries):
        yield often(_DELIVERY_SECONDS, deliver_due, courier, notifying, courier.name)
    yield often(_PROBLEM_SECONDS, tell_problems, engine.problems)
    if engine.folding is not None:
        yield often(_FOLD_SECONDS, fold_when_due, (adapters, engine))
    if settings.retrain_here:
        yield often(_RETRAIN_SECONDS, retrain_when_due, engine)


async def every(
    seconds: float,
    work: Callable[[T], None],
    argument: T,
    reporting: Reporting,
    threads: Executor | None = None,
) -> None:
    """Do the work again and again, in one of the threads, with a pause between.

    Without `threads`, it runs in one of those that answers use too.
    """
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(seconds)
        await loop.run_in_executor(threads, attempt, work, argument, reporting)


def follow_campaign(live: LiveModel) -> None:
    """Serve what the campaign points at."""
    if live.refresh(clock.now()):
        log.info("serving", solution_version=live.current.version.name)


def count_until_trained(recommending: TrainedOrNot) -> None:
    """Count the events and animals while no model is live."""
    recommending.refresh()


def follow_campaigns(runtimes: Runtimes) -> None:
    """Serve what all other campaigns point at, as far as they are asked."""
    runtimes.refresh()


def tell_faults(parts: tuple[Faults, "Engine"]) -> None:
    """Report the campaigns that do not serve what they were asked to.

    If a default campaign serves nothing, following it has failed already.
    """
    faults, engine = parts
    ready = [live for live in engine.live.values() if live.is_ready]
    faults.look([*ready, *engine.runtimes.live_models()])


def do_import_job(jobs: ImportJobs) -> None:
    """Do the import job that has waited longest."""
    jobs.work()


def fetch_feeds(polling: Polling) -> None:
    """Fetch the feeds that are due."""
    polling.look(clock.now())


def do_job(worker: Worker[Any]) -> None:
    """Do the job of a kind that has waited longest."""
    worker.work()


def count_animals(supply: SupplyWatch) -> None:
    """Count the animals before the first query; answers then count what changed."""
    now = clock.now()
    supply.of((), now, now)


def fill_shelf(shelf: ShelfWatch) -> None:
    """Read the available animals before the first query; answers then read what changed."""
    now = clock.now()
    shelf.of(now, now)


def count_shown(shelf: ShelfWatch) -> None:
    """Read what all processes have shown."""
    shelf.count_shown()


def log_impressions(impressions: ImpressionLog) -> None:
    """Fail if answers could not be logged, so that it becomes a problem."""
    impressions.report_lost()


def read_metadata(filterings: Filterings) -> None:
    """Read the items' metadata again, if filters or answers need it."""
    filterings.refresh(clock.now())


def look_after_trainings(queue: TrainingQueue) -> None:
    """Settle trainings whose process died, and start those that wait."""
    queue.look_after(clock.now())


def train_when_due(automatic: AutomaticTraining) -> None:
    """Store the automatic trainings that are due."""
    automatic.look(clock.now())


def follow_latest(engine: "Engine") -> None:
    """Update the campaigns that follow their solution, or begin to ask the gate about them."""
    now, judging = clock.now(), engine.judging
    if judging is None:
        engine.following.look_after(now)
        return
    is_due = judging.is_due(now)
    tell_how_judging_ended(judging, engine.problems)
    if is_due and engine.following.is_behind():
        judging.start()


def look_after_recommenders(recommenders: Recommenders) -> None:
    """Serve the recommenders that are trained."""
    recommenders.look_after(clock.now())


def report_metrics(attributions: MetricAttributions) -> None:
    """Write the reports of metric attributions that are due."""
    attributions.report_due(clock.now())


def archive_new(archiver: Archiver) -> None:
    """Archive new events; if it fails, the next time archives them."""
    if rows := archiver.archive_once():
        log.info("archived", rows=rows)


def deliver_due(courier: Courier) -> None:
    """Deliver the notifications that are due."""
    courier.deliver_due(clock.now())


def tell_problems(problems: Problems) -> None:
    """Notify of problems that last, and of those that are over."""
    problems.look(clock.now())


def retrain_when_due(engine: "Engine") -> None:
    """Begin the run that is due, and start a worker for a run that has none."""
    if engine.first_run is not None:
        engine.first_run.look(clock.now())
    if engine.timer is not None:
        engine.timer.look(clock.now())
    engine.workers.look(clock.now())


def fold_when_due(parts: tuple[Adapters, "Engine"]) -> None:
    """Begin an incremental update if one is due and there are new events."""
    adapters, engine = parts
    folding = engine.folding
    if folding is None:
        return
    is_due = folding.is_due(clock.now())
    tell_how_it_ended(folding, engine.problems)
    if not is_due:
        return
    if are_behind((*engine.live.values(), *engine.runtimes.live_models()), adapters.log):
        folding.start()
