"""Works on a run, step by step, each saved before the next begins.

    check-data ─► create-versions ─► await-versions ─► evaluate ─► update-campaigns
        │                                                 │               │
        │ (blocking, or nothing new)                      │ (none won)    ▼
        ├─────────────────────────────────────────────────┴─────► await-campaigns
        ▼                                                                 │
      notify ◄────────────────────────────────────────────────────────────┘
        ▲
    stop-training ◄── from any step before notify: failed, cancelled, timed out

A step that was cut off runs again, on any machine. So each step finds what it did before.
"""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass, field
from typing import IO

import msgspec
from msgspec.structs import replace

from pawsonalize.core.errors import InvalidInput, LeaseLost, PawsonalizeError
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import SECOND
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.processes import ChildProcesses
from pawsonalize.core.work.tables import Work, WorkTable
from pawsonalize.train.retraining.runs import (
    CANCELLING,
    MAX_ERRORS,
    PAUSE_SECONDS,
    RETRAINING,
    RunOutcome,
    RunRecord,
    Step,
    changes_of,
    note_times,
    read_record,
    settled,
    with_step,
)

MAX_STARTS = 20
"""A run for which so many workers were started, and died, has failed."""
_WORKER = "worker"


class WorkerProcesses:
    """Starts a worker if the running run has none: the run is new, or its worker died."""

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
        """With `outlive`, a worker goes on when this process ends; `end` notifies of an outcome."""
        self._work, self._leases, self._end = work, leases, end
        self._children = ChildProcesses(command, environment, output, outlive=outlive)

    def look(self, now: int) -> None:
        """Start a worker if a run needs one; returns at once."""
        self._children.reap()
        if self._children.is_running(_WORKER) or (run := self._work.open(RETRAINING)) is None:
            return
        with self._leases.for_child(run.name) as lease:
            if lease is not None and lease.generation > MAX_STARTS:
                self._give_up(run, now)
            elif lease is not None:  # so of all processes that look, only one starts a worker
                self._children.start(_WORKER, lease=lease)
                lease.is_handed_over = True

    def _give_up(self, run: Work, now: int) -> None:
        # Not by a worker, which may not live as long as that takes.
        record = read_record(run)
        reason = (
            f"{MAX_STARTS} workers were started for it, and each died or its machine was started"
            f" again during {record.step}: see the server's log, and whether memory is short"
        )
        record = self._end(settled(record, RunOutcome.FAILED, reason, Step.NOTIFY), now)
        self._work.change(run.name, **changes_of(note_times(record, now)))

    def stop(self) -> None:
        """Stop the worker, if one runs."""
        # It lets go of the run, and another one may go on.
        self._children.end(_WORKER, signal.SIGTERM)


LOOK_SECONDS = 2.0
MAX_WORKERS = 10

log = get_logger()


class Later(msgspec.Struct, frozen=True):
    """The step is not done: do it again in so many seconds."""

    record: RunRecord
    seconds: float


StepWork = Callable[[RunRecord, int], RunRecord | Later]
"""Does a step at a moment, and returns the record in the next step, or later in this one."""


@dataclass(slots=True)
class RunWorker:
    """Works on the run that has no worker, until it has ended.

    Its writes are LeaseLost once another worker holds the run's lease.
    """

    name: str
    table: WorkTable
    leases: Leases
    steps: Mapping[Step, StepWork]
    limit_seconds: float
    _: KW_ONLY
    now: Callable[[], int]
    sleep: Callable[[float], None]
    steady: Callable[[], float] = time.monotonic  # so that no jump of the clock ends a run
    _run: Work = field(init=False)
    _counted_at: float = field(init=False)

    def work(self, token: int | None = None) -> bool:
        """Bring the free run to its end; False if there was none. `token` is its lease's."""
        run = self.table.open(RETRAINING)
        if run is None:
            return False
        # The lease is held throughout: once another worker has it, all writes here are LeaseLost.
        with ExitStack() as stack:
            if token is not None:
                stack.enter_context(self.leases.adopted(run.name, token))
            elif stack.enter_context(self.leases.held(run.name)) is None:
                return False
            log.info("retraining", run_id=run.key, worker=self.name)
            try:
                self._counted_at = self.steady()
                self._read(run.name)
                if self._run.ended_at is not None:  # by a worker that was faster
                    return True
                record = self._resumed()
                while record.ended_at is None:
                    self._count()
                    record = self._interrupted(record) or self._advanced(record)
            except LeaseLost:
                log.warning("another worker goes on with the run", run_id=run.key)
        return True

    def _read(self, name: str) -> None:
        found = self.table.find(name)
        if found is None:
            raise LeaseLost(f"{name} is gone")
        self._run = found

    def _count(self) -> None:
        """Count the time worked, and read whether the run is to be cancelled."""
        before, self._counted_at = self._counted_at, self.steady()
        # Time worked and not time passed: a run that waits for a worker does not time out.
        worked = self._run.worked_ms + round((self._counted_at - before) * SECOND)
        self.table.change(self._run.name, worked_ms=worked)
        self._read(self._run.name)

    def _resumed(self) -> RunRecord:
        """The record as the last worker left it."""
        record = read_record(self._run)
        record = with_step(record, workers=(*record.steps[-1].workers, self.name))
        # A step that killed so many workers would kill the next one as well.
        if len(record.steps[-1].workers) > MAX_WORKERS:
            reason = f"{MAX_WORKERS} workers began {record.step}, and none lived to finish it"
            record = self._given_up(record, reason)
        return self._saved(record)

    def _interrupted(self, record: RunRecord) -> RunRecord | None:
        """The record on its way to the end, if the run must stop now."""
        if (stop := self._why_stop(record)) is None:
            return None
        outcome, reason = stop
        reason = f"{reason} during {record.step}"
        return self._saved(settled(record, outcome, reason, Step.STOP_TRAINING))

    def _why_stop(self, record: RunRecord) -> tuple[RunOutcome, str] | None:
        if record.outcome is not None:
            return None
        if self._run.state == CANCELLING:
            return RunOutcome.CANCELLED, "somebody cancelled it"
        if self._run.worked_ms >= self.limit_seconds * SECOND:
            return RunOutcome.TIMED_OUT, f"it took longer than {self.limit_seconds / 3600:g} hours"
        return None

    def _advanced(self, record: RunRecord) -> RunRecord:
        done = self._done(record)
        if not isinstance(done, Later):
            log.info("step done", run_id=record.run_id, step=record.step)
            return self._saved(done)
        if done.record != record:
            self._saved(done.record)
        self._wait(done.record, done.seconds)
        return done.record

    def _done(self, record: RunRecord) -> RunRecord | Later:
        try:
            return self.steps[record.step](record, self.now())
        except LeaseLost:
            raise
        except PawsonalizeError as error:
            log.warning("step failed", run_id=record.run_id, step=record.step, reason=str(error))
            return self._tried(record, error.message, hopeless=isinstance(error, InvalidInput))
        except Exception as error:  # an unexpected error must not leave the run hanging
            log.error("step failed", run_id=record.run_id, step=record.step, exc_info=error)
            return self._tried(record, repr(error), hopeless=False)

    def _tried(self, record: RunRecord, error: str, *, hopeless: bool) -> RunRecord | Later:
        """The step to be tried again after a pause, or given up."""
        tried = with_step(record, errors=(*record.steps[-1].errors, error))
        errors = len(tried.steps[-1].errors)
        if not hopeless and errors < MAX_ERRORS:
            return Later(tried, PAUSE_SECONDS * 2 ** (errors - 1))
        return self._given_up(tried, f"{record.step} failed: {error}")

    def _given_up(self, record: RunRecord, reason: str) -> RunRecord:
        # The notification itself failed, so there is nobody left to tell.
        if record.step is Step.NOTIFY:
            return replace(record, ended_at=self.now())
        after = Step.NOTIFY if record.step is Step.STOP_TRAINING else Step.STOP_TRAINING
        outcome = record.outcome or RunOutcome.FAILED
        return settled(record, outcome, record.reason or reason, after)

    def _wait(self, record: RunRecord, seconds: float) -> None:
        """Pause, but no longer than until the run must stop."""
        while seconds > 0 and self._why_stop(record) is None:
            self.sleep(min(seconds, LOOK_SECONDS))
            seconds -= LOOK_SECONDS
            self._count()

    def _saved(self, record: RunRecord) -> RunRecord:
        record = note_times(record, self.now())
        self.table.change(self._run.name, **changes_of(record))
        return record
