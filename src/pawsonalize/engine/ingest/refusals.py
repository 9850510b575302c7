"""Port for what came in and could not be taken; a wing may keep it, so that people can mend it."""

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from pawsonalize.domain.errors import TooManyRequests
from pawsonalize.domain.times import DAY, HOUR, MINUTE, SECOND, iso
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.kinds.group_limits import NO_LIMITS, GroupLimits
from pawsonalize.kinds.problems import Problems

Room = tuple[int, TooManyRequests | None]
"""Number of events there is room for, and why for no more."""


class EventLimits:
    """Limits of incoming events; `stored` tells how many of a dataset group were counted last."""

    def __init__(
        self,
        look: Callable[[str], GroupLimits],
        stored: Callable[[str], int],
        now: Callable[[], int],
        processes: int = 1,
    ) -> None:
        self._limits = CachedLookup(look, now)
        self._stored = CachedLookup(stored, now)
        self._now = now
        self._processes = processes
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def room(self, group: str, events: int, *, whole: bool = False) -> Room:
        """Take as many events as the dataset group has room for; with `whole` all or none."""
        limits = self._limits.find(group)
        if limits.stored_events is not None and self._stored.find(group) >= limits.stored_events:
            message = (
                f"dataset group {group} stores {limits.stored_events:,} events (stored_events), and"
                " has them: go on when some have left the table (event_days), or ask whoever runs"
                " this service for more"
            )
            return 0, TooManyRequests(message, retry_after=HOUR // SECOND)
        if limits.events_per_minute is None:
            return events, None
        return self._this_minute(group, events, limits.events_per_minute, whole)

    def _this_minute(self, group: str, events: int, most: int, whole: bool) -> Room:
        # Processes count apart, so each has its share, and at least one.
        rate = RateLimitItemPerMinute(max(most // self._processes, 1 if most else 0))
        window = self._limiter.get_window_stats(rate, group)
        free = max(min(window.remaining, events), 0)
        if whole and free < events:
            free = 0
        if free:
            self._limiter.hit(rate, group, cost=free)
        if free == events:
            return events, None
        seconds = max(math.ceil(window.reset_time - self._now() / SECOND), 1)
        message = (
            f"dataset group {group} takes {most:,} events a minute (events_per_minute): send"
            f" the others again in {seconds} s"
        )
        return free, TooManyRequests(message, retry_after=seconds)

    def daily(self, groups: Iterable[str]) -> dict[str, int]:
        """Return how many new events each dataset group may store a day, if that is limited."""
        limits = {group: self._limits.find(group).events_per_day for group in groups}
        return {group: most for group, most in limits.items() if most is not None}

    def day_is_full(self, group: str) -> TooManyRequests:
        """Return why no more events are stored today."""
        now = self._now()
        tomorrow = (now // DAY + 1) * DAY
        most = self._limits.find(group).events_per_day or 0
        return TooManyRequests(
            f"dataset group {group} takes {most:,} events a day (events_per_day), and today's are"
            f" stored: go on at {iso(tomorrow)}",
            retry_after=max(math.ceil((tomorrow - now) / SECOND), 1),
        )


UNLIMITED = EventLimits(lambda _group: NO_LIMITS, lambda _group: 0, lambda: 0)
"""No dataset group has a limit."""


PROBLEM: Final = "take events"
WINDOW: Final = 5 * MINUTE
FEWEST: Final = 20
"""Least number of refusals in the window that is a problem and no single typo."""


class Intake:
    """Counts of events accepted and refused by one process in the last minutes, by any way in."""

    def __init__(self, problems: Problems, notice: float) -> None:
        """Watch for a problem: a share of refusals greater than `notice`; with 1, never."""
        self._problems = problems
        self._notice = notice
        self._minutes: dict[int, Counter[str | None]] = {}  # of reasons; None: it was accepted
        self._lock = threading.Lock()

    def count(self, now: int, accepted: int, reasons: Iterable[str] = ()) -> None:
        """Note what was accepted, and the reason of each refusal: a code, or a field."""
        with self._lock:
            counts = self._window(now).setdefault(now // MINUTE, Counter())
            counts.update(reasons)
            counts[None] += accepted

    def look(self, now: int) -> None:
        """Report the problem if there is one; it ends by itself when no process reports it."""
        with self._lock:
            reasons = sum(self._window(now).values(), Counter[str | None]())
        accepted = reasons.pop(None, 0)
        refused = reasons.total()
        total = accepted + refused
        if refused < FEWEST or refused <= self._notice * total:
            return
        reason, count = reasons.most_common(1)[0]
        message = (
            f"{refused:,} of {total:,} events that came in within {WINDOW // MINUTE} minutes could"
            f" not be taken, {count:,} of them for {reason}: see `pawsonalize dead-letters ls`"
        )
        self._problems.report(PROBLEM, message, now, within=WINDOW)

    def _window(self, now: int) -> dict[int, Counter[str | None]]:
        before = (now - WINDOW) // MINUTE
        self._minutes = {one: counts for one, counts in self._minutes.items() if one > before}
        return self._minutes


HTTP: Final = "http"
"""The source of what came by HTTP."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RefusedInput:
    """Refused data, as it came in, and the reason."""

    source: str
    """`http`, or the stream's URL without who logs in."""
    dataset_group: str
    """The dataset group that it was to go into."""
    at: int
    """The moment when it came in, in milliseconds since 1970."""
    raw: bytes
    code: str
    """The reason for machines."""
    message: str
    """The reason for people."""
    field: str | None = None
    """The field that is wrong, if it is one."""
    position: str | None = None
    """Its place in the stream: `shard/sequence`, in a list with `/index` behind that."""


class RefusalSink(Protocol):
    """Keeps what `/v1/events` refuses: the port `refusals`. Raises nothing, as senders know why."""

    async def keep(
        self, refused: Sequence[RefusedInput], *, is_page: bool = False, user_id: str | None = None
    ) -> int:
        """Keep what may be kept; returns how much there is no room for.

        Of what a page sent, nothing is kept that names another user than its own.
        """

    def close(self) -> None:
        """Store what waits, and stop."""


KeepRefusals = Callable[[Sequence[RefusedInput]], object]
"""Keeps what a stream brought, durably on return: the port `stream_refusals`."""


def log_refusals(refused: Sequence[RefusedInput]) -> None:
    """Log what nobody keeps: place and reason, and nothing of a visitor."""
    for one in refused:
        log.warning(
            "refused", source=one.source, position=one.position, code=one.code, field=one.field
        )
