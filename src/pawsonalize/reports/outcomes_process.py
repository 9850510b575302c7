"""Outcomes reports are made in processes of their own, never in one that answers."""

import subprocess
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from pawsonalize.core.errors import NotReady
from pawsonalize.core.times import iso
from pawsonalize.reports.outcomes import OutcomeKind
from pawsonalize.reports.outcomes_report import (
    OutcomesOrder,
    OutcomeSources,
    Season,
    report_outcomes,
)
from pawsonalize.reports.report import OutcomesReport, stays_of

_LOOK_SECONDS = 2.0
_ENDS = "the server ends"
REFUSED = 1  # exit code of a process that wrote why there is no report


class OutcomesPeriod(msgspec.Struct, frozen=True, rename="camel"):
    """One part of the time: outcomes in it, arrivals in it, and animals that waited at its end.

    `rmst90` is the mean of min(wait, 90 days) over its arrivals, in days; null until one of them
    was followed for 90 days.
    """

    since: str
    until: str
    inquiries: int
    applications: int
    adoptions: int
    returns: int
    arrivals: int
    waiting: int
    rmst90: float | None


def periods_of(season: Season, order: OutcomesOrder, parts: int) -> list[OutcomesPeriod]:
    """So many equal parts of the time; none for 0."""
    if not parts:
        return []
    step = (order.until - order.since) / parts
    bounds = [order.since + round(step * part) for part in range(parts + 1)]
    counts = [Counter[OutcomeKind]() for _ in range(parts)]
    for one in season.outcomes:
        counts[min(bisect_right(bounds, one.at), parts) - 1][one.kind] += 1
    periods = []
    for since, until, count in zip(bounds, bounds[1:], counts, strict=False):
        arrived = [wait for wait in season.waits if since <= wait.since < until]
        rmst90 = stays_of(arrived).rmst90
        periods.append(
            OutcomesPeriod(
                since=iso(since),
                until=iso(until),
                inquiries=count[OutcomeKind.INQUIRY],
                applications=count[OutcomeKind.APPLICATION],
                adoptions=count[OutcomeKind.ADOPTION],
                returns=count[OutcomeKind.RETURN],
                arrivals=len(arrived),
                waiting=sum(wait.since < until <= wait.until for wait in season.waits),
                rmst90=None if rmst90 is None else rmst90.mean,
            )
        )
    return periods


class OutcomesMade(msgspec.Struct, frozen=True):
    """Output of a process: the report, and its time in parts."""

    report: OutcomesReport
    periods: tuple[OutcomesPeriod, ...]


class OutcomesRefused(msgspec.Struct, frozen=True):
    """Output of a process that could not make its report."""

    reason: str


def make_outcomes(sources: OutcomeSources, order: OutcomesOrder, parts: int) -> OutcomesMade:
    """Make the report in this very process."""
    season = Season.read(sources, order)
    report = report_outcomes(sources, order, season)
    return OutcomesMade(report, tuple(periods_of(season, order, parts)))


# A report takes seconds of Python, which would hold the server's interpreter, and memory.
@dataclass(eq=False)
class OutcomesProcesses:
    """Runs `command` for each report, with what is asked for as its arguments."""

    command: Sequence[str]
    environment: Mapping[str, str]
    look: Callable[[], object]  # reads the tables, and raises if that cannot be done

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_closed = False

    def make(self, dataset_group: str, order: OutcomesOrder, parts: int = 0) -> OutcomesMade:
        """The report by the default weights, which blocks; NotReady with the reason."""
        # If the tables cannot be read, that is known before a process has started.
        self.look()
        span = (order.since, order.until, order.within_days, parts)
        with self._start([dataset_group, *map(str, span)]) as child:
            try:
                written = self._read(child)
            except BaseException:
                child.kill()
                raise
            finally:
                with self._lock:
                    self._running.discard(child)
        if child.returncode:
            code = child.returncode
            reason = f"its process ended with exit code {code}; the log of the server has more"
            if self._is_closed:
                reason = _ENDS
            elif child.returncode == REFUSED and written:
                reason = msgspec.json.decode(written, type=OutcomesRefused).reason
            raise _not_made(reason)
        return msgspec.json.decode(written, type=OutcomesMade)

    def close(self) -> None:
        """End what runs, and begin no other: the server ends, as those who wait are told."""
        with self._lock:
            self._is_closed = True
            for child in self._running:
                child.kill()

    def _read(self, child: "subprocess.Popen[bytes]") -> bytes:
        """All that it writes; what `look` raises, if it does so meanwhile."""
        pipe, child.stdin = child.stdin, None  # which `communicate` would close, and end the child
        assert pipe is not None
        with pipe:
            while True:
                try:
                    return child.communicate(timeout=_LOOK_SECONDS)[0]
                except subprocess.TimeoutExpired:
                    self.look()

    def _start(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_closed:
                raise _not_made(_ENDS)
            try:
                child = subprocess.Popen(  # noqa: S603 - the service's own command
                    [*self.command, *arguments],
                    env=self.environment,
                    stdin=subprocess.PIPE,  # it closes with this process, however that ends
                    stdout=subprocess.PIPE,
                )
            except OSError as error:
                raise _not_made(f"no process can be started ({error.strerror})") from error
            self._running.add(child)
            return child


def _not_made(reason: str) -> NotReady:
    return NotReady(f"the report was not made: {reason}", code="report_failed")
