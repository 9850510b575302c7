"""The job table: what is to be done once in the background, and who does it."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

import msgspec

from pawsonalize.domain.errors import Conflict, InvalidInput, LeaseLost, NoSuchBucket, reason_of
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Resource, ResourceT, Status, moved
from pawsonalize.work.leases import Leases
from pawsonalize.work.tables import Turns

WorkT = TypeVar("WorkT")


class FairOrder:
    """The order in which work of one kind is begun, whichever machine begins it."""

    def __init__(self, turns: Turns, work: str) -> None:
        self._turns = turns
        self._work = work

    def ordered(
        self, waiting: Sequence[WorkT], group_of: Callable[[WorkT], str | None]
    ) -> list[WorkT]:
        """The work, which comes oldest first, in the order in which it is to be begun."""
        # Of each dataset group one at a time: first of the one whose last turn was longest ago.
        if len(waiting) < 2:
            return list(waiting)
        last = self._turns.last(self._work)
        places: dict[str, int] = {}
        keyed = []
        # The first of each dataset group come before the second of any.
        for place, one in enumerate(waiting):
            group = group_of(one) or ""
            places[group] = places.get(group, -1) + 1
            keyed.append((places[group], last.get(group, 0), place, one))
        return [one for *_, one in sorted(keyed, key=lambda each: each[:3])]

    def begun(self, group: str | None) -> None:
        """Note that work of the dataset group was begun."""
        # The others are next.
        self._turns.take(self._work, group or "")


Progress = Callable[[int, int], None]
"""Gets how much is done and the total, in one unit."""


def silent(_done: int, _total: int) -> None:
    """A progress that is ignored."""


_LOOK_SECONDS = 0.1
MAX_GENERATIONS = 3
"""A job whose processes died so often has failed: it may be what kills them."""


class JobKind(msgspec.Struct, Generic[ResourceT], frozen=True):
    """One kind of job."""

    resource: type[ResourceT]
    check: Callable[[ResourceT], None]  # raises InvalidInput for a job that cannot be done
    perform: Callable[[ResourceT], Mapping[str, Any]] | None
    """Does a job and returns its changes; None for jobs that are done elsewhere."""

    def check_now(self, job: ResourceT) -> None:
        """Check the job; without its bucket it may be stored, and fails when it is done."""
        with suppress(NoSuchBucket):  # as at AWS, whose answer says nothing of buckets
            self.check(job)


class JobTable(msgspec.Struct, frozen=True):
    """The jobs of a registry; those of one kind are done one after the other, by any server.

    `order` is that of a kind of work, by its name.
    """

    registry: Registry
    kinds: tuple[JobKind[Any], ...]
    leases: Leases
    now: Callable[[], int]
    order: Callable[[str], FairOrder]
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
        worker = next(one for one in self.workers if one.kind.resource is type(job))
        while not (job := self.registry.get(type(job), job.name)).status.is_settled:
            if not worker.work():
                # Another process may be at it: wait for that one.
                time.sleep(_LOOK_SECONDS)
        return job

    @property
    def workers(self) -> tuple["JobWorker[Any]", ...]:
        """The workers, one for each kind that is done here."""
        return tuple(
            JobWorker(self, one, one.perform) for one in self.kinds if one.perform is not None
        )


# While a job is done, its lease is held. So what a process that died has begun is begun anew by
# another one, of this machine or of another.
class JobWorker(msgspec.Struct, Generic[ResourceT], frozen=True):
    """Does the jobs of a kind, one after the other, each time `work` is called."""

    table: JobTable
    kind: JobKind[ResourceT]
    perform: Callable[[ResourceT], Mapping[str, Any]]

    def work(self) -> bool:
        """Do the next job, or one whose process died.

        Dataset groups take turns; of one, the oldest job is next. An error is stored in the job.
        True if a job was done.
        """
        registry, leases = self.table.registry, self.table.leases
        free = [
            job
            for job in registry.unsettled(self.kind.resource)
            if job.status is Status.CREATE_PENDING or leases.is_gone(lease_of(job))
        ]
        for job in self._order.ordered(free, registry.group_of):
            if self.table.stopping.is_set():
                return False
            if self._do(job.name):
                return True
        return False

    @property
    def _order(self) -> FairOrder:
        return self.table.order(self.kind.resource.kind)

    def _do(self, name: str) -> bool:
        """Do the job, unless another process does or did; returns whether it was done here."""
        registry, kind = self.table.registry, self.kind.resource
        with self.table.leases.held(lease_of(registry.get(kind, name))) as lease:
            job = registry.get(kind, name)  # it may have ended in between
            if lease is None or job.status.is_settled:
                return False
            try:
                self._perform(job, lease.generation)
            except (Conflict, LeaseLost):  # another server goes on with it
                return False
        return True

    def _perform(self, job: ResourceT, generation: int) -> None:
        registry, now = self.table.registry, self.table.now
        if job.status is Status.CREATE_PENDING:
            job = registry.update(moved(job, Status.CREATE_IN_PROGRESS), now())
            self._order.begun(registry.group_of(job))
        elif (reason := self._why_not_again(job, generation)) is not None:
            registry.update(moved(job, Status.CREATE_FAILED, failure_reason=reason), now())
            return
        try:
            changes = {"status": Status.ACTIVE, **self.perform(job)}
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - the job says what it was
            if self.table.stopping.is_set():  # then it is left to the next process
                return
            changes = {"status": Status.CREATE_FAILED, "failure_reason": reason_of(error)}
        registry.update(moved(job, **changes), now())

    def _why_not_again(self, job: ResourceT, generation: int) -> str | None:
        died = f"the {job.kind}'s process ended without a word"
        if generation > MAX_GENERATIONS:
            return (
                f"{died}, {MAX_GENERATIONS} times: see the log of the server, and create it again"
            )
        try:
            self.kind.check_now(job)
        except InvalidInput:  # a command's file, which no server can read
            return f"{died}: create it again"
        return None


def lease_of(job: Resource) -> str:
    """The name of the lease that is held while the job is done."""
    return f"{job.kind.replace(' ', '-')}.{job.name}"
