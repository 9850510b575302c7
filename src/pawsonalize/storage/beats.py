"""Who lives, told by counts that each one raises: no clock of another machine is asked."""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)

BEAT_SECONDS = 2.0
"""How often a server counts its beats up."""
GONE_SECONDS = 15.0
"""Whose count stood still for so long is gone."""


@dataclass(slots=True)
class _Count:
    beats: Hashable
    since: float
    looked: float
    has_moved: bool = False


class Beats(Generic[KeyT]):
    """What one watcher saw of others' counts, by its own steady clock, in seconds."""

    def __init__(
        self, gone_after: float = GONE_SECONDS, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._gone_after = gone_after
        self._steady = steady
        self._seen: dict[KeyT, _Count] = {}

    def look_at(self, key: KeyT, beats: Hashable) -> None:
        """Take what was just read of one."""
        now = self._steady()
        seen = self._seen.get(key)
        if seen is None:
            self._seen[key] = _Count(beats, now, now)
            return
        if seen.beats != beats:
            seen.beats, seen.since, seen.has_moved = beats, now, True
        elif now - seen.looked > self._gone_after / 2:
            seen.since = now  # we were kept from looking, so maybe they were from beating
        seen.looked = now

    def look(self, counts: Mapping[KeyT, Hashable]) -> None:
        """Take what was just read of all; who is not among the counts is forgotten."""
        for key in self._seen.keys() - counts.keys():
            self.forget(key)
        for key, beats in counts.items():
            self.look_at(key, beats)

    def has_moved(self, key: KeyT) -> bool:
        """Whether the count was seen to rise, so that its owner surely lived."""
        seen = self._seen.get(key)  # once: another thread may forget it
        return seen is not None and seen.has_moved

    def stands_since(self, key: KeyT) -> float:
        """For how many seconds the count was seen to stand still."""
        seen = self._seen.get(key)
        return 0.0 if seen is None else seen.looked - seen.since

    def is_gone(self, key: KeyT) -> bool:
        """Whether the count has stood still for too long; False for who was not seen for long."""
        return self.stands_since(key) >= self._gone_after

    def forget(self, key: KeyT) -> None:
        """Forget one of whom nothing is to be read any more."""
        self._seen.pop(key, None)
