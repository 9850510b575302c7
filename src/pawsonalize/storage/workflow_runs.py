"""The port of workflow runs, in the manner of `storage/base.py`."""

from dataclasses import dataclass
from typing import Protocol

RUNNING = "running"
"""The status of a workflow run that goes on; every other one is how it ended."""


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """One retraining, of which one at a time runs.

    Whoever works on it holds its lease: `worker` until `leased_until`. `worked_ms` is how long
    it was worked on. `record` is all there is to know of it, as JSON.
    """

    run_id: str
    started_at: int
    record: str
    status: str = RUNNING
    ended_at: int | None = None
    cancel_asked: bool = False
    worker: str | None = None
    leased_until: int = 0
    worked_ms: int = 0


class WorkflowRuns(Protocol):
    """Retrainings, running and ended, and who works on the one that runs."""

    def begin(self, run: WorkflowRun) -> bool:
        """Store a run; False if its id is taken or another one is running."""
        ...

    def get(self, run_id: str) -> WorkflowRun | None:
        """One run, or None."""
        ...

    def running(self) -> WorkflowRun | None:
        """The one that runs, or None."""
        ...

    def newest(self, limit: int) -> list[WorkflowRun]:
        """Runs, the newest first."""
        ...

    def claim(self, worker: str, now: int, lease_ms: int) -> WorkflowRun | None:
        """Take the lease of the running run, None if there is none or it is held by another.

        A lease that ends later than any given now would is the work of a clock that jumped
        back, and free to take.
        """
        ...

    def renew(self, held: WorkflowRun, now: int, lease_ms: int) -> WorkflowRun | None:
        """Hold on to the lease, and store `worked_ms`; None if it was lost meanwhile."""
        ...

    def release(self, held: WorkflowRun) -> None:
        """Give the lease back, if it is held still."""
        ...

    def save(self, held: WorkflowRun) -> bool:
        """Store record, status and `ended_at`; False, and nothing is stored, if it was lost."""
        ...

    def ask_cancel(self, run_id: str) -> bool:
        """Ask the run to stop; False if it does not run."""
        ...

    def forget(self, ended_before: int) -> int:
        """Delete runs that ended before that moment, and return how many those were."""
        ...
