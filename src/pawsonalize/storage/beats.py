"""Who lives, told by counts that each one raises: no clock of another machine is asked."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)

BEAT_SECONDS = 2.0
"""How often a server counts its beats up."""
GONE_SECONDS = 15.0
"""A server whose count stood still for so long is gone."""


@dataclass(slots=True)
class _Count:
    beats: int
    since: float
    has_moved: bool = False


class Beats(Generic[KeyT]):
    """What one watcher saw of others' counts, by its own steady clock, in seconds."""

    def __init__(self, gone_after: float = GONE_SECONDS) -> None:
        self._gone_after = gone_after
        self._seen: dict[KeyT, _Count] = {}
        self._looked: float | None = None

    def look(self, counts: Mapping[KeyT, int], at: float) -> None:
        """Take what was just read; who is not among the counts is forgotten."""
        if self._looked is not None and at - self._looked > self._gone_after / 2:
            # We were kept from looking, so maybe they were from beating.
            self._seen = {
                key: _Count(one.beats, at, one.has_moved) for key, one in self._seen.items()
            }
        self._looked = at
        self._seen = {key: self._count(key, beats, at) for key, beats in counts.items()}

    def has_moved(self, key: KeyT) -> bool:
        """Whether the count was seen to rise, so that its owner surely lived."""
        return key in self._seen and self._seen[key].has_moved

    def stands_since(self, key: KeyT) -> float:
        """For how many seconds the count was seen to stand still."""
        seen = self._seen.get(key)
        return 0.0 if seen is None or self._looked is None else self._looked - seen.since

    def is_gone(self, key: KeyT) -> bool:
        """Whether the count has stood still for too long; False for who was not seen for long."""
        return self.stands_since(key) >= self._gone_after

    def _count(self, key: KeyT, beats: int, at: float) -> _Count:
        before = self._seen.get(key)
        if before is None:
            return _Count(beats, at)
        return before if before.beats == beats else _Count(beats, at, has_moved=True)
