"""Repeated work: a failure ends nothing, and is a problem while it lasts."""

import errno
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from pawsonalize import clock
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import MINUTE, SECOND
from pawsonalize.kinds.problems import Problems

# A dead process reports nothing more: its problems end so long after the next attempt.
PATIENCE = 5 * MINUTE

log = structlog.get_logger()


class Reporting:
    """Reports one kind of work of one process; reads the tables only if something changed."""

    def __init__(self, problems: Problems, name: str, within: int) -> None:
        self._problems = problems
        self._name = name
        self._within = within
        # A process that ended may have left a problem, so the first success clears it.
        self._may_stand = True
        self._logged = ("", 0)

    @classmethod
    def every(cls, seconds: float, problems: Problems, name: str) -> "Reporting":
        """Reporting of work that is repeated every so many seconds."""
        return cls(problems, name, PATIENCE + round(2 * seconds * SECOND))

    def is_news(self, reason: str) -> bool:
        """Whether to log the reason: not if it was logged within the last minute."""
        before, at = self._logged
        now = clock.now()
        if reason == before and now - at < MINUTE:
            return False
        self._logged = (reason, now)
        return True

    def failed(self, reason: str) -> None:
        """Report that the work failed. Raises nothing, even if the tables do not answer."""
        self._may_stand = True
        self._say(self._problems.report, reason, clock.now(), within=self._within)

    def succeeded(self) -> None:
        """Report that the work was done. Raises nothing."""
        if self._may_stand:
            self._may_stand = not self._say(self._problems.clear, clock.now())

    def _say(self, call: Callable[..., None], *arguments: Any, **named: Any) -> bool:
        try:
            call(self._name, *arguments, **named)
        except PawsonalizeError as error:
            log.warning("problem not noted", name=self._name, reason=error.message)
            return False
        return True


def at_the_moment(work: Callable[[int], object]) -> Callable[[], object]:
    """Return the work as a function that gives it the present moment."""
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
