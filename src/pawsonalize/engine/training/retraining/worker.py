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

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import structlog

from pawsonalize.domain.errors import InvalidInput, LeaseLost, PawsonalizeError
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.training.retraining.lease import BEAT_SECONDS, ClaimedRun, run_lease
from pawsonalize.engine.training.retraining.record import (
    RunOutcome,
    RunRecord,
    Step,
    ended,
    failed_step,
    read_record,
    settled,
    taken_up,
    timed,
    write_record,
)
from pawsonalize.kinds.leases import Leases
from pawsonalize.storage.retraining_runs import RetrainingRun, RetrainingRuns

MAX_ERRORS = 5
MAX_WORKERS = 10
_FIRST_PAUSE_SECONDS = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Later:
    """The step is not done: do it again in so many seconds."""

    record: RunRecord
    seconds: float


StepWork = Callable[[RunRecord, int], RunRecord | Later]
"""Does a step at a moment, and returns the record in the next step, or later in this one."""


class RunWorker:
    """Works on the run that has no worker, until it has ended.

    `limit_seconds` is how long a run may be worked on. It is counted in renewals of the lease, so
    neither a jump of the clock nor a night without power ends a run.
    """

    def __init__(
        self,
        name: str,
        runs: RetrainingRuns,
        leases: Leases,
        steps: Mapping[Step, StepWork],
        limit_seconds: float,
        *,
        now: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self._name = name
        self._runs = runs
        self._leases = leases
        self._steps = steps
        self._limit_ms = limit_seconds * SECOND
        self._now = now
        self._sleep = sleep

    def work(self, token: int | None = None) -> bool:
        """Take the free run and bring it to its end; False if there was none.

        `token` is that of its lease, if the process that started this one has taken it.
        """
        run = self._runs.running()
        if run is None:
            return False
        with ExitStack() as stack:
            name = run_lease(run.run_id)
            if token is not None:
                stack.enter_context(self._leases.adopted(name, token))
            elif stack.enter_context(self._leases.held(name)) is None:
                return False
            log.info("retraining", run_id=run.run_id, worker=self._name)
            try:
                self._go_on(run)
            except LeaseLost:
                log.warning("another worker goes on with the run", run_id=run.run_id)
        return True

    def _go_on(self, run: RetrainingRun) -> None:
        assigned = self._runs.assign(run.run_id, self._name)
        if assigned is not None:  # it has not ended meanwhile
            self._to_the_end(ClaimedRun(self._runs, assigned, self._now))

    def _to_the_end(self, lease: ClaimedRun) -> None:
        record = self._taken_up(lease)
        while record.ended_at is None:
            lease.renew()
            record = self._interrupted(lease, record) or self._advanced(lease, record)

    def _taken_up(self, lease: ClaimedRun) -> RunRecord:
        """The record as the last worker left it; a step that killed too many workers has failed."""
        record = taken_up(read_record(lease.run), self._name)
        if len(record.steps[-1].workers) > MAX_WORKERS:
            reason = f"{MAX_WORKERS} workers began {record.step}, and none lived to finish it"
            record = self._given_up(record, reason)
        return self._saved(lease, record)

    def _interrupted(self, lease: ClaimedRun, record: RunRecord) -> RunRecord | None:
        """The record on its way to the end, if the run must stop now."""
        if record.outcome is not None:
            return None
        if lease.run.cancel_asked:
            outcome, reason = RunOutcome.CANCELLED, "somebody cancelled it"
        elif lease.run.worked_ms >= self._limit_ms:
            hours = self._limit_ms / SECOND / 3600
            outcome, reason = RunOutcome.TIMED_OUT, f"it took longer than {hours:g} hours"
        else:
            return None
        reason = f"{reason} during {record.step}"
        return self._saved(lease, settled(record, outcome, reason, Step.STOP_TRAINING))

    def _advanced(self, lease: ClaimedRun, record: RunRecord) -> RunRecord:
        with lease.beating():
            done = self._done(record)
        if not isinstance(done, Later):
            log.info("step done", run_id=record.run_id, step=record.step)
            return self._saved(lease, done)
        if done.record != record:
            self._saved(lease, done.record)
        self._wait(lease, done.record, done.seconds)
        return done.record

    def _done(self, record: RunRecord) -> RunRecord | Later:
        try:
            return self._steps[record.step](record, self._now())
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
        tried = failed_step(record, error)
        errors = len(tried.steps[-1].errors)
        if not hopeless and errors < MAX_ERRORS:
            return Later(tried, _FIRST_PAUSE_SECONDS * 2 ** (errors - 1))
        return self._given_up(tried, f"{record.step} failed: {error}")

    def _given_up(self, record: RunRecord, reason: str) -> RunRecord:
        """The record after a step that cannot be done; the outcome stays if it is known."""
        if record.step is Step.NOTIFY:
            return ended(record, self._now())
        after = Step.NOTIFY if record.step is Step.STOP_TRAINING else Step.STOP_TRAINING
        outcome = record.outcome or RunOutcome.FAILED
        return settled(record, outcome, record.reason or reason, after)

    def _wait(self, lease: ClaimedRun, record: RunRecord, seconds: float) -> None:
        """Pause and renew the lease meanwhile, but no longer than until the run must stop."""
        left = seconds
        while left > 0:
            self._sleep(min(left, BEAT_SECONDS))
            left -= BEAT_SECONDS
            lease.renew()
            if record.outcome is None and (
                lease.run.cancel_asked or lease.run.worked_ms >= self._limit_ms
            ):
                return

    def _saved(self, lease: ClaimedRun, record: RunRecord) -> RunRecord:
        record = timed(record, self._now())
        lease.save(write_record(record), record.status, record.ended_at)
        return record
