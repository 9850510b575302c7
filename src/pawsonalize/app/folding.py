"""Incremental updates of what is served: when they run, and the problems of those that fail."""

import os
from collections.abc import Iterable

import structlog

from pawsonalize import clock
from pawsonalize.app.adapters import COMMAND, Adapters
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import DAY
from pawsonalize.engine.resources.problems import Problems
from pawsonalize.engine.resources.processes import SideProcess
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.settings import Settings, as_environment
from pawsonalize.storage.event_log import EventLog

FAILED = 1
"""Exit code of a process that said itself what it could not refresh."""
_NAME = "refresh of counts"
_NEXT = "What is served goes on with the counts it has, and it is tried again; if it lasts, train"
_WITHIN = DAY

log = structlog.get_logger()


def fold_process(settings: Settings) -> SideProcess | None:
    """Starts the process of incremental updates; None if the settings turn them off."""
    if not settings.fold_seconds:
        return None
    return SideProcess(
        settings.fold_lock,
        settings.fold_seconds,
        (*COMMAND, "refresh"),
        {**os.environ, **as_environment(settings)},
        clock.now(),
    )


def are_behind(live: Iterable[LiveModel], log: EventLog) -> bool:
    """Whether the log holds more than a served model has counted."""
    known = [one.current.cut.log_offset for one in live if one.is_ready]
    return bool(known) and min(known) < log.head()


def refresh_counts(adapters: Adapters, problems: Problems) -> bool:
    """Count new events for every served version; whether all went well.

    If one fails, the others go on, and it is a problem of its solution until one succeeds.
    """
    failed: dict[str, str] = {}
    for name in sorted(adapters.folder.served()):
        try:
            adapters.folder.fold(name, clock.now())
        except PawsonalizeError as error:
            log.error("not folded", solution_version=name, reason=error.message)
            failed[name] = error.message
        except Exception as error:  # an unexpected error must not stop the other versions' updates
            log.error("not folded", solution_version=name, exc_info=error)
            failed[name] = f"{type(error).__name__}: {error}"
    told = {_problem_of(adapters, name): (name, why) for name, why in failed.items()}
    for problem in problems.standing(clock.now()):
        if problem.name.startswith(_NAME) and problem.name not in told:
            problems.clear(problem.name, clock.now())
    for problem_name, (name, why) in told.items():
        problems.report(problem_name, f"{name}: {why}. {_NEXT}.", clock.now(), within=_WITHIN)
    return not failed


def tell_how_it_ended(folding: SideProcess, problems: Problems) -> None:
    """Report a process that died before it could report, for instance because it was killed."""
    code = folding.exit_code()
    if code not in (None, 0, FAILED):
        message = f"its process ended with exit code {code}; the log of the server has more"
        problems.report(_NAME, f"{message}. {_NEXT}.", clock.now(), within=_WITHIN)


def _problem_of(adapters: Adapters, version: str) -> str:
    return f"{_NAME}: {adapters.registry.get(SolutionVersion, version).solution}"
