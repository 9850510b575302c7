"""Retrainings of dataset groups that have a schedule of their own."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.engine.training.retrained import Part
from pawsonalize.engine.training.retraining.runs import Runs
from pawsonalize.engine.training.retraining.schedule import Schedule
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.group_limits import NEVER
from pawsonalize.kinds.job_table import FairOrder
from pawsonalize.kinds.registry import Registry
from pawsonalize.storage.work import Turns

_TICKS = "ticks of retrainings"
_LOOK_SECONDS = 10.0

log = structlog.get_logger()


@dataclass(slots=True)
class GroupTimers:
    """Begins the runs of dataset groups that are due, one at a time and in turns.

    If ticks were missed while no server ran, one run makes up for them. A tick before the dataset
    group was changed last begins none. `read` reads a schedule.
    """

    runs: Runs
    registry: Registry
    turns: Turns
    order: FairOrder
    read: Callable[[str], Schedule | None]
    _until: float = field(default=0.0)

    def look(self, now: int) -> None:
        """Begin a run that is due, unless another one runs."""
        if time.monotonic() < self._until:
            return
        self._until = time.monotonic() + _LOOK_SECONDS
        last = self.turns.last(_TICKS)
        due = [
            (group.name, tick)
            for group in self.registry.all(DatasetGroup)
            if (tick := self._tick(group, now)) is not None
            and tick > last.get(group.name, group.updated_at)
        ]
        for name, tick in self.order.ordered(due, lambda one: one[0])[:1]:
            if self.runs.begin_tick(tick, now, Part(dataset_group=name)):
                self.turns.put(_TICKS, name, tick)
                self.order.begun(name)

    def _tick(self, group: DatasetGroup, now: int) -> int | None:
        schedule = group.limits.retrain_schedule
        if schedule is None or schedule == NEVER:
            return None
        try:
            found = self.read(schedule)
        except PawsonalizeError as error:  # it was checked, so the time zones changed since
            log.error("no schedule", dataset_group=group.name, reason=error.message)
            return None
        return None if found is None else found.latest(now)
