"""What a server does beside answering, again and again."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

import structlog

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.engine.archiving.archiver import Archiver
from pawsonalize.engine.campaigns.live_model import LiveModel
from pawsonalize.engine.notifying.courier import Courier
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.supply import SupplyWatch
from pawsonalize.workflow.processes import WorkerProcesses
from pawsonalize.workflow.timer import Timer

_RECENT_VERSIONS = 50

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Retraining:
    """What a server does for retraining: begin it when it is due, and see that it is worked on."""

    timer: Timer | None
    processes: WorkerProcesses


async def every(
    seconds: float, work: Callable[[T], None], argument: T, threads: Executor | None = None
) -> None:
    """Do the work again and again, in one of the threads, with a pause between.

    Where none are given, it is one of those that answers use too.
    """
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(seconds)
        await loop.run_in_executor(threads, attempt, work, argument)


def attempt(work: Callable[[T], None], argument: T) -> None:
    """Do work that is repeated anyway: its failure is logged, and must not end the repeating."""
    try:
        work(argument)
    except PawsonalizeError as error:
        log.error("failed", work=work.__name__, code=error.code, reason=error.message)
    except Exception as error:  # what nobody foresaw may pass as well
        log.error("failed", work=work.__name__, exc_info=error)


def follow_campaign(live: LiveModel) -> None:
    """Serve what the campaign points at."""
    if live.refresh(clock.now()):
        log.info("serving", solution_version=live.current.version.name)


def count_animals(supply: SupplyWatch) -> None:
    """Count the animals before anybody asks; answers then count what changed."""
    now = clock.now()
    supply.of((), now, now)


def look_after_trainings(adapters: Adapters) -> None:
    """Settle trainings whose process died while nobody waited for it."""
    for version in adapters.registry.page(SolutionVersion, _RECENT_VERSIONS):
        if not version.status.is_settled:
            adapters.trainings.look(version.name, clock.now())


def archive_new(archiver: Archiver) -> None:
    """Archive what is new; what fails now is archived the next time."""
    if rows := archiver.archive_once():
        log.info("archived", rows=rows)


def deliver_due(courier: Courier) -> None:
    """Deliver the notifications that are due."""
    courier.deliver_due(clock.now())


def retrain_when_due(retraining: Retraining) -> None:
    """Begin what is due, and see that what was begun is worked on."""
    if retraining.timer is not None:
        retraining.timer.look(clock.now())
    retraining.processes.look(clock.now())
