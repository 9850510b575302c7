"""A run is worked on step by step, by one worker, until it has ended."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread

import pytest
from msgspec.structs import replace

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, StorageUnavailable
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.train.retraining.runs import (
    MAX_ERRORS,
    RETRAINING,
    RunOutcome,
    RunRecord,
    Runs,
    Step,
    Trigger,
    run_lease,
    settled,
)
from pawsonalize.train.retraining.worker import MAX_WORKERS, Later, RunWorker, StepWork
from tests.event_data import T0
from tests.train.retraining.conftest import SteppedClock

LIMIT_SECONDS = 1800.0


class Steps:
    """Three steps that write down that they ran; each may be made to do something else first."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.before: dict[Step, Callable[[], None]] = {}

    def table(self) -> Mapping[Step, StepWork]:
        return {
            Step.CHECK_DATA: self.then(Step.AWAIT_VERSIONS),
            Step.AWAIT_VERSIONS: self.waiting(checks=3),
            Step.STOP_TRAINING: self.then(Step.NOTIFY),
            Step.NOTIFY: self.last,
        }

    def then(self, following: Step) -> StepWork:
        def work(record: RunRecord, now: int) -> RunRecord:
            self.ran(record.step)
            return replace(record, step=following)

        return work

    def waiting(self, checks: int) -> StepWork:
        def work(record: RunRecord, now: int) -> RunRecord | Later:
            self.ran(record.step)
            if self.done.count(record.step) < checks:
                return Later(record, 60.0)
            return settled(record, RunOutcome.PROMOTED, "it won", Step.NOTIFY)

        return work

    def last(self, record: RunRecord, now: int) -> RunRecord:
        self.ran(record.step)
        return replace(record, ended_at=now)

    def ran(self, step: Step) -> None:
        if step in self.before:
            self.before[step]()
        self.done.append(step)


@pytest.fixture
def steps() -> Steps:
    return Steps()


Worker = Callable[[str], RunWorker]


@pytest.fixture
def worker(rows: WorkTable, leases: Leases, steps: Steps, clock: SteppedClock) -> Worker:
    """A worker of that name."""
    return lambda name: run_worker(name, rows, leases, steps.table(), clock)


def run_worker(
    name: str, rows: WorkTable, leases: Leases, table: Mapping[Step, StepWork], clock: SteppedClock
) -> RunWorker:
    return RunWorker(
        name,
        rows,
        leases,
        table,
        LIMIT_SECONDS,
        now=clock.now,
        sleep=clock.sleep,
        steady=lambda: clock.slept,
    )


def begin(runs: Runs) -> str:
    return runs.begin(Trigger.COMMAND, T0).run_id


def test_a_run_goes_through_its_steps_and_ends(
    runs: Runs, rows: WorkTable, steps: Steps, clock: SteppedClock, worker: Worker
) -> None:
    run_id = begin(runs)
    assert worker("a").work()
    record = runs.get(run_id)
    assert (record.status, record.reason) == ("promoted", "it won")
    assert [timing.step for timing in record.steps] == ["check-data", "await-versions", "notify"]
    assert [timing.ended_at for timing in record.steps] == [T0, T0 + 120_000, T0 + 120_000]
    assert clock.slept == 120
    assert rows.open(RETRAINING) is None


def test_without_a_run_there_is_nothing_to_do(worker: Worker) -> None:
    assert not worker("a").work()


@pytest.mark.parametrize("step", [Step.CHECK_DATA, Step.AWAIT_VERSIONS, Step.NOTIFY])
def test_who_dies_in_a_step_is_followed_by_another_who_begins_with_that_step(
    runs: Runs, steps: Steps, step: Step, worker: Worker
) -> None:
    def die() -> None:
        del steps.before[step]
        raise KeyboardInterrupt

    run_id = begin(runs)
    steps.before[step] = die
    with pytest.raises(KeyboardInterrupt):
        worker("a").work()
    assert runs.get(run_id).step is step
    before = list(steps.done)
    assert worker("b").work()
    assert runs.get(run_id).outcome is RunOutcome.PROMOTED
    assert steps.done[len(before)] is step
    assert steps.done.count(Step.CHECK_DATA) == 1
    assert steps.done.count(Step.NOTIFY) == 1


def test_a_step_that_kills_every_worker_fails_the_run(
    runs: Runs, steps: Steps, worker: Worker
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    run_id = begin(runs)
    steps.before[Step.CHECK_DATA] = die
    for number in range(MAX_WORKERS):
        with pytest.raises(KeyboardInterrupt):
            worker(f"worker {number}").work()
    assert runs.get(run_id).ended_at is None
    worker("the last").work()
    record = runs.get(run_id)
    assert record.outcome is RunOutcome.FAILED
    assert "none lived to finish it" in record.reason
    assert steps.done == [Step.STOP_TRAINING, Step.NOTIFY]


def test_a_step_takes_as_long_as_its_work(
    runs: Runs, steps: Steps, clock: SteppedClock, worker: Worker
) -> None:
    def slowly() -> None:
        clock.moment += 7_000

    run_id = begin(runs)
    steps.before[Step.CHECK_DATA] = slowly
    worker("a").work()
    checked = runs.get(run_id).steps[0]
    assert (checked.began_at, checked.ended_at) == (T0, T0 + 7_000)


def test_who_stalls_so_long_that_another_took_over_changes_nothing_more(
    runs: Runs,
    rows: WorkTable,
    steps: Steps,
    clock: SteppedClock,
    worker: Worker,
    leases: Leases,
    database: Database,
    tmp_path: Path,
) -> None:
    other = Steps()
    there = Leases(WorkTable(database), tmp_path / "another machine")

    def stall() -> None:
        leases.revoke(run_lease(run_id))  # as after 15 seconds without a beat
        follower = run_worker("b", rows, there, other.table(), clock)
        thread = Thread(target=follower.work)  # who works under no lease of ours
        thread.start()
        thread.join()

    run_id = begin(runs)
    steps.before[Step.CHECK_DATA] = stall
    assert worker("a").work()
    there.close()
    assert steps.done == [Step.CHECK_DATA]
    assert [timing.step for timing in runs.get(run_id).steps] == [
        "check-data",
        "await-versions",
        "notify",
    ]
    assert other.done[-1] is Step.NOTIFY
    there.close()


def test_cancelling_ends_a_wait_at_once_and_stops_the_training(
    runs: Runs, steps: Steps, clock: SteppedClock, worker: Worker
) -> None:
    run_id = begin(runs)
    clock.on_sleep.append(lambda: runs.cancel(run_id))
    worker("a").work()
    assert steps.done == [Step.CHECK_DATA, Step.AWAIT_VERSIONS, Step.STOP_TRAINING, Step.NOTIFY]
    assert clock.slept <= 2
    record = runs.get(run_id)
    assert record.outcome is RunOutcome.CANCELLED
    assert "await-versions" in record.reason


def test_a_run_that_is_cancelled_before_anybody_worked_on_it_does_nothing(
    runs: Runs, steps: Steps, worker: Worker
) -> None:
    run_id = begin(runs)
    runs.cancel(run_id)
    worker("a").work()
    assert steps.done == [Step.STOP_TRAINING, Step.NOTIFY]


def test_a_run_that_is_worked_on_for_longer_than_the_limit_has_timed_out(
    runs: Runs, rows: WorkTable, steps: Steps, clock: SteppedClock, leases: Leases
) -> None:
    run_id = begin(runs)
    table = {**steps.table(), Step.AWAIT_VERSIONS: steps.waiting(checks=10_000)}
    run_worker("a", rows, leases, table, clock).work()
    record = runs.get(run_id)
    assert record.outcome is RunOutcome.TIMED_OUT
    assert "0.5 hours" in record.reason
    assert LIMIT_SECONDS <= clock.slept < LIMIT_SECONDS + 4
    assert steps.done[-2:] == [Step.STOP_TRAINING, Step.NOTIFY]


@pytest.mark.parametrize("jump", [30 * DAY, 25 * HOUR, -30 * DAY])
def test_a_clock_that_jumps_neither_ends_a_run_nor_keeps_it(
    runs: Runs, clock: SteppedClock, jump: int, worker: Worker
) -> None:
    def jumps() -> None:
        clock.moment += jump

    run_id = begin(runs)
    clock.on_sleep.append(jumps)
    worker("a").work()
    assert runs.get(run_id).outcome is RunOutcome.PROMOTED
    assert clock.slept == 120


def test_a_step_that_goes_wrong_is_tried_again_and_the_error_is_kept(
    runs: Runs, steps: Steps, worker: Worker
) -> None:
    failures = iter([StorageUnavailable("the disk is full"), ValueError("odd")])

    def fail() -> None:
        if (error := next(failures, None)) is not None:
            raise error

    run_id = begin(runs)
    steps.before[Step.CHECK_DATA] = fail
    worker("a").work()
    record = runs.get(run_id)
    assert record.outcome is RunOutcome.PROMOTED
    assert record.steps[0].errors == ("the disk is full", "ValueError('odd')")


def always(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_a_step_that_goes_wrong_again_and_again_fails_the_run(
    runs: Runs, steps: Steps, clock: SteppedClock, worker: Worker
) -> None:
    run_id = begin(runs)
    steps.before[Step.CHECK_DATA] = always(ValueError("odd"))
    worker("a").work()
    record = runs.get(run_id)
    assert record.outcome is RunOutcome.FAILED
    assert record.reason == "check-data failed: ValueError('odd')"
    assert len(record.steps[0].errors) == MAX_ERRORS
    assert clock.slept == 1 + 2 + 4 + 8
    assert steps.done == [Step.STOP_TRAINING, Step.NOTIFY]


def test_what_no_retry_can_mend_is_not_tried_again(
    runs: Runs, steps: Steps, clock: SteppedClock, worker: Worker
) -> None:
    run_id = begin(runs)
    steps.before[Step.CHECK_DATA] = always(InvalidInput("there is no recipe x"))
    worker("a").work()
    assert runs.get(run_id).outcome is RunOutcome.FAILED
    assert clock.slept == 0


def test_news_that_cannot_be_told_do_not_keep_a_run_from_its_end(
    runs: Runs, steps: Steps, worker: Worker
) -> None:
    run_id = begin(runs)
    steps.before[Step.NOTIFY] = always(StorageUnavailable("no outbox"))
    worker("a").work()
    record = runs.get(run_id)
    assert record.status == "promoted"
    assert record.steps[-1].errors == ("no outbox",) * MAX_ERRORS
