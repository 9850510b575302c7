"""A run that is being worked on, and the process that is started for one without a worker."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

from pawsonalize.domain.errors import LeaseLost, StorageUnavailable
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.training.retraining.record import (
    RunOutcome,
    RunRecord,
    Step,
    read_record,
    settled,
    timed,
    write_record,
)
from pawsonalize.kinds.leases import Leases
from pawsonalize.kinds.processes import ChildProcesses
from pawsonalize.storage.retraining_runs import RetrainingRun, RetrainingRuns

BEAT_SECONDS = 2.0
# Two renewals count as at most this far apart, however far the clock jumps between them.
_LONGEST_BEAT_MS = 3 * BEAT_SECONDS * SECOND


def run_lease(run_id: str) -> str:
    """The name of the lease that the run's worker holds."""
    return f"retraining.{run_id}"


class ClaimedRun:
    """A run whose lease this process holds, until it is released or lost."""

    def __init__(self, runs: RetrainingRuns, held: RetrainingRun, now: Callable[[], int]) -> None:
        self._runs = runs
        self._held = held
        self._now = now
        self._beaten_at = now()
        self._lock = threading.Lock()

    @property
    def run(self) -> RetrainingRun:
        """The run as it was when last renewed or saved."""
        return self._held

    def renew(self) -> None:
        """Count the time worked, and read whether the run is to be cancelled."""
        with self._lock:
            now = self._now()
            passed = min(max(now - self._beaten_at, 0), int(_LONGEST_BEAT_MS))
            self._beaten_at = now
            worked = replace(self._held, worked_ms=self._held.worked_ms + passed)
            renewed = self._runs.renew(worked)
            if renewed is None:
                raise LeaseLost(f"another worker goes on with {self._held.run_id}")
            self._held = renewed

    def save(self, record: str, status: str, ended_at: int | None) -> None:
        """Store the run's record; LeaseLost, and nothing is stored, if another has the run."""
        with self._lock:
            saved = replace(self._held, record=record, status=status, ended_at=ended_at)
            if not self._runs.save(saved):
                raise LeaseLost(f"another worker goes on with {self._held.run_id}")
            self._held = saved

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Renew in the background while the block, which may take hours, runs.

        If a renewal fails, the next one tries again. If the lease was lost, saving the block's
        result shows it.
        """
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_SECONDS):
                try:
                    self.renew()
                except StorageUnavailable:
                    continue
                except LeaseLost:
                    return

        thread = threading.Thread(target=beat, name="run", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


MAX_STARTS = 20
"""A run for which so many workers were started, and died, has failed."""
_WORKER = "worker"


class WorkerProcesses:
    """Starts a worker if the running run has none: the run is new, or its worker died.

    The server takes the run's lease first, for the new worker. So of all processes and machines
    that look, only one starts a worker. `command` gets the lease's token as the last argument.
    """

    def __init__(
        self,
        runs: RetrainingRuns,
        leases: Leases,
        command: Sequence[str],
        environment: Mapping[str, str],
        output: IO[bytes] | None = None,
        *,
        outlive: bool = False,
        end: Callable[[RunRecord, int], RunRecord],
    ) -> None:
        """With `outlive`, a worker goes on when this process or its group ends.

        `end` notifies of a run's outcome and ends it.
        """
        self._end = end
        self._runs = runs
        self._leases = leases
        self._children = ChildProcesses(command, environment, output, outlive=outlive)

    def look(self, now: int) -> None:
        """Start a worker if a run needs one; returns at once."""
        self._children.reap()
        if self._children.is_running(_WORKER) or (run := self._runs.running()) is None:
            return
        with self._leases.taken(run_lease(run.run_id)) as lease:
            if lease is not None and lease.takings > MAX_STARTS:
                self._give_up(run, now)
            elif lease is not None:
                self._children.start(_WORKER, [str(lease.token)], lock=lease.lock)
                lease.is_handed_over = True

    def _give_up(self, run: RetrainingRun, now: int) -> None:
        """End the run here and now: a worker may not live as long as that takes."""
        record = read_record(run)
        reason = (
            f"{MAX_STARTS} workers were started for it, and each died or its machine was started"
            f" again during {record.step}: see the server's log, and whether memory is short"
        )
        record = self._end(settled(record, RunOutcome.FAILED, reason, Step.NOTIFY), now)
        if (held := self._runs.assign(run.run_id, "server")) is not None:
            ClaimedRun(self._runs, held, lambda: now).save(
                write_record(timed(record, now)), record.status, record.ended_at
            )

    def stop(self) -> None:
        """Stop the worker, if one runs: it lets go of the run, and another one may go on."""
        self._children.end(_WORKER, signal.SIGTERM)
