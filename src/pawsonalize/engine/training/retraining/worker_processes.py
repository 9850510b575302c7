"""The process that is started for a run without a worker."""

import signal
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from pawsonalize.engine.training.retraining.record import (
    RETRAINING,
    RunOutcome,
    RunRecord,
    Step,
    changes_of,
    note_times,
    read_record,
    settled,
)
from pawsonalize.kinds.leases import Leases
from pawsonalize.kinds.processes import ChildProcesses
from pawsonalize.storage.work import Work, WorkTable

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
        work: WorkTable,
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
        self._work = work
        self._leases = leases
        self._children = ChildProcesses(command, environment, output, outlive=outlive)

    def look(self, now: int) -> None:
        """Start a worker if a run needs one; returns at once."""
        self._children.reap()
        if self._children.is_running(_WORKER) or (run := self._work.open(RETRAINING)) is None:
            return
        with self._leases.taken(run.name) as lease:
            if lease is not None and lease.takings > MAX_STARTS:
                self._give_up(run, now)
            elif lease is not None:
                self._children.start(_WORKER, [str(lease.token)], lock=lease.lock)
                lease.is_handed_over = True

    def _give_up(self, run: Work, now: int) -> None:
        """End the run here and now: a worker may not live as long as that takes."""
        record = read_record(run)
        reason = (
            f"{MAX_STARTS} workers were started for it, and each died or its machine was started"
            f" again during {record.step}: see the server's log, and whether memory is short"
        )
        record = self._end(settled(record, RunOutcome.FAILED, reason, Step.NOTIFY), now)
        self._work.change(run.name, **changes_of(note_times(record, now)))

    def stop(self) -> None:
        """Stop the worker, if one runs: it lets go of the run, and another one may go on."""
        self._children.end(_WORKER, signal.SIGTERM)
