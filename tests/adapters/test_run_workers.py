"""A run has a worker while there is a server, however the last worker ended."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pawsonalize.core.database.database import Database
from pawsonalize.core.work.leases import Leases, holder
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.train.retraining.runs import (
    RETRAINING,
    RunOutcome,
    RunRecord,
    Trigger,
    as_work,
    begun,
    read_record,
    run_lease,
)
from pawsonalize.train.retraining.worker import MAX_STARTS, WorkerProcesses
from tests.event_data import T0

Make = Callable[[Path], WorkerProcesses]
SECONDS = 2.0


def _ended(record: RunRecord, now: int) -> RunRecord:
    return replace(record, ended_at=now)


@pytest.fixture
def runs(database: Database) -> WorkTable:
    """With one that nobody works on yet."""
    runs = WorkTable(database)
    record = begun("one", Trigger.FIRST, T0, T0, {})
    assert runs.add([as_work(record)])
    return runs


@pytest.fixture
def make(runs: WorkTable, database: Database) -> Iterator[Make]:
    """Servers that keep the locks of their workers in a folder."""
    made: list[tuple[WorkerProcesses, Leases]] = []

    def make(folder: Path) -> WorkerProcesses:
        leases = Leases(WorkTable(database), folder, SECONDS)
        command = ("sh", "-c", "exec sleep 60")
        server = WorkerProcesses(runs, leases, command, os.environ, end=_ended)
        made.append((server, leases))
        return made[-1][0]

    yield make
    for server, leases in made:
        server.stop()
        leases.close()


def worker_in(folder: Path) -> int | None:
    return holder(folder / "retraining.one.lock")


def kill(folder: Path) -> int:
    pid = worker_in(folder)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)  # only then it holds nothing any more
    return pid


def look_until(server: WorkerProcesses, done: Callable[[], bool]) -> None:
    """Look as servers do, again and again: a beat for a dead worker may come between."""
    ends = time.monotonic() + 30
    while not done():
        assert time.monotonic() < ends
        server.look(T0)


def test_a_worker_that_was_killed_is_replaced_at_once_by_any_server_of_the_machine(
    make: Make, tmp_path: Path
) -> None:
    one, other = make(tmp_path), make(tmp_path)
    one.look(T0)
    first = worker_in(tmp_path)
    other.look(T0)
    assert worker_in(tmp_path) == first, "it lives"
    kill(tmp_path)
    look_until(other, lambda: worker_in(tmp_path) not in {None, first})


def test_a_run_whose_workers_die_at_each_start_fails_after_so_many_with_its_reason(
    make: Make, tmp_path: Path, runs: WorkTable
) -> None:
    dead: set[int | None] = {None}
    for _ in range(MAX_STARTS):
        # The machine starts, and again before the worker has done anything.
        look_until(make(tmp_path), lambda: worker_in(tmp_path) not in dead)
        dead.add(kill(tmp_path))
        assert runs.open(RETRAINING) is not None
    look_until(make(tmp_path), lambda: runs.open(RETRAINING) is None)
    run = runs.find(run_lease("one"))
    assert run is not None
    record = read_record(run)
    assert (record.outcome, record.ended_at) == (RunOutcome.FAILED, T0)
    assert "20 workers were started for it" in record.reason
    assert "during check-data" in record.reason
    assert worker_in(tmp_path) is None


def test_the_worker_of_another_machine_has_until_its_lease_ends(make: Make, tmp_path: Path) -> None:
    here, there = make(tmp_path / "here"), make(tmp_path / "there")
    there.look(T0)
    kill(tmp_path / "there")
    began = time.monotonic()
    while worker_in(tmp_path / "here") is None:
        here.look(T0)
        time.sleep(0.05)
        assert time.monotonic() - began < 30
    assert time.monotonic() - began >= SECONDS
