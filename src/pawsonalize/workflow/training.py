"""The steps around training: each half's solution version is created, trained, waited for."""

from dataclasses import dataclass

from msgspec.structs import replace

from pawsonalize.domain.errors import NotFound
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.resources.status import Status
from pawsonalize.engine.solutions.processes import TrainingProcesses
from pawsonalize.engine.solutions.versions import SolutionVersions
from pawsonalize.workflow.record import Fate, Half, Outcome, Record, Step, moved, settled, with_half
from pawsonalize.workflow.worker import Later

MAX_TRAININGS = 3
"""A training whose process dies is begun again so often before its half has failed."""


@dataclass(frozen=True, slots=True)
class Training:
    """Solution versions in the making; each trains in a process of its own."""

    versions: SolutionVersions
    processes: TrainingProcesses
    check_seconds: float

    def create(self, record: Record, now: int) -> Record:
        """Create the versions and start their trainings; what is there already is left alone."""
        for half in record.open_halves():
            name = half.solution_version
            self.versions.create(half.campaign, as_of=record.as_of, now=now, name=name)
            self.processes.start(name, now)
            record = with_half(record, replace(half, trainings=1))
        return moved(record, Step.AWAIT_VERSIONS)

    def await_all(self, record: Record, now: int) -> Record | Later:
        """Look at the trainings; once none goes on, those that are ACTIVE are judged."""
        for half in record.open_halves():
            record = with_half(record, self._looked_at(half, now))
        open_halves = record.open_halves()
        if any(half.training_status != Status.ACTIVE for half in open_halves):
            return Later(record, self.check_seconds)
        if open_halves:
            return moved(record, Step.EVALUATE)
        reason = "; ".join(half.reason for half in record.halves)
        return settled(record, Outcome.FAILED, reason, Step.NOTIFY)

    def stop(self, record: Record, now: int) -> Record:
        """End what still trains, and leave nothing half-written."""
        for half in record.halves:
            try:
                version = self.processes.look(half.solution_version, now)
            except NotFound:
                continue
            if not version.status.is_settled:
                version = self.processes.stop(version.name, now)
            record = with_half(record, replace(half, training_status=version.status.value))
        return moved(record, Step.NOTIFY)

    def _looked_at(self, half: Half, now: int) -> Half:
        version = self.processes.look(half.solution_version, now)
        if version.status in {Status.CREATE_PENDING, Status.CREATE_FAILED}:
            if half.trainings >= MAX_TRAININGS:
                reason = f"{version.name} could not be trained: {version.failure_reason}"
                return replace(
                    half, fate=Fate.FAILED, reason=reason, training_status=version.status
                )
            version = self.processes.start(version.name, now)
            half = replace(half, trainings=half.trainings + 1)
        if version.status in {Status.CREATE_STOPPING, Status.CREATE_STOPPED}:
            reason = f"somebody stopped the training of {version.name}"
            return replace(half, fate=Fate.FAILED, reason=reason, training_status=version.status)
        return replace(
            half,
            training_status=version.status.value,
            training_progress=_progress(version),
            metrics=version.metrics,
        )


def _progress(version: SolutionVersion) -> str:
    if version.progress is None:
        return ""
    return f"{version.progress.phase}, {version.progress.share:.0%}"
