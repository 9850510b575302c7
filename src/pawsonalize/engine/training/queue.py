"""Trainings that wait for their turn, oldest first."""

from dataclasses import dataclass

from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.resources.status import Status
from pawsonalize.engine.training.processes import TrainingProcesses

_NEWEST = 100  # of all versions; older ones are settled


@dataclass(frozen=True, slots=True)
class TrainingQueue:
    """Starts trainings that were only written down, so that at most `at_once` are under way.

    Who writes one down may as well start it: then it does not wait.
    """

    registry: Registry
    trainings: TrainingProcesses
    at_once: int

    def start_waiting(self, now: int) -> None:
        """Start as many as may be."""
        open_ones = [one for one in self._newest() if not one.status.is_settled]
        waiting = [one for one in open_ones if one.status is Status.CREATE_PENDING]
        free = self.at_once - (len(open_ones) - len(waiting))
        for version in reversed(waiting[-free:] if free > 0 else []):
            self.trainings.start(version.name, now)

    def look_after(self, now: int) -> None:
        """Settle trainings that died while nobody waited for them, and start the next."""
        for version in self._newest():
            if not version.status.is_settled:
                self.trainings.look(version.name, now)
        self.start_waiting(now)

    def _newest(self) -> list[SolutionVersion]:
        return self.registry.page(SolutionVersion, _NEWEST)
