"""What a server does beside answering, again and again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.attempts import PATIENCE, Reporting, at_the_moment, attempt
from pawsonalize.app.tenants import group_sizing
from pawsonalize.app.training import follow_latest, refresh_when_due
from pawsonalize.app.upkeep import upkeep
from pawsonalize.domain.errors import NotReady
from pawsonalize.domain.roles import SERVE, WORK
from pawsonalize.engine.reporting.exposure_report import report_unjoined
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.engine.training.refresh import are_behind
from pawsonalize.engine.upkeep.archiver import Archiver
from pawsonalize.http.services import Services
from pawsonalize.kinds.problems import Problems
from pawsonalize.settings import Settings
from pawsonalize.storage.contexts import in_time
from pawsonalize.storage.servers import Servers
from pawsonalize.wing import parts

if TYPE_CHECKING:
    from pawsonalize.app.engine import Engine

_FOLLOW_SECONDS = 0.5  # so that a rollback is everywhere within a second
_JOB_SECONDS = 0.5
LOOK_SECONDS = 1.0
_METADATA_SECONDS = 10.0
_CHOICES_SECONDS = 3.0
_REPORT_SECONDS = 60.0
_SHOWN_SECONDS = 5.0
_PROBLEM_SECONDS = 5.0
_LOST_SECONDS = 30.0
_USES_SECONDS = 30.0
_SIZES_SECONDS = 30.0
_UPKEEP_SECONDS = 600.0
_JOINED_SECONDS = 600.0
_THREADS = 7  # one may wait for a remote engine
HOUSEKEEPING = "housekeeping"
"""The lease of what one server of all does; another follows when that dies."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is done again and again, with a pause between."""

    name: str
    """In words; a failure stands as a problem of that name until the work succeeds."""
    seconds: float
    """The pause."""
    work: Callable[..., object]
    threads: Executor | None = None
    """Where it is done, if it may take so long that other work must not wait for it."""
    look: Callable[[], object] | None = None
    """Called in the event loop before, for what only that may read; the work gets its value."""


@asynccontextmanager
async def in_background(
    settings: Settings,
    adapters: Adapters,
    engine: "Engine",
    tasks_of_wings: Iterable[Task] = (),
) -> AsyncIterator[None]:
    """Do it all while the block runs, in other threads than answers use: it may take its time."""
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="background")
    running = [
        asyncio.create_task(_repeat(one, one.threads or threads, engine.problems))
        for one in (*_tasks(settings, adapters, engine), *tasks_of_wings)
    ]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        threads.shutdown(cancel_futures=True)


def started(
    settings: Settings, adapters: Adapters, services: Services, stack: ExitStack
) -> dict[str, Any]:
    """Start the wings; `stack` ends them. Returns what each shares, by its name."""
    return {
        wing.name: stack.enter_context(start(settings, adapters, services))
        for wing, start in parts("started")
    }


def tasks_of_wings(
    settings: Settings, adapters: Adapters, services: Services, shared: Mapping[str, Any]
) -> list[Task]:
    """Return the background tasks of the wings; `shared` is what `started` returned."""
    return [
        task
        for wing, tasks in parts("tasks")
        for task in tasks(settings, adapters, services, shared.get(wing.name))
    ]


def catch_up(settings: Settings, engine: "Engine") -> None:
    """What the first answer needs, before there is one."""
    first: list[tuple[str, Callable[[], object]]] = [
        ("erase visitors", engine.erasing.catch_up),
        ("begin data deletion jobs", engine.deletions.catch_up),
    ]
    if settings.has_role(SERVE):
        first += _before_answers(engine)
    for name, work in first:
        attempt(name, work, Reporting.every(0, engine.problems, name))


def _before_answers(engine: "Engine") -> Iterator[tuple[str, Callable[[], object]]]:
    yield "count animals", lambda: engine.availability.of((), clock.now(), clock.now())
    yield "read the available animals", lambda: engine.available.of(clock.now(), clock.now())
    for name, live in engine.live.items():
        yield _following(name), partial(follow_campaign, live)
    yield "count until trained", engine.recommending.refresh
    yield "report faults", partial(Faults(engine.problems).look, engine)


def _following(campaign: str) -> str:
    return f"follow campaign {campaign}"


def _tasks(settings: Settings, adapters: Adapters, engine: "Engine") -> Iterator[Task]:
    serves, works = settings.has_role(SERVE), settings.has_role(WORK)
    if serves:
        yield from _for_answers(engine)
    if works:
        yield from _work(settings, adapters, engine)
    yield Task("forget removed models", _UPKEEP_SECONDS, adapters.artefacts.forget_removed)
    if (replica := adapters.database.replica) is not None:
        yield Task("follow the read replica", _PROBLEM_SECONDS, replica.look)
    yield Task("look at refusals", _PROBLEM_SECONDS, at_the_moment(engine.intake.look))
    # That nobody works is a problem as well.
    notify = work_of_one(settings, engine.servers, at_the_moment(engine.problems.look))
    yield Task("tell problems", _PROBLEM_SECONDS, notify)


def _for_answers(engine: "Engine") -> Iterator[Task]:
    for name, live in engine.live.items():
        yield Task(_following(name), _FOLLOW_SECONDS, partial(follow_campaign, live))
    runtimes, faults = engine.runtimes, Faults(engine.problems)
    # Requests wait in the same thread.
    following = in_time(runtimes.refresh)
    yield Task("follow campaigns", _FOLLOW_SECONDS, following, runtimes.loading)
    yield Task("count until trained", LOOK_SECONDS, engine.recommending.refresh)
    yield Task("report faults", LOOK_SECONDS, partial(faults.look, engine))
    yield Task("count what was shown", _SHOWN_SECONDS, engine.available.count_shown)
    yield Task("log impressions", _LOST_SECONDS, engine.impressions.report_lost)
    yield Task("read metadata", _METADATA_SECONDS, at_the_moment(engine.filterings.refresh))
    counting = at_the_moment(engine.individuals.count_choices)
    yield Task("count choices", _CHOICES_SECONDS, counting)
    yield Task("note when keys were used", _USES_SECONDS, engine.admission.store_uses)
    yield Task("count what dataset groups use", _USES_SECONDS, engine.tenants.usage.store)
    yield Task("answer in time", LOOK_SECONDS, raise_if_late, look=engine.tenants.why_late)


def _work(settings: Settings, adapters: Adapters, engine: "Engine") -> Iterator[Task]:
    once = partial(adapters.leases.leading, HOUSEKEEPING)
    for worker in engine.jobs.workers:
        yield Task(f"do a {worker.kind.resource.kind}", _JOB_SECONDS, worker.work, engine.working)
    yield Task("begin data deletion jobs", LOOK_SECONDS, engine.deletions.look)
    yield Task("erase visitors", _JOB_SECONDS, once(engine.erasing.work), engine.working)
    yield Task("train when due", LOOK_SECONDS, at_the_moment(engine.automatic.look))
    yield Task("look after trainings", LOOK_SECONDS, at_the_moment(engine.queue.look_after))
    latest = partial(follow_latest, engine.following, engine.judging, engine.problems)
    yield Task("follow latest", LOOK_SECONDS, latest)
    yield Task(
        "look after recommenders", LOOK_SECONDS, at_the_moment(engine.recommenders.look_after)
    )
    reports = min(settings.attribution_seconds, _REPORT_SECONDS)
    yield Task("report metrics", reports, once(at_the_moment(engine.attributions.report_due)))
    sizing = once(at_the_moment(group_sizing(adapters).count))
    yield Task("count what dataset groups have", _SIZES_SECONDS, sizing, engine.tidying)
    for what, tidy in upkeep(settings, adapters, engine.stopping.is_set):
        yield Task(what, _UPKEEP_SECONDS, once(tidy), engine.tidying)
    unjoined = partial(report_unjoined, adapters.impressions, adapters.log, engine.problems)
    yield Task("join events to answers", _JOINED_SECONDS, once(at_the_moment(unjoined)))
    archiving = once(partial(archive_new, engine.archiver))
    yield Task("archive new", settings.archive_seconds, archiving)
    if engine.refreshing is not None:
        is_behind = partial(_is_behind, settings, adapters, engine)
        refresh = partial(refresh_when_due, engine.refreshing, engine.problems, is_behind)
        yield Task("refresh counts", LOOK_SECONDS, refresh)
    if settings.retrain_here:
        # Each alone: a schedule that fails keeps no run from its worker.
        for name, one in (
            ("begin the first retraining", engine.first_run),
            ("retrain when due", engine.timer),
            ("retrain dataset groups when due", engine.group_timers),
            ("look after retrainings", engine.workers),
        ):
            if one is not None:
                yield Task(name, LOOK_SECONDS, at_the_moment(one.look))


def work_of_one(
    settings: Settings, servers: Servers, work: Callable[[], object]
) -> Callable[[], object]:
    """Return work that servers without the role `work` do only while none with it lives."""

    def if_nobody_works() -> None:
        if servers.nobody(WORK):
            work()

    return work if settings.has_role(WORK) else if_nobody_works


def _is_behind(settings: Settings, adapters: Adapters, engine: "Engine") -> bool:
    """Whether the log holds more than is counted: in what is served here, or by the tables."""
    if settings.has_role(SERVE):
        return are_behind(engine.served_models(), adapters.log)
    return adapters.refresher.is_behind()


async def _repeat(task: Task, threads: Executor, problems: Problems) -> None:
    loop = asyncio.get_running_loop()
    reporting = Reporting.every(task.seconds, problems, task.name)
    while True:
        await asyncio.sleep(task.seconds)
        work = task.work if task.look is None else partial(task.work, task.look())
        await loop.run_in_executor(threads, attempt, task.name, work, reporting)


def raise_if_late(why: str | None) -> None:
    """Raise NotReady with the reason, if there is one: it stands as a problem then."""
    if why is not None:
        raise NotReady(why)


def follow_campaign(live: LiveModel) -> None:
    """Serve what the campaign points at."""
    if live.refresh(clock.now()):
        log.info("serving", solution_version=live.current.version.name)


def archive_new(archiver: Archiver) -> None:
    """Archive what is new; what fails now is archived the next time."""
    if rows := archiver.archive_once():
        log.info("archived", rows=rows)


class Faults:
    """Reports what is wrong with the models of campaigns, for one process."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._reporting: dict[str, Reporting] = {}

    def look(self, engine: "Engine") -> None:
        """Report each model that has a fault, and clear each that has none. Raises nothing."""
        for one in engine.served_models():
            reporting = self._reporting.setdefault(
                one.name, Reporting(self._problems, f"model of campaign {one.name}", PATIENCE)
            )
            if one.fault is None:
                reporting.succeeded()
            else:
                reporting.failed(one.fault)
