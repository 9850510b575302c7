"""Work that a process repeats in the background: a failure is a problem while it lasts."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

import msgspec

from pawsonalize.core import clock
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import MINUTE, SECOND
from pawsonalize.core.work.problems import Problems

# A dead process reports nothing more: its problems end so long after the next attempt.
PATIENCE = 5 * MINUTE
LOOK_SECONDS = 1.0
UPKEEP_SECONDS = 600.0
_SHORT_SECONDS = 60.0  # such pauses are a look each where days are played in seconds
_THREADS = 7  # one may wait for a remote engine
# The lease of what one server of all does; another follows when that dies.
HOUSEKEEPING = "housekeeping"

log = get_logger()


class Task(msgspec.Struct, frozen=True):
    """Work that is done again and again, with a pause between."""

    name: str
    """In words. A failure stands as a problem of that name until the work succeeds."""
    seconds: float
    """The pause."""
    work: Callable[..., object]
    # Threads of its own for work that takes so long that other work must not wait for it.
    threads: Executor | None = None
    # Called in the event loop before, for what only that may read; the work gets its value.
    look: Callable[[], object] | None = None


@asynccontextmanager
async def in_background(tasks: Iterable[Task], problems: Problems) -> AsyncIterator[None]:
    """Do the tasks while the block runs, in other threads than answers use."""
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="background")
    running = [asyncio.create_task(_repeat(one, one.threads or threads, problems)) for one in tasks]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        threads.shutdown(cancel_futures=True)


async def _repeat(task: Task, threads: Executor, problems: Problems) -> None:
    loop = asyncio.get_running_loop()
    pause = task.seconds
    if clock.is_played() and pause <= _SHORT_SECONDS:
        pause = min(pause, LOOK_SECONDS)
    reporting = Reporting(problems, task.name, task.seconds)
    while True:
        await asyncio.sleep(pause)
        work = task.work if task.look is None else partial(task.work, task.look())
        await loop.run_in_executor(threads, attempt, task.name, work, reporting)


class Reporting:
    """Reports failures of repeated work as a problem; reads tables only if something changed."""

    def __init__(self, problems: Problems, name: str, seconds: float = 0) -> None:
        self._problems, self._name = problems, name
        self._within = PATIENCE + round(2 * seconds * SECOND)
        # A process that ended may have left a problem, so the first success clears it.
        self._may_stand = True
        self._logged = ("", 0)

    def is_news(self, reason: str) -> bool:
        """True unless the reason was logged within the last minute."""
        # Work that fails each second must not fill the log.
        before, at = self._logged
        now = clock.real_now()
        if reason == before and now - at < MINUTE:
            return False
        self._logged = (reason, now)
        return True

    def failed(self, reason: str) -> None:
        """Report that the work failed. Raises nothing, even if the tables do not answer."""
        self._may_stand = True
        self._say(lambda now: self._problems.report(self._name, reason, now, within=self._within))

    def succeeded(self) -> None:
        """Report that the work was done. Raises nothing."""
        if self._may_stand:
            self._may_stand = not self._say(lambda now: self._problems.clear(self._name, now))

    def _say(self, call: Callable[[int], None]) -> bool:
        try:
            call(clock.now())  # which a broken file of the clock may not tell
        except PawsonalizeError as error:
            log.warning("problem not noted", name=self._name, reason=error.message)
            return False
        return True


def at_the_moment(work: Callable[[int], object]) -> Callable[[], object]:
    """Return the work as a function that calls it with the present moment, in milliseconds."""
    return lambda: work(clock.now())


def attempt(name: str, work: Callable[[], object], reporting: Reporting | None = None) -> None:
    """Do work that is repeated anyway: a failure is logged and reported, and raises nothing."""
    try:
        work()
    except PawsonalizeError as error:
        _failed(name, error.message, reporting, {"code": error.code, "reason": str(error)})
    except Exception as error:  # noqa: BLE001 - what nobody foresaw may pass as well
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            reason = "the disk is full: free some space"
            _failed(name, reason, reporting, {"reason": reason, "file": error.filename})
            return
        reason = f"{type(error).__name__} (the log of the server has all of it)"
        _failed(name, reason, reporting, {"exc_info": error})
    else:
        if reporting is not None:
            reporting.succeeded()


def _failed(
    name: str, reason: str, reporting: Reporting | None, logged: Mapping[str, object]
) -> None:
    if reporting is None or reporting.is_news(reason):
        log.error("failed", work=name, **logged)
    if reporting is not None:
        reporting.failed(reason)
