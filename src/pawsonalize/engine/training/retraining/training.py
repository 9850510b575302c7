"""The steps around training: create each half's solution version, train it, wait for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from pawsonalize.domain.errors import NotFound, TooManyRequests
from pawsonalize.engine.training.processes import TrainingProcesses
from pawsonalize.engine.training.retraining.fates import attempt_half, conclude
from pawsonalize.engine.training.retraining.record import (
    Fate,
    Half,
    RunRecord,
    Step,
    move_on,
    with_half,
)
from pawsonalize.engine.training.retraining.worker import Later
from pawsonalize.engine.training.versions import SolutionVersions
from pawsonalize.kinds.resource import Status
from pawsonalize.kinds.solutions import SolutionVersion

MAX_TRAININGS = 3
"""A training whose process dies is started so often again before its half has failed."""


def in_turns(halves: Sequence[Half]) -> list[Half]:
    """One half of each dataset group after the other, so that none waits for all of another."""
    rounds: list[list[Half]] = []
    seen: dict[str, int] = {}
    for half in halves:
        number = seen.get(half.dataset_group, 0)
        seen[half.dataset_group] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(half)
    return [half for each in rounds for half in each]


@dataclass(frozen=True, slots=True)
class Training:
    """Trains solution versions, each in a process of its own.

    At most `at_once` train at the same time; the others wait.
    """

    versions: SolutionVersions
    processes: TrainingProcesses
    check_seconds: float
    at_once: int = 2

    def create(self, record: RunRecord, now: int) -> RunRecord:
        """Create versions and start their trainings; existing ones are left alone."""
        return move_on(self._begun(record, now), Step.AWAIT_VERSIONS)

    def await_all(self, record: RunRecord, now: int) -> RunRecord | Later:
        """Look at the trainings; when all have ended, go on to judge the ACTIVE versions."""
        for half in record.open_halves():
            if half.trainings:
                record = with_half(record, attempt_half(half, partial(self._looked_at, now=now)))
        record = self._begun(record, now)
        open_halves = record.open_halves()
        if any(half.training_status != Status.ACTIVE for half in open_halves):
            return Later(record, self.check_seconds)
        return move_on(record, Step.EVALUATE) if open_halves else conclude(record)

    def _begun(self, record: RunRecord, now: int) -> RunRecord:
        """The record after starting as many trainings as there is room for, in turns.

        Campaigns of one solution wait for one training, and count as one.
        """
        create = partial(self._created, run=record.run_id, as_of=record.as_of, now=now)
        for half in in_turns(record.open_halves()):
            under_way = {
                each.solution_version
                for each in record.open_halves()
                if each.trainings and each.training_status != Status.ACTIVE
            }
            if half.trainings or len(under_way - {half.solution_version}) >= self.at_once:
                continue
            record = with_half(record, attempt_half(half, create))
        return record

    def _created(self, half: Half, run: str, as_of: int, now: int) -> Half:
        name, solution = half.solution_version, half.solution or half.campaign
        try:
            quick = self.versions.first_settings(solution)
            self.versions.create(solution, as_of=as_of, now=now, name=name, run=run, settings=quick)
        except TooManyRequests as error:  # no fault of the run: the next one is due soon enough
            return replace(half, fate=Fate.SKIPPED, reason=error.message, solution_version="")
        self.processes.start(half.solution_version, now)
        return replace(half, trainings=1)

    def stop(self, record: RunRecord, now: int) -> RunRecord:
        """Stop what still trains, and leave nothing half-written."""
        for half in record.halves:
            try:
                version = self.processes.look(half.solution_version, now)
            except NotFound:
                continue
            if not version.status.is_settled:
                version = self.processes.stop(version.name, now)
            record = with_half(record, replace(half, training_status=version.status.value))
        return move_on(record, Step.NOTIFY)

    def _looked_at(self, half: Half, now: int) -> Half:
        version = self.processes.look(half.solution_version, now)
        if version.status in {Status.CREATE_PENDING, Status.CREATE_FAILED}:
            if half.trainings >= MAX_TRAININGS:
                reason = (
                    f"{version.name} could not be trained in {MAX_TRAININGS} starts:"
                    f" {version.failure_reason}"
                )
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
        )


def _progress(version: SolutionVersion) -> str:
    return "" if version.progress is None else version.progress.text
