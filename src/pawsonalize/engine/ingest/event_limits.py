"""Limits on the events that dataset groups send, for one process."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from pawsonalize.domain.errors import TooManyRequests
from pawsonalize.domain.times import DAY, HOUR, SECOND, iso
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.kinds.group_limits import NO_LIMITS, GroupLimits


@dataclass(frozen=True, slots=True)
class Room:
    """Number of events there is room for, and why for no more."""

    events: int
    refusal: TooManyRequests | None = None


class EventLimits:
    """Limits of incoming events. Limits of a minute are this process's share of them.

    `look` reads a dataset group's limits, `stored` how many events of it are in the table, as they
    were counted last.
    """

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
        """For how many of so many events the dataset group has room; with `whole` all or none.

        Those that there is room for count as come in.
        """
        limits = self._limits.find(group)
        if limits.stored_events is not None and self._stored.find(group) >= limits.stored_events:
            return Room(0, _full(group, limits.stored_events))
        if limits.events_per_minute is None:
            return Room(events)
        return self._this_minute(group, events, limits.events_per_minute, whole)

    def _this_minute(self, group: str, events: int, most: int, whole: bool) -> Room:
        rate = RateLimitItemPerMinute(max(most // self._processes, 1 if most else 0))
        window = self._limiter.get_window_stats(rate, group)
        free = max(min(window.remaining, events), 0)
        if whole and free < events:
            free = 0
        if free:
            self._limiter.hit(rate, group, cost=free)
        if free == events:
            return Room(events)
        seconds = max(math.ceil(window.reset_time - self._now() / SECOND), 1)
        return Room(
            free,
            TooManyRequests(
                f"dataset group {group} takes {most:,} events a minute (events_per_minute): send"
                f" the others again in {seconds} s",
                retry_after=seconds,
            ),
        )

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


def _full(group: str, most: int) -> TooManyRequests:
    return TooManyRequests(
        f"dataset group {group} stores {most:,} events (stored_events), and has them: go on when"
        " some have left the table (event_days), or ask whoever runs this service for more",
        retry_after=HOUR // SECOND,
    )


UNLIMITED = EventLimits(lambda _group: NO_LIMITS, lambda _group: 0, lambda: 0)
"""No dataset group has a limit."""
