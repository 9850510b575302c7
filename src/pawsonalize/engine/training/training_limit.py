"""Limit on the trainings of a dataset group a day."""

import math
from dataclasses import dataclass

from pawsonalize.domain.errors import TooManyRequests
from pawsonalize.domain.times import DAY, SECOND, iso
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.registry import Registry
from pawsonalize.storage.events.group_usage import GroupDays


@dataclass(frozen=True, slots=True)
class TrainingLimit:
    """Counts trainings exactly, whichever server they are asked of."""

    registry: Registry
    days: GroupDays

    def take(self, group: str, now: int) -> None:
        """Count a training; TooManyRequests if today's were asked for already."""
        found = self.registry.find(DatasetGroup, group)
        most = None if found is None else found.limits.trainings_per_day
        if self.days.take_training(group, now // DAY, most):
            return
        tomorrow = (now // DAY + 1) * DAY
        raise TooManyRequests(
            f"dataset group {group} may be trained {most:,} times a day (trainings_per_day), and"
            f" was: train again from {iso(tomorrow)} on",
            retry_after=max(math.ceil((tomorrow - now) / SECOND), 1),
        )

    def give_back(self, group: str, now: int) -> None:
        """Count it no more, as nothing is trained."""
        self.days.return_training(group, now // DAY)
