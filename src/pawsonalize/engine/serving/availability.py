"""Available animals of each item: exact in every answer, counted only if changed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.statuses import FOREVER
from pawsonalize.engine.serving.metadata import PerCatalogue
from pawsonalize.storage.animals.availability import Availability, Revision

Counts = NDArray[np.int64]

# For more items, one count of all is faster than a count by name.
_MANY = 1_000


@dataclass(frozen=True, slots=True)
class _Count:
    """The animals of each item, as of a revision and a moment, until the next change."""

    revision: Revision
    at: int
    until: int
    animals: dict[str, int]
    counted: PerCatalogue[Counts]


class AvailabilityWatch:
    """The availability as it is now; that of another moment is counted when a query asks.

    A query after a committed change sees it, in any process: each answer reads the revision first.
    A clock that runs behind another machine's does no harm: no answer is of a moment before the
    newest change.
    """

    def __init__(self, availability: Availability) -> None:
        self._availability = availability
        self._last = _Count(Revision(0, 0), 0, 0, {}, PerCatalogue())

    def of(self, item_ids: tuple[str, ...], at: int, now: int) -> Counts | None:
        """Available animals of each item, shape (items,); None if no animal is known."""
        # Any thread may be last: its count is right as of its own revision and moment.
        count = self._last = self._current(now)
        if not count.revision.number:
            return None
        if at != now:
            animals = self._recounted(count, at)
            return _of(item_ids, animals) if animals else None
        known = count.counted.get(item_ids)
        return count.counted.put(item_ids, _of(item_ids, count.animals)) if known is None else known

    def _current(self, now: int) -> _Count:
        last, revision = self._last, self._availability.revision()
        at = max(now, revision.at)
        if revision == last.revision and last.at <= at < last.until:
            return last
        until = self._availability.next_change(at)
        animals = self._recounted(last, at)
        return _Count(revision, at, FOREVER if until is None else until, animals, PerCatalogue())

    def _recounted(self, known: _Count, at: int) -> dict[str, int]:
        """The animals of each item at a moment, from a count of another."""
        if not known.revision.number:
            return self._availability.count(at)
        changed = self._availability.changed(known.revision, known.at, at)
        if len(changed) > _MANY:
            return self._availability.count(at)
        there = self._availability.count(at, changed)
        kept = {item: animals for item, animals in known.animals.items() if item not in changed}
        return kept | there


def _of(item_ids: tuple[str, ...], animals: dict[str, int]) -> Counts:
    return np.array([animals.get(item, 0) for item in item_ids], np.int64)
