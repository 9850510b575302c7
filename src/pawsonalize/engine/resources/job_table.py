"""The job table: what is to be done once in the background, and who does it."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic

from pawsonalize.domain.errors import Conflict, reason_of
from pawsonalize.engine.resources.fair_order import FairOrder
from pawsonalize.engine.resources.processes import held, is_held
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.resource import Resource, ResourceT, moved
from pawsonalize.engine.resources.status import Status

Progress = Callable[[int, int], None]
"""Gets how much is done and the total, in one unit."""


def silent(_done: int, _total: int) -> None:
    """A progress that is ignored."""


_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class JobWorker(Generic[ResourceT]):
    """Does the jobs of a kind, one after the other, each time `work` is called.

    `perform` does one and returns its changes; if it raises, the job failed with that reason. While
    a job is done, the lock of its name in `folder` is held.
    """

    registry: Registry
    kind: type[ResourceT]
    perform: Callable[[ResourceT], Mapping[str, Any]]
    folder: Path
    now: Callable[[], int]
    order: FairOrder
    stopping: threading.Event = field(default_factory=threading.Event)

    def work(self) -> bool:
        """Do the next job; jobs whose process died become CREATE FAILED.

        Dataset groups take turns; of one, the oldest job is next. An error is stored in the job.
        True if a job was done.
        """
        open_ones = self.registry.unsettled(self.kind)
        for job in open_ones:
            if job.status is not Status.CREATE_PENDING:
                settle_dead(self.registry, self.folder, job, self.now())
        waiting = [job for job in open_ones if job.status is Status.CREATE_PENDING]
        if not waiting or self.stopping.is_set():
            return False
        return self._done(self.order.ordered(waiting, self.registry.group_of)[0])

    def _done(self, job: ResourceT) -> bool:
        with lock_of(self.folder, job.name) as taken:
            if not taken:
                return False
            try:
                job = self.registry.update(moved(job, Status.CREATE_IN_PROGRESS), self.now())
            except Conflict:  # another server was faster
                return False
            self.order.begun(self.registry.group_of(job))
            try:
                changes = {"status": Status.ACTIVE, **self.perform(job)}
            except Exception as error:  # noqa: BLE001 - the job says what it was
                reason = reason_of(error)
                changes = {"status": Status.CREATE_FAILED, "failure_reason": reason}
            self.registry.update(moved(job, **changes), self.now())
        return True


@dataclass(frozen=True, slots=True)
class JobKind(Generic[ResourceT]):
    """One kind of job."""

    resource: type[ResourceT]
    check: Callable[[ResourceT], None]
    """Raises InvalidInput for a job that cannot be done."""
    perform: Callable[[ResourceT], Mapping[str, Any]] | None
    """Does a job and returns its changes; None for jobs that are done elsewhere."""


@dataclass(frozen=True)
class JobTable:
    """The jobs of a registry; those of one kind are done one after the other, by any server.

    `order` is that of a kind of work, by its name.
    """

    registry: Registry
    kinds: tuple[JobKind[Any], ...]
    folder: Path
    now: Callable[[], int]
    order: Callable[[str], FairOrder]
    stopping: threading.Event = field(default_factory=threading.Event)

    def create(self, job: ResourceT) -> ResourceT:
        """Store the job; CREATE PENDING. InvalidInput for a job that cannot be done."""
        next(one for one in self.kinds if one.resource is type(job)).check(job)
        return self.registry.create(job, self.now())

    def delete(self, kind: type[ResourceT], name: str) -> ResourceT:
        """Delete a finished job; its files stay. Conflict while it is in progress."""
        job = self.registry.get(kind, name)
        if not job.status.is_settled:
            raise Conflict(f"{kind.kind} {name} is {job.status}: wait, then delete it")
        self.registry.delete(kind, name)
        return job

    def finish(self, job: ResourceT) -> ResourceT:
        """Do the job here, or wait for the server that does it; returns it settled."""
        worker = next(one for one in self.workers if one.kind is type(job))
        while not (job := self.registry.get(type(job), job.name)).status.is_settled:
            if not worker.work():
                time.sleep(_LOOK_SECONDS)
        return job

    @cached_property
    def workers(self) -> tuple[JobWorker[Any], ...]:
        """The workers, one for each kind that is done here."""
        return tuple(
            JobWorker(
                self.registry,
                kind.resource,
                kind.perform,
                job_folder(self.folder, kind.resource),
                self.now,
                self.order(kind.resource.kind),
                self.stopping,
            )
            for kind in self.kinds
            if kind.perform is not None
        )


def job_folder(jobs: Path, kind: type[Resource]) -> Path:
    """The folder where running jobs of that kind hold their locks."""
    return jobs / kind.kind.replace(" ", "-")


@contextmanager
def lock_of(folder: Path, job: str) -> Iterator[bool]:
    """Hold the job's lock while the block runs; False if another process does the job."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{job}.lock"
    with held(path, patience=_PATIENCE_SECONDS) as lock:
        try:
            yield lock is not None
        finally:
            if lock is not None:
                path.unlink(missing_ok=True)


def settle_dead(registry: Registry, folder: Path, job: ResourceT, now: int) -> None:
    """A job in progress whose process died has failed."""
    if is_held(folder / f"{job.name}.lock"):
        return
    job = registry.get(type(job), job.name)  # it may have ended in between
    if job.status is Status.CREATE_IN_PROGRESS:
        reason = f"the {job.kind}'s process ended without a word: create it again"
        with suppress(Conflict):  # somebody else looked at the same moment
            registry.update(moved(job, Status.CREATE_FAILED, failure_reason=reason), now)
