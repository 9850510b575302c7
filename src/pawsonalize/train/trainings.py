"""Trainings as processes of their own, which outlive the server: when due, in turns, stopped."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from pawsonalize.core.errors import (
    Conflict,
    NotFound,
    PawsonalizeError,
    StorageUnavailable,
    TooManyRequests,
)
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import DAY, SECOND
from pawsonalize.core.work.leases import MOST_GENERATIONS, Leases
from pawsonalize.core.work.processes import ChildProcesses
from pawsonalize.core.work.tables import Turns
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.group_limits import NEVER
from pawsonalize.resources.kind import Status, moved
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.train.retrained import Retrained, why_not
from pawsonalize.train.training_data import has_events
from pawsonalize.train.versions import SolutionVersions

_END_SECONDS = 10.0
_FIRST_AFTER = 10 * SECOND  # one that you train at once by hand needs no first training

logger = get_logger()  # `log` is the events'


class TrainingProcesses:
    """A process for each training: `command`, the version's name and the token of its lease."""

    def __init__(
        self,
        registry: Registry,
        artefacts: ArtefactStore,
        leases: Leases,
        command: Sequence[str],
        environment: Mapping[str, str],
        stop_remote: Callable[[SolutionVersion], object] = lambda _: None,
    ) -> None:
        self._registry, self._artefacts, self._leases = registry, artefacts, leases
        self._stop_remote = stop_remote
        # A training goes on when the process that started it is stopped.
        self._children = ChildProcesses(command, environment, outlive=True)

    def start(self, name: str, now: int) -> SolutionVersion:
        """Train the version in a new process; returns at once. CREATE IN_PROGRESS."""
        # One that is ACTIVE or in training is left alone; one that failed or was stopped begins
        # anew.
        self._leases.tidy()
        with self._leases.for_child(training_lease(name)) as lease:
            version = self._registry.get(SolutionVersion, name)
            if lease is None or version.status is Status.ACTIVE:
                return version
            version = self._registry.update(replace(_begun(version), started_at=now), now)
            # The one before let go of its lock, so it ends now.
            self._children.wait(name, _END_SECONDS)
            try:
                self._children.start(name, name, lease=lease)
                lease.is_handed_over = True
            except OSError as error:
                reason = f"the training cannot be started: {error}"
                failed = moved(version, Status.CREATE_FAILED, failure_reason=reason)
                self._registry.update(failed, now)
                raise StorageUnavailable(reason) from error
        return version

    def alive(self, name: str) -> bool:
        """True if any process of any machine trains the version, as far as is known."""
        self._children.reap()
        return not self._leases.is_gone(training_lease(name))

    def look(self, name: str, now: int) -> SolutionVersion:
        """The version; a dead training is CREATE FAILED now, or begun anew if its machine died."""
        self._children.reap()
        version = self._registry.get(SolutionVersion, name)
        is_open = version.status in {Status.CREATE_IN_PROGRESS, Status.CREATE_STOPPING}
        if not is_open or self.alive(name):
            return version
        version = self._registry.get(SolutionVersion, name)  # it may have ended in between
        if version.status.is_settled:
            return version
        if version.status is Status.CREATE_IN_PROGRESS and self._leases.is_elsewhere(
            training_lease(name), MOST_GENERATIONS
        ):
            return self.start(name, now)
        # A dead training may have left a part of its artefact.
        self._artefacts.sweep(lambda location: location == name)
        with suppress(Conflict):  # somebody else looked at the same moment
            self._registry.update(_dead(version), now)
        self._leases.revoke(training_lease(name))
        return self._registry.get(SolutionVersion, name)

    def stop(self, name: str, now: int) -> SolutionVersion:
        """Stop the training and leave nothing of it. CREATE STOPPED, unless it was ready before.

        Conflict if it has ended. EngineUnavailable if a remote engine does not answer: it goes on.
        """
        version = self._registry.get(SolutionVersion, name)
        while version.status not in {Status.ACTIVE, Status.CREATE_STOPPING}:
            stopping = moved(version, Status.CREATE_STOPPING)  # Conflict if it has ended
            try:
                version = self._registry.update(stopping, now)
            except Conflict:  # the training reported its progress meanwhile
                version = self._registry.get(SolutionVersion, name)
        if version.status is Status.CREATE_STOPPING:
            # Before the process: if the remote engine does not answer, the training goes on.
            self._stop_remote(version)
            self._leases.kill(training_lease(name))
            if version.remote is None:  # it may have begun at this very moment
                self._stop_remote(self._registry.get(SolutionVersion, name))
        return self.look(name, now)

    def close(self) -> None:
        """Let trainings that go on go on alone."""
        self._children.let_go()


def training_lease(name: str) -> str:
    """The name of the lease that is held while the version is trained."""
    return f"training.{name}"


def _begun(version: SolutionVersion) -> SolutionVersion:
    """The version in training, without what an earlier, dead training wrote."""
    if version.status in {Status.CREATE_FAILED, Status.CREATE_STOPPED}:
        version = moved(version, Status.CREATE_PENDING)
    if version.status is Status.CREATE_IN_PROGRESS:  # nobody holds the lock: it died
        return version
    return moved(version, Status.CREATE_IN_PROGRESS, progress=None)


def _dead(version: SolutionVersion) -> SolutionVersion:
    """The version, after its process died without settling it."""
    if version.status is Status.CREATE_STOPPING:
        return moved(version, Status.CREATE_STOPPED)
    reason = "the training's process ended without a word: start it again"
    return moved(version, Status.CREATE_FAILED, failure_reason=reason)


class TrainingQueue(msgspec.Struct, frozen=True):
    """Starts trainings that are only stored, so that at most `at_once` run; 0 leaves them alone."""

    registry: Registry
    trainings: TrainingProcesses
    at_once: int
    turns: Turns

    def start_waiting(self, now: int) -> None:
        """Start as many as may be."""
        open_ones = self.registry.unsettled(SolutionVersion)
        waiting = [one for one in open_ones if one.status is Status.CREATE_PENDING]
        training = [one for one in open_ones if one.status is not Status.CREATE_PENDING]
        # A retraining run may have many, and others would wait for all of them.
        free = self.at_once - sum(one.run is None for one in training)
        # Dataset groups take turns; of one, the oldest is first.
        ordered = self.turns.ordered(waiting, self.registry.group_of) if free > 0 else []
        for version in ordered[: max(free, 0)]:
            self.trainings.start(version.name, now)
            self.turns.begun(self.registry.group_of(version))

    def look_after(self, now: int) -> None:
        """Settle trainings that died unnoticed, and start the next."""
        for version in self.registry.unsettled(SolutionVersion):
            self.trainings.look(version.name, now)
        self.start_waiting(now)


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
