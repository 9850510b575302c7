"""Limits of events that come in, by dataset group."""

import math
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from pawsonalize.core.errors import TooManyRequests
from pawsonalize.core.late import late
from pawsonalize.core.times import DAY, HOUR, SECOND, iso
from pawsonalize.resources.cached_lookup import CachedLookup
from pawsonalize.resources.group_limits import NO_LIMITS, GroupLimits

if TYPE_CHECKING:
    import limits as rates
    from limits import storage, strategies
else:
    rates = late("limits")
    storage, strategies = late("limits.storage"), late("limits.strategies")

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

    @cached_property
    def _limiter(self) -> "strategies.RateLimiter":
        return strategies.SlidingWindowCounterRateLimiter(storage.MemoryStorage())

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
        rate = rates.RateLimitItemPerMinute(max(most // self._processes, 1 if most else 0))
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

    def day_is_full(self, group: str, now: int) -> TooManyRequests:
        """Return why no more events are stored today."""
        tomorrow = (now // DAY + 1) * DAY
        most = self._limits.find(group).events_per_day or 0
        return TooManyRequests(
            f"dataset group {group} takes {most:,} events a day (events_per_day), and today's are"
            f" stored: go on at {iso(tomorrow)}",
            retry_after=max(math.ceil((tomorrow - now) / SECOND), 1),
        )


UNLIMITED = EventLimits(lambda _group: NO_LIMITS, lambda _group: 0, lambda: 0)
"""No dataset group has a limit."""
