"""Heartbeats: counts that living processes raise, watched without a clock of another machine."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

import msgspec

KeyT = TypeVar("KeyT", bound=Hashable)

HEARTBEAT_SECONDS = 2.0
"""Seconds between two heartbeats of a server."""
GONE_SECONDS = 15.0
"""A process whose count stood still for so long is gone."""


class _Count(msgspec.Struct):
    count: Hashable
    since: float
    looked: float
    has_moved: bool = False


class Heartbeats(Generic[KeyT]):
    """Counts of other processes as one watcher saw them, by its own steady clock in seconds."""

    def __init__(
        self, gone_after: float = GONE_SECONDS, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._gone_after = gone_after
        self._steady = steady
        self._seen: dict[KeyT, _Count] = {}

    def look_at(self, key: KeyT, count: Hashable) -> None:
        """Note the count of one process, as it was just read."""
        now = self._steady()
        seen = self._seen.get(key)
        if seen is None:
            self._seen[key] = _Count(count, now, now)
            return
        if seen.count != count:
            seen.count, seen.since, seen.has_moved = count, now, True
        elif now - seen.looked > self._gone_after / 2:
            seen.since = now  # we were kept from looking, so maybe they were from counting
        seen.looked = now

    def look(self, counts: Mapping[KeyT, Hashable]) -> None:
        """Note the counts of all processes, as just read; those that are not among them go."""
        for key in self._seen.keys() - counts.keys():
            self.forget(key)
        for key, count in counts.items():
            self.look_at(key, count)

    def has_moved(self, key: KeyT) -> bool:
        """True if the count was seen to rise."""
        # Then its owner surely lived.
        seen = self._seen.get(key)  # once: another thread may forget it
        return seen is not None and seen.has_moved

    def stands_since(self, key: KeyT) -> float:
        """Seconds for which the count was seen to stand still."""
        seen = self._seen.get(key)
        return 0.0 if seen is None else seen.looked - seen.since

    def is_gone(self, key: KeyT) -> bool:
        """True if the count was seen to stand still for too long."""
        return self.stands_since(key) >= self._gone_after

    def forget(self, key: KeyT) -> None:
        """Remove the heartbeat of a process that has ended."""
        self._seen.pop(key, None)
