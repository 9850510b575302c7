"""The job table: what is to be done once in the background, and who does it."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic

import msgspec

from pawsonalize.core.errors import Conflict, InvalidInput, LeaseLost, NoSuchBucket, reason_of
from pawsonalize.core.work.leases import MOST_GENERATIONS, Leases
from pawsonalize.core.work.tables import Turns
from pawsonalize.resources.kind import Resource, ResourceT, Status, Values, moved
from pawsonalize.resources.registry import Registry

Progress = Callable[[int, int], None]
"""Gets how much is done and the total, in one unit."""


def silent(_done: int, _total: int) -> None:
    """A progress that is ignored."""


_LOOK_SECONDS = 0.1


class JobKind(msgspec.Struct, Generic[ResourceT], frozen=True):
    """One kind of job."""

    resource: type[ResourceT]
    check: Callable[[ResourceT], None]  # raises InvalidInput for a job that cannot be done
    perform: Callable[[ResourceT], Values] | None
    """Does a job and returns its changes; None for jobs that are done elsewhere."""

    def check_now(self, job: ResourceT) -> None:
        """Check the job; without its bucket it may be stored, and fails when it is done."""
        with suppress(NoSuchBucket):  # as at AWS, whose answer says nothing of buckets
            self.check(job)


class JobTable(msgspec.Struct, frozen=True):
    """The jobs of a registry; those of one kind are done one after the other, by any server.

    `turns` are those of a kind of work, by its name.
    """

    registry: Registry
    kinds: tuple[JobKind[Any], ...]
    leases: Leases
    now: Callable[[], int]
    turns: Callable[[str], Turns]
    stopping: threading.Event = msgspec.field(default_factory=threading.Event)

    def create(self, job: ResourceT) -> ResourceT:
        """Store the job; CREATE PENDING. InvalidInput for a job that cannot be done."""
        next(one for one in self.kinds if one.resource is type(job)).check_now(job)
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
        kind = next(one for one in self.kinds if one.resource is type(job))
        while not (job := self.registry.get(type(job), job.name)).status.is_settled:
            if not self.work(kind):
                # Another process may be at it: wait for that one.
                time.sleep(_LOOK_SECONDS)
        return job

    # While a job is done, its lease is held. So what a process that died has begun is begun anew by
    # another one, of this machine or of another.
    def work(self, kind: JobKind[Any]) -> bool:
        """Do the next job of a kind, or one whose process died; True if one was done.

        Dataset groups take turns; of one, the oldest job is next. An error is stored in the job.
        """
        free = [
            job
            for job in self.registry.unsettled(kind.resource)
            if job.status is Status.CREATE_PENDING or self.leases.is_gone(lease_of(job))
        ]
        turns = self.turns(kind.resource.kind)
        for one in turns.ordered(free, self.registry.group_of):
            if self.stopping.is_set():
                return False
            with self.leases.held(lease_of(one)) as lease:
                job = self.registry.get(kind.resource, one.name)  # it may have ended in between
                if lease is None or job.status.is_settled:
                    continue
                with suppress(Conflict, LeaseLost):  # another server goes on with it
                    self._do(kind, job, lease.generation)
                    return True
        return False

    def _do(self, kind: JobKind[Any], job: Resource, generation: int) -> None:
        if job.status is Status.CREATE_PENDING:
            job = self.registry.update(moved(job, Status.CREATE_IN_PROGRESS), self.now())
            self.turns(job.kind).begun(self.registry.group_of(job))
        elif (reason := _why_not_again(kind, job, generation)) is not None:
            failed = moved(job, Status.CREATE_FAILED, failure_reason=reason)
            self.registry.update(failed, self.now())
            return
        assert kind.perform is not None
        try:
            changes = {"status": Status.ACTIVE, **kind.perform(job)}
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - the job says what it was
            if self.stopping.is_set():  # then it is left to the next process
                return
            changes = {"status": Status.CREATE_FAILED, "failure_reason": reason_of(error)}
        self.registry.update(moved(job, **changes), self.now())


def _why_not_again(kind: JobKind[Any], job: Resource, generation: int) -> str | None:
    died = f"the {job.kind}'s process ended without a word"
    if generation > MOST_GENERATIONS:
        return f"{died}, {MOST_GENERATIONS} times: see the log of the server, and create it again"
    try:
        kind.check_now(job)
    except InvalidInput:  # a command's file, which no server can read
        return f"{died}: create it again"
    return None


def lease_of(job: Resource) -> str:
    """The name of the lease that is held while the job is done."""
    return f"{job.kind.replace(' ', '-')}.{job.name}"
