"""Trainings that wait for their turn, and automatic trainings, which are stored when due."""

from contextlib import suppress

import msgspec
import structlog

from pawsonalize.domain.errors import Conflict, NotFound, PawsonalizeError, TooManyRequests
from pawsonalize.domain.times import DAY, SECOND
from pawsonalize.engine.training.processes import TrainingProcesses
from pawsonalize.engine.training.retrained import Retrained, why_not
from pawsonalize.engine.training.training_data import has_events
from pawsonalize.engine.training.versions import SolutionVersions
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.group_limits import NEVER
from pawsonalize.kinds.job_table import FairOrder
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Status
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.storage.events.event_log import EventLog


class TrainingQueue(msgspec.Struct, frozen=True):
    """Starts trainings that are only stored, so that at most `at_once` run; 0 leaves them alone."""

    registry: Registry
    trainings: TrainingProcesses
    at_once: int
    order: FairOrder

    def start_waiting(self, now: int) -> None:
        """Start as many as may be."""
        open_ones = self.registry.unsettled(SolutionVersion)
        waiting = [one for one in open_ones if one.status is Status.CREATE_PENDING]
        training = [one for one in open_ones if one.status is not Status.CREATE_PENDING]
        # A retraining run may have many, and others would wait for all of them.
        free = self.at_once - sum(one.run is None for one in training)
        # Dataset groups take turns; of one, the oldest is first.
        ordered = self.order.ordered(waiting, self.registry.group_of) if free > 0 else []
        for version in ordered[: max(free, 0)]:
            self.trainings.start(version.name, now)
            self.order.begun(self.registry.group_of(version))

    def look_after(self, now: int) -> None:
        """Settle trainings that died unnoticed, and start the next."""
        for version in self.registry.unsettled(SolutionVersion):
            self.trainings.look(version.name, now)
        self.start_waiting(now)


_FIRST_AFTER = 10 * SECOND  # one that you train at once by hand needs no first training

logger = structlog.get_logger()  # `log` is the events'


class AutomaticTraining(msgspec.Struct, frozen=True):
    """Stores the versions that are due; the training queue starts them."""

    registry: Registry
    versions: SolutionVersions
    log: EventLog
    retrains: bool = False  # True if there is a daily retraining

    def look(self, now: int) -> None:
        """Store what is due and has new events; a solution that fails holds up no other."""
        for solution in list(self.registry.all(Solution)):
            if solution.auto_training_days is not None and solution.status is Status.ACTIVE:
                try:
                    # Another server stored it, the solution is going, or too much is in training
                    # or was today.
                    with suppress(Conflict, NotFound, TooManyRequests):
                        self._look(solution, solution.auto_training_days, now)
                except PawsonalizeError as error:
                    logger.error("cannot train", solution=solution.name, reason=error.message)

    def _look(self, solution: Solution, days: int, now: int) -> None:
        newest = next(iter(self.registry.page(SolutionVersion, 1, parent=solution.name)), None)
        if newest is not None and not newest.status.is_settled:
            return
        # So many days after the newest version was created; the first one soon.
        due = solution.created_at + _FIRST_AFTER
        if newest is not None:
            # A day later if the daily retraining trains it too: nothing is trained twice.
            due = newest.created_at + (days + self._is_retrained(solution)) * DAY
        # After a training that failed all events count as new: the next one may go well.
        known = 0 if newest is None or newest.status is not Status.ACTIVE else newest.log_offset
        log = self.log.of(solution.data_group)
        if now < due or not has_events(log, known, log.head(), now):
            return
        self.versions.create(
            solution.name,
            as_of=now,
            now=now,
            name=f"{solution.name}-auto-{due}",  # the same on every server
            measured=True,
            extras=solution.extras,
            automatic=True,
        )

    def _is_retrained(self, solution: Solution) -> bool:
        group = self.registry.find(DatasetGroup, solution.dataset_group)
        if group is not None and group.limits.retrain_schedule == NEVER:
            return False
        return self.retrains and any(
            why_not(Retrained(solution, campaign)) is None
            for campaign in self.registry.all(Campaign, parent=solution.name)
        )
