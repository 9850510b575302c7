"""Trainings as processes of their own: started, watched, stopped. They outlive the server."""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from pawsonalize.artefacts.base import ArtefactStore
from pawsonalize.domain.errors import Conflict, StorageUnavailable
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Status, moved
from pawsonalize.kinds.solutions import SolutionVersion
from pawsonalize.work.leases import Leases
from pawsonalize.work.processes import ChildProcesses, holder

MAX_GENERATIONS = 3
"""A training whose machines died so often has failed."""
_KILL_SECONDS = 10.0
_LOOK_SECONDS = 0.02


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
            version = self._registry.update(_begun(version), now)
            # The one before let go of its lock, so it ends now.
            self._children.wait(name, _KILL_SECONDS)
            try:
                self._children.start(name, [name, str(lease.token)], lock=lease.lock)
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
            training_lease(name), MAX_GENERATIONS
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
            self._kill(name)
            if version.remote is None:  # it may have begun at this very moment
                self._stop_remote(self._registry.get(SolutionVersion, name))
        return self.look(name, now)

    def close(self) -> None:
        """Let trainings that go on go on alone."""
        self._children.let_go()

    def _kill(self, name: str) -> None:
        """End the process: here at once, on another machine with its next beat."""
        lease = training_lease(name)
        # A holder on another machine sees this with its next beat, and ends.
        self._leases.revoke(lease)
        deadline = time.monotonic() + _KILL_SECONDS
        while self._leases.is_here(lease):
            pid = holder(self._leases.lock(lease))
            if pid is not None:
                with suppress(ProcessLookupError):
                    # The group, since a training may have started processes of its own.
                    os.killpg(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise StorageUnavailable(f"the training of {name} does not end: process {pid}")
            time.sleep(_LOOK_SECONDS)


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
