"""Counts of what dataset groups use, gathered in memory and stored now and then."""

import threading
from collections import defaultdict
from collections.abc import Callable

from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import DAY, SECOND
from pawsonalize.storage.events.group_days import DayCounts, GroupDays


class Usage:
    """Counts requests, for one process. What was not stored when the process dies is lost."""

    def __init__(self, days: GroupDays, now: Callable[[], int]) -> None:
        self.days = days
        self._now = now
        self._lock = threading.Lock()
        self._counts: defaultdict[tuple[str, int], list[float]] = defaultdict(lambda: [0, 0, 0.0])

    def count(self, group: str, seconds: float, *, refused: bool = False) -> None:
        """Count a request about the dataset group, and how long its answer took."""
        with self._lock:
            counts = self._counts[group, self._now() // DAY]
            counts[refused] += 1
            counts[2] += seconds

    def store(self) -> None:
        """Add what was counted to the tables; where that fails it is kept for the next time."""
        with self._lock:
            counted, self._counts = self._counts, defaultdict(lambda: [0, 0, 0.0])
        rows = [
            DayCounts(
                group,
                day,
                requests=int(answered),
                refused=int(refused),
                answer_ms=round(seconds * SECOND),
            )
            for (group, day), (answered, refused, seconds) in counted.items()
        ]
        try:
            self.days.add(rows)
        except PawsonalizeError:
            with self._lock:
                for place, counts in counted.items():
                    for index, value in enumerate(counts):
                        self._counts[place][index] += value
            raise
